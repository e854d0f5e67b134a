package decision

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"ekyc"
)

// FactorName names one of the factors that make up the score.
type FactorName string

// The factors, in the order in which they are reported.
const (
	Liveness  FactorName = "liveness"
	FaceMatch FactorName = "face_match"
	Document  FactorName = "document"
	KYA       FactorName = "kya"
)

// WholeWorkflow stands in reasons that belong to no factor.
const WholeWorkflow FactorName = "workflow"

const factorCount = 4

var factorNames = [factorCount]FactorName{Liveness, FaceMatch, Document, KYA}

// Weights are the points that each factor can earn.
type Weights struct {
	Liveness  Points `json:"liveness"`
	FaceMatch Points `json:"face_match"`
	Document  Points `json:"document"`
	KYA       Points `json:"kya"`
}

func (w Weights) list() [factorCount]Points {
	return [factorCount]Points{w.Liveness, w.FaceMatch, w.Document, w.KYA}
}

func weightsOf(list [factorCount]Points) Weights {
	return Weights{Liveness: list[0], FaceMatch: list[1], Document: list[2], KYA: list[3]}
}

// Thresholds are the scores from which a person is accepted and from which the case goes to review. Both bounds are inside.
type Thresholds struct {
	Accept Points `json:"accept"`
	Review Points `json:"review"`
}

// Effect says what a hard rule does to the decision.
type Effect string

// The effects. Cap: review at best. Force: review, whether the score says accepted or rejected, except where the score stays
// under the review threshold even with full marks for what is missing. Refuse: rejected.
const (
	Cap    Effect = "review_at_best"
	Force  Effect = "review"
	Refuse Effect = "rejected"
)

// The effects that no hard rule has, and that change nothing by themselves. Note: it is told. Require: a step on demand was asked for.
const (
	Note    Effect = "reason"
	Require Effect = "require_step"
)

// HardRule is one condition of the closed list of [RuleCode] and what it does.
type HardRule struct {
	Code   RuleCode `json:"code"`
	Effect Effect   `json:"effect"`
}

// Policy says how evidence becomes a decision. It is data: versioned, hashed, and pinned into each job.
type Policy struct {
	Version string `json:"version"`
	// Steps are the factors that the workflow contains. The weight of one that is left out is spread over the others. KYA is left
	// out too where it is listed and disabled; any other step that is listed and did not run scores 0.
	Steps []FactorName `json:"steps"`
	// OnDemand are those of Steps that run only where something asks for them; one that nothing asked for is left out, as a disabled KYA is.
	OnDemand   []FactorName `json:"on_demand,omitempty"`
	Weights    Weights      `json:"weights"`
	Thresholds Thresholds   `json:"thresholds"`
	HardRules  []HardRule   `json:"hard_rules"`
	// Waived lists rules of every workflow that the platform's operator, and nobody else, has removed from this one.
	Waived []RuleCode `json:"waived,omitempty"`
}

// DefaultPolicy is the contract's: 30, 40, 25 and 5 points, accepted from 80, review from 60.
func DefaultPolicy() Policy {
	return Policy{
		Version:    "default-1",
		Steps:      slices.Clone(factorNames[:]),
		Weights:    Weights{Liveness: 30 * onePoint, FaceMatch: 40 * onePoint, Document: 25 * onePoint, KYA: 5 * onePoint},
		Thresholds: Thresholds{Accept: 80 * onePoint, Review: 60 * onePoint},
		HardRules: []HardRule{
			{RuleAttack, Refuse}, {RuleNotLive, Cap}, {RuleLivenessUncertain, Cap},
			{RuleOtherPerson, Refuse}, {RuleNoMatch, Cap},
			{RuleForged, Refuse}, {RuleExpired, Refuse}, {RuleDocumentInvalid, Cap}, {RuleRetake, Force},
			{RuleStepNotRun, Force},
		},
	}
}

// Problem is one thing that is wrong with a policy. Path is the JSON member, "hard_rules[2]".
type Problem struct {
	Path, Message string
}

func (p Problem) Error() string { return p.Path + ": " + p.Message }

// Validate joins everything that is wrong with the policy, see Problems; nil when nothing is.
func (p Policy) Validate() error {
	var problems []error
	for _, problem := range p.Problems() {
		problems = append(problems, problem)
	}
	return errors.Join(problems...)
}

