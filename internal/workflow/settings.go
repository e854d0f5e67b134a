package workflow

import (
	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

// Settings say how a verification is to be judged: the workflow that a client names, with what is to differ from it. What is absent stays as the
// workflow has it. Its JSON is the member workflow of a request.
type Settings struct {
	Name       string               `json:"name,omitempty"` // "": the scope's default
	FaceMatch  FaceMatchSettings    `json:"face_match"`
	Document   DocumentSettings     `json:"document"`
	Weights    *decision.Weights    `json:"weights,omitempty"`    // 0 to 100 points each
	Thresholds *decision.Thresholds `json:"thresholds,omitempty"` // 0 to 100 points
	KYA        KYASettings          `json:"kya"`
}

// DefaultWorkflow is the name of the only workflow that every tenant has.
const DefaultWorkflow = "default"

// FaceMatchSettings choose the threshold of the comparison. At most one of them is given.
type FaceMatchSettings struct {
	Threshold *float64 `json:"threshold,omitempty"`  // similarity, above 0 to 1
	TargetFMR *float64 `json:"target_fmr,omitempty"` // false match rate, above 0 and below 1
}

// DocumentSettings say what a document must satisfy beyond being in order. Each replaces what the workflow has.
type DocumentSettings struct {
	MandatoryFields   []string            `json:"mandatory_fields,omitempty"`
	AcceptedTypes     []ekyc.DocumentType `json:"accepted_types,omitempty"`
	AcceptedCountries []string            `json:"accepted_countries,omitempty"` // ISO 3166-1 alpha-3 or ICAO codes
	MinAge            int                 `json:"min_age,omitempty"`            // years, 0 to 120
	ExpiryGraceDays   int                 `json:"expiry_grace_days,omitempty"`  // 0 to 3650
	SpecimensAllowed  bool                `json:"specimens_allowed,omitempty"`  // in the test environment only, where they are in any case
}

// KYASettings switch the profile checks.
type KYASettings struct {
	Enabled *bool `json:"enabled,omitempty"` // nil: as the workflow has it
}

// over gives a definition with what the settings say otherwise, and whether that is anything.
func (s Settings) over(d pipeline.Definition) (effective pipeline.Definition, differs bool) {
	if s.FaceMatch.Threshold != nil || s.FaceMatch.TargetFMR != nil {
		d.FaceMatch, differs = pipeline.FaceMatch(s.FaceMatch), true
	}
	if s.Weights != nil {
		d.Weights, differs = s.Weights, true
	}
	if s.Thresholds != nil {
		d.Thresholds, differs = s.Thresholds, true
	}
	if s.KYA.Enabled != nil {
		d.KYA, differs = pipeline.KYA(s.KYA), true
	}
	return d, s.Document.over(&d.Document) || differs
}

// over puts what is given in place of what the workflow has.
func (s DocumentSettings) over(d *pipeline.Document) (differs bool) {
	if len(s.MandatoryFields) > 0 {
		d.MandatoryFields, differs = s.MandatoryFields, true
	}
	if len(s.AcceptedTypes) > 0 {
		d.AcceptedTypes, differs = s.AcceptedTypes, true
	}
	if len(s.AcceptedCountries) > 0 {
		d.AcceptedCountries, differs = s.AcceptedCountries, true
	}
	if s.MinAge != 0 {
		d.MinAge, differs = s.MinAge, true
	}
	if s.ExpiryGraceDays != 0 {
		d.ExpiryGraceDays, differs = s.ExpiryGraceDays, true
	}
	if s.SpecimensAllowed {
		d.SpecimensAllowed, differs = true, true
	}
	return differs
}
