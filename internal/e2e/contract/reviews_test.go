package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"ekyc/internal/e2e"
	"ekyc/internal/receipt"
)

// conflictFor fails the test unless the answer is a conflict for the reason.
func conflictFor(t *testing.T, what string, a e2e.Answer, reason string) {
	t.Helper()
	refused(t, what, a, http.StatusConflict, "conflict")
	if details, _ := jsonOf(t, a.Body).(object)["error"].(object)["details"].(object); details["reason"] != reason {
		t.Errorf("%s: the reason is %v, not %s", what, details["reason"], reason)
	}
}

// inReview makes a job that a person has to look at, and gives it and its review.
func inReview(t *testing.T, c *e2e.Client, more object) (job, review string) {
	t.Helper()
	body := blankVerification()
	for name, value := range more {
		body[name] = value
	}
	job = want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", body), 202)["job_id"].(string)
	c.AwaitJob(t, job, patience)
	return job, reviewOf(t, c, job)
}

// reviewOf gives the review of a job.
func reviewOf(t testing.TB, c *e2e.Client, job string) string {
	t.Helper()
	list := want[struct{ Reviews []object }](t, c.Do(t, http.MethodGet, "/v1/reviews?limit=100", nil), 200)
	for _, r := range list.Reviews {
		if r["job_id"] == job {
			return r["review_id"].(string)
		}
	}
	t.Fatalf("the job has no review: %v", list.Reviews)
	return ""
}

func reviewer(name string) object { return object{"reviewer": name} }

func deciding(name, decision, reason string) object {
	return object{"reviewer": name, "decision": decision, "reason_code": reason}
}

func TestReviewsAreClaimedDecidedAndTold(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	full, thin := newInbox(t), newInbox(t)
	secret := want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": full.url, "types": []string{"kyc.reviewed"}}), 201)["secret"].(string)
	want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": thin.url, "types": []string{"kyc.reviewed"}, "thin": true}), 201)
	job, id := inReview(t, c, nil)
	at := "/v1/reviews/" + id

	list := want[struct {
		Reviews []object `json:"reviews"`
	}](t, c.Do(t, http.MethodGet, "/v1/reviews?state=open&workflow=default&min_age_seconds=0", nil), 200)
	if len(list.Reviews) != 1 || list.Reviews[0]["review_id"] != id || list.Reviews[0]["job_id"] != job || len(list.Reviews[0]["reasons"].([]any)) == 0 {
		t.Fatalf("the queue is %v", list.Reviews)
	}
	reason := list.Reviews[0]["reasons"].([]any)[0].(string)
	for query, n := range map[string]int{"?state=decided": 0, "?reason=" + reason: 1, "?reason=none": 0, "?workflow=none": 0, "?min_age_seconds=3600": 0, "?contested=true": 0, "?limit=1&after=" + id: 0} {
		if got := want[struct{ Reviews []object }](t, c.Do(t, http.MethodGet, "/v1/reviews"+query, nil), 200).Reviews; len(got) != n {
			t.Errorf("%s: %d reviews", query, len(got))
		}
	}
	refused(t, "an unknown state", c.Do(t, http.MethodGet, "/v1/reviews?state=pending", nil), 422, "invalid_argument")
	refused(t, "no cursor", c.Do(t, http.MethodGet, "/v1/reviews?after=x", nil), 422, "invalid_argument")

	decision := deciding("anna", "rejected", "evidence_insufficient")
	conflictFor(t, "decided without a claim", c.Do(t, http.MethodPost, at+"/decide", decision), "not_claimed")
	refused(t, "without a name", c.Do(t, http.MethodPost, at+"/claim", object{}), 422, "missing_field")
	refused(t, "an unknown reason", c.Do(t, http.MethodPost, at+"/decide", deciding("anna", "rejected", "because")), 422, "invalid_argument")
	refused(t, "another decision's reason", c.Do(t, http.MethodPost, at+"/decide", deciding("anna", "accepted", "evidence_insufficient")), 422, "invalid_argument")
	first := c.Do(t, http.MethodPost, at+"/claim", object{"reviewer": "anna", "expires_in_seconds": 600}, "Idempotency-Key", "claim-1")
	again := c.Do(t, http.MethodPost, at+"/claim", object{"reviewer": "anna", "expires_in_seconds": 600}, "Idempotency-Key", "claim-1")
	if claim := want[object](t, first, 200)["claim"].(object); claim["reviewer"] != "anna" || claim["key_id"] != c.KeyID || string(again.Body) != string(first.Body) || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("claimed: %s, and again: %s", first.Body, again.Body)
	}
	conflictFor(t, "claimed by another", c.Do(t, http.MethodPost, at+"/claim", reviewer("bertha")), "claimed")
	if a := want[object](t, c.Do(t, http.MethodPost, at+"/release", reviewer("anna")), 200); a["state"] != "open" {
		t.Errorf("released: %v", a)
	}
	want[object](t, c.Do(t, http.MethodPost, at+"/claim", reviewer("bertha")), 200)
	decision = deciding("bertha", "rejected", "evidence_insufficient")
	decision["comment"] = "nothing is to be seen"

	var decided atomic.Int64 // by fifty requests at once
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if a := c.Do(t, http.MethodPost, at+"/decide", decision); a.Status == 200 {
				decided.Add(1)
			} else {
				conflictFor(t, "decided again", a, "decided")
			}
		})
	}
	if group.Wait(); decided.Load() != 1 {
		t.Errorf("%d of 50 decided", decided.Load())
	}
	whole := want[object](t, c.Do(t, http.MethodGet, at, nil), 200)
	var kinds []string
	for _, a := range whole["acts"].([]any) {
		kinds = append(kinds, a.(object)["kind"].(string))
	}
	last := whole["acts"].([]any)[len(kinds)-1].(object)
	if !slices.Equal(kinds, []string{"opened", "claimed", "released", "claimed", "decided"}) || last["comment"] != "nothing is to be seen" || whole["outcome"].(object)["decision"] != "rejected" {
		t.Errorf("decided: %v", whole)
	}
	if result, _ := whole["job"].(object)["result"].(object); result == nil || result["decision"] != "review" || len(result["reasons"].([]any)) == 0 {
		t.Errorf("the review does not explain its job: %v", whole["job"])
	}

	headers, body := full.await(t, 0)
	if !fitsSecret(t, secret, headers, body) {
		t.Error("the webhook is not signed")
	}
	told := jsonOf(t, body).(object)
	data := told["data"].(object)
	if told["type"] != "kyc.reviewed" || data["job_id"] != job || data["review_id"] != id || data["decision"] != "rejected" || data["override"] != false || data["reason_code"] != "evidence_insufficient" {
		t.Errorf("told: %s", body)
	}
	_, body = thin.await(t, 0)
	if data := jsonOf(t, body).(object)["data"].(object); data["review_id"] != id || data["reason_code"] != nil {
		t.Errorf("told in short: %s", body)
	}
	full.mutex.Lock()
	defer full.mutex.Unlock()
	if len(full.bodies) != 1 {
		t.Errorf("told %d times", len(full.bodies))
	}
}

