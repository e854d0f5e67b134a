package workflow

import (
	"context"
	"maps"
	"testing"

	"ekyc"
)

// TestAJobGoesOnUnderOtherModels interrupts a job before its comparison and installs another model meanwhile.
func TestAJobGoesOnUnderOtherModels(t *testing.T) {
	t.Parallel()
	e := &synthetic{}
	e.before = func(_ context.Context, name part, _ []byte) error {
		if name != partMatch || e.count(name) > 1 {
			return nil
		}
		e.model = "another"
		return ekyc.Errorf(ekyc.ErrUnavailable, "away")
	}
	p := newWorld(t).start(t, e, swift(), 1)
	scope := newScope()
	j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed)
	if j.Attempt != 2 || e.count(partSelfie) != 2 || e.count(partDocument) != 2 || len(j.Steps) != 5 {
		t.Errorf("%d attempts with %d selfies and %d documents, steps %v", j.Attempt, e.count(partSelfie), e.count(partDocument), j.Steps)
	}
	if got := usage(t, p, scope, j.ID); !maps.Equal(got, whole) {
		t.Errorf("billed %v", got)
	}
}

// TestModelsThatDisagreeAreOurFault has an engine that never enrols by the model that it names.
func TestModelsThatDisagreeAreOurFault(t *testing.T) {
	t.Parallel()
	e := &synthetic{model: "one"}
	e.before = func(_ context.Context, name part, _ []byte) error {
		if name == partMatch {
			e.model = map[string]string{"one": "other", "other": "one"}[e.model]
		}
		return nil
	}
	o := swift()
	o.MaxAttempts = 1
	p := newWorld(t).start(t, e, o, 1)
	scope := newScope()
	if j := await(t, p, scope, submit(t, p, submission(scope)).ID, Failed); j.Error.Code != ekyc.ErrUnavailable || !j.DeadLetter {
		t.Errorf("%+v, %+v", j, j.Error)
	}
}
