package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	wakeGrace = 30 * time.Second // that a delivery may be overdue before its job is taken for lost
	// wakeAgain is how long a sweep leaves alone what another woke, doubled each time: it may only be the workers that are behind.
	wakeAgain  = 30 * time.Second
	maxDoubled = 7    // times: about an hour
	sweepBatch = 1000 // rows of one transaction
)

// Sweep wakes deliveries whose jobs were lost or whose workers died, and removes what has been kept long enough: bodies at their time,
// events with their deliveries, secrets past their overlap, deleted endpoints that nothing refers to. Run it every few seconds; several
// processes may.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(
		s.batches(ctx, s.wakeLost),
		s.batches(ctx, dropBodies),
		s.batches(ctx, s.removeEvents),
		s.batches(ctx, removeSecrets),
		s.batches(ctx, removeEndpoints),
	)
}

// batches runs one step of a sweep until it finds less than a batch.
func (s *Service) batches(ctx context.Context, step func(context.Context, pgx.Tx) (int, error)) error {
	for {
		var n int
		err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			n, err = step(ctx, tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep webhooks: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

func (s *Service) wakeLost(ctx context.Context, tx pgx.Tx) (int, error) {
	rows, err := tx.Query(ctx, `update webhook_delivery d set woken_at = clock_timestamp(), wakes = wakes + 1 from (
			select tenant_id, environment, id from webhook_delivery
			where next_attempt_at < clock_timestamp() - $1::interval and (lease_until is null or lease_until < clock_timestamp())
			and (woken_at is null or woken_at < clock_timestamp() - $2::interval * 2 ^ least(wakes - 1, $3))
			order by next_attempt_at limit $4 for no key update skip locked) lost
		where d.tenant_id = lost.tenant_id and d.environment = lost.environment and d.id = lost.id
		returning d.tenant_id as tenant, d.environment, d.id as delivery, d.endpoint_id as endpoint, d.callback_host as host`, wakeGrace, wakeAgain, maxDoubled, sweepBatch)
	if err != nil {
		return 0, err
	}
	lost, err := pgx.CollectRows(rows, pgx.RowToStructByName[wakeArgs])
	if err != nil {
		return 0, err
	}
	return len(lost), s.wake(ctx, tx, lost)
}

// stillHeld is true of an event, called v, whose time is not over: else what it carried is not given out, whether it has been dropped yet or not.
const stillHeld = `(v.drop_at > now() or v.held)`

// dropBodies forgets what events carried, where to, and what was answered.
func dropBodies(ctx context.Context, tx pgx.Tx) (int, error) {
	rows, err := tx.Query(ctx, `update webhook_event v set body = null, thin_body = null from (
			select tenant_id, environment, id from webhook_event where body is not null and drop_at < now() and not held limit $1 for no key update skip locked) old
		where v.tenant_id = old.tenant_id and v.environment = old.environment and v.id = old.id returning v.id`, sweepBatch)
	if err != nil {
		return 0, err
	}
	events, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err != nil || len(events) == 0 {
		return 0, err
	}
	for _, statement := range []string{
		// Attempts are recorded under the lock of their delivery: those before this are seen by the next statement, and those after it
		// see that the body is gone.
		`select from webhook_delivery where event_id = any($1) order by tenant_id, environment, id for no key update`,
		`update webhook_attempt a set answer = null from webhook_delivery d
			where d.event_id = any($1) and a.tenant_id = d.tenant_id and a.environment = d.environment and a.delivery_id = d.id and a.answer is not null`,
		`update webhook_delivery set callback_url = null, callback_host = null where event_id = any($1) and callback_url is not null`,
	} {
		if _, err := tx.Exec(ctx, statement, events); err != nil {
			return 0, err
		}
	}
	return len(events), nil
}

// Limit brings the end of what a scope's events carry about persons forward to so long after each was published, for at most so many, and gives how many
// it changed.
func (s *Service) Limit(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
	tag, err := tx.Exec(ctx, `update webhook_event set drop_at = created_at + $3::interval where tenant_id = $1 and environment = $2 and id in (
			select id from webhook_event where tenant_id = $1 and environment = $2 and subject_id <> '' and body is not null
				and drop_at > created_at + $3::interval order by drop_at desc limit $4 for no key update)`, scope.Tenant, scope.Environment, d, most)
	if err != nil {
		return 0, fmt.Errorf("bring the end of webhooks forward: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

func (s *Service) removeEvents(ctx context.Context, tx pgx.Tx) (int, error) {
	return remove(ctx, tx, `delete from webhook_event v using (
			select tenant_id, environment, id from webhook_event where created_at < now() - $2::interval and not held limit $1 for update skip locked) old
		where v.tenant_id = old.tenant_id and v.environment = old.environment and v.id = old.id`, sweepBatch, s.options.KeepFor)
}

func removeSecrets(ctx context.Context, tx pgx.Tx) (int, error) {
	return remove(ctx, tx, `delete from webhook_secret where (tenant_id, environment, id) in (
		select tenant_id, environment, id from webhook_secret where valid_until < now() limit $1)`, sweepBatch)
}

func removeEndpoints(ctx context.Context, tx pgx.Tx) (int, error) {
	return remove(ctx, tx, `delete from webhook_endpoint where (tenant_id, environment, id) in (
		select tenant_id, environment, id from webhook_endpoint p where deleted_at is not null and not exists (
			select from webhook_delivery d where d.tenant_id = p.tenant_id and d.environment = p.environment and d.endpoint_id = p.id) limit $1)`, sweepBatch)
}

func remove(ctx context.Context, tx pgx.Tx, statement string, arguments ...any) (int, error) {
	tag, err := tx.Exec(ctx, statement, arguments...)
	return int(tag.RowsAffected()), err
}

// Backlog is how many deliveries are due and not being attempted, and for how long the oldest of them has been, for metrics.
func (s *Service) Backlog(ctx context.Context) (due int, oldest time.Duration, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select count(*), coalesce(clock_timestamp() - min(next_attempt_at), '0') from webhook_delivery
			where next_attempt_at <= clock_timestamp() and (lease_until is null or lease_until < clock_timestamp())`).Scan(&due, &oldest)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count due webhooks: %w", err)
	}
	return due, oldest, nil
}
