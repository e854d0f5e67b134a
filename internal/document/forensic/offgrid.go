package forensic

import (
	"math"

	"ekyc/internal/vision"
)

// What comes out of another file, or from elsewhere in this one, brings the rounding of its own blocks along, on a grid that is shifted against that
// of the file. On that grid, and on no other, its coefficients lie at multiples of the steps of its table.

const (
	shifts      = block * block
	offgridUsed = 8  // of combFrequencies
	mostCells   = 64 // places of a line that are transformed on every grid
	leastSteps  = 3  // a finer step is not told from the rounding of the file itself
	mostSteps   = 36
	// leastCellSlope in grey levels: flatter blocks have no coefficients.
	leastCellSlope = 2
)

// waves has the cosine that is 1 on the multiples of a step, by step and level.
var waves = func() (w [mostSteps + 1][levels]float32) {
	for step := leastSteps; step <= mostSteps; step++ {
		for v := range levels {
			w[step][v] = float32(math.Cos(2 * math.Pi * float64(v) / float64(step)))
		}
	}
	return w
}()

// onGrids says for every shift of the grid how well the coefficients of a quadrilateral of the plane lie on multiples of steps: the sum over the
// frequencies of the best step's standard errors. False for a region with too little print.
func (p *plane) onGrids(q vision.Quad) (scores [shifts]float64, ok bool) {
	const leastCells = 12
	var cells []int
	p.blocks(q, func(k int) {
		if p.slope[k] >= leastCellSlope && !p.atLimits(k) && k%p.columns+1 < p.columns && k/p.columns+1 < p.rows {
			cells = append(cells, k)
		}
	})
	if len(cells) < leastCells {
		return scores, false
	}
	var counts [shifts][offgridUsed][levels]uint8
	n := min(len(cells), mostCells)
	for i := range n {
		k := cells[i*len(cells)/n]
		p.transformAround(k%p.columns*block, k/p.columns*block, func(shift int, c *[4][4]float32) {
			for f, at := range combFrequencies[:offgridUsed] {
				if v := c[at[1]][at[0]] / fineLevels; v > -levels+1 && v < levels-1 {
					counts[shift][f][int(max(v, -v)+0.5)]++
				}
			}
		})
	}
	for shift := range counts {
		for f := range counts[shift] {
			scores[shift] += steady(&counts[shift][f])
		}
	}
	return scores, true
}

// steady is how far the best step stands out for one histogram, in standard errors.
func steady(counts *[levels]uint8) float64 {
	var at [levels]uint8
	var number [levels]float32
	n := 0
	for v := leastLevel; v < levels; v++ {
		if counts[v] > 0 {
			at[n], number[n] = uint8(v), float32(counts[v])
			n++
		}
	}
	best := float32(0)
	for step := leastSteps; step <= mostSteps; step++ {
		w := &waves[step]
		sum, weight := float32(0), float32(0)
		for i := n - 1; i >= 0 && 2*int(at[i]) >= step; i-- {
			sum, weight = sum+number[i]*w[at[i]], weight+number[i]
		}
		const least = 6
		if weight >= least && sum > 0 {
			best = max(best, sum*sum/weight)
		}
	}
	return math.Sqrt(2 * float64(best))
}

// transformAround gives the coefficients of the 64 blocks that begin in the block at (x, y) of the plane.
func (p *plane) transformAround(x, y int, f func(shift int, c *[4][4]float32)) {
	var rows [2*block - 1][4]float32
	for dx := range block {
		for j := range rows {
			rows[j] = rowOf(p.fine[(y+j)*p.width+x+dx:][:block:block])
		}
		for dy := range block {
			c := columnsOf(rows[dy:][:block:block])
			f(dy*block+dx, &c)
		}
	}
}

// offgrids gives for each line how far its best grid stands out from its others, in robust standard deviations, once what the lines have in common is
// taken off: a picture that was cut out of another has a second grid everywhere.
func (p *plane) offgrids(found []Line) {
	var maps [][shifts]float64
	var of []int
	for i, l := range found {
		if l.Pixels == nil {
			continue
		}
		if m, ok := p.onGrids(p.local(l.Quad)); ok {
			maps, of = append(maps, m), append(of, i)
		}
	}
	if len(maps) <= leastPeers {
		return
	}
	var common [shifts]float64
	for shift := range common {
		all := make([]float64, len(maps))
		for i := range maps {
			all[i] = maps[i][shift]
		}
		common[shift] = median(all)
	}
	for i, m := range maps {
		strongest, all := 0.0, make([]float64, 0, shifts)
		for shift := range m {
			m[shift] -= common[shift]
			if shift > 0 {
				strongest = max(strongest, m[shift])
				all = append(all, m[shift])
			}
		}
		found[of[i]].Pixels[foreign] = min(mostStandard, standing(strongest, all))
	}
}

// standing is how far the strongest of many scores is from their median, in robust standard deviations.
func standing(strongest float64, all []float64) float64 {
	const leastSpread = 1.5 // standard errors
	middle := median(all)
	for i, v := range all {
		all[i] = math.Abs(v - middle)
	}
	return (strongest - middle) / max(leastSpread, 1.4826*median(all))
}
