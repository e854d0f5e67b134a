package vault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"ekyc"
	"ekyc/internal/keyring"
)

// scopeKeys are the keys of one tenant in one environment.
type scopeKeys struct {
	wrapping part     // encrypts subjects' keys
	sealing  part     // encrypts what belongs to the tenant itself
	hashing  tink.MAC // makes keyed hashes
	read     time.Time
}

// part is a keyset and the identifiers of its keys.
type part struct {
	tink.AEAD
	ids []uint32
}

// opens says whether something was sealed under a key of the set, as far as can be seen from outside.
func (p part) opens(sealed []byte) bool {
	id, ok := keyring.KeyOf(sealed)
	return !ok || slices.Contains(p.ids, id)
}

// wrappedKeys are the same at rest.
type wrappedKeys struct{ wrapping, sealing, hashing []byte }

const (
	scopesKept = 4096        // bounds the unwrapped keys held in memory; one scope's take some 5 kB
	scopeFor   = time.Minute // how long they are used before they are read again: so long may older keys seal after a rotation
)

const scopeKeyRead = "select wrapping, sealing, hashing from ekyc_keys.tenant_key where tenant_id = $1 and environment = $2"

// keysOf gives the keys of a scope and makes them where there are none. They are made in a transaction of their own: were it the
// caller's, a roll-back would take back keys that others may have sealed with, and two first uses would wait for each other.
func (v *Vault) keysOf(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (*scopeKeys, error) {
	if err := v.keyring.Ready(); err != nil { // what is remembered here is the key service's to refuse as well
		return nil, err
	}
	v.mu.Lock()
	keys := v.scopes[scope]
	v.mu.Unlock()
	if keys != nil && time.Since(keys.read) < scopeFor {
		return keys, nil
	}
	return v.readKeys(ctx, tx, scope)
}

// readKeys reads the keys of a scope anew and remembers them.
func (v *Vault) readKeys(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (*scopeKeys, error) {
	began := time.Now()
	wrapped, err := readScope(ctx, tx, scope)
	if errors.Is(err, pgx.ErrNoRows) {
		wrapped, err = v.makeScope(ctx, scope)
	}
	if err != nil {
		return nil, fmt.Errorf("read the tenant's keys: %w", err)
	}
	keys, err := v.unwrapScope(scope, wrapped)
	if err != nil {
		return nil, err
	}
	keys.read = began
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.scopes) >= scopesKept {
		clear(v.scopes)
	}
	v.scopes[scope] = keys
	return keys, nil
}

// keysForTenants gives the keys of a scope for something sealed under its own: where it was sealed under one that came since, they are read anew.
func (v *Vault) keysForTenants(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, sealed []byte) (*scopeKeys, error) {
	keys, err := v.keysOf(ctx, tx, scope)
	if err != nil || keys.sealing.opens(sealed) {
		return keys, err
	}
	return v.readKeys(ctx, tx, scope)
}

// keysForSubjects is the same for wrapped keys of subjects, some of which may be nil.
func (v *Vault) keysForSubjects(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, wrapped iter.Seq[[]byte]) (*scopeKeys, error) {
	keys, err := v.keysOf(ctx, tx, scope)
	if err != nil {
		return nil, err
	}
	for w := range wrapped {
		if w == nil {
			continue
		}
		sealed, err := keyring.Wrapped(w)
		if err != nil {
			return nil, err
		}
		if !keys.wrapping.opens(sealed) {
			return v.readKeys(ctx, tx, scope)
		}
	}
	return keys, nil
}

func one(b []byte) iter.Seq[[]byte] { return slices.Values([][]byte{b}) }

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
	}{{"wrapping", keyring.NewSealingKey, &w.wrapping}, {"sealing", keyring.NewSealingKey, &w.sealing}, {"hashing", keyring.NewHashingKey, &w.hashing}} {
		handle, err := part.make()
		if err != nil {
			return w, err
		}
		if *part.target, err = v.keyring.Wrap(handle, scopeKeyName(scope, part.name)); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (v *Vault) unwrapScope(scope ekyc.Scope, w wrappedKeys) (*scopeKeys, error) {
	wrapping, err := v.unwrapPart(scope, "wrapping", w.wrapping)
	if err != nil {
		return nil, err
	}
	sealing, err := v.unwrapPart(scope, "sealing", w.sealing)
	if err != nil {
		return nil, err
	}
	handle, err := v.keyring.Unwrap(w.hashing, scopeKeyName(scope, "hashing"))
	if err != nil {
		return nil, err
	}
	hashing, err := keyring.Hasher(handle)
	if err != nil {
		return nil, fmt.Errorf("use a tenant's key: %w", err)
	}
	return &scopeKeys{wrapping: wrapping, sealing: sealing, hashing: hashing}, nil
}

func (v *Vault) unwrapPart(scope ekyc.Scope, name string, wrapped []byte) (part, error) {
	handle, err := v.keyring.Unwrap(wrapped, scopeKeyName(scope, name))
	if err != nil {
		return part{}, err
	}
	return newPart(handle)
}

func newPart(handle *keyset.Handle) (part, error) {
	cipher, err := keyring.Sealer(handle)
	if err != nil {
		return part{}, fmt.Errorf("use a tenant's key: %w", err)
	}
	return part{cipher, keyring.IDs(handle)}, nil
}

func scopeKeyName(scope ekyc.Scope, part string) string {
	return string(binding(scope, "", "key/"+part))
}

// newSubjectKey makes a subject's key and gives it ready and wrapped.
func (k *scopeKeys) newSubjectKey(scope ekyc.Scope, subject ekyc.ID) (key tink.AEAD, wrapped []byte, err error) {
	handle, err := keyring.NewSealingKey()
	if err != nil {
		return nil, nil, err
	}
	if wrapped, err = keyring.Wrap(k.wrapping, handle, subjectKeyName(scope, subject)); err != nil {
		return nil, nil, err
	}
	if key, err = keyring.Sealer(handle); err != nil {
		return nil, nil, fmt.Errorf("use a subject's key: %w", err)
	}
	return key, wrapped, nil
}

func (k *scopeKeys) unwrapSubject(scope ekyc.Scope, subject ekyc.ID, wrapped []byte) (tink.AEAD, error) {
	handle, err := keyring.Unwrap(k.wrapping, wrapped, subjectKeyName(scope, subject))
	if err != nil {
		return nil, err
	}
	key, err := keyring.Sealer(handle)
	if err != nil {
		return nil, fmt.Errorf("use a subject's key: %w", err)
	}
	return key, nil
}

func subjectKeyName(scope ekyc.Scope, subject ekyc.ID) string {
	return string(binding(scope, subject, "key"))
}
