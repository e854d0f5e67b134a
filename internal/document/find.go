package document

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// Method says what the outline of a document was found by.
type Method string

// The methods. Edges: four straight edges of the photograph. Zone: the machine readable zone, whose place on the document the
// standard fixes. Text: the hull of the print. Frame: the document fills the image.
const (
	ByEdges Method = "edges"
	ByZone  Method = "mrz"
	ByText  Method = "text"
	ByFrame Method = "frame"
)

// Size is a document size of ISO/IEC 7810.
type Size string

// The sizes: cards, visas and older cards, passports.
const (
	ID1         Size = "ID-1"
	ID2         Size = "ID-2"
	ID3         Size = "ID-3"
	SizeUnknown Size = "unknown"
)

// Millimetres is width and height of a size; zeroes for SizeUnknown.
func (s Size) Millimetres() (width, height float64) {
	switch s {
	case ID1:
		return 85.60, 53.98
	case ID2:
		return 105, 74
	case ID3:
		return 125, 88
	}
	return 0, 0
}

// Geometry is where the document lies in the photograph.
type Geometry struct {
	Quad        vision.Quad `json:"quad"` // native pixels, top left first as the content is read
	Method      Method      `json:"method"`
	Size        Size        `json:"size"`
	Turn        int         `json:"turn"`          // quarter turns clockwise that make the photograph upright
	Coverage    float64     `json:"coverage"`      // share of the photograph that the document fills, 0 to 1
	Cropped     bool        `json:"cropped"`       // an edge of the document lies outside the photograph
	PixelsPerMM float64     `json:"pixels_per_mm"` // 0 where the size is unknown
	Confidence  float64     `json:"confidence"`
	Mirrored    bool        `json:"mirrored"`        // the photograph shows the document as a mirror does: its corners run counterclockwise
	Others      int         `json:"other_documents"` // how many other documents the photograph shows
}

// What makes four lines a document. The weights and limits were set on the `tune` half of the reference documents and on generated photographs.
const (
	parallelWithin  = 25 * math.Pi / 180 // opposite sides, seen in perspective
	squareWithin    = 35 * math.Pi / 180 // adjoining sides, from a right angle
	minSide         = 0.20               // a side beside the shorter side of the image
	minArea         = 0.06               // of the image
	outsideBy       = 0.06               // how far a corner may lie outside the image, of its longer side
	frameSupport    = 0.45               // what an edge of the image counts as a side, against 0 to 1 for one that is seen
	aspectTolerance = 0.12               // standard deviation of the logarithm of the ratio of the sides
	leastAspect     = 0.02               // of aspectFit
	convincing      = 0.66               // total score from which edges are believed
	weakestSide     = 0.40               // least support of any side of a believed outline
	leastInside     = 0.70               // share of the print along its sides that a believed outline holds: a table has print on it too
	leastTexts      = 3                  // and number of its lines
)

// outline is a candidate with its score, in coordinates of the small image.
type outline struct {
	quad                   vision.Quad
	score, weakest, inside float64
	texts                  int // lines of text inside
	touchesFrame           int // sides that are edges of the image
}

// lineSearch is the straight lines of a photograph's small copy; finding them needs no text and can go on beside its detection.
type lineSearch struct {
	edges  *edgeMap
	lines  []straight
	factor float64 // from native coordinates
}

func findLines(p *vision.Pyramid) *lineSearch {
	small, factor := p.Fit(outlineSide)
	e := newEdgeMap(small)
	return &lineSearch{e, e.lines(), factor}
}

// outlines scores the quadrilaterals that the lines form, best first; boxes are text in native pixels. The quads are in native
// pixels too.
func (l *lineSearch) outlines(boxes []ocr.Box) []outline {
	e, factor := l.edges, l.factor
	scaled := l.scaled(boxes)
	var found []outline
	for a, b := range l.crossings() {
		if o, ok := e.assess(a, b, scaled, leastInside); ok {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b outline) int { return cmp.Compare(b.score, a.score) })
	found = found[:min(len(found), 5)]
	for i := range found {
		found[i].quad = e.refine(found[i].quad).Scale(1 / factor)
	}
	return found
}

