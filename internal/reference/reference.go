// Package reference keeps what subjects' reference photographs became when they were enrolled, so that a comparison with a stored reference need
// not read the photograph again. A template names the models that made it: one of other models than those that are asked for is not given out.
package reference

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the package's table; it stands after those of vault.
var Migrations = store.Migrations{Package: "reference", Files: migrationFiles, Directory: "migrations"}

// Templates keeps templates. It is safe for concurrent use, and exact over any number of processes on one database.
type Templates struct {
	db    *store.DB
	vault *vault.Vault
}

// New makes a keeper.
func New(db *store.DB, v *vault.Vault) *Templates { return &Templates{db, v} }

// object is what a template is bound as: one that is moved to another photograph, or shown as that of other models, does not open.
func object(media ekyc.ID, model string) string {
	return fmt.Sprintf("reference_template/%s/%s", media, model)
}

// Put seals the template of a subject's photograph for so long, in place of one that there is, in the caller's transaction, which is one of InTenant for
// the scope.
// Errors: ErrNotFound and ErrGone for the subject, ErrNotFound when the photograph is not there any more.
func (t *Templates) Put(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, media ekyc.ID, model string, template []byte, keep time.Duration) error {
	sealed, err := t.vault.Seal(ctx, tx, scope, subject, object(media, model), template)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `insert into reference_template (tenant_id, environment, media_id, subject_id, model, sealed, expires_at)
		select $1, $2, m.id, m.subject_id, $5, $6, now() + $7::interval from media m where m.tenant_id = $1 and m.environment = $2 and m.id = $3 and m.subject_id = $4
		on conflict (tenant_id, environment, media_id) do update set model = excluded.model, sealed = excluded.sealed, made_at = now(), expires_at = excluded.expires_at`,
		scope.Tenant, scope.Environment, media, subject, model, sealed, keep)
	if err != nil {
		return fmt.Errorf("keep a template: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ekyc.Errorf(ekyc.ErrNotFound, "the subject has no such photograph")
	}
	return nil
}

// Get gives the template of a photograph, and false where there is none of this model, or its time is over. Errors: ErrNotFound and ErrGone for the subject.
func (t *Templates) Get(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, media ekyc.ID, model string) (template []byte, found bool, err error) {
	var sealed []byte
	err = tx.QueryRow(ctx, `select sealed from reference_template
		where tenant_id = $1 and environment = $2 and media_id = $3 and subject_id = $4 and model = $5 and not `+isOver,
		scope.Tenant, scope.Environment, media, subject, model).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read a template: %w", err)
	}
	template, err = t.vault.Open(ctx, tx, scope, subject, object(media, model), sealed)
	return template, err == nil, err
}
