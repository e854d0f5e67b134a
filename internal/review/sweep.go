package review

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	sweepBatch        = 1000
	retentionOfBefore = 30 * 24 * time.Hour // of what was opened without an end
)

// Limit brings the end of a scope's reviews forward to so long after each was opened, for at most so many, and gives how many it changed.
func (s *Service) Limit(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
	tag, err := tx.Exec(ctx, `update review set held_until = opened_at + $3::interval where tenant_id = $1 and environment = $2 and id in (
			select id from review where tenant_id = $1 and environment = $2 and not swept and held_until > opened_at + $3::interval
			order by held_until desc limit $4 for no key update)`,
		scope.Tenant, scope.Environment, d, most)
	if err != nil {
		return 0, fmt.Errorf("bring the end of reviews forward: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// sweepOver closes what was open, and drops what was sealed and found, of reviews whose time is over. It looks at each once.
const sweepOver = `
	with ended as (
		select tenant_id, environment, id, state from review r where not swept and ` + over + ` order by held_until limit $1 for update skip locked),
	closed as (
		update review r set swept = true, callback = null, reasons = '{}', state = case when e.state = 'open' then 'withdrawn' else r.state end,
			acts = r.acts + (e.state = 'open')::int, claim_act = case when e.state <> 'open' then r.claim_act end, claim_until = case when e.state <> 'open' then r.claim_until end,
			proposal_act = case when e.state <> 'open' then r.proposal_act end, closed_at = coalesce(r.closed_at, r.held_until)
		from ended e where r.tenant_id = e.tenant_id and r.environment = e.environment and r.id = e.id
		returning r.tenant_id, r.environment, r.id, r.acts, r.closed_at, e.state as before),
	silenced as (
		update review_act a set comment = null from ended e
		where a.tenant_id = e.tenant_id and a.environment = e.environment and a.review_id = e.id and a.comment is not null),
	noted as (
		insert into review_act (tenant_id, environment, review_id, number, kind, at)
		select tenant_id, environment, id, acts, 'withdrawn', closed_at from closed where before = 'open')
	select count(*) from ended`

// Sweep withdraws the reviews of jobs whose time is over, and drops what was sealed and found of these. One that a program of before there
// were ends has opened gets one.
func (s *Service) Sweep(ctx context.Context) error {
	_, err := s.db.SystemPool().Exec(ctx, `update review set held_until = opened_at + $1::interval where (tenant_id, environment, id) in (
		select tenant_id, environment, id from review where held_until is null limit $2 for no key update skip locked)`, retentionOfBefore, sweepBatch)
	if err != nil {
		return fmt.Errorf("give reviews an end: %w", err)
	}
	for swept := sweepBatch; swept == sweepBatch; {
		err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, sweepOver, sweepBatch).Scan(&swept)
		})
		if err != nil {
			return fmt.Errorf("sweep reviews: %w", err)
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
		from review r, clock_timestamp() now where state = 'open' and not `+over).
		Scan(&b.Open, &b.Claimed, &b.Contested, &b.Overdue, &oldest)
	if err != nil {
		return Backlog{}, fmt.Errorf("count the reviews that wait: %w", err)
	}
	b.Oldest = time.Duration(oldest * float64(time.Second))
	return b, nil
}
