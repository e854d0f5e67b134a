package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ekyc"
)

const (
	leaseMargin = 20 * time.Second // beyond an attempt's own time-out: a worker that has not recorded it by then is given up
	// longestSnooze stays under River's own interval of 5 s: a job that sleeps longer is woken by a scheduler that looks every 5 s only.
	longestSnooze = 4500 * time.Millisecond
)

// worker makes one attempt for each job of the queue and lets the job sleep until the next.
type worker struct {
	river.WorkerDefaults[wakeArgs]
	service *Service
}

// Timeout bounds an attempt with everything around it.
func (w *worker) Timeout(*river.Job[wakeArgs]) time.Duration { return w.service.lease() }

// Work makes an attempt, if one is due.
func (w *worker) Work(ctx context.Context, job *river.Job[wakeArgs]) error {
	wait, err := w.service.attempt(ctx, job.Args)
	if err != nil {
		return err
	}
	if wait > 0 {
		return river.JobSnooze(snooze(wait))
	}
	return nil
}

// snooze is how long a job sleeps that is to run after wait: a short wait is kept to the second by sleeping twice.
func snooze(wait time.Duration) time.Duration {
	if wait < 2*longestSnooze {
		return min(wait, longestSnooze)
	}
	return wait
}

func (s *Service) lease() time.Duration { return s.options.Timeout + leaseMargin }

// attempt makes one attempt, if one is due. It gives how long to wait for the next; 0 when there will be none, or another worker's.
func (s *Service) attempt(ctx context.Context, args wakeArgs) (time.Duration, error) {
	scope := ekyc.Scope{Tenant: args.Tenant, Environment: args.Environment}
	destination := args.destination()
	if wait := s.gate.enter(args.Tenant, destination, time.Now()); wait > 0 {
		return s.postpone(ctx, scope, args.Delivery, wait)
	}
	var took time.Duration
	defer func() { s.gate.leave(args.Tenant, destination, took, time.Now()) }()
	c, wait, err := s.claim(ctx, scope, args.Delivery)
	if err != nil || c == nil {
		return wait, err
	}
	result := s.post(ctx, c)
	took = result.took
	if result.failure != "" && ctx.Err() != nil { // this process is stopping; that says nothing about the receiver
		return 0, errors.Join(ctx.Err(), s.release(context.WithoutCancel(ctx), c))
	}
	return s.record(context.WithoutCancel(ctx), c, result)
}

