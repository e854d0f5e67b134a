package forensic

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"

	"ekyc/internal/vision"
)

// CopyNames are the measures of the whole document that tell a copy: grids in the native pixels, light and colour of the document, and what
// lies around it.
func CopyNames() []string {
	return []string{
		"grid_light", "grid_light_most", "grid_colour", "grid_colour_most", "grid_level", "black", "white", "colour_spread", "colour_most",
		"colour_middle", "around_light", "around_spread", "around_colour", "border_light", "border_spread", "scale", "grid_fine",
	}
}

const (
	tile     = 256 // side of a piece whose spectrum is taken, in native pixels
	leastBin = 10  // lowest frequency that counts, in waves a tile: print and guilloche lie below
)

// copyEvidence measures the document as a whole; nil where it is smaller than a few tiles.
func copyEvidence(s Scene, p *plane) []float64 {
	q := p.local(s.Document)
	var light, colour, level, fine []float64
	transform := newSpectrum(tile)
	native := s.Photograph.Native()
	for _, at := range tilesOf(q, p) {
		peak, aligned := transform.peak(func(x, y int) float64 { return float64(p.pix[(at.y+y)*p.width+at.x+x]) }, s.Document)
		light, level = append(light, peak), append(level, aligned)
		// Red less blue: screens have stripes of colour, and halftones a grid of dots for each ink.
		peak, _ = transform.peak(func(x, y int) float64 {
			c := native.Pix[3*((at.y+y+p.top)*native.Width+at.x+x+p.left):]
			return float64(c[0]) - float64(c[2])
		}, s.Document)
		colour = append(colour, peak)
		fine = append(fine, transform.fine)
	}
	if len(light) == 0 {
		return nil
	}
	most := []float64{slices.Max(light), slices.Max(colour)}
	out := []float64{median(light), most[0], median(colour), most[1], median(level)}
	out = append(out, tones(s)...)
	return append(out, math.Log(s.Document.Width()/1000), median(fine))
}

// tonesSide is the longer side of the page on which its colours are measured.
const tonesSide = 160

type place struct{ x, y int }

// tilesOf places tiles on the document: four around its middle, or one in it.
func tilesOf(q vision.Quad, p *plane) (found []place) {
	for _, share := range [][2]float64{{0.3, 0.3}, {0.7, 0.3}, {0.3, 0.68}, {0.7, 0.68}, {0.5, 0.5}} {
		top, low := between(q[0], q[1], share[0]), between(q[3], q[2], share[0])
		c := between(top, low, share[1])
		at := place{int(c.X) - tile/2, int(c.Y) - tile/2}
		if at.x >= 0 && at.y >= 0 && at.x+tile <= p.width && at.y+tile <= p.height {
			found = append(found, at)
		}
	}
	return found[:min(4, len(found))]
}

func between(a, b vision.Point, t float64) vision.Point { return a.Add(b.Sub(a).Scale(t)) }

// spectrum takes power spectra of tiles; it keeps its memory between them and is not safe for concurrent use.
type spectrum struct {
	n       int
	window  []float64
	rows    *fourier.FFT
	columns *fourier.CmplxFFT
	line    []float64
	half    []complex128 // n rows of n/2+1
	column  []complex128
	power   []float64 // logarithm, columns first: n/2+1 times n
	sums    []float64
	fine    float64 // power of the highest frequencies beside that of the middle ones
}

func newSpectrum(n int) *spectrum {
	s := &spectrum{
		n: n, window: make([]float64, n), rows: fourier.NewFFT(n), columns: fourier.NewCmplxFFT(n), line: make([]float64, n),
		half: make([]complex128, n*(n/2+1)), column: make([]complex128, n), power: make([]float64, n*(n/2+1)),
		sums: make([]float64, (n+1)*(n/2+2)),
	}
	for i := range s.window {
		s.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n))
	}
	return s
}

// peak is how far the strongest frequency stands above those around it, in decades, and whether it lies along the document's
// axes (1) or between them (0).
func (s *spectrum) peak(at func(x, y int) float64, document vision.Quad) (height, aligned float64) {
	s.transform(at)
	n, h := s.n, s.n/2+1
	axis := vision.Angle(document[0], document[1])
	const reach = 5
	var low, high, nLow, nHigh float64
	for x := range h {
		for y := range n {
			fy := y
			if fy > n/2 {
				fy -= n
			}
			radius := math.Hypot(float64(x), float64(fy))
			v := s.power[x*n+y]
			switch {
			case radius > 0.40*float64(n) && radius < 0.5*float64(n):
				high, nHigh = high+v, nHigh+1
			case radius > 0.12*float64(n) && radius < 0.2*float64(n):
				low, nLow = low+v, nLow+1
			}
			if radius < leastBin*2 || radius > 0.49*float64(n) || onBlockGrid(x, n) && onBlockGrid(abs(fy), n) || x < 2 && onBlockGrid(abs(fy), n) || abs(fy) < 2 && onBlockGrid(x, n) {
				continue
			}
			if v := v - s.around(x, y, reach); v > height {
				height = v
				turn := math.Atan2(float64(fy), float64(x)) - axis
				aligned = 0.5 + 0.5*math.Cos(4*turn)
			}
		}
	}
	s.fine = high/max(1, nHigh) - low/max(1, nLow)
	return height, aligned
}

