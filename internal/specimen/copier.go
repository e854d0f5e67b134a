package specimen

import (
	"math/rand/v2"

	"ekyc/internal/vision"
)

// onCopier is a black-and-white copy of the document on office paper: greys pushed towards black and white, toner in grains.
func onCopier(r *Rendering, chance *rand.Rand) sheet {
	doc := r.Image
	margin := int(paperMargin * r.PixelsPerMM * (0.5 + chance.Float64()))
	m := vision.NewRGB(doc.Width+2*margin, doc.Height+2*margin)
	contrast, toner := 1.1+0.8*chance.Float64(), 4+12*chance.Float64()
	paper, black := [3]float64{244, 243, 240}, 34.0
	var grains [1 << 10]float64
	for i := range grains {
		grains[i] = toner * chance.NormFloat64()
	}
	for y := range m.Height {
		for x := range m.Width {
			v := 1.0
			if i, j := x-margin, y-margin; i >= 0 && j >= 0 && i < doc.Width && j < doc.Height && !cutCorner(r, i, j) {
				p := doc.Pix[3*(j*doc.Width+i):]
				grey := (0.299*float64(p[0]) + 0.587*float64(p[1]) + 0.114*float64(p[2]) + grains[chance.IntN(len(grains))]) / 255
				v = max(0, min(1, 0.6+(grey-0.6)*contrast))
			}
			q := m.Pix[3*(y*m.Width+x):]
			for c := range 3 {
				q[c] = byte(black + (paper[c]-black)*v)
			}
		}
	}
	corner := vision.Point{X: float64(margin), Y: float64(margin)}
	return sheet{image: m, scale: r.PixelsPerMM, corner: 0.2 * r.PixelsPerMM, document: placed(doc.Bounds().Quad(), corner, 1), regions: placedRegions(r, corner, 1), gloss: 0.1}
}
