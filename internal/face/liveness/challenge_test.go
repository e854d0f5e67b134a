package liveness

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/face"
)

// chance is a source of chance with a seed.
func chance(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

func randomActions(t *testing.T, seed uint64, n int) []Action {
	t.Helper()
	actions, err := RandomActions(chance(seed), n)
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

// played is how a willing person is seen to meet a challenge: from another rest, with sway, and a few frames for each action.
func played(actions []Action, random *rand.Rand) []observation {
	rest := observation{seen: true, yaw: 12 * (random.Float64() - 0.5), up: 16 * (random.Float64() - 0.5), aspect: 0.24 + 0.1*random.Float64(),
		gaze: 0.1 * (random.Float64() - 0.5), size: 0.06 + 0.06*random.Float64()}
	frames := []observation{rest, rest}
	wide := func(set func(o *observation, share float64)) {
		for _, share := range []float64{0.5, 1, 1.1, 0.5} {
			o := rest
			set(&o, share)
			frames = append(frames, o)
		}
	}
	for _, a := range actions {
		switch a {
		case TurnLeft:
			wide(func(o *observation, k float64) { o.yaw += k * 1.25 * turnDegrees })
		case TurnRight:
			wide(func(o *observation, k float64) { o.yaw -= k * 1.25 * turnDegrees })
		case LookUp:
			wide(func(o *observation, k float64) { o.up += k * 1.4 * upDegrees })
		case ComeCloser:
			wide(func(o *observation, k float64) { o.size *= 1 + k*1.25*(closerGrowth-1) })
		case BlinkTwice:
			shut := rest
			shut.aspect *= 0.5
			frames = append(frames, shut, rest, shut, shut)
		case GlanceLeft, GlanceRight:
			o := rest
			if o.gaze += 0.13; a == GlanceRight {
				o.gaze -= 0.26
			}
			frames = append(frames, o, o)
		}
		frames = append(frames, rest, rest)
	}
	for i := range frames {
		o := &frames[i]
		o.yaw, o.up = o.yaw+2*(random.Float64()-0.5), o.up+2*(random.Float64()-0.5)
		o.size *= 1 + 0.02*(random.Float64()-0.5)
		o.aspect *= 1 + 0.06*(random.Float64()-0.5)
		o.gaze += 0.02 * (random.Float64() - 0.5)
	}
	return frames
}

func TestRandomActions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, want, each int }{{3, 172, 30}, {4, 1192, 30}, {5, 7792, 12}} {
		n, want := c.n, c.want
		seen := map[string]int{}
		source := chance(uint64(n))
		for range c.each * want {
			actions, err := RandomActions(source, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := validActions(actions); err != nil {
				t.Fatalf("%v: %v", actions, err)
			}
			key := ""
			for _, a := range actions {
				key += string(a) + " "
			}
			seen[key]++
		}
		if len(seen) != want {
			t.Errorf("%d sequences of %d actions, wanted %d", len(seen), n, want)
		}
		if counts := slices.Sorted(func(yield func(int) bool) {
			for _, c := range seen {
				if !yield(c) {
					return
				}
			}
		}); counts[len(counts)-1] > c.each+7*int(math.Sqrt(float64(c.each))) { // standard deviations
			t.Errorf("sequences of %d actions came up %d times where %d were expected", n, counts[len(counts)-1], c.each)
		}
	}
	for _, n := range []int{0, MinActions - 1, MaxActions + 1} {
		if _, err := RandomActions(chance(1), n); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%d actions: %v", n, err)
		}
	}
	if _, err := RandomActions(emptySource{}, 3); err == nil {
		t.Error("a source that gives nothing gave actions")
	}
}

type emptySource struct{}

func (emptySource) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

func TestAWillingPersonMeetsEveryChallenge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		actions, err := RandomActions(chance(seed), rapid.IntRange(MinActions, MaxActions).Draw(t, "actions"))
		if err != nil {
			t.Fatal(err)
		}
		frames := played(actions, rand.New(rand.NewPCG(seed, 1)))
		p := perform(actions, frames)
		if !p.complete() || p.doneStages() != len(actions) {
			t.Fatalf("%v: %s at %d of %d after %d actions, saw %s", actions, p.fault, p.at, len(frames), p.doneStages(), p.saw)
		}
		for i, s := range p.stages {
			if i > 0 && s.from < p.stages[i-1].to || s.peak < s.from || s.to < s.peak || s.measured < s.needed {
				t.Fatalf("%v: stage %d is %+v", actions, i, s)
			}
		}
	})
}

