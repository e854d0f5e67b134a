package check

import "time"

// Age gives the completed years of a person on a day. A date of birth that is known to the month or year only (YYYY-MM, YYYY) counts as its
// latest day, as it does for minimum_age. It is false for what is no date, and for one that lies ahead.
func Age(dateOfBirth string, at time.Time) (years int, ok bool) {
	born, ok := parseDate(dateOfBirth)
	if !ok {
		return 0, false
	}
	years = born.age(day(at))
	return years, years >= 0
}

// DaysUntil gives the days to a date, negative where it has passed. One that is known to the month or year only counts as its latest day.
func DaysUntil(date string, at time.Time) (days int, ok bool) {
	d, ok := parseDate(date)
	if !ok {
		return 0, false
	}
	return daysBetween(day(at), d.last()), true
}