func TestSecondReviewers(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	if a := want[object](t, c.Do(t, http.MethodGet, "/v1/settings/reviews", nil), 200); a["second_reviewer"] != "off" {
		t.Errorf("unless it is said otherwise: %v", a)
	}
	worker := operator.KeyOf(t, up.BaseURL, customer.id, "test", object{"name": "reviewers", "scopes": []string{"workflow"}})
	refused(t, "settings by who decides", worker.Do(t, http.MethodPut, "/v1/settings/reviews", object{"second_reviewer": "off"}), 403, "scope_denied")
	if a := want[object](t, c.Do(t, http.MethodPut, "/v1/settings/reviews", object{"second_reviewer": "always", "due_after_seconds": 3600}), 200); a["second_reviewer"] != "always" || a["key_id"] != c.KeyID {
		t.Errorf("set: %v", a)
	}
	if a := want[object](t, customer.live.Do(t, http.MethodGet, "/v1/settings/reviews", nil), 200); a["second_reviewer"] != "off" {
		t.Errorf("in the other environment: %v", a)
	}
	_, id := inReview(t, c, nil)
	at := "/v1/reviews/" + id
	decide := func(name, decision, reason string) object {
		t.Helper()
		want[object](t, worker.Do(t, http.MethodPost, at+"/claim", reviewer(name)), 200)
		return want[object](t, worker.Do(t, http.MethodPost, at+"/decide", deciding(name, decision, reason)), 200)
	}
	if a := decide("anna", "rejected", "person_not_present"); a["state"] != "open" || a["awaits_second_reviewer"] != true || a["due_at"] == nil {
		t.Errorf("after the first: %v", a)
	}
	conflictFor(t, "the same again", worker.Do(t, http.MethodPost, at+"/claim", reviewer("anna")), "same_reviewer")
	if a := decide("bertha", "accepted", "confirmed_elsewhere"); a["contested"] != true || a["state"] != "open" {
		t.Errorf("contested: %v", a)
	}
	decide("clara", "accepted", "confirmed_elsewhere")
	if a := decide("bertha", "accepted", "confirmed_elsewhere"); a["state"] != "decided" || a["outcome"].(object)["override"] != true {
		t.Errorf("decided: %v", a)
	}
}

