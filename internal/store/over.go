package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// scopesOver names the scopes of which something in a table is past its end, by one probe of an index for each scope that has anything there, however much
// that is.
const scopesOver = `with recursive first as (
		(select tenant_id, environment, expires_at from %[1]s where %[2]s order by tenant_id, environment, expires_at limit 1)
		union all
		select n.* from first f cross join lateral (select tenant_id, environment, expires_at from %[1]s
			where %[2]s and (tenant_id, environment) > (f.tenant_id, f.environment) order by tenant_id, environment, expires_at limit 1) n)
	select tenant_id, environment from first where expires_at <= now()`

// RemoveOver has what is past its end in a table removed scope by scope, at most so much in all, and gives how much it was. Each scope that has anything gets an
// equal part of that, so that none that has much holds the others up, and neither does one whose removal fails: its error is given beside what was
// removed of the others. What can be removed at all is what the condition waits is true of; the table has an index on tenant_id, environment and expires_at for that.
func (db *DB) RemoveOver(ctx context.Context, table, waits string, most int, remove func(ctx context.Context, scope ekyc.Scope, most int) (int, error)) (removed int, err error) {
	rows, err := db.system.Query(ctx, fmt.Sprintf(scopesOver, table, waits))
	if err != nil {
		return 0, unavailable(fmt.Errorf("find what is over in %s: %w", table, err))
	}
	scopes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ekyc.Scope])
	if err != nil {
		return 0, unavailable(fmt.Errorf("find what is over in %s: %w", table, err))
	}
	var faults []error
	for i, scope := range scopes {
		others := len(scopes) - i - 1
		part := (most - removed + others) / (others + 1)
		if part <= 0 || ctx.Err() != nil {
			break
		}
		n, err := remove(ctx, scope, part)
		removed += n
		faults = append(faults, err)
	}
	return removed, errors.Join(faults...)
}
