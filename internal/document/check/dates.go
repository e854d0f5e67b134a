package check

import (
	"time"
)

// date is a calendar date that may be known to the month or the year only, as on documents of people whose birthday was not recorded.
type date struct {
	Year, Month, Day int // Month and Day are 0 where unknown
}

// parseDate reads an ISO 8601 date, or one reduced to the month or the year. Unknown parts may also be written 00 or XX, as
// documents print them. It refuses days that do not exist.
func parseDate(s string) (date, bool) {
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return date{}, false
	}
	var d date
	for i, part := range []*int{&d.Year, &d.Month, &d.Day} {
		start, end := []int{0, 5, 8}[i], []int{4, 7, 10}[i]
		if end > len(s) {
			break
		}
		if i > 0 && s[start-1] != '-' {
			return date{}, false
		}
		if text := s[start:end]; i > 0 && text == "XX" {
			continue
		}
		for _, c := range []byte(s[start:end]) {
			if c < '0' || c > '9' {
				return date{}, false
			}
			*part = *part*10 + int(c-'0')
		}
	}
	return d, d.exists()
}

func (d date) exists() bool {
	if d.Year < 1 || d.Month > 12 || (d.Month == 0 && d.Day > 0) {
		return false
	}
	return d.Day <= daysIn(d.Year, d.Month)
}

// daysIn is the number of days of a month, and of the longest month where the month is unknown.
func daysIn(year, month int) int {
	if month == 0 {
		return 31
	}
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// first and last are the bounds of what a date that is only partly known can be.
func (d date) first() time.Time {
	return time.Date(d.Year, time.Month(max(d.Month, 1)), max(d.Day, 1), 0, 0, 0, 0, time.UTC)
}

func (d date) last() time.Time {
	month := d.Month
	if month == 0 {
		month = 12
	}
	day := d.Day
	if day == 0 {
		day = daysIn(d.Year, month)
	}
	return time.Date(d.Year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// agrees says whether two dates can be the same day.
func (d date) agrees(e date) bool { return !d.first().After(e.last()) && !e.first().After(d.last()) }

// age is the completed years at a day, counted from the latest day that d can be.
func (d date) age(at time.Time) int { return completedYears(d.last(), at) }

// completedYears counts whole years between two days; negative when to comes before from.
func completedYears(from, to time.Time) int {
	years := to.Year() - from.Year()
	if to.Month() < from.Month() || (to.Month() == from.Month() && to.Day() < from.Day()) {
		years--
	}
	return years
}

// day cuts a time to its UTC day.
func day(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// daysBetween counts the days from one UTC day to another; a time.Duration would end after 292 years.
func daysBetween(from, to time.Time) int {
	const secondsADay = 24 * 60 * 60
	return int((to.Unix() - from.Unix()) / secondsADay)
}
