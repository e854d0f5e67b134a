package api

import (
	"reflect"
	"testing"

	"ekyc"
	"ekyc/internal/vision"
)

func TestEveryImageOfABodyIsFound(t *testing.T) {
	t.Parallel()
	one, two := Image("one"), Image("two")
	for name, c := range map[string]struct {
		body any
		want map[string]vision.Limits
	}{
		"verification": {&VerifyBody{ImageLive: one, Frames: []Image{one, two}, DocumentImages: DocumentImages{ImageFront: one, ImageBack: two}}, map[string]vision.Limits{
			"/image_live_base64": vision.SceneLimits, "/frames_base64/0": vision.SceneLimits, "/frames_base64/1": vision.SceneLimits,
			"/image_front_base64": vision.SceneLimits, "/image_back_base64": vision.SceneLimits}},
		"faces":           {&MatchBody{ImageLive: one, ImageDocument: two}, map[string]vision.Limits{"/image_live_base64": vision.FaceCropLimits, "/image_document_base64": vision.FaceCropLimits}},
		"reference":       {&ReferenceBody{Reference: one}, map[string]vision.Limits{"/image_reference_base64": vision.FaceCropLimits}},
		"what is ignored": {&ValidateBody{Images: &OCRImages{FaceCrop: one}, DocumentImages: DocumentImages{ImageFront: two}}, map[string]vision.Limits{"/image_front_base64": vision.SceneLimits}},
		"a page":          {&picturesBody{ImageLive: one, Frames: []Image{two}, ImageFront: one}, map[string]vision.Limits{"/image_live_base64": vision.SceneLimits, "/frames_base64/0": vision.SceneLimits, "/image_front_base64": vision.SceneLimits}},
		"no images":       {&KYABody{}, map[string]vision.Limits{}},
	} {
		got := map[string]vision.Limits{}
		eachImage(reflect.ValueOf(c.body), "", vision.SceneLimits, func(image *Image, pointer string, limits vision.Limits) {
			if *image != nil {
				got[pointer] = limits
			}
		})
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRoutesWithImagesTellTheGatesErrors(t *testing.T) {
	t.Parallel()
	given := []ekyc.ErrorCode{ekyc.ErrFaceNotFound, ekyc.ErrImageCorrupt}
	if got := withGateErrors(given, reflect.TypeFor[KYABody]()); len(got) != len(given) {
		t.Errorf("without images: %v", got)
	}
	if got := withGateErrors(given, reflect.TypeFor[VerifyBody]()); len(got) != len(gateErrors)+1 {
		t.Errorf("with images: %v", got)
	}
}
