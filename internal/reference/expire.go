package reference

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// isOver is true of a template past its end whose subject is not held.
const isOver = "(expires_at <= now() and not held)"

// Limit brings the end of a scope's templates forward to so long after each was made, for at most so many, and gives how many it changed.
func (t *Templates) Limit(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
	tag, err := tx.Exec(ctx, `update reference_template set expires_at = made_at + $3::interval where tenant_id = $1 and environment = $2 and media_id in (
			select media_id from reference_template where tenant_id = $1 and environment = $2 and expires_at > made_at + $3::interval
			order by expires_at desc limit $4 for no key update)`, scope.Tenant, scope.Environment, d, most)
	if err != nil {
		return 0, fmt.Errorf("bring the end of templates forward: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// RemoveExpired deletes at most so many templates that are over, and gives how many. Any number of processes may do it.
func (t *Templates) RemoveExpired(ctx context.Context, most int) (removed int, err error) {
	err = t.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from reference_template where (tenant_id, environment, media_id) in (
			select tenant_id, environment, media_id from reference_template where `+isOver+` order by expires_at limit $1 for update skip locked)`, most)
		removed = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete templates that are over: %w", err)
	}
	return removed, nil
}

// OldestExpired is the end of the template that has been over longest and is there still; zero where there is none.
func (t *Templates) OldestExpired(ctx context.Context) (at time.Time, err error) {
	err = t.db.SystemPool().QueryRow(ctx, "select expires_at from reference_template where "+isOver+" order by expires_at limit 1").Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, fmt.Errorf("look for templates that are over: %w", err)
	}
	return at, nil
}
