package bench

import (
	"encoding/json"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// The bounds are exact: at each bound the binomial tail beyond what was seen has 2.5 %.
func TestRateBoundsHoldTheirTails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		r := NewRate(k, n)
		if !(r.Low <= r.Value && r.Value <= r.High && r.Low >= 0 && r.High <= 1) {
			t.Fatalf("%d of %d: %+v", k, n, r)
		}
		if k > 0 {
			tail := 1 - distuv.Binomial{N: float64(n), P: r.Low}.CDF(float64(k-1))
			if math.Abs(tail-0.025) > 1e-6 {
				t.Fatalf("%d of %d: the upper tail at the lower bound is %g", k, n, tail)
			}
		}
		if k < n {
			tail := distuv.Binomial{N: float64(n), P: r.High}.CDF(float64(k))
			if math.Abs(tail-0.025) > 1e-6 {
				t.Fatalf("%d of %d: the lower tail at the upper bound is %g", k, n, tail)
			}
		}
	})
}

func TestRatePublishedBounds(t *testing.T) {
	t.Parallel()
	// The rule of three made exact: 0 of 10 has the upper bound 1 - 0.025^(1/10).
	if got := NewRate(0, 10); math.Abs(got.High-0.30850) > 1e-4 || got.Low != 0 {
		t.Errorf("0 of 10: %+v", got)
	}
	if got := NewRate(5, 10); math.Abs(got.Low-0.18709) > 1e-4 || math.Abs(got.High-0.81291) > 1e-4 {
		t.Errorf("5 of 10: %+v", got)
	}
}

func TestAUCCountsPairs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pos := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 9), func(i int) float64 { return float64(i) }), 1, 30).Draw(t, "positives")
		neg := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 9), func(i int) float64 { return float64(i) }), 1, 30).Draw(t, "negatives")
		want := 0.0
		for _, p := range pos {
			for _, n := range neg {
				if p > n {
					want++
				} else if p == n {
					want += 0.5
				}
			}
		}
		want /= float64(len(pos) * len(neg))
		if got := AUC(pos, neg); math.Abs(got-want) > 1e-12 {
			t.Fatalf("got %g, want %g", got, want)
		}
	})
}

func TestMissAtFalseRateKeepsItsPromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pos := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 50).Draw(t, "positives")
		neg := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 200).Draw(t, "negatives")
		rate := rapid.SampledFrom([]float64{0.1, 0.01, 0.001}).Draw(t, "rate")
		miss, threshold := MissAtFalseRate(pos, neg, rate)
		over, missed := 0, 0
		for _, n := range neg {
			if n >= threshold {
				over++
			}
		}
		for _, p := range pos {
			if p < threshold {
				missed++
			}
		}
		if float64(over) > rate*float64(len(neg)) {
			t.Fatalf("%d of %d negatives pass", over, len(neg))
		}
		lower, passing := math.Nextafter(threshold, math.Inf(-1)), 0
		for _, n := range neg {
			if n >= lower {
				passing++
			}
		}
		if float64(passing) <= rate*float64(len(neg)) {
			t.Fatalf("the threshold is not the lowest: with the next lower one %d of %d negatives pass", passing, len(neg))
		}
		if math.Abs(miss.Value*float64(len(pos))-float64(missed)) > 1e-9 {
			t.Fatalf("miss %g, counted %d of %d", miss.Value, missed, len(pos))
		}
	})
}

func TestNothingIsSaidWithoutNegatives(t *testing.T) {
	t.Parallel()
	miss, threshold := MissAtFalseRate([]float64{0.5, 0.6}, nil, 0.001)
	if miss.N != 0 {
		t.Errorf("a rate over %d trials without a single negative", miss.N)
	}
	if _, err := json.Marshal(FaceGroup{CosineAtFMR: map[string]float64{"0.001": threshold}}); err != nil {
		t.Errorf("a result that cannot be written: %v", err)
	}
}

func TestEERAndLatencyOfKnownLists(t *testing.T) {
	t.Parallel()
	if got := EER([]float64{3, 4, 5, 6}, []float64{0, 1, 2, 3.5}); math.Abs(got-0.25) > 1e-9 {
		t.Errorf("EER %g", got)
	}
	ms := make([]float64, 100)
	for i := range ms {
		ms[i] = float64(100 - i)
	}
	if got := NewLatency(ms); got != (Latency{50, 95, 99, 100, 100}) {
		t.Errorf("%+v", got)
	}
}
