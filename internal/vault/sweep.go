package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	orphanAge  = time.Hour // a file is written before its row commits; no transaction lasts that long
	sweepBatch = 500       // rows or names at a time, so that no lock is held for long
)

// SweepFiles deletes files without a row that are older than an hour, and what is left of writes that were broken off. It reads the names of all files, so one process at a time does
// it, and once an hour is often enough.
func (v *Vault) SweepFiles(ctx context.Context) error {
	conn, err := v.db.SystemPool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take turns at sweeping files: %w", err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", sweepLock).Scan(&mine); err != nil || !mine {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", sweepLock)
	if err := v.blobs.Tidy(ctx); err != nil {
		return fmt.Errorf("tidy up media files: %w", err)
	}
	if err := v.forgetOver(ctx); err != nil {
		return err
	}
	return v.sweepOrphans(ctx)
}

// overKept is how long it is known of a picture that there was one.
const overKept = 90 * 24 * time.Hour

// forgetOver forgets that there were pictures whose time was over long ago. That one went with its subject is known for good.
func (v *Vault) forgetOver(ctx context.Context) error {
	return v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "delete from media_over where at < now() - $1::interval and subject_id is null", overKept); err != nil {
			return fmt.Errorf("forget pictures of long ago: %w", err)
		}
		return nil
	})
}

// sweepLock is the advisory lock of the process that sweeps files.
const sweepLock = 0x656b79637601

func (v *Vault) sweepOrphans(ctx context.Context) error {
	var names []string
	for name, err := range v.blobs.List(ctx, orphanAge) {
		if err != nil {
			return fmt.Errorf("list media files: %w", err)
		}
		if names = append(names, name); len(names) == sweepBatch {
			if err := v.deleteOrphans(ctx, names); err != nil {
				return err
			}
			names = names[:0]
		}
	}
	return v.deleteOrphans(ctx, names)
}

// deleteOrphans deletes those of the files that no row names.
func (v *Vault) deleteOrphans(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var orphans []string
	err := v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select name from unnest($1::text[]) name where not exists (select from media where blob = name)", names)
		if err != nil {
			return err
		}
		orphans, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return fmt.Errorf("find files without a row: %w", err)
	}
	return v.DeleteBlobs(ctx, orphans)
}
