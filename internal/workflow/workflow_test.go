package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/profile"
	"ekyc/internal/retention"
	"ekyc/internal/webhook"
)

// whole is what a workflow without profile checks uses.
var whole = map[ekyc.Module]int64{
	ekyc.ModuleLiveness: 1, ekyc.ModuleOCR: 1, ekyc.ModuleValidate: 1, ekyc.ModuleFaceMatch: 1, ekyc.ModuleWorkflow: 1,
}

func TestAVerificationIsDecidedBilledAndToldOnce(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{}, swift(), 2)
	scope := newScope()
	endpoint(t, p, scope)
	sub := submission(scope)
	sub.Back, sub.KYA, sub.SubjectRef, sub.Metadata = photograph(), &profile.Input{Surname: plantedSurname, Country: "DEU"}, "ref-1", map[string]string{"order": "17"}
	j := submit(t, p, sub)
	if j.Status != Queued || j.Subject == "" || j.Metadata["order"] != "17" || len(j.WorkflowHash) != 64 {
		t.Errorf("submitted: %+v", j)
	}
	j = await(t, p, scope, j.ID, Completed)
	var r Result
	if err := json.Unmarshal(j.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r.Decision != ekyc.Accepted || r.KYA == nil || r.Document.Fields["surname"].Value != plantedSurname || !r.FaceMatch.Match.Match || r.Workflow.Hash != j.WorkflowHash {
		t.Errorf("%s", j.Result)
	}
	if strings.Contains(string(j.Result), "mbedding") || strings.Contains(string(j.Result), "vector") {
		t.Error("the result holds embeddings")
	}
	var names []string
	for _, step := range j.Steps {
		names = append(names, step.Name+" "+step.Status)
	}
	if got := strings.Join(names, ", "); got != "liveness completed, ocr completed, validate completed, face_match completed, kya completed, decision completed" {
		t.Errorf("steps: %s", got)
	}
	if j.Metadata["order"] != "17" || j.SubjectRef != "ref-1" || j.StartedAt == nil || j.FinishedAt == nil || j.Attempt != 1 {
		t.Errorf("completed: %+v", j)
	}
	want := maps.Clone(whole)
	want[ekyc.ModuleKYA] = 1
	if got := usage(t, p, scope, j.ID); !maps.Equal(got, want) {
		t.Errorf("billed %v", got)
	}
	told := events(t, p, scope)
	if len(told) != 1 || len(told[webhook.KYCCompleted]) != 1 || told[webhook.KYCCompleted][0]["job_id"] != string(j.ID) || told[webhook.KYCCompleted][0]["decision"] != "accepted" {
		t.Errorf("told %v", told)
	}
	if left := j.Media; len(left) != 3 || media(t, p, scope, j.ID) != 3 || left[2].Expires.Sub(left[2].CreatedAt) != retention.DefaultDays*24*time.Hour {
		t.Errorf("of the photographs stay %+v", left)
	}
	if n := reserved(t, p, scope); n != 0 {
		t.Errorf("%d units are still held", n)
	}
	again := submit(t, p, sub)
	if again.Subject != j.Subject {
		t.Error("the same reference made another subject")
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

func TestATraceGoesOnInTheWorker(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	var mu sync.Mutex
	opened, ended := map[string]string{}, map[string]int{}
	o := swift()
	o.Span = func(ctx context.Context, traceParent, name string) (context.Context, func(error)) {
		mu.Lock()
		defer mu.Unlock()
		opened[name] = traceParent
		return ctx, func(error) {
			mu.Lock()
			defer mu.Unlock()
			ended[name]++
		}
	}
	p := newWorld(t).start(t, &synthetic{}, o, 1)
	sub := submission(newScope())
	sub.TraceParent, sub.KYA = parent, &profile.Input{Surname: plantedSurname}
	await(t, p, sub.Scope, submit(t, p, sub).ID, Completed)
	eventually(t, "the job's span ends", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return ended["job"] == 1 && ended["selfie"] == 1 && ended["document"] == 1 && ended["face_match"] == 1 && ended["kya"] == 1 && ended["decision"] == 1
	})
	if opened["job"] != parent || len(opened) != 6 {
		t.Errorf("spans %v", opened)
	}
}

func TestOneTransactionTakesASubmissionOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	scope := newScope()
	quota := submission(scope)
	quota.Entitlement.Quotas = map[ekyc.Module]int64{ekyc.ModuleFaceMatch: 0}
	small := submission(scope)
	small.Front = []byte("no picture")
	frames := submission(scope)
	for range 40 {
		frames.Selfie = append(frames.Selfie, photograph())
	}
	local := submission(scope)
	local.CallbackURL = "http://10.0.0.1/"
	late := submission(scope)
	undone := errors.New("undone")
	late.Also = func(context.Context, pgx.Tx, Job) error { return undone }
	profileless := submission(scope)
	profileless.Workflow = with(t, `{"kya": {"enabled": true}}`)
	wrong := submission(scope)
	wrong.KYA = &profile.Input{Country: "QQQ"}
	for name, c := range map[string]struct {
		sub  Submission
		want ekyc.ErrorCode
	}{
		"no quota": {quota, ekyc.ErrQuotaExceeded}, "no picture": {small, ekyc.ErrImageTypeUnsupported}, "too many frames": {frames, ekyc.ErrFramesCount},
		"a private callback": {local, ekyc.ErrURLDenied}, "Also refuses": {late, ekyc.ErrInternal}, "no profile": {profileless, ekyc.ErrMissingField},
		"no such country": {wrong, ekyc.ErrInvalidArgument},
	} {
		if _, err := p.Submit(t.Context(), c.sub); ekyc.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	jobs, _, err := p.List(t.Context(), scope, Filter{}, 0, "")
	if err != nil || len(jobs) != 0 || reserved(t, p, scope) != 0 {
		t.Errorf("%d jobs and %d units are left, %v", len(jobs), reserved(t, p, scope), err)
	}
	if d, err := p.QueueDepth(t.Context()); err != nil || d != (Depth{}) {
		t.Errorf("the queue has %+v, %v", d, err)
	}
}

func TestAlsoSeesTheJobInItsTransaction(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, nil, swift(), 0)
	sub := submission(newScope())
	var seen Job
	sub.Also = func(ctx context.Context, tx pgx.Tx, j Job) (err error) {
		seen, err = p.get(ctx, tx, sub.Scope, j.ID)
		return err
	}
	if j := submit(t, p, sub); seen.ID != j.ID {
		t.Errorf("saw %+v", seen)
	}
}

