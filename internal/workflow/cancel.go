package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

// Cancel ends a queued job at once. A running one ends as soon as its worker learns of it, within the heartbeat; until then its state
// stays running. Nothing is billed. What also does, which may be nil, is done at the end of the transaction, and an error of it undoes the cancellation.
// Errors: ErrNotFound, ErrConflict when the job is over, ErrGone when its subject is erased, and those of also.
func (s *Service) Cancel(ctx context.Context, scope ekyc.Scope, id ekyc.ID, also func(ctx context.Context, tx pgx.Tx, j Job) error) (Job, error) {
	var j Job
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.cancel(ctx, tx, scope, id); err != nil {
			return err
		}
		if err := s.enter(ctx, tx, scope, ActCancel, id); err != nil {
			return err
		}
		var err error
		if j, err = s.get(ctx, tx, scope, id); err != nil || also == nil {
			return err
		}
		return also(ctx, tx, j)
	})
	if err == nil && j.Status == Cancelled {
		s.deleteUploadsLater(ctx, scope, id)
	}
	return j, err
}

func (s *Service) cancel(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	var status Status
	var reservation ekyc.ID
	var erased *time.Time
	err := tx.QueryRow(ctx, `select status, reservation_id, `+erasedAt+` from job j where tenant_id = $1 and environment = $2 and id = $3 for update`,
		scope.Tenant, scope.Environment, id).Scan(&status, &reservation, &erased)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return notFound()
	case err != nil:
		return fmt.Errorf("lock a job: %w", err)
	case erased != nil:
		return vault.Erased(*erased)
	case status.Final():
		return ekyc.Errorf(ekyc.ErrConflict, "the job is over").With("status", status)
	case status == Running:
		_, err := tx.Exec(ctx, `update job set cancel_requested = true where tenant_id = $1 and environment = $2 and id = $3`,
			scope.Tenant, scope.Environment, id)
		return err
	}
	if _, err := s.end(ctx, tx, scope, id, Cancelled, nil, false, nil); err != nil {
		return err
	}
	return s.metering.Refund(ctx, tx, scope, reservation)
}

// cancelClaimed is the end of a job that was cancelled while its worker had it.
func (s *Service) cancelClaimed(ctx context.Context, c *claim) error {
	err := s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.hold(ctx, tx, c); err != nil && !errors.Is(err, errCancelRequested) {
			return err
		}
		if _, err := s.end(ctx, tx, c.Scope, c.ID, Cancelled, nil, false, nil); err != nil {
			return err
		}
		return s.metering.Refund(ctx, tx, c.Scope, c.ReservationID)
	})
	if err != nil {
		return err
	}
	return s.deleteUploads(ctx, c.Scope, c.ID)
}

// deleteUploadsLater deletes now, and leaves it to the sweep where that fails: the job is over either way.
func (s *Service) deleteUploadsLater(ctx context.Context, scope ekyc.Scope, id ekyc.ID) {
	if err := s.deleteUploads(ctx, scope, id); err != nil {
		s.logger.WarnContext(ctx, "a job's photographs could not be deleted and are left to the sweep", "job", id, "error", err)
	}
}
