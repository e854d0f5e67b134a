package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

// chance gives random facts.
type chance struct{ *rand.Rand }

func (c chance) yes() bool { return c.IntN(2) == 1 }

func (c chance) share() float64 {
	if c.IntN(8) == 0 {
		return float64(c.IntN(2))
	}
	return c.Float64()
}

// high is the value of somebody who is mostly in order.
func (c chance) high() float64 { return 0.55 + 0.45*c.Float64() }

func pick[T any](c chance, list ...T) T { return list[c.IntN(len(list))] }

func (c chance) state() decision.State {
	return pick(c, decision.Ran, decision.Ran, decision.Ran, decision.Ran, decision.Ran, decision.FailedToRun, decision.NotConfigured)
}

func (c chance) facts() *pipeline.Facts {
	f := inOrder()
	in := &f.Evidence
	if c.IntN(3) == 0 {
		in.Liveness.LiveScore, in.FaceMatch.Similarity, in.Document.Confidence = c.high(), c.high(), c.high()
	} else {
		in.Liveness = decision.LivenessEvidence{State: c.state(), IsLive: c.IntN(4) > 0, LiveScore: c.share(), Confidence: c.share(),
			Zone: pick(c, decision.ZoneLive, decision.ZoneLive, decision.ZoneReview, decision.ZoneAttack)}
		in.FaceMatch = decision.FaceMatchEvidence{State: c.state(), Similarity: c.share(), Threshold: 0.75, Uncertain: c.yes()}
		in.Document = decision.DocumentEvidence{State: c.state(), Valid: c.IntN(3) > 0, Confidence: c.share(), Expired: c.IntN(9) == 0, Retakeable: c.yes()}
	}
	in.FaceMatch.Match = in.FaceMatch.Similarity >= in.FaceMatch.Threshold
	in.KYA = decision.KYAEvidence{State: c.state(), Score: c.share()}
	if c.yes() {
		statuses := pipeline.Statuses{}
		for _, name := range []string{"name_coherence", "email_disposable", "ip_public", "phone_format", "country_coherence", "ip_country", "phone_region", "phone_type", "email_free", "age_claim"} {
			statuses[name] = pick(c, ekyc.Pass, ekyc.Pass, ekyc.Pass, ekyc.Warn, ekyc.Fail)
		}
		f.KYA.Checks = statuses
	}
	age, days := c.IntN(90), c.IntN(600)-100
	f.Document.Age, f.Document.DaysToExpiry = pick(c, &age, &age, nil), pick(c, &days, nil)
	f.Document.Country, f.Document.Nationality = pick(c, "FRA", "DEU", "USA", "IRN", "ESP", ""), pick(c, "FRA", "USA", "SRB", "")
	f.Document.Type = pick(c, ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense, ekyc.ResidencePermit, "")
	f.Liveness.Method = pick(c, "passive", "active", "challenge")
	f.Request.HasBack = c.yes()
	return f
}

// workflows are the default and the examples.
func workflows(t testing.TB) []*pipeline.Pipeline {
	t.Helper()
	all := []*pipeline.Pipeline{compile(t, pipeline.Default())}
	for _, name := range exampleNames(t) {
		all = append(all, compile(t, parse(t, readFile(t, filepath.Join(examples, name+".yaml")))))
	}
	return all
}

// TestPointsAddUpExactlyWithRules decides 100,000 random verifications under the default and the ten examples. What holds for any result is checked of all,
// compact facts of a part, since their journey takes longer than everything else.
func TestPointsAddUpExactlyWithRules(t *testing.T) {
	t.Parallel()
	c := chance{rand.New(rand.NewPCG(3, 1))}
	all := workflows(t)
	const cases = 100_000
	seen, ruled, stopped := map[ekyc.Decision]int{}, 0, 0
	for i := range cases {
		p, f := all[i%len(all)], c.facts()
		check := adds
		if i%50 == 0 {
			check = examine
		}
		r := check(t, p, f)
		seen[r.Decision]++
		if len(r.WorkflowRules) > 0 {
			ruled++
		}
		for _, factor := range r.Factors {
			if factor.State == decision.FactorSkipped {
				stopped++
				break
			}
		}
		never(t, p, f, r)
	}
	for _, d := range []ekyc.Decision{ekyc.Accepted, ekyc.Review, ekyc.Rejected} {
		if seen[d] < cases/200 {
			t.Errorf("only %d of %d were %s: the cases prove too little", seen[d], cases, d)
		}
	}
	if ruled < cases/10 || stopped < cases/200 {
		t.Errorf("rules held for %d, early stops for %d: the cases prove too little", ruled, stopped)
	}
}

// never checks that no rule of a workflow's own weakens a hard one.
func never(t testing.TB, p *pipeline.Pipeline, f *pipeline.Facts, r decision.Result) {
	t.Helper()
	for _, rule := range r.HardRules {
		if rule.Effect == decision.Refuse && r.Decision != ekyc.Rejected || r.Decision == ekyc.Accepted {
			t.Fatalf("%s against %s", r.Decision, rule.Code)
		}
	}
	for _, rule := range r.WorkflowRules {
		switch {
		case rule.Effect == decision.Refuse && r.Decision != ekyc.Rejected,
			(rule.Effect == decision.Cap || rule.Effect == decision.Force) && r.Decision == ekyc.Accepted:
			t.Fatalf("%s against %s %s", r.Decision, rule.Code, rule.Name)
		}
	}
	in := f.Evidence
	if r.Decision == ekyc.Accepted && (p.Includes(pipeline.StepLiveness) && in.Liveness.State == decision.Ran && !in.Liveness.IsLive ||
		p.Includes(pipeline.StepFaceMatch) && in.FaceMatch.State == decision.Ran && !in.FaceMatch.Match) {
		t.Fatalf("accepted against a rule of every workflow: %+v", in)
	}
}

