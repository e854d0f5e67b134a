package document

import (
	"slices"
	"testing"

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
