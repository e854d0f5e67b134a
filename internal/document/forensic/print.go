package forensic

import (
	"math"
	"slices"

	"ekyc/internal/vision"
)

// PrintNames are the measures of the print of one line and of the ground under it. Those that end in "peers" are how far the line is from the
// median of the lines of its height, in robust standard deviations.
func PrintNames() []string {
	return []string{
		"texture", "ground_light", "ground_tint", "stroke_peers", "ink_peers", "tint_peers", "edge_peers", "height_peers", "texture_peers",
		"stroke_more", "ink_less", "edge_more", "texture_less", "break",
	}
}

// The raw measures of a line.
const (
	texture     = iota // logarithm of the ground's texture inside over that around
	groundLight        // difference of the ground's light inside and around, as a share
	groundTint         // the same of its colour
	stroke             // logarithm of the width of the strokes in pixels of the photograph
	ink                // light of the ink as a share of the ground's
	tint               // colour of the ink
	edge               // steepest change of light, in shares of the contrast a pixel
	height             // of the letters, in pixels
	parts              // largest difference of the stroke among thirds of the line
	printMeasures
)

// A strip is a line of print, upright: its box in the middle and half its height around it.
const (
	stripHeight = 64  // pixels at most; lines that are smaller in the photograph keep their size
	stripInset  = 0.5 // share of the box's height that is added on each side
	leastStrip  = 18
	widestStrip = 700
	// leastContrast in grey levels between ink and ground: fainter lines measure their noise.
	leastContrast = 28
)

type strip struct {
	image    *vision.RGB
	gray     *vision.Gray
	inset    int // rows above and below, columns left and right, that are not of the line's box
	ground   float64
	contrast float64
	dark     []float32 // 0 ground to 1 ink
	scale    float64   // pixels of the strip for one of the photograph
}

// cutStrip rectifies a line. False where it is too small, or has no contrast.
func cutStrip(photograph *vision.Pyramid, q vision.Quad) (*strip, bool) {
	across := q.Height()
	wide := grow(q, stripInset*across, stripInset*across)
	k := min(1, stripHeight/wide.Height(), widestStrip/wide.Width())
	s := &strip{scale: k, inset: int(stripInset * across * k)}
	w, h := int(wide.Width()*k), int(wide.Height()*k)
	if h < leastStrip || w < 2*leastStrip {
		return nil, false
	}
	m, ok := photograph.Rectify(wide, w, h)
	if !ok {
		return nil, false
	}
	s.image, s.gray = m, m.Gray()
	var inside histogram
	s.box(func(i int) { inside.add(float64(s.gray.Pix[i])) })
	s.ground = inside.quantile(0.75)
	s.contrast = s.ground - inside.quantile(0.03)
	if s.contrast < leastContrast {
		return nil, false
	}
	s.dark = make([]float32, len(s.gray.Pix))
	for i, v := range s.gray.Pix {
		s.dark[i] = float32(max(0, min(1, (s.ground-float64(v))/s.contrast)))
	}
	return s, true
}

// box calls f for each pixel of the line's own box.
func (s *strip) box(f func(i int)) {
	for y := s.inset; y < s.gray.Height-s.inset; y++ {
		for x := s.inset; x < s.gray.Width-s.inset; x++ {
			f(y*s.gray.Width + x)
		}
	}
}

// measure gives the raw measures of the line.
func (s *strip) measure() []float64 {
	m := make([]float64, printMeasures)
	top, bottom := s.letters()
	m[height] = float64(bottom-top+1) / s.scale
	w, n := s.gray.Width, s.gray.Width-2*s.inset
	var widths []float64
	for part := range 3 {
		if v := s.strokes(s.inset+n*part/3, s.inset+n*(part+1)/3); v > 0 {
			widths = append(widths, v)
		}
	}
	m[stroke] = math.Log(max(0.1, s.strokes(s.inset, w-s.inset)/s.scale))
	if len(widths) > 1 {
		m[parts] = math.Log(slices.Max(widths) / slices.Min(widths))
	}
	var slopes histogram
	s.box(func(i int) {
		if d := math.Abs(float64(s.dark[i+1] - s.dark[i])); d > 0.1 {
			slopes.add(100 * d)
		}
	})
	m[edge] = slopes.quantile(0.9) / 100 * s.scale
	s.colours(m)
	s.texture(m)
	return m
}

// letters gives the first and last row that the print covers.
func (s *strip) letters() (top, bottom int) {
	w, h := s.gray.Width, s.gray.Height
	rows := make([]float64, h)
	best := 0.0
	for y := s.inset / 2; y < h-s.inset/2; y++ {
		for x := s.inset; x < w-s.inset; x++ {
			rows[y] += max(0, float64(s.dark[y*w+x])-0.3)
		}
		best = max(best, rows[y])
	}
	const share = 0.2
	top, bottom = h/2, h/2
	for top > 0 && rows[top-1] > share*best {
		top--
	}
	for bottom < h-1 && rows[bottom+1] > share*best {
		bottom++
	}
	return top, bottom
}

