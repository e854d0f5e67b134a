package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
)

// moduleRoutes are the modules that a tenant can call one by one.
func (s *Server) moduleRoutes(f *surface) {
	handle(f, route{
		method: http.MethodPost, path: "/liveness/analyze", id: "liveness-analyze", tag: "modules", scope: "liveness", maxBody: recording,
		summary:     "Is this a person before the camera?",
		description: "One still is judged passively; 2 to 32 frames, oldest first, make blinks and movement evaluable, and a challenge_id says what they must show. A hint that the pictures cannot prove is a check with the status not_evaluable.",
		errors:      []ekyc.ErrorCode{ekyc.ErrFaceNotFound, ekyc.ErrFramesCount, ekyc.ErrChallengeInvalid, ekyc.ErrImageCorrupt, ekyc.ErrImageDimensions, ekyc.ErrImageTypeUnsupported, ekyc.ErrImageTooLarge},
	}, s.analyzeLiveness)
	handle(f, route{
		method: http.MethodPost, path: "/document/ocr", id: "document-ocr", tag: "modules", scope: "ocr", maxBody: twoImages,
		summary:     "What does this document say?",
		description: "Finds and reads a passport, identity card, driving licence or residence permit. Fields that were not read are absent, never guessed.",
		errors:      []ekyc.ErrorCode{ekyc.ErrDocumentNotFound, ekyc.ErrImageCorrupt, ekyc.ErrImageDimensions, ekyc.ErrImageTypeUnsupported, ekyc.ErrImageTooLarge},
	}, s.readDocument)
	handle(f, route{
		method: http.MethodPost, path: "/document/validate", id: "document-validate", tag: "modules", scope: "validate", maxBody: twoImages,
		summary:     "Is this document in order?",
		description: "Takes images, or the answer of /document/ocr as it is, or bare fields and lines of a machine readable zone. What needs a picture is not_executed without one.",
		errors:      []ekyc.ErrorCode{ekyc.ErrDocumentNotFound, ekyc.ErrInvalidArgument},
	}, s.validateDocument)
	handle(f, route{
		method: http.MethodPost, path: "/face/match", id: "face-match", tag: "modules", scope: "face_match", maxBody: twoImages,
		summary:     "Do two pictures show the same person?",
		description: "The live picture against a document's, or against the reference that is stored with a subject. The default threshold, 0.75, is one false match in 10,000 on the calibration set; give threshold (above 0) or target_fmr, not both.",
		errors:      []ekyc.ErrorCode{ekyc.ErrFaceNotFound, ekyc.ErrFacesMultiple, ekyc.ErrNotFound, ekyc.ErrGone},
	}, s.matchFaces)
}

// LivenessBody asks for liveness.
type LivenessBody struct {
	ImageLive Image          `json:"image_live_base64,omitempty"`
	Frames    []Image        `json:"frames_base64,omitempty" minItems:"2" maxItems:"32" doc:"Frames of one recording, oldest first, in place of one image."`
	Hints     liveness.Hints `json:"hints,omitempty" doc:"What is to be proven: each becomes a check."`
	Answered
}

func (b *LivenessBody) frames() []Image { return b.Frames }

func (b *LivenessBody) problems() []FieldProblem {
	return append(liveProblems(b.ImageLive, b.Frames), b.challengeProblems(b.Frames)...)
}

// liveProblems wants one image or frames, not both.
func liveProblems(image Image, frames []Image) []FieldProblem {
	switch {
	case len(image) > 0 && frames != nil:
		return []FieldProblem{{"/frames_base64", "excludes image_live_base64"}}
	case image == nil && frames == nil:
		return []FieldProblem{{"/image_live_base64", requiredProblem}}
	}
	return nil
}

// pictures gives one image or the frames as file bytes.
func pictures(image Image, frames []Image) [][]byte {
	if frames == nil {
		return [][]byte{image}
	}
	files := make([][]byte, len(frames))
	for i, f := range frames {
		files[i] = f
	}
	return files
}

// LivenessAnswer is the verdict with everything that it rests on.
type LivenessAnswer struct {
	liveness.Result
	Metered
}

