package workflow

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/face"
)

// Settings say how a verification is to be judged: the workflow that a client names, with what it overrides. What is absent has the
// default of the contract. Its JSON is the member workflow of a request.
type Settings struct {
	Name       string               `json:"name,omitempty"` // DefaultWorkflow, also as ""
	FaceMatch  FaceMatchSettings    `json:"face_match"`
	Document   DocumentSettings     `json:"document"`
	Weights    *decision.Weights    `json:"weights,omitempty"`    // 0 to 100 points each; nil: 30, 40, 25 and 5
	Thresholds *decision.Thresholds `json:"thresholds,omitempty"` // 0 to 100 points; nil: 80 and 60
	KYA        KYASettings          `json:"kya"`
}

// DefaultWorkflow is the name of the only workflow that every tenant has.
const DefaultWorkflow = "default"

// FaceMatchSettings choose the threshold of the comparison. At most one of them is given; none: similarity 0.75.
type FaceMatchSettings struct {
	Threshold *float64 `json:"threshold,omitempty"`  // similarity, above 0 to 1
	TargetFMR *float64 `json:"target_fmr,omitempty"` // false match rate, above 0 and below 1
}

// DocumentSettings say what a document must satisfy beyond being in order.
type DocumentSettings struct {
	MandatoryFields   []string            `json:"mandatory_fields,omitempty"`
	AcceptedTypes     []ekyc.DocumentType `json:"accepted_types,omitempty"`     // empty: all
	AcceptedCountries []string            `json:"accepted_countries,omitempty"` // ISO 3166-1 alpha-3 or ICAO codes; empty: all
	MinAge            int                 `json:"min_age,omitempty"`            // years, 0 to 120
	ExpiryGraceDays   int                 `json:"expiry_grace_days,omitempty"`  // 0 to 3650
	SpecimensAllowed  bool                `json:"specimens_allowed,omitempty"`  // in the test environment only
}

// KYASettings switch the profile checks.
type KYASettings struct {
	Enabled *bool `json:"enabled,omitempty"` // nil: where the request has a profile
}

// Pinned are settings that were found valid, with the hash of everything that they and the defaults decide.
type Pinned struct {
	Settings Settings
	Hash     string // SHA-256 in lower-case hex
}

const (
	mostMinAge = 120
	mostGrace  = 3650
	mostListed = 300 // entries of a list; there are fewer countries
)

