package drafting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/pipeline"
)

// row is a draft or a version with what the scope has chosen.
type row struct {
	ID          ekyc.ID    `db:"id"`
	Name        string     `db:"name"`
	Version     int        `db:"version"`
	Format      Format     `db:"format"`
	Source      string     `db:"source"`
	Definition  string     `db:"definition"`
	Hash        string     `db:"hash"`
	CreatedBy   string     `db:"created_by"`
	CreatedAt   time.Time  `db:"created_at"`
	ChangedBy   string     `db:"changed_by"`
	ChangedAt   time.Time  `db:"changed_at"`
	PublishedBy *string    `db:"published_by"`
	PublishedAt *time.Time `db:"published_at"`
	RetiredAt   *time.Time `db:"retired_at"`
	IsDefault   bool       `db:"is_default"`
	Beside      *string    `db:"beside"`
	StartedBy   *string    `db:"started_by"`
	StartedAt   *time.Time `db:"started_at"`
}

// everything is all drafts and versions of the scope $1, $2 as rows.
const everything = `(
	select tenant_id, environment, id, name, 0 as version, format, source, definition, hash, created_by, created_at, changed_by, changed_at,
		null::text as published_by, null::timestamptz as published_at, null::timestamptz as retired_at,
		false as is_default, null::text as beside, null::text as started_by, null::timestamptz as started_at
	from workflow_draft where tenant_id = $1 and environment = $2
	union all
	select v.tenant_id, v.environment, v.id, v.name, v.version, v.format, v.source, v.definition, v.hash, v.created_by, v.created_at, v.changed_by,
		v.changed_at, v.published_by, v.published_at, v.retired_at, c.default_id is not null, s.beside, s.started_by, s.started_at
	from workflow_version v
	left join workflow_choice c on c.tenant_id = v.tenant_id and c.environment = v.environment and c.default_id = v.id
	left join workflow_shadow s on s.tenant_id = v.tenant_id and s.environment = v.environment and s.workflow_id = v.id
	where v.tenant_id = $1 and v.environment = $2
) as w`

const columns = `id, name, version, format, source, definition, hash, created_by, created_at, changed_by, changed_at, published_by, published_at, retired_at,
	is_default, beside, started_by, started_at`

func (r row) workflow() Workflow {
	w := Workflow{
		ID: r.ID, Status: Draft, Name: r.Name, Version: r.Version, Text: Text{r.Format, r.Source}, Definition: json.RawMessage(r.Definition), Hash: r.Hash,
		CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, ChangedBy: r.ChangedBy, ChangedAt: r.ChangedAt,
		PublishedAt: r.PublishedAt, RetiredAt: r.RetiredAt, Default: r.IsDefault,
	}
	if r.PublishedBy != nil {
		w.Status, w.PublishedBy = Published, *r.PublishedBy
	}
	if r.RetiredAt != nil {
		w.Status = Retired
	}
	if r.StartedAt != nil {
		w.Shadow = &Shadow{Beside: *r.Beside, StartedBy: *r.StartedBy, StartedAt: *r.StartedAt}
	}
	return w
}

// Get gives a draft or a version. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (w Workflow, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		w, err = get(ctx, tx, scope, id)
		return err
	})
	return w, err
}

func get(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (Workflow, error) {
	rows, err := tx.Query(ctx, `select `+columns+` from `+everything+` where id = $3`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return Workflow{}, fmt.Errorf("read a workflow: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	if errors.Is(err, pgx.ErrNoRows) {
		return Workflow{}, notFound()
	}
	if err != nil {
		return Workflow{}, fmt.Errorf("read a workflow: %w", err)
	}
	return r.workflow(), nil
}

// Filter chooses workflows. The zero value chooses all.
type Filter struct {
	Status Status
	Name   string
}

const (
	defaultLimit = 20
	mostListing  = 100
)

// List gives drafts and versions, the one that was begun last first, at most 100, without texts and definitions; the identifier to go on
// after is "" at the end.
func (s *Service) List(ctx context.Context, scope ekyc.Scope, f Filter, limit int, after ekyc.ID) (list []Workflow, next ekyc.ID, err error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, mostListing)
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		list, next = nil, ""
		rows, err := tx.Query(ctx, `select id, name, version, format, '' as source, '' as definition, hash, created_by, created_at, changed_by, changed_at,
				published_by, published_at, retired_at, is_default, beside, started_by, started_at
			from `+everything+`
			where ($3 = '' or id < $3) and ($4 = '' or name = $4)
				and ($5 = '' or $5 = case when published_at is null then 'draft' when retired_at is null then 'published' else 'retired' end)
			order by id desc limit $6`,
			scope.Tenant, scope.Environment, string(after), f.Name, string(f.Status), limit+1)
		if err != nil {
			return fmt.Errorf("list workflows: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (Workflow, error) {
			one, err := pgx.RowToStructByName[row](r)
			return one.workflow(), err
		})
		if err != nil {
			return fmt.Errorf("list workflows: %w", err)
		}
		if len(list) > limit {
			list = list[:limit]
			next = list[limit-1].ID
		}
		return nil
	})
	return list, next, err
}

