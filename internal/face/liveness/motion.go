package liveness

import (
	"math"
	"slices"

	"ekyc"
	"ekyc/internal/face"
)

// motion is what moved over the frames of a sequence.
type motion struct {
	frames     int // that show a face
	duplicates int
	total      int
	blinks     int
	yawRange   float64 // degrees
	pitchRange float64
	mouthRange float64 // mouth widths
	travel     float64 // how far landmarks moved at least, in eye distances, after shift, turn and scale are taken out
	depth      *bool   // nil where the head turned too little to say
	flat       float64 // residual of the best homography over that of the best solid, at the widest turn
}

const (
	// Under this share of its own median an eye's aspect ratio is a blink (closed eyes measure about half of open ones).
	blinkShare = 0.6
	// An eye that is hardly open in the median proves no blink.
	leastOpenAspect = 0.18
	// A turn by which solid and flat can be told apart. The landmark model sees a head in any picture, so that even a sheet
	// turned by 50 degrees to both sides was measured to turn by 15 degrees at most (simulated on seven faces).
	depthTurn = 20.0 // degrees
	// Over this ratio of residuals the head moved as a solid, under its inverse as a flat picture; between them nobody can say.
	solidRatio = 1.3
	// Landmarks of a person who holds still move by more than this somewhere in a sequence (0.026 and more in sparse real
	// ones); those of one picture, shifted and compressed anew, tremble by 0.0025 to 0.01.
	stillTravel = 0.004
)

// follow measures a sequence.
func follow(frames []frame) motion {
	m := motion{total: len(frames)}
	var seen []*face.Face
	for _, f := range frames {
		if f.duplicate {
			m.duplicates++
		}
		if f.scene != nil && f.scene.Face().Aligned() {
			seen = append(seen, f.scene.Face())
		}
	}
	if m.frames = len(seen); m.frames < MinFrames {
		return m
	}
	m.blinks = countBlinks(aspects(seen))
	byYaw := func(a, b *face.Face) int {
		if a.Pose.Yaw < b.Pose.Yaw {
			return -1
		}
		return 1
	}
	left, right := slices.MinFunc(seen, byYaw), slices.MaxFunc(seen, byYaw)
	m.yawRange = right.Pose.Yaw - left.Pose.Yaw
	up, down := math.Inf(1), math.Inf(-1)
	shut, wide := math.Inf(1), 0.0
	for i, f := range seen {
		up, down = min(up, f.Pose.Pitch), max(down, f.Pose.Pitch)
		shut, wide = min(shut, mouthOpening(f.Landmarks)), max(wide, mouthOpening(f.Landmarks))
		if i > 0 {
			m.travel = max(m.travel, shapeTravel(seen[i-1].Landmarks, f.Landmarks))
		}
	}
	m.pitchRange, m.mouthRange = down-up, wide-shut
	if m.yawRange >= depthTurn {
		m.flat, m.depth = solidity(left.Landmarks, right.Landmarks)
	}
	return m
}

// Points of the mesh about the mouth (canonical_face_model_uv_visualization of MediaPipe): middle of the inner lips, and the corners.
const (
	meshUpperLip    = 13
	meshLowerLip    = 14
	meshMouthCorner = 61
	meshMouthOther  = 291
)

// mouthOpening is the gap between the lips over the width of the mouth.
func mouthOpening(l *face.Landmarks) float64 {
	width := l.Points[meshMouthCorner].Distance(l.Points[meshMouthOther])
	if width == 0 {
		return 0
	}
	return l.Points[meshUpperLip].Distance(l.Points[meshLowerLip]) / width
}

// aspects is the mean eye aspect ratio of each frame.
func aspects(seen []*face.Face) []float64 {
	out := make([]float64, len(seen))
	for i, f := range seen {
		out[i] = (f.Eyes.Left.AspectRatio + f.Eyes.Right.AspectRatio) / 2
	}
	return out
}

// countBlinks counts how often the eyes close and open again: a run of low aspect ratios with open eyes before and after.
func countBlinks(aspects []float64) int {
	open := median(aspects)
	if open < leastOpenAspect {
		return 0
	}
	blinks, opened, closed := 0, false, false
	for _, a := range aspects {
		switch {
		case a < blinkShare*open:
			closed = opened
		case closed:
			blinks++
			closed = false
			opened = true
		default:
			opened = true
		}
	}
	return blinks
}

