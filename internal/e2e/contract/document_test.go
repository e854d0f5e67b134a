package contract

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ekyc/internal/e2e"
)

// TestDocumentsAreValid holds the served documents to OpenAPI 3.1 itself, and to what a reader needs of each route.
func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	for _, s := range checks.surfaces {
		if ok, faults := s.validator.ValidateDocument(); !ok {
			t.Errorf("%s is not OpenAPI: %s", s.prefix, describe(faults))
		}
		if !strings.HasPrefix(s.document.GetVersion(), "3.1") {
			t.Errorf("%s is OpenAPI %s", s.prefix, s.document.GetVersion())
		}
		seen := map[string]bool{}
		for _, o := range s.operations() {
			checkOperation(t, s, o)
			if seen[o.OperationId] {
				t.Errorf("%s: the operation id %s stands twice", o, o.OperationId)
			}
			seen[o.OperationId] = true
		}
		if len(seen) < 25 {
			t.Errorf("%s has only %d operations", s.prefix, len(seen))
		}
	}
}

func checkOperation(t *testing.T, s *surface, o operation) {
	if o.Summary == "" || o.OperationId == "" || len(o.Tags) == 0 {
		t.Errorf("%s has no summary, operation id or tag", o)
	}
	if o.Security == nil {
		t.Errorf("%s does not say who may call it", o)
	}
	if o.Responses.Default == nil {
		t.Errorf("%s does not document errors", o)
	}
	var inPath []string
	for _, p := range o.Parameters {
		if p.In == "path" {
			inPath = append(inPath, p.Name)
		}
	}
	for part := range strings.SplitSeq(o.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok && !slices.Contains(inPath, strings.TrimSuffix(name, "}")) {
			t.Errorf("%s: the parameter %s is not documented, and so not read", o, part)
		}
	}
	if o.RequestBody == nil {
		return
	}
	if media, ok := o.RequestBody.Content.Get("application/json"); !ok || media.Example == nil {
		t.Errorf("%s shows no example of its body", o)
	}
}

// TestOpenRoutesAreTheContracts: nothing else answers without a signature or a session.
func TestOpenRoutesAreTheContracts(t *testing.T) {
	t.Parallel()
	open := map[string][]string{
		"/v1":       {"GET /v1/coverage", "GET /v1/docs/", "GET /v1/health", "GET /v1/models", "GET /v1/openapi.json", "GET /v1/ready", "GET /v1/receipts/keys", "GET /v1/workflows/schema.json"},
		"/admin/v1": {"GET /admin/v1/docs/", "GET /admin/v1/health", "GET /admin/v1/openapi.json", "GET /admin/v1/ready", "POST /admin/v1/session"},
	}
	known := holdings{"jobs": "job_0", "keys": "key_0", "subjects": "sub_0", "webhooks": "whk_0", "deliveries": "dlv_0", "captures": "cap_0", "workflows": "wfl_0", "reviews": "rev_0", "media": "med_0", "tenants": "tnt_0", "environment": "test", "quotas": "ocr", "operators": "opr_0", "plans": "free"}
	for host, s := range checks.surfaces {
		var found []string
		for _, o := range s.operations() {
			if len(o.Security) == 0 {
				found = append(found, o.String())
				continue
			}
			request, err := http.NewRequestWithContext(t.Context(), o.method, "http://"+host+known.fill(t, o.path), strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			if o.RequestBody == nil {
				request.Body, request.ContentLength, request.GetBody = http.NoBody, 0, nil
			}
			answer, err := (&e2e.Client{}).Send(request)
			if err != nil {
				t.Fatal(err)
			}
			code := map[string]string{"/v1": "credentials_missing", "/admin/v1": "session_invalid"}[s.prefix]
			refused(t, o.String()+" without credentials", answer, http.StatusUnauthorized, code)
		}
		if !slices.Equal(found, open[s.prefix]) {
			t.Errorf("%s: open routes are %v", s.prefix, found)
		}
	}
	a := up.Client().Do(t, http.MethodGet, "/v1/health", nil)
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers of an answer: %v", a.Header)
	}
}

