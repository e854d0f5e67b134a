package workflow

import (
	"encoding/json"
	"errors"
	"testing"

	"ekyc"
)

func parse(t *testing.T, text string) Settings {
	t.Helper()
	var s Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		`{"name": "other"}`:                                              "name",
		`{"face_match": {"threshold": 0}}`:                               "face_match.threshold",
		`{"face_match": {"threshold": 1.01}}`:                            "face_match.threshold",
		`{"face_match": {"target_fmr": 1}}`:                              "face_match.target_fmr",
		`{"face_match": {"threshold": 0.5, "target_fmr": 0.1}}`:          "face_match",
		`{"document": {"mandatory_fields": ["shoe_size"]}}`:              "document.mandatory_fields",
		`{"document": {"accepted_types": ["library_card"]}}`:             "document.accepted_types",
		`{"document": {"accepted_countries": ["deu"]}}`:                  "document.accepted_countries",
		`{"document": {"accepted_countries": ["DEUX"]}}`:                 "document.accepted_countries",
		`{"document": {"min_age": -1}}`:                                  "document.min_age",
		`{"document": {"expiry_grace_days": 99999}}`:                     "document.expiry_grace_days",
		`{"document": {"specimens_allowed": true}}`:                      "document.specimens_allowed",
		`{"thresholds": {"accept": 50, "review": 60}}`:                   "weights, thresholds",
		`{"weights": {"kya": 100}}`:                                      "weights, thresholds",
		`{"weights": {"liveness": -1, "face_match": 40, "document": 2}}`: "weights, thresholds",
	} {
		_, err := Pin(parse(t, text), ekyc.Live)
		problem, ok := errors.AsType[*ekyc.Error](err)
		if !ok || problem.Code != ekyc.ErrInvalidArgument {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if problems := problem.Details["fields"].(map[string]string); len(problems) != 1 || problems[field] == "" {
			t.Errorf("%s: %v", text, problems)
		}
	}
	if _, err := Pin(parse(t, `{"document": {"specimens_allowed": true, "accepted_countries": ["D", "UTO"], "mandatory_fields": ["address"]}}`), ekyc.Test); err != nil {
		t.Error(err)
	}
}

func TestAPinSaysWhatTheSettingsMean(t *testing.T) {
	t.Parallel()
	pin := func(text string) Pinned {
		p, err := Pin(parse(t, text), ekyc.Test)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	standard := pin(`{}`)
	same := `{"name": "default", "face_match": {"threshold": 0.75}, "weights": {"liveness": 30, "face_match": 40, "document": 25, "kya": 5}, "thresholds": {"accept": 80, "review": 60}}`
	if got := pin(same); got.Hash != standard.Hash {
		t.Error("the defaults written out have another hash")
	}
	stored, err := json.Marshal(standard.Settings)
	if err != nil {
		t.Fatal(err)
	}
	if again := pin(string(stored)); again.Hash != standard.Hash || again.Settings.policy().Hash() != standard.Settings.policy().Hash() {
		t.Error("stored settings have another hash")
	}
	seen := map[string]string{standard.Hash: "{}"}
	for _, text := range []string{
		`{"face_match": {"threshold": 0.8}}`, `{"face_match": {"target_fmr": 0.001}}`, `{"document": {"min_age": 18}}`, `{"kya": {"enabled": false}}`,
		`{"thresholds": {"accept": 90, "review": 60}}`, `{"weights": {"liveness": 25, "face_match": 45, "document": 25, "kya": 5}}`,
	} {
		p := pin(text)
		if seen[p.Hash] != "" {
			t.Errorf("%s and %s have one hash", text, seen[p.Hash])
		}
		seen[p.Hash] = text
	}
}
