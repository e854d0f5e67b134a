package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/queue"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, queue.Migrations)) }

type noteArgs struct {
	Name string `json:"name"`
}

func (noteArgs) Kind() string { return "note" }

type noteWorker struct {
	river.WorkerDefaults[noteArgs]
	seen chan string
}

func (w *noteWorker) Work(_ context.Context, job *river.Job[noteArgs]) error {
	w.seen <- job.Args.Name
	return nil
}

func TestAJobRunsWhenItsTransactionCommits(t *testing.T) {
	t.Parallel()
	db := server.Open(t)
	w := &noteWorker{seen: make(chan string, 10)}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := queue.New(db, queue.Options{Workers: workers, Queues: map[string]int{queue.Turns: 2}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Stop(context.Background()) })
	scope := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Test}
	add := func(name string, result error) error {
		return db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
			if err := queue.Add(ctx, tx, client, queue.Turns, river.InsertOpts{}, noteArgs{name}); err != nil {
				return err
			}
			return result
		})
	}
	undone := errors.New("undone")
	if err := add("rolled back", undone); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	if err := add("committed", nil); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-w.seen:
		if got != "committed" {
			t.Errorf("%q ran", got)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing ran")
	}
	select {
	case got := <-w.seen:
		t.Errorf("%q ran too", got)
	case <-time.After(100 * time.Millisecond):
	}
}

// TestEveryCommitWakesWorkers has River leave out a notification: a job of a transaction that is rolled back notifies first, and the next is
// put in within the 5 ms in which River tells no more. It must not wait for the next poll.
func TestEveryCommitWakesWorkers(t *testing.T) {
	t.Parallel()
	db := server.Open(t)
	w := &noteWorker{seen: make(chan string, 10)}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := queue.New(db, queue.Options{Workers: workers, Queues: map[string]int{queue.Turns: 2}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Stop(context.Background()) })
	scope := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Test}
	undone := errors.New("undone")
	ten := func() (waited time.Duration) {
		for range 10 {
			for _, result := range []error{undone, nil} {
				err := db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
					if err := queue.Add(ctx, tx, client, queue.Turns, river.InsertOpts{}, noteArgs{"note"}); err != nil {
						return err
					}
					return result
				})
				if !errors.Is(err, result) {
					t.Fatal(err)
				}
			}
			committed := time.Now()
			<-w.seen
			waited += time.Since(committed)
		}
		return waited
	}
	var waited []time.Duration
	for range 3 { // a machine that is busy with something else makes a round void, not three in a row
		waited = append(waited, ten())
		if waited[len(waited)-1] <= 3*time.Second { // ten polls would be five seconds
			break
		}
	}
	if slices.Min(waited) > 3*time.Second {
		t.Errorf("ten jobs waited %s for their workers", waited)
	}
	err = db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		return queue.Add(ctx, tx, nil, queue.Turns, river.InsertOpts{}, noteArgs{"note"})
	})
	if ekyc.CodeOf(err) != ekyc.ErrInternal {
		t.Errorf("without a client: %v", err)
	}
}
