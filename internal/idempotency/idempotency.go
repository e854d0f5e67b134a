// Package idempotency lets a request that carries an Idempotency-Key be executed once, however often it is sent: the first claims the
// key, its answer is remembered in the transaction of its work, and duplicates get that answer.
//
// A claim is a lease with a token. A process that dies leaves a lease that runs out, and the next duplicate takes the key over; should
// the first be alive after all, its token no longer fits and its transaction rolls back. So the work of a key commits once at most.
package idempotency

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the package's table.
var Migrations = store.Migrations{Package: "idempotency", Files: migrationFiles, Directory: "migrations"}

// Life is how long an answer is remembered (CONTRACT.md).
const Life = 24 * time.Hour

const (
	defaultLease = 30 * time.Second
	remembered   = Life
	keyMaximum   = 255 // characters of an Idempotency-Key
	sweepBatch   = 1000
)

// Options tune a service; the zero value serves.
type Options struct {
	// Lease is how long a key stays with a process that is not heard of; 0 for 30 s. While a request runs it is renewed three times a lease.
	Lease  time.Duration
	Logger *slog.Logger // nil: slog.Default()
}

// Service remembers answers. It is safe for concurrent use.
type Service struct {
	db     *store.DB
	vault  *vault.Vault
	lease  time.Duration
	logger *slog.Logger
}

