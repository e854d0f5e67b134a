package facetest

import (
	"ekyc/internal/vision"
)

func copied(m *vision.RGB) *vision.RGB {
	out := vision.NewRGB(m.Width, m.Height)
	copy(out.Pix, m.Pix)
	return out
}

// wall is a plain background that is a little brighter to one side.
func wall(width, height int) *vision.RGB {
	m := vision.NewRGB(width, height)
	for i := range m.Pix {
		m.Pix[i] = byte(150 + (i/3%width)*40/width)
	}
	return m
}

// paste lays one picture over another at a place, cut at the edges.
func paste(on, m *vision.RGB, left, top int) {
	for y := range m.Height {
		for x := range m.Width {
			if tx, ty := left+x, top+y; tx >= 0 && ty >= 0 && tx < on.Width && ty < on.Height {
				copy(on.Pix[3*(ty*on.Width+tx):][:3], m.Pix[3*(y*m.Width+x):][:3])
			}
		}
	}
}

func shaded(c [3]byte, k float64) [3]byte {
	return [3]byte{level(float64(c[0]) * k), level(float64(c[1]) * k), level(float64(c[2]) * k)}
}

// fill paints the inside of a polygon; four looks a pixel soften its edge.
func fill(m *vision.RGB, outline []vision.Point, colour func(vision.Point) [3]byte) {
	box := vision.Rect{X0: outline[0].X, Y0: outline[0].Y, X1: outline[0].X, Y1: outline[0].Y}
	for _, p := range outline {
		box = box.Union(vision.Rect{X0: p.X, Y0: p.Y, X1: p.X, Y1: p.Y})
	}
	for y := max(0, int(box.Y0)); y <= min(m.Height-1, int(box.Y1)); y++ {
		for x := max(0, int(box.X0)); x <= min(m.Width-1, int(box.X1)); x++ {
			seen := 0.0
			for _, d := range [4][2]float64{{0.25, 0.25}, {0.75, 0.25}, {0.25, 0.75}, {0.75, 0.75}} {
				if inside(outline, float64(x)+d[0], float64(y)+d[1]) {
					seen += 0.25
				}
			}
			if seen == 0 {
				continue
			}
			c := colour(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			at := m.Pix[3*(y*m.Width+x):][:3]
			for i := range at {
				at[i] = level(float64(at[i])*(1-seen) + float64(c[i])*seen)
			}
		}
	}
}

// inside counts crossings of a ray with the outline.
func inside(outline []vision.Point, x, y float64) bool {
	in := false
	for i, a := range outline {
		b := outline[(i+1)%len(outline)]
		if (a.Y > y) != (b.Y > y) && x < (b.X-a.X)*(y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}
