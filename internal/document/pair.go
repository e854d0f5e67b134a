package document

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// What makes two outlines two documents in one picture. Each holds print of its own, together they hold most of it, and neither lies in the
// other: a portrait's frame lies in its card.
const (
	// leastShare is the share of the picture's print that each of the two holds.
	leastShare = 0.08
	// pairConvincing is the mean support of the sides and proportions that each must reach: a lone outline has the print in it to speak for it.
	pairConvincing = 0.62
	// loneScore: beside an outline with this score nothing else is looked for unless print lies outside it. Photographs of one document on a
	// plain table score 0.9 and more.
	loneScore = 0.88
	// outsideShare of the print, in at least leastTexts lines, makes a second document likely.
	outsideShare = 0.10
	// mostHalves bounds the outlines that are paired.
	mostHalves = 60
	// mostCommon is how much of the smaller outline may lie in the other: sides that were found a little off.
	mostCommon = 0.03
)

// pair gives two outlines of documents that lie beside each other, in native pixels; boxes is all text. best is what was found for one document.
func (l *lineSearch) pair(boxes []ocr.Box, best []outline) ([]outline, bool) {
	text := l.scaled(boxes)
	all := 0.0
	for _, t := range text {
		all += math.Abs(t.Area())
	}
	if len(text) < 2*leastTexts || all == 0 {
		return nil, false
	}
	if len(best) > 0 && best[0].alone(boxes) {
		if sizeOf(best[0].quad) == ID1 {
			return nil, false
		}
		return l.split(boxes) // two cards, one above the other, have nearly the proportions of a passport
	}
	halves := l.halves(text)
	var first, second outline
	score := 0.0
	for i, a := range halves {
		for _, b := range halves[i+1:] {
			if s := a.score + b.score; s > score && apart(a.quad, b.quad) {
				if share := (printIn(a.quad, text) + printIn(b.quad, text)) / all; share >= leastInside {
					first, second, score = a, b, s
				}
			}
		}
	}
	if score == 0 {
		return l.split(boxes)
	}
	if len(best) > 0 && best[0].believed() && best[0].texts >= first.texts+second.texts && best[0].score > score/2 {
		return nil, false
	}
	out := []outline{first, second}
	for i := range out {
		out[i].quad = l.edges.refine(out[i].quad).Scale(1 / l.factor)
		out[i].inside, out[i].score = 1, max(out[i].score, convincing) // of its own print
	}
	return out, true
}

// split looks for two documents one above or beside the other whose sides are nearly in line, so that they make one line of the whole picture: it
// searches for lines on either side of the widest gap in the print.
func (l *lineSearch) split(boxes []ocr.Box) ([]outline, bool) {
	angle, _ := textAxis(boxes)
	for _, across := range [2]float64{angle, angle + math.Pi/2} {
		normal := vision.Point{X: -math.Sin(across), Y: math.Cos(across)}
		at, ok := widestGap(boxes, normal)
		if !ok {
			continue
		}
		var two []outline
		for _, sign := range [2]float64{1, -1} {
			part := l.part(normal.Scale(sign), sign*at)
			beyond := slices.DeleteFunc(slices.Clone(boxes), func(b ocr.Box) bool {
				c := b.Quad.Center()
				return sign*(c.X*normal.X+c.Y*normal.Y-at) < 0
			})
			if found := part.outlines(beyond); len(found) > 0 && found[0].believed() {
				two = append(two, found[0])
			}
		}
		if len(two) == 2 && apart(two[0].quad, two[1].quad) {
			return two, true
		}
	}
	return nil, false
}

