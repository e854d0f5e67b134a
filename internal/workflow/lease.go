package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Why the work on a job stops in the middle.
var (
	errLeaseLost       = errors.New("the job's lease was lost")
	errCancelRequested = errors.New("the job is to be cancelled")
	errStopping        = errors.New("the worker is stopping")
	errInterrupted     = errors.New("the job's workers went away too often")
	errOvertime        = errors.New("the attempt took longer than a job may")
)

// keep extends the lease until ctx ends, and stops the work when the lease is lost or the job is to be cancelled. A worker that
// cannot reach the database counts its lease as lost when it ends, as everybody else does.
func (s *Service) keep(ctx context.Context, c *claim, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(s.options.Heartbeat)
	defer ticker.Stop()
	held := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		still, cancel, err := s.extend(ctx, c)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && time.Since(held) < s.options.Lease:
			s.logger.WarnContext(ctx, "a lease could not be extended and is tried again", "job", c.ID, "error", err)
		case err != nil, !still:
			stop(errLeaseLost)
			return
		default:
			held = asked
			if cancel {
				stop(errCancelRequested)
			}
		}
	}
}

// extend moves the end of the lease. It says whether the lease is still held, and whether the job is to be cancelled.
func (s *Service) extend(ctx context.Context, c *claim) (held, cancel bool, err error) {
	ctx, done := context.WithTimeout(ctx, s.options.Heartbeat)
	defer done()
	err = s.db.SystemPool().QueryRow(ctx, `
		update job set lease_until = clock_timestamp() + $5::interval
		where tenant_id = $1 and environment = $2 and id = $3 and lease_token = $4
		returning cancel_requested`, c.Scope.Tenant, c.Scope.Environment, c.ID, c.LeaseToken, s.options.Lease).Scan(&cancel)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, false, nil
	}
	return err == nil, cancel, err
}

// hold locks the job's row for the transaction and checks the lease: from here to the commit nobody takes the job away. Errors:
// errLeaseLost, errCancelRequested.
func (s *Service) hold(ctx context.Context, tx pgx.Tx, c *claim) error {
	var cancel bool
	err := tx.QueryRow(ctx, `
		select cancel_requested from job where tenant_id = $1 and environment = $2 and id = $3 and lease_token = $4 for update`,
		c.Scope.Tenant, c.Scope.Environment, c.ID, c.LeaseToken).Scan(&cancel)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errLeaseLost
	case err != nil:
		return fmt.Errorf("check the lease of a job: %w", err)
	case cancel:
		return errCancelRequested
	}
	return nil
}

// setback is what an attempt without an end leaves.
type setback struct {
	failures      int // that it counts as
	interruptions int // likewise
	wait          time.Duration
}

// giveBack puts the job back into the queue, to be taken after the wait. With a wait the sweep puts in its turn.
func (s *Service) giveBack(ctx context.Context, c *claim, b setback) error {
	return s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			update job set status = 'queued', lease_token = null, lease_until = null, failures = failures + $4, interruptions = interruptions + $5,
				available_at = case when $6::interval > interval '0' then clock_timestamp() + $6 else available_at end
			where tenant_id = $1 and environment = $2 and id = $3`, c.Scope.Tenant, c.Scope.Environment, c.ID, b.failures, b.interruptions, b.wait)
		if err != nil {
			return fmt.Errorf("put a job back: %w", err)
		}
		if b.wait > 0 {
			return nil
		}
		return s.putTurns(ctx, tx, 1)
	})
}

// problemOf is an error as the job's row and its client see it.
func problemOf(err error) *ekyc.Error {
	if e, ok := errors.AsType[*ekyc.Error](err); ok {
		return e
	}
	return ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault inside the program").Because(err)
}
