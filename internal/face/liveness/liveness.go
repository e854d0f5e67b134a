// Package liveness judges whether a person stood before the camera: presentation attack networks together with evidence that
// needs none, and over several frames blinks, head movement and the geometry of what moves. One still picture cannot carry
// more than a risk signal: the verdict has three zones, and sharpness is a gate for the capture, never evidence of life.
package liveness

import (
	"cmp"
	"context"
	"sync"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// Zone is the verdict with room for doubt.
type Zone string

// The zones: in ZoneReview a person should look.
const (
	ZoneLive   Zone = "live"
	ZoneReview Zone = "review"
	ZoneAttack Zone = "attack"
)

// Method says what the verdict rests on.
type Method string

// The methods: one still, several frames, or frames that answer a challenge.
const (
	Passive   Method = "passive"
	Active    Method = "active"
	Challenge Method = "challenge"
)

// Bounds of the number of frames of an active analysis.
const (
	MinFrames = 2
	MaxFrames = 32
)

// Models are the networks of this package. Without Attacks the verdict is never better than a review.
type Models struct {
	Attacks []AttackModel
	Fusion  *Fusion // nil: the shipped one
}

// Hints are what the caller wants to see proven.
type Hints struct {
	Pose  bool `json:"pose"`
	Blink bool `json:"blink"`
	Gaze  bool `json:"gaze"`
}

// Input is what is analysed: one picture (passive) or 2 to 32 frames, the oldest first (active).
type Input struct {
	Frames []*vision.Pyramid
	Want   Hints
	Task   *Task // what several frames are to show; nil: nothing in particular
}

// Measured is what was seen of the person. Blinks is nil for a still, Gaze nil where the eyes do not show it.
type Measured struct {
	Pose      face.Pose  `json:"pose"`
	Eyes      face.Eyes  `json:"eyes"`
	Gaze      *face.Gaze `json:"gaze,omitempty"`
	Blinks    *int       `json:"blinks,omitempty"`
	YawRange  *float64   `json:"yaw_range,omitempty"`  // degrees over the frames
	DepthSeen *bool      `json:"depth_seen,omitempty"` // the head moved as a solid does; nil when it hardly turned
	// MouthRange is by how much the mouth opened and closed over the frames, in mouth widths; speech and smiles give 0.1 and more.
	MouthRange *float64 `json:"mouth_range,omitempty"`
}

// Result is the verdict with everything that it rests on.
type Result struct {
	IsLive     bool               `json:"is_live"`
	SpoofType  ekyc.SpoofType     `json:"spoof_type"`
	Confidence float64            `json:"confidence"` // in the verdict, 0 to 1
	LiveScore  float64            `json:"live_score"` // 0 attack to 1 live
	Zone       Zone               `json:"zone"`
	Method     Method             `json:"method"`
	Checks     []ekyc.Check       `json:"checks"`
	Hints      Measured           `json:"hints"`
	Quality    face.Quality       `json:"quality"`
	Evidence   map[string]float64 `json:"evidence"` // the numbers behind LiveScore, by name; log odds where a network gave them
	Best       int                `json:"best_frame"`
	Scene      *face.Scene        `json:"-"` // of the best frame
	Frames     []FrameResult      `json:"frames,omitempty"`
}

// FrameResult is one frame of an active analysis.
type FrameResult struct {
	FaceFound bool       `json:"face_found"`
	Pose      face.Pose  `json:"pose"`
	Openness  float64    `json:"openness"`             // of the eyes, their mean
	Mouth     float64    `json:"mouth"`                // opening in mouth widths
	Gaze      *face.Gaze `json:"gaze,omitempty"`       // where a challenge asks for glances and the eyes show it
	Quality   float64    `json:"quality"`              // 0 to 1
	LiveScore *float64   `json:"live_score,omitempty"` // for the frames that were looked at closely
	Duplicate bool       `json:"duplicate"`            // same pixels as an earlier frame
}

// Analyzer judges pictures. It is safe for concurrent use.
type Analyzer struct {
	faces   *face.Analyzer
	attacks []AttackModel
	fusion  *Fusion
}

// New checks the models. Errors: ErrInvalidArgument.
func New(faces *face.Analyzer, m Models) (*Analyzer, error) {
	if faces == nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "liveness needs a face analyzer")
	}
	for _, a := range m.Attacks {
		if a.Session == nil || a.Kind != KindCrop && a.Kind != KindTree {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the attack model %s has no session or is of an unknown kind", a.Name)
		}
	}
	fusion := m.Fusion
	if fusion == nil {
		var err error
		if fusion, err = shippedFusion(); err != nil {
			return nil, err
		}
	}
	return &Analyzer{faces: faces, attacks: m.Attacks, fusion: fusion}, nil
}

