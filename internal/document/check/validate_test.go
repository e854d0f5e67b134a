package check

import (
	"slices"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/document/mrz"

	"github.com/google/go-cmp/cmp"
)

// flip is a fixture that differs from one in order by what one check is about.
type flip struct {
	name  string
	base  func(testing.TB) Input
	spoil func(testing.TB, *Input)
	want  ekyc.CheckStatus
	// along lists other checks that the same fault must move too, because one fact speaks to both.
	along []string
}

// everywhere writes another date into zone, print and claim, with right check digits.
func everywhere(t testing.TB, in *Input, key Key, value string, column int) {
	set(in, SourceVIZ, key, value)
	set(in, SourceMRZ, key, value)
	if in.Claimed != nil {
		in.Claimed[key] = value
	}
	in.MRZ.Lines = withDigits(t, replaced(in.MRZ.Lines, 1, column, value[2:4]+value[5:7]+value[8:10]))
}

// columns of the dates in the second line of a TD3 zone.
const (
	td3Birth  = 13
	td3Expiry = 21
)

// nextDigit gives another digit than d; a filler counts as 0.
func nextDigit(d byte) string {
	if d == mrz.Filler {
		d = '0'
	}
	return string((d-'0'+1)%10 + '0')
}

func zoneFlips() []flip {
	fail, missing, warn := ekyc.Fail, ekyc.NotExecuted, ekyc.Warn
	refute := func(line, column int) func(testing.TB, *Input) {
		return func(_ testing.TB, in *Input) {
			in.MRZ.Lines = replaced(in.MRZ.Lines, line, column, nextDigit(in.MRZ.Lines[line][column]))
		}
	}
	alter := func(line, column int, text string) func(testing.TB, *Input) {
		return func(t testing.TB, in *Input) {
			in.MRZ.Lines = withDigits(t, replaced(in.MRZ.Lines, line, column, text))
		}
	}
	composite := []string{"mrz_checksum", "mrz_check_composite"}
	return []flip{
		{"mrz_present", passport, func(_ testing.TB, in *Input) { in.MRZ = &MRZ{} }, missing, nil},
		{"mrz_present", passport, func(_ testing.TB, in *Input) { in.MRZ = &MRZ{Seen: true} }, missing, nil},
		{"mrz_present", licence, func(_ testing.TB, in *Input) { in.MRZ = &MRZ{Seen: true} }, missing, nil},
		{"mrz_present", card, func(_ testing.TB, in *Input) { in.MRZ, in.Back = nil, nil }, missing, nil},
		{"mrz_format", passport, func(t testing.TB, in *Input) { in.MRZ.Lines = zoneLines(t, holder("P", "FRA", "24AB31907"), mrz.TD2) }, fail, nil},
		{"mrz_format", passport, func(_ testing.TB, in *Input) { in.MRZ.Lines, in.MRZ.Given = in.MRZ.Lines[1:], true }, fail, []string{"mrz_line_length"}},
		{"mrz_line_length", passport, func(_ testing.TB, in *Input) {
			in.MRZ.Lines, in.MRZ.Given = []string{in.MRZ.Lines[0][:43], in.MRZ.Lines[1]}, true
		}, fail, []string{"mrz_format"}},
		{"mrz_alphabet", passport, func(t testing.TB, in *Input) {
			in.MRZ.Lines, in.MRZ.Given = replaced(in.MRZ.Lines, 0, 20, "?"), true
		}, fail, []string{"mrz_format"}},
		{"mrz_alphabet", passport, alter(0, 40, "7"), fail, []string{"mrz_checksum"}},
		{"mrz_checksum", passport, func(_ testing.TB, in *Input) { in.MRZ.Weak = true }, missing, nil},
		{"mrz_checksum", passport, func(_ testing.TB, in *Input) { in.MRZ.Confidence = 0.4 }, missing, nil},
		{"mrz_check_document_number", passport, refute(1, 9), fail, composite},
		{"mrz_check_birth_date", passport, refute(1, 19), fail, composite},
		{"mrz_check_expiry_date", passport, refute(1, 27), fail, composite},
		{"mrz_check_optional", passport, refute(1, 42), fail, composite},
		{"mrz_check_composite", passport, refute(1, 43), fail, []string{"mrz_checksum"}},
		{"mrz_check_document_number", passport, func(_ testing.TB, in *Input) {
			in.MRZ.Lines, in.MRZ.Confidence = replaced(in.MRZ.Lines, 1, 9, nextDigit(in.MRZ.Lines[1][9])), 0.85
		}, warn, composite},
		{"mrz_document_code", passport, alter(0, 0, "I<"), fail, nil},
		{"mrz_document_code", passport, alter(0, 0, "X<"), fail, nil},
		{"mrz_issuer_known", passport, alter(0, 2, "QQQ"), fail, nil},
		{"mrz_issuer_known", passport, func(t testing.TB, in *Input) {
			in.MRZ.Agreement = NotAsked
			alter(0, 2, "QQQ")(t, in)
		}, missing, nil},
		{"mrz_nationality_known", passport, alter(1, 10, "QQQ"), fail, []string{"nationality_known", "mrz_viz_nationality", "claimed_nationality"}},
		{"mrz_sex_valid", passport, alter(1, 20, "B"), fail, []string{"mrz_checksum"}},
		{"mrz_names_present", passport, func(t testing.TB, in *Input) {
			in.MRZ.Lines = withDigits(t, replaced(in.MRZ.Lines, 0, 5, "<<<<<<<<<<<<<<<<<<<<<<<<<<"))
		}, fail, nil},
		{"mrz_name_truncated", passport, func(t testing.TB, in *Input) {
			long := "CAMILLE ESTELLE MARGUERITE VALENTINE"
			d := holder("P", "FRA", "24AB31907")
			d.GivenNames = long
			in.MRZ.Lines = zoneLines(t, d, mrz.TD3)
			set(in, SourceVIZ, GivenNames, long)
			in.Claimed[GivenNames] = long
		}, warn, nil},
		{"mrz_reader_agreement", passport, func(_ testing.TB, in *Input) { in.MRZ.Agreement = Differs }, missing, []string{"mrz_checksum"}},
	}
}

