package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// HeldSubject is a subject with the holds on it.
type HeldSubject struct {
	ID       ekyc.ID
	Operator *Hold      // nil: no operator has put one
	TenantAt *time.Time // of the tenant's own; nil: there is none
}

// OperatorHoldSince is since when an operator holds a subject; nil where none does. Errors: ErrNotFound.
func (v *Vault) OperatorHoldSince(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (at *time.Time, err error) {
	err = tx.QueryRow(ctx, `select operator_hold_at from subject where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, subject).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noSubject()
	}
	if err != nil {
		return nil, fmt.Errorf("look for an operator's hold on a subject: %w", err)
	}
	return at, nil
}

// ListHeld gives up to limit held subjects in the order of their identifiers, after the given one where that is not "", and the identifier to go on
// after, "" at the end.
func (v *Vault) ListHeld(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, limit int, after ekyc.ID) ([]HeldSubject, ekyc.ID, error) {
	rows, err := tx.Query(ctx, `select id, hold_at, operator_hold_at, operator_hold_reason, operator_hold_by from subject
		where tenant_id = $1 and environment = $2 and (hold_at is not null or operator_hold_at is not null) and ($3 = '' or id > $3) order by id limit $4`,
		scope.Tenant, scope.Environment, string(after), limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list held subjects: %w", err)
	}
	type row struct {
		ID         ekyc.ID
		TenantAt   *time.Time
		OperatorAt *time.Time
		Reason     []byte
		By         *string
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, "", fmt.Errorf("list held subjects: %w", err)
	}
	var next ekyc.ID
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].ID
	}
	held := make([]HeldSubject, len(found))
	for i, r := range found {
		held[i] = HeldSubject{ID: r.ID, TenantAt: r.TenantAt}
		if r.OperatorAt == nil {
			continue
		}
		reason, err := v.Open(ctx, tx, scope, r.ID, ByOperator.object, r.Reason)
		if err != nil {
			return nil, "", err
		}
		held[i].Operator = &Hold{Reason: string(reason), KeyID: *r.By, At: *r.OperatorAt}
	}
	return held, next, nil
}
