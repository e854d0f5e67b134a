package fence

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face/liveness"
	"ekyc/internal/specimen"
)

// timeless is a value in the terms of JSON without what a clock gave.
func timeless(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return withoutTimes(out)
}

func withoutTimes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"duration_ms", "stages_ms", "timings_ms"} {
			delete(v, name)
		}
		for name := range v {
			v[name] = withoutTimes(v[name])
		}
	case []any:
		for i := range v {
			v[i] = withoutTimes(v[i])
		}
	}
	return v
}

// real is a pool with one child over the real models, and the same engine in this process.
func real(t *testing.T) (*Pool, Engine) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), Options{Command: []string{self}, Env: []string{roleVariable + "=confined real"}, Children: 1, Timeout: 5 * time.Minute, MaxWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	local, err := openReal()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, local
}

// samplePair is the demonstration's selfie and document.
func samplePair(t *testing.T, local Engine) *specimen.Pair {
	t.Helper()
	photographs, err := local.(Local).Photographs()
	if err != nil {
		t.Fatal(err)
	}
	gallery, err := specimen.NewGallery(photographs)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := gallery.DemonstrationPair(1)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestAChildAnswersAsTheEngineInProcess asks both the same with the real models.
func TestAChildAnswersAsTheEngineInProcess(t *testing.T) {
	t.Parallel()
	p, local := real(t)
	pair := samplePair(t, local)
	type question struct {
		name string
		ask  func(e Engine) (any, error)
	}
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, q := range []question{
		{"selfie", func(e Engine) (any, error) {
			return e.Selfie(t.Context(), engine.SelfieRequest{Frames: [][]byte{pair.Selfie}, Hints: liveness.Hints{Blink: true}})
		}},
		{"document", func(e Engine) (any, error) {
			return e.Document(t.Context(), engine.DocumentUpload{Front: pair.Front, Checks: check.Policy{SpecimensAllowed: true}, At: at,
				Claimed: map[check.Key]string{check.Surname: "NOBODY"}, WantFaceCrop: true, WantDocument: true})
		}},
		{"match", func(e Engine) (any, error) { return e.MatchPhotos(t.Context(), pair.Selfie, pair.Front, noOptions) }},
		{"enrol", func(e Engine) (any, error) { return e.Enrol(t.Context(), pair.Selfie) }},
		{"sanitise", func(e Engine) (any, error) {
			return e.Sanitise(t.Context(), engine.SanitiseRequest{Image: pair.Selfie, Quality: 85})
		}},
		{"models", func(e Engine) (any, error) { return e.Models(t.Context()) }},
		{"compare", func(e Engine) (any, error) {
			sample, err := e.Enrol(t.Context(), pair.Selfie)
			if err != nil {
				return nil, err
			}
			return e.CompareSamples(t.Context(), sample, sample, noOptions)
		}},
	} {
		fenced, err := q.ask(p)
		if err != nil {
			t.Errorf("%s: %v", q.name, err)
			continue
		}
		plain, err := q.ask(local)
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		if want, got := timeless(t, plain), timeless(t, fenced); !cmp.Equal(want, got) {
			t.Errorf("%s differs behind the fence: %s", q.name, cmp.Diff(want, got))
		}
	}
	_, err := p.Document(t.Context(), engine.DocumentUpload{Front: pair.Front[:1000], At: at})
	if problem, ok := err.(*ekyc.Error); !ok || problem.Code != ekyc.ErrImageCorrupt || problem.Details["image"] != "front" {
		t.Errorf("a damaged photograph: %v", err)
	}
}