func documentFlips() []flip {
	fail, missing := ekyc.Fail, ekyc.NotExecuted
	return []flip{
		{"document_type_known", licence, func(_ testing.TB, in *Input) { in.Type, in.MRZ = "", &MRZ{} }, missing, []string{"mrz_present", "type_accepted"}},
		{"country_known", passport, func(_ testing.TB, in *Input) { in.Country = "QQQ" }, fail, []string{"country_accepted"}},
		{"country_known", licence, func(_ testing.TB, in *Input) { in.Country = "QQQ" }, missing, []string{"country_accepted"}},
		{"country_known", licence, func(_ testing.TB, in *Input) { in.Country = "" }, missing, []string{"country_accepted"}},
		{"country_agrees", passport, func(_ testing.TB, in *Input) { in.Country = "ESP" }, fail, []string{"document_number_series"}},
		{"type_accepted", passport, func(_ testing.TB, in *Input) { in.Policy.AcceptedTypes = []ekyc.DocumentType{ekyc.IDCard} }, fail, nil},
		{"country_accepted", passport, func(_ testing.TB, in *Input) { in.Policy.AcceptedCountries = []string{"DEU"} }, fail, nil},
		{"country_accepted", passport, func(_ testing.TB, in *Input) {
			in.Country, in.Policy.AcceptedCountries = "QQQ", []string{"QQX"} // neither is a country
		}, fail, []string{"country_known"}},
		{"specimen_issuer", passport, func(t testing.TB, in *Input) {
			in.MRZ.Lines = zoneLines(t, holder("P", "UTO", "24AB31907"), mrz.TD3)
			in.Country, in.Front.Country = "UTO", "UTO"
			for _, key := range []Key{IssuingCountry, Nationality} {
				set(in, SourceVIZ, key, "UTO")
				in.Claimed[key] = "UTO"
			}
		}, fail, nil},
		{"specimen_words", passport, func(_ testing.TB, in *Input) { in.SpecimenWords = []string{"SPECIMEN"} }, fail, nil},
		{"sides_belong_together", card, func(_ testing.TB, in *Input) { in.Back.Types = []ekyc.DocumentType{ekyc.DriverLicense} }, fail, nil},
		{"sides_belong_together", card, func(_ testing.TB, in *Input) { in.Back.Country = "USA" }, fail, []string{"country_agrees"}},
		{"sides_belong_together", licence, func(_ testing.TB, in *Input) {
			set(in, SourceVIZ, DocumentNumber, "K7719335")
			set(in, SourceVIZ, DateOfBirth, "1961-02-11")
		}, fail, []string{"barcode_viz_document_number", "barcode_viz_birth_date"}},
		{"birth_date_valid", passport, func(t testing.TB, in *Input) {
			in.MRZ.Lines = withDigits(t, replaced(in.MRZ.Lines, 1, td3Birth, "851323"))
		}, fail, []string{"mrz_checksum", "fields_match_mrz"}},
		{"birth_date_plausible", licence, func(_ testing.TB, in *Input) {
			set(in, SourceVIZ, DateOfBirth, "2027-07-23")
			set(in, SourceBarcode, DateOfBirth, "2027-07-23")
			in.Policy.MinAge = 0
		}, fail, []string{"dates_order"}},
		{"birth_date_plausible", licence, func(_ testing.TB, in *Input) {
			set(in, SourceVIZ, DateOfBirth, "1885-07-23")
			set(in, SourceBarcode, DateOfBirth, "1885-07-23")
		}, fail, nil},
		{"issue_date_valid", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfIssue, "2021-02-30") }, fail, nil},
		{"issue_date_not_in_future", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfIssue, "2026-03-16") }, fail, nil},
		{"expiry_date_valid", passport, func(t testing.TB, in *Input) {
			in.MRZ.Lines = withDigits(t, replaced(in.MRZ.Lines, 1, td3Expiry, "310532"))
		}, fail, []string{"mrz_checksum"}},
		{"dates_order", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfIssue, "1985-07-22") }, fail, []string{"validity_period_plausible"}},
		{"dates_order", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfIssue, "2031-05-09") }, fail, []string{"issue_date_not_in_future"}},
		{"validity_period_plausible", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfIssue, "2015-05-10") }, ekyc.Warn, nil},
		{"document_not_expired", passport, func(t testing.TB, in *Input) { everywhere(t, in, DateOfExpiry, "2026-02-12", td3Expiry) }, fail, nil},
		{"minimum_age", passport, func(t testing.TB, in *Input) { everywhere(t, in, DateOfBirth, "2008-03-16", td3Birth) }, fail, nil},
	}
}

