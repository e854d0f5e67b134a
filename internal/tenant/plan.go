package tenant

import (
	"context"
	"errors"
	"regexp"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	maxWeight = 100
	maxRate   = 1_000_000_000 // fits an integer column, and is no limit in practice
)

var planName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// maxQuota is what the meter counts up to.
const maxQuota = 1_000_000_000_000

func (p Plan) validate() error {
	switch {
	case !planName.MatchString(p.Name):
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a plan's name has 1 to 40 lower-case letters, digits, - and _, a letter first").With("field", "name")
	case p.Weight < 1 || p.Weight > maxWeight:
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a plan's weight is from 1 to %d", maxWeight).With("field", "weight")
	case p.RatePerMinute < 1 || p.RatePerMinute > maxRate:
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a plan's rate per minute is from 1 to %d", maxRate).With("field", "rate_per_minute")
	case p.RatePerDay < 1 || p.RatePerDay > maxRate:
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a plan's rate per day is from 1 to %d", maxRate).With("field", "rate_per_day")
	}
	for module, units := range p.Quotas {
		if !module.Valid() || units < 0 || units > maxQuota {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "a quota names a module and is from 0 to %d", int64(maxQuota)).With("field", "quotas")
		}
	}
	return nil
}

const planColumns = `v.plan, v.version, v.weight, v.rate_per_minute, v.rate_per_day, v.quotas, v.overage, v.created_at`

// columns are where planColumns are scanned to.
func (p *Plan) columns() []any {
	return []any{&p.Name, &p.Version, &p.Weight, &p.RatePerMinute, &p.RatePerDay, &p.Quotas, &p.Overage, &p.CreatedAt}
}

func scanPlan(row pgx.CollectableRow) (plan Plan, err error) {
	err = row.Scan(plan.columns()...)
	return plan, err
}

// ListPlans gives the versions in force, by name.
func (s *Service) ListPlans(ctx context.Context) (plans []Plan, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, `select `+planColumns+` from plan p join plan_version v on v.plan = p.name and v.version = p.version order by v.plan`)
		plans, err = pgx.CollectRows(rows, scanPlan)
		return err
	})
	return plans, err
}

// GetPlan gives one version of a plan, or the one in force for version 0. Errors: ErrNotFound.
func (s *Service) GetPlan(ctx context.Context, name string, version int) (plan Plan, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, `select `+planColumns+` from plan p join plan_version v on v.plan = p.name
			where p.name = $1 and v.version = case $2::integer when 0 then p.version else $2 end`, name, version)
		plan, err = pgx.CollectExactlyOneRow(rows, scanPlan)
		if errors.Is(err, pgx.ErrNoRows) {
			return ekyc.Errorf(ekyc.ErrNotFound, "there is no such plan")
		}
		return err
	})
	return plan, err
}

// PlanOf gives the version in force of a tenant's plan. Errors: ErrNotFound.
func (s *Service) PlanOf(ctx context.Context, id ekyc.ID) (Plan, error) {
	t, err := s.GetTenant(ctx, id)
	if err != nil {
		return Plan{}, err
	}
	return s.GetPlan(ctx, t.Plan, 0)
}

// OnPlan names the tenants that have a plan.
func (s *Service) OnPlan(ctx context.Context, name string) (tenants []ekyc.ID, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select tenant_id from tenant where plan = $1`, name)
		if err != nil {
			return err
		}
		tenants, err = pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
		return err
	})
	return tenants, err
}

// PutPlan adds the next version of a plan, the first one for a new name, and puts it in force for every tenant that has the plan.
// Version and CreatedAt of the argument do not count. Errors: ErrInvalidArgument.
func (s *Service) PutPlan(ctx context.Context, p Plan) (plan Plan, err error) {
	if err := p.validate(); err != nil {
		return Plan{}, err
	}
	if p.Quotas == nil {
		p.Quotas = map[ekyc.Module]int64{}
	}
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var version int // the upsert locks the plan's row, so versions have no gaps and no twins
		err := tx.QueryRow(ctx, `insert into plan as p (name, version) values ($1, 1)
			on conflict (name) do update set version = p.version + 1 returning version`, p.Name).Scan(&version)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `insert into plan_version as v (plan, version, weight, rate_per_minute, rate_per_day, quotas, overage)
			values ($1, $2, $3, $4, $5, $6, $7) returning `+planColumns,
			p.Name, version, p.Weight, p.RatePerMinute, p.RatePerDay, p.Quotas, p.Overage)
		plan, err = pgx.CollectExactlyOneRow(rows, scanPlan)
		return err
	})
	return plan, err
}