// onBlockGrid says whether a frequency is a multiple of an eighth of the sampling rate, within a bin: JPEG puts power there.
func onBlockGrid(f, n int) bool {
	r := f % (n / block)
	return r <= 1 || r >= n/block-1
}

// transform fills power and its sums.
func (s *spectrum) transform(at func(x, y int) float64) {
	n, h := s.n, s.n/2+1
	mean := 0.0
	for y := 0; y < n; y += 4 {
		for x := 0; x < n; x += 4 {
			mean += at(x, y)
		}
	}
	mean /= float64(n * n / 16)
	for y := range n {
		for x := range n {
			s.line[x] = (at(x, y) - mean) * s.window[x] * s.window[y]
		}
		s.rows.Coefficients(s.half[y*h:(y+1)*h], s.line)
	}
	for x := range h {
		for y := range n {
			s.column[y] = s.half[y*h+x]
		}
		s.columns.Coefficients(s.column, s.column)
		total := 0.0
		for y, c := range s.column {
			v := math.Log10(real(c)*real(c) + imag(c)*imag(c) + 1)
			s.power[x*n+y] = v
			total += v
			s.sums[(x+1)*(n+1)+y+1] = s.sums[x*(n+1)+y+1] + total
		}
	}
}

// around is the mean power of the bins within reach.
func (s *spectrum) around(x, y, reach int) float64 {
	n, h := s.n, s.n/2+1
	x0, x1, y0, y1 := max(0, x-reach), min(h, x+reach+1), max(0, y-reach), min(n, y+reach+1)
	sum := s.sums[x1*(n+1)+y1] - s.sums[x0*(n+1)+y1] - s.sums[x1*(n+1)+y0] + s.sums[x0*(n+1)+y0]
	return sum / float64((x1-x0)*(y1-y0))
}

// tones measures light and colour of the page, of its border, and of what lies around it. Colour is chroma (Cb, Cr) in grey levels.
func tones(s Scene) []float64 {
	m, _ := vision.NewPyramid(s.Page).Fit(tonesSide)
	inside := newTone()
	border := newTone()
	for y := range m.Height {
		for x := range m.Width {
			edge := min(x, y, m.Width-1-x, m.Height-1-y)
			c := m.Pix[3*(y*m.Width+x):][:3]
			if edge < m.Height/40+1 {
				border.add(c)
			} else {
				inside.add(c)
			}
		}
	}
	around := newTone()
	small, k := s.Photograph.Fit(640)
	q := s.Document.Scale(k)
	across := q.Height()
	for _, out := range []float64{0.03, 0.06, 0.09} {
		ring := grow(q, out*across, out*across)
		for i := range ring {
			for t := 0.05; t < 1; t += 0.05 {
				c := between(ring[i], ring[(i+1)%4], t)
				if x, y := int(c.X), int(c.Y); x >= 0 && y >= 0 && x < small.Width && y < small.Height {
					around.add(small.Pix[3*(y*small.Width+x):][:3])
				}
			}
		}
	}
	black, white := quantile(inside.light, 0.01), quantile(inside.light, 0.97)
	range_ := max(20, white)
	spread, most, middle := inside.colours()
	_, aroundMost, _ := around.colours()
	out := []float64{
		black / range_, white / 255, spread / range_ * 255, most / range_ * 255, middle / range_ * 255,
		median(around.light) / range_, (quantile(around.light, 0.9) - quantile(around.light, 0.1)) / range_, aroundMost / range_ * 255,
		median(border.light) / range_, (quantile(border.light, 0.9) - quantile(border.light, 0.1)) / range_,
	}
	if len(around.light) < 20 { // the document fills the frame
		out[5], out[6], out[7] = 0, 1, 30
	}
	return out
}

// tone collects light and chroma.
type tone struct{ light, cb, cr []float64 }

func newTone() *tone { return &tone{} }

func (t *tone) add(c []byte) {
	r, g, b := float64(c[0]), float64(c[1]), float64(c[2])
	t.light = append(t.light, 0.299*r+0.587*g+0.114*b)
	t.cb, t.cr = append(t.cb, -0.169*r-0.331*g+0.5*b), append(t.cr, 0.5*r-0.419*g-0.081*b)
}

// colours gives the spread of the chroma from its median in grey levels: of the middle half of the pixels, of the 98 % that are nearest to it,
// and how far the median itself is from grey. A tint of the light over everything moves the median only.
func (t *tone) colours() (spread, most, middle float64) {
	if len(t.cb) == 0 {
		return 0, 0, 0
	}
	cb, cr := median(slices.Clone(t.cb)), median(slices.Clone(t.cr))
	away := make([]float64, len(t.cb))
	for i := range away {
		away[i] = math.Hypot(t.cb[i]-cb, t.cr[i]-cr)
	}
	return quantile(away, 0.5), quantile(away, 0.98), math.Hypot(cb, cr)
}