// failing is an engine whose first n calls of a step give an error.
func failing(step part, n int, err error) *synthetic {
	e := &synthetic{}
	e.before = func(_ context.Context, name part, _ []byte) error {
		if name == step && e.count(step) <= n {
			return err
		}
		return nil
	}
	return e
}

func TestFaultsAreTriedAgainAfterTheLastPersistedStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault error
		times int // that a job survives
	}{
		"engine failed": {ekyc.Errorf(ekyc.ErrEngineFailed, "crashed"), 1}, "unavailable": {ekyc.Errorf(ekyc.ErrUnavailable, "away"), 4},
		"timeout": {ekyc.Errorf(ekyc.ErrTimeout, "slow"), 1}, "unknown": {errors.New("unknown"), 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := failing(partMatch, c.times, c.fault)
			p := newWorld(t).start(t, e, swift(), 2)
			scope := newScope()
			j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed)
			if j.Attempt != c.times+1 || e.count(partSelfie) != 1 || e.count(partDocument) != 1 || e.count(partMatch) != c.times+1 {
				t.Errorf("%d attempts with %d, %d and %d calls", j.Attempt, e.count(partSelfie), e.count(partDocument), e.count(partMatch))
			}
			if got := usage(t, p, scope, j.ID); !maps.Equal(got, whole) {
				t.Errorf("billed %v", got)
			}
		})
	}
}

func TestPanicsCostOneAttempt(t *testing.T) {
	t.Parallel()
	for _, step := range []part{partSelfie, partMatch} {
		e := &synthetic{}
		e.before = func(_ context.Context, name part, _ []byte) error {
			if name == step && e.count(step) == 1 {
				panic("at the disco")
			}
			return nil
		}
		p := newWorld(t).start(t, e, swift(), 1)
		scope := newScope()
		if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed); j.Attempt != 2 {
			t.Errorf("%s: %d attempts", step, j.Attempt)
		}
	}
}

