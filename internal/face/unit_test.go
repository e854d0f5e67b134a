package face

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/vision"
)

var near = cmpopts.EquateApprox(0, 1e-9)

// head is a synthetic face: points on an ellipsoid, with those that are named here at their anatomical places, turned by yaw
// (positive towards the picture's right) and seen from far away.
func head(yawDegrees float64) *Landmarks {
	l := &Landmarks{}
	random := rand.New(rand.NewPCG(1, 2))
	sin, cos := math.Sincos(yawDegrees * math.Pi / 180)
	place := func(i int, x, y float64) {
		z := -1.2 * math.Sqrt(max(0, 1-x*x/1.2-y*y/2.6)) // the camera is at negative depth
		l.Points[i] = vision.Point{X: 300 + 80*(cos*x-sin*z), Y: 300 + 80*y}
		l.Depth[i] = 80 * (sin*x + cos*z)
	}
	for i := range l.Points {
		place(i, random.Float64()*1.6-0.8, random.Float64()*2.4-1.2)
	}
	for i, at := range map[int][2]float64{
		meshRightEyeOuter: {-0.65, -0.3}, meshRightEyeInner: {-0.25, -0.3}, meshLeftEyeInner: {0.25, -0.3}, meshLeftEyeOuter: {0.65, -0.3},
		meshForehead: {0, -1.1}, meshChin: {0, 1.1}, meshNoseTip: {0, 0.2}, meshRightMouth: {-0.35, 0.55}, meshLeftMouth: {0.35, 0.55},
	} {
		place(i, at[0], at[1])
	}
	return l
}

func TestPose(t *testing.T) {
	t.Parallel()
	for _, yaw := range []float64{-40, -15, 0, 15, 40} {
		p := head(yaw).pose()
		if math.Abs(p.Yaw-yaw) > 0.5 || math.Abs(p.Pitch) > 0.5 || math.Abs(p.Roll) > 0.5 {
			t.Errorf("turned by %v: %+v", yaw, p)
		}
	}
	straight := head(0)
	turned := *straight
	s := vision.Similarity{A: math.Cos(0.4), B: math.Sin(0.4)}
	for i := range turned.Points {
		turned.Points[i] = s.Apply(straight.Points[i])
	}
	if roll := turned.pose().Roll; math.Abs(roll-0.4*180/math.Pi) > 1e-6 {
		t.Errorf("roll %v", roll)
	}
	if d := head(35).eyeDistance(); math.Abs(d-head(0).eyeDistance()) > 1 {
		t.Errorf("a turned head changes the eye distance from %.1f to %.1f", head(0).eyeDistance(), d)
	}
}

func TestViewsShowQuarterTurns(t *testing.T) {
	t.Parallel()
	c := vision.Point{X: 500, Y: 300}
	for turns, want := range []vision.Point{{X: 500, Y: 200}, {X: 600, Y: 300}, {X: 500, Y: 400}, {X: 400, Y: 300}} {
		v := newView(c, 512, turns)
		if diff := cmp.Diff(want, v.toNative.Apply(vision.Point{X: 128, Y: 78}), near); diff != "" { // above the middle of what is shown
			t.Errorf("%d quarter turns: %s", turns, diff)
		}
	}
}

func TestTilesCoverThePicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := vision.Rect{X1: rapid.Float64Range(50, 6000).Draw(t, "width"), Y1: rapid.Float64Range(50, 6000).Draw(t, "height")}
		p := vision.Point{X: rapid.Float64Range(0, size.X1).Draw(t, "x"), Y: rapid.Float64Range(0, size.Y1).Draw(t, "y")}
		views := tiles(size)
		if !slices.ContainsFunc(views, func(v view) bool {
			q := v.toNative.Inverse().Apply(p)
			return q.X >= -1e-6 && q.Y >= -1e-6 && q.X <= detectorSide+1e-6 && q.Y <= detectorSide+1e-6
		}) {
			t.Fatalf("no tile shows %v of %v", p, size)
		}
		if len(views) > 9 {
			t.Fatalf("%d tiles", len(views))
		}
	})
}

func TestDecodeAnchors(t *testing.T) {
	t.Parallel()
	scores, boxes := make([]float32, 512), make([]float32, 512*16)
	for i := range scores {
		scores[i] = -10
	}
	const anchor = 2*(16*3+5) + 1 // second anchor of column 5, row 3: its centre is at (88, 56)
	scores[anchor] = 3
	copy(boxes[16*anchor:], []float32{2, -4, 40, 50, -10, -8, 10, -8})
	got := decodeAnchors(scores, boxes, 16, 2)
	if len(got) != 1 {
		t.Fatalf("%d detections", len(got))
	}
	want := vision.Rect{X0: 70, Y0: 27, X1: 110, Y1: 77}
	if diff := cmp.Diff(want, got[0].Box, near); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(vision.Point{X: 98, Y: 48}, got[0].KeyPoints[leftEyePoint], near); diff != "" {
		t.Error(diff)
	}
}

