package receipt

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the tables of keys and receipts.
var Migrations = store.Migrations{Package: "receipt", Files: migrationFiles, Directory: "migrations"}

// Sealer seals the private halves of keys. *keyring.Ring is one.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Log is the audit log, of which receipts carry the latest checkpoint; an audit.Log is one.
type Log interface {
	// Latest gives the signed note, soon. With an error comes the last one that was known.
	Latest(ctx context.Context) (string, error)
}

// Options tune the service; the zero value serves.
type Options struct {
	Program string       // its version, for receipts of reviews
	Log     Log          // nil: receipts carry no checkpoint
	Logger  *slog.Logger // nil for slog.Default()
}

// Service issues receipts and finds them. It is safe for concurrent use.
type Service struct {
	db      *store.DB
	vault   *vault.Vault
	sealer  Sealer
	options Options
	keys    keyring
}

// New makes a service.
func New(db *store.DB, v *vault.Vault, sealer Sealer, o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{db: db, vault: v, sealer: sealer, options: o}
}

// Facts are what the receipt of a decided job is about.
type Facts struct {
	Job         ekyc.ID
	Subject     ekyc.ID
	SubmittedAt time.Time
	DecidedAt   time.Time
	Decision    ekyc.Decision
	Score       decision.Points
	Workflow    Workflow
	Policy      Policy
	Inputs      []Input           // committed to under the salt
	Models      map[string]string // SHA-256 by name
	Program     string            // version of the program that decided
	Salt        []byte            // 32 random bytes; nil for jobs that were submitted without, whose inputs are not committed to
	Result      json.RawMessage   // with the members factors and decision_by_score
	KeepFor     time.Duration     // 0: for 30 days
}

// Issue signs what was decided, in the transaction that decides it. Errors: ErrGone when the subject was erased, ErrConflict when the job has
// a receipt.
func (s *Service) Issue(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, f Facts) error {
	salt := f.Salt
	if salt == nil {
		salt = make([]byte, SaltSize)
		rand.Read(salt) // never fails, by its documentation
	}
	var outcome struct {
		ByScore ekyc.Decision     `json:"decision_by_score"`
		Factors []decision.Factor `json:"factors"`
	}
	if err := json.Unmarshal(f.Result, &outcome); err != nil {
		return fmt.Errorf("read the result of a job: %w", err)
	}
	commitment, err := commitResult(salt, f.Result)
	if err != nil {
		return err
	}
	r := Receipt{
		Version: Version, Job: f.Job, Sequence: 1, Tenant: scope.Tenant, Environment: scope.Environment, SubmittedAt: f.SubmittedAt.UTC(),
		DecidedAt: f.DecidedAt.UTC(), Inputs: append([]Input{}, f.Inputs...), Models: f.Models, Workflow: f.Workflow, Policy: f.Policy, Program: f.Program,
		Decision: f.Decision, DecisionByScore: outcome.ByScore, Score: f.Score, Factors: []Factor{}, Result: commitment,
	}
	if r.Models == nil {
		r.Models = map[string]string{}
	}
	for _, x := range outcome.Factors {
		r.Factors = append(r.Factors, Factor{string(x.Name), string(x.State), x.Points, x.MaxPoints})
	}
	sealed, err := s.vault.Seal(ctx, tx, scope, f.Subject, saltOf(f.Job), salt)
	if err != nil {
		return err
	}
	var dropAt *time.Time
	if f.KeepFor > 0 {
		at := f.DecidedAt.Add(f.KeepFor)
		dropAt = &at
	}
	return s.sign(ctx, tx, row{SubjectID: f.Subject, Salt: sealed, DropAt: dropAt}, r)
}

// saltOf names the sealed salt of a job, bound into its encryption.
func saltOf(job ekyc.ID) string { return string(job) + "/receipt-salt" }

// Amendment is what a person decided about a job that has a receipt.
type Amendment struct {
	Job       ekyc.ID
	Decision  ekyc.Decision
	DecidedAt time.Time
	Review    Review
}

// Amend signs a person's decision, in the transaction that decides it: a second receipt, over the same inputs, that names the first. A job that
// was decided before there were receipts gets none. Errors: ErrConflict when the job has a second receipt.
func (s *Service) Amend(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, a Amendment) error {
	last, err := read(ctx, tx, scope, a.Job, 0)
	if ekyc.CodeOf(err) == ekyc.ErrNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	var r Receipt
	if err := json.Unmarshal([]byte(last.Body), &r); err != nil {
		return fmt.Errorf("read a receipt: %w", err)
	}
	if r.Review != nil {
		return ekyc.Errorf(ekyc.ErrConflict, "the job has a receipt of its review")
	}
	if a.Review.Overruled == nil {
		a.Review.Overruled = []string{}
	}
	r.Sequence, r.Previous, r.Checkpoint, r.Program = r.Sequence+1, hashOf([]byte(last.Body)), "", s.options.Program
	r.Decision, r.DecidedAt, r.Review = a.Decision, a.DecidedAt.UTC(), &a.Review
	return s.sign(ctx, tx, row{SubjectID: last.SubjectID, DropAt: last.DropAt}, r)
}

// sign issues a receipt: key, time, checkpoint, signature, row.
func (s *Service) sign(ctx context.Context, tx pgx.Tx, kept row, r Receipt) error {
	key, at, err := s.current(ctx, tx)
	if err != nil {
		return err
	}
	r.KeyID, r.IssuedAt = key.id, at
	if s.options.Log != nil {
		if r.Checkpoint, err = s.options.Log.Latest(ctx); err != nil { // a decision does not wait for the log
			s.options.Logger.WarnContext(ctx, "a receipt is issued without the audit log's latest checkpoint", "job", r.Job, "error.message", err.Error())
		}
	}
	body, err := r.canonical()
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `insert into receipt (tenant_id, environment, job_id, sequence, subject_id, body, signature, key_id, salt, issued_at, drop_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing`,
		r.Tenant, r.Environment, r.Job, r.Sequence, kept.SubjectID, string(body), ed25519.Sign(key.private, body), key.id, kept.Salt, at, kept.DropAt)
	if err != nil {
		return fmt.Errorf("store a receipt: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ekyc.Errorf(ekyc.ErrConflict, "the job has this receipt already")
	}
	return nil
}

// row is a stored receipt.
type row struct {
	SubjectID ekyc.ID
	Body      string
	Signature []byte
	KeyID     string
	Salt      []byte
	DropAt    *time.Time
}

// stillHeld is true of a receipt whose time is not over.
const stillHeld = `(drop_at is null or drop_at > clock_timestamp() or held)`

// read gives the receipt of a number, the last for 0. Errors: ErrNotFound.
func read(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID, sequence int) (row, error) {
	rows, err := tx.Query(ctx, `select subject_id, body, signature, key_id, salt, drop_at from receipt
		where tenant_id = $1 and environment = $2 and job_id = $3 and ($4 = 0 or sequence = $4) and `+stillHeld+`
		order by sequence desc limit 1`, scope.Tenant, scope.Environment, job, sequence)
	if err != nil {
		return row{}, fmt.Errorf("read a receipt: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, ekyc.Errorf(ekyc.ErrNotFound, "there is no such receipt")
	}
	if err != nil {
		return row{}, fmt.Errorf("read a receipt: %w", err)
	}
	return r, nil
}
