package idempotency_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/idempotency"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// work stands for what a request does: a row that is billed.
var work = store.Migrations{Package: "work", Files: fstest.MapFS{"001_work.sql": {Data: []byte(`-- +goose Up
create table work (tenant_id text not null, environment text not null, id text not null, primary key (tenant_id, environment, id));
select ekyc.protect('work');
grant select, insert on work to ekyc_service;
`)}}}

var server *storetest.Server

func TestMain(m *testing.M) {
	if stage := os.Getenv(stageVariable); stage != "" {
		crash(stage)
	}
	os.Exit(storetest.Main(m, &server, vault.Migrations, idempotency.Migrations, work))
}

// bundle is one database with any number of processes on it.
type bundle struct {
	t         *testing.T
	url       string
	directory string // of keyring and files
	keyring   *keyring.Ring
	files     *blob.Files
	scope     ekyc.Scope
}

// process is a service with a pool and a vault of its own.
type process struct {
	*idempotency.Service
	b     *bundle
	db    *store.DB
	vault *vault.Vault
}

func setup(t *testing.T) *bundle {
	t.Helper()
	directory := t.TempDir()
	ring, err := keyring.Create(filepath.Join(directory, "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.OpenFiles(filepath.Join(directory, "files"))
	if err != nil {
		t.Fatal(err)
	}
	scope := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	return &bundle{t: t, url: server.URL(t), directory: directory, keyring: ring, files: files, scope: scope}
}

func (b *bundle) process(lease time.Duration) *process {
	b.t.Helper()
	db, err := store.Open(context.Background(), b.url, store.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(db.Close)
	v := vault.New(db, b.keyring, b.files, vault.Options{})
	logger := slog.New(slog.DiscardHandler)
	return &process{idempotency.New(db, v, idempotency.Options{Lease: lease, Logger: logger}), b, db, v}
}

const route = "POST /v1/kyc/verify"

var body = sha256.Sum256([]byte("body"))

func (p *process) begin(ctx context.Context, key string) (*idempotency.Claim, *idempotency.Answer, error) {
	return p.Begin(ctx, p.b.scope, key, route, body)
}

// claim begins and expects to be the one who executes.
func (p *process) claim(ctx context.Context, key string) *idempotency.Claim {
	p.b.t.Helper()
	c, answer, err := p.begin(ctx, key)
	if err != nil || answer != nil || c == nil {
		p.b.t.Fatalf("not claimed: %v, %v", answer, err)
	}
	return c
}

// refused begins and expects a code.
func (p *process) refused(key string, want ekyc.ErrorCode) {
	p.b.t.Helper()
	if c, answer, err := p.begin(context.Background(), key); ekyc.CodeOf(err) != want || c != nil || answer != nil {
		p.b.t.Errorf("claim %v, answer %v, error %v, want %s", c != nil, answer, err, want)
	}
}

// execute does the work of a claim: a row and the remembered answer in one transaction.
func (p *process) execute(c *idempotency.Claim, a idempotency.Answer) error {
	return execute(p.db, p.b.scope, c, a, func() {})
}

func execute(db *store.DB, scope ekyc.Scope, c *idempotency.Claim, a idempotency.Answer, beforeCommit func()) error {
	return db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into work values ($1, $2, $3)", scope.Tenant, scope.Environment, ekyc.NewID(ekyc.KindUsage))
		if err != nil {
			return err
		}
		if err := c.Complete(ctx, tx, a); err != nil {
			return err
		}
		beforeCommit()
		return nil
	})
}

func (p *process) subject() (id ekyc.ID) {
	p.b.t.Helper()
	err := p.db.InTenant(context.Background(), p.b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = p.vault.CreateSubject(ctx, tx, p.b.scope, "")
		return err
	})
	if err != nil {
		p.b.t.Fatal(err)
	}
	return id
}

// executed counts the work that was done.
func (b *bundle) executed() int { return b.count("ekyc.work") }

func (b *bundle) count(table string) (n int) {
	b.t.Helper()
	conn := storetest.Owner(b.t, b.url)
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), "select count(*) from "+table).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// owner runs a statement that no role of the service may.
func (b *bundle) owner(statement string) {
	b.t.Helper()
	conn := storetest.Owner(b.t, b.url)
	defer conn.Close(context.Background())
	if tag, err := conn.Exec(context.Background(), statement); err != nil || tag.RowsAffected() == 0 {
		b.t.Fatalf("%s: %v, %v", statement, tag, err)
	}
}

func answerOf(text string) idempotency.Answer {
	return idempotency.Answer{Status: 202, Header: map[string]string{"Content-Type": "application/json", "X-Trace-Id": "t"}, Body: []byte(text), Keep: true}
}

func (b *bundle) same(got *idempotency.Answer, want idempotency.Answer) {
	b.t.Helper()
	if got == nil || got.Status != want.Status || !maps.Equal(got.Header, want.Header) || string(got.Body) != string(want.Body) || got.Subject != want.Subject {
		b.t.Errorf("answer %+v, want %+v", got, want)
	}
}
