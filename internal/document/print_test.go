package document

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/vision"
)

var today = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func TestFoldKeepsLettersAndTheirPlaces(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Prénoms / Given names": "PRENOMSGIVENNAMES", "N° de passeport": "NDEPASSEPORT", "Weiß": "WEISS", "Łódź": "LODZ", "Ærø 12": "AERO12", "Д": "", "": "",
	} {
		if got := foldText(text); got != want {
			t.Errorf("%q folds to %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		f, runes := fold(text), []rune(text)
		if len(f.at) != len(f.text) {
			t.Fatalf("%d places for %d characters", len(f.at), len(f.text))
		}
		for i, at := range f.at {
			if at < 0 || at >= len(runes) || i > 0 && at < f.at[i-1] {
				t.Fatalf("place %d of character %d", at, i)
			}
		}
	})
}

func TestCaptionsAreTakenFromLines(t *testing.T) {
	t.Parallel()
	c := newCaptions()
	for line, want := range map[string]captioned{
		"Surname / Nom":        {KeySurname, ""},
		"Name /Surname":        {KeySurname, ""},
		"Sumame/ Nom":          {KeySurname, ""},
		"Numm/Nom/Surname":     {KeySurname, ""},
		"Vornamen/Given names": {KeyGivenNames, ""},
		"Surname: O'Brien":     {KeySurname, "O'Brien"},
		"Date of birth / Date de naissance: 12 AUG 1974":     {KeyDateOfBirth, "12 AUG 1974"},
		"FECHA DE NACIMIENTO":                                {KeyDateOfBirth, ""},
		"Gültig bis/Date of expiry":                          {KeyDateOfExpiry, ""},
		"EXP 08/12/2020":                                     {KeyDateOfExpiry, "08/12/2020"},
		"Passport Number/ N° de passeport":                   {KeyDocumentNumber, ""},
		"Type/ Type":                                         {keyOther, ""},
		"Sex/Place of birth":                                 {KeySex, ""},
		"Réamhainm(neacha)/ Given names /Prénoms (2): NIAMH": {KeyGivenNames, "NIAMH"},
		"STAATSANGEHÓRIGKEITINATIONALITY (3):DEUTSCH":        {KeyNationality, "DEUTSCH"},
		"7.Ausstellungsdatum/Date of issue 01 MAR 2025":      {KeyDateOfIssue, "01 MAR 2025"},
		"Επώνυμο • Surname":                                  {KeySurname, ""},
		"出生日期/Date of birth":                                 {KeyDateOfBirth, ""},
		"N°:540745454167":                                    {KeyDocumentNumber, "540745454167"},
		"PFJMENÍ SURNAME":                                    {KeySurname, ""},
		"Ovopa Given names":                                  {KeyGivenNames, ""},
	} {
		got, ok := c.split(line)
		if !ok || got != want {
			t.Errorf("%q: %v, %v; want %v", line, got, ok, want)
		}
	}
	for _, line := range []string{"ERIKSSON", "PASSPORT OFFICE AMAUROT", "12 AUG/AOÛ 1974", "ANNA MARIA", "NOMAD", "L898902C3", ""} {
		if got, ok := c.split(line); ok {
			t.Errorf("%q was taken for the caption of %q", line, got.key)
		}
	}
}

