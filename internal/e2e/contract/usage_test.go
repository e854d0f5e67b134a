package contract

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// TestUsageAndLogs: the same rows in three forms, and each of them true.
func TestUsageAndLogs(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	for i := range 5 {
		want[object](t, c.Do(t, http.MethodPost, "/v1/kya/check", object{"email": fmt.Sprintf("p%d@example.com", i)}), 200)
	}
	refused(t, "a refusal to be logged", c.Do(t, http.MethodPost, "/v1/kya/check", object{}), 422, "missing_field")
	forms := func(target, member string, rows int) {
		t.Helper()
		join := "?"
		if strings.Contains(target, "?") {
			join = "&"
		}
		a := c.Do(t, http.MethodGet, target, nil)
		list := want[map[string][]object](t, a, 200)[member]
		if len(list) != rows {
			t.Fatalf("%s has %d rows, not %d: %s", target, len(list), rows, a.Body)
		}
		for _, ask := range []e2e.Answer{c.Do(t, http.MethodGet, target+join+"format=ndjson", nil), c.Do(t, http.MethodGet, target, nil, "Accept", "application/x-ndjson")} {
			if ask.Header.Get("Content-Type") != "application/x-ndjson" || bytes.Count(ask.Body, []byte("\n")) != rows {
				t.Errorf("%s as lines: %s: %s", target, ask.Header.Get("Content-Type"), ask.Body)
			}
			for line := range bytes.Lines(ask.Body) {
				if !json.Valid(line) {
					t.Errorf("%s: a line that is no JSON: %s", target, line)
				}
			}
		}
		for _, ask := range []e2e.Answer{c.Do(t, http.MethodGet, target+join+"format=csv", nil), c.Do(t, http.MethodGet, target, nil, "Accept", "text/csv")} {
			records, err := csv.NewReader(bytes.NewReader(ask.Body)).ReadAll()
			if err != nil || len(records) != rows+1 || !strings.HasPrefix(ask.Header.Get("Content-Type"), "text/csv") {
				t.Errorf("%s as CSV: %s: %v %s", target, ask.Header.Get("Content-Type"), err, ask.Body)
				continue
			}
			if rows == 0 {
				continue
			}
			for name := range list[0] {
				if !slices.Contains(records[0], name) {
					t.Errorf("%s as CSV lacks the column %s", target, name)
				}
			}
		}
	}
	eventually(t, patience, "the request log has the requests", func() bool {
		a := c.Do(t, http.MethodGet, "/v1/logs/request?route=/v1/kya/check", nil)
		return bytes.Count(a.Body, []byte("trace_id")) == 6
	})
	forms("/v1/usage/events", "events", 5)
	forms("/v1/usage/events?module=liveness", "events", 0)
	forms("/v1/usage?group=day", "usage", 1)
	forms("/v1/usage?group=month", "usage", 1)
	forms("/v1/logs/request?route=/v1/kya/check", "requests", 6)
	forms("/v1/logs/request?status=422&code=missing_field", "requests", 1)
	forms("/v1/logs/request?limit=2&route=/v1/kya/check", "requests", 2)
	refused(t, "a form that there is not", c.Do(t, http.MethodGet, "/v1/usage?format=xml", nil), 422, "invalid_argument")

	total := want[struct {
		Usage []struct {
			Period, Module string
			Units, Events  int
		}
	}](t, c.Do(t, http.MethodGet, "/v1/usage?group=month", nil), 200).Usage[0]
	if total.Module != "kya" || total.Units != 5 || total.Events != 5 || total.Period != time.Now().UTC().Format("2006-01") {
		t.Errorf("the month's usage: %+v", total)
	}
	quotas := want[struct {
		Plan   string
		Quotas []struct {
			Module         string
			Limit          *int
			Used, Reserved int
		}
	}](t, c.Do(t, http.MethodGet, "/v1/quotas", nil), 200)
	if quotas.Plan != "pro" || len(quotas.Quotas) != 6 {
		t.Errorf("quotas: %+v", quotas)
	}
	for _, q := range quotas.Quotas {
		if wantUsed := map[bool]int{true: 5, false: 0}[q.Module == "kya"]; q.Used != wantUsed || q.Reserved != 0 || q.Limit == nil {
			t.Errorf("the quota of %s: %+v", q.Module, q)
		}
	}
	log := want[struct {
		Requests []struct {
			Method, Route, Code string
			Status              int
			TraceID             string  `json:"trace_id"`
			DurationMS          float64 `json:"duration_ms"`
			BytesIn             int     `json:"bytes_in"`
			Billed              bool
		}
	}](t, c.Do(t, http.MethodGet, "/v1/logs/request?route=/v1/kya/check", nil), 200)
	if first := log.Requests[0]; first.Status != 422 || first.Code != "missing_field" || first.Billed || first.Method != "POST" {
		t.Errorf("the newest entry: %+v", first)
	}
	if last := log.Requests[5]; last.Status != 200 || last.Code != "" || !last.Billed || last.DurationMS <= 0 || last.BytesIn < 10 || !traceForm.MatchString(last.TraceID) {
		t.Errorf("the oldest entry: %+v", last)
	}
}

