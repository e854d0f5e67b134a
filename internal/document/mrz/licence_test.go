package mrz

import (
	"slices"
	"strings"
	"testing"

	"ekyc"

	"github.com/google/go-cmp/cmp"
)

func TestParseLicences(t *testing.T) {
	t.Parallel()
	for format, want := range map[Format]Zone{
		FRADL: {DocumentCode: "D1", Issuer: "FRA", IssuerISO: "FRA", DocumentNumber: "13AA00002", ExpiryDate: ParseDate("181231"), Surname: "MARTIN"},
		NLDDL: {DocumentCode: "D1", Issuer: "NLD", IssuerISO: "NLD", DocumentNumber: "5094962111", Optional1: "1", Optional2: "659VW87Z78NB8"},
		ISODL: {DocumentCode: "D1", Issuer: "HRV", IssuerISO: "HRV", Optional1: "123456789ABCDEFGHIJKLMNO"},
		CHEDL: {DocumentCode: "FA", Issuer: "CHE", IssuerISO: "CHE", DocumentNumber: "305142128097", BirthDate: ParseDate("800126"), Surname: "MARCHAND", GivenNames: "FABIENNE", Optional1: "AAA001D"},
	} {
		z, err := Parse(licences[format])
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if z.Format != format || z.Valid() != (format != CHEDL) || len(z.Faults) > 0 {
			t.Errorf("%s: read as %s, valid %v, checks %+v, faults %v", format, z.Format, z.Valid(), z.Checks, z.Faults)
		}
		got := Zone{
			DocumentCode: z.DocumentCode, Issuer: z.Issuer, IssuerISO: z.IssuerISO, DocumentNumber: z.DocumentNumber, Surname: z.Surname, GivenNames: z.GivenNames,
			Optional1: z.Optional1, Optional2: z.Optional2, BirthDate: want.BirthDate, ExpiryDate: want.ExpiryDate,
		}
		if diff := cmp.Diff(want, got); diff != "" || z.BirthDate.WellFormed != (format == CHEDL) || z.ExpiryDate.WellFormed != (format == FRADL) {
			t.Errorf("%s: %s, dates %+v %+v", format, diff, z.BirthDate, z.ExpiryDate)
		}
	}
}

