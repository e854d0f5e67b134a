package livenesstest

import (
	"math"

	"ekyc/internal/vision"
)

// canvas takes textured triangles, the nearest on top.
type canvas struct {
	texture *vision.RGB
	out     *vision.RGB
	depth   []float64
}

func newCanvas(texture *vision.RGB) *canvas {
	c := &canvas{texture: texture, out: vision.NewRGB(texture.Width, texture.Height), depth: make([]float64, texture.Width*texture.Height)}
	copy(c.out.Pix, texture.Pix)
	for i := range c.depth {
		c.depth[i] = math.Inf(1)
	}
	return c
}

// triangle draws three nodes where they were moved to, with the texture of where they were.
func (c *canvas) triangle(from, to []node, i, j, k int) {
	a, b, d := to[i], to[j], to[k]
	area := (b.x-a.x)*(d.y-a.y) - (d.x-a.x)*(b.y-a.y)
	if math.Abs(area) < 1e-9 {
		return
	}
	x0, x1 := int(math.Ceil(min(a.x, b.x, d.x))), int(math.Floor(max(a.x, b.x, d.x)))
	y0, y1 := int(math.Ceil(min(a.y, b.y, d.y))), int(math.Floor(max(a.y, b.y, d.y)))
	for y := max(0, y0); y <= min(c.out.Height-1, y1); y++ {
		for x := max(0, x0); x <= min(c.out.Width-1, x1); x++ {
			px, py := float64(x), float64(y)
			v := ((px-a.x)*(d.y-a.y) - (d.x-a.x)*(py-a.y)) / area
			w := ((b.x-a.x)*(py-a.y) - (px-a.x)*(b.y-a.y)) / area
			u := 1 - v - w
			if u < -1e-9 || v < -1e-9 || w < -1e-9 {
				continue
			}
			z := u*a.z + v*b.z + w*d.z
			if at := y*c.out.Width + x; z < c.depth[at] {
				c.depth[at] = z
				sx, sy := u*from[i].x+v*from[j].x+w*from[k].x, u*from[i].y+v*from[j].y+w*from[k].y
				sample(c.out.Pix[3*at:], c.texture, sx, sy)
			}
		}
	}
}
