package pipeline

import (
	"math"
	"slices"
	"sort"

	"cel.dev/cel-go/cel"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
)

// variable is one thing that a rule can look at.
type variable struct {
	group, name string
	kind        *cel.Type
	step        StepName            // that makes it known; "": the request itself; StepDecision: what is looked up when everything else is done
	factor      decision.FactorName // whose value it follows; "": of none
	about       string
	values      *vocabulary // what its text, its entries or its keys can be; nil: anything
	read        func(v *view) (any, bool)
}

func (v *variable) path() string { return v.group + "." + v.name }

// vocabulary is a closed set of texts. Comparing with any other text would never hold, and is refused as a mistake.
type vocabulary struct {
	words []string
	codes bool // of countries
}

func words[T ~string](list ...T) *vocabulary {
	v := &vocabulary{}
	for _, word := range list {
		v.words = append(v.words, string(word))
	}
	return v
}

// has says whether the text can occur. Empty text never does: what is not known is absent.
func (v *vocabulary) has(text string) bool {
	if v.codes {
		return alpha3(text)
	}
	return slices.Contains(v.words, text)
}

var (
	texts    = cel.ListType(cel.StringType)
	statuses = cel.MapType(cel.StringType, cel.StringType)

	states    = words(decision.Ran, decision.FailedToRun, decision.NotConfigured, decision.Skipped)
	qualities = words(faceQualities...)
	countries = &vocabulary{codes: true}
)

// faceQualities are the codes of a face's capture, those of package face.
var faceQualities = []string{
	"face_too_small", "face_cropped", "blurred", "too_dark", "too_bright", "uneven_light", "low_contrast", "not_frontal", "eyes_closed", "occluded",
	"sunglasses", "mouth_covered", "grey", "faces_multiple",
}

// profileChecks are the names of the profile's checks, those of package profile.
var profileChecks = []string{
	"email_syntax", "email_mx", "email_disposable", "email_free", "phone_format", "phone_region", "phone_type", "ip_public", "ip_country",
	"country_coherence", "name_coherence", "age_claim",
}

// documentTypes are the types that a document can be.
var documentTypes = []ekyc.DocumentType{ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense, ekyc.ResidencePermit, ekyc.OtherDocument}

// documentChecks are the names of the document's checks: those of the validation, and those that are made here.
func documentChecks() []string { return append(check.Names(), maximumAge) }

