package document

import (
	"cmp"
	"math"
	"slices"

	"ekyc/internal/vision"
)

// The search for the document's outline runs on a copy of the photograph this small: an edge of a card is hundreds of pixels long
// there, print is gone, and the whole search takes a few milliseconds.
const outlineSide = 420

// The Hough transform's cells: an angle of 1.5 degrees, a distance of two pixels. Each edge votes for its own direction and
// voteSpread cells to either side, because a gradient over print or a pattern is off by some degrees.
const (
	angleCells   = 120
	distanceCell = 2.0
	voteSpread   = 3
	maxLines     = 20 // rows of print make lines too
	maxVote      = 60 // gradient beyond it adds nothing: black on white must not outvote a card on a similar table
	minGradient  = 14
)

// edgeMap is the thinned gradient of a small colour image: the strongest of the three channels at each pixel.
type edgeMap struct {
	width, height int
	strength      []float32 // 0 where there is no edge
	angle         []float32 // of the gradient, radians
}

func newEdgeMap(m *vision.RGB) *edgeMap {
	m = smooth(m)
	e := &edgeMap{m.Width, m.Height, make([]float32, m.Width*m.Height), make([]float32, m.Width*m.Height)}
	gx, gy := make([]float32, len(e.strength)), make([]float32, len(e.strength))
	raw := make([]float32, len(e.strength))
	stride := 3 * m.Width
	for y := 1; y < m.Height-1; y++ {
		for x := 1; x < m.Width-1; x++ {
			i := y*m.Width + x
			for c := range 3 {
				p := 3*i + c
				at := func(offset int) float32 { return float32(m.Pix[p+offset]) }
				dx := (at(3-stride) + 2*at(3) + at(3+stride) - at(-3-stride) - 2*at(-3) - at(-3+stride)) / 4
				dy := (at(stride-3) + 2*at(stride) + at(stride+3) - at(-stride-3) - 2*at(-stride) - at(-stride+3)) / 4
				if s := dx*dx + dy*dy; s > raw[i] {
					raw[i], gx[i], gy[i] = s, dx, dy
				}
			}
		}
	}
	e.thin(raw, gx, gy)
	return e
}

// thin keeps the pixels whose gradient is not weaker than that of both neighbours along it.
func (e *edgeMap) thin(raw, gx, gy []float32) {
	for y := 1; y < e.height-1; y++ {
		for x := 1; x < e.width-1; x++ {
			i := y*e.width + x
			if raw[i] < minGradient*minGradient {
				continue
			}
			step := e.width
			if ax, ay := abs32(gx[i]), abs32(gy[i]); ax > 2*ay {
				step = 1
			} else if ay <= 2*ax {
				step = e.width + 1
				if (gx[i] > 0) != (gy[i] > 0) {
					step = e.width - 1
				}
			}
			if raw[i] >= raw[i-step] && raw[i] >= raw[i+step] {
				e.strength[i] = float32(math.Sqrt(float64(raw[i])))
				e.angle[i] = float32(math.Atan2(float64(gy[i]), float64(gx[i])))
			}
		}
	}
}

func abs32(v float32) float32 { return max(v, -v) }

// smooth averages three by three pixels.
func smooth(m *vision.RGB) *vision.RGB {
	out := vision.NewRGB(m.Width, m.Height)
	for y := range m.Height {
		for x := range m.Width {
			for c := range 3 {
				sum, n := 0, 0
				for ny := max(0, y-1); ny <= min(m.Height-1, y+1); ny++ {
					for nx := max(0, x-1); nx <= min(m.Width-1, x+1); nx++ {
						sum += int(m.Pix[3*(ny*m.Width+nx)+c])
						n++
					}
				}
				out.Pix[3*(y*m.Width+x)+c] = byte(sum / n)
			}
		}
	}
	return out
}

// straight is a line x·cos + y·sin = distance, with the normal's angle in [0, π) and its votes. frame marks an edge of the image itself.
type straight struct {
	angle, distance, votes float64
	frame                  bool
}

func (s straight) meet(t straight) (vision.Point, bool) {
	a, b, c, d := math.Cos(s.angle), math.Sin(s.angle), math.Cos(t.angle), math.Sin(t.angle)
	det := a*d - b*c
	if math.Abs(det) < 1e-6 {
		return vision.Point{}, false
	}
	return vision.Point{X: (s.distance*d - t.distance*b) / det, Y: (a*t.distance - c*s.distance) / det}, true
}

