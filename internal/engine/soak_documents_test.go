//go:build soak

package engine_test

import (
	"flag"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/models"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

var soakDocuments = flag.Int("soak-documents", 10_000, "documents that are read before the last look at the memory")

const (
	// soakWarm is the share of the documents after which the memory is taken as settled: every model, script and buffer size has been used.
	soakWarm = 0.1
	// soakVariety is the number of different pictures: kinds of documents times sizes, so that tensors of many shapes come and go.
	soakVariety = 40
	soakLooks   = 40
)

// TestSoakDocuments reads many small and different documents in one process and looks at the memory that is really held: resident
// pages after the garbage of Go and the free pages of the C library were given back. What a leak takes is never given back, and what
// merely waits for its collector does not count. The same picture must be read alike each time.
func TestSoakDocuments(t *testing.T) {
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	pictures := soakPictures(t)
	first := make([]string, len(pictures))
	var warm, last float64
	highest := 0.0
	start := time.Now()
	each := max(1, *soakDocuments/soakLooks)
	for i := range *soakDocuments {
		k := i % len(pictures)
		if got := soakRead(t, e, pictures[k]); first[k] == "" {
			first[k] = got
		} else if got != first[k] {
			t.Errorf("picture %d is read otherwise than at first", k)
			first[k] = got
		}
		highest = max(highest, residentMB(t))
		if (i+1)%each != 0 && i+1 != *soakDocuments {
			continue
		}
		last = heldMB(t)
		if warm == 0 && float64(i+1) >= soakWarm*float64(*soakDocuments) {
			warm = last
		}
		t.Logf("%6d documents, %4.0f s: %.1f MB held, of which Go %.1f; at most %.0f MB resident", i+1, time.Since(start).Seconds(), last, goMB(), highest)
	}
	if last > warm*soakGrowth {
		t.Errorf("the memory grew from %.1f MB to %.1f MB", warm, last)
	}
	if highest > soakMostMB {
		t.Errorf("%.0f MB resident, at most %.0f are granted", highest, soakMostMB)
	}
}

// soakPictures are photographs of the standards' kinds, from 900 to 1,300 pixels wide.
func soakPictures(t *testing.T) [][]byte {
	t.Helper()
	kinds := []specimen.Kind{
		specimen.Passport, specimen.IDCardTD1, specimen.IDCardTD2, specimen.VisaA, specimen.VisaB, specimen.ResidencePermit, specimen.LicenceEU, specimen.LicenceAAMVA,
	}
	var pictures [][]byte
	for i := range soakVariety {
		d, err := specimen.Generate(specimen.Spec{Kind: kinds[i%len(kinds)], Seed: uint64(500 + i)})
		if err != nil {
			t.Fatal(err)
		}
		width := 900 + 10*i
		p, err := d.Photograph(min(i/len(kinds)%2, d.Sides()-1), specimen.PhotoSpec{Seed: uint64(i), Width: width, Height: width * 3 / 4, Difficulty: 0.3})
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, p.Data)
	}
	return pictures
}

// soakRead reads and validates one picture as the service does, and gives the lines of its zone and the verdict.
func soakRead(t *testing.T, e *engine.Engine, data []byte) string {
	t.Helper()
	o, err := e.Document(t.Context(), engine.DocumentUpload{
		Front: data, Checks: check.Policy{SpecimensAllowed: true}, At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), WantDocument: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.Reading == nil || o.Validation == nil {
		return "no document"
	}
	answer := string(o.Reading.Detected.Type) + o.Reading.Detected.Country + strings.Join(o.Reading.MRZ.Lines, "")
	if o.Validation.DocumentValid {
		answer += " valid"
	}
	return answer
}

// heldMB is the resident memory after everything free was given back.
func heldMB(t *testing.T) float64 {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	vision.ReleaseMemory()
	return residentMB(t)
}

// goMB is the memory that the Go runtime holds, of which nothing was given back.
func goMB() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64()-samples[1].Value.Uint64()) / (1 << 20)
}
