package document

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/mrz"
	"ekyc/internal/document/number"
	"ekyc/internal/vision"
)

// printOf sets the print of a layout: title and issuer at the head, then caption and value, field by field, as the layout places them. It gives the
// lines and what is to be read of them.
func printOf(l *layout.Layout) ([]TextLine, map[Key]string) {
	var lines []TextLine
	y := 20.0
	put := func(text string, x, y, height float64) {
		width := height * 0.5 * float64(len([]rune(text)))
		box := vision.Rect{X0: x, Y0: y, X1: x + width, Y1: y + height}
		lines = append(lines, TextLine{Text: text, Confidence: 0.97, Quad: box.Quad(), Box: box})
	}
	for _, words := range [][]string{l.Issuers, l.Titles, l.Marks} {
		if len(words) > 0 {
			put(words[0], 300, y, 24)
			y += 40
		}
	}
	want := map[Key]string{}
	for _, name := range layout.Keys {
		field := l.Fields[name]
		if field == nil {
			continue
		}
		printed, value := exampleOf(l, Key(name), field)
		if len(field.Captions) == 0 && field.Value != layout.Anywhere {
			if number := numberOfField(Key(name)); number != "" {
				put(number+" "+printed, 40, y, 20)
				want[Key(name)] = value
				y += 44
			}
			continue
		}
		want[Key(name)] = value
		caption := strings.Join(field.Captions, " / ")
		switch {
		case len(field.Captions) == 0:
			x := 40.0
			if field.Box != nil {
				x = (field.Box[0]+field.Box[2])/2*1280 - 100
			}
			put(printed, x, 60, 24) // within every box that a layout has
		case field.Value == layout.Right:
			put(caption, 40, y, 16)
			put(printed, 60+8*float64(len([]rune(caption))), y-4, 24)
		case field.Value == layout.Above:
			put(printed, 40, y-4, 24)
			put(caption, 40, y+24, 16)
			y += 24
		default:
			put(caption, 40, y, 16)
			put(printed, 42, y+20, 24)
			y += 24
		}
		y += 44
	}
	return lines, want
}

// numberOfField is the number of a field on a licence of the European Union.
func numberOfField(key Key) string {
	for number, k := range europeanNumbers {
		if k == key {
			return number + "."
		}
	}
	return ""
}

// exampleOf is a value of a field as printed, and as it is to be read.
func exampleOf(l *layout.Layout, key Key, field *layout.Field) (printed, value string) {
	if len(field.Patterns) > 0 {
		n := numberOf(field)
		return n, n
	}
	date := func(year int) (string, string) {
		t := time.Date(year, 3, 21, 0, 0, 0, 0, time.UTC)
		switch l.Dates {
		case layout.MonthFirst:
			return t.Format("01/02/2006"), t.Format(time.DateOnly)
		case layout.YearFirst:
			return t.Format("2006.01.02"), t.Format(time.DateOnly)
		}
		return t.Format("02.01.2006"), t.Format(time.DateOnly)
	}
	switch key {
	case KeyDateOfBirth:
		return date(1990)
	case KeyDateOfIssue:
		return date(2021)
	case KeyDateOfExpiry:
		return date(2031)
	case KeySex:
		for word, letter := range l.Sexes {
			return word, letter
		}
		return "F", "F"
	case KeyNationality, KeyIssuingCountry:
		return "UTO", "UTO"
	case KeyDocumentNumber, KeyPersonalNumber:
		return "AB1234567", "AB1234567"
	case KeyLicenceCategories:
		return "B", "B"
	}
	words := map[Key]string{
		KeySurname: "HYTHLODAY", KeyGivenNames: "RAPHAEL", KeyFullName: "RAPHAEL HYTHLODAY", KeyPlaceOfBirth: "ANYDRUS", KeyAddress: "12 HARBOUR ROAD", KeyIssuingAuthority: "PREFECT OF AMAUROT",
	}
	return words[key], words[key]
}

// numberOf makes a number of the field's last pattern whose check digit holds.
func numberOf(field *layout.Field) string {
	pattern := string(field.Patterns[len(field.Patterns)-1])
	for seed := uint64(1); ; seed++ {
		random := rand.New(rand.NewPCG(seed, seed))
		text := strings.Map(func(r rune) rune {
			switch {
			case r == '9', r == '*', r == 'G', r == 'N':
				return rune('2' + random.IntN(8))
			case r == 'A', r == 'n':
				return rune("ABCDEFGHJKLMNPQRSTUVWXYZ"[random.IntN(24)])
			case r >= 'a' && r <= 'z':
				return r - 'a' + 'A'
			}
			return r
		}, pattern)
		if field.Rule == "" || field.Rule.Check(text) == number.Holds {
			return text
		}
	}
}

