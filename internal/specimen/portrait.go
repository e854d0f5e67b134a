package specimen

import (
	"math"
	"math/rand/v2"

	"ekyc/internal/vision"
)

// figureWidth and figureHeight are the size of a drawn figure, in pixels.
const (
	figureWidth  = 420
	figureHeight = 540
)

// portraitPicture is the photograph, or a drawn figure where there is none.
func portraitPicture(p *Portrait, r *rand.Rand) *vision.RGB {
	if p != nil {
		return p.Image
	}
	return figure(r)
}

// figure draws head and shoulders that resemble nobody, for documents without a photograph.
func figure(r *rand.Rand) *vision.RGB {
	c := &canvas{image: vision.NewRGB(figureWidth, figureHeight), scale: 1}
	skin := pick(r, []uint32{0xE8BE9E, 0xD6A27C, 0xA9744F, 0x7C5236, 0xF0CDB4})
	hair := pick(r, []uint32{0x2A211C, 0x5A3A22, 0x8A6A3C, 0x777777, 0x3B2A2A})
	shirt := pick(r, []uint32{0x33475B, 0x5B3340, 0x2F4F3F, 0x444444})
	c.fill(c.image.Bounds(), solid(0xD9DEE2))
	at := func(x, y float64) vision.Point { return vision.Point{X: x, Y: y} }
	middle := figureWidth/2 + 8*(r.Float64()-0.5)
	c.ellipse(at(middle, 560), 185, 150, solid(shirt))
	c.polygon([]vision.Point{at(middle-45, 350), at(middle+45, 350), at(middle+55, 430), at(middle-55, 430)}, solid(skin))
	c.ellipse(at(middle, 225), 118, 150, solid(hair))
	c.ellipse(at(middle, 255), 100, 132, solid(skin))
	for _, side := range []float64{-1, 1} {
		eye := at(middle+side*40, 240)
		c.ellipse(eye, 17, 9, solid(0xF4F4F0))
		c.ellipse(eye, 8, 8, solid(0x3A2C20))
		c.ellipse(at(eye.X, eye.Y-20), 21, 4, solid(hair))
	}
	c.curve(30, 5, solid(skin).faint(1).darker(0.75), func(t float64) vision.Point {
		return at(middle-10+10*math.Sin(3*t), 245+55*t)
	})
	c.ellipse(at(middle, 335), 32, 8, solid(0xA4564F))
	return c.image
}

// darker is the same ink with less light.
func (k ink) darker(share float64) ink {
	k.R, k.G, k.B = byte(float64(k.R)*share), byte(float64(k.G)*share), byte(float64(k.B)*share)
	return k
}
