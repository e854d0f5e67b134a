package reference

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// EraseSubject deletes a subject's templates, in the erasure's transaction, and gives their number.
func (t *Templates) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	tag, err := tx.Exec(ctx, `delete from reference_template where tenant_id = $1 and environment = $2 and subject_id = $3`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("delete a subject's templates: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
