package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc/internal/document/mrz"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// folder reads every file of a directory.
func folder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestSpecimenFolderHasItsTruthAndRepeats(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "documents")
	arguments := []string{"specimen", "--out", dir, "--seed", "4", "--count", "9", "--form", "photo,attack", "--kind", "passport,id_card_td1,driving_licence_aamva",
		"--width", "800", "--height", "600", "--labels", "--figures"}
	if code, _, problems := command(t, arguments...); code != exitOK {
		t.Fatal(problems)
	}
	files := folder(t, dir)
	var labels []specimen.Label
	if err := json.Unmarshal(files["labels.json"], &labels); err != nil || len(labels) != 9 {
		t.Fatalf("%d labels, %v", len(labels), err)
	}
	for _, l := range labels {
		for _, name := range []string{l.File, l.Back} {
			if name == "" {
				continue
			}
			if _, err := vision.Decode(files[name], vision.SceneLimits); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var truth specimen.Truth
			if err := json.Unmarshal(files[strings.TrimSuffix(name, ".jpg")+".json"], &truth); err != nil || truth.File != name || !truth.Specimen {
				t.Errorf("%s has no truth beside it: %v", name, err)
			}
		}
		if len(l.MRZ) > 0 {
			if zone, err := mrz.Parse(l.MRZ); err != nil || zone.Valid() != l.MRZValid {
				t.Errorf("%s: the zone of the label is not what the label says", l.File)
			}
		}
	}
	if code, _, problems := command(t, arguments...); code != exitBadInput || !strings.Contains(problems, "--force") {
		t.Errorf("writing over what is there: status %d, %q", code, problems)
	}
	if code, _, problems := command(t, append(arguments, "--force")...); code != exitOK {
		t.Fatal(problems)
	}
	for name, data := range folder(t, dir) {
		if !bytes.Equal(data, files[name]) {
			t.Errorf("%s differs when made again", name)
		}
	}
}

func TestDemonstrationShowsTwoPhotographsOfOnePerson(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, problems := command(t, "specimen", "demo", "--out", dir); code != exitOK {
		t.Fatal(problems)
	}
	code, out, problems := command(t, "verify", "--specimens", "--json", "--selfie", filepath.Join(dir, "selfie.jpg"), "--front", filepath.Join(dir, "front.jpg"))
	if code != exitOK {
		t.Fatal(problems)
	}
	var verification struct {
		Decision string `json:"decision"`
	}
	if err := json.Unmarshal([]byte(out), &verification); err != nil || verification.Decision != "accepted" {
		t.Errorf("the sample person is %q, %v", verification.Decision, err)
	}
}

func TestSpecimenRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{
		{"--kind", "library_card"}, {"--form", "hologram"}, {"--issuer", "XXX"}, {"--count", "0"}, {"--difficulty", "3"}, {"--width", "20", "--height", "20"},
	} {
		all := append([]string{"specimen", "--out", t.TempDir(), "--figures", "--form", "photo"}, arguments...)
		if code, _, problems := command(t, all...); code != exitBadInput || strings.Count(problems, "\n") != 1 {
			t.Errorf("%v: status %d, %q", arguments, code, problems)
		}
	}
}
