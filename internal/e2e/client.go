package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ekyc/internal/tenant/signing"
)

// Client signs requests. Its methods may be called by many goroutines.
type Client struct {
	BaseURL, KeyID, Secret string
	HTTP                   *http.Client // nil for http.DefaultClient
}

// Answer is what came back.
type Answer struct {
	Status int
	Body   []byte
	Header http.Header
}

// JSON reads the body.
func (a Answer) JSON(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		t.Fatalf("%v in %.300s", err, a.Body)
	}
}

// Code is the error code of an answer; "" for a success.
func (a Answer) Code() string {
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	json.Unmarshal(a.Body, &body)
	return body.Error.Code
}

// Do signs and sends; body is JSON, nil, or []byte as it is. Equal requests get timestamps, and so signatures, of their own. Where the engines are overloaded it
// comes again, as it is told to: on a busy machine they may be.
func (c *Client) Do(t testing.TB, method, target string, body any, headers ...string) Answer {
	t.Helper()
	raw := bodyOf(t, body)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		a := c.DoAt(t, c.Fresh(t, method, target, raw), method, target, raw, headers...)
		if a.Status != http.StatusServiceUnavailable || a.Code() != "overloaded" || time.Now().After(deadline) {
			return a
		}
	}
}

// signedRequest is what a signature depends on.
type signedRequest struct {
	keyID, method, target string
	body                  [sha256.Size]byte
	at                    int64
}

// spent are the requests of this test program, over all clients of a key.
var spent = struct {
	sync.Mutex
	seen map[signedRequest]bool
}{seen: map[signedRequest]bool{}}

// Fresh gives a timestamp with which this request has not been signed yet: the present, or the next one that the allowed skew leaves. Where it leaves none
// it waits for the next second.
func (c *Client) Fresh(t testing.TB, method, target string, body []byte) int64 {
	t.Helper()
	const skew = 280 // of 300 s, so that a slow test stays inside
	r := signedRequest{keyID: c.KeyID, method: method, target: target, body: sha256.Sum256(body)}
	for ; ; time.Sleep(100 * time.Millisecond) {
		now := time.Now().Unix()
		for i := range 2 * int64(skew) {
			r.at = now - i
			if i >= skew {
				r.at = now + i - skew + 1
			}
			if spend(r) {
				return r.at
			}
		}
	}
}

// spend says whether a request had not been signed yet; now it counts as such.
func spend(r signedRequest) bool {
	spent.Lock()
	defer spent.Unlock()
	before := spent.seen[r]
	spent.seen[r] = true
	return !before
}

// bodyOf is a body as it is sent.
func bodyOf(t testing.TB, body any) []byte {
	t.Helper()
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	return raw
}

// DoAt is Do with a timestamp. Headers are pairs of name and value, set last.
func (c *Client) DoAt(t testing.TB, at int64, method, target string, body any, headers ...string) Answer {
	t.Helper()
	answer, err := c.Send(c.Request(t, at, method, target, body, headers...))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer
}