// checks tells what the sequence shows.
func (m motion) checks() []ekyc.Check {
	distinct := ekyc.Check{Name: "frames_distinct", Status: ekyc.Pass, Severity: ekyc.SeverityMajor, Message: "all frames are different pictures",
		Evidence: ekyc.Evidence{"frames": m.total, "duplicates": m.duplicates}}
	if m.duplicates > 0 {
		distinct.Status, distinct.Message = ekyc.Fail, "some frames are copies of others"
	}
	if m.duplicates == m.total-1 {
		distinct.Severity, distinct.Message = ekyc.SeverityCritical, "all frames are copies of one picture"
	}
	moves := ekyc.Check{Name: "face_moves", Status: ekyc.Pass, Severity: ekyc.SeverityMajor, Message: "the face changes as a living one does",
		Evidence: ekyc.Evidence{"travel": m.travel, "limit": stillTravel}}
	switch {
	case m.frames < MinFrames:
		moves.Status, moves.Message = ekyc.NotEvaluable, "too few frames show a face"
	case m.travel < stillTravel && m.blinks == 0:
		moves.Status, moves.Message = ekyc.Fail, "the face is as still as a picture"
	}
	depth := ekyc.Check{Name: "head_is_solid", Status: ekyc.NotEvaluable, Severity: ekyc.SeverityCritical,
		Message: "the head turns too little to tell a solid from a flat picture", Evidence: ekyc.Evidence{"yaw_range": m.yawRange, "needed": depthTurn}}
	if m.depth != nil {
		depth.Status, depth.Message = ekyc.Pass, "the face moves as a solid head does"
		depth.Evidence = ekyc.Evidence{"yaw_range": m.yawRange, "residual_ratio": m.flat, "solid_from": solidRatio}
		if !*m.depth {
			depth.Status, depth.Message = ekyc.Fail, "the face moves as a flat picture does"
		}
	}
	return []ekyc.Check{distinct, moves, depth}
}

// Bounds of the hints that can be proven.
const (
	hintTurn    = 10.0 // degrees of yaw or pitch over the frames that count as a movement of the head
	hintFrontal = 25.0 // degrees up to which a still shows the face from the front
)

// hintChecks answers what the caller asked to see. A still proves no movement: what needs one is not evaluable there.
func hintChecks(want Hints, seen Measured, m *motion) []ekyc.Check {
	var checks []ekyc.Check
	still := func(name, what string) ekyc.Check {
		return ekyc.Check{Name: name, Status: ekyc.NotEvaluable, Severity: ekyc.SeverityInfo, Message: "a single picture cannot prove " + what + "; send frames"}
	}
	proven := func(name string, holds bool, good, bad string, evidence ekyc.Evidence) ekyc.Check {
		c := ekyc.Check{Name: name, Status: ekyc.Pass, Severity: ekyc.SeverityMinor, Message: good, Evidence: evidence}
		if !holds {
			c.Status, c.Message = ekyc.Warn, bad
		}
		return c
	}
	if want.Pose {
		frontal := math.Abs(seen.Pose.Yaw) <= hintFrontal && math.Abs(seen.Pose.Pitch) <= hintFrontal
		checks = append(checks, proven("pose", frontal, "the face looks at the camera", "the face is turned away from the camera",
			ekyc.Evidence{"yaw": seen.Pose.Yaw, "pitch": seen.Pose.Pitch, "roll": seen.Pose.Roll}))
		if m == nil {
			checks = append(checks, still("head_movement", "a movement of the head"))
		} else {
			checks = append(checks, proven("head_movement", max(m.yawRange, m.pitchRange) >= hintTurn, "the head moved", "the head did not move",
				ekyc.Evidence{"yaw_range": m.yawRange, "pitch_range": m.pitchRange, "needed": hintTurn}))
		}
	}
	if want.Blink {
		if m == nil {
			checks = append(checks, still("blink", "a blink"))
		} else {
			checks = append(checks, proven("blink", m.blinks > 0, "a blink was seen", "no blink was seen", ekyc.Evidence{"blinks": m.blinks}))
		}
	}
	if want.Gaze {
		if seen.Gaze == nil {
			checks = append(checks, ekyc.Check{Name: "gaze", Status: ekyc.NotEvaluable, Severity: ekyc.SeverityInfo, Message: "the eyes do not show where they look"})
		} else {
			checks = append(checks, proven("gaze", math.Abs(seen.Gaze.X) <= straightGaze, "the eyes look at the camera", "the eyes look to the side",
				ekyc.Evidence{"x": seen.Gaze.X, "y": seen.Gaze.Y}))
		}
	}
	return checks
}

// straightGaze is the offset of the irises, in eye widths, up to which the eyes look ahead; side glances measure 0.10 and more.
const straightGaze = 0.10