func fieldFlips() []flip {
	fail, missing, warn := ekyc.Fail, ekyc.NotExecuted, ekyc.Warn
	return []flip{
		{"mandatory_fields", passport, func(_ testing.TB, in *Input) { drop(in, DateOfIssue) }, missing, nil},
		{"mandatory_fields", licence, func(_ testing.TB, in *Input) { drop(in, DocumentNumber) }, missing, nil},
		{"field_lengths", licence, func(_ testing.TB, in *Input) { set(in, SourceBarcode, Sex, "FEMALE") }, fail, []string{"sides_belong_together", "sex_valid", "barcode_viz_sex"}},
		{"field_lengths", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, PlaceOfBirth, strings.Repeat("Nantes ", 30)) }, warn, nil},
		{"field_alphabets", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Surname, "Delacroix_") }, warn, nil},
		{"field_alphabets", licence, func(_ testing.TB, in *Input) { set(in, SourceBarcode, Surname, "DELACROIX_") }, fail, nil},
		{"document_number_format", licence, func(_ testing.TB, in *Input) {
			set(in, SourceVIZ, DocumentNumber, "Д4920718")
			set(in, SourceBarcode, DocumentNumber, "Д4920718")
		}, fail, nil},
		{"document_number_series", passport, func(t testing.TB, in *Input) {
			in.MRZ.Lines = zoneLines(t, holder("P", "FRA", "ABCD31907"), mrz.TD3)
			set(in, SourceVIZ, DocumentNumber, "ABCD31907")
			in.Claimed[DocumentNumber] = "ABCD31907"
		}, warn, nil},
		{"personal_number_check", card, func(_ testing.TB, in *Input) { set(in, SourceVIZ, PersonalNumber, "12345678A") }, fail, nil},
		{"sex_valid", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Sex, "W") }, fail, []string{"mrz_viz_sex"}},
		{"nationality_known", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Nationality, "QQQ") }, fail, []string{"mrz_viz_nationality"}},
		{"fields_match_mrz", passport, func(_ testing.TB, in *Input) {
			in.Fields[DateOfBirth] = append(in.Fields[DateOfBirth], Field{Value: "1985-07-24", Source: SourceMRZ, Confidence: 1})
		}, fail, nil},
		{"mrz_viz_document_number", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DocumentNumber, "24AB31967") }, fail, nil},
		{"mrz_viz_document_number", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DocumentNumber, "24A831907") }, warn, nil},
		{"mrz_viz_names", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Surname, "Lefebvre") }, fail, nil},
		{"mrz_viz_birth_date", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfBirth, "1985-07-28") }, fail, nil},
		{"mrz_viz_expiry_date", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfExpiry, "2034-05-09") }, fail, nil},
		{"mrz_viz_sex", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Sex, "M") }, fail, nil},
		{"mrz_viz_nationality", passport, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Nationality, "BEL") }, fail, nil},
		{"barcode_viz_document_number", licence, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DocumentNumber, "D4920778") }, fail, []string{"sides_belong_together"}},
		{"barcode_viz_names", licence, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Surname, "LEFEBVRE") }, fail, []string{"sides_belong_together"}},
		{"barcode_viz_birth_date", licence, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfBirth, "1985-07-28") }, fail, []string{"sides_belong_together"}},
		{"barcode_viz_expiry_date", licence, func(_ testing.TB, in *Input) { set(in, SourceVIZ, DateOfExpiry, "2034-05-09") }, fail, []string{"sides_belong_together"}},
		{"barcode_viz_sex", licence, func(_ testing.TB, in *Input) { set(in, SourceVIZ, Sex, "M") }, fail, []string{"sides_belong_together"}},
		{"mrz_barcode_document_number", cardWithBarcode, func(_ testing.TB, in *Input) { set(in, SourceBarcode, DocumentNumber, "CBC104759") }, fail,
			[]string{"barcode_viz_document_number"}},
		{"mrz_barcode_birth_date", cardWithBarcode, func(_ testing.TB, in *Input) { set(in, SourceBarcode, DateOfBirth, "1985-07-25") }, fail,
			[]string{"barcode_viz_birth_date"}},
		{"readings_agree", passport, func(_ testing.TB, in *Input) {
			in.Fields[PlaceOfBirth] = append(in.Fields[PlaceOfBirth], Field{Value: "Lyon", Source: SourceVIZ, Confidence: 0.95})
		}, warn, nil},
		{"barcode_present", licence, func(_ testing.TB, in *Input) { unreadBarcode(in, false) }, missing, nil},
		{"barcode_present", licence, func(_ testing.TB, in *Input) { unreadBarcode(in, true) }, missing, nil},
		{"barcode_structure", licence, func(_ testing.TB, in *Input) { in.Barcode.Faults = []string{"version"} }, fail, nil},
		{"barcode_structure", licence, func(_ testing.TB, in *Input) { in.Barcode.Departures = []string{"separators"} }, warn, nil},
		{"barcode_structure", licence, func(_ testing.TB, in *Input) { in.Barcode.Standard = "" }, fail, nil},
		{"claimed_names", passport, func(_ testing.TB, in *Input) { in.Claimed[Surname] = "Lefebvre" }, fail, nil},
		{"claimed_birth_date", passport, func(_ testing.TB, in *Input) { in.Claimed[DateOfBirth] = "1985-07-22" }, fail, nil},
		{"claimed_document_number", passport, func(_ testing.TB, in *Input) { in.Claimed[DocumentNumber] = "24AB31908" }, fail, nil},
		{"claimed_nationality", passport, func(_ testing.TB, in *Input) { in.Claimed[Nationality] = "BEL" }, fail, nil},
		{"claimed_sex", passport, func(_ testing.TB, in *Input) { in.Claimed[Sex] = "M" }, fail, nil},
	}
}

