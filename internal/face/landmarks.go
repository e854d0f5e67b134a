package face

import (
	"context"
	"math"

	"ekyc"
	"ekyc/internal/vision"
)

const (
	landmarkCount = 468
	landmarkSide  = 192 // input of Face Mesh
	landmarkSides = 1.5 // side of the square shown to Face Mesh over the side of the face box (MediaPipe graph face_landmark_front)
	// Below this probability of a face the landmarks are not on one: measured on LFW, where every such case was a failed alignment.
	alignedFlag = 0.5
)

// Landmarks are the 468 points of MediaPipe's canonical face mesh, in native pixels of the picture. Depth is relative to the
// head's centre, in pixels of the same scale, growing away from the camera.
type Landmarks struct {
	Points [landmarkCount]vision.Point
	Depth  [landmarkCount]float64
}

// Indices of the mesh that are used here (canonical_face_model_uv_visualization of MediaPipe); right is the subject's.
const (
	meshNoseTip       = 1
	meshNoseBase      = 2
	meshForehead      = 10
	meshRightEyeOuter = 33
	meshRightMouth    = 61
	meshRightEyeInner = 133
	meshChin          = 152
	meshLeftEyeOuter  = 263
	meshLeftMouth     = 291
	meshLeftEyeInner  = 362
)

// faceOval is the outline of the face, clockwise from the forehead.
var faceOval = [36]int{
	10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
	152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
}

// Pose is the direction of the head in degrees, as seen in the picture: yaw is positive when the face turns towards the
// picture's right side (the subject's left), pitch when it looks up, roll when it leans clockwise.
type Pose struct {
	Yaw   float64 `json:"yaw"`
	Pitch float64 `json:"pitch"`
	Roll  float64 `json:"roll"`
}

// place puts the landmarks on a detection: once in the square that the box gives, once more in the square that the first
// landmarks give, which corrects boxes that are shifted or turned. The flag is the probability that a face is there.
func (a *Analyzer) place(ctx context.Context, p *vision.Pyramid, d Detection) (*Landmarks, float64, error) {
	angle := vision.Angle(d.KeyPoints[rightEyePoint], d.KeyPoints[leftEyePoint])
	side := landmarkSides * max(d.Box.Width(), d.Box.Height())
	first, flag, err := a.mesh(ctx, p, d.Box.Center(), side, angle)
	if err != nil || flag < alignedFlag {
		return first, flag, err
	}
	center, side, angle := first.frame()
	second, again, err := a.mesh(ctx, p, center, side, angle)
	if err != nil || again < flag-0.2 {
		return first, flag, err
	}
	return second, again, nil
}

// mesh runs the landmark model on a square of the picture, turned by angle.
func (a *Analyzer) mesh(ctx context.Context, p *vision.Pyramid, center vision.Point, side, angle float64) (*Landmarks, float64, error) {
	k := side / landmarkSide
	sin, cos := math.Sincos(angle)
	s := vision.Similarity{A: k * cos, B: k * sin}
	const h = landmarkSide / 2.0
	s.TX, s.TY = center.X-(s.A*h-s.B*h), center.Y-(s.B*h+s.A*h)
	input := p.Warp(s.Homography(), landmarkSide, landmarkSide, vision.BorderBlack)
	out, err := a.models.Landmarks.Run(ctx, vision.Interleaved(vision.UniformNormalisation(0, 255), input))
	if err != nil {
		return nil, 0, err
	}
	var points []float32
	flag := math.NaN()
	for _, t := range out {
		switch len(t.Data) {
		case 3 * landmarkCount:
			points = t.Data
		case 1:
			flag = float64(t.Data[0])
		}
	}
	if points == nil || math.IsNaN(flag) {
		return nil, 0, ekyc.Errorf(ekyc.ErrModelAltered, "the landmark model does not have the outputs of Face Mesh")
	}
	l := &Landmarks{}
	for i := range l.Points {
		l.Points[i] = s.Apply(vision.Point{X: float64(points[3*i]), Y: float64(points[3*i+1])})
		l.Depth[i] = float64(points[3*i+2]) * k
	}
	return l, flag, nil
}