// Analyze judges one picture or several frames. Errors: ErrFaceNotFound when no frame shows a face, ErrFramesCount, ErrInvalidArgument for
// a task that no challenge can have, ErrCancelled.
func (a *Analyzer) Analyze(ctx context.Context, in Input) (*Result, error) {
	if in.Task != nil {
		if err := validActions(in.Task.Actions); err != nil {
			return nil, err
		}
	}
	switch n := len(in.Frames); {
	case n == 1 && in.Task == nil:
		return a.passive(ctx, in)
	case n >= MinFrames && n <= MaxFrames:
		return a.active(ctx, in)
	default:
		return nil, ekyc.Errorf(ekyc.ErrFramesCount, "%d frames were sent; one picture or %d to %d frames are accepted", n, MinFrames, MaxFrames).
			With("frames", n)
	}
}

// passive judges one still.
func (a *Analyzer) passive(ctx context.Context, in Input) (*Result, error) {
	p := in.Frames[0]
	scene, err := a.faces.Analyze(ctx, p)
	if err != nil {
		return nil, err
	}
	var (
		hints  Measured
		failed error
		beside sync.WaitGroup
	)
	beside.Go(func() { hints, failed = a.measure(ctx, p, scene) })
	seen, err := a.look(ctx, p, scene)
	beside.Wait()
	if err = cmp.Or(err, failed); err != nil {
		return nil, err
	}
	r := &Result{Method: Passive, Scene: scene, Quality: seen.quality, Evidence: seen.evidence, Hints: hints}
	r.Checks = seen.checks(a.fusion, scene)
	r.decide(a.fusion, refuted(seen.score(a.fusion), r.Checks), seen.gate(), len(a.attacks) > 0)
	r.Checks = append(r.Checks, hintChecks(in.Want, r.Hints, nil)...)
	r.SpoofType = r.species()
	return r, nil
}

// measure takes what the hints report from one picture.
func (a *Analyzer) measure(ctx context.Context, p *vision.Pyramid, scene *face.Scene) (Measured, error) {
	f := scene.Face()
	m := Measured{Pose: f.Pose, Eyes: f.Eyes}
	gaze, ok, err := a.faces.Gaze(ctx, p, f)
	if ok {
		m.Gaze = &gaze
	}
	return m, err
}

// decide turns a live score and the capture gate into the verdict.
func (r *Result) decide(f *Fusion, score float64, gate []face.QualityCode, examined bool) {
	r.LiveScore = score
	switch {
	case score < f.AttackBelow:
		r.Zone = ZoneAttack
	case score >= f.LiveFrom && len(gate) == 0 && examined:
		r.Zone = ZoneLive
	default:
		r.Zone = ZoneReview
	}
	r.IsLive = r.Zone == ZoneLive || r.Zone == ZoneReview && score >= decisionScore && len(gate) == 0 && examined
	if r.IsLive {
		r.Confidence = score
		return
	}
	r.Confidence = max(1-score, leastConfidence)
}

const (
	decisionScore   = 0.5 // of LiveScore
	leastConfidence = 0.5 // a verdict that the capture gate forces is no better than a guess
)

// species names the instrument of an attack where something points to one.
func (r *Result) species() ekyc.SpoofType {
	switch {
	case r.IsLive:
		return ekyc.SpoofNone
	case r.Evidence["periodicity"] >= screenPeriodicity:
		return ekyc.SpoofScreen
	case r.Zone == ZoneAttack || r.LiveScore < decisionScore:
		return ekyc.SpoofUnknown
	default: // only the capture was at fault
		return ekyc.SpoofNone
	}
}
