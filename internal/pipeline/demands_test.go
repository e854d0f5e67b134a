package pipeline_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/pipeline"
)

// validated is what the validation says of ICAO's specimen passport under demands, as facts.
func validated(t *testing.T, policy check.Policy, country string, age bool) *pipeline.Facts {
	t.Helper()
	at := time.Date(2011, 5, 1, 12, 0, 0, 0, time.UTC)
	in := check.Input{
		Type: ekyc.Passport, Country: country, At: at, Policy: policy, Fields: map[check.Key][]check.Field{},
		MRZ: &check.MRZ{Lines: []string{"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"}, Given: true, Seen: true},
	}
	if !age {
		in.MRZ = nil
		in.Fields[check.Surname] = []check.Field{{Value: "ERIKSSON", Source: check.SourceVIZ, Confidence: 0.95}}
	}
	judge := func(p check.Policy) check.Result {
		in.Policy = p
		return check.Validate(in)
	}
	neutral := policy
	neutral.AcceptedTypes, neutral.AcceptedCountries, neutral.MinAge = nil, nil, 0
	bare, r := judge(neutral), judge(policy)
	f := inOrder()
	f.Evidence.Document = decision.DocumentEvidence{
		State: decision.Ran, Valid: r.DocumentValid, Confidence: r.Confidence, Checks: r.Checks, Expired: r.Expired, ProvenForgery: r.ProvenForgery, Retakeable: r.Retake,
	}
	f.Document = pipeline.DocumentFacts{Type: in.Type, Country: country, Bare: &pipeline.Verdict{Valid: bare.DocumentValid, Confidence: bare.Confidence, Retakeable: bare.Retake}}
	if years, ok := check.Age("1974-08-12", at); ok && age {
		f.Document.Age = &years
	}
	f.At = at
	return f
}

// TestDemandsAreJudgedAsTheValidationJudges: facts that were made under no demands, decided under some, give what the validation says under those; and the
// other way about.
func TestDemandsAreJudgedAsTheValidationJudges(t *testing.T) {
	t.Parallel()
	demands := []pipeline.Document{
		{}, {AcceptedTypes: []ekyc.DocumentType{ekyc.Passport}}, {AcceptedTypes: []ekyc.DocumentType{ekyc.IDCard, ekyc.DriverLicense}},
		{AcceptedCountries: []string{"FRA", "UTO"}}, {AcceptedCountries: []string{"FRA"}}, {MinAge: 18}, {MinAge: 60},
		{AcceptedTypes: []ekyc.DocumentType{ekyc.IDCard}, AcceptedCountries: []string{"FRA"}, MinAge: 60},
	}
	changes := 0
	for _, country := range []string{"UTO", ""} {
		for _, age := range []bool{true, false} {
			for i, was := range demands {
				for k, now := range demands {
					policy := func(d pipeline.Document) check.Policy {
						return check.Policy{AcceptedTypes: d.AcceptedTypes, AcceptedCountries: d.AcceptedCountries, MinAge: d.MinAge, SpecimensAllowed: true}
					}
					d := pipeline.Default()
					d.Document = now
					p := compile(t, d)
					got := examine(t, p, validated(t, policy(was), country, age))
					want := examine(t, p, validated(t, policy(now), country, age))
					codes := func(r decision.Result) (codes []decision.Code) {
						for _, reason := range r.Reasons {
							codes = append(codes, reason.Code)
						}
						slices.Sort(codes)
						return codes
					}
					name := fmt.Sprintf("country %q, age %v, %d under %d", country, age, i, k)
					if got.Decision != want.Decision || math.Abs(float64(got.Score-want.Score)) > 1 || got.Retryable != want.Retryable || !slices.Equal(codes(got), codes(want)) {
						t.Errorf("%s: %s %s %v\nwant %s %s %v", name, got.Decision, got.Score, codes(got), want.Decision, want.Score, codes(want))
					}
					if was := examine(t, compile(t, pipeline.Default()), validated(t, policy(now), country, age)); was.Decision != want.Decision {
						changes++
					}
				}
			}
		}
	}
	if changes < 10 {
		t.Errorf("demands changed only %d decisions", changes)
	}
}

func TestDemandsThatTheValidationDoesNotKnow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		demand pipeline.Document
		code   decision.Code
	}{
		"refused":        {pipeline.Document{RefusedCountries: []string{"DEU", "FRA"}}, decision.CodeNotAccepted},
		"refused by D":   {pipeline.Document{RefusedCountries: []string{"FRA"}}, decision.CodeNotAccepted},
		"too old":        {pipeline.Document{MaxAge: 39}, decision.CodeMaximumAge},
		"others refused": {pipeline.Document{RefusedCountries: []string{"DEU"}}, ""},
		"just in time":   {pipeline.Document{MinAge: 40, MaxAge: 40}, ""},
	} {
		d := pipeline.Default()
		d.Document = c.demand
		r := examine(t, compile(t, d), inOrder())
		found := slices.ContainsFunc(r.Reasons, func(reason decision.Reason) bool { return reason.Code == c.code })
		want := ekyc.Review
		if c.code == "" {
			want, found = ekyc.Accepted, true
		}
		if r.Decision != want || !found {
			t.Errorf("%s: %s %+v", name, r.Decision, r.Reasons)
		}
	}
	germany := pipeline.Default()
	germany.Document.AcceptedCountries = []string{"D"}
	f := inOrder()
	f.Document.Country = "DEU"
	if r := examine(t, compile(t, germany), f); r.Decision != ekyc.Accepted {
		t.Errorf("Germany is not Germany: %s", r.Decision)
	}
}

// TestUnmetDemandsStayWithoutABareVerdict: what a document is worth without the demand is not known then, and nobody gains by that.
func TestUnmetDemandsStayWithoutABareVerdict(t *testing.T) {
	t.Parallel()
	f := validated(t, check.Policy{AcceptedTypes: []ekyc.DocumentType{ekyc.IDCard}, SpecimensAllowed: true}, "UTO", true)
	p := compile(t, pipeline.Default())
	if r := examine(t, p, f); r.Decision != ekyc.Accepted {
		t.Errorf("with a bare verdict: %s", r.Decision)
	}
	f.Document.Bare = nil
	if r := examine(t, p, f); r.Decision != ekyc.Review {
		t.Errorf("without: %s", r.Decision)
	}
}
