package engine

import (
	"context"
	"time"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// Matcher compares enrolled faces. It is plain data and runs no model, so stored faces can be compared far from the engine that
// enrolled them.
type Matcher struct {
	ModelID     string            `json:"model_id"` // of the embeddings that it can compare
	Calibration *face.Calibration `json:"calibration"`
}

// MatchOutcome is what the comparison of a verification's two faces gave. It survives being stored as JSON.
type MatchOutcome struct {
	Step  Step        `json:"step"` // skipped where a face is missing for a reason that another step tells
	Match *face.Match `json:"match"`
}

// FaceComparison is a match with the two faces that it is about, their embeddings included.
type FaceComparison struct {
	face.Match
	Live     *FaceSample `json:"live"`
	Document *FaceSample `json:"document"`
}

// Matcher gives the comparison of this engine's embeddings.
func (e *Engine) Matcher() Matcher {
	return Matcher{ModelID: e.faces.ModelID(), Calibration: e.faces.Calibration()}
}

// Compare judges two enrolled faces. Errors: ErrInvalidArgument for a missing face, for embeddings of other models, and for thresholds
// or rates outside their ranges.
func (m Matcher) Compare(a, b *FaceSample, o face.Options) (face.Match, error) {
	if m.Calibration == nil || len(m.Calibration.Points) == 0 {
		return face.Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "no embedding model is loaded")
	}
	if a == nil || b == nil {
		return face.Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "two enrolled faces are needed")
	}
	x, y := a.Embedding, b.Embedding
	if x.Model != y.Model || x.Model != m.ModelID || len(x.Vector) != len(y.Vector) || len(x.Vector) == 0 {
		return face.Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the embeddings come from different models and cannot be compared")
	}
	match, err := m.Calibration.Judge(face.Cosine(x, y), o)
	return match.Compared(a.Print, b.Print), err
}

// Match is the step that compares the live face with the portrait. That a face is missing is an outcome. Errors: those of Compare.
func (m Matcher) Match(selfie *SelfieOutcome, doc *DocumentOutcome, o face.Options) (*MatchOutcome, error) {
	start := time.Now()
	out := &MatchOutcome{Step: Step{Name: StepFaceMatch, Status: StepSkipped}}
	var live, portrait *FaceSample
	var fault *Fault
	if selfie != nil {
		live, fault = selfie.Sample, selfie.Fault
	}
	if doc != nil {
		portrait = doc.Portrait
		if fault == nil && live != nil {
			fault = doc.PortraitFault
		}
	}
	if live == nil || portrait == nil {
		if fault == nil {
			return out, nil
		}
		return out, out.Step.end(start, fault.asError())
	}
	match, err := m.Compare(live, portrait, o)
	if err != nil {
		return nil, err
	}
	out.Match, out.Step.Status, out.Step.DurationMS = &match, StepCompleted, milliseconds(time.Since(start))
	return out, nil
}

// MatchPhotos compares the subjects of two photographs, which may be crops of faces from 48 pixels on. Each must show one subject.
// Errors: those of decoding with the detail "image" (live or document), ErrFaceNotFound and ErrFacesMultiple with the detail "side",
// ErrInvalidArgument, ErrCancelled.
func (e *Engine) MatchPhotos(ctx context.Context, live, reference []byte, o face.Options) (*FaceComparison, error) {
	defer e.tidy()
	a, err := decodeFace(ctx, live, "live")
	if err != nil {
		return nil, err
	}
	b, err := decodeFace(ctx, reference, "document")
	if err != nil {
		return nil, err
	}
	c, err := e.faces.Match(ctx, a.Pyramid, b.Pyramid, o)
	if err != nil {
		return nil, err
	}
	return &FaceComparison{Match: c.Match, Live: storable(c.Live), Document: storable(c.Document)}, nil
}

// Enrol enrols the one subject of a photograph, to be kept as reference or to be compared with one. Errors: those of decoding,
// ErrFaceNotFound, ErrFacesMultiple, ErrCancelled.
func (e *Engine) Enrol(ctx context.Context, photo []byte) (*FaceSample, error) {
	defer e.tidy()
	picture, err := decodeFace(ctx, photo, "photo")
	if err != nil {
		return nil, err
	}
	scene, err := e.faces.Analyze(ctx, picture.Pyramid)
	if err != nil {
		return nil, err
	}
	if err := scene.Single(); err != nil {
		return nil, err
	}
	sample, err := e.faces.EnrolScene(ctx, picture.Pyramid, scene)
	return storable(sample), err
}

// decodeFace decodes a photograph that may be no more than a face.
func decodeFace(ctx context.Context, data []byte, name string) (*vision.Picture, error) {
	return decodeUpload(ctx, data, name, vision.FaceCropLimits)
}

// SanitiseRequest is an upload that is to be stored.
type SanitiseRequest struct {
	Image    []byte `json:"image,omitempty"`
	FaceCrop bool   `json:"face_crop,omitempty"` // the limits of face crops hold in place of those of scenes
	Quality  int    `json:"quality"`             // of the JPEG that it becomes, 1 to 100
}

// SanitiseOutcome is the upload as a JPEG, upright, with no metadata and nothing appended to it.
type SanitiseOutcome struct {
	Info   vision.Info `json:"info"`   // of the file that was sent
	Width  int         `json:"width"`  // pixels, upright
	Height int         `json:"height"` // pixels, upright
	Image  []byte      `json:"image,omitempty"`
}

// Sanitise decodes an upload and writes it anew. Errors: those of decoding, ErrInvalidArgument, ErrCancelled.
func (e *Engine) Sanitise(ctx context.Context, r SanitiseRequest) (*SanitiseOutcome, error) {
	defer e.tidy()
	if r.Quality < 1 || r.Quality > 100 {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the quality of a JPEG is 1 to 100")
	}
	limits := vision.SceneLimits
	if r.FaceCrop {
		limits = vision.FaceCropLimits
	}
	if err := ctx.Err(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrCancelled, "the work was stopped").Because(err)
	}
	picture, err := vision.Decode(r.Image, limits)
	if err != nil {
		return nil, err
	}
	native := picture.Native()
	data, err := vision.EncodeJPEG(native, r.Quality)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the image could not be written").Because(err)
	}
	return &SanitiseOutcome{Info: picture.Info, Width: native.Width, Height: native.Height, Image: data}, nil
}
