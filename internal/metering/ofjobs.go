package metering

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// OfJobs gives what jobs have used, in its order.
func (s *Service) OfJobs(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs []ekyc.ID) (map[ekyc.ID][]Event, error) {
	rows, err := tx.Query(ctx, `select id, module, units, over_limit, plan, plan_version, job_id, coalesce(key_id, '') as key_id, occurred_at, period from usage_event
		where tenant_id = $1 and environment = $2 and job_id = any($3) order by job_id, id`, scope.Tenant, scope.Environment, jobs)
	if err != nil {
		return nil, fmt.Errorf("list what jobs have used: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[Event])
	if err != nil {
		return nil, fmt.Errorf("list what jobs have used: %w", err)
	}
	found := map[ekyc.ID][]Event{}
	for _, e := range all {
		found[e.JobID] = append(found[e.JobID], e)
	}
	return found, nil
}