func TestAnOverloadedEngineIsNoFailure(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, failing(partSelfie, 1, ekyc.Errorf(ekyc.ErrOverloaded, "full")), Options{MaxAttempts: 1, SweepEvery: 100 * time.Millisecond}, 1)
	scope := newScope()
	if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed); j.Attempt != 2 {
		t.Errorf("%d attempts", j.Attempt)
	}
}

func TestADeadLetterIsRequeued(t *testing.T) {
	t.Parallel()
	e := failing(partDocument, 2, ekyc.Errorf(ekyc.ErrEngineFailed, "the vision engine failed on this input twice"))
	p := newWorld(t).start(t, e, swift(), 2)
	scope := newScope()
	endpoint(t, p, scope)
	sub := submission(scope)
	sub.KYA, sub.Metadata = &profile.Input{Surname: plantedSurname}, map[string]string{"order": "18"}
	j := await(t, p, scope, submit(t, p, sub).ID, Failed)
	if !j.DeadLetter || j.Error == nil || j.Error.Code != ekyc.ErrEngineFailed || j.Attempt != 2 || j.Result != nil {
		t.Errorf("%+v, %+v", j, j.Error)
	}
	if got := usage(t, p, scope, j.ID); len(got) != 0 || reserved(t, p, scope) != 0 {
		t.Errorf("billed %v", got)
	}
	told := events(t, p, scope)[webhook.KYCFailed]
	if len(told) != 1 || told[0]["metadata"].(map[string]any)["order"] != "18" || told[0]["error"].(map[string]any)["code"] != "engine_failed" {
		t.Errorf("told %v", told)
	}
	dead, next, err := p.DeadLetters(t.Context(), OperatorFilter{Tenant: scope.Tenant}, 10, "")
	if err != nil || len(dead) != 1 || dead[0].ID != j.ID || next != "" || dead[0].Metadata != nil || len(dead[0].Steps) != 1 {
		t.Errorf("dead letters %+v, %q, %v", dead, next, err)
	}
	if q, err := p.Requeue(t.Context(), j.ID); err != nil || q.Status != Queued || q.DeadLetter {
		t.Errorf("%+v, %v", q, err)
	}
	j = await(t, p, scope, j.ID, Completed)
	if got := usage(t, p, scope, j.ID); got[ekyc.ModuleWorkflow] != 1 || got[ekyc.ModuleKYA] != 1 || len(got) != 6 {
		t.Errorf("billed %v", got)
	}
	if e.count(partSelfie) != 1 {
		t.Errorf("the selfie was judged %d times", e.count(partSelfie))
	}
	if _, err := p.Requeue(t.Context(), j.ID); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("a second time: %v", err)
	}
	if _, err := p.Requeue(t.Context(), ekyc.NewID(ekyc.KindJob)); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("no job: %v", err)
	}
	if len(j.Media) == 0 {
		t.Error("the photographs of a job that was decided at last do not stay")
	}
}

func TestADamagedPhotographFailsTheJobAtOnce(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, failing(partSelfie, 9, ekyc.Errorf(ekyc.ErrImageCorrupt, "the image cannot be decoded completely")), swift(), 1)
	scope := newScope()
	endpoint(t, p, scope)
	j := await(t, p, scope, submit(t, p, submission(scope)).ID, Failed)
	if j.DeadLetter || j.Attempt != 1 || j.Error.Code != ekyc.ErrImageCorrupt || len(usage(t, p, scope, j.ID)) != 0 || reserved(t, p, scope) != 0 {
		t.Errorf("%+v, %+v", j, j.Error)
	}
	if n := len(events(t, p, scope)[webhook.KYCFailed]); n != 1 {
		t.Errorf("%d events", n)
	}
	eventually(t, "the photographs are deleted", func() bool { return media(t, p, scope, j.ID) == 0 })
}