// TestEveryLayoutReadsItsOwnPrint: of a print that is set by the layout alone, the layout is recognised and every field is read, in its place.
func TestEveryLayoutReadsItsOwnPrint(t *testing.T) {
	t.Parallel()
	countries, table := newCountryNames(), newCaptions()
	for _, l := range layout.Default().All() {
		t.Run(l.ID, func(t *testing.T) {
			t.Parallel()
			lines, want := printOf(l)
			s := &side{lines: lines, image: vision.NewRGB(1280, 1280)}
			known := recognise([]*side{s})
			if !slices.ContainsFunc(known, func(m layout.Match) bool { return m.Layout == l }) {
				t.Fatal("the layout is not among those that its print speaks for")
			}
			v := &visual{lines: lines, captions: table, countries: countries, at: today, monthFirst: l.Dates == layout.MonthFirst, licence: l.Numbered}
			got := laidOut(l, s, v, v.extract())
			for key, value := range want {
				if got[key].Value != value {
					t.Errorf("%s is %q, want %q", key, got[key].Value, value)
				}
			}
		})
	}
}

// TestLayoutsAreToldApart: the best of the layouts that decide has the country and type whose print it is, whatever others there are.
func TestLayoutsAreToldApart(t *testing.T) {
	t.Parallel()
	for _, l := range layout.Default().All() {
		if len(l.Titles) == 0 || len(l.Issuers) == 0 {
			continue
		}
		lines, _ := printOf(l)
		known := recognise([]*side{{lines: lines, image: vision.NewRGB(16, 16)}})
		v, country, ok := layoutVote(known)
		if !ok || country != printedCode(l.Country) || v.kind != l.Type {
			t.Errorf("the print of %s is taken for %s %s (%v)", l.ID, country, v.kind, v.reason)
		}
	}
}

// TestALayoutGivesWayToTheZone: what is printed of a national document does not make its zone's passport a card, but tells which card a zone of
// a card belongs to.
func TestALayoutGivesWayToTheZone(t *testing.T) {
	t.Parallel()
	byType := func(kind ekyc.DocumentType) *layout.Layout {
		all := layout.Default().All()
		return all[slices.IndexFunc(all, func(l *layout.Layout) bool {
			return l.Country == "FRA" && l.Type == kind && len(l.Titles) > 0 && len(l.Issuers) > 0
		})]
	}
	reader := New(Models{})
	for _, c := range []struct {
		code   string
		layout ekyc.DocumentType
		vote   bool
		want   ekyc.DocumentType
	}{
		{"P", ekyc.IDCard, false, ekyc.Passport}, {"P", ekyc.DriverLicense, false, ekyc.Passport}, {"I", ekyc.IDCard, true, ekyc.IDCard},
		{"IR", ekyc.IDCard, false, ekyc.ResidencePermit}, {"I", ekyc.ResidencePermit, true, ekyc.ResidencePermit},
	} {
		lines, _ := printOf(byType(c.layout))
		s := &side{lines: lines, image: vision.NewRGB(1280, 1280)}
		out := &Reading{MRZ: &MRZ{Found: true, Zone: &mrz.Zone{DocumentCode: c.code, Issuer: "FRA"}}}
		known := recognise([]*side{s})
		v, country, ok := layoutVote(known)
		if !ok || v.kind != c.layout {
			t.Fatalf("the print of a French %s is taken for %s", c.layout, v.kind)
		}
		if got := !out.MRZ.against(v, country); got != c.vote {
			t.Errorf("the vote of a layout of %s beside a zone of code %s counts: %v, want %v", c.layout, c.code, got, c.vote)
		}
		reader.classify([]*side{s}, known, Input{At: today}, out)
		if out.Detected.Type != c.want {
			t.Errorf("a zone of code %s with the print of %s is %s, want %s", c.code, c.layout, out.Detected.Type, c.want)
		}
	}
}

