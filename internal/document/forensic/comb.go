package forensic

import (
	"math"

	"ekyc/internal/vision"
)

// A photograph that was changed and saved again has been rounded twice, but for what was changed: that was rounded once, or on another grid of
// blocks. Twice rounded coefficients keep gaps and peaks, like the teeth of a comb, that depend on both roundings. combs learns them from all
// blocks of the document, whatever the two tables were, and asks of a region how well its coefficients keep to them. A file that was
// saved once has no such teeth, and nothing is said of it.
type combs struct {
	plane *plane
	class []uint8 // of each block by its detail, or noClass
	level []uint8 // of each block and frequency: the coefficient's size in grey levels
	teeth [frequencies][classes][levels]tooth
}

// tooth is what a coefficient of one size says: how much more often it comes than its neighbours do, as a logarithm less its mean, and its variance.
type tooth struct{ score, variance float32 }

const (
	frequencies = 12 // the lowest of each block but its mean, see combFrequencies
	classes     = 5  // of blocks with as much detail: between them the slope of the histograms differs
	levels      = 100
	noClass     = 255
	// leastLevel is the least coefficient that counts: how many are none depends on the content.
	leastLevel = 2
)

// combFrequencies are the columns and rows of the coefficients that are used.
var combFrequencies = [frequencies][2]int{{1, 0}, {0, 1}, {1, 1}, {2, 0}, {0, 2}, {2, 1}, {1, 2}, {3, 0}, {0, 3}, {2, 2}, {3, 1}, {1, 3}}

// cosines of the first four frequencies on the first half of a block; the other half mirrors it.
var cosines = func() (c [4][block / 2]float32) {
	for u := range c {
		for x := range c[u] {
			c[u][x] = float32(math.Cos(math.Pi*float64(u)*(2*float64(x)+1)/(2*block)) / 2)
			if u == 0 {
				c[u][x] = 0.35355339
			}
		}
	}
	return c
}()

// coefficients gives the discrete cosine transform of the block at (x, y) of the plane for the first four rows and columns, as JPEG scales it.
func (p *plane) coefficients(x, y int) [4][4]float32 {
	var rows [block][4]float32
	for j := range rows {
		rows[j] = rowOf(p.fine[(y+j)*p.width+x:][:block:block])
	}
	return columnsOf(rows[:])
}

// rowOf transforms one row of a block.
func rowOf(a []uint16) [4]float32 {
	var sum, apart [block / 2]float32
	for i := range sum {
		l, r := float32(a[i]), float32(a[block-1-i])
		sum[i], apart[i] = l+r, l-r
	}
	return [4]float32{dot(&sum, 0), dot(&apart, 1), dot(&sum, 2), dot(&apart, 3)}
}

// columnsOf transforms the columns of a block whose rows are transformed.
func columnsOf(rows [][4]float32) (out [4][4]float32) {
	for u := range 4 {
		var sum, apart [block / 2]float32
		for j := range sum {
			a, b := rows[j][u], rows[block-1-j][u]
			sum[j], apart[j] = a+b, a-b
		}
		out[0][u], out[1][u], out[2][u], out[3][u] = dot(&sum, 0), dot(&apart, 1), dot(&sum, 2), dot(&apart, 3)
	}
	return out
}

func dot(v *[block / 2]float32, u int) float32 {
	c := &cosines[u]
	return v[0]*c[0] + v[1]*c[1] + v[2]*c[2] + v[3]*c[3]
}

// newCombs transforms every block of the plane and learns the teeth.
func newCombs(p *plane) *combs {
	n := p.columns * p.rows
	m := &combs{plane: p, class: make([]uint8, n), level: make([]uint8, n*frequencies)}
	var counts [frequencies][classes][levels]int32
	for k := range n {
		m.class[k] = noClass
		if p.atLimits(k) {
			continue
		}
		c := p.coefficients(k%p.columns*block, k/p.columns*block)
		sum := 0
		own := m.level[k*frequencies:][:frequencies]
		for f, at := range combFrequencies {
			v := c[at[1]][at[0]]
			own[f] = uint8(min(255, max(v, -v)/fineLevels+0.5))
			sum += int(own[f])
		}
		class := uint8(0)
		for limit := 2 * frequencies; class < classes-1 && sum > limit; limit *= 2 {
			class++
		}
		m.class[k] = class
		for f, v := range own {
			if v < levels {
				counts[f][class][v]++
			}
		}
	}
	for f := range counts {
		for class := range counts[f] {
			comb(&counts[f][class], &m.teeth[f][class])
		}
	}
	return m
}

// comb learns the teeth of one histogram. A level is compared with the geometric mean of what lies below and above it, so that a slope by itself,
// which is another for every content, makes no tooth.
func comb(counts *[levels]int32, teeth *[levels]tooth) {
	const (
		prior = 2.0 // coefficients that are added, so that few tell little
		most  = 2.5 // of a logarithm
	)
	var more [levels]float64
	mean := func(from, to int) float64 {
		from, to = max(leastLevel-1, from), min(levels-1, to)
		sum := prior
		for w := from; w <= to; w++ {
			sum += float64(counts[w])
		}
		return sum / float64(max(1, to-from+1))
	}
	reach := func(v int) int { return max(5, min(20, v/2)) }
	for v := leastLevel; v < levels; v++ {
		w := reach(v)
		more[v] = max(-most, min(most, math.Log((float64(counts[v])+prior)/math.Sqrt(mean(v-w, v-1)*mean(v+1, v+w)))))
	}
	for v := leastLevel; v < levels; v++ {
		w := reach(v)
		n, sum, square := prior, 0.0, 0.0
		for i := max(leastLevel, v-w); i <= min(levels-1, v+w); i++ {
			k := float64(counts[i])
			n, sum, square = n+k, sum+k*more[i], square+k*more[i]*more[i]
		}
		mean := sum / n
		teeth[v] = tooth{float32(more[v] - mean), float32(max(0, square/n-mean*mean))}
	}
}

// region says how well the coefficients of a quadrilateral of the plane keep to the teeth: the deviation in standard errors, below zero where
// they do not, and the same as a share of what a region without teeth would show (about -1; 0 for one that keeps to them).
func (m *combs) region(q vision.Quad) (deviation, share float64) {
	score, variance := 0.0, 0.0
	m.plane.blocks(q, func(k int) {
		if m.class[k] == noClass {
			return
		}
		for f, v := range m.level[k*frequencies:][:frequencies] {
			if v >= leastLevel && v < levels {
				t := &m.teeth[f][m.class[k]][v]
				score, variance = score+float64(t.score), variance+float64(t.variance)
			}
		}
	})
	const little = 4.0 // variance that is added, so that a region with few coefficients shows little
	return score / math.Sqrt(variance+little), score / (variance + little)
}
