package metering_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/store/storetest"
)

func TestConcurrentCommitsCrossEachThresholdOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const limit, workers = 150, 200
	e := plan(units{ekyc.ModuleLiveness: limit, ekyc.ModuleOCR: limit, ekyc.ModuleWorkflow: 1000})
	var mutex sync.Mutex
	var done, refused int
	var crossings []metering.Crossing
	at(workers, func(i int) {
		id, err := b.reserve(i, metering.Reserve{Units: one(ekyc.ModuleLiveness, ekyc.ModuleOCR, ekyc.ModuleWorkflow), Entitlement: e})
		if err == nil {
			var c []metering.Crossing
			c, err = b.commit(i+1, id, one(ekyc.ModuleLiveness, ekyc.ModuleOCR, ekyc.ModuleWorkflow), metering.Source{RequestKey: fmt.Sprint("request-", i), KeyID: "key-a"})
			mutex.Lock()
			crossings = append(crossings, c...)
			done++
			mutex.Unlock()
		}
		if ekyc.CodeOf(err) == ekyc.ErrQuotaExceeded {
			mutex.Lock()
			refused++
			mutex.Unlock()
		} else if err != nil {
			t.Error(err)
		}
	})
	want(t, "done and refused", []int{done, refused}, []int{limit, workers - limit})
	for _, module := range []ekyc.Module{ekyc.ModuleLiveness, ekyc.ModuleOCR} {
		want(t, "state of "+string(module), b.state(t, module), [2]int64{limit, 0})
	}
	period := time.Now().UTC().Format("2006-01")
	slices.SortFunc(crossings, func(a, b metering.Crossing) int { return cmpCrossing(a) - cmpCrossing(b) })
	want(t, "crossings", crossings, []metering.Crossing{
		{ekyc.ModuleLiveness, 80, limit, 120, period}, {ekyc.ModuleLiveness, 100, limit, 150, period},
		{ekyc.ModuleOCR, 80, limit, 120, period}, {ekyc.ModuleOCR, 100, limit, 150, period},
	})
	want(t, "events", len(b.events(t, metering.Filter{})), 3*limit)
}

func cmpCrossing(c metering.Crossing) int {
	return slices.Index(ekyc.Modules, c.Module)*1000 + c.Percent
}

// TestMixedWorkAddsUp lets many transactions over overlapping sets of modules reserve, commit, refund, break off and sweep at once.
func TestMixedWorkAddsUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const limit = 60
	quotas := units{}
	for _, m := range ekyc.Modules {
		quotas[m] = limit
	}
	broken := errors.New("broken off")
	var mutex sync.Mutex
	account := units{}
	at(240, func(i int) {
		set := units{ekyc.Modules[i%6]: int64(1 + i%3), ekyc.Modules[(i+1+i/7%4)%6]: int64(1 + i%2)}
		r := metering.Reserve{Units: set, Entitlement: plan(quotas), Job: ekyc.NewID(ekyc.KindJob)}
		if i%5 == 4 {
			r.Expires = time.Microsecond
		}
		id, err := b.reserve(i, r)
		if ekyc.CodeOf(err) == ekyc.ErrQuotaExceeded {
			return
		}
		switch {
		case err != nil:
		case i%5 == 1:
			err = b.refund(i, id)
		case i%5 == 2: // the transaction of the result fails, and the retry does not
			err = b.in(i, func(ctx context.Context, tx pgx.Tx, s *metering.Service) error {
				if _, err := s.Commit(ctx, tx, b.scope, id, set, metering.Source{Job: r.Job}); err != nil {
					return err
				}
				return broken
			})
			if err = ignore(err, broken); err == nil {
				err = b.refund(i+1, id)
			}
		case i%5 == 4:
			_, err = b.meters[i%2].Sweep(context.Background())
		default:
			if _, err = b.commit(i+1, id, set, metering.Source{Job: r.Job}); err == nil {
				mutex.Lock()
				for m, n := range set {
					account[m] += n
				}
				mutex.Unlock()
			}
		}
		if err != nil {
			t.Errorf("work %d: %v", i, err)
		}
	})
	if _, err := b.meters[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	billed := units{}
	for _, e := range b.events(t, metering.Filter{}) {
		billed[e.Module] += e.Units
	}
	want(t, "billed", billed, account)
	for _, m := range ekyc.Modules {
		if s := b.state(t, m); s != [2]int64{account[m], 0} || s[0] > limit {
			t.Errorf("%s: used and reserved %v, the account has %d of %d", m, s, account[m], limit)
		}
	}
	want(t, "deadlocks", b.deadlocks(t), 0)
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func TestAReservationIsSettledOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := ekyc.NewID(ekyc.KindJob)
	r := metering.Reserve{Units: units{ekyc.ModuleOCR: 3, ekyc.ModuleWorkflow: 1}, Entitlement: plan(nil), Job: job}
	id, err := b.reserve(0, r)
	if err != nil {
		t.Fatal(err)
	}
	var mutex sync.Mutex
	outcomes := map[ekyc.ErrorCode]int{}
	at(40, func(i int) {
		var err error
		if i%4 == 0 {
			err = b.refund(i/4, id)
		} else {
			_, err = b.commit(i, id, units{ekyc.ModuleOCR: 2}, metering.Source{Job: job})
		}
		mutex.Lock()
		outcomes[ekyc.CodeOf(err)]++
		mutex.Unlock()
	})
	want(t, "outcomes", outcomes, map[ekyc.ErrorCode]int{"": 1, ekyc.ErrConflict: 39})
	used := int64(len(b.events(t, metering.Filter{})) * 2) // the one that won was a commit, or a refund
	want(t, "OCR", b.state(t, ekyc.ModuleOCR), [2]int64{used, 0})
	want(t, "workflow", b.state(t, ekyc.ModuleWorkflow), [2]int64{0, 0})

	// The same work under another reservation is not billed again either.
	if used == 0 {
		r.Units = units{ekyc.ModuleOCR: 1}
		first, err := b.reserve(0, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.commit(0, first, units{ekyc.ModuleOCR: 1}, metering.Source{Job: job}); err != nil {
			t.Fatal(err)
		}
	}
	before := b.state(t, ekyc.ModuleOCR)
	again, err := b.reserve(1, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: plan(nil), Job: job})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.commit(1, again, one(ekyc.ModuleOCR), metering.Source{Job: job})
	wantCode(t, "second bill", err, ekyc.ErrConflict)
	want(t, "after the second bill", b.state(t, ekyc.ModuleOCR), [2]int64{before[0], 1})
	if err := b.refund(0, again); err != nil {
		t.Error(err)
	}
}

