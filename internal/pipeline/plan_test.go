package pipeline_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

// inOrder are facts of somebody with whom all is well.
func inOrder() *pipeline.Facts {
	age, days := 40, 500
	return &pipeline.Facts{
		Evidence: decision.Input{
			Liveness:  decision.LivenessEvidence{State: decision.Ran, IsLive: true, LiveScore: 0.9, Zone: decision.ZoneLive, SpoofType: ekyc.SpoofNone, Confidence: 0.9},
			FaceMatch: decision.FaceMatchEvidence{State: decision.Ran, Match: true, Similarity: 0.9, Threshold: 0.75, FMRAtThreshold: 1e-4},
			Document:  decision.DocumentEvidence{State: decision.Ran, Valid: true, Confidence: 0.96},
			KYA:       decision.KYAEvidence{State: decision.NotConfigured},
		},
		Document: pipeline.DocumentFacts{
			Type: ekyc.IDCard, Country: "FRA", IssuingCountry: "FRA", Nationality: "FRA", Age: &age, DaysToExpiry: &days, Fields: []string{"surname"}, Sources: []string{"mrz"},
		},
		Liveness: pipeline.LivenessFacts{Method: "passive", Quality: &pipeline.FaceQuality{Score: 0.8}},
		Portrait: &pipeline.FaceQuality{Score: 0.6, Codes: []string{"blurred"}},
		Request:  pipeline.RequestFacts{Environment: ekyc.Live, CountryHint: "FRA", HasBack: true, Frames: 1},
		At:       time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
	}
}

// follow runs a pipeline as its users do, with the facts given of every step, and gives the waves of steps that ran side by side.
func follow(p *pipeline.Pipeline, f *pipeline.Facts) (waves [][]pipeline.StepName, stopped *pipeline.Stop) {
	done, required := map[pipeline.StepName]bool{}, map[pipeline.StepName]bool{}
	for {
		ready := p.Ready(done, required)
		if len(ready) == 0 {
			return waves, nil
		}
		waves = append(waves, ready)
		for _, step := range ready {
			done[step] = true
			if stop := p.Stopped(step, f); stop != nil {
				return waves, stop
			}
		}
		for _, step := range p.Required(f) {
			required[step] = true
		}
	}
}

func TestDefaultRunsSideBySideWhatCan(t *testing.T) {
	t.Parallel()
	p := compile(t, pipeline.Default())
	waves, _ := follow(p, inOrder())
	want := [][]pipeline.StepName{
		{pipeline.StepLiveness, pipeline.StepOCR}, {pipeline.StepValidate, pipeline.StepFaceMatch, pipeline.StepKYA}, {pipeline.StepDecision},
	}
	if !slices.EqualFunc(waves, want, slices.Equal) {
		t.Errorf("got %v", waves)
	}
	if p.Policy().Hash() != decision.DefaultPolicy().Hash() || p.Policy().Version != decision.DefaultPolicy().Version {
		t.Errorf("the policy is not that of the contract: %+v", p.Policy())
	}
}

func TestStepsOnDemandRunWhenRulesAsk(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, readFile(t, filepath.Join(examples, "telecom-sim.yaml"))))
	waves, _ := follow(p, inOrder())
	want := [][]pipeline.StepName{{pipeline.StepOCR}, {pipeline.StepLiveness, pipeline.StepValidate}, {pipeline.StepDecision}}
	if !slices.EqualFunc(waves, want, slices.Equal) {
		t.Errorf("at home: %v", waves)
	}
	f := inOrder()
	f.Document.Country = "BRA"
	waves, _ = follow(p, f)
	want = [][]pipeline.StepName{{pipeline.StepOCR}, {pipeline.StepLiveness, pipeline.StepValidate}, {pipeline.StepFaceMatch}, {pipeline.StepDecision}}
	if !slices.EqualFunc(waves, want, slices.Equal) {
		t.Errorf("from elsewhere: %v", waves)
	}
	if !p.Includes(pipeline.StepFaceMatch) || p.Includes(pipeline.StepKYA) {
		t.Error("face_match is part of the workflow, and kya is not")
	}
}