// strokes is the mean width of the strokes in pixels between two columns: their area over half the length of their edges. Blur leaves
// both as they are.
func (s *strip) strokes(from, to int) float64 {
	area, edges := 0.0, 0.0
	w := s.gray.Width
	for y := s.inset; y < s.gray.Height-s.inset; y++ {
		for x := from; x < to; x++ {
			d := s.dark[y*w+x]
			if d > 0.25 {
				area += float64(d)
			}
			dx, dy := float64(s.dark[y*w+x+1]-d), float64(s.dark[(y+1)*w+x]-d)
			if g := math.Hypot(dx, dy); g > 0.08 {
				edges += g
			}
		}
	}
	return 2 * area / max(1, edges)
}

// colours measures ink and ground.
func (s *strip) colours(m []float64) {
	var inks, grounds, around [3]float64
	var nInk, nGround, nAround float64
	w, h := s.gray.Width, s.gray.Height
	for y := range h {
		for x := range w {
			i := y*w + x
			p := s.image.Pix[3*i:][:3]
			inside := y >= s.inset && y < h-s.inset && x >= s.inset && x < w-s.inset
			switch {
			case inside && s.dark[i] > 0.85:
				sumUp(&inks, p, &nInk)
			case inside && s.dark[i] < 0.15:
				sumUp(&grounds, p, &nGround)
			case !inside && s.dark[i] < 0.2 && (y < s.inset/2 || y >= h-s.inset/2 || x < s.inset/2 || x >= w-s.inset/2):
				sumUp(&around, p, &nAround)
			}
		}
	}
	if nInk < 4 || nGround < 16 {
		return
	}
	light := func(c [3]float64, n float64) float64 { return max(1.0/3, (c[0]+c[1]+c[2])/(3*n)) }
	m[ink] = light(inks, nInk) / light(grounds, nGround)
	const least = 1.0 // grey level: a ground may lack a colour altogether
	m[tint] = inks[0]/nInk/max(least, grounds[0]/nGround) - inks[2]/nInk/max(least, grounds[2]/nGround)
	if nAround > 16 {
		m[groundLight] = math.Abs(math.Log(light(grounds, nGround) / light(around, nAround)))
		for c := range 3 {
			share := grounds[c] / nGround / light(grounds, nGround)
			m[groundTint] = max(m[groundTint], math.Abs(share-around[c]/nAround/light(around, nAround)))
		}
	}
}

func sumUp(c *[3]float64, p []byte, n *float64) {
	c[0], c[1], c[2] = c[0]+float64(p[0]), c[1]+float64(p[1]), c[2]+float64(p[2])
	*n++
}

// texture compares what the ground shows between the letters with what it shows around the line: lines of the security print end where
// a value was wiped off.
func (s *strip) texture(m []float64) {
	w, h := s.gray.Width, s.gray.Height
	reach := max(2, h/24)
	covered := s.shadowOfInk(max(3, h/14))
	var inside, around histogram
	for y := reach; y < h-reach; y++ {
		for x := reach; x < w-reach; x++ {
			i := y*w + x
			in := y >= s.inset && y < h-s.inset && x >= s.inset && x < w-s.inset
			out := y < s.inset-reach || y >= h-s.inset+reach
			if !in && !out || covered[i] {
				continue
			}
			v := float64(s.gray.Pix[i])
			// The difference from the mean of four places around, which print of the ground's scale keeps and slow light does not.
			d := math.Abs(v - (float64(s.gray.Pix[i-reach])+float64(s.gray.Pix[i+reach])+float64(s.gray.Pix[i-reach*w])+float64(s.gray.Pix[i+reach*w]))/4)
			if in {
				inside.add(d)
			} else {
				around.add(d)
			}
		}
	}
	const least = 60
	if inside.n < least || around.n < least {
		return
	}
	m[texture] = ratio(inside.quantile(0.75), around.quantile(0.75), 0.7)
}

// shadowOfInk marks the pixels within reach of ink, as squares.
func (s *strip) shadowOfInk(reach int) []bool {
	const inked = 0.5
	w, h := s.gray.Width, s.gray.Height
	wide, out := make([]bool, w*h), make([]bool, w*h)
	for y := range h {
		for x := range w {
			if s.dark[y*w+x] > inked {
				for i := max(0, x-reach); i <= min(w-1, x+reach); i++ {
					wide[y*w+i] = true
				}
			}
		}
	}
	for y := range h {
		for x := range w {
			if wide[y*w+x] {
				for j := max(0, y-reach); j <= min(h-1, y+reach); j++ {
					out[j*w+x] = true
				}
			}
		}
	}
	return out
}
