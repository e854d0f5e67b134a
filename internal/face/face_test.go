package face_test

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/face/facetest"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// testBundle is an analyzer with the models of the standard profile; without them the test fails and names what mends it.
type testBundle struct {
	faces   *face.Analyzer
	session func(name string) *vision.Session
	models  face.Models
}

func setup(t *testing.T) *testBundle { return people(t).testBundle }

// load loads the models anew.
func load(t *testing.T) *testBundle {
	t.Helper()
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	path, err := library.Path("onnxruntime")
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := vision.OpenRuntime(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &testBundle{session: func(name string) *vision.Session {
		data, err := library.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		session, err := runtime.Load(name, data, 1)
		if err != nil {
			t.Fatal(err)
		}
		return session
	}}
	digest := func(name string) string { asset, _ := library.Asset(name); return asset.SHA256 }
	b.models = face.Models{
		Detector: b.session("face_detector"), FastDetector: b.session("face_detector_fast"), Landmarks: b.session("face_landmarks"),
		Iris: b.session("iris"), EyeState: b.session("eye_state"),
		Embeddings: []face.EmbeddingModel{
			{Session: b.session("face_embedding_192"), Name: "face_embedding_192", SHA256: digest("face_embedding_192"), Template: face.ArcFace112,
				Normalisation: vision.UniformNormalisation(127.5, 128), Interleaved: true},
			{Session: b.session("face_embedding"), Name: "face_embedding", SHA256: digest("face_embedding"), Template: face.ArcFace112,
				Normalisation: vision.UniformNormalisation(127.5, 127.5)},
		},
	}
	if b.faces, err = face.New(b.models); err != nil {
		t.Fatal(err)
	}
	return b
}

// portrait shows one drawn face on a wall.
func portrait(turn float64, eyesOpen bool) *vision.Pyramid {
	return facetest.PaintScene(800, 600, func(m *vision.RGB) { facetest.DrawFace(m, vision.Point{X: 400, Y: 300}, 220, turn, eyesOpen) })
}

func TestAnalyze(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	// The drawn eyes: 0.2 face widths to both sides and 0.09 above the centre.
	eyes := func(turn float64) (right, left vision.Point) {
		sin, cos := math.Sincos(turn)
		at := func(u, v float64) vision.Point {
			return vision.Point{X: 400 + 220*(cos*u-sin*v), Y: 300 + 220*(sin*u+cos*v)}
		}
		return at(-0.2, -0.09), at(0.2, -0.09)
	}
	for _, turn := range []float64{0, 0.3, -0.4, math.Pi / 2, -math.Pi / 2} {
		scene, err := b.faces.Analyze(ctx, portrait(turn, true))
		if err != nil {
			t.Fatalf("turned by %.1f: %v", turn, err)
		}
		f := scene.Face()
		if !f.Aligned() {
			t.Errorf("turned by %.1f: landmark flag %.2f", turn, f.Flag)
		}
		right, left := f.Landmarks.EyeCenters()
		wantRight, wantLeft := eyes(turn)
		if d := max(right.Distance(wantRight), left.Distance(wantLeft)); d > 12 {
			t.Errorf("turned by %.1f: the eyes are found %.0f pixels off", turn, d)
		}
		if off := math.Remainder(f.Pose.Roll-turn*180/math.Pi, 360); math.Abs(off) > 5 {
			t.Errorf("turned by %.1f: roll is %.0f degrees", turn, f.Pose.Roll)
		}
		if f.Eyes.Left.Closed || f.Eyes.Right.Closed {
			t.Errorf("turned by %.1f: open eyes are called closed: %+v", turn, f.Eyes)
		}
	}
}

func TestAnalyzeFindsNoFaceWhereNoneIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, p := range map[string]*vision.Pyramid{
		"wall": facetest.PaintScene(640, 480, func(*vision.RGB) {}),
		"noise": facetest.PaintScene(300, 500, func(m *vision.RGB) {
			state := uint32(1)
			for i := range m.Pix {
				state = state*1664525 + 1013904223
				m.Pix[i] = byte(state >> 24)
			}
		}),
	} {
		if _, err := b.faces.Analyze(context.Background(), p); ekyc.CodeOf(err) != ekyc.ErrFaceNotFound {
			t.Errorf("%s: error %v instead of %s", name, err, ekyc.ErrFaceNotFound)
		}
	}
}

