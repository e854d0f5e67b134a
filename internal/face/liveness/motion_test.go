package liveness

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// solidHead is an ellipsoidal head turned by yaw degrees, seen from far away, with trembling landmarks. Its depth is what a
// landmark model would give.
func solidHead(yaw float64, tremble float64, random *rand.Rand) *face.Landmarks {
	shape := rand.New(rand.NewPCG(7, 8)) // the same head every time
	l := &face.Landmarks{}
	sin, cos := math.Sincos(yaw * math.Pi / 180)
	for i := range l.Points {
		x, y := shape.Float64()*1.6-0.8, shape.Float64()*2.2-1.1
		z := -1.1*math.Sqrt(max(0, 1-x*x/1.1-y*y/2.2)) - 0.3*math.Exp(-8*(x*x+y*y)) // with a nose
		l.Points[i] = vision.Point{X: 300 + 90*(cos*x-sin*z) + tremble*random.NormFloat64(), Y: 300 + 90*y + tremble*random.NormFloat64()}
		l.Depth[i] = 90 * (sin*x + cos*z)
	}
	return l
}

// flatPicture moves the landmarks of a picture as a sheet that is turned by yaw degrees before a near camera.
func flatPicture(l *face.Landmarks, yaw, tremble float64, random *rand.Rand) *face.Landmarks {
	const distance = 900 // pixels: near enough for some perspective
	sin, cos := math.Sincos(yaw * math.Pi / 180)
	out := &face.Landmarks{Depth: l.Depth}
	for i, p := range l.Points {
		x, y := p.X-300, p.Y-300
		k := distance / (distance + sin*x)
		out.Points[i] = vision.Point{X: 300 + k*cos*x + tremble*random.NormFloat64(), Y: 300 + k*y + tremble*random.NormFloat64()}
	}
	return out
}

func TestSolidityTellsAHeadFromAPicture(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		const tremble = 0.7 // pixels, on an eye distance of about 80
		from, by := random.Float64()*10-5, 15+random.Float64()*20
		head := solidHead(from, tremble, random)
		ratio, solid := solidity(head, solidHead(from+by, tremble, random))
		if solid == nil || !*solid {
			t.Errorf("a head turned by %.0f degrees: ratio %.2f", by, ratio)
		}
		ratio, solid = solidity(head, flatPicture(head, by+15, tremble, random))
		if solid != nil && *solid {
			t.Errorf("a picture turned by %.0f degrees: ratio %.2f", by+15, ratio)
		}
	}
}

func TestSolidityOfNothing(t *testing.T) {
	t.Parallel()
	if ratio, solid := solidity(&face.Landmarks{}, &face.Landmarks{}); solid != nil || ratio != 1 {
		t.Errorf("landmarks without a shape: %v %v", ratio, solid)
	}
}

// sequence makes frames out of landmarks and eye aspect ratios.
func sequence(landmarks []*face.Landmarks, yaws, aspects []float64) []frame {
	frames := make([]frame, len(landmarks))
	for i, l := range landmarks {
		eye := face.Eye{AspectRatio: aspects[i]}
		frames[i].scene = &face.Scene{Faces: []face.Face{{Landmarks: l, Flag: 1, Pose: face.Pose{Yaw: yaws[i]}, Eyes: face.Eyes{Left: eye, Right: eye}}}}
	}
	return frames
}

func TestFollowALivingHead(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(11, 12))
	yaws := []float64{0, 4, 9, 15, 22, 15, 5}
	var landmarks []*face.Landmarks
	for _, yaw := range yaws {
		landmarks = append(landmarks, solidHead(yaw, 0.5, random))
	}
	m := follow(sequence(landmarks, yaws, []float64{0.3, 0.3, 0.12, 0.31, 0.3, 0.29, 0.3}))
	if m.blinks != 1 || m.yawRange != 22 || m.depth == nil || !*m.depth {
		t.Errorf("%+v", m)
	}
	for _, c := range m.checks() {
		if c.Status != ekyc.Pass {
			t.Errorf("%s: %s", c.Name, c.Message)
		}
	}
	if score := refuted(0.9, m.checks()); score != 0.9 {
		t.Errorf("the score fell to %v", score)
	}
}

func TestFollowAStillPicture(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(13, 14))
	l := solidHead(0, 0, random)
	shifted := *l
	s := vision.Similarity{A: 1.05, B: 0.1, TX: 20, TY: -4}
	for i := range shifted.Points {
		shifted.Points[i] = s.Apply(l.Points[i])
	}
	frames := sequence([]*face.Landmarks{l, &shifted, l}, []float64{0, 1, 0}, []float64{0.3, 0.3, 0.3})
	frames[2].duplicate = true
	m := follow(frames)
	var failed []string
	for _, c := range m.checks() {
		if c.Status == ekyc.Fail {
			failed = append(failed, c.Name)
		}
	}
	if want := []string{"frames_distinct", "face_moves"}; !slices.Equal(failed, want) {
		t.Errorf("failed checks %v, wanted %v", failed, want)
	}
	if score := refuted(0.99, m.checks()); score >= decisionScore {
		t.Errorf("a picture that is waved about scores %v", score)
	}
}

func TestHintsOfAStill(t *testing.T) {
	t.Parallel()
	seen := Measured{Pose: face.Pose{Yaw: 3}, Gaze: &face.Gaze{X: 0.02}}
	status := map[string]ekyc.CheckStatus{}
	for _, c := range hintChecks(Hints{Pose: true, Blink: true, Gaze: true}, seen, nil) {
		status[c.Name] = c.Status
	}
	for name, want := range map[string]ekyc.CheckStatus{"pose": ekyc.Pass, "head_movement": ekyc.NotEvaluable, "blink": ekyc.NotEvaluable, "gaze": ekyc.Pass} {
		if status[name] != want {
			t.Errorf("%s is %q instead of %q", name, status[name], want)
		}
	}
	if n := len(hintChecks(Hints{}, seen, nil)); n != 0 {
		t.Errorf("%d checks that nobody asked for", n)
	}
}
