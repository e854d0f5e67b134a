package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/logtest"
	"ekyc/internal/queue"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		deliverAsChild()
		return
	}
	os.Exit(storetest.Main(m, &server, queue.Migrations, vault.Migrations, webhook.Migrations))
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// patience bounds every wait for something that must happen.
const patience = 90 * time.Second

// testBundle is a service with everything it needs, for one scope.
type testBundle struct {
	t       *testing.T
	url     string
	folder  string
	db      *store.DB
	vault   *vault.Vault
	queue   *queue.Client
	service *webhook.Service
	scope   ekyc.Scope
	owner   *pgx.Conn
	log     *logtest.Buffer
}

// setup starts a service whose workers deliver to loopback, with the waits of the contract unless the options say otherwise. An attempt may take a
// minute, so that none runs out of time because the machine is busy.
func setup(t *testing.T, change ...func(*webhook.Options)) *testBundle {
	t.Helper()
	b := setupWithoutWorkers(t, change...)
	b.work()
	return b
}

func setupWithoutWorkers(t *testing.T, change ...func(*webhook.Options)) *testBundle {
	t.Helper()
	b := &testBundle{t: t, url: server.URL(t), folder: t.TempDir(), scope: newScope(), log: &logtest.Buffer{}}
	if _, err := keyring.Create(filepath.Join(b.folder, "keyring")); err != nil {
		t.Fatal(err)
	}
	o := webhook.Options{AllowedNetworks: loopback, Timeout: time.Minute, Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	for _, f := range change {
		f(&o)
	}
	db, v, s, err := open(b.url, b.folder, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b.db, b.vault, b.service = db, v, s
	b.owner = storetest.Owner(t, b.url)
	client, err := queue.New(db, queue.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b.queue = client
	s.SetQueue(client)
	return b
}

func open(url, folder string, o webhook.Options) (*store.DB, *vault.Vault, *webhook.Service, error) {
	db, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	ring, err := keyring.Open(filepath.Join(folder, "keyring"))
	if err != nil {
		return nil, nil, nil, err
	}
	files, err := blob.OpenFiles(filepath.Join(folder, "blobs"))
	if err != nil {
		return nil, nil, nil, err
	}
	v := vault.New(db, ring, files, vault.Options{})
	return db, v, webhook.New(db, v, ring, o), nil
}

// work starts workers; they stop with the test.
func (b *testBundle) work() {
	b.t.Helper()
	client, err := startWorkers(b.db, b.service)
	if err != nil {
		b.t.Fatal(err)
	}
	b.service.SetQueue(client)
	b.queue = client
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		client.StopAndCancel(ctx)
	})
}

func startWorkers(db *store.DB, s *webhook.Service) (*queue.Client, error) {
	workers := river.NewWorkers()
	s.Register(workers)
	client, err := queue.New(db, queue.Options{Workers: workers, Queues: map[string]int{queue.Webhooks: 32}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return client, client.Start(context.Background())
}

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
}

// publish publishes in a transaction of its own and gives the time of its commit.
func (b *testBundle) publish(e webhook.Event) (ekyc.ID, time.Time) {
	b.t.Helper()
	id, err := b.tryPublish(e)
	if err != nil {
		b.t.Fatal(err)
	}
	return id, time.Now()
}

func (b *testBundle) tryPublish(e webhook.Event) (ekyc.ID, error) {
	return b.tryPublishIn(context.Background(), e)
}

func (b *testBundle) tryPublishIn(ctx context.Context, e webhook.Event) (id ekyc.ID, err error) {
	err = b.db.InTenant(ctx, b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.service.Publish(ctx, tx, b.scope, e)
		return err
	})
	return id, err
}

func (b *testBundle) endpoint(in webhook.EndpointInput) (webhook.Endpoint, string) {
	b.t.Helper()
	endpoint, secret, err := b.service.CreateEndpoint(b.t.Context(), b.scope, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return endpoint, secret
}

func (b *testBundle) subject() (id ekyc.ID) {
	b.t.Helper()
	err := b.db.InTenant(b.t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.vault.CreateSubject(ctx, tx, b.scope, "")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// deliveries are those of a filter, newest first.
func (b *testBundle) deliveries(f webhook.Filter) (all []webhook.Delivery) {
	b.t.Helper()
	for cursor := ekyc.ID(""); ; {
		list, next, err := b.service.ListDeliveries(context.Background(), b.scope, f, 200, cursor)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, list...)
		if next == "" {
			return all
		}
		cursor = next
	}
}

// detail waits until the only delivery of an event is in a state.
func (b *testBundle) detail(event ekyc.ID, status webhook.Status) webhook.DeliveryDetail {
	b.t.Helper()
	var last []webhook.Delivery
	deadline := time.Now().Add(patience)
	for ; time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		last = nil
		for _, d := range b.deliveries(webhook.Filter{}) {
			if d.Event == event {
				last = append(last, d)
			}
		}
		if len(last) == 1 && last[0].Status == status {
			detail, err := b.service.GetDelivery(b.t.Context(), b.scope, last[0].ID)
			if err != nil {
				b.t.Fatal(err)
			}
			return detail
		}
	}
	b.t.Fatalf("the delivery of %s did not become %s: %+v", event, status, last)
	return webhook.DeliveryDetail{}
}

// exec changes rows behind the service's back, as time and accidents do.
func (b *testBundle) exec(statement string, arguments ...any) {
	b.t.Helper()
	if _, err := b.owner.Exec(context.Background(), statement, arguments...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *testBundle) eventually(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	b.t.Fatalf("never: %s", what)
}

// reaches waits until so many deliveries are in a state. Many take as long as the machine needs: it gives up when none is added in patience.
func (b *testBundle) reaches(status webhook.Status, want int) {
	b.t.Helper()
	most := -1
	for deadline := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		n := len(b.deliveries(webhook.Filter{Status: status}))
		switch {
		case n == want:
			return
		case n > most:
			most, deadline = n, time.Now().Add(patience)
		case time.Now().After(deadline):
			b.t.Fatalf("%d deliveries %s, want %d", n, status, want)
		}
	}
}

// received is a request as a receiver saw it.
type received struct {
	at     time.Time
	header http.Header
	body   []byte
}

// prompt is for a claim that something takes no longer than it should. A machine that is busy with something else makes a round void, not three in a row.
func prompt(t *testing.T, most time.Duration, round func() time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 3 {
		took = append(took, round())
		if took[len(took)-1] <= most {
			t.Logf("after %v", took)
			return
		}
	}
	t.Errorf("it took %v, and never %s", took, most)
}

// receiver is a server that answers by a function of the number of the request, from 1.
type receiver struct {
	*httptest.Server
	t      *testing.T
	mutex  sync.Mutex
	all    []received
	notify chan received
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{t: t, notify: make(chan received, 10_000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		got := received{at: time.Now(), header: request.Header.Clone()}
		got.body, _ = io.ReadAll(request.Body)
		r.mutex.Lock()
		r.all = append(r.all, got)
		n := len(r.all)
		r.mutex.Unlock()
		r.notify <- got
		if answer != nil {
			answer(n, w)
		}
	}))
	t.Cleanup(r.CloseClientConnections)
	t.Cleanup(r.Close)
	return r
}

func status(code int) func(int, http.ResponseWriter) {
	return func(_ int, w http.ResponseWriter) { w.WriteHeader(code) }
}

func (r *receiver) next() received {
	r.t.Helper()
	select {
	case got := <-r.notify:
		return got
	case <-time.After(patience):
		r.t.Fatal("nothing was received")
		return received{}
	}
}

// none fails when anything comes within a moment.
func (r *receiver) none(moment time.Duration) {
	r.t.Helper()
	select {
	case got := <-r.notify:
		r.t.Fatalf("received %s", got.body)
	case <-time.After(moment):
	}
}

func (r *receiver) count() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.all)
}

// verify checks a request by the reference library.
func verify(secret string, got received) error {
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return w.Verify(got.body, got.header)
}

type wireMessage struct {
	Type      string          `json:"type"`
	ID        ekyc.ID         `json:"id"`
	CreatedAt time.Time       `json:"created_at"`
	Data      json.RawMessage `json:"data"`
}

func decode(t *testing.T, got received) (m wireMessage) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(got.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	return m
}

func wantCode(t *testing.T, err error, code ekyc.ErrorCode, what string) {
	t.Helper()
	if e, ok := errors.AsType[*ekyc.Error](err); !ok || e.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}
