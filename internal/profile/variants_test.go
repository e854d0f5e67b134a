package profile

import (
	"testing"

	"ekyc"
)

func TestClaimTellsTerritoriesApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ phone, claimed, region string }{
		{"+4741234567", "", "NOR"}, {"+4741234567", "SJ", "SJM"}, {"+4741234567", "FR", "NOR"},
		{"+358412345678", "ALA", "ALA"}, {"40123", "AC", "SHN"}, {"8999", "TA", "SHN"},
	} {
		if got := run(t, New(Options{}), Input{Phone: c.phone, Country: c.claimed}).Normalised.PhoneRegion; got != c.region {
			t.Errorf("%s claimed in %q is of %q, want %q", c.phone, c.claimed, got, c.region)
		}
	}
}

func TestArabicVowels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		roman, arabic string
		want          ekyc.CheckStatus
	}{
		{"HUSSEIN", "حسين", ekyc.Pass}, {"HUSSEIN", "حسن", ekyc.Warn}, {"HASSAN", "حسن", ekyc.Pass}, {"HASSAN", "حسين", ekyc.Warn},
		{"AHMED", "أحمد", ekyc.Pass}, {"AHMED", "حامد", ekyc.Warn}, {"MOHAMMED", "محمود", ekyc.Warn},
		{"JAMAL", "جميل", ekyc.Warn}, {"FATIMAH", "فاطمة", ekyc.Pass}, {"ABDULLAH", "عبدالله", ekyc.Pass}, {"OMAR", "عمار", ekyc.Warn},
		{"ALHARBI", "الحربي", ekyc.Pass}, {"KHALED", "سالم", ekyc.Fail},
	} {
		in := Input{GivenNames: c.arabic, Surname: "منصور", Document: &DocumentFacts{GivenNames: c.roman, Surname: "MANSOUR"}}
		if got := check(t, run(t, New(Options{}), in), CheckNameCoherence); got.Status != c.want {
			t.Errorf("%s beside %s is %s %v, want %s", c.arabic, c.roman, got.Status, got.Evidence, c.want)
		}
	}
}

func TestLikelyFaultsAreNotMadeGood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		claimed, printed string
		want             ekyc.CheckStatus
	}{
		{"Rebecca Anna Thomson", "REBECCA ANNA/THOMPSON", ekyc.Warn}, {"Jan Müller", "JAN/MOELLER", ekyc.Warn}, {"Jan Müller", "JAN/MUELLER", ekyc.Pass},
		{"Gabriele Caruso", "GABRIELLA/CARUSO", ekyc.Fail}, {"Anna Rousseau", "ANNA/ROUSSAU", ekyc.Warn}, {"Ahmed El Harbi", "AHMED/ALHARBI", ekyc.Pass},
		{"Yury Ivanov", "IURII/IVANOV", ekyc.Pass}, {"Husayn Mansour", "HUSSEIN/MANSOUR", ekyc.Warn},
	} {
		in := Input{FullName: c.claimed, Document: &DocumentFacts{}}
		in.Document.GivenNames, in.Document.Surname, in.Document.FullName = nameParts(c.printed)
		if got := check(t, run(t, New(Options{}), in), CheckNameCoherence); got.Status != c.want {
			t.Errorf("%q beside %q is %s %v, want %s", c.claimed, c.printed, got.Status, got.Evidence, c.want)
		}
	}
}
