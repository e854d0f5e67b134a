package metering_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, metering.Migrations)) }

// bench is two processes on one database and a tenant.
type bench struct {
	url    string
	scope  ekyc.Scope
	dbs    []*store.DB
	meters []*metering.Service
}

func setup(t *testing.T) *bench {
	b := &bench{url: server.URL(t), scope: newScope()}
	for range 2 {
		db, err := store.Open(t.Context(), b.url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		b.dbs, b.meters = append(b.dbs, db), append(b.meters, metering.New(db))
	}
	return b
}

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
}

// in runs f in a transaction of process i.
func (b *bench) in(i int, f func(context.Context, pgx.Tx, *metering.Service) error) error {
	i %= len(b.dbs)
	return b.dbs[i].InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error { return f(ctx, tx, b.meters[i]) })
}

func (b *bench) reserve(i int, r metering.Reserve) (id ekyc.ID, err error) {
	err = b.in(i, func(ctx context.Context, tx pgx.Tx, s *metering.Service) error {
		id, err = s.Reserve(ctx, tx, b.scope, r)
		return err
	})
	return id, err
}

func (b *bench) commit(i int, id ekyc.ID, used map[ekyc.Module]int64, from metering.Source) (crossings []metering.Crossing, err error) {
	err = b.in(i, func(ctx context.Context, tx pgx.Tx, s *metering.Service) error {
		crossings, err = s.Commit(ctx, tx, b.scope, id, used, from)
		return err
	})
	return crossings, err
}

func (b *bench) refund(i int, id ekyc.ID) error {
	return b.in(i, func(ctx context.Context, tx pgx.Tx, s *metering.Service) error { return s.Refund(ctx, tx, b.scope, id) })
}

func (b *bench) extend(i int, id ekyc.ID, d time.Duration) error {
	return b.in(i, func(ctx context.Context, tx pgx.Tx, s *metering.Service) error {
		return s.Extend(ctx, tx, b.scope, id, d)
	})
}

// state gives used and reserved units of a module.
func (b *bench) state(t *testing.T, module ekyc.Module) [2]int64 {
	t.Helper()
	quotas, err := b.meters[0].Quotas(t.Context(), b.scope, metering.Entitlement{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quotas {
		if q.Module == module {
			return [2]int64{q.Used, q.Reserved}
		}
	}
	t.Fatalf("no quota of %s", module)
	return [2]int64{}
}

func (b *bench) events(t *testing.T, f metering.Filter) (list []metering.Event) {
	t.Helper()
	err := b.meters[1].Events(t.Context(), b.scope, f, func(e metering.Event) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type units = map[ekyc.Module]int64

func one(modules ...ekyc.Module) units {
	u := units{}
	for _, m := range modules {
		u[m] = 1
	}
	return u
}

func plan(quotas units) metering.Entitlement {
	return metering.Entitlement{Plan: "plan-a", PlanVersion: 3, Quotas: quotas}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func wantCode(t *testing.T, what string, err error, code ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// at runs f n times at once and waits.
func at(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// deadlocks ends all connections, which is when they report, and counts. A deadlock would be run again and be no more than slow.
func (b *bench) deadlocks(t *testing.T) (n int) {
	t.Helper()
	for _, db := range b.dbs {
		db.Close()
	}
	time.Sleep(200 * time.Millisecond)
	err := storetest.Owner(t, b.url).QueryRow(t.Context(), "select deadlocks from pg_stat_database where datname = current_database()").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
