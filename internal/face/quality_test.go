package face_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"ekyc/internal/face"
	"ekyc/internal/face/facetest"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// gallery is the people of the pinned photographs, found once for all tests.
type gallery struct {
	*testBundle
	people, lowered []*facetest.Person
	again           *facetest.Person // the first of people on another photograph
}

var (
	shared     gallery
	fillShared sync.Once
)

func people(t *testing.T) *gallery {
	t.Helper()
	fillShared.Do(func() {
		shared.testBundle = load(t)
		library, err := models.Open(models.DefaultDir(), models.Standard)
		if err != nil {
			t.Fatal(err)
		}
		photographs := map[string][]byte{}
		for _, asset := range library.OfKind(models.KindPhotograph) {
			if photographs[asset.Name], err = library.Bytes(asset.Name); err != nil {
				t.Fatal(err)
			}
		}
		if shared.people, err = facetest.People(context.Background(), shared.faces, photographs); err != nil {
			t.Fatal(err)
		}
		if shared.again, err = facetest.Again(context.Background(), shared.faces, photographs); err != nil {
			t.Fatal(err)
		}
		if shared.lowered, err = facetest.EyesLowered(context.Background(), shared.faces, photographs); err != nil {
			t.Fatal(err)
		}
	})
	if shared.people == nil {
		t.Fatal("the people of the photographs were not found")
	}
	return &shared
}

func (g *gallery) codes(t *testing.T, m *vision.RGB) []face.QualityCode {
	t.Helper()
	p := vision.NewPyramid(m)
	scene, err := g.faces.Analyze(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	q := g.faces.Quality(p, scene)
	if !(q.Score >= 0 && q.Score <= 1) {
		t.Errorf("score %v", q.Score)
	}
	if len(q.Advice) != len(q.Codes) {
		t.Errorf("codes %v with advice %v", q.Codes, q.Advice)
	}
	return q.Codes
}

// fault is a fault of a capture that is made from a good one, and on how many of the six people its code has to be seen at least.
type fault struct {
	code face.QualityCode
	make func(p, next *facetest.Person) *vision.RGB
	seen int
}

func without(change func(p *facetest.Person) *vision.RGB) func(p, next *facetest.Person) *vision.RGB {
	return func(p, _ *facetest.Person) *vision.RGB { return change(p) }
}

func masked(colour [3]byte) func(p, next *facetest.Person) *vision.RGB {
	return func(p, _ *facetest.Person) *vision.RGB { return p.Masked(colour) }
}

var faults = map[string]fault{
	"dark":             {face.TooDark, without((*facetest.Person).Dark), 6},
	"bright":           {face.TooBright, without((*facetest.Person).Bright), 6},
	"foggy":            {face.LowContrast, without((*facetest.Person).Flat), 6},
	"half lit":         {face.UnevenLight, without((*facetest.Person).HalfLit), 6},
	"without colour":   {face.Grey, without((*facetest.Person).Grey), 6},
	"out of focus":     {face.Blurred, without((*facetest.Person).Blurred), 6},
	"far away":         {face.TooSmall, func(p, _ *facetest.Person) *vision.RGB { return p.Wide(640, 480, 36) }, 6},
	"at the edge":      {face.Cropped, without((*facetest.Person).CutOff), 6},
	"turned away":      {face.NotFrontal, without((*facetest.Person).Turned), 5},
	"two people":       {face.FacesMultiple, (*facetest.Person).Beside, 6},
	"sunglasses":       {face.Sunglasses, without((*facetest.Person).Sunglasses), 6},
	"blue mask":        {face.MouthCovered, masked([3]byte{120, 170, 220}), 5},
	"white mask":       {face.MouthCovered, masked([3]byte{230, 230, 228}), 4},
	"black mask":       {face.MouthCovered, masked([3]byte{28, 28, 30}), 5},
	"mask like skin":   {face.MouthCovered, masked([3]byte{205, 170, 150}), 5},
	"hand on mouth":    {face.MouthCovered, without((*facetest.Person).HandBeforeMouth), 6},
	"pencil sketch":    {face.Drawn, without((*facetest.Person).Sketch), 5},
	"few flat colours": {face.Drawn, without((*facetest.Person).Cartoon), 4},
	"half behind dark": {face.Occluded, func(p, _ *facetest.Person) *vision.RGB { return p.Covered([3]byte{20, 20, 22}) }, 5},
	"half behind pale": {face.Occluded, func(p, _ *facetest.Person) *vision.RGB { return p.Covered([3]byte{220, 220, 220}) }, 6},
}

func TestEachFaultOfACaptureHasItsCode(t *testing.T) {
	t.Parallel()
	g := people(t)
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen int
			var told [][]face.QualityCode
			for i, p := range g.people {
				codes := g.codes(t, f.make(p, g.people[(i+1)%len(g.people)]))
				if slices.Contains(codes, f.code) {
					seen++
				}
				told = append(told, codes)
			}
			if seen < f.seen {
				t.Errorf("%s is seen on %d of %d people: %v", f.code, seen, len(g.people), told)
			}
		})
	}
}

func TestLidsThatHideTheEyes(t *testing.T) {
	t.Parallel()
	g := people(t)
	for _, p := range g.lowered {
		if codes := g.codes(t, p.Picture); !slices.Contains(codes, face.EyesClosed) {
			t.Errorf("%s: %v", p.Name, codes)
		}
	}
}

func TestADrawnFaceIsNoPhotograph(t *testing.T) {
	t.Parallel()
	g := people(t)
	for _, turn := range []float64{0, 0.3, -0.4} {
		if codes := g.codes(t, portrait(turn, true).Native()); !slices.Contains(codes, face.Drawn) {
			t.Errorf("turned by %.1f: %v", turn, codes)
		}
	}
}

func TestAGoodCaptureHasNoCode(t *testing.T) {
	t.Parallel()
	g := people(t)
	for _, p := range g.people {
		for name, m := range map[string]*vision.RGB{"as it is": p.Picture, "mirrored": p.Picture.Mirror(), "half as large": p.Picture.Halve()} {
			if codes := g.codes(t, m); len(codes) > 0 {
				t.Errorf("%s, %s: %v", p.Name, name, codes)
			}
		}
	}
}

func TestEveryCodeHasAFixtureAndATextInBothLanguages(t *testing.T) {
	t.Parallel()
	texts := map[string]face.QualityCode{}
	for _, code := range face.QualityCodes {
		if code != face.EyesClosed { // real ones: see TestLidsThatHideTheEyes
			found := false
			for _, f := range faults {
				found = found || f.code == code
			}
			if !found {
				t.Errorf("%s has no fixture", code)
			}
		}
		told := face.AdviceOn([]face.QualityCode{code})
		if len(told) != 1 || told[0].EN == "" || told[0].FR == "" || told[0].EN == told[0].FR {
			t.Errorf("%s: %+v", code, told)
			continue
		}
		for _, text := range []string{told[0].EN, told[0].FR} {
			if other, twice := texts[text]; twice {
				t.Errorf("%s and %s say the same: %s", code, other, text)
			}
			texts[text] = code
		}
	}
}
