package erasure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	// grace leaves who erases the time to complete it himself.
	grace = 15 * time.Second
	// lookAgainAfter is longer than any transaction lasts that had begun before the erasure: then what it wrote down is there to be seen.
	lookAgainAfter = 2 * time.Minute
	sweepBatch     = 100
	// tryAgain is how long a sweep leaves alone what it or another has tried, doubled each time up to mostAgain.
	tryAgain  = 15 * time.Second
	mostAgain = 10 * time.Minute
)

// Sweep completes erasures that a crash or a fault interrupted, writes into the ledger what is not there, and looks again for what others have
// written down about subjects while these were erased; all three side by side, so that none that fails slowly takes the others' time. Any number of processes may
// sweep at once.
func (s *Service) Sweep(ctx context.Context) error {
	parts := []func() error{
		func() error { return s.finish(ctx, grace) }, func() error { return s.fillLedger(ctx, grace) }, func() error { return s.lookAgain(ctx, lookAgainAfter) },
	}
	faults := make([]error, len(parts))
	var group sync.WaitGroup
	for i, part := range parts {
		group.Go(func() { faults[i] = part() })
	}
	group.Wait()
	return errors.Join(faults...)
}

// task is what a sweep does until it comes about: for which rows of a table, and the columns that say how often it was tried and when it is again.
type task struct {
	table, waits, tries, next string
	id                        string // column of the erasure's identifier, where it has one
}

var (
	completion = task{"erasure", "completed_at is null", "tries", "next_try_at", "id"}
	secondLook = task{"erasure", "looked_at is null", "looks", "next_look_at", "id"}
	unkeptLook = task{"erasure_unkept", "true", "looks", "next_look_at", "''"}
)

// isDue is true of a row that is not left alone.
func (t task) isDue() string {
	return t.waits + " and (" + t.next + " is null or " + t.next + " <= clock_timestamp())"
}

// unfinished is an erasure of any tenant.
type unfinished struct {
	TenantID    ekyc.ID
	Environment ekyc.Environment
	ID          ekyc.ID
	SubjectID   ekyc.ID
}

func (u unfinished) scope() ekyc.Scope {
	return ekyc.Scope{Tenant: u.TenantID, Environment: u.Environment}
}

// each does a task for erasures that are older than that, those first that were tried least, so that what cannot be done holds nothing newer up.
func (s *Service) each(ctx context.Context, t task, olderThan time.Duration, do func(unfinished) error) error {
	rows, err := s.db.SystemPool().Query(ctx, `select tenant_id, environment, `+t.id+` as id, subject_id from `+t.table+`
		where `+t.isDue()+` and erased_at <= clock_timestamp() - $1::interval order by `+t.tries+`, erased_at limit $2`, olderThan, sweepBatch)
	if err != nil {
		return fmt.Errorf("look for erasures: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[unfinished])
	if err != nil {
		return fmt.Errorf("look for erasures: %w", err)
	}
	var faults []error
	for _, e := range found {
		mine, err := s.begin(ctx, t, e)
		if mine {
			err = do(e)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("the erasure %s of %s: %w", e.ID, e.SubjectID, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(faults...)
}

// begin notes that something is tried, before it is, so that a process which hangs or is killed meanwhile makes room too; it says whether nobody else has.
func (s *Service) begin(ctx context.Context, t task, e unfinished) (mine bool, err error) {
	err = s.db.InTenant(ctx, e.scope(), func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, fmt.Sprintf(`update %[1]s set %[2]s = %[2]s + 1, %[3]s = clock_timestamp() + least($4::interval * 2 ^ least(%[2]s, 16), $5::interval)
			where tenant_id = $1 and environment = $2 and subject_id = $3 and `, t.table, t.tries, t.next)+t.isDue(),
			e.TenantID, e.Environment, e.SubjectID, tryAgain, mostAgain)
		mine = tag.RowsAffected() == 1
		return err
	})
	return mine && err == nil, err
}

func (s *Service) finish(ctx context.Context, olderThan time.Duration) error {
	return s.each(ctx, completion, olderThan, func(e unfinished) error {
		_, err := s.complete(ctx, e.scope(), e.ID)
		return err
	})
}

// fillLedger writes down the erasures that have no certificate: subjects that were not kept, and those from before there was a ledger.
func (s *Service) fillLedger(ctx context.Context, olderThan time.Duration) error {
	for {
		missing, err := s.vault.Unledgered(ctx, olderThan, sweepBatch)
		if err != nil || len(missing) == 0 {
			return err
		}
		for _, e := range missing {
			if _, err := s.writeLedger(ctx, e); err != nil {
				return err
			}
		}
		if err := s.vault.Ledgered(ctx, missing...); err != nil || len(missing) < sweepBatch {
			return err
		}
	}
}

// lookAgain lets the rooms forget a second time, when all transactions are over that ran beside the erasure.
func (s *Service) lookAgain(ctx context.Context, after time.Duration) error {
	look := func(done string) func(unfinished) error {
		return func(e unfinished) error {
			return s.db.InTenant(ctx, e.scope(), func(ctx context.Context, tx pgx.Tx) error {
				if _, err := s.eraseParts(ctx, tx, e.scope(), e.SubjectID); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, done+` where tenant_id = $1 and environment = $2 and subject_id = $3`, e.TenantID, e.Environment, e.SubjectID)
				return err
			})
		}
	}
	return errors.Join(
		s.each(ctx, secondLook, after, look(`update erasure set looked_at = clock_timestamp(), ref_hash = null`)),
		s.each(ctx, unkeptLook, after, look(`delete from erasure_unkept`)),
	)
}
