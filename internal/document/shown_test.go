package document

import (
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/document/barcode"
	"ekyc/internal/vision"
)

// TestASideTellsWhatHardlyGoesWrong: names of countries, titles on backs, and pieces that contradict each other tell nothing.
func TestASideTellsWhatHardlyGoesWrong(t *testing.T) {
	t.Parallel()
	licence := BarcodeReading{Licence: &barcode.Licence{CardType: "DL", Country: "USA"}}
	for name, c := range map[string]struct {
		index   int
		print   []string
		codes   []BarcodeReading
		types   []ekyc.DocumentType
		country string
	}{
		"nothing":                             {0, nil, nil, nil, ""},
		"a title at the head of a front":      {0, []string{"IDENTITY CARD", "ERIKSSON"}, nil, []ekyc.DocumentType{ekyc.IDCard}, ""},
		"a title among other words":           {0, []string{"THIS IS NO IDENTITY CARD", "ERIKSSON"}, nil, nil, ""},
		"a title on a back":                   {1, []string{"PASSPORT", "L898902C"}, nil, nil, ""},
		"the name of a country":               {0, []string{"FRANCE", "ERIKSSON"}, nil, nil, ""},
		"a known document":                    {0, []string{"RÉPUBLIQUE FRANÇAISE", "CARTE NATIONALE D'IDENTITÉ"}, nil, []ekyc.DocumentType{ekyc.IDCard}, "FRA"},
		"a known document on a back":          {1, []string{"RÉPUBLIQUE FRANÇAISE", "CARTE NATIONALE D'IDENTITÉ"}, nil, []ekyc.DocumentType{ekyc.IDCard}, "FRA"},
		"captions and issuer, and no title":   {1, []string{"RÉPUBLIQUE FRANÇAISE", "Nom", "Prénom(s)", "Sexe", "Nationalité", "Date de naissance", "Lieu de naissance"}, nil, nil, ""},
		"the nationality of the holder":       {0, []string{"RESIDENCE PERMIT", "Surname", "ERIKSSON", "Given names", "ANNA", "Sex", "Date of birth", "Nationality", "", "", "", "PERMANENT RESIDENT", "UNITED STATES OF AMERICA"}, nil, []ekyc.DocumentType{ekyc.ResidencePermit}, ""},
		"a place with the name of a province": {0, []string{"DRIVER LICENSE", "12 ELM STREET, NEW BRUNSWICK NJ 08901"}, nil, []ekyc.DocumentType{ekyc.DriverLicense}, ""},
		"a licence's bar code":                {1, nil, []BarcodeReading{licence}, []ekyc.DocumentType{ekyc.DriverLicense, ekyc.IDCard}, "USA"},
		"a bar code beside other print":       {1, []string{"REPUBBLICA ITALIANA", "PATENTE DI GUIDA"}, []BarcodeReading{licence}, []ekyc.DocumentType{ekyc.DriverLicense}, ""},
		"pieces that exclude each other":      {0, []string{"PASSPORT", "REPUBBLICA ITALIANA", "LA PATENTE DI GUIDA"}, nil, nil, "ITA"},
	} {
		s := &side{index: c.index, image: vision.NewRGB(1280, 807), codes: c.codes, geometry: Geometry{Method: ByEdges}}
		for i, text := range c.print {
			y := float64(20 + 40*i)
			s.lines = append(s.lines, TextLine{Text: text, Confidence: 0.95, Box: vision.Rect{X0: 10, Y0: y, X1: 400, Y1: y + 20}})
		}
		out := &Reading{MRZ: &MRZ{}, Sides: make([]Side, 2)}
		sides := []*side{s, {index: 1 - c.index, image: vision.NewRGB(1280, 807)}}
		out.show(sides)
		got := out.Sides[0].Shown
		slices.Sort(got.Types)
		slices.Sort(c.types)
		if !slices.Equal(slices.Compact(got.Types), c.types) || got.Country != c.country {
			t.Errorf("%s: %v of %q, want %v of %q", name, got.Types, got.Country, c.types, c.country)
		}
	}
}

// TestCodesOfZonesLeaveOpenWhichCardItIs: ICAO Doc 9303-5, 4.2.2.1.
func TestCodesOfZonesLeaveOpenWhichCardItIs(t *testing.T) {
	t.Parallel()
	cards := []ekyc.DocumentType{ekyc.IDCard, ekyc.ResidencePermit, ekyc.OtherDocument}
	for _, c := range []struct {
		code, issuer string
		want         []ekyc.DocumentType
	}{
		{"P", "FRA", []ekyc.DocumentType{ekyc.Passport}}, {"I", "FRA", cards}, {"AR", "D", cards}, {"C1", "USA", append(slices.Clone(cards), ekyc.DriverLicense)},
		{"IP", "USA", []ekyc.DocumentType{ekyc.IDCard, ekyc.Passport}}, {"D1", "FRA", []ekyc.DocumentType{ekyc.DriverLicense}}, {"VN", "FRA", []ekyc.DocumentType{ekyc.OtherDocument}}, {"", "FRA", nil}, {"X", "FRA", nil},
	} {
		if got := typesOfCode(c.code, c.issuer); !slices.Equal(got, c.want) {
			t.Errorf("%q of %s: %v, want %v", c.code, c.issuer, got, c.want)
		}
	}
}
