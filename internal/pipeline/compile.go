package pipeline

import (
	"context"
	"slices"
	"time"

	"ekyc"
	"ekyc/internal/decision"
)

// Pipeline is a definition that is ready to decide. It is safe for concurrent use.
type Pipeline struct {
	definition *Definition
	policy     decision.Policy
	decider    *decision.Decider
	plan       plan
	rules      []compiledRule
	stops      map[StepName][]compiledStop
}

type compiledRule struct {
	*Rule
	*condition
}

type compiledStop struct {
	*Stop
	*condition
}

// Compile prepares a definition. Error: that of Check for an operator in the test environment, since what is published was checked before.
func Compile(d *Definition) (*Pipeline, error) {
	conditions, problems := examine(d, Options{Environment: ekyc.Test, ByOperator: true, anyProvider: true})
	if len(problems) > 0 {
		return nil, refused(problems)
	}
	p := &Pipeline{definition: d.normal(), stops: map[StepName][]compiledStop{}}
	p.plan, _ = planOf(p.definition.Steps) // it has no cycle: Check found none
	p.policy = p.definition.policy()
	var err error
	if p.decider, err = decision.NewDecider(p.policy); err != nil {
		return nil, err
	}
	for i := range p.definition.Rules {
		p.rules = append(p.rules, compiledRule{&p.definition.Rules[i], conditions[ruleAt(i)]})
	}
	for i, step := range d.Steps { // in the order of the text, as the paths are
		kept := p.plan.steps[step.Step]
		for j := range step.Stop {
			p.stops[step.Step] = append(p.stops[step.Step], compiledStop{&kept.Stop[j], conditions[stopAt(i, j)]})
		}
	}
	return p, nil
}

// policy is the part of a definition with its defaults that decides by the score.
func (d *Definition) policy() decision.Policy {
	standard := decision.DefaultPolicy()
	p := decision.Policy{Version: standard.Version, Weights: *d.Weights, Thresholds: *d.Thresholds, HardRules: d.HardRules, Waived: d.Waived}
	for _, s := range d.Steps {
		factor := factorOf(s.Step)
		if factor == "" || s.Step == StepKYA && d.KYA.Enabled != nil && !*d.KYA.Enabled {
			continue
		}
		p.Steps = append(p.Steps, factor)
		if s.OnDemand {
			p.OnDemand = append(p.OnDemand, factor)
		}
	}
	if p.Hash() != standard.Hash() {
		p.Version = d.Name
	}
	if p.Version == "" {
		p.Version = "inline"
	}
	return p
}

// Definition is what was compiled, with its defaults filled in. It must not be changed.
func (p *Pipeline) Definition() *Definition { return p.definition }

// Policy is what decides by the score. It must not be changed.
func (p *Pipeline) Policy() decision.Policy { return p.policy }

// Includes says whether a step is part of the workflow; one that is on demand is, and disabled profile checks are not.
func (p *Pipeline) Includes(s StepName) bool {
	if enabled := p.definition.KYA.Enabled; s == StepKYA && enabled != nil && !*enabled {
		return false
	}
	return p.plan.steps[s] != nil
}

// Ready gives the steps that may start, side by side: not done, everything that they wait for done, and, of those on demand, required. A step that is
// running already is among them; StepDecision comes alone, when nothing else is left. A step that failed is done.
func (p *Pipeline) Ready(done, required map[StepName]bool) []StepName {
	return slices.DeleteFunc(p.plan.ready(done, required), func(s StepName) bool { return !p.Includes(s) })
}

// longestEvaluation bounds the time that all conditions of one decision take together. Their cost bounds it too, far below; this is for a machine that
// stands still.
const longestEvaluation = time.Second

func evaluating() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), longestEvaluation)
}

// Stopped is the first early stop of a step whose condition holds; nil: go on. A step that gave no answer ends nothing, as in Decide: a person looks.
func (p *Pipeline) Stopped(after StepName, f *Facts) *Stop {
	ctx, cancel := evaluating()
	defer cancel()
	v := p.view(f)
	if v.state(after) != decision.Ran {
		return nil
	}
	for _, s := range p.stops[after] {
		if holds, err := s.holds(ctx, v); err == nil && holds {
			return s.Stop
		}
	}
	return nil
}

// Required gives the steps on demand that rules ask for, given what is known so far, with those that they need in their turn.
func (p *Pipeline) Required(f *Facts) []StepName {
	ctx, cancel := evaluating()
	defer cancel()
	v := p.view(f)
	asked := stepSet{}
	for _, r := range p.rules {
		if r.Then != EffectRequire || asked[r.Step] {
			continue
		}
		if holds, err := r.holds(ctx, v); err == nil && holds {
			asked[r.Step] = true
			for _, needed := range needs(r.Step) {
				asked[needed] = p.plan.onDemand(needed)
			}
		}
	}
	var list []StepName
	for _, name := range p.plan.order {
		if asked[name] {
			list = append(list, name)
		}
	}
	return list
}

// view is the facts as the conditions of this workflow see them.
func (p *Pipeline) view(f *Facts) *view {
	in, demanded := f.Evidence, p.definition.Document.demanded(&f.Document)
	in.Document = judged(f, demanded)
	return &view{facts: f, in: &in, demanded: demanded}
}
