package workflow

import (
	"slices"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/pipeline"
)

// facts are what is known of the verification, as rules see it and the decision takes it: nothing that a person could be found by.
func (x *execution) facts() *pipeline.Facts {
	p := x.known
	f := &pipeline.Facts{
		Evidence: x.evidence(), Stopped: p.stop, Skipped: p.skipped, At: x.at,
		Request: pipeline.RequestFacts{Environment: x.environment, CountryHint: p.request.CountryHint, HasBack: x.given.Back, Frames: x.given.Faces},
	}
	if p.selfie != nil && p.selfie.Liveness != nil {
		f.Liveness.Method, f.Liveness.Quality = string(p.selfie.Liveness.Method), faceQuality(p.selfie.Liveness.Quality)
	} else if live := p.live(); live != nil && live.Sample != nil {
		f.Liveness.Quality = faceQuality(live.Sample.Quality)
	}
	if p.document != nil && p.document.Portrait != nil {
		f.Portrait = faceQuality(p.document.Portrait.Quality)
	}
	if p.document != nil && p.document.Reading != nil {
		f.Document = x.documentFacts(p.document.Reading)
	}
	if p.validation != nil {
		f.Document.Bare = p.validation.Bare
	}
	return f
}

// evidence is what the steps found, in the terms of the decision. What a stop spared is skipped, and what was not asked for is not configured.
func (x *execution) evidence() decision.Input {
	p := x.known
	doc := p.validated()
	if p.validation == nil {
		doc = nil
	}
	in := engine.EvidenceOf(p.selfie, doc, p.match, p.profile.evidence())
	in.Signals = p.signals
	for _, factor := range []struct {
		step  pipeline.StepName
		state *decision.State
	}{
		{pipeline.StepLiveness, &in.Liveness.State}, {pipeline.StepValidate, &in.Document.State}, {pipeline.StepFaceMatch, &in.FaceMatch.State},
		{pipeline.StepKYA, &in.KYA.State},
	} {
		if slices.Contains(p.skipped, factor.step) {
			*factor.state = decision.Skipped
		}
	}
	return in
}

// validated is the document side with its validation, as one that did both at once would give it.
func (p *progress) validated() *engine.DocumentOutcome {
	if p.document == nil || p.validation == nil {
		return p.document
	}
	out := *p.document
	out.Validation = p.validation.Result
	out.Validate.Status, out.Validate.DurationMS = engine.StepStatus(p.validation.Step.Status), p.validation.Step.DurationMS
	return &out
}

func faceQuality(q face.Quality) *pipeline.FaceQuality {
	out := &pipeline.FaceQuality{Score: q.Score}
	for _, code := range q.Codes {
		out.Codes = append(out.Codes, string(code))
	}
	return out
}

// documentFacts is what a document tells of a person without telling who it is.
func (x *execution) documentFacts(r *document.Reading) pipeline.DocumentFacts {
	f := pipeline.DocumentFacts{
		Type: r.Detected.Type, Country: recognisedCountry(r),
		IssuingCountry: countryCode(r.Fields[document.Key(check.IssuingCountry)].Value), Nationality: countryCode(r.Fields[document.Key(check.Nationality)].Value),
	}
	if years, ok := check.Age(r.Fields[document.Key(check.DateOfBirth)].Value, x.at); ok {
		f.Age = &years
	}
	if days, ok := check.DaysUntil(r.Fields[document.Key(check.DateOfExpiry)].Value, x.at); ok {
		f.DaysToExpiry = &days
	}
	for key, field := range r.Fields {
		f.Fields = append(f.Fields, string(key))
		if source := string(field.Source); source != "" && !slices.Contains(f.Sources, source) {
			f.Sources = append(f.Sources, source)
		}
	}
	slices.Sort(f.Fields)
	slices.Sort(f.Sources)
	return f
}

// countryCode is a country as documents print it in the codes of ISO 3166-1, or of ICAO where it has none; "" for what is no code.
func countryCode(printed string) string {
	c, ok := ekyc.CountryByCode(printed)
	switch {
	case !ok:
		return ""
	case c.Alpha3 != "":
		return c.Alpha3
	}
	return c.Code
}
