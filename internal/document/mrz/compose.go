package mrz

import (
	"strings"

	"ekyc"
)

// Document is what a zone says, for Compose. Names may have any letters that Transliterate knows; the other texts have the zone's
// alphabet already.
type Document struct {
	Code        string // "P", "ID", "V"
	Issuer      string // as printed: "UTO", "D"
	Surname     string
	GivenNames  string
	Number      string // up to 9 characters; more only in TD1 and TD2; 12 for the French card and the Swiss licence, 10 for the Dutch
	Nationality string
	BirthDate   string // YYYY-MM-DD or YYMMDD, with << for what is not known
	ExpiryDate  string // the same; "" where the format has none, as the French card's and most licences'
	Sex         string // "M", "F", "X" or ""
	Optional1   string
	Optional2   string
}

// Compose writes the zone of a document with its check digits. It fails with ErrInvalidArgument for what the format cannot hold.
func Compose(d Document, format Format) ([]string, error) {
	layout := LayoutOf(format)
	if layout == nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%q is not a format of machine readable zones", format)
	}
	c := &composer{layout: layout}
	for i := range layout.Lines {
		c.lines = append(c.lines, []byte(strings.Repeat(string(Filler), layout.LineWidth(i))))
	}
	c.composeLicence(d)
	c.put(FieldDocumentCode, d.Code)
	c.put(FieldIssuer, d.Issuer)
	c.put(FieldNationality, d.Nationality)
	c.put(FieldBirthDate, short(d.BirthDate))
	c.put(FieldExpiryDate, short(d.ExpiryDate))
	if d.Sex != "X" { // not specified is a filler in a zone
		c.put(FieldSex, d.Sex)
	}
	c.put(FieldOptional1, d.Optional1)
	c.put(FieldOptional2, d.Optional2)
	long := c.putNumber(d)
	c.putNames(d)
	if c.err != nil {
		return nil, c.err
	}
	c.putChecks(long)
	lines := make([]string, len(c.lines))
	for i, line := range c.lines {
		lines[i] = string(line)
	}
	return lines, nil
}

type composer struct {
	layout *Layout
	lines  [][]byte
	err    error
}

// put writes text into a field that the format has; text for a field that it does not have is an error.
func (c *composer) put(field Field, text string) {
	span, ok := c.layout.Span(field)
	if !ok {
		if text != "" && field != FieldNationality { // the French card is given to nationals only, and licences give none
			c.fail(field, "the format does not have it")
		}
		return
	}
	if len(text) > span.To-span.From {
		c.fail(field, "it is too long")
		return
	}
	for i := range len(text) {
		if value(text[i]) < 0 {
			c.fail(field, "it has a character outside A-Z, 0-9 and <")
			return
		}
	}
	copy(c.lines[span.Line][span.From:], text)
}

func (c *composer) fail(field Field, why string) {
	if c.err == nil {
		c.err = ekyc.Errorf(ekyc.ErrInvalidArgument, "the %s cannot be written into a %s zone: %s", field, c.layout.Format, why).With("field", string(field))
	}
}

// putNumber writes the document number and says whether it is a long one, whose rest and check digit lie in the optional data.
func (c *composer) putNumber(d Document) bool {
	span, ok := c.layout.Span(FieldDocumentNumber)
	if !ok {
		c.put(FieldDocumentNumber, d.Number)
		return false
	}
	width := span.To - span.From
	if len(d.Number) <= width || c.layout.Format != TD1 && c.layout.Format != TD2 {
		c.put(FieldDocumentNumber, d.Number)
		return false
	}
	if d.Optional1 != "" {
		c.fail(FieldOptional1, "the document number needs its place")
		return false
	}
	if strings.IndexByte(d.Number[width:], Filler) >= 0 {
		c.fail(FieldDocumentNumber, "a filler would end it")
		return false
	}
	c.put(FieldDocumentNumber, d.Number[:width])
	over := d.Number
	if d.Issuer == issuerCountsFiller {
		over = d.Number[:width] + string(Filler) + d.Number[width:]
	}
	c.put(FieldOptional1, d.Number[width:]+string(CheckDigit(over)))
	return true
}

func (c *composer) putNames(d Document) {
	surname, given := Transliterate(d.Surname), Transliterate(d.GivenNames)
	if span, ok := c.layout.Span(FieldNames); ok {
		c.put(FieldNames, joinNames(surname, given, span.To-span.From))
		return
	}
	if span, ok := c.layout.Span(FieldSurname); ok {
		c.put(FieldSurname, truncate(surname, span.To-span.From))
	}
	if span, ok := c.layout.Span(FieldGivenNames); ok {
		c.put(FieldGivenNames, truncate(given, span.To-span.From))
	}
}

// joinNames puts both parts into width characters. Where they do not fit, the given names are cut first, down to one letter, then
// the surname; the last place then has a letter, which marks the cut (ICAO Doc 9303-3 section 4.6 and 9303-4 section 4.2.3).
func joinNames(surname, given string, width int) string {
	const separator = "<<"
	if given == "" {
		return truncate(surname, width)
	}
	if whole := surname + separator + given; len(whole) <= width {
		return whole
	}
	if room := width - len(surname) - len(separator); room >= 1 {
		return surname + separator + truncate(given, room)
	}
	return truncate(surname, width-len(separator)-1) + separator + given[:1]
}

// truncate cuts a name to width with a letter in the last place: where a filler would stand there, the part before it gives up
// its last letter and the next part begins in its place.
func truncate(name string, width int) string {
	if len(name) <= width {
		return name
	}
	cut := name[:width]
	if cut[width-1] != Filler {
		return cut
	}
	if width < 3 || name[width-2] == Filler || name[width-3] == Filler {
		return cut[:width-1] // the part before is one letter, which may not fall away
	}
	return name[:width-2] + string(Filler) + name[width:width+1]
}

// putChecks writes the check digits, the composite last because it covers the others.
func (c *composer) putChecks(long bool) {
	for _, check := range c.layout.checks {
		if check.field == FieldDocumentNumber && long {
			continue // its digit is in the optional data, a filler in its place
		}
		var over []byte
		for _, s := range check.covers {
			over = append(over, c.lines[s.Line][s.From:s.To]...)
		}
		c.lines[check.digit.Line][check.digit.From] = CheckDigit(string(over))
	}
}

// short gives YYMMDD of a date YYYY-MM-DD; anything else stays as it is.
func short(date string) string {
	if len(date) == len("2006-01-02") && date[4] == '-' && date[7] == '-' {
		return date[2:4] + date[5:7] + date[8:10]
	}
	return date
}
