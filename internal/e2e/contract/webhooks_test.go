package contract

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/mod/sumdb/note"

	"ekyc/internal/e2e"
)

// inbox takes webhooks as they come, for tests that look at their headers.
type inbox struct {
	url     string
	mutex   sync.Mutex
	status  int
	headers []http.Header
	bodies  [][]byte
}

func newInbox(t *testing.T) *inbox {
	i := &inbox{status: http.StatusNoContent}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		i.mutex.Lock()
		defer i.mutex.Unlock()
		i.headers, i.bodies = append(i.headers, r.Header), append(i.bodies, body)
		w.WriteHeader(i.status)
		w.Write([]byte("what the receiver says"))
	}))
	t.Cleanup(server.Close)
	i.url = server.URL + "/hook"
	return i
}

// await gives delivery n, counted from 0.
func (i *inbox) await(t *testing.T, n int) (http.Header, []byte) {
	t.Helper()
	eventually(t, patience, "a delivery", func() bool { i.mutex.Lock(); defer i.mutex.Unlock(); return len(i.bodies) > n })
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.headers[n], i.bodies[n]
}

func (i *inbox) answer(status int) { i.mutex.Lock(); i.status = status; i.mutex.Unlock() }

func fitsSecret(t *testing.T, secret string, h http.Header, body []byte) bool {
	t.Helper()
	hook, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return hook.Verify(body, h) == nil
}

func TestWebhookEndpoints(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	in := newInbox(t)
	made := want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": in.url, "types": []string{"ping", "key.rotated"}, "description": "first"}), 201)
	id, secret := made["webhook_id"].(string), made["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") || made["enabled"] != true {
		t.Errorf("made %v", made)
	}
	if a := c.Do(t, http.MethodGet, "/v1/webhooks/"+id, nil); strings.Contains(string(a.Body), "whsec_") {
		t.Error("the secret is shown again")
	}
	ping := func() string {
		return want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks/"+id+"/ping", nil), 202)["delivery_id"].(string)
	}
	delivery := ping()
	header, body := in.await(t, 0)
	if !fitsSecret(t, secret, header, body) {
		t.Error("the signature does not verify")
	}
	var event map[string]json.RawMessage
	json.Unmarshal(body, &event)
	if len(event) != 4 || string(event["type"]) != `"ping"` || string(event["id"]) != `"`+header.Get("webhook-id")+`"` || event["created_at"] == nil || event["data"] == nil {
		t.Errorf("the event is %s", body)
	}
	// Whoever keeps what comes with a delivery can tell later whether the audit log was changed.
	more := 0
	for ; header.Get("Ekyc-Audit-Checkpoint") == "" && more < 10; more++ { // a delivery does not wait for one that takes longer than a moment
		ping()
		header, _ = in.await(t, more+1)
	}
	spread, err := base64.StdEncoding.DecodeString(header.Get("Ekyc-Audit-Checkpoint"))
	latest, _ := checkpointOf(t, c)
	verifier, badKey := note.NewVerifier(latest.Verifier)
	if n, badNote := note.Open(spread, note.VerifierList(verifier)); errors.Join(err, badKey, badNote) != nil || !strings.HasPrefix(n.Text, verifier.Name()+"\n") {
		t.Errorf("the checkpoint of a delivery is %q: %v", spread, errors.Join(err, badKey, badNote))
	}
	type detail struct {
		Status, URL, Body string
		Attempts          int
		Log               []struct {
			StatusCode int `json:"status_code"`
			Body       string
		}
	}
	look := func() detail {
		return want[detail](t, c.Do(t, http.MethodGet, "/v1/webhooks/deliveries/"+delivery, nil), 200)
	}
	eventually(t, patience, "the delivery is recorded", func() bool { return look().Status == "delivered" })
	if d := look(); d.Attempts != 1 || len(d.Log) != 1 || d.Log[0].StatusCode != 204 || d.URL != in.url || d.Body != string(body) {
		t.Errorf("the delivery is told as %+v", d)
	}

	// Rotation with an overlap: both secrets sign.
	second := want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks/"+id+"/rotate", object{"overlap_seconds": 3600}), 200)["secret"].(string)
	ping()
	header, body = in.await(t, 1+more)
	if n := len(strings.Fields(header.Get("webhook-signature"))); n != 2 || !fitsSecret(t, secret, header, body) || !fitsSecret(t, second, header, body) {
		t.Errorf("while a secret rotates there are %d signatures: %s", n, header.Get("webhook-signature"))
	}
	third := want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks/"+id+"/rotate", object{}), 200)["secret"].(string)
	ping()
	header, body = in.await(t, 2+more)
	if !fitsSecret(t, third, header, body) || fitsSecret(t, second, header, body) {
		t.Errorf("after a rotation without overlap: %s", header.Get("webhook-signature"))
	}

	// Sent again by hand: the same event, a new signature.
	eventually(t, patience, "the delivery is at rest", func() bool { return look().Status == "delivered" })
	want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks/deliveries/"+delivery+"/resend", nil), 202)
	again, againBody := in.await(t, 3+more)
	first, _ := in.await(t, 0)
	if again.Get("webhook-id") != first.Get("webhook-id") || !fitsSecret(t, third, again, againBody) {
		t.Error("what is sent again is another event")
	}

	// Only 2xx is success; the receiver's answer is kept.
	in.answer(http.StatusInternalServerError)
	delivery = ping()
	eventually(t, patience, "a failure is recorded", func() bool { return look().Status == "retrying" })
	if d := look(); d.Log[0].StatusCode != 500 || d.Log[0].Body != "what the receiver says" {
		t.Errorf("the failure is told as %+v", d)
	}
	failed := want[struct{ Deliveries []object }](t, c.Do(t, http.MethodGet, "/v1/webhooks/deliveries?failed=true&webhook_id="+id, nil), 200)
	if len(failed.Deliveries) != 1 {
		t.Errorf("failed deliveries: %v", failed)
	}
	in.answer(http.StatusNoContent)
	if r := want[struct{ Resent int }](t, c.Do(t, http.MethodPost, "/v1/webhooks/resend", object{"failed": true}), 202); r.Resent != 1 {
		t.Errorf("%d were sent again", r.Resent)
	}
	eventually(t, patience, "it arrives after all", func() bool { return look().Status == "delivered" })

	// 410 disables, and an operator of the tenant can enable again.
	in.answer(http.StatusGone)
	ping()
	endpoint := func() object { return want[object](t, c.Do(t, http.MethodGet, "/v1/webhooks/"+id, nil), 200) }
	eventually(t, patience, "410 disables", func() bool { return endpoint()["enabled"] == false })
	if e := endpoint(); e["disabled_reason"] != "gone" {
		t.Errorf("disabled as %v", e)
	}
	refused(t, "a ping to a disabled endpoint", c.Do(t, http.MethodPost, "/v1/webhooks/"+id+"/ping", nil), 409, "conflict")
	in.answer(http.StatusNoContent)
	changed := want[object](t, c.Do(t, http.MethodPatch, "/v1/webhooks/"+id, object{"enabled": true, "types": []string{"ping"}, "description": "second"}), 200)
	if changed["enabled"] != true || changed["description"] != "second" {
		t.Errorf("changed to %v", changed)
	}
	want[object](t, c.Do(t, http.MethodDelete, "/v1/webhooks/"+id, nil), 204)
	refused(t, "a removed endpoint", c.Do(t, http.MethodGet, "/v1/webhooks/"+id, nil), 404, "not_found")
	if l := want[struct{ Webhooks []object }](t, c.Do(t, http.MethodGet, "/v1/webhooks", nil), 200); len(l.Webhooks) != 0 {
		t.Errorf("listed: %v", l)
	}
}

