//go:build soak

package engine_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/specimen"
)

var soakDocuments = flag.Int("soak-documents", 10_000, "documents that are read before the last look at the memory")

// soakVariety is the number of different pictures: kinds of documents times sizes, so that tensors of many shapes come and go.
const soakVariety = 40

// TestSoakDocuments reads many small and different documents in one process.
func TestSoakDocuments(t *testing.T) {
	e, pictures := soakEngine(t), soakPictures(t)
	soakMemory(t, *soakDocuments, len(pictures), func(k int) string { return soakRead(t, e, pictures[k]) })
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
