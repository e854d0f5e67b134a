package main

import (
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
)

// TestEveryHardRuleStandsAgainstAnAcceptance: also one that only asks for a person, since what it misses is not there yet.
func TestEveryHardRuleStandsAgainstAnAcceptance(t *testing.T) {
	t.Parallel()
	v := verdictOf(decision.Result{
		DecisionByScore: ekyc.Accepted,
		HardRules: []decision.FiredRule{
			{Code: decision.RuleNotLive, Effect: decision.Cap}, {Code: decision.RuleStepNotRun, Effect: decision.Force}, {Code: decision.RuleForged, Effect: decision.Refuse},
		},
		WorkflowRules: []decision.FiredRule{
			{Code: decision.CodeOwnRule, Name: "noted", Effect: decision.Note}, {Code: decision.CodeOwnRule, Name: "capped", Effect: decision.Cap},
			{Code: decision.CodeOwnRule, Name: "looked at", Effect: decision.Force}, {Code: decision.CodeLiveScore, Effect: decision.Cap},
		},
	})
	if want := []string{"not_live", "step_not_run", "document_forged", "capped", string(decision.CodeLiveScore)}; v.ByScore != ekyc.Accepted || !slices.Equal(v.Against, want) {
		t.Errorf("%+v", v)
	}
}
