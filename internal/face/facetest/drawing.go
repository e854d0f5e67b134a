package facetest

import (
	"math"

	"ekyc/internal/vision"
)

// DrawFace paints a plain frontal face of the given width about a centre: skin, hair, brows, eyes, nose and mouth with soft
// shading. It is no photograph, but enough of a face for the networks to find and to align.
func DrawFace(m *vision.RGB, c vision.Point, width, turn float64, eyesOpen bool) {
	sin, cos := math.Sincos(turn)
	for y := range m.Height {
		for x := range m.Width {
			dx, dy := (float64(x)+0.5-c.X)/width, (float64(y)+0.5-c.Y)/width
			u, v := cos*dx+sin*dy, -sin*dx+cos*dy
			if colour, inside := faceColour(u, v, eyesOpen); inside {
				copy(m.Pix[3*(y*m.Width+x):], colour[:])
			}
		}
	}
}

// faceColour is the colour at a place of the face, in face widths from its centre; false outside.
func faceColour(u, v float64, eyesOpen bool) ([3]byte, bool) {
	ellipse := func(cx, cy, rx, ry float64) float64 { return math.Hypot((u-cx)/rx, (v-cy)/ry) }
	if ellipse(0, 0, 0.5, 0.68) > 1 {
		if ellipse(0, -0.2, 0.58, 0.65) <= 1 && v < 0.15 {
			return [3]byte{52, 38, 30}, true // hair
		}
		if math.Abs(u) < 0.2 && v > 0.4 && v < 0.95 {
			return [3]byte{186, 140, 116}, true // neck
		}
		return [3]byte{}, false
	}
	light := 1 - 0.35*math.Pow(ellipse(0.05, -0.05, 0.5, 0.68), 2)
	r, g, b := 232.0, 184.0, 156.0
	paint := func(strength, pr, pg, pb float64) {
		strength = min(1, max(0, strength))
		r, g, b = r+(pr-r)*strength, g+(pg-g)*strength, b+(pb-b)*strength
	}
	soft := func(d, edge float64) float64 { return (1 - d) / edge }
	if v < -0.42 {
		paint((-0.42-v)*12, 52, 38, 30) // hairline
	}
	for _, s := range []float64{-1, 1} {
		paint(0.45*soft(ellipse(s*0.2, -0.1, 0.16, 0.11), 0.9), 150, 100, 84) // socket
		paint(soft(ellipse(s*0.2, -0.205, 0.12, 0.026), 0.5), 60, 42, 34)     // brow
		if eyesOpen {
			paint(soft(ellipse(s*0.2, -0.09, 0.095, 0.043), 0.3), 240, 236, 232) // white of the eye
			paint(soft(ellipse(s*0.2, -0.09, 0.043, 0.043), 0.3), 70, 48, 32)    // iris
			paint(soft(ellipse(s*0.2, -0.09, 0.02, 0.02), 0.3), 10, 8, 8)        // pupil
			paint(soft(ellipse(s*0.2, -0.131, 0.1, 0.012), 0.6), 50, 32, 26)     // lid
		} else {
			paint(soft(ellipse(s*0.2, -0.07, 0.1, 0.014), 0.6), 50, 32, 26) // lashes
		}
		paint(0.7*soft(ellipse(s*0.055, 0.155, 0.03, 0.018), 0.6), 110, 62, 52)
	}
	paint(0.3*soft(ellipse(-0.06, 0.03, 0.03, 0.16), 0.9), 160, 110, 90)
	paint(0.35*soft(ellipse(0, 0.1, 0.06, 0.07), 0.9), 250, 214, 190)
	paint(0.35*soft(ellipse(0, 0.185, 0.1, 0.02), 0.9), 140, 90, 76)
	paint(soft(ellipse(0, 0.325, 0.15, 0.05), 0.35), 176, 84, 80) // lips
	paint(soft(ellipse(0, 0.322, 0.14, 0.008), 0.6), 96, 40, 40)  // between them
	paint(0.4*soft(ellipse(0, 0.42, 0.09, 0.02), 0.9), 170, 122, 100)
	return [3]byte{byte(r * light), byte(g * light), byte(b * light)}, true
}

// PaintScene is a grey wall with what is drawn on it.
func PaintScene(width, height int, draw func(m *vision.RGB)) *vision.Pyramid {
	m := wall(width, height)
	draw(m)
	return vision.NewPyramid(m)
}

// Sketch draws the person with dark lines on paper, as a pencil does.
func (p *Person) Sketch() *vision.RGB {
	grey := p.Picture.Gray()
	soft := p.Picture.Blur().Gray()
	m := vision.NewRGB(grey.Width, grey.Height)
	paper := [3]float64{246, 241, 228}
	for y := 1; y < grey.Height-1; y++ {
		for x := 1; x < grey.Width-1; x++ {
			at := y*grey.Width + x
			gx := float64(soft.Pix[at+1]) - float64(soft.Pix[at-1])
			gy := float64(soft.Pix[at+grey.Width]) - float64(soft.Pix[at-grey.Width])
			ink := min(1, max(0, math.Hypot(gx, gy)-8)/30)
			for c := range 3 {
				m.Pix[3*at+c] = level(paper[c] * (1 - 0.85*ink))
			}
		}
	}
	return m
}

// Cartoon paints the person in a few flat colours.
func (p *Person) Cartoon() *vision.RGB {
	const steps = 40.0 // grey levels from one colour to the next
	soft := p.Picture
	for range 6 {
		soft = soft.Blur()
	}
	m := vision.NewRGB(soft.Width, soft.Height)
	for i, v := range soft.Pix {
		m.Pix[i] = level(steps * math.Round(float64(v)/steps))
	}
	return m
}
