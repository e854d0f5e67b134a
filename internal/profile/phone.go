package profile

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"ekyc"
)

// phone is a number that was understood; the zero value is none.
type phone struct {
	e164      string
	region    country // unknown for a number that belongs to no country
	countries []country
	kind      string
}

// phoneKinds name the number types of libphonenumber.
var phoneKinds = map[phonenumbers.PhoneNumberType]string{
	phonenumbers.FIXED_LINE: "fixed_line", phonenumbers.MOBILE: "mobile", phonenumbers.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
	phonenumbers.TOLL_FREE: "toll_free", phonenumbers.PREMIUM_RATE: "premium_rate", phonenumbers.SHARED_COST: "shared_cost",
	phonenumbers.VOIP: "voip", phonenumbers.PERSONAL_NUMBER: "personal_number", phonenumbers.PAGER: "pager", phonenumbers.UAN: "company_number",
	phonenumbers.VOICEMAIL: "voicemail", phonenumbers.UNKNOWN: "unknown",
}

// canonical is E.164 as ITU-T E.164 section 6.2 bounds it: a plus sign and at most 15 digits, the first not a zero.
var canonical = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// longestPhone is what libphonenumber takes, in bytes.
const longestPhone = 250

// parsePhone reads a number in international form, or in the national form of the country hint, and says in one word what is wrong.
func parsePhone(given string, hint country) (phone, string) {
	if len(given) > longestPhone {
		return phone{}, "too_long"
	}
	if strings.ContainsFunc(given, func(r rune) bool { return !isDialled(r) }) {
		return phone{}, "characters"
	}
	region := hint.alpha2()
	if strings.HasPrefix(given, "+") || strings.HasPrefix(given, "＋") {
		region = "" // the number says its country itself
	} else if rest, international := strings.CutPrefix(given, "00"); international && region == "" {
		given = "+" + rest // the international prefix of most of the world (ITU-T E.164 annex)
	} else if region == "" {
		return phone{}, "no_country"
	}
	number, err := phonenumbers.Parse(given, region)
	if err != nil {
		return phone{}, "unreadable"
	}
	if !phonenumbers.IsValidNumber(number) {
		return phone{}, "not_assigned"
	}
	p := phone{e164: phonenumbers.Format(number, phonenumbers.E164), kind: phoneKinds[phonenumbers.GetNumberType(number)]}
	p.region, _ = countryOf(phonenumbers.GetRegionCodeForNumber(number))
	for _, code := range phonenumbers.GetRegionCodesForCountryCode(int(number.GetCountryCode())) {
		if c, known := countryOf(code); known && phonenumbers.IsValidNumberForRegion(number, code) {
			p.countries = append(p.countries, c)
			if c.code() == hint.code() {
				p.region = c // several territories share the range, and the claim says which
			}
		}
	}
	return p, ""
}

// isDialled admits digits of any script and what people put between them; libphonenumber would also take letters and extensions.
func isDialled(r rune) bool {
	return unicode.IsDigit(r) || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("+＋()./", r)
}

func checkPhone(given string, hint country) (phone, []ekyc.Check) {
	if given == "" {
		return phone{}, notGiven(CheckPhoneFormat, CheckPhoneRegion, CheckPhoneType)
	}
	number, fault := parsePhone(given, hint)
	if fault != "" {
		return phone{}, []ekyc.Check{
			made(CheckPhoneFormat, ekyc.Fail, "this is not a telephone number that is in use", ekyc.Evidence{"reason": fault}),
			made(CheckPhoneRegion, ekyc.NotExecuted, "the telephone number could not be read", nil),
			made(CheckPhoneType, ekyc.NotExecuted, "the telephone number could not be read", nil),
		}
	}
	return number, []ekyc.Check{checkPhoneFormat(given), checkPhoneRegion(number), checkPhoneType(number)}
}

// checkPhoneFormat warns, without weight, of a number that was understood and had to be rewritten: its form says nothing of the person.
func checkPhoneFormat(given string) ekyc.Check {
	if canonical.MatchString(given) {
		return made(CheckPhoneFormat, ekyc.Pass, "the telephone number is valid E.164", ekyc.Evidence{"canonical": true})
	}
	check := made(CheckPhoneFormat, ekyc.Warn, "the telephone number is valid, but not written as E.164", ekyc.Evidence{"canonical": false})
	check.Severity = ekyc.SeverityInfo
	return check
}

func checkPhoneRegion(number phone) ekyc.Check {
	if number.region.unknown() {
		return made(CheckPhoneRegion, ekyc.Warn, "the telephone number belongs to no country", nil)
	}
	return made(CheckPhoneRegion, ekyc.Pass, "the country of the telephone number is known",
		ekyc.Evidence{"region": number.region.code(), "possible_regions": codes(number.countries)})
}

func checkPhoneType(number phone) ekyc.Check {
	evidence := ekyc.Evidence{"type": number.kind}
	switch number.kind {
	case "mobile", "fixed_line", "fixed_line_or_mobile":
		return made(CheckPhoneType, ekyc.Pass, "the telephone number is one that private people have", evidence)
	case "voip", "personal_number", "pager", "unknown":
		return made(CheckPhoneType, ekyc.Warn, "the telephone number is of a type that is easily had or rarely a private person's", evidence)
	}
	return made(CheckPhoneType, ekyc.Fail, "the telephone number is a service number, not a private person's", evidence)
}