// Resolve gives the newest version of a name that is not retired, with its number; the definition is the caller's own to change. "" is the
// scope's default, which without a choice is the built-in one. Errors: ErrNotFound where there is none.
func (s *Service) Resolve(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, name string) (*pipeline.Definition, int, error) {
	f, err := find(ctx, tx, scope, name)
	if err != nil {
		return nil, 0, err
	}
	d, err := f.read()
	return d, f.Version, err
}

// Current gives the workflow that judges the jobs that name none. The built-in one has no identifier and no author.
func (s *Service) Current(ctx context.Context, scope ekyc.Scope) (w Workflow, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		f, err := find(ctx, tx, scope, "")
		if err != nil {
			return err
		}
		if f.ID != "" {
			w, err = get(ctx, tx, scope, f.ID)
			return err
		}
		w, err = s.builtIn()
		return err
	})
	return w, err
}

// found is a version as the tables hold it; without a definition the built-in one.
type found struct {
	ID         ekyc.ID
	Name       string
	Version    int
	Hash       string
	Definition string
}

// read gives the definition. It is not held against the rules for new texts: what was published stays as it was.
func (f found) read() (*pipeline.Definition, error) {
	if f.ID == "" {
		return pipeline.Default(), nil
	}
	d := &pipeline.Definition{}
	if err := json.Unmarshal([]byte(f.Definition), d); err != nil {
		return nil, fmt.Errorf("read a workflow: %w", err)
	}
	return d, nil
}

func builtIn() found {
	return found{Name: BuiltIn, Version: BuiltInVersion, Hash: pipeline.Default().Hash()}
}

func (s *Service) builtIn() (Workflow, error) {
	v, err := s.ready(builtIn())
	if err != nil {
		return Workflow{}, err
	}
	definition, err := canonical(v.Pipeline.Definition())
	return Workflow{
		Status: Published, Name: BuiltIn, Version: BuiltInVersion, Text: Text{JSON, string(definition)}, Definition: json.RawMessage(definition), Hash: v.Hash, Default: true,
	}, err
}

const newestOfName = `select id, name, version, hash, definition from workflow_version
	where tenant_id = $1 and environment = $2 and name = $3 and retired_at is null order by version desc limit 1`

const chosenDefault = `select v.id, v.name, v.version, v.hash, v.definition from workflow_choice c
	join workflow_version v on v.tenant_id = c.tenant_id and v.environment = c.environment and v.id = c.default_id
	where c.tenant_id = $1 and c.environment = $2`

func find(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, name string) (found, error) {
	if name == BuiltIn {
		return builtIn(), nil
	}
	if strings.ContainsRune(name, 0) { // which PostgreSQL takes in no text
		return found{}, noneOfThatName()
	}
	query, values := newestOfName, []any{scope.Tenant, scope.Environment, name}
	if name == "" {
		query, values = chosenDefault, values[:2]
	}
	rows, err := tx.Query(ctx, query, values...)
	if err != nil {
		return found{}, fmt.Errorf("find a workflow: %w", err)
	}
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[found])
	switch {
	case errors.Is(err, pgx.ErrNoRows) && name == "":
		return builtIn(), nil
	case errors.Is(err, pgx.ErrNoRows):
		return found{}, noneOfThatName()
	case err != nil:
		return found{}, fmt.Errorf("find a workflow: %w", err)
	}
	return f, nil
}

func noneOfThatName() error {
	return ekyc.Errorf(ekyc.ErrNotFound, "there is no published workflow of that name")
}

// ready compiles a version, or finds it compiled.
func (s *Service) ready(f found) (Version, error) {
	p, err := s.compiled.Of(f.Hash, f.read)
	return Version{ID: f.ID, Name: f.Name, Version: f.Version, Hash: f.Hash, Pipeline: p}, err
}

// Ready gives a draft or a version ready to decide; a draft has the version 0.
func (s *Service) Ready(w Workflow) (Version, error) {
	return s.ready(found{w.ID, w.Name, w.Version, w.Hash, string(w.Definition)})
}

// Shadows gives the versions that decide beside the workflow of a name, the one that began first first.
func (s *Service) Shadows(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, name string) ([]Version, error) {
	rows, err := tx.Query(ctx, `select v.id, v.name, v.version, v.hash, v.definition from workflow_shadow s
		join workflow_version v on v.tenant_id = s.tenant_id and v.environment = s.environment and v.id = s.workflow_id
		where s.tenant_id = $1 and s.environment = $2 and s.beside in ('', $3) order by s.started_at, v.id`, scope.Tenant, scope.Environment, name)
	if err != nil {
		return nil, fmt.Errorf("look for shadows: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
	if err != nil {
		return nil, fmt.Errorf("look for shadows: %w", err)
	}
	versions := make([]Version, len(list))
	for i, f := range list {
		if versions[i], err = s.ready(f); err != nil {
			return nil, err
		}
	}
	return versions, nil
}
