package document

import (
	"context"

	"ekyc/internal/vision"
)

const (
	// A portrait's face is this wide beside the document's longer side; ghost images and holograms are smaller.
	leastFace, mostFace = 0.05, 0.45
	// portraitMargin: the crop is this many times the face's box, so that alignment and embedding have their surroundings.
	portraitMargin = 2.0
	// portraitSide bounds the crop; faces are embedded at 112 pixels, so more is of no use.
	portraitSide = 640
)

// findPortrait looks for the largest face on the rectified, upright image of a side and cuts it from native pixels.
func (r *Reader) findPortrait(ctx context.Context, p *vision.Pyramid, s *side) (*Portrait, error) {
	if r.models.Faces == nil {
		return nil, nil
	}
	faces, err := r.models.Faces(ctx, vision.NewPyramid(s.image))
	if err != nil {
		return nil, err
	}
	longer := max(s.image.Bounds().Width(), s.image.Bounds().Height())
	var best vision.Rect
	for _, f := range faces {
		if share := f.Width() / longer; share >= leastFace && share <= mostFace && f.Area() > best.Area() {
			best = f
		}
	}
	if best.Area() == 0 {
		return nil, nil
	}
	crop := best.Square().Expand(portraitMargin).Intersect(s.image.Bounds())
	quad := s.toNative.ApplyQuad(crop.Quad())
	size := min(portraitSide, max(quad.Width(), quad.Height()))
	k := size / max(crop.Width(), crop.Height())
	image, ok := p.Rectify(quad, max(8, int(crop.Width()*k)), max(8, int(crop.Height()*k)))
	if !ok {
		return nil, nil
	}
	face := vision.Rect{X0: (best.X0 - crop.X0) * k, Y0: (best.Y0 - crop.Y0) * k, X1: (best.X1 - crop.X0) * k, Y1: (best.Y1 - crop.Y0) * k}
	return &Portrait{Face: face, Region: Region{s.index, quad}, Image: image, onSide: best}, nil
}

// OnSide is the face's box in pixels of its side's rectified Image.
func (p *Portrait) OnSide() vision.Rect { return p.onSide }
