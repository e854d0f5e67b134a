package review_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/queue"
	"ekyc/internal/review"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
	"ekyc/internal/webhook"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, queue.Migrations, vault.Migrations, webhook.Migrations, review.Migrations))
}

// bundle is two processes of one installation, with webhooks for what is decided.
type bundle struct {
	t         *testing.T
	url       string
	scope     ekyc.Scope
	owner     *pgx.Conn
	processes [2]process
	verdict   review.Verdict // of every job
	fault     error          // of whoever is told
}

// process is one of the service's processes: a pool and a vault of its own over one database.
type process struct {
	*review.Service
	db       *store.DB
	vault    *vault.Vault
	webhooks *webhook.Service
}

func setup(t *testing.T) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	b := &bundle{t: t, url: site.URL, scope: site.Scope, verdict: review.Verdict{ByScore: ekyc.Review}}
	b.owner = storetest.Owner(t, b.url)
	for i := range b.processes {
		db, v := site.Process(t)
		hooks := webhook.New(db, v, site.Ring, webhook.Options{Logger: slog.New(slog.DiscardHandler)})
		client, err := queue.New(db, queue.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		hooks.SetQueue(client)
		b.processes[i] = process{review.New(db, v, review.Options{
			Verdict: func(context.Context, pgx.Tx, ekyc.Scope, ekyc.ID) (review.Verdict, error) { return b.verdict, nil },
			Decided: func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, told review.Told) error {
				_, err := hooks.Publish(ctx, tx, scope, webhook.Event{Type: webhook.KYCReviewed, Subject: told.Subject, Data: told, CallbackURL: told.CallbackURL})
				return errors.Join(err, b.fault)
			},
		}), db, v, hooks}
	}
	return b
}

// endpoint makes the tenant one that is told of reviews.
func (b *bundle) endpoint() {
	b.t.Helper()
	if _, _, err := b.processes[0].webhooks.CreateEndpoint(b.t.Context(), b.scope, webhook.EndpointInput{URL: "https://example.com/hooks"}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) in(f func(ctx context.Context, tx pgx.Tx) error) error {
	return b.processes[0].db.InTenant(context.Background(), b.scope, f)
}

func (b *bundle) must(f func(ctx context.Context, tx pgx.Tx) error) {
	b.t.Helper()
	if err := b.in(f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) subject() (id ekyc.ID) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.processes[0].vault.CreateSubject(ctx, tx, b.scope, "")
		return err
	})
	return id
}

func (b *bundle) erase(subject ekyc.ID) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.processes[0].vault.EraseSubject(ctx, tx, b.scope, subject)
		return err
	})
}

// aCase is a case of a new subject.
func (b *bundle) aCase() review.Case {
	return review.Case{
		Job: ekyc.NewID(ekyc.KindJob), Subject: b.subject(), Score: 7250, Reasons: []decision.Code{decision.RuleLivenessUncertain, decision.CodeSimilarityLimited},
		Workflow: "onboarding", WorkflowVersion: 2, WorkflowHash: "abc",
	}
}

func (b *bundle) open(c review.Case) (id ekyc.ID) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.processes[0].Open(ctx, tx, b.scope, c)
		return err
	})
	return id
}

// A tenant's people, through its keys.
var (
	first      = review.Who{KeyID: "ek_live_eu1_first", Reviewer: "reviewer-1"}
	second     = review.Who{KeyID: "ek_live_eu1_first", Reviewer: "reviewer-2"}
	third      = review.Who{KeyID: "ek_live_eu1_first", Reviewer: "reviewer-3"}
	throughKey = review.Who{KeyID: "ek_live_eu1_second", Reviewer: "reviewer-1"}
)

func (b *bundle) claim(id ekyc.ID, who review.Who) review.Review {
	b.t.Helper()
	r, err := b.processes[0].Claim(b.t.Context(), b.scope, id, who, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bundle) tryDecide(id ekyc.ID, who review.Who, d review.Decision) (review.Review, error) {
	return b.processes[1].Decide(context.Background(), b.scope, id, who, d)
}

// decide claims and decides.
func (b *bundle) decide(id ekyc.ID, who review.Who, d review.Decision) review.Review {
	b.t.Helper()
	b.claim(id, who)
	r, err := b.tryDecide(id, who, d)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

var (
	accept = review.Decision{Decision: ekyc.Accepted, ReasonCode: review.IdentityConfirmed}
	reject = review.Decision{Decision: ekyc.Rejected, ReasonCode: review.PersonNotHolder, Comment: "the ears differ"}
)

func (b *bundle) get(id ekyc.ID) review.Review {
	b.t.Helper()
	r, err := b.processes[1].Get(b.t.Context(), b.scope, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bundle) set(s review.SecondReviewer) {
	b.t.Helper()
	if _, err := b.processes[0].Set(b.t.Context(), b.scope, review.Settings{SecondReviewer: s, KeyID: first.KeyID}); err != nil {
		b.t.Fatal(err)
	}
}

// expire lets the claims of a review have run out.
func (b *bundle) expire(id ekyc.ID) {
	b.asOwner("update ekyc.review set claim_until = clock_timestamp() - interval '1 second' where id = $1", id)
}

func (b *bundle) asOwner(statement string, args ...any) {
	b.t.Helper()
	tag, err := b.owner.Exec(context.Background(), statement, args...)
	if err != nil || tag.RowsAffected() == 0 {
		b.t.Fatalf("%s: %v, %d rows", statement, err, tag.RowsAffected())
	}
}

func (b *bundle) count(query string, args ...any) (n int) {
	b.t.Helper()
	if err := b.owner.QueryRow(context.Background(), "select count(*) from "+query, args...).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func kindsOf(acts []review.Act) (kinds []review.Kind) {
	for _, a := range acts {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}

func wantReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	if problem, ok := errors.AsType[*ekyc.Error](err); !ok || problem.Code != ekyc.ErrConflict || problem.Details["reason"] != reason {
		t.Errorf("%s: %v, wanted the reason %s", what, err, reason)
	}
}

func wantCode(t *testing.T, what string, err error, code ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != code {
		t.Errorf("%s: %v, wanted %s", what, err, code)
	}
}

func together(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

func near(at time.Time, want time.Time) bool { return at.Sub(want).Abs() < time.Minute }
