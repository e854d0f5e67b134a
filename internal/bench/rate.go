package bench

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// confidence of the bounds of every rate.
const confidence = 0.95

// Rate is a share of n trials with its exact 95 % bounds (Clopper and Pearson, 1934). Without trials Value, Low and High are 0, 0, 1.
type Rate struct {
	Value float64 `json:"value"`
	N     int     `json:"n"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// NewRate is the rate of k events in n trials.
func NewRate(k, n int) Rate {
	if n == 0 {
		return Rate{High: 1}
	}
	r := Rate{Value: float64(k) / float64(n), N: n, High: 1}
	tail := (1 - confidence) / 2
	if k > 0 {
		r.Low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		r.High = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-tail)
	}
	return r
}

// tally counts events among trials.
type tally struct{ events, trials int }

func (t *tally) add(event bool) {
	t.trials++
	if event {
		t.events++
	}
}

func (t tally) rate() Rate { return NewRate(t.events, t.trials) }

// Latency sums up times in milliseconds by nearest-rank percentiles.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	N   int     `json:"n"`
}

// NewLatency sums up the given milliseconds.
func NewLatency(ms []float64) Latency {
	if len(ms) == 0 {
		return Latency{}
	}
	s := slices.Sorted(slices.Values(ms))
	rank := func(p float64) float64 { return s[min(len(s)-1, max(0, int(math.Ceil(p*float64(len(s))))-1))] }
	return Latency{rank(0.50), rank(0.95), rank(0.99), s[len(s)-1], len(s)}
}

// AUC is the probability that a positive scores higher than a negative, ties counting half (Mann and Whitney); 0.5 when one side is empty.
func AUC(positives, negatives []float64) float64 {
	if len(positives) == 0 || len(negatives) == 0 {
		return 0.5
	}
	neg := slices.Sorted(slices.Values(negatives))
	wins := 0.0
	for _, p := range positives {
		below, _ := slices.BinarySearch(neg, p)
		above, _ := slices.BinarySearch(neg, math.Nextafter(p, math.Inf(1)))
		wins += float64(below) + float64(above-below)/2
	}
	return wins / (float64(len(positives)) * float64(len(negatives)))
}

// EER is the equal error rate: where the share of positives under the threshold meets the share of negatives at or above it.
func EER(positives, negatives []float64) float64 {
	if len(positives) == 0 || len(negatives) == 0 {
		return 0.5
	}
	pos, neg := slices.Sorted(slices.Values(positives)), slices.Sorted(slices.Values(negatives))
	best, rate := math.Inf(1), 0.5
	for _, t := range append(slices.Clone(pos), neg...) {
		fnmr, fmr := shareBelow(pos, t), 1-shareBelow(neg, t)
		if d := math.Abs(fnmr - fmr); d < best {
			best, rate = d, (fnmr+fmr)/2
		}
	}
	return rate
}

// MissAtFalseRate is the share of positives under the lowest threshold at which at most the share falseRate of the negatives
// scores at or above it, and that threshold. Without negatives nothing can be said: the rate has no trials, the threshold is 0.
func MissAtFalseRate(positives, negatives []float64, falseRate float64) (miss Rate, threshold float64) {
	if len(negatives) == 0 {
		return NewRate(0, 0), 0
	}
	neg := slices.Sorted(slices.Values(negatives))
	allowed := int(falseRate * float64(len(neg)))
	threshold = math.Inf(-1)
	if allowed < len(neg) {
		threshold = math.Nextafter(neg[len(neg)-1-allowed], math.Inf(1))
	}
	missed := 0
	for _, p := range positives {
		if p < threshold {
			missed++
		}
	}
	return NewRate(missed, len(positives)), threshold
}

// shareBelow is the share of a sorted list that is smaller than t.
func shareBelow(sorted []float64, t float64) float64 {
	n, _ := slices.BinarySearch(sorted, t)
	return float64(n) / float64(len(sorted))
}
