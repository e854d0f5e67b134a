package facetest

import (
	"math"

	"ekyc/internal/face/liveness/livenesstest"
	"ekyc/internal/vision"
)

// Dark takes most of the light away.
func (p *Person) Dark() *vision.RGB {
	return p.each(func(v float64, _, _ int) float64 { return v / 6 })
}

// Bright overexposes.
func (p *Person) Bright() *vision.RGB {
	return p.each(func(v float64, _, _ int) float64 { return v*0.9 + 140 })
}

// Flat leaves hardly any contrast, as fog on the lens does.
func (p *Person) Flat() *vision.RGB {
	return p.each(func(v float64, _, _ int) float64 { return 120 + v/12 })
}

// HalfLit leaves one half of the face in the dark.
func (p *Person) HalfLit() *vision.RGB {
	middle := p.Face.Landmarks.Points[noseTip].X
	return p.each(func(v float64, x, _ int) float64 {
		if float64(x) < middle {
			return v / 5
		}
		return v
	})
}

// Grey takes the colour away.
func (p *Person) Grey() *vision.RGB { return p.Picture.Gray().RGB() }

// Blurred is out of focus: its detail is that of a picture whose face is 30 pixels wide.
func (p *Person) Blurred() *vision.RGB {
	k := 30 / p.Face.Box.Width()
	w, h := int(float64(p.Picture.Width)*k), int(float64(p.Picture.Height)*k)
	return p.Picture.Resize(w, h).Resize(p.Picture.Width, p.Picture.Height)
}

// Wide shows the portrait in a scene of the given size, its face of the given width, a little over the middle.
func (p *Person) Wide(width, height int, faceWidth float64) *vision.RGB {
	k := faceWidth / p.Face.Box.Width()
	w, h := int(float64(p.Picture.Width)*k), int(float64(p.Picture.Height)*k)
	scene := wall(width, height)
	paste(scene, p.Picture.Resize(w, h), (width-w)/2, (height-h)/3)
	return scene
}

// CutOff shows the face at the picture's edge, a third of it outside.
func (p *Person) CutOff() *vision.RGB {
	b := p.Face.Landmarks.Bounds()
	return p.Picture.Crop(vision.Rect{X0: b.X0 + b.Width()/3, Y0: 0, X1: float64(p.Picture.Width), Y1: float64(p.Picture.Height)})
}

// Turned looks far to the side, by the simulation of recordings.
func (p *Person) Turned() *vision.RGB {
	yaw := 55.0 // degrees, further to the side to which the head is turned already
	if p.Face.Pose.Yaw < 0 {
		yaw = -yaw
	}
	return livenesstest.NewActor(p.Picture, p.Face.Landmarks).Solid(livenesstest.State{Yaw: yaw})
}

// Beside shows two people of one size next to each other.
func (p *Person) Beside(q *Person) *vision.RGB {
	const faceWidth, side = 150.0, 400
	m := vision.NewRGB(2*side, side)
	paste(m, p.Wide(side, side, faceWidth), 0, 0)
	paste(m, q.Wide(side, side, faceWidth), side, 0)
	return m
}

// Points of the mesh of package face (canonical_face_model_uv_visualization of MediaPipe) that are drawn over.
const (
	noseTip    = 1
	noseMiddle = 195
	rightCheek = 50
	leftCheek  = 280
	rightEar   = 234
	leftEar    = 454
)

// jaw is the lower part of the face's outline from one ear to the other.
var jaw = []int{leftEar, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, rightEar}

// Masked covers mouth and nose with a mask of a colour.
func (p *Person) Masked(colour [3]byte) *vision.RGB {
	outline := append(append([]int{}, jaw...), rightCheek, noseMiddle, leftCheek)
	m := copied(p.Picture)
	points := p.points(outline)
	middle, size := p.Face.Landmarks.Bounds().Center(), p.Face.Landmarks.Bounds().Width()
	fill(m, points, func(at vision.Point) [3]byte {
		// Folds across, and darker to the sides.
		shade := 1 - 0.35*math.Pow((at.X-middle.X)/size*1.6, 2) + 0.05*math.Sin((at.Y-middle.Y)/size*40)
		return shaded(colour, shade)
	})
	return m
}

// Sunglasses puts dark glasses on.
func (p *Person) Sunglasses() *vision.RGB {
	right, left := p.Face.Landmarks.EyeCenters()
	distance := right.Distance(left)
	m := copied(p.Picture)
	for _, eye := range []vision.Point{right, left} {
		p.ellipse(m, eye, 0.42*distance, 0.3*distance, func(at vision.Point) [3]byte {
			return shaded([3]byte{30, 28, 32}, 1+(eye.Y-at.Y)/distance)
		})
	}
	p.ellipse(m, right.Midpoint(left), 0.3*distance, 0.05*distance, func(vision.Point) [3]byte { return [3]byte{24, 22, 24} })
	return m
}

