package challenge_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/challenge"
	"ekyc/internal/face/liveness"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, vault.Migrations, challenge.Migrations))
}

// process is one of the service's processes: a pool and a vault of its own over one database.
type process struct {
	*challenge.Service
	t  *testing.T
	db *store.DB
}

type bundle struct {
	processes [2]process
	url       string
	scope     ekyc.Scope
}

const key = "ek_live_eu1_first"

func setup(t *testing.T) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	b := &bundle{url: site.URL, scope: site.Scope}
	for i := range b.processes {
		db, v := site.Process(t)
		b.processes[i] = process{challenge.New(db, v), t, db}
	}
	return b
}

// issue makes a challenge of n actions.
func (p process) issue(scope ekyc.Scope, n int) (c challenge.Challenge) {
	p.t.Helper()
	err := p.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		c, err = p.Issue(ctx, tx, scope, key, n)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// use tries to take a challenge in a transaction of its own.
func (p process) use(scope ekyc.Scope, keyID string, id ekyc.ID) (c challenge.Challenge, err error) {
	err = p.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		c, err = p.Use(ctx, tx, scope, keyID, id)
		return err
	})
	return c, err
}

func wantReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	if problem, ok := err.(*ekyc.Error); !ok || problem.Code != ekyc.ErrChallengeInvalid || problem.Details["reason"] != reason {
		t.Errorf("%s: %v, wanted the reason %s", what, err, reason)
	}
}

// asOwner changes what the table holds, as who has the database's disk could.
func (b *bundle) asOwner(t *testing.T, statement string, args ...any) {
	t.Helper()
	tag, err := storetest.Owner(t, b.url).Exec(context.Background(), statement, args...)
	if err != nil || tag.RowsAffected() == 0 {
		t.Fatalf("%s: %v, %d rows", statement, err, tag.RowsAffected())
	}
}

const expire = "update ekyc.challenge set created_at = created_at - interval '4 minutes', expires_at = expires_at - interval '4 minutes' where id = $1"

func TestAChallengeIsUsedOnceByWhoAsked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p, q := b.processes[0], b.processes[1]
	given := p.issue(b.scope, 4)
	if !given.ID.Is(ekyc.KindChallenge) || len(given.Actions) != 4 || given.ExpiresAt.Sub(given.CreatedAt) != challenge.Lifetime || len(given.Signature) != 64 {
		t.Errorf("given out: %+v", given)
	}
	other := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	_, err := q.use(other, key, given.ID)
	wantReason(t, "another tenant", err, challenge.ReasonUnknown)
	_, err = q.use(ekyc.Scope{Tenant: b.scope.Tenant, Environment: ekyc.Test}, key, given.ID)
	wantReason(t, "another environment", err, challenge.ReasonUnknown)
	_, err = q.use(b.scope, "ek_live_eu1_second", given.ID)
	wantReason(t, "another key", err, challenge.ReasonOtherKey)
	_, err = q.use(b.scope, key, ekyc.NewID(ekyc.KindChallenge))
	wantReason(t, "an invented one", err, challenge.ReasonUnknown)
	_, err = q.use(b.scope, key, "' or true --")
	wantReason(t, "no identifier at all", err, challenge.ReasonUnknown)

	taken, err := q.use(b.scope, key, given.ID)
	if err != nil || !slices.Equal(taken.Actions, given.Actions) || !taken.ExpiresAt.Equal(given.ExpiresAt) || taken.Signature != given.Signature {
		t.Fatalf("taken: %+v, %v", taken, err)
	}
	_, err = p.use(b.scope, key, given.ID)
	wantReason(t, "a second time", err, challenge.ReasonUsed)

	stale := p.issue(b.scope, 3)
	b.asOwner(t, expire, stale.ID)
	_, err = p.use(b.scope, key, stale.ID)
	wantReason(t, "too late", err, challenge.ReasonExpired)
}

