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

// What is true of a job, called j, whose time is over, and of one that holds something, is not held itself, and has an end.
const (
	isOver = `coalesce(j.kept and j.expires_at <= now() and not j.held, false)`
	ends   = `kept and dropped_at is null and expires_at is not null and not held`
)

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
// its usage and its times. Each scope's go in a transaction of their own: one whose removal fails keeps no other from its own. Any number of processes may do it.
func (s *Service) RemoveExpired(ctx context.Context, most int) (removed int, err error) {
	if err := s.giveEnds(ctx, most); err != nil {
		return 0, err
	}
	return s.db.RemoveOver(ctx, "job", ends, most, s.removeExpiredOf)
}

// giveEnds gives jobs that a worker of before there were ends has finished one.
func (s *Service) giveEnds(ctx context.Context, most int) error {
	_, err := s.db.SystemPool().Exec(ctx, `update job set expires_at = finished_at + $1::interval where (tenant_id, environment, id) in (select tenant_id, environment, id from job
		where kept and dropped_at is null and expires_at is null and finished_at is not null limit $2 for no key update skip locked)`, retention.Settings{}.For(retention.Result), most)
	if err != nil {
		return fmt.Errorf("give jobs an end: %w", err)
	}
	return nil
}

// removeExpiredOf is RemoveExpired for one batch of a scope's. What others are removing at this moment it passes over.
func (s *Service) removeExpiredOf(ctx context.Context, scope ekyc.Scope, most int) (removed int, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			with past as materialized (
				select id from job j where tenant_id = $1 and environment = $2 and `+ends+` and `+isOver+` order by expires_at limit $3 for no key update skip locked),
			gone as (
				update job set dropped_at = clock_timestamp(), request = null, annotations = null, result = null, facts = null, trace_parent = ''
				where tenant_id = $1 and environment = $2 and id in (select id from past) returning id),
			steps as (delete from job_step where tenant_id = $1 and environment = $2 and job_id in (select id from gone))
			select count(*) from gone`, scope.Tenant, scope.Environment, most).Scan(&removed)
		if err != nil || removed == 0 || s.options.Expired == nil {
			return err
		}
		return s.options.Expired(ctx, tx, scope, removed)
	})
	if err != nil {
		return 0, fmt.Errorf("take what jobs hold no longer: %w", err)
	}
	return removed, nil
}

// OldestExpired is the end of the job that holds something and has been over longest; zero where there is none.
func (s *Service) OldestExpired(ctx context.Context) (at time.Time, err error) {
	err = s.db.SystemPool().QueryRow(ctx, `select expires_at from job j where `+ends+` and `+isOver+` order by expires_at limit 1`).Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, fmt.Errorf("look for jobs that are over: %w", err)
	}
	return at, nil
}
