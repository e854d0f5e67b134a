package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"ekyc/internal/decision"
)

// Decide evaluates the rules and decides. Error: ErrInvalidArgument for evidence that is not valid.
//
// Early stops are judged again from the facts, so that the facts of one verification can be decided under another workflow; the steps that wait for
// one that stopped count as skipped, whether they ran or not.
//
// A condition that cannot be evaluated, because something that it looks at is not known, does not apply where all of that belongs to steps that this
// person did not need: left out, on demand and not asked for, or spared by an early stop. In any other case the verification is reviewed at best, unless the
// rule would only have given a reason.
func (p *Pipeline) Decide(f *Facts) (decision.Result, error) { return p.judged(f, p.decider.Decide) }

// Verdict is Decide without the counterfactual, the search for which takes most of its time. Error: that of Decide.
func (p *Pipeline) Verdict(f *Facts) (decision.Result, error) { return p.judged(f, p.decider.Verdict) }

func (p *Pipeline) judged(f *Facts, decide func(decision.Input, decision.OwnRules) (decision.Result, error)) (decision.Result, error) {
	ctx, cancel := evaluating()
	defer cancel()
	j := &judge{pipeline: p, ctx: ctx, view: p.view(f)}
	if p.definition.demandsProfile() && j.view.state(StepKYA) == decision.NotConfigured {
		j.view.in.KYA.State = decision.FailedToRun
	}
	return decide(*j.view.in, decision.OwnRules{Holding: j.holding, Turns: j.turns})
}

// demandsProfile says whether the profile checks are part of every verification.
func (d *Definition) demandsProfile() bool {
	return d.KYA.Enabled != nil && *d.KYA.Enabled && slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Step == StepKYA && !s.OnDemand })
}

// answer is what a condition came to.
type answer string

const (
	no   answer = "no"
	yes  answer = "yes"
	open answer = "open" // it could not be evaluated
	void answer = "void" // it does not apply
)

// judge evaluates the conditions of one decision, again where a value that they follow is tried.
type judge struct {
	pipeline *Pipeline
	ctx      context.Context // of this decision only
	view     *view

	first  map[*condition]answer // for the evidence as it is
	spared stepSet               // for the evidence as it is
	values decision.Input        // the evidence as it is
	last   map[*condition]asked
}

// asked is the answer of a condition for one value of a factor.
type asked struct {
	factor decision.FactorName
	value  decision.Share
	answer answer
}

// holding gives the rules that hold, in their order: what the workflow demands, early stops, rules. It marks the steps that an early stop spares.
func (j *judge) holding(in *decision.Input, changed decision.FactorName) []decision.OwnRule {
	j.view.in, j.view.spared = in, stepSet{}
	again := changed == ""
	if again {
		j.first, j.last, j.values = map[*condition]answer{}, map[*condition]asked{}, *in
	}
	var own []decision.OwnRule
	own = j.demands(own)
	own = j.stops(own, changed)
	if again {
		j.spared = j.view.spared
	}
	for i := range j.pipeline.rules {
		own = j.rule(own, &j.pipeline.rules[i], changed)
	}
	return own
}

// judge gives the answer of a condition, an earlier one where nothing that it follows has changed, or not across a value at which it turns. Same says that
// the same steps were spared.
func (j *judge) judge(c *condition, changed decision.FactorName, same bool) answer {
	first, known := j.first[c]
	switch {
	case changed == "":
		j.first[c] = j.ask(c)
		return j.first[c]
	case !known || !same:
		return j.ask(c)
	case !c.follows(changed):
		return first
	case !c.steady:
		return j.ask(c)
	}
	was, now := j.last[c], asked{factor: changed, value: valueOf(j.view.in, changed)}
	if was.factor != changed {
		was = asked{changed, valueOf(&j.values, changed), first}
	}
	now.answer = was.answer
	if c.turnsWithin(changed, min(was.value, now.value), max(was.value, now.value), j.view.in) {
		now.answer = j.ask(c)
	}
	j.last[c] = now
	return now.answer
}

// valueOf is what a condition sees of a factor's value.
func valueOf(in *decision.Input, factor decision.FactorName) decision.Share {
	switch factor {
	case decision.Liveness:
		return decision.ShareOf(in.Liveness.LiveScore)
	case decision.FaceMatch:
		return decision.ShareOf(in.FaceMatch.Similarity)
	case decision.Document:
		return decision.ShareOf(in.Document.Confidence)
	}
	return decision.ShareOf(in.KYA.Score)
}

// turnsWithin says whether the condition can change between two values of a factor, these included.
func (c *condition) turnsWithin(factor decision.FactorName, low, high decision.Share, in *decision.Input) bool {
	within := func(turn decision.Share) bool { return turn >= low && turn <= high }
	return slices.ContainsFunc(c.turns[factor], within) || c.matches && factor == decision.FaceMatch && within(decision.ShareOf(in.FaceMatch.Threshold))
}

func (j *judge) ask(c *condition) answer {
	holds, err := c.holds(j.ctx, j.view)
	switch {
	case err == nil && holds:
		return yes
	case err == nil:
		return no
	}
	missing := 0
	for _, u := range c.uses {
		if _, known := u.variable.read(j.view); known || u.tested {
			continue
		}
		missing++
		if !j.notNeeded(u.variable.step) {
			return open
		}
	}
	if missing == 0 {
		return open
	}
	return void
}

