package metering

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Reserve takes units of the running month for work that is about to start, of every module or of none. It runs in the
// transaction that records the work. Errors: ErrQuotaExceeded with details module, limit, used, reserved, period and resets_at;
// ErrInternal for units that no caller may ask for. After an error nothing has changed.
func (s *Service) Reserve(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, r Reserve) (ekyc.ID, error) {
	if err := r.validate(); err != nil {
		return "", err
	}
	modules := slices.Sorted(maps.Keys(r.Units))
	m, err := lockMonth(ctx, tx, scope, modules)
	if err != nil {
		return "", err
	}
	after := map[ekyc.Module]counter{}
	for _, module := range modules {
		a := allowance{m.limit(module, r.Entitlement.quota(module)), r.Entitlement.Overage}
		next, ok := m.counters[module].reserve(r.Units[module], a)
		if !ok {
			return "", m.exceeded(module, *a.Limit)
		}
		after[module] = next
	}
	id := ekyc.NewID(ekyc.KindReservation)
	batch := &pgx.Batch{}
	m.queueWrite(batch, scope, after)
	r.queueInsert(batch, scope, id, m.period, modules)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return "", fmt.Errorf("reserve units: %w", err)
	}
	return id, nil
}

func (r Reserve) validate() error {
	if len(r.Units) == 0 {
		return ekyc.Errorf(ekyc.ErrInternal, "a reservation needs a module")
	}
	for module, units := range r.Units {
		if !module.Valid() || units < 1 || units > maxUnits {
			return ekyc.Errorf(ekyc.ErrInternal, "%d units of %q cannot be reserved", units, module)
		}
	}
	for module, quota := range r.Entitlement.Quotas {
		if quota < 0 || quota > maxLimit {
			return ekyc.Errorf(ekyc.ErrInternal, "the plan's quota of %q is out of range", module)
		}
	}
	if r.Expires < 0 {
		return ekyc.Errorf(ekyc.ErrInternal, "a reservation cannot have expired before it is made")
	}
	return nil
}

func (e Entitlement) quota(module ekyc.Module) *int64 {
	if quota, limited := e.Quotas[module]; limited {
		return &quota
	}
	return nil
}

const insertReservation = `
	insert into reservation (tenant_id, environment, id, period, modules, units, quotas, overage, plan, plan_version, job_id, expires_at)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), clock_timestamp() + $12)`

func (r Reserve) queueInsert(batch *pgx.Batch, scope ekyc.Scope, id ekyc.ID, period string, modules []ekyc.Module) {
	units, quotas := make([]int64, len(modules)), make([]*int64, len(modules))
	for i, module := range modules {
		units[i], quotas[i] = r.Units[module], r.Entitlement.quota(module)
	}
	expires := r.Expires
	if expires == 0 {
		expires = defaultExpiry
	}
	e := r.Entitlement
	batch.Queue(insertReservation, scope.Tenant, scope.Environment, id, period, modules, units, quotas, e.Overage, e.Plan, e.PlanVersion, r.Job, expires)
}

// month is the state of some modules in one month, locked until the transaction ends.
type month struct {
	period   string
	resetsAt time.Time
	counters map[ekyc.Module]counter
	own      map[ekyc.Module]*int64 // the tenant's own limits
}

// limit is the tenant's own limit of a module, or else the plan's.
func (m *month) limit(module ekyc.Module, plan *int64) *int64 {
	if own, set := m.own[module]; set {
		return own
	}
	return plan
}

func (m *month) exceeded(module ekyc.Module, limit int64) error {
	c := m.counters[module]
	return ekyc.Errorf(ekyc.ErrQuotaExceeded, "the month's quota of %s is used up", module).
		With("module", module).With("limit", limit).With("used", c.Used).With("reserved", c.Reserved).
		With("period", m.period).With("resets_at", m.resetsAt)
}