// frame is the square about the landmarks for the next look: centre, side and the angle of the eyes.
func (l *Landmarks) frame() (center vision.Point, side, angle float64) {
	angle = l.eyeAngle()
	sin, cos := math.Sincos(-angle)
	turned := func(p vision.Point) vision.Point { return vision.Point{X: cos*p.X - sin*p.Y, Y: sin*p.X + cos*p.Y} }
	first := turned(l.Points[0])
	r := vision.Rect{X0: first.X, Y0: first.Y, X1: first.X, Y1: first.Y}
	for _, p := range l.Points[1:] {
		q := turned(p)
		r = r.Union(vision.Rect{X0: q.X, Y0: q.Y, X1: q.X, Y1: q.Y})
	}
	c := r.Center()
	center = vision.Point{X: cos*c.X + sin*c.Y, Y: -sin*c.X + cos*c.Y}
	return center, landmarkSides * max(r.Width(), r.Height()), angle
}

func (l *Landmarks) eyeAngle() float64 {
	return vision.Angle(l.Points[meshRightEyeOuter], l.Points[meshLeftEyeOuter])
}

// Bounds is the upright rectangle around all points.
func (l *Landmarks) Bounds() vision.Rect {
	r := vision.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for _, p := range l.Points {
		r = r.Union(vision.Rect{X0: p.X, Y0: p.Y, X1: p.X, Y1: p.Y})
	}
	return r
}

// Outline is the oval of the face, clockwise from the forehead.
func (l *Landmarks) Outline() []vision.Point {
	out := make([]vision.Point, len(faceOval))
	for i, n := range faceOval {
		out[i] = l.Points[n]
	}
	return out
}

// EyeCenters are the middles of the eyes between their corners, the subject's right one first.
func (l *Landmarks) EyeCenters() (right, left vision.Point) {
	return l.Points[meshRightEyeInner].Midpoint(l.Points[meshRightEyeOuter]), l.Points[meshLeftEyeInner].Midpoint(l.Points[meshLeftEyeOuter])
}

// eyeDistance is the distance of the eye centres in space, so that a turned head does not look smaller.
func (l *Landmarks) eyeDistance() float64 {
	right, left := l.EyeCenters()
	dz := (l.Depth[meshRightEyeInner] + l.Depth[meshRightEyeOuter] - l.Depth[meshLeftEyeInner] - l.Depth[meshLeftEyeOuter]) / 2
	return math.Hypot(right.Distance(left), dz)
}

// pose reads the head's axes off the mesh: the line through the outer eye corners, the one from forehead to chin, and their
// normal. Agrees with a trained head pose network to about five degrees.
func (l *Landmarks) pose() Pose {
	x := l.direction(meshRightEyeOuter, meshLeftEyeOuter)
	y := l.direction(meshForehead, meshChin)
	z := [3]float64{x[1]*y[2] - x[2]*y[1], x[2]*y[0] - x[0]*y[2], x[0]*y[1] - x[1]*y[0]}
	const degrees = 180 / math.Pi
	return Pose{
		Yaw:   -math.Atan2(z[0], z[2]) * degrees,
		Pitch: math.Asin(min(1, max(-1, z[1]/math.Sqrt(z[0]*z[0]+z[1]*z[1]+z[2]*z[2])))) * degrees,
		Roll:  math.Atan2(x[1], x[0]) * degrees,
	}
}

func (l *Landmarks) direction(from, to int) [3]float64 {
	d := l.Points[to].Sub(l.Points[from])
	z := l.Depth[to] - l.Depth[from]
	n := math.Sqrt(d.X*d.X + d.Y*d.Y + z*z)
	if n == 0 {
		return [3]float64{}
	}
	return [3]float64{d.X / n, d.Y / n, z / n}
}
