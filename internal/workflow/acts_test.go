package workflow

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store/storetest"
)

// TestActsAreEntered: cancelling, deciding and putting back tell of themselves in their own transaction, and are undone where that fails.
func TestActsAreEntered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := storetest.Owner(t, w.URL)
	if _, err := owner.Exec(t.Context(), `create table ekyc.told (number serial, act text, job text); grant insert on ekyc.told to ekyc_service; grant usage on ekyc.told_number_seq to ekyc_service`); err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	fault := errors.New("the log is full")
	o := swift()
	o.MaxAttempts = 1
	o.Entered = func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, act Act, job ekyc.ID) error {
		if full.Load() {
			return fault
		}
		_, err := tx.Exec(ctx, `insert into told (act, job) values ($1, $2)`, act, job)
		return err
	}
	idle, scope := w.start(t, &synthetic{}, o, 0), newScope()
	id := submit(t, idle, submission(scope)).ID
	full.Store(true)
	if _, err := idle.Cancel(t.Context(), scope, id, nil); !errors.Is(err, fault) {
		t.Errorf("cancelled without an entry: %v", err)
	}
	if j, err := idle.Get(t.Context(), scope, id); err != nil || j.Status != Queued || media(t, idle, scope, id) == 0 {
		t.Errorf("what was not entered has been done: %+v, %v", j, err)
	}
	full.Store(false)
	if _, err := idle.Cancel(t.Context(), scope, id, nil); err != nil {
		t.Fatal(err)
	}
	broken := w.start(t, &synthetic{before: func(context.Context, part, []byte) error { return ekyc.Errorf(ekyc.ErrEngineFailed, "broken") }}, o, 1)
	dead := submit(t, broken, submission(scope)).ID
	await(t, broken, scope, dead, Failed)
	broken.client.Stop(t.Context())
	if _, err := broken.Requeue(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	whole := w.start(t, &synthetic{}, o, 1)
	await(t, whole, scope, dead, Completed)
	rows, _ := owner.Query(t.Context(), `select act || ' ' || job from ekyc.told order by number`)
	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if want := []string{"cancel " + string(id), "requeue " + string(dead), "decide " + string(dead)}; err != nil || !slices.Equal(told, want) {
		t.Errorf("told %v, not %v (%v)", told, want, err)
	}
}
