package workflow

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
)

// claim is a job that a worker holds, with the token that proves it.
type claim struct {
	Scope           ekyc.Scope `db:"-"`
	Sparse          bool       `db:"-"` // its scope has nothing else under way
	TenantID        ekyc.ID
	Environment     ekyc.Environment
	ID              ekyc.ID
	SubjectID       ekyc.ID
	KeyID           string
	ReservationID   ekyc.ID
	Modules         []ekyc.Module // that it is for
	Plan            string
	PlanVersion     int
	Weight          int
	Entitlement     metering.Entitlement
	Settings        json.RawMessage // the workflow's definition
	WorkflowName    string
	WorkflowVersion int
	WorkflowHash    string
	Kept            bool
	TraceParent     string
	Request         []byte
	Attempt         int
	Failures        int
	Interruptions   int
	LeaseToken      string
	CreatedAt       time.Time
}

// workflow names what judges the job.
func (c *claim) workflow() WorkflowResult {
	return WorkflowResult{Name: c.WorkflowName, Version: c.WorkflowVersion, Hash: c.WorkflowHash}
}

// beginTurn makes claims one at a time: they take a millisecond, the work a thousand, and who decides alone decides fairly. A process
// that froze in the middle is thrown out after two seconds, so that it does not stop the others.
const beginTurn = `set local idle_in_transaction_session_timeout = '2s'`

// candidates are the scopes with a job that is due: one probe of the index for each scope that has any job queued.
const candidates = `
	with recursive scope (tenant_id, environment, available_at, id, weight, created_at) as (
		(select tenant_id, environment, available_at, id, weight, created_at from job
			where status = 'queued' order by tenant_id, environment, available_at, id limit 1)
		union all
		select n.* from scope s cross join lateral (
			select tenant_id, environment, available_at, id, weight, created_at from job
			where status = 'queued' and (tenant_id, environment) > (s.tenant_id, s.environment)
			order by tenant_id, environment, available_at, id limit 1) n
	), busy as materialized (
		select tenant_id, environment from job where status = 'running' group by tenant_id, environment
	)
	select s.tenant_id, s.environment, s.id, s.weight, coalesce(a.finish, 0) as finish, coalesce(a.served_at, 'epoch') as served_at,
		(a.served_at is null or s.created_at > a.served_at) and b.tenant_id is null as sparse
	from scope s
	left join turn_account a on a.tenant_id = s.tenant_id and a.environment = s.environment
	left join busy b on b.tenant_id = s.tenant_id and b.environment = s.environment
	where s.available_at <= clock_timestamp()`

// take claims the job whose turn it is; nil where none is due. A prompt turn is for sparse scopes only.
func (s *Service) take(ctx context.Context, prompt bool) (*claim, error) {
	var c *claim
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		c = nil
		var clock int64
		batch := &pgx.Batch{}
		batch.Queue(beginTurn)
		batch.Queue(`select virtual_time from turn_clock for update`).QueryRow(func(r pgx.Row) error { return r.Scan(&clock) })
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("wait for the clock of turns: %w", err)
		}
		accounts, err := readAccounts(ctx, tx)
		if err != nil {
			return err
		}
		winner, clock, finish, ok := nextTurn(clock, accounts, prompt)
		if !ok {
			return nil
		}
		c, err = s.charge(ctx, tx, accounts[winner], clock, finish)
		return err
	})
	return c, err
}

func readAccounts(ctx context.Context, tx pgx.Tx) ([]account, error) {
	rows, err := tx.Query(ctx, candidates)
	if err != nil {
		return nil, fmt.Errorf("look for jobs that are due: %w", err)
	}
	accounts, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a account, err error) {
		err = r.Scan(&a.Scope.Tenant, &a.Scope.Environment, &a.Job, &a.Weight, &a.Finish, &a.ServedAt, &a.Sparse)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for jobs that are due: %w", err)
	}
	return accounts, nil
}

// charge gives the job to this worker and its scope the bill for the turn.
func (s *Service) charge(ctx context.Context, tx pgx.Tx, a account, clock, finish int64) (*claim, error) {
	var c *claim
	batch := &pgx.Batch{}
	batch.Queue(`update turn_clock set virtual_time = $1`, clock)
	batch.Queue(`
		insert into turn_account as a (tenant_id, environment, finish, served_at) values ($1, $2, $3, clock_timestamp())
		on conflict (tenant_id, environment) do update set finish = excluded.finish + a.finish - $4, served_at = excluded.served_at`,
		a.Scope.Tenant, a.Scope.Environment, finish, a.Finish) // what a surcharge added since the account was read stays
	batch.Queue(`
		update job set status = 'running', attempt = attempt + 1, lease_token = $4, lease_until = clock_timestamp() + $5::interval,
			started_at = coalesce(started_at, clock_timestamp())
		where tenant_id = $1 and environment = $2 and id = $3 and status = 'queued'
		returning tenant_id, environment, id, subject_id, key_id, reservation_id, coalesce(modules, '{workflow}') as modules, plan, plan_version, weight, entitlement, settings,
			coalesce(workflow_name, settings->>'name') as workflow_name, workflow_version, workflow_hash, kept, trace_parent, request, attempt, failures, interruptions, lease_token, created_at`,
		a.Scope.Tenant, a.Scope.Environment, a.Job, rand.Text(), s.options.Lease).
		Query(func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[claim])
			if err == nil && len(found) == 1 {
				c = found[0]
				c.Scope, c.Sparse = a.Scope, a.Sparse
			}
			return err
		})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("claim a job: %w", err)
	}
	return c, nil // nil where it was cancelled at this moment; its turn is spent
}

// usualRun is what a turn pays for: the contract's bound of a whole verification, about.
const usualRun = 4 * time.Second

// surcharge lets a scope pay for what a run took beyond the usual, so that one whose photographs keep the workers busy gets as much of their
// time as the others and not as many turns. It is no matter of the job: when it fails the scope is lucky.
func (s *Service) surcharge(ctx context.Context, c *claim, ran time.Duration) {
	if ran <= usualRun {
		return
	}
	more := int64(float64(oneTurn/max(c.Weight, 1)) * float64(ran-usualRun) / float64(usualRun))
	_, err := s.db.SystemPool().Exec(ctx, `update turn_account set finish = finish + $3 where tenant_id = $1 and environment = $2`,
		c.Scope.Tenant, c.Scope.Environment, more)
	if err != nil {
		s.logger.WarnContext(ctx, "a long run could not be charged to its tenant", "job", c.ID, "error", err)
	}
}
