package decision_test

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/decision"
)

var update = flag.Bool("update", false, "write the golden file")

// good is evidence of a live person, of the same face and of a valid document; each value is given.
func good(live, similarity, document float64) decision.Input {
	return decision.Input{
		Liveness:  decision.LivenessEvidence{State: decision.Ran, IsLive: true, LiveScore: live, Zone: decision.ZoneLive, SpoofType: ekyc.SpoofNone, Confidence: live},
		FaceMatch: decision.FaceMatchEvidence{State: decision.Ran, Match: true, Similarity: similarity, Threshold: 0.2, FMRAtThreshold: 1e-4},
		Document:  decision.DocumentEvidence{State: decision.Ran, Valid: true, Confidence: document},
	}
}

func withKYA(in decision.Input, score float64) decision.Input {
	in.KYA = decision.KYAEvidence{State: decision.Ran, Score: score}
	return in
}

func evaluate(t testing.TB, in decision.Input) decision.Result {
	t.Helper()
	result, err := decision.Evaluate(decision.DefaultPolicy(), in)
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	return result
}

func TestBoundaries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		similarity float64
		score      string
		want       ekyc.Decision
	}{ // 30 + 25 + 5 points are full; the similarity moves the rest in steps of 40
		{0, "60", ekyc.Review},
		{0.5, "80", ekyc.Accepted},
		{0.49999, "79.99", ekyc.Review},
		{0.499999, "79.99", ekyc.Review},
		{1, "100", ekyc.Accepted},
	} {
		in := withKYA(good(1, c.similarity, 1), 1)
		in.FaceMatch.Threshold = 0
		got := evaluate(t, in)
		if got.Score.String() != c.score || got.Decision != c.want {
			t.Errorf("similarity %v: got %s %s, want %s %s", c.similarity, got.Score, got.Decision, c.score, c.want)
		}
	}
	in := withKYA(good(0.999667, 0, 1), 1) // 29.99001 + 25 + 5
	in.FaceMatch.Threshold = 0
	if got := evaluate(t, in); got.Score.String() != "59.99" || got.Decision != ekyc.Rejected {
		t.Errorf("got %s %s, want 59.99 rejected", got.Score, got.Decision)
	}
	// Fractions of a hundredth that make whole ones together count: rounding each factor down would give 79.98.
	in = withKYA(good(0.70015, 0.749875, 1), 0.8) // 21.0045 + 29.995 + 25 + 4 = 79.9995
	if got := evaluate(t, in); got.Score.String() != "79.99" || got.Decision != ekyc.Review {
		t.Errorf("got %s %s, want 79.99 review", got.Score, got.Decision)
	}
	in = withKYA(good(0.7, 0.749875, 1), 0.801) // 21 + 29.995 + 25 + 4.005 = 80
	if got := evaluate(t, in); got.Score.String() != "80" || got.Decision != ekyc.Accepted {
		t.Errorf("got %s %s, want 80 accepted", got.Score, got.Decision)
	}
	in = withKYA(good(0.3333, 0.750025, 0.99996), 1) // 9.999 + 30.001 + 24.999 + 5 = 69.999
	if got := evaluate(t, in); got.Score.String() != "69.99" {
		t.Errorf("got %s, want 69.99", got.Score)
	}
}

func TestLeftOutStepsAreRenormalised(t *testing.T) {
	t.Parallel()
	got := evaluate(t, good(1, 1, 1)) // KYA disabled
	want := decision.Weights{Liveness: 3158, FaceMatch: 4210, Document: 2632}
	if got.WeightsEffective != want || got.Score != 10000 {
		t.Errorf("got %v and %s, want %v and 100", got.WeightsEffective, got.Score, want)
	}
	policy := decision.DefaultPolicy()
	policy.Steps = []decision.FactorName{decision.FaceMatch}
	result, err := decision.Evaluate(policy, withKYA(good(0, 0.9, 0), 0))
	if err != nil || result.Score.String() != "90" || result.Decision != ekyc.Accepted {
		t.Errorf("one step: got %s %s %v, want 90 accepted", result.Score, result.Decision, err)
	}
}

