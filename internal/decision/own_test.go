package decision_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/decision"
)

// always gives the same rules of the workflow's own for any evidence.
func always(rules ...decision.OwnRule) decision.OwnRules {
	return decision.OwnRules{Holding: func(*decision.Input, decision.FactorName) []decision.OwnRule { return rules }}
}

func decide(t *testing.T, p decision.Policy, in decision.Input, own decision.OwnRules) decision.Result {
	t.Helper()
	d, err := decision.NewDecider(p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Decide(in, own)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rule(effect decision.Effect, tell decision.Tell) decision.OwnRule {
	return decision.OwnRule{Code: decision.CodeOwnRule, Name: "x", Effect: effect, Message: "x holds", Tell: tell}
}

func TestOwnRulesDecideBesideTheScore(t *testing.T) {
	t.Parallel()
	accepted, poor := withKYA(good(0.9, 0.9, 0.96), 1), withKYA(good(0.3, 0.3, 0.5), 0)
	expired := accepted
	expired.Document.Expired = true
	for name, c := range map[string]struct {
		in        decision.Input
		effect    decision.Effect
		tell      decision.Tell
		want      ekyc.Decision
		retryable bool
	}{
		"a note changes nothing":          {accepted, decision.Note, "", ekyc.Accepted, false},
		"a wish for a step does neither":  {accepted, decision.Require, "", ekyc.Accepted, false},
		"cap":                             {accepted, decision.Cap, "", ekyc.Review, false},
		"a cap lifts nothing":             {poor, decision.Cap, "", ekyc.Rejected, false},
		"force":                           {accepted, decision.Force, decision.TellSelfie, ekyc.Review, true},
		"force lifts what the score says": {poor, decision.Force, "", ekyc.Review, false},
		"force lifts no refusal":          {expired, decision.Force, decision.TellRetake, ekyc.Rejected, false},
		"refuse":                          {accepted, decision.Refuse, "", ekyc.Rejected, false},
		"refuse for a photograph":         {accepted, decision.Refuse, decision.TellRetake, ekyc.Rejected, true},
	} {
		plain := evaluate(t, c.in)
		r := decide(t, decision.DefaultPolicy(), c.in, always(rule(c.effect, c.tell)))
		if r.Decision != c.want || r.Retryable != c.retryable || r.Score != plain.Score || r.DecisionByScore != plain.DecisionByScore {
			t.Errorf("%s: %s, retryable %v, score %s", name, r.Decision, r.Retryable, r.Score)
		}
		if want := []decision.FiredRule{{Code: decision.CodeOwnRule, Name: "x", Effect: c.effect, Message: "x holds"}}; !slices.Equal(r.WorkflowRules, want) {
			t.Errorf("%s: told %+v", name, r.WorkflowRules)
		}
		last := r.Reasons[len(r.Reasons)-1]
		if last.Code != decision.CodeOwnRule || last.Factor != decision.WholeWorkflow || last.Points != 0 || last.Evidence["rule"] != "x" {
			t.Errorf("%s: reason %+v", name, last)
		}
	}
}

func TestNotesTellThePersonNothing(t *testing.T) {
	t.Parallel()
	in := withKYA(good(0.7, 0.6, 0.8), 1) // review by the score
	quiet := decide(t, decision.DefaultPolicy(), in, always(rule(decision.Note, ""), rule(decision.Require, "")))
	if got, want := quiet.ForPerson(), evaluateForPerson(t, in); !slices.Equal(got, want) {
		t.Errorf("told %v, without rules %v", got, want)
	}
	loud := decide(t, decision.DefaultPolicy(), in, always(rule(decision.Note, decision.TellAge)))
	if !slices.Contains(loud.ForPerson(), decision.TextOf(decision.TellAge)) {
		t.Errorf("told %v", loud.ForPerson())
	}
}

func evaluateForPerson(t *testing.T, in decision.Input) []decision.Text {
	t.Helper()
	r := evaluate(t, in)
	return r.ForPerson()
}

func TestSkippedCountsOnlyAfterAnEarlyStop(t *testing.T) {
	t.Parallel()
	in := good(0.9, 0, 0.96)
	in.FaceMatch = decision.FaceMatchEvidence{State: decision.Skipped}
	stop := decision.OwnRule{Code: decision.CodeEarlyStop, Name: "x", Effect: decision.Refuse, Message: "ended"}
	r := decide(t, decision.DefaultPolicy(), in, always(stop))
	if r.Decision != ekyc.Rejected || len(r.HardRules) != 0 || r.Factors[1].State != decision.FactorSkipped || r.Factors[1].Points != 0 || r.Counterfactual != nil {
		t.Errorf("%s %+v %+v", r.Decision, r.Factors[1], r.HardRules)
	}
	if !slices.ContainsFunc(r.Reasons, func(x decision.Reason) bool {
		return x.Code == decision.CodeStepSkipped && x.Points == -r.Factors[1].MaxPoints
	}) {
		t.Errorf("the loss is not explained: %+v", r.Reasons)
	}
	stop.Effect = decision.Force
	if r := decide(t, decision.DefaultPolicy(), in, always(stop)); r.Decision != ekyc.Review || r.DecisionByScore != ekyc.Rejected {
		t.Errorf("a stop that wants a review gives %s, the score %s", r.Decision, r.DecisionByScore)
	}
	r = evaluate(t, in)
	if len(r.HardRules) != 1 || r.HardRules[0].Code != decision.RuleStepNotRun || r.Factors[1].State != decision.FactorNotRun {
		t.Errorf("without a stop: %+v %+v", r.HardRules, r.Factors[1])
	}
}

func TestStepsOnDemandAreLeftOutUntilAskedFor(t *testing.T) {
	t.Parallel()
	p := decision.DefaultPolicy()
	p.OnDemand = []decision.FactorName{decision.FaceMatch}
	in := good(0.9, 0, 0.96)
	in.FaceMatch = decision.FaceMatchEvidence{State: decision.NotConfigured}
	r := decide(t, p, in, decision.OwnRules{})
	if r.Decision != ekyc.Accepted || r.Factors[1].State != decision.FactorLeftOut || r.WeightsEffective.FaceMatch != 0 {
		t.Errorf("%s %+v", r.Decision, r.Factors[1])
	}
	in.FaceMatch.State = decision.FailedToRun
	if r := decide(t, p, in, decision.OwnRules{}); r.Decision != ekyc.Review || r.Factors[1].State != decision.FactorNotRun {
		t.Errorf("asked for, and broken: %s %+v", r.Decision, r.Factors[1])
	}
	if p.Hash() == decision.DefaultPolicy().Hash() {
		t.Error("a step on demand does not change the hash")
	}
	p.OnDemand = []decision.FactorName{decision.Liveness, decision.FaceMatch, decision.Document}
	if p.Validate() == nil {
		t.Error("a policy is valid in which everything can be left out")
	}
	p.OnDemand, p.Steps = []decision.FactorName{decision.KYA}, p.Steps[:3]
	if p.Validate() == nil {
		t.Error("a step is on demand that the policy does not have")
	}
}

// TestCounterfactualSeesOwnRules: a rule that holds below 0.5 is in the way, and the counterfactual is where it stops holding.
func TestCounterfactualSeesOwnRules(t *testing.T) {
	t.Parallel()
	own := decision.OwnRules{
		Holding: func(in *decision.Input, _ decision.FactorName) []decision.OwnRule {
			if in.KYA.Score < 0.5 {
				return []decision.OwnRule{rule(decision.Refuse, "")}
			}
			return nil
		},
		Turns: func(*decision.Input, decision.FactorName) []decision.Share {
			return []decision.Share{decision.ShareOf(0.5)}
		},
	}
	in := withKYA(good(0.9, 0.9, 0.96), 0.2)
	r := decide(t, decision.DefaultPolicy(), in, own)
	if c := r.Counterfactual; c == nil || c.Message != "kya 0.5 instead of 0.2 gives accepted" {
		t.Fatalf("got %+v", c)
	}
	in.KYA.Score = 0.5
	if then := decide(t, decision.DefaultPolicy(), in, own); then.Decision != ekyc.Accepted || then.Score != r.Counterfactual.Score {
		t.Errorf("decided again: %s %s", then.Decision, then.Score)
	}
}

func TestInputSurvivesJSON(t *testing.T) {
	t.Parallel()
	s := seeded{rand.New(rand.NewPCG(11, 12))}
	for range 500 {
		in := randomInput(s)
		for _, checks := range []*[]ekyc.Check{&in.Liveness.Checks, &in.Document.Checks, &in.KYA.Checks} {
			if len(*checks) == 0 {
				*checks = nil
			}
		}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var back decision.Input
		if err := json.Unmarshal(text, &back); err != nil || !cmp.Equal(in, back) {
			t.Fatalf("%v %s", err, cmp.Diff(in, back))
		}
	}
}
