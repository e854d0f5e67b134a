package tenant

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	secretBytes = 32 // as many as HMAC-SHA256 makes use of (RFC 2104 section 3)
	// MaxSecrets is how many secrets of one key are remembered: the one in force and older ones that overlap with it, or have
	// lately ceased to be valid.
	MaxSecrets = 3
	// MaxOverlap is the longest time for which an old secret stays valid.
	MaxOverlap = 30 * 24 * time.Hour
)

const keyColumns = `k.tenant_id, k.environment, k.key_id, k.name, k.scopes, k.cidrs, k.rate_per_minute, k.rate_per_day,
	k.endpoint_limits, k.expires_at, k.revoked_at, k.last_used_at, k.created_at`

// columns are where keyColumns are scanned to.
func (k *Key) columns() []any {
	return []any{&k.Scope.Tenant, &k.Scope.Environment, &k.ID, &k.Name, &k.Scopes, &k.CIDRs, &k.RatePerMinute, &k.RatePerDay,
		&k.EndpointLimits, &k.ExpiresAt, &k.RevokedAt, &k.LastUsedAt, &k.CreatedAt}
}

func scanKey(row pgx.CollectableRow) (key Key, err error) {
	err = row.Scan(key.columns()...)
	return key, err
}

// newSecret never begins with -, which command lines would take for an option, and repeat in an error.
func newSecret() string {
	for {
		var secret [secretBytes]byte
		rand.Read(secret[:]) // never fails, by its documentation
		if text := base64.RawURLEncoding.EncodeToString(secret[:]); text[0] != '-' {
			return text
		}
	}
}

// newKeyID is public, unique, and sorts by the time of its making among the keys of one tenant and environment.
func newKeyID(environment ekyc.Environment, region string) string {
	_, digits, _ := strings.Cut(string(ekyc.NewID(ekyc.KindKey)), "_")
	return "ek_" + string(environment) + "_" + region + "_" + digits
}

// secretPurpose binds a sealed secret to its key.
func secretPurpose(keyID string) string { return "tenant/api_key_secret/" + keyID }

// CreateKey makes a key and gives its secret, which nobody can be told again. Errors: ErrInvalidArgument, ErrNotFound without the tenant.
func (s *Service) CreateKey(ctx context.Context, scope ekyc.Scope, in KeyInput) (key Key, secret string, err error) {
	if err := in.validate(time.Now()); err != nil {
		return Key{}, "", err
	}
	in = in.complete()
	secret = newSecret()
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		var region string
		err := tx.QueryRow(ctx, `select region from tenant where tenant_id = $1`, scope.Tenant).Scan(&region)
		if errors.Is(err, pgx.ErrNoRows) {
			return ekyc.Errorf(ekyc.ErrNotFound, "there is no such tenant")
		}
		if err != nil {
			return err
		}
		key, err = oneKey(ctx, tx, `insert into api_key as k
			(tenant_id, environment, key_id, name, scopes, cidrs, rate_per_minute, rate_per_day, endpoint_limits, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning `+keyColumns,
			scope.Tenant, scope.Environment, newKeyID(scope.Environment, region), in.Name, in.Scopes, in.CIDRs,
			in.RatePerMinute, in.RatePerDay, in.EndpointLimits, in.ExpiresAt)
		if err != nil {
			return err
		}
		return s.addSecret(ctx, tx, key, secret)
	})
	if err != nil {
		return Key{}, "", err
	}
	return key, secret, nil
}

// addSecret seals a secret and puts it in force; the one before must have been given an end.
func (s *Service) addSecret(ctx context.Context, tx pgx.Tx, key Key, secret string) error {
	sealed, err := s.sealer.Seal(secretPurpose(key.ID), []byte(secret))
	if err != nil {
		return fmt.Errorf("seal a secret of %s: %w", key.ID, err)
	}
	_, err = tx.Exec(ctx, `insert into api_key_secret (tenant_id, environment, key_id, number, sealed)
		select $1, $2, $3, coalesce(max(number), 0) + 1, $4 from api_key_secret where key_id = $3`,
		key.Scope.Tenant, key.Scope.Environment, key.ID, sealed)
	return err
}