// printAt lays print out: text with its left, top, width and height.
func printAt(entries ...any) []TextLine {
	var out []TextLine
	for i := 0; i < len(entries); i += 5 {
		at := func(k int) float64 { return float64(entries[i+k].(int)) }
		box := vision.Rect{X0: at(1), Y0: at(2), X1: at(1) + at(3), Y1: at(2) + at(4)}
		out = append(out, TextLine{Text: entries[i].(string), Confidence: 0.98, Quad: box.Quad(), Box: box})
	}
	return out
}

// TestPrintBesideTheRules: what the recogniser makes of print that stands as the layout says: blanks that were lost between columns and behind numbers,
// captions that were misread.
func TestPrintBesideTheRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about, layout string
		lines         []TextLine
		want          map[Key]string
	}{
		{"a date and the letter beside it in one word", "ken-driver_license", printAt(
			"Date Of Birth", 430, 500, 140, 30, "Sex", 695, 500, 50, 30, "22.02.1997F", 430, 530, 305, 50,
		), map[Key]string{KeyDateOfBirth: "1997-02-22", KeySex: "F"}},
		{"a word and the date beside it in one word", "esp-id_card", printAt(
			"NACIONALIDAD", 698, 377, 212, 34, "FECHA DE NACIMIENTO", 966, 379, 255, 32, "ESPAÑOLA03 06 1959", 697, 411, 508, 48,
		), map[Key]string{KeyNationality: "ESP", KeyDateOfBirth: "1959-06-03"}},
		{"the same with a month in two languages", "esp-id_card", printAt(
			"NACIONALIDAD", 622, 395, 172, 32, "FECHA DE NACIMIENTO", 885, 393, 260, 37, "ESPAÑOLA08 MAR/MARS 2002", 622, 427, 603, 55,
		), map[Key]string{KeyNationality: "ESP", KeyDateOfBirth: "2002-03-08"}},
		{"a row under a caption that the layout does not name", "cmr-id_card", printAt(
			"LIEU DE NAISSANCE", 427, 536, 189, 36, "Nationalité", 830, 538, 117, 31, "DOUALA CAMEROUNAISE", 427, 568, 600, 47,
		), map[Key]string{KeyPlaceOfBirth: "DOUALA"}},
		{"captions behind a number and before a letter without blanks", "nga-driver_license", printAt(
			"L/NO KLU79014EL57CLASS B", 422, 124, 566, 50, "SEXF", 820, 482, 134, 50,
		), map[Key]string{KeyDocumentNumber: "KLU79014EL57", KeyLicenceCategories: "B", KeySex: "F"}},
		{"a digit in a caption", "ind-driver_license", printAt("D0B:02-08-1976", 421, 322, 346, 60), map[Key]string{KeyDateOfBirth: "1976-08-02"}},
		{"a number with its check digit under a misread caption", "bra-driver_license", printAt(
			"CPE", 428, 311, 51, 33, "262.275.301-23", 425, 338, 279, 49,
		), map[Key]string{KeyPersonalNumber: "262.275.301-23"}},
		{"the same with a wrong one", "bra-driver_license", printAt(
			"CPE", 428, 311, 51, 33, "262.275.301-24", 425, 338, 279, 49,
		), map[Key]string{KeyPersonalNumber: ""}},
		{"a number of another form under its caption", "bra-id_card", printAt(
			"REGISTRO GERAL", 425, 144, 212, 31, "23.331.237-6", 424, 177, 293, 48, "CPF", 428, 618, 58, 32, "262.275.301-23", 428, 650, 340, 49,
		), map[Key]string{KeyDocumentNumber: "23.331.237-6"}},
		{"the number of a citizen is the card's and the holder's", "chn-id_card", printAt("公民身份号码11010519491231002X", 430, 600, 700, 50),
			map[Key]string{KeyDocumentNumber: "11010519491231002X", KeyPersonalNumber: "11010519491231002X"}},
		{"years of the Republic", "twn-id_card", printAt(
			"中華民國國民身分證", 380, 40, 560, 60, "姓名王小明", 60, 200, 330, 60, "出生年月日", 60, 420, 150, 40, "民國57年6月5日", 230, 415, 330, 50, "性別", 600, 420, 70, 40, "女", 690, 415, 50, 50,
			"發證日期民國94年7月1日(北市)換發", 60, 500, 600, 45, "A123456789", 800, 700, 300, 60,
		), map[Key]string{KeyDateOfBirth: "1968-06-05", KeyDateOfIssue: "2005-07-01", KeySex: "F", KeyDocumentNumber: "A123456789"}},
		{"the same without the era", "twn-id_card", printAt("出生年月日", 60, 420, 150, 40, "12年6月5日", 230, 415, 330, 50), map[Key]string{KeyDateOfBirth: ""}},
		{"years of an emperor", "jpn-driver_license", printAt(
			"氏名", 40, 50, 70, 40, "日本花子", 140, 45, 300, 50, "昭和61年5月1日生", 800, 50, 400, 45, "住所", 40, 130, 70, 40, "東京都千代田区霞が関2丁目1番2号", 140, 125, 800, 45,
			"交付", 40, 200, 70, 40, "令和01年05月07日12345", 140, 195, 500, 45, "2024年(令和06年)06月01日まで有効", 40, 270, 800, 70,
		), map[Key]string{KeyFullName: "日本花子", KeyDateOfBirth: "1986-05-01", KeyDateOfIssue: "2019-05-07", KeyDateOfExpiry: "2024-06-01"}},
		{"the same on one line", "jpn-driver_license", printAt("氏名日本花子昭和61年5月1日生", 40, 50, 1160, 50), map[Key]string{KeyFullName: "日本花子", KeyDateOfBirth: "1986-05-01"}},
		{"the same, in which the era was misread", "jpn-driver_license", printAt("氏名日本花子昭禾61年5月1日生", 40, 50, 1160, 50), map[Key]string{KeyDateOfBirth: ""}},
		{"a number whose form only one line has", "hkg-id_card", printAt("F173897(1)", 423, 618, 258, 57, "03-08-2000", 429, 321, 245, 49), map[Key]string{KeyDocumentNumber: "F173897(1)"}},
		{"the same on two lines", "hkg-id_card", printAt("F173897(1)", 423, 618, 258, 57, "F173898(1)", 423, 218, 258, 57), map[Key]string{KeyDocumentNumber: ""}},
	} {
		all := layout.Default().All()
		l := all[slices.IndexFunc(all, func(l *layout.Layout) bool { return l.ID == c.layout })]
		v := &visual{lines: c.lines, captions: newCaptions(), countries: newCountryNames(), adjectives: newDemonyms(), at: today, monthFirst: l.Dates == layout.MonthFirst}
		got := laidOut(l, &side{lines: c.lines, image: vision.NewRGB(1280, 807)}, v, v.extract())
		for key, want := range c.want {
			if got[key].Value != want {
				t.Errorf("%s: %s is %q, want %q", c.about, key, got[key].Value, want)
			}
		}
	}
}