func TestMirroredFramesMustBeDeclared(t *testing.T) {
	t.Parallel()
	actions := []Action{TurnLeft, GlanceRight, TurnRight}
	frames := played(actions, rand.New(rand.NewPCG(1, 1)))
	for i := range frames {
		frames[i].yaw, frames[i].gaze = -frames[i].yaw, -frames[i].gaze // as in a mirror
	}
	if p := perform(actions, frames); p.complete() || p.fault != faultOther || p.saw != TurnRight {
		t.Errorf("mirrored frames: fault %q, saw %q", p.fault, p.saw)
	}
	// The declaration turns the measures around, whichever sign they have.
	l := solidHead(0, 0, rand.New(rand.NewPCG(1, 1)))
	seen := sequence([]*face.Landmarks{l}, []float64{-14}, []float64{0.3})[0]
	seen.gaze = &face.Gaze{X: 0.11}
	if plain, mirrored := observe(&seen, false), observe(&seen, true); plain.yaw != -14 || mirrored.yaw != 14 || plain.gaze != 0.11 || mirrored.gaze != -0.11 {
		t.Errorf("seen as %+v and in a mirror as %+v", plain, mirrored)
	}
}

// accepted says whether observations meet a challenge.
func accepted(actions []Action, frames []observation) bool {
	p := perform(actions, frames)
	var poses []pose
	for i, o := range frames {
		poses = append(poses, pose{i, o.yaw, o.up})
	}
	return p.complete() && zigzags(poses, &trial{performance: p}) == 0
}

// TestTenThousandAttempts counts what is accepted of attempts that answer a challenge by something else than its performance.
func TestTenThousandAttempts(t *testing.T) {
	t.Parallel()
	const attempts = 2500 // of each of four kinds
	random := rand.New(rand.NewPCG(2, 3))
	count := map[string]int{}
	for i := range uint64(attempts) {
		n := MinActions + int(i)%(MaxActions-MinActions+1)
		asked, other := randomActions(t, 2*i, n), randomActions(t, 2*i+1, n)
		if slices.Equal(asked, other) {
			other = append(slices.Clone(asked[1:]), asked[0]) // another order of the same
			if slices.Equal(asked, other) {
				continue
			}
		}
		genuine := played(asked, random)
		if !accepted(asked, genuine) {
			t.Fatalf("%v: the genuine frames are refused", asked)
		}
		shuffled := slices.Clone(genuine)
		random.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		still := make([]observation, len(genuine))
		for k := range still {
			still[k] = genuine[0]
			still[k].yaw, still[k].up = still[k].yaw+3*random.NormFloat64(), still[k].up+random.NormFloat64()
		}
		last := perform(asked, genuine).stages[n-1]
		for kind, frames := range map[string][]observation{
			"replayed": played(other, random), "reordered": shuffled, "still": still, "truncated": genuine[:1+random.IntN(last.to)],
		} {
			if accepted(asked, frames) {
				count[kind]++
			}
		}
	}
	if len(count) > 0 {
		t.Errorf("accepted of %d each: %v", attempts, count)
	}
}

