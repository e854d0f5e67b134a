package retention_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/retention"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

func (r *rooms) set(t testing.TB, scope ekyc.Scope, days map[retention.Class]int) (out retention.Settings, changed []retention.Class, err error) {
	t.Helper()
	err = r.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		out, changed, err = r.retention.Set(ctx, tx, scope, days, "ek_test")
		return err
	})
	return out, changed, err
}

func TestSettingsAreOfOneScopeAndGoOnFromTheOnesBefore(t *testing.T) {
	t.Parallel()
	r := newPlace(t).start(t)
	scope, other := newScope(), newScope()
	read := func(scope ekyc.Scope) (out retention.Settings) {
		r.in(t, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			out, err = r.retention.Settings(ctx, tx, scope)
			return err
		})
		return out
	}
	for _, class := range retention.Classes {
		if read(scope).Days(class) != retention.DefaultDays || read(scope).At != nil {
			t.Errorf("%s without a word: %d", class, read(scope).Days(class))
		}
	}
	// Changes of different classes at once: none is lost.
	var group sync.WaitGroup
	for i, class := range retention.Classes {
		group.Go(func() {
			if _, changed, err := r.set(t, scope, map[retention.Class]int{class: 40 + i}); err != nil || len(changed) != 1 || changed[0] != class {
				t.Errorf("changed %v, %v", changed, err)
			}
		})
	}
	group.Wait()
	for i, class := range retention.Classes {
		if got := read(scope).Days(class); got != 40+i || read(other).Days(class) != retention.DefaultDays {
			t.Errorf("%s: %d", class, got)
		}
	}
	said, err := r.retention.Said(t.Context())
	if err != nil || len(said) != 1 || said[scope].Days(retention.Logs) != 45 || said[scope].KeyID != "ek_test" {
		t.Errorf("said %v, %v", said, err)
	}
	for name, days := range map[string]map[retention.Class]int{
		"below": {retention.Selfie: -1}, "above": {retention.Selfie: 3651}, "unknown": {"voice": 3}, "results of no day": {retention.Result: 0}, "logs of no day": {retention.Logs: 0},
	} {
		if _, _, err := r.set(t, scope, days); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	err = r.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update retention_setting set days = '{}'")
		return err
	})
	if err == nil {
		t.Error("the service may rewrite what was said")
	}
}

// TestHeldPhotographsOutlastTheirTime: nothing that is held goes or counts as late, and all of it does once it is released.
func TestHeldPhotographsOutlastTheirTime(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start(t)
	scope := newScope()
	held, free := r.subject(t, scope), r.subject(t, scope)
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) error {
		_, put, err := r.vault.PutHold(ctx, tx, scope, held, vault.ByTenant, vault.Hold{Reason: "case 1", KeyID: "ek_test"})
		if !put {
			t.Error("there was a hold before")
		}
		return err
	})
	keptByHold, gone := r.keep(t, scope, held, -time.Hour), r.keep(t, scope, free, -time.Hour)
	for range 2 {
		if err := r.retention.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	read := func(id ekyc.ID) ekyc.ErrorCode {
		_, _, err := r.vault.ShowMedia(t.Context(), scope, id, func(context.Context, pgx.Tx, vault.Media) error { return nil })
		return ekyc.CodeOf(err)
	}
	if read(keptByHold) != "" || read(gone) != ekyc.ErrGone || p.fileCount(t) != 1 || r.retention.Removed()[retention.Selfie] != 1 {
		t.Errorf("held %q, free %q, %d files, removed %v", read(keptByHold), read(gone), p.fileCount(t), r.retention.Removed())
	}
	if lag, err := r.retention.Lag(t.Context()); err != nil || lag[retention.Selfie] != 0 {
		t.Errorf("what is held counts as late: %v, %v", lag, err)
	}
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) error {
		if is, err := r.retention.Held(ctx, tx, scope, held); err != nil || !is {
			t.Errorf("held: %v, %v", is, err)
		}
		if is, err := r.retention.Held(ctx, tx, scope, free); err != nil || is {
			t.Errorf("free: %v, %v", is, err)
		}
		hold, err := r.vault.HoldOf(ctx, tx, scope, held)
		if err != nil || hold == nil || hold.Reason != "case 1" {
			t.Errorf("%+v, %v", hold, err)
		}
		_, err = r.vault.EndHold(ctx, tx, scope, held, vault.ByTenant)
		return err
	})
	var open int
	if err := storetest.Owner(t, p.URL).QueryRow(t.Context(), "select count(*) from ekyc.subject where position('case' in subject::text) + position(encode('case 1', 'hex') in subject::text) > 0").Scan(&open); err != nil || open != 0 {
		t.Errorf("a reason stands in the open: %d, %v", open, err)
	}
	if lag, err := r.retention.Lag(t.Context()); err != nil || lag[retention.Selfie].Round(time.Minute) != time.Hour {
		t.Errorf("released, and behind by %v, %v", lag, err)
	}
	if err := r.retention.Pass(t.Context()); err != nil || read(keptByHold) != ekyc.ErrGone || p.fileCount(t) != 0 {
		t.Errorf("released: %q, %d files, %v", read(keptByHold), p.fileCount(t), err)
	}
}

