package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Subject is a person whom a tenant verifies.
type Subject struct {
	ID        ekyc.ID
	Ref       string // what the tenant calls the person; "" where it has no name for it, and after erasure
	CreatedAt time.Time
	ErasedAt  *time.Time
	Reference *Media // the stored reference photograph
}

const refObject = "ref" // what a sealed reference is bound as

// CreateSubject makes a subject with a key of its own. The ref may be "". Errors: those of NormalRef, ErrConflict when the scope has a subject of that ref.
func (v *Vault) CreateSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) (ekyc.ID, error) {
	id, made, err := v.EnsureSubject(ctx, tx, scope, ref)
	if err != nil {
		return "", err
	}
	if !made {
		return "", ekyc.Errorf(ekyc.ErrConflict, "there is a subject with this reference already")
	}
	return id, nil
}

// insertSubject makes a subject unless there is one of that normal ref. It waits for one that is being made.
func (v *Vault) insertSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) (id ekyc.ID, made bool, err error) {
	keys, err := v.keysOf(ctx, tx, scope)
	if err != nil {
		return "", false, err
	}
	id = ekyc.NewID(ekyc.KindSubject)
	key, wrapped, err := keys.newSubjectKey(scope, id)
	if err != nil {
		return "", false, err
	}
	var hash, sealed []byte
	if ref != "" {
		if hash, err = v.Hash(ctx, tx, scope, refPurpose, ref); err != nil {
			return "", false, err
		}
		if sealed, err = seal(key, binding(scope, id, refObject), []byte(ref)); err != nil {
			return "", false, err
		}
	}
	tag, err := tx.Exec(ctx, `
		with made as (
			insert into subject (tenant_id, environment, id, ref_hash, ref_sealed) values ($1, $2, $3, $4, $5)
			on conflict (tenant_id, environment, ref_hash) where ref_hash is not null do nothing
			returning tenant_id, environment, id)
		insert into ekyc_keys.subject_key (tenant_id, environment, subject_id, wrapped)
		select tenant_id, environment, id, $6 from made`, scope.Tenant, scope.Environment, id, hash, sealed, wrapped)
	if err != nil {
		return "", false, fmt.Errorf("make a subject: %w", err)
	}
	return id, tag.RowsAffected() == 1, nil
}

// ensureAttempts bounds the turns of finding and making while others make and erase the same subject.
const ensureAttempts = 5

// EnsureSubject gives the subject of a ref and makes it where there is none; an empty ref always makes one. It says whether it made it. Errors: those of
// NormalRef.
func (v *Vault) EnsureSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) (id ekyc.ID, made bool, err error) {
	if ref == "" {
		return v.insertSubject(ctx, tx, scope, "")
	}
	normal, err := NormalRef(ref)
	if err != nil {
		return "", false, err
	}
	for range ensureAttempts {
		if id, found, err := v.SubjectByRef(ctx, tx, scope, ref); err != nil || found {
			return id, false, err
		}
		if id, made, err := v.insertSubject(ctx, tx, scope, normal); err != nil || made {
			return id, made, err
		}
	}
	return "", false, ekyc.Errorf(ekyc.ErrConflict, "the subject with this reference is being erased")
}

// subjectRow is a row of subject with its key and reference photograph.
type subjectRow struct {
	ID         ekyc.ID
	RefSealed  []byte
	CreatedAt  time.Time
	ErasedAt   *time.Time
	Wrapped    []byte
	MediaID    *ekyc.ID
	MediaSize  *int64
	MediaSince *time.Time
}

const subjectColumns = `
	select s.id, s.ref_sealed, s.created_at, s.erased_at, k.wrapped, m.id as media_id, m.size as media_size, m.created_at as media_since
	from subject s
	left join ekyc_keys.subject_key k on k.tenant_id = s.tenant_id and k.environment = s.environment and k.subject_id = s.id
	left join media m on m.tenant_id = s.tenant_id and m.environment = s.environment and m.id = s.reference_id
	where s.tenant_id = $1 and s.environment = $2`

func (v *Vault) subjectOf(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, row subjectRow) (Subject, error) {
	s := Subject{ID: row.ID, CreatedAt: row.CreatedAt, ErasedAt: row.ErasedAt}
	if row.MediaID != nil {
		s.Reference = &Media{ID: *row.MediaID, Subject: row.ID, Kind: MediaReference, Size: *row.MediaSize, CreatedAt: *row.MediaSince}
	}
	if row.RefSealed == nil || row.Wrapped == nil {
		return s, nil
	}
	keys, err := v.keysForSubjects(ctx, tx, scope, one(row.Wrapped))
	if err != nil {
		return Subject{}, err
	}
	key, err := keys.unwrapSubject(scope, row.ID, row.Wrapped)
	if err != nil {
		return Subject{}, err
	}
	ref, err := open(key, binding(scope, row.ID, refObject), row.RefSealed)
	if err != nil {
		return Subject{}, err
	}
	s.Ref = string(ref)
	return s, nil
}

