package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"ekyc/internal/document"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// PlaceResult is the finding of documents on generated photographs, whose labels say where the document lies: by scene, and "all".
type PlaceResult map[string]PlaceGroup

// PlaceGroup is one scene. A picture that gave no document fails everything that is asked of it.
type PlaceGroup struct {
	Pictures  int     `json:"pictures"`
	Found     Rate    `json:"found"`     // the outlines overlap by at least foundOverlap (intersection over union)
	Overlap   float64 `json:"overlap"`   // mean of the intersection over union
	Upright   Rate    `json:"upright"`   // the corner named top left is, within an eighth of a turn; of a mirrored picture also the mirroring
	Mirrored  Rate    `json:"mirrored"`  // mirroring said as it is
	MRZ       Rate    `json:"mrz_exact"` // every character of every line, of documents that have a zone
	Barcode   Rate    `json:"barcode"`   // of pictures with one
	InBounds  Rate    `json:"in_bounds"` // bar codes of two pixels a module or more, at most 15 degrees of tilt and mild blur
	Neighbour Rate    `json:"neighbour"` // of two documents: their number said; of two sides: both placed, and portrait and machine readable part read
	NotFound  Rate    `json:"not_found"` // answered with document_not_found
}

const (
	// foundOverlap is the overlap from which an outline counts as found, as in the benchmarks of document localisation (ICDAR 2015 SmartDoc
	// quotes the mean overlap; 0.9 leaves an edge to be off by one twentieth).
	foundOverlap = 0.9
	// The bounds of a readable bar code: pixels a module, degrees of tilt, and sigma of the blur in modules.
	leastModule, mostTilt, mildBlur = 2.0, 15.0, 0.5
)

// placeCount collects one scene.
type placeCount struct {
	overlap                                                                  float64
	pictures                                                                 int
	found, upright, mirrored, mrz, barcode, inBounds, neighbour, nothingRead tally
}

// places counts the findings by scene.
type places map[string]*placeCount

func (p places) scene(name string) *placeCount {
	if p[name] == nil {
		p[name] = &placeCount{}
	}
	return p[name]
}

// add compares a reading with the places of its pictures; it says what is wrong, and "" when nothing is.
func (p places) add(l documentLabel, r *document.Reading) string {
	wrong := ""
	for i, truth := range l.Places {
		name := cmp.Or(string(truth.Scene), "clean render")
		for _, c := range []*placeCount{p.scene(name), p.scene("all")} {
			wrong = cmp.Or(c.add(truth, r, i), wrong)
		}
	}
	return wrong
}

func (c *placeCount) add(truth specimen.Place, r *document.Reading, side int) string {
	c.pictures++
	c.nothingRead.add(len(r.Sides) == 0)
	wanted, lines := truth.Quad, truth.MRZ
	overlap, upright, mirrored := 0.0, false, false
	if side < len(r.Sides) {
		g := r.Sides[side].Geometry
		overlap, mirrored = overlapOf(g.Quad, wanted), g.Mirrored
		if n := truth.Neighbour; n != nil && !n.Same { // either document may be chosen
			if other := overlapOf(g.Quad, n.Quad); other > overlap {
				overlap, wanted, lines = other, n.Quad, n.MRZ
			}
		}
		upright = sameWay(g.Quad, wanted)
	}
	c.overlap += overlap
	c.found.add(overlap >= foundOverlap)
	c.upright.add(upright)
	c.mirrored.add(mirrored == truth.Mirrored)
	wrong := ""
	if !upright {
		wrong = "not upright"
	} else if overlap < foundOverlap {
		wrong = fmt.Sprintf("the outline overlaps by %.2f only", overlap)
	}
	if len(lines) > 0 {
		exact := r.MRZ != nil && slices.Equal(r.MRZ.Lines, lines)
		if c.mrz.add(exact); !exact {
			wrong = "the machine readable zone is wrong"
		}
	}
	if len(truth.Barcode) > 0 {
		read := slices.ContainsFunc(r.Barcodes, func(b document.BarcodeReading) bool { return bytes.Equal(b.Symbol.Bytes, truth.Barcode) })
		c.barcode.add(read)
		if truth.Module >= leastModule && truth.Tilt <= mostTilt && truth.Blur <= mildBlur*truth.Module {
			c.inBounds.add(read)
		}
		if !read {
			wrong = fmt.Sprintf("the bar code of %.1f pixels a module was not read", truth.Module)
		}
	}
	if truth.Neighbour != nil {
		well := neighbourSeen(truth, r)
		if c.neighbour.add(well); !well {
			wrong = cmp.Or(wrong, "the other sheet was not seen")
		}
	}
	return wrong
}

