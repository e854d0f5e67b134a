package contract

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// onPage sends what the page's script sends, as who has the token of a link.
func onPage(t testing.TB, link object, path string, body any) e2e.Answer {
	t.Helper()
	return (&e2e.Operator{BaseURL: link["url"].(string)}).Do(t, http.MethodPost, path, body)
}

func TestCaptureLink(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	before := time.Now()
	link := want[object](t, c.test.Do(t, http.MethodPost, "/v1/captures", object{"expires_in_seconds": 600, "language": "fr"}, "Idempotency-Key", "link"), 201)
	again := want[object](t, c.test.Do(t, http.MethodPost, "/v1/captures", object{"expires_in_seconds": 600, "language": "fr"}, "Idempotency-Key", "link"), 201)
	if fmt.Sprint(link) != fmt.Sprint(again) {
		t.Errorf("repeated, the link is another: %v, %v", link, again)
	}
	expires, err := time.Parse(time.RFC3339, link["expires_at"].(string))
	if err != nil || expires.Before(before.Add(590*time.Second)) || expires.After(time.Now().Add(610*time.Second)) {
		t.Errorf("the link runs out at %s, %v", expires, err)
	}
	if link["status"] != "open" || link["url"] != up.BaseURL+"/capture/"+link["token"].(string) || len(link["token"].(string)) != 43 {
		t.Errorf("the link: %v", link)
	}
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/captures", nil), 201) // with nothing said
	shown := c.test.Do(t, http.MethodGet, "/v1/captures/"+link["capture_id"].(string), nil)
	if strings.Contains(string(shown.Body), link["token"].(string)) || want[object](t, shown, 200)["status"] != "open" {
		t.Errorf("the token is shown again, or the link is not open: %s", shown.Body)
	}
}

func TestCaptureRefusesWhatThePersonCouldNotMend(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	crowded := object{}
	for i := range 47 {
		crowded[fmt.Sprint("member", i)] = "x"
	}
	for what, try := range map[string]struct {
		body object
		code string
	}{
		"script":             {object{"redirect_url": "javascript:alert(1)"}, "invalid_argument"},
		"open http":          {object{"redirect_url": "http://example.com/"}, "invalid_argument"},
		"user name":          {object{"redirect_url": "https://a:b@example.com/"}, "invalid_argument"},
		"relative":           {object{"redirect_url": "/welcome"}, "invalid_argument"},
		"too long":           {object{"expires_in_seconds": 86401}, "invalid_argument"},
		"too short":          {object{"expires_in_seconds": 1}, "invalid_argument"},
		"language":           {object{"language": "xx"}, "invalid_argument"},
		"sides":              {object{"document_sides": "three"}, "invalid_argument"},
		"hint":               {object{"document_hint": "napkin"}, "invalid_argument"},
		"country":            {object{"country_hint": "XXQ"}, "invalid_argument"},
		"page's own name":    {object{"metadata": object{"capture.id": "mine"}}, "invalid_argument"},
		"too many members":   {object{"metadata": crowded}, "invalid_argument"},
		"callback":           {object{"callback_url": "http://10.0.0.1/"}, "url_denied"},
		"workflow":           {object{"workflow": "none-such"}, "invalid_argument"},
		"profile":            {object{"kya": object{}}, "invalid_argument"},
		"picture":            {object{"image_live_base64": blank()}, "unknown_field"},
		"profile is missing": {object{"workflow": object{"name": "default", "kya": object{"enabled": true}}}, "missing_field"},
	} {
		a := c.Do(t, http.MethodPost, "/v1/captures", try.body)
		if a.Status != 422 || a.Code() != try.code {
			t.Errorf("%s: %d %.300s", what, a.Status, a.Body)
		}
	}
}

