package barcode

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ekyc"
)

// Licence is what the bar code of a North American driving licence or identity card says (AAMVA DL/ID Card Design Standard,
// annex D, versions 1 to 11, which are the editions of 2000 to 2025). Texts are as encoded, without padding; "NONE" and the like
// are empty.
type Licence struct {
	Header   Header            `json:"header"`
	CardType string            `json:"card_type"` // "DL", "ID" or "EN" (enhanced)
	Elements map[string]string `json:"elements"`  // every element by its three letters, without padding

	DocumentNumber string `json:"document_number"`
	Surname        string `json:"surname"`
	GivenName      string `json:"given_name"`  // the first given name
	MiddleName     string `json:"middle_name"` // the others
	Suffix         string `json:"suffix"`
	NameTruncated  bool   `json:"name_truncated"`
	BirthDate      string `json:"birth_date"` // ISO 8601, "" where it is not there or not a date
	IssueDate      string `json:"issue_date"`
	ExpiryDate     string `json:"expiry_date"`
	Sex            string `json:"sex"` // "M", "F", "X" or ""
	Street         string `json:"street"`
	Street2        string `json:"street2"`
	City           string `json:"city"`
	Jurisdiction   string `json:"jurisdiction"` // of the address: "CA", "QC"
	PostalCode     string `json:"postal_code"`  // without blanks and dashes, and without four zeros at the end
	// IssuingJurisdiction follows from the issuer's number, or is the address's where the number is not known.
	IssuingJurisdiction string `json:"issuing_jurisdiction"`
	Country             string `json:"country"` // ISO 3166-1 alpha-3

	EyeColour     string `json:"eye_colour"`
	HairColour    string `json:"hair_colour"`
	HeightCM      int    `json:"height_cm"` // 0 where not known
	WeightKG      int    `json:"weight_kg"`
	Class         string `json:"class"`
	Restrictions  string `json:"restrictions"`
	Endorsements  string `json:"endorsements"`
	Discriminator string `json:"discriminator"`
	Inventory     string `json:"inventory"`
	Compliance    string `json:"compliance"` // with the REAL ID act: "F" fully, "N" not, "M" materially
	RevisionDate  string `json:"revision_date"`

	OrganDonor      bool `json:"organ_donor"`
	Veteran         bool `json:"veteran"`
	LimitedDuration bool `json:"limited_duration"`
	Commercial      bool `json:"commercial"`    // DDM of the edition of 2025
	NonDomiciled    bool `json:"non_domiciled"` // DDN
	Enhanced        bool `json:"enhanced"`      // DDO, or an EN subfile
	Permit          bool `json:"permit"`        // DDP

	// Faults name departures from the standard, without values: "header", "separators", "one_name", "missing:DAQ", "date:DBB", "issuer". Which of them
	// issuers' cards have, Harmless says.
	Faults []string `json:"faults,omitempty"`
}

// Header is the beginning of the bar code.
type Header struct {
	IIN                 string    `json:"iin"` // issuer identification number, six digits
	Version             int       `json:"version"`
	JurisdictionVersion int       `json:"jurisdiction_version"`
	Entries             int       `json:"entries"`
	Subfiles            []Subfile `json:"subfiles"`
}

// Subfile is a designator of the header, whose offset and length many issuers encode wrongly.
type Subfile struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
}

// Edition is the year of the standard's edition, 0 for a version that does not exist.
func (h Header) Edition() int {
	editions := [...]int{0, 2000, 2003, 2005, 2009, 2010, 2011, 2012, 2013, 2016, 2020, 2025}
	if h.Version < 1 || h.Version >= len(editions) {
		return 0
	}
	return editions[h.Version]
}

// GivenNames joins the first and the other given names.
func (l *Licence) GivenNames() string {
	return strings.TrimSpace(l.GivenName + " " + l.MiddleName)
}

// Address joins the parts of the address in one line.
func (l *Licence) Address() string {
	region := strings.TrimSpace(l.Jurisdiction + " " + l.PostalCode)
	parts := slices.DeleteFunc([]string{l.Street, l.Street2, l.City, region}, func(s string) bool { return s == "" })
	return strings.Join(parts, ", ")
}

// maxPayload bounds the content: a PDF417 symbol holds 1850 characters at most.
const maxPayload = 8192

