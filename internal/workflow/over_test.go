package workflow

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// TestOneTenantsRemovalHoldsNobodyUp: one that fails is undone by itself and is there for the next pass; one that has much to remove gets its part and no more; and what is
// told of each is exact.
func TestOneTenantsRemovalHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failing, crowded, other := submission(newScope()), submission(newScope()), submission(newScope())
	told, fails := map[ekyc.Scope]int{}, true
	options := swift()
	options.Expired = func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs int) error {
		if told[scope] += jobs; scope == failing.Scope && fails {
			told[scope] = 0
			return errors.New("the audit log is full")
		}
		return nil
	}
	p := w.start(t, &synthetic{}, options, 0)
	p.SetHooks(p.rooms.hooks())
	owner := storetest.Owner(t, w.URL)
	broken := decided(t, p, failing)
	for range 5 {
		decided(t, p, crowded)
	}
	last := decided(t, p, other)
	pass(t, owner, "400 days")
	if _, err := owner.Exec(t.Context(), "update ekyc.job set expires_at = expires_at + interval '1 day' where id = $1", last.ID); err != nil { // behind all of the others
		t.Fatal(err)
	}
	n, err := p.RemoveExpired(t.Context(), 3)
	if err == nil || n != 3 || told[crowded.Scope] < 1 || told[other.Scope] != 1 {
		t.Errorf("%d are removed, told %v, %v", n, told, err)
	}
	for range 3 {
		more, _ := p.RemoveExpired(t.Context(), 3)
		n += more
	}
	if n != 6 || told[crowded.Scope] != 5 || told[other.Scope] != 1 || told[failing.Scope] != 0 {
		t.Errorf("%d are removed, told %v", n, told)
	}
	var whole int
	if err := owner.QueryRow(t.Context(), "select count(*) from ekyc.job where dropped_at is null and result is not null").Scan(&whole); err != nil || whole != 1 {
		t.Errorf("%d jobs are as they were, %v", whole, err)
	}
	fails = false
	if n, err := p.RemoveExpired(t.Context(), 3); err != nil || n != 1 || told[failing.Scope] != 1 {
		t.Errorf("mended: %d are removed, told %v, %v", n, told, err)
	}
	if got, err := p.Get(t.Context(), failing.Scope, broken.ID); err != nil || got.Result != nil {
		t.Errorf("mended: %+v, %v", got, err)
	}
}

