package profile_test

import (
	"compress/gzip"
	"os"
	"testing"

	"ekyc/internal/bench"
	"ekyc/internal/profile"
)

// What is asked of name coherence.
const (
	mostFalseAccepts = 0.01
	mostFalseRejects = 0.03
)

func namePairs(t *testing.T) []bench.NamePair {
	t.Helper()
	f, err := os.Open("testdata/names.tsv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := bench.ReadNamePairs(r)
	if err != nil {
		t.Fatal(err)
	}
	return pairs
}

// TestNameCoherenceOnLabelledPairs measures on testdata/names.tsv.gz, which internal/profile/namelist makes. Rules are tuned on one half.
func TestNameCoherenceOnLabelledPairs(t *testing.T) {
	t.Parallel()
	pairs := namePairs(t)
	for _, half := range []bench.Split{bench.SplitTune, bench.SplitReport, bench.SplitAll} {
		result, wrong, err := bench.MeasureNames(t.Context(), profile.New(profile.Options{}), pairs, half)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%q: different people passed %s, warned %s; one person failed %s, warned %s; not compared %s",
			half, result.FalseAccepts, result.WarnedAccepts, result.FalseRejects, result.WarnedRejects, result.NotCompared)
		for name, c := range result.Categories {
			t.Logf("%q: %s (same: %v): passed %s, warned %s, failed %s", half, name, c.Same, c.Passed, c.Warned, c.Failed)
		}
		if half == bench.SplitTune {
			for _, p := range wrong {
				t.Logf("same: %v, %s, %s: %q beside %q", p.Same, p.Category, p.Language, p.Claimed, p.Printed)
			}
		}
		accepts, rejects := result.FalseAccepts.Value, result.FalseRejects.Value
		if half == bench.SplitAll { // where there are enough pairs for the upper bounds to be held to it too
			accepts, rejects = result.FalseAccepts.High, result.FalseRejects.High
		}
		if accepts >= mostFalseAccepts {
			t.Errorf("%q: different people pass: %s", half, result.FalseAccepts)
		}
		if rejects >= mostFalseRejects {
			t.Errorf("%q: one person's names fail: %s", half, result.FalseRejects)
		}
	}
}
