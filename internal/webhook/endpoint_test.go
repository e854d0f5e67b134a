package webhook_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/webhook"
)

func TestEndpointsAreKeptChangedListedAndDeleted(t *testing.T) {
	t.Parallel()
	b := setupWithoutWorkers(t)
	ctx := t.Context()
	made, secret := b.endpoint(webhook.EndpointInput{
		URL: "https://hooks.example.com/a", Types: []string{webhook.KYCFailed, webhook.KYCCompleted, webhook.KYCFailed}, Description: "primary", Thin: true,
	})
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err != nil || len(raw) != 32 || !made.ID.Is(ekyc.KindWebhook) {
		t.Errorf("secret of %d bytes, %v; id %s", len(raw), err, made.ID)
	}
	got, err := b.service.GetEndpoint(ctx, b.scope, made.ID)
	if err != nil || got.URL != "https://hooks.example.com/a" || !slices.Equal(got.Types, []string{webhook.KYCCompleted, webhook.KYCFailed}) || !got.Thin ||
		got.Description != "primary" || got.PublicKey != "" || got.DisabledAt != nil {
		t.Errorf("kept %+v, %v", got, err)
	}
	address, types, no := "https://hooks.example.com/b", []string{}, false
	got, err = b.service.UpdateEndpoint(ctx, b.scope, made.ID, webhook.EndpointUpdate{URL: &address, Types: &types, Thin: &no, Enabled: &no})
	if again, getErr := b.service.GetEndpoint(ctx, b.scope, made.ID); err != nil || getErr != nil || got.URL != address || again.URL != address ||
		len(again.Types) != 0 || again.Thin || again.Description != "primary" || again.DisabledReason != "by_tenant" || !again.DisabledAt.Equal(*got.DisabledAt) {
		t.Errorf("changed %+v and %+v, %v, %v", got, again, err, getErr)
	}
	for what, in := range map[string]webhook.EndpointInput{
		"type":        {URL: address, Types: []string{"kyc.*"}},
		"description": {URL: address, Description: strings.Repeat("ä", 501)},
	} {
		_, _, err := b.service.CreateEndpoint(ctx, b.scope, in)
		wantCode(t, err, ekyc.ErrInvalidArgument, what)
	}
	_, _, err = b.service.CreateEndpoint(ctx, b.scope, webhook.EndpointInput{URL: "https://10.0.0.1/"})
	wantCode(t, err, ekyc.ErrURLDenied, "a private address")
	inner := "https://10.0.0.1/"
	_, err = b.service.UpdateEndpoint(ctx, b.scope, made.ID, webhook.EndpointUpdate{URL: &inner})
	wantCode(t, err, ekyc.ErrURLDenied, "a change to a private address")
	if err := b.service.DeleteEndpoint(ctx, b.scope, made.ID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, b.service.DeleteEndpoint(ctx, b.scope, made.ID), ekyc.ErrNotFound, "delete again")
	_, err = b.service.GetEndpoint(ctx, b.scope, made.ID)
	wantCode(t, err, ekyc.ErrNotFound, "get what is deleted")
	var secrets int
	if err := b.owner.QueryRow(ctx, `select count(*) from ekyc.webhook_secret`).Scan(&secrets); err != nil || secrets != 0 {
		t.Errorf("%d secrets outlive their endpoint, %v", secrets, err)
	}
}

func TestTheNumberOfEndpointsIsBounded(t *testing.T) {
	t.Parallel()
	b := setupWithoutWorkers(t)
	var group sync.WaitGroup
	var mutex sync.Mutex
	made := 0
	for range 60 {
		group.Go(func() {
			_, _, err := b.service.CreateEndpoint(t.Context(), b.scope, webhook.EndpointInput{URL: "https://hooks.example.com/"})
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				made++
			} else {
				wantCode(t, err, ekyc.ErrConflict, "one too many")
			}
		})
	}
	group.Wait()
	if made != 50 {
		t.Errorf("%d were made", made)
	}
	seen := map[ekyc.ID]bool{}
	for cursor, pages := ekyc.ID(""), 0; ; pages++ {
		list, next, err := b.service.ListEndpoints(t.Context(), b.scope, 20, cursor)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, e := range list {
			seen[e.ID] = true
		}
		if cursor = next; next == "" {
			break
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d were listed", len(seen))
	}
}

