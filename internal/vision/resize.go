package vision

import "math"

// Halve averages blocks of two by two pixels; an odd last row or column is dropped.
func (m *RGB) Halve() *RGB {
	out := NewRGB(m.Width/2, m.Height/2)
	stride := 3 * m.Width
	for y := range out.Height {
		top := m.Pix[2*y*stride : (2*y+1)*stride]
		bottom := m.Pix[(2*y+1)*stride : (2*y+2)*stride]
		row := out.Pix[3*y*out.Width : 3*(y+1)*out.Width]
		for i, j := 0, 0; i+2 < len(row); i, j = i+3, j+6 {
			t, b, r := top[j:j+6:j+6], bottom[j:j+6:j+6], row[i:i+3:i+3]
			r[0] = byte((uint32(t[0]) + uint32(t[3]) + uint32(b[0]) + uint32(b[3]) + 2) >> 2)
			r[1] = byte((uint32(t[1]) + uint32(t[4]) + uint32(b[1]) + uint32(b[4]) + 2) >> 2)
			r[2] = byte((uint32(t[2]) + uint32(t[5]) + uint32(b[2]) + uint32(b[5]) + 2) >> 2)
		}
	}
	return out
}

// Resize gives the raster at an exact size: halved while at least twice too large, then bilinear with half-pixel centres.
func (m *RGB) Resize(width, height int) *RGB {
	for m.Width >= 2*width && m.Height >= 2*height {
		m = m.Halve()
	}
	if m.Width == width && m.Height == height {
		return m
	}
	return m.Sample(m.Bounds(), width, height)
}

// Fit shrinks the raster so that its longer side is at most maxSide; the factor is what coordinates were multiplied by (1 when
// nothing was to be done, never more).
func (m *RGB) Fit(maxSide int) (*RGB, float64) {
	longer := max(m.Width, m.Height)
	if longer <= maxSide {
		return m, 1
	}
	k := float64(maxSide) / float64(longer)
	w, h := max(1, int(math.Round(float64(m.Width)*k))), max(1, int(math.Round(float64(m.Height)*k)))
	return m.Resize(w, h), k
}

// Sample reads the rectangle r, which may reach over the edges (edge pixels are repeated), bilinearly at the given size.
// It does not filter: the caller chooses a pyramid level within a factor of two of the wanted scale.
func (m *RGB) Sample(r Rect, width, height int) *RGB {
	out := NewRGB(width, height)
	xs := newTaps(r.X0, r.Width(), width, m.Width)
	ys := newTaps(r.Y0, r.Height(), height, m.Height)
	for y, ty := range ys {
		top, bottom := m.Pix[3*ty.near*m.Width:], m.Pix[3*ty.far*m.Width:]
		row := out.Pix[3*y*width : 3*(y+1)*width]
		for x, tx := range xs {
			a, b := 3*tx.near, 3*tx.far
			for c := range 3 {
				t := uint32(top[a+c])*(256-tx.weight) + uint32(top[b+c])*tx.weight
				u := uint32(bottom[a+c])*(256-tx.weight) + uint32(bottom[b+c])*tx.weight
				row[3*x+c] = byte((t*(256-ty.weight) + u*ty.weight + 1<<15) >> 16)
			}
		}
	}
	return out
}

// Resize gives the raster at an exact size by averaging areas when shrinking and bilinearly when enlarging.
func (g *Gray) Resize(width, height int) *Gray {
	if width < g.Width || height < g.Height {
		return g.average(width, height)
	}
	return g.Sample(Rect{0, 0, float64(g.Width), float64(g.Height)}, width, height)
}

// Sample reads the rectangle r bilinearly at the given size, repeating edge pixels; see RGB.Sample.
func (g *Gray) Sample(r Rect, width, height int) *Gray {
	out := NewGray(width, height)
	xs := newTaps(r.X0, r.Width(), width, g.Width)
	ys := newTaps(r.Y0, r.Height(), height, g.Height)
	for y, ty := range ys {
		top, bottom := g.Pix[ty.near*g.Width:], g.Pix[ty.far*g.Width:]
		for x, tx := range xs {
			t := uint32(top[tx.near])*(256-tx.weight) + uint32(top[tx.far])*tx.weight
			u := uint32(bottom[tx.near])*(256-tx.weight) + uint32(bottom[tx.far])*tx.weight
			out.Pix[y*width+x] = byte((t*(256-ty.weight) + u*ty.weight + 1<<15) >> 16)
		}
	}
	return out
}