func TestDetectSmallAndTight(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		width, height int
		center        vision.Point
		face          float64
	}{
		"small face in a large scene": {2400, 1800, vision.Point{X: 1900, Y: 500}, 110},
		"crop of 48 pixels":           {48, 56, vision.Point{X: 24, Y: 28}, 38},
		"face fills the picture":      {300, 320, vision.Point{X: 150, Y: 150}, 290},
	} {
		p := facetest.PaintScene(c.width, c.height, func(m *vision.RGB) { facetest.DrawFace(m, c.center, c.face, 0, true) })
		scene, err := b.faces.Analyze(context.Background(), p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := scene.Face().Box.Center().Distance(c.center); d > 0.3*c.face {
			t.Errorf("%s: found %.0f pixels away", name, d)
		}
	}
}

func TestClosedEyes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open, err := b.faces.Analyze(context.Background(), portrait(0, true))
	if err != nil {
		t.Fatal(err)
	}
	closed, err := b.faces.Analyze(context.Background(), portrait(0, false))
	if err != nil {
		t.Fatal(err)
	}
	o, c := open.Face().Eyes, closed.Face().Eyes
	if c.Left.AspectRatio > 0.75*o.Left.AspectRatio || c.Right.AspectRatio > 0.75*o.Right.AspectRatio {
		t.Errorf("closed eyes measure %.2f and %.2f, open ones %.2f and %.2f", c.Left.AspectRatio, c.Right.AspectRatio, o.Left.AspectRatio, o.Right.AspectRatio)
	}
	gaze, seen, err := b.faces.Gaze(context.Background(), portrait(0, true), open.Face())
	if err != nil || !seen || math.Abs(gaze.X) > 0.08 || math.Abs(gaze.Y) > 0.15 {
		t.Errorf("gaze of eyes that look ahead: %+v, seen %v, error %v", gaze, seen, err)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	same, err := b.faces.Match(ctx, portrait(0, true), portrait(0.35, true), face.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !same.Match.Match || same.Similarity < face.DefaultThreshold || same.Cosine < 0.7 {
		t.Errorf("one drawing in two poses: %+v", same.Match)
	}
	if math.Abs(same.FMRAtThreshold-face.DefaultRate) > 1e-9 {
		t.Errorf("the default threshold has FMR %v", same.FMRAtThreshold)
	}
	_, err = b.faces.Match(ctx, portrait(0, true), facetest.PaintScene(400, 400, func(*vision.RGB) {}), face.Options{})
	if e, ok := err.(*ekyc.Error); !ok || e.Code != ekyc.ErrFaceNotFound || e.Details["side"] != "document" {
		t.Errorf("no face in the document: %#v", err)
	}
	two := facetest.PaintScene(900, 500, func(m *vision.RGB) {
		facetest.DrawFace(m, vision.Point{X: 270, Y: 250}, 200, 0, true)
		facetest.DrawFace(m, vision.Point{X: 630, Y: 250}, 200, 0, true)
	})
	_, err = b.faces.Match(ctx, two, portrait(0, true), face.Options{})
	if e, ok := err.(*ekyc.Error); !ok || e.Code != ekyc.ErrFacesMultiple || e.Details["side"] != "live" {
		t.Errorf("two faces in the live picture: %#v", err)
	}
}

func TestEmbeddingIsAUnitVectorWhateverTheOrderOfModels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	sample, err := b.faces.Enrol(ctx, portrait(0, true))
	if err != nil {
		t.Fatal(err)
	}
	if c := face.Cosine(sample.Embedding, sample.Embedding); math.Abs(c-1) > 1e-5 {
		t.Errorf("cosine with itself is %v", c)
	}
	if n := len(sample.Embedding.Vector); n != 512+192 {
		t.Errorf("the joined vector has %d numbers", n)
	}
	turned := b.models
	turned.Embeddings = []face.EmbeddingModel{b.models.Embeddings[1], b.models.Embeddings[0]}
	other, err := face.New(turned)
	if err != nil {
		t.Fatal(err)
	}
	again, err := other.Enrol(ctx, portrait(0, true))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample.Embedding, again.Embedding); diff != "" {
		t.Errorf("the order of the models changes the embedding:\n%s", diff)
	}
}

func TestConcurrentCallersGetTheSameAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := portrait(0.2, true)
	first, err := b.faces.Enrol(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			again, err := b.faces.Enrol(context.Background(), p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.Embedding.Vector, again.Embedding.Vector); diff != "" {
				t.Errorf("another answer:\n%s", diff)
			}
		})
	}
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.faces.Enrol(ctx, portrait(0, true)); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("error %v instead of %s", err, ekyc.ErrCancelled)
	}
}