func TestFaultsOfAPerformance(t *testing.T) {
	t.Parallel()
	asked := []Action{TurnLeft, BlinkTwice, GlanceLeft}
	genuine := func(actions ...Action) []observation { return played(actions, rand.New(rand.NewPCG(5, 5))) }
	lost := genuine(asked...)
	for i := range lost {
		lost[i].seen = i%2 == 0
	}
	aside := genuine(asked...)
	for i := range aside {
		aside[i].yaw += 30
	}
	asleep := genuine(asked...)
	for i := range asleep {
		asleep[i].aspect = 0.1
	}
	quick := genuine(asked...)
	quick = slices.Delete(quick, 2, 3) // of the turn's four frames only one is left
	quick = slices.Delete(quick, 3, 5)
	for name, c := range map[string]struct {
		frames []observation
		fault  fault
		saw    Action
		done   int
	}{
		"nothing":             {nil, faultLost, "", 0},
		"face lost":           {lost, faultLost, "", 0},
		"begins aside":        {aside, faultStart, "", 0},
		"eyes never open":     {asleep, faultStart, "", 0},
		"too quick":           {quick, faultQuick, "", 0},
		"other way":           {genuine(TurnRight, BlinkTwice, GlanceLeft), faultOther, TurnRight, 0},
		"glance other way":    {genuine(TurnLeft, BlinkTwice, GlanceRight), faultOther, GlanceRight, 2},
		"ends early":          {genuine(TurnLeft, BlinkTwice), faultAbsent, "", 2},
		"goes on":             {genuine(TurnLeft, BlinkTwice, GlanceLeft, LookUp), faultOther, LookUp, 3},
		"does not come back":  {genuine(TurnLeft)[:5], faultReturn, "", 0},
		"one turn to another": {append(genuine(TurnLeft)[:5], genuine(TurnRight)[3:]...), faultReturn, TurnRight, 0},
	} {
		p := perform(asked, c.frames)
		if p.fault != c.fault || p.saw != c.saw || p.doneStages() != c.done {
			t.Errorf("%s: fault %q at %d, saw %q after %d actions", name, p.fault, p.at, p.saw, p.doneStages())
		}
		if p.fault.message() == "" {
			t.Errorf("%s: the fault %q has no message", name, p.fault)
		}
	}
}

// turned are frames of a head, or of a flat picture of it, that turns to its left and back.
func turned(flat bool) []frame {
	random := rand.New(rand.NewPCG(11, 12))
	yaws := []float64{0, 1, 14, 26, 13, 1, 0}
	rest := solidHead(0, 0.3, random)
	var landmarks []*face.Landmarks
	for _, yaw := range yaws {
		if flat {
			landmarks = append(landmarks, flatPicture(rest, 1.6*yaw, 0.3, random))
		} else {
			landmarks = append(landmarks, solidHead(yaw, 0.3, random))
		}
	}
	frames := sequence(landmarks, yaws, []float64{0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3})
	for i := range frames {
		frames[i].glance.width, frames[i].glance.height = 640, 480
		frames[i].scene.Faces[0].EyeDistance = 80
	}
	return frames
}

// TestATurnMustBeThatOfASolid gives a flat picture every measure that a person has, and only the geometry is its own.
func TestATurnMustBeThatOfASolid(t *testing.T) {
	t.Parallel()
	task := &Task{Actions: []Action{TurnLeft}}
	if r := judge(turned(false), task); !r.complete() {
		t.Errorf("a head: %s", r.fault)
	}
	r := judge(turned(true), task)
	if r.complete() || r.fault != faultFlat || r.doneStages() != 0 {
		t.Errorf("a flat picture: fault %q with %d actions done", r.fault, r.doneStages())
	}
	checks := r.checks()
	if last := checks[len(checks)-1]; last.Name != challengeCompleted || last.Status != ekyc.Fail || refuted(0.99, checks) >= decisionScore {
		t.Errorf("it scores %v with %+v", refuted(0.99, checks), last)
	}
}

func TestAChallengeMakesHintsBinding(t *testing.T) {
	t.Parallel()
	seen := Measured{Pose: face.Pose{Yaw: 3}}
	hints := hintChecks(Hints{Pose: true, Blink: true, Gaze: true}, seen, &motion{yawRange: 30})
	if score := refuted(0.9, hints); score != 0.9 {
		t.Fatalf("hints alone lower the score to %v", score)
	}
	bind(hints)
	status := map[string]ekyc.CheckStatus{}
	for _, c := range hints {
		status[c.Name] = c.Status
	}
	if status["pose"] != ekyc.Pass || status["blink"] != ekyc.Fail || status["gaze"] != ekyc.Fail || refuted(0.9, hints) >= decisionScore {
		t.Errorf("beside a challenge they are %v", status)
	}
}

func TestTasksThatNoChallengeHas(t *testing.T) {
	t.Parallel()
	for name, actions := range map[string][]Action{
		"none": nil, "few": {TurnLeft}, "many": {TurnLeft, LookUp, TurnLeft, LookUp, TurnLeft, LookUp}, "unknown": {TurnLeft, "dance", TurnRight},
		"twice in a row": {TurnLeft, TurnLeft, LookUp}, "no turn": {LookUp, BlinkTwice, LookUp},
	} {
		if err := validActions(actions); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}
