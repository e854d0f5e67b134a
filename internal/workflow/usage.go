package workflow

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Used says of a module of a job whether it was billed.
type Used struct {
	Module ekyc.Module `json:"module"`
	Billed bool        `json:"billed"`
}

// modulesOf are those of reserved units, in their usual order.
func modulesOf(units map[ekyc.Module]int64) []ekyc.Module {
	return slices.DeleteFunc(slices.Clone(ekyc.Modules), func(m ekyc.Module) bool { return units[m] == 0 })
}

// usageOf says what was billed of the modules that units were reserved for.
func usageOf(reserved []ekyc.Module, billed map[ekyc.Module]int64) []Used {
	usage := []Used{}
	for _, module := range ekyc.Modules {
		if billed[module] > 0 || slices.Contains(reserved, module) {
			usage = append(usage, Used{module, billed[module] > 0})
		}
	}
	return usage
}

// addUsage says of jobs of one scope what was billed, by the meter's own record of it.
func (s *Service) addUsage(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs []*Job) error {
	ids := make([]ekyc.ID, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	events, err := s.metering.OfJobs(ctx, tx, scope, ids)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		billed := map[ekyc.Module]int64{}
		for _, e := range events[j.ID] {
			billed[e.Module] += e.Units
		}
		j.Usage = usageOf(j.modules, billed)
	}
	return nil
}
