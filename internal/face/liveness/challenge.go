package liveness

import (
	"math"
	"slices"
)

// Task is what the frames of a sequence are to show, in this order.
type Task struct {
	Actions []Action `json:"actions"`
	// Mirrored says that the frames show the person as a mirror does. It is declared and never guessed: a sequence that fits either way
	// would prove half as much.
	Mirrored bool `json:"mirrored,omitempty"`
}

// Bounds of the actions, relative to how the person looked into the camera at the beginning of the same sequence.
const (
	// A turn is also what tells a solid head from a flat picture, so it must be as wide as that takes.
	turnDegrees = depthTurn
	// People lift the face by 20 degrees and more when asked to look up, of which 13 to 18 are measured (simulated on nine faces); a sheet that is
	// tipped by 20 degrees measures 1, and the pitch of a head that turns to a side strays by up to 4.
	upDegrees = 10.0
	// Eyes that look at the corner of a screen measure 0.10 to 0.16 eye widths off their middle (see face.Gaze), those that look ahead
	// stray by 0.03.
	glanceOffset = 0.08
	glanceBack   = 0.05
	// A face that comes from an arm's length (60 cm) to two thirds of it grows by a half; breathing and swaying change it by a tenth.
	closerGrowth = 1.35
	backGrowth   = 1.18
	// A head is back at rest within these of its beginning. A sway of 5 degrees and the landmark model's own error of about 3 lie inside.
	backDegrees = 9.0
	backUp      = 6.0
	// Eyes that the eye network holds for closed are closed when they are also narrower than this share of what they were: the landmarks of
	// closed eyes narrow by a tenth at the least (simulated on nine faces), those of open ones stray by half of that.
	narrowShare = 0.9
	shutFrom    = 0.5
	// A movement that is seen in fewer frames than these, from rest to rest, is too quick to be told from frames that were put in.
	framesOfMovement = 2
	// The beginning is the mean of at most so many first frames that hold still to within these bounds.
	startFrames  = 2
	startDegrees = 5.0
	startGrowth  = 1.1
	// The person has to begin by facing the camera, or relative angles mean little.
	startYaw   = 20.0
	startPitch = 25.0
	// Share of the frames in which the face must be seen; a wide turn may lose it for a moment.
	shareSeen = 0.75
)

// observation is what one frame shows of a person, as far as actions need it.
type observation struct {
	seen   bool    // a face, with its landmarks on it
	yaw    float64 // degrees, to the person's own left
	up     float64 // degrees
	aspect float64 // of the eyes, see face.Eye
	shut   float64 // the eye network's probability that both are closed; NaN where nobody asked, and where the eyes are as wide as ever
	gaze   float64 // eye widths to the person's own left; NaN where the eyes do not show it
	size   float64 // distance of the eyes in space over the diagonal of the picture
}

// observe takes from a frame what actions need.
func observe(f *frame, mirrored bool) observation {
	subject := f.subject()
	if subject == nil {
		return observation{}
	}
	diagonal := math.Hypot(float64(f.glance.width), float64(f.glance.height))
	o := observation{
		seen: true, yaw: subject.Pose.Yaw, up: subject.Pose.Pitch, gaze: math.NaN(), shut: math.NaN(), size: subject.EyeDistance / diagonal,
		aspect: (subject.Eyes.Left.AspectRatio + subject.Eyes.Right.AspectRatio) / 2,
	}
	if f.gaze != nil {
		o.gaze = f.gaze.X
	}
	if f.shut != nil {
		o.shut = *f.shut
	}
	if mirrored {
		o.yaw, o.gaze = -o.yaw, -o.gaze
	}
	return o
}

// fault says why a performance ended before its last action.
type fault string

// The faults. All of them are things that a willing person can do better at the next try.
const (
	faultNone   fault = ""
	faultStart  fault = "start"       // the sequence does not begin with a face that looks at the camera with open eyes
	faultLost   fault = "face_lost"   // too many frames show no face
	faultOther  fault = "other"       // another movement than the one that was asked for
	faultQuick  fault = "too_quick"   // the movement is seen in too few frames
	faultAbsent fault = "not_done"    // the frames end before the action was seen
	faultReturn fault = "no_return"   // the frames end, or another movement begins, before the person is back at rest
	faultFlat   fault = "not_a_solid" // the head did not turn as a solid one does; set by those who look at landmarks
)

