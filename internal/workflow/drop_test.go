package workflow

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// isErased says whether a subject and its key are gone.
func isErased(t *testing.T, w world, id ekyc.ID) bool {
	t.Helper()
	conn := storetest.Owner(t, w.URL)
	var erased bool
	var keys int
	err := conn.QueryRow(t.Context(), `select erased_at is not null and ref_hash is null and ref_sealed is null,
		(select count(*) from ekyc_keys.subject_key k where k.subject_id = s.id) from ekyc.subject s where id = $1`, id).Scan(&erased, &keys)
	if err != nil {
		t.Fatal(err)
	}
	if erased != (keys == 0) {
		t.Errorf("erased %v with %d keys", erased, keys)
	}
	return erased
}

// over submits a job that is to leave nothing, ends it, and moves its end into the past.
func over(t *testing.T, w world, p *process, scope ekyc.Scope, ref string) Job {
	t.Helper()
	sub := submission(scope)
	sub.Store, sub.SubjectRef, sub.TraceParent = false, ref, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	j := submit(t, p, sub)
	if _, err := p.Cancel(t.Context(), scope, j.ID, nil); err != nil {
		t.Fatal(err)
	}
	age(t, w, j.ID, dropAfter+time.Minute)
	return j
}

func TestASubjectGoesWithTheJobsThatAreNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	scope := newScope()
	sweep := func() {
		t.Helper()
		if err := p.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	known := ekyc.ID("")
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		known, err = p.vault.CreateSubject(ctx, tx, scope, "known")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	nameless, named := over(t, w, p, scope, ""), over(t, w, p, scope, "ref-1")
	if j := over(t, w, p, scope, "known"); j.Subject != known {
		t.Fatalf("a subject of its own for %v", j)
	}
	young := submission(scope)
	young.Store, young.SubjectRef = false, "ref-1"
	waiting := submit(t, p, young)
	referred := over(t, w, p, scope, "ref-2")
	addReference(t, p, scope, referred.Subject)
	sweep()
	for what, c := range map[string]struct {
		subject ekyc.ID
		erased  bool
	}{
		"made by the job": {nameless.Subject, true}, "known before": {known, false}, "with another job": {named.Subject, false},
		"with a reference photograph": {referred.Subject, false},
	} {
		if isErased(t, w, c.subject) != c.erased {
			t.Errorf("%s: erased %v", what, !c.erased)
		}
	}
	if _, err := p.Cancel(t.Context(), scope, waiting.ID, nil); err != nil {
		t.Fatal(err)
	}
	age(t, w, waiting.ID, dropAfter+time.Minute)
	sweep()
	if !isErased(t, w, named.Subject) {
		t.Error("the last of the jobs that made a subject did not take it along")
	}
	if j := over(t, w, p, scope, "ref-1"); j.Subject == named.Subject {
		t.Error("the reference leads to the erased subject")
	}
}

func addReference(t *testing.T, p *process, scope ekyc.Scope, subject ekyc.ID) {
	t.Helper()
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		id, err := p.vault.PutMedia(ctx, tx, scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: photograph()})
		if err != nil {
			return err
		}
		return p.vault.SetReference(ctx, tx, scope, subject, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestASubmissionBesideTheErasureOfItsSubject has both at the same moment, again and again: whoever is first, the new job has a subject.
func TestASubmissionBesideTheErasureOfItsSubject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	scope := newScope()
	for range 15 {
		over(t, w, p, scope, "ref-1")
		var beside sync.WaitGroup
		beside.Go(func() {
			if err := p.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		})
		sub := submission(scope)
		sub.Store, sub.SubjectRef = false, "ref-1"
		j, err := p.Submit(t.Context(), sub)
		beside.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if isErased(t, w, j.Subject) {
			t.Fatal("the subject of a job that waits is erased")
		}
		if _, err := p.Cancel(t.Context(), scope, j.ID, nil); err != nil {
			t.Fatal(err)
		}
		age(t, w, j.ID, dropAfter+time.Minute)
	}
}

func TestOfADroppedJobOnlyItsUsageAndStateAreLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 1)
	scope := newScope()
	sub := submission(scope)
	sub.Store, sub.TraceParent = false, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	id := submit(t, p, sub).ID
	await(t, p, scope, id, Completed)
	age(t, w, id, dropAfter+time.Minute)
	eventually(t, "the steps are dropped", func() bool { return len(await(t, p, scope, id, Completed).Steps) == 0 })
	var left int
	err := storetest.Owner(t, w.URL).QueryRow(t.Context(), `select count(*) from ekyc.job
		where trace_parent <> '' or coalesce(request, annotations, result) is not null`).Scan(&left)
	if err != nil || left != 0 || usage(t, p, scope, id)[ekyc.ModuleWorkflow] != 1 {
		t.Errorf("%d jobs hold something, %v", left, err)
	}
}

func TestOneProcessAtATimeCleans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	scope := newScope()
	j := over(t, w, p, scope, "ref-1")
	other := storetest.Owner(t, w.URL)
	if _, err := other.Exec(t.Context(), `select pg_advisory_lock($1)`, int64(cleanLock)); err != nil {
		t.Fatal(err)
	}
	if err := p.Sweep(t.Context()); err != nil || isErased(t, w, j.Subject) {
		t.Errorf("a second process cleans, %v", err)
	}
	if _, err := other.Exec(t.Context(), `select pg_advisory_unlock($1)`, int64(cleanLock)); err != nil {
		t.Fatal(err)
	}
	if err := p.Sweep(t.Context()); err != nil || !isErased(t, w, j.Subject) {
		t.Errorf("nobody cleans, %v", err)
	}
}

// TestADeadLettersPhotographsWaitFromItsEnd has a job whose photographs were about to expire when it failed.
func TestADeadLettersPhotographsWaitFromItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expire := func(when string) {
		if _, err := storetest.Owner(t, w.URL).Exec(context.Background(), `update ekyc.media set expires_at = now() + $1::interval`, when); err != nil {
			t.Error(err)
		}
	}
	e := &synthetic{before: func(_ context.Context, name part, _ []byte) error {
		if name == partSelfie {
			expire("1 minute")
			return ekyc.Errorf(ekyc.ErrModelMissing, "a model file is not installed")
		}
		return nil
	}}
	p := w.start(t, e, swift(), 1)
	scope := newScope()
	id := submit(t, p, submission(scope)).ID
	await(t, p, scope, id, Failed)
	var left time.Duration
	if err := storetest.Owner(t, w.URL).QueryRow(t.Context(), `select min(expires_at) - now() from ekyc.media`).Scan(&left); err != nil || left < defaultKeepUploads {
		t.Errorf("the photographs are held for %s, %v", left, err)
	}
	expire("-1 second")
	if _, err := p.Requeue(t.Context(), id); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("a requeue without photographs: %v", err)
	}
	if j, err := p.Get(t.Context(), scope, id); err != nil || !j.DeadLetter || reserved(t, p, scope) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
}
