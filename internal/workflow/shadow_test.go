package workflow

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/store/storetest"
	"ekyc/internal/webhook"
)

// staged is a process that works on jobs with versions in the shadow.
type staged struct {
	*process
	t       *testing.T
	url     string
	library *drafting.Service
	shadows *Comparisons
	scope   ekyc.Scope
}

func stage(t *testing.T) *staged {
	t.Helper()
	w := newWorld(t)
	engine := &synthetic{}
	p, err := w.open(t.Context(), engine, swift(), 2)
	if err != nil {
		t.Fatal(err)
	}
	s := &staged{process: p, t: t, url: w.URL, library: drafting.New(p.db, drafting.Options{}), scope: newScope()}
	s.shadows = NewComparisons(p.db, s.library, engine, slog.New(slog.DiscardHandler))
	p.SetHooks(Hooks{Library: s.library, Shadows: s.shadows})
	if err := p.client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		late, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		p.client.StopAndCancel(late)
		p.db.Close()
	})
	return s
}

// shadow publishes a workflow and lets it decide in the shadow.
func (s *staged) shadow(text, beside string) ekyc.ID {
	s.t.Helper()
	v := s.publish(text)
	if _, err := s.library.StartShadow(s.t.Context(), s.scope, v.ID, "ek_test_eu1_x", beside); err != nil {
		s.t.Fatal(err)
	}
	return v.ID
}

func (s *staged) publish(text string) drafting.Workflow {
	s.t.Helper()
	d, err := s.library.Create(s.t.Context(), s.scope, "ek_test_eu1_x", drafting.Text{Format: drafting.YAML, Source: text})
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := s.library.Publish(s.t.Context(), s.scope, d.ID, "ek_test_eu1_x", d.Hash)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// verify lets a job be decided.
func (s *staged) verify(change ...func(*Submission)) Job {
	s.t.Helper()
	sub := submission(s.scope)
	var err error
	if sub.Workflow, err = s.Pin(s.t.Context(), s.scope, Settings{}); err != nil { // as the edge does
		s.t.Fatal(err)
	}
	for _, f := range change {
		f(&sub)
	}
	return await(s.t, s.process, s.scope, submit(s.t, s.process, sub).ID, Completed)
}

func (s *staged) report(id ekyc.ID) ShadowReport {
	s.t.Helper()
	r, _, err := s.shadows.Report(s.t.Context(), s.scope, id, time.Time{}, time.Time{}, 0, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

const severe = "name: severe\nrules: [{name: nobody, when: liveness.live_score <= 1.0, then: rejected}]\n"

func TestVersionsInTheShadowDecideAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := stage(t)
	endpoint(t, s.process, s.scope)
	refusing, alike := s.shadow(severe, ""), s.shadow("name: alike\n", drafting.BuiltIn)
	j := s.verify()
	result := resultOfJob(t, j)
	if result.Decision != ekyc.Accepted || j.Workflow != drafting.BuiltIn {
		t.Fatalf("%s", j.Result)
	}
	r := s.report(refusing)
	if r.Compared != 1 || r.Changed != 1 || r.Undecided != 0 || r.Matrix[ekyc.Accepted][ekyc.Rejected] != 1 || r.First == nil || !r.First.Equal(*j.FinishedAt) || len(r.Examples) != 1 {
		t.Errorf("one that refuses: %+v", r)
	} else if e := r.Examples[0]; e.Job != j.ID || e.From != ekyc.Accepted || e.To != ekyc.Rejected || e.ScoreFrom != result.Score || e.ScoreTo != result.Score ||
		e.Workflow != drafting.BuiltIn || e.Version != drafting.BuiltInVersion || !e.DecidedAt.Equal(*j.FinishedAt) {
		t.Errorf("one that refuses: %+v", e)
	}
	if r := s.report(alike); r.Compared != 1 || r.Same != 1 || r.Changed != 0 || len(r.Examples) != 0 {
		t.Errorf("one that does not: %+v", r)
	}
	if got := usage(t, s.process, s.scope, j.ID); !maps.Equal(got, whole) {
		t.Errorf("billed %v", got)
	}
	if told := events(t, s.process, s.scope); len(told) != 1 || len(told[webhook.KYCCompleted]) != 1 {
		t.Errorf("told %v", told)
	}
	// Beside another workflow only one of them decides, and a version is not compared with itself.
	own := s.publish("name: own\nthresholds: {accept: 99, review: 60}\n")
	if _, err := s.library.MakeDefault(t.Context(), s.scope, own.ID); err != nil {
		t.Fatal(err)
	}
	if j := s.verify(); j.Workflow != "own" || resultOfJob(t, j).Decision != ekyc.Review {
		t.Fatalf("judged by %s: %s", j.Workflow, j.Result)
	}
	if a, b := s.report(refusing), s.report(alike); a.Compared != 2 || a.Matrix[ekyc.Review][ekyc.Rejected] != 1 || b.Compared != 1 {
		t.Errorf("beside another workflow: %+v, %+v", a, b)
	}
	if _, err := s.library.EndShadow(t.Context(), s.scope, refusing); err != nil {
		t.Fatal(err)
	}
	s.verify()
	if a := s.report(refusing); a.Compared != 2 {
		t.Errorf("one that has ended: %+v", a)
	}
	if _, err := s.library.StartShadow(t.Context(), s.scope, own.ID, "ek_test_eu1_x", ""); err != nil {
		t.Fatal(err)
	}
	s.verify()
	if a := s.report(own.ID); a.Compared != 0 || a.Undecided != 0 {
		t.Errorf("a version was compared with itself: %+v", a)
	}
}

// TestAShadowThatFailsHurtsNoJob: whatever is broken about it, the job is decided, billed and told.
func TestAShadowThatFailsHurtsNoJob(t *testing.T) {
	t.Parallel()
	for what, breakIt := range map[string]string{
		"the table is gone":            "drop table ekyc.shadow_decision",
		"the table takes nothing":      "alter table ekyc.shadow_decision add check (false)",
		"the versions cannot be read":  "revoke select on ekyc.workflow_shadow from ekyc_service",
		"the definition is broken":     "update ekyc.workflow_version set definition = '{\"steps\": 7}', hash = encode(sha256('{\"steps\": 7}'), 'hex')",
		"the definition is of no form": "update ekyc.workflow_version set definition = '{]', hash = encode(sha256('{]'), 'hex')",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := stage(t)
			endpoint(t, s.process, s.scope)
			s.shadow(severe, "")
			if _, err := storetest.Owner(t, s.url).Exec(t.Context(), breakIt); err != nil {
				t.Fatal(err)
			}
			j := s.verify()
			if j.Attempt != 1 || !maps.Equal(usage(t, s.process, s.scope, j.ID), whole) || len(events(t, s.process, s.scope)) != 1 {
				t.Errorf("after %d attempts, billed %v, told %v", j.Attempt, usage(t, s.process, s.scope, j.ID), events(t, s.process, s.scope))
			}
		})
	}
}