// verified is a job's receipt as a client verifies it.
func verified(t *testing.T, c *e2e.Client, job, query string) *receipt.Verified {
	t.Helper()
	keys, err := receipt.ParseKeys((&e2e.Operator{BaseURL: up.BaseURL}).Do(t, http.MethodGet, "/v1/receipts/keys", nil).Body)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Do(t, http.MethodGet, "/v1/jobs/"+job+"/receipt"+query, nil)
	want[object](t, a, 200)
	v, err := receipt.Verify(a.Body, keys, false)
	if err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
	return v
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	kya := object{"email": "person@example.com", "names": object{"given_names": "ANNA", "surname": "ERIKSSON"}}
	job, id := inReview(t, c, object{"kya": kya})
	result, err := json.Marshal(want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+job, nil), 200)["result"])
	if err != nil {
		t.Fatal(err)
	}
	first := verified(t, c, job, "?openings=true")
	if first.Job != "" && string(first.Job) != job || first.Sequence != 1 || first.Decision != "review" || len(first.Inputs) != 3 || len(first.Models) < 5 || len(first.Factors) != 4 || first.Workflow.Name != "default" || first.Checkpoint == "" {
		t.Errorf("receipt %+v", first.Receipt)
	}
	for what, err := range map[string]error{
		"selfie": first.CheckInput("selfie", 0, picture(240, 240)), "document": first.CheckInput("document_front", 0, picture(240, 240)), "result": first.CheckResult(result),
		"claim": first.CheckInput(receipt.Claim, 0, []byte(`{"surname":"ERIKSSON","given_names":"ANNA","email":"person@example.com"}`)),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused(t, "of a review that is open", c.Do(t, http.MethodGet, "/v1/jobs/"+job+"/receipt?sequence=2", nil), 404, "not_found")
	refused(t, "out of range", c.Do(t, http.MethodGet, "/v1/jobs/"+job+"/receipt?sequence=3", nil), 422, "invalid_argument")
	at := "/v1/reviews/" + id
	want[object](t, c.Do(t, http.MethodPost, at+"/claim", reviewer("anna")), 200)
	want[object](t, c.Do(t, http.MethodPost, at+"/decide", deciding("anna", "accepted", "confirmed_elsewhere")), 200)
	second := verified(t, c, job, "")
	if second.Sequence != 2 || second.Decision != "accepted" || second.Review == nil || string(second.Review.ID) != id || !second.Review.Override || second.HasOpenings() {
		t.Errorf("second %+v", second.Receipt)
	}
	if err := second.CheckPrevious(first); err != nil {
		t.Error(err)
	}

	// After the erasure the receipt stays, and cannot be opened any more.
	_, waiting := inReview(t, c, nil)
	subject := func(job string) string {
		return want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+job, nil), 200)["subject_id"].(string)
	}
	want[object](t, c.Do(t, http.MethodDelete, "/v1/subjects/"+subject(job), nil), 200)
	verified(t, c, job, "?sequence=1")
	refused(t, "the openings of an erased subject", c.Do(t, http.MethodGet, "/v1/jobs/"+job+"/receipt?openings=true", nil), 410, "gone")
	other := want[object](t, c.Do(t, http.MethodGet, "/v1/reviews/"+waiting, nil), 200)
	want[object](t, c.Do(t, http.MethodDelete, "/v1/subjects/"+fmt.Sprint(other["subject_id"]), nil), 200)
	if a := want[object](t, c.Do(t, http.MethodGet, "/v1/reviews/"+waiting, nil), 200); a["state"] != "withdrawn" {
		t.Errorf("the review of an erased subject: %v", a)
	}
	refused(t, "claim of it", c.Do(t, http.MethodPost, "/v1/reviews/"+waiting+"/claim", reviewer("anna")), 410, "gone")
}

func TestReceiptsOfWhatIsNotKept(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	job, id := inReview(t, c, object{"store": false})
	verified(t, c, job, "?openings=true")
	if a := want[object](t, c.Do(t, http.MethodGet, "/v1/reviews/"+id, nil), 200); a["held_until"] == nil {
		t.Errorf("review %v", a)
	}
	if n := number(t, database(t), "select count(*) from receipt where job_id = $1 and drop_at < now() + interval '1 hour'", job); n != 1 {
		t.Error("the receipt stays")
	}
}
