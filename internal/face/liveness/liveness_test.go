package liveness

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

func TestFusionIsMonotone(t *testing.T) {
	t.Parallel()
	f, err := shippedFusion()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		e := map[string]float64{"networks": rapid.Float64Range(-9, 9).Draw(t, "networks")}
		for _, name := range slices.Sorted(maps.Keys(f.Penalty)) {
			e[name] = rapid.Float64Range(0, 3).Draw(t, name)
		}
		base := f.score(e)
		if !(base >= 0 && base <= 1) {
			t.Fatalf("score %v", base)
		}
		better := maps.Clone(e)
		better["networks"] += rapid.Float64Range(0, 5).Draw(t, "more")
		if f.score(better) < base {
			t.Fatalf("surer networks lower the score: %v, %v", base, f.score(better))
		}
		for _, name := range slices.Sorted(maps.Keys(f.Penalty)) {
			worse := maps.Clone(e)
			worse[name] += 0.5
			if f.score(worse) > base {
				t.Fatalf("more of %s raises the score", name)
			}
		}
	})
}

func TestSharpnessIsNoEvidenceOfLife(t *testing.T) {
	t.Parallel()
	f, err := shippedFusion()
	if err != nil {
		t.Fatal(err)
	}
	if _, weighed := f.Penalty["sharpness"]; weighed {
		t.Fatal("sharpness is weighed")
	}
	if a, b := f.score(map[string]float64{"networks": 1, "sharpness": 0.1}), f.score(map[string]float64{"networks": 1, "sharpness": 0.9}); a != b {
		t.Errorf("sharpness changes the score from %v to %v", a, b)
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	f, err := shippedFusion()
	if err != nil {
		t.Fatal(err)
	}
	blurred := []face.QualityCode{face.Blurred}
	for name, c := range map[string]struct {
		score    float64
		gate     []face.QualityCode
		examined bool
		zone     Zone
		live     bool
	}{
		"surely live":                 {0.99, nil, true, ZoneLive, true},
		"surely live but blurred":     {0.99, blurred, true, ZoneReview, false},
		"surely live but no networks": {0.99, nil, false, ZoneReview, false},
		"rather live":                 {0.6, nil, true, ZoneReview, true},
		"rather not":                  {0.4, nil, true, ZoneReview, false},
		"an attack":                   {0.01, nil, true, ZoneAttack, false},
		"a blurred attack":            {0.01, blurred, true, ZoneAttack, false},
	} {
		r := &Result{}
		r.decide(f, c.score, c.gate, c.examined)
		if r.Zone != c.zone || r.IsLive != c.live || r.Confidence < 0.5 || r.Confidence > 1 {
			t.Errorf("%s: zone %s, live %v, confidence %v", name, r.Zone, r.IsLive, r.Confidence)
		}
		if species := r.species(); (species == ekyc.SpoofNone) != (c.live || c.score >= decisionScore) {
			t.Errorf("%s: species %s", name, species)
		}
	}
}

func TestInsideCropStaysInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := vision.Rect{X1: float64(rapid.IntRange(48, 4000).Draw(t, "width")), Y1: float64(rapid.IntRange(48, 4000).Draw(t, "height"))}
		w := rapid.Float64Range(20, size.X1-2).Draw(t, "box width")
		h := rapid.Float64Range(20, size.Y1-2).Draw(t, "box height")
		x, y := rapid.Float64Range(0, size.X1-w).Draw(t, "x"), rapid.Float64Range(0, size.Y1-h).Draw(t, "y")
		box := vision.Rect{X0: x, Y0: y, X1: x + w, Y1: y + h}
		r := insideCrop(box, 2.7, size)
		if r.X0 < 0 || r.Y0 < 0 || r.X1 > size.X1 || r.Y1 > size.Y1 {
			t.Fatalf("%v of %v leaves %v", r, box, size)
		}
		if r.Width() < w-2 || r.Height() < h-2 {
			t.Fatalf("%v is smaller than the face %v", r, box)
		}
	})
}

// TestTheFrameThatSpeaksForTheSequenceIsCompared: another person's in the gaps between the compared frames would be matched with the
// document though nobody saw that person live.
func TestTheFrameThatSpeaksForTheSequenceIsCompared(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shown := rapid.SliceOfNDistinct(rapid.IntRange(0, MaxFrames-1), MinFrames, MaxFrames, rapid.ID[int]).Draw(t, "shown")
		slices.Sort(shown)
		best := rapid.SampledFrom(shown).Draw(t, "best")
		chosen := spreadOver(shown, best)
		sorted := slices.Compact(slices.Sorted(slices.Values(chosen)))
		if len(sorted) != len(chosen) || len(chosen) < MinFrames || len(chosen) > identityFrames+1 {
			t.Fatalf("%v are compared", chosen)
		}
		for _, needed := range []int{best, shown[0], shown[len(shown)-1]} {
			if !slices.Contains(chosen, needed) {
				t.Fatalf("frame %d of %v is not among %v", needed, shown, chosen)
			}
		}
	})
}

