package contract

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// exported is an archive of everything that is held about a subject.
type exported struct {
	raw   []byte // of subject.json
	files map[string][]byte
	doc   struct {
		Format    string
		Version   int
		Subject   object
		LegalHold object   `json:"legal_hold"`
		Consents  []object `json:"consents"`
		Jobs      []object
		Media     []struct {
			ID   string `json:"media_id"`
			Kind string
			File string
		}
		Templates  []object
		Deliveries []object
		Audit      []struct{ Record object }
	}
}

func export(t *testing.T, c *e2e.Client, subject string) (x exported) {
	t.Helper()
	a := c.Do(t, http.MethodGet, "/v1/subjects/"+subject+"/export", nil)
	if a.Status != 200 || a.Header.Get("Content-Type") != "application/zip" || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Header.Get("Content-Disposition"), subject+".zip") {
		t.Fatalf("%d %v %.300s", a.Status, a.Header, a.Body)
	}
	archive, err := zip.NewReader(bytes.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	x.files = map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if x.files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	x.raw = x.files["subject.json"]
	if err := json.Unmarshal(x.raw, &x.doc); err != nil {
		t.Fatalf("%v: %.500s", err, x.raw)
	}
	return x
}

// TestEverythingOfASubjectIsExported plants data by real verifications, a review and consents, and finds all of it in the subject's export, and nothing of
// another subject.
func TestEverythingOfASubjectIsExported(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	receiver := e2e.NewReceiver(t, defaultSecret(t, c))
	selfie, front := e2e.Person(t)
	verify := func(mark string, more object) (job, subject string) {
		t.Helper()
		body := object{"image_live_base64": e2e.Base64(selfie), "image_front_base64": e2e.Base64(front), "subject_ref": mark + "-reference", "metadata": object{"note": mark + "-metadata"},
			"kya":          object{"email": mark + "@" + mark + ".example", "country": "FRA", "names": object{"given_names": mark + "given", "surname": mark + "surname"}},
			"callback_url": receiver.URL + "/" + mark + "-path",
			"consent":      object{"version": mark + "-version", "text": "I, the person, agree: " + mark + "-text.", "language": "en-GB", "at": "2026-11-02T10:00:00Z"}}
		for name, value := range more {
			body[name] = value
		}
		made := want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", body, "Idempotency-Key", mark+body["image_live_base64"].(string)[100:120]), 202)
		job = made["job_id"].(string)
		c.AwaitJob(t, job, patience)
		return job, made["subject_id"].(string)
	}
	_, subject := verify("zq8mine", nil)
	at := "/v1/subjects/" + subject
	reviewed, again := verify("zq8mine", object{"image_live_base64": blank(), "image_front_base64": blank()}) // which a person has to look at
	if again != subject {
		t.Fatalf("the reference led to another subject")
	}
	review := "/v1/reviews/" + reviewOf(t, c, reviewed)
	want[object](t, c.Do(t, http.MethodPost, review+"/claim", reviewer("zq8reviewer")), 200)
	decision := deciding("zq8reviewer", "rejected", "document_unacceptable")
	decision["comment"] = "zq8mine-comment"
	if a := c.Do(t, http.MethodPost, review+"/decide", decision); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	want[object](t, c.Do(t, http.MethodPost, at, object{"image_reference_base64": e2e.Base64(selfie)}), 200)
	want[object](t, c.Do(t, http.MethodPost, at+"/consent", object{"status": "withdrawn", "channel": "telephone"}), 201)
	want[object](t, c.Do(t, http.MethodPut, at+"/hold", object{"reason": "zq8mine-hold"}), 200)
	other, stranger := verify("zq8theirs", nil)
	if stranger == subject {
		t.Fatal("two references are one subject")
	}
	receiver.Await(t, patience, func(e e2e.Event) bool { return e.Type == "kyc.completed" })

	// The other brought the same document and the same pictures: that is told, and decides nothing.
	var warned struct {
		Decision string
		Signals  object
		Reasons  []struct {
			Code, Message string
			Points        float64
			UserMessage   object `json:"user_message"`
		}
	}
	if err := json.Unmarshal(c.AwaitJob(t, other, patience).Result, &warned); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, r := range warned.Reasons {
		if r.Code == "document_reused" || r.Code == "image_reused" {
			told++
			if r.Points != 0 || !strings.Contains(r.Message, "another subject") || strings.Contains(r.UserMessage["en"].(string), "subject") {
				t.Errorf("%+v", r)
			}
		}
	}
	if told != 2 || warned.Decision != "accepted" || warned.Signals["document_reused"] != true || warned.Signals["image_reused"] != true || warned.Signals["image_subjects"] != float64(1) {
		t.Errorf("the other's result: %s %v, %d reasons", warned.Decision, warned.Signals, told)
	}

	x := export(t, c, subject)
	for _, planted := range []string{"-reference", "-metadata", "-path", "-version", "-text", "-comment", "-hold"} {
		if !bytes.Contains(x.raw, []byte("zq8mine"+planted)) {
			t.Errorf("zq8mine%s is not in the export", planted)
		}
	}
	for _, foreign := range []string{"zq8theirs", other, stranger, "zq8reviewer"} {
		if bytes.Contains(x.raw, []byte(foreign)) {
			t.Errorf("%s is in the export", foreign)
		}
	}
	d := x.doc
	if d.Format != "ekyc-subject-export" || d.Version != 1 || d.Subject["subject_id"] != subject || d.LegalHold["reason"] != "zq8mine-hold" {
		t.Errorf("%s %d %v %v", d.Format, d.Version, d.Subject, d.LegalHold)
	}
	if len(d.Consents) != 3 || d.Consents[0]["status"] != "withdrawn" || d.Consents[0]["channel"] != "telephone" || d.Consents[2]["at"] != "2026-11-02T10:00:00Z" {
		t.Errorf("consents: %v", d.Consents)
	}
	if len(d.Jobs) != 2 || len(d.Templates) != 1 || len(d.Deliveries) < 2 {
		t.Errorf("%d jobs, %d templates, %d deliveries", len(d.Jobs), len(d.Templates), len(d.Deliveries))
	}
	for _, j := range d.Jobs {
		for _, member := range []string{"result", "facts", "receipts", "usage", "reuse_hashes", "steps", "metadata"} {
			if j[member] == nil {
				t.Errorf("the job %v has no %s", j["job_id"], member)
			}
		}
	}
	kinds := map[string]int{}
	for _, m := range d.Media {
		kinds[m.Kind]++
		if len(x.files[m.File]) < 100 {
			t.Errorf("the file of %+v has %d bytes", m, len(x.files[m.File]))
		}
	}
	if kinds["selfie"] != 2 || kinds["document_front"] != 2 || kinds["reference"] != 1 || kinds["face_crop"] != 2 || len(x.files) != len(d.Media)+1 {
		t.Errorf("pictures: %v, %d files", kinds, len(x.files))
	}
	if !slices.ContainsFunc(d.Audit, func(e struct{ Record object }) bool { return e.Record["action"] == "subject.export" }) ||
		!slices.ContainsFunc(d.Audit, func(e struct{ Record object }) bool { return e.Record["action"] == "consent.give" }) {
		t.Errorf("the audit log: %v", d.Audit)
	}

	want[object](t, c.Do(t, http.MethodDelete, at+"/hold", nil), 200)
	want[object](t, c.Do(t, http.MethodDelete, at, nil), 200)
	for _, route := range []string{"/export", "/consent"} {
		refused(t, "after the erasure "+route, c.Do(t, http.MethodGet, at+route, nil), 410, "gone")
	}
	refused(t, "after the erasure", c.Do(t, http.MethodPost, at+"/consent", object{"version": "1", "language": "en"}), 410, "gone")
	refused(t, "of nobody", c.Do(t, http.MethodGet, "/v1/subjects/sub_00000000000000000000000000/export", nil), 404, "not_found")
	if after := export(t, c, stranger); !bytes.Contains(after.raw, []byte("zq8theirs-reference")) || bytes.Contains(after.raw, []byte("zq8mine")) {
		t.Error("the other's export is not as it should be after the erasure")
	}
	if traces := number(t, database(t), "select count(*) from reuse_trace where subject_id = $1", subject) + number(t, database(t), "select count(*) from consent where subject_id = $1", subject); traces != 0 {
		t.Errorf("%d hashes and consents are left of the erased subject", traces)
	}
}

