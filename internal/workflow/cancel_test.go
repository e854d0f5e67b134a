package workflow

import (
	"context"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/webhook"
)

func TestAQueuedJobIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 0)
	scope := newScope()
	endpoint(t, p, scope)
	id := submit(t, p, submission(scope)).ID
	j, err := p.Cancel(t.Context(), scope, id, nil)
	if err != nil || j.Status != Cancelled || j.FinishedAt == nil || reserved(t, p, scope) != 0 || media(t, p, scope, id) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
	if _, err := p.Cancel(t.Context(), scope, id, nil); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("a second time: %v", err)
	}
	q := w.start(t, &synthetic{}, swift(), 1) // finds a turn and no job
	await(t, q, scope, submit(t, q, submission(scope)).ID, Completed)
	if j, err := q.Get(t.Context(), scope, id); err != nil || j.Status != Cancelled || len(usage(t, q, scope, id)) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestARunningJobIsCancelledByItsWorker(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	var once sync.Once
	e := &synthetic{duration: time.Minute, before: func(context.Context, part, []byte) error { once.Do(func() { close(begun) }); return nil }}
	p := newWorld(t).start(t, e, swift(), 1)
	scope := newScope()
	endpoint(t, p, scope)
	id := submit(t, p, submission(scope)).ID
	<-begun
	j, err := p.Cancel(t.Context(), scope, id, nil)
	if err != nil || j.Status != Running || !j.CancelRequested {
		t.Errorf("%+v, %v", j, err)
	}
	j = await(t, p, scope, id, Cancelled)
	if len(usage(t, p, scope, id)) != 0 || reserved(t, p, scope) != 0 || j.Error != nil {
		t.Errorf("%+v", j)
	}
	eventually(t, "the photographs are deleted", func() bool { return media(t, p, scope, id) == 0 })
	if told := events(t, p, scope); len(told) != 0 {
		t.Errorf("told %v", told)
	}
}

// A request to cancel that comes when everything but the end is done still wins, and one for a finished job is refused: never both.
func TestCancellingAndFinishingExcludeEachOther(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start(t, &synthetic{duration: time.Millisecond}, swift(), 4)
	scope := newScope()
	endpoint(t, p, scope)
	var ids []ekyc.ID
	var accepted []bool
	for i := range 40 {
		id := submit(t, p, submission(scope)).ID
		time.Sleep(time.Duration(i) * time.Millisecond)
		_, err := p.Cancel(t.Context(), scope, id, nil)
		if err != nil && ekyc.CodeOf(err) != ekyc.ErrConflict {
			t.Fatal(err)
		}
		ids, accepted = append(ids, id), append(accepted, err == nil)
	}
	told := map[string]bool{}
	finished, cancelled := 0, 0
	for i, id := range ids {
		want := Completed
		if accepted[i] {
			want = Cancelled
		}
		await(t, p, scope, id, want)
		billed := len(usage(t, p, scope, id)) > 0
		if billed != (want == Completed) {
			t.Errorf("a job that is %s is billed: %t", want, billed)
		}
		if billed {
			finished++
		} else {
			cancelled++
		}
	}
	for _, e := range events(t, p, scope)[webhook.KYCCompleted] {
		told[e["job_id"].(string)] = true
	}
	if len(told) != finished || reserved(t, p, scope) != 0 {
		t.Errorf("%d were told of and %d finished", len(told), finished)
	}
	t.Logf("%d finished first, %d were cancelled first", finished, cancelled)
}