// postpone moves a due delivery on whose destination has enough attempts in flight, so that no sweep takes it for lost.
func (s *Service) postpone(ctx context.Context, scope ekyc.Scope, id ekyc.ID, wait time.Duration) (time.Duration, error) {
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update webhook_delivery set next_attempt_at = clock_timestamp() + $4::interval
			where tenant_id = $1 and environment = $2 and id = $3 and next_attempt_at <= clock_timestamp()
			and (lease_until is null or lease_until < clock_timestamp())`, scope.Tenant, scope.Environment, id, wait)
		if err != nil {
			return fmt.Errorf("postpone a webhook delivery: %w", err)
		}
		if tag.RowsAffected() == 0 {
			wait, err = untilDue(ctx, tx, scope, id)
		}
		return err
	})
	return wait, err
}

// claim is a delivery that this worker holds the lease of, opened.
type claim struct {
	scope    ekyc.Scope
	delivery ekyc.ID
	number   int // of the attempt: the token of the lease
	event    ekyc.ID
	subject  ekyc.ID
	endpoint *ekyc.ID
	at       time.Time // by the database's clock
	trace    string    // W3C; "" for none
	url      string
	body     []byte
	keys     []signingKey
}

// claimRow is what the statement of a claim gives.
type claimRow struct {
	Attempts    int
	EventID     ekyc.ID
	EndpointID  *ekyc.ID
	CallbackURL []byte
	At          time.Time
	SubjectID   ekyc.ID
	TraceParent string
	Thin        bool
	Body        []byte
	URL         []byte
	Closed      bool
}

// claimQuery takes the lease of a delivery that is due and that nobody else is attempting.
const claimQuery = `with claimed as (
		update webhook_delivery set attempts = attempts + 1, lease_until = clock_timestamp() + $4::interval
		where tenant_id = $1 and environment = $2 and id = $3 and next_attempt_at <= clock_timestamp()
		and (lease_until is null or lease_until < clock_timestamp())
		returning attempts, event_id, endpoint_id, callback_url)
	select c.*, clock_timestamp() as at, v.subject_id, v.trace_parent, coalesce(p.thin, false) as thin,
		case when p.thin then v.thin_body else v.body end as body, p.url, coalesce(p.disabled_at, p.deleted_at) is not null as closed
	from claimed c
	join webhook_event v on v.tenant_id = $1 and v.environment = $2 and v.id = c.event_id
	left join webhook_endpoint p on p.tenant_id = $1 and p.environment = $2 and p.id = c.endpoint_id`

// claim takes a delivery's lease and opens what is to be sent. Without one it gives how long to wait for the delivery to be due, or 0
// when it is over or another worker's.
func (s *Service) claim(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (c *claim, wait time.Duration, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		c, wait = nil, 0
		rows, err := tx.Query(ctx, claimQuery, scope.Tenant, scope.Environment, id, s.lease())
		if err != nil {
			return fmt.Errorf("claim a webhook delivery: %w", err)
		}
		row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[claimRow])
		if errors.Is(err, pgx.ErrNoRows) {
			wait, err = untilDue(ctx, tx, scope, id)
			return err
		}
		if err != nil {
			return fmt.Errorf("claim a webhook delivery: %w", err)
		}
		opened := &claim{
			scope: scope, delivery: id, number: row.Attempts, event: row.EventID, subject: row.SubjectID, endpoint: row.EndpointID, at: row.At,
			trace: row.TraceParent,
		}
		reason, err := s.open(ctx, tx, opened, row)
		if err != nil {
			return err
		}
		if reason != "" {
			return bury(ctx, tx, scope, id, reason)
		}
		c = opened
		return nil
	})
	return c, wait, err
}

// untilDue is how long a delivery that could not be claimed is to wait; 0 when none is planned or an attempt is being made.
func untilDue(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (time.Duration, error) {
	var wait time.Duration
	err := tx.QueryRow(ctx, `select next_attempt_at - clock_timestamp() from webhook_delivery
		where tenant_id = $1 and environment = $2 and id = $3 and next_attempt_at > clock_timestamp()`, scope.Tenant, scope.Environment, id).Scan(&wait)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read a webhook delivery: %w", err)
	}
	return wait, nil
}

// open fills the claim with what is to be sent. It gives a reason where nothing can be.
func (s *Service) open(ctx context.Context, tx pgx.Tx, c *claim, row claimRow) (Failure, error) {
	if row.Closed {
		return FailureDisabled, nil
	}
	form, sealed, owner, object := "/body", row.URL, ekyc.ID(""), ""
	if row.Thin {
		form = "/thin"
	}
	if c.endpoint != nil {
		object = string(*c.endpoint) + "/url"
	} else {
		sealed, owner, object = row.CallbackURL, c.subject, string(c.delivery)+"/url"
	}
	if row.Body == nil || sealed == nil {
		return FailureExpired, nil
	}
	var err error
	if c.body, err = s.vault.Open(ctx, tx, c.scope, c.subject, string(c.event)+form, row.Body); err == nil {
		var address []byte
		address, err = s.vault.Open(ctx, tx, c.scope, owner, object, sealed)
		c.url = string(address)
	}
	if ekyc.CodeOf(err) == ekyc.ErrGone {
		return FailureErased, nil
	}
	if err != nil {
		return "", err
	}
	c.keys, err = s.keys(ctx, tx, c.scope, c.endpoint)
	return "", err
}

// bury ends a delivery that can never be made.
func bury(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, reason Failure) error {
	_, err := tx.Exec(ctx, `update webhook_delivery set status = 'dead', failure = $4, next_attempt_at = null, lease_until = null, attempts = attempts - 1
		where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id, reason)
	if err != nil {
		return fmt.Errorf("end a webhook delivery: %w", err)
	}
	return nil
}

// release gives a lease back, so that another worker attempts the delivery at once.
func (s *Service) release(ctx context.Context, c *claim) error {
	return s.db.InTenant(ctx, c.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update webhook_delivery set lease_until = null where tenant_id = $1 and environment = $2 and id = $3 and attempts = $4`,
			c.scope.Tenant, c.scope.Environment, c.delivery, c.number)
		if err != nil {
			return fmt.Errorf("release a webhook delivery: %w", err)
		}
		return nil
	})
}