// TestAPassReadsNothingOfJobsThatAreHeld: thousands of jobs of a held subject are over, with their reviews, and a pass reads none of them nor of their entries in an
// index, and finds the one that is free behind them.
func TestAPassReadsNothingOfJobsThatAreHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := retaining(t, w, &synthetic{})
	owner, sub := storetest.Owner(t, w.URL), submission(newScope())
	endpoint(t, p, sub.Scope)
	held, free := decided(t, p, sub), decided(t, p, sub)
	const half = 1500
	crowd := func(name string) {
		t.Helper()
		for _, statement := range []string{
			`insert into ekyc.job select (jsonb_populate_record(j, jsonb_build_object('id', 'job_' || $2 || i))).* from ekyc.job j, generate_series(1, $3) i where j.id = $1`,
			`insert into ekyc.review select (jsonb_populate_record(r, jsonb_build_object('id', 'rev_' || $2 || i, 'job_id', 'job_' || $2 || i))).* from ekyc.review r, generate_series(1, $3) i where r.job_id = $1`,
			`insert into ekyc.webhook_event select (jsonb_populate_record(v, jsonb_build_object('id', 'evt_' || $2 || i))).* from ekyc.webhook_event v, generate_series(1, $3) i
				where v.id = (select min(id) from ekyc.webhook_event where subject_id = (select subject_id from ekyc.job where id = $1))`,
			`insert into ekyc.receipt select (jsonb_populate_record(r, jsonb_build_object('job_id', 'job_' || $2 || i))).* from ekyc.receipt r, generate_series(1, $3) i where r.job_id = $1`,
		} {
			if tag, err := owner.Exec(t.Context(), statement, held.ID, name, half); err != nil || tag.RowsAffected() != half {
				t.Fatal(tag, err)
			}
		}
	}
	crowd("before")
	err := p.db.InTenant(t.Context(), sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := p.vault.PutHold(ctx, tx, sub.Scope, held.Subject, vault.ByTenant, vault.Hold{Reason: "a dispute", KeyID: "ek_test"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	crowd("after")
	pass(t, owner, "400 days")
	tables := []string{"job", "review", "receipt", "webhook_event"}
	for _, table := range tables {
		if _, err := owner.Exec(t.Context(), `vacuum analyze ekyc.`+table); err != nil {
			t.Fatal(err)
		}
	}
	p.db.Close()
	before := map[string]int{}
	for _, table := range tables {
		before[table] = storetest.Read(t, owner, table)
	}
	p, err = w.open(t.Context(), &synthetic{}, swift(), 0)
	if err != nil {
		t.Fatal(err)
	}
	n := sweepAll(t, p)
	oldest, err := p.OldestExpired(t.Context())
	p.db.Close()
	if err != nil || n != 1 || !oldest.IsZero() || heldOf(t, owner, free) != 0 || heldOf(t, owner, held) == 0 {
		t.Errorf("%d are removed, over since %s, of the free one %d things are left, of the held one %d, %v", n, oldest, heldOf(t, owner, free), heldOf(t, owner, held), err)
	}
	const most = 50 // the one that is free, by several statements
	for _, table := range tables {
		n := storetest.Read(t, owner, table) - before[table]
		if t.Logf("%d of %s were read", n, table); n > most {
			t.Errorf("%d rows and entries of %s were read", n, table)
		}
	}
	var left int
	if err := owner.QueryRow(t.Context(), `select count(*) from ekyc.job where held and dropped_at is null`).Scan(&left); err != nil || left != 2*half+1 {
		t.Errorf("%d are held, %v", left, err)
	}
}

// TestAHoldKnowsOfWhatIsPutBesideIt: a row that is put while a hold is, or while one ends, is held as the subject is in the end.
func TestAHoldKnowsOfWhatIsPutBesideIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := retaining(t, w, &synthetic{})
	owner, putter := storetest.Owner(t, w.URL), storetest.Owner(t, w.URL)
	j := decided(t, p, submission(newScope()))
	for _, c := range []struct {
		name   string
		change func(context.Context, pgx.Tx) error
	}{
		{"job_1put", func(ctx context.Context, tx pgx.Tx) error {
			_, _, err := p.vault.PutHold(ctx, tx, j.Scope, j.Subject, vault.ByTenant, vault.Hold{Reason: "a dispute", KeyID: "ek_test"})
			return err
		}},
		{"job_2ended", func(ctx context.Context, tx pgx.Tx) error {
			_, err := p.vault.EndHold(ctx, tx, j.Scope, j.Subject, vault.ByTenant)
			return err
		}},
	} {
		tx, err := putter.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(context.Background())
		if _, err := tx.Exec(t.Context(), `insert into ekyc.job select (jsonb_populate_record(j, jsonb_build_object('id', $2::text))).* from ekyc.job j where j.id = $1`, j.ID, c.name); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- p.db.InTenant(context.Background(), j.Scope, c.change) }()
		for waiting := 0; waiting == 0 && len(done) == 0; time.Sleep(5 * time.Millisecond) {
			if err := owner.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(tx.Commit(t.Context()), <-done); err != nil {
			t.Fatal(err)
		}
		var wrong int
		err = owner.QueryRow(t.Context(), `select count(*) from ekyc.job j join ekyc.subject s on s.id = j.subject_id where j.held <> (s.hold_at is not null)`).Scan(&wrong)
		if err != nil || wrong != 0 {
			t.Errorf("%s: %d rows are not as their subject is, %v", c.name, wrong, err)
		}
	}
}