// New makes a service.
func New(db *store.DB, v *vault.Vault, o Options) *Service {
	s := &Service{db: db, vault: v, lease: o.Lease, logger: o.Logger}
	if s.lease <= 0 {
		s.lease = defaultLease
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	return s
}

// Begin claims a key for a request, or tells what became of the first one that used it. The request is told by its route template and
// the SHA-256 of its target and body. Exactly one of the results is set: a claim, which the caller ends by Complete, Finish or Release
// and which is renewed until then or until ctx is done; the remembered answer; or an error: ErrIdempotencyInProgress,
// ErrIdempotencyMismatch, ErrIdempotencyNotKept, ErrHeaderInvalid for a malformed key, ErrGone when the answer's subject has been erased.
func (s *Service) Begin(ctx context.Context, scope ekyc.Scope, key, route string, requestHash [32]byte) (*Claim, *Answer, error) {
	if !validKey(key) {
		return nil, nil, ekyc.Errorf(ekyc.ErrHeaderInvalid, "Idempotency-Key must be 1 to %d visible ASCII characters", keyMaximum)
	}
	c := &Claim{service: s, scope: scope, token: make([]byte, 16)}
	rand.Read(c.token) // never fails, by its documentation
	var answer *Answer
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if err = c.hash(ctx, tx, key, route, requestHash); err != nil {
			return err
		}
		answer, err = c.claim(ctx, tx)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if answer != nil {
		return nil, answer, nil
	}
	c.startHeartbeat(ctx)
	return c, nil, nil
}

func validKey(key string) bool {
	if key == "" || len(key) > keyMaximum {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

// hash fills in the keyed hashes. A plain hash of a body would stay linkable to the person that the body tells of.
func (c *Claim) hash(ctx context.Context, tx pgx.Tx, key, route string, requestHash [32]byte) (err error) {
	if c.keyHash, err = c.service.vault.Hash(ctx, tx, c.scope, "idempotency/key", key); err != nil {
		return err
	}
	c.requestHash, err = c.service.vault.Hash(ctx, tx, c.scope, "idempotency/request", route+"\n"+hex.EncodeToString(requestHash[:]))
	return err
}

// claimAttempts bounds the turns that rows vanishing between two statements can cause.
const claimAttempts = 5

// claim makes the key's row its own, or gives the remembered answer, or the error that the row's state means.
func (c *Claim) claim(ctx context.Context, tx pgx.Tx) (*Answer, error) {
	for range claimAttempts {
		if mine, err := c.insert(ctx, tx); err != nil || mine {
			return nil, err
		}
		r, err := c.read(ctx, tx)
		if errors.Is(err, pgx.ErrNoRows) {
			continue // released or swept just now
		}
		if err != nil {
			return nil, fmt.Errorf("read an idempotency key: %w", err)
		}
		if !r.Outdated && !r.Same {
			return nil, ekyc.Errorf(ekyc.ErrIdempotencyMismatch, "this Idempotency-Key was used with another request")
		}
		if r.Outdated || r.Lapsed {
			mine, err := c.takeOver(ctx, tx)
			if err != nil || mine {
				return nil, err
			}
			return nil, inProgress() // another takes it over, or the first comes to its end after all
		}
		return c.answer(ctx, tx, r)
	}
	return nil, inProgress()
}

func inProgress() error {
	return ekyc.Errorf(ekyc.ErrIdempotencyInProgress, "the first request with this Idempotency-Key is still being answered")
}

// insert claims a key that nobody uses. It waits only for another insert that is about to commit: the row is looked for beforehand
// because "on conflict" by itself would wait for the transaction of a request that is just completing.
func (c *Claim) insert(ctx context.Context, tx pgx.Tx) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into idempotency (tenant_id, environment, key_hash, request_hash, state, token, lease_until, expires_at)
		select $1, $2, $3, $4, 'running', $5, clock_timestamp() + make_interval(secs => $6), clock_timestamp() + make_interval(secs => $7)
		where not exists (select from idempotency where tenant_id = $1 and environment = $2 and key_hash = $3)
		on conflict do nothing`,
		c.scope.Tenant, c.scope.Environment, c.keyHash, c.requestHash, c.token, c.service.lease.Seconds(), remembered.Seconds())
	if err != nil {
		return false, fmt.Errorf("claim an idempotency key: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// record is a row as a duplicate sees it.
type record struct {
	Same      bool // request
	Running   bool
	Lapsed    bool // running, and its lease has run out
	Outdated  bool // to be forgotten
	SubjectID ekyc.ID
	Answer    []byte
}

func (c *Claim) read(ctx context.Context, tx pgx.Tx) (record, error) {
	rows, err := tx.Query(ctx, `
		select request_hash = $4 as same, state = 'running' as running, state = 'running' and lease_until <= clock_timestamp() as lapsed,
			expires_at <= clock_timestamp() and (state = 'done' or lease_until <= clock_timestamp()) as outdated, subject_id, answer
		from idempotency where tenant_id = $1 and environment = $2 and key_hash = $3`,
		c.scope.Tenant, c.scope.Environment, c.keyHash, c.requestHash)
	if err != nil {
		return record{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[record])
}

// takeOver claims a key whose lease has run out, or that is to be forgotten. It waits for nobody: a locked row is being taken over, or
// completed, by another.
func (c *Claim) takeOver(ctx context.Context, tx pgx.Tx) (bool, error) {
	tag, err := tx.Exec(ctx, `
		with free as (
			select tenant_id, environment, key_hash from idempotency
			where tenant_id = $1 and environment = $2 and key_hash = $3
				and ((state = 'running' and lease_until <= clock_timestamp() and request_hash = $4)
					or (expires_at <= clock_timestamp() and (state = 'done' or lease_until <= clock_timestamp())))
			for update skip locked)
		update idempotency i set request_hash = $4, state = 'running', token = $5, subject_id = '', answer = null,
			lease_until = clock_timestamp() + make_interval(secs => $6), expires_at = clock_timestamp() + make_interval(secs => $7)
		from free where i.tenant_id = free.tenant_id and i.environment = free.environment and i.key_hash = free.key_hash`,
		c.scope.Tenant, c.scope.Environment, c.keyHash, c.requestHash, c.token, c.service.lease.Seconds(), remembered.Seconds())
	if err != nil {
		return false, fmt.Errorf("take over an idempotency key: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// answer gives what a row that is neither free nor another request's means to a duplicate.
func (c *Claim) answer(ctx context.Context, tx pgx.Tx, r record) (*Answer, error) {
	if r.Running {
		return nil, inProgress()
	}
	if r.Answer == nil && r.SubjectID != "" {
		return nil, ekyc.Errorf(ekyc.ErrGone, "the subject has been erased")
	}
	if r.Answer == nil {
		return nil, ekyc.Errorf(ekyc.ErrIdempotencyNotKept, "the first request was executed and asked for its answer not to be kept")
	}
	plaintext, err := c.service.vault.Open(ctx, tx, c.scope, r.SubjectID, c.object(), r.Answer)
	if err != nil {
		return nil, err
	}
	return decodeAnswer(r.SubjectID, plaintext)
}

// Sweep forgets the keys first used more than 24 hours ago, except those of requests that still run.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		var deleted int64
		err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `delete from idempotency where (tenant_id, environment, key_hash) in (
				select tenant_id, environment, key_hash from idempotency
				where expires_at <= clock_timestamp() and (state = 'done' or lease_until <= clock_timestamp()) order by expires_at limit $1
				for update skip locked)`, sweepBatch)
			deleted = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("forget idempotency keys: %w", err)
		}
		if deleted < sweepBatch {
			return nil
		}
	}
}