func TestNothingOfAnotherScopeIsReached(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := newReceiver(t, nil)
	endpoint, _ := b.endpoint(webhook.EndpointInput{URL: r.URL})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	delivery := b.detail(id, webhook.Delivered).ID
	ctx, s := t.Context(), b.service
	yes := false
	for name, other := range map[string]ekyc.Scope{"another tenant": newScope(), "the other environment": {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		for what, do := range map[string]func() error{
			"get": func() error { _, err := s.GetEndpoint(ctx, other, endpoint.ID); return err },
			"update": func() error {
				_, err := s.UpdateEndpoint(ctx, other, endpoint.ID, webhook.EndpointUpdate{Enabled: &yes})
				return err
			},
			"delete":   func() error { return s.DeleteEndpoint(ctx, other, endpoint.ID) },
			"rotate":   func() error { _, err := s.RotateSecret(ctx, other, endpoint.ID, 0); return err },
			"ping":     func() error { _, err := s.Ping(ctx, other, endpoint.ID); return err },
			"delivery": func() error { _, err := s.GetDelivery(ctx, other, delivery); return err },
			"resend":   func() error { return s.Resend(ctx, other, delivery) },
		} {
			wantCode(t, do(), ekyc.ErrNotFound, name+": "+what)
		}
		endpoints, _, err := s.ListEndpoints(ctx, other, 10, "")
		deliveries, _, err2 := s.ListDeliveries(ctx, other, webhook.Filter{}, 10, "")
		n, err3 := s.ResendMany(ctx, other, webhook.Filter{})
		if err != nil || err2 != nil || err3 != nil || len(endpoints)+len(deliveries)+n != 0 {
			t.Errorf("%s sees %d endpoints, %d deliveries, sends %d again; %v %v %v", name, len(endpoints), len(deliveries), n, err, err2, err3)
		}
		mine, _, err := s.DefaultSecret(ctx, b.scope)
		theirs, _, err2 := s.DefaultSecret(ctx, other)
		if err != nil || err2 != nil || mine == theirs {
			t.Errorf("%s shares the default secret; %v, %v", name, err, err2)
		}
	}
	if n := r.count(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestNoPlaintextReachesTheDatabaseFilesOrLog(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(time.Hour))
	planted := func(what string) string { return "planted-" + what + "-7f3a" }
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, planted("answer"))
	})
	endpoint, secret := b.endpoint(webhook.EndpointInput{URL: r.URL + "/" + planted("path"), Description: planted("description"), Ed25519: true})
	id, _ := b.publish(webhook.Event{
		Type: webhook.KYCFailed, Subject: b.subject(), Data: map[string]string{"name": planted("data")}, Thin: map[string]string{"name": planted("thin")},
	})
	if d := b.detail(id, webhook.Retrying); d.Log[0].Body != planted("answer") || !strings.Contains(string(d.Body), planted("data")) {
		t.Errorf("recorded %+v", d)
	}
	b.publish(webhook.Event{
		Type: webhook.QuotaExhausted, CallbackURL: "https://" + planted("host") + ".invalid/" + planted("callback"), Subject: b.subject(), Data: 1,
	})
	b.eventually("the callback failed", func() bool {
		return len(b.deliveries(webhook.Filter{Type: webhook.QuotaExhausted, Status: webhook.Retrying})) == 2
	})
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	for _, text := range []string{"planted-", secret[len("whsec_"):], string(raw)} {
		if found := b.holders(text); len(found) > 0 {
			t.Errorf("%q stands in %v", text, found)
		}
	}
	if found := b.holders(string(endpoint.ID)); len(found) < 4 { // endpoint, secrets, deliveries, jobs
		t.Errorf("what is not secret was found in %v only", found)
	}
}

// holders are the tables and files that hold a text, and the log.
func (b *testBundle) holders(text string) (found []string) {
	b.t.Helper()
	rows, err := b.owner.Query(b.t.Context(), `select quote_ident(schemaname) || '.' || quote_ident(tablename)
		from pg_tables where schemaname in ('ekyc', 'ekyc_keys', 'river')`)
	if err != nil {
		b.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		b.t.Fatalf("%d tables, %v", len(tables), err)
	}
	where := map[string]string{"the log": b.log.String()}
	for _, table := range tables {
		rows, err := b.owner.Query(b.t.Context(), "select * from "+table)
		if err != nil {
			b.t.Fatal(err)
		}
		var content strings.Builder
		for rows.Next() {
			for _, value := range rows.RawValues() {
				content.Write(value)
				content.WriteByte(0)
			}
		}
		if err := rows.Err(); err != nil {
			b.t.Fatal(err)
		}
		where[table] = content.String()
	}
	filepath.WalkDir(b.folder, func(path string, entry os.DirEntry, _ error) error {
		if content, err := os.ReadFile(path); err == nil && !entry.IsDir() {
			where[path] = string(content)
		}
		return nil
	})
	for name, content := range where {
		if strings.Contains(content, text) {
			found = append(found, name)
		}
	}
	return found
}

