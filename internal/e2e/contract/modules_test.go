package contract

import (
	"encoding/base64"
	"net/http"
	"testing"

	"ekyc"
	"ekyc/internal/e2e"
)

// module is what the answers of all modules have.
type module struct {
	ProcessingMS float64 `json:"processing_ms"`
	Usage        struct {
		Module string
		Billed bool
	}
}

func (m module) check(t *testing.T, name string) {
	t.Helper()
	if m.Usage.Module != name || !m.Usage.Billed || m.ProcessingMS <= 0 {
		t.Errorf("%+v for %s", m, name)
	}
}

func statuses(list []ekyc.Check) map[string]ekyc.CheckStatus {
	out := map[string]ekyc.CheckStatus{}
	for _, c := range list {
		out[c.Name] = c.Status
	}
	return out
}

func TestLiveness(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	selfie, _ := e2e.Person(t)
	type answer struct {
		module
		IsLive    bool           `json:"is_live"`
		SpoofType ekyc.SpoofType `json:"spoof_type"`
		Live      float64        `json:"live_score"`
		Method    string
		Checks    []ekyc.Check
	}
	still := want[answer](t, c.test.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"image_live_base64": e2e.Base64(selfie), "hints": object{"pose": true, "blink": true}}), 200)
	still.check(t, "liveness")
	if !still.IsLive || still.SpoofType != ekyc.SpoofNone || still.Method != "passive" || still.Live < .5 {
		t.Errorf("the sample person: %+v", still)
	}
	if s := statuses(still.Checks); s["blink"] != ekyc.NotEvaluable {
		t.Errorf("a blink in one still is %q: %v", s["blink"], s)
	}
	recorded := want[answer](t, c.test.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"frames_base64": repeated(e2e.Base64(selfie), 3), "hints": object{"blink": true}}), 200)
	if s := statuses(recorded.Checks); s["blink"] == ekyc.Pass || recorded.Method == "passive" {
		t.Errorf("three equal frames: %s, blink %q", recorded.Method, s["blink"])
	}
	refused(t, "nobody", c.test.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"image_live_base64": blank()}), 422, "face_not_found")
}

func TestDocument(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	_, front := e2e.Person(t)
	a := c.test.Do(t, http.MethodPost, "/v1/document/ocr", object{"image_front_base64": e2e.Base64(front), "document_hint": "auto", "country_hint": "auto", "include_images": []string{"face_crop", "document"}})
	read := want[struct {
		module
		Detected struct{ Type, Country string }
		Fields   map[string]struct {
			Value, Source string
			Confidence    float64
		}
		MRZ    struct{ Lines []string }
		Images struct {
			FaceCrop string `json:"face_crop_base64"`
			Document string `json:"document_base64"`
		}
	}](t, a, 200)
	read.check(t, "ocr")
	if len(read.Fields) < 6 || read.Fields["document_number"].Value == "" || read.Fields["date_of_birth"].Source == "" || len(read.MRZ.Lines) == 0 {
		t.Errorf("the sample document is read as %+v", read)
	}
	for name, text := range map[string]string{"face crop": read.Images.FaceCrop, "document": read.Images.Document} {
		if b, err := base64.StdEncoding.DecodeString(text); err != nil || http.DetectContentType(b) != "image/jpeg" {
			t.Errorf("the %s is no JPEG", name)
		}
	}
	type verdict struct {
		module
		Valid      bool `json:"document_valid"`
		Confidence float64
		Checks     []ekyc.Check
	}
	validate := func(body any) verdict {
		v := want[verdict](t, c.test.Do(t, http.MethodPost, "/v1/document/validate", body), 200)
		v.check(t, "validate")
		if len(v.Checks) < 5 {
			t.Errorf("only %d checks", len(v.Checks))
		}
		return v
	}
	asItIs := validate(a.Body)
	if !asItIs.Valid {
		t.Errorf("what /document/ocr answered is not valid: %+v", asItIs)
	}
	pictures := validate(object{"image_front_base64": e2e.Base64(front)})
	if !pictures.Valid {
		t.Errorf("the pictures are not valid: %+v", pictures)
	}
	fields := object{}
	for key, f := range read.Fields {
		fields[key] = f.Value
	}
	bare := validate(object{"detected": object{"type": read.Detected.Type, "country": read.Detected.Country}, "fields": fields, "mrz": object{"lines": read.MRZ.Lines}})
	if !bare.Valid {
		t.Errorf("bare fields and lines are not valid: %+v", bare)
	}
	if s := statuses(bare.Checks); s["mrz_checksum"] != ekyc.Pass {
		t.Errorf("the check digits of the lines: %v", s)
	}
	altered := []byte(read.MRZ.Lines[1])
	altered[len(altered)-1] = map[bool]byte{true: '1', false: '0'}[altered[len(altered)-1] == '0']
	fraud := validate(object{"mrz": object{"lines": append([]string{read.MRZ.Lines[0], string(altered)}, read.MRZ.Lines[2:]...)}})
	if fraud.Valid {
		t.Errorf("a wrong check digit passes: %+v", statuses(fraud.Checks))
	}
	refused(t, "no document", c.test.Do(t, http.MethodPost, "/v1/document/ocr", object{"image_front_base64": blank()}), 422, "document_not_found")
}

