package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/vision"
)

// standing lays out lines of print: text at x, y with letters of the given height, half as wide as high.
type textAt struct {
	text         string
	x, y, height float64
	national     string
}

func standing(list ...textAt) []TextLine {
	var lines []TextLine
	for _, p := range list {
		box := vision.Rect{X0: p.x, Y0: p.y, X1: p.x + 0.5*p.height*float64(len([]rune(p.text))), Y1: p.y + p.height}
		lines = append(lines, TextLine{Text: p.text, Confidence: 1, Quad: box.Quad(), Box: box, National: p.national})
	}
	return lines
}

func reading(lines []TextLine) *visual {
	return &visual{lines: lines, captions: newCaptions(), countries: newCountryNames(), adjectives: newDemonyms(), at: today}
}

func values(fields map[Key]Field) map[Key]string {
	out := map[Key]string{}
	for key, f := range fields {
		out[key] = f.Value
	}
	return out
}

// A document keeps captions on one side of its values; each side is understood, with the same fields.
func TestCaptionsOnAnySideOfTheirValues(t *testing.T) {
	t.Parallel()
	want := map[Key]string{KeySurname: "DVOŘÁK", KeyGivenNames: "JIŘINA", KeyDateOfBirth: "1960-03-06", KeyDateOfExpiry: "2028-10-16", KeySex: "F"}
	fields := []struct{ caption, value string }{
		{"Příjmení / Surname", "DVOŘÁK"}, {"Jméno / Given names", "JIŘINA"}, {"Datum narození / Date of birth", "06.03.1960"}, {"Pohlaví / Sex", "F"}, {"Platnost do / Date of expiry", "16.10.2028"},
	}
	for name, place := range map[string]func(i int, caption, value string) []textAt{
		"above": func(i int, caption, value string) []textAt {
			return []textAt{{caption, 100, float64(80 * i), 20, ""}, {value, 100, float64(80*i + 24), 34, ""}}
		},
		"below": func(i int, caption, value string) []textAt {
			return []textAt{{value, 100, float64(80 * i), 34, ""}, {caption, 100, float64(80*i + 34), 20, ""}}
		},
		"left": func(i int, caption, value string) []textAt {
			return []textAt{{caption, 100, float64(50*i + 6), 20, ""}, {value, 520, float64(50 * i), 34, ""}}
		},
		"right": func(i int, caption, value string) []textAt {
			return []textAt{{value, 100, float64(50 * i), 34, ""}, {caption, 400, float64(50*i + 6), 20, ""}}
		},
		"on the line": func(i int, caption, value string) []textAt {
			return []textAt{{caption + ": " + value, 100, float64(50 * i), 30, ""}}
		},
	} {
		var list []textAt
		for i, f := range fields {
			list = append(list, place(i, f.caption, f.value)...)
		}
		if diff := cmp.Diff(want, values(reading(standing(list...)).extract())); diff != "" {
			t.Errorf("captions %s: %s", name, diff)
		}
	}
}

func TestLinesThatWereJoinedAreDivided(t *testing.T) {
	t.Parallel()
	v := reading(standing(
		textAt{"Date of issue (7) Personal No.", 100, 100, 20, ""}, textAt{"03 JUN 2021", 100, 124, 34, ""}, textAt{"922897428", 305, 124, 34, ""},
		textAt{"Nationality", 100, 180, 20, ""}, textAt{"Date of birth", 550, 180, 20, ""}, textAt{"UNITED STATES OF AMERICA 26 JUL 1986", 100, 204, 34, ""},
	))
	want := map[Key]string{KeyDateOfIssue: "2021-06-03", KeyPersonalNumber: "922897428", KeyNationality: "USA", KeyDateOfBirth: "1986-07-26"}
	if diff := cmp.Diff(want, values(v.extract())); diff != "" {
		t.Error(diff)
	}
	behind := reading(standing(textAt{"ZOË KRAMER Voornamen/Given names", 100, 100, 30, ""}, textAt{"14.12.2031", 100, 150, 34, ""}, textAt{"Geldig tot/Date of expiry", 400, 156, 20, ""}))
	if diff := cmp.Diff(map[Key]string{KeyGivenNames: "ZOË KRAMER", KeyDateOfExpiry: "2031-12-14"}, values(behind.extract())); diff != "" {
		t.Error(diff)
	}
}