func TestDatesAreReadAsPrinted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text       string
		monthFirst bool
		century    century
		want       string
		sure       bool
	}{
		{"12 AUG/AOÛ 1974", false, pastDate, "1974-08-12", true},
		{"12AUG/AOUT 74", false, pastDate, "1974-08-12", false},
		{"01 GEN 2030", false, futureDate, "2030-01-01", true},
		{"13.06.1973", false, pastDate, "1973-06-13", true},
		{"01/06/1958", true, pastDate, "1958-01-06", true},
		{"01/06/1958", false, pastDate, "1958-06-01", false},
		{"06/25/1958", false, pastDate, "1958-06-25", true},
		{"1988-03-23", false, pastDate, "1988-03-23", true},
		{"2031-04–18", false, futureDate, "2031-04-18", true},
		{"23 03 1988", false, pastDate, "1988-03-23", true},
		{"23031988", false, pastDate, "1988-03-23", true},
		{"17 0CT 2029", false, futureDate, "2029-10-17", true},
		{"15 APR/AVR 31", false, futureDate, "2031-04-15", false},
		{"15 APR 27", false, pastDate, "1927-04-15", false},
		{"31.12.26", false, pastDate, "1926-12-31", false}, // nobody was born next month
		{"24.11.26", false, pastDate, "2026-11-24", false},
		{"31.12.26", false, futureDate, "2026-12-31", false},
		{"24 MEITH/JUN 1984", false, pastDate, "1984-06-24", true},
		{"24 MEI/JUN 1984", false, pastDate, "1984-06-24", false}, // Dutch MEI is May, Irish is June
		{"24 MEI/MAY 1984", false, pastDate, "1984-05-24", true},
		{"05 MARRAS/NOV 1990", false, pastDate, "1990-11-05", true},
		{"12 ÁPRILIS 1990", false, pastDate, "1990-04-12", true},
		{"01 01 9999", false, futureDate, "9999-01-01", true},
		{"31.12.9999", false, futureDate, "9999-12-31", true},
		{"March 5, 1999", true, pastDate, "1999-03-05", true},
		{"2018-MAY-17", false, pastDate, "2018-05-17", true},
		{"2003年1月10日", false, pastDate, "2003-01-10", true},
		{"民國75年6月15日", false, pastDate, "1986-06-15", true},
		{"中華民國 94 年 7 月 1 日(北市)換發", false, pastDate, "2005-07-01", true},
		{"民國112年01月05日", false, pastDate, "2023-01-05", true},
		{"民国9年12月31日", false, pastDate, "1920-12-31", true},
		{"昭和60年6月1日生", false, pastDate, "1985-06-01", true},
		{"昭和64年1月7日", false, pastDate, "1989-01-07", true},
		{"平成元年 1月 8日", false, pastDate, "1989-01-08", true},
		{"平成3.6.15", false, pastDate, "1991-06-15", true},
		{"令和元年05月07日 12345", false, pastDate, "2019-05-07", true},
		{"令和 2 年 12 月 10 日", false, pastDate, "2020-12-10", true},
		{"2031年(令和13年)06月01日まで有効", false, futureDate, "2031-06-01", true},
		{"平成32年06月01日まで有効", false, futureDate, "2020-06-01", true}, // printed before anybody knew when the era would end
		{"大正15年3月4日", false, pastDate, "1926-03-04", true},
		{"01 1月/JAN 1990", false, pastDate, "1990-01-01", true},
		{"09 0cT 10cT 25", false, pastDate, "2025-10-09", false},
		{"29/0712032", false, futureDate, "2032-07-29", false},
	} {
		iso, sure, ok := parseDate(c.text, c.monthFirst, c.century, today)
		if !ok || iso != c.want || sure != c.sure {
			t.Errorf("%q: %q, sure %v, %v; want %q, sure %v", c.text, iso, sure, ok, c.want, c.sure)
		}
	}
	for _, text := range []string{"31.02.1990", "32.01.1990", "13.13.1990", "01.01.9999", "ANNA", "123456", "L898902C3", "00.00.0000", "", "75年6月15日", "12年6月15日", "元年5月1日",
		"昭和64年1月8日", "平成元年1月7日", "平成31年5月1日", "令和元年4月30日", "令和0年6月1日", "2031年(令和12年)06月01日", "民國75年13月1日", "12년 6월 15일"} {
		if iso, _, ok := parseDate(text, false, pastDate, today); ok {
			t.Errorf("%q became %q", text, iso)
		}
	}
}