// variables lists everything that a rule can look at, in the order of the documentation.
func variables() []variable {
	ran := func(s func(*view) decision.State, read func(v *view) any) func(*view) (any, bool) {
		return func(v *view) (any, bool) {
			if s(v) != decision.Ran {
				return nil, false
			}
			return read(v), true
		}
	}
	live := func(v *view) decision.State { return v.in.Liveness.State }
	face := func(v *view) decision.State { return v.in.FaceMatch.State }
	doc := func(v *view) decision.State { return v.in.Document.State }
	kya := func(v *view) decision.State { return v.in.KYA.State }
	text := func(s string) (any, bool) { return s, s != "" }
	quality := func(at func(*view) *FaceQuality, read func(q *FaceQuality) any) func(v *view) (any, bool) {
		return func(v *view) (any, bool) {
			q := at(v)
			if q == nil {
				return nil, false
			}
			return read(q), true
		}
	}
	selfie := func(v *view) *FaceQuality { return v.unless(StepLiveness, v.facts.Liveness.Quality) }
	portrait := func(v *view) *FaceQuality { return v.unless(StepOCR, v.facts.Portrait) }
	score := func(q *FaceQuality) any { return q.Score }
	signal := func(subjects func(*decision.Signals) int) func(v *view) (any, bool) {
		return func(v *view) (any, bool) {
			if v.in.Signals == nil {
				return nil, false
			}
			return subjects(v.in.Signals) > 0, true
		}
	}
	codes := func(q *FaceQuality) any { return listed(q.Codes) }
	return []variable{
		{"liveness", "state", cel.StringType, StepLiveness, "", "how far the step came", states, func(v *view) (any, bool) { return stateText(v.in.Liveness.State), true }},
		{"liveness", "is_live", cel.BoolType, StepLiveness, "", "the verdict", nil, ran(live, func(v *view) any { return v.in.Liveness.IsLive })},
		{"liveness", "live_score", cel.DoubleType, StepLiveness, decision.Liveness, "0 (attack) to 1 (live)", nil, ran(live, func(v *view) any { return millionths(v.in.Liveness.LiveScore) })},
		{"liveness", "zone", cel.StringType, StepLiveness, "", "the band of the live score", words(decision.ZoneLive, decision.ZoneReview, decision.ZoneAttack), ran(live, func(v *view) any { return string(v.in.Liveness.Zone) })},
		{"liveness", "spoof_type", cel.StringType, StepLiveness, "", "what the attack looks like", words(ekyc.SpoofNone, ekyc.SpoofScreen, ekyc.SpoofPaper, ekyc.SpoofMask, ekyc.SpoofDeepfake, ekyc.SpoofUnknown), ran(live, func(v *view) any { return string(v.in.Liveness.SpoofType) })},
		{"liveness", "confidence", cel.DoubleType, StepLiveness, "", "0 to 1, in the verdict", nil, ran(live, func(v *view) any { return v.in.Liveness.Confidence })},
		{"liveness", "method", cel.StringType, StepLiveness, "", "what the verdict rests on", words("passive", "active", "challenge"), func(v *view) (any, bool) {
			if live(v) != decision.Ran {
				return nil, false
			}
			return text(v.facts.Liveness.Method)
		}},
		{"liveness", "checks", statuses, StepLiveness, "", "status of each check by its name", nil, ran(live, func(v *view) any { return v.statuses(decision.Liveness) })},
		{"liveness", "quality", cel.DoubleType, StepLiveness, "", "0 (unusable) to 1 (good): how well the living face was captured", nil, quality(selfie, score)},
		{"liveness", "quality_codes", texts, StepLiveness, "", "faults of that capture", qualities, quality(selfie, codes)},

		{"face_match", "state", cel.StringType, StepFaceMatch, "", "how far the step came", states, func(v *view) (any, bool) { return stateText(v.in.FaceMatch.State), true }},
		{"face_match", "match", cel.BoolType, StepFaceMatch, decision.FaceMatch, "the verdict", nil, ran(face, func(v *view) any { return v.in.FaceMatch.Match })},
		{"face_match", "similarity", cel.DoubleType, StepFaceMatch, decision.FaceMatch, "0 to 1; 0.75 is passed by 1 in 10 000 pairs of strangers", nil, ran(face, func(v *view) any { return millionths(v.in.FaceMatch.Similarity) })},
		{"face_match", "threshold", cel.DoubleType, StepFaceMatch, "", "the similarity from which faces match", nil, ran(face, func(v *view) any { return millionths(v.in.FaceMatch.Threshold) })},
		{"face_match", "uncertain", cel.BoolType, StepFaceMatch, "", "no match, and near enough to one that a person should look", nil, ran(face, func(v *view) any { return v.in.FaceMatch.Uncertain })},

		{"document", "type", cel.StringType, StepOCR, "", "the kind of document", words(documentTypes...), func(v *view) (any, bool) { return text(string(v.document().Type)) }},
		{"document", "country", cel.StringType, StepOCR, "", "of the issuer, as it was recognised", countries, func(v *view) (any, bool) { return text(v.document().Country) }},
		{"document", "issuing_country", cel.StringType, StepOCR, "", "of the issuer, as the document prints it", countries, func(v *view) (any, bool) { return text(v.document().IssuingCountry) }},
		{"document", "nationality", cel.StringType, StepOCR, "", "of the holder", countries, func(v *view) (any, bool) { return text(v.document().Nationality) }},
		{"document", "age", cel.IntType, StepOCR, "", "of the holder, in whole years", nil, func(v *view) (any, bool) { return number(v.document().Age) }},
		{"document", "days_to_expiry", cel.IntType, StepOCR, "", "negative once expired", nil, func(v *view) (any, bool) { return number(v.document().DaysToExpiry) }},
		{"document", "fields", texts, StepOCR, "", "names of the fields that were read", words(check.Keys()...), func(v *view) (any, bool) { return listed(v.document().Fields), v.hasDocument() }},
		{"document", "sources", texts, StepOCR, "", "where fields were read", words(check.SourceMRZ, check.SourceBarcode, check.SourceVIZ), func(v *view) (any, bool) { return listed(v.document().Sources), v.hasDocument() }},
		{"document", "portrait_quality", cel.DoubleType, StepOCR, "", "0 (unusable) to 1 (good): how well the portrait was captured", nil, quality(portrait, score)},
		{"document", "portrait_quality_codes", texts, StepOCR, "", "faults of that capture", qualities, quality(portrait, codes)},
		{"document", "state", cel.StringType, StepValidate, "", "how far the validation came", states, func(v *view) (any, bool) { return stateText(v.in.Document.State), true }},
		{"document", "valid", cel.BoolType, StepValidate, "", "the verdict", nil, ran(doc, func(v *view) any { return v.in.Document.Valid })},
		{"document", "confidence", cel.DoubleType, StepValidate, decision.Document, "0 to 1, in the verdict", nil, ran(doc, func(v *view) any { return millionths(v.in.Document.Confidence) })},
		{"document", "expired", cel.BoolType, StepValidate, "", "the day of expiry and the days of grace are over", nil, ran(doc, func(v *view) any { return v.in.Document.Expired })},
		{"document", "proven_forgery", cel.BoolType, StepValidate, "", "the document contradicts itself in a way that no reading fault explains", nil, ran(doc, func(v *view) any { return v.in.Document.ProvenForgery })},
		{"document", "retakeable", cel.BoolType, StepValidate, "", "not valid for want of a good photograph only", nil, ran(doc, func(v *view) any { return v.in.Document.Retakeable })},
		{"document", "checks", statuses, StepValidate, "", "status of each check by its name", words(documentChecks()...), ran(doc, func(v *view) any { return v.statuses(decision.Document) })},

		{"kya", "state", cel.StringType, StepKYA, "", "how far the step came", states, func(v *view) (any, bool) { return stateText(v.in.KYA.State), true }},
		{"kya", "score", cel.DoubleType, StepKYA, decision.KYA, "0 to 1: how far the profile was confirmed", nil, ran(kya, func(v *view) any { return millionths(v.in.KYA.Score) })},
		{"kya", "checks", statuses, StepKYA, "", "status of each check by its name", words(profileChecks...), ran(kya, func(v *view) any { return v.statuses(decision.KYA) })},

		{"signals", "document_reused", cel.BoolType, StepDecision, "", "another subject of the tenant has brought a document of the same number, kind and issuer", nil, signal(func(s *decision.Signals) int { return s.Documents })},
		{"signals", "image_reused", cel.BoolType, StepDecision, "", "another subject of the tenant has brought the very same picture", nil, signal(func(s *decision.Signals) int { return s.Images })},

		{"request", "environment", cel.StringType, "", "", "of the key that asked", words(ekyc.Test, ekyc.Live), func(v *view) (any, bool) { return text(string(v.facts.Request.Environment)) }},
		{"request", "country_hint", cel.StringType, "", "", "the country that the client named; absent for auto", countries, func(v *view) (any, bool) { return text(v.facts.Request.CountryHint) }},
		{"request", "has_back", cel.BoolType, "", "", "the back of the document was sent", nil, func(v *view) (any, bool) { return v.facts.Request.HasBack, true }},
		{"request", "frames", cel.IntType, "", "", "photographs of the face that were sent", nil, func(v *view) (any, bool) { return int64(v.facts.Request.Frames), true }},
	}
}

