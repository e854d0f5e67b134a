package reuse

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Keep notes what a verification brought, for those that come after it. A job that has been noted is not noted again. Errors: ErrNotFound and ErrGone for
// the subject.
func (s *Service) Keep(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, job ekyc.ID, h *Hashes) error {
	if len(h.traces) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, t := range h.traces {
		var sealed []byte
		if t.fingerprint != nil {
			var err error
			if sealed, err = s.vault.Seal(ctx, tx, scope, subject, fingerprintOf(job, t.kind, t.position), t.fingerprint[:]); err != nil {
				return err
			}
		}
		batch.Queue(`insert into reuse_trace (tenant_id, environment, job_id, kind, position, subject_id, hash, fingerprint)
			values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
			scope.Tenant, scope.Environment, job, t.kind, t.position, subject, t.hash, sealed)
		if t.bands != nil {
			batch.Queue(`insert into reuse_band (tenant_id, environment, job_id, kind, position, band, subject_id, hash)
				select $1, $2, $3, $4, $5, o.place - 1, $6, o.hash from unnest($7::bytea[]) with ordinality o (hash, place) on conflict do nothing`,
				scope.Tenant, scope.Environment, job, t.kind, t.position, subject, t.bands)
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("note what a verification brought: %w", err)
	}
	return nil
}

// Kept is one thing that is noted of a subject.
type Kept struct {
	Job       ekyc.ID   `json:"job_id"`
	Kind      string    `json:"kind"` // document (its number), selfie, frame, document_front, document_back
	Position  int       `json:"position"`
	Near      bool      `json:"near"` // the picture is found in other compressions and sizes too
	CreatedAt time.Time `json:"created_at"`
}

// OfJobs gives what is noted of jobs, without the hashes, which tell nothing without the tenant's key.
func (s *Service) OfJobs(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs []ekyc.ID) (map[ekyc.ID][]Kept, error) {
	rows, err := tx.Query(ctx, `select job_id, kind, position, fingerprint is not null as near, created_at from reuse_trace
		where tenant_id = $1 and environment = $2 and job_id = any($3) order by job_id, kind, position`, scope.Tenant, scope.Environment, jobs)
	if err != nil {
		return nil, fmt.Errorf("list what was brought: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Kept])
	if err != nil {
		return nil, fmt.Errorf("list what was brought: %w", err)
	}
	found := map[ekyc.ID][]Kept{}
	for _, k := range all {
		found[k.Job] = append(found[k.Job], k)
	}
	return found, nil
}

// ForgetJob deletes what is noted of a job, in the caller's transaction, which may be one of the system. It gives how much that was.
func (s *Service) ForgetJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) (removed int, err error) {
	tag, err := tx.Exec(ctx, `delete from reuse_trace where tenant_id = $1 and environment = $2 and job_id = $3`, scope.Tenant, scope.Environment, job)
	if err != nil {
		return 0, fmt.Errorf("forget what a verification brought: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Erase deletes what is noted of a subject, in the transaction of its erasure. It gives how much that was.
func (s *Service) Erase(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (removed int, err error) {
	tag, err := tx.Exec(ctx, `delete from reuse_trace where tenant_id = $1 and environment = $2 and subject_id = $3`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("erase what verifications brought: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
