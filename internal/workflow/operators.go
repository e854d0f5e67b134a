package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/vault"
)

// OperatorFilter chooses jobs of all tenants. The zero value chooses all.
type OperatorFilter struct {
	Tenant      ekyc.ID
	Environment ekyc.Environment
	Status      Status
	From, To    time.Time // of their making; To is exclusive
}

// AllJobs gives jobs of all tenants for operators, the newest first and at most 100, with their steps and without anything of the
// person; the identifier to go on after is "" at the end.
func (s *Service) AllJobs(ctx context.Context, f OperatorFilter, limit int, after ekyc.ID) ([]Job, ekyc.ID, error) {
	return s.listAll(ctx, f, false, limit, after)
}

// DeadLetters gives the jobs that failed by a fault of ours and were given up, like AllJobs.
func (s *Service) DeadLetters(ctx context.Context, f OperatorFilter, limit int, after ekyc.ID) ([]Job, ekyc.ID, error) {
	return s.listAll(ctx, f, true, limit, after)
}

func (s *Service) listAll(ctx context.Context, f OperatorFilter, dead bool, limit int, after ekyc.ID) (jobs []Job, next ekyc.ID, err error) {
	limit = clampLimit(limit)
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		jobs, next = nil, ""
		rows, err := tx.Query(ctx, `
			select `+columns+` from job j
			where ($1 = '' or tenant_id = $1) and ($2 = '' or environment = $2) and ($3 = '' or status = $3) and (not $4 or dead_letter)
				and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at < $6) and ($7 = '' or id < $7)
			order by id desc limit $8`,
			string(f.Tenant), string(f.Environment), string(f.Status), dead, orNull(f.From), orNull(f.To), string(after), limit+1)
		if err != nil {
			return fmt.Errorf("list jobs: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
		if err != nil {
			return fmt.Errorf("list jobs: %w", err)
		}
		if len(found) > limit {
			found = found[:limit]
			next = found[limit-1].ID
		}
		jobs = make([]Job, len(found))
		pointers := make([]*Job, len(found))
		for i, r := range found {
			jobs[i] = r.job()
			pointers[i] = &jobs[i]
		}
		return s.addSteps(ctx, tx, pointers)
	})
	return jobs, next, err
}

// Requeue puts a dead letter back into the queue with all its attempts before it; it is billed as if it were new. Errors: ErrNotFound,
// ErrConflict when it is no dead letter, ErrGone when its subject is erased or its photographs are no longer held, ErrQuotaExceeded.
func (s *Service) Requeue(ctx context.Context, id ekyc.ID) (Job, error) {
	var j Job
	var scope ekyc.Scope
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select tenant_id, environment from job where id = $1`, id).Scan(&scope.Tenant, &scope.Environment)
		if errors.Is(err, pgx.ErrNoRows) {
			return notFound()
		}
		return err
	})
	if err != nil {
		return Job{}, err
	}
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if j, err = s.requeue(ctx, tx, scope, id); err != nil {
			return err
		}
		return s.enter(ctx, tx, scope, ActRequeue, id)
	})
	return j, err
}

func (s *Service) requeue(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (Job, error) {
	var dead, gone bool
	var erased *time.Time
	c := claim{Scope: scope, ID: id}
	err := tx.QueryRow(ctx, `
		select dead_letter, entitlement, uploads_gone_at is not null or request is null, subject_id, request, kept, settings, workflow_hash, `+erasedAt+` from job j
		where tenant_id = $1 and environment = $2 and id = $3 for update`,
		scope.Tenant, scope.Environment, id).Scan(&dead, &c.Entitlement, &gone, &c.SubjectID, &c.Request, &c.Kept, &c.Settings, &c.WorkflowHash, &erased)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Job{}, notFound()
	case err != nil:
		return Job{}, fmt.Errorf("lock a job: %w", err)
	case erased != nil:
		return Job{}, vault.Erased(*erased)
	case !dead:
		return Job{}, ekyc.Errorf(ekyc.ErrConflict, "the job is no dead letter")
	case gone:
		return Job{}, noLongerHeld()
	}
	plan, err := s.planOf(&c)
	if err != nil {
		return Job{}, err
	}
	given, err := s.holdUploads(ctx, tx, &c)
	if err != nil {
		return Job{}, err
	}
	if err := s.putTurns(ctx, tx, 1); err != nil {
		return Job{}, err
	}
	units := given.units(plan)
	reservation, err := s.metering.Reserve(ctx, tx, scope, metering.Reserve{
		Units: units, Entitlement: c.Entitlement, Job: id, Expires: s.options.KeepUploads + reservedBeyond,
	})
	if err != nil {
		return Job{}, err
	}
	rows, err := tx.Query(ctx, `
		update job j set status = 'queued', dead_letter = false, error_code = null, error_message = null, failures = 0, interruptions = 0,
			cancel_requested = false, reservation_id = $4, modules = $5, finished_at = null, expires_at = null, available_at = clock_timestamp()
		where tenant_id = $1 and environment = $2 and id = $3 returning `+columns,
		scope.Tenant, scope.Environment, id, reservation, modulesOf(units))
	if err != nil {
		return Job{}, fmt.Errorf("put a job back: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	if err != nil {
		return Job{}, fmt.Errorf("put a job back: %w", err)
	}
	return r.job(), nil
}

// holdUploads lets the photographs of a dead letter last through its further attempts, and says what the job was given. Errors: ErrGone where one is no
// longer held.
func (s *Service) holdUploads(ctx context.Context, tx pgx.Tx, c *claim) (given, error) {
	p := &progress{}
	if err := s.readNotes(ctx, tx, c, p); err != nil {
		return given{}, err
	}
	var err error
	if p.media, err = s.vault.MediaOfJob(ctx, tx, c.Scope, c.ID); err != nil {
		return given{}, err
	}
	g := p.given()
	expired := func(m vault.Media) bool { return m.Expires != nil && !m.Expires.After(time.Now()) }
	if len(p.media) == 0 && (g.Faces > 0 || g.Front) || slices.ContainsFunc(p.media, expired) { // all of a job's expire at once
		return given{}, noLongerHeld()
	}
	return g, s.vault.KeepMediaOfJob(ctx, tx, c.Scope, c.ID, s.waits(c.Kept)+reservedBeyond)
}

// Depth is the state of the queue, for metrics.
type Depth struct {
	Queued  int           // jobs that are due
	Waiting int           // jobs that wait for their next attempt
	Running int           // jobs
	Oldest  time.Duration // since the one that has been due longest was
	Dead    int           // dead letters
}

// QueueDepth looks at the queue of all tenants.
func (s *Service) QueueDepth(ctx context.Context) (Depth, error) {
	var d Depth
	var oldest float64
	err := s.db.SystemPool().QueryRow(ctx, `
		select (select count(*) from job where status = 'queued' and available_at <= now()),
			(select count(*) from job where status = 'queued' and available_at > now()),
			(select count(*) from job where status = 'running'),
			(select greatest(coalesce(extract(epoch from now() - min(available_at)), 0), 0)::float8 from job where status = 'queued' and available_at <= now()),
			(select count(*) from job where dead_letter)`).Scan(&d.Queued, &d.Waiting, &d.Running, &oldest, &d.Dead)
	if err != nil {
		return Depth{}, fmt.Errorf("look at the queue: %w", err)
	}
	d.Oldest = time.Duration(oldest * float64(time.Second))
	return d, nil
}
