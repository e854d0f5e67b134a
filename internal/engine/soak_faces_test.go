//go:build soak

package engine_test

import (
	"encoding/json"
	"flag"
	"testing"

	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

var soakFaces = flag.Int("soak-faces", 10_000, "calls, every second of them of liveness and the others of a match, before the last look at the memory")

// TestSoakFaces judges liveness and compares faces on many small and different photographs in one process.
func TestSoakFaces(t *testing.T) {
	e := soakEngine(t)
	selfies := soakSelfies(t, e)
	soakMemory(t, *soakFaces, 2*len(selfies), func(k int) string { return soakFace(t, e, selfies, k) })
}

// soakSelfies are all photographs of the gallery at several sizes, 240 to 560 pixels wide.
func soakSelfies(t *testing.T, e *engine.Engine) [][]byte {
	t.Helper()
	photographs, err := e.Photographs()
	if err != nil {
		t.Fatal(err)
	}
	gallery, err := specimen.NewGallery(photographs)
	if err != nil {
		t.Fatal(err)
	}
	var selfies [][]byte
	for _, person := range gallery.People() {
		for index := range gallery.Photographs(person) {
			m, err := gallery.Selfie(person, index)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				width := 240 + 8*(len(selfies)%40)
				data, err := vision.EncodeJPEG(m.Resize(width, width*m.Height/m.Width), 88)
				if err != nil {
					t.Fatal(err)
				}
				selfies = append(selfies, data)
			}
		}
	}
	return selfies
}

// soakFace makes call k: the even ones judge a photograph, the odd ones compare it with the next.
func soakFace(t *testing.T, e *engine.Engine, selfies [][]byte, k int) string {
	t.Helper()
	var answer any
	if photo := selfies[k/2]; k%2 == 0 {
		o, err := e.Selfie(t.Context(), engine.SelfieRequest{Frames: [][]byte{photo}, SkipEnrol: true})
		if err != nil {
			t.Fatal(err)
		}
		answer = o.Liveness
	} else {
		c, err := e.MatchPhotos(t.Context(), photo, selfies[(k/2+1)%len(selfies)], face.Options{})
		if err != nil {
			t.Fatal(err)
		}
		answer = c.Match
	}
	data, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
