package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/webhook"
)

// workerVariable makes the test program a worker process; its value is a killable.
const workerVariable = "EKYC_WORKFLOW_TEST_WORKER"

// killable says what a worker process works on, and where it is to kill itself.
type killable struct {
	World   world
	Step    part   // kill at a call of this step; "": do not
	Marks   string // folder of the kills that happened
	Workers int
	StepMS  int // how long a step takes
	LeaseMS int // 0 for the lease of earnest
}

// workUntilKilled is a worker process.
func workUntilKilled(job string) int {
	var k killable
	if err := json.Unmarshal([]byte(job), &k); err != nil {
		return 2
	}
	e := &synthetic{duration: time.Duration(k.StepMS) * time.Millisecond}
	e.before = func(_ context.Context, name part, _ []byte) error {
		if name != k.Step {
			return nil
		}
		if f, err := os.OpenFile(filepath.Join(k.Marks, string(name)), os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			f.Close()
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	o := swift()
	o.Lease = time.Duration(k.LeaseMS) * time.Millisecond
	p, err := k.World.open(context.Background(), e, o, k.Workers)
	if err == nil {
		err = p.client.Start(context.Background())
	}
	if err != nil {
		slog.Error("the worker does not start", "error", err)
		return 1
	}
	fmt.Println("ready")
	p.Run(context.Background())
	return 0
}

// spawn starts a worker process and waits until it works.
func spawn(t testing.TB, k killable) *exec.Cmd {
	t.Helper()
	job, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), workerVariable+"="+string(job))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("the worker does not start: %v", err)
	}
	return c
}

// settled checks that every job was decided, billed and told exactly once.
func settled(t testing.TB, p *process, scope ekyc.Scope, jobs []ekyc.ID) {
	t.Helper()
	for _, id := range jobs {
		j := await(t, p, scope, id, Completed)
		if got := usage(t, p, scope, id); !maps.Equal(got, whole) {
			t.Errorf("%s was billed %v", id, got)
		}
		if len(j.Steps) != 5 || j.Result == nil {
			t.Errorf("%s has the steps %v and %d bytes of result", id, j.Steps, len(j.Result))
		}
	}
	told := map[string]int{}
	for _, e := range events(t, p, scope)[webhook.KYCCompleted] {
		told[e["job_id"].(string)]++
	}
	for _, id := range jobs {
		if told[string(id)] != 1 {
			t.Errorf("%s was told %d times", id, told[string(id)])
		}
	}
	if n := reserved(t, p, scope); n != 0 {
		t.Errorf("%d units are still held", n)
	}
}

func TestAKilledWorkersJobGoesOnAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, step := range []part{partSelfie, partDocument, partMatch} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start(t, nil, swift(), 0)
			scope := newScope()
			endpoint(t, p, scope)
			k := killable{World: w, Step: step, Marks: t.TempDir(), Workers: 1, StepMS: 20}
			doomed := spawn(t, k)
			id := submit(t, p, submission(scope)).ID
			doomed.Wait()
			if j, err := p.Get(t.Context(), scope, id); err != nil || j.Status != Running {
				t.Fatalf("after the kill: %+v, %v", j, err)
			}
			expire(t, p, id)
			spawn(t, k)
			settled(t, p, scope, []ekyc.ID{id})
			if j, _ := p.Get(t.Context(), scope, id); j.Attempt != 2 {
				t.Errorf("%d attempts", j.Attempt)
			}
		})
	}
}