// stage is one action as it was performed. Frames are numbers of the sequence.
type stage struct {
	action   Action
	done     bool
	from, to int     // first frame in which it is seen, and the one in which it was over
	peak     int     // the frame that shows it most
	measured float64 // there: degrees, growth, eye widths, or blinks
	needed   float64
}

// performance is what a sequence shows of the actions that were asked for.
type performance struct {
	stages []stage
	fault  fault
	at     int    // the frame in which the fault was seen; the number of frames where they ended too early
	saw    Action // with faultOther: what was seen
	rest   int    // a frame of the beginning
}

func (p *performance) complete() bool { return p.fault == faultNone }

// doneStages counts the actions that were performed.
func (p *performance) doneStages() (n int) {
	for _, s := range p.stages {
		if s.done {
			n++
		}
	}
	return n
}

// perform looks for the actions in the frames, in their order. Each begins and ends at rest; a movement of the head, or towards the camera,
// that nobody asked for at that point ends the search. Blinks and glances that nobody asked for are what eyes do, and count for nothing.
func perform(actions []Action, frames []observation) performance {
	w := walk{performance: performance{stages: make([]stage, len(actions))}}
	for i, a := range actions {
		w.stages[i] = stage{action: a, needed: a.bound(), from: -1, to: -1, peak: -1}
	}
	if !w.begin(frames) {
		return w.performance
	}
	for i, o := range frames {
		if o.seen {
			w.see(i, o)
		}
		if w.fault != faultNone {
			return w.performance
		}
	}
	switch {
	case w.moving:
		w.fail(faultReturn, len(frames))
	case w.next < len(actions):
		w.fail(faultAbsent, len(frames))
	}
	return w.performance
}

// bound is what an action's measure must reach.
func (a Action) bound() float64 {
	switch a {
	case TurnLeft, TurnRight:
		return turnDegrees
	case LookUp:
		return upDegrees
	case ComeCloser:
		return closerGrowth
	case BlinkTwice:
		return 2
	}
	return glanceOffset
}

// walk is a performance being looked through.
type walk struct {
	performance
	start    observation // the means of the beginning
	open     float64     // aspect ratio of the open eyes
	next     int         // the stage that is being waited for, or performed
	moving   bool        // a movement has begun and the person is not back at rest
	away     int         // frames since the head was last at rest
	shut     bool        // the eyes are closed
	blinks   int
	glancing bool
}

func (w *walk) fail(f fault, at int) { w.fault, w.at = f, at }

// begin measures the beginning.
func (w *walk) begin(frames []observation) bool {
	first, seen := -1, 0
	var aspects []float64
	for i, o := range frames {
		if !o.seen {
			continue
		}
		if first < 0 {
			first = i
		}
		seen++
		aspects = append(aspects, o.aspect)
	}
	if first < 0 || float64(seen) < shareSeen*float64(len(frames)) {
		w.fail(faultLost, 0)
		return false
	}
	w.rest, w.open = first, median(aspects)
	var sum observation
	var gazes []float64
	n := 0.0
	for _, o := range frames[first:min(first+startFrames, len(frames))] {
		f := frames[first]
		if !o.seen || math.Abs(o.yaw-f.yaw) > startDegrees || math.Abs(o.up-f.up) > startDegrees || o.size > startGrowth*f.size || f.size > startGrowth*o.size {
			break
		}
		sum.yaw, sum.up, sum.size, n = sum.yaw+o.yaw, sum.up+o.up, sum.size+o.size, n+1
		if !math.IsNaN(o.gaze) {
			gazes = append(gazes, o.gaze)
		}
	}
	w.start = observation{yaw: sum.yaw / n, up: sum.up / n, size: sum.size / n}
	if len(gazes) > 0 {
		w.start.gaze = median(gazes)
	}
	if math.Abs(w.start.yaw) > startYaw || math.Abs(w.start.up) > startPitch || w.open < leastOpenAspect {
		w.fail(faultStart, first)
		return false
	}
	return true
}

// movement is how far the head is from rest, as a share of what its widest movement's action takes, and that action's own measure.
func (w *walk) movement(o observation) (action Action, share, measure float64) {
	yaw, up, growth := o.yaw-w.start.yaw, o.up-w.start.up, o.size/w.start.size
	action, share, measure = TurnLeft, yaw/turnDegrees, yaw
	if yaw < 0 {
		action, share, measure = TurnRight, -yaw/turnDegrees, -yaw
	}
	if k := up / upDegrees; k > share {
		action, share, measure = LookUp, k, up
	}
	if k := (growth - 1) / (closerGrowth - 1); k > share {
		action, share, measure = ComeCloser, k, growth
	}
	return action, share, measure
}