// TestRateLimits: sixty a minute by default, the next is refused and told when to come back.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	id, _ := operator.NewKey(t, up.BaseURL, "free", "test", nil)
	c := operator.KeyOf(t, up.BaseURL, id, "test", object{"name": "by the plan"})
	for i := range 60 {
		a := c.Do(t, http.MethodGet, "/v1/quotas?_="+strconv.Itoa(i), nil)
		want[object](t, a, 200)
		if a.Header.Get("RateLimit-Policy") != `"minute";q=60;w=60, "day";q=50000;w=86400` {
			t.Fatalf("RateLimit-Policy is %s", a.Header.Get("RateLimit-Policy"))
		}
		if left := fmt.Sprintf(`"minute";r=%d;t=`, 59-i); !strings.HasPrefix(a.Header.Get("RateLimit"), left) || !strings.Contains(a.Header.Get("RateLimit"), fmt.Sprintf(`"day";r=%d;t=`, 49_999-i)) {
			t.Fatalf("after %d, RateLimit is %s", i+1, a.Header.Get("RateLimit"))
		}
	}
	a := c.Do(t, http.MethodGet, "/v1/quotas", nil)
	refused(t, "request 61", a, 429, "rate_limited")
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if err != nil || seconds < 1 || seconds > 60 || details(t, a)["window"] != "minute" {
		t.Errorf("Retry-After is %q, the details %v", a.Header.Get("Retry-After"), details(t, a))
	}
	// Another key of the tenant has windows of its own, and a route of it one more.
	narrow := operator.KeyOf(t, up.BaseURL, id, "test", unlimited(object{"endpoint_limits": object{"POST /v1/kya/check": 3}}))
	for i := range 3 {
		want[object](t, narrow.Do(t, http.MethodPost, "/v1/kya/check", object{"email": fmt.Sprintf("p%d@example.com", i)}), 200)
	}
	a = narrow.Do(t, http.MethodPost, "/v1/kya/check", object{"email": "p@example.com"})
	refused(t, "the fourth at an endpoint that takes three", a, 429, "rate_limited")
	if details(t, a)["window"] != "endpoint" || a.Header.Get("Retry-After") == "" {
		t.Errorf("the details are %v", details(t, a))
	}
	want[object](t, narrow.Do(t, http.MethodGet, "/v1/quotas", nil), 200)
	// A refusal by the limit is neither billed nor taken for a replay: the same request is admitted once the limit allows.
	want[object](t, operator.Do(t, http.MethodPatch, "/admin/v1/tenants/"+id+"/test/keys/"+narrow.KeyID, object{"endpoint_limits": object{}}), 200)
	at := time.Now().Unix()
	want[object](t, narrow.DoAt(t, at, http.MethodPost, "/v1/kya/check", object{"email": "q@example.com"}), 200)
	if n := number(t, database(t), "select count(*) from usage_event where tenant_id = $1", id); n != 4 {
		t.Errorf("%d units are billed", n)
	}
}

// TestLoweredQuotas: who has used what a lowered quota permits is told so, whether the plan, the tenant's plan or a quota of its own was changed, and once.
func TestLoweredQuotas(t *testing.T) {
	t.Parallel()
	plan := func(name string, quota int) {
		t.Helper()
		want[object](t, operator.Do(t, http.MethodPut, "/admin/v1/plans/"+name, object{"weight": 1, "rate_per_minute": 100000, "rate_per_day": 1000000,
			"quotas": object{"kya": quota}, "overage": false}), 200)
	}
	plan("shrinking", 100)
	plan("small", 4)
	c := newCustomer(t, "shrinking")
	hook := want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks", object{"url": "http://127.0.0.1:9/later"}), 201)
	receiver := e2e.NewReceiver(t, hook["secret"].(string))
	want[object](t, c.test.Do(t, http.MethodPatch, "/v1/webhooks/"+hook["webhook_id"].(string), object{"url": receiver.URL}), 200)
	for i := range 5 {
		want[object](t, c.test.Do(t, http.MethodPost, "/v1/kya/check", object{"email": fmt.Sprintf("p%d@example.com", i)}), 200)
	}
	conn := database(t)
	told := func(when string, want ...string) {
		t.Helper()
		eventually(t, patience, when+" was looked at", func() bool {
			return number(t, conn, "select count(*) from quota_usage where tenant_id = $1 and relimited", c.id) == 0
		})
		for _, event := range want {
			kind, limit, _ := strings.Cut(event, " ")
			receiver.Await(t, patience, func(e e2e.Event) bool {
				return e.Type == kind && strings.Contains(string(e.Data), `"limit":`+limit+`,"used":5,`)
			})
		}
	}
	own := "/admin/v1/tenants/" + c.id + "/test/quotas/kya"
	plan("shrinking", 6)
	told("the plan", "quota.threshold 6")
	want[object](t, operator.Do(t, http.MethodPatch, "/admin/v1/tenants/"+c.id, object{"plan": "small"}), 200)
	told("the tenant's plan", "quota.exhausted 4")
	want[object](t, operator.Do(t, http.MethodPut, own, object{"units": 50}), 200)
	told("a quota of its own")
	want[object](t, operator.Do(t, http.MethodPut, own, object{"units": 5}), 200)
	told("a lower one", "quota.threshold 5", "quota.exhausted 5")
	want[object](t, operator.Do(t, http.MethodPut, own, object{"units": 5}), 200)
	told("the same")
	want[object](t, operator.Do(t, http.MethodDelete, own, nil), 200)
	told("the plan's again")
	if n := number(t, conn, "select count(*) from webhook_event where tenant_id = $1", c.id); n != 4 {
		t.Errorf("%d events", n)
	}
}

