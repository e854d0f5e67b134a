package engine

import (
	"slices"
	"testing"
	"time"

	"ekyc/internal/document"
	"ekyc/internal/document/check"
)

// TestTheReaderSaysWhatMarksASpecimen: the checks are given its words, and no second search takes part of a word for one.
func TestTheReaderSaysWhatMarksASpecimen(t *testing.T) {
	t.Parallel()
	r := &document.Reading{
		Sides:    []document.Side{{Text: []document.TextLine{{Text: "AVOID DAMAGE", Confidence: 1}, {Text: "MUSTERSTADT", Confidence: 1}}}},
		Specimen: []string{"MUESTRA"},
	}
	in := checkInput(r, check.Policy{}, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	if !slices.Equal(in.SpecimenWords, r.Specimen) || len(in.Text) != 2 {
		t.Errorf("%v mark a specimen", in.SpecimenWords)
	}
}
