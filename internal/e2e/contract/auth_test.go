package contract

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ekyc/internal/e2e"
	"ekyc/internal/tenant/signing"
)

// limits of keys that are not to be about limits.
func unlimited(more object) object {
	key := object{"name": "test", "rate_per_minute": 1_000_000, "rate_per_day": 1_000_000}
	for name, value := range more {
		key[name] = value
	}
	return key
}

const cheap = "/v1/quotas"

func TestSignaturesThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	now := time.Now().Unix()
	with := func(client *e2e.Client, change func(*e2e.Client)) *e2e.Client {
		other := &e2e.Client{BaseURL: client.BaseURL, KeyID: client.KeyID, Secret: client.Secret}
		change(other)
		return other
	}
	wrong := with(c.test, func(o *e2e.Client) { o.Secret = "wrong" })
	refused(t, "a wrong secret", wrong.Do(t, "GET", cheap, nil), 401, "signature_invalid")
	unknown := c.test.KeyID[:len(c.test.KeyID)-4] + "0000"
	refused(t, "an unknown key", with(c.test, func(o *e2e.Client) { o.KeyID = unknown }).Do(t, "GET", cheap, nil), 401, "key_unknown")
	refused(t, "a key identifier of no form", with(c.test, func(o *e2e.Client) { o.KeyID = "key" }).Do(t, "GET", cheap, nil), 401, "key_unknown")
	for code, key := range map[string]string{"signature_invalid": c.test.KeyID, "key_unknown": unknown} { // the log names who was said to ask
		said := func(line string) bool {
			return strings.Contains(line, `"error.code":"`+code+`"`) && strings.Contains(line, `"key":"`+key+`"`)
		}
		if !slices.ContainsFunc(strings.Split(up.Output(), "\n"), said) {
			t.Errorf("no line of the log has %s and the key", code)
		}
	}
	if strings.Contains(up.Output(), `"key":"key"`) {
		t.Error("the log repeats what has not the form of a key")
	}

	for _, off := range []int64{-301, 302} { // the clock may go on by a second
		a := c.test.DoAt(t, now+off, "GET", cheap, nil)
		refused(t, fmt.Sprintf("skew of %d s", off), a, 401, "timestamp_skew")
		if d := details(t, a); d["server_time"] == nil || d["server_timestamp"] == nil {
			t.Errorf("the details do not carry the server's time: %v", d)
		}
	}
	for _, off := range []int64{-290, 299} {
		want[object](t, c.test.DoAt(t, time.Now().Unix()+off, "GET", cheap+"?_="+strconv.FormatInt(off, 10), nil), 200)
	}

	first := c.test.DoAt(t, now, "GET", cheap+"?_=replay", nil)
	want[object](t, first, 200)
	refused(t, "a replay", c.test.DoAt(t, now, "GET", cheap+"?_=replay", nil), 401, "replayed")

	for name, value := range map[string]string{"X-API-KEY": "", "X-API-TIMESTAMP": "yesterday", "X-API-SIGN": strings.Repeat("A", 64)} {
		refused(t, name+" malformed", c.test.Do(t, "GET", cheap, nil, name, value), 401, "credentials_missing")
	}
	// What was signed is what is sent: method, target, query and body.
	for what, r := range map[string]*http.Request{
		"another method": signedAs(t, c.test, "GET", "/v1/jobs/x/cancel", "POST", "/v1/jobs/x/cancel", nil),
		"another path":   signedAs(t, c.test, "GET", "/v1/jobs", "GET", "/v1/quotas", nil),
		"another query":  signedAs(t, c.test, "GET", "/v1/jobs?limit=1", "GET", "/v1/jobs?limit=2", nil),
		"no query":       signedAs(t, c.test, "GET", "/v1/jobs", "GET", "/v1/jobs?limit=2", nil),
		"another body":   signedAs(t, c.test, "POST", "/v1/kya/check", "POST", "/v1/kya/check", []byte(`{"email":"a@example.com"}`)),
	} {
		a, err := c.test.Send(r)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, what, a, 401, "signature_invalid")
	}
}

