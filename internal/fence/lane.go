package fence

import (
	"context"
	"encoding/json"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

// lane is one class's way into the pool.
type lane struct {
	pool  *Pool
	class Class
}

// call sends a request and decodes the answer.
func call[T any](ctx context.Context, l lane, m method, request any, images ...upload) (*T, *frame, error) {
	if err := sized(images); err != nil {
		return nil, nil, err
	}
	blobs := make([][]byte, len(images))
	for i, image := range images {
		blobs[i] = image.data
	}
	data, err := json.Marshal(request)
	if err != nil {
		return nil, nil, ekyc.Errorf(ekyc.ErrInternal, "the request could not be written").Because(err)
	}
	f, err := l.pool.do(ctx, l.class, &frame{header: header{Kind: kindRequest, Method: m, Body: data}, blobs: blobs})
	if err != nil {
		return nil, nil, err
	}
	out := new(T)
	if err := json.Unmarshal(f.Body, out); err != nil {
		return nil, nil, ekyc.Errorf(ekyc.ErrInternal, "the vision engine gave an unexpected answer").Because(err)
	}
	return out, f, nil
}

// upload is one image with its name in error details.
type upload struct {
	name string
	data []byte
}

// sized refuses uploads that the engine would refuse for their size before they are sent. What else is wrong with an image is told by
// the child: here nobody looks into one.
func sized(images []upload) error {
	if n := len(images); n > liveness.MaxFrames {
		return ekyc.Errorf(ekyc.ErrFramesCount, "%d frames were sent; one picture or %d to %d frames are accepted", n, liveness.MinFrames, liveness.MaxFrames).
			With("frames", n)
	}
	for _, image := range images {
		if n, limit := len(image.data), vision.SceneLimits.MaxBytes; n > limit {
			return ekyc.Errorf(ekyc.ErrImageTooLarge, "the image has %d bytes; at most %d are accepted", n, limit).
				With("bytes", n).With("max_bytes", limit).With("image", image.name)
		}
	}
	return nil
}

// blob is the i-th image of an answer, nil where there is none.
func (f *frame) blob(i int) []byte {
	if i >= len(f.blobs) || len(f.blobs[i]) == 0 {
		return nil
	}
	return f.blobs[i]
}

func (l lane) Selfie(ctx context.Context, r engine.SelfieRequest) (*engine.SelfieOutcome, error) {
	frames := make([]upload, len(r.Frames))
	for i, data := range r.Frames {
		frames[i] = upload{"selfie", data}
	}
	r.Frames = nil
	o, f, err := call[engine.SelfieOutcome](ctx, l, methodSelfie, r, frames...)
	if err != nil {
		return nil, err
	}
	o.FaceCrop = f.blob(0)
	return o, cropped(o.FaceCrop, r.FaceCropSide)
}

// mostCrop is far above what such a JPEG has, bytes.
const mostCrop = 1 << 20

// cropped looks at a face that a child has cut out to be kept: it is a JPEG of no more than so many pixels a side, where that was said. Others will
// show what is kept.
func cropped(crop []byte, side int) error {
	if crop == nil || side <= 0 {
		return nil
	}
	info, err := vision.Inspect(crop, vision.Limits{MaxBytes: mostCrop, MaxSide: side, MaxPixels: side * side, MinSide: 1})
	if err != nil || info.Format != vision.JPEG {
		return ekyc.Errorf(ekyc.ErrInternal, "the vision engine gave an unexpected answer").Because(err)
	}
	return nil
}

func (l lane) Document(ctx context.Context, r engine.DocumentUpload) (*engine.DocumentOutcome, error) {
	front, back := r.Front, r.Back
	r.Front, r.Back = nil, nil
	o, f, err := call[engine.DocumentOutcome](ctx, l, methodDocument, r, upload{"front", front}, upload{"back", back})
	if err != nil {
		return nil, err
	}
	o.FaceCrop, o.DocumentImage = f.blob(0), f.blob(1)
	return o, cropped(o.FaceCrop, r.FaceCropSide)
}

func (l lane) MatchPhotos(ctx context.Context, live, reference []byte, o face.Options) (*engine.FaceComparison, error) {
	c, _, err := call[engine.FaceComparison](ctx, l, methodMatch, o, upload{"live", live}, upload{"document", reference})
	return c, err
}

func (l lane) Enrol(ctx context.Context, photo []byte) (*engine.FaceSample, error) {
	s, _, err := call[engine.FaceSample](ctx, l, methodEnrol, struct{}{}, upload{"photo", photo})
	return s, err
}

func (l lane) Sanitise(ctx context.Context, r engine.SanitiseRequest) (*engine.SanitiseOutcome, error) {
	image := r.Image
	r.Image = nil
	o, f, err := call[engine.SanitiseOutcome](ctx, l, methodSanitise, r, upload{"image", image})
	if err != nil {
		return nil, err
	}
	o.Image = f.blob(0)
	return o, nil
}

func (l lane) CompareSamples(ctx context.Context, a, b *engine.FaceSample, o face.Options) (face.Match, error) {
	inventory, err := l.Models(ctx)
	if err != nil {
		return face.Match{}, err
	}
	return inventory.Matcher.Compare(a, b, o)
}

// Models waits for the first child that has loaded its models.
func (l lane) Models(ctx context.Context) (*engine.Inventory, error) {
	if v := l.pool.inventory.Load(); v != nil {
		return v, nil
	}
	if err := l.pool.Ready(ctx); err != nil {
		return nil, err
	}
	return l.pool.inventory.Load(), nil
}
