package specimen

import (
	"math"
	"runtime"
	"sync"

	"ekyc/internal/vision"
)

// rows runs f over bands of rows on every processor. What f does for a row must depend on the row alone, so that the result does
// not depend on the number of bands.
func rows(height int, f func(from, to int)) {
	bands := min(runtime.GOMAXPROCS(0), height)
	var wait sync.WaitGroup
	for b := range bands {
		wait.Go(func() { f(height*b/bands, height*(b+1)/bands) })
	}
	wait.Wait()
}

// lightCell is the spacing in pixels of the grid on which light is reckoned; it varies slowly.
const lightCell = 16

// lights is the light over the frame on a coarse grid: what it is multiplied with, and what lamps add on glossy things.
type lights struct {
	columns, rows int
	gain, lamp    []float32
}

// light reckons the grid: a slope across the frame, the lens's loss towards the corners, a shadow with a soft edge, and lamps.
func (v *view) light(width, height int) *lights {
	c := &v.capture
	l := &lights{columns: width/lightCell + 2, rows: height/lightCell + 2}
	l.gain, l.lamp = make([]float32, l.columns*l.rows), make([]float32, l.columns*l.rows)
	slopeX, slopeY := (v.rand.Float64()-0.5)*0.3*(0.2+c.Difficulty), (v.rand.Float64()-0.5)*0.3*(0.2+c.Difficulty)
	for j := range l.rows {
		for i := range l.columns {
			px, py := float64(i*lightCell), float64(j*lightCell)
			x, y := px/float64(width)-0.5, py/float64(height)-0.5
			gain := c.Exposure * (1 + slopeX*x + slopeY*y) * (1 - 0.18*(x*x+y*y))
			if c.Background == scannerLid { // its lamp travels along
				gain = c.Exposure
			}
			if c.Shadow > 0 {
				distance := c.shadowLine[0]*x + c.shadowLine[1]*y - c.shadowLine[2]
				gain *= 1 - c.Shadow*vision.Sigmoid(distance*40)
			}
			lamp := 0.0
			for _, s := range c.Glare {
				q := math.Hypot(px-s.Center.X, (py-s.Center.Y)*1.35) / s.Radius
				lamp += 255 * s.Strength * math.Exp(-q*q/2)
			}
			l.gain[j*l.columns+i], l.lamp[j*l.columns+i] = float32(gain), float32(lamp)
		}
	}
	return l
}

// row interpolates one row of the grid, for every pixel of it.
func (l *lights) row(y, width int, gain, lamp []float32) {
	j, fy := y/lightCell, float32(y%lightCell)/lightCell
	a, b := j*l.columns, (j+1)*l.columns
	for x := range width {
		i, fx := x/lightCell, float32(x%lightCell)/lightCell
		gain[x] = between(between(l.gain[a+i], l.gain[a+i+1], fx), between(l.gain[b+i], l.gain[b+i+1], fx), fy)
		lamp[x] = between(between(l.lamp[a+i], l.lamp[a+i+1], fx), between(l.lamp[b+i], l.lamp[b+i+1], fx), fy)
	}
}

func between(a, b, t float32) float32 { return a + (b-a)*t }

// expose draws the sheets on their background in the light of the view.
func (v *view) expose(things []lying, onSheet []vision.Homography, spec PhotoSpec) *vision.RGB {
	out := background(v.capture.Background, spec.Width, spec.Height, spec.Seed)
	light := v.light(spec.Width, spec.Height)
	warmth := float32(math.Sqrt(v.capture.Warmth))
	balance := [3]float32{warmth, 1, 1 / warmth}
	rows(spec.Height, func(from, to int) {
		gain, lamp := make([]float32, spec.Width), make([]float32, spec.Width)
		for y := from; y < to; y++ {
			light.row(y, spec.Width, gain, lamp)
			pixels := out.Pix[3*y*spec.Width : 3*(y+1)*spec.Width]
			for x := range spec.Width {
				p := vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}
				s, at := &things[0].sheet, onSheet[0].Apply(p)
				for i := 1; i < len(things); i++ { // the sheets do not overlap: the nearest counts
					if other := onSheet[i].Apply(p); things[i].sheet.outside(other)/things[i].sheet.scale < s.outside(at)/s.scale {
						s, at = &things[i].sheet, other
					}
				}
				s.through(pixels[3*x:3*x+3:3*x+3], at, gain[x], lamp[x], &balance)
			}
		}
	})
	return out
}

// through exposes one pixel that already holds the background; at is where its ray meets the sheet.
func (s *sheet) through(p []byte, at vision.Point, gain, lamp float32, balance *[3]float32) {
	// soft is the width of the shadow that the sheet throws on the table, drop how far it falls, in pixels of the sheet.
	soft, drop := 1.6*s.scale, vision.Point{X: 0.5 * s.scale, Y: 0.8 * s.scale}
	outside := s.outside(at)
	if outside > 0.5 { // beside the sheet, perhaps in its shadow
		if outside < 4*soft && !s.lit {
			q := max(0, s.outside(at.Sub(drop))) / soft
			gain *= float32(1 - 0.45*math.Exp(-q*q/2))
		}
		for i := range p {
			p[i] = level(float32(p[i]) * gain * balance[i])
		}
		return
	}
	var c [3]float32
	s.sample(at, &c)
	if s.lit {
		gain, balance = screenGain*(0.6+0.4*gain), &[3]float32{1, 1, 1}
	}
	cover := float32(min(1, 0.5-outside))
	for i := range p {
		lit := c[i]*gain*balance[i] + lamp*float32(s.gloss)
		p[i] = level(lit*cover + float32(p[i])*gain*balance[i]*(1-cover))
	}
}

// screenGain is how much longer a camera exposes a screen, whose stripes are darker on the mean than white paper.
const screenGain = 1.4

// level rounds and limits a light to a byte.
func level(v float32) byte {
	switch {
	case v <= 0:
		return 0
	case v >= 254.5:
		return 255
	}
	return byte(v + 0.5)
}

// outside is how far a point is from the sheet with its rounded corners, in pixels; negative inside.
func (s *sheet) outside(p vision.Point) float64 {
	w, h := float64(s.image.Width)/2, float64(s.image.Height)/2
	x, y := math.Abs(p.X-w)-w+s.corner, math.Abs(p.Y-h)-h+s.corner
	if x <= 0 || y <= 0 {
		return max(x, y) - s.corner
	}
	return math.Sqrt(x*x+y*y) - s.corner
}

// sample interpolates the sheet between its pixels.
func (s *sheet) sample(p vision.Point, c *[3]float32) {
	m := s.image
	x, y := max(0, min(p.X-0.5, float64(m.Width)-1.001)), max(0, min(p.Y-0.5, float64(m.Height)-1.001))
	x0, y0 := int(x), int(y)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	a := m.Pix[3*(y0*m.Width+x0):][:6:6]
	b := m.Pix[3*((y0+1)*m.Width+x0):][:6:6]
	for i := range c {
		top := between(float32(a[i]), float32(a[i+3]), fx)
		c[i] = between(top, between(float32(b[i]), float32(b[i+3]), fx), fy)
	}
}
