package requestlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/requestlog"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, requestlog.Migrations)) }

type bench struct {
	url   string
	db    *store.DB
	log   *requestlog.Log
	scope ekyc.Scope
}

func setup(t *testing.T) *bench {
	url := server.URL(t)
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b := &bench{url, db, requestlog.New(db, requestlog.Options{Logger: slog.New(slog.DiscardHandler)}), newScope()}
	t.Cleanup(b.log.Close)
	return b
}

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
}

// entry is line number n of the scope.
func (b *bench) entry(n int) requestlog.Entry {
	return requestlog.Entry{
		At: time.Now().UTC().Truncate(time.Microsecond), Scope: b.scope, KeyID: "key-a", Method: "POST", Route: "/v1/liveness/analyze", Status: 200,
		DurationMS: 12.5, BytesIn: int64(n), BytesOut: 300, TraceID: fmt.Sprintf("%032x", n), Module: ekyc.ModuleLiveness, Billed: true,
	}
}

func (b *bench) query(t *testing.T, scope ekyc.Scope, f requestlog.Filter) (list []requestlog.Entry) {
	t.Helper()
	err := b.log.Query(t.Context(), scope, f, func(e requestlog.Entry) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// await waits until a scope has n lines.
func (b *bench) await(t *testing.T, n int) []requestlog.Entry {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if list := b.query(t, b.scope, requestlog.Filter{}); len(list) >= n || time.Now().After(deadline) {
			if len(list) != n {
				t.Fatalf("%d lines, want %d", len(list), n)
			}
			return list
		}
	}
}

func sqlState(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code
	}
	return ""
}

func TestLinesComeBackNewestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const lines = 2600
	var want []requestlog.Entry
	for n := range lines {
		e := b.entry(n)
		if n%10 == 0 {
			e.Status, e.Code, e.Module, e.Billed = 422, ekyc.ErrFaceNotFound, "", false
		}
		if n%100 == 0 {
			e.KeyID, e.Route = "key-b", "/v1/jobs/{id}"
		}
		want = append([]requestlog.Entry{e}, want...)
		b.log.Add(e)
	}
	other := b.entry(0)
	other.Scope = newScope()
	b.log.Add(other)
	sandbox := b.entry(1)
	sandbox.Scope.Environment = ekyc.Test
	b.log.Add(sandbox)
	b.log.Add(requestlog.Entry{Route: "/nobody"}) // of a request without a tenant
	got := b.await(t, lines)
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(requestlog.Entry{}, "ID"), cmpopts.EquateApproxTime(0)); d != "" {
		t.Error(d)
	}
	if n := b.log.Dropped(); n != 0 {
		t.Errorf("%d were dropped", n)
	}
	for name, c := range map[string]struct {
		filter requestlog.Filter
		lines  int
	}{
		"status":       {requestlog.Filter{Status: 422}, 260},
		"class":        {requestlog.Filter{Status: 4}, 260},
		"other class":  {requestlog.Filter{Status: 2}, 2340},
		"code":         {requestlog.Filter{Code: ekyc.ErrFaceNotFound}, 260},
		"route":        {requestlog.Filter{Route: "/v1/jobs/{id}"}, 26},
		"key":          {requestlog.Filter{KeyID: "key-b", Limit: 20}, 20},
		"first":        {requestlog.Filter{Limit: 1500}, 1500},
		"the rest":     {requestlog.Filter{After: got[1499].ID}, 1100},
		"the future":   {requestlog.Filter{From: time.Now().Add(time.Hour)}, 0},
		"the past":     {requestlog.Filter{To: time.Now().Add(-time.Hour)}, 0},
		"now and here": {requestlog.Filter{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, lines},
	} {
		if n := len(b.query(t, b.scope, c.filter)); n != c.lines {
			t.Errorf("%s: %d lines, want %d", name, n, c.lines)
		}
	}
	stop := errors.New("stop")
	if err := b.log.Query(t.Context(), b.scope, requestlog.Filter{}, func(requestlog.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a stopped reader: %v", err)
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for n := range 100 {
				b.log.Add(b.entry(w*100 + n))
			}
		})
	}
	group.Wait()
	b.log.Close()
	if n := len(b.query(t, b.scope, requestlog.Filter{})); n != 800 {
		t.Errorf("%d lines", n)
	}
	b.log.Add(b.entry(0))
	if n := b.log.Dropped(); n != 1 {
		t.Errorf("%d were dropped", n)
	}
}

