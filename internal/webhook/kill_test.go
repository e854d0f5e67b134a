package webhook_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"ekyc/internal/webhook"
)

// childVariable, when set, makes this test program a worker of its own, to be killed.
const childVariable = "EKYC_WEBHOOK_TEST_CHILD"

type childOrder struct{ URL, Folder string }

func deliverAsChild() {
	var order childOrder
	err := json.Unmarshal([]byte(os.Getenv(childVariable)), &order)
	if err == nil {
		db, _, s, openErr := open(order.URL, order.Folder, webhook.Options{AllowedNetworks: loopback, Logger: slog.New(slog.DiscardHandler)})
		if err = openErr; err == nil {
			_, err = startWorkers(db, s)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	time.Sleep(time.Hour) // until it is killed
}

func TestAKilledWorkersDeliveryIsMadeByAnother(t *testing.T) {
	t.Parallel()
	b := setupWithoutWorkers(t)
	release := make(chan struct{})
	defer close(release)
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n == 1 {
			<-release // the first worker dies while it waits for the answer
		}
	})
	_, secret := b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCCompleted, Subject: b.subject(), Data: 1})
	order, _ := json.Marshal(childOrder{b.url, b.folder})
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+string(order))
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	first := r.next()
	child.Process.Kill()
	child.Wait()
	b.work()
	if err := b.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.service.Resend(t.Context(), b.scope, b.deliveries(webhook.Filter{})[0].ID); err != nil { // one more job for it
		t.Fatal(err)
	}
	r.none(time.Second) // the lease holds
	b.exec(`update ekyc.webhook_delivery set lease_until = now() - interval '1 second', next_attempt_at = next_attempt_at - interval '1 minute'`)
	if err := b.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := r.next()
	if first.header.Get("webhook-id") != second.header.Get("webhook-id") || verify(secret, second) != nil {
		t.Errorf("headers %v and %v", first.header, second.header)
	}
	if d := b.detail(id, webhook.Delivered); d.Attempts != 2 || len(d.Log) != 1 || d.Log[0].Number != 2 {
		t.Errorf("recorded %+v", d)
	}
}

func TestALateResultDoesNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n == 1 {
			<-release
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCCompleted, Data: 1})
	r.next()
	b.exec(`update ekyc.webhook_delivery set lease_until = now() - interval '1 second', next_attempt_at = next_attempt_at - interval '1 minute'`)
	if err := b.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.next()
	b.detail(id, webhook.Delivered)
	close(release)
	b.eventually("both attempts are recorded", func() bool { return len(b.detail(id, webhook.Delivered).Log) == 2 })
	d := b.detail(id, webhook.Delivered)
	if d.Log[0].StatusCode != 500 || d.Log[1].StatusCode != 200 || d.StatusCode != 200 || d.NextAttemptAt != nil {
		t.Errorf("recorded %+v", d)
	}
	r.none(100 * time.Millisecond)
}

func TestALostJobIsFoundAgain(t *testing.T) {
	t.Parallel()
	b := setupWithoutWorkers(t)
	r := newReceiver(t, nil)
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCCompleted, Data: 1})
	b.exec(`delete from river.river_job`)
	b.exec(`update ekyc.webhook_delivery set next_attempt_at = next_attempt_at - interval '31 seconds'`)
	due, oldest, err := b.service.Backlog(t.Context())
	if err != nil || due != 1 || oldest < 31*time.Second {
		t.Errorf("backlog %d, %s, %v", due, oldest, err)
	}
	b.work()
	for range 3 { // the second and third leave it alone
		if err := b.service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.detail(id, webhook.Delivered)
	var jobs int
	if err := b.owner.QueryRow(t.Context(), `select count(*) from river.river_job`).Scan(&jobs); err != nil || jobs != 1 || r.count() != 1 {
		t.Errorf("%d jobs, %d requests, %v", jobs, r.count(), err)
	}
}
