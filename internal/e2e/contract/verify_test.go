package contract

import (
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// outcome is what of a job's result is looked at.
type outcome struct {
	Decision string
	Score    float64
	Factors  []struct {
		Name   string
		Points float64
		Max    float64 `json:"max_points"`
	}
	Reasons []struct {
		Code    string
		Message string
	}
	Document *struct {
		Fields map[string]struct{ Value string }
	}
	KYA      *object
	Workflow struct{ Name, Hash string }
}

func outcomeOf(t *testing.T, j e2e.Job) (o outcome) {
	t.Helper()
	if j.Status != "completed" {
		t.Fatalf("the job is %s: %+v", j.Status, j.Error)
	}
	if err := json.Unmarshal(j.Result, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func defaultSecret(t *testing.T, c *e2e.Client) string {
	t.Helper()
	return want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks/default-secret/rotate", object{}), 200)["secret"].(string)
}

// TestVerification sends the sample person with everything that a request can carry.
func TestVerification(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	endpoint := want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks", object{"url": "http://127.0.0.1:9/none", "types": []string{"ping"}}), 201)
	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/webhooks/"+endpoint["webhook_id"].(string), nil), 204)
	callback := e2e.NewReceiver(t, defaultSecret(t, c.test))

	body := e2e.Verification(t)
	body["kya"] = object{"email": "person@example.com", "phone": "+33142685300", "country": "FRA"}
	body["subject_ref"], body["metadata"], body["callback_url"] = "customer-7", object{"order": "1001", "shop": "é"}, callback.URL
	body["hints"] = object{"pose": true}
	a := c.test.Do(t, http.MethodPost, "/v1/kyc/verify", body)
	accepted := want[object](t, a, 202)
	if accepted["status"] != "queued" {
		t.Errorf("accepted as %v", accepted)
	}
	id := accepted["job_id"].(string)
	o := outcomeOf(t, c.test.AwaitJob(t, id, patience))
	sum := 0.0
	for _, f := range o.Factors {
		sum += f.Points
	}
	if o.Decision != "accepted" || o.Score < 80 || math.Abs(sum-o.Score) > 1e-9 || len(o.Factors) != 4 || o.KYA == nil {
		t.Errorf("the sample person: %+v", o)
	}
	if o.Document == nil || o.Document.Fields["document_number"].Value == "" {
		t.Error("no extracted data")
	}
	job := want[object](t, c.test.Do(t, http.MethodGet, "/v1/jobs/"+id, nil), 200)
	if m, _ := job["metadata"].(object); m["order"] != "1001" || m["shop"] != "é" || job["subject_ref"] != "customer-7" || job["workflow"] != "default" || job["store"] != true {
		t.Errorf("the job is told as %v", job)
	}
	if steps, _ := job["steps"].([]any); len(steps) < 4 {
		t.Errorf("steps: %v", job["steps"])
	}
	event := callback.Await(t, patience, func(e e2e.Event) bool { return e.Type == "kyc.completed" })
	var told struct {
		JobID    string `json:"job_id"`
		Decision string
		Score    float64
	}
	json.Unmarshal(event.Data, &told)
	if told.JobID != id || told.Decision != "accepted" || told.Score != o.Score {
		t.Errorf("the event tells %s", event.Data)
	}
	// One unit of each module and one of the workflow.
	var events struct {
		Events []struct {
			Module, Plan string
			Units        int
			JobID        string `json:"job_id"`
		}
	}
	c.test.Do(t, http.MethodGet, "/v1/usage/events?job_id="+id, nil).JSON(t, &events)
	var modules []string
	for _, e := range events.Events {
		modules = append(modules, e.Module)
		if e.Units != 1 || e.JobID != id || e.Plan != "pro" {
			t.Errorf("a usage event: %+v", e)
		}
	}
	slices.Sort(modules)
	if !slices.Equal(modules, []string{"face_match", "kya", "liveness", "ocr", "validate", "workflow"}) {
		t.Errorf("billed modules: %v", modules)
	}
	// Each answer says so: nothing is billed when the job is taken, and then what the record has.
	said := func(billed bool) (list []any) {
		for _, module := range []string{"liveness", "ocr", "validate", "face_match", "kya", "workflow"} {
			list = append(list, object{"module": module, "billed": billed})
		}
		return list
	}
	if !reflect.DeepEqual(accepted["usage"], any(said(false))) || !reflect.DeepEqual(job["usage"], any(said(true))) {
		t.Errorf("usage is %v and then %v", accepted["usage"], job["usage"])
	}
	if data := jsonOf(t, event.Data).(object); !reflect.DeepEqual(data["usage"], any(said(true))) {
		t.Errorf("the event tells %s", event.Data)
	}
	// Photographs are held for the days of their class, and the subject is found again by its reference.
	conn := database(t)
	if n := number(t, conn, "select count(*) from media where tenant_id = $1 and not (kept and expires_at = created_at + interval '30 days')", c.id); n != 0 {
		t.Errorf("%d photographs are held otherwise than for 30 days", n)
	}
	again := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", with(blankVerification(), "subject_ref", "customer-7")), 202)
	if again["subject_id"] != accepted["subject_id"] {
		t.Error("the same reference names another subject")
	}
}

// TestWorkflowOverride: what a request overrides decides, by name and inline, and the hash tells.
func TestWorkflowOverride(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	submit := func(workflow any) string {
		return want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", with(e2e.Verification(t), "workflow", workflow)), 202)["job_id"].(string)
	}
	named, strict := submit("default"), submit(object{"document": object{"accepted_types": []string{"residence_permit"}}, "kya": object{"enabled": false}})
	plain := outcomeOf(t, c.test.AwaitJob(t, named, patience))
	o := outcomeOf(t, c.test.AwaitJob(t, strict, patience))
	if plain.Decision != "accepted" || o.Decision == "accepted" || plain.Workflow.Hash == o.Workflow.Hash || plain.Workflow.Name != "default" {
		t.Errorf("by name: %+v; with another type demanded: %+v", plain, o)
	}
}

// TestSpellingsOfAReferenceNameOneSubject: Unicode's composed and decomposed forms, and the answer has the former.
func TestSpellingsOfAReferenceNameOneSubject(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "Zo\u00eb 7", "Zoe\u0308 7"
	c := newCustomer(t, "pro").test
	made := want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": decomposed}), 201)
	if made["subject_ref"] != composed {
		t.Errorf("made %v", made)
	}
	refused(t, "the other spelling", c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": composed}), 409, "conflict")
	for _, ref := range []string{composed, decomposed} {
		job := want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", with(blankVerification(), "subject_ref", ref)), 202)
		if job["subject_id"] != made["subject_id"] {
			t.Errorf("%q is %v, not %v", ref, job["subject_id"], made["subject_id"])
		}
		if got := want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+job["job_id"].(string), nil), 200); got["subject_ref"] != composed {
			t.Errorf("the job has %v", got["subject_ref"])
		}
	}
}

// TestStoreFalse: the job is done and billed, and its photographs are gone at once.
func TestStoreFalse(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	id := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", with(with(blankVerification(), "store", false), "metadata", object{"a": "b"}), "Idempotency-Key", "not-kept"), 202)["job_id"].(string)
	c.test.AwaitJob(t, id, patience)
	job := want[object](t, c.test.Do(t, http.MethodGet, "/v1/jobs/"+id, nil), 200)
	if job["store"] != false || job["media"] != nil || job["expires_at"] != nil {
		t.Errorf("the job is told as %v", job)
	}
	refused(t, "a remembered answer", c.test.Do(t, http.MethodPost, "/v1/kyc/verify", with(with(blankVerification(), "store", false), "metadata", object{"a": "b"}), "Idempotency-Key", "not-kept"), 409, "idempotency_not_kept")
	conn := database(t)
	eventually(t, patience, "the photographs are gone", func() bool {
		return number(t, conn, "select count(*) from media where tenant_id = $1", c.id) == 0
	})
	if n := number(t, conn, "select count(*) from job where tenant_id = $1 and kept", c.id); n != 0 {
		t.Errorf("%d jobs are kept", n)
	}
	if n := number(t, conn, "select count(*) from idempotency where tenant_id = $1 and answer is not null", c.id); n != 0 {
		t.Errorf("%d answers are kept", n)
	}
}

// TestJobsInPages: the newest first, every one once, filters heeded.
func TestJobsInPages(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	var made []string
	for range 5 {
		made = append(made, want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", blankVerification()), 202)["job_id"].(string))
	}
	type page struct {
		Jobs []struct {
			JobID  string          `json:"job_id"`
			Result json.RawMessage `json:"result"`
		}
		NextAfter string `json:"next_after"`
	}
	var seen []string
	for after, pages := "", 0; ; pages++ {
		p := want[page](t, c.test.Do(t, http.MethodGet, "/v1/jobs?limit=2&after="+after, nil), 200)
		for _, j := range p.Jobs {
			seen = append(seen, j.JobID)
			if j.Result != nil {
				t.Error("a list carries results")
			}
		}
		if after = p.NextAfter; after == "" {
			if pages != 2 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	slices.Reverse(made)
	if !slices.Equal(seen, made) {
		t.Errorf("listed %v, made %v", seen, made)
	}
	for _, id := range made {
		c.test.AwaitJob(t, id, patience)
	}
	if p := want[page](t, c.test.Do(t, http.MethodGet, "/v1/jobs?status=completed", nil), 200); len(p.Jobs) != 5 {
		t.Errorf("%d completed", len(p.Jobs))
	}
	if p := want[page](t, c.test.Do(t, http.MethodGet, "/v1/jobs?status=cancelled", nil), 200); len(p.Jobs) != 0 {
		t.Errorf("%d cancelled", len(p.Jobs))
	}
	if p := want[page](t, c.test.Do(t, http.MethodGet, "/v1/jobs?from="+time.Now().Add(time.Minute).UTC().Format(time.RFC3339), nil), 200); len(p.Jobs) != 0 {
		t.Errorf("%d of the future", len(p.Jobs))
	}
	refused(t, "cancel what has ended", c.test.Do(t, http.MethodPost, "/v1/jobs/"+made[0]+"/cancel", nil), 409, "conflict")
}

// TestCancel: a cancelled job costs nothing.
func TestCancel(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	var ids []string
	for range 4 { // the first of them may be running
		ids = append(ids, want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", e2e.Verification(t)), 202)["job_id"].(string))
	}
	for _, id := range slices.Backward(ids) {
		a := c.test.Do(t, http.MethodPost, "/v1/jobs/"+id+"/cancel", nil)
		if a.Status != 200 && a.Status != 409 {
			t.Errorf("cancel: %d %s", a.Status, a.Body)
		}
	}
	cancelled := 0
	for _, id := range ids {
		if j := c.test.AwaitJob(t, id, patience); j.Status == "cancelled" {
			cancelled++
			events := want[struct{ Events []object }](t, c.test.Do(t, http.MethodGet, "/v1/usage/events?job_id="+id, nil), 200)
			if len(events.Events) != 0 {
				t.Errorf("a cancelled job is billed: %v", events.Events)
			}
		}
	}
	if cancelled < 2 {
		t.Errorf("only %d were cancelled", cancelled)
	}
	conn := database(t)
	eventually(t, patience, "nothing is reserved any more", func() bool {
		return number(t, conn, "select coalesce(sum(reserved), 0) from quota_usage where tenant_id = $1", c.id) == 0
	})
	everyFileHasItsRow(t)
}

// TestFailingVerification: input that only shows its fault when it is decoded fails the job with its code, told by an event and unbilled.
func TestFailingVerification(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	callback := e2e.NewReceiver(t, defaultSecret(t, c.test))
	selfie, front := e2e.Person(t)
	half := slices.Concat(selfie[:len(selfie)/2], []byte{0xff, 0xd9}) // which ends as a JPEG does
	body := object{"image_live_base64": e2e.Base64(half), "image_front_base64": e2e.Base64(front), "callback_url": callback.URL}
	id := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", body), 202)["job_id"].(string)
	j := c.test.AwaitJob(t, id, patience)
	if j.Status != "failed" || j.Error == nil || j.Error.Code != "image_corrupt" {
		t.Fatalf("a cut-off picture: %+v", j)
	}
	event := callback.Await(t, patience, func(e e2e.Event) bool { return e.Type == "kyc.failed" })
	if !strings.Contains(string(event.Data), id) || !strings.Contains(string(event.Data), "image_corrupt") {
		t.Errorf("the event tells %s", event.Data)
	}
	if n := left(t, c.id); n["usage_event"] != 0 || n["units"] != 0 {
		t.Errorf("a failed job has cost %v", n)
	}
}

// TestDeadLetterIsRequeued: a job that was given up is told as such, costs nothing, and an operator puts it back into the queue.
func TestDeadLetterIsRequeued(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	conn := database(t)
	var id string
	for range 20 { // until one is caught while it waits behind others
		for range 2 {
			want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", blankVerification()), 202)
		}
		id = want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", e2e.Verification(t)), 202)["job_id"].(string)
		tag, err := conn.Exec(t.Context(), "update job set interruptions = 1000 where id = $1 and status = 'queued'", id) // as after so many crashes of its worker
		if err != nil {
			t.Fatal(err)
		}
		if tag.RowsAffected() == 1 {
			break
		}
	}
	j := c.test.AwaitJob(t, id, patience)
	if j.Status != "failed" || j.Error == nil {
		t.Fatalf("a job whose worker always goes away is %+v", j)
	}
	dead := want[struct {
		Jobs []struct {
			JobID      string `json:"job_id"`
			DeadLetter bool   `json:"dead_letter"`
		}
	}](t, operator.Do(t, http.MethodGet, "/admin/v1/dead-letters/jobs?tenant_id="+c.id, nil), 200)
	if len(dead.Jobs) != 1 || dead.Jobs[0].JobID != id || !dead.Jobs[0].DeadLetter {
		t.Errorf("dead letters: %+v", dead)
	}
	if n := number(t, conn, "select count(*) from usage_event where job_id = $1", id); n != 0 {
		t.Errorf("a dead letter has cost %d units", n)
	}
	want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/jobs/"+id+"/requeue", nil), 200)
	if o := outcomeOf(t, c.test.AwaitJob(t, id, patience)); o.Decision != "accepted" {
		t.Errorf("put back into the queue, it is %+v", o)
	}
	if n := number(t, conn, "select count(*) from usage_event where job_id = $1", id); n != 5 {
		t.Errorf("afterwards it has cost %d units", n)
	}
}
