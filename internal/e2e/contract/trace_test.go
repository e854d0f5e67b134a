package contract

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

func host(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func spanNames(list []span) (names []string) {
	for _, s := range list {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	return names
}

// TestOneTrace follows one trace from the client's own span through the request, the job and its steps to the webhook's receiver.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	receiver := e2e.NewReceiver(t, defaultSecret(t, c))
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	body := e2e.Verification(t)
	body["callback_url"], body["kya"] = receiver.URL, object{"email": "person@example.com"}
	a := c.Do(t, http.MethodPost, "/v1/kyc/verify", body, "traceparent", "00-"+trace+"-"+parent+"-01")
	id := want[object](t, a, 202)["job_id"].(string)
	if got := a.Header.Get("X-Trace-Id"); got != trace {
		t.Errorf("X-Trace-Id is %s", got)
	}
	c.AwaitJob(t, id, patience)
	event := receiver.Await(t, patience, func(e e2e.Event) bool { return e.Type == "kyc.completed" })
	if !strings.HasPrefix(event.TraceParent, "00-"+trace+"-") {
		t.Errorf("the webhook came with traceparent %q", event.TraceParent)
	}
	named := func(name string) (found []span) {
		for _, s := range traces.of(trace) {
			if s.name == name {
				found = append(found, s)
			}
		}
		return found
	}
	names := []string{"POST /v1/kyc/verify", "job", "selfie", "document", "face_match", "kya", "decision"}
	for _, name := range names {
		for deadline := time.Now().Add(patience); len(named(name)) == 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no span is named %s: %v", name, spanNames(traces.of(trace)))
			}
		}
	}
	request, job := named("POST /v1/kyc/verify")[0], named("job")[0]
	if request.parent != parent {
		t.Errorf("the request's span is under %s", request.parent)
	}
	all := traces.of(trace)
	under := func(s span, ancestor string) bool {
		for range all {
			if s.id == ancestor {
				return true
			}
			at := slices.IndexFunc(all, func(o span) bool { return o.id == s.parent })
			if at < 0 {
				return s.parent == ancestor
			}
			s = all[at]
		}
		return false
	}
	if !under(job, request.id) {
		t.Error("the job is not under the request")
	}
	for _, name := range names[2:] {
		if !under(named(name)[0], job.id) {
			t.Errorf("the step %s is not under the job", name)
		}
	}
	// The receiver was called by a span of this trace, under the job.
	caller := strings.Split(event.TraceParent, "-")
	if len(caller) == 4 {
		eventually(t, patience, "the span of the delivery is exported", func() bool {
			all = traces.of(trace)
			return slices.ContainsFunc(all, func(s span) bool { return s.id == caller[2] })
		})
		if !under(span{id: caller[2], parent: all[slices.IndexFunc(all, func(s span) bool { return s.id == caller[2] })].parent}, job.id) {
			t.Error("the delivery is not under the job")
		}
	}
	// An answer without a trace of the client's has one of its own, and each another.
	one, two := c.Do(t, http.MethodGet, cheap, nil), c.Do(t, http.MethodGet, cheap, nil)
	if one.Header.Get("X-Trace-Id") == two.Header.Get("X-Trace-Id") {
		t.Error("two requests share a trace")
	}
}