// signedAs signs one request and sends another.
func signedAs(t *testing.T, c *e2e.Client, method, target, sendMethod, sendTarget string, body []byte) *http.Request {
	t.Helper()
	of := sha256.Sum256(nil)
	if body != nil {
		of = sha256.Sum256(append([]byte(" "), body...))
	}
	r, err := http.NewRequestWithContext(t.Context(), sendMethod, c.BaseURL+sendTarget, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("X-API-KEY", c.KeyID)
	r.Header.Set("X-API-TIMESTAMP", at)
	r.Header.Set("X-API-SIGN", signing.Sign(c.Secret, at, method, target, of))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func details(t *testing.T, a e2e.Answer) object {
	t.Helper()
	var body struct {
		Error struct {
			Details object `json:"details"`
		} `json:"error"`
	}
	a.JSON(t, &body)
	return body.Error.Details
}

// TestTestKeysAreHelped: with a test key alone, a wrong signature is answered with the hash of what the server would have signed.
func TestTestKeysAreHelped(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	body := []byte(`{"email":"a@example.com"}`)
	at := time.Now().Unix()
	for environment, client := range map[string]*e2e.Client{"test": c.test, "live": c.live} {
		wrong := &e2e.Client{BaseURL: client.BaseURL, KeyID: client.KeyID, Secret: "wrong"}
		a := wrong.DoAt(t, at, "POST", "/v1/kya/check?a=b", body)
		refused(t, environment, a, 401, "signature_invalid")
		got, given := details(t, a)["canonical_sha256"]
		sum := sha256.Sum256(body)
		canonical := sha256.Sum256([]byte(fmt.Sprintf("%d\nPOST\n/v1/kya/check?a=b\n%x", at, sum)))
		if environment == "test" && got != hex.EncodeToString(canonical[:]) {
			t.Errorf("canonical_sha256 is %v", got)
		}
		if environment == "live" && given {
			t.Error("a live key is told the canonical string's hash")
		}
	}
}

func TestStatesOfKeys(t *testing.T) {
	t.Parallel()
	id, admin := operator.NewKey(t, up.BaseURL, "pro", "test", nil)
	key := func(more object) *e2e.Client { return operator.KeyOf(t, up.BaseURL, id, "test", unlimited(more)) }

	revoked := key(nil)
	want[object](t, revoked.Do(t, "GET", cheap, nil), 200)
	want[object](t, admin.Do(t, "POST", "/v1/keys/"+revoked.KeyID+"/revoke", nil), 200)
	refused(t, "a revoked key", revoked.Do(t, "GET", cheap, nil), 401, "key_revoked")
	stranger := &e2e.Client{BaseURL: up.BaseURL, KeyID: revoked.KeyID, Secret: "wrong"}
	refused(t, "nothing of its state is told to one who cannot sign", stranger.Do(t, "GET", cheap, nil), 401, "signature_invalid")

	expires := time.Now().Add(6 * time.Second)
	expiring := key(object{"expires_at": expires.UTC().Format(time.RFC3339Nano)})
	narrow := key(object{"cidrs": []string{"203.0.113.0/24", "2001:db8::/32"}})
	local := key(object{"cidrs": []string{"127.0.0.0/8"}})
	refused(t, "from another network", narrow.Do(t, "GET", cheap, nil), 403, "ip_denied")
	refused(t, "a forged X-Forwarded-For", narrow.Do(t, "GET", cheap, nil, "X-Forwarded-For", "203.0.113.9"), 403, "ip_denied")
	want[object](t, local.Do(t, "GET", cheap, nil), 200)

	scoped := key(object{"scopes": []string{"kya"}})
	want[object](t, scoped.Do(t, "POST", "/v1/kya/check", object{"email": "a@example.com"}), 200)
	for _, o := range surfaceOf("/v1").operations() { // every other signed route lacks its scope
		if len(o.Security) == 0 || o.OperationId == "kya-check" {
			continue
		}
		h := holdings{"jobs": "x", "keys": "x", "subjects": "x", "webhooks": "x", "deliveries": "x", "captures": "x", "workflows": "x", "reviews": "x", "media": "x"}
		refused(t, o.String()+" without its scope", scoped.Do(t, o.method, h.fill(t, o.path), o.example(t)), 403, "scope_denied")
	}
	narrower := key(object{"scopes": []string{"admin"}})
	refused(t, "a key with a scope that the asking one lacks", narrower.Do(t, "POST", "/v1/keys", object{"name": "more", "scopes": []string{"workflow"}}), 403, "scope_denied")

	time.Sleep(time.Until(expires) + 200*time.Millisecond)
	refused(t, "an expired key", expiring.Do(t, "GET", cheap, nil), 401, "key_expired")

	want[object](t, operator.Do(t, "POST", "/admin/v1/tenants/"+id+"/suspend", nil), 200)
	refused(t, "a suspended tenant", admin.Do(t, "GET", cheap, nil), 403, "tenant_suspended")
	want[object](t, operator.Do(t, "POST", "/admin/v1/tenants/"+id+"/resume", nil), 200)
	want[object](t, admin.Do(t, "GET", cheap, nil), 200)
}

func TestRolloverOverlaps(t *testing.T) {
	t.Parallel()
	id, admin := operator.NewKey(t, up.BaseURL, "pro", "test", nil)
	old := operator.KeyOf(t, up.BaseURL, id, "test", unlimited(nil))
	roll := func(overlap int) *e2e.Client {
		made := want[object](t, admin.Do(t, "POST", "/v1/keys/"+old.KeyID+"/rollover", object{"overlap_seconds": overlap}), 200)
		return &e2e.Client{BaseURL: up.BaseURL, KeyID: old.KeyID, Secret: made["secret"].(string)}
	}
	second, ended := roll(3), time.Now().Add(3*time.Second)
	during := old.Do(t, "GET", cheap, nil)
	for overlap := 12; overlap < 60 && during.Code() == "key_expired" && time.Now().After(ended); overlap *= 4 { // the machine was too slow for so short an overlap
		old = second
		second, ended = roll(overlap), time.Now().Add(time.Duration(overlap)*time.Second)
		during = old.Do(t, "GET", cheap, nil)
	}
	want[object](t, during, 200)
	want[object](t, second.Do(t, "GET", cheap, nil), 200)
	time.Sleep(time.Until(ended) + 200*time.Millisecond)
	refused(t, "the older secret after the overlap", old.Do(t, "GET", cheap, nil), 401, "key_expired")
	want[object](t, second.Do(t, "GET", cheap, nil), 200)
	third := roll(0)
	refused(t, "the older secret without overlap", second.Do(t, "GET", cheap, nil), 401, "key_expired")
	want[object](t, third.Do(t, "GET", cheap, nil), 200)
	for _, target := range []string{"/v1/keys", "/v1/keys/" + old.KeyID} {
		a := admin.Do(t, "GET", target, nil)
		for _, secret := range []string{old.Secret, second.Secret, third.Secret} {
			if bytes.Contains(a.Body, []byte(secret)) {
				t.Errorf("%s shows a secret again", target)
			}
		}
	}
}

func TestOtherRegions(t *testing.T) {
	t.Parallel()
	c := up.Client()
	for region, base := range map[string]string{"us1": "https://us1.example.com", "ap1": "https://ap1.example.com"} {
		there := &e2e.Client{BaseURL: c.BaseURL, KeyID: strings.Replace(c.KeyID, "_eu1_", "_"+region+"_", 1), Secret: c.Secret}
		a := there.Do(t, "POST", "/v1/kya/check", object{"email": "a@example.com"})
		refused(t, region, a, http.StatusMisdirectedRequest, "wrong_region")
		if d := details(t, a); d["base_url"] != base || d["region"] != region {
			t.Errorf("the details are %v", d)
		}
	}
	nowhere := &e2e.Client{BaseURL: c.BaseURL, KeyID: strings.Replace(c.KeyID, "_eu1_", "_zz9_", 1), Secret: c.Secret}
	refused(t, "a region that there is not", nowhere.Do(t, "GET", cheap, nil), 401, "key_unknown")
}

// TestErrorsOfEveryLayer: the transport checks their one form; here are the codes.
func TestErrorsOfEveryLayer(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	refused(t, "no such route", c.Do(t, "GET", "/v1/nothing", nil), 404, "not_found")
	refused(t, "no such route at all", c.Do(t, "GET", "/", nil), 404, "not_found")
	refused(t, "no such file", c.Do(t, "GET", "/v1/docs/nothing.js", nil), 404, "not_found")
	refused(t, "a path that is not clean", c.Do(t, "GET", "/v1//quotas", nil), 404, "not_found")
	refused(t, "a path that climbs", c.Do(t, "GET", "/v1/docs/../../etc/passwd", nil), 404, "not_found")
	refused(t, "the other surface", c.Do(t, "GET", "/admin/v1/tenants", nil), 404, "not_found")
	for target, allow := range map[string]string{"/v1/kya/check": "POST", "/v1/jobs": "GET, HEAD", "/v1/subjects": "GET, HEAD, POST", "/v1/openapi.json": "GET, HEAD"} {
		a := c.Do(t, "PUT", target, nil)
		refused(t, "PUT "+target, a, 405, "method_not_allowed")
		if got := a.Header.Get("Allow"); got != allow {
			t.Errorf("PUT %s: Allow is %q, not %q", target, got, allow)
		}
	}
	if a := c.Do(t, "HEAD", cheap, nil); a.Status != 200 || len(a.Body) != 0 {
		t.Errorf("HEAD: %d %s", a.Status, a.Body)
	}
	refused(t, "no media type", c.Do(t, "POST", "/v1/kya/check", []byte(`{"email":"a@example.com"}`), "Content-Type", ""), 415, "unsupported_media_type")
	refused(t, "another media type", c.Do(t, "POST", "/v1/kya/check", []byte(`a=b`), "Content-Type", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
	refused(t, "too large", c.Do(t, "POST", "/v1/kya/check", bytes.Repeat([]byte(" "), 300<<10)), 413, "body_too_large")
	refused(t, "a body where there is none", c.Do(t, "GET", cheap, []byte(`{"a":1}`)), 413, "body_too_large")
	refused(t, "malformed", c.Do(t, "POST", "/v1/kya/check", []byte(`{"email":`)), 400, "malformed_json")
	refused(t, "a parameter", c.Do(t, "GET", "/v1/jobs?limit=1000", nil), 422, "invalid_argument")
	refused(t, "a parameter of another type", c.Do(t, "GET", "/v1/jobs?limit=many", nil), 422, "invalid_argument")
	refused(t, "a cursor", c.Do(t, "GET", "/v1/jobs?after=nonsense", nil), 422, "invalid_argument")
	refused(t, "a cursor of keys", c.Do(t, "GET", "/v1/keys?after=nonsense", nil), 422, "invalid_argument")
	refused(t, "a time", c.Do(t, "GET", "/v1/jobs?from=yesterday", nil), 422, "invalid_argument")
	refused(t, "a query that is not well-formed", c.Do(t, "GET", "/v1/jobs?status=%zzqueued", nil), 422, "invalid_argument")
	for _, name := range []string{"X-API-KEY", "X-API-TIMESTAMP", "X-API-SIGN", "Idempotency-Key", "Content-Type"} {
		r := c.Request(t, time.Now().Unix(), "POST", "/v1/kya/check", object{"email": "a@example.com"}, "Idempotency-Key", "once")
		r.Header.Add(name, r.Header.Get(name))
		a, err := c.Send(r)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, name+" twice", a, 400, "header_invalid")
	}
}

// raw writes a request by hand and gives the answer, checked like all others.
func raw(t *testing.T, r *http.Request, body string, finish func(net.Conn)) e2e.Answer {
	t.Helper()
	at := r.URL
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), at.Host)
	r.Header.Write(&head)
	fmt.Fprintf(&head, "\r\n%s", body)
	go func() { // the answer may come before all of it has gone
		if _, err := conn.Write([]byte(head.String())); err == nil {
			finish(conn)
		}
	}()
	conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := checks.check(checks.surfaces[host(t, up.BaseURL)], r, nil, response, got); err != nil {
		t.Error(err)
	}
	return e2e.Answer{Status: response.StatusCode, Body: got, Header: response.Header}
}

func TestWhatIsNotARequest(t *testing.T) {
	t.Parallel()
	ask := func(name, value string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), "GET", up.BaseURL+"/v1/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(name, value)
		return r
	}
	long := raw(t, ask("X-Long", strings.Repeat("a", 1<<20)), "", func(net.Conn) {})
	refused(t, "headers without end", long, 431, "headers_too_large")
	refused(t, "an unknown expectation", raw(t, ask("Expect", "a-miracle"), "", func(net.Conn) {}), 400, "malformed_request")
	refused(t, "an unknown coding", raw(t, ask("Transfer-Encoding", "rot13"), "", func(net.Conn) {}), 400, "malformed_request")
	refused(t, "a length that is no number", raw(t, ask("Content-Length", "many"), "", func(net.Conn) {}), 400, "malformed_request")
}

func TestBodiesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	// A process of its own, whose patience is short, so that a body that stops coming can be waited for.
	const bodyTimeout = 3 * time.Second
	_, c := up.StartServe(t, "--engines", "1", "--body-timeout", bodyTimeout.String())
	ask := func(target string, length int) *http.Request {
		r := c.Request(t, time.Now().Unix(), "POST", target, []byte(`{"email":"a@example.com"}`))
		r.Header.Set("Content-Length", strconv.Itoa(length))
		return r
	}
	start := time.Now()
	slow := raw(t, ask("/v1/kya/check", 1000), `{"email":`, func(net.Conn) {})
	refused(t, "a body that stops coming", slow, 408, "request_timeout")
	if took := time.Since(start); took < bodyTimeout-time.Second || took > bodyTimeout+time.Minute {
		t.Errorf("it was waited for %s", took)
	}
	ended := raw(t, ask("/v1/kya/check", 1000), `{"email":`, func(conn net.Conn) { conn.(*net.TCPConn).CloseWrite() })
	refused(t, "a body that ends early", ended, 400, "body_incomplete")
	announced := raw(t, ask("/v1/kya/check", 1<<40), "", func(net.Conn) {})
	refused(t, "a body that is announced too large", announced, 413, "body_too_large")
	chunked := c.Request(t, time.Now().Unix(), "POST", "/v1/kya/check", []byte(`{}`))
	chunked.Header.Set("Transfer-Encoding", "chunked")
	endless := raw(t, chunked, "", func(conn net.Conn) {
		piece := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat(" ", 64<<10))
		for range 8 {
			if _, err := conn.Write([]byte(piece)); err != nil {
				return
			}
		}
	})
	refused(t, "chunks without an end", endless, 413, "body_too_large")
}
