package mrz

import "strings"

// The zones of driving licences. ISO/IEC 18013-3 (annex on the scanning area identifier, taken over by Commission Regulation (EU)
// 383/2012) has one line of 30 characters: D, the configuration of the chip's protection, the state, 24 characters at the issuer's
// discretion, and one check digit over the 29 before it. What France and the Netherlands write there is known from their specimens:
//
//	D1FRA 13AA00002 6 181231 MARTIN<< 9   number, its digit over the 14 characters before it, expiry, surname, digit
//	D1NLD 1 5094962111 659VW87Z78NB8 4    version, number, characters for the chip, digit
//
// Other issuers' 24 characters are given as optional data. The Swiss licence of 2003 has three lines and no check digit at all:
//
//	AAA001D<<                         number of the blank, language of the card
//	FACHE305142128097<<800126<<<<<    FA, CHE, number of the holder and of the card (together the licence's), date of birth
//	MARCHAND<<FABIENNE<<<<<<<<<<<<
const (
	licenceWidth = 30
	swissFirst   = 9
)

// licenceFormats: a format that fits more comes after those that fit less, so that it does not win a draw.
func licenceFormats() []Format { return []Format{FRADL, NLDDL, ISODL, CHEDL} }

// oneLineFormats are the licences of ISO/IEC 18013-3.
func oneLineFormats() []Format { return []Format{FRADL, NLDDL, ISODL} }

// licenceFormat tells the fillings of the one line apart by the issuer.
func licenceFormat(line string) Format {
	switch line[2:5] {
	case "FRA":
		return FRADL
	case "NLD":
		return NLDDL
	}
	return ISODL
}

func licenceLayout(format Format) *Layout {
	l := &Layout{Format: format, Lines: 1, Width: licenceWidth}
	whole := checkLayout{FieldComposite, []Span{{0, 0, 29}}, Span{0, 29, 30}}
	head := []fieldSpan{{FieldDocumentCode, Span{0, 0, 2}}, {FieldIssuer, Span{0, 2, 5}}}
	switch format {
	case FRADL:
		l.fields = append(head, fieldSpan{FieldDocumentNumber, Span{0, 5, 14}}, fieldSpan{FieldExpiryDate, Span{0, 15, 21}}, fieldSpan{FieldSurname, Span{0, 21, 29}})
		l.checks = []checkLayout{{FieldDocumentNumber, []Span{{0, 0, 14}}, Span{0, 14, 15}}, whole}
	case NLDDL:
		l.fields = append(head, fieldSpan{FieldOptional1, Span{0, 5, 6}}, fieldSpan{FieldDocumentNumber, Span{0, 6, 16}}, fieldSpan{FieldOptional2, Span{0, 16, 29}})
		l.checks = []checkLayout{whole}
	case ISODL:
		l.fields = append(head, fieldSpan{FieldOptional1, Span{0, 5, 29}})
		l.checks = []checkLayout{whole}
	case CHEDL:
		l.Lines, l.first = 3, swissFirst
		l.fields = []fieldSpan{
			{FieldOptional1, Span{0, 0, 9}}, {FieldDocumentCode, Span{1, 0, 2}}, {FieldIssuer, Span{1, 2, 5}}, {FieldDocumentNumber, Span{1, 5, 17}},
			{FieldBirthDate, Span{1, 19, 25}}, {FieldNames, Span{2, 0, 30}},
		}
	}
	return l
}

// licenceGrammar gives the positions of every line of a licence's format.
func licenceGrammar(format Format) [][]Position {
	var (
		digits  = setOf(alphabet[:10])
		letters = setOf(alphabet[10:36])
		filler  = setOf("<")
		digit   = Position{allowed: digits}
		letter  = Position{allowed: letters}
		name    = Position{allowed: letters | filler}
		data    = Position{allowed: digits | letters}
		any     = Position{allowed: digits | letters | filler}
	)
	// The configuration is 1 on all licences of the EU; the standard has other ones for other protections, and none.
	configuration := Position{setOf("1"), setOf("23456789NP<"), penaltyUnusual}
	one := func(issuer []Position, tail ...[]Position) [][]Position {
		line := join(literal("D"), []Position{configuration}, issuer)
		return [][]Position{join(append(append([][]Position{line}, tail...), times(digit, 1))...)}
	}
	switch format {
	case FRADL:
		return one(literal("FRA"), times(data, 9), times(digit, 7), times(letter, 1), times(name, 7))
	case NLDDL:
		return one(literal("NLD"), times(digit, 11), times(data, 13))
	case ISODL:
		return one(times(name, 3), times(any, 24))
	case CHEDL:
		return [][]Position{
			join(times(letter, 3), times(digit, 3), []Position{{setOf("DFIR"), letters &^ setOf("DFIR"), penaltyUnusual}}, literal("<<")),
			join(literal("FACHE"), times(digit, 12), literal("<<"), times(digit, 6), literal("<<<<<")),
			join(times(letter, 1), times(name, 29)),
		}
	}
	return nil
}

// times is a run of n places of one kind.
func times(p Position, n int) []Position {
	line := make([]Position, n)
	for i := range line {
		line[i] = p
	}
	return line
}

// literal is a run of places that permit one character each.
func literal(s string) []Position {
	var line []Position
	for i := range len(s) {
		line = append(line, Position{allowed: setOf(s[i : i+1])})
	}
	return line
}

// composeLicence checks what Compose cannot know from the spans: the one line of these formats must begin as its issuer's does.
func (c *composer) composeLicence(d Document) {
	switch c.layout.Format {
	case FRADL, NLDDL, ISODL:
		if !strings.HasPrefix(d.Code, "D") || licenceFormat(d.Code+strings.Repeat(string(Filler), max(0, 2-len(d.Code)))+d.Issuer+"<<<") != c.layout.Format {
			c.fail(FieldIssuer, "code and issuer are another format's")
		}
	case CHEDL:
		if d.Code != "FA" || d.Issuer != "CHE" || len(d.Number) != 12 || len(d.Optional1) != 7 {
			c.fail(FieldDocumentNumber, "it has FA, CHE, a number of 12 digits and optional data of 7 characters")
		}
	}
}
