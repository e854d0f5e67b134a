package document

import (
	"cmp"
	"context"
	"slices"

	"ekyc"
	"ekyc/internal/document/mrz"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

const (
	// partAspect is the least length of a lone row beside its height: 30 characters of 2.54 mm beside detector boxes of up to 5 mm.
	partAspect = 12.0
	// maxParts bounds the time: so many rows and pairs of rows are tried, two ways up each, at 3 ms a line.
	maxParts = 5
)

// findPart looks for what findZone leaves: the zones of driving licences, of one line or of three whose first is short, and zones of which a
// line is lost to a finger, a glare or the picture's edge. nil: there is nothing of the kind that is plainly legible.
func (r *Reader) findPart(ctx context.Context, p *vision.Pyramid, boxes []ocr.Box) (*zone, error) {
	rows := joinRows(boxes)
	groups := slices.DeleteFunc(groupRows(rows), func(g []row) bool { return len(g) != 2 })
	groups = groups[:min(len(groups), maxParts)]
	rows = slices.DeleteFunc(rows, func(l row) bool { return l.length() < partAspect*l.height })
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(b.length()/b.height, a.length()/a.height) })
	for _, l := range rows[:min(len(rows), maxParts)] {
		groups = append(groups, []row{l})
	}
	for _, group := range groups {
		s, ok := newStrip(p, group)
		if !ok {
			continue
		}
		measured, asFound := s.measure(group)
		candidates := [][]row{measured, upsideDown(measured)}
		if !sameCrops(measured, asFound) {
			candidates = append(candidates, asFound, upsideDown(asFound))
		}
		for _, rows := range candidates {
			z, err := r.readPart(ctx, p, rows)
			if err != nil {
				return nil, err
			}
			if z == nil {
				continue
			}
			if z, err = r.refinePart(ctx, p, z); err != nil {
				return nil, err
			}
			if z.credible() {
				return r.restore(ctx, p, z)
			}
		}
	}
	return nil, nil
}

// sameCrops says whether two measures of the same rows show the network the same: their ends differ by less of a character than it notices.
func sameCrops(a, b []row) bool {
	const unnoticed = 0.2 // character pitches
	least := unnoticed * characterPitch * a[0].height
	for i := range a {
		if a[i].from.Distance(b[i].from) > least || a[i].to.Distance(b[i].to) > least {
			return false
		}
	}
	return true
}

// readPart reads rows as a licence's zone or what is left of a zone. nil: they are none.
func (r *Reader) readPart(ctx context.Context, p *vision.Pyramid, rows []row) (*zone, error) {
	probabilities, err := r.lineProbabilities(ctx, p, rows)
	if err != nil || certainty(probabilities) < leastCertainty {
		return nil, err
	}
	lines := make([]mrz.Row, len(rows))
	for i, l := range probabilities {
		lines[i] = mrz.Row{LogProbs: l, V: rows[0].across(rows[i].middle()), Height: rows[i].height}
	}
	decoder := mrz.NewDecoder(mrz.DecoderOptions{})
	reading, err := decoder.Part(lines)
	if err != nil {
		return nil, nil // the rows are nothing of the kind: nothing failed
	}
	if _, known := ekyc.CountryByCode(reading.Zone.Issuer); !known && !reading.Zone.Misses(mrz.FieldIssuer) {
		return nil, nil // a licence of no state is print
	}
	z := &zone{rows: rows, reading: reading, legible: legible(reading), sure: certainty(probabilities)}
	if reading.Format == mrz.CHEDL {
		if err := r.completeSwiss(ctx, p, decoder, z); err != nil {
			return nil, err
		}
	}
	return z, nil
}

// refinePart reads a part again with its ends and height a little different, as refine does.
func (r *Reader) refinePart(ctx context.Context, p *vision.Pyramid, best *zone) (*zone, error) {
	if best.clarity() >= mostClarity || best.reading.Format == mrz.CHEDL {
		return best, nil
	}
	for _, rows := range best.variants() {
		v, err := r.readPart(ctx, p, rows)
		if err != nil {
			return nil, err
		}
		if v != nil && v.reading.Format == best.reading.Format && len(v.rows) == len(best.rows) && v.clarity() > best.clarity() {
			best = v
		}
	}
	return best, nil
}

// cardSpacing is the distance of two lines of a TD1 zone beside its pitch: six lines an inch, ten characters an inch (ICAO 9303-5).
const cardSpacing = 10.0 / 6

// restore looks for a lost line in the place where the standard has it: the text detector passes over rows that end in pale fillers. The zone
// stays as it is where nothing legible stands there.
func (r *Reader) restore(ctx context.Context, p *vision.Pyramid, z *zone) (*zone, error) {
	present := z.present()
	if len(z.reading.Zone.Lost) != 1 || len(present) != len(z.rows) {
		return z, nil
	}
	first := z.rows[0]
	spacing := first.length() / float64(len(z.reading.Lines[present[0]])) / pitchOfSpacing
	switch last := len(present) - 1; {
	case last > 0:
		spacing = first.across(z.rows[last].middle()) / float64(present[last]-present[0])
	case len(z.reading.Lines) > 2:
		spacing *= pitchOfSpacing * cardSpacing
	}
	down := vision.Point{X: -first.direction().Y, Y: first.direction().X}
	rows := make([]row, len(z.reading.Lines))
	for i := range rows {
		shift := down.Scale(spacing * float64(i-present[0]))
		rows[i] = row{first.from.Add(shift), first.to.Add(shift), first.height}
	}
	for i, line := range present {
		rows[line] = z.rows[i]
	}
	candidates := [][]row{rows}
	if s, ok := newStrip(p, rows); ok {
		measured, _ := s.measure(rows)
		candidates = append(candidates, measured)
	}
	var best *zone
	for _, candidate := range candidates {
		whole, err := r.readRows(ctx, p, candidate)
		if err != nil {
			return nil, err
		}
		if whole.better(best) {
			best = whole
		}
	}
	if best == nil {
		return z, nil
	}
	best, err := r.refine(ctx, p, best)
	if err != nil || !best.credible() || best.reading.Format != z.reading.Format {
		return z, err
	}
	return best, nil
}

// completeSwiss reads the first line of the Swiss licence, nine characters that begin above the second line at the distance of the
// third: too few to be told from other print by themselves. The network is shown the place of thirty, because it knows characters of
// that width; what follows the nine is paper.
func (r *Reader) completeSwiss(ctx context.Context, p *vision.Pyramid, decoder *mrz.Decoder, z *zone) error {
	upper, lower := z.rows[0], z.rows[1]
	up := upper.from.Sub(lower.from)
	first := row{upper.from.Add(up), upper.to.Add(up), upper.height}
	read, err := r.lineProbabilities(ctx, p, []row{first})
	if err != nil {
		return err
	}
	if decoder.Complete(z.reading, 0, mrz.Row{LogProbs: read[0]}) {
		z.rows = append([]row{first}, z.rows...)
	}
	return nil
}

// present are the indices of the lines that are there, in the order of the rows.
func (z *zone) present() []int {
	var lines []int
	for i, line := range z.reading.Lines {
		if line != "" {
			lines = append(lines, i)
		}
	}
	return lines
}

// onItsPage says that the zone is a whole one of a document whose standard says where it stands.
func (z *zone) onItsPage() bool {
	licence := []mrz.Format{mrz.FRADL, mrz.NLDDL, mrz.ISODL, mrz.CHEDL}
	return len(z.reading.Zone.Lost) == 0 && !slices.Contains(licence, z.reading.Format)
}