// TestClientExamples sends every example of the client's document.
func TestClientExamples(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	h := newHoldings(t, c.test)
	s := surfaceOf("/v1")
	sent := 0
	operations := s.operations()
	slices.SortStableFunc(operations, func(a, b operation) int { // what is published is what the draft was changed to
		return strings.Compare(strconv.FormatBool(b.OperationId == "workflows-update"), strconv.FormatBool(a.OperationId == "workflows-update"))
	})
	for _, o := range operations {
		if o.RequestBody == nil {
			continue
		}
		t.Run(o.OperationId, func(t *testing.T) {
			body := o.example(t)
			if o.OperationId == "reviews-release" { // what its path sorts after has decided the review
				job := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", blankVerification()), 202)["job_id"].(string)
				c.test.AwaitJob(t, job, patience)
				h["reviews"] = reviewOf(t, c.test, job)
				want[object](t, c.test.Do(t, http.MethodPost, "/v1/reviews/"+h["reviews"]+"/claim", exampleOf(t, "reviews-claim")), 200)
			}
			a := c.test.Do(t, o.method, h.fill(t, o.path), body)
			if a.Status/100 != 2 {
				t.Errorf("the example is answered with %d: %.400s", a.Status, a.Body)
			}
		})
		sent++
	}
	if sent < 14 {
		t.Errorf("only %d examples", sent)
	}
}

func surfaceOf(prefix string) *surface {
	for _, s := range checks.surfaces {
		if s.prefix == prefix {
			return s
		}
	}
	return nil
}

