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
	var (
		group                  sync.WaitGroup
		selfie                 *SelfieOutcome
		doc                    *DocumentOutcome
		selfieErr, documentErr error
	)
	group.Go(func() { selfie, selfieErr = e.selfie(ctx, SelfieRequest{Frames: r.Selfie, Hints: r.Hints}) })
	group.Go(func() {
		doc, documentErr = e.document(ctx, DocumentUpload{
			Front: r.Front, Back: r.Back, TypeHint: r.TypeHint, CountryHint: r.CountryHint, Checks: r.Checks, At: r.At,
		})
	})
	group.Wait()
	if err := firstError(selfieErr, documentErr); err != nil {
		return nil, err
	}
	match, err := e.Matcher().Match(selfie, doc, r.Matching)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil && match.Match != nil {
		return nil, ekyc.Errorf(ekyc.ErrCancelled, "the verification was stopped").Because(err)
	}
	// Profile checks are no part of this pipeline, so their weight is spread over the others.
	result, step, err := decide(r.Policy, EvidenceOf(selfie, doc, match, decision.KYAEvidence{State: decision.NotConfigured}))
	if err != nil {
		return nil, err
	}
	v := VerificationOf(selfie, doc, match)
	v.Result = result
	v.Steps = append(v.Steps, step)
	v.ProcessingMS = milliseconds(time.Since(start))
	e.tidy()
	return v, nil
}

// VerificationOf joins the outcomes of all steps but the decision. Those are nil that did not run.
func VerificationOf(selfie *SelfieOutcome, doc *DocumentOutcome, match *MatchOutcome) *Verification {
	v := &Verification{}
	if selfie != nil {
		v.Liveness, v.Selfie = selfie.Liveness, selfie.picture
		v.Steps = append(v.Steps, selfie.Step)
	}
	if doc != nil {
		v.Document, v.Validation, v.Front, v.Back = doc.Reading, doc.Validation, doc.front, doc.back
		v.Steps = append(v.Steps, doc.OCR, doc.Validate)
	}
	if match != nil {
		v.FaceMatch = match.Match
		v.Steps = append(v.Steps, match.Step)
	}
	if v.FaceMatch != nil {
		v.Comparison = &face.Comparison{Match: *match.Match, Live: selfie.Sample.sample(), Document: doc.Portrait.sample()}
	}
	return v
}

// tidyEvery pieces of work the free memory of the models goes back to the system. Measured over 12-megapixel pairs, see
// docs/decisions/0002.
const tidyEvery = 8

// tidy runs beside the next piece of work; the caller does not wait for it.
func (e *Engine) tidy() {
	if e.worked.Add(1)%tidyEvery == 0 {
		go vision.ReleaseMemory()
	}
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

// mostFramePixels bounds what the frames of one recording hold decoded, 300 MB, and take to decode: 32 JPEG frames of three megapixels, half as
// much again as a video of full high definition has, or a quarter of that in other formats.
const mostFramePixels = 100_000_000

// slowTimes is how often a pixel counts that is not in a JPEG: its decode takes about ten times as long, over a hundred nanoseconds.
const slowTimes = 4

// decodeAll decodes the frames of a recording, after a look at how much they would hold together.
func decodeAll(ctx context.Context, files [][]byte, name string) ([]*vision.Picture, error) {
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
		n := info.Width * info.Height
		if info.Format != vision.JPEG {
			n *= slowTimes
		}
		pixels += n
	}
	if len(files) > 1 && pixels > mostFramePixels {
		return nil, ekyc.Errorf(ekyc.ErrImageDimensions, "the frames have %d pixels together, where one that is not in a JPEG counts as %d; at most %d are accepted",
			pixels, slowTimes, mostFramePixels).
			With("image", name).With("pixels", pixels).With("max_pixels", mostFramePixels)
	}
	pictures := make([]*vision.Picture, len(files))
	for i, data := range files {
		var err error
		if pictures[i], err = decodeOne(ctx, data, name); err != nil {
			return nil, err
		}
	}
	return pictures, nil
}

// decodeOne decodes one upload under the limits for whole scenes and says in the error's details which it was.
func decodeOne(ctx context.Context, data []byte, name string) (*vision.Picture, error) {
	return decodeUpload(ctx, data, name, vision.SceneLimits)
}

// decodeUpload does not begin for somebody who has left. A decode that has begun is not stopped.
func decodeUpload(ctx context.Context, data []byte, name string, limits vision.Limits) (*vision.Picture, error) {
	if err := ctx.Err(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrCancelled, "the work was stopped").Because(err)
	}
	picture, err := vision.Decode(data, limits)
	if problem, ok := errors.AsType[*ekyc.Error](err); ok {
		return nil, problem.With("image", name)
	}
	return picture, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
