// Package page is the hosted capture page: its HTML, scripts, styles and texts, as they are sent to a browser. Nothing is built and nothing is
// loaded from elsewhere.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"ekyc"
)

//go:embed files texts page.html refusal.html
var embedded embed.FS

// Languages are those of the page; the first is spoken to who prefers none of them.
var Languages = []string{"en", "fr"}

// ConsentVersion names the text that a person agrees to. Whoever changes the text changes it.
const ConsentVersion = "2026-11"

// Texts of a page in one language.
type texts struct {
	Consent []string          `json:"consent"` // paragraphs; {company} stands for who asks
	Words   map[string]string `json:"words"`
}

var (
	all       = readTexts()
	pages     = template.Must(template.ParseFS(embedded, "page.html", "refusal.html"))
	mediaType = map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
)

// Version names the present scripts and styles by what is in them, so that browsers may keep them.
var Version = versionOf()

func readTexts() map[string]texts {
	out := map[string]texts{}
	for _, language := range Languages {
		content, err := embedded.ReadFile("texts/" + language + ".json")
		if err != nil {
			panic("page: " + err.Error()) // embedded at build
		}
		var t texts
		if err := json.Unmarshal(content, &t); err != nil {
			panic("page: texts of " + language + ": " + err.Error())
		}
		out[language] = t
	}
	return out
}

func versionOf() string {
	sum := sha256.New()
	entries, err := embedded.ReadDir("files")
	if err != nil {
		panic("page: " + err.Error())
	}
	for _, entry := range entries {
		content, _, _ := File(entry.Name())
		fmt.Fprintf(sum, "%s %d\n%s", entry.Name(), len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// File gives a script or style with its media type, and false for a name that there is not.
func File(name string) (content []byte, contentType string, found bool) {
	_, ending, _ := strings.Cut(name, ".")
	contentType, known := mediaType[ending]
	content, err := embedded.ReadFile("files/" + name)
	return content, contentType, known && err == nil
}

// Setup is what a page is told of its link.
type Setup struct {
	Language  string    `json:"language"`
	Company   string    `json:"company"`            // who asks
	Sides     string    `json:"sides"`              // of the document: front, both, or auto: the person says what it is
	Challenge bool      `json:"challenge"`          // the person performs actions
	Test      bool      `json:"test"`               // the link is a trial
	Continue  string    `json:"continue,omitempty"` // where to go at the end
	ExpiresAt time.Time `json:"expires_at"`
}

// sent is Setup with what belongs to the page itself.
type sent struct {
	Setup
	ConsentVersion string           `json:"consent_version"`
	Texts          map[string]texts `json:"texts"`
}

// Write writes the page of an open link.
func Write(w io.Writer, s Setup) error {
	setup, err := json.Marshal(sent{s, ConsentVersion, all})
	if err != nil {
		return fmt.Errorf("write the page's setup: %w", err)
	}
	return pages.ExecuteTemplate(w, "page.html", struct {
		Language, Title, Version string
		Setup                    template.JS // JSON, in which json.Marshal has escaped what could end the element
		All                      map[string]texts
	}{s.Language, all[s.Language].Words["title"], Version, template.JS(setup), all})
}

// WriteRefusal writes a page in place of one that cannot be had. The trace identifier is for who helps.
func WriteRefusal(w io.Writer, language string, code ekyc.ErrorCode, traceID string) error {
	which := "other"
	switch code {
	case ekyc.ErrNotFound, ekyc.ErrGone, ekyc.ErrRateLimited:
		which = string(code)
	}
	words := all[language].Words
	return pages.ExecuteTemplate(w, "refusal.html", map[string]string{
		"Language": language, "Version": Version, "Title": words["refusal_"+which], "Text": words["refusal_"+which+"_text"], "Reference": words["refusal_reference"], "Trace": traceID,
	})
}

// Consent is the text that a person agrees to, as it is read on the page: paragraphs with an empty line between them.
func Consent(language, company string) string {
	return strings.ReplaceAll(strings.Join(all[language].Consent, "\n\n"), "{company}", company)
}

// Language gives the page's language: the one that was asked for, or the best of an Accept-Language header (RFC 9110 section 12.5.4).
func Language(asked, accepted string) string {
	if slices.Contains(Languages, asked) {
		return asked
	}
	best, quality := Languages[0], 0.0
	for part := range strings.SplitSeq(accepted, ",") {
		tag, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		q := 1.0
		if text, given := strings.CutPrefix(strings.TrimSpace(parameters), "q="); given {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if slices.Contains(Languages, primary) && q > quality {
			best, quality = primary, q
		}
	}
	return best
}
