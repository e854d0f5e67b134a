package metering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
)

// reservation is a row of its table, locked until the transaction ends.
type reservation struct {
	id          ekyc.ID
	status      string
	modules     []ekyc.Module // sorted
	units       []int64
	quotas      []*int64
	overage     bool
	plan        string
	planVersion int
	month       month // its counters, locked too
}

const (
	statusOpen    = "open"
	statusExpired = "expired"
)

// Commit turns used units of a reservation into usage and gives the rest back, with one usage event for each module that was used.
// It runs in the transaction that stores the work's result, and returns the thresholds that it reached. A reservation that has
// expired is committed too, where there is still room. Errors: ErrConflict when the reservation was settled before, or the source
// was billed before under another one; ErrNotFound; ErrQuotaExceeded when it had expired and its units have gone to others;
// ErrInternal for more units than were reserved. After an error nothing has changed, and the transaction cannot go on where the
// source was billed before.
func (s *Service) Commit(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, used map[ekyc.Module]int64, from Source) ([]Crossing, error) {
	r, err := lockReservation(ctx, tx, scope, id)
	if err != nil {
		return nil, err
	}
	if err := r.covers(used); err != nil {
		return nil, err
	}
	if r.status == statusExpired {
		if err := r.takeAgain(used); err != nil {
			return nil, err
		}
	}
	batch := &pgx.Batch{}
	after := map[ekyc.Module]counter{}
	var crossings []Crossing
	for i, module := range r.modules {
		limit := r.month.limit(module, r.quotas[i])
		next, crossed, over := r.month.counters[module].settle(r.held(i, used), used[module], limit)
		after[module] = next
		for _, percent := range crossed {
			crossings = append(crossings, Crossing{module, percent, *limit, next.Used, r.month.period})
		}
		if used[module] > 0 {
			r.queueEvent(batch, scope, module, used[module], over, from)
		}
	}
	r.month.queueWrite(batch, scope, after)
	r.queueSettle(batch, scope, "committed")
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, billedBefore(fmt.Errorf("commit units: %w", err))
	}
	return crossings, nil
}

// Refund gives back all units of a reservation: the work gave no answer. Errors: ErrConflict when it was settled before, ErrNotFound.
func (s *Service) Refund(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	r, err := lockReservation(ctx, tx, scope, id)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	if r.status == statusOpen {
		after := map[ekyc.Module]counter{}
		for i, module := range r.modules {
			after[module] = r.month.counters[module].refund(r.units[i])
		}
		r.month.queueWrite(batch, scope, after)
	}
	r.queueSettle(batch, scope, "refunded")
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("refund units: %w", err)
	}
	return nil
}

