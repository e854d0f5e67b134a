// Package decision turns the evidence of a verification into a score, a decision and their reasons. It is pure arithmetic: the
// same policy and input give the same result, and nothing here looks at a picture, a clock or a store.
//
// # Score
//
// Each factor has a value of 0 to 1 (live score, similarity, confidence that the document is valid, profile score) and a weight.
// The score is the sum of weight × value, computed in integers and rounded down once to a hundredth of a point: 79.999 is 79.99
// and not accepted. The points of the factors add up to it exactly, and the reasons of each factor add up exactly to the
// points that it lost.
//
// A factor whose step the workflow leaves out, and a disabled KYA, give their weight to the others (weights_effective). A
// configured step that did not run scores 0.
//
// # Hard rules
//
// They decide beside the score and never change it; each that fired is listed.
//
//   - Refused: an attack (is_live false in the attack zone), another person (no match and not near one), a proven forgery, an
//     expired document. Waiting for more evidence would not change these, and a reviewer's time is what an attacker wants to buy.
//   - Review at best: is_live or match false in any other way, the liveness score in the review zone, a document that is not valid.
//   - Review: a step that could not run, and a document that only a better photograph can prove. "No face found" is a poor photograph
//     far more often than a fraud, so a score that is low for want of evidence alone is not called a rejection; its reasons are
//     retryable. But nobody gains by breaking a step: a refusal stands, and so does a rejection by the score where even full
//     marks for what is missing would not reach the review threshold.
//
// A refusal outranks forced review, which outranks a cap.
//
// # Rules of the workflow's own
//
// A workflow may add rules ([OwnRules]) with the same effects, which are listed and explained beside the hard ones. They never weaken a hard rule. A
// step that an early stop spared scores 0 and forces nothing: the stop itself decides.
//
// # Signals
//
// What other verifications tell of this one ([Signals]) is a warning: a reason of 0 points. A rule of the workflow's own makes more of it.
//
// # What is told to whom
//
// Reason.Message, evidence, hard rules and the counterfactual are for operators. The person gets UserMessage only, which for every
// signal of fraud is the text of any verification that could not be completed.
package decision

import (
	"fmt"
	"slices"

	"ekyc"
)

// Factor is one part of the score.
type Factor struct {
	Name            FactorName  `json:"name"`
	State           FactorState `json:"state"`
	Weight          Points      `json:"weight"`           // as configured
	WeightEffective Points      `json:"weight_effective"` // after the weights of what is left out were spread
	Value           Share       `json:"value"`
	Points          Points      `json:"points"`
	MaxPoints       Points      `json:"max_points"` // the effective weight
}

// FactorState says whether a factor counted.
type FactorState string

// The states of factors.
const (
	FactorRan     FactorState = "ran"
	FactorNotRun  FactorState = "failed_to_run"
	FactorLeftOut FactorState = "left_out"
	FactorSkipped FactorState = "skipped"
)

// FiredRule is a rule that held.
type FiredRule struct {
	Code    RuleCode `json:"code"`
	Name    string   `json:"name,omitempty"` // of a rule of the workflow's own
	Effect  Effect   `json:"effect"`
	Message string   `json:"message"`
}

// PolicyReference pins the policy of a result.
type PolicyReference struct {
	Version string `json:"version"`
	Hash    string `json:"hash"`
}

// Result is a decision with everything that explains it.
type Result struct {
	Decision         ekyc.Decision   `json:"decision"`
	DecisionByScore  ekyc.Decision   `json:"decision_by_score"` // before the hard rules
	Score            Points          `json:"score"`
	Retryable        bool            `json:"retryable"` // not accepted, and better photographs or another try can change that
	Factors          []Factor        `json:"factors"`
	WeightsEffective Weights         `json:"weights_effective"`
	HardRules        []FiredRule     `json:"hard_rules"`
	WorkflowRules    []FiredRule     `json:"workflow_rules,omitempty"` // the workflow's own
	Reasons          []Reason        `json:"reasons"`
	Counterfactual   *Counterfactual `json:"counterfactual"` // nil where no single value would change the decision
	Policy           PolicyReference `json:"policy"`
}

// Evaluate decides by the policy alone. Errors: those of NewDecider and Decide.
func Evaluate(p Policy, in Input) (Result, error) {
	d, err := NewDecider(p)
	if err != nil {
		return Result{}, err
	}
	return d.Decide(in, OwnRules{})
}

