package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ekyc"
)

// bodies are the types that requests are decoded into.
var bodies = map[string]reflect.Type{
	"liveness-analyze": reflect.TypeFor[LivenessBody](), "document-ocr": reflect.TypeFor[OCRBody](), "document-validate": reflect.TypeFor[ValidateBody](),
	"face-match": reflect.TypeFor[MatchBody](), "kya-check": reflect.TypeFor[KYABody](), "kyc-verify": reflect.TypeFor[VerifyBody](),
	"subjects-create": reflect.TypeFor[NewSubjectBody](), "subjects-reference": reflect.TypeFor[ReferenceBody](), "keys-create": reflect.TypeFor[KeyBody](),
	"keys-rollover": reflect.TypeFor[OverlapBody](), "webhooks-create": reflect.TypeFor[EndpointBody](), "webhooks-update": reflect.TypeFor[EndpointPatch](),
	"webhooks-resend-many": reflect.TypeFor[ResendBody](), "session-open": reflect.TypeFor[LoginBody](), "operators-create": reflect.TypeFor[OperatorBody](),
	"operators-update": reflect.TypeFor[OperatorPatch](), "password-change": reflect.TypeFor[PasswordBody](), "totp-confirm": reflect.TypeFor[CodeBody](),
	"plans-put": reflect.TypeFor[PlanBody](), "tenants-create": reflect.TypeFor[TenantBody](), "tenants-update": reflect.TypeFor[TenantPatch](),
	"admin-keys-limits": reflect.TypeFor[KeyLimitsBody](), "admin-quota-set": reflect.TypeFor[LimitBody](),
}

// decoder decodes into one type and checks, as a route does.
type decoder struct {
	registry huma.Registry
	schemas  map[string]*huma.Schema
	words    []byte // everything that a message may take from the document
}

func newDecoder(t testing.TB) *decoder {
	t.Helper()
	d := &decoder{registry: newRegistry(), schemas: map[string]*huma.Schema{}}
	for name, kind := range bodies {
		d.schemas[name] = d.registry.Schema(kind, true, name+"-body")
	}
	document, err := render(d.registry)
	if err != nil {
		t.Fatal(err)
	}
	d.words = document
	for _, code := range ekyc.Codes {
		d.words = append(d.words, code.Code...)
	}
	return d
}

func (d *decoder) decode(name string, raw []byte) error {
	kind := bodies[name]
	into := reflect.New(kind).Interface()
	if err := decode(raw, into); err != nil {
		return err
	}
	return checkBody(d.registry, d.schemas[name], raw, into, hasImages(kind))
}

// FuzzBodies decodes anything into every type of body: it never panics, refuses with codes of the registry only, and no message or detail
// repeats a value that was sent.
func FuzzBodies(f *testing.F) {
	d := newDecoder(f)
	for name, example := range examples {
		raw, err := json.Marshal(example)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(bytes.ReplaceAll(raw, []byte("{{"), nil))
		f.Add(raw[:len(raw)/2])
		f.Add(append(raw[:len(raw)-1], []byte(`,"planted_value_1":{"planted":["planted_value_2"]}}`)...))
		_ = name
	}
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `"text"`, `1e999`, `{"a":1,"a":2}`, "{\"\xff\":1}", `{"metadata":{"planted_value_3":5}}`, `{"fields":{"planted value 4":"x"}}`,
		`{"fields":{"surname":{"value":"x","source":"planted_value_5"}}}`, `{"frames_base64":["planted_value_6",5]}`, `{"frames_base64":[]}`, `{"quotas":{"planted_value_7":-1}}`,
		`{"workflow":"planted_value_8"}`, `{"workflow":{"name":5}}`, `{"image_live_base64":"/9j/","hints":{"planted_value_9":true}}`, `{"expires_at":"planted_value_10"}`,
		`{"mrz":{"lines":["planted_value_11"]}}`, `{"endpoint_limits":{"planted_value_12":"planted_value_13"}}`, `{"mrz":{"zone":{"checks":[{"planted_value_14":1}]}}}`,
		strings.Repeat(`{"fields":`, 2000), strings.Repeat("[", 100000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name := range bodies {
			d.hold(t, name, raw, d.decode(name, raw))
		}
	})
}

// hold checks an error of the decoder.
func (d *decoder) hold(t *testing.T, name string, raw []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	p := problemOf(err, "")
	if ekyc.CodeOf(err) == ekyc.ErrInternal {
		t.Fatalf("%s: %v", name, err)
	}
	if info, known := p.ErrorBody.Error.Code.Info(); !known || info.Status/100 != 4 {
		t.Errorf("%s: the code %s", name, p.ErrorBody.Error.Code)
	}
	d.repeatsNothing(t, name, raw, p.ErrorBody.Error.Message)
	if p.ErrorBody.Error.Code != ekyc.ErrUnknownField { // whose details name the member, where it has the form of a name
		details, err := json.Marshal(p.ErrorBody.Error.Details)
		if err != nil {
			t.Fatal(err)
		}
		d.repeatsNothing(t, name, raw, string(details))
	}
}

// repeated is how long a piece of the input must be to count as repeated.
const repeated = 10

