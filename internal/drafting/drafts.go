package drafting

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Create makes a draft. The author is the API key that asks. Errors: ErrInvalidArgument with the detail "problems", ErrConflict when the
// scope has too many drafts.
func (s *Service) Create(ctx context.Context, scope ekyc.Scope, author string, text Text) (Workflow, error) {
	p, err := s.parse(scope, text)
	if err != nil {
		return Workflow{}, err
	}
	return s.act(ctx, scope, func(ctx context.Context, tx pgx.Tx) (ekyc.ID, error) {
		if err := lock(ctx, tx, scope); err != nil {
			return "", err
		}
		var drafts int
		if err := tx.QueryRow(ctx, `select count(*) from workflow_draft where tenant_id = $1 and environment = $2`, scope.Tenant, scope.Environment).Scan(&drafts); err != nil {
			return "", fmt.Errorf("count drafts: %w", err)
		}
		if drafts >= mostDrafts {
			return "", conflict("too_many", "there are %d drafts already; delete or publish some", drafts)
		}
		id := ekyc.NewID(ekyc.KindWorkflow)
		_, err := tx.Exec(ctx, `insert into workflow_draft (tenant_id, environment, id, name, format, source, definition, hash, created_by, changed_by)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
			scope.Tenant, scope.Environment, id, p.name, p.Format, p.Source, p.definition, p.hash, author)
		if err != nil {
			return "", fmt.Errorf("make a draft: %w", err)
		}
		return id, nil
	})
}

// Change replaces what a draft says. With ifHash it does so only where the draft still has that hash. Errors: ErrNotFound, ErrConflict for a
// version or another hash, and those of Create.
func (s *Service) Change(ctx context.Context, scope ekyc.Scope, id ekyc.ID, author string, text Text, ifHash string) (Workflow, error) {
	p, parseErr := s.parse(scope, text)
	return s.act(ctx, scope, func(ctx context.Context, tx pgx.Tx) (ekyc.ID, error) {
		hash, err := holdDraft(ctx, tx, scope, id)
		switch {
		case err != nil:
			return "", err
		case parseErr != nil: // what is not there is told first
			return "", parseErr
		case ifHash != "" && hash != ifHash:
			return "", changed(hash)
		}
		_, err = tx.Exec(ctx, `update workflow_draft
			set name = $4, format = $5, source = $6, definition = $7, hash = $8, changed_by = $9, changed_at = clock_timestamp()
			where tenant_id = $1 and environment = $2 and id = $3`,
			scope.Tenant, scope.Environment, id, p.name, p.Format, p.Source, p.definition, p.hash, author)
		if err != nil {
			return "", fmt.Errorf("change a draft: %w", err)
		}
		return id, nil
	})
}

// Delete takes a draft away. Errors: ErrNotFound, ErrConflict for a version.
func (s *Service) Delete(ctx context.Context, scope ekyc.Scope, id ekyc.ID) error {
	return s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := holdDraft(ctx, tx, scope, id); err != nil {
			return err
		}
		return deleteDraft(ctx, tx, scope, id)
	})
}

func deleteDraft(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	if _, err := tx.Exec(ctx, `delete from workflow_draft where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id); err != nil {
		return fmt.Errorf("delete a draft: %w", err)
	}
	return nil
}

// holdDraft locks a draft and gives its hash. Errors: ErrNotFound, ErrConflict for a version.
func holdDraft(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (hash string, err error) {
	err = tx.QueryRow(ctx, `select hash from workflow_draft where tenant_id = $1 and environment = $2 and id = $3 for update`,
		scope.Tenant, scope.Environment, id).Scan(&hash)
	if err == nil {
		return hash, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("hold a draft: %w", err)
	}
	var version int
	err = tx.QueryRow(ctx, `select version from workflow_version where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, id).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", notFound()
	}
	if err != nil {
		return "", fmt.Errorf("look for a version: %w", err)
	}
	return "", conflict("published", "this is version %d; a published version does not change", version).With("version", version)
}

func changed(hash string) error {
	return conflict("changed", "the draft is not as it was seen").With("hash", hash)
}

// act runs a change in one transaction and gives what the workflow has become.
func (s *Service) act(ctx context.Context, scope ekyc.Scope, change func(context.Context, pgx.Tx) (ekyc.ID, error)) (w Workflow, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		id, err := change(ctx, tx)
		if err != nil {
			return err
		}
		w, err = get(ctx, tx, scope, id)
		return err
	})
	return w, err
}

// lock makes the scope's acts wait for one another until the transaction ends.
func lock(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) error {
	_, err := tx.Exec(ctx, `insert into workflow_choice (tenant_id, environment) values ($1, $2) on conflict do nothing`, scope.Tenant, scope.Environment)
	if err == nil {
		_, err = tx.Exec(ctx, `select from workflow_choice where tenant_id = $1 and environment = $2 for update`, scope.Tenant, scope.Environment)
	}
	if err != nil {
		return fmt.Errorf("wait for other changes of workflows: %w", err)
	}
	return nil
}