// oneKey runs a statement that gives one key's row. Errors: ErrNotFound.
func oneKey(ctx context.Context, tx pgx.Tx, statement string, args ...any) (Key, error) {
	rows, _ := tx.Query(ctx, statement, args...)
	key, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return Key{}, ekyc.Errorf(ekyc.ErrNotFound, "there is no such key")
	}
	return key, err
}

// GetKey gives one key of the scope. Errors: ErrNotFound.
func (s *Service) GetKey(ctx context.Context, scope ekyc.Scope, id string) (key Key, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		key, err = oneKey(ctx, tx, `select `+keyColumns+` from api_key k where key_id = $1`, id)
		return err
	})
	return key, err
}

// ListKeys gives up to limit keys of the scope, newest first, from behind after, and where to go on; "" at the end. Revoked and
// expired ones are among them.
func (s *Service) ListKeys(ctx context.Context, scope ekyc.Scope, limit int, after string) (keys []Key, next string, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, `select `+keyColumns+` from api_key k where $1 = '' or k.key_id < $1 order by k.key_id desc limit $2`,
			after, pageSize(limit)+1)
		keys, err = pgx.CollectRows(rows, scanKey)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	keys, more := page(keys, pageSize(limit))
	if more {
		next = keys[len(keys)-1].ID
	}
	return keys, next, nil
}

// RolloverKey gives a key another secret. The older ones stay valid for overlap at the longest; with 0 they end at once.
// Errors: ErrInvalidArgument, ErrNotFound, ErrConflict for a key that is revoked or expired or has MaxSecrets valid secrets.
func (s *Service) RolloverKey(ctx context.Context, scope ekyc.Scope, id string, overlap time.Duration) (key Key, secret string, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Key{}, "", ekyc.Errorf(ekyc.ErrInvalidArgument, "the overlap is from 0 to %d hours", int(MaxOverlap.Hours())).With("field", "overlap")
	}
	secret = newSecret()
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		// The new revision makes every process forget the secrets that it remembers; the row's lock lets rollovers wait for each other.
		key, err = oneKey(ctx, tx, `update api_key k set revision = revision + 1 where key_id = $1 returning `+keyColumns, id)
		if err != nil {
			return err
		}
		var usable bool
		if err := tx.QueryRow(ctx, `select $1::timestamptz is null and coalesce($2 > clock_timestamp(), true)`, key.RevokedAt, key.ExpiresAt).Scan(&usable); err != nil {
			return err
		}
		if !usable {
			return ekyc.Errorf(ekyc.ErrConflict, "the key is revoked or has expired")
		}
		if err := retireSecrets(ctx, tx, id, overlap); err != nil {
			return err
		}
		return s.addSecret(ctx, tx, key, secret)
	})
	if err != nil {
		return Key{}, "", err
	}
	s.cache.drop(id)
	return key, secret, nil
}

// retireSecrets gives a key's secrets an end and makes room for one more.
func retireSecrets(ctx context.Context, tx pgx.Tx, keyID string, overlap time.Duration) error {
	_, err := tx.Exec(ctx, `update api_key_secret set valid_until = least(valid_until, clock_timestamp() + make_interval(secs => $2))
		where key_id = $1`, keyID, overlap.Seconds())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `delete from api_key_secret where key_id = $1 and valid_until <= clock_timestamp()
		and number <= (select max(number) from api_key_secret where key_id = $1) - $2`, keyID, MaxSecrets-1)
	if err != nil {
		return err
	}
	var kept int
	if err := tx.QueryRow(ctx, `select count(*) from api_key_secret where key_id = $1`, keyID).Scan(&kept); err != nil {
		return err
	}
	if kept >= MaxSecrets {
		return ekyc.Errorf(ekyc.ErrConflict, "the key has %d secrets that are still valid; roll it over without overlap, or wait", kept).With("secrets", kept)
	}
	return nil
}

// RevokeKey ends a key for good; again, it changes nothing. Errors: ErrNotFound.
func (s *Service) RevokeKey(ctx context.Context, scope ekyc.Scope, id string) (key Key, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		key, err = oneKey(ctx, tx, `update api_key k set revoked_at = coalesce(revoked_at, clock_timestamp()) where key_id = $1 returning `+keyColumns, id)
		return err
	})
	if err != nil {
		return Key{}, err
	}
	s.cache.drop(id)
	return key, nil
}
