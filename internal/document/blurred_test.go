package document

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
)

func TestCaptionsAreKnownByTheLettersThatAreLeft(t *testing.T) {
	t.Parallel()
	c := newCaptions()
	for text, want := range map[string]Key{
		"Autho": KeyIssuingAuthority, "toridad/A": KeyIssuingAuthority, "UDARASIAUTHORITYIAUTORITE": KeyIssuingAuthority, "HAIONALITY": KeyNationality,
		"Natfonaity": KeyNationality, "Fedselsdat": KeyDateOfBirth, "PACE OF I5SWE": KeyIssuingAuthority, "Surna": KeySurname,
		"Place ofbnh(6)": KeyPlaceOfBirth, "Fecha de expe": KeyDateOfIssue, "Given": KeyGivenNames,
	} {
		if got, _, ok := c.blurred(text); !ok || got != want {
			t.Errorf("%q is taken for %q (%v), want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"DATEOF", "Sex", "MAEWM", "COMUNE DI ROCCABELLA", "MINISTRY OF CITIZEN PROTECTION", "PRÉFECTURE DE VALMONT", "LINDENAU", "SOLANGE BÉATRICE", "KOWALSKI", "",
	} {
		if got, part, ok := c.blurred(text); ok {
			t.Errorf("%q is taken for a caption of %q (%.2f)", text, got, part)
		}
	}
}

func TestSharedRunsArePartsOfTheText(t *testing.T) {
	t.Parallel()
	c := newCaptions()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if _, part, _ := c.blurred(text); part < 0 || part > 1 {
			t.Fatalf("%q: a run of %.2f", text, part)
		}
		word := rapid.SampledFrom(c).Draw(t, "caption").text
		if run := sharedRun(word, word); run != sharedLetter*len(word) {
			t.Fatalf("%q shares a run of %d with itself", word, run)
		}
		if a, b := sharedRun(text, word), sharedRun(word, text); a != b {
			t.Fatalf("%q and %q share %d and %d", text, word, a, b)
		}
	})
}

// TestASmallPrintIsACaptionThoughLettersAreLost: the value under it is found, and small print is no value.
func TestASmallPrintIsACaptionThoughLettersAreLost(t *testing.T) {
	t.Parallel()
	got := values(reading(standing(
		textAt{"Surname", 100, 100, 20, ""}, textAt{"ERIKSSON", 100, 124, 34, ""},
		textAt{"G1ven nam", 100, 180, 20, ""}, textAt{"ANNA MARIA", 100, 204, 34, ""},
		textAt{"Date of birth", 100, 260, 20, ""}, textAt{"12 AUG 1974", 100, 284, 34, ""},
		textAt{"Pace of birt", 100, 340, 20, ""}, textAt{"ZENITH", 100, 364, 34, ""},
		textAt{"Autho", 100, 420, 20, ""}, textAt{"Passp ort ofce", 100, 442, 16, ""}, textAt{"PASSPORT OFFICE", 100, 460, 34, ""},
		textAt{"Date of expiry", 500, 420, 20, ""}, textAt{"11 AUG 2031", 500, 444, 34, ""},
	)).extract())
	want := map[Key]string{
		KeySurname: "ERIKSSON", KeyGivenNames: "ANNA MARIA", KeyDateOfBirth: "1974-08-12", KeyPlaceOfBirth: "ZENITH", KeyIssuingAuthority: "PASSPORT OFFICE",
		KeyDateOfExpiry: "2031-08-11",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// dataPage is a passport's page whose captions were not read; its zone states what zones do.
func dataPage(list ...textAt) *visual {
	v := reading(standing(append([]textAt{
		{"ERIKSSON", 100, 124, 34, ""}, {"ANNA MARIA", 100, 204, 34, ""}, {"UTOPIAN", 100, 284, 34, ""},
	}, list...)...))
	v.kind, v.stated = ekyc.Passport, map[Key]Field{}
	for key, value := range map[Key]string{
		KeySurname: "ERIKSSON", KeyGivenNames: "ANNA MARIA", KeyNationality: "UTO", KeyDateOfBirth: "1974-08-12", KeyDateOfExpiry: "2031-08-11", KeySex: "F",
		KeyOptionalData: "ZE184226B",
	} {
		v.stated[key] = Field{Value: value, Source: FromMRZ, Confidence: 1}
	}
	return v
}

// TestWithoutCaptionsTheOrderOfTheStandardTells what a zone does not state, where only one line can be it.
func TestWithoutCaptionsTheOrderOfTheStandardTells(t *testing.T) {
	t.Parallel()
	page := []textAt{
		{"12 AUG 1974", 100, 364, 34, ""}, {"F", 100, 444, 34, ""}, {"ZENITH", 300, 444, 34, ""}, {"12 AUG 2021", 100, 524, 34, ""},
		{"PASSPORT BUREAU", 500, 524, 34, ""}, {"11 AUG 2031", 100, 604, 34, ""}, {"ZE 184226 B", 500, 604, 34, ""},
	}
	got := values(dataPage(page...).extract())
	for key, want := range map[Key]string{
		KeySex: "F", KeyPlaceOfBirth: "ZENITH", KeyIssuingAuthority: "PASSPORT BUREAU", KeyDateOfIssue: "2021-08-12", KeyPersonalNumber: "ZE184226B",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	two := values(dataPage(append(page, textAt{"HARBOUR", 500, 444, 34, ""})...).extract())
	if _, guessed := two[KeyPlaceOfBirth]; guessed {
		t.Errorf("of two lines one was taken for the place of birth: %q", two[KeyPlaceOfBirth])
	}
}

// TestAChangedDateIsReadWithoutItsCaption: what print says otherwise than the zone is the one date left, and not passed over.
func TestAChangedDateIsReadWithoutItsCaption(t *testing.T) {
	t.Parallel()
	got := dataPage(
		textAt{"12 AUG 1971", 100, 364, 34, ""}, textAt{"Date of issue", 100, 500, 20, ""}, textAt{"12 AUG 2021", 100, 524, 34, ""}, textAt{"11 AUG 2031", 100, 604, 34, ""},
	).extract()
	if f := got[KeyDateOfBirth]; f.Value != "1971-08-12" || f.Confidence > orderShare {
		t.Errorf("the date of birth is %q at %.2f", f.Value, f.Confidence)
	}
	misled := dataPage(
		textAt{"12 AUG 1974", 100, 364, 34, ""}, textAt{"Date of expiry", 100, 500, 20, ""}, textAt{"12 AUG 2021", 100, 524, 34, ""}, textAt{"11 AUG 2031", 100, 604, 34, ""},
	).extract()
	if f := misled[KeyDateOfExpiry]; f.Value != "2031-08-11" {
		t.Errorf("a caption that stands elsewhere makes the date of expiry %q", f.Value)
	}
}

func TestNumbersTakeTheLookOfTheirCodedForm(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{{"R8ER3WOB0", "R8ER3W0B0", "R8ER3W0B0"}, {"AB-12 O45", "AB12045", "AB-12 045"}, {"AB12346", "AB12345", "AB12346"}, {"AB1234", "AB12345", "AB1234"}} {
		if got := likeCoded(c[0], c[1]); got != c[2] {
			t.Errorf("%q beside %q becomes %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
