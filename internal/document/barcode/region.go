package barcode

import (
	"math"
	"slices"

	"ekyc/internal/vision"
)

// region is a part of an image that is striped like a stacked bar code: its middle, the direction of its rows, and its size along
// and across them, in pixels.
type region struct {
	middle        vision.Point
	angle         float64 // of the rows, in radians from the x axis
	width, height float64
	strength      float64
}

// The search for stripes, on an image of at most searchSide pixels in blocks of blockSide. The thresholds are loose: a region that is
// none costs one vain attempt to read it.
const (
	searchSide   = 800
	blockSide    = 8
	minEnergy    = 300.0 // mean squared gradient of grey levels: plain stripes, not texture of paper
	minCoherence = 0.35  // 0: gradients in all directions, 1: in one
	joinAngle    = 20 * math.Pi / 180
	minBlocks    = 20
	maxRegions   = 2
	regionMargin = 1.15 // quiet zone, and the blocks at the edge that stripes fill by half
)

// block is the structure tensor of one block: its gradients' strength and main direction.
type block struct {
	energy    float64
	angle     float64
	striped   bool
	collected bool
}

// findRegions gives the largest striped regions, the strongest first.
func findRegions(m *vision.Gray) []region {
	scale := min(1, searchSide/float64(max(m.Width, m.Height)))
	small := m
	if scale < 1 {
		small = m.Resize(max(1, int(float64(m.Width)*scale)), max(1, int(float64(m.Height)*scale)))
	}
	columns, rows := small.Width/blockSide, small.Height/blockSide
	blocks := make([]block, columns*rows)
	for i := range blocks {
		blocks[i] = measureBlock(small, i%columns*blockSide, i/columns*blockSide)
	}
	var regions []region
	for i := range blocks {
		if blocks[i].striped && !blocks[i].collected {
			if members := collect(blocks, columns, i); len(members) >= minBlocks {
				regions = append(regions, regionOf(blocks, columns, members, blockSide/scale))
			}
		}
	}
	slices.SortFunc(regions, func(a, b region) int {
		if a.strength > b.strength {
			return -1
		}
		return 1
	})
	return regions[:min(maxRegions, len(regions))]
}

func measureBlock(m *vision.Gray, x0, y0 int) block {
	var xx, xy, yy float64
	n := 0
	for y := max(1, y0); y < min(y0+blockSide, m.Height-1); y++ {
		for x := max(1, x0); x < min(x0+blockSide, m.Width-1); x++ {
			gx, gy := gradient(m.Pix[(y-1)*m.Width+x-1:], m.Width)
			xx, xy, yy = xx+gx*gx, xy+gx*gy, yy+gy*gy
			n++
		}
	}
	energy := (xx + yy) / float64(max(1, n))
	coherence := math.Hypot(xx-yy, 2*xy) / max(1, xx+yy)
	return block{energy: energy, angle: math.Atan2(2*xy, xx-yy) / 2, striped: energy >= minEnergy && coherence >= minCoherence}
}

// gradient is Scharr's, whose direction is true at any angle; p starts at the upper left neighbour.
func gradient(p []byte, stride int) (gx, gy float64) {
	a, b, c := float64(p[0]), float64(p[1]), float64(p[2])
	d, f := float64(p[stride]), float64(p[stride+2])
	g, h, i := float64(p[2*stride]), float64(p[2*stride+1]), float64(p[2*stride+2])
	return (3*(c-a) + 10*(f-d) + 3*(i-g)) / 16, (3*(g-a) + 10*(h-b) + 3*(i-c)) / 16
}

// collect gathers the striped blocks that touch and agree in direction, starting from one.
func collect(blocks []block, columns, from int) []int {
	blocks[from].collected = true
	members := []int{from}
	for next := 0; next < len(members); next++ {
		i := members[next]
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				column, k := i%columns+dx, i+dy*columns+dx
				if column < 0 || column >= columns || k < 0 || k >= len(blocks) || blocks[k].collected || !blocks[k].striped {
					continue
				}
				if math.Abs(halfTurn(blocks[k].angle-blocks[from].angle)) <= joinAngle {
					blocks[k].collected = true
					members = append(members, k)
				}
			}
		}
	}
	return members
}

// halfTurn brings the difference of two directions, which have no sign, to -90 to 90 degrees.
func halfTurn(angle float64) float64 {
	return angle - math.Pi*math.Round(angle/math.Pi)
}

// regionOf fits a rectangle in the mean direction around the blocks. unit is a block's side in pixels of the image.
func regionOf(blocks []block, columns int, members []int, unit float64) region {
	var sin, cos float64
	r := region{}
	for _, i := range members {
		sin += blocks[i].energy * math.Sin(2*blocks[i].angle)
		cos += blocks[i].energy * math.Cos(2*blocks[i].angle)
		r.strength += math.Sqrt(blocks[i].energy)
	}
	r.angle = math.Atan2(sin, cos) / 2
	s, c := math.Sincos(r.angle)
	lowU, highU, lowV, highV := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, i := range members {
		x, y := (float64(i%columns)+0.5)*unit, (float64(i/columns)+0.5)*unit
		u, v := x*c+y*s, y*c-x*s
		lowU, highU, lowV, highV = min(lowU, u), max(highU, u), min(lowV, v), max(highV, v)
	}
	u, v := (lowU+highU)/2, (lowV+highV)/2
	r.middle = vision.Point{X: u*c - v*s, Y: u*s + v*c}
	r.width, r.height = (highU-lowU+2*unit)*regionMargin, (highV-lowV+2*unit)*regionMargin
	return r
}

// cut samples the region upright at the given scale, and gives the way back for points.
func (r region) cut(m *vision.Gray, scale float64) (*vision.Gray, func(vision.Point) vision.Point) {
	width, height := max(minSide, int(r.width*scale)), max(minSide, int(r.height*scale))
	sin, cos := math.Sincos(r.angle)
	back := func(p vision.Point) vision.Point {
		u, v := (p.X-float64(width)/2)/scale, (p.Y-float64(height)/2)/scale
		return vision.Point{X: r.middle.X + u*cos - v*sin, Y: r.middle.Y + u*sin + v*cos}
	}
	out := vision.NewGray(width, height)
	for y := range height {
		for x := range width {
			p := back(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			out.Pix[y*width+x] = bilinear(m, p.X-0.5, p.Y-0.5)
		}
	}
	return out, back
}

// paper is what surrounds an image: white, as a quiet zone is.
const paper = 255

func bilinear(m *vision.Gray, x, y float64) byte {
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	if x0 < 0 || y0 < 0 || x0+1 >= m.Width || y0+1 >= m.Height {
		return paper
	}
	fx, fy := x-float64(x0), y-float64(y0)
	at := y0*m.Width + x0
	upper := float64(m.Pix[at])*(1-fx) + float64(m.Pix[at+1])*fx
	lower := float64(m.Pix[at+m.Width])*(1-fx) + float64(m.Pix[at+m.Width+1])*fx
	return byte(upper*(1-fy) + lower*fy + 0.5)
}
