package specimen

import (
	"math"
	"math/rand/v2"

	"ekyc/internal/vision"
)

// blur smooths by a Gaussian of the given sigma in pixels, as two box filters each way; below a third of a pixel it does nothing.
func blur(m *vision.RGB, sigma float64) {
	if sigma < 0.34 {
		return
	}
	// Two boxes of half-widths r have the variance 2 ((2r+1)^2 - 1) / 12; fractional widths weigh the two pixels at the ends.
	radius := (math.Sqrt(6*sigma*sigma+1) - 1) / 2
	spare := vision.NewRGB(m.Width, m.Height)
	for range 2 {
		boxRows(m, spare, radius)
		boxColumns(spare, m, radius)
	}
}

// boxWeights splits a half-width into whole pixels and the weight of the next one, with the sum's inverse in 16-bit fixed point.
func boxWeights(radius float64) (whole int, end, inverse uint32) {
	whole = int(radius)
	fraction := radius - float64(whole)
	end = uint32(fraction * 256)
	return whole, end, uint32(float64(1<<24) / (256*float64(2*whole+1) + 2*float64(end)))
}

func boxRows(from, to *vision.RGB, radius float64) {
	whole, end, inverse := boxWeights(radius)
	width := from.Width
	rows(from.Height, func(y0, y1 int) {
		for y := y0; y < y1; y++ {
			in, out := from.Pix[3*y*width:3*(y+1)*width], to.Pix[3*y*width:3*(y+1)*width]
			at := func(x, c int) uint32 { return uint32(in[3*max(0, min(x, width-1))+c]) }
			for c := range 3 {
				sum := uint32(0)
				for x := -whole; x <= whole; x++ {
					sum += at(x, c)
				}
				for x := range width {
					total := sum<<8 + end*(at(x-whole-1, c)+at(x+whole+1, c))
					out[3*x+c] = byte((uint64(total)*uint64(inverse) + 1<<23) >> 24)
					sum += at(x+whole+1, c) - at(x-whole, c)
				}
			}
		}
	})
}

func boxColumns(from, to *vision.RGB, radius float64) {
	whole, end, inverse := boxWeights(radius)
	stride := 3 * from.Width
	row := func(y int) []byte {
		y = max(0, min(y, from.Height-1))
		return from.Pix[y*stride : (y+1)*stride]
	}
	rows(from.Height, func(y0, y1 int) {
		sum := make([]uint32, stride)
		for y := y0 - whole; y <= y0+whole; y++ {
			for i, v := range row(y) {
				sum[i] += uint32(v)
			}
		}
		for y := y0; y < y1; y++ {
			before, after, leaving := row(y-whole-1), row(y+whole+1), row(y-whole)
			out := to.Pix[y*stride : (y+1)*stride]
			for i := range out {
				total := sum[i]<<8 + end*(uint32(before[i])+uint32(after[i]))
				out[i] = byte((uint64(total)*uint64(inverse) + 1<<23) >> 24)
				sum[i] += uint32(after[i]) - uint32(leaving[i])
			}
		}
	})
}

// smear is the trace of a hand that moved sideways while the shutter was open: a box along the rows.
func smear(m *vision.RGB, length float64) {
	if length < 1 {
		return
	}
	spare := vision.NewRGB(m.Width, m.Height)
	boxRows(m, spare, length/2)
	copy(m.Pix, spare.Pix)
}

// grainTable is how many normal deviates are drawn; pixels pick from them.
const grainTable = 1 << 12

// grain adds the noise of the sensor: normal, sigma grey levels at mid grey, its variance growing with the light.
func grain(m *vision.RGB, sigma float64, seed uint64) {
	r := chance(seed, "grain")
	var deviates [grainTable]float32
	for i := range deviates {
		deviates[i] = float32(r.NormFloat64())
	}
	var strength [256]float32
	for v := range strength {
		strength[v] = float32(sigma * math.Sqrt(0.4+0.6*float64(v)/128))
	}
	rows(m.Height, func(from, to int) {
		for y := from; y < to; y++ {
			row := rand.NewPCG(seed, uint64(y))
			line := m.Pix[3*y*m.Width : 3*(y+1)*m.Width]
			for x := 0; x < len(line); x += 3 {
				bits := row.Uint64()
				common := deviates[bits&(grainTable-1)] * 0.8
				for c := range 3 {
					bits >>= 12
					v := line[x+c]
					line[x+c] = level(float32(v) + strength[v]*(common+0.6*deviates[bits&(grainTable-1)]))
				}
			}
		}
	})
}
