package metering_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

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
