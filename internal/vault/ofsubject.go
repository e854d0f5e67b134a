package vault

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// MediaOfSubject lists up to limit of a subject's media, the newest first and older than after where that is not "".
func (v *Vault) MediaOfSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, after ekyc.ID, limit int) ([]Media, error) {
	rows, err := tx.Query(ctx, "select "+mediaColumns+` from media where tenant_id = $1 and environment = $2 and subject_id = $3 and ($4 = '' or id < $4)
		order by id desc limit $5`, scope.Tenant, scope.Environment, subject, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list a subject's media: %w", err)
	}
	return collectMedia(rows)
}
