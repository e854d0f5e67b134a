package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/capture/page"
	"ekyc/internal/face/liveness"
)

func write(t *testing.T, s page.Setup) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLanguageFollowsTheBrowser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ asked, accepted, want string }{
		{"", "", "en"}, {"", "fr", "fr"}, {"", "fr-CA,en;q=0.9", "fr"}, {"", "en-GB, fr;q=0.8", "en"}, {"", "de, fr;q=0.3, en;q=0.2", "fr"},
		{"", "de", "en"}, {"", "FR;q=0.4", "fr"}, {"", "fr;q=0", "en"}, {"", "fr;q=x, en", "en"}, {"", ";;,,", "en"},
		{"fr", "en", "fr"}, {"xx", "fr", "fr"}, {"en", "fr", "en"},
	} {
		if got := page.Language(c.asked, c.accepted); got != c.want {
			t.Errorf("asked %q, accepted %q: %s, not %s", c.asked, c.accepted, got, c.want)
		}
	}
}

// sent is what a page's script reads.
type sent struct {
	Language string
	Company  string
	Texts    map[string]struct {
		Consent []string
		Words   map[string]string
	}
}

var setupElement = regexp.MustCompile(`(?s)<script type="application/json" id="setup">(.*?)</script>`)

func read(t *testing.T, html string) (s sent) {
	t.Helper()
	m := setupElement.FindStringSubmatch(html)
	if m == nil {
		t.Fatal("the page has no setup")
	}
	if err := json.Unmarshal([]byte(m[1]), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// A company's name is text, whatever stands in it.
func TestCompanyCannotWriteIntoThePage(t *testing.T) {
	t.Parallel()
	const name = `</script><script>alert(1)</script>&"'<b>`
	html := write(t, page.Setup{Language: "en", Company: name, ExpiresAt: time.Now()})
	if got := read(t, html); got.Company != name || got.Language != "en" {
		t.Errorf("the page reads %q", got.Company)
	}
	if strings.Count(html, "<script") != 2 || strings.Contains(html, "alert(1)</script>") {
		t.Error("the name has become a part of the page")
	}
}

// Every text is there in every language, every text that the page and its scripts name is there, and none is left over.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	html := write(t, page.Setup{Language: "en", Company: "Example Bank"})
	texts := read(t, html).Texts
	all := html[:strings.Index(html, `<script type="application/json"`)] + html[strings.Index(html, "</script>"):]
	for _, name := range []string{"page.js", "camera.js", "measure.js"} {
		content, mediaType, found := page.File(name)
		if !found || !strings.HasPrefix(mediaType, "text/javascript") {
			t.Fatalf("%s is not there", name)
		}
		all += string(content)
	}
	var actions []string
	for _, action := range liveness.Actions {
		actions = append(actions, "action_"+string(action))
	}
	composed := regexp.MustCompile(`^(refusal_.*|hint_.*|retake_.*|picture_.*|file_(selfie|front|back)|.*_text|needs_script|title|done|retake|selfie|front|back|action_.*)$`)
	for _, language := range page.Languages {
		words := texts[language].Words
		if len(texts[language].Consent) < 3 {
			t.Errorf("%s: the consent has %d paragraphs", language, len(texts[language].Consent))
		}
		for name, text := range words {
			if strings.TrimSpace(text) == "" || texts["en"].Words[name] == "" || texts["fr"].Words[name] == "" {
				t.Errorf("%s: %s is not there in every language", language, name)
			}
			if !composed.MatchString(name) && !strings.Contains(all, `"`+name+`"`) {
				t.Errorf("%s: nothing says %s", language, name)
			}
		}
		for _, m := range regexp.MustCompile(`data-(?:text|label)="([a-z_]+)"|(?:say\([^,]+, |complain\(|hint\(|state\.reason = )"([a-z_]+)"`).FindAllStringSubmatch(all, -1) {
			if name := m[1] + m[2]; words[name] == "" {
				t.Errorf("%s: the page says %s, which has no text", language, name)
			}
		}
		for _, m := range regexp.MustCompile(`return "([a-z_]+)"`).FindAllStringSubmatch(all, -1) {
			if words["hint_"+m[1]] == "" {
				t.Errorf("%s: no text for the hint %s", language, m[1])
			}
		}
		for _, action := range actions {
			if words[action] == "" {
				t.Errorf("%s: no text for %s", language, action)
			}
		}
	}
}

func TestConsentIsWhatIsRead(t *testing.T) {
	t.Parallel()
	texts := read(t, write(t, page.Setup{Language: "fr", Company: "Example Bank"})).Texts
	for _, language := range page.Languages {
		text := page.Consent(language, "Example Bank")
		if !strings.Contains(text, "Example Bank") || strings.Contains(text, "{") {
			t.Errorf("%s: %s", language, text)
		}
		for _, paragraph := range texts[language].Consent {
			if !strings.Contains(text, strings.ReplaceAll(paragraph, "{company}", "Example Bank")) {
				t.Errorf("%s: the recorded text lacks %q", language, paragraph)
			}
		}
	}
}

// The consent's version names its text: who changes one changes the other, and this.
func TestConsentVersion(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(page.Consent("en", "") + page.Consent("fr", "")))
	if got := fmt.Sprintf("%s %x", page.ConsentVersion, sum[:8]); got != consentOfRecord {
		t.Errorf("the consent has changed: %q, not %q", got, consentOfRecord)
	}
}

func TestRefusalsAreFriendly(t *testing.T) {
	t.Parallel()
	seen := []string{}
	for _, code := range []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone, ekyc.ErrRateLimited, ekyc.ErrInternal} {
		for _, language := range page.Languages {
			var b bytes.Buffer
			if err := page.WriteRefusal(&b, language, code, "0123"); err != nil {
				t.Fatal(err)
			}
			html := b.String()
			if !strings.Contains(html, `<html lang="`+language+`">`) || !strings.Contains(html, "0123") || strings.Contains(html, "<h1></h1>") || slices.Contains(seen, html) {
				t.Errorf("%s in %s: %s", code, language, html)
			}
			seen = append(seen, html)
		}
	}
}

// Nothing of the page comes from elsewhere, and nothing of it is written into the markup where its policy would forbid it.
func TestPageLoadsFromItselfOnly(t *testing.T) {
	t.Parallel()
	html := write(t, page.Setup{Language: "en"})
	if regexp.MustCompile(`(?:src|href)="(?:[a-z]+:)?//|style=|\son[a-z]+=|<style`).MatchString(html) {
		t.Error("the markup holds what its policy forbids")
	}
	for _, name := range []string{"page.js", "camera.js", "measure.js", "send.js", "page.css", "icon.svg"} {
		content, _, found := page.File(name)
		if !found {
			t.Errorf("%s is not there", name)
		}
		if regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|document\.cookie|localStorage|sessionStorage|indexedDB|postMessage|eval\(|url\(|@import|https?://`).Match(bytes.ReplaceAll(content, []byte("http://www.w3.org/2000/svg"), nil)) {
			t.Errorf("%s loads, makes markup out of text, keeps something in the browser or speaks to other windows", name)
		}
	}
	for _, name := range []string{"", ".", "../page.go", "page.html", "texts/en.json", "none.js", "page.js/"} {
		if _, _, found := page.File(name); found {
			t.Errorf("%q is served", name)
		}
	}
}

// consentOfRecord is the version with the hash of its text in both languages, without a name.
const consentOfRecord = "2026-11 e14e50aefeef1714"
