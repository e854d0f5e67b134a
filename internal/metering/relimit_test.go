package metering_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
)

// TestALoweredLimitIsToldOnce: by a limit of the tenant's own and by its plan, by many processes, and after a transaction that failed.
func TestALoweredLimitIsToldOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	entitlement := plan(units{ekyc.ModuleOCR: 100})
	id, err := b.reserve(0, metering.Reserve{Units: units{ekyc.ModuleOCR: 8}, Entitlement: entitlement})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.commit(0, id, units{ekyc.ModuleOCR: 8}, metering.Source{RequestKey: "eight"}); err != nil {
		t.Fatal(err)
	}
	permits := func(_ context.Context, tenant ekyc.ID) (metering.Entitlement, error) {
		if tenant != b.scope.Tenant {
			t.Errorf("another tenant: %s", tenant)
		}
		return entitlement, nil
	}
	recheck := func() (told []int) {
		var mutex sync.Mutex
		at(8, func(i int) {
			err := b.meters[i%2].Recheck(context.Background(), permits, func(_ context.Context, _ pgx.Tx, scope ekyc.Scope, crossings []metering.Crossing) error {
				mutex.Lock()
				defer mutex.Unlock()
				for _, c := range crossings {
					if scope != b.scope || c.Module != ekyc.ModuleOCR || c.Used != 8 {
						t.Errorf("%v tells %+v", scope, c)
					}
					told = append(told, c.Percent)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		return told
	}
	own := func(n int64) func() error {
		return func() error {
			return b.meters[1].SetLimit(context.Background(), b.scope.Tenant, b.scope.Environment, ekyc.ModuleOCR, &n)
		}
	}
	planned := func(n int64) func() error {
		return func() error {
			entitlement = plan(units{ekyc.ModuleOCR: n})
			return b.meters[1].Relimited(context.Background(), b.scope.Tenant, ekyc.NewID(ekyc.KindTenant))
		}
	}
	unlimited := func() error {
		entitlement = plan(nil)
		return b.meters[0].Relimited(context.Background(), b.scope.Tenant)
	}
	for i, step := range []struct {
		change func() error
		want   []int
	}{
		{func() error { return nil }, nil},
		{own(11), nil}, {own(10), []int{80}}, {own(10), nil}, {own(8), []int{100}}, {own(7), nil},
		{func() error {
			return b.meters[0].ClearLimit(context.Background(), b.scope.Tenant, b.scope.Environment, ekyc.ModuleOCR)
		}, nil}, // the plan's 100
		{planned(8), []int{80, 100}}, {planned(3), nil}, {unlimited, nil}, {planned(9), []int{80}},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if told := recheck(); !slices.Equal(told, step.want) {
			t.Errorf("change %d tells %v, want %v", i, told, step.want)
		}
	}
	// What could not be told is told later.
	if err := planned(8)(); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken off")
	err = b.meters[0].Recheck(t.Context(), permits, func(context.Context, pgx.Tx, ekyc.Scope, []metering.Crossing) error { return broken })
	if told := recheck(); !errors.Is(err, broken) || !slices.Equal(told, []int{100}) {
		t.Errorf("after %v %v is told", err, told)
	}
	want(t, "the state", b.state(t, ekyc.ModuleOCR), [2]int64{8, 0})
	want(t, "deadlocks", b.deadlocks(t), 0)
}

// TestWhatAnOldWorkerToldIsNotToldAgain: one of before there were limits seen writes none.
func TestWhatAnOldWorkerToldIsNotToldAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleOCR: 10})
	b.use(t, 8, e, []int{80})
	err := b.in(0, func(ctx context.Context, tx pgx.Tx, _ *metering.Service) error {
		_, err := tx.Exec(ctx, `update quota_usage set limit_seen = null`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b.relimited(t)
		want(t, "told again", b.recheck(t, e), []int(nil))
	}
	b.use(t, 2, e, []int{100})
}

// TestALoweredLimitThatReservedUnitsUseUpIsTold: units reserved before the change, those of a request that still has the plan of before, and those
// that had expired.
func TestALoweredLimitThatReservedUnitsUseUpIsTold(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"before", "after", "expired"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			wide, narrow := plan(units{ekyc.ModuleOCR: 1000}), plan(units{ekyc.ModuleOCR: 100})
			// A limit that was told before and raised is one of the past.
			b.use(t, 45, plan(units{ekyc.ModuleOCR: 45}), []int{80, 100})
			b.use(t, 45, wide, nil)
			want(t, "told of the wide plan", b.recheck(t, wide), []int(nil))
			r := metering.Reserve{Units: units{ekyc.ModuleOCR: 10}, Entitlement: wide}
			if kind == "expired" {
				r.Expires = time.Microsecond
			}
			reserve := func() ekyc.ID {
				id, err := b.reserve(0, r)
				if err != nil {
					t.Fatal(err)
				}
				return id
			}
			var id ekyc.ID
			if kind != "after" {
				id = reserve()
			}
			if _, err := b.meters[0].Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.relimited(t)
			want(t, "told of the change", b.recheck(t, narrow), []int{80})
			want(t, "told once more", b.recheck(t, narrow), []int(nil))
			if kind == "after" {
				id = reserve()
			}
			b.useReserved(t, id, 10, nil)
			_, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: narrow})
			wantCode(t, "more", err, ekyc.ErrQuotaExceeded)
			want(t, "told of what was reserved", b.recheck(t, narrow), []int{100})
			want(t, "told in the end", b.recheck(t, narrow), []int(nil))
		})
	}
}

