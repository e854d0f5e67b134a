package face

import (
	"context"
	"math"

	"ekyc"
	"ekyc/internal/vision"
)

// Eye is one eye of the subject.
type Eye struct {
	AspectRatio float64 `json:"aspect_ratio"` // height over width of the lid opening (Soukupová and Čech, 2016)
	Openness    float64 `json:"openness"`     // 0 closed to 1 open
	Closed      bool    `json:"closed"`

	hidden bool // by its lid, or the eye network is as sure of it as it gets
}

// Eyes are both eyes; left and right are the subject's.
type Eyes struct {
	Left  Eye `json:"left"`
	Right Eye `json:"right"`
}

// Gaze is where the irises sit in the eye openings, as a share of the eye's width from its middle: x is positive towards the
// picture's right, y downwards. Looking straight ahead gives about 0, a side glance 0.10 to 0.16.
type Gaze struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

const (
	// Aspect ratios measured on open (0.22 to 0.39) and closed eyes (0.14 to 0.15) with this landmark model.
	closedAspect = 0.15
	openAspect   = 0.27
	// An eye counts as closed under this openness; where the eye network exists it has to agree, because each of them alone
	// mistakes narrow eyes or eyes that look down for closed ones.
	closedOpenness = 0.35
	// Lids that hide the eyes leave the mesh open by up to this aspect ratio, which narrow eyes have too: there the network must be as sure of both as
	// it gets. Of 24 faces in fair light that this adds in LFW, AT&T and among 229 living ones, 22 have lids or dark glasses before their eyes; in the dark and under
	// glaring light the network is sure of anything.
	castDownAspect = 0.27
	castDownSure   = 0.98

	eyeStateSide  = 24
	eyeStateSides = 1.6 // of the eye's width
	irisSide      = 64
	irisSides     = 2.3 // of the eye's width
	irisOutputs   = 228 // 71 contour points and 5 iris points of three coordinates
	irisCenter    = 71  // first of the iris points
)

// eyeMesh are the mesh points of one eye: outer and inner corner, and two pairs of upper and lower lid.
type eyeMesh struct{ outer, inner, upper1, lower1, upper2, lower2 int }

var (
	rightEyeMesh = eyeMesh{meshRightEyeOuter, meshRightEyeInner, 160, 144, 158, 153}
	leftEyeMesh  = eyeMesh{meshLeftEyeOuter, meshLeftEyeInner, 387, 373, 385, 380}
)

// aspectRatio is the eye aspect ratio in space, so that a turned head does not open the eye.
func (l *Landmarks) aspectRatio(e eyeMesh) float64 {
	width := l.distance(e.outer, e.inner)
	if width == 0 {
		return 0
	}
	return (l.distance(e.upper1, e.lower1) + l.distance(e.upper2, e.lower2)) / (2 * width)
}

func (l *Landmarks) distance(i, j int) float64 {
	return math.Hypot(l.Points[i].Distance(l.Points[j]), l.Depth[i]-l.Depth[j])
}

// openness maps an aspect ratio to 0 (closed) to 1 (open).
func openness(aspect float64) float64 {
	return min(1, max(0, (aspect-closedAspect)/(openAspect-closedAspect)))
}

// measureEyes fills in the eyes of a face.
func (a *Analyzer) measureEyes(ctx context.Context, p *vision.Pyramid, f *Face) error {
	for _, side := range []struct {
		eye  *Eye
		mesh eyeMesh
	}{{&f.Eyes.Right, rightEyeMesh}, {&f.Eyes.Left, leftEyeMesh}} {
		aspect := f.Landmarks.aspectRatio(side.mesh)
		*side.eye = Eye{AspectRatio: aspect, Openness: openness(aspect)}
		side.eye.Closed = side.eye.Openness < closedOpenness
		if a.models.EyeState == nil || !side.eye.Closed && aspect >= castDownAspect {
			continue
		}
		closed, err := a.eyeClosed(ctx, p, f.Landmarks, side.mesh)
		if err != nil {
			return err
		}
		side.eye.Closed = side.eye.Closed && closed >= 0.5
		side.eye.hidden = closed >= castDownSure
	}
	return nil
}

