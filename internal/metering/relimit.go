package metering

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// recheckBatch bounds the scopes of one pass.
const recheckBatch = 1000

// markRelimited notes that limits may have changed, in the transaction that changes them. It waits for who is about to count. Who counts after it may
// still do so under a plan of before, pinned in a reservation or remembered with a key: such use marks the counter itself, see [counter.settle]. The
// condition is over q.
const markRelimited = `
	update quota_usage u set relimited = true from (
		select tenant_id, environment, period, module from quota_usage q where period = ` + thisMonth + ` and %s
		order by tenant_id, environment, period, module for update) q
	where (u.tenant_id, u.environment, u.period, u.module) = (q.tenant_id, q.environment, q.period, q.module)`

func relimitedModule(tenant ekyc.ID, environment ekyc.Environment, module ekyc.Module) statement {
	return statement{fmt.Sprintf(markRelimited, "q.tenant_id = $1 and q.environment = $2 and q.module = $3"), []any{tenant, environment, module}}
}

// Relimited notes that tenants have other plans, or their plans other quotas, in the transaction that changes that; [Service.Recheck] does the rest. It acts
// as the system.
func (s *Service) Relimited(ctx context.Context, tenants ...ekyc.ID) error {
	return s.asSystem(ctx, "note other limits", statement{fmt.Sprintf(markRelimited, "q.tenant_id = any($1)"), []any{tenants}})
}

// Recheck holds what is used against limits that have changed since, and tells the thresholds that it has thereby reached: a limit that is lowered to what
// is used leaves nothing to be committed that would, and what was reserved before is committed under the limit of before. Months that are over are let be.
// What permits gives is read while the counters are locked. Any number of processes may call it.
func (s *Service) Recheck(ctx context.Context, permits func(context.Context, ekyc.ID) (Entitlement, error),
	tell func(context.Context, pgx.Tx, ekyc.Scope, []Crossing) error) error {
	rows, err := s.db.SystemPool().Query(ctx, `select distinct tenant_id as tenant, environment from quota_usage where relimited limit $1`, recheckBatch)
	if err != nil {
		return fmt.Errorf("look for other limits: %w", err)
	}
	scopes, err := pgx.CollectRows(rows, pgx.RowToStructByName[ekyc.Scope])
	if err != nil {
		return fmt.Errorf("look for other limits: %w", err)
	}
	var faults []error
	for _, scope := range scopes {
		err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
			crossings, err := recheck(ctx, tx, scope, permits)
			if err != nil {
				return err
			}
			return tell(ctx, tx, scope, crossings)
		})
		if err != nil {
			faults = append(faults, fmt.Errorf("look at other limits of %s: %w", scope.Tenant, err))
		}
	}
	return errors.Join(faults...)
}

// forgetFormerMonths comes before the counters of this month, in the order of locks.
const forgetFormerMonths = `update quota_usage set relimited = false where tenant_id = $1 and environment = $2 and period < ` + thisMonth + ` and relimited`

func recheck(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, permits func(context.Context, ekyc.ID) (Entitlement, error)) (crossings []Crossing, err error) {
	var m month
	batch := &pgx.Batch{}
	batch.Queue(forgetFormerMonths, scope.Tenant, scope.Environment)
	batch.Queue(fmt.Sprintf(lockCounters, thisMonth, "$3"), scope.Tenant, scope.Environment, ekyc.Modules).Query(m.scanCounters)
	batch.Queue(readLimits, scope.Tenant, scope.Environment).Query(m.scanLimits)
	batch.Queue(`select ` + thisMonth + `, ` + fmt.Sprintf(monthEnd, thisMonth)).QueryRow(m.scanPeriod)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("lock the month's usage: %w", err)
	}
	e, err := permits(ctx, scope.Tenant)
	if err != nil {
		return nil, err
	}
	after := map[ekyc.Module]counter{}
	for _, module := range ekyc.Modules {
		c, counted := m.counters[module]
		if !counted {
			continue
		}
		limit := m.limit(module, e.quota(module))
		next, crossed := c.relimit(limit)
		after[module] = next
		for _, percent := range crossed {
			crossings = append(crossings, Crossing{module, percent, *limit, next.Used, m.period})
		}
	}
	batch = &pgx.Batch{}
	m.queueWrite(batch, scope, after)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("write the month's usage: %w", err)
	}
	return crossings, nil
}
