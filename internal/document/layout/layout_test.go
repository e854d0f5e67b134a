package layout

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
)

// sound is a layout without a fault, of a State that there is not.
const sound = `
country: FRA
type: id_card
name: Carte de test
since: 2001
languages: [fr]
titles: ["Carte de test"]
issuers: ["République de test"]
mrz: none
dates: day_first
sexes: {HOMME: M, FEMME: F}
fields:
  document_number: {captions: ["N°"], patterns: [A9999999]}
  surname: {captions: ["Nom", "Surname"], then: ["Second nom"], value: below}
  given_names: {captions: ["Prénoms"]}
  sex: {value: anywhere}
  personal_number: {value: anywhere, patterns: [99999999A], rule: esp_dni}
absent: [address]
words: ["Taille"]
`

func TestParseRefusesWhatIsNotALayout(t *testing.T) {
	t.Parallel()
	if _, err := Parse("fra-test.yaml", []byte(sound)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, new, fault string }{
		{"country: FRA", "country: FR", "no code"},
		{"country: FRA", "country: DEU", "does not begin with its country"},
		{"type: id_card", "type: card", "type has a value"},
		{"mrz: none", "mrz: TD4", "mrz has a value"},
		{"dates: day_first", "dates: noon", "dates has a value"},
		{"since: 2001", "since: 2001\nuntil: 1999", "until is before"},
		{"languages: [fr]", "languages: []", "are needed"},
		{"HOMME: M", "HOMME: H", "sexes has a value"},
		{"name: Carte", "nom: Carte", "field nom not found"},
		{"  sex:", "  gender:", "no such field"},
		{"captions: [\"Prénoms\"]", "captions: [\"Prénoms\"], where: below", "field where not found"},
		{"value: below", "value: beneath", "is no place"},
		{"{captions: [\"Prénoms\"]}", "{}", "nothing says where it is"},
		{"{captions: [\"Prénoms\"]}", "{captions: [\"Nom\"]}", "stands for given_names and surname"},
		{"{captions: [\"Prénoms\"]}", "{captions: [\"°\"]}", "without letters"},
		{"{captions: [\"Prénoms\"]}", "{value: anywhere}", "needs patterns"},
		{"{captions: [\"Prénoms\"]}", "{box: [0.5, 0, 0.4, 1]}", "the box"},
		{"{captions: [\"Prénoms\"]}", "{captions: [\"Prénoms\"], lines: 9}", "lines is not"},
		{"patterns: [A9999999]", "patterns: [A-9999999]", "pattern"},
		{"rule: esp_dni", "rule: esp", "there is no rule"},
		{"absent: [address]", "absent: [surname]", "absent"},
		{"words: [\"Taille\"]", "words: [\"Nom\"]", "stands for"},
		{"words: [\"Taille\"]", "words: [\"Taille\"]\n---\nname: x", "second document"},
	} {
		changed := strings.Replace(sound, test.old, test.new, 1)
		if changed == sound {
			t.Fatalf("%q is not in the layout", test.old)
		}
		if _, err := Parse("fra-test.yaml", []byte(changed)); err == nil || !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%q: %v, want a fault that says %q", test.new, err, test.fault)
		}
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	l, err := Parse("fra-test.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	type segment struct{ Key, Value string }
	for line, want := range map[string][]segment{
		"Nom / Surname":                {{"surname", ""}},
		"NOM: HYTHLODAY":               {{"surname", "HYTHLODAY"}},
		"Prénoms RAPHAEL  Taille 1,75": {{"given_names", "RAPHAEL"}, {"", "1,75"}},
		"N° A1234567":                  {{"document_number", "A1234567"}},
		"No A1234567":                  {{"document_number", "A1234567"}},
		"N°A1234567":                   {{"document_number", "A1234567"}},
		"Prenons":                      {{"given_names", ""}},
		"Second nom":                   {{"surname+", ""}},
		"NOMADE":                       nil,
		"RAPHAEL":                      nil,
		"":                             nil,
		"MAISON NOM":                   nil, // a short word inside a value
		"RUE DES Prénoms: A":           {{"given_names", "A"}},
		"N° A1234567PRENOMS RAPHAEL":   {{"document_number", "A1234567"}, {"given_names", "RAPHAEL"}}, // the blank before a long caption was lost
		"N° A1234567NOM HYTHLODAY":     {{"document_number", "A1234567NOM HYTHLODAY"}},                // a short one may be part of the number
		"PREN0MS: RAPHAEL":             {{"given_names", "RAPHAEL"}},                                  // a digit that is the letter it looks like
		"姓Prénoms: A":                  {{"given_names", "A"}},                                        // a script without blanks before it
	} {
		var got []segment
		for _, s := range l.Segments(line) {
			got = append(got, segment{s.Key, s.Value})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
	if s := l.Segments("NOM: HYTHLODAY")[0]; s.From != 0 || s.To != 3 {
		t.Errorf("the caption is from %d to %d", s.From, s.To)
	}
}

func TestSegmentsOfAnyLine(t *testing.T) {
	t.Parallel()
	layouts := Default().All()
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.SampledFrom(layouts).Draw(t, "layout")
		words := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.SampledFrom(append(slices.Clone(l.Words), l.Titles...)), rapid.Just(" / ")), 0, 6).Draw(t, "words")
		line := strings.Join(words, "")
		end := 0
		for _, s := range l.Segments(line) {
			if s.From < end || s.To <= s.From || s.To > len([]rune(line)) {
				t.Fatalf("%q: a caption from %d to %d after %d", line, s.From, s.To, end)
			}
			end = s.To
		}
	})
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	table := Default()
	for _, test := range []struct {
		name    string
		lines   []string
		id      string // of the best that decides, "" for none
		country string
	}{
		{"title and issuer", []string{"RÉPUBLIQUE DE CÔTE D'IVOIRE", "CARTE NATIONALE D'IDENTITÉ", "Nom", "Prénom(s)", "NNI"}, "civ-id_card", "CIV"},
		{"the same title of another issuer", []string{"REPUBLIQUE DU CAMEROUN", "CARTE NATIONALE D'IDENTITE", "NOM/SURNAME"}, "cmr-id_card", "CMR"},
		{"letters misread", []string{"BUNDESREPUBL1K DEUTSCHLAND", "PERS0NALAUSWEIS", "Vornamen/Given names/Prénoms"}, "deu-id_card", "DEU"},
		{"words of one document only", []string{"Tempat/Tgl Lahir", "Kewarganegaraan", "Berlaku Hingga"}, "idn-id_card", "IDN"},
		{"a script without spaces", []string{"姓名张三", "公民身份号码11010519491231002X", "中华人民共和国"}, "chn-id_card", "CHN"},
		{"a title alone", []string{"PERMIS DE CONDUIRE"}, "", ""},
		{"an issuer alone", []string{"FRANCE", "République française"}, "", ""},
		{"other print", []string{"Annual report", "Table 1", "42"}, "", ""},
		{"nothing", nil, "", ""},
	} {
		id := ""
		for _, m := range table.Recognise(test.lines) {
			if m.Decides && id == "" {
				id = m.Layout.ID
				if m.Layout.Country != test.country {
					t.Errorf("%s: of %s", test.name, m.Layout.Country)
				}
			}
		}
		if id != test.id {
			t.Errorf("%s: %q, want %q", test.name, id, test.id)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	table := Default()
	old := []string{"RÉPUBLIQUE FRANÇAISE", "CARTE NATIONALE D'IDENTITÉ N° :", "Carte valable jusqu'au"}
	for _, test := range []struct {
		lines   []string
		country string
		kind    ekyc.DocumentType
		format  string
		want    string
	}{
		{old, "FRA", ekyc.IDCard, "FRA_ID", "fra-id_card-1988"},
		{old, "FRA", ekyc.IDCard, "TD1", "fra-id_card"},
		{old, "FRA", ekyc.Passport, "TD3", ""}, // nothing of its own was seen
		{nil, "DZA", ekyc.IDCard, "TD1", ""},
		{old, "UTO", ekyc.IDCard, "TD1", ""},
	} {
		m, ok := table.Choose(table.Recognise(test.lines), test.country, test.kind, test.format)
		id := ""
		if ok {
			id = m.Layout.ID
		}
		if id != test.want {
			t.Errorf("%s %s %s: %q, want %q", test.country, test.kind, test.format, id, test.want)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Né(e) à": "NEEA", "Straße": "STRASSE", "N°": "N", "Прізвище": "ПРІЗВИЩЕ", "姓名 Nom": "姓名NOM", "Łódź №1": "LODZNO1"} {
		if got := Fold(text); got != want {
			t.Errorf("%q folds to %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		source := []rune(rapid.String().Draw(t, "text"))
		f := foldRunes(source)
		for i, at := range f.at {
			if at < 0 || at >= len(source) || i > 0 && at < f.at[i-1] || unicode.IsLower(f.text[i]) && unicode.ToUpper(f.text[i]) != f.text[i] {
				t.Fatalf("%q at %d", f.text[i], at)
			}
		}
	})
}

func BenchmarkRecognise(b *testing.B) {
	table := Default()
	var lines []string
	for i, l := range table.All() {
		lines = append(lines, l.Name, l.Authority)
		if i == 30 {
			break
		}
	}
	for b.Loop() {
		table.Recognise(lines)
	}
}

func TestSegmentsOfASexWithoutABlank(t *testing.T) {
	t.Parallel()
	text := strings.Replace(sound, "sex: {value: anywhere}", "sex: {captions: [\"Sexe\", \"Sex\"]}", 1)
	l, err := Parse("fra-test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{"SEXF": "F", "SEXEM 1,70": "M 1,70", "SEX F": "F", "SEXFOLD": "none", "SEXO": "none"} {
		got := "none"
		for _, s := range l.Segments(line) {
			got = s.Value
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestCaptionsOfAmericanNumbers: "No" is part of the caption and no beginning of the number.
func TestCaptionsOfAmericanNumbers(t *testing.T) {
	t.Parallel()
	for id, lines := range map[string][]string{
		"usa-driver_license": {"4d DL NO V7499087", "4d DL V7499087", "4d DLN V7499087"},
		"usa-id_card":        {"4d ID NO V7499087", "4d ID V7499087"},
	} {
		i := slices.IndexFunc(Default().All(), func(l *Layout) bool { return l.ID == id })
		for _, line := range lines {
			if got := Default().All()[i].Segments(line); len(got) != 1 || got[0].Value != "V7499087" {
				t.Errorf("%s, %q: %+v", id, line, got)
			}
		}
	}
}
