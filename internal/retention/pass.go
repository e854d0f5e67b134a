package retention

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// batch is how much one transaction changes or removes, so that no lock is held for long.
const batch = 500

// Part is one place that keeps things of a class.
type Part struct {
	Class Class
	Name  string // for the log, such as "photographs"
	// Limit brings the ends of what the scope keeps forward to so many days after the making of each, for at most as many things as said, and gives
	// how many it changed. Held things are brought forward too: it counts once they are released. nil: ends are not written down in this place.
	Limit func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, days, most int) (int, error)
	// Remove removes at most so many things that are over and not held, and gives how many of each class it removed. What it looks at it locks, and what
	// others have locked it passes over. nil: the place sweeps by itself, or another part does it.
	Remove func(ctx context.Context, most int) (map[Class]int, error)
	Every  time.Duration // between two removals by this process; 0: at each pass
	// Oldest is the end of what has been over longest, is not held and is there still; zero where there is nothing. nil: another part tells.
	Oldest func(ctx context.Context) (time.Time, error)
}

// SetParts gives the places that keep things. It comes before the first pass.
func (s *Service) SetParts(parts ...Part) { s.parts, s.ran = parts, make([]time.Time, len(parts)) }

// Pass applies what was shortened and then removes what is over, in all places side by side, so that none that has much to do or fails keeps the
// others from theirs. What is left, at an error or when the context ends, is left to the next pass.
func (s *Service) Pass(ctx context.Context) error {
	s.passing.Lock()
	defer s.passing.Unlock()
	faults := make([]error, len(s.parts)+1)
	faults[len(s.parts)] = s.applyInHalf(ctx)
	var group sync.WaitGroup
	for i, part := range s.parts {
		if part.Remove == nil || time.Since(s.ran[i]) < part.Every {
			continue
		}
		s.ran[i] = time.Now()
		group.Go(func() {
			if err := s.remove(ctx, part); err != nil {
				faults[i] = fmt.Errorf("remove %s: %w", part.Name, err)
			}
		})
	}
	group.Wait()
	return errors.Join(faults...)
}

func (s *Service) remove(ctx context.Context, part Part) error {
	total := 0
	for {
		removed, err := part.Remove(ctx, batch)
		n := s.counts.add(removed)
		if total += n; n > 0 && ctx.Err() == nil { // with an error too: it is one tenant's
			continue
		}
		if total > 0 {
			s.options.Logger.InfoContext(ctx, "what was past its time was removed", "part", part.Name, "count", total)
		}
		return err
	}
}

// pending are settings that have not been applied to what was kept before them.
type pending struct {
	ekyc.Scope
	Number int64
	Days   map[Class]int
}

// applyInHalf applies in half of the time that there is: what one tenant has shortened does not keep what is over of all others from being removed.
func (s *Service) applyInHalf(ctx context.Context) error {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	return s.applyAll(ctx)
}

// applyAll brings forward the ends of what is kept longer than the settings now say. It stops where it is interrupted and goes on with the next pass.
func (s *Service) applyAll(ctx context.Context) error {
	var all []pending
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select distinct on (tenant_id, environment) tenant_id, environment, number, days from retention_setting
			where applied_at is null order by tenant_id, environment, number desc`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p pending, err error) {
			err = row.Scan(&p.Tenant, &p.Environment, &p.Number, &p.Days)
			return p, err
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("look for settings to apply: %w", err)
	}
	var faults []error
	for _, p := range all {
		if err := s.apply(ctx, p); err != nil {
			faults = append(faults, fmt.Errorf("apply the settings of a tenant: %w", err))
		}
	}
	return errors.Join(faults...)
}

// settled is longer than any transaction lasts that may have begun under the settings before, and so have written down a later end than there is now.
const settled = 10 * time.Minute

// apply does it for one scope. Settings are noted as applied only when nothing was left in any part, and nothing can come any more.
func (s *Service) apply(ctx context.Context, p pending) error {
	for _, part := range s.parts {
		days, said := p.Days[part.Class]
		if part.Limit == nil || !said { // of a class without a word nothing was shortened
			continue
		}
		for more := true; more; {
			err := s.db.InTenant(ctx, p.Scope, func(ctx context.Context, tx pgx.Tx) error {
				n, err := part.Limit(ctx, tx, p.Scope, days, batch)
				more = n > 0
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", part.Name, err)
			}
		}
	}
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update retention_setting set applied_at = clock_timestamp()
			where tenant_id = $1 and environment = $2 and number <= $3 and applied_at is null and at < clock_timestamp() - $4::interval`,
			p.Tenant, p.Environment, p.Number, settled)
		return err
	})
}