func TestBlendKeepsTheBestOfEachGroup(t *testing.T) {
	t.Parallel()
	box := func(x float64) vision.Rect { return vision.Rect{X0: x, Y0: 0, X1: x + 100, Y1: 100} }
	got := blend([]Detection{{Box: box(4), Score: 0.6}, {Box: box(300), Score: 0.7}, {Box: box(0), Score: 0.9}}, detectorOverlap)
	if len(got) != 2 || got[0].Score != 0.9 || got[1].Score != 0.7 {
		t.Fatalf("%+v", got)
	}
	if want := 4 * 0.6 / 1.5; math.Abs(got[0].Box.X0-want) > 1e-9 {
		t.Errorf("the box is at %v instead of the mean %v", got[0].Box.X0, want)
	}
}

func TestTemplatesPutTheirPointsInPlace(t *testing.T) {
	t.Parallel()
	for name, tm := range templates {
		l := &Landmarks{}
		to := vision.Similarity{A: 3, B: 1, TX: 100, TY: 40}
		for _, part := range tm.parts {
			for _, i := range part.mesh {
				l.Points[i] = to.Apply(part.at)
			}
		}
		s := tm.fit(l)
		for _, part := range tm.parts {
			if diff := cmp.Diff(to.Apply(part.at), s.Apply(part.at), near); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestChooseTheSubject(t *testing.T) {
	t.Parallel()
	size := vision.Rect{X1: 1000, Y1: 1000}
	make := func(x, y, width float64) Face {
		return Face{Detection: Detection{Box: vision.Rect{X0: x - width/2, Y0: y - width/2, X1: x + width/2, Y1: y + width/2}}, Landmarks: &Landmarks{}, Flag: 1}
	}
	failed := make(500, 500, 200)
	failed.Flag = 0.1
	for name, c := range map[string]struct {
		faces              []Face
		subject, competing int
	}{
		"alone":                             {[]Face{make(200, 200, 100)}, 0, 0},
		"a nearer bystander at the edge":    {[]Face{make(100, 300, 300), make(500, 500, 220)}, 1, 0},
		"a small face in the very middle":   {[]Face{make(350, 500, 300), make(500, 500, 120)}, 0, 0},
		"two alike":                         {[]Face{make(350, 500, 210), make(640, 500, 200)}, 1, 1},
		"landmarks failed on the central":   {[]Face{make(300, 500, 210), failed}, 0, 0},
		"a picture on the wall, far behind": {[]Face{make(500, 560, 400), make(800, 150, 90)}, 0, 0},
	} {
		s := &Scene{Faces: c.faces}
		s.choose(size)
		if s.Subject != c.subject || s.Competing != c.competing {
			t.Errorf("%s: subject %d, %d competing", name, s.Subject, s.Competing)
		}
		if err := s.Single(); (err != nil) != (c.competing > 0) || err != nil && ekyc.CodeOf(err) != ekyc.ErrFacesMultiple {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShippedCalibrations(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"87aacdfe57510db2+8a0d68b491c8d8a0+" + alignmentVersion, "d0fb06885a4d0feb+" + alignmentVersion} {
		c, err := shippedCalibration(id)
		if err != nil {
			t.Fatal(err)
		}
		if fmr := c.FMRAt(c.CosineAt(DefaultThreshold)); math.Abs(fmr-DefaultRate) > 1e-9 {
			t.Errorf("%s: the default threshold has FMR %v", id, fmr)
		}
		if half := c.Similarity(c.CosineAtFMR(0.01)); math.Abs(half-0.5) > 1e-9 {
			t.Errorf("%s: FMR 1 in 100 is similarity %v", id, half)
		}
	}
	if _, err := shippedCalibration("unheard of"); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("unknown models: %v", err)
	}
}

func TestCalibrationIsMonotone(t *testing.T) {
	t.Parallel()
	c, err := shippedCalibration("87aacdfe57510db2+8a0d68b491c8d8a0+" + alignmentVersion)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64Range(-1, 1).Draw(t, "x"), rapid.Float64Range(-1, 1).Draw(t, "y")
		if x > y {
			x, y = y, x
		}
		if c.Similarity(x) > c.Similarity(y) || c.FMRAt(x) < c.FMRAt(y) || c.FNMRAt(x) > c.FNMRAt(y) {
			t.Fatalf("not monotone between %v and %v", x, y)
		}
		s := c.Similarity(x)
		if s < 0 || s > 1 {
			t.Fatalf("similarity %v", s)
		}
		if back := c.CosineAt(s); math.Abs(back-x) > 1e-6 {
			t.Fatalf("cosine %v became %v", x, back)
		}
	})
}

func TestCalibrateFindsTheRates(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	mated, other := make([]float64, 2000), make([]float64, 400_000)
	for i := range mated {
		mated[i] = min(0.99, 0.65+0.1*random.NormFloat64())
	}
	for i := range other {
		other[i] = 0.05 + 0.1*random.NormFloat64()
	}
	c, err := Calibrate("m", "drawn from two normal distributions", mated, other)
	if err != nil {
		t.Fatal(err)
	}
	const z = 3.719 // one-sided quantile of 1 in 10 000
	if got, want := c.CosineAt(DefaultThreshold), 0.05+0.1*z; math.Abs(got-want) > 0.02 {
		t.Errorf("the default threshold is at cosine %.3f instead of %.3f", got, want)
	}
	if _, err := Calibrate("m", "too few", mated[:50], other[:100]); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("too few comparisons: %v", err)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	c, err := shippedCalibration("87aacdfe57510db2+8a0d68b491c8d8a0+" + alignmentVersion)
	if err != nil {
		t.Fatal(err)
	}
	at := c.CosineAt(DefaultThreshold)
	for name, o := range map[string]Options{"negative": {Threshold: -0.1}, "over one": {Threshold: 1.1}, "not a number": {Threshold: math.NaN()}, "rate one": {TargetFMR: 1}, "negative rate": {TargetFMR: -1}} {
		if _, err := c.Judge(at, o); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: error %v", name, err)
		}
	}
	over, _ := c.Judge(at+0.001, Options{})
	under, _ := c.Judge(at-0.001, Options{})
	far, _ := c.Judge(0, Options{})
	if !over.Match || over.Uncertain || under.Match || !under.Uncertain || far.Match || far.Uncertain {
		t.Errorf("around the threshold: %+v %+v %+v", over, under, far)
	}
	strict, err := c.Judge(at, Options{TargetFMR: 1e-3})
	if err != nil || !strict.Match || math.Abs(strict.FMRAtThreshold-1e-3) > 1e-9 || math.Abs(strict.Threshold-0.625) > 1e-6 {
		t.Errorf("target FMR 1 in 1000: %+v, %v", strict, err)
	}
}

func TestCompareRefusesForeignEmbeddings(t *testing.T) {
	t.Parallel()
	c, err := shippedCalibration("87aacdfe57510db2+8a0d68b491c8d8a0+" + alignmentVersion)
	if err != nil {
		t.Fatal(err)
	}
	a := &Analyzer{modelID: c.Model, calibration: c}
	x := Embedding{Model: c.Model, Vector: []float32{1, 0}}
	if m, err := a.Compare(x, x, Options{}); err != nil || !m.Match || m.Similarity != 1 {
		t.Errorf("with itself: %+v, %v", m, err)
	}
	for _, y := range []Embedding{{Model: "older", Vector: x.Vector}, {Model: c.Model, Vector: []float32{1}}} {
		if _, err := a.Compare(x, y, Options{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%+v: error %v", y, err)
		}
	}
}

func TestEyeAspect(t *testing.T) {
	t.Parallel()
	l := &Landmarks{}
	set := func(open float64) {
		for i, at := range map[int]vision.Point{33: {X: 0}, 133: {X: 40}, 160: {X: 12, Y: -open / 2}, 144: {X: 12, Y: open / 2}, 158: {X: 28, Y: -open / 2}, 153: {X: 28, Y: open / 2}} {
			l.Points[i] = at
		}
	}
	last := -1.0
	for _, open := range []float64{0, 4, 8, 12, 16} {
		set(open)
		aspect := l.aspectRatio(rightEyeMesh)
		if math.Abs(aspect-open/40) > 1e-9 {
			t.Errorf("opening %v: aspect ratio %v", open, aspect)
		}
		if o := openness(aspect); o < last || o < 0 || o > 1 {
			t.Errorf("opening %v: openness %v after %v", open, o, last)
		} else {
			last = o
		}
	}
	if openness(0) != 0 || openness(0.4) != 1 {
		t.Error("the ends of the openness are not 0 and 1")
	}
}
