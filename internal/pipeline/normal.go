package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"ekyc/internal/decision"
)

// DefaultName is the name of the workflow that every tenant has.
const DefaultName = "default"

// defaultThreshold is the similarity from which faces match where a workflow does not say: that of package face.
const defaultThreshold = 0.75

// Default is the workflow of the contract.
func Default() *Definition {
	return (&Definition{Name: DefaultName, Description: "The workflow of the contract."}).normal()
}

// normal is the definition with its defaults filled in, in an order of its own where order means nothing. It shares nothing with d that could be changed.
func (d *Definition) normal() *Definition {
	n := *d
	standard := decision.DefaultPolicy()
	if len(n.Steps) == 0 {
		n.Steps = DefaultSteps()
	}
	n.Steps = slices.Clone(n.Steps)
	if !slices.ContainsFunc(n.Steps, func(s Step) bool { return s.Step == StepDecision }) {
		n.Steps = append(n.Steps, Step{Step: StepDecision})
	}
	for i := range n.Steps {
		n.Steps[i].normalise(n.includes)
	}
	slices.SortStableFunc(n.Steps, func(a, b Step) int {
		return cmp.Compare(slices.Index(stepNames, a.Step), slices.Index(stepNames, b.Step))
	})
	if n.FaceMatch.Threshold == nil && n.FaceMatch.TargetFMR == nil && n.includes(StepFaceMatch) {
		n.FaceMatch.Threshold = new(defaultThreshold)
	}
	n.Document.normalise()
	if n.Weights == nil {
		n.Weights = new(standard.Weights)
	}
	if n.Thresholds == nil {
		n.Thresholds = new(standard.Thresholds)
	}
	if n.HardRules == nil {
		n.HardRules = standard.HardRules
		n.HardRules = slices.DeleteFunc(n.HardRules, func(r decision.HardRule) bool { return slices.Contains(n.Waived, r.Code) })
	}
	n.HardRules = slices.Clone(n.HardRules)
	slices.SortStableFunc(n.HardRules, func(a, b decision.HardRule) int { return cmp.Compare(a.Code, b.Code) })
	n.Waived = sorted(n.Waived)
	n.Rules = slices.Clone(n.Rules)
	return &n
}

func (s *Step) normalise(included func(StepName) bool) {
	if s.Step == StepDecision {
		return
	}
	s.Provider = cmp.Or(s.Provider, DefaultProvider)
	if s.After == nil {
		s.After = slices.DeleteFunc(usualAfter(s.Step), func(other StepName) bool { return !included(other) })
	}
	after := sorted(s.After)
	if after == nil {
		after = []StepName{}
	}
	s.After = slices.DeleteFunc(after, func(other StepName) bool { return slices.Contains(needs(s.Step), other) })
	s.Stop = slices.Clone(s.Stop)
}

func (d *Document) normalise() {
	d.MandatoryFields, d.AcceptedTypes = sorted(d.MandatoryFields), sorted(d.AcceptedTypes)
	d.AcceptedCountries, d.RefusedCountries = sorted(d.AcceptedCountries), sorted(d.RefusedCountries)
}

// sorted is a sorted copy without repetitions; nil stays nil.
func sorted[T cmp.Ordered](list []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func (d *Definition) includes(s StepName) bool {
	return slices.ContainsFunc(d.Steps, func(step Step) bool { return step.Step == s })
}

// Hash is the SHA-256, in lower-case hex, of the canonical JSON (RFC 8785) of the definition with its defaults filled in. It does not depend on the form
// of the text, nor on the order of what has none.
func (d *Definition) Hash() string {
	text, err := json.Marshal(d.normal())
	if err != nil {
		panic(err) // numbers that are not finite are refused before
	}
	canonical := jsontext.Value(text)
	if err := canonical.Canonicalize(); err != nil {
		panic(err) // it was just written
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
