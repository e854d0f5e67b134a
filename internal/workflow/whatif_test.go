package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/pipeline"
	"ekyc/internal/store/storetest"
)

// measured is what a verification found, as far as these tests vary it.
type measured struct {
	live, similarity, document float64 // 0 to 1
	age                        int     // years; 0: it was not read
}

// Three persons: the first is accepted with 93.52 points, the second with 81.05, the third rejected with 48.15.
var (
	strong = measured{0.97, 0.90, 0.95, 34}
	middle = measured{0.97, 0.76, 0.70, 19}
	weak   = measured{0.60, 0.35, 0.55, 50}
)

// facts are those of a verification of the default workflow without a profile.
func (m measured) facts() *pipeline.Facts {
	f := &pipeline.Facts{
		Evidence: decision.Input{
			Liveness: decision.LivenessEvidence{State: decision.Ran, IsLive: true, LiveScore: m.live, Zone: decision.ZoneLive, SpoofType: ekyc.SpoofNone, Confidence: m.live},
			FaceMatch: decision.FaceMatchEvidence{State: decision.Ran, Match: m.similarity >= 0.75, Similarity: m.similarity, Threshold: 0.75, FMRAtThreshold: 1e-4,
				Uncertain: m.similarity < 0.75 && m.similarity > 0.5},
			Document: decision.DocumentEvidence{State: decision.Ran, Valid: true, Confidence: m.document},
			KYA:      decision.KYAEvidence{State: decision.NotConfigured},
		},
		Document: pipeline.DocumentFacts{Type: ekyc.Passport, Country: "UTO", Fields: []string{"date_of_birth", "surname"}, Sources: []string{"mrz"}, Checks: pipeline.Statuses{}},
		Liveness: pipeline.LivenessFacts{Method: "passive"},
		Request:  pipeline.RequestFacts{Environment: ekyc.Test, Frames: 1},
		At:       time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	if m.age > 0 {
		f.Document.Age = &m.age
	}
	for _, name := range check.Names() {
		f.Document.Checks[name] = ekyc.Pass
	}
	return f
}

// history is a scope with decided jobs.
type history struct {
	*process
	t     testing.TB
	url   string
	scope ekyc.Scope
	plan  Pinned // that judged
	at    time.Time
}

func newHistory(t testing.TB) *history {
	t.Helper()
	w := newWorld(t)
	pinned, err := Pin(pipeline.Default(), 1, Settings{}, ekyc.Test)
	if err != nil {
		t.Fatal(err)
	}
	return &history{process: w.start(t, &synthetic{}, swift(), 0), t: t, url: w.URL, scope: newScope(), plan: pinned, at: time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)}
}

