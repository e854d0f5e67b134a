package review

import "ekyc"

// ReasonCode is why a reviewer decided so.
type ReasonCode string

// The reasons.
const (
	IdentityConfirmed    ReasonCode = "identity_confirmed"
	CaptureFault         ReasonCode = "capture_fault"
	FalseAlarm           ReasonCode = "false_alarm"
	ConfirmedElsewhere   ReasonCode = "confirmed_elsewhere"
	PersonNotHolder      ReasonCode = "person_not_holder"
	PersonNotPresent     ReasonCode = "person_not_present"
	DocumentNotGenuine   ReasonCode = "document_not_genuine"
	DocumentUnacceptable ReasonCode = "document_unacceptable"
	DataContradictory    ReasonCode = "data_contradictory"
	EvidenceInsufficient ReasonCode = "evidence_insufficient"
	PolicyException      ReasonCode = "policy_exception"
	OtherReason          ReasonCode = "other"
)

// ReasonInfo documents one ReasonCode.
type ReasonInfo struct {
	Code         ReasonCode
	Decisions    []ekyc.Decision // for which it can stand
	Meaning      string
	NeedsComment bool
}

var (
	accepted = []ekyc.Decision{ekyc.Accepted}
	rejected = []ekyc.Decision{ekyc.Rejected}
	either   = []ekyc.Decision{ekyc.Accepted, ekyc.Rejected}
)

// ReasonCodes is the closed list of reasons, in a stable order.
var ReasonCodes = []ReasonInfo{
	{IdentityConfirmed, accepted, "person and document were looked at, and belong together", false},
	{CaptureFault, accepted, "what raised doubt was the photograph, not the person or the document", false},
	{FalseAlarm, accepted, "what raised doubt was looked at and is in order", false},
	{ConfirmedElsewhere, accepted, "the identity was confirmed in another way: a call, a visit, a further document", false},
	{PersonNotHolder, rejected, "the document shows somebody else", false},
	{PersonNotPresent, rejected, "no living person was before the camera", false},
	{DocumentNotGenuine, rejected, "the document is forged, altered or a copy", false},
	{DocumentUnacceptable, rejected, "the document is genuine and not one that is accepted, for instance because it has expired", false},
	{DataContradictory, rejected, "what was said or read contradicts itself", false},
	{EvidenceInsufficient, rejected, "what was sent does not suffice to decide otherwise", false},
	{PolicyException, either, "a rule of the tenant's own decides this case", true},
	{OtherReason, either, "as the comment says", true},
}

// examine says what is wrong with a decision and its reason.
func (d Decision) examine() error {
	if d.Decision != ekyc.Accepted && d.Decision != ekyc.Rejected {
		return invalid("decision", "a reviewer's decision is accepted or rejected")
	}
	for _, info := range ReasonCodes {
		if info.Code != d.ReasonCode {
			continue
		}
		if !contains(info.Decisions, d.Decision) {
			return invalid("reason_code", "this reason does not stand for this decision")
		}
		if info.NeedsComment && d.Comment == "" {
			return invalid("comment", "this reason needs a comment")
		}
		return examineText("comment", d.Comment, longestComment)
	}
	return invalid("reason_code", "there is no such reason")
}
