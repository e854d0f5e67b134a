package forensic

// TreeDepth is how many questions a tree asks.
const TreeDepth = 3

// Tree is one of the boosted trees of a trace: at each node the input asked for goes right when it is above the mark.
type Tree struct {
	Input [1<<TreeDepth - 1]uint8
	At    [1<<TreeDepth - 1]float64
	Leaf  [1 << TreeDepth]float64
}

// Value is the leaf that the inputs lead to.
func (t *Tree) Value(inputs []float64) float64 {
	k := 0
	for range TreeDepth {
		right := 0
		if inputs[t.Input[k]] > t.At[k] {
			right = 1
		}
		k = 2*k + 1 + right
	}
	return t.Leaf[k-len(t.Input)]
}
