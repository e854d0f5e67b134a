package workflow

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store/storetest"
)

// eraseWith erases a subject as the room of erasures does, as far as jobs are concerned.
func eraseWith(t *testing.T, p *process, scope ekyc.Scope, subject ekyc.ID) (removed int) {
	t.Helper()
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if err = p.vault.HoldSubject(ctx, tx, scope, subject); err != nil {
			return err
		}
		if removed, err = p.EraseJobs(ctx, tx, scope, subject); err != nil {
			return err
		}
		_, err = p.vault.EraseSubject(ctx, tx, scope, subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return removed
}

// held counts what is sealed, or noted of the steps, of a subject's jobs.
func held(t *testing.T, w world, subject ekyc.ID) (n int) {
	t.Helper()
	err := storetest.Owner(t, w.URL).QueryRow(t.Context(), `select
		(select count(*) from ekyc.job where subject_id = $1 and (request is not null or annotations is not null or result is not null or length(facts) > 0 or dead_letter))
		+ (select count(*) from ekyc.job_step s join ekyc.job j on j.id = s.job_id where subject_id = $1) + (select count(*) from ekyc.media where subject_id = $1)
		+ (select count(*) from ekyc.shadow_decision where subject_id = $1)`, subject).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAnErasureEndsJobsThatWaitAndBlanksThoseThatAreDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scope := newScope()
	q := w.start(t, failing(partSelfie, 99, ekyc.Errorf(ekyc.ErrModelMissing, "a model file is not installed")), swift(), 0)
	endpoint(t, q, scope)
	waiting := submit(t, q, plant(scope))
	if removed := eraseWith(t, q, scope, waiting.Subject); removed == 0 || held(t, w, waiting.Subject) != 0 {
		t.Errorf("%d are removed and %d are left", removed, held(t, w, waiting.Subject))
	}
	j, err := q.Get(t.Context(), scope, waiting.ID)
	if err != nil || j.Status != Cancelled || j.FinishedAt == nil || j.Metadata != nil || reserved(t, q, scope) != 0 || len(usage(t, q, scope, j.ID)) != 0 {
		t.Errorf("%+v, %v", j, err)
	}

	p := w.start(t, &synthetic{}, swift(), 1) // finds the turn and no job
	done := await(t, p, scope, submit(t, p, plant(scope)).ID, Completed)
	if held(t, w, done.Subject) == 0 {
		t.Fatal("a job that is done holds nothing, so that nothing can be shown")
	}
	billed := len(usage(t, p, scope, done.ID))
	eraseWith(t, p, scope, done.Subject)
	j, err = p.Get(t.Context(), scope, done.ID)
	if err != nil || j.Status != Completed || j.Result != nil || j.Metadata != nil || len(j.Steps) != 0 || held(t, w, done.Subject) != 0 || len(usage(t, p, scope, done.ID)) != billed || billed == 0 {
		t.Errorf("%+v, %v, %d are left", j, err, held(t, w, done.Subject))
	}
	err = p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		again, err := p.EraseJobs(ctx, tx, scope, done.Subject)
		if again != 0 {
			t.Errorf("a second look finds %d", again)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestADeadLetterOfAnErasedSubjectIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scope := newScope()
	p := w.start(t, failing(partSelfie, 99, ekyc.Errorf(ekyc.ErrModelMissing, "a model file is not installed")), swift(), 1)
	j := await(t, p, scope, submit(t, p, plant(scope)).ID, Failed)
	if !j.DeadLetter {
		t.Fatalf("%+v", j)
	}
	eraseWith(t, p, scope, j.Subject)
	if held(t, w, j.Subject) != 0 {
		t.Error("something is left")
	}
	if dead, _, err := p.DeadLetters(t.Context(), OperatorFilter{Tenant: scope.Tenant}, 0, ""); err != nil || len(dead) != 0 {
		t.Errorf("%v, %v", dead, err)
	}
	if _, err := p.Requeue(t.Context(), j.ID); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("a requeue: %v", err)
	}
}

// TestAnErasureStopsAJobThatRuns: at its first look the worker finds that it is to end, and bills nothing.
func TestAnErasureStopsAJobThatRuns(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	var once sync.Once
	w := newWorld(t)
	p := w.start(t, &synthetic{duration: time.Minute, before: func(context.Context, part, []byte) error { once.Do(func() { close(begun) }); return nil }}, swift(), 1)
	scope := newScope()
	endpoint(t, p, scope)
	j := submit(t, p, plant(scope))
	<-begun
	eraseWith(t, p, scope, j.Subject)
	j = await(t, p, scope, j.ID, Cancelled)
	if len(usage(t, p, scope, j.ID)) != 0 || reserved(t, p, scope) != 0 || held(t, w, j.Subject) != 0 {
		t.Errorf("%+v, %d are left", j, held(t, w, j.Subject))
	}
	if told := events(t, p, scope); len(told) != 0 {
		t.Errorf("told %v", told)
	}
}

// TestErasingAndFinishingExcludeEachOther: whenever the erasure comes, nothing of the person is left and either everything was billed or nothing.
func TestErasingAndFinishingExcludeEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{duration: 10 * time.Millisecond}, swift(), 2)
	scope := newScope()
	endpoint(t, p, scope)
	ends := map[Status]int{}
	for i := range 24 {
		j := submit(t, p, plant(scope))
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		eraseWith(t, p, scope, j.Subject)
		var at Job
		eventually(t, "the job ends", func() bool {
			var err error
			at, err = p.Get(t.Context(), scope, j.ID)
			return err == nil && at.Status.Final()
		})
		ends[at.Status]++
		if billed := len(usage(t, p, scope, j.ID)); (billed > 0) != (at.Status == Completed) {
			t.Errorf("%s, with %d usage events", at.Status, billed)
		}
		eventually(t, "nothing is left", func() bool { return held(t, w, j.Subject) == 0 })
	}
	if reserved(t, p, scope) != 0 {
		t.Error("units are reserved for ever")
	}
	t.Logf("ends: %v", ends)
	if ends[Cancelled] == 0 {
		t.Error("no erasure came before the end")
	}
}
