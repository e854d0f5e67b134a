package engine

import (
	"context"
	"errors"
	"time"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

// SelfieRequest is the live side of a verification: one photograph, or 2 to 32 frames, oldest first, as file bytes.
type SelfieRequest struct {
	Frames       [][]byte       `json:"frames"`
	Hints        liveness.Hints `json:"hints"`
	Challenge    *liveness.Task `json:"challenge,omitempty"`      // what the frames are to show; nil: nothing in particular
	SkipLiveness bool           `json:"skip_liveness,omitempty"`  // only the face is wanted
	SkipEnrol    bool           `json:"skip_enrol,omitempty"`     // only liveness is wanted: no embedding is made
	FaceCropSide int            `json:"face_crop_side,omitempty"` // give the face upright as a JPEG of at most so many pixels a side; 0: do not
}

// SelfieOutcome is what the live side gave. It survives being stored as JSON: the steps that follow need nothing that is lost.
type SelfieOutcome struct {
	Step     Step             `json:"step"`     // StepLiveness; skipped where the request said so
	Liveness *liveness.Result `json:"liveness"` // nil when no face was found, or liveness was skipped
	Sample   *FaceSample      `json:"sample"`   // the face of the best frame; nil where there is none, or none was wanted
	Fault    *Fault           `json:"fault,omitempty"`
	FaceCrop []byte           `json:"face_crop,omitempty"` // JPEG

	// Fingerprint is that of the frame that was judged; nil where it has not enough detail to be known again by.
	Fingerprint *vision.Fingerprint `json:"fingerprint,omitempty"`
	Frame       int                 `json:"frame,omitempty"` // which of the frames that was, from 0

	picture *vision.Picture // the frame that was judged
}

// FaceSample is one enrolled face in a form that can be stored: its place, its quality and its embedding. It is biometric data.
type FaceSample struct {
	Face      *face.Face     `json:"face"`
	Quality   face.Quality   `json:"quality"`
	Embedding face.Embedding `json:"embedding"`
	Print     face.Print     `json:"print,omitempty"`
}

// Fault is an error that is an outcome: it says something about the pictures.
type Fault struct {
	Code    ekyc.ErrorCode `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// faultOf is the outcome in an error; the error itself comes back when it is none.
func faultOf(err error) (*Fault, error) {
	problem, ok := errors.AsType[*ekyc.Error](err)
	if !ok || outcomeOnly(err) != nil {
		return nil, err
	}
	return &Fault{Code: problem.Code, Message: problem.Message, Details: problem.Details}, nil
}

// asError is the fault as the error that it was.
func (f *Fault) asError() *ekyc.Error {
	return &ekyc.Error{Code: f.Code, Message: f.Message, Details: f.Details}
}

// storable drops what only the picture at hand is of use for.
func storable(s *face.Sample) *FaceSample {
	if s == nil {
		return nil
	}
	return &FaceSample{Face: s.Face, Quality: s.Quality, Embedding: s.Embedding, Print: s.Print}
}

// sample is the face in the terms of package face, without the scene around it.
func (s *FaceSample) sample() *face.Sample {
	return &face.Sample{Face: s.Face, Quality: s.Quality, Embedding: s.Embedding, Print: s.Print}
}

// Selfie judges liveness and enrols the face of the best frame. That there is no face is an outcome. Errors: those of decoding with
// the detail "image", ErrFramesCount, ErrCancelled.
func (e *Engine) Selfie(ctx context.Context, r SelfieRequest) (*SelfieOutcome, error) {
	defer e.tidy()
	o, err := e.selfie(ctx, r)
	if err == nil {
		o.Fingerprint = o.picture.Fingerprint()
	}
	return o, err
}

func (e *Engine) selfie(ctx context.Context, r SelfieRequest) (*SelfieOutcome, error) {
	start := time.Now()
	o := &SelfieOutcome{Step: Step{Name: StepLiveness, Status: StepCompleted, StagesMS: map[string]float64{}}}
	frames, err := decodeAll(ctx, r.Frames, "selfie")
	if err != nil {
		return nil, err
	}
	o.picture = frames[0]
	o.Step.StagesMS["decode"] = milliseconds(time.Since(start))
	if r.SkipLiveness {
		o.Step.Status = StepSkipped
		return o, e.enrolBest(ctx, o, frames, r)
	}
	judged := time.Now()
	result, err := e.judge(ctx, frames, r.Hints, r.Challenge)
	o.Step.StagesMS["judge"] = milliseconds(time.Since(judged))
	if err := o.Step.end(start, err); err != nil {
		return nil, err
	}
	if result == nil {
		return o, nil
	}
	o.Liveness, o.picture, o.Frame = result, frames[result.Best], result.Best
	if err := o.crop(result.Scene, r.FaceCropSide); err != nil {
		return nil, err
	}
	if r.SkipEnrol {
		return o, nil
	}
	sample, err := e.faces.EnrolScene(ctx, o.picture.Pyramid, result.Scene)
	o.Sample = storable(sample)
	return o, outcomeOnly(err)
}

// crop gives the face of the frame that was judged, where it is wanted.
func (o *SelfieOutcome) crop(scene *face.Scene, side int) (err error) {
	if side <= 0 || scene == nil {
		return nil
	}
	if image := scene.Crop(o.picture.Pyramid, side); image != nil {
		o.FaceCrop, err = answerImage(image)
	}
	return err
}

// enrolBest enrols the best captured face of frames whose liveness nobody asks for. Without one, the fault of the first frame is told.
func (e *Engine) enrolBest(ctx context.Context, o *SelfieOutcome, frames []*vision.Picture, r SelfieRequest) error {
	if r.SkipEnrol {
		return nil
	}
	var best *face.Scene
	var quality float64
	for i, frame := range frames {
		scene, err := e.faces.Analyze(ctx, frame.Pyramid)
		if err != nil {
			fault, err := faultOf(err)
			if err != nil {
				return err
			}
			if o.Fault == nil {
				o.Fault = fault
			}
			continue
		}
		if score := e.faces.Quality(frame.Pyramid, scene).Score; best == nil || score > quality {
			best, quality, o.picture, o.Frame = scene, score, frame, i
		}
	}
	if best == nil {
		return nil
	}
	if err := o.crop(best, r.FaceCropSide); err != nil {
		return err
	}
	sample, err := e.faces.EnrolScene(ctx, o.picture.Pyramid, best)
	o.Sample = storable(sample)
	if err == nil {
		o.Fault = nil
		return nil
	}
	o.Fault, err = faultOf(err)
	return err
}
