package decision

import (
	"strings"

	"ekyc"
)

// Code names a reason. The list is closed: every code is described in [Catalogue].
type Code string

// The codes that are not those of hard rules.
const (
	CodeLivenessLimited    Code = "liveness_score_limited"
	CodeLivenessCheck      Code = "liveness_check"
	CodeFaceQuality        Code = "face_quality"
	CodeChallenge          Code = "challenge_incomplete"
	CodeRecording          Code = "recording_not_genuine"
	CodeSimilarityLimited  Code = "similarity_limited"
	CodeDocumentLimited    Code = "document_confidence_limited"
	CodeMRZChecksum        Code = "mrz_checksum_failed"
	CodeMRZUnreadable      Code = "mrz_unreadable"
	CodeMRZStructure       Code = "mrz_structure"
	CodeBarcodeUnreadable  Code = "barcode_unreadable"
	CodeDataMismatch       Code = "document_data_mismatch"
	CodeClaimMismatch      Code = "claim_mismatch"
	CodeDates              Code = "document_dates"
	CodeFieldFormat        Code = "document_field_format"
	CodeFieldsMissing      Code = "document_fields_missing"
	CodeDocumentUnknown    Code = "document_unknown"
	CodeNotAccepted        Code = "document_not_accepted"
	CodeSpecimen           Code = "document_specimen"
	CodeMinimumAge         Code = "minimum_age"
	CodePortraitMissing    Code = "document_portrait_missing"
	CodePortraitSuspicious Code = "document_portrait_suspicious"
	CodeImageQuality       Code = "document_image_quality"
	CodeAlteration         Code = "document_alteration"
	CodeRecapture          Code = "document_recapture"
	CodeDocumentCheck      Code = "document_check"
	CodeFaceNotFound       Code = "face_not_found"
	CodeFacesMultiple      Code = "faces_multiple"
	CodeDocumentNotFound   Code = "document_not_found"
	CodeKYACheck           Code = "kya_check"
	CodeKYALimited         Code = "kya_score_limited"
	CodeMaximumAge         Code = "maximum_age"
	CodeLiveScore          Code = "live_score_below_required"
	CodeLivenessMethod     Code = "liveness_method_below_required"
	CodeOwnRule            Code = "workflow_rule"
	CodeOwnRuleOpen        Code = "workflow_rule_not_evaluated"
	CodeEarlyStop          Code = "early_stop"
	CodeStepSkipped        Code = "step_skipped"
	CodeStepWanted         Code = "step_required"
	CodeDocumentReused     Code = "document_reused"
	CodeImageReused        Code = "image_reused"
)

// Text is one text for the person.
type Text struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// Entry describes one code. Fraud marks what is evidence of fraud or helps to find the limits of its detection: the text for
// the person is then the neutral one.
type Entry struct {
	Code      Code       `json:"code"`
	Factor    FactorName `json:"factor,omitempty"` // "" where several can have it
	Meaning   string     `json:"meaning"`          // for operators
	User      Text       `json:"user_message"`
	Retryable bool       `json:"retryable"` // another photograph or another try can change it
	Fraud     bool       `json:"fraud"`
}

// The texts that several codes share. The neutral one is given for faults of the program too, so that it betrays nothing.
var (
	textNeutral = Text{"We could not complete this part of the verification.", "Nous n’avons pas pu terminer cette partie de la vérification."}
	textDone    = Text{"This part of the verification was carried out.", "Cette partie de la vérification a été effectuée."}
	textRetake  = Text{"Please photograph the document again: all of it in the picture, sharp, in even light, without reflections.",
		"Veuillez photographier à nouveau le document : en entier, net, sous une lumière uniforme, sans reflets."}
	textSelfie = Text{"Please take the photo of your face again, facing the camera, in good light, without anyone else in the picture.",
		"Veuillez reprendre la photo de votre visage, face à l’appareil, bien éclairé, sans personne d’autre sur l’image."}
	textMoves = Text{"Please do the movements again, one after the other and not too fast, as they are shown; look straight at the camera in between.",
		"Veuillez refaire les mouvements l’un après l’autre, sans vous presser, comme indiqué ; regardez droit vers l’appareil entre deux."}
	textPortrait = Text{"Please photograph the side of the document that shows your portrait again, sharp and without reflections.",
		"Veuillez photographier à nouveau le côté du document qui porte votre portrait, net et sans reflets."}
	textFace = Text{"Please make sure that your face can be seen clearly, in your photo and on the document.",
		"Veuillez vérifier que votre visage est bien visible, sur votre photo et sur le document."}
	textExpired = Text{"The document has expired. Please use one that is valid.", "Le document a expiré. Veuillez en utiliser un qui soit en cours de validité."}
	textOther   = Text{"This document cannot be used here. Please use another kind of document.", "Ce document ne peut pas être utilisé ici. Veuillez en utiliser un d’un autre type."}
	textAge     = Text{"You do not reach the minimum age for this service.", "Vous n’avez pas l’âge minimum requis pour ce service."}
	textAges    = Text{"Your age is outside of what this service permits.", "Votre âge ne correspond pas à celui que ce service exige."}
	textProfile = Text{"Please check the details that you entered.", "Veuillez vérifier les informations que vous avez saisies."}
)