// Covered holds a plain thing, as a telephone, before one half of the face.
func (p *Person) Covered(colour [3]byte) *vision.RGB {
	b := p.Face.Landmarks.Bounds()
	m := copied(p.Picture)
	middle := p.Face.Landmarks.Points[noseTip].X
	fill(m, []vision.Point{{X: b.X0 - 0.15*b.Width(), Y: b.Y0 - 0.1*b.Height()}, {X: middle, Y: b.Y0 - 0.1*b.Height()}, {X: middle, Y: b.Y1 + 0.1*b.Height()}, {X: b.X0 - 0.15*b.Width(), Y: b.Y1 + 0.1*b.Height()}},
		func(vision.Point) [3]byte { return colour })
	return m
}

// HandBeforeMouth holds a hand before mouth and chin: something of the face's own colour without its features.
func (p *Person) HandBeforeMouth() *vision.RGB {
	l := p.Face.Landmarks
	skin := p.colourAt(l.Points[rightCheek].Midpoint(l.Points[leftCheek]))
	b := l.Bounds()
	mouth := l.Points[13]
	m := copied(p.Picture)
	p.ellipse(m, mouth, 0.42*b.Width(), 0.2*b.Height(), func(at vision.Point) [3]byte {
		fingers := 1 + 0.06*math.Sin((at.Y-mouth.Y)/b.Height()*45)
		return shaded(skin, fingers)
	})
	return m
}

// colourAt is the mean colour about a place.
func (p *Person) colourAt(at vision.Point) (c [3]byte) {
	h := 0.06 * p.Face.Box.Width()
	patch := p.Picture.Sample(vision.Rect{X0: at.X - h, Y0: at.Y - h, X1: at.X + h, Y1: at.Y + h}, 1, 1)
	copy(c[:], patch.Pix)
	return c
}

func (p *Person) points(mesh []int) []vision.Point {
	out := make([]vision.Point, len(mesh))
	for i, n := range mesh {
		out[i] = p.Face.Landmarks.Points[n]
	}
	return out
}

// ellipse paints an ellipse that is turned with the eyes.
func (p *Person) ellipse(m *vision.RGB, c vision.Point, rx, ry float64, colour func(vision.Point) [3]byte) {
	right, left := p.Face.Landmarks.EyeCenters()
	sin, cos := math.Sincos(vision.Angle(right, left))
	var outline []vision.Point
	for i := range 48 {
		s, k := math.Sincos(2 * math.Pi * float64(i) / 48)
		x, y := rx*k, ry*s
		outline = append(outline, vision.Point{X: c.X + cos*x - sin*y, Y: c.Y + sin*x + cos*y})
	}
	fill(m, outline, colour)
}

// Statue turns the person to stone: no colour but that of the stone, hair and eyes as pale as the skin.
func (p *Person) Statue() *vision.RGB {
	pale := p.Picture.Gray().RGB()
	m := vision.NewRGB(pale.Width, pale.Height)
	stone := [3]float64{214, 206, 190}
	for i, v := range pale.Pix {
		m.Pix[i] = level(stone[i%3] * (0.45 + 0.55*math.Pow(float64(v)/255, 0.5)))
	}
	right, left := p.Face.Landmarks.EyeCenters()
	distance := right.Distance(left)
	blank := func(vision.Point) [3]byte { return [3]byte{170, 163, 150} }
	for _, eye := range []vision.Point{right, left} {
		p.ellipse(m, eye, 0.2*distance, 0.09*distance, blank)
	}
	return m
}

// BeforeShirt shows the person before somebody whose shirt has the face of q on it, about half as wide.
func (p *Person) BeforeShirt(q *Person) *vision.RGB {
	const width, height, faceWidth = 900, 700, 230.0
	m := wall(width, height)
	shirt := []vision.Point{{X: 560, Y: 120}, {X: 880, Y: 120}, {X: 899, Y: 699}, {X: 540, Y: 699}}
	fill(m, shirt, func(vision.Point) [3]byte { return [3]byte{40, 60, 110} })
	k := 0.5 * faceWidth / q.Face.Box.Width()
	print := q.Picture.Crop(q.Face.Box.Expand(1.3))
	paste(m, print.Resize(int(float64(print.Width)*k), int(float64(print.Height)*k)), 650, 250)
	k = faceWidth / p.Face.Box.Width()
	w, h := int(float64(p.Picture.Width)*k), int(float64(p.Picture.Height)*k)
	paste(m, p.Picture.Resize(w, h), 60, height-h)
	return m
}
