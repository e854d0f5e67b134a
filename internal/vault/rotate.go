package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"ekyc"
	"ekyc/internal/keyring"
)

// Sealed are the vault's columns under the root key: the keys of scopes.
func Sealed() []keyring.Column {
	var list []keyring.Column
	for _, part := range []string{"wrapping", "sealing", "hashing"} {
		list = append(list, keyring.Column{
			Table: "ekyc_keys.tenant_key", Name: part, Key: []string{"tenant_id", "environment"}, Wrapped: true,
			Purpose: func(key []string) string {
				return scopeKeyName(ekyc.Scope{Tenant: ekyc.ID(key[0]), Environment: ekyc.Environment(key[1])}, part)
			},
		})
	}
	return list
}

// ScopeKeys say how the keys of a scope stand.
type ScopeKeys struct {
	Scope     ekyc.Scope
	CreatedAt time.Time
	RotatedAt *time.Time // nil: never
	Wrapping  []uint32   // identifiers of the keys that wrap subjects' keys; the last one is in use
	Sealing   []uint32   // and of those that seal what is the tenant's own
	Subjects  int64      // keys of subjects
	Behind    Behind     // what is under older keys
}

// RotateKeys gives a scope newer keys: one that wraps subjects' keys and one that seals what is the tenant's own. The older ones stay and open what they
// have sealed; other processes use the newer ones within a minute, and at once where they meet something sealed under them. The key of keyed hashes
// stays, since what it made could not be found again. Errors: ErrNotFound when the scope has no keys yet.
func (v *Vault) RotateKeys(ctx context.Context, scope ekyc.Scope) error {
	return v.changeKeys(ctx, scope, func(wrapping, sealing *keyset.Handle) (*keyset.Handle, *keyset.Handle, string, error) {
		wrapping, err := addKey(wrapping)
		if err != nil {
			return nil, nil, "", err
		}
		sealing, err = addKey(sealing)
		return wrapping, sealing, ", rotated_at = clock_timestamp(), settled_at = null", err
	})
}

func addKey(handle *keyset.Handle) (*keyset.Handle, error) {
	return keyring.Edit(handle, func(m *keyset.Manager) error {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		return m.SetPrimary(id)
	})
}

