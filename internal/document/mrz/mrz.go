// Package mrz knows the machine readable zones of identity documents: the formats of ICAO Doc 9303 (TD1, TD2, TD3, visas MRV-A and
// MRV-B), the former French identity card's, and those of driving licences: the one line of ISO/IEC 18013-3, which France and the
// Netherlands fill in ways of their own, and the Swiss three. It parses and composes them, computes their check digits, and decodes
// what a line recogniser saw by the grammar of the formats.
//
// Check digits only verify: no character is ever chosen or changed because it makes a sum come out.
package mrz

import "slices"

// Format is the layout of a zone.
type Format string

// The formats: ICAO Doc 9303 parts 4 (TD3), 5 (TD1), 6 (TD2) and 7 (visas), the French card issued from 1987 to 2021, and the
// licences (licence.go).
const (
	TD1   Format = "TD1"
	TD2   Format = "TD2"
	TD3   Format = "TD3"
	MRVA  Format = "MRVA"
	MRVB  Format = "MRVB"
	FRAID Format = "FRA_ID"
	FRADL Format = "FRA_DL"
	NLDDL Format = "NLD_DL"
	ISODL Format = "ISO_DL"
	CHEDL Format = "CHE_DL"
)

// Formats lists all of them.
func Formats() []Format { return append(pageFormats(), licenceFormats()...) }

// pageFormats are those whose lines are two or three of equal length.
func pageFormats() []Format { return []Format{TD3, TD1, TD2, MRVA, MRVB, FRAID} }

// Filler stands for "nothing" and for the blank between parts of a name.
const Filler = '<'

// Field names one field of a zone.
type Field string

// The fields. Names is the name field as one; for the French card, whose names lie on two lines, it is Surname and GivenNames.
const (
	FieldDocumentCode   Field = "document_code"
	FieldIssuer         Field = "issuer"
	FieldNames          Field = "names"
	FieldSurname        Field = "surname"
	FieldGivenNames     Field = "given_names"
	FieldDocumentNumber Field = "document_number"
	FieldNationality    Field = "nationality"
	FieldBirthDate      Field = "birth_date"
	FieldSex            Field = "sex"
	FieldExpiryDate     Field = "expiry_date"
	FieldOptional1      Field = "optional1"
	FieldOptional2      Field = "optional2"
	FieldComposite      Field = "composite"
)

// Span is a run of characters on one line: From inclusive, To exclusive, both from 0.
type Span struct {
	Line int `json:"line"`
	From int `json:"from"`
	To   int `json:"to"`
}

// Contains says whether the span covers the character.
func (s Span) Contains(line, column int) bool {
	return s.Line == line && s.From <= column && column < s.To
}

// of gives the characters, "" where the line was lost.
func (s Span) of(lines []string) string {
	if lines[s.Line] == "" {
		return ""
	}
	return lines[s.Line][s.From:s.To]
}

// checkLayout is one check digit: what it is computed over and where it stands.
type checkLayout struct {
	field  Field
	covers []Span
	digit  Span
}

// Layout is the geometry of a format.
type Layout struct {
	Format Format
	Lines  int // number of lines
	Width  int // characters of each, but for the first where it is shorter
	first  int // characters of the first line where they are fewer, else 0
	fields []fieldSpan
	checks []checkLayout
}

type fieldSpan struct {
	field Field
	span  Span
}

// Span gives where a field stands, and false where the format does not have it. A long document number reaches beyond its span.
func (l *Layout) Span(field Field) (Span, bool) {
	for _, f := range l.fields {
		if f.field == field {
			return f.span, true
		}
	}
	return Span{}, false
}

// LineWidth is the number of characters of a line.
func (l *Layout) LineWidth(line int) int {
	if line == 0 && l.first > 0 {
		return l.first
	}
	return l.Width
}

// HasCheck says whether the format has a check digit of that name.
func (l *Layout) HasCheck(name Field) bool {
	return slices.ContainsFunc(l.checks, func(c checkLayout) bool { return c.field == name })
}

// Fields lists the fields in the order of the zone.
func (l *Layout) Fields() []Field {
	fields := make([]Field, len(l.fields))
	for i, f := range l.fields {
		fields[i] = f.field
	}
	return fields
}

// Covered says whether any check digit of the format is computed over the character, or it is a check digit itself.
func (l *Layout) Covered(line, column int) bool {
	for _, c := range l.checks {
		if c.digit.Contains(line, column) {
			return true
		}
		for _, s := range c.covers {
			if s.Contains(line, column) {
				return true
			}
		}
	}
	return false
}

