package erasure

import (
	"context"
	"errors"
	"fmt"
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
)

// Sweep completes erasures that a crash or a fault interrupted, writes into the ledger what is not there, and looks again for what others have
// written down about subjects while these were erased. Any number of processes may sweep at once.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.finish(ctx, grace), s.fillLedger(ctx, grace), s.lookAgain(ctx, lookAgainAfter))
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

// collect gives the oldest rows of a table of erasures; id is the column of their identifier, where they have one.
func (s *Service) collect(ctx context.Context, id, table, condition string, olderThan time.Duration) (found []unfinished, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select tenant_id, environment, `+id+` as id, subject_id from `+table+` where `+condition+` and erased_at <= clock_timestamp() - $1::interval
			order by erased_at limit $2`, olderThan, sweepBatch)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[unfinished])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for erasures: %w", err)
	}
	return found, nil
}

func (s *Service) finish(ctx context.Context, olderThan time.Duration) error {
	found, err := s.collect(ctx, "id", "erasure", "completed_at is null", olderThan)
	if err != nil {
		return err
	}
	var faults []error
	for _, e := range found {
		if _, err := s.complete(ctx, e.scope(), e.ID); err != nil {
			faults = append(faults, fmt.Errorf("complete an erasure: %w", err))
		}
	}
	return errors.Join(faults...)
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
	var faults []error
	for _, kind := range []struct{ id, table, condition, done string }{
		{"id", "erasure", "looked_at is null", `update erasure set looked_at = clock_timestamp(), ref_hash = null where tenant_id = $1 and environment = $2 and subject_id = $3`},
		{"''", "erasure_unkept", "true", `delete from erasure_unkept where tenant_id = $1 and environment = $2 and subject_id = $3`},
	} {
		found, err := s.collect(ctx, kind.id, kind.table, kind.condition, after)
		if err != nil {
			return err
		}
		for _, e := range found {
			faults = append(faults, s.db.InTenant(ctx, e.scope(), func(ctx context.Context, tx pgx.Tx) error {
				if _, err := s.eraseParts(ctx, tx, e.scope(), e.SubjectID); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, kind.done, e.TenantID, e.Environment, e.SubjectID)
				return err
			}))
		}
	}
	return errors.Join(faults...)
}

// Incomplete counts the erasures that wait for their ledger entry or the removal of their files, for metrics.
func (s *Service) Incomplete(ctx context.Context) (n int, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select (select count(*) from erasure where completed_at is null)
			+ (select count(*) from subject s where erased_at is not null and ledgered_at is null
				and not exists (select from erasure e where e.tenant_id = s.tenant_id and e.environment = s.environment and e.subject_id = s.id))`).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count erasures: %w", err)
	}
	return n, nil
}
