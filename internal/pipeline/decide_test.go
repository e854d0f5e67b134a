package pipeline_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

// adds decides and checks what holds for any result: points that add up, and rules that are told.
func adds(t testing.TB, p *pipeline.Pipeline, f *pipeline.Facts) decision.Result {
	t.Helper()
	r, err := p.Decide(f)
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	var score, most decision.Points
	lost := map[decision.FactorName]decision.Points{}
	for _, reason := range r.Reasons {
		if reason.Points > 0 || reason.Message == "" || reason.UserMessage.EN == "" || reason.UserMessage.FR == "" || reason.Factor == "" {
			t.Fatalf("incomplete reason %+v", reason)
		}
		lost[reason.Factor] += reason.Points
	}
	for _, factor := range r.Factors {
		if factor.Points < 0 || lost[factor.Name] != factor.Points-factor.MaxPoints {
			t.Fatalf("factor %+v, its reasons add up to %s", factor, lost[factor.Name])
		}
		score += factor.Points
		most += factor.MaxPoints
	}
	if score != r.Score || most != 10000 || lost[decision.WholeWorkflow] != 0 {
		t.Fatalf("points add up to %s of %s, the score is %s", score, most, r.Score)
	}
	if len(r.HardRules)+len(r.WorkflowRules) == 0 && r.Decision != r.DecisionByScore {
		t.Fatalf("%s became %s without a rule", r.DecisionByScore, r.Decision)
	}
	return r
}

// examine is adds, and facts decide the same after a journey through JSON and without what no reason is made of.
func examine(t testing.TB, p *pipeline.Pipeline, f *pipeline.Facts) decision.Result {
	t.Helper()
	r := adds(t, p, f)
	compact := journey(t, f)
	compact.Compact()
	other, err := p.Decide(journey(t, compact))
	if err != nil || !cmp.Equal(r, other) {
		t.Fatalf("compact facts decide otherwise: %v\n%s", err, cmp.Diff(r, other))
	}
	return r
}

// journey is facts through JSON and back.
func journey(t testing.TB, f *pipeline.Facts) *pipeline.Facts {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	back := &pipeline.Facts{}
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	return back
}