// TestJapansErasAreReadByTheirLetters on its documents alone: elsewhere the letters are other things.
func TestJapansErasAreReadByTheirLetters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"S60.6.1": "1985-06-01", "H3.6.15": "1991-06-15", "R1.5.7": "2019-05-07", "R元年5月7日": "2019-05-07", "H 03年06月15日": "1991-06-15", "S64.1.8": "", "H3.13.1": "", "X3.6.15": "", "3.6.15": "", "1991.6.15": "1991-06-15", "AS60.6.1": "",
	} {
		v := &visual{country: "JPN", at: today}
		if got, _, ok := v.normalise(KeyDateOfBirth, text); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", text, got, ok, want)
		}
	}
	v := &visual{country: "DEU", at: today}
	if got, _, _ := v.normalise(KeyDateOfBirth, "S60.6.1"); got == "1985-06-01" {
		t.Error("an era was read on a German document")
	}
}

func TestEveryDateSurvivesPrinting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		date := time.Unix(rapid.Int64Range(-2e9, 2.5e9).Draw(t, "seconds"), 0).UTC()
		layout := rapid.SampledFrom([]string{"02.01.2006", "02 JAN 2006", "02 Jan 2006", "2006-01-02", "02 01 2006", "2006.01.02", "02-01-2006"}).Draw(t, "layout")
		layout = strings.Replace(layout, "JAN", "Jan", 1)
		iso, _, ok := parseDate(date.Format(layout), false, pastDate, today)
		if want := date.Format("2006-01-02"); !ok || iso != want {
			t.Fatalf("%q: %q, want %q", date.Format(layout), iso, want)
		}
	})
}

// lines lays print out: text at x and y, letters 20 pixels high.
func lines(entries ...any) []TextLine {
	var out []TextLine
	for i := 0; i < len(entries); i += 3 {
		x, y, text := float64(entries[i].(int)), float64(entries[i+1].(int)), entries[i+2].(string)
		box := vision.Rect{X0: x, Y0: y, X1: x + 12*float64(len([]rune(text))), Y1: y + 20}
		out = append(out, TextLine{Text: text, Confidence: 0.98, Quad: box.Quad(), Box: box})
	}
	return out
}

func extracted(text []TextLine, licence, monthFirst bool) map[Key]string {
	v := &visual{lines: text, captions: newCaptions(), countries: newCountryNames(), licence: licence, monthFirst: monthFirst, at: today}
	out := map[Key]string{}
	for key, f := range v.extract() {
		out[key] = f.Value
	}
	return out
}