// TestPlatformExamples sends every example of the platform's document. Those about the operator's own account are sent by an operator
// made for it, in an order in which each can succeed.
func TestPlatformExamples(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	operators := map[string]object{}
	var late []operation
	h := newHoldings(t, c.test)
	h["tenants"], h["environment"], h["quotas"], h["plans"] = c.id, "test", "liveness", "example"
	// The account of the login's example.
	login := exampleOf(t, "session-open")
	made := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": login["email"], "password": login["password"], "role": "viewer"}), 201)
	h["operators"] = made["operator_id"].(string)
	session := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/session", login), 201)
	own := &e2e.Operator{BaseURL: up.AdminURL, Token: session["token"].(string)}

	for _, o := range surfaceOf("/admin/v1").operations() {
		switch {
		case o.RequestBody == nil:
		case slices.Contains([]string{"totp-enrol", "totp-confirm", "password-change", "session-open", "sessions-end"}, o.OperationId):
			late = append(late, o)
		default:
			var body object
			if err := json.Unmarshal(o.example(t).([]byte), &body); err != nil {
				t.Fatal(err)
			}
			operators[o.OperationId] = body
			if a := operator.Do(t, o.method, h.fill(t, o.path), body); a.Status/100 != 2 {
				t.Errorf("%s: the example is answered with %d: %.400s", o, a.Status, a.Body)
			}
		}
	}
	if len(operators) < 9 || len(late) != 5 {
		t.Errorf("%d examples and %d of the own account", len(operators), len(late))
	}
	change := exampleOf(t, "password-change")
	session = want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/session", login), 201) // a change of role has ended the sessions
	own.Token = session["token"].(string)
	want[object](t, own.Do(t, http.MethodPost, "/admin/v1/me/password", change), 204)
	session = want[object](t, own.Do(t, http.MethodPost, "/admin/v1/session", object{"email": login["email"], "password": change["new"]}), 201)
	own.Token = session["token"].(string)
	want[object](t, own.Do(t, http.MethodPost, "/admin/v1/me/sessions/end", exampleOf(t, "sessions-end")), 204)
	enrolled := want[object](t, own.Do(t, http.MethodPost, "/admin/v1/me/totp", exampleOf(t, "totp-enrol")), 200)
	code, err := totp.GenerateCode(enrolled["secret"].(string), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	confirm := exampleOf(t, "totp-confirm")
	if len(confirm["code"].(string)) != len(code) {
		t.Errorf("the example of a one-time code is %v", confirm)
	}
	want[object](t, own.Do(t, http.MethodPost, "/admin/v1/me/totp/confirm", object{"code": code}), 204)
	want[object](t, own.Do(t, http.MethodDelete, "/admin/v1/session", nil), 204)
	refused(t, "a session that was closed", own.Do(t, http.MethodGet, "/admin/v1/me", nil), 401, "session_invalid")
}

func exampleOf(t *testing.T, id string) (body object) {
	t.Helper()
	for _, s := range checks.surfaces {
		for _, o := range s.operations() {
			if o.OperationId == id {
				if err := json.Unmarshal(o.example(t).([]byte), &body); err != nil {
					t.Fatal(err)
				}
				return body
			}
		}
	}
	t.Fatalf("there is no operation %s", id)
	return nil
}

// TestPlatformRoutes calls the routes of the platform that have no body.
func TestPlatformRoutes(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	h := newHoldings(t, c.test)
	h["tenants"], h["environment"], h["quotas"] = c.id, "test", "ocr"
	for _, target := range []string{"/plans", "/tenants", "/tenants/" + c.id, "/operators", "/me", "/queue", "/jobs", "/dead-letters/jobs", "/dead-letters/deliveries", "/health", "/ready",
		"/tenants/" + c.id + "/test/keys", "/tenants/" + c.id + "/test/quotas"} {
		want[object](t, operator.Do(t, http.MethodGet, "/admin/v1"+target, nil), 200)
	}
	// Filters of lists are heeded.
	jobs := want[struct {
		Jobs []struct {
			JobID    string `json:"job_id"`
			TenantID string `json:"tenant_id"`
		} `json:"jobs"`
	}](t, operator.Do(t, http.MethodGet, "/admin/v1/jobs?limit=5&environment=test&status=completed&tenant_id="+c.id, nil), 200)
	if len(jobs.Jobs) != 1 || jobs.Jobs[0].JobID != h["jobs"] || jobs.Jobs[0].TenantID != c.id {
		t.Errorf("the tenant's jobs as the operator sees them: %+v", jobs)
	}
	if a := operator.Do(t, http.MethodGet, "/admin/v1/jobs?tenant_id="+c.id, nil); strings.Contains(string(a.Body), "result") || strings.Contains(string(a.Body), "subject") {
		t.Errorf("operators see of a job: %s", a.Body)
	}
	refused(t, "requeue of what is no dead letter", operator.Do(t, http.MethodPost, "/admin/v1/jobs/"+h["jobs"]+"/requeue", nil), 409, "conflict")
	base := "/admin/v1/tenants/" + c.id
	want[object](t, operator.Do(t, http.MethodPost, base+"/test/deliveries/"+h["deliveries"]+"/resend", nil), 202)
	want[object](t, operator.Do(t, http.MethodPost, base+"/suspend", nil), 200)
	want[object](t, operator.Do(t, http.MethodPost, base+"/resume", nil), 200)
	want[object](t, operator.Do(t, http.MethodDelete, base+"/test/quotas/ocr", nil), 200)
	want[object](t, operator.Do(t, http.MethodPost, base+"/test/keys/"+h["keys"]+"/revoke", nil), 200)

	viewer := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": "only-looks@example.com", "password": "correct horse battery staple", "role": "viewer"}), 201)
	session := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/session", object{"email": viewer["email"], "password": "correct horse battery staple"}), 201)
	looks := &e2e.Operator{BaseURL: up.AdminURL, Token: session["token"].(string)}
	want[object](t, looks.Do(t, http.MethodGet, "/admin/v1/tenants", nil), 200)
	refused(t, "a viewer suspends", looks.Do(t, http.MethodPost, base+"/suspend", nil), 403, "role_denied")
	refused(t, "a wrong password", looks.Do(t, http.MethodPost, "/admin/v1/session", object{"email": viewer["email"], "password": "wrong"}), 401, "login_failed")
}
