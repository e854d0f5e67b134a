package liveness

import (
	"cmp"
	"context"
	"crypto/sha256"
	"math"
	"slices"
	"sync"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

const (
	// As many of the best frames are examined for attacks; their median decides.
	examinedFrames = 5
	// As many frames, spread over the sequence, must show one person, and so must the best one, which speaks for the sequence.
	identityFrames = 3
	// Two frames of a sequence show one person when a false match at their cosine is rarer than this.
	identityFMR = 1e-3
	// A face that is turned away is less like itself, and is compared with the one that is not: a false match may be as likely as this.
	peakFMR = 1e-2
	// Frames are worked on side by side; more would only wait for the cores.
	simultaneousFrames = 2
)

// frame is what one frame of a sequence shows.
type frame struct {
	picture   *vision.Pyramid
	scene     *face.Scene // nil where no face was found
	quality   face.Quality
	gaze      *face.Gaze // nil where nobody asks, or the eyes do not show it
	shut      *float64   // probability that both eyes are closed; nil as above
	glance    impression
	duplicate bool
	seen      *look // nil where the frame was not examined closely
}

// active judges a sequence.
func (a *Analyzer) active(ctx context.Context, in Input) (*Result, error) {
	frames, err := a.readFrames(ctx, in.Frames)
	if err != nil {
		return nil, err
	}
	if err := a.watchEyes(ctx, frames, in.Task); err != nil {
		return nil, err
	}
	order := byQuality(frames)
	if len(order) == 0 {
		return nil, ekyc.Errorf(ekyc.ErrFaceNotFound, "no face was found in any of the %d frames", len(frames))
	}
	examined := order[:min(examinedFrames, len(order))]
	if err := side(len(examined), func(i int) (err error) {
		f := &frames[examined[i]]
		f.seen, err = a.look(ctx, f.picture, f.scene)
		return err
	}); err != nil {
		return nil, err
	}
	best := &frames[order[0]]
	r := &Result{Method: Active, Best: order[0], Scene: best.scene, Quality: best.quality, Evidence: best.seen.evidence}
	if r.Hints, err = a.measure(ctx, best.picture, best.scene); err != nil {
		return nil, err
	}
	motion := follow(frames)
	r.Hints.Blinks, r.Hints.YawRange, r.Hints.DepthSeen, r.Hints.MouthRange = &motion.blinks, &motion.yawRange, motion.depth, &motion.mouthRange
	trial := judge(frames, in.Task)
	identity, err := a.identityCheck(ctx, frames, r.Best, trial)
	if err != nil {
		return nil, err
	}
	r.Checks = slices.Concat(best.seen.checks(a.fusion, best.scene), motion.checks(), continuity(frames, trial), []ekyc.Check{identity})
	hints := hintChecks(in.Want, r.Hints, &motion)
	if trial != nil {
		r.Method = Challenge
		bind(hints)
		r.Checks = append(r.Checks, trial.checks()...)
	}
	score := refuted(medianScore(frames, examined, a.fusion), append(r.Checks, hints...))
	r.decide(a.fusion, score, best.seen.gate(), len(a.attacks) > 0)
	r.Checks = append(r.Checks, hints...)
	r.SpoofType = r.species()
	r.Frames = report(frames, a.fusion)
	return r, nil
}

// readFrames finds the subject of every frame. A frame without a face is kept as such.
func (a *Analyzer) readFrames(ctx context.Context, pictures []*vision.Pyramid) ([]frame, error) {
	frames := make([]frame, len(pictures))
	known := map[[sha256.Size]byte]bool{}
	for i, p := range pictures {
		sum := sha256.Sum256(p.Native().Pix)
		frames[i] = frame{picture: p, duplicate: known[sum]}
		known[sum] = true
	}
	err := side(len(frames), func(i int) error {
		f := &frames[i]
		scene, err := a.faces.Analyze(ctx, f.picture)
		if ekyc.CodeOf(err) == ekyc.ErrFaceNotFound {
			f.glance = impress(f.picture, nil)
			return nil
		}
		if err != nil {
			return err
		}
		f.scene, f.quality = scene, a.faces.Quality(f.picture, scene)
		f.glance = impress(f.picture, f.subject())
		return nil
	})
	return frames, err
}

// watchEyes takes from the frames what the task needs to know of the eyes, and from no more of them than it needs: where the head is about as it was in
// the first, where the eyes look; and of eyes that are narrower than usual, whether they are closed.
func (a *Analyzer) watchEyes(ctx context.Context, frames []frame, task *Task) error {
	var seen []*face.Face
	for i := range frames {
		if f := frames[i].subject(); f != nil {
			seen = append(seen, f)
		}
	}
	if len(seen) == 0 || !task.wants(BlinkTwice, GlanceLeft, GlanceRight) {
		return nil
	}
	first, open := seen[0], median(aspects(seen))
	return side(len(frames), func(i int) error {
		f, subject := &frames[i], frames[i].subject()
		if subject == nil {
			return nil
		}
		if task.wants(GlanceLeft, GlanceRight) && math.Abs(subject.Pose.Yaw-first.Pose.Yaw) <= backDegrees+startDegrees {
			gaze, ok, err := a.faces.Gaze(ctx, f.picture, subject)
			if err != nil {
				return err
			}
			if ok {
				f.gaze = &gaze
			}
		}
		if !task.wants(BlinkTwice) || (subject.Eyes.Left.AspectRatio+subject.Eyes.Right.AspectRatio)/2 >= narrowShare*open {
			return nil
		}
		shut, ok, err := a.faces.Shut(ctx, f.picture, subject)
		if ok {
			f.shut = &shut
		}
		return err
	})
}

// side runs work on 0 to n-1, a few at a time, and gives the first error.
func side(n int, work func(i int) error) error {
	var (
		group  sync.WaitGroup
		slots  = make(chan struct{}, simultaneousFrames)
		faults = make([]error, n)
	)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() { faults[i] = work(i); <-slots })
	}
	group.Wait()
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

