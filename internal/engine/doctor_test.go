package engine

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"ekyc/internal/models"
)

var updateGolden = flag.Bool("update-golden", false, "write what the models give now to golden.json")

func library(t testing.TB, profile models.Profile) *models.Library {
	t.Helper()
	l, err := models.Open(models.DefaultDir(), profile)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEveryModelGivesItsGoldenOutput(t *testing.T) {
	lib := library(t, models.Standard)
	all, err := Examine(t.Context(), lib)
	if err != nil {
		t.Fatal(err)
	}
	if *updateGolden {
		writeGolden(t, lib, all)
		return
	}
	goldens, err := Goldens()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		asset, _ := lib.Asset(d.Model)
		if goldens[d.Model].SHA256 != asset.SHA256 {
			t.Errorf("%s has no golden output; run `make generate`", d.Model)
		}
		if !d.Healthy {
			t.Errorf("%s: %s", d.Model, d.Problem)
		}
	}
	if len(all) < 8 {
		t.Errorf("only %d models were examined", len(all))
	}
}

func writeGolden(t *testing.T, lib *models.Library, all []Diagnosis) {
	t.Helper()
	goldens := map[string]Golden{}
	for _, d := range all {
		asset, _ := lib.Asset(d.Model)
		goldens[d.Model] = Golden{asset.SHA256, d.Got}
	}
	data, err := json.MarshalIndent(goldens, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("golden.json", append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAWrongOutputIsSeen(t *testing.T) {
	t.Parallel()
	goldens, err := Goldens()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range goldens {
		if problem := differs(want.Outputs, want, want.SHA256); problem != "" {
			t.Errorf("%s differs from itself: %s", name, problem)
		}
		broken := append([]OutputFingerprint(nil), want.Outputs...)
		broken[0].Mean += 0.1 * (broken[0].RMS + 0.1)
		if differs(broken, want, want.SHA256) == "" {
			t.Errorf("%s: a shifted output went unseen", name)
		}
	}
}

func TestEveryScriptIsInstalled(t *testing.T) {
	t.Parallel()
	all := ExamineScripts()
	if len(all) < 4 {
		t.Errorf("only %d scripts", len(all))
	}
	for _, d := range all {
		if !d.Healthy {
			t.Errorf("%s: %s", d.Model, d.Problem)
		}
	}
}
