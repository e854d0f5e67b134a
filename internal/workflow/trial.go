package workflow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/face"
	"ekyc/internal/pipeline"
)

// trial is a workflow that is tried on the facts of jobs that another has judged.
type trial struct {
	pipeline    *pipeline.Pipeline
	calibration *face.Calibration // nil: only similarities under the workflow's own threshold can be judged
}

// engineTime is how long a trial waits for an engine that is still loading its models.
const engineTime = 2 * time.Second

// newTrial asks the engine for its calibration, which costs nothing once the models are loaded. The engine may be nil.
func newTrial(ctx context.Context, p *pipeline.Pipeline, e Engine) trial {
	t := trial{pipeline: p}
	if e == nil {
		return t
	}
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	if inventory, err := e.Models(ctx); err == nil {
		t.calibration = inventory.Matcher.Calibration
	}
	return t
}

// errIncomplete says that the facts of a job are not enough for another workflow: it would have taken a step that was not taken.
var errIncomplete = errors.New("the facts are not enough for this workflow")

// decide decides facts once more, and keeps a panic to itself. Errors: errIncomplete.
func (t trial) decide(f *pipeline.Facts) (verdict decision.Result, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("deciding panicked: %v\n%s", fault, debug.Stack())
		}
	}()
	again := *f
	if err := t.compare(&again.Evidence.FaceMatch); err != nil {
		return decision.Result{}, err
	}
	verdict, err = t.pipeline.Verdict(&again)
	if err == nil && wanting(&again, &verdict) {
		err = errIncomplete
	}
	return verdict, err
}

// compare judges a similarity under the threshold of the workflow tried.
func (t trial) compare(m *decision.FaceMatchEvidence) error {
	want := t.pipeline.Definition().FaceMatch
	if m.State != decision.Ran || !t.pipeline.Includes(pipeline.StepFaceMatch) || want.Threshold != nil && *want.Threshold == m.Threshold {
		return nil
	}
	if t.calibration == nil {
		return errIncomplete
	}
	o := face.Options{}
	if want.Threshold != nil {
		o.Threshold = *want.Threshold
	}
	if want.TargetFMR != nil {
		o.TargetFMR = *want.TargetFMR
	}
	judged, err := t.calibration.Judge(t.calibration.CosineAt(m.Similarity), o)
	if err != nil { // the models cannot promise this rate
		return errors.Join(errIncomplete, err)
	}
	m.Match = m.Similarity >= judged.Threshold // and not what is left of it after the way to a cosine and back
	m.Threshold, m.FMRAtThreshold, m.Uncertain = judged.Threshold, judged.FMRAtThreshold, judged.Uncertain && !m.Match
	return nil
}

// wanting says that the workflow tried counts a step as failed that was never begun: it would have taken it.
func wanting(f *pipeline.Facts, r *decision.Result) bool {
	states := map[decision.FactorName]decision.State{
		decision.Liveness: f.Evidence.Liveness.State, decision.FaceMatch: f.Evidence.FaceMatch.State,
		decision.Document: f.Evidence.Document.State, decision.KYA: f.Evidence.KYA.State,
	}
	for _, factor := range r.Factors {
		if factor.State == decision.FactorNotRun && states[factor.Name] != decision.FailedToRun {
			return true
		}
	}
	return slices.ContainsFunc(r.WorkflowRules, func(rule decision.FiredRule) bool { return rule.Code == decision.CodeStepWanted })
}

// rulesOf names the rules that held: the hard ones by their codes, the workflow's own by their names.
func rulesOf(r *decision.Result) []string {
	names := []string{}
	for _, rule := range slices.Concat(r.HardRules, r.WorkflowRules) {
		name := rule.Name
		if name == "" {
			name = string(rule.Code)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// untried names the members of a workflow that stored facts cannot answer and that another has otherwise.
func untried(tried, judged *pipeline.Definition, environment ekyc.Environment) (members []string) {
	a, b := tried.Document, judged.Document
	if !slices.Equal(a.MandatoryFields, b.MandatoryFields) {
		members = append(members, "document.mandatory_fields")
	}
	if a.ExpiryGraceDays != b.ExpiryGraceDays {
		members = append(members, "document.expiry_grace_days")
	}
	if a.SpecimensAllowed != b.SpecimensAllowed && environment != ekyc.Test { // where they are in any case
		members = append(members, "document.specimens_allowed")
	}
	providers := map[pipeline.StepName]string{}
	for _, step := range judged.Steps {
		providers[step.Step] = step.Provider
	}
	for _, step := range tried.Steps {
		if was, known := providers[step.Step]; known && was != step.Provider {
			members = append(members, "steps."+string(step.Step)+".provider")
		}
	}
	return members
}