// Catalogue lists every code, in a stable order.
func Catalogue() []Entry {
	return []Entry{
		{RuleAttack, Liveness, "the liveness score lies in the attack zone", textNeutral, false, true},
		{RuleNotLive, Liveness, "the face was not judged live", textNeutral, true, true},
		{RuleLivenessUncertain, Liveness, "the liveness score lies in the review zone", textNeutral, true, true},
		{CodeLivenessLimited, Liveness, "judged live, with less than full certainty", textDone, false, false},
		{CodeLivenessCheck, Liveness, "a check of liveness failed or warned", textNeutral, true, true},
		{CodeFaceQuality, Liveness, "the photograph of the face is of poor quality", textSelfie, true, false},
		{CodeChallenge, Liveness, "the frames do not show all actions of the challenge in their order", textMoves, true, false},
		{CodeRecording, Liveness, "the frames are not one recording of one living head", textNeutral, true, true},
		{RuleOtherPerson, FaceMatch, "the similarity is so low that the faces are those of two persons", textNeutral, false, true},
		{RuleNoMatch, FaceMatch, "the similarity of the faces is below the threshold", textNeutral, true, true},
		{CodeSimilarityLimited, FaceMatch, "the faces match, with a similarity below 1", textDone, false, false},
		{RuleForged, Document, "the document contradicts itself in a way that no reading fault explains", textNeutral, false, true},
		{RuleExpired, Document, "the document has expired", textExpired, false, false},
		{RuleDocumentInvalid, Document, "the document was not found valid", textNeutral, false, true},
		{RuleRetake, Document, "nothing speaks against the document, but the photograph does not prove it", textRetake, true, false},
		{CodeDocumentLimited, Document, "the evidence that the document is valid is limited by its kind", textDone, false, false},
		{CodeMRZChecksum, Document, "a check digit of the machine readable zone does not hold", textNeutral, true, true},
		{CodeMRZUnreadable, Document, "the machine readable zone could not be read", textRetake, true, false},
		{CodeMRZStructure, Document, "the machine readable zone breaks the rules of its format", textNeutral, false, true},
		{CodeBarcodeUnreadable, Document, "the bar code could not be read", textRetake, true, false},
		{CodeDataMismatch, Document, "two places of the document say different things", textNeutral, false, true},
		{CodeClaimMismatch, Document, "the document says something else than was claimed", textNeutral, false, true},
		{CodeDates, Document, "a date of the document is impossible or implausible", textNeutral, false, true},
		{CodeFieldFormat, Document, "a field has a form that the document does not have", textNeutral, false, true},
		{CodeFieldsMissing, Document, "a mandatory field was not read", textRetake, true, false},
		{CodeDocumentUnknown, Document, "type or country of the document were not recognised", textRetake, true, false},
		{CodeNotAccepted, Document, "type or country of the document are not accepted here", textOther, false, false},
		{CodeSpecimen, Document, "the document is a specimen", textNeutral, false, true},
		{CodeMinimumAge, Document, "the person is below the minimum age", textAge, false, false},
		{CodePortraitMissing, Document, "no portrait was found on the document", textPortrait, true, false},
		{CodePortraitSuspicious, Document, "the portrait is not where or what it should be", textNeutral, false, true},
		{CodeImageQuality, Document, "the photograph of the document is of poor quality", textRetake, true, false},
		{CodeAlteration, Document, "the document shows a trace of alteration", textNeutral, false, true},
		{CodeRecapture, Document, "the document was photographed from a screen or a print-out", textNeutral, false, true},
		{CodeDocumentCheck, Document, "another check of the document failed or warned", textNeutral, false, true},
		{CodeKYACheck, KYA, "a check of the profile failed or warned", textProfile, true, false},
		{CodeKYALimited, KYA, "the profile is less than fully confirmed", textDone, false, false},
		{CodeMaximumAge, Document, "the person is above the maximum age", textAges, false, false},
		{CodeLiveScore, Liveness, "the live score is below what the workflow demands", textNeutral, true, true},
		{CodeLivenessMethod, Liveness, "the frames show less of the living person than the workflow demands", textNeutral, true, false},
		{CodeOwnRule, "", "a rule of the workflow's own holds; its text for the person is the rule's choice", textNeutral, false, false},
		{CodeOwnRuleOpen, "", "a rule of the workflow's own could not be evaluated, since what it looks at is not known", textNeutral, true, false},
		{CodeEarlyStop, "", "the workflow ended early", textNeutral, false, false},
		{CodeStepSkipped, "", "a step was not begun, since the workflow ended early", textNeutral, false, false},
		{CodeStepWanted, "", "a step on demand was asked for and has not run", textNeutral, true, false},
		{CodeDocumentReused, "", "another subject of yours has brought a document of the same number, kind and issuer; a warning, which costs no points", textNeutral, false, true},
		{CodeImageReused, "", "another subject of yours has brought the very same picture; a warning, which costs no points", textNeutral, false, true},
		{CodeFaceNotFound, "", "no face was found", textFace, true, false},
		{CodeFacesMultiple, "", "several faces were found and none is clearly the subject", textSelfie, true, false},
		{CodeDocumentNotFound, "", "no document was found in the photograph", textRetake, true, false},
		{RuleStepNotRun, "", "a configured step could not run", textNeutral, true, false},
	}
}