// scaled are the boxes in pixels of the small image.
func (l *lineSearch) scaled(boxes []ocr.Box) []vision.Quad {
	out := make([]vision.Quad, len(boxes))
	for i, b := range boxes {
		out[i] = b.Quad.Scale(l.factor)
	}
	return out
}

// crossings are two pairs of opposite sides that cross each other about squarely.
func (l *lineSearch) crossings() iter.Seq2[[2]straight, [2]straight] {
	pairs := oppositePairs(l.lines, minSide*float64(min(l.edges.width, l.edges.height)))
	return func(yield func(a, b [2]straight) bool) {
		for i, a := range pairs {
			for _, b := range pairs[i+1:] {
				if angleBetween(a[0].angle, b[0].angle) >= math.Pi/2-squareWithin && !yield(a, b) {
					return
				}
			}
		}
	}
}

// refine moves the sides onto the edge pixels along them: a cell of the Hough transform is 1.5 degrees wide. A side that would turn or
// move far, and one on an edge of the image, stays.
func (e *edgeMap) refine(q vision.Quad) vision.Quad {
	var sides [4]straight
	for i := range q {
		sides[i] = e.fitSide(q[i], q[(i+1)%4])
	}
	out := q
	for i := range q {
		corner, ok := sides[(i+3)%4].meet(sides[i])
		const far = 0.05 // of the side
		if !ok || corner.Distance(q[i]) > far*q[i].Distance(q[(i+1)%4]) {
			return q
		}
		out[i] = corner
	}
	return out
}

// fitSide is the line through the edge pixels within sideReach of a side whose gradient points across it, by total least squares; the
// ends, where corners are round, do not count.
func (e *edgeMap) fitSide(from, to vision.Point) straight {
	const sideReach, roundCorner, leastShare = 3, 0.08, 0.3
	length := from.Distance(to)
	u := to.Sub(from).Scale(1 / max(1e-9, length))
	v := vision.Point{X: -u.Y, Y: u.X}
	normal := math.Mod(math.Atan2(v.Y, v.X)+2*math.Pi, math.Pi)
	line := straight{angle: normal, distance: from.X*math.Cos(normal) + from.Y*math.Sin(normal)}
	var along, across []float64
	for t := roundCorner * length; t < (1-roundCorner)*length; t++ {
		for k := -sideReach; k <= sideReach; k++ {
			p := from.Add(u.Scale(t)).Add(v.Scale(float64(k)))
			x, y := int(p.X), int(p.Y)
			if x < 0 || y < 0 || x >= e.width || y >= e.height || e.strength[y*e.width+x] == 0 {
				continue
			}
			if angleBetween(float64(e.angle[y*e.width+x]), normal) < 15*math.Pi/180 {
				d := vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}.Sub(from)
				along, across = append(along, d.X*u.X+d.Y*u.Y), append(across, d.X*v.X+d.Y*v.Y)
			}
		}
	}
	slope, offset, ok := fitLine(along, across, ones(len(along)))
	if !ok || float64(len(along)) < leastShare*length {
		return line
	}
	a, b := from.Add(v.Scale(offset)), from.Add(u.Scale(length)).Add(v.Scale(offset+slope*length))
	n := math.Mod(math.Atan2(b.X-a.X, a.Y-b.Y)+2*math.Pi, math.Pi)
	return straight{angle: n, distance: a.X*math.Cos(n) + a.Y*math.Sin(n)}
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// oppositePairs are two lines nearly parallel and far enough from each other to be opposite sides.
func oppositePairs(lines []straight, apart float64) [][2]straight {
	var pairs [][2]straight
	for i, a := range lines {
		for _, b := range lines[i+1:] {
			d := b.distance - a.distance
			if math.Abs(a.angle-b.angle) > math.Pi/2 { // the same direction with the normal turned around
				d = -b.distance - a.distance
			}
			if angleBetween(a.angle, b.angle) <= parallelWithin && math.Abs(d) >= apart {
				pairs = append(pairs, [2]straight{a, b})
			}
		}
	}
	return pairs
}