// unreadBarcode takes away what the bar code said.
func unreadBarcode(in *Input, seen bool) {
	in.Barcode = &Barcode{Seen: seen}
	for key, list := range in.Fields {
		in.Fields[key] = slices.DeleteFunc(slices.Clone(list), func(f Field) bool { return f.Source == SourceBarcode })
	}
}

func pictureFlips() []flip {
	fail := ekyc.Fail
	quality := func(name string, spoil func(*Quality)) flip {
		return flip{name, passport, func(_ testing.TB, in *Input) { spoil(in.Quality) }, fail, nil}
	}
	flips := []flip{
		{"portrait_present", passport, func(_ testing.TB, in *Input) { in.Portrait = &Portrait{} }, ekyc.NotExecuted, nil},
		{"portrait_plausible", passport, func(_ testing.TB, in *Input) { in.Portrait.X = 0.75 }, ekyc.Warn, nil},
		{"portrait_plausible", passport, func(_ testing.TB, in *Input) { in.Portrait.Width = 0.6 }, ekyc.Warn, nil},
		quality("image_sharpness", func(q *Quality) { q.Sharpness = 0.1 }),
		quality("image_sharpness", func(q *Quality) { q.Codes = []string{"blurred"} }),
		quality("image_glare", func(q *Quality) { q.Glare = 0.2 }),
		quality("image_brightness", func(q *Quality) { q.Brightness = 0.1 }),
		quality("image_brightness", func(q *Quality) { q.Brightness = 0.99 }),
		quality("image_resolution", func(q *Quality) { q.Resolution = 0.1 }),
		quality("image_coverage", func(q *Quality) { q.Coverage = 0.05 }),
		quality("document_cropped", func(q *Quality) { q.Cropped = true }),
	}
	for name, kind := range map[string]Alteration{
		"alteration_portrait": AlterationPortrait, "alteration_text": AlterationText, "alteration_cloned_area": AlterationCloned,
		"alteration_compression": AlterationCompression, "alteration_noise": AlterationNoise,
		"recapture_screen": RecaptureScreen, "recapture_print": RecapturePrint,
	} {
		flips = append(flips,
			flip{name, passport, func(_ testing.TB, in *Input) { in.Alterations[kind] = 0.95 }, fail, nil},
			flip{name, passport, func(_ testing.TB, in *Input) { in.Alterations[kind] = 0.6 }, ekyc.Warn, nil})
	}
	flips = append(flips, flip{"copy_monochrome", passport, func(_ testing.TB, in *Input) { in.Alterations[CopyMonochrome] = 0.95 }, ekyc.Warn, nil})
	return flips
}

