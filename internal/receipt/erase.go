package receipt

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// EraseSubject drops the salts of a subject's receipts, in the erasure's transaction. What was signed stays; what its commitments are about cannot
// be shown any more. It gives their number.
func (s *Service) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	tag, err := tx.Exec(ctx, `update receipt set salt = null where tenant_id = $1 and environment = $2 and subject_id = $3 and salt is not null`,
		scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("drop the salts of a subject's receipts: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
