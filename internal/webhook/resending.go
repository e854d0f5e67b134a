package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

// resendBatch is how many deliveries one transaction sends again.
const resendBatch = 500

// Resend sends a delivery again, whatever its state, beginning its schedule anew; the event's id stays. It returns at once.
// Errors: ErrNotFound; ErrConflict when its endpoint is disabled; ErrGone when the endpoint is deleted, the subject erased or the body no longer held.
func (s *Service) Resend(ctx context.Context, scope ekyc.Scope, id ekyc.ID) error {
	return s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		row, err := readDelivery(ctx, tx, scope, id, " for no key update")
		if err != nil {
			return err
		}
		var held, disabled, deleted bool
		var host *string
		var erased *time.Time
		err = tx.QueryRow(ctx, `select v.body is not null and `+stillHeld+`, p.disabled_at is not null, p.deleted_at is not null,
				(select callback_host from webhook_delivery d where d.tenant_id = $1 and d.environment = $2 and d.id = $5),
				(select erased_at from subject s where s.tenant_id = $1 and s.environment = $2 and s.id = v.subject_id)
			from webhook_event v left join webhook_endpoint p on p.tenant_id = $1 and p.environment = $2 and p.id = $4
			where v.tenant_id = $1 and v.environment = $2 and v.id = $3`,
			scope.Tenant, scope.Environment, row.EventID, row.EndpointID, id).Scan(&held, &disabled, &deleted, &host, &erased)
		switch {
		case err != nil:
			return fmt.Errorf("read a webhook event: %w", err)
		case deleted:
			return ekyc.Errorf(ekyc.ErrGone, "the webhook endpoint has been deleted")
		case disabled:
			return ekyc.Errorf(ekyc.ErrConflict, "the webhook endpoint is disabled")
		case !held && erased != nil:
			return vault.Erased(*erased)
		case !held:
			return ekyc.Errorf(ekyc.ErrGone, "what the webhook carried is no longer held")
		}
		if err := begin(ctx, tx, scope, []ekyc.ID{id}); err != nil {
			return err
		}
		return s.wake(ctx, tx, []wakeArgs{{scope.Tenant, scope.Environment, id, row.EndpointID, host}})
	})
}

// begin lets deliveries begin their schedules anew. An attempt that is being made goes on and is counted.
func begin(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ids []ekyc.ID) error {
	_, err := tx.Exec(ctx, `update webhook_delivery set status = 'pending', failures = 0, next_attempt_at = now(), delivered_at = null,
		woken_at = null, wakes = 0
		where tenant_id = $1 and environment = $2 and id = any($3)`, scope.Tenant, scope.Environment, ids)
	if err != nil {
		return fmt.Errorf("send webhooks again: %w", err)
	}
	return nil
}

// ResendMany sends the chosen deliveries again that can be, and gives their number: those whose endpoint is enabled and whose body is
// still held. Deliveries that are made after it began are left out.
func (s *Service) ResendMany(ctx context.Context, scope ekyc.Scope, f Filter) (n int, err error) {
	until := ekyc.NewID(ekyc.KindDelivery)
	for cursor := ekyc.ID(""); ; {
		var last ekyc.ID
		var sent int
		err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			last, sent, err = s.resendSome(ctx, tx, scope, f, cursor, until)
			return err
		})
		if err != nil {
			return n, err
		}
		n += sent
		if sent < resendBatch {
			return n, nil
		}
		cursor = last
	}
}

func (s *Service) resendSome(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, f Filter, after, until ekyc.ID) (last ekyc.ID, n int, err error) {
	condition, values := f.condition(6)
	values = append([]any{scope.Tenant, scope.Environment, string(after), string(until), resendBatch}, values...)
	rows, err := tx.Query(ctx, `select id, endpoint_id, callback_host from webhook_delivery d
		where tenant_id = $1 and environment = $2 and id > $3 and id < $4 and `+condition+`
		and exists (select from webhook_event v where v.tenant_id = $1 and v.environment = $2 and v.id = d.event_id and v.body is not null and `+stillHeld+`)
		and not exists (select from webhook_endpoint p where p.tenant_id = $1 and p.environment = $2 and p.id = d.endpoint_id
			and coalesce(p.disabled_at, p.deleted_at) is not null)
		order by id limit $5 for no key update`, values...)
	if err != nil {
		return "", 0, fmt.Errorf("choose webhooks to send again: %w", err)
	}
	type chosen struct {
		ID           ekyc.ID
		EndpointID   *ekyc.ID
		CallbackHost *string
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[chosen])
	if err != nil || len(found) == 0 {
		return "", 0, err
	}
	ids, jobs := make([]ekyc.ID, len(found)), make([]wakeArgs, len(found))
	for i, c := range found {
		ids[i], jobs[i] = c.ID, wakeArgs{scope.Tenant, scope.Environment, c.ID, c.EndpointID, c.CallbackHost}
	}
	if err := begin(ctx, tx, scope, ids); err != nil {
		return "", 0, err
	}
	return ids[len(ids)-1], len(ids), s.wake(ctx, tx, jobs)
}
