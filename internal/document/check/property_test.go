package check

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"ekyc"
	"ekyc/internal/document/mrz"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyPassport draws a passport of an invented holder, in order.
func anyPassport(t *rapid.T, tb testing.TB) Input {
	in := passport(tb)
	letters := rapid.StringMatching(`[A-Z]{4,12}`)
	born := time.Unix(rapid.Int64Range(-6e8, 1.1e9).Draw(t, "born"), 0).UTC().Format(time.DateOnly)
	d := mrz.Document{
		Code: "P", Issuer: "FRA", Nationality: "FRA", Surname: letters.Draw(t, "surname"), GivenNames: letters.Draw(t, "given names"),
		Number: rapid.StringMatching(`[0-9]{2}[A-Z]{2}[0-9]{5}`).Draw(t, "number"), BirthDate: born, ExpiryDate: "2031-05-09",
		Sex: rapid.SampledFrom([]string{"M", "F"}).Draw(t, "sex"),
	}
	in.MRZ.Lines = zoneLines(tb, d, mrz.TD3)
	values := map[Key]string{
		DocumentNumber: d.Number, Surname: d.Surname, GivenNames: d.GivenNames, DateOfBirth: born, DateOfExpiry: d.ExpiryDate, Sex: d.Sex,
		DateOfIssue: "2021-05-10", Nationality: "FRA", IssuingCountry: "FRA",
	}
	in.Fields = printed(SideFront, values)
	in.Claimed = map[Key]string{Surname: d.Surname, GivenNames: d.GivenNames, DateOfBirth: born, DocumentNumber: d.Number}
	in.Policy.MinAge = 0
	return in
}

func TestRandomPassportsInOrderAreValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := anyPassport(r, t)
		if result := Validate(in); !result.DocumentValid || !result.MRZValid || len(standing(result)) > 0 {
			r.Fatalf("not valid: %v", standing(result))
		}
	})
}

// TestNeverValidWithARefutedField: a character under a check digit that is another than issued makes the document invalid, whatever else
// is said of the reading: by the sum where that sees it, and where it is blind by the second reader or by print.
func TestNeverValidWithARefutedField(t *testing.T) {
	t.Parallel()
	layout := mrz.LayoutOf(mrz.TD3)
	rapid.Check(t, func(r *rapid.T) {
		in := anyPassport(r, t)
		column := rapid.SampledFrom(coveredColumns(layout)).Draw(r, "column")
		was := in.MRZ.Lines[1][column]
		is := rapid.StringMatching(`[0-9A-Z<]`).Filter(func(s string) bool { return s[0] != was }).Draw(r, "character")
		in.MRZ.Lines = replaced(in.MRZ.Lines, 1, column, is)
		in.MRZ.Confidence = rapid.Float64Range(0, 1).Draw(r, "confidence")
		in.MRZ.Weak = rapid.Bool().Draw(r, "weak")
		in.MRZ.Given = rapid.Bool().Draw(r, "given")
		in.MRZ.Agreement = rapid.SampledFrom([]Agreement{NotAsked, Agrees, Differs, Outweighed, ""}).Draw(r, "agreement")
		seen := !strings.Contains(mrz.BlindTo(was), is) && !(was == '<' && is == "0") && !(was == '0' && is == "<")
		if !seen && in.MRZ.Agreement != Differs {
			return
		}
		if seen || !in.MRZ.Given {
			if result := Validate(in); result.DocumentValid || result.MRZValid {
				r.Fatalf("valid with %q for %q in column %d: document %t, zone %t", is, was, column, result.DocumentValid, result.MRZValid)
			}
		}
	})
}

func coveredColumns(layout *mrz.Layout) []int {
	var columns []int
	for column := range layout.Width {
		if layout.Covered(1, column) {
			columns = append(columns, column)
		}
	}
	return columns
}

