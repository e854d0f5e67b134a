package ocr

import (
	"context"

	"ekyc"
	"ekyc/internal/vision"
)

// Size of the crops that the direction network takes (PaddleOCR: cls_image_shape).
const directionWidth, directionHeight = 192, 48

// Direction tells whether lines of text stand on their head. It is safe for concurrent use.
type Direction struct{ session *vision.Session }

// NewDirection makes it of a session whose input is [lines, 3, 48, 192] and whose output is [lines, 2]: upright, upside down.
func NewDirection(session *vision.Session) *Direction { return &Direction{session} }

// UpsideDown gives for each quadrilateral (native coordinates) the probability that the text in it stands on its head.
// Errors: ErrCancelled, ErrInternal.
func (d *Direction) UpsideDown(ctx context.Context, p *vision.Pyramid, quads []vision.Quad) ([]float64, error) {
	var crops []*vision.RGB
	for _, q := range quads {
		width := min(directionWidth, max(directionHeight, int(directionHeight*q.Width()/max(1, q.Height()))))
		m, ok := p.Rectify(q, width, directionHeight)
		if !ok {
			m = vision.NewRGB(width, directionHeight)
		}
		crops = append(crops, pad(m, directionWidth))
	}
	if len(crops) == 0 {
		return nil, nil
	}
	n := vision.UniformNormalisation(127.5, 127.5)
	n.BGR = true
	out, err := d.session.Run(ctx, vision.Planar(n, crops...))
	if err != nil {
		return nil, err
	}
	if len(out) == 0 || len(out[0].Data) != 2*len(quads) {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "model %s does not give two classes a line", d.session.Name())
	}
	result := make([]float64, len(quads))
	for i := range result {
		result[i] = float64(out[0].Data[2*i+1])
	}
	return result, nil
}
