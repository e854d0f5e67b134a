package mrz

import (
	"slices"
	"strings"

	"ekyc"
)

// Status says what the check digits prove about a field.
type Status string

// The statuses. Proven: every digit computed over the field alone holds (for fields that only the composite covers: the
// composite does). Refuted: it does not. NotCovered: no digit of the format is computed over the field.
const (
	Proven     Status = "proven"
	Refuted    Status = "refuted"
	NotCovered Status = "not_covered"
)

// Zone is a parsed machine readable zone. Text fields have their fillers removed.
type Zone struct {
	Format       Format   `json:"format"`
	Lines        []string `json:"lines"` // upper case, without blanks, each of the format's width; "" for a line that was lost
	DocumentCode string   `json:"document_code"`
	Issuer       string   `json:"issuer"`     // as printed: "D", "UTO"
	IssuerISO    string   `json:"issuer_iso"` // ISO 3166-1 alpha-3, "" where there is none
	Surname      string   `json:"surname"`
	GivenNames   string   `json:"given_names"`
	// NameTruncated: the last character of a name field is a letter, by which issuers mark a name that was cut (ICAO Doc
	// 9303-3 section 4.6); a name that fits exactly looks the same.
	NameTruncated bool `json:"name_truncated"`
	// DocumentNumber includes the part of a long number that stands in the optional data of TD1 and TD2.
	DocumentNumber string `json:"document_number"`
	LongNumber     bool   `json:"long_number"`
	Nationality    string `json:"nationality"`
	NationalityISO string `json:"nationality_iso"`
	BirthDate      Date   `json:"birth_date"`
	// ExpiryDate is the zero Date in the French card's zone, which has none.
	ExpiryDate Date   `json:"expiry_date"`
	Sex        string `json:"sex"` // "M", "F", "X" (X or filler: not specified), "" for anything else
	Optional1  string `json:"optional1"`
	Optional2  string `json:"optional2"`
	// Checks are the check digits in the order of the zone, the composite last.
	Checks []Check `json:"checks"`
	// Faults name what breaks the structure of the format, besides check digits: "birth_date", "sex", …
	Faults []string `json:"faults,omitempty"`
	// Lost are the indices of the lines that are not known. Their fields are absent, and so are the check digits that need them.
	Lost []int `json:"lost,omitempty"`
}

// Parse reads a zone from its lines, or from one string with line breaks or none. Case and blanks do not matter, everything else
// does: no character is repaired. It fails with ErrMRZUnreadable when number, length or alphabet of the lines fit no format; wrong
// check digits and faults of structure are told in the Zone.
//
// An empty string among the lines stands for a line that was lost: the rest is read where its format is plain (Part).
func Parse(lines []string) (*Zone, error) {
	given := lines
	lines = cleanLines(lines)
	format, err := formatOf(lines)
	if err == nil {
		return parse(lines, format), nil
	}
	if z, ok := parsePart(given); ok {
		return z, nil
	}
	return nil, err
}

// parse reads a zone whose format is known and whose lines fit it.
func parse(lines []string, format Format) *Zone {
	layout := LayoutOf(format)
	z := &Zone{Format: format, Lines: lines}
	for i, line := range lines {
		if line == "" {
			z.Lost = append(z.Lost, i)
		}
	}
	text := func(field Field) string {
		if span, ok := layout.Span(field); ok {
			return span.of(lines)
		}
		return ""
	}
	z.DocumentCode = trim(text(FieldDocumentCode))
	z.Issuer, z.Nationality = trim(text(FieldIssuer)), trim(text(FieldNationality))
	z.IssuerISO, z.NationalityISO = alpha3(z.Issuer), alpha3(z.Nationality)
	z.BirthDate = ParseDate(text(FieldBirthDate))
	if expiry := text(FieldExpiryDate); expiry != "" {
		z.ExpiryDate = ParseDate(expiry)
	}
	z.Sex = sexOf(text(FieldSex))
	z.Optional1, z.Optional2 = trim(text(FieldOptional1)), trim(text(FieldOptional2))
	z.DocumentNumber = strings.TrimRight(text(FieldDocumentNumber), string(Filler)) // a leading filler belongs to it (Curaçao, Sint Maarten)
	z.parseNames(text)
	z.parseChecks(layout)
	z.findFaults(layout)
	return z
}

// The lengths of a zone given as one string without line breaks.
const (
	wholeTD1 = 3 * 30
	wholeTD2 = 2 * 36
	wholeTD3 = 2 * 44
)

