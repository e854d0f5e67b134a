package workflow

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
	"ekyc/internal/receipt"
	"ekyc/internal/retention"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
)

// Hooks are what other rooms do when a job is decided, and where a workflow's name leads. Each may be nil, and is then not part of the
// service. They run in the transaction of the job's end or submission: an error of theirs undoes it, and the attempt counts as a fault.
type Hooks struct {
	Library  Library
	Reviews  Reviews
	Receipts Receipts
	Shadows  Shadows
	Reuse    Reuse
	// Retention says how long things are kept; without it all tenants have the defaults.
	Retention Retention
	Erasure   Erasure
}

// Erasure forgets subjects everywhere; an erasure.Service is one. Without it only what is sealed under the subject's key goes.
type Erasure interface {
	// Forget erases a subject, in the caller's transaction, and names files that the caller removes. Errors: ErrNotFound, ErrGone, ErrConflict while it is held.
	Forget(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) ([]string, error)
}

// Retention knows for how long a scope wants things kept; a retention.Service is one.
type Retention interface {
	Settings(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (retention.Settings, error)
}

// Library knows the workflows of a scope; a drafting.Service is one.
type Library interface {
	// Resolve gives the newest published version of a workflow, with its number from 1. With the name "" it gives the scope's default.
	// The definition is the caller's own. Errors: ErrNotFound where there is none.
	Resolve(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, name string) (*pipeline.Definition, int, error)
}

// Reviews keeps the queue of the cases that a person has to look at; a review.Service is one.
type Reviews interface {
	// Open puts a case into the queue and gives it its identifier.
	Open(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, c review.Case) (ekyc.ID, error)
	// OfJob gives the review of a job; nil where there is none.
	OfJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) (*review.Review, error)
}

// Receipts signs decisions; a receipt.Service is one.
type Receipts interface {
	// Issue signs what was decided and stores it.
	Issue(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, f receipt.Facts) error
}

// Reuse finds documents and pictures again that other subjects have brought; a reuse.Service is one.
type Reuse interface {
	Hash(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, in reuse.Brought) (*reuse.Hashes, error)
	// Look finds what others have brought, and holds what was brought against others that bring the same, until the transaction ends.
	Look(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, h *reuse.Hashes) (reuse.Found, error)
	Keep(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, job ekyc.ID, h *reuse.Hashes) error
}

// Shadows decides a job once more under other workflows.
type Shadows interface {
	After(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, c ShadowCase) error
}

// ShadowCase is a decided job with everything that another workflow needs to decide it.
type ShadowCase struct {
	Job      ekyc.ID
	Subject  ekyc.ID
	Workflow WorkflowResult
	Facts    *pipeline.Facts
	Result   *decision.Result // as it was decided
	At       time.Time
	Kept     bool // false: store was false
}