func TestHardRules(t *testing.T) {
	t.Parallel()
	perfect := withKYA(good(1, 1, 1), 1)
	for name, c := range map[string]struct {
		change    func(*decision.Input)
		want      ekyc.Decision
		rules     []decision.RuleCode
		retryable bool
	}{
		"nothing": {func(*decision.Input) {}, ekyc.Accepted, nil, false},
		"attack": {func(in *decision.Input) { in.Liveness.IsLive, in.Liveness.Zone = false, decision.ZoneAttack }, ekyc.Rejected,
			[]decision.RuleCode{decision.RuleAttack, decision.RuleNotLive}, false},
		"not live":  {func(in *decision.Input) { in.Liveness.IsLive, in.Liveness.Zone = false, decision.ZoneReview }, ekyc.Review, []decision.RuleCode{decision.RuleNotLive}, true},
		"uncertain": {func(in *decision.Input) { in.Liveness.Zone = decision.ZoneReview }, ekyc.Review, []decision.RuleCode{decision.RuleLivenessUncertain}, true},
		"other person": {func(in *decision.Input) { in.FaceMatch.Match = false }, ekyc.Rejected,
			[]decision.RuleCode{decision.RuleOtherPerson, decision.RuleNoMatch}, false},
		"near match": {func(in *decision.Input) { in.FaceMatch.Match, in.FaceMatch.Uncertain = false, true }, ekyc.Review, []decision.RuleCode{decision.RuleNoMatch}, true},
		"expired":    {func(in *decision.Input) { in.Document.Expired = true }, ekyc.Rejected, []decision.RuleCode{decision.RuleExpired}, false},
		"forged":     {func(in *decision.Input) { in.Document.ProvenForgery = true }, ekyc.Rejected, []decision.RuleCode{decision.RuleForged}, false},
		"invalid":    {func(in *decision.Input) { in.Document.Valid, in.Document.Confidence = false, 0.1 }, ekyc.Review, []decision.RuleCode{decision.RuleDocumentInvalid}, false},
		"retake": {func(in *decision.Input) {
			in.Document.Valid, in.Document.Retakeable, in.Liveness.LiveScore = false, true, 0
		}, ekyc.Review, []decision.RuleCode{decision.RuleDocumentInvalid, decision.RuleRetake}, true},
		"no face": {func(in *decision.Input) {
			in.Liveness = decision.LivenessEvidence{State: decision.FailedToRun, ErrorCode: ekyc.ErrFaceNotFound}
			in.FaceMatch = decision.FaceMatchEvidence{State: decision.FailedToRun}
		}, ekyc.Review, []decision.RuleCode{decision.RuleStepNotRun}, true},
		"not configured in fact": {func(in *decision.Input) { in.Document = decision.DocumentEvidence{} }, ekyc.Review, []decision.RuleCode{decision.RuleStepNotRun}, true},
		"broken step lifts no refusal": {func(in *decision.Input) {
			in.Document = decision.DocumentEvidence{State: decision.FailedToRun}
			in.FaceMatch.Match = false
		}, ekyc.Rejected, []decision.RuleCode{decision.RuleOtherPerson, decision.RuleNoMatch, decision.RuleStepNotRun}, false},
		"broken step lifts no hopeless score": {func(in *decision.Input) {
			in.KYA = decision.KYAEvidence{State: decision.FailedToRun}
			in.Liveness.LiveScore, in.FaceMatch.Similarity = 0.3, 0.3
		}, ekyc.Rejected, []decision.RuleCode{decision.RuleStepNotRun}, true},
	} {
		in := perfect
		c.change(&in)
		got := evaluate(t, in)
		var fired []decision.RuleCode
		for _, rule := range got.HardRules {
			fired = append(fired, rule.Code)
			if rule.Message == "" {
				t.Errorf("%s: rule %s has no message", name, rule.Code)
			}
		}
		if got.Decision != c.want || got.Retryable != c.retryable || !slices.Equal(fired, c.rules) {
			t.Errorf("%s: got %s retryable %v rules %v, want %s %v %v", name, got.Decision, got.Retryable, fired, c.want, c.retryable, c.rules)
		}
	}
}