// castDown says whether both eyes are hidden by their lids.
func (f *Face) castDown() bool { return f.Eyes.Left.hidden && f.Eyes.Right.hidden }

// eyeClosed is the eye network's probability that an eye is closed.
func (a *Analyzer) eyeClosed(ctx context.Context, p *vision.Pyramid, l *Landmarks, e eyeMesh) (float64, error) {
	input := p.Warp(l.eyeSquare(e, eyeStateSide, eyeStateSides).Homography(), eyeStateSide, eyeStateSide, vision.BorderReplicate)
	out, err := a.models.EyeState.Run(ctx, vision.PlanarGray(0, 255, input.Gray()))
	if err != nil {
		return 0, err
	}
	if len(out) != 1 || len(out[0].Data) != 2 {
		return 0, ekyc.Errorf(ekyc.ErrModelAltered, "the eye state model does not give two classes")
	}
	return vision.Softmax(out[0].Data)[0], nil
}

// eyeSquare carries the pixels of a square about an eye, turned with the eye line, to native ones.
func (l *Landmarks) eyeSquare(e eyeMesh, side int, sides float64) vision.Similarity {
	center := l.Points[e.outer].Midpoint(l.Points[e.inner])
	k := sides * l.distance(e.outer, e.inner) / float64(side)
	sin, cos := math.Sincos(l.eyeAngle())
	s := vision.Similarity{A: k * cos, B: k * sin}
	h := float64(side) / 2
	s.TX, s.TY = center.X-(s.A*h-s.B*h), center.Y-(s.B*h+s.A*h)
	return s
}

// Gaze measures where the irises are, averaged over both eyes; false without the iris model, on closed eyes, and on eyes so
// small that the model guesses.
func (a *Analyzer) Gaze(ctx context.Context, p *vision.Pyramid, f *Face) (Gaze, bool, error) {
	const smallestEye = 12 // pixels of width under which the iris model's answers scatter
	if a.models.Iris == nil || !f.Aligned() || f.Eyes.Left.Closed || f.Eyes.Right.Closed {
		return Gaze{}, false, nil
	}
	var sum Gaze
	for _, e := range []eyeMesh{rightEyeMesh, leftEyeMesh} {
		if f.Landmarks.distance(e.outer, e.inner) < smallestEye {
			return Gaze{}, false, nil
		}
		g, err := a.irisOffset(ctx, p, f.Landmarks, e)
		if err != nil {
			return Gaze{}, false, err
		}
		sum.X, sum.Y = sum.X+g.X/2, sum.Y+g.Y/2
	}
	return sum, true, nil
}

// irisOffset is the place of one iris in its eye. The model knows left eyes, so the right one is shown in a mirror.
func (a *Analyzer) irisOffset(ctx context.Context, p *vision.Pyramid, l *Landmarks, e eyeMesh) (Gaze, error) {
	mirrored := e == rightEyeMesh
	input := p.Warp(l.eyeSquare(e, irisSide, irisSides).Homography(), irisSide, irisSide, vision.BorderReplicate)
	if mirrored {
		input = input.Mirror()
	}
	out, err := a.models.Iris.Run(ctx, vision.Interleaved(vision.UniformNormalisation(0, 255), input))
	if err != nil {
		return Gaze{}, err
	}
	if len(out) != 1 || len(out[0].Data) != irisOutputs {
		return Gaze{}, ekyc.Errorf(ekyc.ErrModelAltered, "the iris model does not give %d numbers", irisOutputs)
	}
	v := out[0].Data
	at := func(i int) vision.Point { return vision.Point{X: float64(v[3*i]), Y: float64(v[3*i+1])} }
	// Contour points 0 and 8 are the eye's corners.
	middle, width := at(0).Midpoint(at(8)), at(0).Distance(at(8))
	if width == 0 {
		return Gaze{}, nil
	}
	d := at(irisCenter).Sub(middle).Scale(1 / width)
	if mirrored {
		d.X = -d.X
	}
	return Gaze{d.X, d.Y}, nil
}