// TestAKilledWorkersJobGoesOnInItsPlan kills in the middle of plans that are not the usual one, and looks at which attempt did what.
func TestAKilledWorkersJobGoesOnInItsPlan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		workflow string
		step     part
		attempts map[part]int
	}{
		"in turn": {inTurn, partDocument, map[part]int{partSelfie: 1, partDocument: 2, partValidate: 2, partMatch: 2, partDecision: 2}},
		"the live face is enrolled for the comparison alone": {`{"name": "a", "steps": [{"step": "ocr"}, {"step": "validate"}, {"step": "face_match"}]}`, partSelfie,
			map[part]int{partDocument: 1, partValidate: 1, partFace: 2, partMatch: 2, partDecision: 2}},
		"on demand": {`{"name": "b", "steps": [{"step": "ocr"}, {"step": "validate"}, {"step": "liveness", "after": ["validate"], "on_demand": true}],
			"rules": [{"name": "passports", "when": "document.type == 'passport'", "then": "require_step", "step": "liveness"}]}`, partSelfie,
			map[part]int{partDocument: 1, partValidate: 1, partSelfie: 2, partDecision: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start(t, nil, swift(), 0)
			sub := submission(newScope())
			sub.Workflow = planned(t, c.workflow)
			k := killable{World: w, Step: c.step, Marks: t.TempDir(), Workers: 1, StepMS: 5}
			doomed := spawn(t, k)
			id := submit(t, p, sub).ID
			doomed.Wait()
			expire(t, p, id)
			spawn(t, k)
			j := await(t, p, sub.Scope, id, Completed)
			attempts := map[part]int{}
			err := p.db.InTenant(t.Context(), sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
				rows, err := tx.Query(ctx, `select name, attempt from job_step where job_id = $1`, id)
				if err != nil {
					return err
				}
				var name part
				var attempt int
				_, err = pgx.ForEachRow(rows, []any{&name, &attempt}, func() error {
					attempts[name] = attempt
					return nil
				})
				return err
			})
			if err != nil || !maps.Equal(attempts, c.attempts) {
				t.Errorf("%v: the parts come from the attempts %v", err, attempts)
			}
			if r := resultOfJob(t, j); r.Decision != ekyc.Accepted || reserved(t, p, sub.Scope) != 0 {
				t.Errorf("%s", j.Result)
			}
		})
	}
}

// TestAnAttemptAfterAStopBeginsNothing has the step beside the one that stopped fail at first.
func TestAnAttemptAfterAStopBeginsNothing(t *testing.T) {
	t.Parallel()
	e := failing(partDocument, 1, ekyc.Errorf(ekyc.ErrUnavailable, "away"))
	e.live = 0.1
	p := newWorld(t).start(t, e, swift(), 1)
	sub := submission(newScope())
	sub.Workflow = planned(t, beside)
	j := await(t, p, sub.Scope, submit(t, p, sub).ID, Completed)
	if got := told(j.Steps); j.Attempt != 2 || got != "liveness completed, ocr skipped, validate skipped, face_match skipped, decision completed" {
		t.Errorf("%d attempts, steps: %s", j.Attempt, got)
	}
	if e.count(partSelfie) != 1 || e.count(partDocument) != 1 || resultOfJob(t, j).Decision != ekyc.Rejected {
		t.Errorf("%d and %d calls: %s", e.count(partSelfie), e.count(partDocument), j.Result)
	}
}

// TestKillsAtRandomPointsLoseNothing kills one of two worker processes again and again, wherever it is.
func TestKillsAtRandomPointsLoseNothing(t *testing.T) {
	t.Parallel()
	const kills, jobs = 25, 80
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	scope := newScope()
	endpoint(t, p, scope)
	k := killable{World: w, Workers: 2, StepMS: 15, LeaseMS: 1500}
	workers := []*exec.Cmd{spawn(t, k), spawn(t, k)}
	var ids []ekyc.ID
	for range jobs {
		ids = append(ids, submit(t, p, submission(scope)).ID)
	}
	for i := range kills {
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		victim := &workers[i%len(workers)]
		(*victim).Process.Kill()
		(*victim).Wait()
		*victim = spawn(t, k)
		ids = append(ids, submit(t, p, submission(scope)).ID) // there is always something to interrupt
	}
	settled(t, p, scope, ids)
}

