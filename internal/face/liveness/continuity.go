package liveness

import (
	"math"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// impression is a frame at a glance: enough to tell whether two frames are one picture, and whether they show one scene in one light.
type impression struct {
	width, height int // of the frame in pixels
	scene         *vision.RGB
	face          vision.Rect // in cells of the scene; empty where no face was found
	light         [2]float64  // red and blue of the face's middle over its green, as logarithms
	lit           bool        // light could be measured
}

const (
	// Cells of a scene's side. A cell of a phone's picture averages over a thousand pixels, so noise and compression change it by less than one grey level.
	impressionSide = 32
	// Two frames whose cells differ by less than this on the average are one picture that was compressed anew (measured 0.1 to 0.5 at JPEG
	// quality 70 to 95); a person who holds still before a fixed camera changes by about 1 between frames.
	copyLevels = 0.6
	// And the landmarks sit on the same places to within this share of the eye distance.
	copyShift = 0.012
	// So many copies in a row make a loop; one may be chance.
	loopRun = 3
	// A loop leaves its place in between: a person who does not move is no loop.
	loopDistance = 3 * copyLevels
	// Grey levels by which a scene behind the face changes at once when it is another one; a hand that shakes changes it by up to 10.
	sceneJump = 16.0
	// A change of light in one step that no lamp makes while the same scene stands behind: half of the way from daylight to tungsten.
	lightJump = 0.25
	// A jump also stands out of the steps around it by this factor, so that a person who walks does not jump.
	jumpFactor = 4.0
	// A head that turns back by more than this between two frames, and forth again in the next, zigzags.
	zigzagDegrees = 7.0
	// A frame or two of a recording may have landmarks that slipped: so many zigzags are a doubt, and more are another order.
	slips = 2
	// Cells about the face that are not background: hair, neck and shoulders, in face sizes.
	bodyFactor = 2.2
	// Fewer background cells than these say nothing.
	leastBackground = 64
)

// impress takes the impression of a frame. f is nil where no face was found.
func impress(p *vision.Pyramid, f *face.Face) impression {
	native := p.Native()
	m := impression{width: native.Width, height: native.Height, scene: p.Sample(native.Bounds(), impressionSide, impressionSide)}
	if f == nil || f.Landmarks == nil {
		return m
	}
	box := f.Landmarks.Bounds()
	sx, sy := impressionSide/float64(native.Width), impressionSide/float64(native.Height)
	m.face = vision.Rect{X0: box.X0 * sx, Y0: box.Y0 * sy, X1: box.X1 * sx, Y1: box.Y1 * sy}
	middle := box.Expand(0.5).Intersect(native.Bounds())
	if middle.Area() == 0 {
		return m
	}
	skin := p.Sample(middle, 8, 8)
	var sum [3]float64
	for i, v := range skin.Pix {
		sum[i%3] += float64(v)
	}
	if m.lit = sum[0] > 0 && sum[1] > 0 && sum[2] > 0; m.lit {
		m.light = [2]float64{math.Log(sum[0] / sum[1]), math.Log(sum[2] / sum[1])}
	}
	return m
}

// difference is the mean difference of two whole frames in grey levels; 255 where they are of different sizes.
func (m *impression) difference(n *impression) float64 {
	if m.width != n.width || m.height != n.height {
		return 255
	}
	sum := 0.0
	for i, v := range m.scene.Pix {
		sum += math.Abs(float64(v) - float64(n.scene.Pix[i]))
	}
	return sum / float64(len(m.scene.Pix))
}

// behind is the mean difference of what stands behind the persons, after the brightness of the whole is taken out; false where too little can be seen.
func (m *impression) behind(n *impression) (float64, bool) {
	if m.width != n.width || m.height != n.height || m.face.Area() == 0 || n.face.Area() == 0 {
		return 0, false
	}
	var cells []int
	a, b := m.face.Expand(bodyFactor), n.face.Expand(bodyFactor)
	a.Y1, b.Y1 = impressionSide, impressionSide // the body is below
	var sumA, sumB float64
	for y := range impressionSide {
		for x := range impressionSide {
			if holds(a, x, y) || holds(b, x, y) {
				continue
			}
			for c := range 3 {
				at := 3*(y*impressionSide+x) + c
				cells = append(cells, at)
				sumA, sumB = sumA+float64(m.scene.Pix[at]), sumB+float64(n.scene.Pix[at])
			}
		}
	}
	if len(cells) < 3*leastBackground || sumB == 0 {
		return 0, false
	}
	gain, sum := min(2, max(0.5, sumA/sumB)), 0.0
	for _, at := range cells {
		sum += math.Abs(float64(m.scene.Pix[at]) - gain*float64(n.scene.Pix[at]))
	}
	return sum / float64(len(cells)), true
}

func holds(r vision.Rect, x, y int) bool {
	cx, cy := float64(x)+0.5, float64(y)+0.5
	return cx >= r.X0 && cx <= r.X1 && cy >= r.Y0 && cy <= r.Y1
}

// lightStep is how much the colour of the light on the face changed, as a logarithm.
func (m *impression) lightStep(n *impression) (float64, bool) {
	if !m.lit || !n.lit {
		return 0, false
	}
	return math.Hypot(m.light[0]-n.light[0], m.light[1]-n.light[1]), true
}

// copies says whether two frames are one picture, perhaps compressed anew.
func (f *frame) copies(g *frame) bool {
	if f.glance.difference(&g.glance) > copyLevels {
		return false
	}
	a, b := f.subject(), g.subject()
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	sum := 0.0
	for i, p := range a.Landmarks.Points {
		sum += p.Distance(b.Landmarks.Points[i])
	}
	return sum/float64(len(a.Landmarks.Points)) <= copyShift*max(1, a.EyeDistance)
}

// subject is the face of a frame, nil where there is none that landmarks sit on.
func (f *frame) subject() *face.Face {
	if f.scene == nil || !f.scene.Face().Aligned() {
		return nil
	}
	return f.scene.Face()
}

// continuity checks that the frames are one recording in its own order. Frames that answer no challenge may have been taken one by one: where they do
// not belong together, somebody should look.
func continuity(frames []frame, t *trial) []ekyc.Check {
	background := backgroundCheck(frames)
	if t == nil {
		background.Severity = ekyc.SeverityMajor
	}
	return []ekyc.Check{sizesCheck(frames), loopCheck(frames), orderCheck(frames, t), background, lightCheck(frames)}
}

// sizesCheck wants frames of one size, as a recording has.
func sizesCheck(frames []frame) ekyc.Check {
	c := ekyc.Check{Name: "frames_alike", Status: ekyc.Pass, Severity: ekyc.SeverityMajor, Message: "all frames have one size"}
	for i := range frames {
		if f, first := &frames[i].glance, &frames[0].glance; f.width != first.width || f.height != first.height {
			c.Status, c.Message, c.Evidence = ekyc.Fail, "a frame has another size than the first", ekyc.Evidence{"frame": i}
			break
		}
	}
	return c
}

// loopCheck looks for parts that come again, forwards or backwards, after the person has moved: nobody takes the same places twice to a
// fraction of a pixel.
func loopCheck(frames []frame) ekyc.Check {
	c := ekyc.Check{Name: "frames_not_looped", Status: ekyc.Pass, Severity: ekyc.SeverityCritical, Message: "no part of the frames comes again"}
	n := len(frames)
	same := func(i, j int) bool { return i >= 0 && j < n && frames[i].copies(&frames[j]) }
	for i := range n {
		for j := i + 2; j < n; j++ {
			if !same(i, j) || !leaves(frames[i:j+1]) {
				continue
			}
			forwards, backwards := 1, 1
			for forwards < loopRun && i+forwards < j && same(i+forwards, j+forwards) {
				forwards++
			}
			for backwards < loopRun && i+backwards < j-backwards && same(i+backwards, j-backwards) {
				backwards++
			}
			if forwards >= loopRun || backwards >= loopRun {
				c.Status, c.Message = ekyc.Fail, "a part of the frames comes again"
				c.Evidence = ekyc.Evidence{"frame": i, "again_at": j, "backwards": backwards >= loopRun}
				return c
			}
		}
	}
	return c
}

// leaves says whether the picture goes away from the first frame before the last.
func leaves(frames []frame) bool {
	for i := range frames {
		if frames[0].glance.difference(&frames[i].glance) >= loopDistance {
			return true
		}
	}
	return false
}

// orderCheck counts how often the head goes forth and back within three frames. A head has mass, and a movement that a challenge asks for takes
// several frames (framesOfMovement): only within one, at its peak, the head turns back at once. Frames that were put into another order go forth
// and back everywhere. Where nobody asked for anything the frames may be seconds apart, and one in four may be such a turn.
func orderCheck(frames []frame, t *trial) ekyc.Check {
	c := ekyc.Check{Name: "frames_in_order", Status: ekyc.Pass, Severity: ekyc.SeverityCritical, Message: "the head moves as one with mass does"}
	var poses []pose
	for i := range frames {
		if f := frames[i].subject(); f != nil {
			poses = append(poses, pose{i, f.Pose.Yaw, f.Pose.Pitch})
		}
	}
	if len(poses) < 3 {
		c.Status, c.Message = ekyc.NotEvaluable, "too few frames show a face"
		return c
	}
	allowed := 0
	if t == nil {
		allowed = max(2, len(poses)/4)
	}
	zigzags := zigzags(poses, t)
	c.Evidence = ekyc.Evidence{"zigzags": zigzags, "allowed": allowed}
	if zigzags > allowed {
		c.Status, c.Message = ekyc.Fail, "the head goes forth and back as in frames that were put into another order"
		if zigzags <= slips || t == nil || !t.complete() { // what was not done is refused for that, and landmarks slip most in wide turns
			c.Severity = ekyc.SeverityMajor
		}
	}
	return c
}

// pose is where the head points in one frame, in degrees.
type pose struct {
	frame   int
	yaw, up float64
}

// zigzags counts the poses that lie beyond both of their neighbours by more than zigzagDegrees, outside the movements of a trial.
func zigzags(poses []pose, t *trial) (n int) {
	beyond := func(before, at, after float64) bool {
		return at-before > zigzagDegrees && at-after > zigzagDegrees || before-at > zigzagDegrees && after-at > zigzagDegrees
	}
	for i := 1; i+1 < len(poses); i++ {
		a, b, c := poses[i-1], poses[i], poses[i+1]
		if (beyond(a.yaw, b.yaw, c.yaw) || beyond(a.up, b.up, c.up)) && !t.moves(b.frame) {
			n++
		}
	}
	return n
}

// backgroundCheck looks for frames behind which another scene stands.
func backgroundCheck(frames []frame) ekyc.Check {
	c := ekyc.Check{Name: "background_consistent", Severity: ekyc.SeverityCritical}
	return jumpCheck(c, frames, sceneJump, (*impression).behind, "one scene stands behind the person", "another scene stands behind the person in some frames")
}

// lightCheck looks for frames in which another light falls on the face.
func lightCheck(frames []frame) ekyc.Check {
	c := ekyc.Check{Name: "light_consistent", Severity: ekyc.SeverityMajor}
	return jumpCheck(c, frames, lightJump, (*impression).lightStep, "one light falls on the face", "another light falls on the face in some frames")
}

// jumpCheck fails where a step between two frames is wide in itself and stands out of the others.
func jumpCheck(c ekyc.Check, frames []frame, limit float64, step func(a, b *impression) (float64, bool), good, bad string) ekyc.Check {
	var steps []float64
	var at []int
	last := -1
	for i := range frames {
		if frames[i].subject() == nil {
			continue
		}
		if last >= 0 {
			if d, ok := step(&frames[last].glance, &frames[i].glance); ok {
				steps, at = append(steps, d), append(at, i)
			}
		}
		last = i
	}
	if len(steps) == 0 {
		c.Status, c.Message = ekyc.NotEvaluable, "the frames do not show enough to compare"
		return c
	}
	usual, widest := median(steps), 0
	for i := range steps {
		if steps[i] > steps[widest] {
			widest = i
		}
	}
	bound := max(limit, jumpFactor*usual)
	c.Status, c.Message, c.Evidence = ekyc.Pass, good, ekyc.Evidence{"widest_step": steps[widest], "limit": bound}
	if steps[widest] > bound {
		c.Status, c.Message = ekyc.Fail, bad
		c.Evidence["frame"] = at[widest]
	}
	return c
}
