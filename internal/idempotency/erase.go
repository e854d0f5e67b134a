package idempotency

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// EraseSubject drops the remembered answers that are about a subject, in the erasure's transaction. A repetition is told that the subject is
// gone, and nothing is executed again. It gives their number.
func (s *Service) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	tag, err := tx.Exec(ctx, `update idempotency set answer = null
		where tenant_id = $1 and environment = $2 and subject_id = $3 and subject_id <> '' and answer is not null`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("drop the remembered answers about a subject: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
