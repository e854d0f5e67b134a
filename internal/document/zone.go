package document

import (
	"context"
	"math"
	"slices"

	"ekyc"
	"ekyc/internal/document/mrz"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// zone is a machine readable zone found in a photograph.
type zone struct {
	rows    []row // of the zone's lines, measured: ends at the outer edges of the first and last character, height of the capitals
	reading *mrz.Reading
	legible float64 // share of the characters that are plainly one and no other
	sure    float64 // certainty of the network over all steps
}

// The input of the line network (docs/models.md): luminances of one line, 32 by 736 pixels, proportions not kept.
const (
	lineWidth, lineHeight = 736, 32
	// lineMargin is what the crop shows beyond the first and last character, in character pitches, and lineTall its height in heights of
	// the capitals: the middle of what the network was trained on (−0.25 to 1.2, and 1.15 to 2.3).
	lineMargin, lineTall = 0.5, 1.7
)

const (
	// surely: a zone whose lines lose no more than this against the free reading, in nats a line, is not searched for further.
	surely = 2.0
	// doubtfulEnds in heights of the capitals: where ink and detector differ by more about a row's length, both are tried.
	doubtfulEnds = 1.5
	// The network is sure of 96 % of the steps on lines of a zone, of 93 % at most on lines that stand on their head, of 50 to 90 % on
	// other print: below leastCertainty decoding is not worth its time, and below leastFirst on one line neither is reading the others.
	leastCertainty, leastFirst = 0.86, 0.80
	// plainMargin in nats makes a character plain. On zones 97 to 100 % of the characters are, on print decoded as one up to 82 %.
	plainMargin, leastLegible = 1.0, 0.86
	// What a zone must reach whose check digits do not hold: share of plain characters, certainty, and loss in nats a line.
	alonePlain, aloneSure, aloneLoss = 0.95, 0.93, 15.0
	// mostClarity is the clarity of a zone without loss whose weakest character has enoughMargin, in nats: nothing is left to be gained.
	mostClarity, enoughMargin = 2.0, 4.0
)

// pitchOfSpacing is the character pitch beside the distance of two lines: 2.54 mm to 6.35 mm (ICAO 9303-3 section 4.4 and Annex).
const pitchOfSpacing = 2.54 / 6.35

// findZone looks for a machine readable zone among the detector's boxes (native pixels), either way up. nil: there is none that is
// legible.
func (r *Reader) findZone(ctx context.Context, p *vision.Pyramid, boxes []ocr.Box) (*zone, error) {
	var best *zone
	for _, group := range groupRows(joinRows(boxes)) {
		s, ok := newStrip(p, group)
		if !ok {
			continue
		}
		measured, asFound := s.measure(group)
		candidates := [][]row{measured, upsideDown(measured)}
		if math.Abs(measured[0].length()-asFound[0].length()) > doubtfulEnds*measured[0].height {
			candidates = append(candidates, asFound, upsideDown(asFound))
		}
		for _, rows := range candidates {
			z, err := r.readRows(ctx, p, rows)
			if err != nil {
				return nil, err
			}
			if z.better(best) {
				best = z
			}
			if best != nil && -best.reading.Score < surely && best.credible() {
				return r.refine(ctx, p, best)
			}
		}
	}
	if best == nil {
		return r.findPart(ctx, p, boxes)
	}
	best, err := r.refine(ctx, p, best)
	if err != nil {
		return nil, err
	}
	if !best.credible() {
		return r.findPart(ctx, p, boxes)
	}
	return best, nil
}

// credible says whether the rows are a machine readable zone at all: plain characters, and either half of the check digits holding or
// so little doubt everywhere as other print never leaves.
func (z *zone) credible() bool {
	if z.legible < leastLegible || z.reading.Zone == nil {
		return false
	}
	holding := 0
	for _, c := range z.reading.Zone.Checks {
		if c.Holds {
			holding++
		}
	}
	if 2*holding >= len(z.reading.Zone.Checks) && holding > 0 {
		return true
	}
	return z.legible >= alonePlain && z.sure >= aloneSure && -z.reading.Score < aloneLoss
}

// better says whether z is the likelier zone.
func (z *zone) better(than *zone) bool {
	if z == nil || than == nil {
		return z != nil
	}
	const legibility = 20.0 // nats that all characters being plain are worth
	value := func(z *zone) float64 { return z.reading.Score + legibility*z.legible }
	return value(z) > value(than)
}

// upsideDown is the group as it reads when the image is turned by 180 degrees.
func upsideDown(rows []row) []row {
	out := make([]row, len(rows))
	for i, r := range rows {
		out[len(rows)-1-i] = r.reversed()
	}
	return out
}

// measure levels the rows of a group on the strip, finds their ends, and gives all of them the ends of the longest: the lines of a
// zone have the same number of characters of the same pitch. asFound are the levelled rows with the ends of the detector's boxes.
func (s *strip) measure(group []row) (measured, asFound []row) {
	height := 0.0
	inked, found := newReach(), newReach()
	levelled := make([]row, len(group))
	for i, g := range group {
		levelled[i] = s.level(s.local(g))
		height += levelled[i].height / float64(len(group))
		found.include(levelled[i])
		inked.include(s.ends(levelled[i]))
	}
	for _, r := range levelled {
		r.height = height
		measured, asFound = append(measured, s.native(inked.of(r))), append(asFound, s.native(found.of(r)))
	}
	return measured, asFound
}

// reach is how far rows reach along the strip.
type reach struct{ left, right float64 }

func newReach() reach { return reach{math.Inf(1), math.Inf(-1)} }

func (e *reach) include(r row) { e.left, e.right = min(e.left, r.from.X), max(e.right, r.to.X) }

// of gives a row these ends.
func (e reach) of(r row) row {
	return row{vision.Point{X: e.left, Y: r.at(e.left)}, vision.Point{X: e.right, Y: r.at(e.right)}, r.height}
}

// readRows reads the rows as one zone. nil: they are none.
func (r *Reader) readRows(ctx context.Context, p *vision.Pyramid, rows []row) (*zone, error) {
	probabilities, err := r.lineProbabilities(ctx, p, rows[:1])
	if err != nil || certainty(probabilities) < leastFirst {
		return nil, err
	}
	rest, err := r.lineProbabilities(ctx, p, rows[1:])
	if err != nil {
		return nil, err
	}
	if probabilities = append(probabilities, rest...); certainty(probabilities) < leastCertainty {
		return nil, nil
	}
	lines := make([]mrz.Row, len(rows))
	for i, l := range probabilities {
		lines[i] = mrz.Row{LogProbs: l, V: rows[0].across(rows[i].middle()), Height: rows[i].height}
	}
	reading, err := mrz.DecodeZone(lines)
	if err != nil {
		return nil, nil // the rows fit no format: nothing failed
	}
	z := &zone{reading: reading, legible: legible(reading), sure: certainty(probabilities)}
	for _, i := range reading.Rows {
		z.rows = append(z.rows, rows[i])
	}
	return z, nil
}

// certainty is the mean over all steps of all lines of the probability of the likeliest class.
func certainty(lines [][]float32) float64 {
	sum, steps := 0.0, 0
	for _, l := range lines {
		for ; len(l) >= mrz.Classes; l = l[mrz.Classes:] {
			sum += math.Exp(float64(slices.Max(l[:mrz.Classes])))
			steps++
		}
	}
	return sum / float64(max(1, steps))
}

// legible is the share of the characters that are plain.
func legible(reading *mrz.Reading) float64 {
	plain, all := 0, 0
	for _, line := range reading.Characters {
		for _, c := range line {
			all++
			if c.Margin >= plainMargin {
				plain++
			}
		}
	}
	return float64(plain) / float64(max(1, all))
}

// lineProbabilities runs the line network on each row, or the recogniser of print where there is no such network.
func (r *Reader) lineProbabilities(ctx context.Context, p *vision.Pyramid, rows []row) ([][]float32, error) {
	if r.models.MRZLine == nil {
		return r.printProbabilities(ctx, p, rows)
	}
	crops := make([]*vision.Gray, len(rows))
	for i, row := range rows {
		m, ok := p.Rectify(row.quad(lineMargin*characterPitch*row.height, lineTall*row.height), lineWidth, lineHeight)
		if !ok {
			m = vision.NewRGB(lineWidth, lineHeight)
		}
		crops[i] = m.Gray()
	}
	out, err := r.models.MRZLine.Run(ctx, vision.PlanarGray(0, 1, crops...))
	if err != nil {
		return nil, err
	}
	if len(out) == 0 || len(out[0].Shape) != 3 || out[0].Shape[2] != mrz.Classes || int(out[0].Shape[0]) != len(rows) {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "model %s does not give %d classes a step", r.models.MRZLine.Name(), mrz.Classes)
	}
	size := len(out[0].Data) / len(rows)
	lines := make([][]float32, len(rows))
	for i := range lines {
		lines[i] = out[0].Data[i*size : (i+1)*size]
	}
	return lines, nil
}

