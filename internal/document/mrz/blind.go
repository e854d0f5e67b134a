package mrz

import "strings"

// Evidence is what the check digits prove about one field, and what they could not have noticed.
type Evidence struct {
	Field  Field  `json:"field"`
	Status Status `json:"status"`
	// By is the check digit that the status rests on: the field's own or the composite; "" where none covers it.
	By Field `json:"by,omitempty"`
	// BlindSpots and Exchanges, of a proven field, are the misreadings that leave every sum of the zone as it is.
	BlindSpots []BlindSpot `json:"blind_spots,omitempty"`
	Exchanges  []Exchange  `json:"exchanges,omitempty"`
}

// BlindSpot is a covered character that could have been read wrongly without any check digit noticing.
type BlindSpot struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Read   string `json:"read"`
	// Alternatives have the same value modulo 10, look alike in OCR-B and may stand there.
	Alternatives string `json:"alternatives,omitempty"`
	// SameValue are all characters of the same value modulo 10 that may stand there, alike or not: 0, A, K, U and the filler are one.
	SameValue string `json:"same_value"`
}

// Exchange is a pair of neighbours, at Column and the one after it, that could stand the other way round without any check digit
// noticing. The weights of neighbours differ by 4, 2 or 6, so the sum stays the same modulo 10 exactly where the values of the
// characters differ by a multiple of 5.
type Exchange struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Read   string `json:"read"` // both characters
}

// lookalikes are the pairs of equal value modulo 10 that are alike enough in OCR-B to be confused under blur. All other pairs of
// equal value (BlindTo) differ plainly in shape.
var lookalikes = [...]string{"1L", "6G", "6Q", "GQ", "MW", "HR", "FP", "0U", "8S", "8I", "JT", "K<"}

// blindToExchange: values that differ by a multiple of it can change places unnoticed.
const blindToExchange = 5

// Evidence tells of every field of the format, in the order of the zone, what the check digits prove; fields on lost lines are left out.
func (z *Zone) Evidence() []Evidence {
	var list []Evidence
	grammar := Grammar(z.Format)
	for _, f := range LayoutOf(z.Format).fields {
		if z.lost(f.span) {
			continue
		}
		e := Evidence{Field: f.field, Status: z.Status(f.field)}
		spans := []Span{f.span}
		if c, ok := z.Check(f.field); ok {
			e.By, spans = f.field, c.Covers
		} else if e.Status != NotCovered {
			e.By = FieldComposite
		}
		if e.Status == Proven {
			e.BlindSpots, e.Exchanges = z.blindIn(spans, grammar)
		}
		list = append(list, e)
	}
	return list
}

func (z *Zone) blindIn(spans []Span, grammar [][]Position) (spots []BlindSpot, exchanges []Exchange) {
	for _, s := range spans {
		for k := s.From; k < s.To; k++ {
			if spot, ok := z.blindSpot(s.Line, k, grammar); ok {
				spots = append(spots, spot)
			}
			if k+1 < s.To && z.exchangeable(s.Line, k, grammar) {
				exchanges = append(exchanges, Exchange{s.Line, k, z.Lines[s.Line][k : k+2]})
			}
		}
	}
	return spots, exchanges
}

func (z *Zone) blindSpot(line, column int, grammar [][]Position) (BlindSpot, bool) {
	read := z.Lines[line][column]
	permitted := func(c byte) bool { return grammar[line][column].Allows(c) }
	spot := BlindSpot{Line: line, Column: column, Read: string(read)}
	same := BlindTo(read)
	for i := range len(same) {
		if permitted(same[i]) {
			spot.SameValue += same[i : i+1]
		}
	}
	for _, pair := range lookalikes {
		if at := strings.IndexByte(pair, read); at >= 0 && permitted(pair[1-at]) {
			spot.Alternatives += pair[1-at : 2-at]
		}
	}
	return spot, spot.SameValue != ""
}

// exchangeable says whether the character and the next are different, may stand the other way round, and no sum would notice.
func (z *Zone) exchangeable(line, column int, grammar [][]Position) bool {
	a, b := z.Lines[line][column], z.Lines[line][column+1]
	return a != b && (value(a)-value(b))%blindToExchange == 0 && grammar[line][column].Allows(b) && grammar[line][column+1].Allows(a)
}

// BlindSpots lists the characters under a check digit that have a lookalike which the 7-3-1 sum cannot tell apart.
func (z *Zone) BlindSpots() []BlindSpot {
	var spots []BlindSpot
	grammar := Grammar(z.Format)
	for i, line := range z.Lines {
		for k := range len(line) {
			if spot, ok := z.blindSpot(i, k, grammar); ok && spot.Alternatives != "" && z.covered(i, k) {
				spots = append(spots, spot)
			}
		}
	}
	return spots
}

// covered says whether a check digit of this zone is computed over the character, or it is one.
func (z *Zone) covered(line, column int) bool {
	for _, c := range z.Checks {
		if c.Digit.Contains(line, column) {
			return true
		}
		for _, s := range c.Covers {
			if s.Contains(line, column) {
				return true
			}
		}
	}
	return false
}
