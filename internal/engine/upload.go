package engine

import (
	"context"
	"time"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/vision"
)

// DocumentUpload is the document side of a verification: photographs as file bytes and how they are to be judged. Back may be
// empty, the hints too.
type DocumentUpload struct {
	Front        []byte               `json:"front,omitempty"`
	Back         []byte               `json:"back,omitempty"`
	TypeHint     ekyc.DocumentType    `json:"type_hint,omitempty"`
	CountryHint  string               `json:"country_hint,omitempty"`
	Checks       check.Policy         `json:"checks"`            // what the document must satisfy beyond being in order
	Claimed      map[check.Key]string `json:"claimed,omitempty"` // what the person says of himself
	At           time.Time            `json:"at"`                // the day on which the document is judged
	SkipEnrol    bool                 `json:"skip_enrol,omitempty"`
	SkipValidate bool                 `json:"skip_validate,omitempty"`  // only the reading is wanted, and the evidence for a verdict
	ReadOnly     bool                 `json:"read_only,omitempty"`      // neither is a verdict wanted nor evidence for one
	WantFaceCrop bool                 `json:"want_face_crop,omitempty"` // give the portrait as a JPEG
	FaceCropSide int                  `json:"face_crop_side,omitempty"` // most pixels of a side of that; 0: as many as there are
	WantDocument bool                 `json:"want_document,omitempty"`  // give the rectified front as a JPEG
}

// DocumentOutcome is what the document side gave. It survives being stored as JSON: the images and the places on them are lost, and
// Evidence holds what the checks took from them.
type DocumentOutcome struct {
	OCR        Step              `json:"ocr"`
	Validate   Step              `json:"validate"`
	Reading    *document.Reading `json:"reading"`    // nil when no document was found
	Validation *check.Result     `json:"validation"` // nil when there was nothing to validate, or validation was skipped

	// Evidence is what the checks were given, or would have been. check.Validate on a copy with another policy or other claims gives that verdict
	// without images or models. It is nil where reading was all that was wanted.
	Evidence *check.Input `json:"evidence"`

	Portrait      *FaceSample `json:"portrait"` // the holder's face; nil where there is none, or none was wanted
	PortraitFault *Fault      `json:"portrait_fault,omitempty"`
	FaceCrop      []byte      `json:"face_crop,omitempty"`      // JPEG
	DocumentImage []byte      `json:"document_image,omitempty"` // JPEG

	front, back *vision.Picture
}

// answerQuality is the JPEG quality of images in answers; from 90 on colour keeps its full resolution.
const answerQuality = 90

// Document decodes, reads and validates a document and enrols its portrait. That there is no document is an outcome. Errors: those
// of decoding with the detail "image" (front or back), ErrCancelled.
func (e *Engine) Document(ctx context.Context, r DocumentUpload) (*DocumentOutcome, error) {
	defer e.tidy()
	return e.document(ctx, r)
}

func (e *Engine) document(ctx context.Context, r DocumentUpload) (*DocumentOutcome, error) {
	start := time.Now()
	o := &DocumentOutcome{OCR: Step{Name: StepOCR, Status: StepCompleted}, Validate: Step{Name: StepValidate, Status: StepSkipped}}
	if err := o.decode(ctx, r); err != nil {
		return nil, err
	}
	decoded := milliseconds(time.Since(start))
	reading, err := e.ReadDocument(ctx, DocumentRequest{Front: o.front, Back: o.back, TypeHint: r.TypeHint, CountryHint: r.CountryHint, At: r.At, SkipTraces: r.ReadOnly})
	if reading != nil {
		o.OCR.StagesMS = reading.Timings
	}
	if o.OCR.StagesMS == nil {
		o.OCR.StagesMS = map[string]float64{}
	}
	o.OCR.StagesMS["decode"] = decoded
	if err := o.OCR.end(start, err); err != nil {
		return nil, err
	}
	if reading == nil {
		return o, nil
	}
	o.Reading = reading
	if !r.ReadOnly {
		o.validate(r)
	}
	if err := o.encode(r); err != nil {
		return nil, err
	}
	if r.SkipEnrol {
		return o, nil
	}
	return o, e.enrolPortrait(ctx, o)
}

func (o *DocumentOutcome) decode(ctx context.Context, r DocumentUpload) (err error) {
	if o.front, err = decodeOne(ctx, r.Front, "front"); err != nil || len(r.Back) == 0 {
		return err
	}
	o.back, err = decodeOne(ctx, r.Back, "back")
	return err
}

func (o *DocumentOutcome) validate(r DocumentUpload) {
	start := time.Now()
	in := checkInput(o.Reading, r.Checks, r.At)
	in.Claimed = r.Claimed
	o.Evidence = &in
	if r.SkipValidate {
		return
	}
	result := check.Validate(in)
	o.Validation = &result
	o.Validate.Status = StepCompleted
	o.Validate.DurationMS = milliseconds(time.Since(start))
}

// encode gives the images that were asked for and are there.
func (o *DocumentOutcome) encode(r DocumentUpload) error {
	var crop, front *vision.RGB
	if r.WantFaceCrop && o.Reading.Portrait != nil {
		if crop = o.Reading.Portrait.Image; crop != nil && r.FaceCropSide > 0 {
			crop, _ = vision.NewPyramid(crop).Fit(r.FaceCropSide)
		}
	}
	if r.WantDocument && len(o.Reading.Sides) > 0 {
		front = o.Reading.Sides[0].Image
	}
	for _, image := range []struct {
		from *vision.RGB
		to   *[]byte
	}{{crop, &o.FaceCrop}, {front, &o.DocumentImage}} {
		if image.from == nil {
			continue
		}
		data, err := answerImage(image.from)
		if err != nil {
			return err
		}
		*image.to = data
	}
	return nil
}

// answerImage is an image of an answer as a JPEG.
func answerImage(image *vision.RGB) ([]byte, error) {
	data, err := vision.EncodeJPEG(image, answerQuality)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "an image of the answer could not be written").Because(err)
	}
	return data, nil
}

// enrolPortrait enrols the face on the document. That none can be is an outcome.
func (e *Engine) enrolPortrait(ctx context.Context, o *DocumentOutcome) error {
	if o.Reading.Portrait == nil || o.Reading.Portrait.Image == nil {
		o.PortraitFault = &Fault{Code: ekyc.ErrFaceNotFound, Message: "no portrait was found on the document", Details: map[string]any{"side": "document"}}
		return nil
	}
	sample, err := e.faces.Enrol(ctx, vision.NewPyramid(o.Reading.Portrait.Image))
	if err != nil {
		o.PortraitFault, err = faultOf(err)
		return err
	}
	o.Portrait = storable(sample)
	return nil
}