func (s *Server) analyzeLiveness(ctx context.Context, call *Call, _ *none, b *LivenessBody) (*LivenessAnswer, error) {
	answered := &answering{server: s, call: call, body: &b.Answered}
	out, err := meter(ctx, s, call, ekyc.ModuleLiveness, "", func(ctx context.Context) (*LivenessAnswer, error) {
		task, err := answered.begin(ctx)
		if err != nil {
			return nil, err
		}
		o, err := s.Vision.Selfie(ctx, engine.SelfieRequest{Frames: pictures(b.ImageLive, b.Frames), Hints: b.Hints, Challenge: task, SkipEnrol: true})
		if err != nil {
			return nil, named(err, map[string]string{"selfie": liveName(b.Frames)})
		}
		if o.Liveness == nil {
			return nil, stepError(o.Step)
		}
		return &LivenessAnswer{Result: *o.Liveness}, nil
	})
	answered.end(ctx, err)
	return out, err
}

func liveName(frames []Image) string {
	if frames != nil {
		return "/frames_base64"
	}
	return "/image_live_base64"
}

// stepError is the error that a step without outcome ended with.
func stepError(step engine.Step) error {
	if step.Code == "" {
		return ekyc.Errorf(ekyc.ErrInternal, "the step %s gave nothing", step.Name)
	}
	return ekyc.Errorf(step.Code, "%s", step.Message)
}

// named says in an error which member of the body it is about, in place of the engine's own name for the picture.
func named(err error, members map[string]string) error {
	known, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return err
	}
	for _, detail := range []string{"image", "side"} {
		if name, ok := known.Details[detail].(string); ok && members[name] != "" {
			delete(known.Details, detail)
			return known.With("field", members[name])
		}
	}
	return err
}

// DocumentImages are the photographs of a document with what is known of it.
type DocumentImages struct {
	ImageFront   Image  `json:"image_front_base64,omitempty"`
	ImageBack    Image  `json:"image_back_base64,omitempty"`
	DocumentHint string `json:"document_hint,omitempty" enum:"auto,passport,id_card,driver_license,residence_permit,other" doc:"The kind of document where it is known."`
	CountryHint  string `json:"country_hint,omitempty" maxLength:"4" doc:"ISO 3166-1 alpha-3 or ICAO code of the issuer where it is known, or auto." example:"FRA"`
}

func (d *DocumentImages) upload(s *Server) engine.DocumentUpload {
	u := engine.DocumentUpload{Front: d.ImageFront, Back: d.ImageBack, At: s.options.Now(), SkipEnrol: true}
	if d.DocumentHint != "auto" {
		u.TypeHint = ekyc.DocumentType(d.DocumentHint)
	}
	if d.CountryHint != "auto" {
		u.CountryHint = d.CountryHint
	}
	return u
}

func (d *DocumentImages) hintProblems() []FieldProblem {
	var found []FieldProblem
	switch d.DocumentHint {
	case "", "auto", string(ekyc.Passport), string(ekyc.IDCard), string(ekyc.DriverLicense), string(ekyc.ResidencePermit), string(ekyc.OtherDocument):
	default:
		found = append(found, FieldProblem{"/document_hint", "is not one of auto, passport, id_card, driver_license, residence_permit, other"})
	}
	if c := d.CountryHint; c != "" && c != "auto" {
		if _, known := ekyc.CountryByCode(c); !known || len(c) == 2 {
			found = append(found, FieldProblem{"/country_hint", "is neither auto nor an ISO 3166-1 alpha-3 or ICAO code"})
		}
	}
	return found
}

var documentMembers = map[string]string{"front": "/image_front_base64", "back": "/image_back_base64"}

// OCRBody asks for a document to be read.
type OCRBody struct {
	DocumentImages
	Include []string `json:"include_images,omitempty" enum:"face_crop,document" doc:"Which images come with the answer; face_crop unless given."`
}

