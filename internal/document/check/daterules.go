package check

import (
	"ekyc"
)

// dateRules examine the dates among themselves and against today.
func dateRules() []rule {
	return []rule{
		{"birth_date_valid", ekyc.SeverityMajor, dateValid(DateOfBirth)},
		{"birth_date_plausible", ekyc.SeverityMajor, birthDatePlausible},
		{"issue_date_valid", ekyc.SeverityMinor, dateValid(DateOfIssue)},
		{"issue_date_not_in_future", ekyc.SeverityMajor, issueDateNotInFuture},
		{"expiry_date_valid", ekyc.SeverityMajor, dateValid(DateOfExpiry)},
		{"dates_order", ekyc.SeverityMajor, datesOrder},
		{"validity_period_plausible", ekyc.SeverityMinor, validityPeriodPlausible},
		{"document_not_expired", ekyc.SeverityMajor, documentNotExpired},
		{"minimum_age", ekyc.SeverityMajor, minimumAge},
	}
}

const (
	// oldestAge is the greatest age in years that a holder is believed: the longest human life on record (Jeanne Calment).
	oldestAge = 122
	// readingTrusted and readingDoubted bound the confidence of a printed field: from the first on a reading is taken at its word,
	// below the second it proves nothing. PP-OCR's scores of rightly read lines lie above 0.9, of garbled ones mostly below 0.6.
	readingTrusted = 0.9
	readingDoubted = 0.6
	// lettersSure is the confidence from which a printed name or sex contradicts another source: garbled ones have less for the most part.
	lettersSure = 0.75
)

// dateValid says whether every reading of a date is a day that exists.
func dateValid(key Key) func(*subject) outcome {
	return func(s *subject) outcome {
		readings := s.all(key)
		if len(readings) == 0 {
			return notExecuted("%s was not read", key)
		}
		var wrong []string
		doubted := true
		for _, f := range readings {
			if _, ok := parseDate(f.Value); !ok {
				wrong = append(wrong, string(f.Source))
				doubted = doubted && s.inDoubt(f)
			}
		}
		switch {
		case len(wrong) == 0:
			return passed("%s is a day that exists, in %s", key, counted(len(readings), "reading"))
		case doubted:
			return warned("%s is no day that exists, in %d of %s, all of them doubtful", key, len(wrong), counted(len(readings), "reading")).
				with("sources", wrong).retakable()
		}
		return failed("%s is no day that exists, in %d of %s", key, len(wrong), counted(len(readings), "reading")).with("sources", wrong)
	}
}

// day gives the best reading of a date.
func (s *subject) day(key Key) (date, Field, bool) {
	for _, f := range s.all(key) {
		if d, ok := parseDate(f.Value); ok {
			return d, f, true
		}
	}
	return date{}, Field{}, false
}

// against turns a contradiction into a failure, or into a warning when it rests on readings in doubt.
func (s *subject) against(readings []Field, format string, args ...any) outcome {
	for _, f := range readings {
		if s.inDoubt(f) {
			return warned(format+"; a reading is in doubt", args...).retakable()
		}
	}
	return failed(format, args...)
}

func birthDatePlausible(s *subject) outcome {
	born, f, ok := s.day(DateOfBirth)
	if !ok {
		return notExecuted("no valid date of birth was read")
	}
	switch age := born.age(s.today); {
	case born.first().After(s.today):
		return s.against([]Field{f}, "the date of birth lies in the future").with(string(DateOfBirth), f.Value)
	case age > oldestAge:
		return s.against([]Field{f}, "the holder would be older than %d years", oldestAge).with(string(DateOfBirth), f.Value)
	}
	return passed("the date of birth is not in the future and the holder is at most %d", oldestAge)
}

func issueDateNotInFuture(s *subject) outcome {
	issued, f, ok := s.day(DateOfIssue)
	if !ok {
		return notExecuted("no valid date of issue was read")
	}
	if issued.first().After(s.today) {
		days := daysBetween(s.today, issued.first())
		return s.against([]Field{f}, "the date of issue lies %d days in the future", days).with(string(DateOfIssue), f.Value)
	}
	return passed("the date of issue is not in the future")
}

