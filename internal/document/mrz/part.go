package mrz

import (
	"math"
	"slices"

	"ekyc"
)

// part is a zone of which lines were lost, or a licence's whole zone: which lines of which format are there.
type part struct {
	format Format
	lines  []int
}

// leastHolding is the number of check digits by which lines of a page's zone must be known where others were lost: without their
// companions a row of print that happens to fit would pass for one. The lines of names have no digit and cannot stand alone.
const leastHolding = 2

// partPenalty in nats per character is what such rows may lose against the free reading: one forced character of a line, at 5 nats and
// more, but not two. With fewer rows to agree than a whole zone has, print would be forced into a licence's line more easily.
const partPenalty = 0.3

// parts are, by falling number of lines, what Part and parsePart look for. Between formats that fit alike the first wins: a passport's
// second line has the visa's grammar too, and passports are what people are known by.
func parts() []part {
	list := []part{{CHEDL, []int{0, 1, 2}}, {CHEDL, []int{1, 2}}, {TD1, []int{0, 1}}, {TD1, []int{1, 2}}}
	for _, format := range pageFormats() {
		list = append(list, part{format, []int{1}}) // in every page's format it is the line of the dates
	}
	for _, format := range oneLineFormats() {
		list = append(list, part{format, []int{0}})
	}
	return list
}

// Part reads one or two rows, from the top down, that are no whole zone of a page: a driving licence's, or what is left of a zone
// where a line was lost. A zone with lost lines is never valid, and is told only where the check digits that are wholly on the lines that are
// left, two at least, hold. Errors: ErrMRZUnreadable when the rows are nothing of this kind, ErrInvalidArgument.
func (d *Decoder) Part(rows []Row) (*Reading, error) {
	decoded := make([]*decodedRow, len(rows))
	for i, row := range rows {
		values, frames, err := clean(row.LogProbs)
		if err != nil {
			return nil, err
		}
		decoded[i] = &decodedRow{index: i, row: row, values: values, frames: frames}
		d.decode(decoded[i])
		for id, p := range walk(d.licences, values, frames) {
			decoded[i].paths[id] = p
		}
	}
	first, next := d.likeliestPart(decoded)
	if first == nil || -first.score > min(partPenalty, d.options.MaxPenalty)*float64(LayoutOf(first.format).Width) {
		return nil, ekyc.Errorf(ekyc.ErrMRZUnreadable, "the rows fit no part of a machine readable zone")
	}
	r := d.reading(first, next)
	if !r.Zone.known() {
		return nil, ekyc.Errorf(ekyc.ErrMRZUnreadable, "the rows are too little of a machine readable zone to be known as one")
	}
	return r, nil
}

func (d *Decoder) likeliestPart(rows []*decodedRow) (first, next *candidate) {
	for _, p := range parts() {
		if len(p.lines) != len(rows) {
			continue
		}
		c, ok := newCandidate(p.format, rows, slices.Clone(p.lines)...)
		if !ok || p.format == ISODL && licenceFormat(textOf(characters(rows[0].paths[lineID{ISODL, 0}], d.grammars[ISODL][0], rows[0].values))) != ISODL {
			continue
		}
		switch {
		case first == nil || c.score > first.score:
			first, next = &c, first
		case next == nil || c.score > next.score:
			next = &c
		}
	}
	return first, next
}

// known says whether a zone is one though lines of it were lost.
func (z *Zone) known() bool {
	if len(z.Lost) == 0 || z.Format == CHEDL { // whole, or known by the literals of the line that is there
		return true
	}
	for _, c := range z.Checks {
		if !c.Holds {
			return false
		}
	}
	return len(z.Checks) >= leastHolding
}

// Complete adds a line to a reading that lacks it: the first line of the Swiss licence, which is too short to be found by itself. It
// says whether the row is that line: whether every character that the grammar asks for is the plain one.
func (d *Decoder) Complete(r *Reading, line int, row Row) bool {
	if r.Format != CHEDL || line != 0 || r.Lines[line] != "" {
		return false
	}
	read, err := d.Line(row.LogProbs, d.grammars[r.Format][line])
	if err != nil || read.Penalty > d.options.MaxPenalty*swissFirst {
		return false
	}
	weakest := math.Inf(1)
	for _, c := range read.Characters {
		weakest = min(weakest, c.Margin)
	}
	if weakest < d.options.MinMargin {
		return false
	}
	r.Lines[line], r.Characters[line] = read.Text, read.Characters
	r.settle(d.options.MinMargin)
	return true
}

// parsePart reads lines of which empty ones stand for lost ones.
func parsePart(given []string) (*Zone, bool) {
	lines := make([]string, len(given))
	lost := false
	for i, line := range given {
		if clean := cleanLines([]string{line}); len(clean) == 1 {
			lines[i] = clean[0]
		}
		lost = lost || lines[i] == ""
	}
	if !lost {
		return nil, false
	}
	for _, p := range parts() {
		if !p.fits(lines) {
			continue
		}
		if z := parse(lines, p.format); z.known() && z.ordinary() {
			return z, true
		}
	}
	return nil, false
}

// fits says whether the lines that are there are those of the part, by their length.
func (p part) fits(lines []string) bool {
	layout := LayoutOf(p.format)
	if len(lines) != layout.Lines {
		return false
	}
	for i, line := range lines {
		if want := slices.Contains(p.lines, i); want != (line != "") || want && len(line) != layout.LineWidth(i) {
			return false
		}
	}
	return true
}

// ordinary says whether every character is one that the grammar has in its place: what tells formats of the same lengths apart where
// the line that names them was lost.
func (z *Zone) ordinary() bool {
	for i, positions := range Grammar(z.Format) {
		for k := range len(z.Lines[i]) {
			if !positions[k].Allows(z.Lines[i][k]) {
				return false
			}
		}
	}
	return true
}

// Misses says that a field of the format is not known because its line was lost.
func (z *Zone) Misses(field Field) bool {
	span, has := LayoutOf(z.Format).Span(field)
	return has && z.lost(span)
}

// lost says whether any of the spans is on a line that was lost.
func (z *Zone) lost(spans ...Span) bool {
	return slices.ContainsFunc(spans, func(s Span) bool { return z.Lines[s.Line] == "" })
}
