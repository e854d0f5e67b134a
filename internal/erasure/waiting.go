package erasure

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

// stuckAfter is how many tries without success make an erasure one that somebody has to see to: some eight minutes.
const stuckAfter = 5

// Waiting is what is not done yet of erasures that are committed, of all tenants together.
type Waiting struct {
	Incomplete int           // wait for their ledger entry or the removal of their files
	Stuck      int           // were tried time and again, of these and of those whose second look fails
	Oldest     time.Duration // since the oldest of the incomplete was committed; 0 where there is none
	Example    ekyc.ID       // the subject of the oldest that is stuck; "" where there is none
}

// Waiting counts what waits, for metrics.
func (s *Service) Waiting(ctx context.Context) (Waiting, error) { return Look(ctx, s.db) }

// Look is Waiting for who has nothing but the database.
func Look(ctx context.Context, db *store.DB) (w Waiting, err error) {
	var oldest float64
	err = db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			with stuck as (
				select subject_id, erased_at from erasure where completed_at is null and tries >= $1 or looked_at is null and looks >= $1
				union all select subject_id, erased_at from erasure_unkept where looks >= $1),
			incomplete as (
				select erased_at from erasure where completed_at is null
				union all select erased_at from subject s where erased_at is not null and ledgered_at is null
					and not exists (select from erasure e where e.tenant_id = s.tenant_id and e.environment = s.environment and e.subject_id = s.id))
			select (select count(*) from incomplete), (select count(*) from stuck),
				coalesce((select extract(epoch from clock_timestamp() - min(erased_at)) from incomplete), 0), coalesce((select subject_id from stuck order by erased_at limit 1), '')`, stuckAfter).
			Scan(&w.Incomplete, &w.Stuck, &oldest, &w.Example)
	})
	if err != nil {
		return Waiting{}, fmt.Errorf("count erasures: %w", err)
	}
	w.Oldest = time.Duration(oldest * float64(time.Second))
	return w, nil
}