func TestASlowAttemptTimesOut(t *testing.T) {
	t.Parallel()
	e := &synthetic{}
	e.before = func(ctx context.Context, name part, _ []byte) error {
		if name == partDocument && e.count(name) == 1 {
			<-ctx.Done()
		}
		return nil
	}
	o := swift()
	o.JobTimeout = 6 * time.Second // the other attempt is to come to its end
	p := newWorld(t).start(t, e, o, 1)
	scope := newScope()
	if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed); j.Attempt != 2 || e.count(partSelfie) != 1 {
		t.Errorf("%d attempts, %d selfies", j.Attempt, e.count(partSelfie))
	}
}

func TestQuotaThresholdsAreTold(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{}, swift(), 2)
	scope := newScope()
	endpoint(t, p, scope)
	sub := submission(scope)
	sub.Entitlement = metering.Entitlement{Plan: "free", PlanVersion: 1, Quotas: map[ekyc.Module]int64{ekyc.ModuleWorkflow: 5}}
	for range 5 {
		await(t, p, scope, submit(t, p, sub).ID, Completed)
	}
	told := events(t, p, scope)
	if len(told[webhook.QuotaThreshold]) != 1 || len(told[webhook.QuotaExhausted]) != 1 || told[webhook.QuotaThreshold][0]["module"] != "workflow" {
		t.Errorf("told %v", told)
	}
	if _, err := p.Submit(t.Context(), sub); ekyc.CodeOf(err) != ekyc.ErrQuotaExceeded {
		t.Errorf("beyond the quota: %v", err)
	}
}

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{}, swift(), 1)
	scope := newScope()
	j := submit(t, p, submission(scope))
	await(t, p, scope, j.ID, Completed)
	for name, other := range map[string]ekyc.Scope{"another tenant": newScope(), "the other environment": {Tenant: scope.Tenant, Environment: ekyc.Live}} {
		if _, err := p.Get(t.Context(), other, j.ID); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%s gets %v", name, err)
		}
		if _, err := p.Cancel(t.Context(), other, j.ID, nil); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%s cancels: %v", name, err)
		}
		if jobs, _, err := p.List(t.Context(), other, Filter{}, 10, ""); err != nil || len(jobs) != 0 {
			t.Errorf("%s lists %v, %v", name, jobs, err)
		}
		err := p.db.InTenant(t.Context(), other, func(ctx context.Context, tx pgx.Tx) error {
			for _, table := range []string{"job", "job_step"} {
				var n int
				if err := tx.QueryRow(ctx, "select count(*) from "+table).Scan(&n); err != nil || n != 0 {
					t.Errorf("%s sees %d rows of %s, %v", name, n, table, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := p.db.ServicePool().Exec(t.Context(), "select from turn_account"); err == nil {
		t.Error("the service may look at the turns")
	}
}

func TestListsGoOnWhereTheyEnded(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, nil, swift(), 0)
	scope := newScope()
	var ids []ekyc.ID
	for range 5 {
		ids = append(ids, submit(t, p, submission(scope)).ID)
	}
	if _, err := p.Cancel(t.Context(), scope, ids[2], nil); err != nil {
		t.Fatal(err)
	}
	var seen []ekyc.ID
	for after, pages := ekyc.ID(""), 0; ; pages++ {
		jobs, next, err := p.List(t.Context(), scope, Filter{Status: Queued}, 2, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			seen = append(seen, j.ID)
		}
		if after = next; after == "" {
			break
		}
	}
	if len(seen) != 4 || seen[0] != ids[4] || seen[1] != ids[3] || seen[2] != ids[1] || seen[3] != ids[0] {
		t.Errorf("listed %v of %v", seen, ids)
	}
	all, _, err := p.AllJobs(t.Context(), OperatorFilter{Tenant: scope.Tenant, Status: Cancelled}, 0, "")
	if err != nil || len(all) != 1 || all[0].ID != ids[2] {
		t.Errorf("operators see %v, %v", all, err)
	}
	if d, err := p.QueueDepth(t.Context()); err != nil || d.Queued != 4 || d.Oldest <= 0 {
		t.Errorf("depth %+v, %v", d, err)
	}
}