// LayoutOf gives the layout of a format, and nil for a format that does not exist.
func LayoutOf(format Format) *Layout {
	switch format {
	case TD1:
		return &Layout{Format: format, Lines: 3, Width: 30, fields: td1Fields(), checks: []checkLayout{
			{FieldDocumentNumber, []Span{{0, 5, 14}}, Span{0, 14, 15}},
			{FieldBirthDate, []Span{{1, 0, 6}}, Span{1, 6, 7}},
			{FieldExpiryDate, []Span{{1, 8, 14}}, Span{1, 14, 15}},
			{FieldComposite, []Span{{0, 5, 30}, {1, 0, 7}, {1, 8, 15}, {1, 18, 29}}, Span{1, 29, 30}},
		}}
	case TD2, TD3, MRVA, MRVB:
		return twoLineLayout(format)
	case FRAID:
		return &Layout{Format: format, Lines: 2, Width: 36, fields: []fieldSpan{
			{FieldDocumentCode, Span{0, 0, 2}}, {FieldIssuer, Span{0, 2, 5}}, {FieldSurname, Span{0, 5, 30}}, {FieldOptional1, Span{0, 30, 36}},
			{FieldDocumentNumber, Span{1, 0, 12}}, {FieldGivenNames, Span{1, 13, 27}}, {FieldBirthDate, Span{1, 27, 33}}, {FieldSex, Span{1, 34, 35}},
		}, checks: []checkLayout{
			{FieldDocumentNumber, []Span{{1, 0, 12}}, Span{1, 12, 13}},
			{FieldBirthDate, []Span{{1, 27, 33}}, Span{1, 33, 34}},
			{FieldComposite, []Span{{0, 0, 36}, {1, 0, 35}}, Span{1, 35, 36}},
		}}
	case FRADL, NLDDL, ISODL, CHEDL:
		return licenceLayout(format)
	}
	return nil
}

func td1Fields() []fieldSpan {
	return []fieldSpan{
		{FieldDocumentCode, Span{0, 0, 2}}, {FieldIssuer, Span{0, 2, 5}}, {FieldDocumentNumber, Span{0, 5, 14}}, {FieldOptional1, Span{0, 15, 30}},
		{FieldBirthDate, Span{1, 0, 6}}, {FieldSex, Span{1, 7, 8}}, {FieldExpiryDate, Span{1, 8, 14}}, {FieldNationality, Span{1, 15, 18}},
		{FieldOptional2, Span{1, 18, 29}}, {FieldNames, Span{2, 0, 30}},
	}
}

// twoLineLayout is shared by passports, TD2 cards and visas: they differ in width and in what ends the second line.
func twoLineLayout(format Format) *Layout {
	l := &Layout{Format: format, Lines: 2, Width: 44}
	if format == TD2 || format == MRVB {
		l.Width = 36
	}
	optional := Span{1, 28, l.Width}
	l.checks = []checkLayout{
		{FieldDocumentNumber, []Span{{1, 0, 9}}, Span{1, 9, 10}},
		{FieldBirthDate, []Span{{1, 13, 19}}, Span{1, 19, 20}},
		{FieldExpiryDate, []Span{{1, 21, 27}}, Span{1, 27, 28}},
	}
	switch format {
	case TD3:
		optional.To = 42
		l.checks = append(l.checks, checkLayout{FieldOptional1, []Span{optional}, Span{1, 42, 43}},
			checkLayout{FieldComposite, []Span{{1, 0, 10}, {1, 13, 20}, {1, 21, 43}}, Span{1, 43, 44}})
	case TD2:
		optional.To = 35
		l.checks = append(l.checks, checkLayout{FieldComposite, []Span{{1, 0, 10}, {1, 13, 20}, {1, 21, 35}}, Span{1, 35, 36}})
	}
	l.fields = []fieldSpan{
		{FieldDocumentCode, Span{0, 0, 2}}, {FieldIssuer, Span{0, 2, 5}}, {FieldNames, Span{0, 5, l.Width}}, {FieldDocumentNumber, Span{1, 0, 9}},
		{FieldNationality, Span{1, 10, 13}}, {FieldBirthDate, Span{1, 13, 19}}, {FieldSex, Span{1, 20, 21}}, {FieldExpiryDate, Span{1, 21, 27}},
		{FieldOptional1, optional},
	}
	return l
}
