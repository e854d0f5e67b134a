package mrz

import (
	"math"
	"slices"

	"ekyc"
)

// Character is one character of a reading.
type Character struct {
	Symbol byte
	// RunnerUp is the next likely character that the format permits there, 0 where it permits one only, and Margin its distance
	// in nats over the frames of the character: 0 is a draw, MaxMargin where there is no other.
	RunnerUp byte
	Margin   float64
	// Confidence is the probability of Symbol among the characters that the format permits, Network among all. Both 0 to 1.
	Confidence float64
	Network    float64
	// Frame is the middle of the character in frames of the recogniser.
	Frame float64
	// Covered: a check digit is computed over it or it is one. Blind: the check digits could not tell RunnerUp from Symbol.
	Covered bool
	Blind   bool
}

// MaxMargin bounds every margin: where there is no rival the margin is MaxMargin.
const MaxMargin = 99

// Place is one character of a zone.
type Place struct {
	Line   int
	Column int
	Margin float64
}

// Reading is a decoded zone.
type Reading struct {
	Format Format
	Lines  []string
	// Rows are the indices, among the rows given, of the rows that became the lines that are not lost, in their order.
	Rows []int
	// Score is the mean over the lines of by how many nats the zone is less likely than the free reading of its rows. Not positive.
	Score float64
	// NextFormat is the next likely format, "" where no other fits, and FormatMargin its distance in nats per line.
	NextFormat   Format
	FormatMargin float64
	Characters   [][]Character
	// Weakest is the character with the smallest margin among those under a check digit; Weak says that it is below the
	// decoder's threshold: the zone is then not to be reported valid, though its sums may hold.
	Weakest Place
	Weak    bool
	Zone    *Zone
}

// DecodeZone is Decoder.Zone with the default thresholds.
func DecodeZone(rows []Row) (*Reading, error) { return NewDecoder(DecoderOptions{}).Zone(rows) }

const (
	// maxRowGap is the largest distance between the middles of neighbouring rows in heights of the higher one.
	maxRowGap = 4
	// minFreeLength: a row with fewer characters than half of the narrowest line is no line of a zone.
	minFreeLength = 15
	// maxRows bounds the work: a page has no more rows that look like a zone's.
	maxRows = 24
)

// Zone finds the likeliest zone in rows of text, of which some may be other text. Format and rows are chosen by likelihood alone:
// the mean over the lines of the penalty that the format's grammar costs. It fails with ErrMRZUnreadable when nothing fits.
func (d *Decoder) Zone(rows []Row) (*Reading, error) {
	decoded, err := d.prepare(rows)
	if err != nil {
		return nil, err
	}
	best := map[Format]candidate{}
	for _, format := range pageFormats() {
		lines := len(d.grammars[format])
		for from := 0; from+lines <= len(decoded); from++ {
			c, ok := newCandidate(format, decoded[from:from+lines])
			if old, has := best[format]; ok && (!has || c.score > old.score) {
				best[format] = c
			}
		}
	}
	first, next := twoBest(best)
	if first == nil {
		return nil, ekyc.Errorf(ekyc.ErrMRZUnreadable, "no rows fit a format of machine readable zones")
	}
	width := len(d.grammars[first.format][0])
	if -first.score > d.options.MaxPenalty*float64(width) {
		return nil, ekyc.Errorf(ekyc.ErrMRZUnreadable, "the rows are too far from every format of machine readable zones").
			With("nats_per_line", math.Round(-first.score))
	}
	return d.reading(first, next), nil
}

// prepare decodes the rows that can belong to a zone, from the top of the page down.
func (d *Decoder) prepare(rows []Row) ([]*decodedRow, error) {
	var all []*decodedRow
	for i, row := range rows {
		values, frames, err := clean(row.LogProbs)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(row.V) || math.IsNaN(row.Height) || row.Height < 0 {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "a row has no position or height")
		}
		if freeLength(values, frames) >= minFreeLength {
			all = append(all, &decodedRow{index: i, row: row, values: values, frames: frames})
		}
	}
	slices.SortStableFunc(all, func(a, b *decodedRow) int {
		switch {
		case a.row.V < b.row.V:
			return -1
		case a.row.V > b.row.V:
			return 1
		}
		return 0
	})
	var near []*decodedRow
	for i, r := range all {
		if (i > 0 && adjacent(all[i-1], r) || i+1 < len(all) && adjacent(r, all[i+1])) && len(near) < maxRows {
			d.decode(r)
			near = append(near, r)
		}
	}
	return near, nil
}