// TestAShadowThatNeedsMoreIsUndecided: it would have taken a step that the job did not take.
func TestAShadowThatNeedsMoreIsUndecided(t *testing.T) {
	t.Parallel()
	s := stage(t)
	wide := s.shadow("name: wide\n", "")
	narrow := planned(t, "name: narrow\nsteps: [{step: liveness}, {step: ocr}, {step: validate}]\n")
	s.verify(func(sub *Submission) { sub.Workflow = narrow })
	if r := s.report(wide); r.Compared != 0 || r.Undecided != 1 || len(r.Examples) != 0 {
		t.Errorf("%+v", r)
	}
}

func (s *staged) count(job ekyc.ID) (n int) {
	s.t.Helper()
	if err := storetest.Owner(s.t, s.url).QueryRow(s.t.Context(), "select count(*) from ekyc.shadow_decision where job_id = $1", job).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestComparisonsGoWithTheirPerson(t *testing.T) {
	t.Parallel()
	s := stage(t)
	id := s.shadow(severe, "")
	kept, erased := s.verify(), s.verify()
	dropped := s.verify(func(sub *Submission) { sub.Store = false })
	referred := s.verify(func(sub *Submission) { sub.Store, sub.SubjectRef = false, "known" })
	s.verify(func(sub *Submission) { sub.SubjectRef = "known" }) // the person stays
	if r := s.report(id); r.Compared != 5 {
		t.Fatalf("%+v", r)
	}
	err := s.db.InTenant(t.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := s.vault.EraseSubject(ctx, tx, s.scope, erased.Subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.count(erased.ID) != 0 || s.count(kept.ID) != 1 {
		t.Error("a comparison outlives its person, or goes with another")
	}
	if _, err := storetest.Owner(t, s.url).Exec(t.Context(), "update ekyc.job set finished_at = finished_at - interval '1 hour' where not kept"); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.count(dropped.ID) != 0 || s.count(referred.ID) != 0 {
		t.Error("a comparison outlives a job that is not kept")
	}
	if r := s.report(id); r.Compared != 2 || r.Changed != 2 || len(r.Examples) != 2 {
		t.Errorf("what is left: %+v", r)
	}
}

// TestErasureAndComparisonAtOnce: however they fall together, nothing of an erased person stays, and neither waits for ever.
func TestErasureAndComparisonAtOnce(t *testing.T) {
	t.Parallel()
	s := stage(t)
	s.shadow(severe, "")
	j := s.verify()
	result := resultOfJob(t, j)
	for range 20 {
		var subject ekyc.ID
		job := ekyc.NewID(ekyc.KindJob)
		err := s.db.InTenant(t.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			if subject, err = s.vault.CreateSubject(ctx, tx, s.scope, ""); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `insert into job (tenant_id, environment, id, status, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight,
				entitlement, settings, workflow_hash, profile, kept, trace_parent, finished_at)
				values ($1, $2, $3, 'completed', $4, true, '', 'res_x', '', 1, 1, '{}', '{}', '', false, true, '', now())`, s.scope.Tenant, s.scope.Environment, job, subject)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() {
			err := s.db.InTenant(t.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
				err := s.shadows.After(ctx, tx, s.scope, ShadowCase{
					Job: job, Subject: subject, Workflow: result.Workflow, Facts: strong.facts(), Result: &result.Result, At: time.Now(), Kept: true,
				})
				if err != nil {
					return err
				}
				_, err = tx.Exec(ctx, "select 1") // the job's own transaction goes on
				return err
			})
			if err != nil {
				t.Errorf("the job's transaction: %v", err)
			}
		})
		group.Go(func() {
			err := s.db.InTenant(t.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
				_, err := s.vault.EraseSubject(ctx, tx, s.scope, subject)
				return err
			})
			if err != nil {
				t.Errorf("the erasure: %v", err)
			}
		})
		group.Wait()
		if s.count(job) != 0 {
			t.Fatal("a comparison of an erased person stays")
		}
	}
}