func TestRequiredStepsBringWhatTheyNeed(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, []byte(`
name: selfie-first
steps:
  - step: liveness
  - {step: ocr, on_demand: true}
  - {step: validate, on_demand: true}
rules:
  - {name: doubt, when: liveness.live_score < 0.95, then: require_step, step: validate}
`)))
	if got := p.Required(inOrder()); !slices.Equal(got, []pipeline.StepName{pipeline.StepOCR, pipeline.StepValidate}) {
		t.Errorf("required %v", got)
	}
	f := inOrder()
	f.Evidence.Document, f.Evidence.FaceMatch = decision.DocumentEvidence{}, decision.FaceMatchEvidence{}
	f.Document = pipeline.DocumentFacts{}
	if r := examine(t, p, f); r.Decision != ekyc.Review || r.Factors[2].State != decision.FactorLeftOut {
		t.Errorf("what was asked for has not run: %s %+v", r.Decision, r.Factors[2])
	}
	f.Evidence.Liveness.LiveScore = 0.97
	if r := examine(t, p, f); r.Decision != ekyc.Accepted || r.Score.String() != "97" {
		t.Errorf("nothing was asked for: %s %s", r.Decision, r.Score)
	}
}

func TestEarlyStopSparesWhatWaits(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, readFile(t, filepath.Join(examples, "crypto-exchange.yaml"))))
	f := inOrder()
	f.Evidence.KYA = decision.KYAEvidence{State: decision.Ran, Score: 0.4}
	f.KYA.Checks = pipeline.Statuses{"email_disposable": ekyc.Fail, "ip_public": ekyc.Pass}
	waves, stopped := follow(p, f)
	if stopped == nil || stopped.Name != "disposable_address" || len(waves) != 1 {
		t.Fatalf("stopped by %+v after %v", stopped, waves)
	}
	whole := examine(t, p, f)
	live := *f
	live.Evidence.Liveness, live.Evidence.FaceMatch = decision.LivenessEvidence{State: decision.Skipped}, decision.FaceMatchEvidence{State: decision.Skipped}
	live.Evidence.Document, live.Document = decision.DocumentEvidence{State: decision.Skipped}, pipeline.DocumentFacts{}
	live.Stopped, live.Skipped = stopped, []pipeline.StepName{pipeline.StepOCR, pipeline.StepValidate, pipeline.StepLiveness, pipeline.StepFaceMatch}
	if r := examine(t, p, &live); r.Decision != ekyc.Rejected || r.Decision != whole.Decision || r.Score != whole.Score || r.Counterfactual != nil {
		t.Errorf("live %s %s, from the facts of all steps %s %s", r.Decision, r.Score, whole.Decision, whole.Score)
	}
	for _, factor := range whole.Factors {
		if factor.Name != decision.KYA && factor.State != decision.FactorSkipped {
			t.Errorf("%s is %s", factor.Name, factor.State)
		}
	}
	// Under a workflow without that stop, what was skipped is not known: nobody is accepted or rejected for it.
	if r := examine(t, compile(t, pipeline.Default()), &live); r.Decision != ekyc.Review {
		t.Errorf("without the stop: %s", r.Decision)
	}
}

func TestSkippedStepsNeedAnEarlyStop(t *testing.T) {
	t.Parallel()
	f := inOrder()
	f.Evidence.FaceMatch = decision.FaceMatchEvidence{State: decision.Skipped}
	r := examine(t, compile(t, pipeline.Default()), f)
	if r.Decision != ekyc.Review || r.HardRules[0].Code != decision.RuleStepNotRun {
		t.Errorf("a step that nothing stopped was skipped: %s %+v", r.Decision, r.HardRules)
	}
}
