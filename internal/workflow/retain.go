package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/retention"
	"ekyc/internal/vault"
)

// The photographs of a job by their class.
var (
	SelfieMedia   = []vault.MediaKind{vault.MediaSelfie, vault.MediaFrame}
	DocumentMedia = []vault.MediaKind{vault.MediaDocumentFront, vault.MediaDocumentBack}
	FaceCropMedia = []vault.MediaKind{vault.MediaFaceCrop}
)

// retention gives how long a scope wants things kept.
func (s *Service) retention(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (retention.Settings, error) {
	if s.hooks.Retention == nil {
		return retention.Settings{}, nil
	}
	return s.hooks.Retention.Settings(ctx, tx, scope)
}

// holds is how long what is written down of the job's end is held.
func (c *claim) holds(kept retention.Settings) time.Duration {
	if !c.Kept {
		return dropAfter
	}
	return kept.For(retention.Result)
}

// retain lets the photographs of a decided job stay where they are to be kept, for those who review it.
func (s *Service) retain(ctx context.Context, tx pgx.Tx, c *claim, kept retention.Settings) error {
	if !c.Kept {
		return nil
	}
	for _, class := range []struct {
		kinds []vault.MediaKind
		keep  time.Duration
	}{{SelfieMedia, kept.For(retention.Selfie)}, {DocumentMedia, kept.For(retention.Document)}, {FaceCropMedia, kept.For(retention.FaceCrop)}} {
		if err := s.vault.RetainMediaOfJob(ctx, tx, c.Scope, c.ID, class.kinds, class.keep); err != nil {
			return err
		}
	}
	return nil
}

// isOver is true of a job, called j, whose time is over.
const isOver = `coalesce(j.kept and j.expires_at <= now() and not subject_held(j.tenant_id, j.environment, j.subject_id), false)`

// Limit brings the end of what jobs hold forward to so long after each ended, for at most so many of a scope's jobs, and gives how many it changed.
func (s *Service) Limit(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
	tag, err := tx.Exec(ctx, `update job set expires_at = finished_at + $3::interval where tenant_id = $1 and environment = $2 and id in (
			select id from job where tenant_id = $1 and environment = $2 and kept and dropped_at is null and expires_at > finished_at + $3::interval
			order by expires_at desc limit $4 for no key update)`, scope.Tenant, scope.Environment, d, most)
	if err != nil {
		return 0, fmt.Errorf("bring the end of jobs forward: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// RemoveExpired takes what tells of the person from at most so many jobs whose time is over, and gives from how many. What is left is the job's state,
// its usage and its times. One that a worker of before there were ends has finished gets one. Any number of processes may do it.
func (s *Service) RemoveExpired(ctx context.Context, most int) (removed int, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update job set expires_at = finished_at + $1::interval where (tenant_id, environment, id) in (select tenant_id, environment, id from job
			where kept and dropped_at is null and expires_at is null and finished_at is not null limit $2 for no key update skip locked)`, retention.Settings{}.For(retention.Result), most)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			update job set dropped_at = clock_timestamp(), request = null, annotations = null, result = null, facts = null, trace_parent = ''
			where (tenant_id, environment, id) in (select j.tenant_id, j.environment, j.id from job j
				where j.dropped_at is null and j.kept and j.expires_at is not null and `+isOver+` order by j.expires_at limit $1 for no key update skip locked)
			returning tenant_id, environment, id`, most)
		if err != nil {
			return err
		}
		jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[finished])
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, j := range jobs {
			batch.Queue(`delete from job_step where tenant_id = $1 and environment = $2 and job_id = $3`, j.TenantID, j.Environment, j.ID)
		}
		if removed = len(jobs); removed == 0 {
			return nil
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil || s.options.Expired == nil {
			return err
		}
		of := map[ekyc.Scope]int{}
		for _, j := range jobs {
			of[j.scope()]++
		}
		return s.options.Expired(ctx, tx, of)
	})
	if err != nil {
		return 0, fmt.Errorf("take what jobs hold no longer: %w", err)
	}
	return removed, nil
}

// OldestExpired is the end of the job that holds something and has been over longest; zero where there is none.
func (s *Service) OldestExpired(ctx context.Context) (at time.Time, err error) {
	err = s.db.SystemPool().QueryRow(ctx, `select j.expires_at from job j where j.dropped_at is null and j.kept and j.expires_at is not null and `+isOver+`
		order by j.expires_at limit 1`).Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, fmt.Errorf("look for jobs that are over: %w", err)
	}
	return at, nil
}
