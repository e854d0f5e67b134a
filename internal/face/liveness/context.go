package liveness

import (
	"math"

	"ekyc/internal/vision"
)

// enclosure measures whether straight edges stand around the face as those of a screen or a sheet do: for each side the
// best supported line outside the face, as the share of its length on which an edge is seen. A doorway gives one or two
// sides; a bezel or a sheet gives three or four.
type enclosure struct {
	Left, Right, Top, Bottom float64
}

const (
	contextFace  = 48    // width of the face in the raster in which edges are sought
	contextSides = 6.0   // how much of the scene about the face is looked at, in face widths
	nearestEdge  = 0.625 // face widths from the face's centre: nearer is hair and ears
	farthestEdge = 2.625
	edgeSpan     = 1.25 // length on which an edge is followed to both sides of the face's centre, in face widths
	edgeStep     = 24   // luminance difference over two pixels that counts as an edge
	edgeTilt     = 0.2  // slope up to which an edge counts as upright
)

// third is the third best side: high only where the face is enclosed from three sides.
func (e enclosure) third() float64 {
	v := [4]float64{e.Left, e.Right, e.Top, e.Bottom}
	for i := range v {
		for j := i + 1; j < 4; j++ {
			if v[j] > v[i] {
				v[i], v[j] = v[j], v[i]
			}
		}
	}
	return v[2]
}

// enclose looks for edges around a face, turned upright by its roll. False when the picture shows too little around the face.
func enclose(p *vision.Pyramid, box vision.Rect, rollDegrees float64) (enclosure, bool) {
	size := p.Native().Bounds()
	c, w := box.Center(), box.Width()
	if c.X-size.X0 < nearestEdge*1.3*w || size.X1-c.X < nearestEdge*1.3*w || size.Width() < 1.8*w {
		return enclosure{}, false
	}
	side := int(contextFace * contextSides)
	sin, cos := math.Sincos(rollDegrees * math.Pi / 180)
	k := w / contextFace
	s := vision.Similarity{A: k * cos, B: k * sin}
	h := float64(side) / 2
	s.TX, s.TY = c.X-(s.A*h-s.B*h), c.Y-(s.B*h+s.A*h)
	view := p.Warp(s.Homography(), side, side, vision.BorderReplicate).Gray()
	turned := transpose(view)
	return enclosure{
		Left: bestEdge(view, -1), Right: bestEdge(view, 1),
		Top: bestEdge(turned, -1), Bottom: bestEdge(turned, 1),
	}, true
}

// bestEdge is the support of the best line left (-1) or right (+1) of the middle of a square raster, near to upright.
func bestEdge(g *vision.Gray, direction int) float64 {
	side := g.Width
	middle := side / 2
	const (
		span     int = edgeSpan * contextFace
		nearest  int = nearestEdge * contextFace
		farthest int = farthestEdge * contextFace
	)
	best := 0
	for tilt := -edgeTilt; tilt <= edgeTilt+1e-9; tilt += 0.04 {
		for d := nearest; d <= farthest; d++ {
			n := 0
			for dy := -span; dy <= span; dy++ {
				x := middle + direction*d + int(math.Round(tilt*float64(dy)))
				if x < 2 || x >= side-2 {
					continue
				}
				at := (middle+dy)*side + x
				if step := int(g.Pix[at+1]) - int(g.Pix[at-1]); step >= edgeStep || step <= -edgeStep {
					n++
				}
			}
			best = max(best, n)
		}
	}
	return float64(best) / float64(2*span+1)
}

func transpose(g *vision.Gray) *vision.Gray {
	out := vision.NewGray(g.Height, g.Width)
	for y := range g.Height {
		for x := range g.Width {
			out.Pix[x*g.Height+y] = g.Pix[y*g.Width+x]
		}
	}
	return out
}
