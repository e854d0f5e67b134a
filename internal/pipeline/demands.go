package pipeline

import (
	"fmt"
	"math"
	"slices"

	"ekyc"
	"ekyc/internal/decision"
)

// The checks of the demands on types, countries and ages. The validation makes the first three too; here they are judged again, so that the facts of one
// verification can be decided under another workflow.
const (
	typeAccepted    = "type_accepted"
	countryAccepted = "country_accepted"
	minimumAge      = "minimum_age"
	maximumAge      = "maximum_age"
)

// What a demand that is not met does to the verdict on the document: the weights of the validation for a grave failure and for missing evidence.
const (
	refutedByFailure = 0.85
	refutedByWant    = 0.70
	confidenceLowest = 0.05
	confidenceMost   = 0.99
)

// demanded gives the checks of the workflow's demands.
func (d *Document) demanded(f *DocumentFacts) []ekyc.Check {
	made := func(name string, demanded, known, met bool, unmet string) ekyc.Check {
		c := ekyc.Check{Name: name, Status: ekyc.NotApplicable, Severity: ekyc.SeverityMajor, Message: "the workflow demands nothing"}
		switch {
		case !demanded:
		case !known:
			c.Status, c.Message = ekyc.NotExecuted, "what the workflow demands could not be read"
		case met:
			c.Status, c.Message = ekyc.Pass, "the demand of the workflow is met"
		default:
			c.Status, c.Message = ekyc.Fail, unmet
		}
		return c
	}
	among := func(codes []string) bool {
		return slices.ContainsFunc(codes, func(code string) bool { return isoCode(code) == isoCode(f.Country) })
	}
	country := !among(d.RefusedCountries) && (len(d.AcceptedCountries) == 0 || among(d.AcceptedCountries))
	age := 0
	if f.Age != nil {
		age = *f.Age
	}
	return []ekyc.Check{
		made(typeAccepted, len(d.AcceptedTypes) > 0, f.Type != "", slices.Contains(d.AcceptedTypes, f.Type), "the type of document is not accepted"),
		made(countryAccepted, len(d.AcceptedCountries)+len(d.RefusedCountries) > 0, f.Country != "", country, "documents of the issuing country are not accepted"),
		made(minimumAge, d.MinAge > 0, f.Age != nil, age >= d.MinAge, fmt.Sprintf("the holder is younger than %d years", d.MinAge)),
		made(maximumAge, d.MaxAge > 0, f.Age != nil, age <= d.MaxAge, fmt.Sprintf("the holder is older than %d years", d.MaxAge)),
	}
}

// isoCode is the code of ISO 3166-1 alpha-3 for what a document prints, or what it prints where there is none.
func isoCode(code string) string {
	if c, found := ekyc.CountryByCode(code); found && c.Alpha3 != "" {
		return c.Alpha3
	}
	return code
}

// judged is the evidence on the document under the workflow's demands, whose checks are given. Where it was judged under the same ones it stays as it is. Without a bare verdict a
// document that was found not valid stays so.
func judged(f *Facts, checks []ekyc.Check) decision.DocumentEvidence {
	e := f.Evidence.Document
	if e.State != decision.Ran {
		return e
	}
	recorded := func(name string) (ekyc.CheckStatus, bool) {
		for _, c := range e.Checks {
			if c.Name == name {
				return c.Status, true
			}
		}
		status, ok := f.Document.Checks[name]
		return status, ok
	}
	var differing []ekyc.Check
	for _, c := range checks {
		was, ok := recorded(c.Name)
		if !ok {
			was = ekyc.NotApplicable
		}
		if was != c.Status && !(satisfied(was) && satisfied(c.Status)) {
			differing = append(differing, c)
		}
	}
	if len(differing) == 0 {
		return e
	}
	bare := f.Document.Bare
	if bare == nil && e.Valid {
		bare = &Verdict{Valid: e.Valid, Confidence: e.Confidence}
	}
	if bare == nil {
		bare = &Verdict{Valid: false, Confidence: e.Confidence, Retakeable: e.Retakeable}
		checks = differing
	}
	return bare.with(checks, e)
}

// satisfied says that a demand does not speak against the document.
func satisfied(s ekyc.CheckStatus) bool { return s == ekyc.Pass || s == ekyc.NotApplicable }

// with is the evidence with the bare verdict and the checks of demands in place of those that it had.
func (b Verdict) with(checks []ekyc.Check, e decision.DocumentEvidence) decision.DocumentEvidence {
	named := func(name string) bool {
		return slices.ContainsFunc(checks, func(c ekyc.Check) bool { return c.Name == name })
	}
	e.Checks = slices.DeleteFunc(slices.Clone(e.Checks), func(c ekyc.Check) bool { return named(c.Name) })
	e.Checks = append(e.Checks, checks...)
	doubt, against, lacking := 1.0, false, false
	for _, c := range checks {
		switch c.Status {
		case ekyc.Fail:
			doubt *= 1 - refutedByFailure
			against = true
		case ekyc.NotExecuted:
			doubt *= 1 - refutedByWant
			lacking = true
		}
	}
	e.Valid, e.Confidence, e.Retakeable = b.Valid, b.Confidence, b.Retakeable
	switch {
	case !against && !lacking:
		return e
	case b.Valid:
		e.Confidence, e.Retakeable = 1-doubt, !against
	default:
		e.Confidence, e.Retakeable = 1-(1-b.Confidence)*doubt, b.Retakeable && !against
	}
	e.Valid = false
	e.Confidence = math.Max(confidenceLowest, math.Min(confidenceMost, e.Confidence))
	return e
}
