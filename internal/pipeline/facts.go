package pipeline

import (
	"time"

	"ekyc"
	"ekyc/internal/decision"
)

// Facts are everything that rules may see and that the decision needs, as one verification gave it. They hold no name, number, address or date of a
// person. A JSON round trip gives equal facts.
//
// Evidence has State decision.Ran for what ran, FailedToRun for what was tried, Skipped for what an early stop spared, and NotConfigured for
// what the workflow does not contain, was on demand and not asked for, or, for kya, had no profile to look at.
type Facts struct {
	Evidence decision.Input `json:"evidence"`
	Document DocumentFacts  `json:"document"`
	Liveness LivenessFacts  `json:"liveness"`
	KYA      KYAFacts       `json:"kya,omitzero"`
	Portrait *FaceQuality   `json:"portrait,omitempty"` // of the document; nil where none was found
	Request  RequestFacts   `json:"request"`
	Stopped  *Stop          `json:"stopped,omitempty"` // the early stop that ended the verification
	Skipped  []StepName     `json:"skipped,omitempty"` // by it
	At       time.Time      `json:"at"`                // the moment to which ages and days refer
}

// DocumentFacts is what was read of the document. What was not read is empty or nil.
type DocumentFacts struct {
	Type           ekyc.DocumentType `json:"type,omitempty"`
	Country        string            `json:"country,omitempty"`         // of the issuer as it was recognised: ISO 3166-1 alpha-3, or ICAO's code where there is none
	IssuingCountry string            `json:"issuing_country,omitempty"` // as the document prints it, in the same codes
	Nationality    string            `json:"nationality,omitempty"`     // in the same codes
	Age            *int              `json:"age,omitempty"`             // whole years
	DaysToExpiry   *int              `json:"days_to_expiry,omitempty"`  // negative once expired
	Fields         []string          `json:"fields,omitempty"`          // names of the fields that were read
	Sources        []string          `json:"sources,omitempty"`         // mrz, barcode, viz: where fields were read
	Checks         Statuses          `json:"checks,omitempty"`          // of every check of the validation

	// Bare is the verdict without the demands of the workflow on types, countries and ages, so that other demands can be tried on the same
	// facts. Nil where it is not known; then demands that were not met stay unmet.
	Bare *Verdict `json:"bare,omitempty"`
}

// Verdict is that of the validation.
type Verdict struct {
	Valid      bool    `json:"valid"`
	Confidence float64 `json:"confidence"` // 0 to 1, in the verdict
	Retakeable bool    `json:"retakeable,omitempty"`
}

// LivenessFacts is what the live side showed beside its verdict.
type LivenessFacts struct {
	Method  string       `json:"method,omitempty"` // passive, active, challenge
	Quality *FaceQuality `json:"quality,omitempty"`
	Checks  Statuses     `json:"checks,omitempty"` // of every check
}

// KYAFacts is what the profile checks gave beside their score.
type KYAFacts struct {
	Checks Statuses `json:"checks,omitempty"` // of every check
}

// FaceQuality is how well a face was captured.
type FaceQuality struct {
	Score float64  `json:"score"` // 0 unusable to 1 good
	Codes []string `json:"codes,omitempty"`
}

// RequestFacts is what the client sent.
type RequestFacts struct {
	Environment ekyc.Environment `json:"environment"`
	CountryHint string           `json:"country_hint,omitempty"`
	HasBack     bool             `json:"has_back,omitempty"`
	Frames      int              `json:"frames"` // photographs of the face
}

// Statuses are the outcomes of checks by their names.
type Statuses map[string]ekyc.CheckStatus

// Compact makes the facts small enough to be kept with every verification: of each check its status stays, and its message only where a reason is made of it.
// What is decided does not change.
func (f *Facts) Compact() {
	for _, part := range []struct {
		checks *[]ekyc.Check
		into   *Statuses
	}{
		{&f.Evidence.Liveness.Checks, &f.Liveness.Checks}, {&f.Evidence.Document.Checks, &f.Document.Checks}, {&f.Evidence.KYA.Checks, &f.KYA.Checks},
	} {
		if len(*part.checks) == 0 {
			*part.checks = nil
			continue
		}
		statuses := Statuses{}
		for name, status := range *part.into {
			statuses[name] = status
		}
		var kept []ekyc.Check
		for _, c := range *part.checks {
			statuses[c.Name] = c.Status
			if decision.Explains(c) {
				c.Evidence = nil
				kept = append(kept, c)
			}
		}
		*part.checks, *part.into = kept, statuses
	}
}
