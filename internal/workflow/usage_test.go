package workflow

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/profile"
	"ekyc/internal/webhook"
)

// tellsWhatIsBilled holds what a job says against the meter's own record.
func tellsWhatIsBilled(t testing.TB, p *process, scope ekyc.Scope, j Job) {
	t.Helper()
	billed := usage(t, p, scope, j.ID)
	for _, u := range j.Usage {
		if u.Billed != (billed[u.Module] > 0) {
			t.Errorf("a job that is %s says %v, and %v was billed", j.Status, j.Usage, billed)
		}
		delete(billed, u.Module)
	}
	if len(billed) > 0 || len(j.Usage) == 0 {
		t.Errorf("a job that is %s says %v, and %v was billed besides", j.Status, j.Usage, billed)
	}
}

// TestAnswersSayWhatWasBilled: from the submission on, in answers, lists and events, through a dead letter and beyond what is kept of the person.
func TestAnswersSayWhatWasBilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, failing(partDocument, 2, ekyc.Errorf(ekyc.ErrEngineFailed, "the vision engine failed on this input twice")), swift(), 2)
	scope := newScope()
	endpoint(t, p, scope)
	sub := submission(scope)
	sub.KYA = &profile.Input{Surname: plantedSurname}
	said := func(billed bool) (all []Used) {
		for _, module := range ekyc.Modules {
			all = append(all, Used{module, billed})
		}
		return all
	}
	same := func(when string, j Job, want []Used) {
		t.Helper()
		if !slices.Equal(j.Usage, want) {
			t.Errorf("%s: %v", when, j.Usage)
		}
		listed, _, err := p.List(t.Context(), scope, Filter{}, 1, "")
		if err != nil || len(listed) != 1 || listed[0].ID != j.ID || !slices.Equal(listed[0].Usage, want) {
			t.Errorf("%s, listed: %+v, %v", when, listed, err)
		}
	}
	told := func(kind string, want []Used) {
		t.Helper()
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var plain any
		if err := json.Unmarshal(text, &plain); err != nil {
			t.Fatal(err)
		}
		if e := events(t, p, scope)[kind]; len(e) != 1 || fmt.Sprint(e[0]["usage"]) != fmt.Sprint(plain) {
			t.Errorf("%s tells %v", kind, e)
		}
	}
	j := submit(t, p, sub)
	if !slices.Equal(j.Usage, said(false)) {
		t.Errorf("submitted: %v", j.Usage)
	}
	same("given up", await(t, p, scope, j.ID, Failed), said(false))
	told(webhook.KYCFailed, said(false))
	if q, err := p.Requeue(t.Context(), j.ID); err != nil || !slices.Equal(q.Usage, said(false)) {
		t.Errorf("put back: %+v, %v", q, err)
	}
	same("completed", await(t, p, scope, j.ID, Completed), said(true))
	told(webhook.KYCCompleted, said(true))
	eraseWith(t, p, scope, j.Subject)
	same("erased", await(t, p, scope, j.ID, Completed), said(true))

	sub.Store, sub.KYA = false, nil
	dropped := await(t, p, scope, submit(t, p, sub).ID, Completed)
	five := slices.DeleteFunc(said(true), func(u Used) bool { return u.Module == ekyc.ModuleKYA })
	same("not to be stored", dropped, five)
	age(t, w, dropped.ID, dropAfter+time.Minute)
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if dropped = await(t, p, scope, dropped.ID, Completed); dropped.Result != nil {
		t.Error("what is not to be stored is held")
	}
	same("dropped", dropped, five)
}

// TestAJobFromBeforeSaysWhatWasBilled: it does not know what units were reserved for.
func TestAJobFromBeforeSaysWhatWasBilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 1)
	scope := newScope()
	done := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed)
	tag, err := p.db.SystemPool().Exec(t.Context(), `update job set modules = null where id = $1`, done.ID)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatal(tag, err)
	}
	if j := await(t, p, scope, done.ID, Completed); !slices.Equal(j.Usage, done.Usage) || len(j.Usage) != 5 {
		t.Errorf("%v, and before %v", j.Usage, done.Usage)
	}
}
