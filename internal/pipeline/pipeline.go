// Package pipeline holds a workflow as data: which steps a verification takes and in which order, when it may end early, what it demands, and
// the rules that its owner adds. A definition is read from JSON or YAML, refused with the place of everything that is wrong with it, compiled
// once, and then decides from facts alone: nothing here looks at a picture, a clock or a store.
package pipeline

import (
	"ekyc"
	"ekyc/internal/decision"
)

// StepName names a step of a workflow.
type StepName string

// The steps. StepDecision comes last in every workflow and may be left out of its text.
const (
	StepLiveness  StepName = "liveness"
	StepOCR       StepName = "ocr"
	StepValidate  StepName = "validate"
	StepFaceMatch StepName = "face_match"
	StepKYA       StepName = "kya"
	StepDecision  StepName = "decision"
)

// Definition is a workflow. Its JSON is a text that Parse takes, and gives the same definition again.
type Definition struct {
	Name        string               `json:"name"` // [a-z][a-z0-9-]{0,62}
	Description string               `json:"description,omitempty"`
	Steps       []Step               `json:"steps,omitempty"` // empty: those of DefaultSteps
	FaceMatch   FaceMatch            `json:"face_match,omitzero"`
	Liveness    Liveness             `json:"liveness,omitzero"`
	Document    Document             `json:"document,omitzero"`
	KYA         KYA                  `json:"kya,omitzero"`
	Weights     *decision.Weights    `json:"weights,omitempty"`    // nil: 30, 40, 25 and 5
	Thresholds  *decision.Thresholds `json:"thresholds,omitempty"` // nil: 80 and 60
	HardRules   []decision.HardRule  `json:"hard_rules,omitzero"`  // nil: those of decision.DefaultPolicy
	Waived      []decision.RuleCode  `json:"waived,omitempty"`     // by the platform's operator only
	Rules       []Rule               `json:"rules,omitempty"`
}

// Step is one step with what it waits for. What a step needs by its nature (validate needs ocr; face_match needs ocr, and waits for liveness) it
// waits for in any case.
type Step struct {
	Step     StepName   `json:"step"`
	Provider string     `json:"provider,omitempty"` // "": DefaultProvider
	After    []StepName `json:"after,omitzero"`     // nil: kya waits for ocr, the others for what they need; empty: for nothing else
	OnDemand bool       `json:"on_demand,omitempty"`
	Stop     []Stop     `json:"stop,omitempty"`
}

// DefaultProvider is the provider of a step that names none.
const DefaultProvider = "default"

// Stop ends a verification early: when the condition holds after the step, what has not begun is skipped.
type Stop struct {
	Name     string        `json:"name"`
	When     string        `json:"when"`     // CEL
	Decision ekyc.Decision `json:"decision"` // review or rejected
}

// Rule is a rule of the workflow's own.
type Rule struct {
	Name    string   `json:"name"`
	When    string   `json:"when"` // CEL
	Then    Effect   `json:"then"`
	Step    StepName `json:"step,omitempty"`    // of require_step: a step that is on demand
	Message string   `json:"message,omitempty"` // for operators
	Tell    Tell     `json:"tell,omitempty"`
}

// Effect says what a rule does when its condition holds.
type Effect = decision.Effect

// The effects. EffectReason is told and changes nothing. The three that follow are those of hard rules, but EffectReview lifts any rejection that comes
// from the score alone. EffectRequire asks for a step that is on demand.
const (
	EffectReason       = decision.Note
	EffectReviewAtBest = decision.Cap
	EffectReview       = decision.Force
	EffectRejected     = decision.Refuse
	EffectRequire      = decision.Require
)

// Tell says which of the closed texts a person is given for a rule that held; "" is that of any verification that could not be completed.
type Tell = decision.Tell

// FaceMatch chooses the threshold of the comparison. At most one member is given; none: similarity 0.75.
type FaceMatch struct {
	Threshold *float64 `json:"threshold,omitempty"`  // similarity, above 0 to 1
	TargetFMR *float64 `json:"target_fmr,omitempty"` // false match rate, above 0 and below 1
}

// Method is what a submission brings for liveness.
type Method string

// The methods that can be demanded; "" demands nothing. MethodActive: several frames. MethodChallenge: frames that answer a challenge.
const (
	MethodActive    Method = "active"
	MethodChallenge Method = "challenge"
)

// Liveness says what must be shown of the living person.
type Liveness struct {
	MinMethod    Method   `json:"min_method,omitempty"`     // a submission that brings less is refused
	MinLiveScore *float64 `json:"min_live_score,omitempty"` // 0 to 1; below it a verification is reviewed at best
}

// Document says what a document must satisfy beyond being in order.
type Document struct {
	MandatoryFields   []string            `json:"mandatory_fields,omitempty"`
	AcceptedTypes     []ekyc.DocumentType `json:"accepted_types,omitempty"`     // empty: all
	AcceptedCountries []string            `json:"accepted_countries,omitempty"` // issuers: ISO 3166-1 alpha-3 or ICAO codes; empty: all
	RefusedCountries  []string            `json:"refused_countries,omitempty"`  // issuers; excludes accepted_countries
	MinAge            int                 `json:"min_age,omitempty"`            // years, 0 to 120
	MaxAge            int                 `json:"max_age,omitempty"`            // years, 0 to 120; 0: none
	ExpiryGraceDays   int                 `json:"expiry_grace_days,omitempty"`  // 0 to 3650
	SpecimensAllowed  bool                `json:"specimens_allowed,omitempty"`  // in the test environment only
}

// KYA switches the profile checks.
type KYA struct {
	Enabled *bool `json:"enabled,omitempty"` // nil: where the request has a profile
}

// Options say what a text may contain.
type Options struct {
	Environment ekyc.Environment
	ByOperator  bool                  // the platform's operator, who alone may waive rules
	Providers   map[StepName][]string // of a step that is missing here: DefaultProvider only

	anyProvider bool // they were examined before
}

// Problem is one thing that is wrong with a definition.
type Problem struct {
	Line    int    `json:"line,omitempty"`   // from 1; 0 where there is no text
	Column  int    `json:"column,omitempty"` // from 1, in characters
	Path    string `json:"path"`             // "rules[2].when"
	Message string `json:"message"`
}
