package capture

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// OfJobs gives the links that became jobs.
func (s *Service) OfJobs(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs []ekyc.ID) (map[ekyc.ID]Capture, error) {
	rows, err := tx.Query(ctx, `select `+columns+` from capture where tenant_id = $1 and environment = $2 and job_id = any($3)`, scope.Tenant, scope.Environment, jobs)
	if err != nil {
		return nil, fmt.Errorf("list the links of jobs: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list the links of jobs: %w", err)
	}
	found := map[ekyc.ID]Capture{}
	for _, r := range all {
		c, err := s.open(ctx, tx, r)
		if err != nil {
			return nil, err
		}
		found[c.Job] = c
	}
	return found, nil
}