func (b *OCRBody) problems() []FieldProblem {
	found := b.hintProblems()
	if b.ImageFront == nil {
		found = append(found, FieldProblem{"/image_front_base64", requiredProblem})
	}
	for _, name := range b.Include {
		if name != "face_crop" && name != "document" {
			found = append(found, FieldProblem{"/include_images", "holds what is neither face_crop nor document"})
			break
		}
	}
	return found
}

// OCRAnswer is what a document says.
type OCRAnswer struct {
	Detected  document.Detected                 `json:"detected"`
	Fields    map[document.Key]document.Field   `json:"fields" doc:"The best reading of each field; absent where not read."`
	Readings  map[document.Key][]document.Field `json:"readings" doc:"All readings of each field, by source."`
	Conflicts []document.Key                    `json:"conflicts" doc:"Fields of which two sources give different values."`
	MRZ       *document.MRZ                     `json:"mrz,omitempty"`
	Barcodes  []document.BarcodeReading         `json:"barcode,omitempty"`
	Images    OCRImages                         `json:"images"`
	Quality   document.Quality                  `json:"quality"`
	Metered
}

// OCRImages are pictures cut out of the upload.
type OCRImages struct {
	FaceCrop Image `json:"face_crop_base64,omitempty" doc:"The portrait, JPEG."`
	Document Image `json:"document_base64,omitempty" doc:"The front, rectified and upright, JPEG."`
}