func cleanLines(lines []string) []string {
	var clean []string
	for _, given := range lines {
		for line := range strings.Lines(given) {
			if line = strings.ToUpper(strings.Join(strings.Fields(line), "")); line != "" {
				clean = append(clean, line)
			}
		}
	}
	if len(clean) != 1 {
		return clean
	}
	switch whole := clean[0]; len(whole) {
	case wholeTD1:
		return []string{whole[:30], whole[30:60], whole[60:]}
	case wholeTD2, wholeTD3:
		return []string{whole[:len(whole)/2], whole[len(whole)/2:]}
	}
	return clean
}

// formatOf decides the format by number, length and beginning of the lines.
func formatOf(lines []string) (Format, error) {
	lengths := make([]int, len(lines))
	for i, line := range lines {
		lengths[i] = len(line)
		for k := range len(line) {
			if value(line[k]) < 0 {
				return "", ekyc.Errorf(ekyc.ErrMRZUnreadable, "line %d of the machine readable zone has a character outside A-Z, 0-9 and <", i+1).
					With("line", i+1).With("column", k+1)
			}
		}
	}
	visa := len(lines) > 0 && lines[0] != "" && lines[0][0] == 'V'
	same := func(count, width int) bool {
		for _, n := range lengths {
			if n != width {
				return false
			}
		}
		return len(lengths) == count
	}
	switch {
	case same(3, 30):
		return TD1, nil
	case same(2, 44) && visa:
		return MRVA, nil
	case same(2, 44):
		return TD3, nil
	case same(2, 36) && visa:
		return MRVB, nil
	case same(2, 36) && isFrenchCard(lines):
		return FRAID, nil
	case same(2, 36):
		return TD2, nil
	case same(1, licenceWidth) && lines[0][0] == 'D':
		return licenceFormat(lines[0]), nil
	case len(lines) == 3 && slices.Equal(lengths, []int{swissFirst, licenceWidth, licenceWidth}) && strings.HasPrefix(lines[1], "FA"):
		return CHEDL, nil
	}
	return "", ekyc.Errorf(ekyc.ErrMRZUnreadable, "the lines fit no format of machine readable zone (2 of 44, 2 of 36, 3 of 30 or, on licences, 1 of 30 characters)").
		With("lengths", lengths)
}

// isFrenchCard tells the French card from a TD2 card of France by the second line, where the card has its date of birth and sex
// at the end.
func isFrenchCard(lines []string) bool {
	if !strings.HasPrefix(lines[0], "IDFRA") {
		return false
	}
	return allOf(lines[1][27:34], isDigit) && strings.IndexByte("MF<", lines[1][34]) >= 0
}

func (z *Zone) parseNames(text func(Field) string) {
	full := func(s string) bool { return s != "" && s[len(s)-1] != Filler }
	names := text(FieldNames)
	surname, given, _ := strings.Cut(names, "<<")
	if names == "" {
		surname, given = text(FieldSurname), text(FieldGivenNames)
		z.NameTruncated = full(given)
	}
	z.Surname, z.GivenNames = spaced(surname), spaced(given)
	z.NameTruncated = z.NameTruncated || full(names) || names == "" && full(surname)
}

// parseChecks verifies the check digits. A filler in place of the document number's digit says, in TD1 and TD2, that the number
// goes on in the optional data, up to its first filler, the last character being the digit (Doc 9303-5 and -6, note j).
func (z *Zone) parseChecks(layout *Layout) {
	for _, c := range layout.checks {
		if z.lost(append(c.covers[:len(c.covers):len(c.covers)], c.digit)...) {
			continue
		}
		if c.field == FieldDocumentNumber && (z.Format == TD1 || z.Format == TD2) && c.digit.of(z.Lines) == string(Filler) {
			if long, ok := z.longNumber(layout, c); ok {
				c = long
			}
		}
		z.Checks = append(z.Checks, newCheck(c.field, z.Lines, c.covers, c.digit))
	}
}

// longNumber takes the rest of a long document number out of the optional data. The rest has at least one character and a digit.
func (z *Zone) longNumber(layout *Layout, c checkLayout) (checkLayout, bool) {
	optional, _ := layout.Span(FieldOptional1)
	rest, _, _ := strings.Cut(optional.of(z.Lines), string(Filler))
	if len(rest) < 2 {
		return c, false
	}
	last := optional.From + len(rest) - 1
	c.covers = append(c.covers[:1:1], Span{optional.Line, optional.From, last})
	if z.Issuer == issuerCountsFiller {
		c.covers = append(c.covers[:1:1], c.digit, c.covers[1])
	}
	c.digit = Span{optional.Line, last, last + 1}
	z.DocumentNumber += rest[:len(rest)-1]
	z.LongNumber = true
	z.Optional1 = ""
	return c, true
}

