package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// exportLock is the advisory lock of the process that exports.
const exportLock = 0x656b79637602

// ExportScheduled is Export as part of the service's upkeep: one process at a time does it, and the others return at once. It notes how far
// the target, which open gives, holds the log.
func (l *Log) ExportScheduled(ctx context.Context, target string, open func(context.Context) (Sink, error), o ExportOptions) error {
	conn, err := l.db.SystemPool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take turns at exporting the audit log: %w", err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", exportLock).Scan(&mine); err != nil || !mine {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", exportLock)
	sink, err := open(ctx)
	if err != nil {
		return fmt.Errorf("open the place for the audit log: %w", err)
	}
	done, err := l.Export(ctx, sink, o)
	if done.Size > 0 {
		_, noting := conn.Exec(ctx, `insert into audit_export (target, size) values ($1, $2) on conflict (target) do update set size = excluded.size, at = clock_timestamp()`,
			target, done.Size)
		err = errors.Join(err, noting)
	}
	return err
}

// ExportLag is how many entries the target does not hold yet, and since when the oldest of them has its place in the tree.
func (l *Log) ExportLag(ctx context.Context, target string) (entries int64, age time.Duration, err error) {
	var seconds float64
	err = l.db.SystemPool().QueryRow(ctx, `with there as (select coalesce((select size from audit_export where target = $1), 0) as size)
		select coalesce((select max(leaf_index) + 1 from audit_entry), 0) - size,
			coalesce((select greatest(extract(epoch from clock_timestamp() - sequenced_at), 0) from audit_entry where leaf_index = size), 0)::float8
		from there`, target).Scan(&entries, &seconds)
	if err != nil {
		return 0, 0, fmt.Errorf("look at the export of the audit log: %w", err)
	}
	return max(entries, 0), time.Duration(seconds * float64(time.Second)), nil
}
