package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

func verification() *engine.Verification {
	picture := &vision.Picture{Pyramid: vision.NewPyramid(vision.NewRGB(300, 400))}
	detection := face.Face{Detection: face.Detection{Box: vision.Rect{X0: 50, Y0: 60, X1: 150, Y1: 160}}}
	return &engine.Verification{
		Result: decision.Result{
			Decision: ekyc.Review,
			Factors:  []decision.Factor{{Name: decision.Liveness, State: decision.FactorRan, Points: 2500, MaxPoints: 3000, Value: 833333}},
			Reasons:  []decision.Reason{{Code: "liveness_uncertain", Factor: decision.Liveness, Points: -500, Message: "<script>alert(1)</script>"}},
		},
		Liveness: &liveness.Result{
			Zone: liveness.ZoneReview, Scene: &face.Scene{Faces: []face.Face{detection}},
			Checks: []ekyc.Check{{Name: "a_passed_check", Status: ekyc.Pass}, {Name: "a_failed_check", Status: ekyc.Fail}, {Name: "rest", Status: ekyc.NotExecuted}},
		},
		Selfie: picture, Front: picture,
		Steps: []engine.Step{{Name: "liveness", Status: engine.StepCompleted, DurationMS: 12.3}},
	}
}

func TestThePageIsSelfContainedAndEscaped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Write(&out, verification(), Models{Profile: "standard", Undocumented: []string{"some_model"}}); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	if strings.Contains(page, "<script") {
		t.Error("a text became markup")
	}
	if outside := regexp.MustCompile(`(?i)(src|href)="(?:https?:)?//`).FindString(page); outside != "" {
		t.Errorf("the page asks the network: %s", outside)
	}
	if n := strings.Count(page, "data:image/jpeg;base64,"); n != 2 {
		t.Errorf("%d pictures, want 2", n)
	}
	for _, want := range []string{"liveness_uncertain", "some_model", "&lt;script&gt;", "50.0,60.0 150.0,60.0"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if strings.Index(page, "a_failed_check") > strings.Index(page, "a_passed_check") {
		t.Error("a failed check stands behind one that passed")
	}
}

func TestThePageOfNothingHasNoFieldsAndNoFigures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Write(&out, &engine.Verification{Result: decision.Result{Decision: ekyc.Review}}, Models{Profile: "strict"}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "<figure") || strings.Contains(out.String(), "Document data") {
		t.Error("the page shows what is not there")
	}
}
