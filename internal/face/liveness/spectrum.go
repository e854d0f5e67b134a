package liveness

import (
	"math"
	"math/cmplx"
	"slices"

	"ekyc/internal/vision"
)

// periodicity looks for a grid in native pixels (moiré of a screen, halftone of a print): it is how far the strongest narrow
// peak of the power spectrum, away from the axes and the lowest frequencies, stands above its surroundings, in decades.
// A face has a spectrum that falls smoothly; a grid puts isolated peaks on it. False when the raster is too small for it.
func periodicity(g *vision.Gray) (float64, bool) {
	side := 256
	for side > min(g.Width, g.Height) {
		side /= 2
	}
	if side < 64 {
		return 0, false
	}
	x0, y0 := float64(g.Width-side)/2, float64(g.Height-side)/2
	x0, y0 = math.Floor(x0), math.Floor(y0)
	power := logPower(g.Crop(vision.Rect{X0: x0, Y0: y0, X1: x0 + float64(side), Y1: y0 + float64(side)}), side)
	return strongestPeak(power, side), true
}

// logPower is the decimal logarithm of the windowed power spectrum, lowest frequency first.
func logPower(g *vision.Gray, side int) []float64 {
	mean := g.Brightness() * 255
	window := make([]float64, side)
	for i := range window {
		window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(side))
	}
	grid := make([]complex128, side*side)
	for y := range side {
		for x := range side {
			grid[y*side+x] = complex((float64(g.Pix[y*side+x])-mean)*window[x]*window[y], 0)
		}
		transform(grid[y*side : (y+1)*side])
	}
	column := make([]complex128, side)
	power := make([]float64, side*side)
	for x := range side / 2 { // the other half mirrors this one
		for y := range side {
			column[y] = grid[y*side+x]
		}
		transform(column)
		for y := range side {
			a := cmplx.Abs(column[y])
			power[y*side+x] = math.Log10(a*a + 1)
		}
	}
	return power
}

// transform is the fast Fourier transform in place (Cooley and Tukey, radix 2); the length is a power of two.
func transform(v []complex128) {
	n := len(v)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		if j ^= bit; i < j {
			v[i], v[j] = v[j], v[i]
		}
	}
	for size := 2; size <= n; size <<= 1 {
		step := cmplx.Exp(complex(0, -2*math.Pi/float64(size)))
		for start := 0; start < n; start += size {
			w := complex(1, 0)
			for k := range size / 2 {
				a, b := v[start+k], v[start+k+size/2]*w
				v[start+k], v[start+k+size/2] = a+b, a-b
				w *= step
			}
		}
	}
}

// strongestPeak is the largest excess of a spectral value over the median of the ring around it. JPEG puts peaks on the axes
// and at multiples of an eighth of the sampling rate, so those are left out.
func strongestPeak(power []float64, side int) float64 {
	best := 0.0
	ring := make([]float64, 0, 48)
	for y := range side {
		fy := y
		if fy > side/2 {
			fy -= side
		}
		for x := 4; x < side/2-4; x++ {
			radius := math.Hypot(float64(x), float64(fy)) / float64(side)
			if radius < 0.12 || radius > 0.48 || max(fy, -fy) < 4 || onBlockGrid(x, side) || onBlockGrid(max(fy, -fy), side) {
				continue
			}
			v := power[y*side+x]
			ring = ring[:0]
			for dy := -4; dy <= 4; dy += 2 {
				for dx := -4; dx <= 4; dx += 2 {
					if dx*dx+dy*dy >= 8 && x+dx >= 0 {
						ring = append(ring, power[((y+dy+side)%side)*side+x+dx])
					}
				}
			}
			slices.Sort(ring)
			best = max(best, v-ring[len(ring)/2])
		}
	}
	return best
}

// onBlockGrid says whether a frequency is within one bin of a multiple of an eighth of the sampling rate.
func onBlockGrid(f, side int) bool {
	r := f % (side / 8)
	return r <= 1 || r >= side/8-1
}