// source is where random evidence comes from: a generator with a seed or rapid.
type source interface {
	share() float64
	below(n int) int
}

type seeded struct{ *rand.Rand }

func (s seeded) share() float64 {
	if s.IntN(8) == 0 {
		return float64(s.IntN(2))
	}
	return s.Float64()
}
func (s seeded) below(n int) int { return s.IntN(n) }

type drawn struct{ *rapid.T }

func (d drawn) share() float64  { return rapid.Float64Range(0, 1).Draw(d.T, "share") }
func (d drawn) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "choice") }

func state(s source) decision.State {
	return []decision.State{decision.Ran, decision.Ran, decision.Ran, decision.Ran, decision.FailedToRun, decision.NotConfigured}[s.below(6)]
}

func checks(s source, names ...string) []ekyc.Check {
	list := make([]ekyc.Check, s.below(4))
	for i := range list {
		list[i] = ekyc.Check{
			Name:     names[s.below(len(names))],
			Status:   []ekyc.CheckStatus{ekyc.Pass, ekyc.Fail, ekyc.Warn, ekyc.NotExecuted, ekyc.NotEvaluable}[s.below(5)],
			Severity: []ekyc.Severity{ekyc.SeverityCritical, ekyc.SeverityMajor, ekyc.SeverityMinor, ekyc.SeverityInfo}[s.below(4)],
			Message:  "seen",
		}
	}
	return list
}

func randomInput(s source) decision.Input {
	yes := func() bool { return s.below(2) == 1 }
	if s.below(4) == 0 { // a person in order, so that all three decisions occur often
		high := func() float64 { return 0.6 + 0.4*s.share() }
		return withKYA(good(high(), high(), high()), s.share())
	}
	var in decision.Input
	in.Liveness = decision.LivenessEvidence{State: state(s), IsLive: yes(), LiveScore: s.share(), Confidence: s.share(),
		Zone: []decision.Zone{decision.ZoneLive, decision.ZoneReview, decision.ZoneAttack}[s.below(3)], Checks: checks(s, "face_quality", "texture")}
	in.FaceMatch = decision.FaceMatchEvidence{State: state(s), Similarity: s.share(), Threshold: s.share(), Uncertain: yes()}
	in.FaceMatch.Match = in.FaceMatch.Similarity >= in.FaceMatch.Threshold
	in.Document = decision.DocumentEvidence{State: state(s), Valid: yes(), Confidence: s.share(), Expired: s.below(9) == 0,
		ProvenForgery: s.below(9) == 0, Retakeable: yes(), Checks: checks(s, "mrz_checksum", "image_glare", "recapture_print", "of no list")}
	in.KYA = decision.KYAEvidence{State: state(s), Score: s.share(), Checks: checks(s, "email_mx")}
	return in
}

func randomPolicy(s source) decision.Policy {
	p := decision.DefaultPolicy()
	if s.below(3) > 0 {
		weight := func() decision.Points { return decision.Points(1 + s.below(10000)) }
		p.Weights = decision.Weights{Liveness: weight(), FaceMatch: weight(), Document: weight(), KYA: weight()}
	}
	if out := s.below(6); out < 4 {
		p.Steps = slices.Delete(p.Steps, out, out+1)
	}
	return p
}