func TestAReportGoesPageByPage(t *testing.T) {
	t.Parallel()
	s := stage(t)
	id := s.shadow(severe, "")
	var jobs []Job
	for range 5 {
		jobs = append(jobs, s.verify())
	}
	var seen []ekyc.ID
	for after := ekyc.ID(""); ; {
		r, next, err := s.shadows.Report(t.Context(), s.scope, id, time.Time{}, time.Time{}, 2, after)
		if err != nil || r.Changed != 5 || len(r.Examples) > 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, e := range r.Examples {
			seen = append(seen, e.Job)
		}
		if after = next; after == "" {
			break
		}
	}
	want := []ekyc.ID{}
	for _, j := range slices.Backward(jobs) {
		want = append(want, j.ID)
	}
	if !slices.Equal(seen, want) {
		t.Errorf("%v, not %v", seen, want)
	}
	r, _, err := s.shadows.Report(t.Context(), s.scope, id, *jobs[1].FinishedAt, *jobs[3].FinishedAt, 0, "")
	if err != nil || r.Compared != 2 || len(r.Examples) != 2 || r.Examples[0].Job != jobs[2].ID {
		t.Errorf("of a span: %+v, %v", r, err)
	}
	for what, scope := range map[string]ekyc.Scope{"another tenant": newScope(), "the other environment": {Tenant: s.scope.Tenant, Environment: ekyc.Live}} {
		if r, _, err := s.shadows.Report(t.Context(), scope, id, time.Time{}, time.Time{}, 0, ""); err != nil || r.Compared != 0 || len(r.Examples) != 0 {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

// BenchmarkShadow is what two versions in the shadow, one with 50 rules, add to the end of a job.
func BenchmarkShadow(b *testing.B) {
	w := newWorld(b)
	p := w.start(b, &synthetic{}, swift(), 0)
	library, scope := drafting.New(p.db, drafting.Options{}), newScope()
	h := &history{process: p, t: b, url: w.URL, scope: scope, plan: planned(b, "name: live\n"), at: time.Now()}
	job := h.add(strong)[0]
	j, err := p.Get(b.Context(), scope, job)
	if err != nil {
		b.Fatal(err)
	}
	verdict, err := h.plan.plan.Decide(strong.facts())
	if err != nil {
		b.Fatal(err)
	}
	shadows := NewComparisons(p.db, library, &synthetic{}, slog.New(slog.DiscardHandler))
	for versions, text := range []string{"", stricter, fiftyRules()} {
		if text != "" {
			d, err := library.Create(b.Context(), scope, "", drafting.Text{Format: drafting.YAML, Source: text})
			if err != nil {
				b.Fatal(err)
			}
			v, err := library.Publish(b.Context(), scope, d.ID, "", d.Hash)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := library.StartShadow(b.Context(), scope, v.ID, "", ""); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprint(versions, " versions"), func(b *testing.B) {
			err := p.db.InTenant(b.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
				for b.Loop() {
					shadows.After(ctx, tx, scope, ShadowCase{Job: job, Subject: j.Subject, Workflow: WorkflowResult{"live", 1, h.plan.Hash}, Facts: strong.facts(), Result: &verdict, At: time.Now(), Kept: true})
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
