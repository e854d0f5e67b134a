package api

// Placeholders of photographs in examples. A test puts those of the sample person in their place and sends every example.
const (
	exampleSelfie = "{{selfie.jpg in base64}}"
	exampleFront  = "{{front.jpg in base64}}"
)

type object = map[string]any

// exampleZone is the specimen of ICAO 9303-4, appendix B.
var exampleZone = []string{"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"}

// examples are the bodies that the documents show, by operation.
var examples = map[string]object{
	"liveness-analyze":   {"image_live_base64": exampleSelfie, "hints": object{"pose": true, "blink": true}},
	"liveness-challenge": {"actions": 3},
	"document-ocr":       {"image_front_base64": exampleFront, "document_hint": "auto", "country_hint": "auto"},
	"document-validate":  {"detected": object{"type": "passport", "country": "UTO"}, "fields": object{"surname": "ERIKSSON", "date_of_birth": "1974-08-12"}, "mrz": object{"lines": exampleZone}},
	"face-match":         {"image_live_base64": exampleSelfie, "image_document_base64": exampleFront, "threshold": 0.75},
	"kya-check":          {"email": "person@example.com", "phone": "+33142685300", "country": "FRA", "ip": "192.0.2.1"},
	"kyc-verify": {
		"image_live_base64": exampleSelfie, "image_front_base64": exampleFront, "kya": object{"email": "person@example.com", "country": "FRA"},
		"workflow": object{"name": "default", "thresholds": object{"accept": 80, "review": 60}}, "subject_ref": "customer-1", "metadata": object{"order": "1001"},
		"consent": object{"version": "2026-11", "language": "en-GB"},
	},
	"workflows-create": {"definition": object{
		"name": "onboarding", "description": "Adults with a passport or identity card; the youngest are looked at.",
		"document": object{"accepted_types": []string{"passport", "id_card"}, "min_age": 18},
		"rules":    []object{{"name": "young", "when": "document.age < 21", "then": "review_at_best", "message": "the holder is under 21"}},
	}},
	"workflows-update":        {"yaml": "name: onboarding\ndocument:\n  accepted_types: [passport]\n  min_age: 18\nrules:\n  - name: young\n    when: document.age < 21\n    then: review_at_best\n"},
	"workflows-publish":       {"if_hash": "ccfa4a1684777f6d8e3e992493a857924ef55c6587bcc1d816c4988d7b959c8f"},
	"workflows-shadow-start":  {"beside": "default"},
	"workflows-what-if":       {"limit": 1000, "of_workflow": "default"},
	"captures-create":         {"document_hint": "auto", "language": "fr", "expires_in_seconds": 1800, "redirect_url": "https://example.com/welcome", "subject_ref": "customer-3", "metadata": object{"order": "1002"}},
	"reviews-claim":           {"reviewer": "reviewer-17", "expires_in_seconds": 1800},
	"reviews-release":         {"reviewer": "reviewer-17"},
	"reviews-decide":          {"reviewer": "reviewer-17", "decision": "accepted", "reason_code": "identity_confirmed", "comment": "seen beside the document"},
	"settings-reviews-put":    {"second_reviewer": "on_override", "due_after_seconds": 86400},
	"settings-retention-put":  {"days": object{"selfie": 7, "document": 7, "result": 365}},
	"subjects-hold":           {"reason": "case 2026/17 of the district court"},
	"subjects-create":         {"subject_ref": "customer-2", "image_reference_base64": exampleSelfie},
	"subjects-consent-record": {"version": "2026-11", "text": "I agree that Example Bank checks my document and my face.", "language": "en-GB", "channel": "in_person"},
	"subjects-reference":      {"image_reference_base64": exampleSelfie},
	"keys-create":             {"name": "backend", "scopes": []string{"workflow"}, "cidrs": []string{"203.0.113.0/24"}},
	"keys-rollover":           {"overlap_seconds": 3600},
	"webhooks-create":         {"url": "https://example.com/hooks", "types": []string{"kyc.completed"}},
	"webhooks-update":         {"types": []string{"kyc.completed", "kyc.failed"}, "enabled": true},
	"webhooks-rotate":         {"overlap_seconds": 3600},
	"webhooks-default-rotate": {"overlap_seconds": 3600},
	"webhooks-resend-many":    {"failed": true},

	"session-open":        {"email": "operator@example.com", "password": "correct horse battery staple"},
	"password-change":     {"current": "correct horse battery staple", "new": "staple battery horse correct"},
	"totp-enrol":          {"password": "staple battery horse correct"},
	"sessions-end":        {"password": "staple battery horse correct"},
	"totp-confirm":        {"code": "123456"},
	"operators-create":    {"email": "viewer@example.com", "password": "correct horse battery staple", "role": "viewer"},
	"operators-update":    {"role": "operator"},
	"plans-put":           {"weight": 4, "rate_per_minute": 120, "rate_per_day": 100000, "quotas": object{"liveness": 5000, "workflow": 5000}, "overage": true},
	"tenants-create":      {"name": "Example Bank", "country": "FRA", "support_email": "support@example.com", "plan": "pro"},
	"tenants-update":      {"plan": "enterprise"},
	"admin-keys-create":   {"name": "backend", "scopes": []string{"workflow", "admin"}},
	"admin-keys-limits":   {"rate_per_minute": 600, "endpoint_limits": object{"POST /v1/face/match": 30}},
	"admin-keys-rollover": {"overlap_seconds": 3600},
	"admin-quota-set":     {"units": 10000},
	"admin-hold-put":      {"reason": "order 2026/17 of the supervisory authority"},
}
