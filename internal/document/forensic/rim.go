package forensic

import (
	"math"
	"slices"

	"ekyc/internal/vision"
)

// PortraitNames are the measures of the portrait: of its edge, then of its pixels.
func PortraitNames() []string {
	return []string{
		"sharp_third", "sharp_second", "sharp_first", "hard_second", "shadow_first", "shadow_second",
		"quiet", "middle", "smooth", "flat", "grid", "teeth", "teeth_share", "foreign", "floor",
	}
}

// rimMeasures is how many of PortraitNames are of the edge.
const rimMeasures = 6

// The search for the edges of the portrait, in widths of the face's box.
const (
	rimFrom, rimTo = 0.15, 0.85 // how far from the face's box an edge may be
	rimChunks      = 5          // pieces of an edge: it need not be quite parallel to the document's
)

// side is what one edge of the portrait looks like.
type side struct {
	sharp  float64 // step of the light within two pixels, along the whole edge, as a share of the light
	hard   float64 // that beside the whole step
	shadow float64 // depth of a dark line on the edge, as a share of the light beside it
}

// rim measures the four edges around a face on the page. A laser or a dye printer lets the picture run out into the ground; a
// picture that was laid over it ends at once, with the shadow of its paper.
func rim(page *vision.RGB, face vision.Rect) []float64 {
	g := page.Gray()
	var sharp, hard, shadow []float64
	for turn := range 4 { // left, right, top, bottom of the face
		s := edgeBeside(g, face, turn)
		sharp, hard, shadow = append(sharp, s.sharp), append(hard, s.hard), append(shadow, s.shadow)
	}
	slices.Sort(sharp)
	slices.Sort(hard)
	slices.Sort(shadow)
	return []float64{sharp[1], sharp[2], sharp[3], hard[2], shadow[3], shadow[2]}
}

// edgeBeside looks for the straight edge on one side of a face.
func edgeBeside(g *vision.Gray, face vision.Rect, turn int) side {
	w := face.Width()
	at := func(along, away float64) (x, y int) {
		switch turn {
		case 0:
			return int(face.X0 - away), int(face.Y0 + along*face.Height())
		case 1:
			return int(face.X1 + away), int(face.Y0 + along*face.Height())
		case 2:
			return int(face.X0 + along*w), int(face.Y0 - away)
		}
		return int(face.X0 + along*w), int(face.Y1 + away)
	}
	n := int((rimTo - rimFrom) * w)
	from := rimFrom * w
	profiles := make([][]float64, rimChunks)
	for c := range profiles {
		profiles[c] = make([]float64, n)
		const samples = 24
		for i := range n {
			sum := 0.0
			for k := range samples {
				x, y := at((float64(c)+(float64(k)+0.5)/samples)/rimChunks, from+float64(i))
				sum += float64(g.Pix[max(0, min(g.Height-1, y))*g.Width+max(0, min(g.Width-1, x))])
			}
			profiles[c][i] = sum / samples
		}
	}
	return strongestEdge(profiles, w)
}

// strongestEdge finds the straight line along which the light steps at once: what a wandering outline, such as hair, does not do.
func strongestEdge(profiles [][]float64, w float64) side {
	n := len(profiles[0])
	reach := max(4, int(0.05*w)) // half a millimetre or so
	const slack = 2              // pixels by which pieces of one edge may lie apart
	best, at := 0.0, -1
	up, down := make([]float64, len(profiles)), make([]float64, len(profiles))
	for i := reach + slack; i < n-reach-slack; i++ {
		for c, p := range profiles {
			up[c], down[c] = 0, 0
			for k := i - slack; k <= i+slack; k++ {
				d := p[k+1] - p[k-1]
				up[c], down[c] = max(up[c], d), max(down[c], -d)
			}
		}
		slices.Sort(up)
		slices.Sort(down)
		if v := max(up[1], down[1]); v > best { // all pieces but one step in the same direction
			best, at = v, i
		}
	}
	if at < 0 {
		return side{}
	}
	var sharp, hard, shadow []float64
	for _, p := range profiles {
		sharpest, around := 0.0, p[at-reach:at+reach+1]
		for k := at - slack; k <= at+slack; k++ {
			sharpest = max(sharpest, math.Abs(p[k+1]-p[k-1]))
		}
		before, after := p[at-reach-slack], p[at+reach+slack]
		light := min(before, after)
		sharp = append(sharp, sharpest/max(30, before, after))
		hard = append(hard, min(1.5, sharpest/max(10, math.Abs(after-before))))
		shadow = append(shadow, max(0, light-slices.Min(around))/max(30, light))
	}
	return side{sharp: median(sharp), hard: median(hard), shadow: median(shadow)}
}
