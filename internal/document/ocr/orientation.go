package ocr

import (
	"context"

	"ekyc"
	"ekyc/internal/vision"
)

// orientationSide is the side of the square that a page is brought to, proportions not kept.
const orientationSide = 224

// Orientation tells by how many quarter turns a page is turned. It is safe for concurrent use.
type Orientation struct {
	session       *vision.Session
	normalisation vision.Normalisation
}

// NewOrientation makes it of a session whose input is [1, 3, 224, 224] and whose output is the probability of 0, 1, 2 and 3 quarter
// turns clockwise, [1, 4]. normalisation nil: PaddleClas's, which is that of the detectors.
func NewOrientation(session *vision.Session, normalisation *vision.Normalisation) *Orientation {
	if normalisation == nil {
		normalisation = imageNet()
	}
	return &Orientation{session, *normalisation}
}

// Turns gives the probability that the content of a quadrilateral (native coordinates) is turned clockwise by 0, 1, 2 and 3 quarter
// turns. Errors: ErrCancelled, ErrInternal.
func (o *Orientation) Turns(ctx context.Context, p *vision.Pyramid, q vision.Quad) ([4]float64, error) {
	m, ok := p.Rectify(q, orientationSide, orientationSide)
	if !ok {
		return [4]float64{0.25, 0.25, 0.25, 0.25}, nil
	}
	out, err := o.session.Run(ctx, vision.Planar(o.normalisation, m))
	if err != nil {
		return [4]float64{}, err
	}
	if len(out) == 0 || len(out[0].Data) != 4 {
		return [4]float64{}, ekyc.Errorf(ekyc.ErrInternal, "model %s does not give four classes", o.session.Name())
	}
	var turns [4]float64
	for i, v := range out[0].Data {
		turns[i] = float64(v)
	}
	return turns, nil
}