func allFlips() []flip {
	return slices.Concat(zoneFlips(), documentFlips(), fieldFlips(), pictureFlips())
}

func TestDocumentsInOrderAreValid(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]func(testing.TB) Input{"passport": passport, "card": card, "licence": licence, "card with bar code": cardWithBarcode} {
		r := Validate(base(t))
		if found := standing(r); !r.DocumentValid || r.Retake || r.Expired || r.ProvenForgery || len(found) > 0 {
			t.Errorf("%s: valid %t, retake %t, expired %t, proven forgery %t, standing %v", name, r.DocumentValid, r.Retake, r.Expired, r.ProvenForgery, found)
		}
		if name != "licence" && !r.MRZValid {
			t.Errorf("%s: the zone is not valid", name)
		}
	}
}

// TestEachCheckIsPassedAndFlipped: every check passes on a document in order and is moved by one fault of its own, and only by that:
// with the check switched off, nothing else tells of the fault.
func TestEachCheckIsPassedAndFlipped(t *testing.T) {
	t.Parallel()
	flipped := map[string]bool{}
	for _, f := range allFlips() {
		flipped[f.name] = true
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if c := outcomeOf(t, Validate(f.base(t)), f.name); c.Status != ekyc.Pass && (f.name != "mrz_present" || c.Status != ekyc.NotApplicable) {
				t.Errorf("on the document in order: %s: %s", c.Status, c.Message)
			}
			in := f.base(t)
			f.spoil(t, &in)
			whole := Validate(in)
			if c := outcomeOf(t, whole, f.name); c.Status != f.want {
				t.Errorf("status %s, want %s: %s", c.Status, f.want, c.Message)
			}
			want := append([]string{f.name}, f.along...)
			slices.SortFunc(want, func(a, b string) int { return slices.Index(Names(), a) - slices.Index(Names(), b) })
			if diff := cmp.Diff(want, standing(whole)); diff != "" {
				t.Errorf("checks that stand against the document (- want, + got):\n%s", diff)
			}
			without := examine(in, slices.DeleteFunc(rules(), func(r rule) bool { return r.name == f.name }))
			if slices.Contains(standing(without), f.name) {
				t.Error("the check is still made when it is switched off")
			}
			grave := outcomeOf(t, whole, f.name)
			if len(f.along) == 0 && (outcome{status: grave.Status}).bars(grave.Severity) && (whole.DocumentValid || !without.DocumentValid) {
				t.Errorf("valid %t, and %t without the check; want false and true", whole.DocumentValid, without.DocumentValid)
			}
		})
	}
	for _, name := range Names() {
		if !flipped[name] {
			t.Errorf("no fixture flips %s", name)
		}
	}
}

func TestEachCheckPassesSomewhere(t *testing.T) {
	t.Parallel()
	missing := Names()
	for _, base := range []func(testing.TB) Input{passport, card, licence, cardWithBarcode} {
		for _, c := range Validate(base(t)).Checks {
			if c.Status == ekyc.Pass {
				missing = slices.DeleteFunc(missing, func(name string) bool { return name == c.Name })
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("no document in order passes %v", missing)
	}
}

func TestIssuersAreNamedInOneOrder(t *testing.T) {
	t.Parallel()
	in := card(t)
	in.Front, in.Back, in.Country = &Side{Country: "FRA"}, &Side{Country: "FRA"}, "BEL"
	first := outcomeOf(t, Validate(in), "country_agrees")
	for range 100 {
		if diff := cmp.Diff(first, outcomeOf(t, Validate(in), "country_agrees")); diff != "" {
			t.Fatal(diff)
		}
	}
	if first.Status != ekyc.Fail {
		t.Errorf("two issuers: %+v", first)
	}
}