func (d *decoder) repeatsNothing(t *testing.T, name string, raw []byte, text string) {
	t.Helper()
	for i := 0; i+repeated <= len(text); i++ {
		piece := []byte(text[i : i+repeated])
		if bytes.Contains(raw, piece) && !bytes.Contains(d.words, piece) && !bytes.Contains(ours, piece) {
			t.Fatalf("%s: %q repeats %q of what was sent", name, text, piece)
		}
	}
}

// ours are texts of this package that fuzzing could find by itself.
var ours = []byte(`the body is empty; a JSON object is expected {"fields":[{"field":"/…","problem":"is "},{"field":"/ ","problem":"expected string is required expected length expected number expected array expected object expected boolean`)

// FuzzImage decodes any text as an image: no panic, one error, and what is accepted is written back as it was.
func FuzzImage(f *testing.F) {
	for _, text := range []string{"", "AA==", "/9j/4AAQ", "_9j_", "AAA", "AB==", "AA==\n", "====", "AAAAA===", "\xff\xff\xff\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var image Image
		err := image.UnmarshalText(text)
		want, wantErr := base64.StdEncoding.Strict().DecodeString(string(text))
		if strings.ContainsAny(string(text), "\r\n") {
			wantErr = errNotBase64
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, and the standard library %v", text, err, wantErr)
		}
		if err != nil {
			if err != errNotBase64 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !bytes.Equal(image, want) {
			t.Fatalf("%q is decoded to %x", text, image)
		}
		if again, err := image.MarshalText(); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%q is written as %q, %v", text, again, err)
		}
	})
}

func TestBodiesOfEveryExample(t *testing.T) {
	t.Parallel()
	d := newDecoder(t)
	for name, example := range examples {
		if _, known := bodies[name]; !known {
			continue // which shares its type with another
		}
		raw, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte(exampleSelfie), []byte("/9j/")), []byte(exampleFront), []byte("/9j/"))
		if err := d.decode(name, raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	d := newDecoder(t)
	for _, c := range []struct {
		name, raw string
		code      ekyc.ErrorCode
		field     string
	}{
		{"kya-check", ``, ekyc.ErrMalformedJSON, ""},
		{"kya-check", `{`, ekyc.ErrMalformedJSON, ""},
		{"kya-check", `{"email":"a","email":"b"}`, ekyc.ErrMalformedJSON, "/email"},
		{"kya-check", `{"email":"a"}{}`, ekyc.ErrMalformedJSON, ""},
		{"kya-check", `[]`, ekyc.ErrWrongType, "/"},
		{"kya-check", `{"email":5}`, ekyc.ErrWrongType, "/email"},
		{"kya-check", `{"names":{"surname":[]}}`, ekyc.ErrWrongType, "/names/surname"},
		{"kya-check", `{"e_mail":"a"}`, ekyc.ErrUnknownField, "/e_mail"},
		{"kya-check", `{"names":{"given":"a"}}`, ekyc.ErrUnknownField, "/names/given"},
		{"kya-check", `{"Somebody Somewhere":1}`, ekyc.ErrUnknownField, "/…"},
		{"kya-check", `{}`, ekyc.ErrMissingField, ""},
		{"kyc-verify", `{"metadata":{"somebody":5}}`, ekyc.ErrWrongType, "/metadata/…"},
		{"kyc-verify", `{"image_live_base64":"?"}`, ekyc.ErrInvalidBase64, "/image_live_base64"},
		{"kyc-verify", `{"frames_base64":["AA==","?"]}`, ekyc.ErrInvalidBase64, "/frames_base64/1"},
		{"kyc-verify", `{"frames_base64":["AA=="]}`, ekyc.ErrFramesCount, ""},
		{"kyc-verify", `{"image_live_base64":"AA==","image_front_base64":"AA==","country_hint":"auto","document_hint":"auto","workflow":"default"}`, "", ""},
		{"kyc-verify", `{"image_live_base64":"AA==","image_front_base64":"AA==","workflow":{"face_match":{"threshold":0.8}},"hints":{"pose":true}}`, "", ""},
		{"face-match", `{"image_live_base64":"AA==","image_document_base64":"AA==","threshold":0}`, ekyc.ErrInvalidArgument, ""},
		{"face-match", `{"image_live_base64":"AA==","image_document_base64":"AA==","threshold":0.5,"target_fmr":0}`, ekyc.ErrInvalidArgument, ""},
		{"face-match", `{"image_live_base64":"AA==","image_document_base64":"AA==","threshold":1}`, "", ""},
		{"face-match", `{"image_live_base64":"AA==","image_document_base64":"AA=="}`, "", ""},
		{"document-validate", `{"mrz":{"lines":["A","B"]}}`, "", ""},
		{"document-validate", `{"fields":{"surname":"A","sex":{"value":"F","source":"mrz","confidence":0.9}}}`, "", ""},
		{"document-validate", `{"fields":{"surname":{"value":"A","confidence":2}}}`, ekyc.ErrInvalidArgument, ""},
		{"liveness-analyze", `{"image_live_base64":""}`, "", ""}, // image_empty is the engine's to tell
	} {
		err := d.decode(c.name, []byte(c.raw))
		if ekyc.CodeOf(err) != c.code {
			t.Errorf("%s %s: %v, not %s", c.name, c.raw, err, c.code)
			continue
		}
		if err != nil && c.field != "" {
			if field := problemOf(err, "").ErrorBody.Error.Details["field"]; field != c.field {
				t.Errorf("%s %s: the field %v, not %s", c.name, c.raw, field, c.field)
			}
		}
	}
}