// byQuality lists the frames that show a face, the best capture first.
func byQuality(frames []frame) []int {
	var order []int
	for i, f := range frames {
		if f.scene != nil && f.scene.Face().Aligned() {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(frames[j].quality.Score, frames[i].quality.Score) })
	return order
}

// medianScore is the median live score of the examined frames.
func medianScore(frames []frame, examined []int, f *Fusion) float64 {
	var scores []float64
	for _, i := range examined {
		scores = append(scores, frames[i].seen.score(f))
	}
	return median(scores)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// Bounds that failing checks put on the live score: a critical one is an attack, a major one of those that only a sequence
// allows needs a look.
const (
	scoreOfFault = 0.1
	scoreOfDoubt = 0.49
)

// doubtful are the major checks that a still cannot fail, and the hints that a challenge makes binding.
var doubtful = []string{
	"frames_distinct", "face_moves", "frames_alike", "frames_in_order", "background_consistent", "light_consistent", challengeCompleted, "pose", "head_movement", "blink", "gaze",
}

// refuted lowers the score to what failing checks allow; nothing raises it.
func refuted(score float64, checks []ekyc.Check) float64 {
	for _, c := range checks {
		switch {
		case c.Status != ekyc.Fail:
		case c.Severity == ekyc.SeverityCritical:
			score = min(score, scoreOfFault)
		case slices.Contains(doubtful, c.Name):
			score = min(score, scoreOfDoubt)
		}
	}
	return score
}

// identityCheck compares frames across the sequence: one person has to be seen in all of them. best is the frame that is compared
// with the document. Frames in which a challenge turns the head are compared with that one alone.
func (a *Analyzer) identityCheck(ctx context.Context, frames []frame, best int, t *trial) (ekyc.Check, error) {
	c := ekyc.Check{Name: "one_person", Status: ekyc.NotEvaluable, Severity: ekyc.SeverityCritical, Message: "the frames cannot be compared"}
	calibration := a.faces.Calibration()
	var shown []int
	for i, f := range frames {
		subject := f.subject()
		if subject == nil || t.moves(i) || t != nil && math.Abs(subject.Pose.Yaw-frames[best].subject().Pose.Yaw) > depthTurn {
			continue
		}
		shown = append(shown, i)
	}
	if calibration == nil || len(shown) < MinFrames {
		return c, nil
	}
	compared := spreadOver(shown, best)
	among := len(compared)
	for _, i := range t.peaks() {
		if !slices.Contains(compared, i) {
			compared = append(compared, i)
		}
	}
	n := len(compared)
	vectors := make([]face.Embedding, n)
	err := side(n, func(k int) (err error) {
		f := frames[compared[k]]
		vectors[k], err = a.faces.Embed(ctx, f.picture, f.scene.Face())
		return err
	})
	if err != nil {
		return c, err
	}
	lowest, turned := 1.0, 1.0
	for i := range vectors {
		for j := range i {
			switch cosine := face.Cosine(vectors[i], vectors[j]); {
			case i < among:
				lowest = min(lowest, cosine)
			case compared[j] == best:
				turned = min(turned, cosine)
			}
		}
	}
	limit, turnedLimit := calibration.CosineAtFMR(identityFMR), calibration.CosineAtFMR(peakFMR)
	c.Status, c.Message, c.Evidence = ekyc.Pass, "one person is seen in all frames", ekyc.Evidence{"lowest_cosine": lowest, "limit": limit, "frames": n}
	if n > among {
		c.Evidence["turned_cosine"], c.Evidence["turned_limit"] = turned, turnedLimit
	}
	if lowest < limit || turned < turnedLimit {
		c.Status, c.Message = ekyc.Fail, "different persons are seen in the frames"
	}
	return c, nil
}

// spreadOver chooses identityFrames of two or more frames, the first and the last among them, and the best.
func spreadOver(shown []int, best int) []int {
	n := min(identityFrames, len(shown))
	var chosen []int
	for k := range n {
		chosen = append(chosen, shown[k*(len(shown)-1)/(n-1)])
	}
	if !slices.Contains(chosen, best) {
		chosen = append(chosen, best)
	}
	return chosen
}

// report lists the frames.
func report(frames []frame, fusion *Fusion) []FrameResult {
	out := make([]FrameResult, len(frames))
	for i, f := range frames {
		out[i].Duplicate = f.duplicate
		if f.scene == nil {
			continue
		}
		subject := f.scene.Face()
		out[i].FaceFound, out[i].Pose, out[i].Quality = true, subject.Pose, f.quality.Score
		out[i].Openness = (subject.Eyes.Left.Openness + subject.Eyes.Right.Openness) / 2
		out[i].Gaze = f.gaze
		if subject.Landmarks != nil {
			out[i].Mouth = mouthOpening(subject.Landmarks)
		}
		if f.seen != nil {
			score := f.seen.score(fusion)
			out[i].LiveScore = &score
		}
	}
	return out
}
