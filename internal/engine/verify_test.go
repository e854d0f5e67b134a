package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/face/liveness"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// shared is one engine for all tests: it is safe for concurrent use, which the tests so prove as well.
var shared = sync.OnceValues(func() (*Engine, error) {
	l, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		return nil, err
	}
	return Open(l)
})

func open(t testing.TB) *Engine {
	t.Helper()
	e, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// noise is a photograph of nothing at all.
func noise(t testing.TB, width, height int) []byte {
	t.Helper()
	m := vision.NewRGB(width, height)
	r := rand.New(rand.NewPCG(7, 9))
	for i := range m.Pix {
		m.Pix[i] = byte(96 + r.Uint32()&63)
	}
	data, err := vision.EncodeJPEG(m, 85)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func request(selfie, front []byte) VerifyRequest {
	return VerifyRequest{
		Selfie: [][]byte{selfie}, Front: front, Checks: check.Policy{SpecimensAllowed: true}, Policy: decision.DefaultPolicy(),
		At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestPicturesOfNothingAreAnOutcomeWithReasons(t *testing.T) {
	t.Parallel()
	v, err := open(t).Verify(t.Context(), request(noise(t, 640, 480), noise(t, 800, 600)))
	if err != nil {
		t.Fatal(err)
	}
	if v.Decision == ekyc.Accepted || v.Score != 0 || len(v.Reasons) == 0 {
		t.Errorf("%s with %s points and %d reasons", v.Decision, v.Score, len(v.Reasons))
	}
	want := map[string]ekyc.ErrorCode{StepLiveness: ekyc.ErrFaceNotFound, StepOCR: ekyc.ErrDocumentNotFound}
	for _, s := range v.Steps {
		if code, failed := want[s.Name]; failed && (s.Status != StepFailed || s.Code != code) {
			t.Errorf("step %s: %s %s", s.Name, s.Status, s.Code)
		}
	}
	if v.Liveness != nil || v.Document != nil || v.FaceMatch != nil {
		t.Error("a module answered about nothing")
	}
}

func TestAPhotographThatCannotBeDecodedIsAnError(t *testing.T) {
	t.Parallel()
	good := noise(t, 400, 300)
	for name, r := range map[string]VerifyRequest{
		"selfie": request(good[:200], good),
		"front":  request(good, []byte("no image")),
		"back":   {Selfie: [][]byte{good}, Front: good, Back: good[:100], Policy: decision.DefaultPolicy(), At: time.Now()},
	} {
		_, err := open(t).Verify(t.Context(), r)
		problem, ok := err.(*ekyc.Error)
		if !ok || problem.Details["image"] != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTooManyFramesAreRefusedUndecoded: what cannot be decoded would be told first if it were tried.
func TestTooManyFramesAreRefusedUndecoded(t *testing.T) {
	t.Parallel()
	r := request(nil, noise(t, 400, 300))
	r.Selfie = slices.Repeat([][]byte{[]byte("no image")}, liveness.MaxFrames+1)
	if _, err := open(t).Verify(t.Context(), r); ekyc.CodeOf(err) != ekyc.ErrFramesCount {
		t.Errorf("got %v", err)
	}
}

func TestACancelledVerificationStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t).Verify(ctx, request(noise(t, 640, 480), noise(t, 800, 600))); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("got %v", err)
	}
}

func TestTheUndocumentedModelsAreNamed(t *testing.T) {
	t.Parallel()
	e := open(t)
	if len(e.Undocumented()) == 0 {
		t.Error("the standard profile has models without a documented origin, and none is named")
	}
	if len(e.ModelHashes()) < 10 {
		t.Errorf("only %d models are loaded", len(e.ModelHashes()))
	}
}

func TestTheStrictProfileWorksOnDocumentedModelsAlone(t *testing.T) {
	t.Parallel()
	l := library(t, models.Strict)
	e, err := Open(l)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if names := e.Undocumented(); len(names) != 0 {
		t.Errorf("the strict profile loads %v", names)
	}
}

func TestFramesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	frame := noise(t, 3000, 2400)
	r := request(frame, noise(t, 400, 300))
	for range 15 { // 16 frames of 7.2 megapixels
		r.Selfie = append(r.Selfie, frame)
	}
	if _, err := open(t).Verify(t.Context(), r); ekyc.CodeOf(err) != ekyc.ErrImageDimensions {
		t.Errorf("got %v", err)
	}
}