// TestLicenceCheckDigits: each digit is computed over what its format says. The sums were worked out by hand from the weights.
func TestLicenceCheckDigits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line   string
		failed []Field
	}{
		"wrong number":      {"D1FRA14AA000026181231MARTIN<<9", []Field{FieldDocumentNumber, FieldComposite}},
		"wrong expiry":      {"D1FRA13AA000026191231MARTIN<<9", []Field{FieldComposite}},
		"wrong surname":     {"D1FRA13AA000026181231MARTEN<<9", []Field{FieldComposite}},
		"wrong Dutch digit": {"D1NLD15094962112659VW87Z78NB84", []Field{FieldComposite}},
		"blind misreading":  {"D1NLD15094962111659VW87Z78N884", []Field{FieldComposite}}, // B is 11, 8 is 8
		"blind indeed":      {"D1NLD15094962111659VW87ZI8NB84", []Field{FieldComposite}}, // 7 and I: 7 and 18
		"unnoticed":         {"D1NLD15094962111659VW87Z7INB84", nil},                     // 8 and I: 8 and 18
	} {
		z, err := Parse([]string{c.line})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var failed []Field
		for _, check := range z.Checks {
			if !check.Holds {
				failed = append(failed, check.Name)
			}
		}
		if diff := cmp.Diff(c.failed, failed); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLicencesAreReadFromLikelihoodAlone(t *testing.T) {
	t.Parallel()
	decoder := NewDecoder(DecoderOptions{})
	for format, lines := range licences {
		for seed := range uint64(8) {
			random := seeded(seed)
			rows := rowsOf(lines, 0.9, random)
			if format == CHEDL {
				rows = rows[1:] // the first is too short to be found by itself
			}
			r, err := decoder.Part(rows)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if format == CHEDL && (!slices.Equal(r.Zone.Lost, []int{0}) || !decoder.Complete(r, 0, Row{LogProbs: synthetic(lines[0], 0.9, random)})) {
				t.Fatalf("the first line does not complete %v", r.Lines)
			}
			if r.Format != format || !slices.Equal(r.Lines, lines) || r.Weak && format != CHEDL {
				t.Errorf("%s, seed %d: read as %s, weak %v: %s", format, seed, r.Format, r.Weak, cmp.Diff(lines, r.Lines))
			}
		}
	}
}

func TestPartTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format Format
		lines  []int // that are left
		number string
		fields []Field // that are known
	}{
		"passport": {TD3, []int{1}, "L898902C3", []Field{FieldDocumentNumber, FieldNationality, FieldBirthDate, FieldSex, FieldExpiryDate, FieldOptional1}},
		"TD2":      {TD2, []int{1}, "D23145890", []Field{FieldDocumentNumber, FieldNationality, FieldBirthDate, FieldSex, FieldExpiryDate, FieldOptional1}},
		"TD1 without its names": {TD1, []int{0, 1}, "D23145890",
			[]Field{FieldDocumentCode, FieldIssuer, FieldDocumentNumber, FieldOptional1, FieldBirthDate, FieldSex, FieldExpiryDate, FieldNationality, FieldOptional2}},
		"TD1 without its number": {TD1, []int{1, 2}, "", []Field{FieldBirthDate, FieldSex, FieldExpiryDate, FieldNationality, FieldOptional2, FieldNames}},
		"TD1's dates":            {TD1, []int{1}, "", []Field{FieldBirthDate, FieldSex, FieldExpiryDate, FieldNationality, FieldOptional2}},
		"French card":            {FRAID, []int{1}, "970675K00277", []Field{FieldDocumentNumber, FieldGivenNames, FieldBirthDate, FieldSex}},
	} {
		lines, rows := make([]string, len(specimens[c.format])), []Row{}
		all := rowsOf(specimens[c.format], 0.9, seeded(4))
		for _, i := range c.lines {
			lines[i] = specimens[c.format][i]
			rows = append(rows, all[i])
		}
		r, err := NewDecoder(DecoderOptions{}).Part(rows)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		parsed, err := Parse(lines)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for way, z := range map[string]*Zone{"decoded": r.Zone, "parsed": parsed} {
			if z.Format != c.format || !slices.Equal(z.Lines, lines) || z.Valid() || len(z.Lost) != len(lines)-len(c.lines) {
				t.Errorf("%s, %s: %s, valid %v, lost %v: %s", name, way, z.Format, z.Valid(), z.Lost, cmp.Diff(lines, z.Lines))
			}
			var known []Field
			for _, e := range z.Evidence() {
				known = append(known, e.Field)
			}
			if diff := cmp.Diff(c.fields, known); diff != "" || z.DocumentNumber != c.number || len(z.Statuses()) != len(known) {
				t.Errorf("%s, %s: number %q, %s", name, way, z.DocumentNumber, diff)
			}
			if _, has := z.Check(FieldComposite); has != (c.format == TD3 || c.format == TD2 || name == "TD1 without its names") {
				t.Errorf("%s, %s: composite %v", name, way, has)
			}
		}
		if _, has := r.FieldConfidence(FieldDocumentNumber); has != (c.number != "") {
			t.Errorf("%s: the confidence of the number is told: %v", name, has)
		}
	}
}

func TestPartRefuses(t *testing.T) {
	t.Parallel()
	random := seeded(6)
	passport, card := rowsOf(specimens[TD3], 0.9, random), rowsOf(specimens[TD1], 0.9, random)
	wrong := rowsOf([]string{"L898902C36UTO7408132F1204159ZE184226B<<<<<10"}, 0.9, random)
	for name, rows := range map[string][]Row{
		"none": nil, "a line of names": passport[:1], "names of a card": card[2:], "number of a card": card[:1], "number and names": {card[0], card[2]},
		"a line whose digit does not hold": wrong, "a whole passport": passport, "three rows": card, "text": rowsOf([]string{"THEQUICKBROWNFOXJUMPSOVERTHELAZ"}, 0.98, random),
		"French licence as another's": rowsOf([]string{"D1FRAABCDEFGHIJKLMNOPQRSTUVWX5"}, 0.98, random),
	} {
		if r, err := NewDecoder(DecoderOptions{}).Part(rows); ekyc.CodeOf(err) != ekyc.ErrMRZUnreadable {
			t.Errorf("%s: got %+v and %v, want mrz_unreadable", name, r, err)
		}
	}
	for name, lines := range map[string][]string{
		"names alone": {specimens[TD3][0], ""}, "nothing left": {"", ""}, "wrong digit": {"", "L898902C36UTO7408132F1204159ZE184226B<<<<<10"},
		"number and names of a card": {specimens[TD1][0], "", specimens[TD1][2]}, "another length": {"", specimens[TD3][1][:40]}, "four lines": {"", specimens[TD3][1], "", ""},
	} {
		if z, err := Parse(lines); ekyc.CodeOf(err) != ekyc.ErrMRZUnreadable {
			t.Errorf("%s: got %+v and %v, want mrz_unreadable", name, z, err)
		}
	}
}

