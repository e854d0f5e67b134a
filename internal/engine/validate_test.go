package engine

import (
	"slices"
	"testing"
	"time"

	"ekyc/internal/document"
	"ekyc/internal/document/barcode"
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

// TestAnIssuersDepartureFromTheStandardIsNoFault: cards in circulation have some of what the parser names.
func TestAnIssuersDepartureFromTheStandardIsNoFault(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]*check.Barcode{
		"@\nANSI 6360300101DL00390191DLDAQX1DAASAMPLE,ANNA, ,DAJMODBB19760115": {Departures: []string{"separators"}},
		"@\n\x1e\rANSI 636020090001DLDCSSAMPLE\nDACANNA\nDBB13451976":          {Faults: []string{"date:DBB", "missing:DAQ"}},
	} {
		l, err := barcode.Parse([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		got := BarcodeOf([]document.BarcodeReading{{Licence: l}})
		if !slices.Equal(got.Departures, want.Departures) || !slices.Equal(got.Faults, want.Faults) {
			t.Errorf("%v and %v, want %v and %v", got.Departures, got.Faults, want.Departures, want.Faults)
		}
	}
}
