package vault

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// SubjectKeys are the keys of some subjects as they were at one moment, for work on much at once. They are not renewed: whoever holds them
// must let go of them soon, since an erasure does not reach them. They are safe for concurrent use.
type SubjectKeys struct {
	scope   ekyc.Scope
	keys    *scopeKeys
	wrapped map[ekyc.ID][]byte     // nil of an erased subject
	erased  map[ekyc.ID]*time.Time // of the same subjects
}

// ReadKeys reads the keys of many subjects by one query.
func (v *Vault) ReadKeys(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subjects []ekyc.ID) (*SubjectKeys, error) {
	found := &SubjectKeys{scope: scope, wrapped: make(map[ekyc.ID][]byte, len(subjects)), erased: map[ekyc.ID]*time.Time{}}
	// One after the other: without statistics the planner walks through all subjects of the tenant for a list of them.
	rows, err := tx.Query(ctx, `select s.id, s.erased_at, k.wrapped from (select distinct id from unnest($3::text[]) id) o
		cross join lateral (select id, erased_at from subject where tenant_id = $1 and environment = $2 and id = o.id limit 1) s
		left join lateral (select wrapped from ekyc_keys.subject_key where tenant_id = $1 and environment = $2 and subject_id = o.id limit 1) k on true`,
		scope.Tenant, scope.Environment, subjects)
	if err != nil {
		return nil, fmt.Errorf("read the keys of subjects: %w", err)
	}
	var id ekyc.ID
	var erasedAt *time.Time
	var wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &erasedAt, &wrapped}, func() error {
		if erasedAt != nil {
			wrapped = nil
			found.erased[id] = erasedAt
		}
		found.wrapped[id] = wrapped
		erasedAt, wrapped = nil, nil // the next row must not write into these
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of subjects: %w", err)
	}
	if found.keys, err = v.keysForSubjects(ctx, tx, scope, maps.Values(found.wrapped)); err != nil {
		return nil, err
	}
	return found, nil
}

// Open decrypts what Seal gave for one of the subjects. Errors: ErrNotFound, ErrGone after erasure, ErrInternal for anything that was
// altered or sealed as something else.
func (k *SubjectKeys) Open(subject ekyc.ID, object string, sealed []byte) ([]byte, error) {
	wrapped, known := k.wrapped[subject]
	if !known {
		return nil, noSubject()
	}
	if wrapped == nil {
		return nil, gone(k.erased[subject])
	}
	key, err := k.keys.unwrapSubject(k.scope, subject, wrapped)
	if err != nil {
		return nil, err
	}
	return open(key, binding(k.scope, subject, object), sealed)
}