// Extend lets a reservation live for d from now on. One that has expired takes its units again. Errors: ErrConflict when it was
// settled, ErrNotFound, ErrQuotaExceeded when it had expired and its units have gone to others.
func (s *Service) Extend(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, d time.Duration) error {
	r, err := lockReservation(ctx, tx, scope, id)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	if r.status == statusExpired {
		all := map[ekyc.Module]int64{}
		for i, module := range r.modules {
			all[module] = r.units[i]
		}
		if err := r.takeAgain(all); err != nil {
			return err
		}
		r.month.queueWrite(batch, scope, r.month.counters)
	}
	batch.Queue(`update reservation set status = 'open', expires_at = clock_timestamp() + $4 where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, id, d)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("extend a reservation: %w", err)
	}
	return nil
}

const (
	readReservation = `
		select status, period, modules, units, quotas, overage, plan, plan_version, ` + monthEnd + ` from reservation
		where tenant_id = $1 and environment = $2 and id = $3 for update`
	// What is asked of the reservation here never changes, so that it may be read by this statement's own snapshot.
	itsColumn = `(select %s from reservation where tenant_id = $1 and environment = $2 and id = $3)`
)

// lockReservation locks a reservation that is not settled, and then its counters.
func lockReservation(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (*reservation, error) {
	r := &reservation{id: id}
	batch := &pgx.Batch{}
	batch.Queue(fmt.Sprintf(readReservation, "period"), scope.Tenant, scope.Environment, id).QueryRow(r.scan)
	batch.Queue(fmt.Sprintf(lockCounters, fmt.Sprintf(itsColumn, "period"), fmt.Sprintf(itsColumn, "modules")+"::text[]"),
		scope.Tenant, scope.Environment, id).Query(r.month.scanCounters)
	batch.Queue(readLimits, scope.Tenant, scope.Environment).Query(r.month.scanLimits)
	switch err := tx.SendBatch(ctx, batch).Close(); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, ekyc.Errorf(ekyc.ErrNotFound, "there is no such reservation")
	case err != nil:
		return nil, fmt.Errorf("lock a reservation: %w", err)
	case r.status != statusOpen && r.status != statusExpired:
		return nil, ekyc.Errorf(ekyc.ErrConflict, "the reservation has been settled").With("status", r.status)
	case len(r.month.counters) != len(r.modules):
		return nil, fmt.Errorf("lock a reservation: %d of %d counters are there", len(r.month.counters), len(r.modules))
	}
	return r, nil
}

func (r *reservation) scan(row pgx.Row) error {
	return row.Scan(&r.status, &r.month.period, &r.modules, &r.units, &r.quotas, &r.overage, &r.plan, &r.planVersion, &r.month.resetsAt)
}

// covers says whether nothing is used that was not reserved.
func (r *reservation) covers(used map[ekyc.Module]int64) error {
	reserved := map[ekyc.Module]int64{}
	for i, module := range r.modules {
		reserved[module] = r.units[i]
	}
	for module, units := range used {
		if units < 0 || units > reserved[module] {
			return ekyc.Errorf(ekyc.ErrInternal, "%d units of %s are used and %d were reserved", units, module, reserved[module])
		}
	}
	return nil
}

// takeAgain reserves units that went back when the reservation expired.
func (r *reservation) takeAgain(units map[ekyc.Module]int64) error {
	for i, module := range r.modules {
		a := allowance{r.month.limit(module, r.quotas[i]), r.overage}
		next, ok := r.month.counters[module].reserve(units[module], a)
		if !ok && units[module] > 0 {
			return r.month.exceeded(module, *a.Limit)
		}
		r.month.counters[module] = next
	}
	return nil
}

// held is what the counter of a module holds for the reservation, once what had expired was taken again.
func (r *reservation) held(i int, used map[ekyc.Module]int64) int64 {
	if r.status == statusExpired {
		return used[r.modules[i]]
	}
	return r.units[i]
}

const insertEvent = `
	insert into usage_event (tenant_id, environment, id, module, units, over_limit, plan, plan_version, job_id, key_id, period, dedupe_key, occurred_at)
	values ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''), nullif($10, ''), $11, $12, clock_timestamp())`

func (r *reservation) queueEvent(batch *pgx.Batch, scope ekyc.Scope, module ekyc.Module, units, over int64, from Source) {
	batch.Queue(insertEvent, scope.Tenant, scope.Environment, ekyc.NewID(ekyc.KindUsage), module, units, over, r.plan, r.planVersion,
		from.Job, from.KeyID, r.month.period, r.dedupeKey(module, from))
}

func (r *reservation) dedupeKey(module ekyc.Module, from Source) string {
	switch {
	case from.Job != "":
		return "job/" + string(from.Job) + "/" + string(module)
	case from.RequestKey != "":
		return "request/" + from.RequestKey + "/" + string(module)
	}
	return "reservation/" + string(r.id) + "/" + string(module)
}

func (r *reservation) queueSettle(batch *pgx.Batch, scope ekyc.Scope, status string) {
	batch.Queue(`update reservation set status = $4, settled_at = clock_timestamp() where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, r.id, status)
}

// billedBefore tells a second bill of the same work from other faults.
func billedBefore(err error) error {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok && p.ConstraintName == "usage_event_tenant_id_environment_dedupe_key_key" {
		return ekyc.Errorf(ekyc.ErrConflict, "the work has been billed before").Because(err)
	}
	return err
}