// notNeeded says that a step was not part of this verification. What is looked up before the decision never holds one up: it is not known of
// verifications from before there was such a look, and of those on the spot, which have no others beside them.
func (j *judge) notNeeded(s StepName) bool {
	if s == StepDecision {
		return true
	}
	switch j.view.state(s) {
	case decision.Skipped:
		return true
	case decision.NotConfigured:
		return !j.pipeline.Includes(s) || s == StepKYA || j.pipeline.plan.onDemand(s)
	}
	return false
}

// demands are those of the workflow on the living person.
func (j *judge) demands(own []decision.OwnRule) []decision.OwnRule {
	l, want := &j.view.in.Liveness, &j.pipeline.definition.Liveness
	if l.State != decision.Ran || !j.pipeline.Includes(StepLiveness) {
		return own
	}
	if least := want.MinLiveScore; least != nil && millionths(l.LiveScore) < *least {
		own = append(own, decision.OwnRule{Code: decision.CodeLiveScore, Effect: decision.Cap,
			Message: fmt.Sprintf("live score %v < %v, which the workflow demands", millionths(l.LiveScore), *least)})
	}
	if method := Method(j.view.facts.Liveness.Method); method.rank() < want.MinMethod.rank() {
		own = append(own, decision.OwnRule{Code: decision.CodeLivenessMethod, Effect: decision.Cap,
			Message: fmt.Sprintf("the workflow demands the method %s", want.MinMethod)})
	}
	return own
}

// rank orders methods by what they prove.
func (m Method) rank() int { return slices.Index([]Method{MethodActive, MethodChallenge}, m) }

// stops finds the early stops that hold and marks what they spare.
func (j *judge) stops(own []decision.OwnRule, changed decision.FactorName) []decision.OwnRule {
	for _, step := range j.pipeline.plan.order {
		if j.view.state(step) != decision.Ran {
			continue
		}
		for _, s := range j.pipeline.stops[step] {
			switch j.judge(s.condition, changed, true) {
			case yes:
				own = append(own, decision.OwnRule{Code: decision.CodeEarlyStop, Name: s.Name, Effect: decision.Effect(s.Decision),
					Message: fmt.Sprintf("ended after %s: %s", step, s.Name)})
				j.spare(step)
			case open:
				own = append(own, unevaluated(s.Name))
			}
		}
	}
	return own
}

// spare marks the steps that wait for one as skipped.
func (j *judge) spare(stopped StepName) {
	for _, step := range j.pipeline.plan.order {
		if step == stopped || !j.pipeline.plan.behind[step][stopped] || j.view.state(step) == decision.NotConfigured {
			continue
		}
		j.view.spared[step] = true
		in := j.view.in
		switch step {
		case StepLiveness:
			in.Liveness = decision.LivenessEvidence{State: decision.Skipped}
		case StepFaceMatch:
			in.FaceMatch = decision.FaceMatchEvidence{State: decision.Skipped}
		case StepValidate:
			in.Document = decision.DocumentEvidence{State: decision.Skipped}
		case StepKYA:
			in.KYA = decision.KYAEvidence{State: decision.Skipped}
		}
	}
}

func unevaluated(name string) decision.OwnRule {
	return decision.OwnRule{Code: decision.CodeOwnRuleOpen, Name: name, Effect: decision.Cap,
		Message: fmt.Sprintf("%s could not be evaluated: something that it looks at is not known", name)}
}

// rule judges one rule.
func (j *judge) rule(own []decision.OwnRule, r *compiledRule, changed decision.FactorName) []decision.OwnRule {
	switch j.judge(r.condition, changed, maps.Equal(j.spared, j.view.spared)) {
	case open:
		if r.Then != EffectReason {
			return append(own, unevaluated(r.Name))
		}
	case yes:
		held := decision.OwnRule{Code: decision.CodeOwnRule, Name: r.Name, Effect: r.Then, Message: r.text(), Tell: r.Tell}
		if r.Then == EffectRequire && j.view.state(r.Step) == decision.NotConfigured {
			own = append(own, held)
			held = decision.OwnRule{Code: decision.CodeStepWanted, Name: r.Name, Effect: decision.Cap, Message: fmt.Sprintf("%s was asked for and has not run", r.Step)}
		}
		return append(own, held)
	}
	return own
}

// text is what operators read of a rule that held.
func (r *Rule) text() string {
	switch {
	case r.Message != "":
		return r.Message
	case r.Then == EffectRequire:
		return fmt.Sprintf("%s asks for %s", r.Name, r.Step)
	}
	return r.Name + " holds"
}

// turns gives the values of a factor at which a condition can change.
func (j *judge) turns(in *decision.Input, factor decision.FactorName) []decision.Share {
	var turns []decision.Share
	add := func(c *condition) { turns = append(turns, c.turns[factor]...) }
	for _, step := range j.pipeline.plan.order {
		for _, s := range j.pipeline.stops[step] {
			add(s.condition)
		}
	}
	for _, r := range j.pipeline.rules {
		add(r.condition)
	}
	switch factor {
	case decision.Liveness:
		if least := j.pipeline.definition.Liveness.MinLiveScore; least != nil {
			turns = append(turns, decision.ShareOf(*least))
		}
	case decision.FaceMatch:
		turns = append(turns, decision.ShareOf(in.FaceMatch.Threshold))
	}
	if factor == decision.Document && !in.Document.Valid { // the factor is the confidence that it is valid, and conditions see that in the verdict
		for i := range turns {
			turns[i] = decision.FullShare - turns[i]
		}
	}
	slices.Sort(turns)
	return slices.Compact(turns)
}
