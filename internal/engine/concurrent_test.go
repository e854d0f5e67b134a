package engine

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// concurrentCallers is how many call at once.
const concurrentCallers = 64

// TestManyCallersGetTheAnswersOfOne asks one engine for liveness and for matches, first one call after the other and then all callers at once: models and
// buffers are shared, and no answer may show that.
func TestManyCallersGetTheAnswersOfOne(t *testing.T) {
	t.Parallel()
	selfies := concurrentSelfies(t)
	ask := func(k int) (string, error) {
		var answer any
		if photo := selfies[k/2]; k%2 == 0 {
			o, err := open(t).Selfie(t.Context(), SelfieRequest{Frames: [][]byte{photo}, SkipEnrol: true})
			if err != nil {
				return "", err
			}
			answer = o.Liveness
		} else {
			c, err := open(t).MatchPhotos(t.Context(), photo, selfies[(k/2+1)%len(selfies)], face.Options{})
			if err != nil {
				return "", err
			}
			answer = c
		}
		data, err := json.Marshal(answer)
		return string(data), err
	}
	alone := make([]string, 2*len(selfies))
	for k := range alone {
		var err error
		if alone[k], err = ask(k); err != nil {
			t.Fatal(err)
		}
	}
	faults := make([]error, concurrentCallers)
	var group sync.WaitGroup
	for caller := range faults {
		group.Go(func() {
			k := caller % len(alone)
			got, err := ask(k)
			if err == nil && got != alone[k] {
				err = fmt.Errorf("call %d was answered %s, and alone %s", k, got, alone[k])
			}
			faults[caller] = err
		})
	}
	group.Wait()
	for _, err := range faults {
		if err != nil {
			t.Error(err)
		}
	}
}

// concurrentSelfies are small photographs of four people, so that every call is short.
func concurrentSelfies(t *testing.T) [][]byte {
	t.Helper()
	var selfies [][]byte
	for _, person := range gallery(t).People()[:4] {
		m, err := gallery(t).Selfie(person, 0)
		if err != nil {
			t.Fatal(err)
		}
		const width = 240
		data, err := vision.EncodeJPEG(m.Resize(width, width*m.Height/m.Width), 90)
		if err != nil {
			t.Fatal(err)
		}
		selfies = append(selfies, data)
	}
	return selfies
}
