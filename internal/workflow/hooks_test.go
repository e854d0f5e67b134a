package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/profile"
	"ekyc/internal/receipt"
	"ekyc/internal/review"
	"ekyc/internal/webhook"
)

func (r rooms) hooks() Hooks {
	return Hooks{Library: r.drafts, Reviews: r.reviews, Receipts: r.receipts}
}

// publish makes a version of a workflow.
func publish(t *testing.T, p *process, scope ekyc.Scope, text string) drafting.Workflow {
	t.Helper()
	d, err := p.rooms.drafts.Create(t.Context(), scope, "key_x", drafting.Text{Format: drafting.YAML, Source: text})
	if err == nil {
		d, err = p.rooms.drafts.Publish(t.Context(), scope, d.ID, "key_x", d.Hash)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAJobIsPinnedToTheVersionOfItsSubmission(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{}, swift(), 0)
	p.SetHooks(p.rooms.hooks())
	scope := newScope()
	pin := func(settings string) Pinned {
		t.Helper()
		pinned, err := p.Pin(t.Context(), scope, parse(t, settings))
		if err != nil {
			t.Fatal(err)
		}
		return pinned
	}
	if standard := pin(`{}`); standard.Name != "default" || standard.Hash != with(t, `{}`).Hash {
		t.Errorf("without a workflow of its own: %+v", standard)
	}
	if _, err := p.Pin(t.Context(), scope, Settings{Name: "live"}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("a workflow that is not there: %v", err)
	}
	first := publish(t, p, scope, "name: live\nsteps: [{step: liveness}]")
	if _, err := p.Pin(t.Context(), newScope(), Settings{Name: "live"}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("another tenant's workflow: %v", err)
	}
	sub := submission(scope)
	sub.Workflow = pin(`{"name": "live"}`)
	if sub.Workflow.Version != 1 || sub.Workflow.Hash != first.Hash {
		t.Errorf("pinned to %+v, published with %s", sub.Workflow, first.Hash)
	}
	id := submit(t, p, sub).ID
	second := publish(t, p, scope, "name: live\nsteps: [{step: liveness}, {step: ocr}, {step: validate}]")
	workOn(t, p)
	j := await(t, p, scope, id, Completed)
	if j.WorkflowVersion != 1 || j.WorkflowHash != first.Hash || len(j.Steps) != 2 {
		t.Errorf("the job ran by version %d: %s", j.WorkflowVersion, told(j.Steps))
	}
	if next := pin(`{"name": "live"}`); next.Version != 2 || next.Hash != second.Hash {
		t.Errorf("then pinned to %+v", next)
	}
	if other := pin(`{"name": "live", "thresholds": {"accept": 90, "review": 50}}`); other.Version != 2 || other.Hash == second.Hash || len(other.Definition.Steps) < 3 {
		t.Errorf("with other thresholds: %+v", other)
	}
	if _, err := p.rooms.drafts.MakeDefault(t.Context(), scope, second.ID); err != nil {
		t.Fatal(err)
	}
	if chosen := pin(`{}`); chosen.Name != "live" || chosen.Version != 2 {
		t.Errorf("by default: %+v", chosen)
	}
	if own := pin(`{"name": "default"}`); own.Name != "default" {
		t.Errorf("the program's own: %+v", own)
	}
}

func TestAReviewIsOpenedAndTold(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{country: "D"}, swift(), 0)
	p.SetHooks(p.rooms.hooks())
	sub := submission(newScope())
	endpoint(t, p, sub.Scope)
	sub.Workflow, sub.CallbackURL = planned(t, inTurn), "http://127.0.0.1:9/callback"
	id := submit(t, p, sub).ID
	workOn(t, p)
	j := await(t, p, sub.Scope, id, Completed)
	if j.Review == nil || j.Review.State != review.Open || j.Review.Workflow != "in-turn" || j.Review.WorkflowHash != sub.Workflow.Hash || len(j.Review.Reasons) == 0 {
		t.Fatalf("%+v", j.Review)
	}
	told := events(t, p, sub.Scope)[webhook.KYCReviewRequired]
	if len(told) == 0 || told[0]["review_id"] != string(j.Review.ID) {
		t.Errorf("told %v", told)
	}
	accepted := submission(sub.Scope)
	accepted.Workflow = with(t, `{}`)
	id = submit(t, p, accepted).ID
	workOn(t, p)
	if j := await(t, p, sub.Scope, id, Completed); j.Review != nil {
		t.Errorf("an accepted job has %+v", j.Review)
	}
}

