// Package challenge gives out sequences of random actions that a person performs before the camera, and sees to it that each is used
// once, in time, by the key that asked for it.
package challenge

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/face/liveness"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the package's table.
var Migrations = store.Migrations{Package: "challenge", Files: migrationFiles, Directory: "migrations"}

const (
	// Lifetime is how long a challenge can be used (CONTRACT.md).
	Lifetime = 180 * time.Second
	// kept is how long a challenge is remembered after its end, so that a late client is told why it is refused.
	kept       = 24 * time.Hour
	sweepBatch = 1000
)

// Why a challenge is refused: the detail "reason" of ErrChallengeInvalid.
const (
	ReasonUnknown  = "unknown"   // no such challenge was given to this tenant in this environment
	ReasonOtherKey = "other_key" // it was given to another key of the tenant
	ReasonUsed     = "used"
	ReasonExpired  = "expired"
)

// Service gives out challenges and takes them back. It is safe for concurrent use, and exact over any number of processes on one database.
type Service struct {
	db    *store.DB
	vault *vault.Vault
}

// New makes a service.
func New(db *store.DB, v *vault.Vault) *Service { return &Service{db: db, vault: v} }

// Challenge is what a person is asked to do.
type Challenge struct {
	ID        ekyc.ID
	KeyID     string // of the API key it was given to
	Actions   []liveness.Action
	CreatedAt time.Time
	ExpiresAt time.Time
	Signature string     // lower-case hex of an HMAC-SHA256 under the tenant's key, over everything above
	UsedAt    *time.Time // set by Use
}

// Issue makes a challenge of n random actions (liveness.MinActions to MaxActions) for one key, in the caller's transaction, which is one of
// InTenant for the scope. Errors: ErrInvalidArgument for another n.
func (s *Service) Issue(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, keyID string, n int) (Challenge, error) {
	actions, err := liveness.RandomActions(rand.Reader, n)
	if err != nil {
		return Challenge{}, err
	}
	c := Challenge{ID: ekyc.NewID(ekyc.KindChallenge), KeyID: keyID, Actions: actions}
	if err := tx.QueryRow(ctx, "select date_trunc('milliseconds', clock_timestamp())").Scan(&c.CreatedAt); err != nil {
		return Challenge{}, fmt.Errorf("make a challenge: %w", err)
	}
	c.ExpiresAt = c.CreatedAt.Add(Lifetime)
	signature, err := s.sign(ctx, tx, scope, &c)
	if err != nil {
		return Challenge{}, err
	}
	c.Signature = hex.EncodeToString(signature)
	_, err = tx.Exec(ctx, `insert into challenge (tenant_id, environment, id, key_id, actions, created_at, expires_at, signature)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`, scope.Tenant, scope.Environment, c.ID, c.KeyID, c.Actions, c.CreatedAt, c.ExpiresAt, signature)
	if err != nil {
		return Challenge{}, fmt.Errorf("make a challenge: %w", err)
	}
	return c, nil
}

// sign is the keyed hash of everything that a challenge says; tenant and environment are in the key.
func (s *Service) sign(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, c *Challenge) ([]byte, error) {
	said := []string{string(c.ID), c.KeyID, strconv.FormatInt(c.CreatedAt.UnixMilli(), 10), strconv.FormatInt(c.ExpiresAt.UnixMilli(), 10)}
	for _, a := range c.Actions {
		said = append(said, string(a))
	}
	return s.vault.Hash(ctx, tx, scope, "challenge/signature", strings.Join(said, "\n")) // no part has a line break
}

// Use takes a challenge for the frames that answer it, in the caller's transaction: of any number of callers, in any number of processes,
// one gets it. It is used when that transaction commits. Errors: ErrChallengeInvalid with the detail "reason".
func (s *Service) Use(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, keyID string, id ekyc.ID) (Challenge, error) {
	if !id.Is(ekyc.KindChallenge) {
		return Challenge{}, invalid(ReasonUnknown)
	}
	c := Challenge{ID: id, KeyID: keyID}
	var signature []byte
	err := tx.QueryRow(ctx, `update challenge set used_at = clock_timestamp()
		where tenant_id = $1 and environment = $2 and id = $3 and key_id = $4 and used_at is null and expires_at > clock_timestamp()
		returning actions, created_at, expires_at, used_at, signature`,
		scope.Tenant, scope.Environment, id, keyID).Scan(&c.Actions, &c.CreatedAt, &c.ExpiresAt, &c.UsedAt, &signature)
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, s.refusal(ctx, tx, scope, keyID, id)
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("use a challenge: %w", err)
	}
	expected, err := s.sign(ctx, tx, scope, &c)
	if err != nil {
		return Challenge{}, err
	}
	if !hmac.Equal(signature, expected) { // the row is not as it was made
		return Challenge{}, invalid(ReasonUnknown)
	}
	c.Signature = hex.EncodeToString(signature)
	return c, nil
}

// refusal says why a challenge could not be used.
func (s *Service) refusal(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, keyID string, id ekyc.ID) error {
	var own, used bool
	err := tx.QueryRow(ctx, `select key_id = $4, used_at is not null from challenge where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, id, keyID).Scan(&own, &used)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return invalid(ReasonUnknown)
	case err != nil:
		return fmt.Errorf("read a challenge: %w", err)
	case !own:
		return invalid(ReasonOtherKey)
	case used:
		return invalid(ReasonUsed)
	}
	return invalid(ReasonExpired)
}

func invalid(reason string) error {
	return ekyc.Errorf(ekyc.ErrChallengeInvalid, "the challenge cannot be used: %s", strings.ReplaceAll(reason, "_", " ")).
		With("reason", reason).With("field", "/challenge_id")
}

// GiveBack undoes one Use whose work failed on our side, so that the person need not do it all again while the challenge lasts.
func (s *Service) GiveBack(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, c Challenge) error {
	_, err := tx.Exec(ctx, `update challenge set used_at = null where tenant_id = $1 and environment = $2 and id = $3 and used_at = $4`,
		scope.Tenant, scope.Environment, c.ID, c.UsedAt)
	if err != nil {
		return fmt.Errorf("give a challenge back: %w", err)
	}
	return nil
}

// Sweep forgets the challenges that ended more than a day ago.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		var deleted int64
		err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `delete from challenge where (tenant_id, environment, id) in (
				select tenant_id, environment, id from challenge where expires_at <= clock_timestamp() - make_interval(secs => $1)
				order by expires_at limit $2 for update skip locked)`, kept.Seconds(), sweepBatch)
			deleted = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("forget challenges: %w", err)
		}
		if deleted < sweepBatch {
			return nil
		}
	}
}
