// Package queue is the transactional job queue: River on the same PostgreSQL, so that a job commits with the row that it is about.
// Arguments hold identifiers only, never what a person sent.
package queue

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"ekyc"
	"ekyc/internal/store"
)

// The queues.
const (
	Turns    = "turns"    // a turn takes the next tenant's verification and works on it
	Prompt   = "prompt"   // a turn for tenants that have nothing else under way: others' backlogs never hold all places
	Webhooks = "webhooks" // deliveries
)

const schema = "river"

// Client inserts jobs and, when it was given workers, runs them.
type Client = river.Client[pgx.Tx]

// Options say what a process works on.
type Options struct {
	Workers *river.Workers // nil: the process only inserts
	Queues  map[string]int // how many jobs of each queue run at once
	Logger  *slog.Logger
}

// fetchCooldown is how long a client waits between two looks at the queue; River's own 100 ms would be most of the time from
// enqueueing to start. One look costs under a millisecond.
const fetchCooldown = 5 * time.Millisecond

// New makes a client; Start it to run jobs.
func New(db *store.DB, o Options) (*Client, error) {
	config := &river.Config{
		Schema: schema, Logger: o.Logger, FetchCooldown: fetchCooldown, FetchPollInterval: time.Second,
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

// Add puts jobs into a queue in the caller's transaction; workers wake when it commits. The options of the jobs are those of all, with
// the queue. Errors: ErrInternal without a client.
func Add[T river.JobArgs](ctx context.Context, tx pgx.Tx, client *Client, queue string, o river.InsertOpts, jobs ...T) error {
	if client == nil {
		return ekyc.Errorf(ekyc.ErrInternal, "the queue %s has no client yet", queue)
	}
	if len(jobs) == 0 {
		return nil
	}
	o.Queue = queue
	params := make([]river.InsertManyParams, len(jobs))
	for i, args := range jobs {
		params[i] = river.InsertManyParams{Args: args, InsertOpts: &o}
	}
	if _, err := client.InsertManyTx(ctx, tx, params); err != nil {
		return fmt.Errorf("put jobs into the queue %s: %w", queue, err)
	}
	// River leaves out the notification when this process sent one in the last 5 ms, even where that one's transaction is still open or
	// was rolled back, and the job would wait for the next poll, up to a second. Equal notifications of one transaction become one.
	if _, err := tx.Exec(ctx, `select pg_notify($1, $2)`, schema+".river_insert", `{"queue": "`+queue+`"}`); err != nil {
		return fmt.Errorf("wake the workers of the queue %s: %w", queue, err)
	}
	return nil
}

// Migrations are the queue's own tables. The service adds jobs; what it could read of them are identifiers.
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
