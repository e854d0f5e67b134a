// Package retention says how long what is kept of persons is kept, by class, and removes it when its time is over.
//
// A thing's end is written down when the thing is made, by the room that keeps it, from the days that its scope has for the class at that
// moment. Every read looks at it, so that what is past its end is not there any more, whether it has been removed yet or not. Fewer days
// bring forward the end of what is kept already; more days are for what is made from then on. [Service.Pass] does both: it applies what
// was shortened, and removes what is over, part by part and batch by batch, in any number of processes.
//
// A legal hold on a subject stops all of it for that subject: what it holds neither ends nor goes, and it is not erased.
package retention

import (
	"context"
	"embed"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the tables of settings. They follow those of the vault.
var Migrations = store.Migrations{Package: "retention", Files: migrationFiles, Directory: "migrations"}

// Class is a kind of things that are kept equally long.
type Class string

// The classes.
const (
	Selfie   Class = "selfie"    // photographs and frames of the person before the camera
	Document Class = "document"  // photographs of documents
	FaceCrop Class = "face_crop" // faces cut out of both, for who holds them beside each other
	Template Class = "template"  // what faces of reference photographs became for comparisons
	Result   Class = "result"    // what verifications found, with all that was attached to them and told of them
	Logs     Class = "logs"      // lines of the request log
)

// Classes lists the classes.
var Classes = []Class{Selfie, Document, FaceCrop, Template, Result, Logs}

const (
	// DefaultDays is how long each class is kept unless the tenant says otherwise.
	DefaultDays = 30
	// MostDays is ten years, the longest that laws against money laundering ask for.
	MostDays = 3650
)

// LeastDays is the shortest time of a class. What is only looked at may be gone with the work; results must be there to be fetched, and lines of
// the log to be read.
func LeastDays(c Class) int {
	if c == Result || c == Logs {
		return 1
	}
	return 0
}

// Settings say how many days each class is kept in a scope. The zero value is that of a scope that has said nothing.
type Settings struct {
	days  map[Class]int // of the classes of which something was said
	KeyID string        // of the API key that set them; "" where nobody has
	At    *time.Time    // when
}

// Days is how many days a class is kept; 0: not beyond the work that it serves.
func (s Settings) Days(c Class) int {
	if days, given := s.days[c]; given {
		return days
	}
	return DefaultDays
}

// For is the same as a duration.
func (s Settings) For(c Class) time.Duration { return time.Duration(s.Days(c)) * 24 * time.Hour }

// Options tune the service; the zero value serves.
type Options struct {
	Logger *slog.Logger // nil for slog.Default()
}

// Service keeps the settings and removes what is over. It is safe for concurrent use, and by any number of processes on one database.
type Service struct {
	db      *store.DB
	vault   *vault.Vault
	options Options
	parts   []Part
	passing sync.Mutex  // one pass at a time
	ran     []time.Time // when each part last removed
	counts  counts
}

// New makes a service.
func New(db *store.DB, v *vault.Vault, o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{db: db, vault: v, options: o}
}

// Held says whether a legal hold is on the subject, and holds the answer until the transaction ends. Erasure of a held subject is refused with
// ErrConflict ("legal_hold" in details).
func (s *Service) Held(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (bool, error) {
	return s.vault.Held(ctx, tx, scope, subject)
}

func validClass(c Class) bool { return slices.Contains(Classes, c) }
