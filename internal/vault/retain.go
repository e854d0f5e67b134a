package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// RetainMediaOfJob lets a job's media of some kinds stay beyond its end, for so long after each was made; 0 or less leaves them to
// DeleteMediaOfJob. What was kept already and would end sooner still does.
func (v *Vault) RetainMediaOfJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID, kinds []MediaKind, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `update media set kept = true, expires_at = least(created_at + $5::interval, case when kept then expires_at end)
		where tenant_id = $1 and environment = $2 and job_id = $3 and kind = any($4)`, scope.Tenant, scope.Environment, job, kinds, d)
	if err != nil {
		return fmt.Errorf("retain a job's media: %w", err)
	}
	return nil
}

// LimitMedia brings the end of kept media of some kinds forward to so long after each was made, at most so many of them, and gives how many it
// changed. References have no end, and get none.
func (v *Vault) LimitMedia(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, kinds []MediaKind, d time.Duration, most int) (int, error) {
	tag, err := tx.Exec(ctx, `update media set expires_at = created_at + $4::interval where tenant_id = $1 and environment = $2 and id in (
			select id from media where tenant_id = $1 and environment = $2 and kind = any($3) and kept and expires_at > created_at + $4::interval
			order by expires_at desc limit $5 for no key update)`, scope.Tenant, scope.Environment, kinds, d, most)
	if err != nil {
		return 0, fmt.Errorf("bring the end of media forward: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// RemoveExpired deletes at most so many media that are past their end and not held, rows first and then files, and gives them. What others are
// deleting at this moment it passes over. One scope whose removal fails keeps no other from its own. A file that stays behind is left to
// SweepFiles.
func (v *Vault) RemoveExpired(ctx context.Context, most int) (removed []Media, err error) {
	_, err = v.db.RemoveOver(ctx, "media", mediaEnds, most, func(ctx context.Context, scope ekyc.Scope, most int) (int, error) {
		media, err := v.removeExpiredOf(ctx, scope, most)
		removed = append(removed, media...)
		return len(media), err
	})
	return removed, err
}

// removeExpiredOf deletes one batch of a scope's. Those of a job that end together come together.
func (v *Vault) removeExpiredOf(ctx context.Context, scope ekyc.Scope, most int) ([]Media, error) {
	var blobs []string
	var media []Media
	err := v.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		blobs, media = nil, nil
		result, err := tx.Query(ctx, `with past as materialized (
				select id from media where tenant_id = $1 and environment = $2 and `+mediaOver+` order by expires_at limit $3 for update skip locked),
			gone as (delete from media where tenant_id = $1 and environment = $2 and id in (select id from past) returning `+mediaColumns+`),
			noted as (insert into media_over (tenant_id, environment, id) select $1, $2, id from gone where kept)
			select * from gone order by subject_id, job_id, id`, scope.Tenant, scope.Environment, most)
		if err != nil {
			return fmt.Errorf("delete expired media: %w", err)
		}
		rows, err := pgx.CollectRows(result, pgx.RowToStructByName[mediaRow])
		if err != nil {
			return fmt.Errorf("delete expired media: %w", err)
		}
		for _, row := range rows {
			blobs, media = append(blobs, row.Blob), append(media, row.media())
		}
		if v.options.Expired == nil || len(media) == 0 {
			return nil
		}
		return v.options.Expired(ctx, tx, scope, media)
	})
	if err != nil {
		return nil, err
	}
	if err := v.DeleteBlobs(ctx, blobs); err != nil { // no error of the removal: the rows are gone, and nothing reads the files
		v.logger.WarnContext(ctx, "files without rows are left to the sweep", "error.message", err.Error())
	}
	return media, nil
}

// OldestExpired is the end of the media of some kinds that are past it longest, not held, and there still; zero where there are none.
func (v *Vault) OldestExpired(ctx context.Context, kinds []MediaKind) (time.Time, error) {
	var oldest *time.Time
	err := v.db.SystemPool().QueryRow(ctx, "select min(expires_at) from media where kind = any($1) and "+mediaOver, kinds).Scan(&oldest)
	if err != nil {
		return time.Time{}, fmt.Errorf("look for expired media: %w", err)
	}
	if oldest == nil {
		return time.Time{}, nil
	}
	return *oldest, nil
}
