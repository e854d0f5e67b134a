package api

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/vision"
)

// gateTag, on a member of a body that is or holds images, says how the gate takes them: "face" for pictures that may be no more than a face, "-" for what is
// neither looked at nor kept. All others are whole scenes.
const gateTag = "gate"

// gateErrors are those of every route that takes images.
var gateErrors = []ekyc.ErrorCode{
	ekyc.ErrImageEmpty, ekyc.ErrImageTooLarge, ekyc.ErrImageTypeUnsupported, ekyc.ErrImageCorrupt, ekyc.ErrImageDimensions, ekyc.ErrImageForeignContent,
	ekyc.ErrMalwareDetected, ekyc.ErrUnavailable,
}

// withGateErrors adds the codes that a body of this type can be refused with.
func withGateErrors(codes []ekyc.ErrorCode, body reflect.Type) []ekyc.ErrorCode {
	if !hasImages(body) {
		return codes
	}
	codes = slices.Clip(codes)
	for _, code := range gateErrors {
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// screen takes every image of a body through the gate, and leaves its clean file in the body. A route cannot forget it: see handle.
func (s *Server) screen(ctx context.Context, body any) error {
	var images []*Image
	var uploads []*gate.Upload
	eachImage(reflect.ValueOf(body), "", vision.SceneLimits, func(image *Image, pointer string, limits vision.Limits) {
		if *image == nil { // it was not given
			return
		}
		images = append(images, image)
		uploads = append(uploads, &gate.Upload{Name: pointer, Limits: limits, Data: *image})
	})
	if len(uploads) == 0 {
		return nil
	}
	if err := s.Gate.Admit(ctx, uploads); err != nil {
		return err
	}
	for i, image := range images {
		*image = uploads[i].Data
	}
	return nil
}

// eachImage walks a body.
func eachImage(v reflect.Value, pointer string, limits vision.Limits, visit func(*Image, string, vision.Limits)) {
	if v.Type() == reflect.TypeFor[Image]() {
		visit(v.Addr().Interface().(*Image), pointer, limits)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachImage(v.Elem(), pointer, limits, visit)
		}
	case reflect.Slice:
		if hasImages(v.Type()) {
			for i := range v.Len() {
				eachImage(v.Index(i), pointer+"/"+strconv.Itoa(i), limits, visit)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			how := field.Tag.Get(gateTag)
			if how == "-" || !hasImages(field.Type) {
				continue
			}
			within, at := limits, pointer
			if how == "face" {
				within = vision.FaceCropLimits
			}
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				at += "/" + name
			}
			eachImage(v.Field(i), at, within, visit)
		}
	}
}