// lines gives the straight lines with most votes (Duda and Hart 1972, with the gradient's direction as O'Gorman and Clowes 1976),
// and the four edges of the image, which bound a document that fills it.
func (e *edgeMap) lines() []straight {
	diagonal := math.Hypot(float64(e.width), float64(e.height))
	cells := int(2*diagonal/distanceCell) + 1
	votes := make([]float32, angleCells*cells)
	cos, sin := angleTables()
	for i, s := range e.strength {
		if s == 0 {
			continue
		}
		x, y := float64(i%e.width)+0.5, float64(i/e.width)+0.5
		normal := math.Mod(float64(e.angle[i])+2*math.Pi, math.Pi)
		centre := int(normal / math.Pi * angleCells)
		for k := -voteSpread; k <= voteSpread; k++ {
			a := (centre + k + angleCells) % angleCells
			d := int((x*cos[a] + y*sin[a] + diagonal) / distanceCell)
			votes[a*cells+d] += min(s, maxVote)
		}
	}
	found := peaks(votes, cells, diagonal)
	w, h := float64(e.width), float64(e.height)
	return append(found,
		straight{0, 0.5, 0, true}, straight{0, w - 0.5, 0, true},
		straight{math.Pi / 2, 0.5, 0, true}, straight{math.Pi / 2, h - 0.5, 0, true})
}

func angleTables() (cos, sin [angleCells]float64) {
	for a := range angleCells {
		cos[a], sin[a] = math.Cos((float64(a)+0.5)*math.Pi/angleCells), math.Sin((float64(a)+0.5)*math.Pi/angleCells)
	}
	return cos, sin
}

// peaks takes the cells with most votes, none near a better one.
func peaks(votes []float32, cells int, diagonal float64) []straight {
	const nearAngle, nearDistance = 5, 4 // in cells: 7.5 degrees and 8 pixels
	order := make([]int, 0, 4096)
	for i, v := range votes {
		if v > float32(maxVote)*float32(diagonal)*0.02 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(votes[b], votes[a]) })
	var found []straight
	var kept []int
	for _, i := range order {
		if len(found) == maxLines {
			break
		}
		a, d := i/cells, i%cells
		if slices.ContainsFunc(kept, func(k int) bool {
			ka, kd := k/cells, k%cells
			da := max(a-ka, ka-a)
			if da > angleCells/2 { // the distance changes its sign across angle 0
				da, kd = angleCells-da, cells-1-kd
			}
			return da <= nearAngle && max(d-kd, kd-d) <= nearDistance
		}) {
			continue
		}
		kept = append(kept, i)
		found = append(found, straight{(float64(a) + 0.5) * math.Pi / angleCells, (float64(d)+0.5)*distanceCell - diagonal, float64(votes[i]), false})
	}
	return found
}

// support is the share of a side's length along which the image has an edge in the side's direction within two pixels.
func (e *edgeMap) support(from, to vision.Point) float64 {
	length := from.Distance(to)
	n := int(length)
	if n < 8 {
		return 0
	}
	u := to.Sub(from).Scale(1 / length)
	normal := math.Mod(math.Atan2(u.X, -u.Y)+2*math.Pi, math.Pi)
	hit, inside := 0, 0
	for k := range n {
		p := from.Add(u.Scale(float64(k) + 0.5))
		if p.X < 0 || p.Y < 0 || p.X >= float64(e.width) || p.Y >= float64(e.height) {
			continue
		}
		inside++
		if e.edgeNear(p, vision.Point{X: -u.Y, Y: u.X}, normal) {
			hit++
		}
	}
	if inside < n/2 {
		return 0
	}
	return float64(hit) / float64(n)
}

// edgeNear looks across a side for an edge pixel whose gradient is within 15 degrees of the side's normal.
func (e *edgeMap) edgeNear(p, across vision.Point, normal float64) bool {
	const reach, aligned = 2, 15 * math.Pi / 180
	for k := -reach; k <= reach; k++ {
		x, y := int(p.X+across.X*float64(k)), int(p.Y+across.Y*float64(k))
		if x < 0 || y < 0 || x >= e.width || y >= e.height {
			continue
		}
		i := y*e.width + x
		if e.strength[i] > 0 && angleBetween(float64(e.angle[i]), normal) < aligned {
			return true
		}
	}
	return false
}
