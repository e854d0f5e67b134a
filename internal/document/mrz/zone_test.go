package mrz

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"

	"github.com/google/go-cmp/cmp"
)

func TestParseSpecimens(t *testing.T) {
	t.Parallel()
	for format, want := range map[Format]Zone{
		TD1:   {DocumentCode: "I", DocumentNumber: "D23145890", BirthDate: ParseDate("740812"), ExpiryDate: ParseDate("120415")},
		TD2:   {DocumentCode: "I", DocumentNumber: "D23145890", BirthDate: ParseDate("740812"), ExpiryDate: ParseDate("120415")},
		TD3:   {DocumentCode: "P", DocumentNumber: "L898902C3", BirthDate: ParseDate("740812"), ExpiryDate: ParseDate("120415"), Optional1: "ZE184226B"},
		MRVA:  {DocumentCode: "V", DocumentNumber: "L8988901C", BirthDate: ParseDate("400907"), ExpiryDate: ParseDate("961210"), Optional1: "6ZE184226B", Nationality: "XXX"},
		MRVB:  {DocumentCode: "V", DocumentNumber: "L8988901C", BirthDate: ParseDate("400907"), ExpiryDate: ParseDate("961210"), Nationality: "XXX"},
		FRAID: {DocumentCode: "ID", DocumentNumber: "970675K00277", BirthDate: ParseDate("730321"), Issuer: "FRA", IssuerISO: "FRA", Surname: "LOISEAU", GivenNames: "HERVE DJAMEL", NameTruncated: true, Sex: "M"},
	} {
		want.Format, want.Lines = format, specimens[format]
		if format != FRAID {
			want.Issuer, want.Surname, want.GivenNames, want.Sex = "UTO", "ERIKSSON", "ANNA MARIA", "F"
			if want.Nationality == "" {
				want.Nationality = "UTO"
			}
		} else {
			want.NameTruncated = false
		}
		loose := make([]string, len(want.Lines))
		for i, line := range want.Lines {
			loose[i] = " " + strings.ToLower(line[:7]) + " " + line[7:] + "\t"
		}
		for name, lines := range map[string][]string{
			"lines": want.Lines, "lower case and blanks": loose, "line breaks": {strings.Join(want.Lines, "\r\n")}, "one string": {strings.Join(want.Lines, "")},
		} {
			got, err := Parse(lines)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, name, err)
			}
			if !got.Valid() {
				t.Errorf("%s, %s: not valid: %+v %v", format, name, got.Checks, got.Faults)
			}
			got.Checks = nil
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("%s, %s: %s", format, name, diff)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	td3 := specimens[TD3]
	for name, lines := range map[string][]string{
		"nothing": nil, "empty": {""}, "one line": td3[:1], "short": {td3[0], td3[1][:43]}, "three of 44": {td3[0], td3[1], td3[1]},
		"two of 30": specimens[TD1][:2], "umlaut": {strings.Replace(td3[0], "E", "É", 1), td3[1]}, "stop": {strings.Replace(td3[0], "E", ".", 1), td3[1]},
	} {
		if z, err := Parse(lines); ekyc.CodeOf(err) != ekyc.ErrMRZUnreadable {
			t.Errorf("%s: got %v, %v, want mrz_unreadable", name, z != nil, err)
		}
	}
}

func TestParseChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines  []string
		failed []Field
		faults []string
		number string
	}{
		"fillers for the digits of empty fields": {
			[]string{"P<NZLWATA<<AROHA<MERE<TERESA<<<<<<<<<<<<<<<<", "LF100358<5NZL9010015F2502151<<<<<<<<<<<<<<<8"}, nil, nil, "LF100358",
		},
		"a filler for the digit of a field that is not empty": {
			[]string{specimens[TD3][0], "L898902C3<UTO7408122F1204159ZE184226B<<<<<10"}, []Field{FieldDocumentNumber, FieldComposite}, nil, "L898902C3",
		},
		"wrong birth date": {
			[]string{specimens[TD3][0], "L898902C36UTO7408132F1204159ZE184226B<<<<<10"}, []Field{FieldBirthDate, FieldComposite}, nil, "L898902C3",
		},
		"impossible month and sex": {
			[]string{specimens[TD3][0], "L898902C36UTO7418122S1204159ZE184226B<<<<<10"}, []Field{FieldBirthDate, FieldComposite}, []string{"birth_date", "sex"}, "L898902C3",
		},
		"long number": {
			[]string{"I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"}, nil, nil, "D23145890734",
		},
		"long number that counts its filler": {
			[]string{"IDBEL000590448<1004<<<<<<<<<<<", "8512017F1311048BEL851201002007", "REINARTZ<<ULRIKE<KATIA<E<<<<<<"}, []Field{FieldDocumentNumber, FieldComposite}, nil, "000590448100",
		},
		"long number in TD2": {
			[]string{"I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<", "D23145890<UTO3407127M95071227349<<<8"}, nil, nil, "D23145890734",
		},
		"number that starts with a filler": {
			[]string{"IDCUW<512849702<<<<<<<<<<<<<<<", "6104128M1402209CUW<<<<<<<<<<<0", "PUBLIC<<JON<<<<<<<<<<<<<<<<<<<"}, nil, nil, "<51284970",
		},
	} {
		z, err := Parse(c.lines)
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
			t.Errorf("%s: failing digits: %s", name, diff)
		}
		if diff := cmp.Diff(c.faults, z.Faults); diff != "" {
			t.Errorf("%s: faults: %s", name, diff)
		}
		if z.DocumentNumber != c.number {
			t.Errorf("%s: number %q, want %q", name, z.DocumentNumber, c.number)
		}
		if want := len(c.failed)+len(c.faults) == 0; z.Valid() != want {
			t.Errorf("%s: valid %v, want %v", name, z.Valid(), want)
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	z, err := Parse([]string{specimens[TD3][0], "L898902C36UTO7408132F1204159ZE184226B<<<<<10"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[Field]Status{
		FieldDocumentCode: NotCovered, FieldIssuer: NotCovered, FieldNames: NotCovered, FieldDocumentNumber: Proven, FieldNationality: NotCovered,
		FieldBirthDate: Refuted, FieldSex: NotCovered, FieldExpiryDate: Proven, FieldOptional1: Proven,
	}
	if diff := cmp.Diff(want, z.Statuses()); diff != "" {
		t.Error(diff)
	}
	french, err := Parse(specimens[FRAID])
	if err != nil {
		t.Fatal(err)
	}
	for field, status := range french.Statuses() {
		if status != Proven {
			t.Errorf("French card: %s is %s, though the composite covers all", field, status)
		}
	}
	card, err := Parse(specimens[TD1])
	if err != nil {
		t.Fatal(err)
	}
	if got := []Status{card.Status(FieldOptional2), card.Status(FieldSurname), card.Status(FieldSex)}; !slices.Equal(got, []Status{Proven, NotCovered, NotCovered}) {
		t.Errorf("TD1: optional2, surname and sex are %v", got)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	for raw, want := range map[string][2]FullDate{ // birth, expiry
		"740812": {{"1974-08-12", PrecisionDay}, {"2074-08-12", PrecisionDay}},
		"260615": {{"2026-06-15", PrecisionDay}, {"2026-06-15", PrecisionDay}},
		"260616": {{"1926-06-16", PrecisionDay}, {"2026-06-16", PrecisionDay}},
		"760101": {{"1976-01-01", PrecisionDay}, {"2076-01-01", PrecisionDay}},
		"770101": {{"1977-01-01", PrecisionDay}, {"1977-01-01", PrecisionDay}},
		"961210": {{"1996-12-10", PrecisionDay}, {"1996-12-10", PrecisionDay}},
		"0002<<": {{"2000-02", PrecisionMonth}, {"2000-02", PrecisionMonth}},
		"260600": {{"2026-06", PrecisionMonth}, {"2026-06", PrecisionMonth}},
		"85<<<<": {{"1985", PrecisionYear}, {"1985", PrecisionYear}},
		"850000": {{"1985", PrecisionYear}, {"1985", PrecisionYear}},
		"<<<<<<": {{"", PrecisionNone}, {"", PrecisionNone}},
		"010229": {{"2001-02", PrecisionMonth}, {"2001-02", PrecisionMonth}}, // no leap year
	} {
		d := ParseDate(raw)
		if got := [2]FullDate{d.Birth(at), d.Expiry(at)}; got != want || !d.WellFormed {
			t.Errorf("%s: got %v, want %v", raw, got, want)
		}
	}
	for _, raw := range []string{"", "7408", "741312", "740832", "740230", "7A0812", "74081<", "7408122"} {
		if d := ParseDate(raw); d.WellFormed || d.Birth(at).Precision != PrecisionNone {
			t.Errorf("%q passes for a date: %+v", raw, d)
		}
	}
}

func TestBlindSpotsAreBlindAndNamed(t *testing.T) {
	t.Parallel()
	for _, pair := range lookalikes {
		if !strings.Contains(BlindTo(pair[0]), pair[1:]) {
			t.Errorf("%s are told apart by the sum", pair)
		}
	}
	if got := BlindTo('1'); got != "BLV" {
		t.Errorf("blind to %q for 1, want BLV", got)
	}
	z, err := Parse(specimens[TD3])
	if err != nil {
		t.Fatal(err)
	}
	want := BlindSpot{1, 0, "L", "1", "1BV"}
	got := z.BlindSpots()
	if len(got) == 0 || got[0] != want {
		t.Errorf("the first blind spot is %+v, want %+v", got, want)
	}
	for _, spot := range got {
		if spot.Line == 0 || 13 <= spot.Column && spot.Column < 20 {
			t.Errorf("%+v: names are not covered, and dates have no letters", spot)
		}
	}
}

// TestDatesOfAZone: the expiry bounds the birth's century, and an unknown expiry does not.
func TestDatesOfAZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	for dates, want := range map[[2]string]string{
		{"121212", "110629"}: "1912-12-12", // born after it ran out, were it 2012
		{"121212", "310629"}: "2012-12-12",
		{"121212", "121212"}: "2012-12-12",
		{"121212", "1212<<"}: "1912-12-12", // some day of that month: the holder was born before its first
		{"111212", "12<<<<"}: "2011-12-12",
		{"121212", "<<<<<<"}: "2012-12-12",
		{"121212", ""}:       "2012-12-12",
	} {
		z := &Zone{BirthDate: ParseDate(dates[0]), ExpiryDate: ParseDate(dates[1])}
		birth, expiry := z.Dates(at)
		if birth.Value != want || expiry != z.ExpiryDate.Expiry(at) {
			t.Errorf("%v: born %s, want %s; expiry %v", dates, birth.Value, want, expiry)
		}
	}
}
