package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"ekyc"
)

// scopeKeys are the keys of one tenant in one environment.
type scopeKeys struct {
	wrapping tink.AEAD // encrypts subjects' keys
	sealing  tink.AEAD // encrypts what belongs to the tenant itself
	hashing  tink.MAC  // makes keyed hashes
}

// wrappedKeys are the same at rest.
type wrappedKeys struct{ wrapping, sealing, hashing []byte }

// scopesKept bounds the unwrapped keys held in memory; one scope's take some 5 kB.
const scopesKept = 4096

const scopeKeyRead = "select wrapping, sealing, hashing from ekyc_keys.tenant_key where tenant_id = $1 and environment = $2"

// keysOf gives the keys of a scope and makes them where there are none. They are made in a transaction of their own: were it the
// caller's, a roll-back would take back keys that others may have sealed with, and two first uses would wait for each other.
func (v *Vault) keysOf(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (*scopeKeys, error) {
	v.mu.Lock()
	keys := v.scopes[scope]
	v.mu.Unlock()
	if keys != nil {
		return keys, nil
	}
	wrapped, err := readScope(ctx, tx, scope)
	if errors.Is(err, pgx.ErrNoRows) {
		wrapped, err = v.makeScope(ctx, scope)
	}
	if err != nil {
		return nil, fmt.Errorf("read the tenant's keys: %w", err)
	}
	if keys, err = v.unwrapScope(scope, wrapped); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.scopes) >= scopesKept {
		clear(v.scopes)
	}
	v.scopes[scope] = keys
	return keys, nil
}

func readScope(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (w wrappedKeys, err error) {
	err = tx.QueryRow(ctx, scopeKeyRead, scope.Tenant, scope.Environment).Scan(&w.wrapping, &w.sealing, &w.hashing)
	return w, err
}

// makeScope makes the keys of a scope, or gives those that another made at the same moment.
func (v *Vault) makeScope(ctx context.Context, scope ekyc.Scope) (w wrappedKeys, err error) {
	if !scope.Valid() {
		return w, ekyc.Errorf(ekyc.ErrInternal, "keys need a tenant and an environment")
	}
	made, err := v.newScope(scope)
	if err != nil {
		return w, err
	}
	err = v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into ekyc_keys.tenant_key (tenant_id, environment, wrapping, sealing, hashing)
			values ($1, $2, $3, $4, $5) on conflict do nothing`, scope.Tenant, scope.Environment, made.wrapping, made.sealing, made.hashing)
		if err != nil {
			return err
		}
		w, err = readScope(ctx, tx, scope)
		return err
	})
	return w, err
}

func (v *Vault) newScope(scope ekyc.Scope) (w wrappedKeys, err error) {
	for _, part := range []struct {
		name   string
		make   func() (*keyset.Handle, error)
		target *[]byte
	}{{"wrapping", newSealingKey, &w.wrapping}, {"sealing", newSealingKey, &w.sealing}, {"hashing", newHashingKey, &w.hashing}} {
		handle, err := part.make()
		if err != nil {
			return w, err
		}
		if *part.target, err = wrap(v.keyring.aead, handle, scopeKeyName(scope, part.name)); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (v *Vault) unwrapScope(scope ekyc.Scope, w wrappedKeys) (*scopeKeys, error) {
	keys := &scopeKeys{}
	wrapping, err := unwrap(v.keyring.aead, w.wrapping, scopeKeyName(scope, "wrapping"))
	if err != nil {
		return nil, err
	}
	sealing, err := unwrap(v.keyring.aead, w.sealing, scopeKeyName(scope, "sealing"))
	if err != nil {
		return nil, err
	}
	hashing, err := unwrap(v.keyring.aead, w.hashing, scopeKeyName(scope, "hashing"))
	if err != nil {
		return nil, err
	}
	if keys.wrapping, err = sealer(wrapping); err != nil {
		return nil, fmt.Errorf("use a tenant's key: %w", err)
	}
	if keys.sealing, err = sealer(sealing); err != nil {
		return nil, fmt.Errorf("use a tenant's key: %w", err)
	}
	if keys.hashing, err = hasher(hashing); err != nil {
		return nil, fmt.Errorf("use a tenant's key: %w", err)
	}
	return keys, nil
}

func scopeKeyName(scope ekyc.Scope, part string) string {
	return string(binding(scope, "", "key/"+part))
}

// newSubjectKey makes a subject's key and gives it ready and wrapped.
func (k *scopeKeys) newSubjectKey(scope ekyc.Scope, subject ekyc.ID) (key tink.AEAD, wrapped []byte, err error) {
	handle, err := newSealingKey()
	if err != nil {
		return nil, nil, err
	}
	if wrapped, err = wrap(k.wrapping, handle, subjectKeyName(scope, subject)); err != nil {
		return nil, nil, err
	}
	if key, err = sealer(handle); err != nil {
		return nil, nil, fmt.Errorf("use a subject's key: %w", err)
	}
	return key, wrapped, nil
}

func (k *scopeKeys) unwrapSubject(scope ekyc.Scope, subject ekyc.ID, wrapped []byte) (tink.AEAD, error) {
	handle, err := unwrap(k.wrapping, wrapped, subjectKeyName(scope, subject))
	if err != nil {
		return nil, err
	}
	key, err := sealer(handle)
	if err != nil {
		return nil, fmt.Errorf("use a subject's key: %w", err)
	}
	return key, nil
}

func subjectKeyName(scope ekyc.Scope, subject ekyc.ID) string {
	return string(binding(scope, subject, "key"))
}
