package document

import (
	"math"
	"slices"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

const (
	// textMargin is how far print keeps from a document's edges, beside the hull of the print.
	textMargin = 0.04
	// fillsFrame: a hull of print (with portrait) that fills this share of the image belongs to a document that fills it.
	fillsFrame = 0.45
	// outsideFrame: a corner this far outside, of the image's longer side, means that the document is cut off.
	outsideFrame = 0.01
)

// locate decides where the document lies: edges when four convincing ones were found, else the place that the machine readable zone
// implies, else the hull of the print, else the whole image. angle is the reading direction.
func locate(p *vision.Pyramid, boxes []ocr.Box, outlines []outline, zone *zone, angle float64) Geometry {
	bounds := p.Native().Bounds()
	g := Geometry{Method: ByFrame, Size: SizeUnknown, Confidence: 0.3}
	edges := slices.IndexFunc(outlines, func(o outline) bool { return o.believed() && o.agrees(zone) })
	switch {
	case edges >= 0:
		g.Method, g.Quad, g.Confidence = ByEdges, alignQuad(outlines[edges].quad, angle), outlines[edges].score
	case zone != nil && zone.places():
		g.Method, g.Quad, g.Confidence = ByZone, zone.document(), 0.6
	default:
		hull, found := textHull(boxes, angle)
		if found && hull.Area() < fillsFrame*bounds.Area() {
			g.Method, g.Quad, g.Confidence = ByText, hull, 0.4
		} else {
			g.Quad = alignQuad(bounds.Quad(), angle)
		}
	}
	g.complete(p, zone, angle)
	return g
}

func (o outline) believed() bool {
	return o.score >= convincing && o.weakest >= weakestSide && o.inside >= leastInside && o.texts >= leastTexts && o.touchesFrame <= 1
}

const (
	// sizeTolerance is how far a document's width by its edges may be from that by its zone's pitch, as a share. Issuers keep the pitch within
	// 5 %, perspective adds some, and specimens are drawn with zones of any width.
	sizeTolerance = 0.35
)

// agrees says whether an outline fits a zone that was read: it holds the zone and has about the size that the zone's format and pitch imply.
func (o outline) agrees(z *zone) bool {
	if z == nil {
		return true
	}
	for _, c := range envelope(z.rows) {
		if !contains(ocr.Grow(o.quad, 0.02*o.quad.Width(), 0.02*o.quad.Height()), c) {
			return false
		}
	}
	width, height := z.size().Millimetres()
	if !z.places() || width == 0 {
		return true
	}
	want, got := width*height*z.pixelsPerMM()*z.pixelsPerMM(), math.Abs(o.quad.Area())
	return math.Abs(math.Log(got/want)) < 2*sizeTolerance || z.size() == ID3 && math.Abs(math.Log(got/(2*want))) < 2*sizeTolerance // an open passport
}

// complete derives what follows from the outline.
func (g *Geometry) complete(p *vision.Pyramid, zone *zone, angle float64) {
	bounds := p.Native().Bounds()
	g.Turn = quarterTurns(angle)
	slack := outsideFrame * max(bounds.Width(), bounds.Height())
	for _, c := range g.Quad {
		if c.X < -slack || c.Y < -slack || c.X > bounds.X1+slack || c.Y > bounds.Y1+slack {
			g.Cropped = true
		}
	}
	g.Coverage = min(1, math.Abs(g.Quad.Area())/bounds.Area())
	if zone != nil {
		g.Size = zone.size()
		g.PixelsPerMM = zone.pixelsPerMM()
	}
	if g.Size == SizeUnknown && g.Method == ByEdges {
		g.Size = sizeOf(g.Quad)
	}
	if width, _ := g.Size.Millimetres(); g.PixelsPerMM == 0 && width > 0 && g.Method == ByEdges {
		g.PixelsPerMM = max(g.Quad.Width(), g.Quad.Height()) / width
	}
}

// sizeOf guesses the size of a document by its proportions; ID-2 and ID-3 have the same.
func sizeOf(q vision.Quad) Size {
	ratio := max(q.Width(), q.Height()) / max(1, min(q.Width(), q.Height()))
	const card, tolerance = 85.60 / 53.98, 0.05
	if math.Abs(math.Log(ratio/card)) < tolerance {
		return ID1
	}
	return SizeUnknown
}

// textHull is the rectangle in the reading direction around the print, with the margin that print keeps from the edges.
func textHull(boxes []ocr.Box, angle float64) (vision.Quad, bool) {
	u := vision.Point{X: math.Cos(angle), Y: math.Sin(angle)}
	u0, u1, v0, v1, n := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1), 0
	for _, b := range boxes {
		if b.Long() >= axisAspect*b.Short() && angleBetween(b.Along(), angle) > 2*joinAngle {
			continue
		}
		n++
		for _, c := range b.Quad {
			pu, pv := c.X*u.X+c.Y*u.Y, c.Y*u.X-c.X*u.Y
			u0, u1, v0, v1 = min(u0, pu), max(u1, pu), min(v0, pv), max(v1, pv)
		}
	}
	if n < 2 {
		return vision.Quad{}, false
	}
	at := func(pu, pv float64) vision.Point { return vision.Point{X: pu*u.X - pv*u.Y, Y: pu*u.Y + pv*u.X} }
	q := vision.Quad{at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)}
	margin := textMargin * max(q.Width(), q.Height())
	return ocr.Grow(q, margin, margin), true
}

const (
	// imageSide is the longer side of the rectified image: 1280 pixels on a card are 15 a millimetre, enough for print of 1 mm.
	imageSide = 1280
)

// rectifiedSize is the size of the rectified image: the proportions of the standard where the outline is of a known size, else those
// of the outline; never more pixels than the photograph has.
func (g Geometry) rectifiedSize() (width, height int) {
	w, h := g.Quad.Width(), g.Quad.Height()
	if mmW, mmH := g.Size.Millimetres(); mmW > 0 && (g.Method == ByEdges || g.Method == ByZone) {
		if w < h {
			mmW, mmH = mmH, mmW
		}
		h = w * mmH / mmW
	}
	k := min(1, imageSide/max(w, h))
	return max(16, int(math.Round(w*k))), max(16, int(math.Round(h*k)))
}