// printProbabilities reads the rows with the recogniser of print, restricted to the zone's alphabet.
func (r *Reader) printProbabilities(ctx context.Context, p *vision.Pyramid, rows []row) ([][]float32, error) {
	crops := make([]*vision.RGB, len(rows))
	for i, row := range rows {
		crop, ok := r.models.Recogniser.Cut(p, row.quad(lineMargin*characterPitch*row.height, lineTall*row.height))
		if !ok {
			crop = vision.NewRGB(lineWidth, lineHeight)
		}
		crops[i] = crop
	}
	return r.models.Recogniser.LogProbabilities(ctx, crops, mrzClasses)
}

// mrzClasses are the characters in the order of mrz.Classes after the blank.
const mrzClasses = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"

// refine reads a found zone again with its ends and height a little different, and keeps the best: the edges of the first and last
// character are where ink is least telling, and pale fillers may lie beyond them.
func (r *Reader) refine(ctx context.Context, p *vision.Pyramid, z *zone) (*zone, error) {
	best := z
	if z.clarity() >= mostClarity {
		return best, nil
	}
	for _, rows := range z.variants() {
		v, err := r.readRows(ctx, p, rows)
		if err != nil {
			return nil, err
		}
		if v != nil && len(v.rows) == len(best.rows) && v.clarity() > best.clarity() {
			best = v
		}
	}
	return best, nil
}