// Decider decides by one policy. It is safe for concurrent use.
type Decider struct {
	policy    Policy
	reference PolicyReference
}

// NewDecider examines a policy, which must not be changed afterwards. The error is ErrInvalidArgument for one that is not valid, with the joined problems
// as its cause.
func NewDecider(p Policy) (*Decider, error) {
	if err := p.Validate(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the decision policy is not valid").Because(err)
	}
	return &Decider{p, PolicyReference{Version: p.Version, Hash: p.Hash()}}, nil
}

// Decide decides by the policy and by the workflow's own rules. The error is ErrInvalidArgument for evidence that is not valid, with the joined problems as
// its cause.
func (d *Decider) Decide(in Input, own OwnRules) (Result, error) {
	result, o, err := d.decide(&in, own)
	if err == nil {
		result.Counterfactual = counterfactual(&d.policy, &in, &o, own)
	}
	return result, err
}

// Verdict is Decide without the counterfactual, the search for which takes most of its time. Error: that of Decide.
func (d *Decider) Verdict(in Input, own OwnRules) (Result, error) {
	result, _, err := d.decide(&in, own)
	return result, err
}

func (d *Decider) decide(in *Input, own OwnRules) (Result, outcome, error) {
	if err := in.Validate(); err != nil {
		return Result{}, outcome{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the evidence for the decision is not valid").Because(err)
	}
	p := &d.policy
	o := settle(p, in, own.holding(in, ""))
	result := Result{
		Decision:         o.decision,
		DecisionByScore:  o.byScore,
		Score:            o.score,
		Factors:          o.factors(p),
		WeightsEffective: weightsOf(o.weights),
		HardRules:        o.firedRules(p, in),
		WorkflowRules:    o.firedOwn(),
		Reasons:          slices.Concat(o.reasons(in), in.Signals.reasons(), o.ownReasons()),
		Policy:           d.reference,
	}
	result.Retryable = result.retryable() && !o.finallyRefused()
	return result, o, nil
}

func (o *outcome) factors(p *Policy) []Factor {
	configured := p.Weights.list()
	factors := make([]Factor, 0, factorCount)
	for i, name := range factorNames {
		f := Factor{Name: name, State: FactorLeftOut, Weight: configured[i]}
		if o.included[i] {
			f.State = FactorNotRun
			f.WeightEffective, f.MaxPoints = o.weights[i], o.weights[i]
		}
		if o.skipped[i] {
			f.State = FactorSkipped
		}
		if o.ran[i] {
			f.State, f.Value, f.Points = FactorRan, o.values[i], o.points[i]
		}
		factors = append(factors, f)
	}
	return factors
}

func (o *outcome) firedRules(p *Policy, in *Input) []FiredRule {
	fired := []FiredRule{}
	for i, r := range hardRules {
		if !o.fired[i] {
			continue
		}
		message := ruleMessage(r.code, in, o)
		if o.effects[i] == Force && o.attainable < p.Thresholds.Review {
			message += fmt.Sprintf("; it does not lift the rejection, since full marks for it would give %s < %s", o.attainable, p.Thresholds.Review)
		}
		fired = append(fired, FiredRule{Code: r.code, Effect: o.effects[i], Message: message})
	}
	return fired
}

// retryable is true when some reason is, and none that counts against the person stands beside it.
func (r *Result) retryable() bool {
	if r.Decision == ekyc.Accepted {
		return false
	}
	for _, rule := range r.HardRules {
		if rule.Effect == Refuse {
			return false
		}
	}
	for _, reason := range r.Reasons {
		if reason.Retryable {
			return true
		}
	}
	return false
}

// ForPerson gives what the person may be told, each text once; nothing where the person is accepted.
func (r *Result) ForPerson() []Text {
	var texts []Text
	if r.Decision == ekyc.Accepted {
		return texts
	}
	told := map[Text]bool{textDone: true} // says nothing that a person could act on
	for _, reason := range r.Reasons {
		if !told[reason.UserMessage] {
			told[reason.UserMessage] = true
			texts = append(texts, reason.UserMessage)
		}
	}
	if texts == nil {
		texts = []Text{textNeutral}
	}
	return texts
}
