package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ekyc"
	"ekyc/internal/face/liveness"
)

// Image is the bytes of a photograph, standard base64 in JSON. It decodes itself so that ten megabytes are read once.
type Image []byte

// Schema documents an image.
func (Image) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, ContentEncoding: "base64",
		Description: "A JPEG, PNG or WebP file in standard base64 (RFC 4648 section 4): at most 10 MB, 200 to 12,000 pixels a side (faces: from 48) and 40 megapixels.",
	}
}

// errNotBase64 is told apart from other faults of decoding.
var errNotBase64 = errors.New("not base64")

// UnmarshalText decodes standard base64 with padding; line breaks are not accepted.
func (i *Image) UnmarshalText(text []byte) error {
	if len(text)%4 != 0 {
		return errNotBase64
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if err != nil {
		return errNotBase64
	}
	*i = out[:n]
	return nil
}

// MarshalText is the reverse.
func (i Image) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(i))), i), nil
}

// decode reads strict JSON: one value, no unknown members, no member twice, valid UTF-8.
func decode(body []byte, into any) error {
	if len(body) == 0 {
		return ekyc.Errorf(ekyc.ErrMalformedJSON, "the body is empty; a JSON object is expected")
	}
	if len(body) >= longText {
		if l := lift(body); len(l.images) > 0 && l.decode(into) {
			return nil
		}
	}
	return decodeWhole(body, into)
}

func decodeWhole(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return ekyc.Errorf(ekyc.ErrMalformedJSON, "a member is given twice").With("field", known(string(fault.JSONPointer), into))
		}
		return ekyc.Errorf(ekyc.ErrMalformedJSON, "the body is not well-formed JSON at byte %d", fault.ByteOffset).With("offset", fault.ByteOffset)
	}
	fault, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return ekyc.Errorf(ekyc.ErrMalformedJSON, "the body cannot be read as JSON").Because(err)
	}
	pointer := known(string(fault.JSONPointer), into)
	switch {
	case errors.Is(err, errNotBase64):
		return ekyc.Errorf(ekyc.ErrInvalidBase64, "%s is not standard base64 with padding", pointer).With("field", pointer)
	case errors.Is(err, json.ErrUnknownName):
		return ekyc.Errorf(ekyc.ErrUnknownField, "the body has a member that this route does not know").With("field", unknown(string(fault.JSONPointer), into))
	default:
		return ekyc.Errorf(ekyc.ErrWrongType, "%s has another JSON type than this route expects", orRoot(pointer)).With("field", orRoot(pointer))
	}
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "/"
	}
	return pointer
}

// pointerOf turns huma's "body.friends[0].name" into "/friends/0/name"; parameters keep their name.
func pointerOf(location string) string {
	rest, isBody := strings.CutPrefix(location, "body")
	if !isBody {
		_, name, found := strings.Cut(location, ".")
		if found {
			return name
		}
		return location
	}
	return orRoot(strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(rest))
}

// validated is a body that knows how to check itself, beyond what its schema says; the fields are JSON pointers.
type validated interface{ problems() []FieldProblem }

// filmed is a body that may carry the frames of a recording.
type filmed interface{ frames() []Image }

// checkBody holds a decoded body against its own rules and its schema. Images are left out of it: that they are base64 is known once
// they are decoded, and ten megabytes need not be held against a pattern.
func checkBody(registry huma.Registry, schema *huma.Schema, raw []byte, body any, withImages bool) (err error) {
	if f, ok := body.(filmed); ok {
		if err := countFrames(f.frames()); err != nil {
			return err
		}
	}
	if v, ok := body.(validated); ok {
		if problems := v.problems(); len(problems) > 0 {
			return missingOr(refuseFields(problems))
		}
	}
	if withImages {
		if raw, err = json.Marshal(body, json.WithMarshalers(withoutImages)); err != nil {
			return fmt.Errorf("write a body down without its images: %w", err)
		}
	}
	var loose any
	if err := json.Unmarshal(raw, &loose); err != nil {
		return ekyc.Errorf(ekyc.ErrMalformedJSON, "the body cannot be read as JSON").Because(err)
	}
	result := &huma.ValidateResult{}
	path := huma.NewPathBuffer([]byte{}, 0)
	path.Push("body")
	huma.Validate(registry, schema, path, huma.ModeWriteToServer, loose, result)
	if len(result.Errors) == 0 {
		return nil
	}
	return missingOr(refuseFields(namedFields(problemsOf(result.Errors), body)))
}

// countFrames holds a recording to its length; nil frames are none.
func countFrames(frames []Image) error {
	if n := len(frames); frames != nil && (n < liveness.MinFrames || n > liveness.MaxFrames) {
		return ekyc.Errorf(ekyc.ErrFramesCount, "%d frames were sent; %d to %d are accepted", n, liveness.MinFrames, liveness.MaxFrames).With("frames", n)
	}
	return nil
}

// withoutImages writes a single byte in place of every image.
var withoutImages = json.MarshalFunc(func(Image) ([]byte, error) { return []byte(`"AA=="`), nil })

func namedFields(fields []FieldProblem, body any) []FieldProblem {
	for i := range fields {
		fields[i].Field = known(fields[i].Field, body)
	}
	return fields
}

// requiredProblem is how a missing member is told.
const requiredProblem = "is required"

// missingOr gives absence its own code when nothing else is wrong.
func missingOr(err *ekyc.Error) *ekyc.Error {
	fields, _ := err.Details["fields"].([]FieldProblem)
	for _, f := range fields {
		if !strings.HasSuffix(f.Problem, requiredProblem) && !strings.Contains(f.Problem, "expected required property") {
			return err
		}
	}
	err.Code = ekyc.ErrMissingField
	return err
}

// hasImages says whether a body type carries photographs.
func hasImages(t reflect.Type) bool {
	if t == reflect.TypeFor[Image]() {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return hasImages(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasImages(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
