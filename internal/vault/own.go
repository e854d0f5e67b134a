package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/keyring"
)

// Column is a column of which some values or all are sealed under the keys of scopes themselves: what Seal was given no subject for. Each room lists its own,
// so that they can be counted and sealed anew. Its table has the columns tenant_id and environment.
type Column struct {
	Table  string // with its schema
	Name   string
	Key    []string // columns that Object needs
	Object func(key []string) string
}

// Behind is what of a scope is still under older keys.
type Behind struct {
	Subjects int64 // keys of subjects
	Values   int64 // sealed values
}

// RewrapScope brings under a scope's newest keys whatever is under its older ones: keys of subjects, and the values of the columns. It gives how many those
// were. It can be broken off at any moment and begun again; requests and erasures go on meanwhile, and a key that was destroyed stays so.
func (v *Vault) RewrapScope(ctx context.Context, scope ekyc.Scope, columns []Column, progress func(done int64)) (Behind, error) {
	keys, err := v.readAsSystem(ctx, scope)
	if err != nil {
		return Behind{}, err
	}
	if left, err := v.settle(ctx, scope, columns, keys); err != nil || left == (Behind{}) {
		return Behind{}, err
	}
	var done Behind
	if done.Subjects, err = v.rewrapSubjects(ctx, scope, keys, progress); err != nil {
		return done, err
	}
	for _, c := range columns {
		n, err := keyring.Resealing{
			Table: c.Table, Column: c.Name, Key: c.Key, Progress: progress,
			Stale: "tenant_id = $1 and environment = $2 and " + keyring.SealingKey(c.Name) + " = any($3)",
			Args:  []any{scope.Tenant, scope.Environment, keys.sealing.older()},
			Change: func(key []string, sealed []byte) ([]byte, error) {
				bound := binding(scope, "", c.Object(key))
				plain, err := open(keys.sealing, bound, sealed)
				if err != nil {
					return nil, err
				}
				defer clear(plain)
				return seal(keys.sealing, bound, plain)
			},
		}.Run(ctx, v.db)
		done.Values += n
		if err != nil {
			return done, err
		}
	}
	_, err = v.settle(ctx, scope, columns, keys)
	return done, err
}

// older are the prefixes of what the keys of the set that are not in use any more have sealed.
func (p part) older() [][]byte {
	list := [][]byte{}
	for _, id := range p.ids[:len(p.ids)-1] {
		list = append(list, keyring.Prefix(id))
	}
	return list
}

// settle counts what is under older keys of a scope and notes since when nothing is.
func (v *Vault) settle(ctx context.Context, scope ekyc.Scope, columns []Column, keys *scopeKeys) (left Behind, err error) {
	err = v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if left, err = behind(ctx, tx, scope, columns, keys.wrapping, keys.sealing); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update ekyc_keys.tenant_key set settled_at = case when $3 then coalesce(settled_at, clock_timestamp()) end where tenant_id = $1 and environment = $2`,
			scope.Tenant, scope.Environment, left == Behind{})
		return err
	})
	return left, err
}

// behind counts what of a scope is under older keys.
func behind(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, columns []Column, wrapping, sealing part) (b Behind, err error) {
	if _, err := tx.Exec(ctx, `set local statement_timeout = 0`); err != nil { // it reads whole tables
		return b, err
	}
	err = tx.QueryRow(ctx, `select count(*) from ekyc_keys.subject_key where tenant_id = $1 and environment = $2 and `+keyring.WrappingKey("wrapped")+` <> $3`,
		scope.Tenant, scope.Environment, keyring.Prefix(wrapping.newest())).Scan(&b.Subjects)
	for _, c := range columns {
		if err != nil || len(sealing.ids) == 1 {
			break
		}
		var n int64
		err = tx.QueryRow(ctx, `select count(*) from `+c.Table+` where tenant_id = $1 and environment = $2 and `+keyring.SealingKey(c.Name)+` = any($3)`,
			scope.Tenant, scope.Environment, sealing.older()).Scan(&n)
		b.Values += n
	}
	if err != nil {
		return b, fmt.Errorf("count what is under a tenant's older keys: %w", err)
	}
	return b, nil
}

const (
	// retireAfter is how long the older keys of a scope are kept at least: processes may have sealed under them for scopeFor, in transactions that take
	// a while to end.
	retireAfter = 10 * time.Minute
	// settleFor is how long nothing must have been under them: a request may have read a value before it was sealed anew, and open it now.
	settleFor = time.Minute
)

// AwaitRetirement brings what is left under the newest keys and waits, a minute at most, until no request can hold anything that is under older ones.
// Errors: ErrConflict when the newest key is younger than ten minutes; ErrNotFound.
func (v *Vault) AwaitRetirement(ctx context.Context, scope ekyc.Scope, columns []Column, progress func(done int64)) error {
	state, err := v.retirement(ctx, scope)
	if err == nil {
		err = state.young()
	}
	if err == nil {
		_, err = v.RewrapScope(ctx, scope, columns, progress)
	}
	if err == nil {
		state, err = v.retirement(ctx, scope)
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(state.wait()):
		return nil
	}
}

// retirement is how far a scope is on the way to having no older keys.
type retirement struct {
	now, rotated time.Time
	settled      *time.Time // since when nothing is under older ones; nil: something is
}

func (r retirement) young() error {
	if r.now.Sub(r.rotated) < retireAfter {
		return ekyc.Errorf(ekyc.ErrConflict, "the newest key is younger than ten minutes: a process may not have noticed it")
	}
	return nil
}

func (r retirement) wait() time.Duration {
	if r.settled == nil {
		return 0
	}
	return settleFor - r.now.Sub(*r.settled)
}

func (v *Vault) retirement(ctx context.Context, scope ekyc.Scope) (r retirement, err error) {
	err = v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select clock_timestamp(), coalesce(rotated_at, created_at), settled_at from ekyc_keys.tenant_key where tenant_id = $1 and environment = $2`,
			scope.Tenant, scope.Environment).Scan(&r.now, &r.rotated, &r.settled)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return r, ekyc.Errorf(ekyc.ErrNotFound, "the tenant has no keys in this environment yet")
	}
	if err != nil {
		return r, fmt.Errorf("read the tenant's keys: %w", err)
	}
	return r, nil
}