func TestTwoScripts(t *testing.T) {
	t.Parallel()
	v := reading(standing(
		textAt{"Ipi3Bue / Surname", 100, 100, 20, "Прізвище"}, textAt{"TKA4EHKO/TKACHENKO", 100, 124, 34, "ТКАЧЕНКО"},
		textAt{"「paxAaHCTBo", 100, 200, 20, "Громадянство (3)"}, textAt{"YKPAIHA/UKRAINE", 100, 224, 34, "УКРАЇНА"},
		textAt{"IMe/Given names", 100, 300, 20, ""}, textAt{"AHAPIM", 100, 322, 32, "АНДРІЙ"}, textAt{"ANDRII", 100, 356, 32, ""},
		textAt{"Address", 100, 420, 20, ""}, textAt{"BYA.CAAOBA 125", 100, 444, 34, "ВУЛ. САДОВА 125"},
	))
	v.twoScripts = true
	found := v.extract()
	want := map[Key]string{KeySurname: "TKACHENKO", KeyNationality: "UKR", KeyGivenNames: "ANDRII", KeyAddress: "ВУЛ. САДОВА 125"}
	if diff := cmp.Diff(want, values(found)); diff != "" {
		t.Error(diff)
	}
	if found[KeySurname].National != "ТКАЧЕНКО" {
		t.Errorf("the surname has %q beside its Latin form", found[KeySurname].National)
	}
	han := reading(standing(
		textAt{"姓名", 100, 100, 30, ""}, textAt{"张丽娜", 300, 100, 34, ""}, textAt{"性别", 100, 160, 30, ""}, textAt{"女", 300, 160, 34, ""},
		textAt{"出生", 100, 220, 30, ""}, textAt{"2003年1月10日", 300, 220, 34, ""},
	)).extract()
	if diff := cmp.Diff(map[Key]string{KeyFullName: "张丽娜", KeySex: "F", KeyDateOfBirth: "2003-01-10"}, values(han)); diff != "" {
		t.Error(diff)
	}
	if f := han[KeyFullName]; f.National != "张丽娜" || f.Script != "Hani" {
		t.Errorf("a Chinese name has %q in script %q beside it", f.National, f.Script)
	}
}

// Numbers of a licence that were not read are made good by the order that the standards prescribe.
func TestLicenceWithLostNumbers(t *testing.T) {
	t.Parallel()
	v := reading(standing(
		textAt{"MOREAU", 100, 100, 34, ""}, textAt{"CHLOÉ", 100, 148, 34, ""}, textAt{"31.12.2001 VALMONT", 100, 196, 34, ""},
		textAt{"4a", 40, 244, 30, ""}, textAt{"07.10.2018", 100, 244, 34, ""}, textAt{"07.10.2028", 100, 292, 34, ""},
		textAt{"PRÉFECTURE DE VALMONT", 100, 340, 34, ""}, textAt{"96MJ61112", 100, 388, 34, ""}, textAt{"AM/B", 100, 436, 34, ""},
	))
	v.licence = true
	want := map[Key]string{
		KeySurname: "MOREAU", KeyGivenNames: "CHLOÉ", KeyDateOfBirth: "2001-12-31", KeyPlaceOfBirth: "VALMONT", KeyDateOfIssue: "2018-10-07", KeyDateOfExpiry: "2028-10-07",
		KeyIssuingAuthority: "PRÉFECTURE DE VALMONT", KeyDocumentNumber: "96MJ61112", KeyLicenceCategories: "AM B",
	}
	if diff := cmp.Diff(want, values(v.extract())); diff != "" {
		t.Error(diff)
	}
}

