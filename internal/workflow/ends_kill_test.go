package workflow

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

// entering is a process that enters what it removes, as the program does.
func (w world) entering(ctx context.Context, files blob.Store, o store.Options) (*process, error) {
	var log *audit.Log
	p, err := w.openOn(ctx, files, o, &synthetic{}, Options{Expired: func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs int) error {
		return log.Append(ctx, tx, audit.Entry{Action: audit.RetentionRemove, Scope: scope, Details: audit.Details{audit.Kind: "result", audit.Units: strconv.Itoa(jobs)}})
	}}, 0)
	if err != nil {
		return nil, err
	}
	keys, err := keyring.Open(w.Keys)
	if err != nil {
		return nil, err
	}
	log = audit.New(p.db, keys, audit.Options{Logger: slog.New(slog.DiscardHandler)})
	return p, nil
}

// endResults removes what verifications hold that are over.
func endResults(ctx context.Context, k *killtest.Killer, w world) error {
	files, err := k.Files(w.Files)
	if err != nil {
		return err
	}
	p, err := w.entering(ctx, files, store.Options{Tracer: k.Tracer()})
	if err != nil {
		return err
	}
	k.Arm()
	if _, err := p.RemoveExpired(ctx, 100); err != nil {
		return err
	}
	for _, sweep := range []func(context.Context) error{p.rooms.reviews.Sweep, p.rooms.receipts.Sweep, p.hooks.Sweep} {
		if err := sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// TestTheEndOfResultsIsKilledBetweenAnyTwoWrites: what is over is never told again, nothing is left of it after another pass, and the removal is entered once.
func TestTheEndOfResultsIsKilledBetweenAnyTwoWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, err := blob.OpenFiles(w.Files)
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.entering(t.Context(), files, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.db.Close)
	p.SetHooks(p.rooms.hooks())
	owner := storetest.Owner(t, w.URL)
	var j Job
	kills := killtest.Each(t, "ends", func() any {
		sub := submission(newScope())
		sub.Metadata = map[string]string{"order": "17"}
		endpoint(t, p, sub.Scope)
		j = decided(t, p, sub)
		pass(t, owner, "31 days")
		return w
	}, func(bool) {
		told := func(when string) {
			if got, err := p.Get(t.Context(), j.Scope, j.ID); err != nil || !got.Expired || got.Result != nil || got.Metadata != nil || len(got.Steps) > 0 {
				t.Errorf("%s: told %+v, %v", when, got, err)
			}
		}
		told("killed")
		// Until the database has seen that the child is gone, its locks make others pass over what it had begun with.
		for deadline := time.Now().Add(time.Minute); heldOf(t, owner, j) > 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			sweepAll(t, p)
		}
		told("swept")
		var entered int
		err := owner.QueryRow(t.Context(), `select coalesce(sum((record::jsonb -> 'details' ->> 'units')::int), 0) from ekyc.audit_entry
			where action = 'retention.remove' and tenant_id = $1`, j.Scope.Tenant).Scan(&entered)
		if n := heldOf(t, owner, j); err != nil || n != 0 || entered != 1 {
			t.Errorf("%d things are left, and the removal is entered %d times, %v", n, entered, err)
		}
	})
	if kills < 20 {
		t.Errorf("only %d kills", kills)
	}
	t.Logf("%d kills", kills)
}
