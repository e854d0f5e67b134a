package engine

import (
	"slices"
	"sync"
	"testing"

	"ekyc"
	"ekyc/internal/face/liveness"
	"ekyc/internal/face/liveness/livenesstest"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// actorSide is the longer side of the simulated recordings, in pixels: that of a small camera, so that drawing them takes no longer than judging them.
const actorSide = 560

// people are those of the gallery.
var people = sync.OnceValues(func() (*specimen.Gallery, error) {
	e, err := shared()
	if err != nil {
		return nil, err
	}
	photographs, err := e.Photographs()
	if err != nil {
		return nil, err
	}
	return specimen.NewGallery(photographs)
})

// cast makes one of the people of the gallery a simulated person.
func cast(t testing.TB, person int) *livenesstest.Actor {
	t.Helper()
	gallery, err := people()
	if err != nil {
		t.Fatal(err)
	}
	selfie, err := gallery.Selfie(gallery.People()[person], 0)
	if err != nil {
		t.Fatal(err)
	}
	small, _ := selfie.Fit(actorSide)
	scene, err := open(t).Faces().Analyze(t.Context(), vision.NewPyramid(small))
	if err != nil {
		t.Fatal(err)
	}
	return livenesstest.NewActor(small, scene.Face().Landmarks)
}

// challenged judges frames that are drawn as an answer to a challenge.
func challenged(t testing.TB, draw func(livenesstest.State) *vision.RGB, script []livenesstest.State, asked []liveness.Action, seed uint64) *liveness.Result {
	t.Helper()
	files, err := livenesstest.Record(draw, script, 85, seed)
	if err != nil {
		t.Fatal(err)
	}
	return answered(t, files, asked)
}

func answered(t testing.TB, files [][]byte, asked []liveness.Action) *liveness.Result {
	t.Helper()
	o, err := open(t).Selfie(t.Context(), SelfieRequest{Frames: files, Challenge: &liveness.Task{Actions: asked}, SkipEnrol: true})
	if err != nil {
		t.Fatal(err)
	}
	if o.Liveness == nil {
		t.Fatalf("liveness gave nothing: %s", o.Step.Code)
	}
	return o.Liveness
}

// failed lists the checks that failed, without those of single actions.
func failed(r *liveness.Result) (names []string) {
	for _, c := range r.Checks {
		if c.Status == ekyc.Fail && c.Severity != ekyc.SeverityInfo {
			name := c.Name
			if fault, ok := c.Evidence["fault"].(string); ok {
				name += ":" + fault
			}
			if seen, ok := c.Evidence["seen"].(string); ok {
				name += ":" + seen
			}
			names = append(names, name)
		}
	}
	return names
}

func TestASimulatedPersonMeetsAChallenge(t *testing.T) {
	t.Parallel()
	asked := []liveness.Action{liveness.TurnLeft, liveness.BlinkTwice, liveness.ComeCloser}
	script := livenesstest.Script(asked, 3)
	r := challenged(t, cast(t, actorOfTests).Solid, script, asked, 3)
	if !r.IsLive || r.Method != liveness.Challenge || len(failed(r)) > 0 || r.Hints.DepthSeen == nil || !*r.Hints.DepthSeen {
		t.Errorf("a simulated person: live %v with score %.2f in zone %s, failed %v", r.IsLive, r.LiveScore, r.Zone, failed(r))
	}
	// The same photograph as a sheet that is turned, brought nearer and animated.
	r = challenged(t, cast(t, actorOfTests).Flat, script, asked, 4)
	if r.IsLive {
		t.Errorf("an animated photograph was judged live, failed %v", failed(r))
	}
}

// TestAnotherPersonTurnsTheHead: the turn is shown by somebody else, whose frames were put in.
func TestAnotherPersonTurnsTheHead(t *testing.T) {
	t.Parallel()
	asked := []liveness.Action{liveness.TurnLeft, liveness.LookUp, liveness.ComeCloser}
	script := livenesstest.Script(asked, 3)
	files, err := livenesstest.Record(cast(t, actorOfTests).Solid, script, 85, 3)
	if err != nil {
		t.Fatal(err)
	}
	turn, err := livenesstest.Record(cast(t, otherActor).Solid, script[2:7], 85, 4)
	if err != nil {
		t.Fatal(err)
	}
	copy(files[2:], turn)
	r := answered(t, files, asked)
	if found := failed(r); r.IsLive || !slices.Contains(found, "one_person") {
		t.Errorf("live %v, failed %v", r.IsLive, found)
	}
}

// actorOfTests is one whose blinks the models see in the simulation; they are trained on people, not on painted lids.
const (
	actorOfTests = 1
	otherActor   = 5
)