func TestEvidenceNamesBlindSpots(t *testing.T) {
	t.Parallel()
	z, err := Parse([]string{specimens[TD3][0], "L898902C36UTO7408132F1204159ZE184226B<<<<<10"})
	if err != nil {
		t.Fatal(err)
	}
	evidence := map[Field]Evidence{}
	for _, e := range z.Evidence() {
		evidence[e.Field] = e
	}
	number := evidence[FieldDocumentNumber]
	if number.Status != Proven || number.By != FieldDocumentNumber || len(number.BlindSpots) != 9 || !strings.Contains(number.BlindSpots[5].SameValue, "AKU<") {
		t.Errorf("the number: %+v", number)
	}
	if birth := evidence[FieldBirthDate]; birth.Status != Refuted || birth.BlindSpots != nil || birth.Exchanges != nil {
		t.Errorf("the refuted date of birth: %+v", birth)
	}
	if names := evidence[FieldNames]; names.Status != NotCovered || names.By != "" || names.BlindSpots != nil {
		t.Errorf("the names, which nothing covers: %+v", names)
	}
	expiry := evidence[FieldExpiryDate] // 120415: 1204|15 has no neighbours five apart, but fillers have the value of 0
	if len(expiry.Exchanges) != 0 || len(expiry.BlindSpots) != 1 || expiry.BlindSpots[0].SameValue != "<" {
		t.Errorf("the expiry: %+v", expiry)
	}
}

// TestExchangesAreBlind: neighbours that are named may stand the other way round and every sum still holds; all others are noticed.
func TestExchangesAreBlind(t *testing.T) {
	t.Parallel()
	lines, err := Compose(Document{Code: "P", Issuer: "UTO", Surname: "A", Number: "16A5F0497", Nationality: "UTO", BirthDate: "740816", ExpiryDate: "270505", Optional1: "61"}, TD3)
	if err != nil {
		t.Fatal(err)
	}
	z, err := Parse(lines)
	if err != nil || !z.Valid() {
		t.Fatalf("%v, %v", z, err)
	}
	named := 0
	for _, e := range z.Evidence() {
		if e.Status != Proven {
			continue
		}
		check, _ := z.Check(e.Field)
		for _, s := range check.Covers {
			for k := s.From; k+1 < s.To; k++ {
				a, b := z.Lines[s.Line][k], z.Lines[s.Line][k+1]
				if a == b {
					continue
				}
				changed := slices.Clone(z.Lines)
				changed[s.Line] = z.Lines[s.Line][:k] + string(b) + string(a) + z.Lines[s.Line][k+2:]
				other, err := Parse(changed)
				if err != nil {
					t.Fatal(err)
				}
				holds := !slices.ContainsFunc(other.Checks, func(c Check) bool { return !c.Holds })
				is := slices.ContainsFunc(e.Exchanges, func(x Exchange) bool { return x.Line == s.Line && x.Column == k })
				if is {
					named++
				}
				if holds != is {
					t.Errorf("%s: %c%c at %d: sums hold %v, named %v", e.Field, a, b, k, holds, is)
				}
			}
		}
	}
	if named < 3 { // 16, 05 of the number, 16 of the birth, 27 and 05 of the expiry, 61
		t.Errorf("only %d exchanges are named", named)
	}
}
