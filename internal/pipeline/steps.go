package pipeline

import (
	"slices"

	"ekyc/internal/decision"
)

// stepNames are the steps in the order in which they are reported.
var stepNames = []StepName{StepLiveness, StepOCR, StepValidate, StepFaceMatch, StepKYA, StepDecision}

// DefaultSteps are those of the contract: liveness and ocr side by side, then the others as soon as what they need is there.
func DefaultSteps() []Step {
	steps := make([]Step, len(stepNames))
	for i, name := range stepNames {
		steps[i].Step = name
	}
	return steps
}

// needs are the steps without which a step has nothing to work on.
func needs(s StepName) []StepName {
	switch s {
	case StepValidate, StepFaceMatch:
		return []StepName{StepOCR}
	}
	return nil
}

// waits are the steps that a step waits for where the workflow has them, whatever its text says: the selfie is examined before its face is compared.
func waits(s StepName) []StepName {
	if s == StepFaceMatch {
		return []StepName{StepLiveness, StepOCR}
	}
	return needs(s)
}

// usualAfter is what a step waits for when its text says nothing: the profile is compared with what the document says.
func usualAfter(s StepName) []StepName {
	if s == StepKYA {
		return []StepName{StepOCR}
	}
	return nil
}

// factorOf is the factor that a step gives; "" for ocr, which is read for the others, and for the decision.
func factorOf(s StepName) decision.FactorName {
	switch s {
	case StepLiveness:
		return decision.Liveness
	case StepValidate:
		return decision.Document
	case StepFaceMatch:
		return decision.FaceMatch
	case StepKYA:
		return decision.KYA
	}
	return ""
}

// plan is the order of the steps.
type plan struct {
	steps  map[StepName]*Step
	order  []StepName              // so that each comes after everything that it waits for; StepDecision is not among them
	before map[StepName][]StepName // what a step waits for directly
	behind map[StepName]stepSet    // everything that a step waits for, directly or not, and itself
}

type stepSet map[StepName]bool

// planOf orders the steps of a definition that has its steps. The second result is a cycle, nil where there is none.
func planOf(steps []Step) (plan, []StepName) {
	p := plan{steps: map[StepName]*Step{}, before: map[StepName][]StepName{}, behind: map[StepName]stepSet{}}
	for i := range steps {
		p.steps[steps[i].Step] = &steps[i]
	}
	for _, name := range stepNames {
		s := p.steps[name]
		if s == nil || name == StepDecision {
			continue
		}
		after := s.After
		if after == nil {
			after = usualAfter(name)
		}
		for _, other := range slices.Concat(waits(name), after) {
			if p.steps[other] != nil && !slices.Contains(p.before[name], other) {
				p.before[name] = append(p.before[name], other)
			}
		}
	}
	for _, name := range stepNames {
		if p.steps[name] == nil || name == StepDecision {
			continue
		}
		if cycle := p.visit(name, nil); cycle != nil {
			return plan{}, cycle
		}
	}
	return p, nil
}

// visit puts a step behind everything that it waits for. The result is a cycle, its first step repeated at the end.
func (p *plan) visit(name StepName, path []StepName) []StepName {
	if p.behind[name] != nil {
		return nil
	}
	if i := slices.Index(path, name); i >= 0 {
		return append(slices.Clone(path[i:]), name)
	}
	path = append(path, name)
	all := stepSet{name: true}
	for _, other := range p.before[name] {
		if cycle := p.visit(other, path); cycle != nil {
			return cycle
		}
		for s := range p.behind[other] {
			all[s] = true
		}
	}
	p.behind[name] = all
	p.order = append(p.order, name)
	return nil
}

// onDemand says that a step runs only where a rule asks for it.
func (p *plan) onDemand(s StepName) bool { return p.steps[s] != nil && p.steps[s].OnDemand }

// ready gives the steps that may start.
func (p *plan) ready(done, required stepSet) []StepName {
	runs := func(s StepName) bool { return p.steps[s] != nil && (!p.onDemand(s) || required[s]) }
	var list []StepName
	left := false
	for _, name := range p.order {
		if done[name] || !runs(name) {
			continue
		}
		left = true
		waiting := slices.ContainsFunc(p.before[name], func(other StepName) bool { return runs(other) && !done[other] })
		if !waiting {
			list = append(list, name)
		}
	}
	if !left && !done[StepDecision] {
		list = append(list, StepDecision)
	}
	return list
}
