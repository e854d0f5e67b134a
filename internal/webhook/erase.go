package webhook

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// EraseSubject forgets what events of a subject carried, where their callbacks led and what was answered, in the erasure's transaction, while the
// subject's key is still there. What an endpoint has not got yet goes out in the thin form, without personal data, under the tenant's own key; a
// callback's address is the person's own too, so that what has not got there is given up. It gives the number of events.
func (s *Service) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	type event struct {
		ID       ekyc.ID
		ThinBody []byte
		Waits    bool
	}
	rows, err := tx.Query(ctx, `select id, thin_body, exists (select from webhook_delivery d where d.event_id = v.id and d.tenant_id = v.tenant_id
				and d.environment = v.environment and d.endpoint_id is not null and d.next_attempt_at is not null) as waits
		from webhook_event v where tenant_id = $1 and environment = $2 and subject_id = $3 and subject_id <> '' and body is not null order by id for no key update of v`,
		scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("find a subject's webhooks: %w", err)
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByName[event])
	if err != nil {
		return 0, fmt.Errorf("find a subject's webhooks: %w", err)
	}
	ids := make([]ekyc.ID, len(events))
	for i, e := range events {
		ids[i] = e.ID
		if err := s.thinOut(ctx, tx, scope, subject, e.ID, e.ThinBody, e.Waits); err != nil {
			return 0, err
		}
	}
	for _, statement := range []string{
		// As with dropBodies: attempts are recorded under the lock of their delivery.
		`select from webhook_delivery where tenant_id = $1 and environment = $2 and event_id = any($3) order by id for no key update`,
		`update webhook_attempt a set answer = null from webhook_delivery d where d.tenant_id = $1 and d.environment = $2 and d.event_id = any($3)
			and a.tenant_id = d.tenant_id and a.environment = d.environment and a.delivery_id = d.id and a.answer is not null`,
		`update webhook_delivery set callback_url = null, callback_host = null,
			status = case when next_attempt_at is null then status else 'dead' end, failure = case when next_attempt_at is null then failure else 'erased' end,
			next_attempt_at = null, lease_until = null
			where tenant_id = $1 and environment = $2 and event_id = any($3) and endpoint_id is null`,
	} {
		if _, err := tx.Exec(ctx, statement, scope.Tenant, scope.Environment, ids); err != nil {
			return 0, fmt.Errorf("forget a subject's webhooks: %w", err)
		}
	}
	return len(events), nil
}

// thinOut leaves of an event its thin form as long as that has to be delivered, and else nothing.
func (s *Service) thinOut(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, event ekyc.ID, thin []byte, waits bool) error {
	var body, thinBody []byte
	owner := subject
	plain, err := s.vault.Open(ctx, tx, scope, subject, string(event)+"/thin", thin)
	if err != nil && ekyc.CodeOf(err) != ekyc.ErrGone {
		return err
	}
	if waits && err == nil { // an event that was stored beside the erasure opens no more
		if body, err = s.vault.Seal(ctx, tx, scope, "", string(event)+"/body", plain); err != nil {
			return err
		}
		if thinBody, err = s.vault.Seal(ctx, tx, scope, "", string(event)+"/thin", plain); err != nil {
			return err
		}
		owner = ""
	}
	_, err = tx.Exec(ctx, `update webhook_event set subject_id = $4, body = $5, thin_body = $6 where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, event, owner, body, thinBody)
	if err != nil {
		return fmt.Errorf("forget what a webhook carried: %w", err)
	}
	return nil
}
