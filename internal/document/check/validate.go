package check

import (
	"math"

	"ekyc"
)

// Result is the verdict on a document.
type Result struct {
	// DocumentValid is true when no critical or major check failed, or could not be made although the class of document demands it.
	DocumentValid bool         `json:"document_valid"`
	Checks        []ekyc.Check `json:"checks"`         // every check of [Names], in that order
	Confidence    float64      `json:"confidence"`     // in the verdict given, 0 to 1; see Validate
	Expired       bool         `json:"expired"`        // the day of expiry and the policy's days of grace are over
	ProvenForgery bool         `json:"proven_forgery"` // a contradiction that no reading fault explains
	// Retake says that the document is not valid for want of a good photograph only: nothing speaks against the document itself.
	Retake bool `json:"retake"`
	// MRZValid says that every check digit, the structure, and the reading of the machine readable zone hold.
	MRZValid bool `json:"mrz_valid"`
}

// Weights of the confidence. They order verdicts by their evidence; they are set by judgement, not fitted to a measured set.
const (
	trustTwoReaders  = 0.99 // zone proven by its check digits, two readers agree
	trustMRZ         = 0.96 // zone proven by its check digits
	trustBarcode     = 0.95 // bar code with its error correction
	trustPrint       = 0.75 // nothing but printed text
	doubtMinor       = 0.97 // each warning or minor failure
	doubtMajor       = 0.90 // each major warning
	proofCritical    = 0.98 // each critical failure
	proofMajor       = 0.85 // each major failure
	proofMissing     = 0.70 // each missing piece of needed evidence
	confidenceLowest = 0.05
	confidenceMost   = 0.99
)

// Validate examines a document. It is a pure function: the same input gives the same result, checks in the same order.
//
// Confidence is confidence in the verdict given. For a valid document it starts from the best evidence there is (0.99 for a
// machine readable zone whose check digits hold and on which two readers agree, 0.96 with one reader, 0.95 for a bar code, 0.75
// for print alone) and is multiplied by 0.97 for each warning or minor failure and 0.90 for each major warning. For an invalid one it is
// 1 − Π(1 − w) over what bars it: w = 0.98 a critical failure, 0.85 a major one, 0.70 needed evidence that is missing. Both stay within 0.05 and 0.99.
func Validate(in Input) Result {
	return examine(in, rules())
}

// examine applies the rules given, so that tests can leave one out.
func examine(in Input, list []rule) Result {
	s := newSubject(in)
	result := Result{DocumentValid: true, Expired: s.expired(), MRZValid: s.zoneProven()}
	var against, lacking, proven bool
	doubt, refuted := 1.0, 1.0
	for _, r := range list {
		o := r.run(s)
		c := o.check(r)
		result.Checks = append(result.Checks, c)
		proven = proven || o.proven
		if o.bars(c.Severity) {
			result.DocumentValid = false
			refuted *= 1 - barWeight(c)
			lacking = lacking || o.capture
			against = against || !o.capture
		}
		doubt *= doubtWeight(c)
	}
	result.ProvenForgery = proven
	result.Retake = in.Images && lacking && !against && !proven
	result.Confidence = 1 - refuted
	if result.DocumentValid {
		result.Confidence = s.trust() * doubt
	}
	result.Confidence = math.Max(confidenceLowest, math.Min(confidenceMost, result.Confidence))
	return result
}

func barWeight(c ekyc.Check) float64 {
	switch {
	case c.Status == ekyc.NotExecuted:
		return proofMissing
	case c.Severity == ekyc.SeverityCritical:
		return proofCritical
	default:
		return proofMajor
	}
}

func doubtWeight(c ekyc.Check) float64 {
	switch {
	case c.Severity == ekyc.SeverityInfo || c.Status != ekyc.Warn && c.Status != ekyc.Fail:
		return 1
	case c.Severity == ekyc.SeverityMinor:
		return doubtMinor
	default:
		return doubtMajor
	}
}

// trust is the confidence that the best evidence deserves before doubts.
func (s *subject) trust() float64 {
	switch {
	case s.zoneProven() && s.in.MRZ.Agreement == Agrees:
		return trustTwoReaders
	case s.zoneProven():
		return trustMRZ
	case s.barcodeRead():
		return trustBarcode
	default:
		return trustPrint
	}
}
