package vision

import "math"

// Sharpness is the variance of the Laplacian (Pech-Pacheco et al., 2000) of a luminance raster; it depends on the scale,
// so compare it only between rasters of the same size. Typical: under 20 blurred, over 200 crisp at 112 to 256 pixels.
func (g *Gray) Sharpness() float64 {
	if g.Width < 3 || g.Height < 3 {
		return 0
	}
	var sum, squares float64
	for y := 1; y < g.Height-1; y++ {
		row := y * g.Width
		for x := 1; x < g.Width-1; x++ {
			i := row + x
			v := float64(int(g.Pix[i-1]) + int(g.Pix[i+1]) + int(g.Pix[i-g.Width]) + int(g.Pix[i+g.Width]) - 4*int(g.Pix[i]))
			sum += v
			squares += v * v
		}
	}
	n := float64((g.Width - 2) * (g.Height - 2))
	return squares/n - (sum/n)*(sum/n)
}

// Histogram counts the 256 luminances.
func (g *Gray) Histogram() (h [256]int) {
	for _, v := range g.Pix {
		h[v]++
	}
	return h
}

// Brightness is the mean luminance, 0 to 1.
func (g *Gray) Brightness() float64 {
	sum := 0
	for _, v := range g.Pix {
		sum += int(v)
	}
	return float64(sum) / (255 * float64(max(1, len(g.Pix))))
}

// Contrast is the standard deviation of the luminance, 0 to 0.5.
func (g *Gray) Contrast() float64 {
	mean, squares := g.Brightness()*255, 0.0
	for _, v := range g.Pix {
		d := float64(v) - mean
		squares += d * d
	}
	return math.Sqrt(squares/float64(max(1, len(g.Pix)))) / 255
}

// Clipped is the share of pixels at or above a luminance (for 250: burnt out; glare when it comes in patches), 0 to 1.
func (g *Gray) Clipped(from byte) float64 {
	n := 0
	for _, v := range g.Pix {
		if v >= from {
			n++
		}
	}
	return float64(n) / float64(max(1, len(g.Pix)))
}

// Percentile is the luminance below which the share p (0 to 1) of the pixels lies.
func (g *Gray) Percentile(p float64) byte {
	want, seen := p*float64(len(g.Pix)), 0.0
	for v, n := range g.Histogram() {
		if seen += float64(n); seen > want {
			return byte(v)
		}
	}
	return 255
}
