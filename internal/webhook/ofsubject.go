package webhook

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// OfSubject lists up to limit deliveries of a subject's events, the newest first and older than after where that is not "". GetDelivery tells where each
// went and what it carried.
func (s *Service) OfSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, after ekyc.ID, limit int) ([]ekyc.ID, error) {
	rows, err := tx.Query(ctx, `select d.id from webhook_event v
		join webhook_delivery d on d.tenant_id = v.tenant_id and d.environment = v.environment and d.event_id = v.id
		where v.tenant_id = $1 and v.environment = $2 and v.subject_id = $3 and v.subject_id <> '' and ($4 = '' or d.id < $4) order by d.id desc limit $5`,
		scope.Tenant, scope.Environment, subject, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list a subject's webhooks: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err != nil {
		return nil, fmt.Errorf("list a subject's webhooks: %w", err)
	}
	return ids, nil
}
