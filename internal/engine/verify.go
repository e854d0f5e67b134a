package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

// Step names, in the order in which they are reported.
const (
	StepLiveness  = "liveness"
	StepOCR       = "ocr"
	StepValidate  = "validate"
	StepFaceMatch = "face_match"
	StepDecision  = "decision"
)

// StepStatus says how a step ended.
type StepStatus string

// The step statuses. A skipped step had nothing to work on because another failed.
const (
	StepCompleted StepStatus = "completed"
	StepFailed    StepStatus = "failed"
	StepSkipped   StepStatus = "skipped"
)

// Step is one step of a verification with its time from start to end. Steps of the two photographs overlap.
type Step struct {
	Name       string             `json:"name"`
	Status     StepStatus         `json:"status"`
	Code       ekyc.ErrorCode     `json:"code,omitempty"`
	Message    string             `json:"message,omitempty"`
	DurationMS float64            `json:"duration_ms"`
	StagesMS   map[string]float64 `json:"stages_ms,omitempty"`
}

// VerifyRequest is one verification: photographs as file bytes, and how they are to be judged.
type VerifyRequest struct {
	Selfie      [][]byte // one photograph, or 2 to 32 frames, oldest first
	Front, Back []byte   // Back may be empty
	Hints       liveness.Hints
	TypeHint    ekyc.DocumentType
	CountryHint string
	Matching    face.Options    // threshold of the comparison
	Checks      check.Policy    // what the document must satisfy beyond being in order
	Policy      decision.Policy // weights, thresholds, hard rules
	At          time.Time       // the day on which the document is judged
}

// Verification is the whole outcome, in the form that the command line and the API give it.
type Verification struct {
	decision.Result
	Liveness     *liveness.Result  `json:"liveness"`
	Document     *document.Reading `json:"document"`
	Validation   *check.Result     `json:"validation"`
	FaceMatch    *face.Match       `json:"-"`
	Comparison   *face.Comparison  `json:"face_match"` // FaceMatch with both faces and their quality
	Steps        []Step            `json:"steps"`
	ProcessingMS float64           `json:"processing_ms"`

	Selfie *vision.Picture `json:"-"` // the frame that was judged
	Front  *vision.Picture `json:"-"`
	Back   *vision.Picture `json:"-"`
}

// Verify runs the whole pipeline: liveness beside reading and validation, then the comparison of the faces, then the decision.
// A photograph that cannot be decoded is an error (of Decode, with the detail "image" naming which); a photograph without face
// or document is an outcome with reasons. Errors besides: ErrFramesCount, ErrInvalidArgument, ErrCancelled.
func (e *Engine) Verify(ctx context.Context, r VerifyRequest) (*Verification, error) {
	start := time.Now()
	v := &verifying{engine: e, request: r}
	var group sync.WaitGroup
	var selfieErr, documentErr error
	group.Go(func() { selfieErr = v.selfieSide(ctx) })
	group.Go(func() { documentErr = v.documentSide(ctx) })
	group.Wait()
	if err := errors.Join(selfieErr, documentErr); err != nil {
		return nil, firstError(selfieErr, documentErr)
	}
	if err := v.compare(ctx); err != nil {
		return nil, err
	}
	if err := v.decide(); err != nil {
		return nil, err
	}
	v.outcome.Steps = []Step{v.liveness, v.ocr, v.validate, v.match, v.decision}
	v.outcome.ProcessingMS = milliseconds(time.Since(start))
	e.tidy()
	return &v.outcome, nil
}

// tidyEvery verifications the free memory of the models goes back to the system. Measured over 12-megapixel pairs, see
// docs/decisions/0002.
const tidyEvery = 8

// tidy runs beside the next verification; the caller does not wait for it.
func (e *Engine) tidy() {
	if e.verified.Add(1)%tidyEvery == 0 {
		go vision.ReleaseMemory()
	}
}

// verifying is one verification under way.
type verifying struct {
	engine  *Engine
	request VerifyRequest
	outcome Verification

	liveness, ocr, validate, match, decision Step

	live, portrait *face.Sample
	portraitErr    error
}

// selfieSide decodes the frames, judges liveness and enrols the face of the best frame.
func (v *verifying) selfieSide(ctx context.Context) error {
	start := time.Now()
	v.liveness = Step{Name: StepLiveness, Status: StepCompleted, StagesMS: map[string]float64{}}
	frames, err := decodeAll(v.request.Selfie, "selfie")
	if err != nil {
		return err
	}
	v.outcome.Selfie = frames[0]
	v.liveness.StagesMS["decode"] = milliseconds(time.Since(start))
	judged := time.Now()
	result, err := v.engine.Liveness(ctx, frames, v.request.Hints)
	v.liveness.StagesMS["judge"] = milliseconds(time.Since(judged))
	if err := v.liveness.end(start, err); err != nil || result == nil {
		return err
	}
	v.outcome.Liveness = result
	v.outcome.Selfie = frames[result.Best]
	v.live, err = v.engine.faces.EnrolScene(ctx, v.outcome.Selfie.Pyramid, result.Scene)
	return outcomeOnly(err)
}