func (s *Server) readDocument(ctx context.Context, call *Call, _ *none, b *OCRBody) (*OCRAnswer, error) {
	return meter(ctx, s, call, ekyc.ModuleOCR, "", func(ctx context.Context) (*OCRAnswer, error) {
		u := b.upload(s)
		u.ReadOnly, u.WantFaceCrop = true, b.Include == nil
		for _, name := range b.Include {
			u.WantFaceCrop = u.WantFaceCrop || name == "face_crop"
			u.WantDocument = u.WantDocument || name == "document"
		}
		o, err := s.Vision.Document(ctx, u)
		if err != nil {
			return nil, named(err, documentMembers)
		}
		if o.Reading == nil {
			return nil, stepError(o.OCR)
		}
		r := o.Reading
		return &OCRAnswer{
			Detected: r.Detected, Fields: r.Fields, Readings: r.Readings, Conflicts: orEmpty(r.Conflicts), MRZ: r.MRZ, Barcodes: r.Barcodes,
			Images: OCRImages{FaceCrop: o.FaceCrop, Document: o.DocumentImage}, Quality: r.Quality,
		}, nil
	})
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// MatchBody asks whether two pictures show one person.
type MatchBody struct {
	ImageLive     Image    `json:"image_live_base64" gate:"face"`
	ImageDocument Image    `json:"image_document_base64,omitempty" gate:"face" doc:"A document, its portrait, or any other picture of the person."`
	SubjectID     string   `json:"subject_id,omitempty" doc:"A subject with a stored reference, in place of the second picture."`
	Threshold     *float64 `json:"threshold,omitempty" exclusiveMinimum:"0" maximum:"1" doc:"Similarity from which it is a match; 0.75 unless given."`
	TargetFMR     *float64 `json:"target_fmr,omitempty" exclusiveMinimum:"0" exclusiveMaximum:"1" doc:"Rate of false matches to aim at, in place of a threshold."`
}

func (b *MatchBody) options() (o face.Options) {
	if b.Threshold != nil {
		o.Threshold = *b.Threshold
	}
	if b.TargetFMR != nil {
		o.TargetFMR = *b.TargetFMR
	}
	return o
}

func (b *MatchBody) problems() []FieldProblem {
	var found []FieldProblem
	if b.ImageLive == nil {
		found = append(found, FieldProblem{"/image_live_base64", requiredProblem})
	}
	switch {
	case b.ImageDocument == nil && b.SubjectID == "":
		found = append(found, FieldProblem{"/image_document_base64", requiredProblem})
	case b.ImageDocument != nil && b.SubjectID != "":
		found = append(found, FieldProblem{"/subject_id", "excludes image_document_base64"})
	}
	return append(found, b.thresholdProblems()...)
}

// thresholdProblems refuses a threshold or rate of 0, which would let everybody match or nobody: as of workflows, what is given counts, and 0 does not
// stand for the default.
func (b *MatchBody) thresholdProblems() []FieldProblem {
	switch threshold, rate := b.Threshold, b.TargetFMR; {
	case threshold != nil && !(*threshold > 0 && *threshold <= 1):
		return []FieldProblem{{"/threshold", "must be above 0 and at most 1"}}
	case rate != nil && !(*rate > 0 && *rate < 1):
		return []FieldProblem{{"/target_fmr", "must be above 0 and below 1"}}
	case threshold != nil && rate != nil:
		return []FieldProblem{{"/target_fmr", "excludes threshold"}}
	}
	return nil
}

// MatchAnswer is the verdict on two faces.
type MatchAnswer struct {
	face.Match
	Live     MatchedFace `json:"live"`
	Document MatchedFace `json:"document"`
	Metered
}

// MatchedFace is one of the two faces.
type MatchedFace struct {
	Quality face.Quality `json:"quality"`
}

func (s *Server) matchFaces(ctx context.Context, call *Call, _ *none, b *MatchBody) (*MatchAnswer, error) {
	if b.SubjectID != "" {
		return s.matchSubject(ctx, call, b)
	}
	return meter(ctx, s, call, ekyc.ModuleFaceMatch, "", func(ctx context.Context) (*MatchAnswer, error) {
		c, err := s.Vision.MatchPhotos(ctx, b.ImageLive, b.ImageDocument, b.options())
		if err != nil {
			return nil, named(err, map[string]string{"live": "/image_live_base64", "document": "/image_document_base64"})
		}
		return &MatchAnswer{Match: c.Match, Live: MatchedFace{c.Live.Quality}, Document: MatchedFace{c.Document.Quality}}, nil
	})
}

// ValidationPolicy is what the caller demands beyond the document being in order.
type ValidationPolicy struct {
	ExpiryGraceDays   int         `json:"expiry_grace_days,omitempty" minimum:"0" maximum:"3650"`
	MinAge            int         `json:"min_age,omitempty" minimum:"0" maximum:"150"`
	AcceptedTypes     []string    `json:"accepted_types,omitempty" maxItems:"10" doc:"Kinds of documents; all unless given."`
	AcceptedCountries []string    `json:"accepted_countries,omitempty" maxItems:"300" doc:"Issuers, as ISO 3166-1 alpha-3 or ICAO codes; all unless given."`
	MandatoryFields   []check.Key `json:"mandatory_fields,omitempty" maxItems:"16"`
}

// problems names what no document can satisfy, because it is a slip of the pen.
func (p *ValidationPolicy) problems() (found []FieldProblem) {
	if p == nil {
		return nil
	}
	for i, kind := range p.AcceptedTypes {
		if !slices.Contains(documentTypes, ekyc.DocumentType(kind)) {
			found = append(found, FieldProblem{fmt.Sprintf("/policy/accepted_types/%d", i), "is not a type of document"})
		}
	}
	for i, code := range p.AcceptedCountries {
		if _, known := ekyc.CountryByCode(code); !known {
			found = append(found, FieldProblem{fmt.Sprintf("/policy/accepted_countries/%d", i), "is not an ISO 3166-1 alpha-3 or ICAO code"})
		}
	}
	for i, key := range p.MandatoryFields {
		if !slices.Contains(check.Keys(), key) {
			found = append(found, FieldProblem{fmt.Sprintf("/policy/mandatory_fields/%d", i), "is not the name of a field"})
		}
	}
	return found
}

func (p *ValidationPolicy) policy(specimens bool) check.Policy {
	out := check.Policy{SpecimensAllowed: specimens}
	if p == nil {
		return out
	}
	out.ExpiryGraceDays, out.MinAge, out.AcceptedCountries, out.MandatoryFields = p.ExpiryGraceDays, p.MinAge, p.AcceptedCountries, p.MandatoryFields
	for _, t := range p.AcceptedTypes {
		out.AcceptedTypes = append(out.AcceptedTypes, ekyc.DocumentType(t))
	}
	return out
}