// add stores jobs as they are once they have been decided, each a second after the one before, with a person of its own.
func (h *history) add(of ...measured) (ids []ekyc.ID) {
	h.t.Helper()
	err := h.db.InTenant(h.t.Context(), h.scope, func(ctx context.Context, tx pgx.Tx) error {
		ids = nil
		for i, m := range of {
			id, err := h.addOne(ctx, tx, m.facts(), h.at.Add(time.Duration(i)*time.Second))
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.at = h.at.Add(time.Duration(len(of)) * time.Second)
	return ids
}

func (h *history) addOne(ctx context.Context, tx pgx.Tx, f *pipeline.Facts, at time.Time) (ekyc.ID, error) {
	verdict, err := h.plan.plan.Decide(f)
	if err != nil {
		return "", err
	}
	subject, err := h.vault.CreateSubject(ctx, tx, h.scope, "")
	if err != nil {
		return "", err
	}
	id := ekyc.NewID(ekyc.KindJob)
	checks := make([]ekyc.Check, 0, len(check.Names()))
	for _, name := range check.Names() {
		checks = append(checks, ekyc.Check{Name: name, Status: ekyc.Pass, Severity: ekyc.SeverityMajor, Message: "the demand on " + name + " is met"})
	}
	fields := map[document.Key]document.Field{}
	for _, key := range document.Keys {
		fields[key] = document.Field{Value: plantedSurname, Raw: plantedSurname, Source: document.FromMRZ, Confidence: 0.9}
	}
	result, err := h.sealJSON(ctx, tx, h.scope, subject, resultOf(id), Result{
		Result: verdict, Document: &DocumentResult{Fields: fields}, Validation: &check.Result{DocumentValid: true, Confidence: 0.9, Checks: checks},
		Workflow: WorkflowResult{h.plan.Name, h.plan.Version, h.plan.Hash},
	})
	if err != nil {
		return "", err
	}
	compact := *f
	compact.Compact()
	facts, err := h.sealJSON(ctx, tx, h.scope, subject, factsOf(id), &compact)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `insert into job (tenant_id, environment, id, status, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight, entitlement,
			settings, workflow_name, workflow_version, workflow_hash, profile, kept, trace_parent, result, facts, finished_at, decided_at)
		values ($1, $2, $3, 'completed', $4, true, 'ek_test_eu1_x', 'res_x', 'free', 1, 1, '{}', $5, $6, $7, $8, false, true, '', $9, $10, $11, $11)`,
		h.scope.Tenant, h.scope.Environment, id, subject, h.plan.Definition, h.plan.Name, h.plan.Version, h.plan.Hash, result, facts, at)
	return id, err
}

// try replays under a workflow that is written in a test.
func (h *history) try(text string, q Replay) (*WhatIf, ekyc.ID) {
	h.t.Helper()
	out, next, err := h.WhatIf(h.t.Context(), h.scope, planned(h.t, text).plan, q)
	if err != nil {
		h.t.Fatal(err)
	}
	return out, next
}

const (
	stricter = "name: stricter\nthresholds: {accept: 85, review: 60}\n"
	withRule = "name: with-rule\nrules: [{name: young, when: document.age < 21, then: rejected}]\n"
)

func TestWhatWouldChange(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	ids := h.add(strong, middle, weak, strong, middle)
	same, next := h.try("name: same\n", Replay{})
	if same.Replayed != 5 || same.Same != 5 || same.Changed != 0 || len(same.Jobs) != 0 || next != "" || same.Score != (ScoreChange{}) || same.Skipped != (Skipped{}) || len(same.Untried) != 0 {
		t.Errorf("under the same workflow: %+v", same)
	}
	if same.Matrix[ekyc.Accepted][ekyc.Accepted] != 4 || same.Matrix[ekyc.Rejected][ekyc.Rejected] != 1 {
		t.Errorf("under the same workflow: %v", same.Matrix)
	}

	out, _ := h.try(stricter, Replay{})
	if out.Replayed != 5 || out.Same != 3 || out.Changed != 2 || out.Matrix[ekyc.Accepted][ekyc.Review] != 2 || out.Matrix[ekyc.Accepted][ekyc.Accepted] != 2 || out.Score != (ScoreChange{}) {
		t.Errorf("with a higher threshold: %+v", out)
	}
	if len(out.Jobs) != 2 || out.Jobs[0].Job != ids[4] || out.Jobs[1].Job != ids[1] {
		t.Fatalf("with a higher threshold these change: %+v", out.Jobs)
	}
	if c := out.Jobs[0]; c.From != ekyc.Accepted || c.To != ekyc.Review || c.ScoreFrom != 8105 || c.ScoreTo != 8105 || len(c.Gained) != 0 || len(c.Lost) != 0 || len(c.Rules) != 0 {
		t.Errorf("one that changes: %+v", c)
	}

	out, _ = h.try(withRule, Replay{})
	if out.Changed != 2 || out.Matrix[ekyc.Accepted][ekyc.Rejected] != 2 || len(out.Jobs) != 2 || !slices.Equal(out.Jobs[0].Rules, []string{"young"}) ||
		!slices.Equal(out.Jobs[0].Gained, []decision.Code{decision.CodeOwnRule}) {
		t.Errorf("with a rule: %+v", out)
	}

	// All weight on liveness: 93.52 becomes 97, 81.05 becomes 97, 48.15 becomes 60.
	out, _ = h.try("name: live\nweights: {liveness: 30, face_match: 0, document: 0, kya: 0}\n", Replay{})
	if want := (ScoreChange{Mean: (2*348 + 2*1595 + 1185) / 5, Median: 1185}); out.Score != want {
		t.Errorf("the score changes by %+v, not %+v", out.Score, want)
	}
	text, err := json.Marshal(out)
	if err != nil || strings.Contains(string(text), plantedSurname) {
		t.Errorf("%v, the answer tells of a person: %s", err, text)
	}
}

// TestAnotherThresholdOfTheComparison: what was a match need not be one under another workflow.
func TestAnotherThresholdOfTheComparison(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.add(strong, middle, measured{0.97, 0.70, 0.95, 34})
	out, _ := h.try("name: faces\nface_match: {threshold: 0.85}\n", Replay{})
	if out.Changed != 1 || out.Matrix[ekyc.Accepted][ekyc.Review] != 1 || len(out.Jobs) != 1 || !slices.Contains(out.Jobs[0].Rules, string(decision.RuleNoMatch)) {
		t.Errorf("a higher threshold: %+v", out)
	}
	out, _ = h.try("name: faces\nface_match: {threshold: 0.65}\n", Replay{})
	if out.Changed != 1 || out.Matrix[ekyc.Review][ekyc.Accepted] != 1 {
		t.Errorf("a lower threshold: %+v", out)
	}
	// The rate of the default threshold, by the synthetic engine's calibration.
	out, _ = h.try("name: faces\nface_match: {target_fmr: 0.0001}\n", Replay{})
	if out.Changed != 0 || out.Replayed != 3 {
		t.Errorf("the same threshold as a rate: %+v", out)
	}
	out, _ = h.try("name: faces\nface_match: {target_fmr: 0.00001}\n", Replay{})
	if out.Changed != 1 || out.Matrix[ekyc.Accepted][ekyc.Review] != 1 {
		t.Errorf("a rarer false match: %+v", out)
	}
	out, _ = h.try("name: faces\nface_match: {target_fmr: 0.0000000001}\n", Replay{})
	if out.Replayed != 0 || out.Skipped.Incomplete != 3 {
		t.Errorf("a rate that the models cannot promise: %+v", out)
	}
}

func TestWhatCannotBeReplayedIsCounted(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	ids := h.add(strong, strong, middle, strong, middle, middle)
	subjectOf := func(job ekyc.ID) (subject ekyc.ID) {
		j, err := h.Get(t.Context(), h.scope, job)
		if err != nil {
			t.Fatal(err)
		}
		return j.Subject
	}
	err := h.db.InTenant(t.Context(), h.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := h.vault.EraseSubject(ctx, tx, h.scope, subjectOf(ids[2]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	owner := storetest.Owner(t, h.url)
	for statement, id := range map[string]ekyc.ID{
		"update ekyc.job set facts = null, result = null where id = $1":                              ids[4], // as a job that was not to be kept
		"update ekyc.job set facts = overlay(facts placing '\\x00' from 40) where id = $1":           ids[0],
		"update ekyc.job set facts = (select facts from ekyc.job order by id limit 1) where id = $1": ids[1],
	} {
		if tag, err := owner.Exec(t.Context(), statement, id); err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	out, _ := h.try(stricter, Replay{})
	if out.Replayed != 2 || out.Changed != 1 || out.Skipped != (Skipped{Erased: 1, Failed: 2}) || len(out.Jobs) != 1 || out.Jobs[0].Job != ids[5] {
		t.Errorf("%+v", out)
	}
}

// TestMissingStepsAreNotGuessed: a workflow that would have taken a step that was not taken gives no decision on the job.
func TestMissingStepsAreNotGuessed(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.plan = planned(t, "name: narrow\nsteps: [{step: liveness}, {step: ocr}, {step: validate}]\n")
	f := strong.facts()
	f.Evidence.FaceMatch = decision.FaceMatchEvidence{State: decision.NotConfigured}
	attacked := measured{0.1, 0, 0, 0}.facts()
	attacked.Evidence.Liveness.IsLive, attacked.Evidence.Liveness.Zone = false, decision.ZoneAttack
	attacked.Evidence.FaceMatch, attacked.Evidence.Document = decision.FaceMatchEvidence{State: decision.Skipped}, decision.DocumentEvidence{State: decision.Skipped}
	attacked.Document, attacked.Skipped = pipeline.DocumentFacts{}, []pipeline.StepName{pipeline.StepOCR, pipeline.StepValidate}
	failed := middle.facts()
	failed.Evidence.FaceMatch = decision.FaceMatchEvidence{State: decision.FailedToRun, ErrorCode: ekyc.ErrFaceNotFound}
	err := h.db.InTenant(t.Context(), h.scope, func(ctx context.Context, tx pgx.Tx) error {
		for i, f := range []*pipeline.Facts{f, attacked, failed} {
			if _, err := h.addOne(ctx, tx, f, h.at.Add(time.Duration(i)*time.Second)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := h.try("name: whole\n", Replay{})
	if out.Replayed != 1 || out.Skipped.Incomplete != 2 {
		t.Errorf("under a workflow with more steps: %+v", out)
	}
	// A stop that the other workflow has spares the same steps.
	out, _ = h.try(inTurn, Replay{Limit: 2})
	if out.Matrix[ekyc.Rejected][ekyc.Rejected] != 1 || out.Skipped.Incomplete != 0 {
		t.Errorf("under a workflow that stops: %+v", out)
	}
	out, _ = h.try("name: asks\nsteps: [{step: liveness}, {step: ocr}, {step: validate}, {step: face_match, on_demand: true}]\nrules: [{name: ask, when: document.age < 100, then: require_step, step: face_match}]\n", Replay{})
	if out.Skipped.Incomplete == 0 {
		t.Errorf("under a workflow that asks for a step: %+v", out)
	}
	// What facts do not hold is named.
	out, _ = h.try("name: more\nsteps: [{step: liveness}, {step: ocr}, {step: validate}]\ndocument: {mandatory_fields: [surname], expiry_grace_days: 30}\n", Replay{})
	if !slices.Equal(out.Untried, []string{"document.expiry_grace_days", "document.mandatory_fields"}) {
		t.Errorf("untried: %v", out.Untried)
	}
}

func TestAReplayChoosesItsJobs(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	start := h.at
	first := h.add(middle, middle, middle, middle)
	h.plan.Name = "other"
	second := h.add(strong, middle, middle)
	all := slices.Concat(first, second)
	for what, c := range map[string]struct {
		q    Replay
		want []ekyc.ID // those that change, the last first
	}{
		"all":               {Replay{}, []ekyc.ID{all[6], all[5], all[3], all[2], all[1], all[0]}},
		"a limit":           {Replay{Limit: 4}, []ekyc.ID{all[6], all[5], all[3]}},
		"a workflow":        {Replay{Workflow: "other"}, []ekyc.ID{all[6], all[5]}},
		"from":              {Replay{From: start.Add(3 * time.Second)}, []ekyc.ID{all[6], all[5], all[3]}},
		"to":                {Replay{To: start.Add(3 * time.Second)}, []ekyc.ID{all[2], all[1], all[0]}},
		"a span":            {Replay{From: start.Add(time.Second), To: start.Add(3 * time.Second), Workflow: "default"}, []ekyc.ID{all[2], all[1]}},
		"nothing":           {Replay{Workflow: "nonesuch"}, nil},
		"more than allowed": {Replay{Limit: 1 << 40, Page: 1 << 40}, []ekyc.ID{all[6], all[5], all[3], all[2], all[1], all[0]}},
	} {
		out, next := h.try(stricter, c.q)
		var got []ekyc.ID
		for _, changed := range out.Jobs {
			got = append(got, changed.Job)
		}
		if !slices.Equal(got, c.want) || next != "" || out.Changed != len(c.want) {
			t.Errorf("%s: %v and %q, not %v", what, got, next, c.want)
		}
	}
	var pages []ekyc.ID
	for after := ekyc.ID(""); ; {
		out, next := h.try(stricter, Replay{Page: 2, After: after})
		if out.Changed != 6 || len(out.Jobs) > 2 {
			t.Fatalf("a page: %+v", out)
		}
		for _, changed := range out.Jobs {
			pages = append(pages, changed.Job)
		}
		if after = next; after == "" {
			break
		}
	}
	if !slices.Equal(pages, []ekyc.ID{all[6], all[5], all[3], all[2], all[1], all[0]}) {
		t.Errorf("page by page: %v", pages)
	}
	_, _, err := h.WhatIf(t.Context(), h.scope, planned(t, stricter).plan, Replay{After: ekyc.NewID(ekyc.KindJob)})
	if ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("a page after what there is not: %v", err)
	}
	for _, other := range []ekyc.Scope{newScope(), {Tenant: h.scope.Tenant, Environment: ekyc.Live}} {
		if out, _, err := h.WhatIf(t.Context(), other, planned(t, stricter).plan, Replay{}); err != nil || out.Replayed != 0 || out.Skipped != (Skipped{}) {
			t.Errorf("a foreign replay: %+v, %v", out, err)
		}
	}
}

// TestJobsOfOneMomentArePagedToo: batches and pages go on within jobs that were decided at the same moment.
func TestJobsOfOneMomentArePagedToo(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	const many = 2*replayBatch + 10
	err := h.db.InTenant(t.Context(), h.scope, func(ctx context.Context, tx pgx.Tx) error {
		for range many {
			if _, err := h.addOne(ctx, tx, middle.facts(), h.at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[ekyc.ID]bool{}
	for after := ekyc.ID(""); ; {
		out, next := h.try(stricter, Replay{Page: 100, After: after})
		if out.Changed != many {
			t.Fatalf("%d of %d", out.Changed, many)
		}
		for _, changed := range out.Jobs {
			if seen[changed.Job] {
				t.Fatal("a job is on two pages")
			}
			seen[changed.Job] = true
		}
		if after = next; after == "" {
			break
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d are on a page", len(seen), many)
	}
}

func TestOneReplayOfATenantAtATime(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.add(strong)
	plan := planned(t, stricter).plan
	err := h.db.InTenant(t.Context(), h.scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := (&replaying{scope: h.scope}).begin(ctx, tx); err != nil {
			return err
		}
		for _, scope := range []ekyc.Scope{h.scope, {Tenant: h.scope.Tenant, Environment: ekyc.Live}} {
			if _, _, err := h.WhatIf(ctx, scope, plan, Replay{}); ekyc.CodeOf(err) != ekyc.ErrRateLimited {
				t.Errorf("a second replay: %v", err)
			}
		}
		_, _, err := h.WhatIf(ctx, newScope(), plan, Replay{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := h.try(stricter, Replay{}); out.Replayed != 1 {
		t.Errorf("after the other has ended: %+v", out)
	}
}

// TestAReplayCanWriteNothing, whatever it came to try.
func TestAReplayCanWriteNothing(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	h.add(strong)
	err := h.db.InTenant(t.Context(), h.scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := (&replaying{scope: h.scope}).begin(ctx, tx); err != nil {
			return err
		}
		var limit string
		if err := tx.QueryRow(ctx, "select current_setting('statement_timeout')").Scan(&limit); err != nil || limit != replayPatience {
			t.Errorf("the limit of a statement is %q, %v", limit, err)
		}
		_, err := tx.Exec(ctx, "update job set result = null")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "read-only") && ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("a write: %v", err)
	}
	if out, _ := h.try(stricter, Replay{}); out.Replayed != 1 {
		t.Errorf("afterwards: %+v", out)
	}
}

// TestAReplayEndsWithItsCaller: the client goes away in the middle, and the next replay finds nothing in its way.
func TestAReplayEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	for range 3 {
		h.add(slices.Repeat([]measured{middle}, replayBatch)...)
	}
	ctx, leave := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer leave()
	start := time.Now()
	_, _, err := h.WhatIf(ctx, h.scope, planned(t, stricter).plan, Replay{})
	if took := time.Since(start); took > replayTime-5*time.Second || ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("a replay whose caller left ended after %s with %v", took, err)
	}
	eventually(t, "another replay can begin", func() bool {
		_, _, err := h.WhatIf(t.Context(), h.scope, planned(t, stricter).plan, Replay{})
		return err == nil
	})
}

// BenchmarkWhatIf replays 10,000 decided jobs of as many persons, under a workflow without rules and under one with 50.
func BenchmarkWhatIf(b *testing.B) {
	h := newHistory(b)
	for range MostReplayed / 500 {
		h.add(slices.Concat(slices.Repeat([]measured{strong}, 200), slices.Repeat([]measured{middle}, 200), slices.Repeat([]measured{weak}, 100))...)
	}
	for name, text := range map[string]string{"plain": stricter, "50 rules": fiftyRules()} {
		plan := planned(b, text).plan
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				out, _, err := h.WhatIf(b.Context(), h.scope, plan, Replay{})
				if err != nil || out.Replayed != MostReplayed {
					b.Fatalf("%+v, %v", out, err)
				}
			}
		})
	}
}

// fiftyRules is a workflow with as many rules, none of which holds.
func fiftyRules() string {
	var rules strings.Builder
	rules.WriteString("name: ruled\nrules:\n")
	for i := range 50 {
		fmt.Fprintf(&rules, "  - {name: rule-%d, when: \"document.age < %d && liveness.live_score < 0.9 && !(document.country in EU)\", then: reason}\n", i, 18+i)
	}
	return rules.String()
}
