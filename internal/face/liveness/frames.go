package liveness

import (
	"cmp"
	"context"
	"crypto/sha256"
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
	// Frames are worked on side by side; more would only wait for the cores.
	simultaneousFrames = 2
)

// frame is what one frame of a sequence shows.
type frame struct {
	picture   *vision.Pyramid
	scene     *face.Scene // nil where no face was found
	quality   face.Quality
	duplicate bool
	seen      *look // nil where the frame was not examined closely
}

// active judges a sequence.
func (a *Analyzer) active(ctx context.Context, in Input) (*Result, error) {
	frames, err := a.readFrames(ctx, in.Frames)
	if err != nil {
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
	r.Hints.Blinks, r.Hints.YawRange, r.Hints.DepthSeen = &motion.blinks, &motion.yawRange, motion.depth
	identity, err := a.identityCheck(ctx, frames, r.Best)
	if err != nil {
		return nil, err
	}
	r.Checks = append(best.seen.checks(a.fusion, best.scene), motion.checks()...)
	r.Checks = append(r.Checks, identity)
	score := refuted(medianScore(frames, examined, a.fusion), r.Checks)
	r.decide(a.fusion, score, best.seen.gate(), len(a.attacks) > 0)
	r.Checks = append(r.Checks, hintChecks(in.Want, r.Hints, &motion)...)
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
			return nil
		}
		if err != nil {
			return err
		}
		f.scene, f.quality = scene, a.faces.Quality(f.picture, scene)
		return nil
	})
	return frames, err
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

// doubtful are the major checks that a still cannot fail.
var doubtful = []string{"frames_distinct", "face_moves"}

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
// with the document.
func (a *Analyzer) identityCheck(ctx context.Context, frames []frame, best int) (ekyc.Check, error) {
	c := ekyc.Check{Name: "one_person", Status: ekyc.NotEvaluable, Severity: ekyc.SeverityCritical, Message: "the frames cannot be compared"}
	calibration := a.faces.Calibration()
	var shown []int
	for i, f := range frames {
		if f.scene != nil && f.scene.Face().Aligned() {
			shown = append(shown, i)
		}
	}
	if calibration == nil || len(shown) < MinFrames {
		return c, nil
	}
	compared := spreadOver(shown, best)
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
	lowest := 1.0
	for i := range vectors {
		for j := range i {
			lowest = min(lowest, face.Cosine(vectors[i], vectors[j]))
		}
	}
	limit := calibration.CosineAtFMR(identityFMR)
	c.Status, c.Message, c.Evidence = ekyc.Pass, "one person is seen in all frames", ekyc.Evidence{"lowest_cosine": lowest, "limit": limit, "frames": n}
	if lowest < limit {
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
		if f.seen != nil {
			score := f.seen.score(fusion)
			out[i].LiveScore = &score
		}
	}
	return out
}