func TestLinesThatCannotBeStoredAreMadeToFit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	odd := requestlog.Entry{
		At: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), Scope: b.scope, Method: "A\x00\xff", Route: strings.Repeat("é", 300), Status: 7, DurationMS: -1, BytesIn: -1,
	}
	b.log.Add(odd)
	b.log.Add(b.entry(1))
	got := b.await(t, 2)[1]
	if got.Method != "A" || len(got.Route) != 200 || got.Status != 100 || got.DurationMS != 0 || got.BytesIn != 0 || time.Since(got.At) > time.Minute {
		t.Errorf("%+v", got)
	}
}

func TestADatabaseThatIsAwayLosesNothingThatFits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner := storetest.Owner(t, b.url)
	rename := func(from, to string) {
		if _, err := owner.Exec(t.Context(), "alter table ekyc."+from+" rename to "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("request_log", "hidden")
	const lines = 21_000
	start := time.Now()
	for n := range lines {
		b.log.Add(b.entry(n))
	}
	if took := time.Since(start); took > 20*time.Second { // the table is away until after it
		t.Errorf("adding took %v", took)
	}
	time.Sleep(500 * time.Millisecond)
	rename("hidden", "request_log")
	b.await(t, lines-int(b.log.Dropped()))
	if n := b.log.Dropped(); n != 1000 {
		t.Errorf("%d were dropped", n)
	}
}

func TestPartitionsAreMadeAndDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if err := b.log.EnsurePartitions(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	if err := b.log.EnsurePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.log.Add(b.entry(1))
	yesterday := b.entry(2)
	yesterday.At = time.Now().Add(-23 * time.Hour)
	b.log.Add(yesterday)
	b.await(t, 2)
	days, err := b.log.DropBefore(t.Context(), today.AddDate(0, 0, -1))
	if err != nil || days != 0 {
		t.Errorf("nothing is old: %d days, %v", days, err)
	}
	if days, err = b.log.DropBefore(t.Context(), today); err != nil || days != 1 {
		t.Errorf("yesterday: %d days, %v", days, err)
	}
	want := 1
	if yesterday.At.UTC().Day() == today.Day() {
		want = 2
	}
	if n := len(b.query(t, b.scope, requestlog.Filter{})); n != want {
		t.Errorf("%d lines are left, want %d", n, want)
	}
	if _, err := b.db.SystemPool().Exec(t.Context(), "select request_log_make_day('1999-01-01')"); sqlState(err) != "22023" {
		t.Errorf("a day that is no day of ours: %v", err)
	}
}

// TestPartitionsAreNoWayAroundThePolicies tries the ways that the service role has.
func TestPartitionsAreNoWayAroundThePolicies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.log.Add(b.entry(1))
	b.await(t, 1)
	partition := "request_log_" + time.Now().UTC().Format("20060102")
	for _, statement := range []string{
		"select from " + partition, "insert into " + partition + " select * from request_log", "delete from request_log", "update request_log set status = 200",
		"insert into request_log select * from request_log", "truncate request_log", "drop table " + partition,
		"select request_log_make_day(current_date)", "select request_log_drop_before(current_date)",
	} {
		err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if sqlState(err) != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if _, err := b.db.SystemPool().Exec(t.Context(), "select from "+partition); sqlState(err) != "42501" {
		t.Errorf("the system role reads a partition: %v", err)
	}
	for _, other := range []ekyc.Scope{newScope(), {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		if n := len(b.query(t, other, requestlog.Filter{})); n != 0 {
			t.Errorf("%v sees %d lines", other, n)
		}
	}
}

// Lines that came while the clock was years off do not keep the log from being written once it is right again.
func TestAClockThatJumpedDoesNotStopTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for n, at := range []time.Duration{4 * 365 * 24 * time.Hour, -4 * 365 * 24 * time.Hour, 0} {
		e := b.entry(n)
		e.At = e.At.Add(at)
		b.log.AddAsIs(e)
	}
	begun := time.Now().Add(-time.Hour)
	var found []requestlog.Entry
	for deadline := time.Now().Add(90 * time.Second); len(found) < 3 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		found = b.query(t, b.scope, requestlog.Filter{From: begun})
	}
	if len(found) != 3 {
		t.Errorf("%d of 3 lines are written: %+v", len(found), found)
	}
}
