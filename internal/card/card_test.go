package card_test

import (
	"os"
	"strings"
	"testing"

	"ekyc/internal/card"
)

const page = "../../docs/accuracy.md"

func TestThePageSaysWhatTheCardSays(t *testing.T) {
	t.Parallel()
	c, err := card.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if c.Face == nil || c.Liveness == nil {
		t.Fatal("the card has no part on faces or on liveness")
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	filled, err := c.Fill(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if filled != string(text) {
		t.Error("docs/accuracy.md is not what internal/card/card.json says: write both by one run of `ekyc bench DIR --only face,liveness --card docs/accuracy.md --card-json internal/card/card.json`")
	}
}

func TestEveryRateHasItsTrialsAndBounds(t *testing.T) {
	t.Parallel()
	c, err := card.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, p card.Proportion) {
		if p.N <= 0 || !(p.Low <= p.Value && p.Value <= p.High && p.Low >= 0 && p.High <= 1) {
			t.Errorf("%s: %+v", what, p)
		}
	}
	halves := map[string]bool{}
	for _, r := range c.Face.Rows {
		halves[r.Half] = true
		for what, p := range map[string]card.Proportion{"enrolment": r.FailedToEnrol, "1e-2": r.FNMRAtFMR1e2, "1e-3": r.FNMRAtFMR1e3, "1e-4": r.FNMRAtFMR1e4, "FMR": r.FMRAtThreshold, "FNMR": r.FNMRAtThreshold} {
			check(r.Set+" "+r.Half+" "+what, p)
		}
	}
	for _, q := range c.Face.Quality {
		for code, p := range q.Codes {
			check(q.Set+" "+code, p)
		}
	}
	for _, r := range c.Liveness.Rows {
		for species, p := range r.APCER {
			check(r.Source+" "+species, p)
		}
		if r.BPCER.N > 0 {
			check(r.Source, r.BPCER)
		}
	}
	if !halves["report"] || !halves["tune"] {
		t.Errorf("halves %v", halves)
	}
	for part, notes := range map[string][]string{"face": c.Face.Limits, "liveness": c.Liveness.Limits} {
		if text := strings.Join(notes, " "); !strings.Contains(text, "No laboratory") {
			t.Errorf("%s does not say that no laboratory evaluated it: %s", part, text)
		}
	}
	if len(c.Face.Sets) == 0 || len(c.Liveness.Sets) == 0 {
		t.Error("the card does not say what the sets are")
	}
}

func TestFillLeavesTheRestOfAPageAndNamesAMissingMark(t *testing.T) {
	t.Parallel()
	c := &card.Card{Face: &card.FaceCard{Rows: []card.FaceErrors{{Set: "faces", Mated: 1234}}}}
	if err := c.Describe(); err != nil {
		t.Fatal(err)
	}
	filled, err := c.Fill("# A\n<!-- card:face -->\nstale text\n<!-- /card -->\nrest\n")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(filled, "# A\n<!-- card:face -->\n") || !strings.HasSuffix(filled, "<!-- /card -->\nrest\n") || strings.Contains(filled, "stale text") || !strings.Contains(filled, "| 1,234 |") {
		t.Errorf("filled: %s", filled)
	}
	if again, err := c.Fill(filled); err != nil || again != filled {
		t.Errorf("a second filling changes the page: %v", err)
	}
	for _, broken := range []string{"# A\n", "# A\n<!-- card:face -->\nno end\n"} {
		if _, err := c.Fill(broken); err == nil || !strings.Contains(err.Error(), "card:face") {
			t.Errorf("%q: %v", broken, err)
		}
	}
	c.Liveness = &card.LivenessCard{}
	if _, err := c.Fill(filled); err == nil || !strings.Contains(err.Error(), "card:liveness") {
		t.Errorf("no mark for liveness: %v", err)
	}
}
