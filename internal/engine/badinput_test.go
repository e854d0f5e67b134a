package engine

import (
	"context"
	"slices"
	"sync"
	"testing"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/face/facetest"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

var persons = sync.OnceValues(func() ([]*facetest.Person, error) {
	e, err := shared()
	if err != nil {
		return nil, err
	}
	photographs, err := e.Photographs()
	if err != nil {
		return nil, err
	}
	return facetest.People(context.Background(), e.faces, photographs)
})

func portraits(t testing.TB) []*facetest.Person {
	t.Helper()
	open(t)
	found, err := persons()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func jpeg(t testing.TB, m *vision.RGB) []byte {
	t.Helper()
	data, err := vision.EncodeJPEG(m, 92)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWhatIsNoPersonBeforeTheCameraIsNotLive: a drawing, a statue, a picture without colour, a tiny face, one behind a mask, and a document are never
// taken for a living person, and what is wrong with them has a code.
func TestWhatIsNoPersonBeforeTheCameraIsNotLive(t *testing.T) {
	t.Parallel()
	drawing := facetest.PaintScene(800, 600, func(m *vision.RGB) { facetest.DrawFace(m, vision.Point{X: 400, Y: 300}, 220, 0, true) }).Native()
	type sent struct {
		picture []byte
		code    face.QualityCode // "" where the networks alone have to see it
	}
	all := map[string]sent{
		"drawing": {jpeg(t, drawing), face.Drawn}, "a document's photograph": {demonstration(t).Front, ""},
	}
	for i, p := range portraits(t)[:4] {
		for name, s := range map[string]sent{
			"sketch": {jpeg(t, p.Sketch()), ""}, "statue": {jpeg(t, p.Statue()), ""}, "no colour": {jpeg(t, p.Grey()), face.Grey},
			"ten pixels": {jpeg(t, p.Wide(640, 480, 10)), face.TooSmall}, "mask": {jpeg(t, p.Masked([3]byte{120, 170, 220})), ""},
		} {
			all[name+" "+string('A'+rune(i))] = s
		}
	}
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := open(t).Selfie(t.Context(), SelfieRequest{Frames: [][]byte{s.picture}, SkipEnrol: true})
			if err != nil {
				t.Fatal(err)
			}
			if o.Liveness == nil {
				if o.Step.Code != ekyc.ErrFaceNotFound {
					t.Errorf("step %+v", o.Step)
				}
				return
			}
			r := o.Liveness
			if r.IsLive || r.Zone == liveness.ZoneLive {
				t.Errorf("live %v, zone %s, score %.2f, codes %v", r.IsLive, r.Zone, r.LiveScore, r.Quality.Codes)
			}
			if s.code != "" && !slices.Contains(r.Quality.Codes, s.code) {
				t.Errorf("codes %v, wanted %s", r.Quality.Codes, s.code)
			}
		})
	}
}

func TestOnePictureForBothSidesIsFlagged(t *testing.T) {
	t.Parallel()
	e := open(t)
	p := portraits(t)
	c, err := e.MatchPhotos(t.Context(), jpeg(t, p[0].Picture), jpeg(t, p[0].Picture.Mirror().Resize(400, 400)), face.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.SamePicture || !c.Match.Match {
		t.Errorf("a copy: %+v", c.Match)
	}
	again, err := e.Matcher().Compare(c.Live, c.Document, face.Options{})
	if err != nil || !again.SamePicture {
		t.Errorf("a copy, compared later: %+v, %v", again, err)
	}
	pair := demonstration(t)
	v, err := e.Verify(t.Context(), request(pair.Selfie, pair.Front))
	if err != nil {
		t.Fatal(err)
	}
	if v.FaceMatch == nil || !v.FaceMatch.Match || v.FaceMatch.SamePicture {
		t.Errorf("a selfie and a document: %+v", v.FaceMatch)
	}
}
