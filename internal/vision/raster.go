// Package vision holds what every visual module stands on: decoding of hostile image files under limits, rasters,
// plane geometry, warps, quality measures, tensors and the sessions of ONNX Runtime that models run in.
// It is pure: bytes in, results out; it knows no file system, database, HTTP, tenant or clock.
package vision

import "image"

// RGB is an 8-bit colour raster: rows from the top, three interleaved bytes (red, green, blue) a pixel, no padding.
type RGB struct {
	Width, Height int
	Pix           []byte // len = 3 * Width * Height
}

// NewRGB returns a black raster of the given size.
func NewRGB(width, height int) *RGB {
	return &RGB{Width: width, Height: height, Pix: make([]byte, 3*width*height)}
}

// Bounds is the rectangle of the whole raster, in pixels.
func (m *RGB) Bounds() Rect { return Rect{0, 0, float64(m.Width), float64(m.Height)} }

// Gray is an 8-bit luminance raster: rows from the top, one byte a pixel, no padding.
type Gray struct {
	Width, Height int
	Pix           []byte // len = Width * Height
}

// NewGray returns a black raster of the given size.
func NewGray(width, height int) *Gray {
	return &Gray{Width: width, Height: height, Pix: make([]byte, width*height)}
}

// Gray converts to luminance with the weights of ITU-R BT.601 (0.299, 0.587, 0.114), in 16-bit fixed point.
func (m *RGB) Gray() *Gray {
	g := NewGray(m.Width, m.Height)
	for i := range g.Pix {
		p := m.Pix[3*i : 3*i+3 : 3*i+3]
		g.Pix[i] = byte((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
	}
	return g
}

// RGB repeats the luminance in all three channels.
func (g *Gray) RGB() *RGB {
	m := NewRGB(g.Width, g.Height)
	for i, v := range g.Pix {
		m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = v, v, v
	}
	return m
}

// Image views the raster as a standard library image, sharing no memory with it.
func (m *RGB) Image() *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i := range m.Width * m.Height {
		copy(out.Pix[4*i:4*i+3], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	return out
}

// Crop copies the part of the raster inside r, rounded outwards and cut at the edges; nil when nothing is left.
func (m *RGB) Crop(r Rect) *RGB {
	x0, y0, x1, y1 := r.pixels(m.Width, m.Height)
	if x0 >= x1 || y0 >= y1 {
		return nil
	}
	out := NewRGB(x1-x0, y1-y0)
	for y := range out.Height {
		from := 3 * ((y0+y)*m.Width + x0)
		copy(out.Pix[3*y*out.Width:3*(y+1)*out.Width], m.Pix[from:from+3*out.Width])
	}
	return out
}

// Crop copies the part of the raster inside r, rounded outwards and cut at the edges; nil when nothing is left.
func (g *Gray) Crop(r Rect) *Gray {
	x0, y0, x1, y1 := r.pixels(g.Width, g.Height)
	if x0 >= x1 || y0 >= y1 {
		return nil
	}
	out := NewGray(x1-x0, y1-y0)
	for y := range out.Height {
		from := (y0+y)*g.Width + x0
		copy(out.Pix[y*out.Width:(y+1)*out.Width], g.Pix[from:from+out.Width])
	}
	return out
}

// Rotate90 turns the raster clockwise by quarter turns (0 to 3; taken modulo 4).
func (m *RGB) Rotate90(quarterTurns int) *RGB {
	switch (quarterTurns%4 + 4) % 4 {
	case 1:
		return m.remap(m.Height, m.Width, func(x, y int) (int, int) { return y, m.Height - 1 - x })
	case 2:
		return m.remap(m.Width, m.Height, func(x, y int) (int, int) { return m.Width - 1 - x, m.Height - 1 - y })
	case 3:
		return m.remap(m.Height, m.Width, func(x, y int) (int, int) { return m.Width - 1 - y, x })
	}
	return m
}

// Mirror flips the raster left to right.
func (m *RGB) Mirror() *RGB {
	return m.remap(m.Width, m.Height, func(x, y int) (int, int) { return m.Width - 1 - x, y })
}

// remap builds a raster whose pixel (x, y) is the source pixel that from(x, y) names.
func (m *RGB) remap(width, height int, from func(x, y int) (int, int)) *RGB {
	out := NewRGB(width, height)
	i := 0
	for y := range height {
		for x := range width {
			sx, sy := from(x, y)
			s := 3 * (sy*m.Width + sx)
			out.Pix[i], out.Pix[i+1], out.Pix[i+2] = m.Pix[s], m.Pix[s+1], m.Pix[s+2]
			i += 3
		}
	}
	return out
}