// constants are lists of countries that rules may name: the member states of the European Union, and of the European Economic Area.
func constants() map[string][]string {
	eu := []string{
		"AUT", "BEL", "BGR", "HRV", "CYP", "CZE", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN", "IRL", "ITA", "LVA", "LTU", "LUX", "MLT", "NLD", "POL",
		"PRT", "ROU", "SVK", "SVN", "ESP", "SWE",
	}
	eea := append(slices.Clone(eu), "ISL", "LIE", "NOR")
	sort.Strings(eu)
	sort.Strings(eea)
	return map[string][]string{"EU": eu, "EEA": eea}
}

// millionths rounds as the score does, so that a rule and the score see the same value.
func millionths(value float64) float64 { return math.Round(value*1e6) / 1e6 }

func stateText(s decision.State) string {
	if s == "" {
		s = decision.NotConfigured
	}
	return string(s)
}

func number(n *int) (any, bool) {
	if n == nil {
		return nil, false
	}
	return int64(*n), true
}

// listed is a list that is known to be empty where nothing is in it.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// alpha3 says whether rules may compare a country with the code: ISO 3166-1 alpha-3, or ICAO's code where there is none.
func alpha3(code string) bool {
	c, found := ekyc.CountryByCode(code)
	return found && (c.Alpha3 == code || c.Alpha3 == "" && c.Code == code)
}
