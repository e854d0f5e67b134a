package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// record writes down what an attempt met and what follows from it, in one transaction. It gives how long to wait for the next attempt.
func (s *Service) record(ctx context.Context, c *claim, r result) (wait time.Duration, err error) {
	err = s.db.InTenant(ctx, c.scope, func(ctx context.Context, tx pgx.Tx) error {
		wait = 0
		if err := s.insertAttempt(ctx, tx, c, r); err != nil {
			return err
		}
		if r.failure == "" {
			return succeed(ctx, tx, c, r)
		}
		wait, err = s.fail(ctx, tx, c, r)
		return err
	})
	return wait, err
}

func (s *Service) insertAttempt(ctx context.Context, tx pgx.Tx, c *claim, r result) error {
	var answer []byte
	if len(r.answer) > 0 {
		var err error
		answer, err = s.vault.Seal(ctx, tx, c.scope, c.subject, answerObject(c.delivery, c.number), r.answer)
		if err != nil && ekyc.CodeOf(err) != ekyc.ErrGone { // erased while the attempt was made: the answer goes too
			return err
		}
	}
	batch := &pgx.Batch{} // the second statement looks at the event when the first has waited for whoever drops it
	batch.Queue(`select from webhook_delivery where tenant_id = $1 and environment = $2 and id = $3 for update`, c.scope.Tenant, c.scope.Environment, c.delivery)
	batch.Queue(`insert into webhook_attempt (tenant_id, environment, delivery_id, number, at, status_code, failure, answer, duration_ms)
		select $1, $2, $3, $4, $5, $6, $7, case when body is not null then $8::bytea end, $9
		from webhook_event where tenant_id = $1 and environment = $2 and id = $10`,
		c.scope.Tenant, c.scope.Environment, c.delivery, c.number, c.at, r.status, r.failure, answer, float64(r.took.Microseconds())/1000, c.event)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store a webhook attempt: %w", err)
	}
	return nil
}

func answerObject(delivery ekyc.ID, number int) string {
	return fmt.Sprintf("%s/answer/%d", delivery, number)
}

// The fence of a lease: whoever claimed the delivery since has another number, and what ended it since has left no next attempt.
const fence = ` where tenant_id = $1 and environment = $2 and id = $3 and attempts = $4 and next_attempt_at is not null`

func succeed(ctx context.Context, tx pgx.Tx, c *claim, r result) error {
	_, err := tx.Exec(ctx, `update webhook_delivery set status = 'delivered', status_code = $5, failure = '', delivered_at = clock_timestamp(),
		next_attempt_at = null, lease_until = null, woken_at = null, wakes = 0`+fence, c.scope.Tenant, c.scope.Environment, c.delivery, c.number, r.status)
	if err != nil {
		return fmt.Errorf("record a webhook's success: %w", err)
	}
	if c.endpoint == nil {
		return nil
	}
	_, err = tx.Exec(ctx, `update webhook_endpoint set failing_since = null, last_failure_at = null
		where tenant_id = $1 and environment = $2 and id = $3 and failing_since is not null`, c.scope.Tenant, c.scope.Environment, c.endpoint)
	if err != nil {
		return fmt.Errorf("record a webhook's success: %w", err)
	}
	return nil
}

// fail plans the next attempt, or lets the delivery die when the schedule is over or its destination wants no more.
func (s *Service) fail(ctx context.Context, tx pgx.Tx, c *claim, r result) (time.Duration, error) {
	over := r.status == http.StatusGone
	if c.endpoint != nil {
		closed, err := s.blame(ctx, tx, c, r)
		if err != nil {
			return 0, err
		}
		over = over || closed
	}
	var failures int
	err := tx.QueryRow(ctx, `select failures from webhook_delivery`+fence+` for update`,
		c.scope.Tenant, c.scope.Environment, c.delivery, c.number).Scan(&failures)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil // the lease was lost: whoever has it now decides
	}
	if err != nil {
		return 0, fmt.Errorf("record a webhook's failure: %w", err)
	}
	failures++
	wait, again := nextWait(s.schedule, failures, r.retryAfter, randomFraction())
	status, next := Retrying, &wait
	if over || !again {
		status, next, wait = Dead, nil, 0
	}
	_, err = tx.Exec(ctx, `update webhook_delivery set status = $5, failures = $6, next_attempt_at = clock_timestamp() + $7::interval,
		status_code = $8, failure = $9, lease_until = null, woken_at = null, wakes = 0`+fence,
		c.scope.Tenant, c.scope.Environment, c.delivery, c.number, status, failures, next, r.status, r.failure)
	if err != nil {
		return 0, fmt.Errorf("record a webhook's failure: %w", err)
	}
	return wait, nil
}

// blame counts a failure against the endpoint and disables it when it answered 410 or has failed for five days, again and again without
// a success and without a pause longer than any between two attempts; its other endpoints are told. It says whether the endpoint takes no more deliveries.
func (s *Service) blame(ctx context.Context, tx pgx.Tx, c *claim, r result) (closed bool, err error) {
	var failing time.Duration
	err = tx.QueryRow(ctx, `update webhook_endpoint set last_failure_at = now(),
			failing_since = case when last_failure_at > now() - $4::interval then coalesce(failing_since, now()) else now() end
		where tenant_id = $1 and environment = $2 and id = $3
		returning disabled_at is not null or deleted_at is not null, now() - failing_since`,
		c.scope.Tenant, c.scope.Environment, c.endpoint, s.longestPause()).Scan(&closed, &failing)
	if err != nil {
		return false, fmt.Errorf("record an endpoint's failure: %w", err)
	}
	reason := ""
	switch {
	case closed:
		return true, nil
	case r.status == http.StatusGone:
		reason = reasonGone
	case failing >= failingLimit:
		reason = reasonFailing
	default:
		return false, nil
	}
	at, err := disable(ctx, tx, c.scope, *c.endpoint, reason)
	if err != nil || at == nil {
		return true, err
	}
	s.logger.WarnContext(ctx, "a webhook endpoint was disabled", slog.String("tenant_id", string(c.scope.Tenant)),
		slog.String("environment", string(c.scope.Environment)), slog.String("endpoint_id", string(*c.endpoint)), slog.String("reason", reason))
	data := map[string]any{"endpoint_id": *c.endpoint, "reason": reason, "disabled_at": *at}
	_, err = s.Publish(ctx, tx, c.scope, Event{Type: EndpointDisabled, Data: data, Thin: data})
	return true, err
}

// longestPause is how far apart two failures of an endpoint can be between which it was never called: longer than any wait, with the
// lateness of a busy queue.
func (s *Service) longestPause() time.Duration {
	longest := retryAfterLimit
	for _, wait := range s.schedule {
		longest = max(longest, wait)
	}
	return longest + longest/8
}
