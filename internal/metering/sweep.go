package metering

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	// sweepBatch bounds how many reservations one transaction of a sweep holds.
	sweepBatch = 200
	// keepReservations is how long a reservation is kept after its end; its usage events stay for ever.
	keepReservations = "7 days"
)

// Three steps of one transaction. Reservations that another transaction is about to settle are left to it; the counters are
// locked in the order that everybody keeps; both sets are fixed before the first counter changes.
const (
	takeExpired = `
		select tenant_id, environment, id from reservation where status = 'open' and expires_at < clock_timestamp()
		order by expires_at limit $1 for update skip locked`
	expiredUnits = `
		select r.tenant_id, r.environment, r.period, u.module, sum(u.units) as units
		from unnest($1::text[], $2::text[], $3::text[]) as k (tenant_id, environment, id)
		join reservation r using (tenant_id, environment, id), unnest(r.modules, r.units) as u (module, units)
		group by 1, 2, 3, 4`
	lockExpired = `
		select from quota_usage q
		where (q.tenant_id, q.environment, q.period, q.module) in (select e.tenant_id, e.environment, e.period, e.module from (` + expiredUnits + `) e)
		order by q.tenant_id, q.environment, q.period, q.module for update`
	refundExpired = `
		update quota_usage q set reserved = q.reserved - e.units from (` + expiredUnits + `) e
		where q.tenant_id = e.tenant_id and q.environment = e.environment and q.period = e.period and q.module = e.module`
	markExpired = `
		update reservation r set status = 'expired' from unnest($1::text[], $2::text[], $3::text[]) as k (tenant_id, environment, id)
		where r.tenant_id = k.tenant_id and r.environment = k.environment and r.id = k.id`
	dropOver = `
		delete from reservation where ctid = any(array(select ctid from reservation where status <> 'open'
			and expires_at < clock_timestamp() - interval '` + keepReservations + `' limit $1 for update skip locked))`
)

// Sweep gives back the units of reservations past their expiry and returns how many there were; several processes may sweep at
// once. It also removes reservations that ended long ago.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.sweepExpired(ctx)
		total += n
		if err != nil {
			return total, fmt.Errorf("sweep reservations: %w", err)
		}
		if n < sweepBatch {
			break
		}
	}
	for {
		tag, err := s.db.SystemPool().Exec(ctx, dropOver, 10*sweepBatch)
		if err != nil {
			return total, fmt.Errorf("remove old reservations: %w", err)
		}
		if tag.RowsAffected() < 10*sweepBatch {
			return total, nil
		}
	}
}

func (s *Service) sweepExpired(ctx context.Context) (n int, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var tenants, environments, ids []string
		var tenant, environment, id string
		rows, err := tx.Query(ctx, takeExpired, sweepBatch)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&tenant, &environment, &id}, func() error {
			tenants, environments, ids = append(tenants, tenant), append(environments, environment), append(ids, id)
			return nil
		})
		if n = len(ids); err != nil || n == 0 {
			return err
		}
		batch := &pgx.Batch{}
		for _, statement := range []string{lockExpired, refundExpired, markExpired} {
			batch.Queue(statement, tenants, environments, ids)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	return n, err
}
