package workflow

import (
	"context"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Act is something done to a job that the audit log is to tell of.
type Act string

// The acts.
const (
	ActCancel  Act = "cancel" // at once, or asked of the worker
	ActRequeue Act = "requeue"
	ActDecide  Act = "decide"
)

// enter tells of an act in its own transaction. An error undoes the act.
func (s *Service) enter(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, act Act, job ekyc.ID) error {
	if s.options.Entered == nil {
		return nil
	}
	return s.options.Entered(ctx, tx, scope, act, job)
}