// datesOrder checks birth < issue < expiry for the dates that were read; two are enough.
func datesOrder(s *subject) outcome {
	keys := []Key{DateOfBirth, DateOfIssue, DateOfExpiry}
	var read []Key
	var days []date
	var fields []Field
	for _, key := range keys {
		if d, f, ok := s.day(key); ok {
			read, days, fields = append(read, key), append(days, d), append(fields, f)
		}
	}
	if len(read) < 2 {
		return notExecuted("%d of 3 dates were read and the order needs 2", len(read))
	}
	for i := 1; i < len(read); i++ {
		if !days[i-1].first().Before(days[i].last()) {
			return s.against(fields[i-1:i+1], "%s does not come before %s", read[i-1], read[i]).
				with(string(read[i-1]), fields[i-1].Value).with(string(read[i]), fields[i].Value)
		}
	}
	return passed("%d dates come in the right order", len(read)).with("dates", keyNames(read))
}

// validityPeriodPlausible compares the time from issue to expiry, or what is left of it, with the longest that the class has.
func validityPeriodPlausible(s *subject) outcome {
	expiry, _, ok := s.day(DateOfExpiry)
	if !ok {
		return notExecuted("no valid date of expiry was read")
	}
	from, what := s.today, "from today"
	if issued, _, ok := s.day(DateOfIssue); ok {
		from, what = issued.first(), "from issue"
	}
	years := completedYears(from, expiry.first().AddDate(0, 0, -1))
	if years >= s.needs.years {
		return warned("%d whole years of validity %s are not under the %d of this class", years, what, s.needs.years).with("years", years)
	}
	return passed("less than %d years of validity %s", s.needs.years, what).with("years", max(years, 0))
}

// expiredFor gives the days since the day of expiry, negative while the document is valid.
func (s *subject) expiredFor() (int, Field, bool) {
	expiry, f, ok := s.day(DateOfExpiry)
	if !ok {
		return 0, f, false
	}
	return daysBetween(expiry.last(), s.today), f, true
}

// expired says that the document ran out before today and the policy's grace, by a reading that is not in doubt.
func (s *subject) expired() bool {
	days, f, ok := s.expiredFor()
	return ok && days > s.in.Policy.ExpiryGraceDays && !s.inDoubt(f)
}

func documentNotExpired(s *subject) outcome {
	days, f, ok := s.expiredFor()
	grace := s.in.Policy.ExpiryGraceDays
	switch {
	case !ok:
		return notExecuted("no valid date of expiry was read")
	case days <= 0:
		return passed("the document is valid for another %s", counted(-days, "day")).with(string(DateOfExpiry), f.Value)
	case days <= grace:
		return warned("the document expired %d days ago, within %d days of grace", days, grace).with(string(DateOfExpiry), f.Value)
	}
	o := s.against([]Field{f}, "the document expired %d days ago, %d days of grace are allowed", days, grace)
	return o.with(string(DateOfExpiry), f.Value).with("days", days).with("source", string(f.Source))
}

func minimumAge(s *subject) outcome {
	least := s.in.Policy.MinAge
	if least <= 0 {
		return notApplicable("no minimum age is demanded")
	}
	born, f, ok := s.day(DateOfBirth)
	if !ok {
		return missing("no valid date of birth was read, and an age of %d years is demanded", least)
	}
	if young := born.age(s.today) < least; young && s.inDoubt(f) {
		return missing("the date of birth is in doubt, and by its reading the holder is younger than %d years", least).with("source", string(f.Source))
	} else if young {
		return failed("the holder is younger than %d years", least).with("age", born.age(s.today)).with("source", string(f.Source))
	}
	return passed("the holder is at least %d years old", least).with("age", born.age(s.today))
}

func keyNames(keys []Key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = string(k)
	}
	return names
}
