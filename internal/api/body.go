package api

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ekyc"
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

// readBody reads the whole body, at most limit bytes, before a deadline, and hashes it on the way.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, within time.Duration) ([]byte, [32]byte, error) {
	tooLarge := ekyc.Errorf(ekyc.ErrBodyTooLarge, "the body may have %d bytes", limit).With("max_bytes", limit)
	if r.ContentLength > limit {
		return nil, [32]byte{}, tooLarge
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(within)); err == nil {
		defer control.SetReadDeadline(time.Time{})
	}
	size := max(r.ContentLength, 0)
	body := make([]byte, 0, size+1) // one more, so that the end is seen without growing
	hash := sha256.New()
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Body.Read(body[len(body):min(cap(body), len(body)+readStep)])
		hash.Write(body[len(body) : len(body)+n])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, [32]byte{}, tooLarge
		case errors.Is(err, io.EOF):
			return body, [32]byte(hash.Sum(nil)), nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, [32]byte{}, ekyc.Errorf(ekyc.ErrRequestTimeout, "the body did not arrive within %s", within)
		case err != nil:
			return nil, [32]byte{}, ekyc.Errorf(ekyc.ErrBodyIncomplete, "the body ended early").Because(err)
		}
	}
}

// readStep keeps what was just read in the cache for the hash.
const readStep = 256 << 10

// decode reads strict JSON: one value, no unknown members, no member twice, valid UTF-8.
func decode(body []byte, into any) error {
	if len(body) == 0 {
		return ekyc.Errorf(ekyc.ErrMalformedJSON, "the body is empty; a JSON object is expected")
	}
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
	pointer := string(fault.JSONPointer)
	switch {
	case errors.Is(err, errNotBase64):
		return ekyc.Errorf(ekyc.ErrInvalidBase64, "%s is not standard base64 with padding", pointer).With("field", pointer)
	case errors.Is(err, json.ErrUnknownName):
		return ekyc.Errorf(ekyc.ErrUnknownField, "the body has a member that this route does not know").With("field", known(pointer, into))
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

// known cuts a pointer to a length that a name of a member can have. A client that mixes up name and value would otherwise find the value
// in its own logs.
func known(pointer string, _ any) string {
	const longest = 80
	if len(pointer) > longest {
		return strings.ToValidUTF8(pointer[:longest], "") + "…"
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

// checkBody holds a decoded body against its schema, and then against its own rules. Bodies with images skip the schema: their
// few other members are checked by themselves, and ten megabytes need not be held against a pattern.
func checkBody(registry huma.Registry, schema *huma.Schema, raw []byte, body any, skipSchema bool) error {
	if !skipSchema {
		var loose any
		if err := json.Unmarshal(raw, &loose); err != nil {
			return ekyc.Errorf(ekyc.ErrMalformedJSON, "the body cannot be read as JSON").Because(err)
		}
		result := &huma.ValidateResult{}
		path := huma.NewPathBuffer([]byte{}, 0)
		path.Push("body")
		huma.Validate(registry, schema, path, huma.ModeWriteToServer, loose, result)
		if len(result.Errors) > 0 {
			return missingOr(invalidFields(result.Errors))
		}
	}
	if v, ok := body.(validated); ok {
		if problems := v.problems(); len(problems) > 0 {
			return missingOr(refuseFields(problems))
		}
	}
	return nil
}

// requiredProblem is how a missing member is told.
const requiredProblem = "is required"

// missingOr gives absence its own code when nothing else is wrong.
func missingOr(err *ekyc.Error) *ekyc.Error {
	fields, _ := err.Details["fields"].([]FieldProblem)
	for _, f := range fields {
		if f.Problem != requiredProblem && !strings.Contains(f.Problem, "expected required property") {
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