// TestEventsOfTheTenant: what happens to keys and subjects is told to those who asked for it, and to nobody else.
func TestEventsOfTheTenant(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	in, other := newInbox(t), newInbox(t)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks", object{"url": in.url, "types": []string{"key.rotated", "subject.erased"}, "thin": true, "ed25519": true}), 201)
	want[object](t, c.live.Do(t, http.MethodPost, "/v1/webhooks", object{"url": other.url}), 201)
	key := want[object](t, c.test.Do(t, http.MethodPost, "/v1/keys", object{"name": "turns"}), 201)["key_id"].(string)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/keys/"+key+"/rollover", object{"overlap_seconds": 60}), 200)
	header, body := in.await(t, 0)
	if !strings.Contains(string(body), `"key.rotated"`) || !strings.Contains(string(body), key) {
		t.Errorf("told of a rotation: %s", body)
	}
	if s := header.Get("webhook-signature"); !strings.Contains(s, "v1a,") || !strings.Contains(s, "v1,") {
		t.Errorf("an endpoint with Ed25519 gets %s", s)
	}
	subject := want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{}), 201)["subject_id"].(string)
	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil), 200)
	if _, body = in.await(t, 1); !strings.Contains(string(body), `"subject.erased"`) || !strings.Contains(string(body), subject) {
		t.Errorf("told of an erasure: %s", body)
	}
	time.Sleep(300 * time.Millisecond)
	other.mutex.Lock()
	defer other.mutex.Unlock()
	if len(other.bodies) != 0 {
		t.Errorf("the other environment was told %s", other.bodies[0])
	}
}