func TestPassportPrintGivesItsFields(t *testing.T) {
	t.Parallel()
	got := extracted(lines(
		400, 20, "UTOPIA", 400, 80, "Type/ Type", 600, 80, "Country code/ Code du pays", 900, 80, "Passport No./ N° de passeport",
		400, 104, "P", 600, 104, "UTO", 900, 104, "L898902C3",
		400, 150, "Surname/ Nom", 400, 174, "ERIKSSON", 400, 220, "Given names/ Prénoms", 400, 244, "ANNA MARIA",
		400, 290, "Nationality/ Nationalité", 400, 314, "UTOPIAN", 400, 360, "Date of birth/ Date de naissance", 900, 360, "Personal No./ N° personnel",
		400, 384, "12 AUG/AOÛ 74", 900, 384, "ZE 184226 B", 400, 430, "Sex/ Sexe", 600, 430, "Place of birth/ Lieu de naissance", 400, 454, "F", 600, 454, "ZENITH",
		400, 500, "Date of issue/ Date de délivrance", 900, 500, "Authority/ Autorité", 400, 524, "16 APR/AVR 07", 900, 524, "PASSPORT OFFICE",
		400, 570, "Date of expiry/ Date d'expiration", 900, 570, "Holder's signature/ Signature du titulaire", 400, 594, "15 APR/AVR 12",
	), false, false)
	want := map[Key]string{
		KeyDocumentNumber: "L898902C3", KeySurname: "ERIKSSON", KeyGivenNames: "ANNA MARIA", KeyNationality: "UTO", KeyDateOfBirth: "1974-08-12",
		KeyPersonalNumber: "ZE184226B", KeySex: "F", KeyPlaceOfBirth: "ZENITH", KeyDateOfIssue: "2007-04-16", KeyIssuingAuthority: "PASSPORT OFFICE",
		KeyDateOfExpiry: "2012-04-15", KeyIssuingCountry: "UTO",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLicencesGiveTheirNumberedFields(t *testing.T) {
	t.Parallel()
	europe := extracted(lines(
		200, 45, "FÜHRERSCHEIN", 350, 164, "1.", 410, 164, "MARLOWE", 350, 214, "2. GILES", 350, 264, "3.", 410, 264, "22.08.1967", 608, 264, "ANYDROS",
		350, 314, "4a.", 410, 314, "15.09.2018", 580, 314, "4C.MINISTRY OF THE INTERIOR", 350, 364, "4b.", 410, 364, "15.09.2028",
		350, 414, "5.", 410, 414, "821470234", 350, 464, "9.", 410, 464, "AM/B",
	), true, false)
	if diff := cmp.Diff(map[Key]string{
		KeySurname: "MARLOWE", KeyGivenNames: "GILES", KeyDateOfBirth: "1967-08-22", KeyPlaceOfBirth: "ANYDROS", KeyDateOfIssue: "2018-09-15",
		KeyIssuingAuthority: "MINISTRY OF THE INTERIOR", KeyDateOfExpiry: "2028-09-15", KeyDocumentNumber: "821470234", KeyLicenceCategories: "AM B",
	}, europe); diff != "" {
		t.Errorf("Europe: %s", diff)
	}
	print := lines(
		560, 27, "DRIVER LICENSE", 350, 143, "4d DLN", 452, 143, "U2769634", 350, 190, "3 DOB", 452, 190, "03/04/1998", 680, 240, "4a ISS", 771, 240, "12/02/2022",
		350, 240, "4b EXP", 455, 240, "12/02/2032", 350, 292, "1LN", 457, 292, "WHITFIELD", 350, 343, "2FN", 457, 343, "LUIS ROBERT",
		384, 394, "2 ELM AVENUE", 278, 394, "8", 384, 416, "SPRINGVALE, FL 36811", 350, 495, "15 SEX M", 535, 495, "16 HGT 5'-05\"", 795, 138, "9 CLASSC",
	)
	if !american(print) {
		t.Error("an American licence was not known by its captions")
	}
	if diff := cmp.Diff(map[Key]string{
		KeyDocumentNumber: "U2769634", KeyDateOfBirth: "1998-03-04", KeyDateOfIssue: "2022-12-02", KeyDateOfExpiry: "2032-12-02", KeySurname: "WHITFIELD",
		KeyGivenNames: "LUIS ROBERT", KeyAddress: "2 ELM AVENUE SPRINGVALE, FL 36811", KeySex: "M", KeyLicenceCategories: "C",
	}, extracted(print, true, true)); diff != "" {
		t.Errorf("America: %s", diff)
	}
}

func TestNothingIsGuessed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]TextLine{
		"no captions":            lines(100, 100, "ERIKSSON", 100, 140, "12 AUG 1974", 100, 180, "L898902C3"),
		"captions alone":         lines(100, 100, "Surname/ Nom", 100, 200, "Date of birth", 500, 200, "Sex"),
		"values of another form": lines(100, 100, "Date of birth", 100, 124, "ERIKSSON", 400, 100, "Sex", 400, 124, "1974", 100, 200, "Surname", 100, 224, "4711"),
		"values far away":        lines(100, 100, "Surname", 900, 700, "ERIKSSON"),
	} {
		if got := extracted(text, false, false); len(got) != 0 {
			t.Errorf("%s: %d fields were made up", name, len(got))
		}
	}
}