// Parse understands the content of an AAMVA bar code. It is as tolerant as real cards need (missing control characters, wrong
// offsets, dates in the other order), and says in Faults what it tolerated. It fails with ErrBarcodeUnreadable for content of
// another kind, and where neither a number nor a name is in it.
func Parse(payload []byte) (*Licence, error) {
	if len(payload) > maxPayload {
		return nil, unreadable("the content is longer than a bar code holds")
	}
	text := decoded(payload)
	header, rest, fault, ok := parseHeader(text)
	if !ok {
		return nil, unreadable("the content is not that of a driving licence or identity card (no AAMVA header)")
	}
	l := &Licence{Header: header, Elements: map[string]string{}}
	if fault {
		l.Faults = append(l.Faults, "header")
	}
	l.parseElements(rest)
	l.interpret()
	if l.DocumentNumber == "" && l.Surname == "" {
		return nil, unreadable("the content has neither a number nor a name")
	}
	return l, nil
}

// Harmless says whether a departure that Parse names is on issuers' cards in circulation; the others no issuer makes: a card without a number, a date of
// birth or any name, a date of birth that is no date, an issuer's number of another country than the card's.
//
//	header      no compliance indicator before the file type; the version of the jurisdiction left out (Illinois, 2003), or the number of entries (North Carolina, version 1)
//	separators  elements one after the other (Missouri, version 1)
//	one_name    a holder with one name has it as the given name
//
// What is on cards in circulation and not named at all: offsets and lengths of subfiles that are wrong (by a few bytes in many states, 0 in Ontario) or not there,
// since nothing is read by them; other control characters in the header and between elements; carriage returns, line feeds and blanks at the end; the form of version 1
// in later ones and the other way round; dates in the other order or with dashes; subfiles of the issuer's own; territories of the United States that name themselves as the
// country.
func Harmless(fault string) bool {
	return slices.Contains([]string{"header", "separators", "one_name"}, fault)
}

func unreadable(message string) *ekyc.Error {
	return ekyc.Errorf(ekyc.ErrBarcodeUnreadable, "%s", message)
}

// decoded gives the payload as UTF-8: as it is, or by ISO 8859-1, the character set of the standard.
func decoded(payload []byte) string {
	if utf8.Valid(payload) {
		return strings.TrimPrefix(string(payload), "\ufeff")
	}
	runes := make([]rune, len(payload))
	for i, b := range payload {
		runes[i] = rune(b)
	}
	return string(runes)
}

// headerReach is how far from the start the file type may be: a compliance indicator and three separators come before it.
const headerReach = 12

// parseHeader reads the file type ("ANSI " or, in version 1, "AAMVA"), the numbers and the designators. fault says that what
// comes before is not "@" and control characters, or that a number is left out.
func parseHeader(text string) (h Header, rest string, fault, ok bool) {
	at := -1
	for _, fileType := range []string{"ANSI ", "AAMVA"} {
		if i := strings.Index(text, fileType); i >= 0 && i <= headerReach && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return h, "", false, false
	}
	before, rest := text[:at], text[at+len("ANSI "):]
	fault = !strings.HasPrefix(before, "@") || strings.ContainsFunc(strings.TrimPrefix(before, "@"), func(r rune) bool { return r >= ' ' })
	iin, rest, ok1 := digits(rest, 6)
	version, rest, ok2 := digits(rest, 2)
	if !ok1 || !ok2 {
		return h, "", false, false
	}
	h.IIN = iin
	h.Version, _ = strconv.Atoi(version)
	jurisdiction := ""
	if h.Version > 1 {
		jurisdiction, rest, _ = digits(rest, 2)
	}
	entries, rest, counted := digits(rest, 2)
	if !counted { // some cards of the first editions leave out one of the two
		jurisdiction, entries, fault = "", jurisdiction, true
	}
	h.JurisdictionVersion, _ = strconv.Atoi(jurisdiction)
	h.Entries, _ = strconv.Atoi(entries)
	for {
		designator, after, isDesignator := parseDesignator(rest)
		if !isDesignator {
			return h, rest, fault, true
		}
		h.Subfiles = append(h.Subfiles, designator)
		rest = after
	}
}

