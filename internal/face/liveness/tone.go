package liveness

import (
	"math"

	"ekyc/internal/vision"
)

// tone is how the light of the face and its surroundings is rendered. A picture of a picture has a raised black (a screen
// glows, paper and ink reflect), a narrower gamut, and patches of glare that follow no shape.
type tone struct {
	Black      float64 // luminance of the darkest hundredth of the crop, 0 to 1
	Saturation float64 // mean saturation of the crop
	Gamut      float64 // spread of chroma: standard deviation of the two colour differences, 0 to about 0.3
	Blueness   float64 // mean blue minus red over the skin, −1 to 1
	Glare      float64 // share of the face that is burnt out and colourless
}

// toneSide is the size at which tone is measured; sensor noise and JPEG are averaged away at it.
const toneSide = 96

// measureTone looks at the face and a margin around it.
func measureTone(p *vision.Pyramid, box vision.Rect) tone {
	m := p.Sample(box.Expand(1.2).Intersect(p.Native().Bounds()), toneSide, toneSide)
	g := m.Gray()
	t := tone{Black: float64(g.Percentile(0.01)) / 255}
	var n, sr, sb, srr, sbb, glare float64
	for i := 0; i < len(m.Pix); i += 3 {
		r, gr, b := float64(m.Pix[i])/255, float64(m.Pix[i+1])/255, float64(m.Pix[i+2])/255
		high, low := max(r, gr, b), min(r, gr, b)
		if high > 0 {
			t.Saturation += (high - low) / high
		}
		y := 0.299*r + 0.587*gr + 0.114*b
		cr, cb := r-y, b-y
		sr, sb, srr, sbb = sr+cr, sb+cb, srr+cr*cr, sbb+cb*cb
		t.Blueness += b - r
		if low > 0.92 {
			glare++
		}
		n++
	}
	t.Saturation /= n
	t.Blueness /= n
	t.Glare = glare / n
	t.Gamut = math.Sqrt(max(0, srr/n-sr*sr/(n*n)) + max(0, sbb/n-sb*sb/(n*n)))
	return t
}
