package decision

import (
	"fmt"

	"ekyc"
)

// Reason says why points were lost or what decided beside the score. The Points of a factor's reasons add up exactly to the
// points that the factor lost, as a negative number; where several checks share a loss, it is apportioned by their severity.
type Reason struct {
	Code        Code          `json:"code"`
	Factor      FactorName    `json:"factor"`
	Points      Points        `json:"points"` // 0 or negative
	Message     string        `json:"message"`
	UserMessage Text          `json:"user_message"`
	Retryable   bool          `json:"retryable"`
	Evidence    ekyc.Evidence `json:"evidence,omitempty"`
}

// Shares of a loss. They follow the doubts that validation multiplies into its confidence: 2 % for the best kind of evidence not
// being complete, 3 % for a warning, 10 % for a major one, and far more for what makes the verdict negative.
const (
	shareLimited  = 2
	shareMinor    = 3
	shareMajor    = 10
	shareMissing  = 70
	shareFailed   = 85
	shareCritical = 98
)

// part is a reason whose points are not yet known.
type part struct {
	code     Code
	message  string
	evidence ekyc.Evidence
	share    int64
}

// reasons explains every factor that counts, in the order of the factors.
func (o *outcome) reasons(in *Input) []Reason {
	reasons := []Reason{}
	for i, name := range factorNames {
		if !o.included[i] {
			continue
		}
		lost := int64(o.weights[i] - o.points[i])
		parts := o.parts(i, in)
		if lost == 0 && o.ran[i] {
			parts = dropLimited(parts)
		}
		parts = append(parts, o.ruleParts(name, in, parts)...)
		shares := make([]int64, len(parts))
		for j := range parts {
			shares[j] = parts[j].share
		}
		for j, points := range apportion(lost, shares) {
			entry := entryOf(parts[j].code)
			reasons = append(reasons, Reason{
				Code: entry.Code, Factor: name, Points: Points(-points), Message: parts[j].message,
				UserMessage: entry.User, Retryable: entry.Retryable, Evidence: parts[j].evidence,
			})
		}
	}
	return reasons
}

// dropLimited removes what explains nothing but a loss of points.
func dropLimited(parts []part) []part {
	kept := parts[:0]
	for _, p := range parts {
		switch p.code {
		case CodeLivenessLimited, CodeSimilarityLimited, CodeDocumentLimited, CodeKYALimited:
		default:
			kept = append(kept, p)
		}
	}
	return kept
}

// parts gives at least one part with a share for every factor, so that every loss has its reason.
func (o *outcome) parts(i int, in *Input) []part {
	if o.skipped[i] {
		return []part{{CodeStepSkipped, fmt.Sprintf("%s was skipped after an early stop", factorNames[i]), nil, 1}}
	}
	if !o.ran[i] {
		return []part{notRunPart(factorNames[i], in.errorCode(i))}
	}
	switch factorNames[i] {
	case Liveness:
		return append([]part{livenessPart(&in.Liveness)}, checkParts(Liveness, in.Liveness.Checks, 0)...)
	case FaceMatch:
		return []part{matchPart(&in.FaceMatch)}
	case Document:
		return documentParts(&in.Document)
	default:
		limited := part{CodeKYALimited, fmt.Sprintf("profile score %s of 1", twoDigits(in.KYA.Score)), ekyc.Evidence{"score": ShareOf(in.KYA.Score)}, shareLimited}
		return append([]part{limited}, checkParts(KYA, in.KYA.Checks, 1)...)
	}
}

func livenessPart(l *LivenessEvidence) part {
	evidence := ekyc.Evidence{"live_score": ShareOf(l.LiveScore), "zone": string(l.Zone), "spoof_type": string(l.SpoofType), "confidence": ShareOf(l.Confidence)}
	score := twoDigits(l.LiveScore)
	switch {
	case !l.IsLive && l.Zone == ZoneAttack:
		return part{RuleAttack, fmt.Sprintf("live score %s lies in the attack zone, spoof type %s, confidence %s", score, l.SpoofType, twoDigits(l.Confidence)), evidence, 1}
	case !l.IsLive:
		return part{RuleNotLive, fmt.Sprintf("not judged live: live score %s, zone %s", score, l.Zone), evidence, 1}
	case l.Zone != ZoneLive:
		return part{RuleLivenessUncertain, fmt.Sprintf("live score %s lies in the %s zone", score, l.Zone), evidence, 1}
	}
	return part{CodeLivenessLimited, fmt.Sprintf("live score %s of 1", score), evidence, 1}
}

func matchPart(m *FaceMatchEvidence) part {
	evidence := ekyc.Evidence{"similarity": ShareOf(m.Similarity), "threshold": ShareOf(m.Threshold), "fmr_at_threshold": m.FMRAtThreshold}
	if m.Match {
		return part{CodeSimilarityLimited, "similarity " + compare(m.Similarity, m.Threshold) + " threshold", evidence, 1}
	}
	evidence["uncertain"] = m.Uncertain
	return part{RuleNoMatch, "similarity " + compare(m.Similarity, m.Threshold) + " threshold", evidence, 1}
}

