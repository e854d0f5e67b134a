package workflow

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ekyc"
	"ekyc/internal/fence"
)

// TestNoLeaseOutlivesItsWork has the two ways in which a worker never comes to the end of a job: a panic while it is settled, and a step
// that hangs whatever its context says.
func TestNoLeaseOutlivesItsWork(t *testing.T) {
	t.Parallel()
	t.Run("a panic", func(t *testing.T) {
		t.Parallel()
		o := swift()
		o.Lease = 5 * time.Second
		var panicked atomic.Bool
		o.Backoff = func(int) time.Duration {
			if panicked.CompareAndSwap(false, true) {
				panic("while it is settled")
			}
			return time.Millisecond
		}
		p := newWorld(t).start(t, failing(partSelfie, 1, ekyc.Errorf(ekyc.ErrUnavailable, "away")), o, 1)
		scope := newScope()
		if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed); j.Attempt != 2 || !panicked.Load() {
			t.Errorf("%d attempts", j.Attempt)
		}
	})
	t.Run("a hang", func(t *testing.T) {
		t.Parallel()
		o := swift()
		o.JobTimeout, o.Lease = 4*time.Second, 5*time.Second // the other attempt is to come to its end
		hung := make(chan struct{})
		e := &synthetic{}
		e.before = func(_ context.Context, name part, _ []byte) error {
			if name == partDocument && e.count(name) == 1 {
				<-hung
			}
			return nil
		}
		p := newWorld(t).start(t, e, o, 2)
		t.Cleanup(func() { close(hung) })
		scope := newScope()
		if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed); j.Attempt != 2 {
			t.Errorf("%d attempts", j.Attempt)
		}
	})
}

// TestTurnsOfKilledProcessesAreRescued has a turn that was taken two hours ago and never came back.
func TestTurnsOfKilledProcessesAreRescued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	turn, err := p.client.Insert(t.Context(), turnArgs{}, &river.InsertOpts{Queue: "turns", MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.db.SystemPool().Exec(t.Context(), `update river.river_job set state = 'running', attempt = 1, attempted_at = now() - interval '2 hours',
		attempted_by = array['dead'] where id = $1`, turn.Job.ID)
	if err != nil {
		t.Fatal(err)
	}
	q := w.start(t, &synthetic{}, Options{}, 1)
	eventually(t, "the turn is given up", func() bool {
		job, err := q.client.JobGet(t.Context(), turn.Job.ID)
		return err == nil && job.State == rivertype.JobStateDiscarded
	})
}

func TestAWorkerWithoutAnEngineTakesNoJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ready atomic.Bool
	o := swift()
	o.Ready = ready.Load
	p := w.start(t, &synthetic{}, o, 2)
	scope := newScope()
	id := submit(t, p, submission(scope)).ID
	time.Sleep(2 * time.Second)
	if j, err := p.Get(t.Context(), scope, id); err != nil || j.Status != Queued || j.Attempt != 0 {
		t.Errorf("the job is %s after %d attempts, %v", j.Status, j.Attempt, err)
	}
	healthy := w.start(t, &synthetic{}, swift(), 1)
	await(t, healthy, scope, id, Completed) // the turn was left to it
	if err := healthy.client.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	id = submit(t, p, submission(scope)).ID
	time.Sleep(100 * time.Millisecond)
	ready.Store(true)
	if j := await(t, p, scope, id, Completed); j.Attempt != 1 {
		t.Errorf("%d attempts", j.Attempt)
	}
}

// TestWaitingForAnEngineIsNoFailure lets the engine go away under a job: for longer than an attempt may take, and with its whole process.
func TestWaitingForAnEngineIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]bool{"no engine is ready": false, "the pool is closed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var away atomic.Bool
			e := &synthetic{}
			e.before = func(ctx context.Context, name part, _ []byte) error {
				if name != partSelfie || e.count(name) > 1 {
					return nil
				}
				away.Store(true)
				if closed {
					return ekyc.Errorf(ekyc.ErrCancelled, "the vision engine is shutting down").Because(fence.ErrClosed)
				}
				<-ctx.Done()
				return ekyc.Errorf(ekyc.ErrCancelled, "stopped").Because(ctx.Err())
			}
			o := swift()
			o.MaxAttempts, o.JobTimeout = 1, 4*time.Second // the other attempt is to come to its end
			o.Ready = func() bool { return !away.Load() }
			p := newWorld(t).start(t, e, o, 1)
			scope := newScope()
			id := submit(t, p, submission(scope)).ID
			eventually(t, "the job waits for the engine", func() bool {
				j, err := p.Get(t.Context(), scope, id)
				return err == nil && away.Load() && j.Status == Queued && j.Attempt == 1
			})
			away.Store(false)
			if j := await(t, p, scope, id, Completed); j.Attempt != 2 {
				t.Errorf("%d attempts", j.Attempt)
			}
		})
	}
}

func TestLongRunsAreChargedToTheirTenant(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, nil, swift(), 0)
	scopes := []ekyc.Scope{newScope(), newScope()}
	for range 12 {
		for _, scope := range scopes {
			submit(t, p, submission(scope))
		}
	}
	take := func(n int) (last *claim, turns map[ekyc.Scope]int) {
		turns = map[ekyc.Scope]int{}
		for range n {
			c, err := p.take(t.Context(), false)
			if err != nil || c == nil {
				t.Fatalf("%+v, %v", c, err)
			}
			last = c
			turns[c.Scope]++
		}
		return last, turns
	}
	slow, turns := take(6)
	if turns[scopes[0]] != 3 {
		t.Errorf("turns %v before", turns)
	}
	p.surcharge(t.Context(), slow, usualRun)   // that is what the turn paid for
	p.surcharge(t.Context(), slow, 6*usualRun) // five turns more
	if _, turns := take(8); turns[slow.Scope] < 1 || turns[slow.Scope] > 2 {
		t.Errorf("turns %v after a run of six times the usual time in %v", turns, slow.Scope)
	}
}

// TestABacklogNeverHoldsAllPlaces has the only ordinary place taken by a tenant with a long queue, and another tenant's verification done
// meanwhile.
func TestABacklogNeverHoldsAllPlaces(t *testing.T) {
	t.Parallel()
	const mark = "held"
	held := make(chan struct{})
	e := &synthetic{before: func(ctx context.Context, name part, photograph []byte) error {
		if name == partSelfie && bytes.HasSuffix(photograph, []byte(mark)) {
			select {
			case <-held:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}}
	p := newWorld(t).start(t, e, Options{}, 1)
	long, other := newScope(), newScope()
	// Its first job is not to get the prompt place, as it would for having come alone.
	_, err := p.db.SystemPool().Exec(t.Context(), `insert into turn_account (tenant_id, environment, finish, served_at) values ($1, $2, 0, now() + interval '1 h')`,
		long.Tenant, long.Environment)
	if err != nil {
		t.Fatal(err)
	}
	var last ekyc.ID
	for range 8 {
		sub := submission(long)
		sub.Selfie = [][]byte{append(slices.Clone(sub.Selfie[0]), mark...)}
		last = submit(t, p, sub).ID
	}
	for range 3 { // one after the other
		await(t, p, other, submit(t, p, submission(other)).ID, Completed)
	}
	if n := usage(t, p, long, last); len(n) > 0 {
		t.Errorf("the backlog was worked on: %v", n)
	}
	close(held)
	await(t, p, long, last, Completed)
}