// atRest says whether head and distance are as they were at the beginning.
func (w *walk) atRest(o observation) bool {
	return math.Abs(o.yaw-w.start.yaw) <= backDegrees && math.Abs(o.up-w.start.up) <= backUp && o.size <= backGrowth*w.start.size
}

// see takes one frame.
func (w *walk) see(i int, o observation) {
	if w.atRest(o) {
		w.seeAtRest(i, o)
		w.away = 0
		return
	}
	w.away++
	w.shut = false // eyes that are not watched are not known to have been open
	action, share, measure := w.movement(o)
	if share < 1 {
		return
	}
	switch expected := w.expected(); {
	case w.moving && action != expected:
		// A wide movement may touch another bound at its end; what it was is decided by where it began.
		if w.measureOf(expected, o) < expected.bound() {
			w.saw = action
			w.fail(faultReturn, i)
		}
	case action != expected:
		w.saw = action
		w.fail(faultOther, i)
	default:
		s := &w.stages[w.next]
		if !w.moving {
			w.moving, s.from = true, i-w.away+1
		}
		if measure > s.measured {
			s.measured, s.peak = measure, i
		}
	}
}

// expected is the action that is being waited for or performed; "" after the last.
func (w *walk) expected() Action {
	if w.next < len(w.stages) {
		return w.stages[w.next].action
	}
	return ""
}

// measureOf is one action's own measure of a frame; 0 for those that are not movements of the head.
func (w *walk) measureOf(a Action, o observation) float64 {
	switch a {
	case TurnLeft:
		return o.yaw - w.start.yaw
	case TurnRight:
		return w.start.yaw - o.yaw
	case LookUp:
		return o.up - w.start.up
	case ComeCloser:
		return o.size / w.start.size
	}
	return 0
}

// seeAtRest takes a frame of a head at rest: it ends movements, and eyes are watched.
func (w *walk) seeAtRest(i int, o observation) {
	if w.moving {
		if w.away < framesOfMovement {
			w.fail(faultQuick, i)
			return
		}
		w.moving = false
		w.finish(i)
		return
	}
	switch a := w.expected(); a {
	case BlinkTwice:
		w.watchBlinks(i, o)
	case GlanceLeft, GlanceRight:
		w.watchGaze(i, o, a)
	}
}

// finish ends the stage that was waited for.
func (w *walk) finish(i int) {
	s := &w.stages[w.next]
	s.done, s.to = true, i
	w.next++
	w.shut, w.blinks, w.glancing = false, 0, false
}

// watchBlinks counts closings of the eyes that are followed by an opening.
func (w *walk) watchBlinks(i int, o observation) {
	s := &w.stages[w.next]
	closed := o.aspect < blinkShare*w.open || o.shut >= shutFrom && o.aspect < narrowShare*w.open
	switch {
	case closed && !w.shut:
		w.shut = true
		if s.from < 0 {
			s.from = i
		}
		s.peak = i
	case !closed && w.shut:
		w.shut = false
		w.blinks++
		if s.measured = float64(w.blinks); w.blinks == 2 {
			w.finish(i)
		}
	}
}

// watchGaze waits for eyes that look to one side, and then ahead again. Eyes that look to the other side, when one is asked for, are another action.
func (w *walk) watchGaze(i int, o observation, a Action) {
	if math.IsNaN(o.gaze) {
		return
	}
	s := &w.stages[w.next]
	offset, other := o.gaze-w.start.gaze, GlanceRight
	if a == GlanceRight {
		offset, other = -offset, GlanceLeft
	}
	switch {
	case offset >= glanceOffset:
		if !w.glancing {
			w.glancing, s.from = true, i
		}
		if offset > s.measured {
			s.measured, s.peak = offset, i
		}
	case offset <= -glanceOffset:
		w.saw = other
		w.fail(faultOther, i)
	case w.glancing && offset <= glanceBack:
		w.finish(i)
	}
}

// wants says whether a task has one of these actions; a nil task has none.
func (t *Task) wants(some ...Action) bool {
	return t != nil && slices.ContainsFunc(t.Actions, func(a Action) bool { return slices.Contains(some, a) })
}
