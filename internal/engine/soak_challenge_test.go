//go:build soak

package engine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"ekyc/internal/face/liveness"
	"ekyc/internal/face/liveness/livenesstest"
	"ekyc/internal/vision"
)

var (
	challengeSeed  = flag.Uint64("challenge-seed", 1, "what the challenges and movements of TestSoakChallenges are drawn from")
	challengesEach = flag.Int("challenges-each", 2, "challenges that each simulated person answers in each form")
)

// chance is a source of chance with a seed.
func chance(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

const peopleOfTheGallery = 9

// TestSoakChallenges lets every simulated person answer random challenges as a head and in the forms of an attack, and says what became of each kind.
func TestSoakChallenges(t *testing.T) {
	kinds := map[string]func(a *livenesstest.Actor, s livenesstest.State) *vision.RGB{
		"head": func(a *livenesstest.Actor, s livenesstest.State) *vision.RGB { return a.Solid(s) },
		"flat": func(a *livenesstest.Actor, s livenesstest.State) *vision.RGB { return a.Flat(s) },
		"far turned flat": func(a *livenesstest.Actor, s livenesstest.State) *vision.RGB {
			s.Yaw *= 1.4
			return a.Flat(s)
		},
		"bent": func(a *livenesstest.Actor, s livenesstest.State) *vision.RGB {
			s.Bend = 0.8
			return a.Flat(s)
		},
		"animated still": func(a *livenesstest.Actor, s livenesstest.State) *vision.RGB {
			s.Yaw, s.Up, s.Growth = 0, 0, 0
			return a.Flat(s)
		},
	}
	for name, draw := range kinds {
		t.Run(name, func(t *testing.T) {
			live, n := 0, 0
			for person := range peopleOfTheGallery {
				a := cast(t, person)
				for k := range *challengesEach {
					seed := *challengeSeed<<32 + uint64(1000*person+k)
					asked, err := liveness.RandomActions(chance(seed), liveness.DefaultActions)
					if err != nil {
						t.Fatal(err)
					}
					r := challenged(t, func(s livenesstest.State) *vision.RGB { return draw(a, s) }, livenesstest.Script(asked, seed), asked, seed)
					n++
					if r.IsLive {
						live++
					}
					fmt.Printf("%s: person %d %v: live %v score %.2f %s failed %v\n", name, person, asked, r.IsLive, r.LiveScore, r.Zone, failed(r))
				}
			}
			fmt.Printf("%s: %d of %d live\n", name, live, n)
			if name != "head" && live > 0 {
				t.Errorf("%d attacks of %d were judged live", live, n)
			}
			if name == "head" && 3*live < n {
				t.Errorf("%d simulated persons of %d were judged live", live, n)
			}
		})
	}
}

// BenchmarkChallenge judges 32 frames, as many as a request may have.
func BenchmarkChallenge(b *testing.B) {
	asked := []liveness.Action{liveness.TurnLeft, liveness.BlinkTwice, liveness.GlanceRight, liveness.LookUp, liveness.TurnRight}
	script := livenesstest.Script(asked, 5)
	files, err := livenesstest.Record(cast(b, actorOfTests).Solid, script[:min(len(script), liveness.MaxFrames)], 85, 5)
	if err != nil {
		b.Fatal(err)
	}
	for len(files) < liveness.MaxFrames {
		files = append(files, files[0])
	}
	for name, task := range map[string]*liveness.Task{"challenge": {Actions: asked}, "no challenge": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := open(b).Selfie(b.Context(), SelfieRequest{Frames: files, Challenge: task, SkipEnrol: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
