package pipeline

import (
	"slices"

	"cel.dev/cel-go/cel"

	"ekyc"
	"ekyc/internal/decision"
)

// view is the facts as conditions see them while one decision is made: with the evidence that is being judged, and without what an early stop spared.
type view struct {
	facts  *Facts
	in     *decision.Input
	spared stepSet

	demanded []ekyc.Check                              // of the document, by the workflow
	byCheck  map[decision.FactorName]map[string]string // statuses, once they were asked for
}

// ResolveName implements cel.Activation: every group of variables is read from the view itself.
func (v *view) ResolveName(string) (any, bool) { return v, true }

// Parent implements cel.Activation.
func (v *view) Parent() cel.Activation { return nil }

var noDocument DocumentFacts

// document is what was read of the document, nothing where its reading was spared.
func (v *view) document() *DocumentFacts {
	if v.spared[StepOCR] {
		return &noDocument
	}
	return &v.facts.Document
}

// hasDocument says whether a document was read at all.
func (v *view) hasDocument() bool {
	d := v.document()
	return d.Type != "" || len(d.Fields) > 0 || !v.spared[StepOCR] && v.in.Document.State == decision.Ran
}

// unless gives a face's quality where the step that measured it was not spared.
func (v *view) unless(s StepName, q *FaceQuality) *FaceQuality {
	if v.spared[s] {
		return nil
	}
	return q
}

// statuses gives the outcome of each check of a factor by its name.
func (v *view) statuses(factor decision.FactorName) map[string]string {
	if known := v.byCheck[factor]; known != nil {
		return known
	}
	var compact Statuses
	var checks []ekyc.Check
	switch factor {
	case decision.Liveness:
		compact, checks = v.facts.Liveness.Checks, v.in.Liveness.Checks
	case decision.Document:
		compact, checks = v.facts.Document.Checks, slices.Concat(v.demanded, v.in.Document.Checks)
	case decision.KYA:
		compact, checks = v.facts.KYA.Checks, v.in.KYA.Checks
	}
	all := make(map[string]string, max(len(compact), len(checks)))
	for name, status := range compact {
		all[name] = string(status)
	}
	for _, c := range checks {
		all[c.Name] = string(c.Status) // as the workflow judges them, where it does
	}
	if v.byCheck == nil {
		v.byCheck = map[decision.FactorName]map[string]string{}
	}
	v.byCheck[factor] = all
	return all
}

// state says how far a step came.
func (v *view) state(s StepName) decision.State {
	if v.spared[s] {
		return decision.Skipped
	}
	state := decision.NotConfigured
	switch s {
	case StepLiveness:
		state = v.in.Liveness.State
	case StepFaceMatch:
		state = v.in.FaceMatch.State
	case StepValidate:
		state = v.in.Document.State
	case StepKYA:
		state = v.in.KYA.State
	case StepOCR:
		if v.hasDocument() {
			return decision.Ran
		}
		if v.in.Document.State == decision.FailedToRun {
			return decision.FailedToRun
		}
		for _, skipped := range v.facts.Skipped {
			if skipped == StepOCR {
				return decision.Skipped
			}
		}
	}
	if state == "" {
		return decision.NotConfigured
	}
	return state
}
