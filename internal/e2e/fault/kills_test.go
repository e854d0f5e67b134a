package fault

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
)

// takenUpWithin is the promise: work that a killed worker had is taken up again.
const takenUpWithin = 30 * time.Second

// TestWorkersAreKilledAtRandomPoints kills one of two workers again and again while verifications run, with the lease that workers have
// by default. One of them always works, as in a deployment: work is taken up by who is there, and how long a killed one takes to start again
// is another question.
func TestWorkersAreKilledAtRandomPoints(t *testing.T) {
	t.Parallel()
	l, _ := setup(t, 1, "--engines", "1")
	const most = 8 // under way: one worker has places for all of them, so that what is taken up again waits for none
	flags := []string{"--engines", "1", "--jobs", strconv.Itoa(most)}
	workers := []*e2e.Process{l.site.StartWorker(t, flags...), l.site.StartWorker(t, flags...)}
	w := watch(t, l)
	over := make(chan struct{})
	var loading sync.WaitGroup
	loading.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
				l.load(t, "round-"+time.Now().Format("150405.000"), 1, most)
			}
		}
	})
	await(t, time.Minute, "work has begun", func() bool { return l.count(t, `select count(*) from job where status = 'running'`) > 1 })
	for range kills {
		time.Sleep(time.Duration(500+rand.IntN(3500)) * time.Millisecond)
		i := rand.IntN(len(workers))
		await(t, time.Minute, "the other worker works", func() bool { return strings.Contains(workers[1-i].Output(), `"message":"working"`) })
		w.killing()
		workers[i].Kill()
		workers[i] = l.site.StartWorker(t, flags...)
	}
	close(over)
	loading.Wait()
	l.settle(t, 4*time.Minute)
	w.stop()
	l.audit(t)
	l.repeat(t, 4)

	took := w.takenUp
	if len(took) < kills/2 {
		t.Errorf("only %d jobs were interrupted by %d kills", len(took), kills)
	}
	slices.Sort(took)
	t.Logf("%d kills interrupted %d jobs, taken up again after %s (median), %s (longest)", kills, len(took), took[len(took)/2].Round(100*time.Millisecond), took[len(took)-1].Round(100*time.Millisecond))
	if longest := took[len(took)-1]; longest > takenUpWithin {
		t.Errorf("a job was taken up again only after %s", longest)
	}
}

// watcher follows jobs from attempt to attempt.
type watcher struct {
	lab     *lab
	cancel  context.CancelFunc
	group   sync.WaitGroup
	mutex   sync.Mutex
	kills   []time.Time
	held    map[string]holding
	takenUp []time.Duration
}

// holding is a job in the hands of a worker.
type holding struct {
	attempt int
	renewed time.Time // by which the worker was still alive: its lease began anew then
}

func watch(t *testing.T, l *lab) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{lab: l, cancel: cancel, held: map[string]holding{}}
	w.group.Go(func() {
		for ctx.Err() == nil {
			w.look(ctx, t)
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *watcher) stop() { w.cancel(); w.group.Wait() }

func (w *watcher) killing() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.kills = append(w.kills, time.Now())
}

// defaultLease is the workers'; see workflow.Options.
const defaultLease = 15 * time.Second

// look reads who holds what. A job in a new attempt was interrupted by the first kill after its last sign of life, or by a later one: the
// time from the first is never too short.
func (w *watcher) look(ctx context.Context, t *testing.T) {
	rows, err := w.lab.db.Query(ctx, `select id, attempt, lease_until from job where status = 'running'`)
	if err != nil {
		if ctx.Err() == nil {
			t.Errorf("look at the jobs: %v", err)
		}
		return
	}
	now := time.Now()
	type line struct {
		ID      string
		Attempt int
		Until   time.Time
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil && ctx.Err() == nil {
		t.Errorf("look at the jobs: %v", err)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, j := range lines {
		before, known := w.held[j.ID]
		if known && j.Attempt > before.attempt {
			i := slices.IndexFunc(w.kills, func(k time.Time) bool { return k.After(before.renewed) })
			if i < 0 {
				t.Errorf("the job %s is in attempt %d, and nobody killed its worker", j.ID, j.Attempt)
				continue
			}
			w.takenUp = append(w.takenUp, now.Sub(w.kills[i]))
		}
		w.held[j.ID] = holding{j.Attempt, j.Until.Add(-defaultLease)}
	}
}
