package check

import (
	"fmt"

	"ekyc"
)

// rule is one check: its name, what its failure means, and how it is made.
type rule struct {
	name     string
	severity ekyc.Severity
	run      func(*subject) outcome
}

// outcome is what a rule found.
type outcome struct {
	status   ekyc.CheckStatus
	severity ekyc.Severity // replaces the rule's where not ""
	message  string
	evidence ekyc.Evidence

	capture bool // a better photograph can change the outcome
	proven  bool // the finding proves a forgery and cannot be a reading fault
}

func passed(format string, args ...any) outcome {
	return outcome{status: ekyc.Pass, message: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) outcome {
	return outcome{status: ekyc.Fail, message: fmt.Sprintf(format, args...)}
}

// warned is a finding that is worth a look and does not turn the verdict.
func warned(format string, args ...any) outcome {
	return outcome{status: ekyc.Warn, severity: ekyc.SeverityMinor, message: fmt.Sprintf(format, args...)}
}

func notApplicable(format string, args ...any) outcome {
	return outcome{status: ekyc.NotApplicable, message: fmt.Sprintf(format, args...)}
}

// notExecuted is for evidence that a complete examination would have and that no verdict waits for.
func notExecuted(format string, args ...any) outcome {
	return outcome{status: ekyc.NotExecuted, severity: ekyc.SeverityInfo, message: fmt.Sprintf(format, args...)}
}

// missing is for evidence without which the document cannot be called valid.
func missing(format string, args ...any) outcome {
	return outcome{status: ekyc.NotExecuted, severity: ekyc.SeverityMajor, message: fmt.Sprintf(format, args...), capture: true}
}

// with adds one piece of evidence.
func (o outcome) with(name string, value any) outcome {
	evidence := ekyc.Evidence{}
	for k, v := range o.evidence {
		evidence[k] = v
	}
	evidence[name] = value
	o.evidence = evidence
	return o
}

// at sets the severity.
func (o outcome) at(severity ekyc.Severity) outcome {
	o.severity = severity
	return o
}

// retakable marks an outcome that a better photograph can change.
func (o outcome) retakable() outcome {
	o.capture = true
	return o
}

// counted writes a number with what it counts: "1 reading", "2 readings".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// check gives the outcome its name.
func (o outcome) check(r rule) ekyc.Check {
	severity := r.severity
	if o.severity != "" {
		severity = o.severity
	}
	return ekyc.Check{Name: r.name, Status: o.status, Severity: severity, Message: o.message, Evidence: o.evidence}
}

// bars says that the outcome keeps the document from being valid: something grave failed, or evidence that is needed is missing.
func (o outcome) bars(severity ekyc.Severity) bool {
	grave := severity == ekyc.SeverityCritical || severity == ekyc.SeverityMajor
	return grave && (o.status == ekyc.Fail || o.status == ekyc.NotExecuted)
}

// rules lists every check in the order in which it is reported.
func rules() []rule {
	var all []rule
	for _, group := range [][]rule{
		zoneRules(), documentRules(), dateRules(), fieldRules(), comparisonRules(), barcodeRules(), claimRules(), pictureRules(),
	} {
		all = append(all, group...)
	}
	return all
}

// Names lists the names of all checks in the order in which they are reported.
func Names() []string {
	var names []string
	for _, r := range rules() {
		names = append(names, r.name)
	}
	return names
}