// TestEditedPrintIsNeverValid: an edit of the printed number that no check digit would see still contradicts the zone.
func TestEditedPrintIsNeverValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := anyPassport(r, t)
		key := rapid.SampledFrom([]Key{DocumentNumber, DateOfBirth, DateOfExpiry}).Draw(r, "field")
		value := in.Fields[key][0].Value
		var digits []int
		for i := range len(value) {
			if value[i] >= '0' && value[i] <= '9' {
				digits = append(digits, i)
			}
		}
		at := rapid.SampledFrom(digits).Draw(r, "place")
		other := rapid.StringMatching(`[0-9]`).Filter(func(s string) bool { return s[0] != value[at] }).Draw(r, "digit")
		edited := value[:at] + other + value[at+1:]
		if d, ok := parseDate(edited); key != DocumentNumber && (!ok || d.Month == 0 || d.Day == 0) {
			return
		}
		set(&in, SourceVIZ, key, edited)
		delete(in.Claimed, key)
		if result := Validate(in); result.DocumentValid {
			r.Fatalf("valid though %s was edited in print", key)
		}
	})
}

// anyInput draws an input that may be spoiled in any of the known ways, several at once.
func anyInput(r *rapid.T, t *testing.T) Input {
	bases := []func(testing.TB) Input{passport, card, licence, cardWithBarcode}
	base := bases[rapid.IntRange(0, len(bases)-1).Draw(r, "base")]
	sound := base(t)
	in := base(t)
	if sound.Type == ekyc.Passport && rapid.Bool().Draw(r, "random") {
		in = anyPassport(r, t)
	}
	own := slices.DeleteFunc(allFlips(), func(f flip) bool { return reflect.ValueOf(f.base).Pointer() != reflect.ValueOf(base).Pointer() })
	slices.SortStableFunc(own, func(a, b flip) int { return strings.Compare(a.name, b.name) })
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(own)-1), 0, 3).Draw(r, "faults") {
		if whole(sound, in) {
			own[i].spoil(t, &in)
		}
	}
	if rapid.Bool().Draw(r, "specimens allowed") {
		in.Policy.SpecimensAllowed = true
	}
	return in
}

// whole says that an input still has all that the faults of its kind spoil: an earlier fault may have taken away the zone.
func whole(sound, in Input) bool {
	if in.MRZ == nil {
		return false
	}
	was, wasErr := mrz.Parse(sound.MRZ.Lines)
	is, isErr := mrz.Parse(in.MRZ.Lines)
	return (wasErr == nil) == (isErr == nil) && (wasErr != nil || was.Format == is.Format)
}

// TestAnyInputIsSpoiled: the properties below would hold of documents in order without saying anything.
func TestAnyInputIsSpoiled(t *testing.T) {
	t.Parallel()
	valid, refused, checks := 0, 0, map[string]bool{}
	rapid.Check(t, func(r *rapid.T) {
		result := Validate(anyInput(r, t))
		if result.DocumentValid {
			valid++
		} else {
			refused++
		}
		for _, name := range standing(result) {
			checks[name] = true
		}
	})
	if valid == 0 || refused == 0 || len(checks) < 10 {
		t.Errorf("%d valid, %d refused, for %d reasons", valid, refused, len(checks))
	}
}

func TestSameChecksInTheSameOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := anyInput(r, t)
		first, second := Validate(in), Validate(in)
		if diff := cmp.Diff(first, second); diff != "" {
			r.Fatalf("two results for one input:\n%s", diff)
		}
		var names []string
		for _, c := range first.Checks {
			names = append(names, c.Name)
			if c.Message == "" || c.Status == "" || c.Severity == "" || c.Status == ekyc.NotEvaluable {
				r.Fatalf("check %s has status %q, severity %q, message %q", c.Name, c.Status, c.Severity, c.Message)
			}
		}
		if diff := cmp.Diff(Names(), names); diff != "" {
			r.Fatalf("the checks are not those of Names:\n%s", diff)
		}
	})
}