// TestIdempotency: one execution, one bill, one answer.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	body := object{"email": "person@example.com"}
	ask := func(body object, key string) e2e.Answer {
		return c.test.Do(t, http.MethodPost, "/v1/kya/check", body, "Idempotency-Key", key)
	}
	first := ask(body, "key-1")
	want[object](t, first, 200)
	again := ask(body, "key-1")
	if again.Status != 200 || string(again.Body) != string(first.Body) || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("a repetition: %d %v %s", again.Status, again.Header, again.Body)
	}
	refused(t, "another body", ask(object{"email": "other@example.com"}, "key-1"), 422, "idempotency_mismatch")
	refused(t, "a key of no form", ask(body, "with space"), 400, "header_invalid")
	refused(t, "a key too long", ask(body, strings.Repeat("k", 256)), 400, "header_invalid")
	if fresh := want[object](t, c.live.Do(t, http.MethodPost, "/v1/kya/check", object{"email": "other@example.com"}, "Idempotency-Key", "key-1"), 200); fresh == nil {
		t.Error("the other environment has keys of its own")
	}
	// A refusal is remembered too; 403 is not.
	refused(t, "a refusal", ask(object{"email": strings.Repeat("a", 400)}, "key-2"), 422, "invalid_argument")
	if a := ask(object{"email": strings.Repeat("a", 400)}, "key-2"); a.Status != 422 || a.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a refusal again: %d %v", a.Status, a.Header)
	}
	if n := number(t, database(t), "select count(*) from usage_event where tenant_id = $1 and environment = 'test'", c.id); n != 1 {
		t.Errorf("%d units are billed", n)
	}

	// Many at once: one is executed, others get its answer or are told that it is under way.
	var mutex sync.Mutex
	var group sync.WaitGroup
	outcomes := map[string]int{}
	answers := map[string]bool{}
	for range 30 {
		group.Go(func() {
			a := c.test.Do(t, http.MethodPost, "/v1/kyc/verify", blankVerification(), "Idempotency-Key", "key-3")
			mutex.Lock()
			defer mutex.Unlock()
			switch {
			case a.Status == 202 && a.Header.Get("Idempotent-Replayed") == "":
				outcomes["executed"]++
				answers[string(a.Body)] = true
			case a.Status == 202:
				outcomes["replayed"]++
				answers[string(a.Body)] = true
			default:
				outcomes[a.Code()]++
			}
		})
	}
	group.Wait()
	if outcomes["executed"] != 1 || outcomes["executed"]+outcomes["replayed"]+outcomes["idempotency_in_progress"] != 30 || len(answers) != 1 {
		t.Errorf("30 at once: %v, %d answers", outcomes, len(answers))
	}
	if n := number(t, database(t), "select count(*) from job where tenant_id = $1", c.id); n != 1 {
		t.Errorf("%d jobs", n)
	}

	// A parameter that is refused after the key was claimed does not hold the key.
	long := "/v1/webhooks/" + strings.Repeat("w", 70) + "/ping"
	for range 2 {
		refused(t, "a parameter", c.test.Do(t, http.MethodPost, long, nil, "Idempotency-Key", "key-4"), 422, "invalid_argument")
	}
	// The answer goes with its subject.
	made := c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "r"}, "Idempotency-Key", "key-5")
	subject := want[object](t, made, 201)["subject_id"].(string)
	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil), 200)
	refused(t, "an answer about an erased subject", c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "r"}, "Idempotency-Key", "key-5"), 410, "gone")
}

// TestEveryPostTakesAKey: the header is documented on every signed POST, and a repetition of a creation makes nothing new.
func TestEveryPostTakesAKey(t *testing.T) {
	t.Parallel()
	for _, o := range surfaceOf("/v1").operations() {
		has := false
		for _, p := range o.Parameters {
			has = has || p.Name == "Idempotency-Key" && p.In == "header"
		}
		if has != (o.method == http.MethodPost) {
			t.Errorf("%s: Idempotency-Key is documented: %v", o, has)
		}
	}
	c := newCustomer(t, "pro").test
	for target, body := range map[string]object{"/v1/keys": {"name": "once"}, "/v1/webhooks": {"url": sink(t)}, "/v1/subjects": {"subject_ref": "once"}} {
		first := c.Do(t, http.MethodPost, target, body, "Idempotency-Key", "once"+strings.ReplaceAll(target, "/", "-"))
		second := c.Do(t, http.MethodPost, target, body, "Idempotency-Key", "once"+strings.ReplaceAll(target, "/", "-"))
		if first.Status != 201 || second.Status != 201 || string(first.Body) != string(second.Body) {
			t.Errorf("%s twice: %d %s; %d %s", target, first.Status, first.Body, second.Status, second.Body)
		}
	}
	keys := want[struct{ Keys []struct{ Name string } }](t, c.Do(t, http.MethodGet, "/v1/keys", nil), 200)
	n := 0
	for _, k := range keys.Keys {
		if k.Name == "once" {
			n++
		}
	}
	if n != 1 || !slices.ContainsFunc(keys.Keys, func(k struct{ Name string }) bool { return k.Name == "test" }) {
		t.Errorf("keys: %v", keys.Keys)
	}
}
