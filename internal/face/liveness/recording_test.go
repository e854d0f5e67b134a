package liveness

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness/livenesstest"
	"ekyc/internal/models"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// recordings are simulated ones, as the models see them: of one person who turns left, looks up and turns right, of the same person a
// second time, and of another. Each frame is seen once, and the tests put them together in other ways.
type recordings struct {
	analyzer             *Analyzer
	files                [][]byte // of first
	first, second, other []frame
}

var recordedActions = []Action{TurnLeft, LookUp, TurnRight}

var recorded = sync.OnceValues(func() (*recordings, error) {
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		return nil, err
	}
	path, err := library.Path("onnxruntime")
	if err != nil {
		return nil, err
	}
	runtime, err := vision.OpenRuntime(path)
	if err != nil {
		return nil, err
	}
	sessions := map[string]*vision.Session{}
	for _, name := range []string{"face_detector", "face_detector_fast", "face_landmarks", "iris", "eye_state"} {
		data, err := library.Bytes(name)
		if err != nil {
			return nil, err
		}
		if sessions[name], err = runtime.Load(name, data, 1); err != nil {
			return nil, err
		}
	}
	faces, err := face.New(face.Models{Detector: sessions["face_detector"], FastDetector: sessions["face_detector_fast"], Landmarks: sessions["face_landmarks"],
		Iris: sessions["iris"], EyeState: sessions["eye_state"]})
	if err != nil {
		return nil, err
	}
	r := &recordings{}
	if r.analyzer, err = New(faces, Models{}); err != nil {
		return nil, err
	}
	photographs := map[string][]byte{}
	for _, asset := range library.OfKind(models.KindPhotograph) {
		if photographs[asset.Name], err = library.Bytes(asset.Name); err != nil {
			return nil, err
		}
	}
	gallery, err := specimen.NewGallery(photographs)
	if err != nil {
		return nil, err
	}
	if r.files, r.first, err = r.record(gallery, 0, 1); err != nil {
		return nil, err
	}
	if _, r.second, err = r.record(gallery, 0, 2); err != nil {
		return nil, err
	}
	_, r.other, err = r.record(gallery, 5, 3)
	return r, err
})

// recordingSide is the longer side of the frames in pixels.
const recordingSide = 480

func (r *recordings) record(gallery *specimen.Gallery, person int, seed uint64) ([][]byte, []frame, error) {
	selfie, err := gallery.Selfie(gallery.People()[person], 0)
	if err != nil {
		return nil, nil, err
	}
	small := selfie.Resize(recordingSide*3/4, recordingSide)
	scene, err := r.analyzer.faces.Analyze(context.Background(), vision.NewPyramid(small))
	if err != nil {
		return nil, nil, err
	}
	files, err := livenesstest.Record(livenesstest.NewActor(small, scene.Face().Landmarks).Solid, livenesstest.Script(recordedActions, seed), 85, seed)
	if err != nil {
		return nil, nil, err
	}
	frames, err := r.see(files)
	return files, frames, err
}

func (r *recordings) see(files [][]byte) ([]frame, error) {
	pictures := make([]*vision.Pyramid, len(files))
	for i, file := range files {
		picture, err := vision.Decode(file, vision.SceneLimits)
		if err != nil {
			return nil, err
		}
		pictures[i] = picture.Pyramid
	}
	return r.analyzer.readFrames(context.Background(), pictures)
}

func records(t *testing.T) *recordings {
	t.Helper()
	r, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// findings are the checks of a sequence that fail, as an answer to a challenge.
func findings(frames []frame, asked []Action) (names []string) {
	trial := judge(frames, &Task{Actions: asked})
	m := follow(frames)
	for _, c := range slices.Concat(m.checks(), continuity(frames, trial), trial.checks()) {
		if c.Status == ekyc.Fail && c.Severity != ekyc.SeverityInfo {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestARecordingMeetsItsOwnChallengeAndNoOther(t *testing.T) {
	t.Parallel()
	r := records(t)
	for name, frames := range map[string][]frame{"first": r.first, "second": r.second, "other person": r.other} {
		if found := findings(frames, recordedActions); len(found) > 0 {
			t.Errorf("%s: its own challenge: %v (%+v)", name, found, judge(frames, &Task{Actions: recordedActions}).performance)
		}
	}
	tried := 0
	for _, a := range Actions {
		for _, b := range Actions {
			for _, c := range Actions {
				asked := []Action{a, b, c}
				if validActions(asked) != nil || slices.Equal(asked, recordedActions) {
					continue
				}
				tried++
				if found := findings(r.first, asked); !slices.Contains(found, challengeCompleted) {
					t.Errorf("replayed for %v: %v", asked, found)
				}
			}
		}
	}
	if tried != 171 {
		t.Errorf("%d other challenges", tried)
	}
}

func TestFramesThatWerePutTogether(t *testing.T) {
	t.Parallel()
	r := records(t)
	end := judge(r.first, &Task{Actions: recordedActions}).stages[2].to
	for n := 1; n <= end; n++ {
		if found := findings(r.first[:n], recordedActions); len(found) == 0 {
			t.Errorf("the first %d frames of %d are enough", n, len(r.first))
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		shuffled := slices.Clone(r.first)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if found := findings(shuffled, recordedActions); !slices.Contains(found, "frames_in_order") {
			t.Errorf("shuffled: %v", found)
		}
	}
	twice := append(slices.Clone(recordedActions), recordedActions[:2]...)
	looped := append(slices.Clone(r.first), r.first...)[:MaxFrames]
	if found := findings(looped, twice); !slices.Contains(found, "frames_not_looped") {
		t.Errorf("looped: %v", found)
	}
	back := slices.Clone(r.first)
	slices.Reverse(back)
	if found := findings(slices.Concat(r.first, back)[:MaxFrames], recordedActions); !slices.Contains(found, "frames_not_looped") {
		t.Errorf("forth and back: %v", found)
	}
	injected := slices.Clone(r.first)
	copy(injected[8:11], r.other[8:11])
	if found := findings(injected, recordedActions); !slices.Contains(found, "background_consistent") && !slices.Contains(found, "light_consistent") {
		t.Errorf("frames of another recording: %v", found)
	}
	other := slices.Clone(r.first)
	other[5].glance.width++
	if found := findings(other, recordedActions); !slices.Contains(found, "frames_alike") {
		t.Errorf("a frame of another size: %v", found)
	}
}

// TestALoopIsFoundThroughCompression: the second round was compressed anew, so that no two frames have the same pixels.
func TestALoopIsFoundThroughCompression(t *testing.T) {
	t.Parallel()
	r := records(t)
	var again [][]byte
	for _, file := range r.files[:8] {
		picture, err := vision.Decode(file, vision.SceneLimits)
		if err != nil {
			t.Fatal(err)
		}
		data, err := vision.EncodeJPEG(picture.Pyramid.Native(), 75)
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, data)
	}
	frames, err := r.see(again)
	if err != nil {
		t.Fatal(err)
	}
	looped := slices.Concat(r.first[:8], frames)
	if found := findings(looped, recordedActions); !slices.Contains(found, "frames_not_looped") {
		t.Errorf("compressed anew: %v", found)
	}
	for i := range frames {
		if frames[i].duplicate || !frames[i].copies(&r.first[i]) || frames[i].copies(&r.second[i]) {
			t.Errorf("frame %d: differs by %.2f levels from itself and by %.2f from another", i, frames[i].glance.difference(&r.first[i].glance), frames[i].glance.difference(&r.second[i].glance))
		}
	}
}