// The month of a transaction is that of its start, by the database's clock, in UTC.
const (
	thisMonth = `to_char(now() at time zone 'UTC', 'YYYY-MM')`
	monthEnd  = `(to_date(%s, 'YYYY-MM') + interval '1 month') at time zone 'UTC'`

	// Both statements go through the rows in the same order. The second begins when the first has waited for everybody who was
	// making the same rows, and so sees them all.
	makeCounters = `
		insert into quota_usage (tenant_id, environment, period, module)
		select $1, $2, ` + thisMonth + `, module from unnest($3::text[]) as module order by module collate "C"
		on conflict do nothing`
	lockCounters = `
		select module, used, reserved, crossed_80, crossed_100, limit_seen, relimited from quota_usage
		where tenant_id = $1 and environment = $2 and period = %s and module = any(%s)
		order by module for update`
	// Limits are read after the lock, so that one that was lowered while we waited is heeded.
	readLimits = `select module, units from quota_limit where tenant_id = $1 and environment = $2`
)

// lockMonth makes the modules' counters of the running month where they are missing, and locks them. Modules are sorted.
func lockMonth(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, modules []ekyc.Module) (*month, error) {
	m := &month{}
	batch := &pgx.Batch{}
	batch.Queue(makeCounters, scope.Tenant, scope.Environment, modules)
	batch.Queue(fmt.Sprintf(lockCounters, thisMonth, "$3"), scope.Tenant, scope.Environment, modules).Query(m.scanCounters)
	batch.Queue(readLimits, scope.Tenant, scope.Environment).Query(m.scanLimits)
	batch.Queue(`select ` + thisMonth + `, ` + fmt.Sprintf(monthEnd, thisMonth)).QueryRow(m.scanPeriod)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("lock the month's usage: %w", err)
	}
	if len(m.counters) != len(modules) {
		return nil, fmt.Errorf("lock the month's usage: %d of %d counters are there", len(m.counters), len(modules))
	}
	return m, nil
}

func (m *month) scanCounters(rows pgx.Rows) error {
	m.counters = map[ekyc.Module]counter{}
	var module ekyc.Module
	var c counter
	_, err := pgx.ForEachRow(rows, []any{&module, &c.Used, &c.Reserved, &c.Crossed80, &c.Crossed100, &c.Seen, &c.Relimited}, func() error {
		m.counters[module] = c
		return nil
	})
	return err
}

func (m *month) scanLimits(rows pgx.Rows) error {
	m.own = map[ekyc.Module]*int64{}
	limits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Limit])
	for _, l := range limits {
		m.own[l.Module] = l.Units
	}
	return err
}

func (m *month) scanPeriod(row pgx.Row) error { return row.Scan(&m.period, &m.resetsAt) }

const writeCounters = `
	update quota_usage q set used = n.used, reserved = n.reserved, crossed_80 = n.crossed_80, crossed_100 = n.crossed_100, limit_seen = n.limit_seen,
		relimited = n.relimited
	from unnest($4::text[], $5::bigint[], $6::bigint[], $7::boolean[], $8::boolean[], $9::bigint[], $10::boolean[])
		as n (module, used, reserved, crossed_80, crossed_100, limit_seen, relimited)
	where q.tenant_id = $1 and q.environment = $2 and q.period = $3 and q.module = n.module`

// queueWrite writes counters back; they are locked.
func (m *month) queueWrite(batch *pgx.Batch, scope ekyc.Scope, after map[ekyc.Module]counter) {
	var modules []ekyc.Module
	var used, reserved []int64
	var crossed80, crossed100, relimited []bool
	var seen []*int64
	for module, c := range after {
		modules = append(modules, module)
		used, reserved = append(used, c.Used), append(reserved, c.Reserved)
		crossed80, crossed100 = append(crossed80, c.Crossed80), append(crossed100, c.Crossed100)
		seen, relimited = append(seen, c.Seen), append(relimited, c.Relimited)
	}
	batch.Queue(writeCounters, scope.Tenant, scope.Environment, m.period, modules, used, reserved, crossed80, crossed100, seen, relimited)
}