// TestManyProcessesRemoveEachThingOnce has several processes remove a few hundred things at once.
func TestManyProcessesRemoveEachThingOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.start(t)
	scope := newScope()
	first.endpoint(t, scope)
	subject := first.subject(t, scope)
	const n = 120
	for range n {
		first.keep(t, scope, subject, -time.Minute)
	}
	var group sync.WaitGroup
	all := []*rooms{first, p.start(t), p.start(t)}
	for _, r := range all {
		group.Go(func() {
			if err := r.retention.Pass(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := first.retention.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	removed := int64(0)
	for _, r := range all {
		removed += r.retention.Removed()[retention.Selfie]
	}
	events, entries := told(t, first, storetest.Owner(t, p.URL), scope)
	if removed != n || len(events) != n || len(entries) != n || p.fileCount(t) != 0 {
		t.Errorf("%d removed, %d told, %d entered, %d files are left", removed, len(events), len(entries), p.fileCount(t))
	}
	for id, times := range events {
		if times != 1 || entries[id] != 1 {
			t.Errorf("%s was told %d times and entered %d times", id, times, entries[id])
		}
	}
}

// TestWhatIsShortenedLeavesTimeForWhatIsOver: a tenant who shortens what there is much of does not use up the time of a pass.
func TestWhatIsShortenedLeavesTimeForWhatIsOver(t *testing.T) {
	t.Parallel()
	r := newPlace(t).start(t)
	if _, _, err := r.set(t, newScope(), map[retention.Class]int{retention.Result: 1}); err != nil {
		t.Fatal(err)
	}
	removed := false
	r.retention.SetParts(retention.Part{Class: retention.Result, Name: "a large place",
		Limit: func(ctx context.Context, _ pgx.Tx, _ ekyc.Scope, _, most int) (int, error) {
			time.Sleep(time.Millisecond)
			return most, ctx.Err() // there is always more
		},
		Remove: func(ctx context.Context, _ int) (map[retention.Class]int, error) {
			removed = ctx.Err() == nil
			return nil, ctx.Err()
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second) // half of it is for the rest, also on a busy machine
	defer cancel()
	if err := r.retention.Pass(ctx); !removed || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("removed: %t, %v", removed, err)
	}
}

// TestAClassWithoutAWordIsLeftAsItIs: what was there before there were settings has its own end, which those of another class do not bring forward.
func TestAClassWithoutAWordIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	r := newPlace(t).start(t)
	if _, _, err := r.set(t, newScope(), map[retention.Class]int{retention.Selfie: 10, retention.Result: retention.DefaultDays}); err != nil {
		t.Fatal(err)
	}
	limited := map[retention.Class]int{}
	var parts []retention.Part
	for _, class := range retention.Classes {
		parts = append(parts, retention.Part{Class: class, Limit: func(_ context.Context, _ pgx.Tx, _ ekyc.Scope, days, _ int) (int, error) {
			limited[class] = days
			return 0, nil
		}})
	}
	r.retention.SetParts(parts...)
	if err := r.retention.Pass(t.Context()); err != nil || len(limited) != 1 || limited[retention.Selfie] != 10 {
		t.Errorf("brought forward %v, %v", limited, err)
	}
}

func TestOnePlaceThatFailsKeepsNoOtherFromItsPass(t *testing.T) {
	t.Parallel()
	r := newPlace(t).start(t)
	fault := errors.New("not now")
	looked := 0
	r.retention.SetParts(
		retention.Part{Class: retention.Selfie, Name: "a broken place", Remove: func(context.Context, int) (map[retention.Class]int, error) { return nil, fault }},
		retention.Part{Class: retention.Logs, Name: "a place", Remove: func(context.Context, int) (map[retention.Class]int, error) {
			looked++
			return map[retention.Class]int{retention.Logs: max(0, 3-looked)}, nil
		}},
	)
	if err := r.retention.Pass(t.Context()); !errors.Is(err, fault) || looked != 3 || r.retention.Removed()[retention.Logs] != 3 {
		t.Errorf("looked %d times, removed %v, %v", looked, r.retention.Removed(), err)
	}
}

// TestOneTenantThatFailsKeepsNoOtherFromBeingRemoved: a place gives what it has removed together with the fault of one tenant, and goes on as long as it removes something.
func TestOneTenantThatFailsKeepsNoOtherFromBeingRemoved(t *testing.T) {
	t.Parallel()
	r := newPlace(t).start(t)
	left, broken := 1700, errors.New("one tenant's is broken")
	r.retention.SetParts(retention.Part{Class: retention.Selfie, Name: "photographs", Remove: func(_ context.Context, most int) (map[retention.Class]int, error) {
		n := min(left, most)
		left -= n
		return map[retention.Class]int{retention.Selfie: n}, broken
	}})
	if err := r.retention.Pass(t.Context()); !errors.Is(err, broken) || left != 0 {
		t.Errorf("%d are left of the others', %v", left, err)
	}
}