// examine checks everything that holds for any result.
func examine(t testing.TB, p decision.Policy, in decision.Input) decision.Result {
	t.Helper()
	r, err := decision.Evaluate(p, in)
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	var score, most decision.Points
	lost := map[decision.FactorName]decision.Points{}
	for _, reason := range r.Reasons {
		if reason.Points > 0 || reason.Message == "" || reason.UserMessage.EN == "" || reason.UserMessage.FR == "" {
			t.Fatalf("incomplete reason %+v", reason)
		}
		lost[reason.Factor] += reason.Points
	}
	for _, f := range r.Factors {
		if f.Points < 0 || f.Points > f.MaxPoints || lost[f.Name] != f.Points-f.MaxPoints {
			t.Fatalf("factor %+v, its reasons add up to %s", f, lost[f.Name])
		}
		score += f.Points
		most += f.MaxPoints
	}
	if score != r.Score || most != 10000 {
		t.Fatalf("points add up to %s of %s, the score is %s", score, most, r.Score)
	}
	runs := func(name decision.FactorName, s decision.State) bool {
		return slices.Contains(p.Steps, name) && s == decision.Ran
	}
	if r.Decision == ekyc.Accepted && (runs(decision.Liveness, in.Liveness.State) && !in.Liveness.IsLive ||
		runs(decision.FaceMatch, in.FaceMatch.State) && !in.FaceMatch.Match || slices.ContainsFunc(r.Factors, func(f decision.Factor) bool { return f.State == decision.FactorNotRun })) {
		t.Fatalf("accepted against a rule of every workflow: %+v", in)
	}
	if len(r.HardRules) == 0 && r.Decision != r.DecisionByScore {
		t.Fatalf("%s became %s without a rule", r.DecisionByScore, r.Decision)
	}
	if r.Counterfactual != nil && r.Counterfactual.Decision == r.Decision {
		t.Fatalf("the counterfactual changes nothing: %+v", r.Counterfactual)
	}
	return r
}

func TestPointsAddUpExactly(t *testing.T) {
	t.Parallel()
	s := seeded{rand.New(rand.NewPCG(1, 2))}
	const cases = 100_000
	seen := map[ekyc.Decision]int{}
	for range cases {
		seen[examine(t, randomPolicy(s), randomInput(s)).Decision]++
	}
	for _, d := range []ekyc.Decision{ekyc.Accepted, ekyc.Review, ekyc.Rejected} {
		if seen[d] < cases/200 {
			t.Errorf("only %d of %d cases were %s: the cases prove too little", seen[d], cases, d)
		}
	}
}

var rank = map[ekyc.Decision]int{ekyc.Rejected: 0, ekyc.Review: 1, ekyc.Accepted: 2}

func TestRaisingAFactorNeverHarms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawn{t}
		p, in := randomPolicy(s), randomInput(s)
		before, err := decision.Evaluate(p, in)
		if err != nil {
			t.Fatal(err)
		}
		up := func(v float64) float64 { return v + (1-v)*s.share() }
		switch s.below(4) {
		case 0:
			in.Liveness.LiveScore = up(in.Liveness.LiveScore)
		case 1:
			in.FaceMatch.Similarity = up(in.FaceMatch.Similarity)
			in.FaceMatch.Match = in.FaceMatch.Similarity >= in.FaceMatch.Threshold
		case 2:
			if in.Document.Valid {
				in.Document.Confidence = up(in.Document.Confidence)
			}
		case 3:
			in.KYA.Score = up(in.KYA.Score)
		}
		after, err := decision.Evaluate(p, in)
		if err != nil {
			t.Fatal(err)
		}
		if after.Score < before.Score || rank[after.Decision] < rank[before.Decision] {
			t.Fatalf("%s %s became %s %s", before.Score, before.Decision, after.Score, after.Decision)
		}
	})
}