// TestAFormerMonthIsNotLookedAt: and does not bring its scope up for ever.
func TestAFormerMonthIsNotLookedAt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleOCR: 10})
	b.use(t, 8, e, []int{80})
	marked := 0
	err := b.in(0, func(ctx context.Context, tx pgx.Tx, _ *metering.Service) error {
		_, err := tx.Exec(ctx, `update quota_usage set period = '2020-01', relimited = true`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "told", b.recheck(t, plan(units{ekyc.ModuleOCR: 8})), []int(nil))
	err = b.in(0, func(ctx context.Context, tx pgx.Tx, _ *metering.Service) error {
		return tx.QueryRow(ctx, `select count(*) from quota_usage where relimited`).Scan(&marked)
	})
	if err != nil || marked != 0 {
		t.Errorf("%d are marked: %v", marked, err)
	}
}

// use reserves and commits units of ocr.
func (b *bench) use(t *testing.T, n int64, e metering.Entitlement, told []int) {
	t.Helper()
	id, err := b.reserve(0, metering.Reserve{Units: units{ekyc.ModuleOCR: n}, Entitlement: e})
	if err != nil {
		t.Fatal(err)
	}
	b.useReserved(t, id, n, told)
}

func (b *bench) useReserved(t *testing.T, id ekyc.ID, n int64, told []int) {
	t.Helper()
	crossings, err := b.commit(1, id, units{ekyc.ModuleOCR: n}, metering.Source{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "told by the use", percents(crossings), told)
}

func (b *bench) relimited(t *testing.T) {
	t.Helper()
	if err := b.meters[0].Relimited(t.Context(), b.scope.Tenant); err != nil {
		t.Fatal(err)
	}
}

// recheck gives the percentages that are told where e is what the plan permits now.
func (b *bench) recheck(t *testing.T, e metering.Entitlement) (told []int) {
	t.Helper()
	permits := func(context.Context, ekyc.ID) (metering.Entitlement, error) { return e, nil }
	err := b.meters[0].Recheck(t.Context(), permits, func(_ context.Context, _ pgx.Tx, _ ekyc.Scope, crossings []metering.Crossing) error {
		told = percents(crossings)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func percents(crossings []metering.Crossing) (list []int) {
	for _, c := range crossings {
		list = append(list, c.Percent)
	}
	return list
}