// assess builds the quadrilateral of two pairs of lines and scores it; it must hold the given share of the print.
func (e *edgeMap) assess(a, b [2]straight, text []vision.Quad, least float64) (outline, bool) {
	var q vision.Quad
	for i, k := range [4][2]int{{0, 0}, {0, 1}, {1, 1}, {1, 0}} {
		p, ok := a[k[0]].meet(b[k[1]])
		if !ok {
			return outline{}, false
		}
		q[i] = p
	}
	q = clockwise(q)
	w, h := float64(e.width), float64(e.height)
	if !q.Convex() || q.Area() < minArea*w*h || !e.holds(q) {
		return outline{}, false
	}
	o := outline{quad: q, weakest: 1}
	aspect := aspectFit(q)
	if o.inside, o.texts = insideShare(q, text); aspect < leastAspect || o.inside < least {
		return outline{}, false // before the costlier look at its sides
	}
	sides := [4]straight{}
	mean, seen := 0.0, 0
	for i := range q {
		sides[i] = nearestSide(q[i].Midpoint(q[(i+1)%4]), a, b)
		s := frameSupport
		if sides[i].frame {
			o.touchesFrame++
		} else {
			s = e.support(q[i], q[(i+1)%4])
			o.weakest = min(o.weakest, s)
			seen++
		}
		mean += s / 4
	}
	if seen < 2 || o.weakest < 0.2 {
		return outline{}, false
	}
	o.score = 0.45*mean + 0.15*o.weakest + 0.20*aspect + 0.20*o.inside
	return o, true
}

// holds says whether the corners lie in the image or a little outside.
func (e *edgeMap) holds(q vision.Quad) bool {
	slack := outsideBy * float64(max(e.width, e.height))
	b := q.Bounds()
	return b.X0 > -slack && b.Y0 > -slack && b.X1 < float64(e.width)+slack && b.Y1 < float64(e.height)+slack
}

func nearestSide(p vision.Point, a, b [2]straight) straight {
	best, distance := a[0], math.Inf(1)
	for _, s := range [4]straight{a[0], a[1], b[0], b[1]} {
		if d := math.Abs(p.X*math.Cos(s.angle) + p.Y*math.Sin(s.angle) - s.distance); d < distance {
			best, distance = s, d
		}
	}
	return best
}

// clockwise orders the corners clockwise from the one nearest to the top left.
func clockwise(q vision.Quad) vision.Quad {
	if q.Area() < 0 {
		q[1], q[3] = q[3], q[1]
	}
	best, k := math.Inf(1), 0
	for i, p := range q {
		if s := p.X + p.Y; s < best {
			best, k = s, i
		}
	}
	return q.Turn(-k)
}

// aspectFit is 1 for the proportions of a card or a passport page and falls off to both sides.
func aspectFit(q vision.Quad) float64 {
	w, h := q.Width(), q.Height()
	ratio := max(w, h) / max(1, min(w, h))
	best := math.Inf(1)
	for _, known := range []float64{85.60 / 53.98, 125.0 / 88} {
		best = min(best, math.Abs(math.Log(ratio/known)))
	}
	return math.Exp(-best * best / (2 * aspectTolerance * aspectTolerance))
}

// insideShare is the share of the print, of that which runs along the outline's sides, whose boxes have their centre inside, and the number
// of these; 1 when there is none. Print in other directions lies on other things.
func insideShare(q vision.Quad, text []vision.Quad) (share float64, count int) {
	all, inside := 0.0, 0.0
	side := vision.Angle(q[0].Midpoint(q[3]), q[1].Midpoint(q[2]))
	for _, t := range text {
		b := ocr.Box{Quad: t}
		off := angleBetween(b.Along(), side)
		if b.Long() >= axisAspect*b.Short() && min(off, math.Pi/2-off) > joinAngle {
			continue
		}
		all += t.Area()
		if contains(q, t.Center()) {
			inside += t.Area()
			count++
		}
	}
	if all == 0 {
		return 1, 0
	}
	return inside / all, count
}

func contains(q vision.Quad, p vision.Point) bool {
	for i := range q {
		a, b := q[i], q[(i+1)%4]
		if (b.X-a.X)*(p.Y-a.Y)-(b.Y-a.Y)*(p.X-a.X) < 0 {
			return false
		}
	}
	return true
}
