package check

import (
	"testing"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// visa is one whose zone holds the number of the passport that it is in; both numbers stand in print.
func visa(t testing.TB) Input {
	in := passport(t)
	in.Type, in.Subtype, in.Claimed = ekyc.OtherDocument, "visa", nil
	in.MRZ.Lines = zoneLines(t, holder("V", "FRA", "24AB31907"), mrz.MRVA)
	set(&in, SourceVIZ, DocumentNumber, "V77120384")
	in.Text = []string{"VISA", "V77120384", "Passport No. 24 24AB31907"}
	return in
}

// TestAContradictionNeedsTwoSureReadings: sources that differ contradict each other unless one of them may have been misread, or something else explains it.
func TestAContradictionNeedsTwoSureReadings(t *testing.T) {
	t.Parallel()
	doubt := func(in *Input, key Key, value string, confidence float64) {
		in.Fields[key] = []Field{{Value: value, Source: SourceVIZ, Confidence: confidence, Side: SideFront}}
	}
	for _, test := range []struct {
		about, name string
		base        func(testing.TB) Input
		spoil       func(*Input)
		want        ekyc.CheckStatus
	}{
		{"another surname", "mrz_viz_names", passport, func(in *Input) { set(in, SourceVIZ, Surname, "Lefebvre") }, ekyc.Fail},
		{"another surname, not surely read", "mrz_viz_names", passport, func(in *Input) { doubt(in, Surname, "Lefebvre", 0.7) }, ekyc.NotExecuted},
		{"another surname that stands alone", "mrz_viz_names", passport, func(in *Input) { set(in, SourceVIZ, Surname, "Lefebvre"); drop(in, GivenNames) }, ekyc.Fail},
		{"the surname alone", "mrz_viz_names", passport, func(in *Input) { drop(in, GivenNames) }, ekyc.Pass},
		{"the given names alone", "mrz_viz_names", passport, func(in *Input) { drop(in, Surname) }, ekyc.Pass},
		{"a word more in print", "mrz_viz_names", passport, func(in *Input) { set(in, SourceVIZ, GivenNames, "Camille Estelle Aude") }, ekyc.Warn},
		{"a word less in print", "mrz_viz_names", passport, func(in *Input) { set(in, SourceVIZ, GivenNames, "Camille") }, ekyc.Pass},
		{"a word less in the surname", "mrz_viz_names", passport, func(in *Input) {
			in.MRZ.Lines = replaced(in.MRZ.Lines, 0, 5, "DE<LACROI<<")
			set(in, SourceVIZ, Surname, "DE")
		}, ekyc.Warn},
		{"one other letter in print", "mrz_viz_names", passport, func(in *Input) { set(in, SourceVIZ, Surname, "Delacroiy") }, ekyc.Warn},
		{"a sign in print that no name has", "mrz_viz_names", passport, func(in *Input) { set(in, SourceVIZ, Surname, "Delacro∪x") }, ekyc.NotExecuted},
		{"a mark lost in print", "mrz_viz_names", passport, func(in *Input) {
			in.MRZ.Lines = replaced(in.MRZ.Lines, 0, 5, "SOES<<<<<")
			set(in, SourceVIZ, Surname, "SOS")
		}, ekyc.Pass},
		{"marks in the bar code", "barcode_viz_names", licence, func(in *Input) {
			set(in, SourceVIZ, Surname, "NOÉMIE-LÜCK")
			set(in, SourceBarcode, Surname, "NOÉMIE LÜCK")
		}, ekyc.Pass},
		{"another sex", "mrz_viz_sex", passport, func(in *Input) { set(in, SourceVIZ, Sex, "M") }, ekyc.Fail},
		{"another sex, not surely read", "mrz_viz_sex", passport, func(in *Input) { doubt(in, Sex, "M", 0.7) }, ekyc.NotExecuted},
		{"a number of the same look", "mrz_viz_document_number", passport, func(in *Input) { doubt(in, DocumentNumber, "24A831907", 0.85) }, ekyc.NotExecuted},
		{"a number of the same look, surely read", "mrz_viz_document_number", passport, func(in *Input) { set(in, SourceVIZ, DocumentNumber, "24A831907") }, ekyc.Warn},
		{"letters written as digits in the zone", "mrz_viz_names", passport, func(in *Input) {
			in.MRZ.Lines = replaced(in.MRZ.Lines, 0, 5, "IM8REK<<")
		}, ekyc.NotExecuted},
		{"another date", "mrz_viz_birth_date", passport, func(in *Input) { doubt(in, DateOfBirth, "1961-07-28", 0.8) }, ekyc.Fail},
		{"another date, not surely read", "mrz_viz_birth_date", passport, func(in *Input) { doubt(in, DateOfBirth, "1961-07-28", 0.5) }, ekyc.NotExecuted},
		{"another date beside a zone in doubt", "mrz_viz_birth_date", passport, func(in *Input) {
			in.MRZ.Agreement = Differs
			set(in, SourceVIZ, DateOfBirth, "1961-07-28")
		}, ekyc.Warn},
		{"another date beside other print that was taken for a zone", "mrz_viz_birth_date", passport, func(in *Input) {
			in.MRZ.Agreement, in.MRZ.Confidence, in.MRZ.Lines = Differs, 0.08, replaced(in.MRZ.Lines, 1, 9, nextDigit(in.MRZ.Lines[1][9]))
			set(in, SourceVIZ, DateOfBirth, "1961-07-28")
		}, ekyc.NotExecuted},
		{"another number", "mrz_viz_document_number", passport, func(in *Input) { set(in, SourceVIZ, DocumentNumber, "24AB31908") }, ekyc.Fail},
		{"another number of a passport beside the zone's", "mrz_viz_document_number", passport, func(in *Input) {
			set(in, SourceVIZ, DocumentNumber, "24AB31908")
			in.Text = []string{"24AB31908", "24AB31907"}
		}, ekyc.Fail},
		{"the passport's number in a visa", "mrz_viz_document_number", visa, func(*Input) {}, ekyc.Pass},
		{"a number in a visa's zone that is not printed", "mrz_viz_document_number", visa, func(in *Input) { in.Text = in.Text[:2] }, ekyc.Fail},
		{"a personal number misread in print beside the zone's", "personal_number_check", card, func(in *Input) { doubt(in, PersonalNumber, "12345673Z", 0.85) }, ekyc.Pass},
		{"a personal number that the zone contradicts", "personal_number_check", card, func(in *Input) { set(in, SourceVIZ, PersonalNumber, "12345673Z") }, ekyc.Fail},
		{"a personal number misread in print, and none in the zone", "personal_number_check", card, func(in *Input) {
			in.MRZ.Lines = withDigits(t, replaced(in.MRZ.Lines, 0, 15, "<<<<<<<<<"))
			doubt(in, PersonalNumber, "12345673Z", 0.85)
		}, ekyc.Fail},
		{"a personal number printed twice", "personal_number_check", card, func(in *Input) {
			in.Fields[PersonalNumber] = append(in.Fields[PersonalNumber], Field{Value: "12345673Z", Source: SourceVIZ, Confidence: 0.95})
		}, ekyc.Pass},
		{"a personal number against a zone in doubt", "personal_number_check", card, func(in *Input) {
			in.MRZ.Agreement = Differs
			set(in, SourceVIZ, PersonalNumber, "12345673Z")
		}, ekyc.Warn},
		{"sides with other surnames", "sides_belong_together", licence, func(in *Input) { set(in, SourceVIZ, Surname, "LEFEBVRE") }, ekyc.Warn},
		{"sides, another word taken for the surname", "sides_belong_together", licence, func(in *Input) {
			set(in, SourceVIZ, Surname, "CUSTOMER IDENTIFIER")
			in.Text = []string{"CUSTOMER IDENTIFIER", "DELACROIX", "CAMILLE ESTELLE"}
		}, ekyc.Pass},
		{"sides, a surname not surely read", "sides_belong_together", licence, func(in *Input) {
			in.Fields[Surname][0].Value, in.Fields[Surname][0].Confidence = "LEFEBVRE", 0.7
		}, ekyc.Pass},
	} {
		in := test.base(t)
		in.Claimed = nil
		test.spoil(&in)
		if c := outcomeOf(t, Validate(in), test.name); c.Status != test.want {
			t.Errorf("%s: %s, want %s: %s", test.about, c.Status, test.want, c.Message)
		}
	}
}
