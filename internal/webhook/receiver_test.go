package webhook_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/webhook"
)

// TestBothEnvironmentsShareATenantsPart has a tenant whose two environments deliver to servers that do not answer.
func TestBothEnvironmentsShareATenantsPart(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *webhook.Options) { o.PerTenant = 8 })
	end := make(chan struct{})
	slow := newReceiver(t, func(int, http.ResponseWriter) { <-end })
	t.Cleanup(func() { close(end) })
	for _, environment := range []ekyc.Environment{ekyc.Live, ekyc.Test} {
		b.scope.Environment = environment
		b.endpoint(webhook.EndpointInput{URL: slow.URL})
		for range 12 {
			b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
		}
	}
	b.eventually("they hold what they may", func() bool { return slow.count() == 8 })
	time.Sleep(300 * time.Millisecond)
	if n := slow.count(); n != 8 {
		t.Errorf("%d requests at once", n)
	}
}

// TestADeadCallbackHostSlowsNoOther has callbacks to a server that does not answer, and one to another.
func TestADeadCallbackHostSlowsNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *webhook.Options) { o.Timeout = 1500 * time.Millisecond })
	end := make(chan struct{})
	dead, alive := newReceiver(t, func(int, http.ResponseWriter) { <-end }), newReceiver(t, nil)
	t.Cleanup(func() { close(end) })
	b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1, CallbackURL: dead.URL})
	b.eventually("the dead host is known to be slow", func() bool { return len(b.deliveries(webhook.Filter{Status: webhook.Retrying})) == 1 })
	prompt(t, 700*time.Millisecond, func() time.Duration {
		before := dead.count()
		for range 12 {
			b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1, CallbackURL: dead.URL + "/another"})
		}
		b.eventually("the dead host holds what it may", func() bool { return dead.count() >= before+4 })
		id, committed := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1, CallbackURL: alive.URL})
		got := alive.next()
		for got.header.Get("webhook-id") != string(id) { // the former round's was repeated
			got = alive.next()
		}
		return got.at.Sub(committed)
	})
	u, err := url.Parse(alive.URL)
	if err != nil {
		t.Fatal(err)
	}
	var named int
	err = b.owner.QueryRow(t.Context(), `select (select count(*) from ekyc.webhook_delivery d where d::text like $1)
		+ (select count(*) from river.river_job j where j::text like $1)`, "%:"+u.Port()+"%").Scan(&named) // the colon: the digits alone are in clocks and hashes
	if err != nil || named != 0 {
		t.Errorf("%d rows name the host, %v", named, err)
	}
}

// TestAnIdleEndpointIsNotDisabledByOneFailure has an endpoint that failed once, long ago, and was not called since.
func TestAnIdleEndpointIsNotDisabledByOneFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(time.Hour))
	bad := newReceiver(t, status(http.StatusInternalServerError))
	endpoint, _ := b.endpoint(webhook.EndpointInput{URL: bad.URL})
	first, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	b.detail(first, webhook.Retrying)
	b.exec(`update ekyc.webhook_endpoint set failing_since = now() - interval '20 days', last_failure_at = now() - interval '17 days' where id = $1`, endpoint.ID)
	last, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 2})
	b.detail(last, webhook.Retrying)
	if now := b.only(); now.DisabledAt != nil || now.FailingSince == nil || time.Since(*now.FailingSince) > time.Hour {
		t.Errorf("the endpoint is %+v", now)
	}
}

// TestAnAnswerThatComesTooLateIsNotKept lets the body's time end while an attempt is made.
func TestAnAnswerThatComesTooLateIsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		close(reached)
		<-goOn
		w.Write([]byte("what the receiver says"))
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCCompleted, Data: 1, KeepFor: time.Millisecond})
	<-reached
	if err := b.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if d := b.detail(id, webhook.Delivered); len(d.Log) != 1 || d.Log[0].Body != "" || d.Log[0].StatusCode != http.StatusOK {
		t.Errorf("recorded %+v", d)
	}
	var answers int
	if err := b.owner.QueryRow(t.Context(), `select count(answer) from ekyc.webhook_attempt`).Scan(&answers); err != nil || answers != 0 {
		t.Errorf("%d answers are kept, %v", answers, err)
	}
}

type traceKey struct{}

// resumed notes the traces in which requests were made.
type resumed struct {
	next   http.RoundTripper
	mutex  sync.Mutex
	traces []any
}

func (r *resumed) RoundTrip(q *http.Request) (*http.Response, error) {
	r.mutex.Lock()
	r.traces = append(r.traces, q.Context().Value(traceKey{}))
	r.mutex.Unlock()
	return r.next.RoundTrip(q)
}

func TestADeliveryGoesOnWithTheTraceOfItsEvent(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	seen := &resumed{}
	b := setup(t, schedule(50*time.Millisecond), func(o *webhook.Options) {
		o.TraceParent = func(ctx context.Context) string { s, _ := ctx.Value(traceKey{}).(string); return s }
		o.Resume = func(ctx context.Context, parent string) context.Context {
			return context.WithValue(ctx, traceKey{}, parent)
		}
		o.Transport = func(next http.RoundTripper) http.RoundTripper { seen.next = next; return seen }
	})
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, err := b.tryPublishIn(context.WithValue(t.Context(), traceKey{}, parent), webhook.Event{Type: webhook.KYCFailed, Data: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.detail(id, webhook.Delivered)
	id, _ = b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	b.detail(id, webhook.Delivered)
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	if len(seen.traces) != 3 || seen.traces[0] != parent || seen.traces[1] != parent || seen.traces[2] != nil {
		t.Errorf("traces %v", seen.traces)
	}
}
