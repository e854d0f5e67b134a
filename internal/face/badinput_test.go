package face_test

import (
	"context"
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/face/facetest"
	"ekyc/internal/vision"
)

func (g *gallery) match(t *testing.T, x, y *vision.RGB) *face.Comparison {
	t.Helper()
	c, err := g.faces.Match(context.Background(), vision.NewPyramid(x), vision.NewPyramid(y), face.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRotatedAndMirroredPicturesAreTheSamePerson(t *testing.T) {
	t.Parallel()
	g := people(t)
	for _, p := range g.people[:3] {
		for name, m := range map[string]*vision.RGB{
			"a quarter turn": p.Picture.Rotate90(1), "upside down": p.Picture.Rotate90(2), "three quarters": p.Picture.Rotate90(3), "mirrored": p.Picture.Mirror(),
		} {
			c := g.match(t, m, p.Picture)
			if !c.Match.Match {
				t.Errorf("%s, %s: similarity %.2f", p.Name, name, c.Similarity)
			}
			if turned := name != "mirrored"; slices.Contains(c.Live.Quality.Codes, face.NotFrontal) != turned {
				t.Errorf("%s, %s: codes %v", p.Name, name, c.Live.Quality.Codes)
			}
		}
	}
}

func TestCopiesOfOnePictureAreFlagged(t *testing.T) {
	t.Parallel()
	g := people(t)
	for i, p := range g.people[:3] {
		for name, copied := range map[string]*vision.RGB{
			"itself": p.Picture, "smaller": p.Picture.Resize(p.Picture.Width*2/3, p.Picture.Height*2/3), "cut out": p.Picture.Crop(p.Face.Box.Expand(1.6)),
			"mirrored": p.Picture.Mirror(), "without colour": p.Grey(),
		} {
			if c := g.match(t, p.Picture, copied); !c.SamePicture || !c.Match.Match {
				t.Errorf("%s, %s: %+v", p.Name, name, c.Match)
			}
		}
		if c := g.match(t, p.Picture, g.people[(i+1)%len(g.people)].Picture); c.SamePicture || c.Match.Match {
			t.Errorf("%s and somebody else: %+v", p.Name, c.Match)
		}
	}
	if c := g.match(t, g.people[0].Picture, g.again.Picture); c.SamePicture || !c.Match.Match {
		t.Errorf("two photographs of one person: %+v", c.Match)
	}
}

func TestAFaceOnAShirtIsNobody(t *testing.T) {
	t.Parallel()
	g := people(t)
	for i, p := range g.people {
		printed := g.people[(i+2)%len(g.people)]
		shirt := p.BeforeShirt(printed)
		scene, err := g.faces.Analyze(context.Background(), vision.NewPyramid(shirt))
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if scene.Competing != 0 || scene.Single() != nil {
			t.Errorf("%s: the face on the shirt competes: %d of %d", p.Name, scene.Competing, len(scene.Faces))
		}
		for whose, q := range map[string]*facetest.Person{"own": p, "printed": printed} {
			if c := g.match(t, shirt, q.Picture); c.Match.Match != (whose == "own") {
				t.Errorf("%s before a shirt, compared with the %s face: similarity %.2f", p.Name, whose, c.Similarity)
			}
		}
	}
}

func TestFacesOfTenPixels(t *testing.T) {
	t.Parallel()
	g := people(t)
	for _, p := range g.people {
		tiny := vision.NewPyramid(p.Wide(640, 480, 10))
		scene, err := g.faces.Analyze(context.Background(), tiny)
		if ekyc.CodeOf(err) == ekyc.ErrFaceNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if q := g.faces.Quality(tiny, scene); !slices.Contains(q.Codes, face.TooSmall) {
			t.Errorf("%s: %v", p.Name, q.Codes)
		}
	}
}
