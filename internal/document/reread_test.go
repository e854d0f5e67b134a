package document

import (
	"slices"
	"testing"

	"ekyc/internal/document/barcode"
	"ekyc/internal/document/mrz"
	"ekyc/internal/document/ocr"
)

func TestASecondReadingIsTakenWhereItIsLikeTheFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second string
		sure          float64 // of the second; the first is at 0.93
		want          string
	}{
		"a mark":                    {"TURCANU", "ȚURCANU", 0.97, "ȚURCANU"},
		"a letter and a mark":       {"SZUCS ZSOFLA", "SZŰCS ZSÓFIA", 0.96, "SZŰCS ZSÓFIA"},
		"a small letter":            {"GYÓRI", "GYőRI", 0.97, "GYŐRI"},
		"a mark, less sure":         {"AYSE", "AYŞE", 0.92, "AYŞE"},
		"a mark that the first has": {"ROSALÌA", "ROSALIA", 0.92, "ROSALÌA"},
		"a mark, unsure":            {"GYORI", "GYŐRI", 0.85, "GYORI"},
		"less sure":                 {"LAMBRECHT", "LAMBIECHT", 0.89, "LAMBRECHT"},
		"another text":              {"POPESCU", "IONESCU MARIA", 0.99, "POPESCU"},
		"nothing":                   {"POPESCU", "", 0.99, "POPESCU"},
		"no letters at first":       {"R∪IZ", "RUIZ", 0.85, "RUIZ"},
		"blanks of the first":       {"VALEA MARE 12", "VALEAMARE 12", 0.97, "VALEA MARE 12"},
		"blanks of the second":      {"STR.TEIULUI12", "STR. TEIULUI 12", 0.97, "STR. TEIULUI 12"},
	} {
		l := TextLine{Text: c.first, Confidence: 0.93}
		l.secondReading(ocr.Line{Text: c.second, Confidence: c.sure}, false)
		if l.Text != c.want {
			t.Errorf("%s: %q read again as %q becomes %q, want %q", name, c.first, c.second, l.Text, c.want)
		}
	}
}

func TestOnlyWhatMayBeWrongIsReadAgain(t *testing.T) {
	t.Parallel()
	r := New(Models{})
	list := lines(0, 0, "AYSE", 0, 40, "12.03.1990", 0, 80, "LARGER", 0, 160, "-", 0, 200, "Surname / Nom", 0, 240, "王", 0, 280, "13.03.1990", 0, 320, "RÉPUBLIQUE FRANÇAISE", 0, 360, "PASSPORT")
	for i, confidence := range []float64{0.999, 0.98, 0.8, 0.5, 0.9, 0.999, 0.999, 0.9, 0.9} {
		list[i].Confidence = confidence
	}
	list[2].Box.Y1 += 20
	if got, want := r.doubtful(list, false), []int{2, 0, 1, 5}; !slices.Equal(got, want) {
		t.Errorf("lines %v are read again, want %v", got, want)
	}
	wide := 0.0
	for range r.doubtful(slices.Repeat(list[:1], 200), false) {
		wide += list[0].Box.Width() / list[0].Box.Height()
	}
	if wide > mostReread || wide < 0.9*mostReread {
		t.Errorf("%.1f heights of print are read again", wide)
	}
}

// TestWhatIsProvenIsNotReadAgain: print that says surely what check digits and two readers, or a bar code, vouch for.
func TestWhatIsProvenIsNotReadAgain(t *testing.T) {
	t.Parallel()
	coded := &Reading{MRZ: &MRZ{}, Barcodes: []BarcodeReading{{Licence: &barcode.Licence{DocumentNumber: "D4920718", Surname: "SAMPLE", BirthDate: "1985-07-23", ExpiryDate: "2031-05-09", Sex: "F"}}}}
	values := coded.proven(today)
	for text, want := range map[string]bool{
		"D4920718": true, "D49-207 18": true, "D4920719": false, "23.07.1985": true, "07/23/1985": true, "09 MAY 2031": true, "24.07.1985": false, "SAMPLE": false, "F": false,
		"4d D4920718": false, "DOB 23.07.1985": false,
	} {
		if got := values.holds(&TextLine{Text: text, Confidence: 0.95}, today); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if values.holds(&TextLine{Text: "D4920718", Confidence: 0.85}, today) {
		t.Error("print that was not read surely is taken for proven")
	}
	z, err := mrz.Parse([]string{"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"})
	if err != nil {
		t.Fatal(err)
	}
	zoned := &Reading{MRZ: &MRZ{Found: true, Valid: true, Zone: z, Agreement: Agrees, Characters: [][]float64{make([]float64, 44), make([]float64, 44)}}}
	if !zoned.proven(today)["L898902C3"] {
		t.Error("the number of a zone that two readers read alike is not proven")
	}
	for _, spoil := range []func(*MRZ){func(m *MRZ) { m.Valid = false }, func(m *MRZ) { m.Agreement = Differs }, func(m *MRZ) { m.Agreement = NotAsked }} {
		doubted := *zoned.MRZ
		spoil(&doubted)
		if values := (&Reading{MRZ: &doubted}).proven(today); len(values) > 0 {
			t.Errorf("a zone in doubt proves %v", values)
		}
	}
}
