package engine

import (
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/document/check"
	"ekyc/internal/specimen"
)

// TestSidesOfTwoDocumentsDoNotPass: a front and a back that are not of one document are told apart by what each shows, and those of one are not.
func TestSidesOfTwoDocumentsDoNotPass(t *testing.T) {
	t.Parallel()
	type half struct {
		kind   specimen.Kind
		issuer string
		seed   uint64
	}
	for name, c := range map[string]struct {
		front, back half
		want        ekyc.CheckStatus
		says        string // part of the message
	}{
		"one card":                         {half{specimen.IDCardTD1, "FRA", 5}, half{specimen.IDCardTD1, "FRA", 5}, ekyc.Pass, "agree in 5 fields"},
		"one residence permit":             {half{specimen.ResidencePermit, "D", 5}, half{specimen.ResidencePermit, "D", 5}, ekyc.Pass, "agree in 5 fields"},
		"one licence":                      {half{specimen.LicenceAAMVA, "", 5}, half{specimen.LicenceAAMVA, "", 5}, ekyc.Pass, "agree in 5 fields"},
		"a card and one of another state":  {half{specimen.IDCardTD1, "FRA", 5}, half{specimen.IDCardTD1, "ITA", 5}, ekyc.Fail, "different issuers"},
		"a licence and a card":             {half{specimen.LicenceEU, "ITA", 5}, half{specimen.IDCardTD1, "ITA", 5}, ekyc.Fail, "the front is a driver_license and the back is a id_card"},
		"a card and a licence":             {half{specimen.IDCardTD1, "FRA", 5}, half{specimen.LicenceAAMVA, "", 5}, ekyc.Fail, "different issuers"},
		"the cards of two holders":         {half{specimen.IDCardTD1, "FRA", 5}, half{specimen.IDCardTD1, "FRA", 6}, ekyc.Fail, "differ in "},
		"the licences of two holders":      {half{specimen.LicenceAAMVA, "", 5}, half{specimen.LicenceAAMVA, "", 6}, ekyc.Fail, "differ in "},
		"the cards of two from nowhere":    {half{specimen.IDCardTD1, "UTO", 5}, half{specimen.IDCardTD1, "UTO", 6}, ekyc.Fail, "differ in "},
		"one card whose issuer is nowhere": {half{specimen.IDCardTD1, "UTO", 5}, half{specimen.IDCardTD1, "UTO", 5}, ekyc.Pass, "agree in 4 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r DocumentRequest
			for side, h := range []half{c.front, c.back} {
				d, err := specimen.Generate(specimen.Spec{Kind: h.kind, Issuer: h.issuer, Seed: h.seed})
				if err != nil {
					t.Fatal(err)
				}
				p, err := d.Photograph(side, specimen.PhotoSpec{Seed: uint64(side), Width: 2000, Height: 1500, Difficulty: 0.1})
				if err != nil {
					t.Fatal(err)
				}
				if side == 0 {
					r.Front = picture(t, p)
				} else {
					r.Back = picture(t, p)
				}
			}
			r.At = judged
			reading, err := open(t).ReadDocument(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range open(t).Validate(reading, check.Policy{SpecimensAllowed: true}, judged).Checks {
				if found.Name == "sides_belong_together" && (found.Status != c.want || !strings.Contains(found.Message, c.says)) {
					t.Errorf("%s, want %s that %q: %s %v; front %+v, back %+v", found.Status, c.want, c.says, found.Message, found.Evidence, reading.Sides[0].Shown, reading.Sides[1].Shown)
				}
			}
		})
	}
}