// Validate joins everything that is wrong. The error is ErrInvalidArgument with the details "fields": a problem by the member's name.
func (s Settings) Validate(environment ekyc.Environment) error {
	problems := map[string]string{}
	report := func(field, format string, args ...any) { problems[field] = fmt.Sprintf(format, args...) }
	if s.Name != "" && s.Name != DefaultWorkflow {
		report("name", "there is no such workflow")
	}
	s.FaceMatch.validate(report)
	s.Document.validate(environment, report)
	policy := s.policy()
	if s.Weights != nil || s.Thresholds != nil {
		if err := policy.Validate(); err != nil {
			report("weights, thresholds", "%s", err)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "the workflow's settings are not valid").With("fields", problems)
}

func (s FaceMatchSettings) validate(report func(string, string, ...any)) {
	if s.Threshold != nil && s.TargetFMR != nil {
		report("face_match", "threshold and target_fmr exclude each other")
	}
	if t := s.Threshold; t != nil && !(*t > 0 && *t <= 1) {
		report("face_match.threshold", "above 0 to 1 is permitted")
	}
	if r := s.TargetFMR; r != nil && !(*r > 0 && *r < 1) {
		report("face_match.target_fmr", "above 0 and below 1 is permitted")
	}
}

func (s DocumentSettings) validate(environment ekyc.Environment, report func(string, string, ...any)) {
	if s.MinAge < 0 || s.MinAge > mostMinAge {
		report("document.min_age", "0 to %d is permitted", mostMinAge)
	}
	if s.ExpiryGraceDays < 0 || s.ExpiryGraceDays > mostGrace {
		report("document.expiry_grace_days", "0 to %d is permitted", mostGrace)
	}
	if s.SpecimensAllowed && environment != ekyc.Test {
		report("document.specimens_allowed", "specimens can pass in the test environment only")
	}
	for _, name := range s.MandatoryFields {
		if !slices.Contains(check.Keys(), check.Key(name)) {
			report("document.mandatory_fields", "an entry is not the name of a field")
		}
	}
	for _, kind := range s.AcceptedTypes {
		if !slices.Contains(documentTypes, kind) {
			report("document.accepted_types", "an entry is not a document type")
		}
	}
	for _, country := range s.AcceptedCountries {
		if !isCountryCode(country) {
			report("document.accepted_countries", "an entry is not a code of one to three capital letters")
		}
	}
	if max(len(s.MandatoryFields), len(s.AcceptedTypes), len(s.AcceptedCountries)) > mostListed {
		report("document", "a list has more than %d entries", mostListed)
	}
}

var documentTypes = []ekyc.DocumentType{ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense, ekyc.ResidencePermit, ekyc.OtherDocument}

// isCountryCode says whether the text has the form of a code of ICAO Doc 9303-3: "D" for Germany, three letters for all others.
func isCountryCode(text string) bool {
	if len(text) < 1 || len(text) > 3 {
		return false
	}
	for _, c := range []byte(text) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// Pin validates the settings and fixes what they mean. Errors: those of Validate.
func Pin(s Settings, environment ekyc.Environment) (Pinned, error) {
	if err := s.Validate(environment); err != nil {
		return Pinned{}, err
	}
	s.Name = cmp.Or(s.Name, DefaultWorkflow)
	if s.FaceMatch.Threshold == nil && s.FaceMatch.TargetFMR == nil {
		threshold := face.DefaultThreshold
		s.FaceMatch.Threshold = &threshold
	}
	policy := s.policy()
	s.Weights, s.Thresholds = &policy.Weights, &policy.Thresholds
	canonical, err := json.Marshal(struct {
		Settings Settings
		Policy   string
	}{s, policy.Hash()})
	if err != nil {
		return Pinned{}, errors.Join(ekyc.Errorf(ekyc.ErrInternal, "the settings have no JSON form"), err)
	}
	sum := sha256.Sum256(canonical)
	return Pinned{Settings: s, Hash: hex.EncodeToString(sum[:])}, nil
}

// inlineVersion is the version in a result whose weights or thresholds are the client's own.
const inlineVersion = "inline"

// policy is the decision's policy under the settings.
func (s Settings) policy() decision.Policy {
	p := decision.DefaultPolicy()
	standard := p
	if s.Weights != nil {
		p.Weights = *s.Weights
	}
	if s.Thresholds != nil {
		p.Thresholds = *s.Thresholds
	}
	if p.Weights != standard.Weights || p.Thresholds != standard.Thresholds {
		p.Version = inlineVersion
	}
	return p
}

// matching is the comparison's threshold under the settings.
func (s Settings) matching() face.Options {
	o := face.Options{}
	if s.FaceMatch.Threshold != nil {
		o.Threshold = *s.FaceMatch.Threshold
	}
	if s.FaceMatch.TargetFMR != nil {
		o.TargetFMR = *s.FaceMatch.TargetFMR
	}
	return o
}

// checks is what a document must satisfy under the settings.
func (s Settings) checks() check.Policy {
	p := check.Policy{
		ExpiryGraceDays: s.Document.ExpiryGraceDays, MinAge: s.Document.MinAge, AcceptedTypes: s.Document.AcceptedTypes,
		AcceptedCountries: s.Document.AcceptedCountries, SpecimensAllowed: s.Document.SpecimensAllowed,
	}
	for _, name := range s.Document.MandatoryFields {
		p.MandatoryFields = append(p.MandatoryFields, check.Key(name))
	}
	return p
}

// examinesProfile says whether the profile checks are part of the workflow.
func (s Settings) examinesProfile(given bool) bool {
	if s.KYA.Enabled != nil {
		return *s.KYA.Enabled
	}
	return given
}
