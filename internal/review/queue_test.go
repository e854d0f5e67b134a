package review_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/review"
)

func TestACaseIsOpenedWithItsJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.aCase()
	r := b.get(b.open(c))
	if !r.ID.Is(ekyc.KindReview) || r.State != review.Open || r.Job != c.Job || r.Subject != c.Subject || r.Score != c.Score || !slices.Equal(r.Reasons, c.Reasons) ||
		r.Workflow != "onboarding" || r.WorkflowVersion != 2 || r.WorkflowHash != "abc" || r.DueAt != nil || r.Claim != nil || r.Outcome != nil || !near(r.OpenedAt, time.Now()) {
		t.Errorf("review %+v", r)
	}
	if !slices.Equal(kindsOf(r.Acts), []review.Kind{review.ActOpened}) || r.Acts[0].KeyID != "" {
		t.Errorf("acts %+v", r.Acts)
	}
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.processes[0].Open(ctx, tx, b.scope, c)
		return err
	})
	wantCode(t, "a second review of the job", err, ekyc.ErrConflict)

	undone := b.aCase() // by whatever comes after it in the job's transaction
	err = b.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.processes[0].Open(ctx, tx, b.scope, undone); err != nil {
			return err
		}
		return context.DeadlineExceeded
	})
	if err == nil || b.count("ekyc.review") != 1 || b.count("ekyc.review_act") != 1 {
		t.Errorf("a review of a job that was not decided: %v", err)
	}
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		found, err := b.processes[0].OfJob(ctx, tx, b.scope, c.Job)
		if err != nil || found == nil || found.ID != r.ID {
			t.Errorf("of the job: %+v, %v", found, err)
		}
		none, err := b.processes[0].OfJob(ctx, tx, b.scope, undone.Job)
		if err != nil || none != nil {
			t.Errorf("of a job without: %+v, %v", none, err)
		}
		return nil
	})
}

// drawn is what the filters of a list can tell apart.
type drawn struct {
	id ekyc.ID
	review.Filter
}

func TestTheListIsFilteredAndGoesOldestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all []drawn
	for i := range 12 {
		c := b.aCase()
		d := drawn{Filter: review.Filter{State: review.States[i%4], Workflow: []string{"onboarding", "renewal"}[i/4%2], Reason: []decision.Code{decision.RuleNoMatch, decision.RuleRetake}[i/6]}}
		c.Workflow, c.Reasons = d.Workflow, []decision.Code{decision.CodeKYALimited, d.Reason}
		d.id = b.open(c)
		switch d.State {
		case review.Claimed:
			b.claim(d.id, first)
		case review.Decided:
			b.decide(d.id, first, accept)
		case review.Withdrawn:
			b.erase(c.Subject)
			d.Reason = "" // it goes with the person
		}
		all = append(all, d)
	}
	old := all[4].id
	b.asOwner("update ekyc.review set opened_at = opened_at - interval '3 hours' where id = $1", old)
	expired := all[1].id // its claim has run out, and nobody has come by
	b.expire(expired)
	all[1].State = review.Open

	pages := func(f review.Filter) (ids []ekyc.ID) {
		for after := ekyc.ID(""); ; {
			list, next, err := b.processes[0].List(t.Context(), b.scope, f, 3, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				ids = append(ids, r.ID)
				if f.State != "" && r.State != f.State {
					t.Errorf("%s in the list of %s", r.State, f.State)
				}
			}
			if after = next; after == "" {
				return ids
			}
		}
	}
	for _, f := range []review.Filter{
		{}, {State: review.Open}, {State: review.Claimed}, {State: review.Decided}, {State: review.Withdrawn}, {Workflow: "renewal"}, {Workflow: "no such"},
		{Reason: decision.RuleRetake}, {Reason: "no such"}, {State: review.Open, Workflow: "onboarding", Reason: decision.RuleNoMatch},
	} {
		var want []ekyc.ID
		for _, d := range all {
			if (f.State == "" || f.State == d.State) && (f.Workflow == "" || f.Workflow == d.Workflow) && (f.Reason == "" || f.Reason == d.Reason) {
				want = append(want, d.id)
			}
		}
		if got := pages(f); !slices.Equal(got, want) {
			t.Errorf("%+v: %v, wanted %v", f, got, want)
		}
	}
	if got := pages(review.Filter{MinAge: 2 * time.Hour}); !slices.Equal(got, []ekyc.ID{old}) {
		t.Errorf("the old ones: %v", got)
	}
	_, _, err := b.processes[0].List(t.Context(), b.scope, review.Filter{State: "no such"}, 0, "")
	wantCode(t, "an unknown state", err, ekyc.ErrInvalidArgument)
}