func TestOneOfManyAtOnceGetsAChallenge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	given := b.processes[0].issue(b.scope, 3)
	var got atomic.Int64
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			if _, err := b.processes[i%2].use(b.scope, key, given.ID); err == nil {
				got.Add(1)
			} else {
				wantReason(t, "one of many", err, challenge.ReasonUsed)
			}
		})
	}
	group.Wait()
	if got.Load() != 1 {
		t.Errorf("%d of 64 got it", got.Load())
	}
}

func TestAnActThatIsUndoneLeavesTheChallenge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.processes[0]
	given := p.issue(b.scope, 3)
	err := p.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := p.Use(ctx, tx, b.scope, key, given.ID); err != nil {
			return err
		}
		return context.DeadlineExceeded
	})
	if err == nil {
		t.Fatal("the transaction was committed")
	}
	first, err := p.use(b.scope, key, given.ID)
	if err != nil {
		t.Fatal(err)
	}
	giveBack := func(c challenge.Challenge) {
		t.Helper()
		err := p.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error { return p.GiveBack(ctx, tx, b.scope, c) })
		if err != nil {
			t.Fatal(err)
		}
	}
	giveBack(first)
	if _, err = p.use(b.scope, key, given.ID); err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	giveBack(first) // comes late, and is not of this use
	_, err = p.use(b.scope, key, given.ID)
	wantReason(t, "given back twice", err, challenge.ReasonUsed)
}

func TestWhatWasChangedInTheTableIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for what, statement := range map[string]string{
		"actions": "update ekyc.challenge set actions = '{turn_left,turn_right,turn_left}' where id = $1",
		"time":    "update ekyc.challenge set expires_at = expires_at + interval '1 year' where id = $1",
		"key":     "update ekyc.challenge set key_id = 'ek_live_eu1_second' where id = $1",
	} {
		p := b.processes[0]
		given := p.issue(b.scope, 4)
		b.asOwner(t, statement, given.ID)
		keyID := key
		if what == "key" {
			keyID = "ek_live_eu1_second"
		}
		_, err := p.use(b.scope, keyID, given.ID)
		wantReason(t, what, err, challenge.ReasonUnknown)
	}
}

// TestTenThousandAttempts takes challenges that were used, have expired, or are another's.
func TestTenThousandAttempts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.processes[0]
	other := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	used, stale, theirs := p.issue(b.scope, 3), p.issue(b.scope, 3), p.issue(other, 3)
	if _, err := p.use(b.scope, key, used.ID); err != nil {
		t.Fatal(err)
	}
	b.asOwner(t, expire, stale.ID)
	attempts := []struct {
		key    string
		id     ekyc.ID
		reason string
	}{{key, used.ID, challenge.ReasonUsed}, {key, stale.ID, challenge.ReasonExpired}, {key, theirs.ID, challenge.ReasonUnknown}, {"ek_live_eu1_second", used.ID, challenge.ReasonOtherKey}}
	err := p.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		for i := range 10_000 {
			a := attempts[i%len(attempts)]
			_, err := p.Use(ctx, tx, b.scope, a.key, a.id)
			if wantReason(t, "attempt", err, a.reason); t.Failed() {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweepForgetsWhatEndedADayAgo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.processes[0]
	old, recent := p.issue(b.scope, 3), p.issue(b.scope, 3)
	b.asOwner(t, "update ekyc.challenge set created_at = created_at - interval '25 hours', expires_at = expires_at - interval '25 hours' where id = $1", old.ID)
	b.asOwner(t, expire, recent.ID)
	if err := p.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, err := p.use(b.scope, key, old.ID)
	wantReason(t, "swept", err, challenge.ReasonUnknown)
	_, err = p.use(b.scope, key, recent.ID)
	wantReason(t, "kept", err, challenge.ReasonExpired)
}

func TestOtherNumbersOfActionsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.processes[0]
	for _, n := range []int{-1, 0, liveness.MinActions - 1, liveness.MaxActions + 1} {
		err := p.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := p.Issue(ctx, tx, b.scope, key, n)
			return err
		})
		if ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%d actions: %v", n, err)
		}
	}
	if time.Until(p.issue(b.scope, 5).ExpiresAt) > challenge.Lifetime {
		t.Error("a challenge lasts longer than it may")
	}
}
