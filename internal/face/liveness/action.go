package liveness

import (
	"fmt"
	"io"
	"slices"

	"ekyc"
)

// Action is one thing that a challenge asks a person to do before the camera. Left and right are the person's own.
type Action string

// The actions. Each begins and ends with the person looking straight at the camera.
const (
	TurnLeft    Action = "turn_left"    // the head
	TurnRight   Action = "turn_right"   // the head
	LookUp      Action = "look_up"      // with the head
	BlinkTwice  Action = "blink_twice"  // both eyes
	GlanceLeft  Action = "glance_left"  // at the left corner of the screen, with the eyes only
	GlanceRight Action = "glance_right" // at the right corner of the screen, with the eyes only
	ComeCloser  Action = "come_closer"
)

// Actions lists all actions.
var Actions = []Action{TurnLeft, TurnRight, LookUp, BlinkTwice, GlanceLeft, GlanceRight, ComeCloser}

// Known says whether the action is one of Actions.
func (a Action) Known() bool { return slices.Contains(Actions, a) }

// turns says whether the head turns to a side, by which a solid head can be told from a flat picture.
func (a Action) turns() bool { return a == TurnLeft || a == TurnRight }

// Numbers of actions in a challenge.
const (
	MinActions     = 3
	DefaultActions = 3
	MaxActions     = 5 // 32 frames show no more: an action takes about five, with the return from it
)

// RandomActions draws n different-from-the-last actions from a source of chance, each possible sequence equally likely: no action stands twice in a
// row, and at least one is a turn of the head, without which nothing shows that the head is solid. There are 172 sequences of three (7.4
// bits), 1,192 of four (10.2 bits) and 7,792 of five (12.9 bits). Errors: ErrInvalidArgument for another n, those of the source.
func RandomActions(source io.Reader, n int) ([]Action, error) {
	if n < MinActions || n > MaxActions {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "a challenge has %d to %d actions", MinActions, MaxActions).With("actions", n)
	}
	for {
		actions := make([]Action, n)
		for i := range actions {
			k, err := draw(source, len(Actions))
			if err != nil {
				return nil, err
			}
			actions[i] = Actions[k]
		}
		if validActions(actions) == nil { // drawing anew keeps the sequences that are left equally likely
			return actions, nil
		}
	}
}

// validActions says what a sequence of a challenge must be.
func validActions(actions []Action) error {
	problem := func(format string, args ...any) error {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, format, args...)
	}
	if len(actions) < MinActions || len(actions) > MaxActions {
		return problem("a challenge has %d to %d actions", MinActions, MaxActions)
	}
	for i, a := range actions {
		if !a.Known() {
			return problem("a challenge has an unknown action")
		}
		if i > 0 && actions[i-1] == a {
			return problem("an action stands twice in a row")
		}
	}
	if !slices.ContainsFunc(actions, Action.turns) {
		return problem("a challenge without a turn of the head proves nothing")
	}
	return nil
}

// draw gives a number from 0 to n-1, n at most 256, each equally likely: bytes beyond the last multiple of n are thrown away.
func draw(source io.Reader, n int) (int, error) {
	var b [1]byte
	for limit := 256 - 256%n; ; {
		if _, err := io.ReadFull(source, b[:]); err != nil {
			return 0, fmt.Errorf("draw an action: %w", err)
		}
		if int(b[0]) < limit {
			return int(b[0]) % n, nil
		}
	}
}