// issuerCountsFiller computes the check digit of a long number over the filler between its parts too, which shifts the weights.
const issuerCountsFiller = "BEL"

// findFaults examines the structure of the fields that the format restricts.
func (z *Zone) findFaults(layout *Layout) {
	fault := func(field Field, ok bool) {
		if !ok {
			z.Faults = append(z.Faults, string(field))
		}
	}
	for _, f := range layout.fields {
		s := f.span.of(z.Lines)
		if z.lost(f.span) {
			continue
		}
		switch f.field {
		case FieldDocumentCode:
			fault(f.field, isLetter(s[0]))
		case FieldIssuer, FieldNationality:
			fault(f.field, allOf(s, isLetterOrFiller))
		case FieldNames, FieldSurname:
			fault(f.field, allOf(s, isLetterOrFiller) || hasDigitsInNames(z))
		case FieldGivenNames:
			fault(f.field, allOf(s, isLetterOrFiller))
		case FieldBirthDate:
			fault(f.field, z.BirthDate.WellFormed)
		case FieldExpiryDate:
			fault(f.field, z.ExpiryDate.WellFormed)
		case FieldSex:
			fault(f.field, z.Sex != "")
		}
	}
}

// hasDigitsInNames says whether the document writes letters of its script as digits: the Russian internal passport does, which
// spells the letters of Cyrillic that Latin lacks as 2, 3, 4, 6, 7, 8 and 9.
func hasDigitsInNames(z *Zone) bool { return z.DocumentCode == "PN" && z.Issuer == "RUS" }

// Valid says that every check digit holds and the structure is the format's. Codes of countries are not part of it. A zone of which a
// line was lost is not valid, nor is one of a format without check digits (the Swiss licence's): nothing proves them.
func (z *Zone) Valid() bool {
	if len(z.Lost) > 0 || len(z.Checks) == 0 {
		return false
	}
	for _, c := range z.Checks {
		if !c.Holds {
			return false
		}
	}
	return len(z.Faults) == 0
}

// Check gives the check digit of that name, and false where the format has none.
func (z *Zone) Check(name Field) (Check, bool) {
	for _, c := range z.Checks {
		if c.Name == name {
			return c, true
		}
	}
	return Check{}, false
}

// Status says what the check digits prove about a field: its own digit where it has one, else the composite.
func (z *Zone) Status(field Field) Status {
	if c, ok := z.Check(field); ok {
		return statusOf(c)
	}
	layout := LayoutOf(z.Format)
	span, ok := layout.Span(field)
	if (field == FieldSurname || field == FieldGivenNames) && !ok {
		span, ok = layout.Span(FieldNames)
	}
	composite, has := z.Check(FieldComposite)
	if !ok || !has || z.lost(span) || !coversAll(composite.Covers, span) {
		return NotCovered
	}
	return statusOf(composite)
}

func statusOf(c Check) Status {
	if c.Holds {
		return Proven
	}
	return Refuted
}

func coversAll(covers []Span, span Span) bool {
	for _, c := range covers {
		if c.Line == span.Line && c.From <= span.From && span.To <= c.To {
			return true
		}
	}
	return false
}

// Statuses gives the status of every field of the format, of those that a lost line held none.
func (z *Zone) Statuses() map[Field]Status {
	statuses := map[Field]Status{}
	for _, f := range LayoutOf(z.Format).fields {
		if !z.lost(f.span) {
			statuses[f.field] = z.Status(f.field)
		}
	}
	return statuses
}

func trim(s string) string { return strings.Trim(s, string(Filler)) }

// spaced turns fillers into single blanks.
func spaced(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == Filler }), " ")
}

func alpha3(code string) string {
	if len(code) == 2 {
		return "" // alpha-2 codes are not printed in zones
	}
	c, _ := ekyc.CountryByCode(code)
	return c.Alpha3
}

func sexOf(s string) string {
	switch s {
	case "M", "F", "X":
		return s
	case "<":
		return "X"
	}
	return ""
}

func isDigit(c byte) bool          { return c >= '0' && c <= '9' }
func isLetter(c byte) bool         { return c >= 'A' && c <= 'Z' }
func isLetterOrFiller(c byte) bool { return isLetter(c) || c == Filler }

func allOf(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}
