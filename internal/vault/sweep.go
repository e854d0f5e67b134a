package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	orphanAge  = time.Hour // a file is written before its row commits; no transaction lasts that long
	sweepBatch = 500       // rows or names at a time, so that no lock is held for long
)

// Sweep deletes expired media. Any number of processes may sweep at once.
func (v *Vault) Sweep(ctx context.Context) error { return v.sweepExpired(ctx) }

// SweepFiles deletes files without a row that are older than an hour. It reads the names of all files, so one process at a time does
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
	return v.sweepOrphans(ctx)
}

// sweepLock is the advisory lock of the process that sweeps files.
const sweepLock = 0x656b79637601

// ReplayErasures destroys keys of erased subjects, which are back when the keys were restored from a backup. It is for a process to
// call before it serves; until then such keys open nothing either, because the subject's row tells of the erasure.
func (v *Vault) ReplayErasures(ctx context.Context) error {
	return v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from ekyc_keys.subject_key k using subject s where s.tenant_id = k.tenant_id
			and s.environment = k.environment and s.id = k.subject_id and s.erased_at is not null`)
		if err != nil {
			return fmt.Errorf("destroy keys of erased subjects: %w", err)
		}
		if n := tag.RowsAffected(); n > 0 {
			v.logger.WarnContext(ctx, "keys of erased subjects were back and have been destroyed again", "count", n)
		}
		return nil
	})
}

func (v *Vault) sweepExpired(ctx context.Context) error {
	var scopes []ekyc.Scope
	err := v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select distinct tenant_id, environment from media where expires_at <= now()")
		if err != nil {
			return err
		}
		scopes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ekyc.Scope])
		return err
	})
	if err != nil {
		return fmt.Errorf("find expired media: %w", err)
	}
	for _, scope := range scopes {
		for more := true; more; {
			if more, err = v.sweepExpiredOf(ctx, scope); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepExpiredOf deletes one batch and says whether there may be another.
func (v *Vault) sweepExpiredOf(ctx context.Context, scope ekyc.Scope) (more bool, err error) {
	var rows []mediaRow
	err = v.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		result, err := tx.Query(ctx, `delete from media where tenant_id = $1 and environment = $2 and id in (
				select id from media where tenant_id = $1 and environment = $2 and expires_at <= now() order by expires_at limit $3)
			returning `+mediaColumns, scope.Tenant, scope.Environment, sweepBatch)
		if err != nil {
			return fmt.Errorf("delete expired media: %w", err)
		}
		if rows, err = pgx.CollectRows(result, pgx.RowToStructByName[mediaRow]); err != nil {
			return fmt.Errorf("delete expired media: %w", err)
		}
		if v.options.Expired == nil || len(rows) == 0 {
			return nil
		}
		media := make([]Media, len(rows))
		for i, row := range rows {
			media[i] = row.media()
		}
		return v.options.Expired(ctx, tx, scope, media)
	})
	if err != nil {
		return false, err
	}
	blobs := make([]string, len(rows))
	for i, row := range rows {
		blobs[i] = row.Blob
	}
	return len(rows) == sweepBatch, v.DeleteBlobs(ctx, blobs)
}

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