// TestSexOfAMexicanCard: H is hombre; M is mujer on the voter card and masculino elsewhere.
func TestSexOfAMexicanCard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"H": "M", "M": "", "MUJER": "F", "HOMBRE": "M", "M/M": "M"} {
		v := &visual{mujer: true}
		if got, _, ok := v.normalise(KeySex, text); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, ok, want)
		}
		v.mujer = false
		if got, _, ok := v.normalise(KeySex, text); !ok || text == "M" && got != "M" {
			t.Errorf("elsewhere %s: %q, %v", text, got, ok)
		}
	}
}

func TestTitlesAndCodesNameTheKind(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]ekyc.DocumentType{
		"PASSPORT": ekyc.Passport, "REISEPASS": ekyc.Passport, "CARTE NATIONALE D'IDENTITÉ": ekyc.IDCard, "REPUBLIC OF TURKEY IDENTITY CARD": ekyc.IDCard,
		"FÜHRERSCHEIN": ekyc.DriverLicense, "PERMIS DE CONDUIRE": ekyc.DriverLicense, "TITRE DE SÉJOUR": ekyc.ResidencePermit, "RESIDENCE PERMIT": ekyc.ResidencePermit, "VISA": ekyc.OtherDocument,
	} {
		if kind, subtype, _, ok := titleOf(line); !ok || kind != want || (kind == ekyc.OtherDocument) != (subtype == "visa") {
			t.Errorf("%q: %q %q %v", line, kind, subtype, ok)
		}
	}
	for _, line := range []string{"COMPASSION", "VISAGE", "ERIKSSON", "INVOICE"} {
		if kind, _, word, ok := titleOf(line); ok {
			t.Errorf("%q names a %s by %q", line, kind, word)
		}
	}
	for code, want := range map[string]ekyc.DocumentType{"P": ekyc.Passport, "PD": ekyc.Passport, "V": ekyc.OtherDocument, "ID": ekyc.IDCard, "I": ekyc.IDCard, "AC": ekyc.IDCard, "IR": ekyc.ResidencePermit, "AR": ekyc.ResidencePermit} {
		if kind, _, ok := kindOfCode(code); !ok || kind != want {
			t.Errorf("code %q: %q %v", code, kind, ok)
		}
	}
}

func TestVotesAreWeighed(t *testing.T) {
	t.Parallel()
	d := decide([]vote{{ekyc.IDCard, "", 0.95, "mrz_code:I"}, {ekyc.ResidencePermit, "", 0.97, "title:residencepermit"}})
	if d.Type != ekyc.ResidencePermit || d.Confidence > 0.6 {
		t.Errorf("%s with confidence %.2f", d.Type, d.Confidence)
	}
	if d := decide(nil); d.Type != ekyc.OtherDocument || d.Confidence != 0 {
		t.Errorf("without votes: %s, %.2f", d.Type, d.Confidence)
	}
	agreeing := decide([]vote{{ekyc.Passport, "", 0.8, "a"}, {ekyc.Passport, "", 0.5, "b"}})
	if diff := cmp.Diff(Detected{Type: ekyc.Passport, Confidence: 0.9, Evidence: []string{"a", "b"}}, agreeing, approximately); diff != "" {
		t.Error(diff)
	}
}

var approximately = cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })

func TestIssuersAreFoundByName(t *testing.T) {
	t.Parallel()
	c := newCountryNames()
	for line, want := range map[string]string{
		"BUNDESREPUBLIK DEUTSCHLAND": "D", "RÉPUBLIQUE FRANÇAISE": "FRA", "UTOPIA": "UTO", "UNITED STATES OF AMERICA": "USA", "TÜRKİYE CUMHURİYETİ": "TUR",
		"REPÚBLICA PORTUGUESA": "PRT", "COTE D'IVOIRE": "CIV", "SCHWEIZ SUISSE SVIZZERA": "CHE", "KONUNGARIKET SVERIGE": "SWE", "ISLAND": "ISL",
		"NORTHERN IRELAND": "GBR", "BRITAIN AND NORTHERN IRELAND": "GBR", "REPUBLIC OF IRELAND": "IRL",
	} {
		if name, _, ok := c.find(line); !ok || name.code != want {
			t.Errorf("%q: %q %v, want %q", line, name.code, ok, want)
		}
	}
	if name, _, ok := c.find("ERIKSSON ANNA"); ok {
		t.Errorf("a name was taken for %s", name.code)
	}
}