func parseDesignator(text string) (Subfile, string, bool) {
	if len(text) < 10 || !isUpper(text[0]) || !isUpper(text[1]) {
		return Subfile{}, text, false
	}
	offset, rest, ok1 := digits(text[2:], 4)
	length, rest, ok2 := digits(rest, 4)
	if !ok1 || !ok2 {
		return Subfile{}, text, false
	}
	s := Subfile{Type: text[:2]}
	s.Offset, _ = strconv.Atoi(offset)
	s.Length, _ = strconv.Atoi(length)
	return s, rest, true
}

// digits cuts n digits off the front.
func digits(text string, n int) (string, string, bool) {
	if len(text) < n {
		return "", text, false
	}
	for i := range n {
		if text[i] < '0' || text[i] > '9' {
			return "", text, false
		}
	}
	return text[:n], text[n:], true
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// isElement says whether the text starts with the identifier of an element: D and A to D for the standard's, Z for the issuer's.
func isElement(text string) bool {
	if len(text) < 3 || !isUpper(text[1]) || !isUpper(text[2]) {
		return false
	}
	return text[0] == 'Z' || text[0] == 'D' && text[1] <= 'D'
}

// subfileTypes are the types of subfiles of the standard.
var subfileTypes = [...]string{"DL", "ID", "EN"}

func (l *Licence) parseElements(rest string) {
	if len(l.Header.Subfiles) > 0 {
		l.CardType = l.Header.Subfiles[0].Type
	}
	lines := strings.FieldsFunc(rest, func(r rune) bool { return r == '\n' || r == '\r' || r == 0x1e || r == 0x1c || r == 0x1d })
	if len(lines) <= 2 {
		l.Faults = append(l.Faults, "separators")
		var apart []string
		for _, line := range lines {
			apart = append(apart, splitAtIdentifiers(line)...)
		}
		lines = apart
	}
	for i, line := range lines {
		if i == 0 {
			line = l.firstLine(line)
		}
		line = withoutSubfileType(line)
		if !isElement(line) {
			continue
		}
		if _, twice := l.Elements[line[:3]]; !twice {
			l.Elements[line[:3]] = strings.TrimSpace(line[3:])
		}
	}
}

// firstLine skips a designator that is not of the standard's form ("DLabac" before "DLDCS…").
func (l *Licence) firstLine(line string) string {
	for i := range line {
		for _, t := range subfileTypes {
			if strings.HasPrefix(line[i:], t) && isElement(line[i+2:]) && line[i+2] == 'D' {
				l.CardType = t
				return line[i:]
			}
		}
	}
	return line
}

// withoutSubfileType removes the type that comes before the first element of a subfile: "DLDAQ…", "ZVZVA…".
func withoutSubfileType(line string) string {
	if len(line) < 5 {
		return line
	}
	if slices.Contains(subfileTypes[:], line[:2]) && isElement(line[2:]) || line[0] == 'Z' && line[:2] == line[2:4] && isElement(line[2:]) {
		return line[2:]
	}
	return line
}

// expectedIdentifiers are those of versions 1 to 3 that cards without separators have. Those that are also common parts of words
// or rare (DAM, DAN, DAP) are left out: such content is a fault in any case.
const expectedIdentifiers = " DAA DAB DAC DAD DAE DAG DAH DAI DAJ DAK DAQ DAR DAS DAT DAU DAW DAY DAZ DBA DBB DBC DBD DBF DBH DCA DCB DCD DCE DCF DCG DCH DCJ DCK DCS DCT DCU "

// splitAtIdentifiers takes content apart that lost its separators.
func splitAtIdentifiers(text string) []string {
	var parts []string
	from := 0
	seen := map[string]bool{}
	for i := 2; i+3 <= len(text); i++ {
		id := text[i : i+3]
		if !isElement(id) || seen[id] || id[0] == 'D' && !strings.Contains(expectedIdentifiers, " "+id+" ") {
			continue
		}
		end := i
		if id[0] == 'Z' {
			switch {
			case text[i-2:i] == id[:2] && i-2 >= from: // the first one, after the type of its subfile
				end = i - 2
			case !strings.HasPrefix(text[from:], id[:2]):
				continue // an issuer's element comes in its own subfile only
			}
		}
		seen[id] = true
		parts = append(parts, text[from:end])
		from = i
	}
	return append(parts, text[from:])
}
