package workflow

import (
	"encoding/json"
	"errors"
	"testing"

	"ekyc"
	"ekyc/internal/pipeline"
)

func parse(t testing.TB, text string) Settings {
	t.Helper()
	var s Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// with pins the program's own workflow with what differs from it.
func with(t testing.TB, settings string) Pinned {
	t.Helper()
	p, err := Pin(pipeline.Default(), 1, parse(t, settings), ekyc.Test)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		`{"face_match": {"threshold": 0}}`:                               "face_match.threshold",
		`{"face_match": {"threshold": 1.01}}`:                            "face_match.threshold",
		`{"face_match": {"target_fmr": 1}}`:                              "face_match.target_fmr",
		`{"face_match": {"threshold": 0.5, "target_fmr": 0.1}}`:          "face_match",
		`{"document": {"mandatory_fields": ["shoe_size"]}}`:              "document.mandatory_fields[0]",
		`{"document": {"accepted_types": ["library_card"]}}`:             "document.accepted_types[0]",
		`{"document": {"accepted_countries": ["deu"]}}`:                  "document.accepted_countries[0]",
		`{"document": {"accepted_countries": ["D", "DEUX"]}}`:            "document.accepted_countries[1]",
		`{"document": {"min_age": -1}}`:                                  "document.min_age",
		`{"document": {"expiry_grace_days": 99999}}`:                     "document.expiry_grace_days",
		`{"document": {"specimens_allowed": true}}`:                      "document.specimens_allowed",
		`{"thresholds": {"accept": 50, "review": 60}}`:                   "thresholds",
		`{"weights": {"kya": 100}}`:                                      "weights",
		`{"weights": {"liveness": -1, "face_match": 40, "document": 2}}`: "weights.liveness",
	} {
		_, err := Pin(pipeline.Default(), 1, parse(t, text), ekyc.Live)
		problem, ok := errors.AsType[*ekyc.Error](err)
		if !ok || problem.Code != ekyc.ErrInvalidArgument {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if problems := problem.Details["fields"].(map[string]string); len(problems) != 1 || problems[field] == "" {
			t.Errorf("%s: %v", text, problems)
		}
	}
	with(t, `{"document": {"specimens_allowed": true, "accepted_countries": ["D", "UTO"], "mandatory_fields": ["address"]}}`)
}

func TestAPinSaysWhatTheSettingsMean(t *testing.T) {
	t.Parallel()
	standard := with(t, `{}`)
	if standard.Name != DefaultWorkflow || standard.Version != 1 || standard.Hash != pipeline.Default().Hash() {
		t.Errorf("the program's own is pinned as %s %d with %s", standard.Name, standard.Version, standard.Hash)
	}
	same := `{"name": "default", "face_match": {"threshold": 0.75}, "weights": {"liveness": 30, "face_match": 40, "document": 25, "kya": 5}, "thresholds": {"accept": 80, "review": 60}}`
	if got := with(t, same); got.Hash != standard.Hash {
		t.Error("the defaults written out have another hash")
	}
	stored, err := json.Marshal(standard.Definition)
	if err != nil {
		t.Fatal(err)
	}
	var again pipeline.Definition
	if err := json.Unmarshal(stored, &again); err != nil || again.Hash() != standard.Hash {
		t.Errorf("a stored definition has another hash, %v", err)
	}
	seen := map[string]string{standard.Hash: "{}"}
	for _, text := range []string{
		`{"face_match": {"threshold": 0.8}}`, `{"face_match": {"target_fmr": 0.001}}`, `{"document": {"min_age": 18}}`, `{"kya": {"enabled": false}}`,
		`{"thresholds": {"accept": 90, "review": 60}}`, `{"weights": {"liveness": 25, "face_match": 45, "document": 25, "kya": 5}}`,
	} {
		p := with(t, text)
		if seen[p.Hash] != "" {
			t.Errorf("%s and %s have one hash", text, seen[p.Hash])
		}
		seen[p.Hash] = text
	}
	if standard.Hash != pipeline.Default().Hash() {
		t.Error("what differs for one job changed the workflow for all")
	}
}
