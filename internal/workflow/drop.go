package workflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// drop takes what `store: false` does not keep, most of an hour after the end of its job.
func (s *Service) drop(ctx context.Context) error {
	jobs, err := s.collect(ctx, `
		select tenant_id, environment, id from job where not kept and dropped_at is null and finished_at < clock_timestamp() - $1::interval
		order by finished_at limit $2`, dropAfter, mostCleaned)
	if err != nil {
		return err
	}
	var faults []error
	for _, j := range jobs {
		scope := j.scope()
		faults = append(faults, s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error { return s.dropJob(ctx, tx, scope, j.ID) }))
	}
	return errors.Join(faults...)
}

// dropJob leaves of a job what tells of its usage and its state. Its subject goes too where a job of this kind made it and nothing else
// is about it.
func (s *Service) dropJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	var subject ekyc.ID
	err := tx.QueryRow(ctx, `
		update job set dropped_at = clock_timestamp(), request = null, annotations = null, result = null, facts = null, trace_parent = ''
		where tenant_id = $1 and environment = $2 and id = $3 and not kept and dropped_at is null and finished_at < clock_timestamp() - $4::interval
		returning subject_id`, scope.Tenant, scope.Environment, id, dropAfter).Scan(&subject)
	if errors.Is(err, pgx.ErrNoRows) { // an operator has put it back
		return nil
	}
	if err != nil {
		return fmt.Errorf("drop what is not kept: %w", err)
	}
	_, err = tx.Exec(ctx, `delete from job_step where tenant_id = $1 and environment = $2 and job_id = $3`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return fmt.Errorf("drop the steps of what is not kept: %w", err)
	}
	return s.dropSubject(ctx, tx, scope, subject)
}

// dropSubject erases a subject that is not needed any more. A submission for it that runs beside this commits before the erasure and is
// seen by the second look, or finds the subject gone.
func (s *Service) dropSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) error {
	if unneeded, err := isUnneeded(ctx, tx, scope, subject); err != nil || !unneeded {
		return err
	}
	trial, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin to erase a subject: %w", err)
	}
	defer trial.Rollback(ctx)
	forget := s.vault.EraseSubject
	if s.hooks.Erasure != nil {
		forget = s.hooks.Erasure.Forget
	}
	media, err := forget(ctx, trial, scope, subject)
	if ekyc.CodeOf(err) == ekyc.ErrGone {
		return nil
	}
	if err != nil || len(media) > 0 { // its reference photograph, for instance
		return err
	}
	if unneeded, err := isUnneeded(ctx, trial, scope, subject); err != nil || !unneeded {
		return err
	}
	return trial.Commit(ctx)
}

// isUnneeded says whether all that is known of a subject is jobs that were not to be kept and are dropped, one of which made it. One that is held is
// needed.
func isUnneeded(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (unneeded bool, err error) {
	err = tx.QueryRow(ctx, `
		select coalesce(bool_or(made_subject) and bool_and(dropped_at is not null and not kept), false) and not subject_held($1, $2, $3) from job
		where tenant_id = $1 and environment = $2 and subject_id = $3`, scope.Tenant, scope.Environment, subject).Scan(&unneeded)
	if err != nil {
		return false, fmt.Errorf("look for what is about a subject: %w", err)
	}
	return unneeded, nil
}
