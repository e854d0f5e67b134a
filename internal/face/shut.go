package face

import (
	"context"

	"ekyc/internal/vision"
)

// Shut is the eye network's probability, 0 to 1, that an eye is closed; that of the eye which is surer to be open. It is false without the network and
// where landmarks do not sit on the face. A single look mistakes narrow eyes and eyes that look down for closed ones: it is evidence
// beside what the eyes of the same person gave in other frames.
func (a *Analyzer) Shut(ctx context.Context, p *vision.Pyramid, f *Face) (float64, bool, error) {
	if a.models.EyeState == nil || !f.Aligned() {
		return 0, false, nil
	}
	right, err := a.eyeClosed(ctx, p, f.Landmarks, rightEyeMesh)
	if err != nil {
		return 0, false, err
	}
	left, err := a.eyeClosed(ctx, p, f.Landmarks, leftEyeMesh)
	return min(right, left), err == nil, err
}
