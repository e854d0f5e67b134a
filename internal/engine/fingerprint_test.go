package engine

import (
	"testing"

	"ekyc/internal/vision"
)

// TestSelfiesHaveFingerprints: an outcome has the fingerprint of the picture that was judged, which survives a round trip and a coding anew, and is
// far from that of another photograph of the same person.
func TestSelfiesHaveFingerprints(t *testing.T) {
	t.Parallel()
	e, person := open(t), gallery(t).People()[0]
	enrol := func(photo *vision.RGB, quality int) *vision.Fingerprint {
		t.Helper()
		data, err := vision.EncodeJPEG(photo, quality)
		if err != nil {
			t.Fatal(err)
		}
		o, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{data}, SkipLiveness: true, SkipEnrol: true})
		if err != nil {
			t.Fatal(err)
		}
		if o = stored(t, o); o.Fingerprint == nil || o.Frame != 0 {
			t.Fatalf("%+v", o)
		}
		return o.Fingerprint
	}
	photo, err := gallery(t).Selfie(person, 0)
	if err != nil {
		t.Fatal(err)
	}
	first := enrol(photo, 95)
	if d := first.Distance(*enrol(photo.Resize(photo.Width/2, photo.Height/2), 60)); d > 12 {
		t.Errorf("half of it at quality 60 differs in %d bits", d)
	}
	for _, name := range gallery(t).People()[1:] {
		other, err := gallery(t).Selfie(name, 0)
		if err != nil {
			t.Fatal(err)
		}
		if d := first.Distance(*enrol(other, 95)); d < 48 {
			t.Errorf("the photograph of %s differs in %d bits", name, d)
		}
	}
}
