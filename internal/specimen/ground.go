package specimen

import (
	"math"
	"math/rand/v2"

	"ekyc/internal/vision"
)

// Guilloche: how far its lines are apart and how thick they are, in millimetres.
const (
	lineSpacing   = 1.15
	lineThickness = 0.09
)

// ground prints the background of a side: tinted paper, two families of waves, a rosette, the band of the title, the white strip of
// the zone.
func (s *side) ground(c *canvas) {
	r := chance(s.seed, "ground")
	s.tint(c)
	s.waves(c, r, solid(s.colours.line).faint(0.55))
	s.waves(c, r, solid(s.colours.second).faint(0.40))
	s.rosette(c, r)
	if s.band {
		s.titleBand(c)
	}
	if s.strip && len(s.zone) > 0 {
		top := s.zoneY[0] - 6
		c.fill(vision.Rect{X0: 0, Y0: top, X1: s.size.width, Y1: s.size.height}, solid(0xFAFAF7).faint(0.75))
	}
	if s.flag != "" {
		s.unionFlag(c)
	}
	c.text("SPECIMEN", s.size.width*0.30, s.size.height*0.93, style{face: bold, size: s.size.height * 0.17, ink: ink{rgbOf(0xB03030), 0.10}, angle: -24})
}

// tint fills the paper with a gradient between its own colour and that of the lines.
func (s *side) tint(c *canvas) {
	from, to := rgbOf(s.colours.paper), mix(rgbOf(s.colours.paper), rgbOf(s.colours.second), 0.22)
	width := c.image.Width
	for x := range width {
		k := mix(from, to, 0.5-0.5*math.Cos(2*math.Pi*float64(x)/float64(width)))
		for y := range c.image.Height {
			p := c.image.Pix[3*(y*width+x):]
			p[0], p[1], p[2] = k.R, k.G, k.B
		}
	}
}

// waves draws a family of parallel curves whose phase drifts from line to line.
func (s *side) waves(c *canvas, r *rand.Rand, k ink) {
	length, height := 9+14*r.Float64(), 1.5+2.5*r.Float64()
	long, drift, phase := 40+40*r.Float64(), 0.1+0.35*r.Float64(), 2*math.Pi*r.Float64()
	for i := range int(s.size.height/lineSpacing) + 8 {
		base := lineSpacing * float64(i-4)
		shift := phase + drift*float64(i)
		c.wave(0, s.size.width, lineThickness, k, func(x float64) float64 {
			return base + height*math.Sin(2*math.Pi*x/length+shift)*math.Sin(2*math.Pi*x/long+shift/3)
		})
	}
}

// rosette draws a ring of overlapping loops in the free part of the page.
func (s *side) rosette(c *canvas, r *rand.Rand) {
	center := vision.Point{X: s.size.width * (0.62 + 0.2*r.Float64()), Y: s.size.height * (0.36 + 0.1*r.Float64())}
	radius := s.size.height * 0.30
	petals, inner := float64(7+r.IntN(7)), 0.45+0.25*r.Float64()
	k := solid(s.colours.line).faint(0.35)
	for turn := range 3 {
		shift := float64(turn) * math.Pi / (3 * petals)
		c.curve(1400, lineThickness*1.1, k, func(t float64) vision.Point {
			a := 2 * math.Pi * t
			q := radius * (inner + (1-inner)*math.Cos(petals*a+shift*petals)*math.Cos(3*a))
			sin, cos := math.Sincos(a + shift)
			return vision.Point{X: center.X + q*cos, Y: center.Y + q*sin}
		})
	}
}

// curve strokes a parametric curve (t from 0 to 1) as thin quadrilaterals between its points.
func (c *canvas) curve(steps int, thickness float64, k ink, at func(t float64) vision.Point) {
	from := at(0)
	for i := range steps {
		to := at(float64(i+1) / float64(steps))
		across := to.Sub(from)
		if length := math.Hypot(across.X, across.Y); length > 0 {
			n := vision.Point{X: -across.Y, Y: across.X}.Scale(thickness / 2 / length)
			c.polygon([]vision.Point{from.Add(n), to.Add(n), to.Sub(n), from.Sub(n)}, k)
		}
		from = to
	}
}

