package challenge

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Erase forgets challenges that a subject was given, in the erasure's transaction, and gives how many there were.
func (s *Service) Erase(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, challenges []ekyc.ID) (int, error) {
	tag, err := tx.Exec(ctx, `delete from challenge where tenant_id = $1 and environment = $2 and id = any($3)`, scope.Tenant, scope.Environment, challenges)
	if err != nil {
		return 0, fmt.Errorf("forget challenges: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
