package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/engine"
	"ekyc/internal/pipeline"
	"ekyc/internal/profile"
	"ekyc/internal/webhook"
)

// planned pins a workflow that is written in a test.
func planned(t testing.TB, text string) Pinned {
	t.Helper()
	d, err := pipeline.Parse([]byte(text), pipeline.Options{Environment: ekyc.Test})
	if err != nil {
		t.Fatalf("%v: %+v", err, err.(*ekyc.Error).Details)
	}
	p, err := Pin(d, 1, Settings{}, ekyc.Test)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told is how the steps of a job ended, in one line.
func told(steps []Step) string {
	var names []string
	for _, step := range steps {
		names = append(names, strings.TrimSpace(step.Name+" "+step.Status+" "+string(step.Code)))
	}
	return strings.Join(names, ", ")
}

func resultOfJob(t testing.TB, j Job) Result {
	t.Helper()
	var r Result
	if err := json.Unmarshal(j.Result, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

const inTurn = `
name: in-turn
steps:
  - step: liveness
    stop: [{name: attack, when: "liveness.zone == 'attack'", decision: rejected}]
  - step: ocr
    after: [liveness]
    stop: [{name: elsewhere, when: "document.country != 'UTO'", decision: review}]
  - step: validate
  - step: face_match
  - {step: kya, on_demand: true}
rules: [{name: never, when: "document.country == 'FRA'", then: require_step, step: kya}]
`

// workOn takes the one job that is due and works on it to its end.
func workOn(t testing.TB, p *process) {
	t.Helper()
	c, err := p.take(t.Context(), false)
	if err != nil || c == nil {
		t.Fatalf("no job is taken: %v", err)
	}
	if err := p.work(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestAnEarlyStopSparesTheRestAndItsPrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		live     float64
		country  string
		steps    string
		billed   []ekyc.Module
		decision ekyc.Decision
	}{
		"after liveness": {0.1, "UTO", "liveness completed, ocr skipped, validate skipped, face_match skipped, decision completed",
			[]ekyc.Module{ekyc.ModuleLiveness, ekyc.ModuleWorkflow}, ekyc.Rejected},
		"after reading": {0.97, "D", "liveness completed, ocr completed, validate skipped, face_match skipped, decision completed",
			[]ekyc.Module{ekyc.ModuleLiveness, ekyc.ModuleOCR, ekyc.ModuleWorkflow}, ekyc.Review},
		"nowhere": {0.97, "UTO", "liveness completed, ocr completed, validate completed, face_match completed, decision completed",
			[]ekyc.Module{ekyc.ModuleFaceMatch, ekyc.ModuleLiveness, ekyc.ModuleOCR, ekyc.ModuleValidate, ekyc.ModuleWorkflow}, ekyc.Accepted},
	} {
		e := &synthetic{live: c.live, country: c.country}
		p := w.start(t, e, swift(), 0)
		sub := submission(newScope())
		sub.Workflow = planned(t, inTurn)
		id := submit(t, p, sub).ID
		if n := reserved(t, p, sub.Scope); n != 5 {
			t.Errorf("%s: %d units are held", name, n)
		}
		workOn(t, p)
		j := await(t, p, sub.Scope, id, Completed)
		r := resultOfJob(t, j)
		if told(j.Steps) != c.steps || told(r.Steps) != c.steps {
			t.Errorf("%s: steps %s; in the result: %s", name, told(j.Steps), told(r.Steps))
		}
		if got := slices.Sorted(maps.Keys(usage(t, p, sub.Scope, id))); !slices.Equal(got, c.billed) {
			t.Errorf("%s: billed %v", name, got)
		}
		if r.Decision != c.decision || j.Workflow != "in-turn" || j.WorkflowVersion != 1 || j.WorkflowHash != sub.Workflow.Hash ||
			r.Workflow != (WorkflowResult{"in-turn", 1, sub.Workflow.Hash}) {
			t.Errorf("%s: %s by %+v: %s", name, r.Decision, r.Workflow, j.Result)
		}
		if spared := c.live < 0.5; spared != (e.count(partDocument) == 0) || spared != (r.Document == nil) {
			t.Errorf("%s: the document was read %d times", name, e.count(partDocument))
		}
		if n := reserved(t, p, sub.Scope); n != 0 {
			t.Errorf("%s: %d units are still held", name, n)
		}
	}
}

// TestAStepThatCouldNotRunEndsNothing has a stop that would hold for a photograph without a face, and a person who gains nothing by sending one.
func TestAStepThatCouldNotRunEndsNothing(t *testing.T) {
	t.Parallel()
	e := &people{cases: map[string]pipeline.Facts{}}
	p := newWorld(t).start(t, e, swift(), 0)
	sub := submission(newScope())
	sub.Workflow = planned(t, `{"name": "a", "steps": [{"step": "liveness", "stop": [{"name": "faceless", "when": "liveness.state == 'failed_to_run'", "decision": "rejected"}]},
		{"step": "ocr", "after": ["liveness"]}, {"step": "validate"}, {"step": "face_match"}]}`)
	faceless := pipeline.Facts{Document: pipeline.DocumentFacts{Type: ekyc.Passport}}
	faceless.Evidence.Liveness.ErrorCode = ekyc.ErrFaceNotFound
	faceless.Evidence.Document = decision.DocumentEvidence{State: decision.Ran, Valid: true, Confidence: 0.99}
	picture := e.meet("nobody", faceless)
	sub.Selfie, sub.Front = [][]byte{picture}, picture
	id := submit(t, p, sub).ID
	workOn(t, p)
	j := await(t, p, sub.Scope, id, Completed)
	if got := told(j.Steps); got != "liveness failed face_not_found, ocr completed, validate completed, face_match skipped, decision completed" {
		t.Errorf("steps: %s", got)
	}
	if r := resultOfJob(t, j); r.Decision != ekyc.Review || len(r.WorkflowRules) != 0 {
		t.Errorf("%s: %+v", r.Decision, r.WorkflowRules)
	}
}

const beside = `{"name": "beside", "steps": [
	{"step": "liveness", "stop": [{"name": "attack", "when": "!liveness.is_live", "decision": "rejected"}]}, {"step": "ocr"}, {"step": "validate"}, {"step": "face_match"}]}`

// TestWhatRunsAtAStopIsLetFinish has the reading of the document under way when the liveness ends the verification.
func TestWhatRunsAtAStopIsLetFinish(t *testing.T) {
	t.Parallel()
	begun, judged := make(chan struct{}), make(chan struct{})
	var p *process
	sub := submission(newScope())
	e := &synthetic{live: 0.1}
	e.before = func(ctx context.Context, name part, _ []byte) error {
		switch name {
		case partSelfie:
			<-begun
			close(judged)
		case partDocument:
			close(begun)
			<-judged
			for persisted(t, p, sub.Scope) == 0 { // the stop is known by then, or will be before this step ends
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
		return nil
	}
	p = newWorld(t).start(t, e, swift(), 0)
	sub.Workflow = planned(t, beside)
	id := submit(t, p, sub).ID
	workOn(t, p)
	j := await(t, p, sub.Scope, id, Completed)
	if got := told(j.Steps); got != "liveness completed, ocr completed, validate skipped, face_match skipped, decision completed" {
		t.Errorf("steps: %s", got)
	}
	r := resultOfJob(t, j)
	if r.Document == nil || r.Decision != ekyc.Rejected {
		t.Errorf("%s", j.Result)
	}
	if got := usage(t, p, sub.Scope, id); got[ekyc.ModuleOCR] != 1 || got[ekyc.ModuleValidate] != 0 || len(got) != 3 {
		t.Errorf("billed %v", got)
	}
}

// persisted counts the parts of a scope's jobs.
func persisted(t testing.TB, p *process, scope ekyc.Scope) (n int) {
	t.Helper()
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select count(*) from job_step`).Scan(&n)
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

const wanted = `
name: wanted
steps: [{step: liveness}, {step: ocr}, {step: validate}, {step: face_match}, {step: kya, on_demand: true}]
rules:
  - {name: foreigners, when: "document.country != 'UTO'", then: require_step, step: kya}
`

func TestAStepOnDemandRunsWhereARuleAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claim := &profile.Input{Surname: plantedSurname}
	for name, c := range map[string]struct {
		country  string
		kya      *profile.Input
		step     string
		billed   int64
		decision ekyc.Decision
	}{
		"not asked for":      {"UTO", claim, "", 0, ekyc.Accepted},
		"asked for":          {"D", claim, "kya completed", 1, ekyc.Accepted},
		"asked for in vain":  {"D", nil, "kya failed missing_field", 0, ekyc.Review},
		"not there, not due": {"UTO", nil, "", 0, ekyc.Accepted},
	} {
		p := w.start(t, &synthetic{country: c.country}, swift(), 0)
		sub := submission(newScope())
		sub.Workflow, sub.KYA = planned(t, wanted), c.kya
		id := submit(t, p, sub).ID
		workOn(t, p)
		j := await(t, p, sub.Scope, id, Completed)
		r := resultOfJob(t, j)
		step := ""
		if i := slices.IndexFunc(j.Steps, func(s Step) bool { return s.Name == "kya" }); i >= 0 {
			step = told(j.Steps[i : i+1])
		}
		if step != c.step || r.Decision != c.decision || (r.KYA != nil) != (c.billed == 1) {
			t.Errorf("%s: step %q, %s: %s", name, step, r.Decision, j.Result)
		}
		if got := usage(t, p, sub.Scope, id)[ekyc.ModuleKYA]; got != c.billed {
			t.Errorf("%s: billed %d", name, got)
		}
	}
}

// TestWorkflowsTakeWhatTheyNeed has workflows without some of the steps, and with no more photographs than those need.
func TestWorkflowsTakeWhatTheyNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		workflow string
		change   func(*Submission)
		steps    string
		stored   int // photographs
		billed   int // modules, the workflow among them
		selfies  string
	}{
		"no liveness": {`{"name": "a", "steps": [{"step": "ocr"}, {"step": "validate"}, {"step": "face_match"}]}`, func(*Submission) {},
			"ocr completed, validate completed, face_match completed, decision completed", 2, 4, "enrolled"},
		"no comparison": {`{"name": "b", "steps": [{"step": "liveness"}, {"step": "ocr"}, {"step": "validate"}]}`, func(*Submission) {},
			"liveness completed, ocr completed, validate completed, decision completed", 2, 4, "judged"},
		"no validation": {`{"name": "c", "steps": [{"step": "liveness"}, {"step": "ocr"}, {"step": "face_match"}]}`, func(*Submission) {},
			"liveness completed, ocr completed, face_match completed, decision completed", 2, 4, "judged and enrolled"},
		"no document": {`{"name": "d", "steps": [{"step": "liveness"}]}`, func(s *Submission) { s.Front = nil },
			"liveness completed, decision completed", 1, 2, "judged"},
		"a document that nobody asked for": {`{"name": "d", "steps": [{"step": "liveness"}]}`, func(s *Submission) { s.Front, s.Back = []byte("no picture"), []byte("none either") },
			"liveness completed, decision completed", 1, 2, "judged"},
		"no face": {`{"name": "e", "steps": [{"step": "ocr"}, {"step": "validate"}]}`, func(s *Submission) { s.Selfie = [][]byte{[]byte("no picture")} },
			"ocr completed, validate completed, decision completed", 1, 3, ""},
	} {
		e := &synthetic{}
		p := w.start(t, e, swift(), 0)
		sub := submission(newScope())
		sub.Workflow = planned(t, c.workflow)
		c.change(&sub)
		id := submit(t, p, sub).ID
		if n := media(t, p, sub.Scope, id); n != c.stored {
			t.Errorf("%s: %d photographs are stored", name, n)
		}
		if n := reserved(t, p, sub.Scope); n != int64(c.billed) {
			t.Errorf("%s: %d units are held", name, n)
		}
		workOn(t, p)
		j := await(t, p, sub.Scope, id, Completed)
		if got := told(j.Steps); got != c.steps {
			t.Errorf("%s: steps %s", name, got)
		}
		if got := usage(t, p, sub.Scope, id); len(got) != c.billed || got[ekyc.ModuleWorkflow] != 1 {
			t.Errorf("%s: billed %v", name, got)
		}
		if r := resultOfJob(t, j); r.Decision != ekyc.Accepted {
			t.Errorf("%s: %s", name, j.Result)
		}
		asked := ""
		for _, r := range e.selfies {
			asked = map[[2]bool]string{{true, false}: "enrolled", {false, true}: "judged", {false, false}: "judged and enrolled"}[[2]bool{r.SkipLiveness, r.SkipEnrol}]
		}
		if asked != c.selfies || len(e.selfies) > 1 {
			t.Errorf("%s: the selfie was %s in %d calls", name, asked, len(e.selfies))
		}
		for _, r := range e.documents {
			if want := !strings.Contains(c.workflow, "face_match"); r.SkipEnrol != want || !r.SkipValidate {
				t.Errorf("%s: the document was read with %+v", name, r)
			}
		}
	}
}

func TestASubmissionIsHeldAgainstItsWorkflow(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, nil, swift(), 0)
	for name, c := range map[string]struct {
		workflow string
		change   func(*Submission)
		missing  string
	}{
		"no front":       {`{"name": "a"}`, func(s *Submission) { s.Front = nil }, "front"},
		"no selfie":      {`{"name": "a"}`, func(s *Submission) { s.Selfie = nil }, "selfie"},
		"nothing":        {`{"name": "a"}`, func(s *Submission) { s.Selfie, s.Front = nil, nil }, "selfie front"},
		"a still":        {`{"name": "a", "liveness": {"min_method": "active"}}`, func(*Submission) {}, "frames"},
		"no challenge":   {`{"name": "a", "liveness": {"min_method": "challenge"}}`, func(s *Submission) { s.Selfie = [][]byte{photograph(), photograph()} }, "challenge"},
		"no profile":     {`{"name": "a", "kya": {"enabled": true}}`, func(*Submission) {}, "kya"},
		"frames":         {`{"name": "a", "liveness": {"min_method": "active"}}`, func(s *Submission) { s.Selfie = [][]byte{photograph(), photograph()} }, ""},
		"not demanded":   {`{"name": "a", "steps": [{"step": "ocr"}, {"step": "validate"}, {"step": "liveness", "on_demand": true}], "rules": [{"name": "r", "when": "document.age > 90", "then": "require_step", "step": "liveness"}]}`, func(s *Submission) { s.Selfie = nil }, ""},
		"profile unused": {`{"name": "a", "kya": {"enabled": false}}`, func(s *Submission) { s.KYA = &profile.Input{Country: "QQQ"} }, ""},
	} {
		sub := submission(newScope())
		sub.Workflow = planned(t, c.workflow)
		c.change(&sub)
		_, err := p.Submit(t.Context(), sub)
		if c.missing == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		known, _ := err.(*ekyc.Error)
		if known == nil || known.Code != ekyc.ErrMissingField || strings.Join(known.Details["missing"].([]string), " ") != c.missing {
			t.Errorf("%s: %v, %+v", name, err, known)
		}
	}
}

// TestFactsDecideAgainAndTellNothing opens what is stored of a decision.
func TestFactsDecideAgainAndTellNothing(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{}, swift(), 1)
	sub := plant(newScope())
	j := await(t, p, sub.Scope, submit(t, p, sub).ID, Completed)
	var stored []byte
	err := p.db.InTenant(t.Context(), sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
		var sealed []byte
		var subject ekyc.ID
		err := tx.QueryRow(ctx, `select facts, subject_id from job where id = $1 and decided_at = finished_at and workflow_name = 'default' and workflow_version = 1`, j.ID).
			Scan(&sealed, &subject)
		if err != nil {
			return err
		}
		stored, err = p.vault.Open(ctx, tx, sub.Scope, subject, factsOf(j.ID), sealed)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var f pipeline.Facts
	if err := json.Unmarshal(stored, &f); err != nil {
		t.Fatal(err)
	}
	if f.Document.Type != ekyc.Passport || f.Liveness.Method != "active" || !f.Request.HasBack || f.Request.Frames != 2 || !slices.Equal(f.Document.Fields, []string{"surname"}) {
		t.Errorf("%s", stored)
	}
	for _, mark := range []string{planted, strings.ToLower(planted)} {
		if bytes.Contains(stored, []byte(mark)) {
			t.Errorf("the facts hold what a client sent: %s", stored)
		}
	}
	plan, err := pipeline.Compile(pipeline.Default())
	if err != nil {
		t.Fatal(err)
	}
	again, err := plan.Decide(&f)
	r := resultOfJob(t, j)
	if err != nil || again.Decision != r.Decision || again.Score != r.Score || len(again.Reasons) != len(r.Reasons) {
		t.Errorf("%v: the facts decide %s with %s, the job %s with %s", err, again.Decision, again.Score, r.Decision, r.Score)
	}
	t.Logf("the facts have %d bytes", len(stored))
}

// TestJobsOfAnEarlierProgramGoOn has a job as the table had it before workflows were stored in it, half done.
func TestJobsOfAnEarlierProgramGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, nil, swift(), 0)
	sub := submission(newScope())
	sub.Back = photograph()
	id := submit(t, p, sub).ID
	c, err := p.take(t.Context(), false)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	e := &synthetic{}
	front, err := e.Document(t.Context(), engine.DocumentUpload{})
	if err != nil {
		t.Fatal(err)
	}
	front.Validate.Status = engine.StepCompleted
	if err := p.persist(t.Context(), c, partDocument, stepsOf(front.OCR, front.Validate), front); err != nil {
		t.Fatal(err)
	}
	err = p.db.InTenant(t.Context(), sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
		req, err := p.sealJSON(ctx, tx, sub.Scope, c.SubjectID, requestOf(id), map[string]any{"hints": map[string]any{}})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update job set workflow_name = null, workflow_version = 0, workflow_hash = 'of another time', request = $2,
			settings = '{"name": "default", "face_match": {"threshold": 0.75}, "document": {"min_age": 18}, "weights": {"liveness": 30, "face_match": 40, "document": 25, "kya": 5},
				"thresholds": {"accept": 80, "review": 60}, "kya": {}}' where id = $1`, id, req)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.giveBack(t.Context(), c, setback{}); err != nil {
		t.Fatal(err)
	}
	w.start(t, e, swift(), 1)
	j := await(t, p, sub.Scope, id, Completed)
	if got := told(j.Steps); got != "liveness completed, ocr completed, validate completed, face_match completed, decision completed" {
		t.Errorf("steps: %s", got)
	}
	if got := usage(t, p, sub.Scope, id); !maps.Equal(got, whole) || j.Workflow != "default" || j.WorkflowHash != "of another time" || e.count(partDocument) != 1 {
		t.Errorf("billed %v of %s, %d readings", got, j.Workflow, e.count(partDocument))
	}
}

func TestARequeueReservesWhatTheWorkflowCanUse(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, failing(partSelfie, 2, ekyc.Errorf(ekyc.ErrEngineFailed, "the vision engine failed on this input twice")), swift(), 1)
	sub := submission(newScope())
	sub.Workflow, sub.Front = planned(t, `{"name": "live", "steps": [{"step": "liveness"}]}`), nil
	j := await(t, p, sub.Scope, submit(t, p, sub).ID, Failed)
	if _, err := p.Requeue(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	await(t, p, sub.Scope, j.ID, Completed)
	if got := usage(t, p, sub.Scope, j.ID); len(got) != 2 {
		t.Errorf("billed %v", got)
	}
}

func TestTheDecisionOfAStopIsTold(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{country: "D"}, swift(), 1)
	sub := submission(newScope())
	endpoint(t, p, sub.Scope)
	sub.Workflow = planned(t, inTurn)
	j := await(t, p, sub.Scope, submit(t, p, sub).ID, Completed)
	events := events(t, p, sub.Scope)[webhook.KYCReviewRequired]
	if len(events) != 1 || events[0]["job_id"] != string(j.ID) || events[0]["workflow_hash"] != sub.Workflow.Hash {
		t.Errorf("told %v", events)
	}
	if i := slices.IndexFunc(resultOfJob(t, j).Factors, func(f decision.Factor) bool { return f.State == decision.FactorSkipped }); i < 0 {
		t.Errorf("no factor was skipped: %s", j.Result)
	}
}
