package bench

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc"
)

func TestCompareListsWhatGotWorse(t *testing.T) {
	t.Parallel()
	before := &Result{Document: &DocumentResult{}, MRZ: &MRZResult{}, Files: map[string]string{"documents/a.jpg": "x", "documents/b.jpg": "x", "spoof/q.jpg": "x"}}
	after := &Result{Document: &DocumentResult{}, MRZ: &MRZResult{}, Files: map[string]string{"documents/b.jpg": "x", "documents/c.jpg": "x"}}
	got, err := Compare(before, after)
	if err != nil {
		t.Fatal(err)
	}
	want := []Difference{
		{Part: "documents", Worse: []string{"documents/c.jpg"}, Better: []string{"documents/a.jpg"}, PValue: 1},
		{Part: "mrz", PValue: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff) // spoof was measured in neither
	}
}

func TestCompareRefusesDifferentHalves(t *testing.T) {
	t.Parallel()
	if _, err := Compare(&Result{Split: "tune"}, &Result{Split: "report"}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestMcNemarIsExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		worse, better int
		want          float64
	}{{0, 0, 1}, {0, 6, 2.0 / 64}, {6, 0, 2.0 / 64}, {1, 7, 2 * 9.0 / 256}, {4, 4, 1}} {
		if got := mcNemar(c.worse, c.better); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d worse, %d better: %g, want %g", c.worse, c.better, got, c.want)
		}
	}
}