func TestReviewsAreOfOneScope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.open(b.aCase())
	b.claim(id, first)
	b.set(review.SecondAlways)
	for _, scope := range []ekyc.Scope{{Tenant: b.scope.Tenant, Environment: ekyc.Test}, {Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}} {
		p := b.processes[0]
		_, err := p.Get(t.Context(), scope, id)
		wantCode(t, "get", err, ekyc.ErrNotFound)
		_, err = p.Claim(t.Context(), scope, id, first, 0)
		wantCode(t, "claim", err, ekyc.ErrNotFound)
		_, err = p.Release(t.Context(), scope, id, first)
		wantCode(t, "release", err, ekyc.ErrNotFound)
		_, err = p.Decide(t.Context(), scope, id, first, accept)
		wantCode(t, "decide", err, ekyc.ErrNotFound)
		if list, _, err := p.List(t.Context(), scope, review.Filter{}, 0, ""); err != nil || len(list) != 0 {
			t.Errorf("list: %v, %v", list, err)
		}
		if s, err := p.Settings(t.Context(), scope); err != nil || s.SecondReviewer != review.SecondOff {
			t.Errorf("settings: %+v, %v", s, err)
		}
	}
	if r := b.get(id); r.State != review.Claimed || len(r.Acts) != 2 {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestErasureWithdrawsInItsOwnTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.aCase()
	c.CallbackURL = "https://example.com/callback"
	open, decided, bystander := b.open(c), b.aCase(), b.open(b.aCase())
	b.claim(open, first)
	decided.Subject = c.Subject
	done := b.open(decided)
	b.decide(done, first, reject)
	if r := b.get(done); r.Acts[2].Comment != reject.Comment {
		t.Fatalf("acts %+v", r.Acts)
	}

	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.processes[0].vault.EraseSubject(ctx, tx, b.scope, c.Subject); err != nil {
			return err
		}
		return context.DeadlineExceeded
	})
	if err == nil || b.get(open).State != review.Claimed {
		t.Error("an erasure that was undone withdraws")
	}
	b.erase(c.Subject)
	r := b.get(open)
	if r.State != review.Withdrawn || r.Claim != nil || r.ClosedAt == nil || r.ErasedAt == nil || !slices.Equal(kindsOf(r.Acts), []review.Kind{review.ActOpened, review.ActClaimed, review.ActWithdrawn}) {
		t.Errorf("withdrawn: %+v", r)
	}
	_, err = b.processes[1].Claim(t.Context(), b.scope, open, second, 0)
	wantCode(t, "claim", err, ekyc.ErrGone)
	_, err = b.tryDecide(open, first, accept)
	wantCode(t, "decide", err, ekyc.ErrGone)
	_, err = b.processes[1].Release(t.Context(), b.scope, open, first)
	wantCode(t, "release", err, ekyc.ErrGone)
	if r := b.get(done); r.State != review.Decided || r.Outcome.Reviewer != first.Reviewer || r.Acts[2].Comment != "" || r.Acts[2].ReasonCode != reject.ReasonCode {
		t.Errorf("what was decided before: %+v", r)
	}
	if r := b.get(bystander); r.State != review.Open {
		t.Errorf("another subject's: %+v", r)
	}
}

