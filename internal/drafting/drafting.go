// Package drafting keeps a tenant's workflows: drafts that can be changed, versions that cannot, which of them is the default, and
// which decide in the shadow of the one that counts. It knows nothing of jobs.
//
// A draft is published under the identifier that it has and becomes the next version of its name: 1, 2, 3… without gaps. From then on
// nobody can change or delete it, the service's role in the database included; it can be retired, so that no new job takes it by its
// name. Every act that changes versions, default or shadows of a scope waits for the one before.
package drafting

import (
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ekyc"
	"ekyc/internal/pipeline"
	"ekyc/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the tables of drafts, versions, defaults and shadows.
var Migrations = store.Migrations{Package: "drafting", Files: migrationFiles, Directory: "migrations"}

const (
	// BuiltIn is the name of the workflow that the program brings. No tenant's workflow can have it.
	BuiltIn = "default"
	// BuiltInVersion is its version. It moves on when the program's default decides otherwise than before.
	BuiltInVersion = 1

	// MostShadows bounds the versions that decide beside the one that counts, since each costs every job some time.
	MostShadows = 2

	mostDrafts   = 100  // of a scope; more are forgotten ones
	mostVersions = 2000 // of a scope, up to 1 GB of text; they cannot be deleted
)

// Status says what may be done with a workflow.
type Status string

// The states. A draft can be changed and deleted, a published version neither; a retired one is no longer found by its name.
const (
	Draft     Status = "draft"
	Published Status = "published"
	Retired   Status = "retired"
)

// Statuses lists the states.
var Statuses = []Status{Draft, Published, Retired}

// Format is the form of a workflow's text.
type Format string

// The forms.
const (
	JSON Format = "json"
	YAML Format = "yaml"
)

// Text is a workflow as its author writes it.
type Text struct {
	Format Format
	Source string
}

// Workflow is a draft or a version.
type Workflow struct {
	ID          ekyc.ID // "" of the built-in one
	Status      Status
	Name        string
	Version     int // from 1; 0 of a draft
	Text        Text
	Definition  json.RawMessage // canonical JSON (RFC 8785), with its defaults filled in
	Hash        string          // of the definition
	CreatedBy   string          // the API key, as are the others
	CreatedAt   time.Time
	ChangedBy   string // who wrote the text as it is
	ChangedAt   time.Time
	PublishedBy string // "" of a draft
	PublishedAt *time.Time
	RetiredAt   *time.Time
	Default     bool    // of its scope
	Shadow      *Shadow // nil unless it decides in the shadow
}

// Shadow is how a version decides beside the one that counts.
type Shadow struct {
	Beside    string // name of the workflow whose jobs it looks at; "" for all
	StartedBy string
	StartedAt time.Time
}

// Version is a workflow that is ready to decide.
type Version struct {
	ID       ekyc.ID
	Name     string
	Version  int // 0 of a draft
	Hash     string
	Pipeline *pipeline.Pipeline
}

// Options tune the service; the zero value serves.
type Options struct {
	Providers map[pipeline.StepName][]string // that a step may name
}

// Service keeps workflows. It is safe for concurrent use, and exact over any number of processes on one database.
type Service struct {
	db       *store.DB
	options  Options
	compiled Cache
}

// New makes a service.
func New(db *store.DB, o Options) *Service { return &Service{db: db, options: o} }

// parsed is a text that was found valid.
type parsed struct {
	Text
	name, definition, hash string
}

// parse reads a text. Errors: ErrInvalidArgument with the detail "problems".
func (s *Service) parse(scope ekyc.Scope, text Text) (parsed, error) {
	d, err := pipeline.Parse([]byte(text.Source), pipeline.Options{Environment: scope.Environment, Providers: s.options.Providers})
	if err != nil {
		return parsed{}, err
	}
	if d.Name == BuiltIn {
		return parsed{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the name %s is that of the workflow that the program brings", BuiltIn).With("field", "name")
	}
	hash := d.Hash()
	p, err := s.compiled.Of(hash, func() (*pipeline.Definition, error) { return d, nil })
	if err != nil {
		return parsed{}, err
	}
	definition, err := canonical(p.Definition())
	return parsed{text, d.Name, string(definition), hash}, err
}

// canonical is the canonical JSON (RFC 8785) of a definition.
func canonical(d *pipeline.Definition) (jsontext.Value, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write a workflow: %w", err)
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		return nil, fmt.Errorf("write a workflow: %w", err)
	}
	return value, nil
}

func notFound() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such workflow") }

// conflict is the error for a workflow whose state does not permit the act; the reason is for machines.
func conflict(reason, format string, args ...any) *ekyc.Error {
	return ekyc.Errorf(ekyc.ErrConflict, format, args...).With("reason", reason)
}
