package idempotency_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/idempotency"
	"ekyc/internal/store/storetest"
)

func TestHundredConcurrentDuplicatesAreExecutedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	processes := []*process{b.process(0), b.process(0)}
	const duplicates = 100
	want := answerOf(`{"job_id":"job_1"}`)
	want.Subject = processes[0].subject()
	var executed, replayed atomic.Int64
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range duplicates {
		done.Go(func() {
			<-start
			p := processes[i%2]
			for { // as a client that is told to try again
				c, answer, err := p.begin(context.Background(), "key-1")
				switch {
				case answer != nil:
					b.same(answer, want)
					replayed.Add(1)
					return
				case c != nil:
					time.Sleep(20 * time.Millisecond) // the model's work
					if err := p.execute(c, want); err != nil {
						t.Error(err)
					}
					executed.Add(1)
					return
				case ekyc.CodeOf(err) != ekyc.ErrIdempotencyInProgress:
					t.Error(err)
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	close(start)
	done.Wait()
	if executed.Load() != 1 || replayed.Load() != duplicates-1 || b.executed() != 1 {
		t.Errorf("%d executed, %d rows, %d replayed", executed.Load(), b.executed(), replayed.Load())
	}
}

func TestOtherRequestsOfTheSameKeyAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.process(0)
	c := p.claim(t.Context(), "key-1")
	mismatches := func() {
		t.Helper()
		for name, f := range map[string]func() (*idempotency.Claim, *idempotency.Answer, error){
			"another body": func() (*idempotency.Claim, *idempotency.Answer, error) {
				return p.Begin(t.Context(), b.scope, "key-1", route, sha256.Sum256([]byte("other")))
			},
			"another route": func() (*idempotency.Claim, *idempotency.Answer, error) {
				return p.Begin(t.Context(), b.scope, "key-1", "POST /v1/face/match", body)
			},
		} {
			if c, answer, err := f(); ekyc.CodeOf(err) != ekyc.ErrIdempotencyMismatch || c != nil || answer != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	mismatches()
	p.refused("key-1", ekyc.ErrIdempotencyInProgress)
	if err := p.execute(c, answerOf("a")); err != nil {
		t.Fatal(err)
	}
	mismatches()
	_, answer, err := p.begin(t.Context(), "key-1")
	if err != nil {
		t.Fatal(err)
	}
	b.same(answer, answerOf("a"))
	for name, scope := range map[string]ekyc.Scope{
		"another tenant": {Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}, "the other environment": {Tenant: b.scope.Tenant, Environment: ekyc.Test},
	} {
		if c, answer, err := p.Begin(t.Context(), scope, "key-1", route, body); c == nil || answer != nil || err != nil {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
	for _, key := range []string{"", " ", "a b", "a\n", "é", "\x7f", strings.Repeat("k", 256)} {
		p.refused(key, ekyc.ErrHeaderInvalid)
	}
	for _, key := range []string{"~", "!", strings.Repeat("k", 255)} {
		p.claim(t.Context(), key)
	}
}

func TestRefusalsAreRememberedAndReleasesAreNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.process(0)
	ctx, gone := context.WithCancel(t.Context())
	refusal := idempotency.Answer{Status: 422, Body: []byte(`{"error":{}}`), Keep: true}
	finished, released := p.claim(ctx, "key-1"), p.claim(ctx, "key-2")
	gone() // the client has gone: what became of its request is recorded all the same
	if err := finished.Finish(ctx, refusal); err != nil {
		t.Fatal(err)
	}
	if err := released.Release(ctx); err != nil {
		t.Fatal(err)
	}
	_, answer, err := p.begin(t.Context(), "key-1")
	if err != nil {
		t.Fatal(err)
	}
	b.same(answer, refusal)
	again := p.claim(t.Context(), "key-2")
	if err := released.Finish(t.Context(), refusal); ekyc.CodeOf(err) != ekyc.ErrIdempotencyInProgress {
		t.Errorf("a released claim remembers: %v", err)
	}
	if err := p.execute(again, answerOf("a")); err != nil {
		t.Fatal(err)
	}
	if err := again.Release(t.Context()); err != nil { // the commit's acknowledgement was lost
		t.Fatal(err)
	}
	if _, answer, err = p.begin(t.Context(), "key-2"); err != nil {
		t.Fatal(err)
	}
	b.same(answer, answerOf("a"))
}

func TestAnswersThatAreNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.process(0)
	a := answerOf("secret")
	a.Keep, a.Subject = false, p.subject()
	if err := p.execute(p.claim(t.Context(), "key-1"), a); err != nil {
		t.Fatal(err)
	}
	p.refused("key-1", ekyc.ErrIdempotencyNotKept)
	if b.count("ekyc.idempotency where answer is null and subject_id = ''") != 1 || b.executed() != 1 {
		t.Error("something of the answer is kept")
	}
}

func TestAnswersGoWithTheirSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p, elsewhere := b.process(0), b.process(0)
	a := answerOf("secret")
	a.Subject = p.subject()
	if err := p.execute(p.claim(t.Context(), "key-1"), a); err != nil {
		t.Fatal(err)
	}
	_, answer, err := elsewhere.begin(t.Context(), "key-1")
	if err != nil {
		t.Fatal(err)
	}
	b.same(answer, a)
	err = p.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := p.vault.EraseSubject(ctx, tx, b.scope, a.Subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.refused("key-1", ekyc.ErrGone)
	elsewhere.refused("key-1", ekyc.ErrGone)
}

func TestATakenOverClaimCannotComplete(t *testing.T) {
	t.Parallel()
	const lease = 200 * time.Millisecond
	b := setup(t)
	stalled, second := b.process(lease), b.process(0)
	for round := range 3 {
		key := fmt.Sprintf("key-%d", round)
		ctx, stall := context.WithCancel(t.Context())
		first := stalled.claim(ctx, key)
		stall() // its heartbeats end, and it works on
		time.Sleep(2 * lease)

		// Of many that find the lease run out, one takes over.
		var claims atomic.Int64
		var taken atomic.Pointer[idempotency.Claim]
		var done sync.WaitGroup
		for range 20 {
			done.Go(func() {
				c, answer, err := second.begin(context.Background(), key)
				if c != nil {
					claims.Add(1)
					taken.Store(c)
				} else if answer != nil || ekyc.CodeOf(err) != ekyc.ErrIdempotencyInProgress {
					t.Errorf("answer %v, error %v", answer, err)
				}
			})
		}
		done.Wait()
		if claims.Load() != 1 {
			t.Fatalf("%d took the key over", claims.Load())
		}

		fenced := func() {
			t.Helper()
			if err := stalled.execute(first, answerOf("late")); ekyc.CodeOf(err) != ekyc.ErrIdempotencyInProgress {
				t.Errorf("the first completes: %v", err)
			}
			if err := first.Finish(t.Context(), answerOf("late")); ekyc.CodeOf(err) != ekyc.ErrIdempotencyInProgress {
				t.Errorf("the first finishes: %v", err)
			}
			if err := first.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		fenced()
		if err := second.execute(taken.Load(), answerOf("second")); err != nil {
			t.Fatal(err)
		}
		fenced()
		if n := b.executed(); n != round+1 {
			t.Errorf("%d executed after %d keys", n, round+1)
		}
		_, answer, err := stalled.begin(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		b.same(answer, answerOf("second"))
	}
}

func TestALeaseIsRenewedWhileTheRequestRuns(t *testing.T) {
	t.Parallel()
	const lease = 6 * time.Second // a process that lives keeps it, also on a busy machine
	b := setup(t)
	p, other := b.process(lease), b.process(0)
	c := p.claim(t.Context(), "key-1")
	for end := time.Now().Add(5 * lease / 2); time.Now().Before(end); time.Sleep(lease / 10) {
		other.refused("key-1", ekyc.ErrIdempotencyInProgress)
	}
	if err := p.execute(c, answerOf("a")); err != nil {
		t.Error(err)
	}
}

// A process that is frozen in the middle of its commit holds the row's lock; duplicates must neither wait for it nor execute.
func TestDuplicatesDoNotWaitForOneThatIsCompleting(t *testing.T) {
	t.Parallel()
	const lease = 200 * time.Millisecond
	b := setup(t)
	p, other := b.process(lease), b.process(0)
	ctx, stall := context.WithCancel(t.Context())
	c := p.claim(ctx, "key-1")
	stall()
	err := p.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := c.Complete(ctx, tx, answerOf("a")); err != nil {
			return err
		}
		for _, wait := range []time.Duration{0, 2 * lease} { // within the lease, and past it
			time.Sleep(wait)
			took := time.Duration(math.MaxInt64)
			for range 3 { // what else the machine does can only make it longer
				began := time.Now()
				other.refused("key-1", ekyc.ErrIdempotencyInProgress)
				if took = min(took, time.Since(began)); took <= 2*time.Second {
					break
				}
			}
			if took > 2*time.Second {
				t.Errorf("a duplicate waited %v", took)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, answer, err := other.begin(t.Context(), "key-1")
	if err != nil {
		t.Fatal(err)
	}
	b.same(answer, answerOf("a"))
}

func TestKeysAreForgottenAfterADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.process(0)
	done := func(key string) {
		t.Helper()
		if err := p.claim(t.Context(), key).Finish(t.Context(), answerOf("old")); err != nil {
			t.Fatal(err)
		}
	}
	done("old")
	done("older")
	running := p.claim(t.Context(), "running")
	b.owner("update ekyc.idempotency set expires_at = expires_at - interval '24 hours 1 second'")
	done("young")

	// Before a sweep came by, too, an old key is as good as new, even for another request.
	c, answer, err := p.Begin(t.Context(), b.scope, "old", route, sha256.Sum256([]byte("other")))
	if c == nil || answer != nil || err != nil {
		t.Fatalf("%v, %v", answer, err)
	}
	p.refused("running", ekyc.ErrIdempotencyInProgress)
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count("ekyc.idempotency"); n != 3 {
		t.Errorf("%d keys are left of old (in use again), running and young", n)
	}
	if err := p.execute(running, answerOf("a")); err != nil {
		t.Error(err)
	}
	if err := p.Sweep(t.Context()); err != nil || b.count("ekyc.idempotency") != 2 {
		t.Errorf("%d keys are left, %v", b.count("ekyc.idempotency"), err)
	}
}

func TestNothingOfARequestOrAnswerIsReadable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.process(0)
	a := answerOf("PLANTED-answer")
	a.Header["X-Planted"] = "PLANTED-header"
	hash := sha256.Sum256([]byte("PLANTED-body"))
	for _, subject := range []ekyc.ID{"", p.subject()} {
		a.Subject = subject
		c, _, err := p.Begin(t.Context(), b.scope, "PLANTED-key"+string(subject), route, hash)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Finish(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	conn := storetest.Owner(t, b.url)
	rows, err := conn.Query(t.Context(), "select i::text from ekyc.idempotency i")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(lines) != 2 {
		t.Fatalf("%d rows, %v", len(lines), err)
	}
	plain := sha256.Sum256([]byte("PLANTED-key"))
	for _, needle := range []string{"PLANTED", hex.EncodeToString([]byte("PLANTED")), hex.EncodeToString(hash[:]), hex.EncodeToString(plain[:])} {
		if strings.Contains(strings.Join(lines, "\n"), needle) {
			t.Errorf("%s is in the table", needle)
		}
	}

	// An answer moved to another key does not open.
	b.owner(`update ekyc.idempotency i set answer = o.answer, subject_id = o.subject_id from ekyc.idempotency o where o.key_hash <> i.key_hash`)
	if _, _, err := p.Begin(t.Context(), b.scope, "PLANTED-key", route, hash); ekyc.CodeOf(err) != ekyc.ErrInternal {
		t.Errorf("another key's answer: %v", err)
	}
}
