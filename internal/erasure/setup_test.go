package erasure

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/blob"
	"ekyc/internal/capture"
	"ekyc/internal/challenge"
	"ekyc/internal/consent"
	"ekyc/internal/drafting"
	"ekyc/internal/idempotency"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/metering"
	"ekyc/internal/queue"
	"ekyc/internal/receipt"
	"ekyc/internal/reference"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	killtest.Main(killtest.Programs{"erase": killtest.Program(eraseAsChild), "replay": killtest.Program(replayAsChild)})
	os.Exit(storetest.Main(m, &server, queue.Migrations, metering.Migrations, vault.Migrations, reference.Migrations, webhook.Migrations, idempotency.Migrations, drafting.Migrations, workflow.Migrations,
		challenge.Migrations, capture.Migrations, audit.Migrations, review.Migrations, receipt.Migrations, Migrations, consent.Migrations, reuse.Migrations))
}

// installation is where the things of one installation are.
type installation struct{ URL, Folder string }

func (i installation) ring() (*keyring.Ring, error) {
	return keyring.Open(filepath.Join(i.Folder, "ring"))
}

// process is what one process of an installation has.
type process struct {
	*Service
	db         *store.DB
	vault      *vault.Vault
	repeats    *idempotency.Service
	references *reference.Templates
	webhooks   *webhook.Service
	receipts   *receipt.Service
	audit      *audit.Log
	jobs       *workflow.Service
	reviews    *review.Service
	captures   *capture.Service
	challenges *challenge.Service
	consents   *consent.Service
	reuse      *reuse.Service
}

// open opens a process; media and ledger are its files.
func (i installation) open(o store.Options, media, ledger blob.Store) (*process, error) {
	ring, err := i.ring()
	if err != nil {
		return nil, err
	}
	db, err := store.Open(context.Background(), i.URL, o)
	if err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	p := &process{db: db, vault: vault.New(db, ring, media, vault.Options{Logger: quiet})}
	client, err := queue.New(db, queue.Options{Logger: quiet})
	if err != nil {
		return nil, err
	}
	p.webhooks = webhook.New(db, p.vault, ring, webhook.Options{Logger: quiet})
	p.webhooks.SetQueue(client)
	p.repeats, p.references = idempotency.New(db, p.vault, idempotency.Options{}), reference.New(db, p.vault)
	p.audit, p.receipts = audit.New(db, ring, audit.Options{Logger: quiet}), receipt.New(db, p.vault, ring, receipt.Options{})
	p.jobs = workflow.New(db, p.vault, metering.New(db), p.webhooks, nil, nil, workflow.Options{Logger: quiet})
	p.jobs.SetQueue(client)
	p.reviews, p.captures, p.challenges = review.New(db, p.vault, review.Options{}), capture.New(db, p.vault), challenge.New(db, p.vault)
	p.consents, p.reuse = consent.New(p.vault), reuse.New(p.vault)
	p.Service = New(db, p.vault, NewLedger(ledger, ring), p.audit, p.webhooks, p.receipts, Options{
		Parts: []Part{ // as the program has them
			{"jobs", p.jobs.EraseJobs}, {"capture_links", p.eraseCaptures}, {"reviews", p.reviews.EraseSubject}, {"receipt_salts", p.receipts.EraseSubject}, {"webhooks", p.webhooks.EraseSubject},
			{"remembered_answers", p.repeats.EraseSubject}, {"templates", p.references.EraseSubject}, {"consents", p.consents.Erase}, {"reuse_hashes", p.reuse.Erase},
		},
		Program: "1.2.3", Checkpoint: p.audit.Latest, Logger: quiet,
	})
	return p, nil
}

// bundle is an installation with one open process and a scope.
type bundle struct {
	*process
	t            testing.TB
	at           installation
	scope        ekyc.Scope
	owner        *pgx.Conn
	media, ledge *blob.Files
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{t: t, at: installation{server.URL(t), t.TempDir()}, scope: ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}}
	_, err := keyring.Create(filepath.Join(b.at.Folder, "ring"))
	b.must(err)
	b.media, err = blob.OpenFiles(filepath.Join(b.at.Folder, "media"))
	b.must(err)
	b.ledge, err = blob.OpenFiles(filepath.Join(b.at.Folder, "ledger"))
	b.must(err)
	b.process, err = b.at.open(store.Options{}, b.media, b.ledge)
	b.must(err)
	t.Cleanup(b.db.Close)
	b.owner = storetest.Owner(t, b.at.URL)
	b.exec(`set search_path to ekyc`)
	return b
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) exec(statement string, args ...any) {
	b.t.Helper()
	_, err := b.owner.Exec(context.Background(), statement, args...)
	b.must(err)
}

func (b *bundle) number(query string, args ...any) (n int) {
	b.t.Helper()
	b.must(b.owner.QueryRow(context.Background(), query, args...).Scan(&n))
	return n
}

func (b *bundle) in(work func(ctx context.Context, tx pgx.Tx) error) {
	b.t.Helper()
	b.must(b.db.InTenant(context.Background(), b.scope, work))
}

const planted = "PLANTED-PERSON"

// endpoint makes a receiver that nothing is delivered to, since no worker runs.
func (b *bundle) endpoint() {
	b.t.Helper()
	b.exec(`insert into webhook_endpoint (tenant_id, environment, id, url, types, thin) values ($1, $2, $3, 'x', '{}', false)`,
		b.scope.Tenant, b.scope.Environment, ekyc.NewID(ekyc.KindWebhook))
}

// person makes a subject of whom there is something in each room.
func (b *bundle) person() (subject ekyc.ID) {
	b.t.Helper()
	ref := planted + string(ekyc.NewID(ekyc.KindJob))
	b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		if subject, err = b.vault.CreateSubject(ctx, tx, b.scope, ref); err != nil {
			return err
		}
		media, err := b.vault.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte(planted), Kept: true})
		if err != nil {
			return err
		}
		if err := b.vault.SetReference(ctx, tx, b.scope, subject, media); err != nil {
			return err
		}
		if err := b.references.Put(ctx, tx, b.scope, subject, media, "model", []byte(planted), time.Hour); err != nil {
			return err
		}
		job := ekyc.NewID(ekyc.KindJob)
		if err := b.receipts.Issue(ctx, tx, b.scope, receipt.Facts{Job: job, Subject: subject, Result: []byte(`{}`)}); err != nil {
			return err
		}
		_, err = b.webhooks.Publish(ctx, tx, b.scope, webhook.Event{Type: webhook.KYCCompleted, Subject: subject, Data: map[string]string{"name": planted},
			Thin: map[string]any{"job_id": job}, CallbackURL: "https://example.com/" + planted})
		return err
	})
	claim, _, err := b.repeats.Begin(context.Background(), b.scope, fmt.Sprint(subject), "/v1/subjects", [32]byte{})
	b.must(err)
	b.must(claim.Finish(context.Background(), idempotency.Answer{Status: 201, Body: []byte(planted), Subject: subject, Keep: true}))
	b.deeds(subject, ref)
	return subject
}

// files counts the files of a store.
func (b *bundle) files(f *blob.Files) (n int) {
	b.t.Helper()
	for _, err := range f.List(context.Background(), 0) {
		b.must(err)
		n++
	}
	return n
}

func wantCode(t testing.TB, what string, err error, code ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}
