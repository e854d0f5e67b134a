package decision

import (
	"slices"

	"ekyc"
)

// RuleCode names a hard rule. The list is closed; each code is also a code of the catalogue of reasons.
type RuleCode = Code

// The hard rules.
const (
	RuleAttack            RuleCode = "presentation_attack"
	RuleNotLive           RuleCode = "not_live"
	RuleLivenessUncertain RuleCode = "liveness_uncertain"
	RuleOtherPerson       RuleCode = "other_person"
	RuleNoMatch           RuleCode = "similarity_below_threshold"
	RuleForged            RuleCode = "document_forged"
	RuleExpired           RuleCode = "document_expired"
	RuleDocumentInvalid   RuleCode = "document_invalid"
	RuleRetake            RuleCode = "document_retake"
	RuleStepNotRun        RuleCode = "step_not_run"
)

// rule is the condition of one hard rule.
type rule struct {
	code      RuleCode
	factor    FactorName // that must have run for it to apply; "" for any
	mandatory bool       // in every workflow
	capture   bool       // a fault of the photograph or the program, not of the person: it may force review
	fires     func(*Input) bool
}

// hardRules are all hard rules in the order in which they are reported; nothing writes to the array.
var hardRules = [10]rule{
	{RuleAttack, Liveness, false, false, func(in *Input) bool { return !in.Liveness.IsLive && in.Liveness.Zone == ZoneAttack }},
	{RuleNotLive, Liveness, true, false, func(in *Input) bool { return !in.Liveness.IsLive }},
	{RuleLivenessUncertain, Liveness, false, false, func(in *Input) bool { return in.Liveness.IsLive && in.Liveness.Zone != ZoneLive }},
	{RuleOtherPerson, FaceMatch, false, false, func(in *Input) bool { return !in.FaceMatch.Match && !in.FaceMatch.Uncertain }},
	{RuleNoMatch, FaceMatch, true, false, func(in *Input) bool { return !in.FaceMatch.Match }},
	{RuleForged, Document, false, false, func(in *Input) bool { return in.Document.ProvenForgery }},
	{RuleExpired, Document, false, false, func(in *Input) bool { return in.Document.Expired }},
	{RuleDocumentInvalid, Document, false, false, func(in *Input) bool { return !in.Document.Valid }},
	{RuleRetake, Document, false, true, retake},
	{RuleStepNotRun, "", true, true, nil}, // judged on the states, by outcome
}

func retake(in *Input) bool {
	return in.Document.Retakeable && !in.Document.Valid && !in.Document.ProvenForgery && !in.Document.Expired
}

// RuleInfo describes a hard rule.
type RuleInfo struct {
	Code      RuleCode
	Mandatory bool // in every workflow
	MayForce  bool // it is a fault of the photograph or the program, which can force review
}

// Rules lists the hard rules.
func Rules() []RuleInfo {
	list := make([]RuleInfo, len(hardRules))
	for i, r := range hardRules {
		list[i] = RuleInfo{r.code, r.mandatory, r.capture}
	}
	return list
}

func ruleByCode(code RuleCode) (rule, bool) {
	for _, r := range hardRules {
		if r.code == code {
			return r, true
		}
	}
	return rule{}, false
}

// outcome is the bare arithmetic of one evaluation, without reasons.
type outcome struct {
	included   [factorCount]bool   // the factor counts
	ran        [factorCount]bool   // and has a value
	skipped    [factorCount]bool   // it counts, and an early stop spared its step
	values     [factorCount]Share  // 0 for what did not run
	weights    [factorCount]Points // effective, together 100 points
	points     [factorCount]Points
	score      Points
	byScore    ekyc.Decision
	decision   ekyc.Decision
	fired      [len(hardRules)]bool // by index into hardRules
	effects    [len(hardRules)]Effect
	attainable Points // the score with full marks for what a better photograph could change
	own        []OwnRule
}

