package drafting

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Publish makes a draft the next version of its name. ifHash is the hash that the publisher has seen and means. The text is examined once
// more, since what providers there are may have changed. Errors: ErrNotFound, ErrConflict for another hash, for what is published already
// and when the scope has too many versions, ErrInvalidArgument with the detail "problems".
func (s *Service) Publish(ctx context.Context, scope ekyc.Scope, id ekyc.ID, author, ifHash string) (Workflow, error) {
	return s.act(ctx, scope, func(ctx context.Context, tx pgx.Tx) (ekyc.ID, error) {
		if err := lock(ctx, tx, scope); err != nil {
			return "", err
		}
		hash, err := holdDraft(ctx, tx, scope, id)
		if err != nil {
			return "", err
		}
		if hash != ifHash {
			return "", changed(hash)
		}
		if err := s.examine(ctx, tx, scope, id, hash); err != nil {
			return "", err
		}
		tag, err := tx.Exec(ctx, `
			insert into workflow_version (tenant_id, environment, id, name, version, format, source, definition, hash,
				created_by, created_at, changed_by, changed_at, published_by)
			select tenant_id, environment, id, name,
				(select coalesce(max(version), 0) + 1 from workflow_version v where v.tenant_id = $1 and v.environment = $2 and v.name = d.name),
				format, source, definition, hash, created_by, created_at, changed_by, changed_at, $4
			from workflow_draft d where tenant_id = $1 and environment = $2 and id = $3
				and (select count(*) from workflow_version v where v.tenant_id = $1 and v.environment = $2) < $5`,
			scope.Tenant, scope.Environment, id, author, mostVersions)
		if err != nil {
			return "", fmt.Errorf("publish a draft: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return "", conflict("too_many", "there are %d versions already, and they are kept for ever", mostVersions)
		}
		return id, deleteDraft(ctx, tx, scope, id)
	})
}

// examine holds a draft against what the program takes now.
func (s *Service) examine(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, hash string) error {
	var text Text
	err := tx.QueryRow(ctx, `select format, source from workflow_draft where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, id).Scan(&text.Format, &text.Source)
	if err != nil {
		return fmt.Errorf("read a draft: %w", err)
	}
	p, err := s.parse(scope, text)
	if err != nil {
		return err
	}
	if p.hash != hash { // written down by another release, which read the text otherwise
		return conflict("outdated", "this release reads the draft otherwise than the one that took it; send it again")
	}
	return nil
}

// Retire lets no new job find a version by its name; jobs that name it are as before. A second time changes nothing. Errors: ErrNotFound,
// ErrConflict for a draft, for the scope's default and for what decides in the shadow.
func (s *Service) Retire(ctx context.Context, scope ekyc.Scope, id ekyc.ID, author string) (Workflow, error) {
	return s.actOnVersion(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, w Workflow) error {
		switch {
		case w.Default:
			return conflict("default", "this is the default; make another one the default first")
		case w.Shadow != nil:
			return conflict("shadow", "this version decides in the shadow; end that first")
		}
		_, err := tx.Exec(ctx, `update workflow_version set retired_by = $4, retired_at = clock_timestamp()
			where tenant_id = $1 and environment = $2 and id = $3 and retired_at is null`, scope.Tenant, scope.Environment, id, author)
		if err != nil {
			return fmt.Errorf("retire a version: %w", err)
		}
		return nil
	})
}

// MakeDefault lets a version judge the jobs that name no workflow, from the next submission on. Errors: ErrNotFound, ErrConflict for a
// draft and for a retired version.
func (s *Service) MakeDefault(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Workflow, error) {
	return s.actOnVersion(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, w Workflow) error {
		if w.Status == Retired {
			return retired()
		}
		return setDefault(ctx, tx, scope, &id)
	})
}

// EndDefault gives the jobs that name no workflow back to the built-in one. Errors: ErrNotFound, ErrConflict where the version is not the
// default.
func (s *Service) EndDefault(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Workflow, error) {
	return s.actOnVersion(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, w Workflow) error {
		if !w.Default {
			return conflict("not_default", "this version is not the default")
		}
		return setDefault(ctx, tx, scope, nil)
	})
}

func setDefault(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id *ekyc.ID) error {
	_, err := tx.Exec(ctx, `update workflow_choice set default_id = $3 where tenant_id = $1 and environment = $2`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return fmt.Errorf("set the default workflow: %w", err)
	}
	return nil
}

// StartShadow lets a version decide beside the one that counts, on the jobs of one workflow or, with beside "", on all. Where it does so
// already, it looks at other jobs from now on. Errors: ErrNotFound, ErrInvalidArgument where there is no workflow of that name, ErrConflict
// for a draft, for a retired version and for one more than MostShadows.
func (s *Service) StartShadow(ctx context.Context, scope ekyc.Scope, id ekyc.ID, author, beside string) (Workflow, error) {
	return s.actOnVersion(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, w Workflow) error {
		if w.Status == Retired {
			return retired()
		}
		if err := knowsName(ctx, tx, scope, beside); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `insert into workflow_shadow (tenant_id, environment, workflow_id, beside, started_by)
			select $1, $2, $3, $4, $5 where (select count(*) from workflow_shadow where tenant_id = $1 and environment = $2 and workflow_id <> $3) < $6
			on conflict (tenant_id, environment, workflow_id) do update set beside = excluded.beside`,
			scope.Tenant, scope.Environment, id, beside, author, MostShadows)
		if err != nil {
			return fmt.Errorf("start a shadow: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return conflict("too_many", "%d versions decide in the shadow already; end one first", MostShadows)
		}
		return nil
	})
}

// EndShadow ends that. What it has decided stays to be looked at. Errors: ErrNotFound, ErrConflict where the version decides nothing.
func (s *Service) EndShadow(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Workflow, error) {
	return s.actOnVersion(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, w Workflow) error {
		if w.Shadow == nil {
			return conflict("not_shadow", "this version does not decide in the shadow")
		}
		_, err := tx.Exec(ctx, `delete from workflow_shadow where tenant_id = $1 and environment = $2 and workflow_id = $3`, scope.Tenant, scope.Environment, id)
		if err != nil {
			return fmt.Errorf("end a shadow: %w", err)
		}
		return nil
	})
}

// knowsName refuses a name that no version of the scope has.
func knowsName(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, name string) error {
	if name == "" || name == BuiltIn {
		return nil
	}
	var known bool
	err := tx.QueryRow(ctx, `select exists (select from workflow_version where tenant_id = $1 and environment = $2 and name = $3)`,
		scope.Tenant, scope.Environment, name).Scan(&known)
	if err != nil {
		return fmt.Errorf("look for a workflow: %w", err)
	}
	if !known {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no published workflow of that name").With("field", "/beside")
	}
	return nil
}

func retired() error { return conflict("retired", "this version is retired") }

// actOnVersion runs an act on a version under the scope's lock. Errors: ErrNotFound, ErrConflict for a draft, and those of the act.
func (s *Service) actOnVersion(ctx context.Context, scope ekyc.Scope, id ekyc.ID, change func(context.Context, pgx.Tx, Workflow) error) (Workflow, error) {
	return s.act(ctx, scope, func(ctx context.Context, tx pgx.Tx) (ekyc.ID, error) {
		if err := lock(ctx, tx, scope); err != nil {
			return "", err
		}
		w, err := get(ctx, tx, scope, id)
		if err != nil {
			return "", err
		}
		if w.Status == Draft {
			return "", conflict("draft", "this is a draft; publish it first")
		}
		return id, change(ctx, tx, w)
	})
}
