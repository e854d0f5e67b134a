package profile

import (
	"strings"
	"time"

	"ekyc"
)

const (
	// oldest is beyond every age that was ever proven (122 years, Jeanne Calment).
	oldest = 123
	// earliestZone is how far the easternmost time zone (UTC+14) is ahead: a child born today there is not born in the future.
	earliestZone = 14 * time.Hour
)

// checkAge judges the claimed date of birth by itself and against the document's, whose day and month may not be known.
func checkAge(in Input) ekyc.Check {
	if in.DateOfBirth == "" {
		return made(CheckAgeClaim, ekyc.NotApplicable, "not given", nil)
	}
	born, err := time.Parse(time.DateOnly, in.DateOfBirth)
	fail := func(message, reason string) ekyc.Check {
		return made(CheckAgeClaim, ekyc.Fail, message, ekyc.Evidence{"reason": reason})
	}
	switch {
	case err != nil:
		return fail("the claimed date of birth is not a date written as YYYY-MM-DD", "not_a_date")
	case born.After(in.At.UTC().Add(earliestZone)):
		return fail("the claimed date of birth is in the future", "future")
	case born.AddDate(oldest, 0, 0).Before(in.At.UTC()):
		return fail("the claimed date of birth is that of nobody alive", "too_old")
	}
	printed := ""
	if in.Document != nil {
		printed = strings.TrimSpace(in.Document.DateOfBirth)
	}
	precision, ok := datePrecision(printed)
	if !ok {
		return made(CheckAgeClaim, ekyc.Pass, "the claimed date of birth is plausible; there is none of a document beside it", ekyc.Evidence{"compared": "nothing"})
	}
	switch evidence := (ekyc.Evidence{"compared": precision}); {
	case strings.HasPrefix(in.DateOfBirth, printed):
		return made(CheckAgeClaim, ekyc.Pass, "the claimed date of birth agrees with the document", evidence)
	case precision == "date" && in.DateOfBirth[:4]+in.DateOfBirth[7:]+in.DateOfBirth[4:7] == printed:
		evidence["reason"] = "day_and_month_exchanged"
		return made(CheckAgeClaim, ekyc.Warn, "the claimed date of birth agrees with the document once day and month are exchanged", evidence)
	default:
		evidence["reason"] = "differs"
		return made(CheckAgeClaim, ekyc.Fail, "the claimed date of birth is not the document's", evidence)
	}
}

// datePrecision says how much of a date a document tells, and false where it is none.
func datePrecision(printed string) (string, bool) {
	for _, form := range []struct{ layout, precision string }{{time.DateOnly, "date"}, {"2006-01", "month"}, {"2006", "year"}} {
		if _, err := time.Parse(form.layout, printed); err == nil {
			return form.precision, true
		}
	}
	return "", false
}