// titleBand tints the head of the document and draws an emblem in it.
func (s *side) titleBand(c *canvas) {
	height := s.size.height * 0.125
	c.fill(vision.Rect{X0: 0, Y0: 0, X1: s.size.width, Y1: height}, solid(s.colours.second).faint(0.20))
	center := vision.Point{X: s.size.width - height, Y: height/2 + 0.6}
	title := solid(s.colours.title)
	c.ellipse(center, height*0.40, height*0.40, title.faint(0.75))
	c.ellipse(center, height*0.34, height*0.34, solid(s.colours.paper))
	star := make([]vision.Point, 16)
	for i := range star {
		sin, cos := math.Sincos(math.Pi * float64(i) / 8)
		radius := height * (0.30 - 0.17*float64(i%2))
		star[i] = vision.Point{X: center.X + radius*sin, Y: center.Y - radius*cos}
	}
	c.polygon(star, title.faint(0.8))
}

// overlay is what lies over everything: fine lines across the edge of the portrait and a faint hologram.
func (s *side) overlay(c *canvas) {
	if s.portrait.Area() == 0 {
		return
	}
	r := chance(s.seed, "overlay")
	k := solid(s.colours.title).faint(0.16)
	for i := range 7 {
		base := s.portrait.Y1 - 1.5*float64(i)
		phase := r.Float64()
		c.wave(s.portrait.X0-2, s.portrait.X1+3, 0.12, k, func(x float64) float64 { return base + 0.7*math.Sin(x*0.9+phase) })
	}
	center := vision.Point{X: s.portrait.X1, Y: s.portrait.Y1 - s.portrait.Height()*0.18}
	for i := range 4 {
		radius := s.portrait.Width() * (0.10 + 0.035*float64(i))
		c.curve(90, 0.15, ink{mix(rgbOf(0xE8F4FF), rgbOf(s.colours.second), float64(i)/4), 0.45}, func(t float64) vision.Point {
			sin, cos := math.Sincos(2 * math.Pi * t)
			return vision.Point{X: center.X + radius*cos, Y: center.Y + radius*sin}
		})
	}
}

// unionFlag is the blue field with its ring of stars and the state's letters, as on licences of the European Union.
func (s *side) unionFlag(c *canvas) {
	box := vision.Rect{X0: 3, Y0: 3, X1: 14, Y1: 12.5}
	c.fill(box, solid(0x1C3F94))
	center := box.Center()
	for i := range 12 {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / 12)
		c.ellipse(vision.Point{X: center.X + 3.9*sin, Y: center.Y - 3.9*cos}, 0.5, 0.5, solid(0xF6D230))
	}
	c.text(s.flag, center.X, center.Y+1.1, style{face: bold, size: 3, ink: solid(0xFFFFFF), align: 0.5})
}

// sign scrawls a signature into its place: loops that lean and wander.
func (s *side) sign(c *canvas) {
	r := chance(s.seed, "signature")
	box, middle := s.signature, s.signature.Center().Y
	loops, lean, tall := 5+4*r.Float64(), 0.4+0.4*r.Float64(), box.Height()*(0.25+0.2*r.Float64())
	phase, second := 2*math.Pi*r.Float64(), 1.3+1.4*r.Float64()
	c.curve(220, 0.28, solid(0x1B2440).faint(0.85), func(t float64) vision.Point {
		a := 2 * math.Pi * loops * t
		y := tall * (1 - 0.55*t) * (0.6*math.Sin(a+phase) + 0.4*math.Sin(second*a))
		return vision.Point{X: box.X0 + box.Width()*t*0.92 + 1.1*math.Cos(a+phase) - lean*y, Y: middle + y}
	})
}
