package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Hold is a legal hold on a subject: while it lasts, nothing that is kept of the subject ends or is removed, and the subject is not erased.
type Hold struct {
	Reason string
	KeyID  string // of the API key that put it; the identifier of the operator of an operator's
	At     time.Time
}

// Holder says who has put a hold. A subject has one of each at most, and each is ended by who put it.
type Holder struct {
	at, reason, by string // columns
	object         string // what a sealed reason is bound as
}

// The holders.
var (
	ByTenant   = Holder{"hold_at", "hold_reason", "hold_key_id", "hold/reason"}
	ByOperator = Holder{"operator_hold_at", "operator_hold_reason", "operator_hold_by", "hold/operator_reason"}
)

const ofSubject = ` where tenant_id = $1 and environment = $2 and id = $3`

// PutHold puts a hold on a subject, or gives the one that there is another reason; it says whether there was none. Errors: ErrNotFound, ErrGone.
func (v *Vault) PutHold(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, of Holder, h Hold) (at time.Time, put bool, err error) {
	var before bool // locked for the change at once: two that share the row first would wait for one another
	err = tx.QueryRow(ctx, "select "+of.at+" is not null from subject"+ofSubject+" for no key update", scope.Tenant, scope.Environment, subject).Scan(&before)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, false, fmt.Errorf("look for a hold on a subject: %w", err)
	}
	sealed, err := v.Seal(ctx, tx, scope, subject, of.object, []byte(h.Reason))
	if err != nil {
		return at, false, err
	}
	err = tx.QueryRow(ctx, fmt.Sprintf(`update subject set %[1]s = coalesce(%[1]s, clock_timestamp()), %[2]s = $4, %[3]s = $5`, of.at, of.reason, of.by)+ofSubject+
		" and erased_at is null returning "+of.at, scope.Tenant, scope.Environment, subject, sealed, h.KeyID).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) { // it was erased since
		return at, false, gone(nil)
	}
	if err != nil {
		return at, false, fmt.Errorf("put a hold on a subject: %w", err)
	}
	return at, !before, nil
}

// EndHold takes a hold off a subject and says whether there was one. The other holder's stays. Errors: ErrNotFound, ErrGone.
func (v *Vault) EndHold(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, of Holder) (ended bool, err error) {
	tag, err := tx.Exec(ctx, fmt.Sprintf(`update subject set %s = null, %s = null, %s = null`, of.at, of.reason, of.by)+ofSubject+" and "+of.at+" is not null",
		scope.Tenant, scope.Environment, subject)
	if err != nil {
		return false, fmt.Errorf("end a hold on a subject: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return true, nil
	}
	_, err = v.GetSubject(ctx, tx, scope, subject)
	return false, err
}

// HoldOf gives the tenant's hold on a subject; nil where there is none. Errors: ErrNotFound, ErrGone.
func (v *Vault) HoldOf(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (*Hold, error) {
	var at, erasedAt *time.Time
	var sealed []byte
	var key *string
	err := tx.QueryRow(ctx, `select hold_at, hold_reason, hold_key_id, erased_at from subject where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, subject).Scan(&at, &sealed, &key, &erasedAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, noSubject()
	case err != nil:
		return nil, fmt.Errorf("read the hold on a subject: %w", err)
	case erasedAt != nil:
		return nil, gone(erasedAt)
	case at == nil:
		return nil, nil
	}
	reason, err := v.Open(ctx, tx, scope, subject, ByTenant.object, sealed)
	if err != nil {
		return nil, err
	}
	return &Hold{Reason: string(reason), KeyID: *key, At: *at}, nil
}

// Held says whether there is a hold on a subject, and keeps that so until the transaction ends. A subject that does not exist is not held.
func (v *Vault) Held(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (held bool, err error) {
	err = tx.QueryRow(ctx, "select hold_at is not null or operator_hold_at is not null from subject where tenant_id = $1 and environment = $2 and id = $3 for share",
		scope.Tenant, scope.Environment, subject).Scan(&held)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("look for a hold on a subject: %w", err)
	}
	return held, nil
}

// OnHold is why a subject that is held is not erased.
func OnHold() error {
	return ekyc.Errorf(ekyc.ErrConflict, "there is a legal hold on the subject").With("reason", "legal_hold")
}
