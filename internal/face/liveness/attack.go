package liveness

import (
	"context"
	"math"

	"ekyc"
	"ekyc/internal/vision"
)

// Kind says how an attack network is fed and read.
type Kind string

// The kinds that are known.
const (
	// KindCrop is a MiniFASNet: the face box with its surroundings at several scales, kept inside the picture, blue-green-red
	// bytes; one softmax, whose class LiveIndex is the living.
	KindCrop Kind = "crop"
	// KindTree is a deep tree network (Liu et al., Deep Tree Learning for Zero-shot Face Anti-Spoofing, 2019): the face alone;
	// per leaf a class value and the path's probability, whose product says how much of an attack it is.
	KindTree Kind = "tree"
)

// AttackModel is one network that looks for presentation attacks in a single picture.
type AttackModel struct {
	Session   *vision.Session
	Name      string // in the lock
	Kind      Kind
	Side      int       // of the input in pixels; 0 for the kind's own
	Scales    []float64 // KindCrop: sides of the crop in sides of the face box; nil for defaultScales
	LiveIndex int       // KindCrop: the softmax class of the living
	Weight    float64   // in the ensemble; 0 counts as the kind's own
	// LiveFrom is, for KindCrop, the softmax value from which the network's makers call a face living: there its evidence counts as undecided. 0 for the
	// shipped networks, whose mean was placed by the fusion.
	LiveFrom float64
	// Normalisation is, for KindCrop, how pixels become numbers; nil for blue-green-red bytes as they are.
	Normalisation *vision.Normalisation
	Interleaved   bool // KindCrop: the network's layout is NHWC instead of NCHW
}

const (
	cropSide   = 128
	treeSide   = 256
	treeSides  = 1.3 // of the face box, as the network's makers cut it
	treeMiddle = 0.2 // the makers' threshold
	// Answers closer to certainty than this are not told apart: a saturated network is not that much surer.
	surestAnswer = 0.0001
)

// defaultScales: 2.7 as the network's makers cut, and 1.7 for pictures that show little around the face. A single scale is
// fooled by what happens to lie at the crop's border.
var defaultScales = []float64{2.7, 1.7}

// score is the network's evidence for life as log odds: 0 undecided, positive live.
func (m AttackModel) score(ctx context.Context, p *vision.Pyramid, box vision.Rect) (float64, error) {
	switch m.Kind {
	case KindTree:
		return m.tree(ctx, p, box)
	default:
		return m.crops(ctx, p, box)
	}
}

// crops is the mean of the log odds over the scales and their mirror images.
func (m AttackModel) crops(ctx context.Context, p *vision.Pyramid, box vision.Rect) (float64, error) {
	scales := m.Scales
	if len(scales) == 0 {
		scales = defaultScales
	}
	side := m.Side
	if side == 0 {
		side = cropSide
	}
	sum := 0.0
	for _, scale := range scales {
		input := p.Sample(insideCrop(box, scale, p.Native().Bounds()), side, side)
		for _, view := range []*vision.RGB{input, input.Mirror()} {
			out, err := m.Session.Run(ctx, m.tensor(view))
			if err != nil {
				return 0, err
			}
			if len(out) != 1 || m.LiveIndex >= len(out[0].Data) {
				return 0, ekyc.Errorf(ekyc.ErrModelAltered, "the attack model %s does not have the outputs that are expected", m.Name)
			}
			sum += logOdds(vision.Softmax(out[0].Data)[m.LiveIndex])
		}
	}
	return sum / float64(2*len(scales)), nil
}

// tensor arranges the pixels of a crop as the network wants them.
func (m AttackModel) tensor(view *vision.RGB) vision.Tensor {
	n := vision.Normalisation{Std: [3]float32{1, 1, 1}, BGR: true}
	if m.Normalisation != nil {
		n = *m.Normalisation
	}
	if m.Interleaved {
		return vision.Interleaved(n, view)
	}
	return vision.Planar(n, view)
}

// tree is the log odds of the leaves' product against the makers' threshold.
func (m AttackModel) tree(ctx context.Context, p *vision.Pyramid, box vision.Rect) (float64, error) {
	input := p.Sample(box.Square().Expand(treeSides), treeSide, treeSide)
	out, err := m.Session.Run(ctx, vision.Interleaved(vision.UniformNormalisation(0, 255), input))
	if err != nil {
		return 0, err
	}
	if len(out) != 2 || len(out[0].Data) != len(out[1].Data) {
		return 0, ekyc.Errorf(ekyc.ErrModelAltered, "the attack model %s does not have the outputs that are expected", m.Name)
	}
	attack := 0.0
	for i, v := range out[0].Data {
		attack += math.Abs(float64(v)) * float64(out[1].Data[i])
	}
	return logOdds(treeMiddle) - logOdds(attack), nil
}

// insideCrop scales a box about its centre, shrinks the scale where the picture is too small and moves the crop inside, as
// Silent-Face does.
func insideCrop(box vision.Rect, scale float64, size vision.Rect) vision.Rect {
	scale = min(scale, (size.Width()-1)/box.Width(), (size.Height()-1)/box.Height())
	r := box.Expand(scale)
	dx := max(0, -r.X0) - max(0, r.X1-(size.Width()-1))
	dy := max(0, -r.Y0) - max(0, r.Y1-(size.Height()-1))
	return vision.Rect{X0: math.Floor(r.X0 + dx), Y0: math.Floor(r.Y0 + dy), X1: math.Floor(r.X1+dx) + 1, Y1: math.Floor(r.Y1+dy) + 1}.Intersect(size)
}

// logOdds is the logit of a probability, kept within what surestAnswer allows.
func logOdds(p float64) float64 {
	p = min(1-surestAnswer, max(surestAnswer, p))
	return math.Log(p / (1 - p))
}