// average is the exact area average along each axis in turn; an axis that grows is interpolated.
func (g *Gray) average(width, height int) *Gray {
	columns := NewGray(width, g.Height)
	if width >= g.Width {
		columns = g.Sample(Rect{0, 0, float64(g.Width), float64(g.Height)}, width, g.Height)
	} else {
		spans := newSpans(g.Width, width)
		for y := range g.Height {
			row := g.Pix[y*g.Width : (y+1)*g.Width]
			for x, s := range spans {
				columns.Pix[y*width+x] = s.mean(row, 1)
			}
		}
	}
	if height >= g.Height {
		return columns.Sample(Rect{0, 0, float64(width), float64(g.Height)}, width, height)
	}
	out := NewGray(width, height)
	for y, s := range newSpans(g.Height, height) {
		for x := range width {
			out.Pix[y*width+x] = s.mean(columns.Pix[x:], width)
		}
	}
	return out
}

// tap is one bilinear position along an axis: two source indices and the weight of the second in 1/256.
type tap struct {
	near, far int
	weight    uint32
}

func newTaps(from, length float64, count, size int) []tap {
	taps := make([]tap, count)
	step := length / float64(count)
	for i := range taps {
		at := from + (float64(i)+0.5)*step - 0.5
		floor := math.Floor(at)
		n := int(floor)
		taps[i] = tap{min(max(n, 0), size-1), min(max(n+1, 0), size-1), uint32((at - floor) * 256)}
	}
	return taps
}

// span is one source interval [first, last] whose end pixels count by the given fractions.
type span struct {
	first, last             int
	firstWeight, lastWeight float64
	total                   float64
}

func newSpans(size, count int) []span {
	spans := make([]span, count)
	step := float64(size) / float64(count)
	for i := range spans {
		a, b := float64(i)*step, float64(i+1)*step
		first, last := int(a), min(size-1, int(math.Ceil(b))-1)
		spans[i] = span{first, last, float64(first+1) - a, b - float64(last), b - a}
		if first == last {
			spans[i].firstWeight, spans[i].lastWeight = b-a, 0
		}
	}
	return spans
}

func (s span) mean(pix []byte, stride int) byte {
	sum := float64(pix[s.first*stride]) * s.firstWeight
	for i := s.first + 1; i < s.last; i++ {
		sum += float64(pix[i*stride])
	}
	if s.last > s.first {
		sum += float64(pix[s.last*stride]) * s.lastWeight
	}
	return byte(min(255, sum/s.total+0.5))
}

// Blur averages with the binomial kernel 1 2 1 in both directions, which takes away the finest detail (sigma about 0.7 pixels).
func (m *RGB) Blur() *RGB {
	rows := NewRGB(m.Width, m.Height)
	for y := range m.Height {
		row := 3 * y * m.Width
		for x := range m.Width {
			left, right := 3*max(0, x-1), 3*min(m.Width-1, x+1)
			for c := range 3 {
				rows.Pix[row+3*x+c] = byte((int(m.Pix[row+left+c]) + 2*int(m.Pix[row+3*x+c]) + int(m.Pix[row+right+c]) + 2) >> 2)
			}
		}
	}
	out := NewRGB(m.Width, m.Height)
	stride := 3 * m.Width
	for y := range m.Height {
		above, below := max(0, y-1)*stride, min(m.Height-1, y+1)*stride
		for i := range stride {
			out.Pix[y*stride+i] = byte((int(rows.Pix[above+i]) + 2*int(rows.Pix[y*stride+i]) + int(rows.Pix[below+i]) + 2) >> 2)
		}
	}
	return out
}

// Blend mixes two rasters of one size: m where k is 0, other where it is 1; beyond these it exaggerates the difference, so that
// a blurred copy and a negative k sharpen.
func (m *RGB) Blend(other *RGB, k float64) *RGB {
	out := NewRGB(m.Width, m.Height)
	for i, v := range m.Pix {
		out.Pix[i] = byte(min(255, max(0, float64(v)+k*(float64(other.Pix[i])-float64(v))+0.5)))
	}
	return out
}
