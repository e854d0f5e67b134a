package bench

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPartsAreHalvesAndSlicesByLabel(t *testing.T) {
	t.Parallel()
	rows := []map[string]string{
		{"file": "a", "identity": "one", "sex": "f"}, {"file": "b", "identity": "one", "sex": "f"}, {"file": "c", "identity": "two", "sex": "m", "age_group": "30-39"},
	}
	parts := (&Bench{}).partsOf(rows, "identity")
	var slices []string
	halves := map[string]int{}
	for _, p := range parts {
		if p.slice != "" {
			slices = append(slices, p.slice)
			continue
		}
		for file, kept := range p.keeps {
			if kept {
				halves[file]++
				if !p.half.keeps(map[string]string{"a": "one", "b": "one", "c": "two"}[file]) {
					t.Errorf("%s is in the %s half", file, p.half)
				}
			}
		}
	}
	if diff := cmp.Diff([]string{"age_group=30-39", "sex=f", "sex=m"}, slices); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"a": 1, "b": 1, "c": 1}, halves); diff != "" {
		t.Error(diff)
	}
	for _, p := range (&Bench{split: SplitTune}).partsOf(rows, "identity") {
		if p.half != SplitAll {
			t.Errorf("a half of a half: %+v", p)
		}
	}
}

func TestTheCardHasARowForEachPart(t *testing.T) {
	t.Parallel()
	all := []presentation{
		{label: live, score: 0.9, isLive: true, zone: "live"}, {label: live, score: 0.2, zone: "review"}, {label: "print", score: 0.1, zone: "attack"},
	}
	whole := livenessGroup(all)
	whole.Controls = controls(all)
	r := &Result{
		Version: "1", Models: map[string]string{"face_detector": "ab"},
		Face: &FaceResult{
			Groups: map[string]FaceGroup{"lfw": {Mated: 2, FNMRAtFMR: map[string]Rate{"0.001": NewRate(1, 2)}, Quality: map[string]Rate{"grey": NewRate(0, 3)}}},
			Parts:  []FacePart{{Group: "lfw", Half: SplitReport, FaceGroup: FaceGroup{Mated: 1}}, {Group: "lfw", Slice: "sex=f"}},
		},
		Liveness: &LivenessResult{
			Groups: map[string]LivenessGroup{allSources: whole, "selfie": livenessGroup(all[:2])},
			Parts:  []LivenessPart{{Group: allSources, Half: SplitTune, LivenessGroup: livenessGroup(all)}},
		},
	}
	c, err := r.Card("standard", "ekyc bench DIR")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Face.Rows) != 3 || c.Face.Rows[1].Half != "report" || c.Face.Rows[2].Slice != "sex=f" || c.Face.Rows[0].FNMRAtFMR1e3.Value != 0.5 || c.Face.Quality[0].Codes["grey"].N != 3 {
		t.Errorf("faces: %+v", c.Face)
	}
	rows := c.Liveness.Rows
	if len(rows) != 3 || rows[0].AUC == nil || *rows[0].AUC != 1 || rows[0].BPCER.Value != 0.5 || rows[1].Half != "tune" || rows[2].AUC != nil || c.Liveness.Controls == nil {
		t.Errorf("liveness: %+v", c.Liveness)
	}
	if len(c.Face.Sets) != 1 || len(c.Liveness.Sets) != 1 || len(c.Face.Limits) == 0 {
		t.Errorf("sets %v and %v", c.Face.Sets, c.Liveness.Sets)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}
