package liveness

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// look is everything that one picture says about an attack.
type look struct {
	evidence map[string]float64
	networks []string // names of those that answered
	quality  face.Quality
	grid     bool // periodicity could be measured
	context  bool // enough of the scene was visible to look for edges
}

// look examines the subject of one picture: the networks beside the measurements, since each of them uses one core.
func (a *Analyzer) look(ctx context.Context, p *vision.Pyramid, scene *face.Scene) (*look, error) {
	var (
		group  sync.WaitGroup
		scores = make([]float64, len(a.attacks))
		faults = make([]error, len(a.attacks))
		box    = scene.Face().Box
	)
	for i, m := range a.attacks {
		group.Go(func() { scores[i], faults[i] = m.score(ctx, p, box) })
	}
	l := &look{evidence: map[string]float64{}, quality: a.faces.Quality(p, scene)}
	l.measure(p, scene)
	group.Wait()
	for i, m := range a.attacks {
		if faults[i] != nil {
			return nil, faults[i]
		}
		l.evidence[m.Name] = scores[i]
		l.networks = append(l.networks, m.Name)
	}
	sum, weights := 0.0, 0.0
	for i, m := range a.attacks {
		w := a.fusion.networkWeight(m)
		sum, weights = sum+w*a.fusion.ofNetwork(m, scores[i]), weights+w
	}
	if weights > 0 {
		l.evidence["networks"] = sum / weights
	}
	return l, nil
}

// measure takes the evidence that needs no network.
func (l *look) measure(p *vision.Pyramid, scene *face.Scene) {
	f := scene.Face()
	size := p.Native().Bounds()
	if skin := p.Native().Crop(centralSquare(f.Box, nativeWindow).Intersect(size)); skin != nil {
		if peak, ok := periodicity(skin.Gray()); ok {
			l.evidence["periodicity"], l.grid = peak, true
		}
	}
	if e, ok := enclose(p, f.Box, f.Pose.Roll); ok {
		l.evidence["enclosure"], l.context = e.third(), true
	}
	t := measureTone(p, f.Box)
	l.evidence["black"], l.evidence["gamut"], l.evidence["glare"] = t.Black, t.Gamut, t.Glare
	l.evidence["sharpness"] = l.quality.Measures.Sharpness
}

// nativeWindow is the side in native pixels of the patch in which grids are sought.
const nativeWindow = 256

// centralSquare is the middle of a box, at most side wide.
func centralSquare(box vision.Rect, side float64) vision.Rect {
	c, h := box.Center(), min(side, max(box.Width(), box.Height()))/2
	return vision.Rect{X0: c.X - h, Y0: c.Y - h, X1: c.X + h, Y1: c.Y + h}
}

// score is LiveScore of one picture.
func (l *look) score(f *Fusion) float64 { return f.score(l.evidence) }

// gate lists what about the capture forbids a verdict of life. It only ever withholds that verdict: a picture gains nothing
// by being sharp.
func (l *look) gate() []face.QualityCode {
	var codes []face.QualityCode
	for _, c := range []face.QualityCode{face.TooSmall, face.TooDark, face.Occluded, face.MouthCovered, face.Grey, face.Drawn} { // a camera gives colour, and skin
		if slices.Contains(l.quality.Codes, c) {
			codes = append(codes, c)
		}
	}
	if l.quality.Measures.Sharpness < gateSharpness {
		codes = append(codes, face.Blurred)
	}
	return codes
}

const (
	// Detail of the finest octave under which the networks are starved: a phone's picture of a face has 0.25 and more at the
	// 128 pixels at which it is measured.
	gateSharpness = 0.15
	// A grid on the face this many decades above its surroundings: the living of the tune half reach 1.43.
	screenPeriodicity = 1.75
	// Three sides with a straight edge over this share of their length: freely licensed photographs of groups reach 0.71.
	closedEnclosure = 0.85
)

// checks tells what was seen in one picture.
func (l *look) checks(f *Fusion, scene *face.Scene) []ekyc.Check {
	return []ekyc.Check{
		l.captureCheck(),
		subjectCheck(scene),
		l.networkCheck(f),
		bound("periodic_pattern", l.grid, l.evidence["periodicity"], screenPeriodicity, ekyc.SeverityCritical,
			"a regular grid lies over the face, as a screen or a halftone print gives", "no regular grid was seen on the face"),
		bound("enclosing_edges", l.context, l.evidence["enclosure"], closedEnclosure, ekyc.SeverityMajor,
			"straight edges enclose the face, as those of a screen or a sheet do", "no frame was seen around the face"),
	}
}

func (l *look) captureCheck() ekyc.Check {
	c := ekyc.Check{Name: "face_quality", Status: ekyc.Pass, Severity: ekyc.SeverityMinor, Message: "the capture is good enough for a verdict",
		Evidence: ekyc.Evidence{"score": l.quality.Score, "sharpness": l.quality.Measures.Sharpness, "eye_distance": l.quality.Measures.EyeDistance}}
	if gate := l.gate(); len(gate) > 0 {
		c.Status, c.Message = ekyc.Warn, "the capture is too poor for a verdict of life; take the picture again"
		c.Evidence["codes"] = gate
	}
	return c
}

func subjectCheck(scene *face.Scene) ekyc.Check {
	c := ekyc.Check{Name: "single_subject", Status: ekyc.Pass, Severity: ekyc.SeverityMinor, Message: "one person is clearly the subject",
		Evidence: ekyc.Evidence{"faces": len(scene.Faces), "competing": scene.Competing}}
	if scene.Competing > 0 {
		c.Status, c.Message = ekyc.Warn, "another face could as well be the subject"
	}
	return c
}

// networkCheck tells what the attack networks say.
func (l *look) networkCheck(f *Fusion) ekyc.Check {
	c := ekyc.Check{Name: "presentation_attack", Status: ekyc.Pass, Severity: ekyc.SeverityCritical, Message: "the networks see no attack", Evidence: ekyc.Evidence{}}
	if len(l.networks) == 0 {
		c.Status, c.Message = ekyc.NotExecuted, "no attack network is installed"
		return c
	}
	score := f.score(map[string]float64{"networks": l.evidence["networks"]})
	c.Evidence["live_score"] = score
	for _, name := range l.networks {
		c.Evidence[name] = l.evidence[name]
	}
	switch {
	case score < f.AttackBelow:
		c.Status, c.Message = ekyc.Fail, fmt.Sprintf("the networks see an attack: score %.2f < %.2f", score, f.AttackBelow)
	case score < f.LiveFrom:
		c.Status, c.Message = ekyc.Warn, fmt.Sprintf("the networks are not sure: score %.2f < %.2f", score, f.LiveFrom)
	}
	return c
}

// bound is a check of one measure against its limit.
func bound(name string, measured bool, value, limit float64, severity ekyc.Severity, bad, good string) ekyc.Check {
	c := ekyc.Check{Name: name, Status: ekyc.Pass, Severity: severity, Message: good, Evidence: ekyc.Evidence{"value": value, "limit": limit}}
	switch {
	case !measured:
		c.Status, c.Message, c.Evidence = ekyc.NotEvaluable, "the picture does not show enough to examine this", nil
	case value >= limit:
		c.Status, c.Message = ekyc.Fail, bad
	}
	return c
}