// Problems lists everything that is wrong with the policy.
func (p Policy) Problems() []Problem {
	var problems []Problem
	report := func(path, format string, args ...any) {
		problems = append(problems, Problem{path, fmt.Sprintf(format, args...)})
	}
	if p.Version == "" {
		report("version", "version is empty")
	}
	p.validateSteps(report)
	if p.Thresholds.Review < 0 || p.Thresholds.Accept > fullScore || p.Thresholds.Review >= p.Thresholds.Accept {
		report("thresholds", "0 <= review < accept <= 100 is needed, got review %s and accept %s", p.Thresholds.Review, p.Thresholds.Accept)
	}
	p.validateRules(report)
	return problems
}

func (p Policy) validateSteps(report func(path, format string, args ...any)) {
	var sum Points
	for i, weight := range p.Weights.list() {
		if weight < 0 || weight > fullScore {
			report("weights."+string(factorNames[i]), "%s is %s, which is outside 0 to 100", factorNames[i], weight)
		}
		if slices.Contains(p.Steps, factorNames[i]) && !p.mayBeLeftOut(i) {
			sum += weight
		}
	}
	if sum <= 0 {
		report("weights", "the steps other than kya and those on demand have no weight together")
	}
	for i, step := range p.Steps {
		if !slices.Contains(factorNames[:], step) {
			report(at("steps", i), "%q is unknown", step)
		}
		if slices.Contains(p.Steps[:i], step) {
			report(at("steps", i), "%q is listed twice", step)
		}
	}
	for i, step := range p.OnDemand {
		if !slices.Contains(p.Steps, step) {
			report(at("on_demand", i), "%q is not among the steps", step)
		}
	}
}

// mayBeLeftOut says whether the factor is left out where its step is not configured.
func (p *Policy) mayBeLeftOut(i int) bool {
	return factorNames[i] == KYA || contains(p.OnDemand, factorNames[i])
}

func (p Policy) validateRules(report func(path, format string, args ...any)) {
	seen := map[RuleCode]bool{}
	for i, rule := range p.HardRules {
		known, found := ruleByCode(rule.Code)
		switch {
		case !found:
			report(at("hard_rules", i), "%q is unknown", rule.Code)
		case !slices.Contains([]Effect{Cap, Force, Refuse}, rule.Effect):
			report(at("hard_rules", i), "%s has the unknown effect %q", rule.Code, rule.Effect)
		case rule.Effect == Force && !known.capture:
			report(at("hard_rules", i), "%s can only cap or refuse: forcing review would lift a rejection that nothing excuses", rule.Code)
		}
		if seen[rule.Code] {
			report(at("hard_rules", i), "%s is listed twice", rule.Code)
		}
		seen[rule.Code] = true
	}
	for i, code := range p.Waived {
		if known, found := ruleByCode(code); !found || !known.mandatory {
			report(at("waived", i), "%q is not a rule of every workflow", code)
		}
		if seen[code] {
			report(at("waived", i), "%s is in hard_rules as well", code)
		}
	}
	for _, rule := range hardRules {
		if rule.mandatory && !seen[rule.code] && !slices.Contains(p.Waived, rule.code) {
			report("hard_rules", "%s is missing; only the platform's operator can remove it", rule.code)
		}
	}
}

func at(member string, i int) string { return fmt.Sprintf("%s[%d]", member, i) }

// Hash is the SHA-256 of the policy's canonical JSON in lower-case hex. The order of steps, rules and waivers does not matter.
func (p Policy) Hash() string {
	p.Steps, p.Waived = slices.Sorted(slices.Values(p.Steps)), slices.Sorted(slices.Values(p.Waived))
	p.OnDemand = slices.Sorted(slices.Values(p.OnDemand))
	p.HardRules = slices.Clone(p.HardRules)
	slices.SortFunc(p.HardRules, func(a, b HardRule) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Effect, b.Effect))
	})
	canonical, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and integers always have a JSON form
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// byScore is the decision that the score alone gives.
func (t Thresholds) byScore(score Points) ekyc.Decision {
	switch {
	case score >= t.Accept:
		return ekyc.Accepted
	case score >= t.Review:
		return ekyc.Review
	}
	return ekyc.Rejected
}