// Request is a signed request that has not been sent.
func (c *Client) Request(t testing.TB, at int64, method, target string, body any, headers ...string) *http.Request {
	t.Helper()
	raw := bodyOf(t, body)
	r, err := http.NewRequestWithContext(t.Context(), method, c.BaseURL+target, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	timestamp := strconv.FormatInt(at, 10)
	r.Header.Set("X-API-KEY", c.KeyID)
	r.Header.Set("X-API-TIMESTAMP", timestamp)
	r.Header.Set("X-API-SIGN", signing.Sign(c.Secret, timestamp, method, target, sha256.Sum256(raw)))
	if len(raw) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// Send sends a request and reads the answer.
func (c *Client) Send(r *http.Request) (Answer, error) {
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Body: body, Header: response.Header}, err
}

// Base64 is bytes as the API takes them.
func Base64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Verification is the body of a verification of the sample person.
func Verification(t testing.TB) map[string]any {
	t.Helper()
	selfie, front := Person(t)
	return map[string]any{"image_live_base64": Base64(selfie), "image_front_base64": Base64(front)}
}

// Job is what tests look at of a job.
type Job struct {
	JobID     string          `json:"job_id"`
	Status    string          `json:"status"`
	SubjectID string          `json:"subject_id"`
	Attempt   int             `json:"attempt"`
	Result    json.RawMessage `json:"result"`
	Error     *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// AwaitJob asks for a job until it has ended.
func (c *Client) AwaitJob(t testing.TB, id string, within time.Duration) Job {
	t.Helper()
	deadline := time.Now().Add(within)
	for pause := 50 * time.Millisecond; ; pause = min(pause+pause/20, time.Second) { // see Fresh: a job can be asked for some hundred times
		var j Job
		a := c.Do(t, http.MethodGet, "/v1/jobs/"+id, nil)
		if a.Status == http.StatusOK {
			a.JSON(t, &j)
			if j.Status != "queued" && j.Status != "running" {
				return j
			}
		} else if a.Status < 500 && a.Status != http.StatusTooManyRequests {
			t.Fatalf("GET job: %d %s", a.Status, a.Body)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job %s is %s after %s", id, j.Status, within)
		}
		time.Sleep(pause)
	}
}

// Operator is a logged-in session of the platform API.
type Operator struct{ BaseURL, Token string }

// Login opens a session for the operator of `ekyc up`.
func (u *Up) Login(t testing.TB) *Operator {
	t.Helper()
	o := &Operator{BaseURL: u.AdminURL}
	var session struct {
		Token string `json:"token"`
	}
	a := o.Do(t, http.MethodPost, "/admin/v1/session", map[string]any{"email": u.Operator, "password": u.OperatorPassword})
	if a.Status != http.StatusCreated {
		t.Fatalf("log in: %d %s", a.Status, a.Body)
	}
	a.JSON(t, &session)
	o.Token = session.Token
	return o
}

// Do sends a request with the session's token.
func (o *Operator) Do(t testing.TB, method, target string, body any) Answer {
	t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.BaseURL+target, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if raw != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+o.Token)
	}
	a, err := (&Client{}).Send(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// NewKey makes another tenant on a plan, with a key in one environment, and gives a client of it.
func (o *Operator) NewKey(t testing.TB, baseURL, plan, environment string, key map[string]any) (tenant string, client *Client) {
	t.Helper()
	var made struct {
		TenantID string `json:"tenant_id"`
	}
	a := o.Do(t, http.MethodPost, "/admin/v1/tenants", map[string]any{"name": "Tenant", "country": "FRA", "support_email": "support@example.com", "plan": plan})
	if a.Status != http.StatusCreated {
		t.Fatalf("make a tenant: %d %s", a.Status, a.Body)
	}
	a.JSON(t, &made)
	return made.TenantID, o.KeyOf(t, baseURL, made.TenantID, environment, key)
}

// KeyOf makes a key for a tenant. The members of key are those of the route's body; nil for a key with all scopes.
func (o *Operator) KeyOf(t testing.TB, baseURL, tenant, environment string, key map[string]any) *Client {
	t.Helper()
	if key == nil {
		key = map[string]any{"name": "test", "rate_per_minute": 1_000_000, "rate_per_day": 1_000_000}
	}
	a := o.Do(t, http.MethodPost, "/admin/v1/tenants/"+tenant+"/"+environment+"/keys", key)
	if a.Status != http.StatusCreated {
		t.Fatalf("make a key: %d %s", a.Status, a.Body)
	}
	var made struct {
		KeyID  string `json:"key_id"`
		Secret string `json:"secret"`
	}
	a.JSON(t, &made)
	return &Client{BaseURL: baseURL, KeyID: made.KeyID, Secret: made.Secret}
}

// Event is a received webhook whose signature was right.
type Event struct {
	At          time.Time
	ID          string // webhook-id
	TraceParent string
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
}

// Receiver takes webhooks on loopback, verified by the reference library of Standard Webhooks.
type Receiver struct {
	URL    string
	Status atomic.Int64 // what it answers; 204 at first
	mutex  sync.Mutex
	events []Event
	wrong  []string
}

// NewReceiver starts a receiver for a secret.
func NewReceiver(t testing.TB, secret string) *Receiver {
	t.Helper()
	hook, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := &Receiver{}
	r.Status.Store(http.StatusNoContent)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		err := hook.Verify(body, request.Header)
		r.mutex.Lock()
		defer r.mutex.Unlock()
		if err != nil {
			r.wrong = append(r.wrong, err.Error())
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		e := Event{At: time.Now(), ID: request.Header.Get("webhook-id"), TraceParent: request.Header.Get("traceparent")}
		if err := json.Unmarshal(body, &e); err != nil {
			r.wrong = append(r.wrong, err.Error())
		}
		r.events = append(r.events, e)
		w.WriteHeader(int(r.Status.Load()))
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL + "/hook"
	t.Cleanup(func() {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		if len(r.wrong) > 0 {
			t.Errorf("webhooks that do not verify: %v", r.wrong)
		}
	})
	return r
}

// Events are those received so far.
func (r *Receiver) Events() []Event {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]Event(nil), r.events...)
}

// Await waits for an event that fits.
func (r *Receiver) Await(t testing.TB, within time.Duration, fits func(Event) bool) Event {
	t.Helper()
	for deadline := time.Now().Add(within); ; {
		for _, e := range r.Events() {
			if fits(e) {
				return e
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no such event within %s; %d others", within, len(r.Events()))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// WaitReady waits until a process answers that it is ready.
func WaitReady(t testing.TB, p *Process, baseURL string) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; {
		if response, err := http.Get(baseURL + "/v1/ready"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-p.Exited():
			t.Fatalf("the process ended\n%s", tail(p.Output(), 40))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process is not ready\n%s", tail(p.Output(), 40))
		}
	}
}
