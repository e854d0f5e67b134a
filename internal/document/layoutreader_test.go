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
