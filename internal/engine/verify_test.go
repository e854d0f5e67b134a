package engine

import (
	"context"
	"encoding/binary"
	"hash/crc32"
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

// headOfPNG is a PNG that ends before its first pixel.
func headOfPNG(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, width), height)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestFramesThatAreSlowToDecodeCountForMore(t *testing.T) {
	t.Parallel()
	for frames, want := range map[int]ekyc.ErrorCode{8: ekyc.ErrImageCorrupt /* tried */, 9: ekyc.ErrImageDimensions} {
		recording := slices.Repeat([][]byte{headOfPNG(2000, 1500)}, frames)
		if _, err := decodeAll(t.Context(), recording, "selfie"); ekyc.CodeOf(err) != want {
			t.Errorf("%d frames: %v", frames, err)
		}
	}
}

// leaving is the context of somebody who leaves once it was looked at so often.
type leaving struct {
	context.Context
	looks int
}

func (l *leaving) Err() error {
	if l.looks--; l.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestNoFrameIsDecodedForSomebodyWhoHasLeft(t *testing.T) {
	t.Parallel()
	frame := noise(t, 400, 300)
	recording := slices.Repeat([][]byte{frame}, 4)
	if _, err := decodeAll(&leaving{t.Context(), 3}, recording, "selfie"); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("a recording: %v", err)
	}
	if pictures, err := decodeAll(&leaving{t.Context(), 4}, recording, "selfie"); err != nil || len(pictures) != 4 {
		t.Errorf("somebody who stays: %v", err)
	}
	e := open(t)
	for name, ask := range map[string]func(context.Context) error{
		"document": func(ctx context.Context) error { _, err := e.Document(ctx, DocumentUpload{Front: frame}); return err },
		"enrol":    func(ctx context.Context) error { _, err := e.Enrol(ctx, frame); return err },
		"sanitise": func(ctx context.Context) error {
			_, err := e.Sanitise(ctx, SanitiseRequest{Image: frame, Quality: 85})
			return err
		},
	} {
		if err := ask(&leaving{t.Context(), 0}); ekyc.CodeOf(err) != ekyc.ErrCancelled {
			t.Errorf("%s: %v", name, err)
		}
	}
}
