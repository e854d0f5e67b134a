package review

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const sweepBatch = 1000

// Sweep withdraws the reviews of jobs that are no longer held, and drops what was sealed of these.
func (s *Service) Sweep(ctx context.Context) error {
	for _, statement := range []string{
		`with closed as (
			update review set state = 'withdrawn', acts = acts + 1, claim_act = null, claim_until = null, proposal_act = null, closed_at = held_until
			where (tenant_id, environment, id) in (select tenant_id, environment, id from review
				where state = 'open' and held_until <= clock_timestamp() order by held_until limit $1 for update skip locked)
			returning tenant_id, environment, id, acts, closed_at)
		insert into review_act (tenant_id, environment, review_id, number, kind, at) select tenant_id, environment, id, acts, 'withdrawn', closed_at from closed`,
		`update review_act set comment = null where (tenant_id, environment, review_id, number) in (
			select a.tenant_id, a.environment, a.review_id, a.number from review r
			join review_act a on a.tenant_id = r.tenant_id and a.environment = r.environment and a.review_id = r.id
			where r.held_until <= clock_timestamp() and a.comment is not null limit $1)`,
		`update review set callback = null where (tenant_id, environment, id) in (select tenant_id, environment, id from review
			where held_until <= clock_timestamp() and callback is not null limit $1 for update skip locked)`,
	} {
		for changed := int64(sweepBatch); changed == sweepBatch; {
			err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
				tag, err := tx.Exec(ctx, statement, sweepBatch)
				changed = tag.RowsAffected()
				return err
			})
			if err != nil {
				return fmt.Errorf("sweep reviews: %w", err)
			}
		}
	}
	return nil
}

// Backlog is what waits for people, of all tenants together.
type Backlog struct {
	Open      int // those that are claimed not counted
	Claimed   int
	Contested int           // of both
	Overdue   int           // of both
	Oldest    time.Duration // since the one of both that was opened first was
}

// Backlog counts what waits.
func (s *Service) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var oldest float64
	err := s.db.SystemPool().QueryRow(ctx, `
		select count(*) filter (where claim_until is null or claim_until <= now), count(*) filter (where claim_until > now), count(*) filter (where contested),
			count(*) filter (where due_at <= now), coalesce(extract(epoch from max(now - opened_at)), 0)
		from review, clock_timestamp() now where state = 'open' and (held_until is null or held_until > now)`).
		Scan(&b.Open, &b.Claimed, &b.Contested, &b.Overdue, &oldest)
	if err != nil {
		return Backlog{}, fmt.Errorf("count the reviews that wait: %w", err)
	}
	b.Oldest = time.Duration(oldest * float64(time.Second))
	return b, nil
}