// clarity is how well a zone reads, at most mostClarity: the loss against the free reading, and the margin of the weakest character.
func (z *zone) clarity() float64 {
	weakest := math.Inf(1)
	for _, line := range z.reading.Characters {
		for _, c := range line {
			weakest = min(weakest, float64(c.Margin))
		}
	}
	return z.reading.Score + mostClarity*min(1, weakest/enoughMargin)
}

// variants of the rows' geometry.
func (z *zone) variants() [][]row {
	var out [][]row
	pitch := z.pitch()
	change := func(left, right, taller float64) {
		rows := make([]row, len(z.rows))
		for i, r := range z.rows {
			u := r.direction()
			rows[i] = row{r.from.Sub(u.Scale(left * pitch)), r.to.Add(u.Scale(right * pitch)), r.height * taller}
		}
		out = append(out, rows)
	}
	change(0, 0, 1.2)
	change(0, 0, 0.85)
	change(0.5, 0.5, 1)
	change(-0.3, -0.3, 1)
	if missing := z.missing(); missing > 1 {
		change(0, missing, 1)
		change(missing, 0, 1)
		change(missing/2, missing/2, 1)
	}
	return out
}

// missing is the number of characters by which the rows are shorter than the distance of the lines makes them.
func (z *zone) missing() float64 {
	n := len(z.rows)
	if n < len(z.reading.Lines) || n == 1 {
		return 0
	}
	distance := z.rows[0].across(z.rows[n-1].middle()) / float64(n-1)
	want := float64(len(z.reading.Lines[0])) * pitchOfSpacing * distance
	return (want - z.rows[0].length()) / z.pitch()
}

// pitch is the distance of two characters, in native pixels.
func (z *zone) pitch() float64 {
	return z.rows[0].length() / float64(len(z.reading.Lines[z.present()[0]]))
}

// quad is the zone with the margin of its line crops.
func (z *zone) quad() vision.Quad {
	q := envelope(z.rows)
	return growQuad(q, lineMargin*characterPitch*z.rows[0].height, 0.35*z.rows[0].height)
}

func (z *zone) angle() float64 { return z.rows[0].angle() }

// size is the size of document that the zone's format belongs to.
func (z *zone) size() Size {
	switch z.reading.Format {
	case mrz.TD1, mrz.FRADL, mrz.NLDDL, mrz.ISODL, mrz.CHEDL:
		return ID1
	case mrz.TD2, mrz.MRVB, mrz.FRAID:
		return ID2
	case mrz.TD3, mrz.MRVA:
		return ID3
	}
	return SizeUnknown
}

// pixelsPerMM follows from the pitch of ten characters an inch.
func (z *zone) pixelsPerMM() float64 {
	return z.rows[len(z.rows)-1].length() / (2.54 * float64(len(z.reading.Lines[z.present()[len(z.rows)-1]])))
}

// places says whether the zone tells where the document lies: visas lie on a page of another size, licences have theirs where they like.
func (z *zone) places() bool {
	return z.reading.Format != mrz.MRVA && z.reading.Format != mrz.MRVB && z.onItsPage()
}

// document is the outline that the zone implies: the first character is 6 mm from the left edge on passports and 4 to 5 on cards, the
// middle of the last line about 9.5 mm from the lower edge on passports and TD2 cards and 6.5 on TD1 cards (ICAO 9303-4 to -6).
func (z *zone) document() vision.Quad {
	width, height := z.size().Millimetres()
	left, bottom := 6.0, 9.5
	if z.reading.Format == mrz.TD1 {
		left, bottom = 4.7, 6.5
	}
	last := z.rows[len(z.rows)-1]
	k := z.pixelsPerMM()
	u := last.direction()
	v := vision.Point{X: -u.Y, Y: u.X}
	low := last.from.Sub(u.Scale(left * k)).Add(v.Scale(bottom * k))
	high := low.Sub(v.Scale(height * k))
	return vision.Quad{high, high.Add(u.Scale(width * k)), low.Add(u.Scale(width * k)), low}
}
