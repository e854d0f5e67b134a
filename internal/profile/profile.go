// Package profile holds the light checks of a person's profile (KYA): e-mail address, telephone number, internet address, countries,
// names and date of birth, each with a status of its own. What a check says never repeats what was sent: messages are fixed texts, and
// evidence holds codes of countries, kinds, counts and similarities. The only traffic is the DNS query of email_mx, and none without
// Options.MXEnabled.
package profile

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"ekyc"
)

// Input is what a person claims, what was seen of them, and what their document says. Empty fields were not given.
type Input struct {
	Email, Phone, IP string
	Country          string // claimed: ISO 3166-1 alpha-3 or alpha-2, or a code of ICAO Doc 9303-3
	GivenNames       string // claimed, as Surname and FullName are; FullName stands in where the parts are not told apart
	Surname          string
	FullName         string
	DateOfBirth      string         // claimed, ISO 8601 YYYY-MM-DD
	Document         *DocumentFacts // nil where no document was read
	At               time.Time      // the moment of the claim; the zero time is now
}

// DocumentFacts is what was read from the document, each field empty where it was not read. DateOfBirth may lack its end (YYYY-MM, YYYY).
type DocumentFacts struct {
	GivenNames, Surname, FullName string
	Country, Nationality          string
	DateOfBirth                   string
}

// Result is the outcome. Checks are the twelve of the Check… constants, always all and in that order.
type Result struct {
	Checks     []ekyc.Check
	Score      float64 // 0 to 1, the weighted mean that score.go describes; 0 where nothing was evaluated
	Confidence float64 // 0 to 1: the share of what was given, by weight, that could be evaluated
	Evaluated  int     // the number of checks that Score rests on; with 0 the score says nothing and the factor did not run
	Normalised Normalised
}

// Normalised are the inputs in their standard forms, empty where not given or not understood. It is personal data.
type Normalised struct {
	Email       string // the domain in lower case and A-labels (RFC 5890), the local part as it was (RFC 5321 section 2.4)
	Phone       string // E.164
	PhoneRegion string // ISO 3166-1 alpha-3, or ICAO's code
	PhoneType   string // mobile, fixed_line, fixed_line_or_mobile, toll_free, premium_rate, shared_cost, voip, …
	IPCountry   string // ISO 3166-1 alpha-3, or ICAO's code
	Country     string // ISO 3166-1 alpha-3, or ICAO's code
}

// Options configure a Checker. The zero value sends nothing anywhere and uses the embedded table of IP ranges.
type Options struct {
	MXEnabled bool          // whether email_mx may ask the resolver
	Resolver  Resolver      // nil: Go's own, with the system's name servers
	Timeout   time.Duration // for the DNS queries of one call; 0: 1.5 s
	IPTable   *IPTable      // nil: the embedded table
}

// defaultTimeout bounds the DNS part of one call: p99 of a public resolver on a cold name is well under a second, and a profile check
// must not hold up a pipeline with a p95 target of 3.5 s.
const defaultTimeout = 1500 * time.Millisecond

// Checker runs the profile checks. It is safe for concurrent use.
type Checker struct {
	mail    *mailLookup // nil: disabled
	ipTable *IPTable
}

// New makes a Checker.
func New(o Options) *Checker {
	c := &Checker{ipTable: o.IPTable}
	if !o.MXEnabled {
		return c
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Resolver == nil {
		o.Resolver = systemResolver()
	}
	c.mail = newMailLookup(o.Resolver, o.Timeout)
	return c
}

// Check examines in. It fails with invalid_argument where nothing was claimed, a field is longer than 1,000 bytes or is not UTF-8, or
// the claimed country is unknown (details name the field), and with cancelled where ctx ended. Bad values are not errors: checks tell.
func (c *Checker) Check(ctx context.Context, in Input) (Result, error) {
	in = in.trimmed()
	if err := in.validate(); err != nil {
		return Result{}, err
	}
	if in.At.IsZero() {
		in.At = time.Now()
	}
	var out Normalised
	claim, _ := countryOf(in.Country)
	out.Country = claim.code()
	hint := claim
	if hint.unknown() && in.Document != nil {
		hint, _ = countryOf(in.Document.Country)
	}
	checks := make([]ekyc.Check, 0, len(rules))
	mail, emailChecks := c.checkEmail(ctx, in.Email)
	phone, phoneChecks := checkPhone(in.Phone, hint)
	ip, ipChecks := c.checkIP(in.IP)
	checks = append(checks, emailChecks...)
	checks = append(checks, phoneChecks...)
	checks = append(checks, ipChecks...)
	checks = append(checks, checkCountries(claim, in.Document, phone, ip), checkNames(in), checkAge(in))
	if err := ctx.Err(); err != nil {
		return Result{}, ekyc.Errorf(ekyc.ErrCancelled, "the profile checks were cancelled").Because(err)
	}
	out.Email = mail.normalised()
	out.Phone, out.PhoneRegion, out.PhoneType = phone.e164, phone.region.code(), phone.kind
	out.IPCountry = ip.code()
	result := Result{Checks: checks, Normalised: out}
	result.Score, result.Confidence, result.Evaluated = score(checks)
	return result, nil
}

func (in Input) trimmed() Input {
	for _, f := range []*string{&in.Email, &in.Phone, &in.IP, &in.Country, &in.GivenNames, &in.Surname, &in.FullName, &in.DateOfBirth} {
		*f = strings.TrimSpace(*f)
	}
	return in
}

// longestField bounds every field in bytes; the longest that means anything is an e-mail address of 254.
const longestField = 1000

func (in Input) validate() error {
	fields := []struct{ name, value string }{
		{"email", in.Email}, {"phone", in.Phone}, {"ip", in.IP}, {"country", in.Country}, {"given_names", in.GivenNames},
		{"surname", in.Surname}, {"full_name", in.FullName}, {"date_of_birth", in.DateOfBirth},
	}
	given := false
	for _, f := range fields {
		given = given || f.value != ""
	}
	if !given {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "nothing was given to check")
	}
	if d := in.Document; d != nil {
		for _, value := range []string{d.GivenNames, d.Surname, d.FullName, d.Country, d.Nationality, d.DateOfBirth} {
			fields = append(fields, struct{ name, value string }{"document", value})
		}
	}
	for _, f := range fields {
		if len(f.value) > longestField {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "the field %s is longer than %d bytes", f.name, longestField).With("field", f.name)
		}
		if !utf8.ValidString(f.value) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "the field %s is not UTF-8", f.name).With("field", f.name)
		}
	}
	if _, known := countryOf(in.Country); in.Country != "" && !known {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the claimed country is not a code of ISO 3166-1 or ICAO Doc 9303-3").With("field", "country")
	}
	return nil
}
