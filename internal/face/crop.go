package face

import (
	"math"

	"ekyc/internal/vision"
)

// cropZoom is the share of a crop's side that ArcFace's frame takes: hair, chin and ears are in it.
const cropZoom = 0.6

// Crop shows the subject upright in a square of at most so many pixels a side, with hair and chin; it is not made larger than it is in the picture.
// nil where the landmarks do not sit on the face.
func (s *Scene) Crop(p *vision.Pyramid, most int) *vision.RGB {
	f := s.Face()
	if !f.Aligned() {
		return nil
	}
	t := templates[ArcFace112]
	native := t.fit(f.Landmarks).Scale() * float64(t.side) / cropZoom
	side := min(most, int(math.Ceil(native)))
	if side < 1 {
		return nil
	}
	return alignedView(p, f.Landmarks, side, cropZoom)
}