// changeKeys changes the keysets of a scope, which nobody else changes meanwhile.
func (v *Vault) changeKeys(ctx context.Context, scope ekyc.Scope,
	change func(wrapping, sealing *keyset.Handle) (w, s *keyset.Handle, also string, err error)) error {
	err := v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var w wrappedKeys
		err := tx.QueryRow(ctx, scopeKeyRead+" for update", scope.Tenant, scope.Environment).Scan(&w.wrapping, &w.sealing, &w.hashing)
		if errors.Is(err, pgx.ErrNoRows) {
			return ekyc.Errorf(ekyc.ErrNotFound, "the tenant has no keys in this environment yet")
		}
		if err != nil {
			return err
		}
		wrapping, err := v.keyring.Unwrap(w.wrapping, scopeKeyName(scope, "wrapping"))
		if err != nil {
			return err
		}
		sealing, err := v.keyring.Unwrap(w.sealing, scopeKeyName(scope, "sealing"))
		if err != nil {
			return err
		}
		wrapping, sealing, also, err := change(wrapping, sealing)
		if err != nil {
			return err
		}
		if w.wrapping, err = v.keyring.Wrap(wrapping, scopeKeyName(scope, "wrapping")); err != nil {
			return err
		}
		if w.sealing, err = v.keyring.Wrap(sealing, scopeKeyName(scope, "sealing")); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update ekyc_keys.tenant_key set wrapping = $3, sealing = $4`+also+` where tenant_id = $1 and environment = $2`,
			scope.Tenant, scope.Environment, w.wrapping, w.sealing)
		return err
	})
	if err != nil {
		return fmt.Errorf("change the tenant's keys: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.scopes, scope)
	return nil
}

// rewrapSubjects wraps the keys of a scope's subjects under its newest key.
func (v *Vault) rewrapSubjects(ctx context.Context, scope ekyc.Scope, keys *scopeKeys, progress func(done int64)) (int64, error) {
	return keyring.Resealing{
		Table: "ekyc_keys.subject_key", Column: "wrapped", Key: []string{"subject_id"}, Progress: progress,
		Stale: "tenant_id = $1 and environment = $2 and " + keyring.WrappingKey("wrapped") + " <> $3",
		Args:  []any{scope.Tenant, scope.Environment, keyring.Prefix(keys.wrapping.newest())},
		Change: func(key []string, wrapped []byte) ([]byte, error) {
			return keyring.Rewrap(keys.wrapping, keys.wrapping, wrapped, subjectKeyName(scope, ekyc.ID(key[0])))
		},
	}.Run(ctx, v.db)
}

// newest is the key in use: keys are added at the end only.
func (p part) newest() uint32 { return p.ids[len(p.ids)-1] }

func (v *Vault) readAsSystem(ctx context.Context, scope ekyc.Scope) (keys *scopeKeys, err error) {
	if err := v.keyring.Ready(); err != nil {
		return nil, err
	}
	err = v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		w, err := readScope(ctx, tx, scope)
		if errors.Is(err, pgx.ErrNoRows) {
			return ekyc.Errorf(ekyc.ErrNotFound, "the tenant has no keys in this environment yet")
		}
		if err != nil {
			return err
		}
		keys, err = v.unwrapScope(scope, w)
		return err
	})
	return keys, err
}

// RetireKeys destroys the older keys of a scope, those that have wrapped keys of subjects and those that have sealed what is the tenant's own, for good. Errors:
// ErrConflict while something is under them or was a minute ago, or the newest key is younger than ten minutes; ErrNotFound.
func (v *Vault) RetireKeys(ctx context.Context, scope ekyc.Scope, columns []Column) (removed int, err error) {
	err = v.changeKeys(ctx, scope, func(wrapping, sealing *keyset.Handle) (*keyset.Handle, *keyset.Handle, string, error) {
		removed = 0
		if err := v.mayRetire(ctx, scope, columns, wrapping, sealing); err != nil {
			return nil, nil, "", err
		}
		for _, part := range []**keyset.Handle{&wrapping, &sealing} {
			list := keyring.IDs(*part)
			handle, err := keyring.Edit(*part, func(m *keyset.Manager) error {
				for _, id := range list[:len(list)-1] {
					if err := m.Delete(id); err != nil {
						return err
					}
					removed++
				}
				return nil
			})
			if err != nil {
				return nil, nil, "", err
			}
			*part = handle
		}
		return wrapping, sealing, "", nil
	})
	return removed, err
}

// mayRetire refuses to destroy keys that something needs.
func (v *Vault) mayRetire(ctx context.Context, scope ekyc.Scope, columns []Column, wrapping, sealing *keyset.Handle) error {
	state, err := v.retirement(ctx, scope)
	if err == nil {
		err = state.young()
	}
	if err != nil {
		return err
	}
	var left Behind
	err = v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		left, err = behind(ctx, tx, scope, columns, part{ids: keyring.IDs(wrapping)}, part{ids: keyring.IDs(sealing)})
		return err
	})
	switch {
	case err != nil:
		return err
	case left != Behind{}:
		return ekyc.Errorf(ekyc.ErrConflict, "%d keys of subjects and %d other values are still under older keys", left.Subjects, left.Values).With("subjects", left.Subjects).With("values", left.Values)
	case state.settled == nil || state.wait() > 0:
		return ekyc.Errorf(ekyc.ErrConflict, "something was under the older keys less than a minute ago, and a request may still open it")
	}
	return nil
}

// ListKeys says how the keys of scopes stand, and what of the columns and of subjects is under which: of one tenant, or of all where it is "".
func (v *Vault) ListKeys(ctx context.Context, tenant ekyc.ID, columns []Column) ([]ScopeKeys, error) {
	var list []ScopeKeys
	err := v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		list = nil
		rows, err := tx.Query(ctx, `select tenant_id, environment, wrapping, sealing, created_at, rotated_at from ekyc_keys.tenant_key
			where $1 = '' or tenant_id = $1 order by tenant_id, environment`, tenant)
		if err != nil {
			return err
		}
		var s ScopeKeys
		var wrapping, sealing []byte
		_, err = pgx.ForEachRow(rows, []any{&s.Scope.Tenant, &s.Scope.Environment, &wrapping, &sealing, &s.CreatedAt, &s.RotatedAt}, func() error {
			w, err := v.unwrapPart(s.Scope, "wrapping", wrapping)
			if err != nil {
				return err
			}
			own, err := v.unwrapPart(s.Scope, "sealing", sealing)
			if err != nil {
				return err
			}
			s.Wrapping, s.Sealing = w.ids, own.ids
			list = append(list, s)
			s, wrapping, sealing = ScopeKeys{}, nil, nil
			return nil
		})
		if err != nil {
			return err
		}
		if err := countSubjects(ctx, tx, tenant, list); err != nil {
			return err
		}
		for i, s := range list { // most have never been rotated, and need no count
			if len(s.Sealing) == 1 {
				continue
			}
			if list[i].Behind, err = behind(ctx, tx, s.Scope, columns, part{ids: s.Wrapping}, part{ids: s.Sealing}); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func countSubjects(ctx context.Context, tx pgx.Tx, tenant ekyc.ID, list []ScopeKeys) error {
	if _, err := tx.Exec(ctx, `set local statement_timeout = 0`); err != nil { // it reads the whole table
		return err
	}
	rows, err := tx.Query(ctx, `select tenant_id, environment, count(*) from ekyc_keys.subject_key where $1 = '' or tenant_id = $1 group by 1, 2`, tenant)
	if err != nil {
		return err
	}
	var scope ekyc.Scope
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&scope.Tenant, &scope.Environment, &n}, func() error {
		if i := slices.IndexFunc(list, func(s ScopeKeys) bool { return s.Scope == scope }); i >= 0 {
			list[i].Subjects = n
		}
		return nil
	})
	return err
}