// GetSubject gives one subject. Errors: ErrNotFound; ErrGone after erasure, with erased_at in the details.
func (v *Vault) GetSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (Subject, error) {
	rows, err := tx.Query(ctx, subjectColumns+" and s.id = $3", scope.Tenant, scope.Environment, id)
	if err != nil {
		return Subject{}, fmt.Errorf("read a subject: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[subjectRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return Subject{}, noSubject()
	}
	if err != nil {
		return Subject{}, fmt.Errorf("read a subject: %w", err)
	}
	if row.ErasedAt != nil || row.Wrapped == nil {
		return Subject{}, gone(row.ErasedAt)
	}
	return v.subjectOf(ctx, tx, scope, row)
}

// ListSubjects lists subjects, erased ones too, newest first, up to limit and older than after where that is not "". The second result
// is the next after, "" at the end.
func (v *Vault) ListSubjects(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, limit int, after ekyc.ID) ([]Subject, ekyc.ID, error) {
	rows, err := tx.Query(ctx, subjectColumns+" and ($3 = '' or s.id < $3) order by s.id desc limit $4",
		scope.Tenant, scope.Environment, after, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list subjects: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[subjectRow])
	if err != nil {
		return nil, "", fmt.Errorf("list subjects: %w", err)
	}
	var next ekyc.ID
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].ID
	}
	subjects := make([]Subject, len(found))
	for i, row := range found {
		if subjects[i], err = v.subjectOf(ctx, tx, scope, row); err != nil {
			return nil, "", err
		}
	}
	return subjects, next, nil
}

// SetReference is ReplaceReference for a caller that leaves the former file to the sweep.
func (v *Vault) SetReference(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, media ekyc.ID) error {
	_, err := v.ReplaceReference(ctx, tx, scope, subject, media)
	return err
}

// ReplaceReference makes one of the subject's media of kind reference its reference photograph; one that it had before is deleted, or while there is a
// legal hold on the subject has its end, which the hold puts off. The result names the file that the caller removes by DeleteBlobs once the transaction has committed; should it not come to that,
// SweepFiles does. Errors: ErrNotFound when the subject or the media is not there, ErrGone after erasure, ErrInvalidArgument when the
// media is of another kind.
func (v *Vault) ReplaceReference(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, media ekyc.ID) ([]string, error) {
	before, held, err := v.holdReference(ctx, tx, scope, subject)
	if err != nil {
		return nil, err
	}
	var kind MediaKind
	err = tx.QueryRow(ctx, "select kind from media where tenant_id = $1 and environment = $2 and id = $3 and subject_id = $4",
		scope.Tenant, scope.Environment, media, subject).Scan(&kind)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ekyc.Errorf(ekyc.ErrNotFound, "the subject has no such media")
	}
	if err != nil {
		return nil, fmt.Errorf("set a subject's reference: %w", err)
	}
	if kind != MediaReference {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the media is not a reference photograph")
	}
	_, err = tx.Exec(ctx, "update subject set reference_id = $4 where tenant_id = $1 and environment = $2 and id = $3",
		scope.Tenant, scope.Environment, subject, media)
	if err != nil {
		return nil, fmt.Errorf("set a subject's reference: %w", err)
	}
	if before == nil || *before == media {
		return nil, nil
	}
	if held {
		_, err := tx.Exec(ctx, "update media set expires_at = clock_timestamp() where tenant_id = $1 and environment = $2 and id = $3", scope.Tenant, scope.Environment, *before)
		if err != nil {
			return nil, fmt.Errorf("end the former reference: %w", err)
		}
		return nil, nil
	}
	rows, err := tx.Query(ctx, "delete from media where tenant_id = $1 and environment = $2 and id = $3 returning blob", scope.Tenant, scope.Environment, *before)
	if err != nil {
		return nil, fmt.Errorf("delete the former reference: %w", err)
	}
	former, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("delete the former reference: %w", err)
	}
	return former, nil
}

// holdReference locks the subject and gives its reference photograph of now, and whether there is a legal hold.
func (v *Vault) holdReference(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (before *ekyc.ID, held bool, err error) {
	var erasedAt *time.Time
	err = tx.QueryRow(ctx, `select reference_id, erased_at, hold_at is not null or operator_hold_at is not null from subject
		where tenant_id = $1 and environment = $2 and id = $3 for no key update`, scope.Tenant, scope.Environment, subject).Scan(&before, &erasedAt, &held)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, false, noSubject()
	case err != nil:
		return nil, false, fmt.Errorf("read a subject: %w", err)
	case erasedAt != nil:
		return nil, false, gone(erasedAt)
	}
	return before, held, nil
}
