//go:build soak

package engine_test

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/models"
	"ekyc/internal/specimen"
)

var soakRuns = flag.Int("soak-runs", 1000, "verifications before the first and before the second look at the memory")

const (
	soakMostMB   = 700.0
	soakGrowth   = 1.05
	soakPairs    = 4
	soakTellEach = 100
)

// TestSoak verifies 12-megapixel pairs and looks at the resident memory: bounded after the first half, steady over the second, and
// the same answers at the end as at the beginning.
func TestSoak(t *testing.T) {
	e := soakEngine(t)
	requests := soakRequests(t, e)
	scores := make([]string, len(requests))
	half := func() float64 {
		for i := range *soakRuns {
			v, err := e.Verify(t.Context(), requests[i%len(requests)])
			if err != nil {
				t.Fatal(err)
			}
			if score := &scores[i%len(requests)]; *score == "" {
				*score = v.Score.String()
			} else if *score != v.Score.String() {
				t.Fatalf("the score of pair %d changed from %s to %s", i%len(requests), *score, v.Score)
			}
			if (i+1)%soakTellEach == 0 {
				t.Logf("%d verifications, %.0f MB", i+1, residentMB(t))
			}
		}
		return residentMB(t)
	}
	first := half()
	second := half()
	t.Logf("%d verifications: %.0f MB; as many again: %.0f MB", *soakRuns, first, second)
	if first > soakMostMB {
		t.Errorf("%.0f MB resident, at most %.0f are granted", first, soakMostMB)
	}
	if second > first*soakGrowth {
		t.Errorf("the memory grew from %.0f to %.0f MB", first, second)
	}
}

func soakEngine(t *testing.T) *engine.Engine {
	t.Helper()
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func soakRequests(t *testing.T, e *engine.Engine) []engine.VerifyRequest {
	t.Helper()
	photographs, err := e.Photographs()
	if err != nil {
		t.Fatal(err)
	}
	var requests []engine.VerifyRequest
	for seed := range uint64(soakPairs) {
		pair, err := specimen.TwelveMegapixelPair(seed, photographs)
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, engine.VerifyRequest{
			Selfie: [][]byte{pair.Selfie}, Front: pair.Front, Checks: check.Policy{SpecimensAllowed: true}, Policy: decision.DefaultPolicy(),
			At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		})
	}
	return requests
}

func residentMB(t *testing.T) float64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(data))[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
