package contract

import (
	"bytes"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// stillTold are the routes that go on telling of an erased subject's things, for the books; of what they are about they say that the subject was erased.
// A receipt and a certificate are given as they were signed, and a delivery tells when it went.
var stillTold = map[string]bool{
	"GET /v1/jobs/{id}": true, "GET /v1/reviews/{id}": true,
	"GET /v1/jobs/{id}/receipt": false, "GET /v1/subjects/{id}/certificate": false, "GET /v1/webhooks/deliveries/{id}": false,
}

// TestEveryRouteSaysThatTheSubjectIsErased walks every route that takes a subject, or a job, review, photograph or delivery of one.
func TestEveryRouteSaysThatTheSubjectIsErased(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	in := newInbox(t)
	want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": in.url, "types": []string{"kyc.review_required"}}), 201)
	h := holdings{"tenants": customer.id, "environment": "test"}
	h["jobs"], h["reviews"] = inReview(t, c, nil)
	h["media"] = mediaOf(t, c, h["jobs"])[0]["media_id"].(string)
	h["subjects"] = want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+h["jobs"], nil), 200)["subject_id"].(string)
	link := want[struct{ URL string }](t, c.Do(t, http.MethodPost, "/v1/media/"+h["media"]+"/link", nil), 201).URL
	in.await(t, 0)
	eventually(t, patience, "the delivery is recorded", func() bool {
		list := want[struct{ Deliveries []object }](t, c.Do(t, http.MethodGet, "/v1/webhooks/deliveries", nil), 200).Deliveries
		if len(list) == 0 || list[0]["status"] != "delivered" {
			return false
		}
		h["deliveries"], _ = list[0]["delivery_id"].(string)
		return true
	})
	want[object](t, c.Do(t, http.MethodDelete, "/v1/subjects/"+h["subjects"], nil), 200)

	takes := func(path string) bool {
		parts := strings.Split(path, "/")
		for i, part := range parts {
			if part == "{id}" {
				_, ours := h[parts[i-1]]
				return ours
			}
		}
		return false
	}
	walked := 0
	for prefix, do := range map[string]func(method, target string, body any) e2e.Answer{
		"/v1":       func(method, target string, body any) e2e.Answer { return c.Do(t, method, target, body) },
		"/admin/v1": func(method, target string, body any) e2e.Answer { return operator.Do(t, method, target, body) },
	} {
		for _, o := range surfaceOf(prefix).operations() {
			if !takes(o.path) {
				continue
			}
			walked++
			var body any
			if raw, ok := o.example(t).([]byte); ok {
				body = jsonOf(t, raw)
			}
			a := do(o.method, h.fill(t, o.path), body)
			says, stays := stillTold[o.String()]
			switch {
			case !stays:
				refused(t, o.String(), a, http.StatusGone, "gone")
				if !bytes.Contains(a.Body, []byte(`"erased_at"`)) {
					t.Errorf("%s does not say when: %s", o, a.Body)
				}
			case a.Status != http.StatusOK || says && !bytes.Contains(a.Body, []byte(`"erased_at"`)):
				t.Errorf("%s: %d %s", o, a.Status, a.Body)
			}
		}
	}
	if walked < 24 {
		t.Errorf("only %d routes were walked", walked)
	}
	refused(t, "the openings of the receipt", c.Do(t, http.MethodGet, "/v1/jobs/"+h["jobs"]+"/receipt?openings=true", nil), 410, "gone")
	if response, err := http.Get(link); err != nil || response.StatusCode != http.StatusGone {
		t.Errorf("a link from before: %v, %v", response, err)
	}
	for _, list := range []string{"/v1/jobs?subject_id=" + h["subjects"], "/v1/reviews"} {
		if a := c.Do(t, http.MethodGet, list, nil); !bytes.Contains(a.Body, []byte(`"erased_at"`)) {
			t.Errorf("%s: %s", list, a.Body)
		}
	}
	if a := operator.Do(t, http.MethodGet, "/admin/v1/jobs?tenant_id="+customer.id, nil); !bytes.Contains(a.Body, []byte(`"erased_at"`)) {
		t.Errorf("the operators' list: %s", a.Body)
	}
	refused(t, "of one that never was", c.Do(t, http.MethodGet, "/v1/media/med_00000000000000000000000000", nil), 404, "not_found")
}

// TestFacesAreShownSideBySide: the review of a verification names the two faces, cut out upright and small.
func TestFacesAreShownSideBySide(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	selfie, front := e2e.Person(t)
	job := want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", object{"image_live_base64": e2e.Base64(selfie), "image_front_base64": e2e.Base64(front),
		"workflow": object{"name": "default", "thresholds": object{"accept": 100, "review": 1}}}), 202)["job_id"].(string)
	c.AwaitJob(t, job, patience)
	detail := want[struct{ Faces object }](t, c.Do(t, http.MethodGet, "/v1/reviews/"+reviewOf(t, c, job), nil), 200)
	of := map[string]string{}
	for _, m := range mediaOf(t, c, job) {
		if m["kind"] == "face_crop" {
			of[m["of"].(string)] = m["media_id"].(string)
		}
	}
	if len(of) != 2 || detail.Faces["selfie_media_id"] != of["selfie"] || detail.Faces["document_media_id"] != of["document"] {
		t.Fatalf("the review names %v, and the job %v", detail.Faces, of)
	}
	for side, id := range of {
		a := c.Do(t, http.MethodGet, "/v1/media/"+id, nil)
		if size, err := jpeg.DecodeConfig(bytes.NewReader(a.Body)); a.Status != 200 || err != nil || max(size.Width, size.Height) > 400 || min(size.Width, size.Height) < 48 {
			t.Errorf("the face of the %s: %d, %v, %v", side, a.Status, size, err)
		}
		if n := entriesOf(t, c, "media.read", "key", id, job); n != 1 {
			t.Errorf("%d entries of the look at the face of the %s", n, side)
		}
	}
}