func TestErasureTakesWhatWasToBeSent(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(time.Hour))
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "an answer")
	})
	b.endpoint(webhook.EndpointInput{URL: r.URL})
	subject := b.subject()
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Subject: subject, Data: 1})
	d := b.detail(id, webhook.Retrying)
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EraseSubject(ctx, tx, b.scope, subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.service.Resend(t.Context(), b.scope, d.ID); err != nil {
		t.Fatal(err)
	}
	d = b.detail(id, webhook.Dead)
	if d.Failure != webhook.FailureErased || d.Body != nil || len(d.Log) != 1 || d.Log[0].Body != "" || d.Attempts != 1 || r.count() != 1 {
		t.Errorf("after erasure: %+v; %d requests", d, r.count())
	}
	_, err = b.tryPublish(webhook.Event{Type: webhook.KYCFailed, Subject: subject, Data: 1})
	wantCode(t, err, ekyc.ErrGone, "publish about an erased subject")
}

func TestBodiesGoAtTheirTimeAndDeliveriesAtTheirs(t *testing.T) {
	t.Parallel()
	b := setup(t, schedule(time.Hour))
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "an answer")
	})
	endpoint, _ := b.endpoint(webhook.EndpointInput{URL: r.URL})
	short, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1, KeepFor: time.Hour})
	long, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 2})
	b.detail(short, webhook.Retrying)
	b.detail(long, webhook.Retrying)
	b.exec(`update ekyc.webhook_event set drop_at = drop_at - interval '61 minutes'`)
	sweep := func() {
		t.Helper()
		if err := b.service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d := b.detail(short, webhook.Retrying) // although it is there still
	if d.Body != nil || d.Log[0].Body != "" || d.Log[0].StatusCode != http.StatusTeapot {
		t.Errorf("the short one before the sweep: %+v", d)
	}
	wantCode(t, b.service.Resend(t.Context(), b.scope, d.ID), ekyc.ErrGone, "send again what is over")
	sweep()
	d = b.detail(short, webhook.Retrying)
	if d.Body != nil || d.Log[0].Body != "" || d.Log[0].StatusCode != http.StatusTeapot {
		t.Errorf("the short one: %+v", d)
	}
	wantCode(t, b.service.Resend(t.Context(), b.scope, d.ID), ekyc.ErrGone, "send again what is not held")
	b.exec(`update ekyc.webhook_delivery set next_attempt_at = now() - interval '31 seconds' where id = $1`, d.ID)
	sweep()
	if d := b.detail(short, webhook.Dead); d.Failure != webhook.FailureExpired {
		t.Errorf("the short one: %+v", d)
	}
	if d := b.detail(long, webhook.Retrying); d.Body == nil || d.Log[0].Body == "" {
		t.Errorf("the long one: %+v", d)
	}
	if err := b.service.DeleteEndpoint(t.Context(), b.scope, endpoint.ID); err != nil {
		t.Fatal(err)
	}
	if d := b.detail(long, webhook.Dead); d.Failure != webhook.FailureDisabled || d.URL != "" {
		t.Errorf("the long one: %+v", d)
	}
	if _, err := b.service.RotateDefaultSecret(t.Context(), b.scope, 0); err != nil {
		t.Fatal(err)
	}
	b.exec(`update ekyc.webhook_event set created_at = created_at - interval '31 days'`)
	sweep()
	for table, want := range map[string]int{"webhook_event": 0, "webhook_delivery": 0, "webhook_attempt": 0, "webhook_endpoint": 0, "webhook_secret": 1} {
		if n := b.rows(table); n != want {
			t.Errorf("%d rows of %s are left", n, table)
		}
	}
}

// rows counts the rows of a table, of all scopes.
func (b *testBundle) rows(table string) (n int) {
	b.t.Helper()
	if err := b.owner.QueryRow(b.t.Context(), "select count(*) from ekyc."+table).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}
