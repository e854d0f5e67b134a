package check

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1974-08-12": true, "2024-02-29": true, "1964": true, "1964-05": true, "1964-00-00": true, "1964-XX-XX": true, "1964-05-00": true,
		"2023-02-29": false, "1900-02-29": false, "1974-13-01": false, "1974-04-31": false, "1964-00-12": false, "740812": false, "": false,
		"1974/08/12": false, "19740812": false, "1974-8-12": false, "0000-01-01": false, "197A-01-01": false, "1974-08-1２": false,
	} {
		if _, ok := parseDate(text); ok != want {
			t.Errorf("parseDate(%q) = %t, want %t", text, ok, want)
		}
	}
}

func TestParseDateReadsEveryDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-2e9, 4e9).Draw(t, "seconds"), 0).UTC()
		d, ok := parseDate(at.Format(time.DateOnly))
		if !ok || !d.first().Equal(day(at)) || !d.last().Equal(day(at)) {
			t.Fatalf("%s was read as %+v, %t", at.Format(time.DateOnly), d, ok)
		}
	})
}

func TestPartlyKnownDates(t *testing.T) {
	t.Parallel()
	parse := func(s string) date {
		d, ok := parseDate(s)
		if !ok {
			t.Fatalf("%q was not read", s)
		}
		return d
	}
	if !parse("1964").agrees(parse("1964-05-31")) || !parse("1964-05-XX").agrees(parse("1964-05-31")) {
		t.Error("a date does not agree with its own year or month")
	}
	if parse("1964").agrees(parse("1965-01-01")) || parse("1964-05").agrees(parse("1964-06-01")) {
		t.Error("a date agrees with another year or month")
	}
	at := time.Date(2024, 2, 28, 0, 0, 0, 0, time.UTC)
	if got := parse("2004-02-29").age(at); got != 19 {
		t.Errorf("age on the day before the birthday: %d, want 19", got)
	}
	if got := parse("2006").age(time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)); got != 17 {
		t.Errorf("age of somebody whose birthday is not known: %d, want 17, the least it can be", got)
	}
}
