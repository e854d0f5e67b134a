package specimen

import (
	"math"
	"math/rand/v2"

	"ekyc/internal/vision"
)

// A screen of 27 inches with 2560 pixels across, which shows the document enlarged.
const (
	panelPitch   = 0.233 // millimetres
	panelSub     = 3     // pixels of the sheet across one of the screen's: its red, green and blue stripes
	screenZoom   = 1.6
	screenMargin = 26 // millimetres of the screen around the document
	bezelWidth   = 9  // millimetres
)

// onScreen is a screen with the document on it. The stripes of its pixels make moiré with those of the camera.
func onScreen(r *Rendering) sheet {
	scale := panelSub / panelPitch // pixels of the sheet a millimetre of the screen
	width, height := float64(r.Image.Width)/r.PixelsPerMM*screenZoom, float64(r.Image.Height)/r.PixelsPerMM*screenZoom
	shown := r.Image.Resize(int(width/panelPitch), int(height/panelPitch))
	margin, bezel := int(math.Round(screenMargin/panelPitch)), int(bezelWidth*scale)
	columns, lines := shown.Width+2*margin, shown.Height+2*margin
	m := vision.NewRGB(columns*panelSub+2*bezel, lines*panelSub+2*bezel)
	for i := range m.Pix {
		m.Pix[i] = 14 // the frame
	}
	desktop := [3]byte{0x2B, 0x2F, 0x36}
	rows(lines, func(from, to int) {
		for j := from; j < to; j++ {
			for i := range columns {
				p := desktop[:]
				if x, y := i-margin, j-margin; x >= 0 && y >= 0 && x < shown.Width && y < shown.Height {
					p = shown.Pix[3*(y*shown.Width+x):][:3]
				}
				stripes(m, i*panelSub+bezel, j*panelSub+bezel, p)
			}
		}
	})
	corner := vision.Point{X: float64(margin*panelSub + bezel), Y: float64(margin*panelSub + bezel)}
	grow := float64(shown.Width*panelSub) / float64(r.Image.Width)
	return sheet{image: m, scale: scale, corner: 2 * scale, document: placed(r.Image.Bounds().Quad(), corner, grow), regions: placedRegions(r, corner, grow), gloss: 0.5, lit: true}
}

// stripes draws one pixel of a screen: three stripes, each of one colour with some of the others' light, and a dark gap below.
func stripes(m *vision.RGB, left, top int, p []byte) {
	const own, others, gap = 1.75, 0.55, 0.7
	for y := range panelSub {
		for x := range panelSub {
			q := m.Pix[3*((top+y)*m.Width+left+x):]
			for c := range 3 {
				k := others
				if c == x {
					k = own
				}
				if y == panelSub-1 {
					k *= gap
				}
				q[c] = level(float32(float64(p[c]) * k))
			}
		}
	}
}

// A colour print on office paper.
const (
	paperMargin = 18.0  // millimetres around the document
	screenLines = 140.0 // lines an inch of the halftone
)

// onPaper is a print of the document: halftone dots of three colours at different angles, weak blacks, white paper around.
func onPaper(r *Rendering, chance *rand.Rand) sheet {
	margin := int(paperMargin * r.PixelsPerMM * (0.5 + chance.Float64()))
	doc := r.Image
	m := vision.NewRGB(doc.Width+2*margin, doc.Height+2*margin)
	period := r.PixelsPerMM * millimetresPerInch / screenLines
	var sin, cos [3]float64
	for c, degrees := range [3]float64{15, 75, 0} { // cyan, magenta and yellow, as printers turn them
		sin[c], cos[c] = math.Sincos(degrees * math.Pi / 180)
	}
	paper, black := [3]float64{243, 242, 238}, [3]float64{42, 40, 46}
	rows(m.Height, func(from, to int) {
		for y := from; y < to; y++ {
			for x := range m.Width {
				value := [3]float64{1, 1, 1}
				if i, j := x-margin, y-margin; i >= 0 && j >= 0 && i < doc.Width && j < doc.Height && !cutCorner(r, i, j) {
					p := doc.Pix[3*(j*doc.Width+i):]
					value = [3]float64{float64(p[0]) / 255, float64(p[1]) / 255, float64(p[2]) / 255}
				}
				q := m.Pix[3*(y*m.Width+x):]
				for c, v := range value {
					if v < 1 {
						u, w := (float64(x)*cos[c]-float64(y)*sin[c])/period, (float64(x)*sin[c]+float64(y)*cos[c])/period
						dot := 0.5 + 0.25*(wave(u)+wave(w))
						v = 0.55*v + 0.45*max(0, min(1, 0.5+(v-dot)*2.2)) // inks spread: dots are soft
					}
					q[c] = byte(black[c] + (paper[c]-black[c])*v)
				}
			}
		}
	})
	corner := vision.Point{X: float64(margin), Y: float64(margin)}
	return sheet{image: m, scale: r.PixelsPerMM, corner: 0.2 * r.PixelsPerMM, document: placed(doc.Bounds().Quad(), corner, 1), regions: placedRegions(r, corner, 1), gloss: 0.12}
}

// wave is a triangle wave of period 1 between -1 and 1, in place of a cosine.
func wave(t float64) float64 {
	t -= math.Floor(t)
	return 1 - 4*math.Min(t, 1-t)
}

// cutCorner says whether a pixel lies outside the rounded corners of the document.
func cutCorner(r *Rendering, x, y int) bool {
	radius := r.corner * r.PixelsPerMM
	s := sheet{image: r.Image, corner: radius}
	return s.outside(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}) > 0
}

func placed(q vision.Quad, corner vision.Point, grow float64) vision.Quad {
	for i, p := range q {
		q[i] = p.Scale(grow).Add(corner)
	}
	return q
}

func placedRegions(r *Rendering, corner vision.Point, grow float64) []Region {
	out := make([]Region, len(r.Regions))
	for i, g := range r.Regions {
		out[i] = Region{g.Name, placed(g.Quad, corner, grow)}
	}
	return out
}