func TestExpiryGivesBackAndCanBeUndone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleKYA: 2})
	var ids []ekyc.ID
	for range 2 {
		id, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleKYA), Entitlement: e, Expires: time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	_, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleKYA), Entitlement: e})
	wantCode(t, "beyond the quota", err, ekyc.ErrQuotaExceeded)
	var mutex sync.Mutex
	swept := 0
	at(8, func(i int) {
		n, err := b.meters[i%2].Sweep(context.Background())
		mutex.Lock()
		defer mutex.Unlock()
		if swept += n; err != nil {
			t.Error(err)
		}
	})
	want(t, "swept", swept, 2)
	want(t, "after the sweep", b.state(t, ekyc.ModuleKYA), [2]int64{0, 0})
	if err := b.extend(1, ids[0], time.Hour); err != nil {
		t.Fatal(err)
	}
	want(t, "taken again", b.state(t, ekyc.ModuleKYA), [2]int64{0, 1})
	last, err := b.reserve(1, metering.Reserve{Units: one(ekyc.ModuleKYA), Entitlement: e})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.commit(0, ids[1], one(ekyc.ModuleKYA), metering.Source{RequestKey: "late"})
	wantCode(t, "late and no room", err, ekyc.ErrQuotaExceeded)
	wantCode(t, "late and no room", b.extend(0, ids[1], time.Hour), ekyc.ErrQuotaExceeded)
	if err := b.refund(0, last); err != nil {
		t.Fatal(err)
	}
	crossings, err := b.commit(0, ids[1], one(ekyc.ModuleKYA), metering.Source{RequestKey: "late"})
	if err != nil || len(crossings) != 0 {
		t.Errorf("late with room: %v, %v", crossings, err)
	}
	if n, err := b.meters[0].Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("the extended reservation: %d, %v", n, err)
	}
	if crossings, err = b.commit(1, ids[0], one(ekyc.ModuleKYA), metering.Source{RequestKey: "extended"}); err != nil || len(crossings) != 2 {
		t.Errorf("extended: %v, %v", crossings, err)
	}
	want(t, "at the end", b.state(t, ekyc.ModuleKYA), [2]int64{2, 0})
}

func TestATenantsOwnLimitWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleOCR: 1})
	set := func(n *int64) {
		if err := b.meters[0].SetLimit(t.Context(), b.scope.Tenant, b.scope.Environment, ekyc.ModuleOCR, n); err != nil {
			t.Fatal(err)
		}
	}
	reserve := func() error {
		_, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: e})
		return err
	}
	wantCode(t, "of the plan", reserve(), "")
	wantCode(t, "beyond the plan", reserve(), ekyc.ErrQuotaExceeded)
	set(new(int64(2)))
	wantCode(t, "raised", reserve(), "")
	err := reserve()
	wantCode(t, "beyond its own", err, ekyc.ErrQuotaExceeded)
	details := err.(*ekyc.Error).Details
	for name, value := range map[string]any{"module": ekyc.ModuleOCR, "limit": int64(2), "used": int64(0), "reserved": int64(2)} {
		want(t, name, details[name], value)
	}
	resets, now := details["resets_at"].(time.Time), time.Now().UTC()
	if want := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC); !resets.Equal(want) {
		t.Errorf("resets at %v, want %v", resets, want)
	}
	set(nil)
	wantCode(t, "unlimited", reserve(), "")
	if err := b.meters[0].ClearLimit(t.Context(), b.scope.Tenant, b.scope.Environment, ekyc.ModuleOCR); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "of the plan again", reserve(), ekyc.ErrQuotaExceeded)
	e.Overage = true
	wantCode(t, "overage", reserve(), "")
	wantCode(t, "a negative limit", b.meters[0].SetLimit(t.Context(), b.scope.Tenant, ekyc.Live, ekyc.ModuleOCR, new(int64(-1))), ekyc.ErrInvalidArgument)
}

func TestOverageIsMarkedInTheRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleLiveness: 5})
	e.Overage = true
	for i, n := range []int64{4, 3, 2} {
		id, err := b.reserve(0, metering.Reserve{Units: units{ekyc.ModuleLiveness: n + 1, ekyc.ModuleKYA: 1}, Entitlement: e})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.commit(0, id, units{ekyc.ModuleLiveness: n}, metering.Source{RequestKey: fmt.Sprint(i), KeyID: "key-a"}); err != nil {
			t.Fatal(err)
		}
	}
	var got [][2]int64
	for _, e := range b.events(t, metering.Filter{Module: ekyc.ModuleLiveness, KeyID: "key-a"}) {
		got = append(got, [2]int64{e.Units, e.OverLimit})
		want(t, "plan", []any{e.Plan, e.PlanVersion, e.Period}, []any{"plan-a", 3, time.Now().UTC().Format("2006-01")})
	}
	want(t, "events, newest first", got, [][2]int64{{2, 2}, {3, 2}, {4, 0}})
	now := time.Now().UTC()
	for group, layout := range map[metering.Group]string{metering.ByDay: "2006-01-02", metering.ByMonth: "2006-01"} {
		totals, err := b.meters[0].Usage(t.Context(), b.scope, now.Add(-time.Hour), now.Add(time.Hour), group)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "totals by "+string(group), totals, []metering.Total{{now.Format(layout), ekyc.ModuleLiveness, 9, 4, 3}})
	}
	if totals, err := b.meters[0].Usage(t.Context(), b.scope, now.Add(time.Hour), time.Time{}, metering.ByDay); err != nil || len(totals) != 0 {
		t.Errorf("usage of the future: %v, %v", totals, err)
	}
}

func TestEventsComeInPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner := storetest.Owner(t, b.url)
	for _, s := range []ekyc.Scope{b.scope, newScope()} {
		_, err := owner.Exec(t.Context(), `insert into ekyc.usage_event (tenant_id, environment, id, module, units, over_limit, plan, plan_version, period, dedupe_key)
			select $1, $2, 'use_' || lpad(n::text, 26, '0'), 'ocr', n, 0, 'plan-a', 1, '2026-11', n::text from generate_series(1, 2500) n`, s.Tenant, s.Environment)
		if err != nil {
			t.Fatal(err)
		}
	}
	var numbers []int64
	for _, e := range b.events(t, metering.Filter{Limit: 2100}) {
		numbers = append(numbers, e.Units)
	}
	if len(numbers) != 2100 || numbers[0] != 2500 || numbers[2099] != 401 || !slices.IsSortedFunc(numbers, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("%d events, the first %d", len(numbers), numbers[0])
	}
	rest := b.events(t, metering.Filter{After: ekyc.ID(fmt.Sprintf("use_%026d", 401))})
	want(t, "the rest", []int64{int64(len(rest)), rest[0].Units, rest[len(rest)-1].Units}, []int64{400, 400, 1})
	stop := errors.New("stop")
	if err := b.meters[0].Events(t.Context(), b.scope, metering.Filter{}, func(metering.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a stopped reader: %v", err)
	}
}

func TestTenantsAndEnvironmentsAreApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleOCR: 1})
	id, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: e})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []ekyc.Scope{newScope(), {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		c := &bench{url: b.url, scope: other, dbs: b.dbs, meters: b.meters}
		_, err := c.commit(0, id, one(ekyc.ModuleOCR), metering.Source{})
		wantCode(t, "commit of another's", err, ekyc.ErrNotFound)
		wantCode(t, "refund of another's", c.refund(0, id), ekyc.ErrNotFound)
		wantCode(t, "extension of another's", c.extend(0, id, time.Hour), ekyc.ErrNotFound)
		want(t, "another's quota", c.state(t, ekyc.ModuleOCR), [2]int64{0, 0})
		err = b.in(0, func(ctx context.Context, tx pgx.Tx, s *metering.Service) error {
			_, err := s.Reserve(ctx, tx, other, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: e})
			return err
		})
		if p, ok := errors.AsType[*pgconn.PgError](err); !ok || p.Code != "42501" {
			t.Errorf("a reservation for another scope: %v", err)
		}
	}
	if _, err := b.commit(0, id, one(ekyc.ModuleOCR), metering.Source{}); err != nil {
		t.Error(err)
	}
}

func TestTheRecordOfUsageCannotBeAltered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: plan(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.commit(0, id, one(ekyc.ModuleOCR), metering.Source{}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"update usage_event set units = 0", "delete from usage_event", "truncate usage_event", "delete from quota_usage", "insert into quota_limit values ('a', 'live', 'ocr', 1)"} {
		err := b.in(0, func(ctx context.Context, tx pgx.Tx, _ *metering.Service) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if p, ok := errors.AsType[*pgconn.PgError](err); !ok || p.Code != "42501" {
			t.Errorf("the service: %s: %v", statement, err)
		}
	}
	for _, statement := range []string{"update usage_event set units = 0", "delete from usage_event", "insert into usage_event default values"} {
		if _, err := b.dbs[0].SystemPool().Exec(t.Context(), statement); err == nil {
			t.Errorf("the system: %s", statement)
		}
	}
	want(t, "events", len(b.events(t, metering.Filter{})), 1)
}

// TestBrokenConnectionsLeaveNoUnitsBehind breaks connections in the middle of transactions.
func TestBrokenConnectionsLeaveNoUnitsBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := plan(units{ekyc.ModuleOCR: 1000})
	owner := storetest.Owner(t, b.url)
	begun := time.Now()
	id, err := b.reserve(0, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: e, Expires: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.commit(0, id, one(ekyc.ModuleOCR), metering.Source{RequestKey: "first"}); err != nil {
		t.Fatal(err)
	}
	pause := max(3*time.Millisecond, time.Since(begun)/4) // so that some come through, however slow the machine is
	stop := make(chan struct{})
	killed := make(chan error)
	go func() {
		var err error
		for done := false; !done && err == nil; {
			_, err = owner.Exec(context.Background(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'ekyc/%' and state <> 'idle' limit 2")
			select {
			case <-stop:
				done = true
			case <-time.After(pause):
			}
		}
		killed <- err
	}()
	var mutex sync.Mutex
	sure := units{}
	at(16, func(i int) {
		for n := range 25 {
			id, err := b.reserve(i, metering.Reserve{Units: one(ekyc.ModuleOCR), Entitlement: e, Expires: time.Millisecond})
			if err != nil {
				continue
			}
			if _, err := b.commit(i, id, one(ekyc.ModuleOCR), metering.Source{RequestKey: fmt.Sprint(i, "-", n)}); err == nil {
				mutex.Lock()
				sure[ekyc.ModuleOCR]++
				mutex.Unlock()
			}
		}
	})
	close(stop)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	if _, err := b.meters[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	events := b.events(t, metering.Filter{})
	if used := b.state(t, ekyc.ModuleOCR); used != [2]int64{int64(len(events)), 0} || int64(len(events)) < sure[ekyc.ModuleOCR] {
		t.Errorf("used and reserved %v, %d events, %d commits were acknowledged", used, len(events), sure[ekyc.ModuleOCR])
	}
	if sure[ekyc.ModuleOCR] == 0 {
		t.Error("no commit survived, so nothing was tested")
	}
}