func TestVerdictFollowsFromChecks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		result := Validate(anyInput(r, t))
		barred := slices.ContainsFunc(result.Checks, func(c ekyc.Check) bool { return (outcome{status: c.Status}).bars(c.Severity) })
		if result.DocumentValid == barred {
			r.Fatalf("valid %t although a grave check stands against it: %t", result.DocumentValid, barred)
		}
		if result.Retake && (result.DocumentValid || result.ProvenForgery) {
			r.Fatalf("retake with valid %t, proven forgery %t", result.DocumentValid, result.ProvenForgery)
		}
		if result.Confidence < confidenceLowest || result.Confidence > confidenceMost {
			r.Fatalf("confidence %f", result.Confidence)
		}
	})
}

// TestMessagesHoldNoPersonalData: no value of a field, of the claim or of the zone stands in a message.
func TestMessagesHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := anyInput(r, t)
		var secrets []string
		add := func(value string) {
			for _, word := range append(strings.FieldsFunc(value, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), value) {
				if len(word) >= 4 {
					secrets = append(secrets, strings.ToUpper(word))
				}
			}
		}
		for key, list := range in.Fields {
			for _, f := range list {
				if key != Sex && key != DateOfExpiry && key != DateOfIssue {
					add(f.Value)
				}
			}
		}
		for key, value := range in.Claimed {
			if key != DateOfExpiry {
				add(value)
			}
		}
		if in.MRZ != nil {
			for _, line := range in.MRZ.Lines {
				add(line)
			}
		}
		words := func(text string) string { // as words, so that "BASE" is not found in "baseline"
			return " " + strings.Join(strings.FieldsFunc(strings.ToUpper(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), " ") + " "
		}
		for _, c := range Validate(in).Checks {
			for _, secret := range secrets {
				if strings.Contains(words(c.Message), words(secret)) {
					r.Fatalf("the message of %s holds a value of the document", c.Name)
				}
			}
		}
	})
}

func TestNothingPassesOnNothing(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]Input{
		"empty": {At: verifiedOn}, "typed": {Type: ekyc.Passport, At: verifiedOn}, "image": {Images: true, Front: &Side{}, MRZ: &MRZ{}, At: verifiedOn},
	} {
		result := Validate(in)
		if result.DocumentValid || result.MRZValid {
			t.Errorf("%s: valid", name)
		}
		for _, c := range result.Checks {
			if c.Status == ekyc.Pass && !(name == "typed" && c.Name == "document_type_known") && !(name == "image" && c.Name == "specimen_words") {
				t.Errorf("%s: %s passes: %s", name, c.Name, c.Message)
			}
		}
	}
}

func FuzzValidate(f *testing.F) {
	f.Add("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10", "Eriksson", "1974-08-12", "L898902C3", "UTO")
	f.Add("", "", "Μαρία Ł ß 李", "1964-XX-XX", "12345678Z", "ESP")
	f.Fuzz(func(t *testing.T, first, second, name, day, number, country string) {
		field := func(value string) []Field { return []Field{{Value: value, Source: SourceVIZ, Confidence: 0.95}} }
		result := Validate(Input{
			Type: ekyc.IDCard, Country: country, At: verifiedOn, MRZ: &MRZ{Lines: []string{first, second}, Given: true},
			Fields: map[Key][]Field{
				Surname: field(name), FullName: field(name), DateOfBirth: field(day), DateOfExpiry: field(day), DocumentNumber: field(number),
				PersonalNumber: field(number), Nationality: field(country),
			},
			Claimed: map[Key]string{FullName: name, DateOfBirth: day, DocumentNumber: number},
		})
		if len(result.Checks) != len(Names()) {
			t.Errorf("%d checks", len(result.Checks))
		}
		if z, err := mrz.Parse([]string{first, second}); result.DocumentValid && (err != nil || !z.Valid()) {
			t.Error("valid without a valid zone")
		}
	})
}