// entries are those of the catalogue by their codes; nothing writes to the map.
var entries = func() map[Code]Entry {
	byCode := map[Code]Entry{}
	for _, e := range Catalogue() {
		byCode[e.Code] = e
	}
	return byCode
}()

func entryOf(code Code) Entry {
	e, found := entries[code]
	if !found {
		panic("decision: " + string(code) + " is not in the catalogue")
	}
	return e
}

// unmadeCode gives the code of a check of the document that could not be made, and false where that of its failure says the same:
// nobody is told of the age, the expiry or the kind of a document that could not be read.
func unmadeCode(name string) (Code, bool) {
	switch {
	case strings.HasPrefix(name, "mrz_"):
		return CodeMRZUnreadable, true
	case name == "minimum_age", name == "maximum_age", name == "document_not_expired", strings.HasPrefix(name, "claimed_"):
		return CodeFieldsMissing, true
	case name == "type_accepted", name == "country_accepted":
		return CodeDocumentUnknown, true
	}
	return "", false
}

// livenessCode gives the code of a check of liveness.
func livenessCode(name string) Code {
	switch name {
	case "face_quality":
		return CodeFaceQuality
	case "challenge_completed":
		return CodeChallenge
	case "frames_distinct", "face_moves", "head_is_solid", "one_person", "frames_alike", "frames_not_looped", "frames_in_order", "background_consistent", "light_consistent":
		return CodeRecording
	}
	return CodeLivenessCheck
}

// checkCode gives the code of a check that failed, warned or could not be made. A check without a code of its own has its factor's
// general one.
func checkCode(factor FactorName, status ekyc.CheckStatus, name string) Code {
	if factor == Document && status == ekyc.NotExecuted {
		if code, ok := unmadeCode(name); ok {
			return code
		}
	}
	switch factor {
	case Liveness:
		return livenessCode(name)
	case KYA:
		return CodeKYACheck
	}
	switch name {
	case "mrz_checksum", "mrz_check_document_number", "mrz_check_birth_date", "mrz_check_expiry_date", "mrz_check_optional", "mrz_check_composite":
		return CodeMRZChecksum
	case "mrz_present", "mrz_format", "mrz_reader_agreement":
		return CodeMRZUnreadable
	case "mrz_line_length", "mrz_alphabet", "mrz_document_code", "mrz_issuer_known", "mrz_nationality_known", "mrz_sex_valid", "mrz_names_present", "mrz_name_truncated":
		return CodeMRZStructure
	case "barcode_present", "barcode_structure":
		return CodeBarcodeUnreadable
	case "mrz_viz_document_number", "mrz_viz_names", "mrz_viz_birth_date", "mrz_viz_expiry_date", "mrz_viz_sex", "mrz_viz_nationality",
		"barcode_viz_document_number", "barcode_viz_names", "barcode_viz_birth_date", "barcode_viz_expiry_date", "barcode_viz_sex",
		"mrz_barcode_document_number", "mrz_barcode_birth_date", "readings_agree", "fields_match_mrz", "country_agrees", "sides_belong_together":
		return CodeDataMismatch
	case "claimed_names", "claimed_birth_date", "claimed_document_number", "claimed_nationality", "claimed_sex":
		return CodeClaimMismatch
	case "document_not_expired":
		return RuleExpired
	case "birth_date_valid", "birth_date_plausible", "issue_date_valid", "issue_date_not_in_future", "expiry_date_valid", "dates_order", "validity_period_plausible":
		return CodeDates
	case "field_lengths", "field_alphabets", "document_number_format", "document_number_series", "personal_number_check", "sex_valid", "nationality_known":
		return CodeFieldFormat
	case "mandatory_fields":
		return CodeFieldsMissing
	case "document_type_known", "country_known":
		return CodeDocumentUnknown
	case "type_accepted", "country_accepted":
		return CodeNotAccepted
	case "specimen_issuer", "specimen_words":
		return CodeSpecimen
	case "minimum_age":
		return CodeMinimumAge
	case "maximum_age":
		return CodeMaximumAge
	case "portrait_present":
		return CodePortraitMissing
	case "portrait_plausible":
		return CodePortraitSuspicious
	case "image_sharpness", "image_glare", "image_brightness", "image_resolution", "image_coverage", "document_cropped", "copy_monochrome":
		return CodeImageQuality
	case "alteration_portrait", "alteration_text", "alteration_cloned_area", "alteration_compression", "alteration_noise":
		return CodeAlteration
	case "recapture_screen", "recapture_print":
		return CodeRecapture
	}
	return CodeDocumentCheck
}
