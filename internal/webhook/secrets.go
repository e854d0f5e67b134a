package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// kindSecret marks identifiers of secrets, which leave this package in no way.
const kindSecret ekyc.Kind = "whs"

// maxOverlap bounds how long an old secret goes on signing.
const maxOverlap = 7 * 24 * time.Hour

// maxKeys is how many keys of a version an endpoint keeps, the current one among them.
const maxKeys = 5

// DefaultSecret gives the secret that signs callbacks, and whether this call made it.
func (s *Service) DefaultSecret(ctx context.Context, scope ekyc.Scope) (secret string, created bool, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		var key signingKey
		if key, created, err = s.ensureDefault(ctx, tx, scope); err != nil {
			return err
		}
		secret = key.text()
		return nil
	})
	if err != nil {
		return "", false, err
	}
	return secret, created, nil
}

// RotateDefaultSecret makes a new default secret; the old ones go on signing beside it for the overlap at the longest (0 to 7 days).
func (s *Service) RotateDefaultSecret(ctx context.Context, scope ekyc.Scope, overlap time.Duration) (string, error) {
	if err := checkOverlap(overlap); err != nil {
		return "", err
	}
	var secret string
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, _, err := s.ensureDefault(ctx, tx, scope); err != nil {
			return err
		}
		key, err := s.rotate(ctx, tx, scope, nil, versionHMAC, overlap)
		secret = key.text()
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// RotateSecret makes a new secret for an endpoint (and a new Ed25519 key, where it has one); the old ones go on signing beside the new
// for the overlap at the longest (0 to 7 days). The secret is shown this once.
func (s *Service) RotateSecret(ctx context.Context, scope ekyc.Scope, id ekyc.ID, overlap time.Duration) (string, error) {
	if err := checkOverlap(overlap); err != nil {
		return "", err
	}
	var secret string
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		row, err := lockEndpoint(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		key, err := s.rotate(ctx, tx, scope, &id, versionHMAC, overlap)
		if err != nil {
			return err
		}
		secret = key.text()
		if row.PublicKey == nil {
			return nil
		}
		pair, err := s.rotate(ctx, tx, scope, &id, versionEd25519, overlap)
		if err != nil {
			return err
		}
		return setPublicKey(ctx, tx, scope, id, pair)
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

func checkOverlap(overlap time.Duration) error {
	if overlap < 0 || overlap > maxOverlap {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the overlap must be from 0 to 7 days").With("field", "overlap")
	}
	return nil
}

// ensureDefault gives the scope's default key and makes it where there is none. Of two that make it at once, one waits and finds it.
func (s *Service) ensureDefault(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (key signingKey, created bool, err error) {
	for range 2 {
		keys, err := s.keys(ctx, tx, scope, nil)
		if err != nil {
			return signingKey{}, false, err
		}
		if len(keys) > 0 {
			return keys[0], created, nil
		}
		created, err = s.insertKey(ctx, tx, scope, nil, newSigningKey(versionHMAC))
		if err != nil {
			return signingKey{}, false, err
		}
	}
	return signingKey{}, false, errors.New("the default secret was not found after it was made")
}

// rotate makes the next key of one version. The others end after the overlap at the latest: who rotates without one, since a secret is known to
// others, means those too that serve out an earlier overlap.
func (s *Service) rotate(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, endpoint *ekyc.ID, version string, overlap time.Duration) (signingKey, error) {
	// Whoever rotates first holds the row; the second finds it ended, and its insert collides: both are told apart below.
	_, err := tx.Exec(ctx, `update webhook_secret set valid_until = least(valid_until, clock_timestamp() + $5::interval)
		where tenant_id = $1 and environment = $2 and endpoint_id is not distinct from $3 and algorithm = $4`,
		scope.Tenant, scope.Environment, endpoint, version, overlap)
	if err != nil {
		return signingKey{}, fmt.Errorf("end the current webhook secret: %w", err)
	}
	key := newSigningKey(version)
	made, err := s.insertKey(ctx, tx, scope, endpoint, key)
	if err != nil {
		return signingKey{}, err
	}
	if !made {
		return signingKey{}, ekyc.Errorf(ekyc.ErrConflict, "the secret is being rotated by another request")
	}
	return key, trimOverlap(ctx, tx, scope, endpoint, version)
}

// trimOverlap forgets the oldest keys, so that a header of signatures stays one that servers accept.
func trimOverlap(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, endpoint *ekyc.ID, version string) error {
	_, err := tx.Exec(ctx, `delete from webhook_secret where tenant_id = $1 and environment = $2 and id in (
		select id from webhook_secret where tenant_id = $1 and environment = $2 and endpoint_id is not distinct from $3 and algorithm = $4
		order by valid_until is not null, created_at desc offset $5)`, scope.Tenant, scope.Environment, endpoint, version, maxKeys)
	if err != nil {
		return fmt.Errorf("forget old webhook secrets: %w", err)
	}
	return nil
}

// insertKey stores a key and says whether it became the current one: false where another is.
func (s *Service) insertKey(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, endpoint *ekyc.ID, key signingKey) (bool, error) {
	id := ekyc.NewID(kindSecret)
	sealed, err := s.sealer.Seal(secretPurpose(scope, id), key.bytes)
	if err != nil {
		return false, fmt.Errorf("seal a webhook secret: %w", err)
	}
	tag, err := tx.Exec(ctx, `insert into webhook_secret (tenant_id, environment, id, endpoint_id, algorithm, sealed)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing`, scope.Tenant, scope.Environment, id, endpoint, key.version, sealed)
	if err != nil {
		return false, fmt.Errorf("store a webhook secret: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// secretPurpose binds a sealed secret to its row.
func secretPurpose(scope ekyc.Scope, id ekyc.ID) string {
	return fmt.Sprintf("webhook-secret|%s|%s|%s", scope.Tenant, scope.Environment, id)
}

// keys are those of an endpoint (nil: the default) that sign now, the current ones first.
func (s *Service) keys(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, endpoint *ekyc.ID) ([]signingKey, error) {
	rows, err := tx.Query(ctx, `select id, algorithm, sealed from webhook_secret
		where tenant_id = $1 and environment = $2 and endpoint_id is not distinct from $3 and (valid_until is null or valid_until > clock_timestamp())
		order by valid_until is not null, algorithm, created_at desc`, scope.Tenant, scope.Environment, endpoint)
	if err != nil {
		return nil, fmt.Errorf("read webhook secrets: %w", err)
	}
	type secretRow struct {
		ID        ekyc.ID
		Algorithm string
		Sealed    []byte
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[secretRow])
	if err != nil {
		return nil, fmt.Errorf("read webhook secrets: %w", err)
	}
	keys := make([]signingKey, len(found))
	for i, r := range found {
		plain, err := s.sealer.Open(secretPurpose(scope, r.ID), r.Sealed)
		if err != nil {
			return nil, fmt.Errorf("open webhook secret: %w", err)
		}
		keys[i] = signingKey{r.Algorithm, plain}
	}
	return keys, nil
}

// destroyKeys ends every key of an endpoint at once.
func destroyKeys(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, endpoint ekyc.ID) error {
	_, err := tx.Exec(ctx, `delete from webhook_secret where tenant_id = $1 and environment = $2 and endpoint_id = $3`,
		scope.Tenant, scope.Environment, endpoint)
	if err != nil {
		return fmt.Errorf("delete webhook secrets: %w", err)
	}
	return nil
}
