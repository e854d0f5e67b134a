// Package queue is the transactional job queue: River on the same PostgreSQL, so that a job commits with the row that it is about.
// Arguments hold identifiers only, never what a person sent.
package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"ekyc/internal/store"
)

// The queues.
const (
	Turns    = "turns"    // a turn takes the next tenant's verification and works on it
	Webhooks = "webhooks" // deliveries
	Upkeep   = "upkeep"   // sweeping, rolling up
)

const schema = "river"

// Client inserts jobs and, when it was given workers, runs them.
type Client = river.Client[pgx.Tx]

// Options say what a process works on.
type Options struct {
	Workers    *river.Workers // nil: the process only inserts
	Queues     map[string]int // how many jobs of each queue run at once
	Periodic   []*river.PeriodicJob
	Middleware []rivertype.Middleware
	Logger     *slog.Logger
}

// fetchCooldown is how long a client waits between two looks at the queue; River's own 100 ms would be most of the time from
// enqueueing to start. One look costs under a millisecond.
const fetchCooldown = 5 * time.Millisecond

// New makes a client; Start it to run jobs.
func New(db *store.DB, o Options) (*Client, error) {
	config := &river.Config{
		Schema: schema, Logger: o.Logger, Middleware: o.Middleware, PeriodicJobs: o.Periodic,
		FetchCooldown: fetchCooldown, FetchPollInterval: time.Second,
		CompletedJobRetentionPeriod: time.Hour, CancelledJobRetentionPeriod: time.Hour, DiscardedJobRetentionPeriod: 7 * 24 * time.Hour,
	}
	if o.Workers != nil {
		config.Workers = o.Workers
		config.Queues = map[string]river.QueueConfig{}
		for name, n := range o.Queues {
			config.Queues[name] = river.QueueConfig{MaxWorkers: n}
		}
	}
	return river.NewClient(riverpgxv5.New(db.SystemPool()), config)
}

// Migrations are the queue's own tables. The service may add jobs and see nothing of them.
var Migrations = store.Migrations{Package: "queue", Run: migrate}

const grants = `
	grant select, insert, update, delete, truncate on all tables in schema river to ekyc_system;
	grant usage, select, update on all sequences in schema river to ekyc_system;
	grant execute on all functions in schema river to ekyc_system, ekyc_service;
	grant insert, select, update (kind) on river.river_job to ekyc_service; -- an insert ends in "on conflict do update set kind"
	grant usage on all sequences in schema river to ekyc_service`

func migrate(ctx context.Context, conn *pgx.Conn) error {
	config, err := pgxpool.ParseConfig(conn.Config().ConnString())
	if err != nil {
		return err
	}
	config.ConnConfig.RuntimeParams = conn.Config().RuntimeParams
	config.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, grants)
	return err
}