// TestQuotas: a blocking plan stops at its quota, tells of 80 and 100 % exactly once, and a plan with overage goes on.
func TestQuotas(t *testing.T) {
	t.Parallel()
	const quota, asked = 50, 200
	plan := func(name string, overage bool) {
		want[object](t, operator.Do(t, http.MethodPut, "/admin/v1/plans/"+name, object{"weight": 1, "rate_per_minute": 100000, "rate_per_day": 1000000,
			"quotas": object{"kya": quota}, "overage": overage}), 200)
	}
	plan("tiny", false)
	plan("tinyover", true)
	for _, p := range []struct {
		name    string
		overage bool
	}{{"tiny", false}, {"tinyover", true}} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			c := newCustomer(t, p.name)
			hook := want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks", object{"url": "http://127.0.0.1:9/later"}), 201)
			receiver := e2e.NewReceiver(t, hook["secret"].(string))
			want[object](t, c.test.Do(t, http.MethodPatch, "/v1/webhooks/"+hook["webhook_id"].(string), object{"url": receiver.URL}), 200)
			var mutex sync.Mutex
			var group sync.WaitGroup
			outcomes := map[string]int{}
			for i := range asked {
				group.Go(func() {
					a := c.test.Do(t, http.MethodPost, "/v1/kya/check", object{"email": fmt.Sprintf("p%d@example.com", i)})
					mutex.Lock()
					defer mutex.Unlock()
					outcomes[strconv.Itoa(a.Status)+" "+a.Code()]++
				})
			}
			group.Wait()
			answered := map[bool]int{true: asked, false: quota}[p.overage]
			if outcomes["200 "] != answered || outcomes["429 quota_exceeded"] != asked-answered {
				t.Errorf("of %d requests: %v", asked, outcomes)
			}
			if !p.overage {
				a := c.test.Do(t, http.MethodPost, "/v1/kya/check", object{"email": "p@example.com"})
				refused(t, "beyond the quota", a, 429, "quota_exceeded")
				if d := details(t, a); d["module"] != "kya" || d["limit"] != float64(quota) || d["resets_at"] == nil {
					t.Errorf("the details are %v", d)
				}
			}
			receiver.Await(t, patience, func(e e2e.Event) bool { return e.Type == "quota.exhausted" })
			receiver.Await(t, patience, func(e e2e.Event) bool { return e.Type == "quota.threshold" })
			time.Sleep(time.Second) // for a second one that is not to come
			told := map[string]int{}
			for _, e := range receiver.Events() {
				told[e.Type]++
				if !strings.Contains(string(e.Data), `"module":"kya"`) {
					t.Errorf("told %s", e.Data)
				}
			}
			if len(told) != 2 || told["quota.threshold"] != 1 || told["quota.exhausted"] != 1 {
				t.Errorf("told of the quota: %v", told)
			}
			conn := database(t)
			if n := number(t, conn, "select sum(units) from usage_event where tenant_id = $1", c.id); n != int64(answered) {
				t.Errorf("%d units are billed", n)
			}
			if n := number(t, conn, "select sum(over_limit) from usage_event where tenant_id = $1", c.id); n != int64(max(0, answered-quota)) {
				t.Errorf("%d units are over the limit", n)
			}
			// The operator grants more, for this tenant alone.
			if !p.overage {
				want[object](t, operator.Do(t, http.MethodPut, "/admin/v1/tenants/"+c.id+"/test/quotas/kya", object{"units": quota + 1}), 200)
				want[object](t, c.test.Do(t, http.MethodPost, "/v1/kya/check", object{"email": "p@example.com"}), 200)
				refused(t, "beyond the new quota", c.test.Do(t, http.MethodPost, "/v1/kya/check", object{"email": "p@example.com"}), 429, "quota_exceeded")
			}
		})
	}
}
