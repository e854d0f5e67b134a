package metering

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Quotas tells the state of every module in the running month, in the order of ekyc.Modules.
func (s *Service) Quotas(ctx context.Context, scope ekyc.Scope, e Entitlement) ([]Quota, error) {
	var m month
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		m = month{}
		batch := &pgx.Batch{}
		batch.Queue(`
			select module, used, reserved, crossed_80, crossed_100, limit_seen, relimited from quota_usage
			where tenant_id = $1 and environment = $2 and period = `+thisMonth,
			scope.Tenant, scope.Environment).Query(m.scanCounters)
		batch.Queue(readLimits, scope.Tenant, scope.Environment).Query(m.scanLimits)
		batch.Queue(`select ` + thisMonth + `, ` + fmt.Sprintf(monthEnd, thisMonth)).QueryRow(m.scanPeriod)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("read quotas: %w", err)
	}
	quotas := make([]Quota, 0, len(ekyc.Modules))
	for _, module := range ekyc.Modules {
		c := m.counters[module]
		quotas = append(quotas, Quota{module, m.limit(module, e.quota(module)), c.Used, c.Reserved, m.period, m.resetsAt, e.Overage})
	}
	return quotas, nil
}

// SetLimit gives a tenant a quota of its own, in place of the plan's, from the next reservation on; nil is unlimited. It acts as the
// system. Error: ErrInvalidArgument.
func (s *Service) SetLimit(ctx context.Context, tenant ekyc.ID, environment ekyc.Environment, module ekyc.Module, units *int64) error {
	if !(ekyc.Scope{Tenant: tenant, Environment: environment}).Valid() || !module.Valid() {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a limit needs a tenant, an environment and a module")
	}
	if units != nil && (*units < 0 || *units > maxLimit) {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a limit is 0 to %d units", int64(maxLimit))
	}
	return s.asSystem(ctx, "set a limit", statement{`
		insert into quota_limit (tenant_id, environment, module, units) values ($1, $2, $3, $4)
		on conflict (tenant_id, environment, module) do update set units = excluded.units, set_at = now()`, []any{tenant, environment, module, units}},
		relimitedModule(tenant, environment, module))
}

// ClearLimit gives a tenant the plan's quota again. It acts as the system.
func (s *Service) ClearLimit(ctx context.Context, tenant ekyc.ID, environment ekyc.Environment, module ekyc.Module) error {
	return s.asSystem(ctx, "clear a limit",
		statement{`delete from quota_limit where tenant_id = $1 and environment = $2 and module = $3`, []any{tenant, environment, module}},
		relimitedModule(tenant, environment, module))
}

// statement is one of a transaction.
type statement struct {
	text string
	args []any
}

func (s *Service) asSystem(ctx context.Context, what string, statements ...statement) error {
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, do := range statements {
			if _, err := tx.Exec(ctx, do.text, do.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Limits lists the quotas that are a tenant's own.
func (s *Service) Limits(ctx context.Context, scope ekyc.Scope) (limits []Limit, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, readLimits+" order by module", scope.Tenant, scope.Environment)
		if err != nil {
			return err
		}
		limits, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Limit])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list limits: %w", err)
	}
	return limits, nil
}

const (
	// A zero time is no bound.
	between = ` tenant_id = $1 and environment = $2
		and ($3::timestamptz is null or occurred_at >= $3) and ($4::timestamptz is null or occurred_at < $4)`
	totals = `
		select %s as period, module, sum(units)::bigint as units, sum(over_limit)::bigint as over_limit, count(*) as events
		from usage_event where` + between + ` group by 1, 2 order by 1, 2`
)

// Usage sums the usage events that occurred from from on and before to; zero times are no bounds. It gives the module's
// totals oldest first. Error: ErrInvalidArgument for another group.
func (s *Service) Usage(ctx context.Context, scope ekyc.Scope, from, to time.Time, group Group) (sums []Total, err error) {
	column := map[Group]string{ByDay: `to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD')`, ByMonth: `period`}[group]
	if column == "" {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "usage is grouped by %s or %s", ByDay, ByMonth)
	}
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, fmt.Sprintf(totals, column), scope.Tenant, scope.Environment, orNull(from), orNull(to))
		if err != nil {
			return err
		}
		sums, err = pgx.CollectRows(rows, pgx.RowToStructByName[Total])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	return sums, nil
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const (
	eventPage  = 1000 // rows of one transaction, so that a slow reader holds none open
	readEvents = `
		select id, module, units, over_limit, plan, plan_version, coalesce(job_id, '') as job_id, coalesce(key_id, '') as key_id, occurred_at, period
		from usage_event where` + between + ` and ($5 = '' or module = $5) and ($6 = '' or job_id = $6) and ($7 = '' or key_id = $7)
		and ($8 = '' or id < $8) order by id desc limit $9`
)

// Events passes the selected usage events to yield, newest first, page by page. It ends with yield's error.
func (s *Service) Events(ctx context.Context, scope ekyc.Scope, f Filter, yield func(Event) error) error {
	for left := f.Limit; f.Limit == 0 || left > 0; left -= eventPage {
		size := eventPage
		if f.Limit > 0 {
			size = min(size, left)
		}
		page, err := s.events(ctx, scope, f, size)
		if err != nil {
			return fmt.Errorf("list usage events: %w", err)
		}
		for _, e := range page {
			if err := yield(e); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
	return nil
}

func (s *Service) events(ctx context.Context, scope ekyc.Scope, f Filter, size int) (page []Event, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, readEvents, scope.Tenant, scope.Environment, orNull(f.From), orNull(f.To), f.Module, f.Job, f.KeyID, f.After, size)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, pgx.RowToStructByName[Event])
		return err
	})
	return page, err
}
