package liveness_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// testBundle runs the models of the standard profile over a pinned photograph of living people.
type testBundle struct {
	liveness *liveness.Analyzer
	people   *vision.Pyramid
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	bytes := func(name string) []byte {
		data, err := library.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	path, err := library.Path("onnxruntime")
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := vision.OpenRuntime(path)
	if err != nil {
		t.Fatal(err)
	}
	session := func(name string) *vision.Session {
		s, err := runtime.Load(name, bytes(name), 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	faces, err := face.New(face.Models{Detector: session("face_detector"), FastDetector: session("face_detector_fast"),
		Landmarks: session("face_landmarks"), Iris: session("iris"), EyeState: session("eye_state")})
	if err != nil {
		t.Fatal(err)
	}
	analyzer, err := liveness.New(faces, liveness.Models{Attacks: []liveness.AttackModel{
		{Session: session("presentation_attack"), Name: "presentation_attack", Kind: liveness.KindCrop},
		{Session: session("presentation_attack_tree"), Name: "presentation_attack_tree", Kind: liveness.KindTree},
	}})
	if err != nil {
		t.Fatal(err)
	}
	picture, err := vision.Decode(bytes("photograph_1"), vision.SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	return &testBundle{analyzer, picture.Pyramid}
}

func status(r *liveness.Result) map[string]ekyc.CheckStatus {
	out := map[string]ekyc.CheckStatus{}
	for _, c := range r.Checks {
		out[c.Name] = c.Status
	}
	return out
}

func TestPassive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := liveness.Input{Frames: []*vision.Pyramid{b.people}, Want: liveness.Hints{Pose: true, Blink: true, Gaze: true}}
	r, err := b.liveness.Analyze(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != liveness.Passive || !r.IsLive || r.Zone == liveness.ZoneAttack || r.SpoofType != ekyc.SpoofNone || r.Hints.Blinks != nil {
		t.Errorf("a photograph of living people: %+v", r)
	}
	got := status(r)
	for name, want := range map[string]ekyc.CheckStatus{"face_quality": ekyc.Pass, "presentation_attack": ekyc.Pass, "periodic_pattern": ekyc.Pass, "blink": ekyc.NotEvaluable, "head_movement": ekyc.NotEvaluable} {
		if got[name] != want {
			t.Errorf("%s is %q instead of %q", name, got[name], want)
		}
	}
	again, err := b.liveness.Analyze(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Evidence, again.Evidence); diff != "" {
		t.Errorf("the same picture gives other evidence:\n%s", diff)
	}
}

func TestAGridOverTheFaceIsAScreen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.people.Native()
	screen := vision.NewRGB(m.Width, m.Height)
	for i, v := range m.Pix {
		x, y := i/3%m.Width, i/3/m.Width
		k := 1.0
		if (3*x+2*y)%11 < 5 { // lines about three pixels apart
			k = 0.8
		}
		screen.Pix[i] = byte(float64(v) * k)
	}
	r, err := b.liveness.Analyze(context.Background(), liveness.Input{Frames: []*vision.Pyramid{vision.NewPyramid(screen)}})
	if err != nil {
		t.Fatal(err)
	}
	if r.IsLive || r.SpoofType != ekyc.SpoofScreen || status(r)["periodic_pattern"] != ekyc.Fail {
		t.Errorf("live %v, %s, score %.2f, evidence %v", r.IsLive, r.SpoofType, r.LiveScore, r.Evidence)
	}
}

func TestActiveRefusesCopies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	copied := vision.NewPyramid(b.people.Native())
	r, err := b.liveness.Analyze(context.Background(), liveness.Input{Frames: []*vision.Pyramid{b.people, copied, copied}, Want: liveness.Hints{Blink: true}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != liveness.Active || r.IsLive || len(r.Frames) != 3 || !r.Frames[1].Duplicate || r.Hints.Blinks == nil || *r.Hints.Blinks != 0 {
		t.Errorf("three copies of one picture: %+v", r)
	}
	if got := status(r); got["frames_distinct"] != ekyc.Fail || got["blink"] != ekyc.Warn {
		t.Errorf("checks %v", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wall := vision.NewPyramid(vision.NewRGB(400, 300))
	many := make([]*vision.Pyramid, liveness.MaxFrames+1)
	for i := range many {
		many[i] = wall
	}
	for name, c := range map[string]struct {
		frames []*vision.Pyramid
		want   ekyc.ErrorCode
	}{
		"no frames":       {nil, ekyc.ErrFramesCount},
		"too many frames": {many, ekyc.ErrFramesCount},
		"no face":         {[]*vision.Pyramid{wall}, ekyc.ErrFaceNotFound},
		"no face in two":  {[]*vision.Pyramid{wall, wall}, ekyc.ErrFaceNotFound},
	} {
		if _, err := b.liveness.Analyze(context.Background(), liveness.Input{Frames: c.frames}); ekyc.CodeOf(err) != c.want {
			t.Errorf("%s: error %v instead of %s", name, err, c.want)
		}
	}
}
