// Package ekyc holds the words of the domain: kinds of documents, attacks, decisions, checks and errors.
// It imports the standard library only, and every other package of the program speaks in its terms.
package ekyc

// DocumentType is the kind of an identity document.
type DocumentType string

// The document types. Visas and everything else that is not one of the first four are Other, told apart by a subtype.
const (
	Passport        DocumentType = "passport"
	IDCard          DocumentType = "id_card"
	DriverLicense   DocumentType = "driver_license"
	ResidencePermit DocumentType = "residence_permit"
	OtherDocument   DocumentType = "other"
)

// SpoofType is the instrument of a presentation attack (ISO/IEC 30107-1 calls it the species).
type SpoofType string

// The spoof types. Print and re-photographed paper are SpoofPaper; SpoofDeepfake is never given before a measured detector exists.
const (
	SpoofNone     SpoofType = "none"
	SpoofScreen   SpoofType = "screen"
	SpoofPaper    SpoofType = "paper"
	SpoofMask     SpoofType = "mask"
	SpoofDeepfake SpoofType = "deepfake"
	SpoofUnknown  SpoofType = "unknown"
)

// Decision is the outcome of a verification.
type Decision string

// The decisions.
const (
	Accepted Decision = "accepted"
	Review   Decision = "review"
	Rejected Decision = "rejected"
)

// Module is one separately callable and billable part of a verification.
type Module string

// The modules.
const (
	ModuleLiveness  Module = "liveness"
	ModuleOCR       Module = "ocr"
	ModuleValidate  Module = "validate"
	ModuleFaceMatch Module = "face_match"
	ModuleKYA       Module = "kya"
	ModuleWorkflow  Module = "workflow"
)

// CheckStatus is the outcome of one check.
type CheckStatus string

// The check statuses. NotApplicable: the document has no such feature. NotExecuted: the feature should be there and could
// not be examined. NotEvaluable: the evidence that was sent cannot prove it either way (a blink in one still image).
const (
	Pass          CheckStatus = "pass"
	Fail          CheckStatus = "fail"
	Warn          CheckStatus = "warn"
	NotApplicable CheckStatus = "not_applicable"
	NotExecuted   CheckStatus = "not_executed"
	NotEvaluable  CheckStatus = "not_evaluable"
)

// Severity says what a failing check means for the verdict of its module.
type Severity string

// The severities. Critical: the module's verdict is negative whatever else holds. Major: it weighs heavily. Minor: it is worth
// a look. Info: it is told and not weighed. A capture fault ("retake the photo") is never above Minor by itself.
const (
	SeverityCritical Severity = "critical"
	SeverityMajor    Severity = "major"
	SeverityMinor    Severity = "minor"
	SeverityInfo     Severity = "info"
)

// Evidence is what a check saw, by name. Values are strings, numbers, booleans or lists of them.
type Evidence map[string]any

// Check is one named examination with its outcome and what it saw.
type Check struct {
	Name     string      `json:"name"`
	Status   CheckStatus `json:"status"`
	Severity Severity    `json:"severity"`
	Message  string      `json:"message"`
	Evidence Evidence    `json:"evidence,omitempty"`
}
