package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/webhook"
)

func schedule(waits ...time.Duration) func(*webhook.Options) {
	return func(o *webhook.Options) { o.Schedule = append([]time.Duration{}, waits...) }
}

func TestFailuresAreTriedAgainUntilOneSucceeds(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(50*time.Millisecond, 50*time.Millisecond, time.Hour))
	long := strings.Repeat("x", 5000)
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n < 3 {
			w.WriteHeader(500 + n)
			fmt.Fprint(w, n, long)
		}
	})
	_, secret := b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCCompleted, Subject: b.subject(), Data: 1})
	for n := range 3 {
		got := r.next()
		if got.header.Get("webhook-id") != string(id) || verify(secret, got) != nil {
			t.Errorf("attempt %d: %v", n+1, got.header)
		}
	}
	d := b.detail(id, webhook.Delivered)
	if d.Attempts != 3 || len(d.Log) != 3 || d.Failure != "" {
		t.Fatalf("recorded %+v", d)
	}
	for i, a := range d.Log[:2] {
		if a.StatusCode != 501+i || a.Failure != webhook.FailureStatus || len(a.Body) != 4096 || !strings.HasPrefix(a.Body, fmt.Sprint(i+1, "xx")) {
			t.Errorf("attempt %d: %d %s, %d bytes %.5s", a.Number, a.StatusCode, a.Failure, len(a.Body), a.Body)
		}
	}
	if endpoint := b.only(); endpoint.FailingSince != nil {
		t.Errorf("failing since %v after a success", endpoint.FailingSince)
	}
}

// only gives the scope's only endpoint.
func (b *testBundle) only() webhook.Endpoint {
	b.t.Helper()
	list, next, err := b.service.ListEndpoints(b.t.Context(), b.scope, 10, "")
	if err != nil || len(list) != 1 || next != "" {
		b.t.Fatalf("%d endpoints, %v", len(list), err)
	}
	return list[0]
}

func TestTheFirstRetryComesAfterFiveSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n%2 == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	prompt(t, 9*time.Second, func() time.Duration {
		b.publish(webhook.Event{Type: webhook.KYCCompleted, Data: 1})
		first, second := r.next(), r.next()
		wait := second.at.Sub(first.at)
		if wait < 4500*time.Millisecond {
			t.Errorf("the first retry came after %s", wait)
		}
		return wait
	})
}

func TestAfterTheScheduleADeliveryIsADeadLetterAndCanBeSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(20*time.Millisecond))
	var healthy = make(chan struct{})
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		select {
		case <-healthy:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	dead := b.detail(id, webhook.Dead)
	if dead.Attempts != 2 || dead.NextAttemptAt != nil || dead.StatusCode != 503 {
		t.Errorf("recorded %+v", dead.Delivery)
	}
	letters, _, err := b.service.DeadLetters(t.Context(), webhook.DeadLetterFilter{Tenant: b.scope.Tenant}, 10, "")
	if err != nil || len(letters) != 1 || letters[0].Scope != b.scope || letters[0].ID != dead.ID {
		t.Errorf("dead letters %+v, %v", letters, err)
	}
	letters, _, err = b.service.DeadLetters(t.Context(), webhook.DeadLetterFilter{Environment: ekyc.Test}, 10, "")
	if err != nil || len(letters) != 0 {
		t.Errorf("dead letters of the other environment %+v, %v", letters, err)
	}
	close(healthy)
	if err := b.service.Resend(t.Context(), b.scope, dead.ID); err != nil {
		t.Fatal(err)
	}
	d := b.detail(id, webhook.Delivered)
	if d.Attempts != 3 || len(d.Log) != 3 {
		t.Errorf("recorded %+v", d)
	}
	if err := b.service.Resend(t.Context(), b.scope, dead.ID); err != nil { // also what was delivered
		t.Fatal(err)
	}
	b.eventually("four requests", func() bool { return r.count() == 4 })
}

func TestAllFailedAreSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule())
	const events = 520 // more than one transaction's batch
	healthy := make(chan struct{})
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		select {
		case <-healthy:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	endpoint, _ := b.endpoint(webhook.EndpointInput{URL: r.URL})
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		for range events {
			if _, err := b.service.Publish(ctx, tx, b.scope, webhook.Event{Type: webhook.KYCFailed, Data: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.reaches(webhook.Dead, events)
	close(healthy)
	b.publish(webhook.Event{Type: webhook.QuotaExhausted, Data: 1})
	b.reaches(webhook.Delivered, 1)
	n, err := b.service.ResendMany(t.Context(), b.scope, webhook.Filter{Failed: true, Endpoint: endpoint.ID})
	if err != nil || n != events {
		t.Errorf("%d sent again, %v", n, err)
	}
	b.reaches(webhook.Delivered, events+1)
	if n := r.count(); n != 2*events+1 {
		t.Errorf("%d requests", n)
	}
	lastHour := webhook.Filter{Type: webhook.QuotaExhausted, From: time.Now().Add(-time.Hour), To: time.Now()}
	if n, err := b.service.ResendMany(t.Context(), b.scope, lastHour); n != 1 || err != nil {
		t.Errorf("a range: %d sent again, %v", n, err)
	}
}

func TestGoneDisablesAndTellsTheOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone, other := newReceiver(t, status(http.StatusGone)), newReceiver(t, nil)
	endpoint, _ := b.endpoint(webhook.EndpointInput{URL: gone.URL, Types: []string{webhook.KYCFailed, webhook.EndpointDisabled}})
	b.endpoint(webhook.EndpointInput{URL: other.URL, Types: []string{webhook.EndpointDisabled}})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	d := b.detail(id, webhook.Dead)
	if d.StatusCode != http.StatusGone || d.Attempts != 1 {
		t.Errorf("recorded %+v", d.Delivery)
	}
	if got := decode(t, other.next()); got.Type != "webhook.disabled" || !strings.Contains(string(got.Data), `"endpoint_id":"`+string(endpoint.ID)+`"`) ||
		!strings.Contains(string(got.Data), `"reason":"gone"`) {
		t.Errorf("told %+v", got)
	}
	if now, err := b.service.GetEndpoint(t.Context(), b.scope, endpoint.ID); err != nil || now.DisabledReason != "gone" || now.DisabledAt == nil {
		t.Errorf("endpoint %+v, %v", now, err)
	}
	wantCode(t, b.service.Resend(t.Context(), b.scope, d.ID), ekyc.ErrConflict, "send again to a disabled endpoint")
	_, err := b.service.Ping(t.Context(), b.scope, endpoint.ID)
	wantCode(t, err, ekyc.ErrConflict, "ping a disabled endpoint")
	if n, err := b.service.ResendMany(t.Context(), b.scope, webhook.Filter{Endpoint: endpoint.ID}); n != 0 || err != nil {
		t.Errorf("%d sent again, %v", n, err)
	}
	yes := true
	if _, err := b.service.UpdateEndpoint(t.Context(), b.scope, endpoint.ID, webhook.EndpointUpdate{Enabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if err := b.service.Resend(t.Context(), b.scope, d.ID); err != nil {
		t.Error(err)
	}
	b.eventually("a second request", func() bool { return gone.count() == 2 })
}

func TestFiveDaysOfFailuresDisable(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(time.Hour))
	bad, other := newReceiver(t, status(http.StatusInternalServerError)), newReceiver(t, nil)
	endpoint, _ := b.endpoint(webhook.EndpointInput{URL: bad.URL})
	b.endpoint(webhook.EndpointInput{URL: other.URL, Types: []string{webhook.EndpointDisabled}})
	waiting, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	b.detail(waiting, webhook.Retrying)
	b.exec(`update ekyc.webhook_endpoint set failing_since = failing_since - interval '5 days' where id = $1`, endpoint.ID)
	last, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 2})
	if d := b.detail(last, webhook.Dead); d.StatusCode != 500 {
		t.Errorf("the last: %+v", d.Delivery)
	}
	if d := b.detail(waiting, webhook.Dead); d.Failure != webhook.FailureDisabled {
		t.Errorf("the waiting one: %+v", d.Delivery)
	}
	if got := decode(t, other.next()); got.Type != "webhook.disabled" || !strings.Contains(string(got.Data), `"reason":"failing"`) {
		t.Errorf("told %+v", got)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	d := b.detail(id, webhook.Retrying)
	if wait := time.Until(*d.NextAttemptAt); wait < 59*time.Minute || wait > 61*time.Minute {
		t.Errorf("the next attempt is in %s", wait)
	}
}

func TestSlowReceiversAreGivenUp(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // for an answer to begin, also on a busy machine
	const least, most = 1600, float64(10 * timeout / time.Millisecond)
	b := setup(t, func(o *webhook.Options) { o.Timeout = timeout })
	end := make(chan struct{})
	silent := newReceiver(t, func(int, http.ResponseWriter) { <-end })
	dripping := newReceiver(t, func(_ int, w http.ResponseWriter) {
		for {
			fmt.Fprint(w, "drip ")
			w.(http.Flusher).Flush()
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { close(end) })
	b.endpoint(webhook.EndpointInput{URL: silent.URL, Types: []string{webhook.KYCFailed}})
	b.endpoint(webhook.EndpointInput{URL: dripping.URL, Types: []string{webhook.KYCReviewed}})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	if d := b.detail(id, webhook.Retrying); d.Failure != webhook.FailureTimeout || d.StatusCode != 0 ||
		d.Log[0].DurationMS < least || d.Log[0].DurationMS > most {
		t.Errorf("no answer: %+v", d)
	}
	id, _ = b.publish(webhook.Event{Type: webhook.KYCReviewed, Data: 1})
	if d := b.detail(id, webhook.Delivered); d.Log[0].DurationMS > most || !strings.HasPrefix(d.Log[0].Body, "drip drip") {
		t.Errorf("an answer without end: %+v", d)
	}
}

func TestOneTenantsSlowServerDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *webhook.Options) { o.PerTenant = 16 })
	end := make(chan struct{})
	slow, fast := newReceiver(t, func(int, http.ResponseWriter) { <-end }), newReceiver(t, nil)
	t.Cleanup(func() { close(end) })
	b.endpoint(webhook.EndpointInput{URL: slow.URL})
	for range 100 {
		b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	}
	b.eventually("the slow server holds what it may", func() bool { return slow.count() == 16 })
	b.scope = newScope()
	b.endpoint(webhook.EndpointInput{URL: fast.URL})
	prompt(t, 3*time.Second, func() time.Duration {
		_, committed := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
		return fast.next().at.Sub(committed)
	})
	if n := slow.count(); n != 16 {
		t.Errorf("%d requests at once", n)
	}
	b.eventually("no delivery looks lost", func() bool { // what was turned away is planned anew
		var overdue int
		err := b.owner.QueryRow(t.Context(), `select count(*) from ekyc.webhook_delivery
			where lease_until is null and next_attempt_at < now() - interval '10 seconds'`).Scan(&overdue)
		if err != nil {
			t.Error(err)
		}
		return overdue == 0
	})
}