// A decision and an erasure at the same moment: whichever comes first holds, and neither fails for the other.
func TestErasureBesideADecision(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 10 {
		c := b.aCase()
		id := b.open(c)
		b.claim(id, first)
		var decided error
		together(2, func(i int) {
			if i == 0 {
				b.erase(c.Subject)
				return
			}
			_, decided = b.tryDecide(id, first, reject)
		})
		switch r := b.get(id); {
		case decided == nil && r.State == review.Decided:
		case decided != nil && r.State == review.Withdrawn:
			wantCode(t, "after the erasure", decided, ekyc.ErrGone)
		default:
			t.Errorf("%v, and %+v", decided, r)
		}
	}
}

func TestReviewsOfJobsThatAreNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	waiting, done := b.aCase(), b.aCase()
	for _, c := range []*review.Case{&waiting, &done} {
		c.HeldFor, c.CallbackURL = 50*time.Minute, "https://example.com/callback"
	}
	a, d := b.open(waiting), b.open(done)
	b.decide(d, first, reject)
	if r := b.get(a); r.HeldUntil == nil || !near(*r.HeldUntil, time.Now().Add(50*time.Minute)) {
		t.Fatalf("held until %v", r.HeldUntil)
	}
	b.asOwner("update ekyc.review set held_until = held_until - interval '51 minutes'")
	for _, swept := range []bool{false, true} {
		r := b.get(a)
		if r.State != review.Withdrawn || r.ClosedAt == nil {
			t.Errorf("swept %v: %+v", swept, r)
		}
		_, err := b.processes[0].Claim(t.Context(), b.scope, a, first, 0)
		wantReason(t, "claim", err, review.ReasonWithdrawn)
		if list, _, err := b.processes[0].List(t.Context(), b.scope, review.Filter{State: review.Open}, 0, ""); err != nil || len(list) != 0 {
			t.Errorf("swept %v: the queue holds %v, %v", swept, list, err)
		}
		if list, _, err := b.processes[0].List(t.Context(), b.scope, review.Filter{State: review.Withdrawn}, 0, ""); err != nil || len(list) != 1 {
			t.Errorf("swept %v: withdrawn are %v, %v", swept, list, err)
		}
		if err := b.processes[0].Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if r := b.get(a); !slices.Equal(kindsOf(r.Acts), []review.Kind{review.ActOpened, review.ActWithdrawn}) {
		t.Errorf("acts %+v", r.Acts)
	}
	if n := b.count("ekyc.review_act where comment is not null"); n != 0 {
		t.Errorf("%d comments are left", n)
	}
	if n := b.count("ekyc.review where callback is not null"); n != 0 {
		t.Errorf("%d callbacks are left", n)
	}
	if r := b.get(d); r.State != review.Decided {
		t.Errorf("what was decided: %+v", r)
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.processes[0].Set(t.Context(), b.scope, review.Settings{SecondReviewer: review.SecondOff, DueAfter: time.Hour, KeyID: first.KeyID}); err != nil {
		t.Fatal(err)
	}
	a, c := b.open(b.aCase()), b.open(b.aCase())
	b.claim(c, first)
	b.decide(b.open(b.aCase()), first, accept)
	b.asOwner("update ekyc.review set opened_at = opened_at - interval '2 hours', due_at = due_at - interval '2 hours', contested = true where id = $1", a)
	got, err := b.processes[1].Backlog(t.Context())
	if err != nil || got.Open != 1 || got.Claimed != 1 || got.Contested != 1 || got.Overdue != 1 || got.Oldest < 2*time.Hour || got.Oldest > 3*time.Hour {
		t.Errorf("%+v, %v", got, err)
	}
	if r := b.get(c); r.DueAt == nil || r.DueAt.Sub(r.OpenedAt) != time.Hour {
		t.Errorf("due at %v", r.DueAt)
	}
}
