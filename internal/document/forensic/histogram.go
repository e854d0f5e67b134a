package forensic

// histogram counts values from 0 to 255 in quarters, so that quantiles of many need no sorting.
type histogram struct {
	bins [1024]int32
	n    int
}

const binsOfOne = 4

func (h *histogram) add(v float64) {
	h.bins[max(0, min(len(h.bins)-1, int(v*binsOfOne)))]++
	h.n++
}

// quantile is the middle of the bin that holds the q-quantile; 0 for none.
func (h *histogram) quantile(q float64) float64 {
	rank := int32(q * float64(h.n))
	for i, n := range h.bins {
		if rank -= n; rank < 0 {
			return (float64(i) + 0.5) / binsOfOne
		}
	}
	return 0
}
