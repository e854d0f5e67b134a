package liveness

import (
	"fmt"
	"slices"

	"ekyc"
)

// challengeCompleted is the check that a challenge as a whole is; without it there is no verdict of life.
const challengeCompleted = "challenge_completed"

// trial is a performance with the geometry of its turns. Its methods take nil: nobody asked for anything.
type trial struct {
	performance
	ratios []float64 // per stage: residual of the best homography over that of the best solid; 0 for what is no turn
}

// judge looks for the actions of a task in the frames; nil without a task.
func judge(frames []frame, task *Task) *trial {
	if task == nil {
		return nil
	}
	seen := make([]observation, len(frames))
	for i := range frames {
		seen[i] = observe(&frames[i], task.Mirrored)
	}
	t := &trial{performance: perform(task.Actions, seen), ratios: make([]float64, len(task.Actions))}
	for i, s := range t.stages {
		if s.peak < 0 || !s.action.turns() {
			continue
		}
		ratio, solid := solidity(frames[t.rest].subject().Landmarks, frames[s.peak].subject().Landmarks)
		t.ratios[i] = ratio
		if solid == nil || !*solid {
			t.stages[i].done = false
			t.fail(faultFlat, s.peak)
		}
	}
	return t
}

func (t *trial) fail(f fault, at int) {
	if t.fault == faultNone {
		t.fault, t.at = f, at
	}
}

// peaks are the frames that show the actions most.
func (t *trial) peaks() (frames []int) {
	if t == nil {
		return nil
	}
	for _, s := range t.stages {
		if s.peak >= 0 {
			frames = append(frames, s.peak)
		}
	}
	return frames
}

// moves says whether a movement that was asked for and done is under way in a frame, or has just ended.
func (t *trial) moves(frame int) bool {
	return t != nil && slices.ContainsFunc(t.stages, func(s stage) bool { return s.done && s.from <= frame && frame <= s.to })
}

// checks tells of every action, and of the whole.
func (t *trial) checks() []ekyc.Check {
	var checks []ekyc.Check
	for i, s := range t.stages {
		c := ekyc.Check{Name: fmt.Sprintf("challenge_action_%d", i+1), Status: ekyc.Fail, Severity: ekyc.SeverityInfo, Message: "the action was not seen",
			Evidence: ekyc.Evidence{"action": string(s.action), "needed": s.needed}}
		if s.peak >= 0 {
			c.Message = "the action was begun and not completed"
			c.Evidence["measured"], c.Evidence["from_frame"], c.Evidence["peak_frame"] = s.measured, s.from, s.peak
		}
		if t.ratios[i] != 0 {
			c.Evidence["residual_ratio"], c.Evidence["solid_from"] = t.ratios[i], solidRatio
		}
		if s.done {
			c.Status, c.Message = ekyc.Pass, "the action was seen in its place"
			c.Evidence["to_frame"] = s.to
		}
		checks = append(checks, c)
	}
	whole := ekyc.Check{Name: challengeCompleted, Status: ekyc.Pass, Severity: ekyc.SeverityMajor, Message: "all actions were seen in their order",
		Evidence: ekyc.Evidence{"done": t.doneStages(), "asked": len(t.stages)}}
	if !t.complete() {
		whole.Status, whole.Message = ekyc.Fail, t.fault.message()
		whole.Evidence["fault"], whole.Evidence["frame"] = string(t.fault), t.at
		if t.saw != "" {
			whole.Evidence["seen"] = string(t.saw)
		}
	}
	return append(checks, whole)
}

func (f fault) message() string {
	switch f {
	case faultStart:
		return "the frames do not begin with a face that looks at the camera with open eyes"
	case faultLost:
		return "too many frames show no face"
	case faultOther:
		return "another movement was seen than the one that was asked for; frames that a mirror shows must be declared as such"
	case faultQuick:
		return "a movement is seen in too few frames"
	case faultAbsent:
		return "the frames end before all actions were seen"
	case faultReturn:
		return "the person did not come back to rest between two actions"
	case faultFlat:
		return "a turn of the head does not show that the head is solid"
	}
	return ""
}

// bind makes hints binding, as they are beside a challenge: what was asked for and is not proven fails.
func bind(hints []ekyc.Check) {
	for i := range hints {
		if c := &hints[i]; slices.Contains(doubtful, c.Name) && c.Status != ekyc.Pass {
			c.Status, c.Severity = ekyc.Fail, ekyc.SeverityMajor
		}
	}
}