// TestCaptureIsUsedOnce sends pictures a hundred times at once: one verification is made and reserved, and the others are told that the link is over.
func TestCaptureIsUsedOnce(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	link := want[object](t, c.test.Do(t, http.MethodPost, "/v1/captures", object{"subject_ref": "customer-8", "metadata": object{"order": "8"}}), 201)
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "en"}), 200)
	const attempts = 25 // of the 30 that a link allows
	var won, over atomic.Int64
	var group sync.WaitGroup
	for range attempts {
		group.Go(func() {
			switch a := onPage(t, link, "/pictures", blankVerification()); {
			case a.Status == http.StatusOK:
				won.Add(1)
			case a.Status == http.StatusGone:
				over.Add(1)
			default:
				t.Errorf("%d %.300s", a.Status, a.Body)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || over.Load() != attempts-1 {
		t.Errorf("%d won, %d lost", won.Load(), over.Load())
	}
	status := func() e2e.Answer {
		return (&e2e.Operator{BaseURL: link["url"].(string)}).Do(t, http.MethodGet, "/status", nil)
	}
	if a := status(); a.Status != http.StatusOK {
		t.Errorf("the page that sent the pictures is told %d %s", a.Status, a.Body)
	}
	if _, err := database(t).Exec(context.Background(), `update capture set used_at = now() - interval '11 minutes' where id = $1`, link["capture_id"]); err != nil {
		t.Fatal(err)
	}
	refused(t, "the outcome, later", status(), http.StatusGone, "gone")
	found := want[object](t, c.test.Do(t, http.MethodGet, "/v1/captures/"+link["capture_id"].(string), nil), 200)
	if found["status"] != "used" || found["consent"].(object)["language"] != "en" {
		t.Errorf("the link: %v", found)
	}
	c.test.AwaitJob(t, found["job_id"].(string), patience)
	conn := database(t)
	if n := number(t, conn, `select count(*) from job where tenant_id = $1`, c.id); n != 1 {
		t.Errorf("%d jobs were made", n)
	}
	if n := number(t, conn, `select count(*) from capture where tenant_id = $1 and request is not null`, c.id); n != 0 {
		t.Error("what a used link had asked for is still held")
	}
	jobs := want[struct{ Jobs []object }](t, c.test.Do(t, http.MethodGet, "/v1/jobs?limit=5", nil), 200).Jobs
	if len(jobs) != 1 || jobs[0]["subject_ref"] != "customer-8" {
		t.Errorf("the tenant's jobs: %v", jobs)
	}
}

// TestCaptureOfBothSidesTakesNoFrontAlone: who has the link can send what the page would not, and is not to choose which side is looked at.
func TestCaptureOfBothSidesTakesNoFrontAlone(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	link := want[object](t, c.Do(t, http.MethodPost, "/v1/captures", object{"document_sides": "both"}), 201)
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "en"}), 200)
	refused(t, "a front without its back", onPage(t, link, "/pictures", blankVerification()), http.StatusUnprocessableEntity, "missing_field")
	both := blankVerification()
	both["image_back_base64"] = blank()
	want[object](t, onPage(t, link, "/pictures", both), 200)
}

// TestCaptureEndsWithItsKey: who revokes a key, or suspends a tenant, ends the links too.
func TestCaptureEndsWithItsKey(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	other := operator.KeyOf(t, up.BaseURL, c.id, "test", nil)
	link := want[object](t, other.Do(t, http.MethodPost, "/v1/captures", object{}), 201)
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "fr"}), 200)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/keys/"+other.KeyID+"/revoke", nil), 200)
	refused(t, "pictures after the key was revoked", onPage(t, link, "/pictures", blankVerification()), http.StatusGone, "gone")
	kept := want[object](t, c.test.Do(t, http.MethodPost, "/v1/captures", object{}), 201)
	want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/tenants/"+c.id+"/suspend", nil), 200)
	refused(t, "consent while suspended", onPage(t, kept, "/consent", object{"version": "2026-11", "language": "fr"}), http.StatusGone, "gone")
	want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/tenants/"+c.id+"/resume", nil), 200)
	want[object](t, onPage(t, kept, "/consent", object{"version": "2026-11", "language": "fr"}), 200)
}

// TestCaptureRunsOut looks at a link whose time is over.
func TestCaptureRunsOut(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	link := want[object](t, c.Do(t, http.MethodPost, "/v1/captures", object{}), 201)
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "en"}), 200)
	tag, err := database(t).Exec(context.Background(), `update capture set created_at = now() - interval '1 hour', expires_at = now() - interval '1 second' where id = $1`, link["capture_id"])
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatal(err)
	}
	refused(t, "pictures too late", onPage(t, link, "/pictures", blankVerification()), http.StatusGone, "gone")
	if found := want[object](t, c.Do(t, http.MethodGet, "/v1/captures/"+link["capture_id"].(string), nil), 200); found["status"] != "expired" {
		t.Errorf("the link: %v", found)
	}
}
