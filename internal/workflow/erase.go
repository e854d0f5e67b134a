package workflow

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// JobsOf names the jobs of a subject.
func (s *Service) JobsOf(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) ([]ekyc.ID, error) {
	rows, err := tx.Query(ctx, `select id from job where tenant_id = $1 and environment = $2 and subject_id = $3 order by id`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return nil, fmt.Errorf("list a subject's jobs: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err != nil {
		return nil, fmt.Errorf("list a subject's jobs: %w", err)
	}
	return jobs, nil
}

// EraseJobs ends a subject's jobs and blanks what they hold, in the erasure's transaction. Those that wait are cancelled and refunded at once; those
// that run are cancelled as soon as their worker looks, and are not billed either. A worker writes nothing down without its job's row, which stays
// locked until the erasure commits. It gives how many jobs held something.
func (s *Service) EraseJobs(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	type waiting struct {
		ID            ekyc.ID
		Status        Status
		ReservationID ekyc.ID
	}
	rows, err := tx.Query(ctx, `select id, status, reservation_id from job where tenant_id = $1 and environment = $2 and subject_id = $3
		order by id for update`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("lock a subject's jobs: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByName[waiting])
	if err != nil {
		return 0, fmt.Errorf("lock a subject's jobs: %w", err)
	}
	for _, j := range jobs {
		if j.Status != Queued {
			continue
		}
		if _, err := s.end(ctx, tx, scope, j.ID, Cancelled, nil, false, nil); err != nil {
			return 0, err
		}
		if err := s.metering.Refund(ctx, tx, scope, j.ReservationID); err != nil {
			return 0, err
		}
	}
	erased := 0
	for i, statement := range []string{
		// That there were facts stays to be seen, so that who decides again can count what was erased.
		`update job set request = null, annotations = null, result = null, facts = case when facts is not null then ''::bytea end, trace_parent = '', dead_letter = false,
			cancel_requested = cancel_requested or status = 'running',
			uploads_gone_at = case when finished_at is not null then coalesce(uploads_gone_at, clock_timestamp()) end
			where tenant_id = $1 and environment = $2 and subject_id = $3
				and (request is not null or annotations is not null or result is not null or length(facts) > 0 or trace_parent <> '' or dead_letter
					or status = 'running' and not cancel_requested)`,
		`delete from job_step s using job j where j.tenant_id = $1 and j.environment = $2 and j.subject_id = $3
			and s.tenant_id = j.tenant_id and s.environment = j.environment and s.job_id = j.id`,
	} {
		tag, err := tx.Exec(ctx, statement, scope.Tenant, scope.Environment, subject)
		if err != nil {
			return 0, fmt.Errorf("blank a subject's jobs: %w", err)
		}
		if i == 0 { // the rest are their steps
			erased = int(tag.RowsAffected())
		}
	}
	return erased, nil
}