// TestACardWithoutATitle: a card with a portrait that names its issuer, or its holder and the date of birth, is an identity card; a badge or a card of another
// size is not.
func TestACardWithoutATitle(t *testing.T) {
	t.Parallel()
	face := &Portrait{}
	card := Geometry{Method: ByEdges, Size: ID1}
	person := printAt("Ad Soyad / Name", 355, 174, 208, 26, "NURAN GUL", 362, 203, 216, 33, "Date of birth", 355, 258, 208, 28, "29.06.1989", 361, 290, 175, 31)
	for _, c := range []struct {
		about    string
		text     []TextLine
		portrait *Portrait
		geometry Geometry
		want     ekyc.DocumentType
	}{
		{"name and birth", person, face, card, ekyc.IDCard},
		{"the issuer", printAt("SWITZERLAND", 6, 4, 262, 19, "Helvetia", 108, 113, 49, 10), face, card, ekyc.IDCard},
		{"a badge", printAt("Name", 355, 174, 208, 26, "NURAN GUL", 362, 203, 216, 33), face, card, ekyc.OtherDocument},
		{"no portrait", person, nil, card, ekyc.OtherDocument},
		{"a page", person, face, Geometry{Method: ByEdges, Size: ID3}, ekyc.OtherDocument},
		{"a licence", append(printAt("DRIVING LICENCE", 72, 20, 400, 48), person...), face, card, ekyc.DriverLicense},
	} {
		out := &Reading{MRZ: &MRZ{}}
		New(Models{}).classify([]*side{{lines: c.text, portrait: c.portrait, geometry: c.geometry, image: vision.NewRGB(1280, 807)}}, nil, Input{At: today}, out)
		if out.Detected.Type != c.want {
			t.Errorf("%s: %s, want %s", c.about, out.Detected.Type, c.want)
		}
	}
}