// Where captions cannot be read, print that says what the zone says is found; print that says something else is not taken for it.
func TestPrintIsAnchoredToTheZone(t *testing.T) {
	t.Parallel()
	lines := standing(textAt{"GAGNÉ", 100, 100, 34, ""}, textAt{"NOÉMIE", 100, 160, 34, ""}, textAt{"04 DEC 1986", 100, 220, 34, ""}, textAt{"09 OCT 2025", 100, 280, 34, ""}, textAt{"09 OCT 2035", 400, 280, 34, ""})
	v := reading(lines)
	v.stated = map[Key]Field{KeySurname: {Value: "GAGNE"}, KeyGivenNames: {Value: "HEATHER"}, KeyDateOfBirth: {Value: "1986-12-04"}, KeyDateOfExpiry: {Value: "2035-10-09"}}
	want := map[Key]string{KeySurname: "GAGNÉ", KeyDateOfBirth: "1986-12-04", KeyDateOfExpiry: "2035-10-09", KeyDateOfIssue: "2025-10-09"}
	if diff := cmp.Diff(want, values(v.extract())); diff != "" {
		t.Error(diff)
	}
	if got := reading(lines).extract(); len(got) != 0 {
		t.Errorf("without a zone %v was found", values(got))
	}
}

func TestBlanksOfNamesComeFromTheZone(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"JIŘINAŽOFIE", "JIRINA ZOFIE", "JIŘINA ŽOFIE"}, {"VAN DERBERG", "VAN DER BERG", "VAN DER BERG"}, {"I NÉS", "INES", "INÉS"}, {"MÜLLER", "MUELLER", "MÜLLER"}, {"SMITH", "SMITHSON", "SMITH"}, {"ANNA MARIA", "ANNA MARIA", "ANNA MARIA"},
	} {
		if got := respace(c[0], c[1]); got != c[2] {
			t.Errorf("%q beside %q becomes %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestNationalitiesAreKnownByTheirAdjectives(t *testing.T) {
	t.Parallel()
	d := newDemonyms()
	for text, want := range map[string]string{
		"FRANÇAISE": "FRA", "IVOIRIENNE": "CIV", "ÉIREANNACH/IRISH": "IRL", "T.C./TUR": "TUR", "Österreichische": "AUT", "BRITISH CITIZEN": "GBR", "POLSKIE": "POL", "MAGYAR/HUNGARIAN": "HUN", "GERMANE": "", "": "",
	} {
		if got := strings.Join(d.find(text), " "); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestANationalityOfTwoStates: both Congos print one adjective, which is no reason to contradict the zone of either.
func TestANationalityOfTwoStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, stated, issuer, want string }{
		{"CONGOLAISE", "COD", "COD", "COD"}, {"CONGOLAISE", "", "COG", "COG"}, {"CONGOLAISE", "COD", "FRA", "COD"}, {"CONGOLAISE", "", "", "CONGOLAISE"},
		{"DOMINICAN", "DOM", "DOM", "DOM"}, {"SLOVENSKO", "SVN", "SVN", "SVN"}, {"SLOVENSKO", "SVK", "SVK", "SVK"}, {"CONGOLAISE", "FRA", "COG", "COG"},
		{"FRANÇAISE", "BEL", "BEL", "FRA"},
	} {
		v := dataPage()
		v.country, v.stated = c.issuer, map[Key]Field{KeyNationality: {Value: c.stated}}
		if got, _, ok := v.nationality(c.text); !ok || got != c.want {
			t.Errorf("%s, with %q stated on a document of %q, is %s, want %s", c.text, c.stated, c.issuer, got, c.want)
		}
	}
}

func TestMarksAreThoseOfTheLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		country, kind, text, want string
	}{{"ROU", "passport", "MÄDÁLINA", "MĂDĂLINA"}, {"ITA", "id_card", "ROSALİA", "ROSALÌA"}, {"ROU", "other", "MÄDÁLINA", "MÄDÁLINA"}, {"UTO", "passport", "ÖBERG", "ÖBERG"}, {"TUR", "id_card", "iBRAHiM", "İBRAHİM"}, {"DNK", "passport", "NÓRGAARD", "NØRGAARD"}} {
		v := &visual{country: c.country, kind: ekyc.DocumentType(c.kind)}
		if got, _, ok := v.normalise(KeyGivenNames, c.text); !ok || got != c.want {
			t.Errorf("%s on a %s of %s is %s, want %s", c.text, c.kind, c.country, got, c.want)
		}
	}
}
