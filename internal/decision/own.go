package decision

import (
	"ekyc"
)

// OwnRule is a rule of the workflow's own that holds for an input. Its effect is one of those of hard rules, Note or Require. Unlike that of a hard rule, a Force
// of its own lifts any rejection that comes from the score alone: whoever wrote the rule wants a person to look.
type OwnRule struct {
	Code    Code   // CodeOwnRule, CodeOwnRuleOpen, CodeEarlyStop, CodeLiveScore, CodeLivenessMethod or CodeStepWanted
	Name    string // "" where the code says it all
	Effect  Effect
	Message string // for operators
	Tell    Tell
}

// OwnRules are those of a workflow. The zero value is a workflow without.
type OwnRules struct {
	// Holding gives the rules that hold for an input, in their order. Decide calls it first with its own input and changed "", and then, to find the
	// counterfactual, with inputs that differ from that one in the value of one factor, which changed names. Where an early stop holds it may make the
	// evidence of the steps that the stop spares Skipped.
	Holding func(in *Input, changed FactorName) []OwnRule
	// Turns gives the values of a factor at which the answer of Holding can change. Between two of them it must be the same.
	Turns func(in *Input, factor FactorName) []Share
}

func (r OwnRules) holding(in *Input, changed FactorName) []OwnRule {
	if r.Holding == nil {
		return nil
	}
	return r.Holding(in, changed)
}

func (r OwnRules) turns(in *Input, factor FactorName) []Share {
	if r.Turns == nil {
		return nil
	}
	return r.Turns(in, factor)
}

// Tell says which of the closed texts the person is given for a rule of the workflow's own.
type Tell string

// The texts. TellNeutral is that of any verification that could not be completed.
const (
	TellNeutral       Tell = ""
	TellRetake        Tell = "retake"
	TellSelfie        Tell = "selfie"
	TellOtherDocument Tell = "other_document"
	TellAge           Tell = "age"
	TellProfile       Tell = "profile"
)

// text is for the person; retryable says that what it asks for can change the decision.
func (t Tell) text() (text Text, retryable bool) {
	switch t {
	case TellRetake:
		return textRetake, true
	case TellSelfie:
		return textSelfie, true
	case TellOtherDocument:
		return textOther, true
	case TellAge:
		return textAges, false
	case TellProfile:
		return textProfile, true
	}
	return textNeutral, false
}

// told is the text of the rule's choice. One that changes nothing and chooses none has nothing to say.
func (r *OwnRule) told() (text Text, retryable bool) {
	if (r.Effect == Note || r.Effect == Require) && r.Tell == TellNeutral {
		return textDone, false
	}
	return r.Tell.text()
}

// firedOwn lists the workflow's own rules that held.
func (o *outcome) firedOwn() []FiredRule {
	var fired []FiredRule
	for _, r := range o.own {
		fired = append(fired, FiredRule{Code: r.Code, Name: r.Name, Effect: r.Effect, Message: r.Message})
	}
	return fired
}

// ownReasons tell of the workflow's own rules. They cost no points.
func (o *outcome) ownReasons() []Reason {
	var reasons []Reason
	for _, r := range o.own {
		entry := entryOf(r.Code)
		reason := Reason{Code: r.Code, Factor: entry.Factor, Message: r.Message, UserMessage: entry.User, Retryable: entry.Retryable}
		if reason.Factor == "" {
			reason.Factor = WholeWorkflow
		}
		if r.Code == CodeOwnRule {
			reason.UserMessage, reason.Retryable = r.told()
		}
		if r.Name != "" {
			reason.Evidence = ekyc.Evidence{"rule": r.Name, "effect": string(r.Effect)}
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

// ownEffect says whether a rule of the workflow's own that holds has the effect.
func (o *outcome) ownEffect(effect Effect) bool {
	for i := range o.own {
		if o.own[i].Effect == effect {
			return true
		}
	}
	return false
}

// finallyRefused says that a rule of the workflow's own rejects, and that nothing that the person can do changes it.
func (o *outcome) finallyRefused() bool {
	for _, r := range o.own {
		if r.Effect != Refuse {
			continue
		}
		if _, retryable := r.Tell.text(); !retryable {
			return true
		}
	}
	return false
}

// TextOf is the text of a choice.
func TextOf(t Tell) Text {
	text, _ := t.text()
	return text
}