// widestGap is the middle of the widest gap in the print along a direction, with enough lines on both sides; the gap is at least leastGap of the
// print's extent: the lines of one document are nearer to each other.
func widestGap(boxes []ocr.Box, normal vision.Point) (at float64, ok bool) {
	const leastGap = 0.08
	type span struct{ from, to float64 }
	var spans []span
	for _, b := range boxes {
		s := span{math.Inf(1), math.Inf(-1)}
		for _, c := range b.Quad {
			v := c.X*normal.X + c.Y*normal.Y
			s.from, s.to = min(s.from, v), max(s.to, v)
		}
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	widest, reached := 0.0, spans[0].to
	for i, s := range spans[1:] {
		if gap := s.from - reached; gap > widest && i+1 >= leastTexts && len(spans)-i-1 >= leastTexts {
			widest, at = gap, reached+gap/2
		}
		reached = max(reached, s.to)
	}
	return at, widest > leastGap*(reached-spans[0].from)
}

// part is the search on the half of the picture where a point's product with the normal is beyond a distance, in native pixels.
func (l *lineSearch) part(normal vision.Point, beyond float64) *lineSearch {
	e := &edgeMap{l.edges.width, l.edges.height, slices.Clone(l.edges.strength), l.edges.angle}
	for i := range e.strength {
		x, y := float64(i%e.width)+0.5, float64(i/e.width)+0.5
		if x*normal.X+y*normal.Y < beyond*l.factor {
			e.strength[i] = 0
		}
	}
	return &lineSearch{e, e.lines(), l.factor}
}

// alone says whether an outline is beyond doubt the only document: convincing, with next to no print beside it.
func (o outline) alone(boxes []ocr.Box) bool {
	if !o.believed() || o.score < loneScore {
		return false
	}
	all, outside, n := 0.0, 0.0, 0
	for _, b := range boxes {
		area := math.Abs(b.Quad.Area())
		all += area
		if !contains(o.quad, b.Quad.Center()) {
			outside += area
			n++
		}
	}
	return n < leastTexts || outside < outsideShare*all
}

// halves are outlines that hold some of the print, best first; their score leaves out how much.
func (l *lineSearch) halves(text []vision.Quad) []outline {
	var found []outline
	for a, b := range l.crossings() {
		o, ok := l.edges.assess(a, b, text, leastShare)
		if !ok || o.texts < leastTexts || o.weakest < weakestSide || o.touchesFrame > 1 {
			continue
		}
		o.score = (o.score - 0.20*o.inside) / 0.80
		if o.score >= pairConvincing {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b outline) int { return cmp.Compare(b.score, a.score) })
	return found[:min(len(found), mostHalves)]
}

func printIn(q vision.Quad, text []vision.Quad) float64 {
	sum := 0.0
	for _, t := range text {
		if contains(q, t.Center()) {
			sum += math.Abs(t.Area())
		}
	}
	return sum
}

// apart says whether two outlines hardly overlap, by a grid of points over each.
func apart(a, b vision.Quad) bool {
	const steps = 12
	for _, pair := range [2][2]vision.Quad{{a, b}, {b, a}} {
		q, common := pair[0], 0
		for i := range steps {
			u := (float64(i) + 0.5) / steps
			top, bottom := q[0].Add(q[1].Sub(q[0]).Scale(u)), q[3].Add(q[2].Sub(q[3]).Scale(u))
			for j := range steps {
				if contains(pair[1], top.Add(bottom.Sub(top).Scale((float64(j)+0.5)/steps))) {
					common++
				}
			}
		}
		if float64(common) > mostCommon*steps*steps {
			return false
		}
	}
	return true
}

// readPicture reads what one photograph shows: one side; both sides of one document where it shows them and alone is set (no other
// photograph was sent); or, of two documents, the one that reads as a document, the larger if both do.
func (r *Reader) readPicture(ctx context.Context, p *vision.Pyramid, index int, alone bool, searches *sync.WaitGroup, watch *stopwatch) ([]*side, error) {
	s, lines, err := r.look(ctx, p, index, searches, watch)
	if err != nil {
		return nil, err
	}
	outlines, err := r.seek(ctx, s, lines, watch)
	if err != nil {
		return nil, err
	}
	lap := watch.start("locate")
	two, found := lines.pair(s.boxes, outlines)
	lap()
	if !found {
		if err := r.readSide(ctx, s, outlines, watch); err != nil {
			return nil, err
		}
		s, err = r.unmirrored(ctx, s, watch)
		return []*side{s}, err
	}
	sides := make([]*side, len(two))
	for i, o := range two {
		sides[i] = &side{index: index, pyramid: p, boxes: inside(s.boxes, o.quad), searches: searches}
		lap = watch.start("mrz")
		if sides[i].zone, err = r.findZone(ctx, p, sides[i].boxes); err != nil {
			return nil, err
		}
		lap()
		if err := r.readSide(ctx, sides[i], two[i:i+1], watch); err != nil {
			return nil, err
		}
	}
	if alone && sameDocument(sides[0], sides[1]) {
		sides = frontOf(sides[0], sides[1])
		sides[1].setIndex(1)
		return sides, nil
	}
	slices.SortStableFunc(sides, func(a, b *side) int {
		return cmp.Or(cmp.Compare(b.speaks(), a.speaks()), cmp.Compare(math.Abs(b.geometry.Quad.Area()), math.Abs(a.geometry.Quad.Area())))
	})
	sides[0].geometry.Others = 1
	return sides[:1], nil
}

// inside are the boxes on a document.
func inside(boxes []ocr.Box, q vision.Quad) []ocr.Box {
	outer := ocr.Grow(q, 0.02*q.Width(), 0.02*q.Height())
	return slices.DeleteFunc(slices.Clone(boxes), func(b ocr.Box) bool { return !contains(outer, b.Quad.Center()) })
}

// sameDocument says whether two sheets are front and back: of one size, and one of them alone has the portrait or the machine readable part that
// backs have. A chip or a ghost portrait on the back may be taken for a face.
func sameDocument(a, b *side) bool {
	const alike = 0.35 // of the logarithm of their areas; perspective makes the nearer one larger
	ratio := math.Abs(math.Log(math.Abs(a.geometry.Quad.Area()) / max(1, math.Abs(b.geometry.Quad.Area()))))
	oneMachine := a.machine() != b.machine()
	return ratio < alike && (oneMachine && !a.contradicts(b) && !b.contradicts(a) || !a.machine() && (a.portrait == nil) != (b.portrait == nil))
}

// contradicts says whether the other sheet prints dates and none of them is the birth that this one's machine readable part states, nor its number or
// surname: it is another document then. A sheet without legible dates says nothing.
func (s *side) contradicts(other *side) bool {
	stated := map[string]string{} // number and surname, reduced, by what they are
	born := ""
	if s.zone != nil && s.zone.reading.Zone != nil {
		z := s.zone.reading.Zone
		born, stated["number"], stated["surname"] = z.BirthDate.Raw, foldText(z.DocumentNumber), foldText(z.Surname)
	}
	for _, code := range s.codes {
		if l := code.Licence; l != nil && len(l.BirthDate) == len(time.DateOnly) {
			born = strings.ReplaceAll(l.BirthDate, "-", "")[2:]
			stated["number"], stated["surname"] = foldText(l.DocumentNumber), foldText(l.Surname)
		}
	}
	dates := 0
	for _, l := range other.lines {
		if l.Confidence < leastLine {
			continue
		}
		print := foldText(l.Text)
		for _, part := range stated {
			if len(part) >= leastForeign && strings.Contains(print, part) {
				return false
			}
		}
		for _, monthFirst := range [2]bool{false, true} {
			iso, _, dated := parseDate(l.Text, monthFirst, futureDate, time.Unix(0, 0))
			if !dated || len(iso) != len(time.DateOnly) {
				continue
			}
			if strings.ReplaceAll(iso, "-", "")[2:] == born {
				return false
			}
			dates++
		}
	}
	const leastDates = 2 // readings: one date read in two orders
	return born != "" && dates >= leastDates
}

// machine says whether a side has a machine readable zone, or a licence's bar code.
func (s *side) machine() bool {
	return s.zone != nil || slices.ContainsFunc(s.codes, func(b BarcodeReading) bool { return b.Licence != nil })
}

// frontOf puts the front first: the one with the portrait, else the one without a machine readable part.
func frontOf(a, b *side) []*side {
	if a.portrait == nil && b.portrait != nil || (a.portrait == nil) == (b.portrait == nil) && a.machine() && !b.machine() {
		return []*side{b, a}
	}
	return []*side{a, b}
}

// speaks ranks sides by what reads as a document's: a machine readable part, then a portrait.
func (s *side) speaks() int {
	switch {
	case s.machine():
		return 2
	case s.portrait != nil:
		return 1
	}
	return 0
}

// setIndex makes it the front (0) or back (1).
func (s *side) setIndex(index int) {
	s.index = index
	if s.portrait != nil {
		s.portrait.Region.Side = index
	}
	for i := range s.codes {
		s.codes[i].Region.Side = index
	}
}