func documentParts(d *DocumentEvidence) []part {
	parts := checkParts(Document, d.Checks, 1)
	evidence := ekyc.Evidence{"confidence": ShareOf(d.Confidence), "valid": d.Valid}
	switch {
	case d.Valid:
		parts = append(parts, part{CodeDocumentLimited, fmt.Sprintf("valid with confidence %s", twoDigits(d.Confidence)), evidence, shareLimited})
	case len(parts) == 0:
		parts = append(parts, part{RuleDocumentInvalid, fmt.Sprintf("not valid, with confidence %s", twoDigits(d.Confidence)), evidence, 1})
	case sum(parts) == 0:
		parts[0].share = 1
	}
	return parts
}

func sum(parts []part) (total int64) {
	for _, p := range parts {
		total += p.share
	}
	return total
}

// checkParts gives a part for each check that failed, warned, or could not be made although much depends on it; scale 0 tells
// them without a share of the loss.
func checkParts(factor FactorName, checks []ekyc.Check, scale int64) []part {
	var parts []part
	for _, c := range checks {
		weight := checkShare(c)
		if weight == 0 {
			continue
		}
		evidence := ekyc.Evidence{"check": c.Name, "status": string(c.Status), "severity": string(c.Severity)}
		parts = append(parts, part{checkCode(factor, c.Status, c.Name), c.Name + ": " + c.Message, evidence, weight * scale})
	}
	return parts
}

// Explains says whether a check makes a reason.
func Explains(c ekyc.Check) bool { return checkShare(c) > 0 }

func checkShare(c ekyc.Check) int64 {
	heavy := c.Severity == ekyc.SeverityMajor || c.Severity == ekyc.SeverityCritical
	switch {
	case c.Status == ekyc.NotExecuted && heavy:
		return shareMissing
	case c.Status != ekyc.Fail && c.Status != ekyc.Warn || c.Severity == ekyc.SeverityInfo:
		return 0
	case !heavy:
		return shareMinor
	case c.Status == ekyc.Warn:
		return shareMajor
	case c.Severity == ekyc.SeverityCritical:
		return shareCritical
	}
	return shareFailed
}

func notRunPart(factor FactorName, code ekyc.ErrorCode) part {
	reason := RuleStepNotRun
	switch code {
	case ekyc.ErrFaceNotFound:
		reason = CodeFaceNotFound
	case ekyc.ErrFacesMultiple:
		reason = CodeFacesMultiple
	case ekyc.ErrDocumentNotFound:
		reason = CodeDocumentNotFound
	case ekyc.ErrMRZUnreadable:
		reason = CodeMRZUnreadable
	case ekyc.ErrBarcodeUnreadable:
		reason = CodeBarcodeUnreadable
	}
	if code == "" {
		return part{reason, fmt.Sprintf("%s did not run", factor), nil, 1}
	}
	return part{reason, fmt.Sprintf("%s did not run: %s", factor, code), ekyc.Evidence{"error_code": string(code)}, 1}
}

// ruleParts adds the fired rules of a factor that no part tells of yet. What a stronger reason says is not repeated.
func (o *outcome) ruleParts(factor FactorName, in *Input, told []part) []part {
	known := map[Code]bool{}
	for _, p := range told {
		known[p.code] = true
	}
	var parts []part
	for i, r := range hardRules {
		if o.fired[i] && r.factor == factor && !known[r.code] && !(r.code == RuleNotLive && known[RuleAttack]) {
			parts = append(parts, part{code: r.code, message: ruleMessage(r.code, in, o)})
		}
	}
	return parts
}

// ruleMessage says for operators why a rule fired.
func ruleMessage(code RuleCode, in *Input, o *outcome) string {
	switch code {
	case RuleAttack, RuleLivenessUncertain:
		return livenessPart(&in.Liveness).message
	case RuleNotLive:
		return fmt.Sprintf("is_live is false (live score %s)", twoDigits(in.Liveness.LiveScore))
	case RuleNoMatch:
		return "match is false: " + matchPart(&in.FaceMatch).message
	case RuleOtherPerson:
		return "similarity " + compare(in.FaceMatch.Similarity, in.FaceMatch.Threshold) + " threshold, and outside the band in which a person should look"
	case RuleDocumentInvalid:
		return fmt.Sprintf("document_valid is false (confidence %s)", twoDigits(in.Document.Confidence))
	case RuleStepNotRun:
		names := ""
		for i, name := range factorNames {
			if o.included[i] && !o.ran[i] && !o.skipped[i] {
				names += ", " + string(name)
			}
		}
		return "did not run: " + names[2:]
	}
	return entryOf(code).Meaning
}

// compare writes "0.62 < 0.75", with as many digits as it takes to tell the two apart.
func compare(value, bound float64) string {
	sign := ">="
	if value < bound {
		sign = "<"
	}
	a, b := twoDigits(value), twoDigits(bound)
	if a == b && value != bound {
		a, b = ShareOf(value).String(), ShareOf(bound).String()
	}
	return a + " " + sign + " " + b
}

func twoDigits(value float64) string { return fmt.Sprintf("%.2f", value) }