func TestFaceMatch(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	selfie, front := e2e.Person(t)
	type answer struct {
		module
		Match                         bool
		Similarity, Threshold, Cosine float64
		FMR                           *float64 `json:"fmr_at_threshold"`
	}
	match := func(body object, status int) answer {
		return want[answer](t, c.test.Do(t, http.MethodPost, "/v1/face/match", body), status)
	}
	live := e2e.Base64(selfie)
	two := match(object{"image_live_base64": live, "image_document_base64": e2e.Base64(front)}, 200)
	two.check(t, "face_match")
	if !two.Match || two.Threshold != .75 || two.Similarity < .75 || two.Similarity > 1 || two.Cosine <= 0 || two.FMR == nil {
		t.Errorf("the sample person with the document: %+v", two)
	}
	strict := match(object{"image_live_base64": live, "image_document_base64": e2e.Base64(front), "threshold": 0.999}, 200)
	if strict.Match || strict.Similarity != two.Similarity {
		t.Errorf("at a threshold of 0.999: %+v", strict)
	}
	refused(t, "nobody on one", c.test.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": blank(), "image_document_base64": live}), 422, "face_not_found")

	made := want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "ref-1", "image_reference_base64": live}), 201)
	id := made["subject_id"].(string)
	if made["has_reference"] != true || made["subject_ref"] != "ref-1" {
		t.Errorf("the subject is %v", made)
	}
	refused(t, "the same reference again", c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "ref-1"}), 409, "conflict")
	stored := match(object{"image_live_base64": live, "subject_id": id}, 200)
	if !stored.Match || stored.Similarity < .95 {
		t.Errorf("the same picture with the stored one: %+v", stored)
	}
	bare := want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{}), 201)["subject_id"].(string)
	refused(t, "a subject without a reference", c.test.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": live, "subject_id": bare}), 404, "not_found")
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects/"+bare, object{"image_reference_base64": live}), 200)
	match(object{"image_live_base64": live, "subject_id": bare}, 200)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects/"+bare, object{"image_reference_base64": live}), 200)
	everyFileHasItsRow(t) // also when a picture has been replaced

	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+id, nil), 200)
	refused(t, "an erased subject's reference", c.test.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": live, "subject_id": id}), 410, "gone")
	refused(t, "erased again", c.test.Do(t, http.MethodDelete, "/v1/subjects/"+id, nil), 410, "gone")
	refused(t, "another reference of an erased subject", c.test.Do(t, http.MethodPost, "/v1/subjects/"+id, object{"image_reference_base64": live}), 410, "gone")
	if got := number(t, database(t), "select count(*) from media where tenant_id = $1 and subject_id = $2", c.id, id); got != 0 {
		t.Errorf("an erased subject has %d pictures", got)
	}
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "ref-1"}), 201) // the name is free again
}

func TestProfile(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	type answer struct {
		module
		Score, Confidence float64
		Checks            []ekyc.Check
		Normalised        map[string]string
	}
	ask := func(body object) answer {
		out := want[answer](t, c.test.Do(t, http.MethodPost, "/v1/kya/check", body), 200)
		out.check(t, "kya")
		return out
	}
	whole := ask(object{"email": "Person@Example.com", "phone": "01 42 68 53 00", "country": "FRA", "ip": "192.0.2.1", "names": object{"given_names": "A", "surname": "B"},
		"document": object{"given_names": "A", "surname": "B", "country": "FRA"}})
	if whole.Normalised["phone"] != "+33142685300" || whole.Score <= 0 {
		t.Errorf("a whole profile: %+v", whole)
	}
	part := ask(object{"phone": "+33142685300"})
	na := 0
	for _, check := range part.Checks {
		if check.Status == ekyc.NotApplicable {
			na++
		}
	}
	if na == 0 || len(part.Checks) < 3 {
		t.Errorf("what was not given: %+v", part.Checks)
	}
	if bad := ask(object{"phone": "12"}); statuses(bad.Checks)["phone_format"] == ekyc.Pass || bad.Score >= whole.Score {
		t.Errorf("a telephone number of two digits: %+v", bad)
	}
}

func TestOpenRoutes(t *testing.T) {
	t.Parallel()
	nobody := &e2e.Operator{BaseURL: up.BaseURL}
	if h := want[object](t, nobody.Do(t, http.MethodGet, "/v1/health", nil), 200); h["status"] != "ok" {
		t.Errorf("health is %v", h)
	}
	if r := want[struct{ Parts map[string]string }](t, nobody.Do(t, http.MethodGet, "/v1/ready", nil), 200); r.Parts["database"] != "ready" || r.Parts["engine"] != "ready" {
		t.Errorf("ready is %v", r)
	}
	if m := want[struct{ Models []object }](t, nobody.Do(t, http.MethodGet, "/v1/models", nil), 200); len(m.Models) < 5 || m.Models[0]["sha256"] == "" {
		t.Errorf("models are %v", m)
	}
	if v := want[struct{ Coverage, Countries, Standards, Fields []any }](t, nobody.Do(t, http.MethodGet, "/v1/coverage", nil), 200); len(v.Coverage) < 300 || len(v.Countries) < 200 || len(v.Standards) < 5 || len(v.Fields) < 16 {
		t.Errorf("coverage has %d entries, %d countries, %d standards, %d fields", len(v.Coverage), len(v.Countries), len(v.Standards), len(v.Fields))
	}
}
