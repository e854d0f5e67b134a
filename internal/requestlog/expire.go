package requestlog

import (
	"context"
	"fmt"
	"time"

	"ekyc"
)

// Keeping is for how long lines are kept.
type Keeping struct {
	Standard time.Duration                // of scopes that have said nothing
	Of       map[ekyc.Scope]time.Duration // of those that have
}

func (k Keeping) longest() time.Duration {
	longest := k.Standard
	for _, d := range k.Of {
		longest = max(longest, d)
	}
	return longest
}

// missedDays is how many days back lines of scopes that have said nothing are looked for in days that others still keep: what was not removed in all
// that time goes with its day.
const missedDays = 7

// RemoveExpired removes lines whose time is over, by whole UTC days: days that nobody keeps any more at once, and from the others at most so many
// lines, whose number it gives. Nobody reads them before that either, see Options.Keep. Any number of processes may do it.
func (l *Log) RemoveExpired(ctx context.Context, k Keeping, most int) (removed int, err error) {
	now := time.Now()
	if _, err := l.DropBefore(ctx, now.Add(-k.longest())); err != nil {
		return 0, err
	}
	day := func(d time.Duration) time.Time { return now.Add(-d).UTC().Truncate(24 * time.Hour) }
	var tenants, environments []string
	for scope, d := range k.Of {
		tenants, environments = append(tenants, string(scope.Tenant)), append(environments, string(scope.Environment))
		if d == k.longest() || removed >= most {
			continue
		}
		n, err := l.remove(ctx, "tenant_id = $3 and environment = $4 and at < $1", most-removed, day(d), scope.Tenant, scope.Environment)
		if removed += n; err != nil {
			return removed, err
		}
	}
	if k.Standard < k.longest() && removed < most {
		end := day(k.Standard)
		n, err := l.remove(ctx, "at < $1 and at >= $5 and not exists (select from unnest($3::text[], $4::text[]) s (t, e) where s.t = tenant_id and s.e = environment)",
			most-removed, end, tenants, environments, end.AddDate(0, 0, -missedDays))
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// remove deletes the lines of a condition, whose first two values are the time before which they came and how many at most.
func (l *Log) remove(ctx context.Context, condition string, most int, before time.Time, values ...any) (int, error) {
	tag, err := l.db.SystemPool().Exec(ctx, `delete from request_log where at < $1 and (tenant_id, environment, id, at) in (
		select tenant_id, environment, id, at from request_log where `+condition+` limit $2)`, append([]any{before, most}, values...)...)
	if err != nil {
		return 0, fmt.Errorf("remove lines of the request log: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// OldestExpired is when the oldest day that nobody keeps any more should have gone; zero where there is none.
func (l *Log) OldestExpired(ctx context.Context, k Keeping) (time.Time, error) {
	var first *time.Time
	if err := l.db.SystemPool().QueryRow(ctx, "select request_log_first_day()").Scan(&first); err != nil {
		return time.Time{}, fmt.Errorf("look at the days of the request log: %w", err)
	}
	if first == nil {
		return time.Time{}, nil
	}
	due := first.AddDate(0, 0, 1).Add(k.longest())
	if due.After(time.Now()) {
		return time.Time{}, nil
	}
	return due, nil
}
