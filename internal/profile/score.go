package profile

import "ekyc"

// The checks, in the order in which a Result has them.
const (
	CheckEmailSyntax      = "email_syntax"
	CheckEmailMX          = "email_mx"
	CheckEmailDisposable  = "email_disposable"
	CheckEmailFree        = "email_free"
	CheckPhoneFormat      = "phone_format"
	CheckPhoneRegion      = "phone_region"
	CheckPhoneType        = "phone_type"
	CheckIPPublic         = "ip_public"
	CheckIPCountry        = "ip_country"
	CheckCountryCoherence = "country_coherence"
	CheckNameCoherence    = "name_coherence"
	CheckAgeClaim         = "age_claim"
)

// rule is what is fixed about a check: what failing it means, and its weight in the score.
type rule struct {
	name     string
	severity ekyc.Severity
	weight   int
}

// rules order and weigh the checks. The weights are a judgement, not a measurement: what ties the claim to the document (name, date of
// birth) counts most, then what marks a throw-away identity, then what only says that a channel is well-formed.
var rules = [...]rule{
	{CheckEmailSyntax, ekyc.SeverityMajor, 2},
	{CheckEmailMX, ekyc.SeverityMajor, 2},
	{CheckEmailDisposable, ekyc.SeverityMajor, 3},
	{CheckEmailFree, ekyc.SeverityInfo, 0}, // most private people have one
	{CheckPhoneFormat, ekyc.SeverityMajor, 2},
	{CheckPhoneRegion, ekyc.SeverityMinor, 1},
	{CheckPhoneType, ekyc.SeverityMinor, 1},
	{CheckIPPublic, ekyc.SeverityMinor, 1},
	{CheckIPCountry, ekyc.SeverityMinor, 1},
	{CheckCountryCoherence, ekyc.SeverityMinor, 2},
	{CheckNameCoherence, ekyc.SeverityMajor, 5},
	{CheckAgeClaim, ekyc.SeverityMajor, 4},
}

func ruleOf(name string) rule {
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	return rule{name: name, severity: ekyc.SeverityInfo}
}

func made(name string, status ekyc.CheckStatus, message string, evidence ekyc.Evidence) ekyc.Check {
	return ekyc.Check{Name: name, Status: status, Severity: ruleOf(name).severity, Message: message, Evidence: evidence}
}

func notGiven(names ...string) []ekyc.Check {
	var checks []ekyc.Check
	for _, name := range names {
		checks = append(checks, made(name, ekyc.NotApplicable, "not given", nil))
	}
	return checks
}

// score is the weighted mean of the checks that were evaluated: a pass counts 1, a warning 1/2, a failure 0. Checks that do not apply
// or were not executed are left out and the other weights renormalised; checks of severity info are told and not weighed. Confidence is
// the evaluated share of the weight that applies. The sums are integers, so that equal checks give equal scores.
func score(checks []ekyc.Check) (value, confidence float64, evaluated int) {
	halves, weighed, applicable := 0, 0, 0
	for _, c := range checks {
		weight := ruleOf(c.Name).weight
		if c.Severity == ekyc.SeverityInfo || c.Status == ekyc.NotApplicable {
			continue
		}
		applicable += weight
		switch c.Status {
		case ekyc.Pass:
			halves += 2 * weight
		case ekyc.Warn:
			halves += weight
		case ekyc.Fail:
		default:
			continue
		}
		weighed += weight
		evaluated++
	}
	if weighed == 0 {
		return 0, 0, 0
	}
	return float64(halves) / float64(2*weighed), float64(weighed) / float64(applicable), evaluated
}
