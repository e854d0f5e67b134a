package main

import (
	"math"
	"slices"

	"ekyc/internal/document/forensic"
)

// What the boosted trees are grown with. There are few hundred forged lines: many small steps, and no leaf for a handful of lines.
const (
	rounds     = 120
	step       = 0.06
	ridge      = 5.0 // added to the curvature of a leaf
	leastRows  = 30  // of a leaf
	thresholds = 31  // of an input
)

// boost grows trees by gradient boosting of the logistic loss, both classes of equal weight. A tree sees what a weighted sum does not: bold strokes tell
// something where the ground is blank as well.
func boost(rows []row) []forensic.Tree {
	cuts, bins := quantised(rows)
	forged := 0
	for _, r := range rows {
		if r.forged {
			forged++
		}
	}
	n := float64(len(rows))
	weights := [2]float64{0.5 * n / float64(len(rows)-forged), 0.5 * n / float64(forged)}
	margin, slope, curve := make([]float64, len(rows)), make([]float64, len(rows)), make([]float64, len(rows))
	trees := make([]forensic.Tree, rounds)
	for k := range trees {
		for i, r := range rows {
			p := 1 / (1 + math.Exp(-margin[i]))
			target, w := 0.0, weights[0]
			if r.forged {
				target, w = 1, weights[1]
			}
			slope[i], curve[i] = w*(p-target), w*p*(1-p)
		}
		trees[k] = grow(cuts, bins, slope, curve)
		for i, r := range rows {
			margin[i] += trees[k].Value(r.inputs)
		}
	}
	return trees
}

// quantised gives the thresholds of each input and, for each row and input, how many of them the value exceeds.
func quantised(rows []row) (cuts [][]float64, bins [][]uint8) {
	inputs := len(rows[0].inputs)
	cuts, bins = make([][]float64, inputs), make([][]uint8, len(rows))
	for i := range bins {
		bins[i] = make([]uint8, inputs)
	}
	for f := range inputs {
		values := make([]float64, len(rows))
		for i, r := range rows {
			values[i] = r.inputs[f]
		}
		slices.Sort(values)
		for k := 1; k <= thresholds; k++ {
			cuts[f] = append(cuts[f], values[k*(len(values)-1)/(thresholds+1)])
		}
		cuts[f] = slices.Compact(cuts[f])
		for i, r := range rows {
			at, _ := slices.BinarySearch(cuts[f], r.inputs[f])
			bins[i][f] = uint8(at)
		}
	}
	return cuts, bins
}

// sum is what the rows of a node add up to.
type sum struct {
	slope, curve float64
	rows         int
}

func (s sum) gain() float64 { return s.slope * s.slope / (s.curve + ridge) }

// grow makes one tree. A node that no split improves sends everything to its left.
func grow(cuts [][]float64, bins [][]uint8, slope, curve []float64) forensic.Tree {
	var t forensic.Tree
	node := make([]int, len(bins)) // of its level
	for level := range forensic.TreeDepth {
		first, nodes := 1<<level-1, 1<<level
		sums := make([][][]sum, nodes) // by node, input and bin
		for k := range sums {
			sums[k] = make([][]sum, len(cuts))
			for f := range sums[k] {
				sums[k][f] = make([]sum, len(cuts[f])+1)
			}
		}
		for i, row := range bins {
			for f, b := range row {
				s := &sums[node[i]][f][b]
				s.slope, s.curve, s.rows = s.slope+slope[i], s.curve+curve[i], s.rows+1
			}
		}
		split := make([]int, nodes) // the bin that goes left last
		for k := range nodes {
			t.At[first+k], split[k] = math.MaxFloat32, math.MaxInt
			best := 0.0
			for f, list := range sums[k] {
				var all, left sum
				for _, s := range list {
					all = sum{all.slope + s.slope, all.curve + s.curve, all.rows + s.rows}
				}
				for b, s := range list[:len(list)-1] {
					left = sum{left.slope + s.slope, left.curve + s.curve, left.rows + s.rows}
					right := sum{all.slope - left.slope, all.curve - left.curve, all.rows - left.rows}
					if g := left.gain() + right.gain() - all.gain(); g > best && min(left.rows, right.rows) >= leastRows {
						best, t.Input[first+k], t.At[first+k], split[k] = g, uint8(f), cuts[f][b], b
					}
				}
			}
		}
		for i := range node {
			k := node[i]
			node[i] = 2 * k
			if int(bins[i][t.Input[first+k]]) > split[k] {
				node[i]++
			}
		}
	}
	var leaves [1 << forensic.TreeDepth]sum
	for i, k := range node {
		leaves[k].slope, leaves[k].curve = leaves[k].slope+slope[i], leaves[k].curve+curve[i]
	}
	for k, s := range leaves {
		t.Leaf[k] = -step * s.slope / (s.curve + ridge)
	}
	return t
}