func TestCounterfactual(t *testing.T) {
	t.Parallel()
	in := withKYA(good(0.9, 0.74, 0.96), 1) // 27 + 29.6 + 24 + 5 = 85.6, but no match
	in.FaceMatch.Threshold, in.FaceMatch.Match, in.FaceMatch.Uncertain = 0.75, false, true
	c := evaluate(t, in).Counterfactual
	if c == nil || c.Factor != decision.FaceMatch || c.Needed.String() != "0.75" || c.Decision != ekyc.Accepted || c.Message != "face_match 0.75 instead of 0.74 gives accepted" {
		t.Fatalf("got %+v", c)
	}
	in.FaceMatch.Similarity, in.FaceMatch.Match = 0.75, true
	if got := evaluate(t, in); got.Decision != c.Decision || got.Score != c.Score {
		t.Errorf("decided again: %s %s, want %s %s", got.Decision, got.Score, c.Decision, c.Score)
	}
	in.Document.ProvenForgery = true
	if got := evaluate(t, in).Counterfactual; got != nil {
		t.Errorf("no value changes a refusal, got %+v", got)
	}
}

func TestCounterfactualIsTheNearestChange(t *testing.T) {
	t.Parallel()
	s, confirmed := seeded{rand.New(rand.NewPCG(5, 6))}, 0
	for range 3000 {
		in := randomInput(s)
		r := evaluate(t, in)
		c := r.Counterfactual
		if c == nil || c.Factor != decision.Liveness && c.Factor != decision.KYA {
			continue
		}
		at := func(value decision.Share) decision.Result {
			changed := in
			if c.Factor == decision.Liveness {
				changed.Liveness.LiveScore = float64(value) / 1e6
			} else {
				changed.KYA.Score = float64(value) / 1e6
			}
			return evaluate(t, changed)
		}
		before := c.Needed - 1
		if c.Needed < c.Value {
			before = c.Needed + 1
		}
		if then := at(c.Needed); then.Decision != c.Decision || then.Score != c.Score {
			t.Fatalf("%+v: decided again %s %s", c, then.Decision, then.Score)
		}
		if nearer := at(before); nearer.Decision != r.Decision {
			t.Fatalf("%+v: a smaller change gives %s already", c, nearer.Decision)
		}
		confirmed++
	}
	if confirmed < 100 {
		t.Errorf("only %d counterfactuals were confirmed", confirmed)
	}
}

func TestInvalidEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*decision.Input){
		"NaN":        func(in *decision.Input) { in.Liveness.LiveScore = math.NaN() },
		"above 1":    func(in *decision.Input) { in.FaceMatch.Similarity = 1.0001 },
		"below 0":    func(in *decision.Input) { in.Document.Confidence = -0.1 },
		"infinite":   func(in *decision.Input) { in.KYA = decision.KYAEvidence{State: decision.Ran, Score: math.Inf(1)} },
		"zone":       func(in *decision.Input) { in.Liveness.Zone = "" },
		"state":      func(in *decision.Input) { in.Document.State = "maybe" },
		"threshold":  func(in *decision.Input) { in.FaceMatch.Threshold = math.NaN() },
		"confidence": func(in *decision.Input) { in.Liveness.Confidence = 2 },
		"rate":       func(in *decision.Input) { in.FaceMatch.FMRAtThreshold = -1 },
	} {
		in := good(1, 1, 1)
		change(&in)
		if _, err := decision.Evaluate(decision.DefaultPolicy(), in); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: got %v, want %s", name, err, ekyc.ErrInvalidArgument)
		}
	}
}

