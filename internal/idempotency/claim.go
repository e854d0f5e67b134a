package idempotency

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Claim is the right to execute the request of one key. Only its maker uses it; Complete, Finish and Release end it.
type Claim struct {
	service     *Service
	scope       ekyc.Scope
	keyHash     []byte
	requestHash []byte
	token       []byte
	stop        context.CancelFunc // ends the heartbeat
}

// object is what the answer is bound as.
func (c *Claim) object() string {
	return "idempotency/" + hex.EncodeToString(c.keyHash) + "/" + hex.EncodeToString(c.requestHash)
}

// Complete remembers the answer inside the transaction that does the work, which must be one of InTenant for the claim's scope. It may
// be called again when that transaction is run again. Errors: ErrIdempotencyInProgress when another request has taken the key over
// since; the transaction must then roll back, as it does when the error is returned from it.
func (c *Claim) Complete(ctx context.Context, tx pgx.Tx, a Answer) error {
	var sealed []byte
	var subject ekyc.ID
	if a.Keep {
		plaintext, err := a.encode()
		if err != nil {
			return err
		}
		subject = a.Subject
		if sealed, err = c.service.vault.Seal(ctx, tx, c.scope, subject, c.object(), plaintext); err != nil {
			return err
		}
	}
	tag, err := tx.Exec(ctx, `update idempotency set state = 'done', subject_id = $5, answer = $6
		where tenant_id = $1 and environment = $2 and key_hash = $3 and token = $4 and state = 'running'`,
		c.scope.Tenant, c.scope.Environment, c.keyHash, c.token, subject, sealed)
	if err != nil {
		return fmt.Errorf("remember an answer: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return inProgress()
	}
	return nil
}

// endTimeout bounds the end of a claim, which does not depend on whether the client is still there.
const endTimeout = 5 * time.Second

// Finish remembers an answer that was not completed in a transaction of the work: a refusal that nothing was done for. Errors:
// ErrIdempotencyInProgress when another request has taken the key over since.
func (c *Claim) Finish(ctx context.Context, a Answer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := c.service.db.InTenant(ctx, c.scope, func(ctx context.Context, tx pgx.Tx) error { return c.Complete(ctx, tx, a) })
	c.stop()
	return err
}

// Release gives the key back as if it had not been used, for answers that are not remembered: 401, 403, 429 and 5xx. A claim that has
// been completed, or that another has taken over, is left as it is; so it may be called in any doubt about a commit.
func (c *Claim) Release(ctx context.Context) error {
	c.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return c.service.db.InTenant(ctx, c.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from idempotency
			where tenant_id = $1 and environment = $2 and key_hash = $3 and token = $4 and state = 'running'`,
			c.scope.Tenant, c.scope.Environment, c.keyHash, c.token)
		if err != nil {
			return fmt.Errorf("release an idempotency key: %w", err)
		}
		return nil
	})
}

// beatsPerLease leaves room for two beats to be lost.
const beatsPerLease = 3

// startHeartbeat renews the lease until the claim has ended or ctx is done.
func (c *Claim) startHeartbeat(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(c.service.lease / beatsPerLease)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			held, err := c.renew(ctx)
			if err != nil && ctx.Err() == nil {
				c.service.logger.WarnContext(ctx, "the lease of an idempotency key could not be renewed", "error", err)
			}
			if err == nil && !held {
				return
			}
		}
	}()
}

// renew prolongs the lease and says whether it is still held.
func (c *Claim) renew(ctx context.Context) (held bool, err error) {
	err = c.service.db.InTenant(ctx, c.scope, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update idempotency set lease_until = clock_timestamp() + make_interval(secs => $5)
			where tenant_id = $1 and environment = $2 and key_hash = $3 and token = $4 and state = 'running'`,
			c.scope.Tenant, c.scope.Environment, c.keyHash, c.token, c.service.lease.Seconds())
		held = tag.RowsAffected() == 1
		return err
	})
	return held, err
}