// neighbourSeen says whether the second sheet was understood.
func neighbourSeen(truth specimen.Place, r *document.Reading) bool {
	if !truth.Neighbour.Same {
		return len(r.Sides) > 0 && slices.Contains(r.Sides[0].Quality.Codes, document.SeveralDocuments)
	}
	if len(r.Sides) != 2 || r.Portrait == nil {
		return false
	}
	machine := len(truth.MRZ) == 0 || r.MRZ.Found
	machine = machine && (len(truth.Barcode) == 0 || len(r.Barcodes) > 0)
	return machine && overlapOf(r.Sides[0].Geometry.Quad, truth.Quad) >= foundOverlap && overlapOf(r.Sides[1].Geometry.Quad, truth.Neighbour.Quad) >= foundOverlap
}

// sameWay says whether two outlines are read the same way: the top edges point alike, and both run clockwise or both counterclockwise.
func sameWay(a, b vision.Quad) bool {
	turn := math.Remainder(vision.Angle(a[0], a[1])-vision.Angle(b[0], b[1]), 2*math.Pi)
	return math.Abs(turn) < math.Pi/4 && (a.Area() < 0) == (b.Area() < 0)
}

// overlapOf is the intersection over union of two convex quadrilaterals of either direction.
func overlapOf(a, b vision.Quad) float64 {
	a, b = rightHanded(a), rightHanded(b)
	inside := a[:]
	for i := range b {
		inside = cutOff(inside, b[i], b[(i+1)%4])
	}
	common := 0.0
	for i, p := range inside {
		q := inside[(i+1)%len(inside)]
		common += (p.X*q.Y - q.X*p.Y) / 2
	}
	union := math.Abs(a.Area()) + math.Abs(b.Area()) - common
	if union <= 0 {
		return 0
	}
	return common / union
}

func rightHanded(q vision.Quad) vision.Quad {
	if q.Area() < 0 {
		q[1], q[3] = q[3], q[1]
	}
	return q
}

// cutOff keeps the part of a convex polygon on the inner side of a line (Sutherland and Hodgman 1974).
func cutOff(polygon []vision.Point, from, to vision.Point) []vision.Point {
	depth := func(p vision.Point) float64 { return (to.X-from.X)*(p.Y-from.Y) - (to.Y-from.Y)*(p.X-from.X) }
	var out []vision.Point
	for i, p := range polygon {
		q := polygon[(i+1)%len(polygon)]
		dp, dq := depth(p), depth(q)
		if dp >= 0 {
			out = append(out, p)
		}
		if (dp >= 0) != (dq >= 0) {
			out = append(out, p.Add(q.Sub(p).Scale(dp/(dp-dq))))
		}
	}
	return out
}

// result turns the counts into rates; nil when no label has a place.
func (p places) result() PlaceResult {
	if len(p) == 0 {
		return nil
	}
	out := PlaceResult{}
	for name, c := range p {
		out[name] = PlaceGroup{
			Pictures: c.pictures, Found: c.found.rate(), Overlap: c.overlap / float64(c.pictures), Upright: c.upright.rate(), Mirrored: c.mirrored.rate(),
			MRZ: c.mrz.rate(), Barcode: c.barcode.rate(), InBounds: c.inBounds.rate(), Neighbour: c.neighbour.rate(), NotFound: c.nothingRead.rate(),
		}
	}
	return out
}

func (r PlaceResult) print(w io.Writer) {
	if r == nil {
		return
	}
	fmt.Fprintln(w, "\nPLACES\tPICTURES\tOVERLAP\tOUTLINE\tUPRIGHT\tMIRRORING\tZONE EXACT\tBAR CODE\tIN BOUNDS\tNEIGHBOUR\tNOT FOUND")
	for _, name := range slices.Sorted(maps.Keys(r)) {
		g := r[name]
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, g.Pictures, g.Overlap, g.Found, g.Upright, g.Mirrored, g.MRZ, g.Barcode, g.InBounds, g.Neighbour, g.NotFound)
	}
}
