package forensic

import (
	"math"

	"ekyc/internal/vision"
)

// PixelNames are the measures of the noise and compression in a region beside its surroundings. Ratios are natural logarithms.
func PixelNames() []string {
	return []string{"quiet", "middle", "smooth", "flat", "grid", "teeth", "teeth_share", "foreign", "quiet_peers", "middle_peers", "smooth_peers", "grid_peers"}
}

// Indices into the measures of a region.
const (
	quiet      = iota // detail of the quietest quarter of the blocks, against that around
	middle            // detail of the median block
	smooth            // slope of the smoothest quarter
	flat              // share of the blocks that have no detail at all, less that around
	grid              // how far the strongest grid of blocks beside the file's own stands out, in standard errors
	teeth             // how far the coefficients are from the teeth of the rest of the document, see combs
	teethShare        // the same as a share of what a region without teeth shows
	foreign           // how far a second grid of blocks stands out that the rest of the print does not have, see offgrids
	pixelMeasures
)

// What is added to both sides of a ratio, in grey levels: the rounding of a file of high quality.
const roundingDetail, roundingSlope = 0.3, 0.5

// nothing is the detail under which a block has been wiped clean by compression or brush.
const nothing = 0.12

// regionPixels measures a quadrilateral of the photograph against a ring around it. False where either is too small.
func (p *plane) regionPixels(q, ring vision.Quad) ([]float64, bool) {
	const least = 12 // blocks
	q, ring = p.local(q), p.local(ring)
	in, out := p.sample(q, nil), p.sample(ring, &q)
	if len(in.detail) < least || len(out.detail) < least {
		return nil, false
	}
	m := make([]float64, pixelMeasures)
	m[flat] = in.flat() - out.flat()
	m[quiet] = ratio(quantile(in.detail, 0.25), quantile(out.detail, 0.25), roundingDetail)
	m[middle] = ratio(quantile(in.detail, 0.5), quantile(out.detail, 0.5), roundingDetail)
	m[smooth] = ratio(quantile(in.slope, 0.25), quantile(out.slope, 0.25), roundingSlope)
	m[grid] = p.grids(q)
	m[teeth], m[teethShare] = p.combs.region(q)
	return m, true
}

func ratio(a, b, rounding float64) float64 { return math.Log((a + rounding) / (b + rounding)) }

// sampled are the blocks of a region.
type sampled struct{ detail, slope []float64 }

func (s sampled) flat() float64 {
	n := 0
	for _, d := range s.detail {
		if d < nothing {
			n++
		}
	}
	return float64(n) / float64(max(1, len(s.detail)))
}

// sample collects the blocks of a region of the plane, without those of a hole in it.
func (p *plane) sample(q vision.Quad, hole *vision.Quad) (s sampled) {
	skip := map[int]bool{}
	if hole != nil {
		p.blocks(*hole, func(k int) { skip[k] = true })
	}
	p.blocks(q, func(k int) {
		if !skip[k] {
			s.detail, s.slope = append(s.detail, float64(p.detail[k])), append(s.slope, float64(p.slope[k]))
		}
	})
	return s
}

// A file's blocks leave steps at every eighth column. An edge of print stands in one column, so phases are compared by the median of
// their columns.
const (
	leastColumns = 4  // of each phase
	leastRows    = 10 // in a column that counts
	mostStandard = 15 // standard errors that count
	// leastStep in grey levels is the spread of the columns of a picture without noise.
	leastStep = 0.15
)

// grids looks for steps that return every eight pixels along the columns and the rows of a region, beside those of the file's own grid. It is
// how far the strongest stand out, in standard errors.
func (p *plane) grids(q vision.Quad) float64 {
	columns, rows := make([]steps, p.width), make([]steps, p.height)
	p.spans(q, func(y, x0, x1 int) {
		line := p.pix[y*p.width:][:p.width]
		for x := max(x0, 1); x < min(x1, p.width-2); x++ {
			columns[x+1].add(line[x-1], line[x], line[x+1], line[x+2])
		}
		if y < 1 || y+2 >= p.height {
			return
		}
		above, below, last := p.pix[(y-1)*p.width:], p.pix[(y+1)*p.width:], p.pix[(y+2)*p.width:]
		for x := x0; x < x1; x++ {
			rows[y+1].add(above[x], line[x], below[x], last[x])
		}
	})
	return max(excess(columns), excess(rows))
}

// steps collects how much larger the middle one of three differences is than its neighbours.
type steps struct{ n, sum int }

func (s *steps) add(a, b, c, d byte) {
	s.n++
	s.sum += abs(int(c)-int(b)) - (abs(int(b)-int(a))+abs(int(d)-int(c)))/2
}

// excess compares the strongest phase but the first with all but the first.
func excess(lines []steps) float64 {
	var phases [block][]float64
	var all []float64
	for i, s := range lines {
		if s.n >= leastRows {
			v := float64(s.sum) / float64(s.n)
			phases[i%block] = append(phases[i%block], v)
			if i%block != 0 {
				all = append(all, v)
			}
		}
	}
	if len(all) < leastColumns*block {
		return 0
	}
	middle := median(all)
	away := make([]float64, len(all))
	for i, v := range all {
		away[i] = math.Abs(v - middle)
	}
	spread := max(leastStep, 1.4826*median(away)) // of a normal distribution
	strongest := 0.0
	for _, v := range phases[1:] {
		if len(v) < leastColumns {
			continue
		}
		const ofMedian = 1.2533 // standard error of a median beside that of a mean
		strongest = max(strongest, min(mostStandard, (median(v)-middle)/(ofMedian*spread)*math.Sqrt(float64(len(v)))))
	}
	return strongest
}
