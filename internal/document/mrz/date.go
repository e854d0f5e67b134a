package mrz

import (
	"fmt"
	"time"
)

// Precision says how much of a date is known.
type Precision string

// The precisions. PrecisionNone: nothing is known, the year included.
const (
	PrecisionDay   Precision = "day"
	PrecisionMonth Precision = "month"
	PrecisionYear  Precision = "year"
	PrecisionNone  Precision = "none"
)

// Date is a date as a zone has it: two digits of the year, month and day, each of which may be unknown.
type Date struct {
	Raw string `json:"raw"` // six characters as read
	// Year is 0 to 99, Month 1 to 12, Day 1 to 31; -1 where unknown: fillers or, for month and day, zeros (ICAO Doc 9303-3 section 4.8).
	Year, Month, Day int `json:"-"`
	// WellFormed: digits, fillers or zeros where they may be, and a day that its month has (29 February in any year).
	WellFormed bool `json:"well_formed"`
}

// FullDate is a Date with its century: "1974-08-12", "1974-08" or "1974"; empty where the year is unknown.
type FullDate struct {
	Value     string    `json:"value"`
	Precision Precision `json:"precision"`
}

// ParseDate reads six characters YYMMDD.
func ParseDate(raw string) Date {
	d := Date{Raw: raw, Year: -1, Month: -1, Day: -1}
	if len(raw) != 6 {
		return d
	}
	year, okYear := twoDigits(raw[0:2])
	month, okMonth := twoDigits(raw[2:4])
	day, okDay := twoDigits(raw[4:6])
	if !okYear || !okMonth || !okDay {
		return d
	}
	if month == 0 {
		month = -1
	}
	if day == 0 {
		day = -1
	}
	if month > 12 || day > longestMonth(month) {
		return d
	}
	d.Year, d.Month, d.Day, d.WellFormed = year, month, day, true
	return d
}

// twoDigits gives a number of two digits, -1 for two fillers, and false for anything else.
func twoDigits(s string) (int, bool) {
	if s == "<<" {
		return -1, true
	}
	if s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return -1, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

// longestMonth is the number of days of a month in a leap year, 31 for an unknown one.
func longestMonth(month int) int {
	if month < 1 {
		return 31
	}
	return time.Date(2000, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Birth gives a date of birth its century: the latest in which it does not lie after the reference.
func (d Date) Birth(reference time.Time) FullDate {
	return d.in(func(century int) bool {
		year := century + d.Year
		switch {
		case year != reference.Year():
			return year < reference.Year()
		case d.Month < 0 || time.Month(d.Month) != reference.Month():
			return d.Month < 0 || time.Month(d.Month) < reference.Month()
		}
		return d.Day < 0 || d.Day <= reference.Day()
	}, reference)
}

// Dates gives both dates of a zone their centuries. The holder was born before the document ran out, which decides the century of a
// birth that could lie in either: of a document that expired in 2011 a holder born in "12" was born in 1912, whatever the reference.
func (z *Zone) Dates(reference time.Time) (birth, expiry FullDate) {
	expiry = z.ExpiryDate.Expiry(reference)
	for _, form := range []string{time.DateOnly, "2006-01", "2006"} { // by precision; its first day where the day is not known
		if day, err := time.Parse(form, expiry.Value); err == nil && day.Before(reference) {
			reference = day
		}
	}
	return z.BirthDate.Birth(reference), expiry
}

// yearsAhead is how far in the future an expiry can lie: half a century, so that every expiry of a document that exists (the
// first machine readable passports are of 1980) lies in the hundred years that end there.
const yearsAhead = 50

// Expiry gives a date of expiry its century: the latest in which it lies at most 50 years after the reference.
func (d Date) Expiry(reference time.Time) FullDate {
	return d.in(func(century int) bool { return century+d.Year <= reference.Year()+yearsAhead }, reference)
}

// in formats d in the latest century, from the one after the reference's backwards, that is permitted.
func (d Date) in(permitted func(century int) bool, reference time.Time) FullDate {
	if !d.WellFormed || d.Year < 0 {
		return FullDate{Precision: PrecisionNone}
	}
	century := reference.Year() - reference.Year()%100 + 100
	for !permitted(century) {
		century -= 100
	}
	year := century + d.Year
	leap := time.Date(year, time.March, 0, 0, 0, 0, 0, time.UTC).Day() == 29
	switch {
	case d.Month < 0:
		return FullDate{fmt.Sprintf("%04d", year), PrecisionYear}
	case d.Day < 0, d.Month == 2 && d.Day == 29 && !leap:
		return FullDate{fmt.Sprintf("%04d-%02d", year, d.Month), PrecisionMonth}
	}
	return FullDate{fmt.Sprintf("%04d-%02d-%02d", year, d.Month, d.Day), PrecisionDay}
}