func TestAReceiptBindsInputsWorkflowAndResult(t *testing.T) {
	t.Parallel()
	o := swift()
	o.Program = "1.2.3"
	p := newWorld(t).start(t, &synthetic{}, o, 0)
	p.SetHooks(p.rooms.hooks())
	sub := submission(newScope())
	sub.Selfie, sub.KYA = [][]byte{photograph(), append(photograph()[:len(photograph()):len(photograph())], "second"...)}, &profile.Input{Surname: plantedSurname, Country: "DEU"}
	id := submit(t, p, sub).ID
	workOn(t, p)
	j := await(t, p, sub.Scope, id, Completed)
	signed, err := p.rooms.receipts.Get(t.Context(), sub.Scope, id, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := p.rooms.receipts.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	v, err := receipt.Verify(text, keys, false)
	if err != nil {
		t.Fatal(err)
	}
	r := v.Receipt
	if r.Job != id || r.Workflow != (receipt.Workflow{Name: "default", Version: 1, Hash: j.WorkflowHash}) || r.Program != "1.2.3" || r.Decision != ekyc.Accepted || len(r.Inputs) != 4 {
		t.Errorf("%+v", r)
	}
	for what, err := range map[string]error{
		"the first frame": v.CheckInput("frame", 0, sub.Selfie[0]), "the second": v.CheckInput("frame", 1, sub.Selfie[1]),
		"the front": v.CheckInput("document_front", 0, sub.Front), "the claim": v.CheckInput("claim", 0, []byte(`{"country":"DEU","surname":"`+plantedSurname+`"}`)),
		"the result": v.CheckResult(j.Result),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := v.CheckInput("frame", 1, sub.Selfie[0]); ekyc.CodeOf(err) != ekyc.ErrReceiptInvalid {
		t.Errorf("another photograph: %v", err)
	}
}

// hesitant is a room whose first n acts fail.
type hesitant struct {
	Reviews
	failures int
}

func (h *hesitant) Open(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, c review.Case) (ekyc.ID, error) {
	id, err := h.Reviews.Open(ctx, tx, scope, c)
	if err == nil && h.failures > 0 {
		h.failures--
		return "", errors.New("away")
	}
	return id, err
}

// TestARoomThatFailsUndoesTheEnd has the review fail after it was written: the job is decided again, and everything is there once.
func TestARoomThatFailsUndoesTheEnd(t *testing.T) {
	t.Parallel()
	e := &synthetic{country: "D"}
	p := newWorld(t).start(t, e, swift(), 1)
	hooks := p.rooms.hooks()
	hooks.Reviews = &hesitant{p.rooms.reviews, 1}
	p.SetHooks(hooks)
	sub := submission(newScope())
	endpoint(t, p, sub.Scope)
	sub.Workflow = planned(t, inTurn)
	j := await(t, p, sub.Scope, submit(t, p, sub).ID, Completed)
	if j.Attempt != 2 || e.count(partSelfie) != 1 || e.count(partDocument) != 1 {
		t.Errorf("%d attempts, %d and %d calls", j.Attempt, e.count(partSelfie), e.count(partDocument))
	}
	list, _, err := p.rooms.reviews.List(t.Context(), sub.Scope, review.Filter{}, 0, "")
	if err != nil || len(list) != 1 || len(events(t, p, sub.Scope)[webhook.KYCReviewRequired]) != 1 {
		t.Errorf("%d reviews, %v; told %v", len(list), err, events(t, p, sub.Scope))
	}
	want := map[ekyc.Module]int64{ekyc.ModuleLiveness: 1, ekyc.ModuleOCR: 1, ekyc.ModuleWorkflow: 1}
	if got := usage(t, p, sub.Scope, j.ID); !maps.Equal(got, want) {
		t.Errorf("billed %v", got)
	}
}

// TestARateThatNobodyCanPromiseIsRefused asks for a lower false match rate than the models were measured to.
func TestARateThatNobodyCanPromiseIsRefused(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{}, swift(), 0)
	if _, err := p.Pin(t.Context(), newScope(), parse(t, `{"face_match": {"target_fmr": 1e-7}}`)); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("%v", err)
	}
	if _, err := p.Pin(t.Context(), newScope(), parse(t, `{"face_match": {"target_fmr": 1e-5}}`)); err != nil {
		t.Error(err)
	}
}