// TestALateWorkerChangesNothing lets a worker stall until its job was done by another, and then go on.
func TestALateWorkerChangesNothing(t *testing.T) {
	t.Parallel()
	for _, step := range []part{partSelfie, partMatch} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stalled, goOn, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			slow := &synthetic{before: func(_ context.Context, name part, _ []byte) error {
				if name == step {
					close(stalled)
					<-goOn // whatever its context says: the process was frozen
				}
				return nil
			}}
			frozen := swift()
			frozen.Heartbeat = time.Hour
			p := w.start(t, slow, frozen, 0)
			scope := newScope()
			endpoint(t, p, scope)
			id := submit(t, p, submission(scope)).ID
			c, err := p.take(t.Context(), false)
			if err != nil || c == nil {
				t.Fatalf("%+v, %v", c, err)
			}
			go func() {
				_, err := p.load(context.Background(), c)
				if err == nil {
					err = p.run(context.Background(), c)
				}
				late <- err
			}()
			<-stalled
			expire(t, p, id)
			other := w.start(t, &synthetic{}, swift(), 1)
			settled(t, other, scope, []ekyc.ID{id})
			before := await(t, other, scope, id, Completed)
			close(goOn)
			if err := <-late; !errors.Is(err, errLeaseLost) {
				t.Errorf("the late worker ends with %v", err)
			}
			for what, err := range map[string]error{
				"a result": p.complete(t.Context(), c, &execution{known: &progress{}}), "a failure": p.fail(t.Context(), c, ekyc.Errorf(ekyc.ErrInternal, "late"), true),
				"a return": p.giveBack(t.Context(), c, setback{failures: 1, wait: time.Hour}), "an end by cancelling": p.cancelClaimed(t.Context(), c),
			} {
				if !errors.Is(err, errLeaseLost) {
					t.Errorf("%s of the late worker: %v", what, err)
				}
			}
			settled(t, other, scope, []ekyc.ID{id})
			if after := await(t, other, scope, id, Completed); string(after.Result) != string(before.Result) || after.Attempt != 2 {
				t.Errorf("the late worker changed the job: %+v", after)
			}
		})
	}
}

// TestALiveWorkerKeepsItsLease has a step that takes far longer than a lease.
func TestALiveWorkerKeepsItsLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := swift()
	o.Lease = 2 * time.Second
	p := w.start(t, &synthetic{duration: 5 * time.Second}, o, 1)
	w.start(t, &synthetic{}, o, 1)
	scope := newScope()
	// A machine that gives the worker no processor for the time of a lease makes a round void.
	for range 3 {
		if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed); j.Attempt == 1 && j.FinishedAt.Sub(*j.StartedAt) > 2*o.Lease {
			return
		}
	}
	t.Error("no step that takes longer than a lease came to its end in the first attempt")
}

func TestAStoppedWorkerGivesItsJobBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun := make(chan struct{})
	var once sync.Once
	slow := &synthetic{duration: time.Minute, before: func(context.Context, part, []byte) error { once.Do(func() { close(begun) }); return nil }}
	o := Options{Lease: time.Hour} // nobody waits for one here
	p := w.start(t, slow, o, 1)
	scope := newScope()
	id := submit(t, p, submission(scope)).ID
	<-begun
	if err := p.client.StopAndCancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.start(t, &synthetic{}, o, 1)
	await(t, p, scope, id, Completed)
}

// A job whose workers always die is given up at last.
func TestAJobThatKillsItsWorkersIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 0)
	scope := newScope()
	id := submit(t, p, submission(scope)).ID
	err := p.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update job set status = 'running', interruptions = $2, lease_token = 'dead', lease_until = now() - interval '1 s' where id = $1`, id, mostInterruptions-1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	q := w.start(t, &synthetic{}, swift(), 1)
	if j := await(t, q, scope, id, Failed); !j.DeadLetter || j.Error.Code != ekyc.ErrUnavailable || reserved(t, q, scope) != 0 {
		t.Errorf("%+v, %+v", j, j.Error)
	}
	if _, err := q.Requeue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	await(t, q, scope, id, Completed)
}

func TestALostTurnIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 0)
	scope := newScope()
	var ids []ekyc.ID
	for range 3 {
		ids = append(ids, submit(t, p, submission(scope)).ID)
	}
	if _, err := p.db.SystemPool().Exec(t.Context(), `delete from river.river_job`); err != nil {
		t.Fatal(err)
	}
	q := w.start(t, &synthetic{}, swift(), 2)
	for _, id := range ids {
		await(t, q, scope, id, Completed)
	}
}

// TestAFrozenClaimHoldsNobodyUp stands for a process that was frozen while it held the clock of turns.
func TestAFrozenClaimHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 1)
	scope := newScope()
	frozen, err := p.db.SystemPool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Rollback(context.Background())
	for _, statement := range []string{beginTurn, `select virtual_time from turn_clock for update`} {
		if _, err := frozen.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed)
	if d := time.Since(start); d > 40*time.Second || j.Attempt != 1 { // the usual limit of such a transaction is 60 s
		t.Errorf("it took %s and %d attempts", d, j.Attempt)
	}
}