func TestCountBlinks(t *testing.T) {
	t.Parallel()
	const o, c, h = 0.30, 0.13, 0.22 // open, closed, half open
	for name, s := range map[string]struct {
		aspects []float64
		want    int
	}{
		"none":                  {[]float64{o, o, o, o, o}, 0},
		"one":                   {[]float64{o, o, c, o, o}, 1},
		"one over three frames": {[]float64{o, o, o, c, c, c, o, o, o}, 1},
		"two":                   {[]float64{o, c, o, o, c, o, o}, 2},
		"closed at the end":     {[]float64{o, o, o, o, c}, 0},
		"closed at the start":   {[]float64{c, o, o, o, o}, 0},
		"half closed":           {[]float64{o, o, h, o, o}, 0},
		"closed throughout":     {[]float64{c, c, c, c}, 0},
	} {
		if got := countBlinks(s.aspects); got != s.want {
			t.Errorf("%s: %d blinks", name, got)
		}
	}
}

// grid is a raster of smooth noise with a weak sine over it, of the given period in pixels, obliquely.
func grid(amplitude, period float64) *vision.Gray {
	random := rand.New(rand.NewPCG(5, 6))
	small := vision.NewGray(32, 32)
	for i := range small.Pix {
		small.Pix[i] = byte(90 + random.IntN(80))
	}
	g := small.Resize(256, 256)
	for y := range g.Height {
		for x := range g.Width {
			wave := amplitude * math.Sin(2*math.Pi*(0.8*float64(x)+0.6*float64(y))/period)
			g.Pix[y*256+x] = byte(min(255, max(0, float64(g.Pix[y*256+x])+wave+4*random.NormFloat64())))
		}
	}
	return g
}

func TestPeriodicityFindsAGrid(t *testing.T) {
	t.Parallel()
	plain, ok := periodicity(grid(0, 4.7))
	if !ok || plain >= screenPeriodicity {
		t.Errorf("noise without a grid: %v, %v", plain, ok)
	}
	for _, period := range []float64{2.7, 3.3, 4.7, 6.1} {
		if v, ok := periodicity(grid(6, period)); !ok || v < screenPeriodicity || v < plain+0.5 {
			t.Errorf("a grid of %v pixels: %v (without: %v)", period, v, plain)
		}
	}
	if _, ok := periodicity(vision.NewGray(60, 200)); ok {
		t.Error("a raster of 60 pixels was measured")
	}
}

func TestTransformIsTheFourierTransform(t *testing.T) {
	t.Parallel()
	v := make([]complex128, 64)
	for i := range v {
		v[i] = complex(math.Cos(2*math.Pi*5*float64(i)/64), 0)
	}
	transform(v)
	for i, c := range v {
		want := 0.0
		if i == 5 || i == 59 {
			want = 32
		}
		if math.Abs(real(c)-want) > 1e-9 || math.Abs(imag(c)) > 1e-9 {
			t.Errorf("bin %d is %v instead of %v", i, c, want)
		}
	}
}

// wall is a soft background with or without a bright sheet around the middle.
func wall(sheet bool) *vision.Pyramid {
	m := vision.NewRGB(900, 900)
	for y := range 900 {
		for x := range 900 {
			v := byte(80 + (x+y)/40)
			if sheet && x > 250 && x < 650 && y > 220 && y < 680 {
				v = 200
			}
			i := 3 * (y*900 + x)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2] = v, v, v
		}
	}
	return vision.NewPyramid(m)
}

func TestEncloseSeesASheet(t *testing.T) {
	t.Parallel()
	box := vision.Rect{X0: 370, Y0: 370, X1: 530, Y1: 530}
	with, ok := enclose(wall(true), box, 0)
	if !ok || with.third() < closedEnclosure {
		t.Errorf("a sheet: %+v, %v", with, ok)
	}
	without, ok := enclose(wall(false), box, 0)
	if !ok || without.third() > 0.1 {
		t.Errorf("a wall: %+v, %v", without, ok)
	}
	if _, ok := enclose(wall(true), vision.Rect{X0: 10, Y0: 10, X1: 800, Y1: 800}, 0); ok {
		t.Error("edges were judged where none can be seen")
	}
}

func TestToneOfGreyAndColour(t *testing.T) {
	t.Parallel()
	grey := measureTone(wall(true), vision.Rect{X0: 300, Y0: 300, X1: 600, Y1: 600})
	if grey.Gamut > 0.01 || grey.Saturation > 0.01 || grey.Blueness != 0 {
		t.Errorf("a grey picture: %+v", grey)
	}
	blue := wall(true).Native()
	for i := 0; i < len(blue.Pix); i += 3 {
		blue.Pix[i] /= 2
	}
	if tone := measureTone(vision.NewPyramid(blue), vision.Rect{X0: 300, Y0: 300, X1: 600, Y1: 600}); tone.Blueness <= 0.1 || tone.Saturation < 0.4 {
		t.Errorf("a blue picture: %+v", tone)
	}
}
