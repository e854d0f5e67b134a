package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ekyc"
)

// judgement is what of the command's JSON is looked at.
type judgement struct {
	Decision string `json:"decision"`
	Rules    []struct{ Name string }
	Own      []struct{ Name string } `json:"workflow_rules"`
	Document *struct{}
	Match    *struct{} `json:"face_match"`
	KYA      *struct{ Score float64 }
	Steps    []struct{ Name, Status string }
	Workflow struct {
		Name string
		Hash string
	}
}

// TestVerifyFollowsAWorkflowFile runs the sample person through workflows of three kinds.
func TestVerifyFollowsAWorkflowFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, problems := command(t, "specimen", "demo", "--out", dir); code != exitOK {
		t.Fatal(problems)
	}
	selfie, front := filepath.Join(dir, "selfie.jpg"), filepath.Join(dir, "front.jpg")
	claim := write(t, "claim.json", []byte(`{"email": "person@example.com", "country": "UTO", "names": {"surname": "SOMEBODY"}}`))
	for name, c := range map[string]struct {
		workflow string
		args     []string
		steps    string
		decision string
		own      []string
	}{
		"one step": {"name: live\nsteps: [{step: liveness}]", []string{"--selfie", selfie}, "liveness completed, decision completed", "accepted", nil},
		"a stop": {"name: stopped\nsteps: [{step: ocr, stop: [{name: specimen_land, when: \"document.type != 'other'\", decision: review}]}, {step: validate}, {step: liveness, after: [ocr]}, {step: face_match}]",
			[]string{"--selfie", selfie, "--front", front}, "liveness skipped, ocr completed, validate skipped, face_match skipped, decision completed", "review", []string{"specimen_land"}},
		"a profile and a rule": {"name: whole\nkya: {enabled: true}\nrules: [{name: other_name, when: 'kya.checks[\"name_coherence\"] == \"fail\"', then: review}]",
			[]string{"--selfie", selfie, "--front", front, "--kya", claim}, "liveness completed, ocr completed, validate completed, face_match completed, kya completed, decision completed", "review", []string{"other_name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, "workflow.yaml", []byte(c.workflow))
			code, out, problems := command(t, append([]string{"verify", "--specimens", "--json", "--workflow", file}, c.args...)...)
			if code != exitOK {
				t.Fatal(problems)
			}
			var j judgement
			if err := json.Unmarshal([]byte(out), &j); err != nil {
				t.Fatal(err)
			}
			var steps, own []string
			for _, s := range j.Steps {
				steps = append(steps, s.Name+" "+s.Status)
			}
			for _, r := range j.Own {
				own = append(own, r.Name)
			}
			if got := strings.Join(steps, ", "); got != c.steps || j.Decision != c.decision || !slices.Equal(own, c.own) || len(j.Workflow.Hash) != 64 {
				t.Errorf("%s after %s, rules %v, by %+v", j.Decision, got, own, j.Workflow)
			}
		})
	}
}

func TestVerifySaysWhatIsWrongWithAWorkflow(t *testing.T) {
	t.Parallel()
	good := write(t, "good.jpg", plainJPEG(t, 400, 300))
	for name, c := range map[string]struct {
		args []string
		want ekyc.ErrorCode
		says string
	}{
		"an unknown step":     {[]string{"--workflow", write(t, "w.yaml", []byte("name: w\nsteps:\n  - step: sing\n")), "--selfie", good}, ekyc.ErrInvalidArgument, "w.yaml:3:"},
		"no such file":        {[]string{"--workflow", filepath.Join(t.TempDir(), "none.yaml"), "--selfie", good}, ekyc.ErrFileUnreadable, "none.yaml"},
		"a missing picture":   {[]string{"--selfie", good}, ekyc.ErrMissingField, "front"},
		"a missing profile":   {[]string{"--workflow", write(t, "k.yaml", []byte("name: k\nkya: {enabled: true}")), "--selfie", good, "--front", good}, ekyc.ErrMissingField, "kya"},
		"a still":             {[]string{"--workflow", write(t, "a.yaml", []byte("name: a\nliveness: {min_method: active}")), "--selfie", good, "--front", good}, ekyc.ErrMissingField, "frames"},
		"a profile in a rush": {[]string{"--kya", write(t, "c.json", []byte("{")), "--selfie", good, "--front", good}, ekyc.ErrMalformedJSON, "c.json"},
	} {
		code, _, problems := command(t, append([]string{"verify", "--models-dir", t.TempDir()}, c.args...)...)
		if code != exitBadInput || !strings.HasPrefix(problems, "ekyc: "+string(c.want)+": ") || !strings.Contains(problems, c.says) || strings.Count(problems, "\n") != 1 {
			t.Errorf("%s: status %d, %q", name, code, problems)
		}
	}
}