// settle computes the outcome. The policy and the input must be valid.
func settle(p *Policy, in *Input, own []OwnRule) outcome {
	o := outcome{values: in.values(), own: own}
	var weights [factorCount]int64
	configured := p.Weights.list()
	stopped := slices.ContainsFunc(own, func(r OwnRule) bool { return r.Code == CodeEarlyStop })
	for i, state := range in.states() {
		listed := contains(p.Steps, factorNames[i])
		leftOut := p.mayBeLeftOut(i) && (state == NotConfigured || state == "")
		o.included[i] = listed && !leftOut
		o.ran[i] = o.included[i] && state == Ran
		o.skipped[i] = o.included[i] && state == Skipped && stopped
		if o.included[i] {
			weights[i] = int64(configured[i])
		}
	}
	for i, w := range apportion(int64(fullScore), weights[:]) {
		o.weights[i] = Points(w)
	}
	o.points, o.score = pointsOf(o.weights, o.ran, o.values)
	o.byScore = p.Thresholds.byScore(o.score)
	o.fire(p, in)
	o.decide(p)
	return o
}

// pointsOf gives each factor's points. The score is the exact sum of weight × value, rounded down once to a hundredth, so that
// rounding never lifts anybody over a threshold; the points are apportioned so that they add up to it, each
// within a hundredth of its own exact value.
func pointsOf(weights [factorCount]Points, ran [factorCount]bool, values [factorCount]Share) (points [factorCount]Points, score Points) {
	var whole, remainders [factorCount]int64
	var sum, left int64 // sum in millionths of a hundredth
	for i := range whole {
		if ran[i] {
			exact := int64(weights[i]) * int64(values[i])
			whole[i], remainders[i] = exact/int64(FullShare), exact%int64(FullShare)
			sum += exact
			left -= whole[i]
		}
	}
	score = Points(sum / int64(FullShare))
	handOut(whole[:], remainders[:], left+int64(score))
	for i, part := range whole {
		points[i] = Points(part)
	}
	return points, score
}

// fire finds the hard rules that hold and the attainable score.
func (o *outcome) fire(p *Policy, in *Input) {
	open := [factorCount]bool{}
	notRun := false
	for i := range open {
		open[i] = o.included[i] && !o.ran[i]
		notRun = notRun || open[i] && !o.skipped[i]
	}
	for i, r := range hardRules {
		holds := notRun
		if r.fires != nil {
			holds = o.ran[indexOf(r.factor)] && r.fires(in)
		}
		if !holds {
			continue
		}
		for _, configured := range p.HardRules {
			if configured.Code == r.code {
				o.fired[i], o.effects[i] = true, configured.Effect
			}
		}
		if r.code == RuleRetake {
			open[indexOf(Document)] = true
		}
	}
	full, counted := o.values, o.ran
	for i := range open {
		if open[i] {
			full[i], counted[i] = FullShare, true
		}
	}
	_, o.attainable = pointsOf(o.weights, counted, full)
}

// decide applies the fired rules to the decision of the score: a refusal is final, forced review comes next, then the caps.
func (o *outcome) decide(p *Policy) {
	o.decision = o.byScore
	refused, forced, capped := o.any(Refuse) || o.ownEffect(Refuse), o.any(Force), o.any(Cap) || o.ownEffect(Cap)
	switch {
	case refused:
		o.decision = ekyc.Rejected
	case o.ownEffect(Force), forced && o.attainable >= p.Thresholds.Review:
		o.decision = ekyc.Review
	case forced, capped:
		if o.decision == ekyc.Accepted {
			o.decision = ekyc.Review
		}
	}
}

func (o *outcome) any(effect Effect) bool {
	for i := range o.fired {
		if o.fired[i] && o.effects[i] == effect {
			return true
		}
	}
	return false
}

func contains(steps []FactorName, name FactorName) bool {
	for _, step := range steps {
		if step == name {
			return true
		}
	}
	return false
}

func indexOf(name FactorName) int {
	for i, factor := range factorNames {
		if factor == name {
			return i
		}
	}
	return 0
}
