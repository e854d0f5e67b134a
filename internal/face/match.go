package face

import (
	"context"
	"errors"
	"sync"

	"ekyc"
	"ekyc/internal/vision"
)

// Options choose the threshold of a comparison.
type Options struct {
	Threshold float64 // similarity, above 0 to 1; 0 for DefaultThreshold
	TargetFMR float64 // above 0 and below 1: the threshold is the point of this false match rate, whatever Threshold says
}

// Match is the outcome of a comparison.
type Match struct {
	Match          bool    `json:"match"`
	Similarity     float64 `json:"similarity"` // calibrated, 0 to 1
	Threshold      float64 `json:"threshold"`  // similarity
	Cosine         float64 `json:"cosine"`
	FMRAtThreshold float64 `json:"fmr_at_threshold"`
	Uncertain      bool    `json:"uncertain"`    // between FMR 1 in 100 and the threshold: no match, but a person should look
	SamePicture    bool    `json:"same_picture"` // both sides are one picture, or copies of one: that proves nothing about the person who sent it
}

// uncertainFMR is the false match rate from which a pair that does not match is worth a person's look.
const uncertainFMR = 0.01

// Sample is the subject of one picture, ready to be compared.
type Sample struct {
	Scene     *Scene    `json:"-"`
	Face      *Face     `json:"face"`
	Quality   Quality   `json:"quality"`
	Embedding Embedding `json:"-"`
	Print     Print     `json:"-"` // of the picture, to tell copies from other pictures of the same person
}

// Comparison is a match with the two samples that it is about.
type Comparison struct {
	Match
	Live     *Sample `json:"live"`
	Document *Sample `json:"document"`
}

// Enrol finds, judges and embeds the subject of a picture. A competing face is a quality code; Scene.Single makes it an
// error. Errors: ErrFaceNotFound, ErrCancelled.
func (a *Analyzer) Enrol(ctx context.Context, p *vision.Pyramid) (*Sample, error) {
	scene, err := a.Analyze(ctx, p)
	if err != nil {
		return nil, err
	}
	return a.EnrolScene(ctx, p, scene)
}

// EnrolScene is Enrol for a picture that has been analysed.
func (a *Analyzer) EnrolScene(ctx context.Context, p *vision.Pyramid, scene *Scene) (*Sample, error) {
	embedding, err := a.Embed(ctx, p, scene.Face())
	if err != nil {
		return nil, err
	}
	return &Sample{Scene: scene, Face: scene.Face(), Quality: a.Quality(p, scene), Embedding: embedding, Print: printOf(p, scene.Face().Landmarks)}, nil
}

// Compare judges two embeddings. Errors: ErrInvalidArgument for embeddings of different models and for thresholds or rates
// outside their ranges.
func (a *Analyzer) Compare(x, y Embedding, o Options) (Match, error) {
	if a.calibration == nil {
		return Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "no embedding model is loaded")
	}
	if x.Model != y.Model || x.Model != a.modelID || len(x.Vector) != len(y.Vector) {
		return Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the embeddings come from different models and cannot be compared")
	}
	return a.calibration.Judge(Cosine(x, y), o)
}

// Judge decides on a cosine. Errors: ErrInvalidArgument.
func (c *Calibration) Judge(cosine float64, o Options) (Match, error) {
	threshold := o.Threshold
	switch {
	case o.TargetFMR < 0 || o.TargetFMR >= 1 || o.TargetFMR != o.TargetFMR:
		return Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the target false match rate must be above 0 and below 1")
	case !(threshold >= 0 && threshold <= 1):
		return Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the threshold must be above 0 and at most 1")
	case o.TargetFMR > 0 && o.TargetFMR < c.rarest():
		return Match{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the calibration of these models ends at a false match rate of %g; %g cannot be promised", c.rarest(), o.TargetFMR)
	case o.TargetFMR > 0:
		threshold = c.Similarity(c.CosineAtFMR(o.TargetFMR))
	case threshold == 0:
		threshold = DefaultThreshold
	}
	m := Match{Similarity: c.Similarity(cosine), Threshold: threshold, Cosine: cosine, FMRAtThreshold: c.FMRAt(c.CosineAt(threshold))}
	m.Match = m.Similarity >= m.Threshold
	m.Uncertain = !m.Match && cosine >= c.CosineAtFMR(uncertainFMR)
	return m, nil
}

// Match compares the subject of a live picture with that of a document or reference picture. Errors: those of Enrol,
// ErrFacesMultiple and ErrInvalidArgument, with the detail "side" (live or document) where one picture is at fault.
func (a *Analyzer) Match(ctx context.Context, live, document *vision.Pyramid, o Options) (*Comparison, error) {
	var (
		samples [2]*Sample
		faults  [2]error
		group   sync.WaitGroup
	)
	for i, p := range []*vision.Pyramid{live, document} {
		group.Go(func() { samples[i], faults[i] = a.single(ctx, p) })
	}
	group.Wait()
	for i, side := range []string{"live", "document"} {
		if faults[i] != nil {
			return nil, onSide(faults[i], side)
		}
	}
	m, err := a.Compare(samples[0].Embedding, samples[1].Embedding, o)
	if err != nil {
		return nil, err
	}
	return &Comparison{Match: m.Compared(samples[0].Print, samples[1].Print), Live: samples[0], Document: samples[1]}, nil
}

// single enrols a picture that must show one subject.
func (a *Analyzer) single(ctx context.Context, p *vision.Pyramid) (*Sample, error) {
	scene, err := a.Analyze(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := scene.Single(); err != nil {
		return nil, err
	}
	return a.EnrolScene(ctx, p, scene)
}

// onSide says in an error which of the two pictures it is about.
func onSide(err error, side string) error {
	if e, ok := errors.AsType[*ekyc.Error](err); ok {
		return e.With("side", side)
	}
	return err
}