// with is facts with another value of one factor, as the counterfactual means it.
func with(f *pipeline.Facts, c *decision.Counterfactual, value decision.Share) *pipeline.Facts {
	changed := *f
	in, v := &changed.Evidence, float64(value)/1e6
	switch c.Factor {
	case decision.Liveness:
		in.Liveness.LiveScore = v
	case decision.FaceMatch:
		in.FaceMatch.Similarity, in.FaceMatch.Match = v, v >= in.FaceMatch.Threshold
	case decision.Document:
		if in.Document.Confidence = v; !in.Document.Valid {
			in.Document.Confidence = float64(1_000_000-value) / 1e6
		}
	case decision.KYA:
		in.KYA.Score = v
	}
	return &changed
}

// TestCounterfactualHoldsWithRules decides again with the value that the counterfactual names: the decision and the score are those that it says.
func TestCounterfactualHoldsWithRules(t *testing.T) {
	t.Parallel()
	c := chance{rand.New(rand.NewPCG(8, 5))}
	all := workflows(t)
	all = append(all, compile(t, parse(t, []byte(bands))))
	confirmed, byRule := 0, 0
	for i := range 8000 {
		p, f := all[i%len(all)], c.facts()
		f.Document.Type, f.Document.Country = ekyc.Passport, "FRA" // so that the validation's demands stay out of it
		age := 40
		f.Document.Age = &age
		r := adds(t, p, f)
		found := r.Counterfactual
		if found == nil || found.Factor == decision.Document && len(p.Definition().Document.AcceptedTypes) > 0 {
			continue
		}
		then := adds(t, p, with(f, found, found.Needed))
		if then.Decision != found.Decision || then.Score != found.Score || then.Decision == r.Decision {
			t.Fatalf("%s: %+v, decided again %s %s", p.Definition().Name, found, then.Decision, then.Score)
		}
		confirmed++
		if len(then.WorkflowRules) != len(r.WorkflowRules) {
			byRule++
		}
	}
	if confirmed < 2000 || byRule < 100 {
		t.Errorf("%d counterfactuals were confirmed, %d by way of a rule: too few", confirmed, byRule)
	}
}

// bands has rules that hold in a band of values only, so that a value can be wrong on both sides.
const bands = `
name: bands
rules:
  - {name: middle, when: liveness.live_score > 0.6 && liveness.live_score < 0.7, then: rejected}
  - {name: exact, when: liveness.live_score == 0.93, then: review}
  - {name: alike, when: face_match.similarity > 0.99, then: review}
`

// TestCounterfactualIsTheNearestWithRules: where values are compared with numbers, there is no nearer value that decides otherwise.
func TestCounterfactualIsTheNearestWithRules(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, []byte(bands)))
	for live, want := range map[float64]string{
		0.65: "liveness 0.7 instead of 0.65 gives accepted", 0.9: "liveness 0.93 instead of 0.9 gives review", 0.95: "liveness 0.93 instead of 0.95 gives review",
		0.93: "liveness 0.929999 instead of 0.93 gives accepted", 0.58: "liveness 0.600001 instead of 0.58 gives rejected",
	} {
		f := inOrder()
		f.Evidence.Liveness.LiveScore = live
		if live > 0.9 {
			want = map[float64]string{0.93: "liveness 0.930001 instead of 0.93 gives accepted", 0.95: "liveness 0.93 instead of 0.95 gives review"}[live]
		}
		r := adds(t, p, f)
		if r.Counterfactual == nil || r.Counterfactual.Message != want {
			t.Errorf("%v: %+v, want %s", live, r.Counterfactual, want)
		}
	}
}

// manyRules is a workflow with n rules of ordinary kinds, two thirds of which follow a value. Another salt gives other texts.
func manyRules(n, salt int) string {
	text := "name: many\nrules:\n"
	for i := range n {
		when := []string{
			fmt.Sprintf(`liveness.live_score < 0.%d%04d && document.country in ["FRA", "DEU", "ITA"]`, i%5, i+salt),
			fmt.Sprintf(`document.age < %d && document.type == "passport" && !(document.nationality in EEA)`, i%30+salt*1000),
			fmt.Sprintf(`document.fields.exists(f, f == "address") || kya.state == "ran" && kya.score < 0.%d%04d`, i%5, i+salt),
		}[i%3]
		text += fmt.Sprintf("  - {name: rule-%d, when: '%s', then: %s, tell: profile, message: of many}\n", i, when, []string{"reason", "review_at_best", "review"}[i%3])
	}
	return text
}

func benchmarkDecide(b *testing.B, p *pipeline.Pipeline) {
	f := inOrder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Decide(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideDefault(b *testing.B) { benchmarkDecide(b, compile(b, pipeline.Default())) }

func BenchmarkDecide50Rules(b *testing.B) {
	benchmarkDecide(b, compile(b, parse(b, []byte(manyRules(50, 0)))))
}

func BenchmarkDecideCostliest(b *testing.B) {
	text := "name: costly\nrules:\n" + rules(30, `document.checks.exists(name, document.checks[name] == "fail" && name.startsWith("mrz_"))`)
	p := compile(b, parse(b, []byte(text)))
	f := inOrder()
	f.Document.Checks = pipeline.Statuses{}
	for i := range 100 {
		f.Document.Checks[fmt.Sprintf("check_%d", i)] = ekyc.Pass
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Decide(f); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseAndCompile200Rules reads other texts every time, as nobody publishes the same again and again.
func BenchmarkParseAndCompile200Rules(b *testing.B) {
	for i := 1; b.Loop(); i++ {
		compile(b, parse(b, []byte(manyRules(200, i))))
	}
}
