package livenesstest

import (
	"fmt"
	"math/rand/v2"

	"ekyc/internal/vision"
)

// Script is a person's way through the actions of a challenge, by their names in liveness.Action: five to eight frames each, with
// rests between, and all the time the sway of a body. Nine frames in ten differ between two seeds by more than a pixel.
func Script[A ~string](actions []A, seed uint64) []State {
	random := rand.New(rand.NewPCG(seed, 2))
	rests := []State{{}, {}}
	script := rests
	for _, a := range actions {
		script = append(script, movement(string(a), random)...)
		script = append(script, State{})
	}
	var x, y, yaw, up float64 // a walk that is pulled back to the middle
	for i := range script {
		x, y = 0.7*x+1.2*random.NormFloat64(), 0.7*y+1.0*random.NormFloat64()
		yaw, up = 0.6*yaw+0.8*random.NormFloat64(), 0.6*up+0.8*random.NormFloat64()
		s := &script[i]
		s.X, s.Y, s.Yaw, s.Up = x, y, s.Yaw+yaw, s.Up+up
		if s.Growth == 0 {
			s.Growth = 1
		}
		s.Growth *= 1 + 0.008*random.NormFloat64()
	}
	return script
}

// movement is one action from the first frame that leaves rest to the last one.
func movement(action string, random *rand.Rand) []State {
	var out []State
	wide := func(peak float64, set func(*State, float64)) {
		for _, share := range []float64{0.45, 0.85, 1, 0.9, 0.4} {
			var s State
			set(&s, peak*share)
			out = append(out, s)
		}
	}
	vary := func(from, to float64) float64 { return from + (to-from)*random.Float64() }
	switch action {
	case "turn_left":
		wide(vary(38, 46), func(s *State, v float64) { s.Yaw = v })
	case "turn_right":
		wide(vary(38, 46), func(s *State, v float64) { s.Yaw = -v })
	case "look_up":
		wide(vary(22, 28), func(s *State, v float64) { s.Up = v })
	case "come_closer":
		wide(vary(0.50, 0.60), func(s *State, v float64) { s.Growth = 1 + v })
	case "blink_twice":
		out = []State{{Closed: 1}, {}, {}, {Closed: 1}, {}}
	case "glance_left":
		g := vary(0.24, 0.28)
		out = []State{{Gaze: g}, {Gaze: g}, {}}
	case "glance_right":
		g := vary(0.24, 0.28)
		out = []State{{Gaze: -g}, {Gaze: -g}, {}}
	default:
		panic(fmt.Sprintf("livenesstest: no movement for %q", action))
	}
	return out
}

// Record draws a script with the grain of a camera, as JPEG files.
func Record(draw func(State) *vision.RGB, script []State, quality int, seed uint64) ([][]byte, error) {
	const sensor = 2.0 // grey levels of noise
	files := make([][]byte, len(script))
	for i, s := range script {
		var err error
		if files[i], err = vision.EncodeJPEG(Grain(draw(s), sensor, seed+uint64(i)<<32), quality); err != nil {
			return nil, err
		}
	}
	return files, nil
}
