package pipeline_test

import (
	"slices"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

// ruled is the default workflow with one rule.
func ruled(t *testing.T, when string, then pipeline.Effect) *pipeline.Pipeline {
	t.Helper()
	d := pipeline.Default()
	d.Rules = []pipeline.Rule{{Name: "x", When: when, Then: then}}
	return compile(t, d)
}

func codesOf(r decision.Result) (codes []decision.Code) {
	for _, rule := range r.WorkflowRules {
		codes = append(codes, rule.Code)
	}
	return codes
}

func TestConditionsThatCannotBeEvaluated(t *testing.T) {
	t.Parallel()
	failed := func(f *pipeline.Facts) { f.Evidence.KYA = decision.KYAEvidence{State: decision.FailedToRun} }
	unread := func(f *pipeline.Facts) { f.Document.Age = nil }
	none := func(*pipeline.Facts) {}
	open, held := []decision.Code{decision.CodeOwnRuleOpen}, []decision.Code{decision.CodeOwnRule}
	for name, c := range map[string]struct {
		when   string
		then   pipeline.Effect
		change func(*pipeline.Facts)
		want   ekyc.Decision
		codes  []decision.Code
	}{
		"unread":                          {"document.age < 18", pipeline.EffectRejected, unread, ekyc.Review, open},
		"unread, for a review":            {"document.age < 18", pipeline.EffectReview, unread, ekyc.Review, open},
		"unread, for a reason":            {"document.age < 18", pipeline.EffectReason, unread, ekyc.Accepted, nil},
		"unread, and asked for":           {"has(document.age) && document.age < 18", pipeline.EffectRejected, unread, ekyc.Accepted, nil},
		"unread, the other way about":     {"!has(document.age) || document.age < 18", pipeline.EffectRejected, unread, ekyc.Rejected, held},
		"unread, and decided without it":  {"document.age < 18 || document.valid", pipeline.EffectReview, unread, ekyc.Review, held},
		"unread, and excluded without it": {"document.age < 18 && !document.valid", pipeline.EffectReview, unread, ekyc.Accepted, nil},
		"the step failed":                 {"kya.score < 0.5", pipeline.EffectRejected, failed, ekyc.Review, open},
		"no profile was given":            {"kya.score < 0.5", pipeline.EffectRejected, none, ekyc.Accepted, nil},
		"no profile, and unread":          {"kya.score < 0.5 || document.age < 18", pipeline.EffectRejected, unread, ekyc.Review, open},
		"a check that was not made":       {`liveness.checks["challenge_completed"] != "pass"`, pipeline.EffectRejected, none, ekyc.Review, open},
		"a check that is asked for":       {`"challenge_completed" in liveness.checks && liveness.checks["challenge_completed"] != "pass"`, pipeline.EffectRejected, none, ekyc.Accepted, nil},
		"division by nothing":             {"1 / (document.age - 40) > 0", pipeline.EffectReviewAtBest, none, ekyc.Review, open},
	} {
		f := inOrder()
		c.change(f)
		r := examine(t, ruled(t, c.when, c.then), f)
		if r.Decision != c.want || !slices.Equal(codesOf(r), c.codes) {
			t.Errorf("%s: %s %v, want %s %v", name, r.Decision, codesOf(r), c.want, c.codes)
		}
	}
}

// TestConditionsReachNothingElse: there is nothing to ask for but what the table of variables lists, and no way around it.
func TestConditionsReachNothingElse(t *testing.T) {
	t.Parallel()
	for _, when := range []string{
		"now() > timestamp(0)", "env.HOME == ''", "facts.document == facts.document", "document.surname == ''", "document.bare.valid", "dyn(document).surname == ''",
		"dyn(document).age > 1", "[document].size() > 0", "{'a': document}.size() > 0", "type(document) == type(document)", "has(document.surname)",
		"document['age'] > 1", "liveness.embedding.size() > 0", "@result", "__result__", "x => x", "document.age = 3", "true ? document : document",
	} {
		d := pipeline.Default()
		d.Rules = []pipeline.Rule{{Name: "x", When: when, Then: pipeline.EffectReview}}
		if _, err := pipeline.Compile(d); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: %v", when, err)
		}
	}
}

func TestDemandsOnThePersonCap(t *testing.T) {
	t.Parallel()
	p := ruled(t, "document.valid", pipeline.EffectReason)
	r := examine(t, p, inOrder())
	if r.Decision != ekyc.Accepted || r.WorkflowRules[0].Message != "x holds" || len(r.ForPerson()) != 0 {
		t.Errorf("%s %+v", r.Decision, r.WorkflowRules)
	}
	d := pipeline.Default()
	d.Liveness = pipeline.Liveness{MinMethod: pipeline.MethodActive, MinLiveScore: new(0.95)}
	r = examine(t, compile(t, d), inOrder())
	if want := []decision.Code{decision.CodeLiveScore, decision.CodeLivenessMethod}; r.Decision != ekyc.Review || !slices.Equal(codesOf(r), want) {
		t.Errorf("%s %v", r.Decision, codesOf(r))
	}
	if c := r.Counterfactual; c != nil && strings.Contains(c.Message, "accepted") {
		t.Errorf("the live score alone gives nothing: %+v", c)
	}
}

func TestTwoStopsAndTheStrongerDecides(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, []byte(`
name: two
steps:
  - step: liveness
    stop: [{name: dim, when: liveness.live_score < 0.95, decision: review}]
  - step: ocr
    stop: [{name: young, when: document.age < 50, decision: rejected}]
  - step: validate
    after: [liveness]
  - step: face_match
`)))
	r := examine(t, p, inOrder())
	if want := []decision.Code{decision.CodeEarlyStop, decision.CodeEarlyStop}; r.Decision != ekyc.Rejected || !slices.Equal(codesOf(r), want) {
		t.Errorf("%s %v", r.Decision, codesOf(r))
	}
	f := inOrder()
	f.Document.Age = new(60)
	if r := examine(t, p, f); r.Decision != ekyc.Review || r.Factors[1].State != decision.FactorSkipped || r.Factors[0].State != decision.FactorRan {
		t.Errorf("%s %+v", r.Decision, r.Factors)
	}
	if stop := p.Stopped(pipeline.StepOCR, f); stop != nil {
		t.Errorf("stopped by %+v", stop)
	}
}

func TestWorkflowDemandsAProfile(t *testing.T) {
	t.Parallel()
	d := pipeline.Default()
	d.KYA.Enabled = new(true)
	r := examine(t, compile(t, d), inOrder())
	if r.Decision != ekyc.Review || r.HardRules[0].Code != decision.RuleStepNotRun {
		t.Errorf("facts without a profile, under a workflow that demands one: %s", r.Decision)
	}
	d.KYA.Enabled = new(false)
	p := compile(t, d)
	f := inOrder()
	f.Evidence.KYA = decision.KYAEvidence{State: decision.Ran, Score: 0}
	if r := examine(t, p, f); r.WeightsEffective.KYA != 0 || p.Includes(pipeline.StepKYA) || slices.Contains(p.Ready(nil, nil), pipeline.StepKYA) {
		t.Errorf("a profile counts that the workflow does not want: %+v", r.WeightsEffective)
	}
}

func TestInvalidFactsAreRefused(t *testing.T) {
	t.Parallel()
	f := inOrder()
	f.Evidence.Liveness.LiveScore = 1.5
	if _, err := compile(t, pipeline.Default()).Decide(f); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Error(err)
	}
}
