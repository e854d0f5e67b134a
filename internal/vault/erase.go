package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Erasure is that a subject was erased, and when.
type Erasure struct {
	Scope   ekyc.Scope
	Subject ekyc.ID
	At      time.Time
}

// HoldSubject locks a subject until the transaction ends, so that nothing is put to it beside what the transaction does. Errors: ErrNotFound,
// ErrGone after erasure, ErrConflict while there is a legal hold on it.
func (v *Vault) HoldSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	var erasedAt *time.Time
	var held bool
	err := tx.QueryRow(ctx, "select erased_at, hold_at is not null or operator_hold_at is not null from subject where tenant_id = $1 and environment = $2 and id = $3 for update",
		scope.Tenant, scope.Environment, id).Scan(&erasedAt, &held)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return noSubject()
	case err != nil:
		return fmt.Errorf("hold a subject: %w", err)
	case erasedAt != nil:
		return gone(erasedAt)
	case held:
		return OnHold()
	}
	return nil
}

// EraseSubject destroys the subject's key, its reference and its media. What was sealed under the key opens nowhere any more; the row
// stays and tells when. The result names the files that the caller removes by DeleteBlobs once the transaction has committed; should
// it not come to that, SweepFiles does. Errors: ErrNotFound, ErrGone when it has been erased before,
// ErrConflict while there is a legal hold on it.
func (v *Vault) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) ([]string, error) {
	_, blobs, err := v.EraseSubjectAt(ctx, tx, scope, id, time.Time{})
	return blobs, err
}

// EraseSubjectAt is EraseSubject that notes another moment than the present one where at is not zero, and gives the moment: an erasure that a
// restored database has forgotten is repeated under its own time, whatever hold there was before it.
func (v *Vault) EraseSubjectAt(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, at time.Time) (erasedAt time.Time, blobs []string, err error) {
	var given *time.Time
	if !at.IsZero() {
		given = &at
	}
	err = tx.QueryRow(ctx, `update subject set erased_at = coalesce($4::timestamptz, now()), ref_hash = null, ref_sealed = null, reference_id = null,
			hold_at = null, hold_reason = null, hold_key_id = null, operator_hold_at = null, operator_hold_reason = null, operator_hold_by = null
		where tenant_id = $1 and environment = $2 and id = $3 and erased_at is null and (hold_at is null and operator_hold_at is null or $4::timestamptz is not null) returning erased_at`,
		scope.Tenant, scope.Environment, id, given).Scan(&erasedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = v.GetSubject(ctx, tx, scope, id); err == nil {
			err = OnHold()
		}
		return time.Time{}, nil, err
	}
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("erase a subject: %w", err)
	}
	_, err = tx.Exec(ctx, "delete from ekyc_keys.subject_key where tenant_id = $1 and environment = $2 and subject_id = $3",
		scope.Tenant, scope.Environment, id)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("destroy a subject's key: %w", err)
	}
	rows, err := tx.Query(ctx, `with gone as (delete from media where tenant_id = $1 and environment = $2 and subject_id = $3 returning id, kept, blob),
			noted as (insert into media_over (tenant_id, environment, id, subject_id) select $1, $2, id, $3 from gone where kept)
		select blob from gone`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("erase a subject's media: %w", err)
	}
	if blobs, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return time.Time{}, nil, fmt.Errorf("erase a subject's media: %w", err)
	}
	return erasedAt.UTC(), blobs, nil
}

// Unledgered gives up to limit erasures that are committed since longer than that and not written into the ledger, the oldest first.
func (v *Vault) Unledgered(ctx context.Context, olderThan time.Duration, limit int) ([]Erasure, error) {
	return v.erasures(ctx, `select tenant_id, environment, id, erased_at from subject
		where erased_at is not null and ledgered_at is null and erased_at <= clock_timestamp() - $1::interval order by erased_at limit $2`, olderThan, limit)
}

// Ledgered notes that erasures are in the ledger.
func (v *Vault) Ledgered(ctx context.Context, erasures ...Erasure) error {
	tenants, environments, ids, _ := columnsOf(erasures)
	return v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update subject s set ledgered_at = clock_timestamp() from unnest($1::text[], $2::text[], $3::text[]) l (tenant_id, environment, id)
			where s.tenant_id = l.tenant_id and s.environment = l.environment and s.id = l.id and s.erased_at is not null and s.ledgered_at is null`, tenants, environments, ids)
		if err != nil {
			return fmt.Errorf("note that erasures are in the ledger: %w", err)
		}
		return nil
	})
}

// Forgotten gives those of the erasures that the database knows nothing of: their subjects are there, alive. That is so after a restore.
func (v *Vault) Forgotten(ctx context.Context, erasures []Erasure) ([]Erasure, error) {
	tenants, environments, ids, times := columnsOf(erasures)
	return v.erasures(ctx, `select s.tenant_id, s.environment, s.id, l.at from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) l (tenant_id, environment, id, at)
		join subject s on s.tenant_id = l.tenant_id and s.environment = l.environment and s.id = l.id where s.erased_at is null order by l.at`,
		tenants, environments, ids, times)
}

func columnsOf(erasures []Erasure) (tenants, environments, ids []string, times []time.Time) {
	for _, e := range erasures {
		tenants, environments = append(tenants, string(e.Scope.Tenant)), append(environments, string(e.Scope.Environment))
		ids, times = append(ids, string(e.Subject)), append(times, e.At)
	}
	return tenants, environments, ids, times
}

func (v *Vault) erasures(ctx context.Context, query string, arguments ...any) (found []Erasure, err error) {
	err = v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, arguments...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (e Erasure, err error) {
			err = r.Scan(&e.Scope.Tenant, &e.Scope.Environment, &e.Subject, &e.At)
			e.At = e.At.UTC()
			return e, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find erasures: %w", err)
	}
	return found, nil
}

// DestroyReturnedKeys destroys keys of erased subjects, which are back when the keys were restored from a backup. Until then such keys open
// nothing either, because the subject's row tells of the erasure.
func (v *Vault) DestroyReturnedKeys(ctx context.Context) error {
	return v.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from ekyc_keys.subject_key k using subject s where s.tenant_id = k.tenant_id
			and s.environment = k.environment and s.id = k.subject_id and s.erased_at is not null`)
		if err != nil {
			return fmt.Errorf("destroy keys of erased subjects: %w", err)
		}
		if n := tag.RowsAffected(); n > 0 {
			v.logger.WarnContext(ctx, "keys of erased subjects were back and have been destroyed again", "count", n)
		}
		return nil
	})
}
