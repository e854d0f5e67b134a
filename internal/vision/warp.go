package vision

import (
	"math"
	"sync"
)

// Border says what lies outside an image that is warped.
type Border int

// Black outside, or the nearest edge pixel.
const (
	BorderBlack Border = iota
	BorderReplicate
)

// Warp samples the raster bilinearly at h(x+½, y+½)−½ for each pixel of the destination: h carries destination to source.
// It does not filter; Pyramid.Warp does.
func (m *RGB) Warp(h Homography, width, height int, border Border) *RGB {
	out := NewRGB(width, height)
	at := newScan(h)
	for y := range height {
		at.row(y)
		row := out.Pix[3*y*width : 3*(y+1)*width]
		for x := range width {
			sx, sy := at.next()
			pixel := row[3*x : 3*x+3 : 3*x+3]
			if sx >= 0 && sy >= 0 && sx < float64(m.Width-1) && sy < float64(m.Height-1) { // nearly always
				x0, y0 := int(sx), int(sy)
				upper, lower := m.Pix[3*(y0*m.Width+x0):][:6:6], m.Pix[3*((y0+1)*m.Width+x0):][:6:6]
				wx, wy := uint32((sx-float64(x0))*256), uint32((sy-float64(y0))*256)
				pixel[0] = blend(upper[0], upper[3], lower[0], lower[3], wx, wy)
				pixel[1] = blend(upper[1], upper[4], lower[1], lower[4], wx, wy)
				pixel[2] = blend(upper[2], upper[5], lower[2], lower[5], wx, wy)
				continue
			}
			x0, y0, wx, wy, inside := m.locate(sx, sy, border)
			if !inside {
				continue
			}
			x1, y1 := min(x0+1, m.Width-1), min(y0+1, m.Height-1)
			x0, y0 = max(x0, 0), max(y0, 0)
			a, b := m.Pix[3*(y0*m.Width+x0):], m.Pix[3*(y0*m.Width+x1):]
			c, d := m.Pix[3*(y1*m.Width+x0):], m.Pix[3*(y1*m.Width+x1):]
			for k := range pixel {
				pixel[k] = blend(a[k], b[k], c[k], d[k], wx, wy)
			}
		}
	}
	return out
}

// blend weighs four neighbours, the later ones of each axis by wx and wy in 1/256.
func blend(a, b, c, d byte, wx, wy uint32) byte {
	t := uint32(a)*(256-wx) + uint32(b)*wx
	u := uint32(c)*(256-wx) + uint32(d)*wx
	return byte((t*(256-wy) + u*wy + 1<<15) >> 16)
}

// locate splits a sampling position into the pixel before it and the weights of the next, in 1/256.
func (m *RGB) locate(sx, sy float64, border Border) (x0, y0 int, wx, wy uint32, inside bool) {
	if !(sx > -1 && sy > -1 && sx < float64(m.Width) && sy < float64(m.Height)) {
		if border == BorderBlack || math.IsNaN(sx) || math.IsNaN(sy) {
			return 0, 0, 0, 0, false
		}
		sx = min(max(sx, 0), float64(m.Width-1))
		sy = min(max(sy, 0), float64(m.Height-1))
	}
	fx, fy := math.Floor(sx), math.Floor(sy)
	return int(fx), int(fy), uint32((sx - fx) * 256), uint32((sy - fy) * 256), true
}

// scan walks a homography along destination rows.
type scan struct {
	h       Homography
	u, v, w float64
}

func newScan(h Homography) *scan { return &scan{h: h} }

func (s *scan) row(y int) {
	fy := float64(y) + 0.5
	s.u = s.h[0]*0.5 + s.h[1]*fy + s.h[2]
	s.v = s.h[3]*0.5 + s.h[4]*fy + s.h[5]
	s.w = s.h[6]*0.5 + s.h[7]*fy + s.h[8]
}

func (s *scan) next() (x, y float64) {
	x, y = s.u/s.w-0.5, s.v/s.w-0.5
	s.u, s.v, s.w = s.u+s.h[0], s.v+s.h[3], s.w+s.h[6]
	return
}

// Pyramid is an image with its halved copies, made when first asked for. It is safe for concurrent use.
type Pyramid struct {
	native *RGB // levels[0], which is read while levels grows
	mu     sync.Mutex
	levels []*RGB
}

// NewPyramid starts a pyramid on the image at native resolution.
func NewPyramid(native *RGB) *Pyramid { return &Pyramid{native: native, levels: []*RGB{native}} }

// Native is the image at full resolution.
func (p *Pyramid) Native() *RGB { return p.native }

// Level gives the image halved n times, or fewer times where a side would fall under two pixels, and how often it was halved.
func (p *Pyramid) Level(n int) (*RGB, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.levels) <= n {
		last := p.levels[len(p.levels)-1]
		if last.Width < 4 || last.Height < 4 {
			break
		}
		p.levels = append(p.levels, last.Halve())
	}
	n = min(n, len(p.levels)-1)
	return p.levels[n], n
}

// Fit gives the image with its longer side at most maxSide and the factor from native coordinates (at most 1).
func (p *Pyramid) Fit(maxSide int) (*RGB, float64) {
	native := p.Native()
	longer := max(native.Width, native.Height)
	if longer <= maxSide {
		return native, 1
	}
	level, _ := p.Level(int(math.Log2(float64(longer) / float64(maxSide))))
	fitted, _ := level.Fit(maxSide)
	return fitted, float64(max(fitted.Width, fitted.Height)) / float64(longer)
}

// Warp samples the pyramid where h (destination to native coordinates) leads, from the level that keeps between one and
// two source pixels for each destination pixel at the centre of the destination.
func (p *Pyramid) Warp(h Homography, width, height int, border Border) *RGB {
	cx, cy := float64(width)/2, float64(height)/2
	o := h.Apply(Point{cx, cy})
	dx, dy := h.Apply(Point{cx + 1, cy}).Distance(o), h.Apply(Point{cx, cy + 1}).Distance(o)
	shrink := min(dx, dy)
	n := 0
	if shrink >= 2 && !math.IsInf(shrink, 0) {
		n = int(math.Log2(shrink))
	}
	level, n := p.Level(n)
	k := 1 / float64(int(1)<<n)
	for i := range 6 {
		h[i] *= k
	}
	return level.Warp(h, width, height, border)
}

// Rectify gives the content of a quadrilateral of native coordinates as an upright raster.
func (p *Pyramid) Rectify(q Quad, width, height int) (*RGB, bool) {
	h, ok := Between(Rect{0, 0, float64(width), float64(height)}.Quad(), q)
	if !ok {
		return nil, false
	}
	return p.Warp(h, width, height, BorderReplicate), true
}

// Sample gives the rectangle r of native coordinates at the given size; edge pixels are repeated outside.
func (p *Pyramid) Sample(r Rect, width, height int) *RGB {
	shrink := min(r.Width()/float64(width), r.Height()/float64(height))
	n := 0
	if shrink >= 2 {
		n = int(math.Log2(shrink))
	}
	level, n := p.Level(n)
	return level.Sample(r.Scale(1/float64(int(1)<<n)), width, height)
}
