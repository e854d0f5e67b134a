package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ekyc"
	"ekyc/internal/queue"
)

const (
	sweepLock = 0x656b796377666c // "ekycwfl": one process at a time sees to turns
	cleanLock = sweepLock + 1    // and one deletes, which can take longer and holds up no turns

	// mostTurns bounds the turns that a sweep looks at and puts in: more than workers take between two sweeps.
	mostTurns = 100
	// mostCleaned bounds the jobs whose photographs or contents one sweep deletes.
	mostCleaned = 50
	// cleanAfter leaves the worker the time to delete its job's photographs itself.
	cleanAfter = 15 * time.Second
)

// Sweep takes back the jobs whose worker went away, puts in turns for jobs that are due and have none, and deletes what finished
// jobs hold no longer. Any number of processes may call it.
func (s *Service) Sweep(ctx context.Context) error {
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, int64(sweepLock)).Scan(&mine); err != nil || !mine {
			return err
		}
		if err := takeBack(ctx, tx); err != nil {
			return err
		}
		return s.topUp(ctx, tx)
	})
	return errors.Join(err, s.clean(ctx))
}

// takeBack puts jobs whose lease has run out back into the queue, in their old place.
func takeBack(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		update job set status = 'queued', lease_token = null, lease_until = null, interruptions = interruptions + 1
		where (tenant_id, environment, id) in (
			select tenant_id, environment, id from job where status = 'running' and lease_until < clock_timestamp() for update skip locked)`)
	if err != nil {
		return fmt.Errorf("take back jobs of workers that went away: %w", err)
	}
	return nil
}

// topUp sees that there are as many turns as jobs that are due. Turns get lost with the worker that had just taken them, and jobs that
// wait for their next attempt have none. A turn too many finds nothing and ends.
func (s *Service) topUp(ctx context.Context, tx pgx.Tx) error {
	var due int
	err := tx.QueryRow(ctx, `select count(*) from (
		select from job where status = 'queued' and available_at <= clock_timestamp() limit $1) due`, mostTurns).Scan(&due)
	if err != nil {
		return fmt.Errorf("count the jobs that are due: %w", err)
	}
	if due == 0 {
		return nil
	}
	turns, err := s.queue.JobListTx(ctx, tx, river.NewJobListParams().Kinds(turnArgs{}.Kind()).Queues(queue.Turns).
		States(rivertype.JobStateAvailable).First(mostTurns))
	if err != nil {
		return fmt.Errorf("count the turns: %w", err)
	}
	if missing := due - len(turns.Jobs); missing > 0 {
		return s.putTurns(ctx, tx, missing)
	}
	return nil
}

// finished is a job that holds something that it should hold no longer.
type finished struct {
	TenantID    ekyc.ID
	Environment ekyc.Environment
	ID          ekyc.ID
}

func (f finished) scope() ekyc.Scope {
	return ekyc.Scope{Tenant: f.TenantID, Environment: f.Environment}
}

// clean is done by one process at a time.
func (s *Service) clean(ctx context.Context) error {
	conn, err := s.db.SystemPool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take turns at cleaning: %w", err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, int64(cleanLock)).Scan(&mine); err != nil || !mine {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, int64(cleanLock))
	return errors.Join(s.deleteLeftovers(ctx), s.drop(ctx))
}

// deleteLeftovers deletes the photographs that the end of a job left behind, and those of dead letters when their time is over.
func (s *Service) deleteLeftovers(ctx context.Context) error {
	jobs, err := s.collect(ctx, `
		select tenant_id, environment, id from job
		where uploads_gone_at is null and finished_at < clock_timestamp() - $1::interval and (not dead_letter
			or finished_at < clock_timestamp() - $2::interval or not kept and finished_at < clock_timestamp() - $3::interval)
		order by finished_at limit $4`, cleanAfter, s.options.KeepUploads, dropAfter, mostCleaned)
	if err != nil {
		return err
	}
	var faults []error
	for _, j := range jobs {
		faults = append(faults, s.deleteUploads(ctx, j.scope(), j.ID))
	}
	return errors.Join(faults...)
}

func (s *Service) collect(ctx context.Context, query string, args ...any) ([]finished, error) {
	rows, err := s.db.SystemPool().Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look for jobs to clean: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[finished])
	if err != nil {
		return nil, fmt.Errorf("look for jobs to clean: %w", err)
	}
	return jobs, nil
}