// TestPrintOfBothSidesIsEvidence: also where the front shows its edges and little print.
func TestPrintOfBothSidesIsEvidence(t *testing.T) {
	t.Parallel()
	front := &side{lines: lines(10, 10, "UTOPIA"), geometry: Geometry{Method: ByEdges}}
	back := &side{lines: lines(10, 10, "SURNAME", 10, 40, "ERIKSSON", 10, 70, "AUTHORITY"), geometry: Geometry{Method: ByEdges}}
	out := &Reading{MRZ: &MRZ{}, Detected: Detected{Country: "UTO"}}
	if !evident([]*side{front, back}, out) || evident([]*side{front}, out) {
		t.Errorf("both sides: %v, the front alone: %v", evident([]*side{front, back}, out), evident([]*side{front}, out))
	}
	out.Detected.Country = ""
	if evident([]*side{front, back}, out) {
		t.Error("the edges of two sides are two signs")
	}
}

// TestGeorgiaOnAnAmericanLicenceIsTheState and elsewhere the country.
func TestGeorgiaOnAnAmericanLicenceIsTheState(t *testing.T) {
	t.Parallel()
	r := &Reader{countries: newCountryNames()}
	american := lines(10, 10, "GEORGIA", 10, 60, "3 DOB 01/02/1990", 10, 90, "4b EXP 01/02/2030", 10, 120, "15 SEX F")
	for want, print := range map[string][]TextLine{"USA": american, "GEO": american[:1]} {
		votes := map[string]float64{}
		r.issuerVotes(&side{lines: print, image: vision.NewRGB(400, 250)}, func(code string, weight float64) { votes[code] += weight })
		if len(votes) != 1 || votes[want] == 0 {
			t.Errorf("%v, want %s", votes, want)
		}
	}
}

func TestSourcesAreCompared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key  Key
		a, b string
		same bool
	}{
		{KeySurname, "MUELLER", "MUELLER", true}, {KeySurname, "ERIKSSON", "ERIKSEN", false}, {KeyGivenNames, "ANNA MAR", "Anna Maria", true},
		{KeyNationality, "D", "DEU", true}, {KeyNationality, "FRA", "FRANÇAISE", true}, {KeyNationality, "FRA", "ITA", false},
		{KeyDateOfBirth, "1974-08-12", "1974-08-13", false}, {KeyDocumentNumber, "L898902C3", "L898 902C3", true},
	} {
		if got := sameValue(c.key, c.a, c.b); got != c.same {
			t.Errorf("%s: %q and %q: %v", c.key, c.a, c.b, got)
		}
	}
}

func TestKeysAreComplete(t *testing.T) {
	t.Parallel()
	for key := range captionWords {
		if key != keyOther && !slices.Contains(Keys, key) {
			t.Errorf("captions name the unknown field %q", key)
		}
	}
	if len(Keys) != 16 {
		t.Errorf("%d fields, the contract has 16", len(Keys))
	}
}

func TestSpecimensAreKnownByWholeWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"SPÉCIMEN": {"SPECIMEN"}, "SPECIMENSPECIMEN specimen": {"SPECIMEN"}, "ESPECIMEN": {"SPECIMEN"}, "Void if altered": {"VOID"},
		"AVOID DAMAGE": nil, "MUSTERMANN": nil, "12345 MUSTERSTADT": nil, "SAMPLES TAKEN": nil, "": nil,
	} {
		if got := specimenWordsOf([]*side{{lines: []TextLine{{Text: text, Confidence: 0.9}}}}); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := specimenWordsOf([]*side{{lines: []TextLine{{Text: "SPECIMEN", Confidence: leastLine - 0.1}}}}); got != nil {
		t.Errorf("ornament marks a specimen: %v", got)
	}
}