func adjacent(upper, lower *decodedRow) bool {
	return lower.row.V-upper.row.V <= maxRowGap*max(upper.row.Height, lower.row.Height)
}

// candidate is one format on one run of rows.
type candidate struct {
	format Format
	lines  []int // of the format, which the rows are
	rows   []*decodedRow
	score  float64
}

// newCandidate weighs rows as these lines of a format, as its first ones where none are named.
func newCandidate(format Format, rows []*decodedRow, lines ...int) (candidate, bool) {
	for i := len(lines); i < len(rows); i++ {
		lines = append(lines, i)
	}
	c := candidate{format: format, lines: lines, rows: rows}
	for i, r := range rows {
		p, ok := r.paths[lineID{format, lines[i]}]
		if !ok || i > 0 && !adjacent(rows[i-1], r) {
			return c, false
		}
		c.score += min(0, float64(p.score)-r.free) / float64(len(rows))
	}
	return c, true
}

func twoBest(candidates map[Format]candidate) (first, next *candidate) {
	for _, format := range Formats() {
		c, ok := candidates[format]
		switch {
		case !ok:
		case first == nil || c.score > first.score:
			first, next = &c, first
		case next == nil || c.score > next.score:
			next = &c
		}
	}
	return first, next
}

func (d *Decoder) reading(c, next *candidate) *Reading {
	r := &Reading{Format: c.format, Score: c.score, FormatMargin: MaxMargin}
	if next != nil {
		r.NextFormat, r.FormatMargin = next.format, min(MaxMargin, c.score-next.score)
	}
	layout := LayoutOf(c.format)
	r.Lines, r.Characters = make([]string, layout.Lines), make([][]Character, layout.Lines)
	for i, row := range c.rows {
		line := c.lines[i]
		read := characters(row.paths[lineID{c.format, line}], d.grammars[c.format][line], row.values)
		r.Characters[line], r.Lines[line] = read, textOf(read)
		r.Rows = append(r.Rows, row.index)
	}
	r.settle(d.options.MinMargin)
	return r
}

func textOf(line []Character) string {
	text := make([]byte, len(line))
	for k := range line {
		text[k] = line[k].Symbol
	}
	return string(text)
}

// settle parses the lines and finds the weakest character. What the check digits of lost lines would have covered is not covered.
func (r *Reading) settle(least float64) {
	r.Zone = parse(r.Lines, r.Format)
	covered := LayoutOf(r.Format).Covered
	if len(r.Zone.Lost) > 0 {
		covered = r.Zone.covered
	}
	r.Weakest.Margin = MaxMargin + 1
	for i, line := range r.Characters {
		for k := range line {
			line[k].Covered = covered(i, k)
			line[k].Blind = line[k].Blind && line[k].Covered
			if line[k].Covered && line[k].Margin < r.Weakest.Margin {
				r.Weakest = Place{Line: i, Column: k, Margin: line[k].Margin}
			}
		}
	}
	r.Weak = r.Weakest.Margin < least
}

// FieldConfidence is the least confidence of the field's characters, and false where the format has no such field or its line was lost. The given names
// and the surname have the confidence of the whole name field.
func (r *Reading) FieldConfidence(field Field) (float64, bool) {
	layout := LayoutOf(r.Format)
	span, ok := layout.Span(field)
	if !ok && (field == FieldSurname || field == FieldGivenNames) {
		span, ok = layout.Span(FieldNames)
	}
	if !ok {
		return 0, false
	}
	spans := []Span{span}
	if check, has := r.Zone.Check(FieldDocumentNumber); has && field == FieldDocumentNumber && r.Zone.LongNumber {
		spans = check.Covers
	}
	least := 1.0
	if r.Zone.lost(spans...) {
		return 0, false
	}
	for _, s := range spans {
		for _, c := range r.Characters[s.Line][s.From:s.To] {
			least = min(least, c.Confidence)
		}
	}
	return least, true
}
