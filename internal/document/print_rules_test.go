package document

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc"
)

func TestZerosInWordsAreLetters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Z0É": "ZOÉ", "ÅB0": "ÅBO", "TORONT0 SUD": "TORONTO SUD", "B0": "B0", "M20 AB": "M20 AB"} {
		if got := lettersForZeros(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// What the detector joined to a value without being part of it is divided from it.
func TestValuesEndWhereOthersBegin(t *testing.T) {
	t.Parallel()
	v := reading(standing(
		textAt{"4a.", 40, 100, 30, ""}, textAt{"10.08.2025 4C. PASSPORT OFFICE", 100, 100, 34, ""}, textAt{"8.", 40, 160, 30, ""}, textAt{"FŐ UTCA 42, 6654 GYŐR", 100, 160, 34, ""},
		textAt{"AM B", 100, 200, 34, ""},
	))
	v.licence = true
	want := map[Key]string{KeyDateOfIssue: "2025-08-10", KeyIssuingAuthority: "PASSPORT OFFICE", KeyAddress: "FŐ UTCA 42, 6654 GYŐR", KeyLicenceCategories: "AM B"}
	if diff := cmp.Diff(want, values(v.extract())); diff != "" {
		t.Error(diff)
	}
	card := reading(standing(textAt{"Adresse / Address", 100, 100, 20, ""}, textAt{"RUE DU MOULIN 68, 75000 VALMONT SPECIMEN", 100, 124, 34, ""}))
	if got := values(card.extract())[KeyAddress]; got != "RUE DU MOULIN 68, 75000 VALMONT" {
		t.Errorf("the address is %q", got)
	}
}

// A line that ends with the number of a field in brackets is a caption, whatever it says; so is what stands before a colon.
func TestCaptionsAreNoValues(t *testing.T) {
	t.Parallel()
	v := reading(nil)
	if value, _, ok := v.normalise(KeyIssuingAuthority, "AutoritàlAuthority (9)"); ok {
		t.Errorf("a caption became the authority %q", value)
	}
	if value, _, _ := v.normalise(KeyNationality, "Nationalité: JAPAN"); value != "JPN" {
		t.Errorf("the nationality is %q", value)
	}
	office := reading(standing(textAt{"Autoridad", 100, 100, 20, ""}, textAt{"DIRECCIÓN GENERAL", 100, 124, 34, ""}))
	if got := values(office.extract())[KeyIssuingAuthority]; got != "DIRECCIÓN GENERAL" {
		t.Errorf("the authority is %q", got)
	}
}

// The parts of a name are joined where they are the zone's name together, and only there.
func TestTheZoneTellsTheWholeName(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]string{"ZAHRASALMA": "FATIMA ZAHRASALMA", "ZAHRA": "FATIMA", "SALMAZAHRA": "FATIMA"} {
		v := reading(standing(textAt{"Given names", 100, 100, 20, ""}, textAt{"FATIMA", 100, 124, 34, ""}, textAt{rest, 300, 124, 34, ""}))
		v.stated = map[Key]Field{KeyGivenNames: {Value: "FATIMA ZAHRA SALMA", Source: FromMRZ}}
		if got := values(v.extract())[KeyGivenNames]; got != want {
			t.Errorf("with %q the name is %q, want %q", rest, got, want)
		}
	}
}

// Names have the marks of the state whose national the holder is.
func TestMarksOfAForeignersName(t *testing.T) {
	t.Parallel()
	v := &visual{country: "FRA", kind: ekyc.ResidencePermit, stated: map[Key]Field{KeyNationality: {Value: "ITA"}}}
	if got, _, _ := v.normalise(KeyGivenNames, "ROSALÍA"); got != "ROSALÌA" {
		t.Errorf("the Italian name is %s", got)
	}
	if got, _, _ := v.normalise(KeyPlaceOfBirth, "MÁLAGA"); got != "MÁLAGA" {
		t.Errorf("the place is %s", got)
	}
}