// documentSide decodes, reads and validates the document and enrols its portrait.
func (v *verifying) documentSide(ctx context.Context) error {
	start := time.Now()
	v.ocr = Step{Name: StepOCR, Status: StepCompleted}
	v.validate = Step{Name: StepValidate, Status: StepSkipped}
	pictures, err := v.decodeDocument()
	if err != nil {
		return err
	}
	decoded := milliseconds(time.Since(start))
	reading, err := v.engine.ReadDocument(ctx, DocumentRequest{
		Front: v.outcome.Front, Back: pictures, TypeHint: v.request.TypeHint, CountryHint: v.request.CountryHint, At: v.request.At,
	})
	if reading != nil {
		v.ocr.StagesMS = reading.Timings
	}
	if v.ocr.StagesMS == nil {
		v.ocr.StagesMS = map[string]float64{}
	}
	v.ocr.StagesMS["decode"] = decoded
	if err := v.ocr.end(start, err); err != nil || reading == nil {
		return err
	}
	v.outcome.Document = reading
	start = time.Now()
	result := v.engine.Validate(reading, v.request.Checks, v.request.At)
	v.outcome.Validation = &result
	v.validate.Status = StepCompleted
	v.validate.DurationMS = milliseconds(time.Since(start))
	if reading.Portrait == nil || reading.Portrait.Image == nil {
		v.portraitErr = ekyc.Errorf(ekyc.ErrFaceNotFound, "no portrait was found on the document").With("side", "document")
		return nil
	}
	v.portrait, v.portraitErr = v.engine.faces.Enrol(ctx, vision.NewPyramid(reading.Portrait.Image))
	if ekyc.CodeOf(v.portraitErr) == ekyc.ErrCancelled {
		return v.portraitErr
	}
	return nil
}

// decodeDocument decodes the front into the outcome and gives the back, nil when none was sent.
func (v *verifying) decodeDocument() (back *vision.Picture, err error) {
	if v.outcome.Front, err = decodeOne(v.request.Front, "front"); err != nil {
		return nil, err
	}
	if len(v.request.Back) > 0 {
		v.outcome.Back, err = decodeOne(v.request.Back, "back")
	}
	return v.outcome.Back, err
}

// compare matches the live face against the portrait.
func (v *verifying) compare(ctx context.Context) error {
	start := time.Now()
	v.match = Step{Name: StepFaceMatch, Status: StepSkipped}
	if v.live == nil || v.portrait == nil {
		if v.live != nil && v.portraitErr != nil && v.outcome.Document != nil {
			return v.match.end(start, v.portraitErr)
		}
		return nil
	}
	match, err := v.engine.faces.Compare(v.live.Embedding, v.portrait.Embedding, v.request.Matching)
	v.match.Status = StepCompleted
	if err := v.match.end(start, err); err != nil || v.match.Status == StepFailed {
		return err
	}
	v.outcome.FaceMatch = &match
	v.outcome.Comparison = &face.Comparison{Match: match, Live: v.live, Document: v.portrait}
	if err := ctx.Err(); err != nil {
		return ekyc.Errorf(ekyc.ErrCancelled, "the verification was stopped").Because(err)
	}
	return nil
}

// end records a step's time and error. Only what concerns the whole run comes back: a stop, or a fault of the request.
func (s *Step) end(start time.Time, err error) error {
	s.DurationMS = milliseconds(time.Since(start))
	if err == nil {
		return nil
	}
	if problem, ok := errors.AsType[*ekyc.Error](err); ok && outcomeOnly(err) == nil {
		s.Status, s.Code, s.Message = StepFailed, problem.Code, problem.Message
		return nil
	}
	return err
}

// outcomeOnly drops the errors that say something about the pictures, which are outcomes, and keeps all others.
func outcomeOnly(err error) error {
	switch ekyc.CodeOf(err) {
	case ekyc.ErrFaceNotFound, ekyc.ErrFacesMultiple, ekyc.ErrDocumentNotFound, ekyc.ErrMRZUnreadable, ekyc.ErrBarcodeUnreadable:
		return nil
	}
	return err
}

// mostFramePixels bounds what the frames of one recording hold decoded, 300 MB: 32 frames of three megapixels, half as much again as a video of
// full high definition has.
const mostFramePixels = 100_000_000

// decodeAll decodes the frames of a recording, after a look at how much they would hold together.
func decodeAll(files [][]byte, name string) ([]*vision.Picture, error) {
	if len(files) == 0 {
		return nil, ekyc.Errorf(ekyc.ErrImageEmpty, "no %s was given", name).With("image", name)
	}
	if n := len(files); n > liveness.MaxFrames { // before they take memory
		return nil, ekyc.Errorf(ekyc.ErrFramesCount, "%d frames were sent; one picture or %d to %d frames are accepted", n, liveness.MinFrames, liveness.MaxFrames).
			With("frames", n)
	}
	pixels := 0
	for _, data := range files {
		info, err := vision.Inspect(data, vision.SceneLimits)
		if problem, ok := errors.AsType[*ekyc.Error](err); ok {
			return nil, problem.With("image", name)
		}
		pixels += info.Width * info.Height
	}
	if len(files) > 1 && pixels > mostFramePixels {
		return nil, ekyc.Errorf(ekyc.ErrImageDimensions, "the frames have %d pixels together; at most %d are accepted", pixels, mostFramePixels).
			With("image", name).With("pixels", pixels).With("max_pixels", mostFramePixels)
	}
	pictures := make([]*vision.Picture, len(files))
	for i, data := range files {
		var err error
		if pictures[i], err = decodeOne(data, name); err != nil {
			return nil, err
		}
	}
	return pictures, nil
}

// decodeOne decodes one upload under the limits for whole scenes and says in the error's details which it was.
func decodeOne(data []byte, name string) (*vision.Picture, error) {
	picture, err := vision.Decode(data, vision.SceneLimits)
	if problem, ok := errors.AsType[*ekyc.Error](err); ok {
		return nil, problem.With("image", name)
	}
	return picture, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