// TestConsents: what is refused, and what comes by the capture page.
func TestConsents(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	subject := want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{}), 201)["subject_id"].(string)
	at := "/v1/subjects/" + subject + "/consent"
	for name, body := range map[string]object{
		"/version": {"language": "en"}, "/language": {"version": "1", "language": "no such thing"}, "/at": {"version": "1", "language": "en", "at": "2999-01-01T00:00:00Z"},
	} {
		a := c.Do(t, http.MethodPost, at, body)
		if a.Status != 422 || !bytes.Contains(a.Body, []byte(`"`+name+`"`)) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	refused(t, "a withdrawal of nothing", c.Do(t, http.MethodPost, at, object{"status": "withdrawn"}), 409, "conflict")
	for name, given := range map[string]object{"/consent/language": {"version": "1"}, "/consent/at": {"version": "1", "language": "en", "at": "2999-01-01T00:00:00Z"}} {
		a := c.Do(t, http.MethodPost, "/v1/kyc/verify", object{"image_live_base64": blank(), "image_front_base64": blank(), "consent": given})
		if a.Status != 422 || !bytes.Contains(a.Body, []byte(`"`+name+`"`)) {
			t.Errorf("a verification with a consent that is none: %d %s", a.Status, a.Body)
		}
	}

	link := want[object](t, c.Do(t, http.MethodPost, "/v1/captures", object{}), 201)
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "fr"}), 200)
	want[object](t, onPage(t, link, "/pictures", blankVerification()), 200)
	shown := want[struct {
		Job     string `json:"job_id"`
		Consent object
	}](t, c.Do(t, http.MethodGet, "/v1/captures/"+link["capture_id"].(string), nil), 200)
	owner := want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+shown.Job, nil), 200)["subject_id"].(string)
	kept := want[struct {
		InForce  bool `json:"in_force"`
		Consents []object
	}](t, c.Do(t, http.MethodGet, "/v1/subjects/"+owner+"/consent", nil), 200)
	if !kept.InForce || len(kept.Consents) != 1 || kept.Consents[0]["channel"] != "capture_page" || kept.Consents[0]["version"] != "2026-11" || kept.Consents[0]["language"] != "fr" ||
		kept.Consents[0]["text"] != shown.Consent["text"] || kept.Consents[0]["job_id"] != shown.Job || kept.Consents[0]["at"] != shown.Consent["at"] {
		t.Errorf("by the page: %+v, the link's: %v", kept, shown.Consent)
	}
}
