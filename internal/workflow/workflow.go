// Package workflow runs verifications as jobs: it takes a submission into the queue, gives each tenant's jobs their fair turns, runs
// their steps in the engine, decides, bills and tells.
//
// Which steps there are, and in which order, is the matter of a workflow (package pipeline). Its definition is pinned into the job at submission
// with everything that the request has otherwise. A worker begins whatever the plan has ready, side by side; an early stop spares what has not
// begun, and a step on demand runs where a rule asks for it. What a decision rests on is kept, sealed, so that it can be decided again under
// another workflow. [Hooks] are the rooms that have a part in a job's submission and end.
//
// A job is one row; its state lives here and nowhere else. A River job on queue.Turns is no more than a turn: it takes the next job
// that is due. Who takes one gets a lease with a token and keeps extending it; every later write of that worker checks the token, so a
// worker that was taken for dead changes nothing any more. Each step is persisted when it is done and a later attempt goes on after it.
// The result, the usage, the webhook's event and the end of the job are one transaction, so that nothing is billed twice or lost
// wherever a process is killed. [Service.Run] sweeps: it takes back the jobs whose worker is gone, and sees that every job that is due
// has a turn.
package workflow

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/engine"
	"ekyc/internal/metering"
	"ekyc/internal/profile"
	"ekyc/internal/queue"
	"ekyc/internal/store"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of jobs, their steps, and turns.
var Migrations = store.Migrations{Package: "workflow", Files: migrations, Directory: "migrations"}

// Engine is what jobs need of the vision engine; a fence.Engine is one. What concerns the pictures is an outcome, not an error.
type Engine interface {
	Selfie(ctx context.Context, r engine.SelfieRequest) (*engine.SelfieOutcome, error)
	Document(ctx context.Context, r engine.DocumentUpload) (*engine.DocumentOutcome, error)
	Models(ctx context.Context) (*engine.Inventory, error)
}

// Options tune the service; the zero value serves.
type Options struct {
	Lease       time.Duration // how long a worker that says nothing keeps its job; 0 for 15 s
	Heartbeat   time.Duration // between two extensions of the lease; 0 for 4 s
	SweepEvery  time.Duration // 0 for 3 s
	JobTimeout  time.Duration // of one attempt; 0 for 90 s
	MaxAttempts int           // that may end in a fault of ours; 0 for 5
	// Backoff is the wait after the n-th such attempt, from 1; nil for 1, 5, 25 and 60 s.
	Backoff func(failures int) time.Duration
	// KeepUploads is how long photographs wait for their job, and once more how long those of a dead letter wait for an operator; 0 for
	// 72 h.
	KeepUploads time.Duration
	// Program is the version of this program, for receipts.
	Program string
	// Ready says whether the engine can work at this moment; while it cannot, this process takes no jobs. nil: it always can.
	Ready func() bool
	// Span, where set, opens a span of a trace: for a job with the trace parent (W3C) of its submission, for its steps with "".
	Span func(ctx context.Context, traceParent, name string) (context.Context, func(error))
	// Entered, where set, enters an act into the audit log, in the transaction of the act.
	Entered func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, act Act, job ekyc.ID) error
	// Expired, where set, is told from how many jobs of a scope what they held was taken since their time was over, in that transaction.
	Expired func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs int) error
	Logger  *slog.Logger // nil for slog.Default()
}

const (
	defaultLease       = 15 * time.Second // with the sweep, a killed worker's job is due again within 18 s; under load 24 s were seen until it ran
	defaultHeartbeat   = 4 * time.Second  // three may be lost
	defaultSweepEvery  = 3 * time.Second
	defaultJobTimeout  = 90 * time.Second
	defaultMaxAttempts = 5
	defaultKeepUploads = 72 * time.Hour // a weekend

	// mostInterruptions is how often a job's worker may go away before the job is taken for the cause. Generous, since deployments and
	// failing machines interrupt jobs too, and each interruption costs no more than the step under way.
	mostInterruptions = 20
)

// backoff gives an engine that was restarted, a database that failed over and a deployment time to come back.
func backoff(failures int) time.Duration {
	waits := []time.Duration{time.Second, 5 * time.Second, 25 * time.Second, time.Minute}
	return waits[min(max(failures, 1), len(waits))-1]
}

func (o Options) complete() Options {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Lease, defaultLease}, {&o.Heartbeat, defaultHeartbeat}, {&o.SweepEvery, defaultSweepEvery},
		{&o.JobTimeout, defaultJobTimeout}, {&o.KeepUploads, defaultKeepUploads},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = defaultMaxAttempts
	}
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	if o.Span == nil {
		o.Span = func(ctx context.Context, _, _ string) (context.Context, func(error)) { return ctx, func(error) {} }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Service takes, runs and shows jobs. It is safe for concurrent use once SetQueue, and SetHooks where there are hooks, was called.
type Service struct {
	db       *store.DB
	queue    *queue.Client
	vault    *vault.Vault
	metering *metering.Service
	webhooks *webhook.Service
	engine   Engine
	profile  *profile.Checker
	validity *profile.Checker // looks nothing up
	hooks    Hooks
	plans    drafting.Cache
	options  Options
	logger   *slog.Logger
}

// New makes a service. The engine and the checker may be nil in a process that runs no jobs. SetQueue must follow.
func New(db *store.DB, v *vault.Vault, m *metering.Service, w *webhook.Service, e Engine, p *profile.Checker, o Options) *Service {
	o = o.complete()
	return &Service{db: db, vault: v, metering: m, webhooks: w, engine: e, profile: p,
		validity: profile.New(profile.Options{}), options: o, logger: o.Logger}
}

// SetQueue gives the client that wakes workers; it may be one that only inserts.
func (s *Service) SetQueue(client *queue.Client) { s.queue = client }

// SetHooks gives the rooms that have a part in a job's submission and end. It comes before the first job.
func (s *Service) SetHooks(h Hooks) { s.hooks = h }

// Register adds the worker that takes turns. Its queue is queue.Turns, whose number of workers bounds the jobs that run at once.
func (s *Service) Register(workers *river.Workers) { river.AddWorker(workers, &turnWorker{service: s}) }

// Run sweeps at once and then until ctx ends. Every process that runs jobs calls it.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(s.options.SweepEvery)
	defer ticker.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "sweeping jobs failed and is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