func TestPolicyValidate(t *testing.T) {
	t.Parallel()
	if err := decision.DefaultPolicy().Validate(); err != nil {
		t.Fatal(err)
	}
	p := decision.Policy{
		Steps: []decision.FactorName{"palm", decision.KYA, decision.KYA}, Weights: decision.Weights{Liveness: -1},
		Thresholds: decision.Thresholds{Accept: 10, Review: 20},
		HardRules:  []decision.HardRule{{Code: "moon", Effect: decision.Cap}, {Code: decision.RuleForged, Effect: decision.Force}, {Code: decision.RuleForged, Effect: "x"}},
		Waived:     []decision.RuleCode{decision.RuleExpired},
	}
	problems := p.Validate().Error()
	for _, want := range []string{"version is empty", `"palm" is unknown`, "listed twice", "liveness is -0.01", "no weight", "0 <= review < accept",
		`"moon" is unknown`, "lift a rejection", `unknown effect "x"`, `"document_expired" is not a rule of every workflow`, "not_live is missing", "similarity_below_threshold is missing", "step_not_run is missing"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is not among the problems:\n%s", want, problems)
		}
	}
	waived := decision.DefaultPolicy()
	waived.HardRules = slices.DeleteFunc(waived.HardRules, func(r decision.HardRule) bool { return r.Code == decision.RuleNotLive })
	if waived.Validate() == nil {
		t.Error("a rule of every workflow was removed without the operator")
	}
	waived.Waived = []decision.RuleCode{decision.RuleNotLive}
	if err := waived.Validate(); err != nil {
		t.Error(err)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	a, b := decision.DefaultPolicy(), decision.DefaultPolicy()
	slices.Reverse(b.Steps)
	slices.Reverse(b.HardRules)
	if a.Hash() != b.Hash() || len(a.Hash()) != 64 {
		t.Errorf("order changes the hash: %s, %s", a.Hash(), b.Hash())
	}
	b.Thresholds.Accept++
	if a.Hash() == b.Hash() {
		t.Error("a threshold does not change the hash")
	}
	data, err := json.Marshal(a)
	var back decision.Policy
	if err != nil || json.Unmarshal(data, &back) != nil || !cmp.Equal(a, back) {
		t.Errorf("JSON and back: %v %s", err, cmp.Diff(a, back))
	}
}

func TestPointsInJSON(t *testing.T) {
	t.Parallel()
	for n, want := range map[decision.Points]string{0: "0", 1: "0.01", -1: "-0.01", 5999: "59.99", 6000: "60", 7990: "79.9", -1234: "-12.34"} {
		data, err := json.Marshal(n)
		var back decision.Points
		if err != nil || string(data) != want || json.Unmarshal(data, &back) != nil || back != n {
			t.Errorf("%d: got %s and back %d, want %s", int64(n), data, int64(back), want)
		}
	}
	for _, bad := range []string{"0.001", "1e2", `"1"`, "true", "99999999999999"} {
		var p decision.Points
		if json.Unmarshal([]byte(bad), &p) == nil {
			t.Errorf("%s was read as %s", bad, p)
		}
	}
}

// fraudulent is evidence with something to say in every factor.
func fraudulent() decision.Input {
	in := withKYA(good(0.64, 0.62, 0.85), 0.5)
	in.Liveness.Zone, in.Liveness.IsLive, in.Liveness.SpoofType = decision.ZoneReview, false, ekyc.SpoofScreen
	in.FaceMatch.Threshold, in.FaceMatch.Match, in.FaceMatch.Uncertain = 0.75, false, true
	in.Document.Valid = false
	in.Document.Checks = []ekyc.Check{
		{Name: "mrz_checksum", Status: ekyc.Fail, Severity: ekyc.SeverityCritical, Message: "1 of 5 check digits does not hold"},
		{Name: "image_glare", Status: ekyc.Warn, Severity: ekyc.SeverityMinor, Message: "glare 0.31 > 0.20"},
		{Name: "dates_order", Status: ekyc.Pass, Severity: ekyc.SeverityMajor, Message: "in order"},
	}
	in.KYA.Checks = []ekyc.Check{{Name: "email_mx", Status: ekyc.Fail, Severity: ekyc.SeverityMinor, Message: "no mail server"}}
	return in
}

func TestGoldenResult(t *testing.T) {
	t.Parallel()
	got, err := json.MarshalIndent(evaluate(t, fraudulent()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/result.json"
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	policy, in := decision.DefaultPolicy(), fraudulent()
	for b.Loop() {
		if _, err := decision.Evaluate(policy, in); err != nil {
			b.Fatal(err)
		}
	}
}
