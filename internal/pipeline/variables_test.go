package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/profile"
)

// TestVocabulariesAreThoseOfTheirRooms: this package may not import them, and a word that it does not know would be refused in rules.
func TestVocabulariesAreThoseOfTheirRooms(t *testing.T) {
	t.Parallel()
	result, err := profile.New(profile.Options{}).Check(t.Context(), profile.Input{FullName: "ANNA ERIKSSON"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range result.Checks {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, profileChecks) {
		t.Errorf("checks of the profile: %s", cmp.Diff(profileChecks, names))
	}
	codes := texted([]face.QualityCode{
		face.TooSmall, face.Cropped, face.Blurred, face.TooDark, face.TooBright, face.UnevenLight, face.LowContrast, face.NotFrontal, face.EyesClosed,
		face.Occluded, face.Sunglasses, face.MouthCovered, face.Grey, face.FacesMultiple,
	})
	if !slices.Equal(codes, faceQualities) {
		t.Errorf("codes of faces: %s", cmp.Diff(faceQualities, codes))
	}
	methods := theLanguage().variables["liveness.method"].values.words
	if !slices.Equal(methods, texted([]liveness.Method{liveness.Passive, liveness.Active, liveness.Challenge})) {
		t.Errorf("methods: %v", methods)
	}
	if defaultThreshold != face.DefaultThreshold {
		t.Errorf("the threshold is %v, that of the comparison %v", defaultThreshold, face.DefaultThreshold)
	}
	for list, codes := range constants() {
		for _, code := range codes {
			if !alpha3(code) {
				t.Errorf("%s has %q", list, code)
			}
		}
		if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
			t.Errorf("%s is not in order: %v", list, codes)
		}
	}
	if c := constants(); len(c["EU"]) != 27 || len(c["EEA"]) != 30 {
		t.Errorf("the Union has %d members, the area %d", len(c["EU"]), len(c["EEA"]))
	}
}

// everything are facts in which every variable is known.
func everything() *Facts {
	age, days := 30, 100
	return &Facts{
		Evidence: decision.Input{
			Liveness:  decision.LivenessEvidence{State: decision.Ran, Zone: decision.ZoneLive, SpoofType: ekyc.SpoofNone, Checks: []ekyc.Check{{Name: "capture_quality", Status: ekyc.Pass}}},
			FaceMatch: decision.FaceMatchEvidence{State: decision.Ran}, Document: decision.DocumentEvidence{State: decision.Ran}, KYA: decision.KYAEvidence{State: decision.Ran},
			Signals: &decision.Signals{Documents: 1, Images: 1},
		},
		Document: DocumentFacts{Type: ekyc.Passport, Country: "FRA", IssuingCountry: "FRA", Nationality: "FRA", Age: &age, DaysToExpiry: &days},
		Liveness: LivenessFacts{Method: "passive", Quality: &FaceQuality{}}, Portrait: &FaceQuality{},
		Request: RequestFacts{Environment: ekyc.Live, CountryHint: "FRA"},
	}
}

// TestVariablesAreTypedAndCanBeUnknown: each variable can be used in a condition, gives a value of its type, and is absent where nothing is known.
func TestVariablesAreTypedAndCanBeUnknown(t *testing.T) {
	t.Parallel()
	all := &view{facts: everything()}
	all.in = &all.facts.Evidence
	none := &view{facts: &Facts{}, in: &decision.Input{}}
	always := []string{"liveness.state", "face_match.state", "document.state", "kya.state", "request.has_back", "request.frames"}
	for _, v := range variables() {
		use := map[*cel.Type]string{
			cel.StringType: `%s != "" || true`, cel.DoubleType: `%s >= 0.0 || true`, cel.IntType: `%s >= 0 || true`, cel.BoolType: `%s || true`,
		}[v.kind]
		switch v.kind {
		case texts:
			use = `size(%s) >= 0`
		case statuses:
			use = `size(%s) >= 0`
		}
		use = strings.TrimSuffix(use, " || true")
		text := fmt.Sprintf("has(%[1]s) && (%[2]s || true)", v.path(), fmt.Sprintf(use, v.path()))
		if v.kind == cel.StringType {
			text = fmt.Sprintf("has(%[1]s) && size(%[1]s) >= 0", v.path())
		}
		c, faults := theLanguage().compile(text)
		if len(faults) > 0 {
			t.Errorf("%s: %v", text, faults)
			continue
		}
		if holds, err := c.holds(t.Context(), all); err != nil || !holds {
			t.Errorf("%s is not known where everything is (%v)", v.path(), err)
		}
		holds, err := c.holds(t.Context(), none)
		if err != nil || holds != slices.Contains(always, v.path()) {
			t.Errorf("%s is known where nothing is: %v %v", v.path(), holds, err)
		}
		bare, faults := theLanguage().compile(fmt.Sprintf("[%s].size() == 1", v.path()))
		if len(faults) > 0 {
			t.Errorf("%s: %v", v.path(), faults)
			continue
		}
		if _, err := bare.holds(t.Context(), none); (err == nil) != slices.Contains(always, v.path()) {
			t.Errorf("%s without has(): %v", v.path(), err)
		}
		if len(bare.uses) != 1 || bare.uses[0].variable.path() != v.path() || bare.uses[0].tested || bare.follows(v.factor) != (v.factor != "") {
			t.Errorf("%s: uses %+v", v.path(), bare.uses)
		}
	}
}

// table is the documentation's table of variables.
func table() string {
	var b strings.Builder
	b.WriteString("| variable | type | known after | what it is |\n|---|---|---|---|\n")
	for _, v := range variables() {
		after := string(v.step)
		switch v.step {
		case "":
			after = "the request"
		case StepDecision:
			after = "all steps"
		}
		about := v.about
		if v.values != nil && !v.values.codes && len(v.values.words) <= mostTold {
			about += ": `" + strings.Join(v.values.words, "`, `") + "`"
		}
		if v.values != nil && v.values.codes {
			about += "; ISO 3166-1 alpha-3"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.path(), cel.FormatCELType(v.kind), after, about)
	}
	return b.String()
}

func TestVariablesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/workflows.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table()) {
		t.Errorf("docs/workflows.md does not have the table of variables as it is:\n%s", table())
	}
}

// TestEvaluationIsBounded: a condition that the limits let through stops when the clock says so, and when facts are larger than any verification gives.
func TestEvaluationIsBounded(t *testing.T) {
	t.Parallel()
	c, faults := theLanguage().compile(`document.fields.all(a, document.fields.all(b, a != "x" || b != "x"))`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	v := &view{facts: everything()}
	v.in = &v.facts.Evidence
	for range longestList {
		v.facts.Document.Fields = append(v.facts.Document.Fields, "surname")
	}
	if holds, err := c.holds(t.Context(), v); err != nil || !holds {
		t.Fatalf("within the limits: %v %v", holds, err)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.holds(late, v); !errors.Is(err, errOpen) {
		t.Errorf("after the time: %v", err)
	}
	for range 20_000 {
		v.facts.Document.Fields = append(v.facts.Document.Fields, "surname")
	}
	start := time.Now()
	if _, err := c.holds(t.Context(), v); !errors.Is(err, errOpen) {
		t.Errorf("beyond the cost: %v", err)
	}
	if took := time.Since(start); took > 20*time.Second { // a few milliseconds alone; without the limit it would take minutes
		t.Errorf("it took %s", took)
	}
}
