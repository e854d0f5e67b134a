package workflow

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/retention"
	"ekyc/internal/review"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// retaining is a process that asks how long things are kept.
func retaining(t *testing.T, w world, e Engine) (*process, *retention.Service) {
	t.Helper()
	p := w.start(t, e, swift(), 0)
	r := retention.New(p.db, p.vault, retention.Options{})
	p.SetHooks(Hooks{Library: p.rooms.drafts, Reviews: p.rooms.reviews, Receipts: p.rooms.receipts, Retention: r})
	return p, r
}

func keepDays(t *testing.T, p *process, r *retention.Service, scope ekyc.Scope, days map[retention.Class]int) {
	t.Helper()
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := r.Set(ctx, tx, scope, days, "ek_test")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// decided is a job that a person has to look at.
func decided(t *testing.T, p *process, sub Submission) Job {
	t.Helper()
	sub.Workflow = planned(t, `{"name": "strict", "thresholds": {"accept": 99.9, "review": 1}}`)
	id := submit(t, p, sub).ID
	workOn(t, p)
	return await(t, p, sub.Scope, id, Completed)
}

func TestPhotographsStayAsLongAsTheirClass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, r := retaining(t, w, &synthetic{})
	for name, c := range map[string]struct {
		days map[retention.Class]int
		keep bool
		want map[vault.MediaKind]int // days
	}{
		"nothing said":       {nil, true, map[vault.MediaKind]int{vault.MediaSelfie: 30, vault.MediaDocumentFront: 30}},
		"each its own":       {map[retention.Class]int{retention.Selfie: 2, retention.Document: 3650}, true, map[vault.MediaKind]int{vault.MediaSelfie: 2, vault.MediaDocumentFront: 3650}},
		"no faces":           {map[retention.Class]int{retention.Selfie: 0}, true, map[vault.MediaKind]int{vault.MediaDocumentFront: 30}},
		"not to be stored":   {map[retention.Class]int{retention.Selfie: 99}, false, nil},
		"no pictures at all": {map[retention.Class]int{retention.Selfie: 0, retention.Document: 0}, true, nil},
	} {
		sub := submission(newScope())
		sub.Store = c.keep
		keepDays(t, p, r, sub.Scope, c.days)
		j := decided(t, p, sub)
		if n := media(t, p, sub.Scope, j.ID); n != len(c.want) || len(j.Media) != n {
			t.Errorf("%s: %d photographs are there, and %d are told", name, n, len(j.Media))
		}
		for _, m := range j.Media {
			if got := m.Expires.Sub(m.CreatedAt); got != time.Duration(c.want[m.Kind])*24*time.Hour {
				t.Errorf("%s: %s is kept for %s", name, m.Kind, got)
			}
			if _, _, err := p.vault.ShowMedia(t.Context(), sub.Scope, m.ID, func(context.Context, pgx.Tx, vault.Media) error { return nil }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// heldOf counts what the tables hold of a job beyond its state.
func heldOf(t *testing.T, owner *pgx.Conn, j Job) (n int) {
	t.Helper()
	err := owner.QueryRow(t.Context(), `select
		(select count(*) from ekyc.job where id = $1 and num_nonnulls(request, annotations, result, facts, nullif(trace_parent, '')) > 0)
		+ (select count(*) from ekyc.job_step where job_id = $1) + (select count(*) from ekyc.receipt where job_id = $1)
		+ (select count(*) from ekyc.review where job_id = $1 and (state = 'open' or reasons <> '{}' or callback is not null)) + (select count(*) from ekyc.webhook_event where subject_id = $2 and body is not null)`,
		j.ID, j.Subject).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sweepAll removes what is over in every room that ends with a job.
func sweepAll(t *testing.T, p *process) (jobs int) {
	t.Helper()
	jobs, err := p.RemoveExpired(t.Context(), 100)
	for _, sweep := range []func(context.Context) error{p.rooms.reviews.Sweep, p.rooms.receipts.Sweep, p.hooks.Sweep} {
		if err == nil {
			err = sweep(t.Context())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// pass lets time go by for everything that ends with a job.
func pass(t *testing.T, owner *pgx.Conn, interval string) {
	t.Helper()
	for _, statement := range []string{
		"update ekyc.job set expires_at = expires_at - $1::interval, finished_at = finished_at - $1::interval",
		"update ekyc.review set held_until = held_until - $1::interval, opened_at = opened_at - $1::interval",
		"update ekyc.receipt set drop_at = drop_at - $1::interval, issued_at = issued_at - $1::interval",
		"update ekyc.webhook_event set drop_at = drop_at - $1::interval, created_at = created_at - $1::interval",
	} {
		if _, err := owner.Exec(t.Context(), statement, interval); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatAJobHoldsEndsWithItsDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, r := retaining(t, w, &synthetic{})
	owner, sub := storetest.Owner(t, w.URL), submission(newScope())
	endpoint(t, p, sub.Scope)
	keepDays(t, p, r, sub.Scope, map[retention.Class]int{retention.Result: 5})
	sub.Metadata, sub.SubjectRef, sub.TraceParent = map[string]string{"order": "17"}, "ref-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	j := decided(t, p, sub)
	if j.Review == nil || j.ExpiresAt.Sub(*j.FinishedAt).Round(time.Second) != 5*24*time.Hour || j.Expired || heldOf(t, owner, j) < 6 {
		t.Fatalf("%+v, %d things", j, heldOf(t, owner, j))
	}
	if pass(t, owner, "4 days 23 hours"); sweepAll(t, p) != 0 || heldOf(t, owner, j) < 6 {
		t.Error("something went before its time")
	}
	if _, err := owner.Exec(t.Context(), `insert into ekyc.shadow_decision (tenant_id, environment, workflow_id, job_id, subject_id, workflow_name, workflow_version, decided, score, decided_at)
		values ($1, $2, 'wfl_x', $3, $4, 'x', 1, 'review', 0, now())`, sub.Scope.Tenant, sub.Scope.Environment, j.ID, j.Subject); err != nil {
		t.Fatal(err)
	}
	pass(t, owner, "2 hours")
	check := func(when string) {
		t.Helper()
		err := p.db.InTenant(t.Context(), sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
			of, err := p.OfSubject(ctx, tx, sub.Scope, j.Subject, "", 10)
			if err == nil && (len(of) != 1 || of[0].Facts != nil || of[0].Job.Result != nil || len(of[0].Shadows) != 0) {
				t.Errorf("%s: of the subject %+v", when, of)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: of the subject: %v", when, err)
		}
		got, err := p.Get(t.Context(), sub.Scope, j.ID)
		if err != nil || !got.Expired || got.Result != nil || got.Metadata != nil || got.SubjectRef != "" || len(got.Steps) != 0 || got.Status != Completed {
			t.Errorf("%s: %+v, %v", when, got, err)
		}
		if got.Review.State != review.Withdrawn {
			t.Errorf("%s: the review is %s", when, got.Review.State)
		}
		list, _, err := p.List(t.Context(), sub.Scope, Filter{}, 10, "")
		if err != nil || len(list) != 1 || list[0].Metadata != nil || !list[0].Expired {
			t.Errorf("%s: listed %+v, %v", when, list, err)
		}
		if _, err := p.rooms.receipts.Get(t.Context(), sub.Scope, j.ID, 0, false); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%s: the receipt: %v", when, err)
		}
	}
	check("over and not yet removed")
	if at, err := p.OldestExpired(t.Context()); err != nil || time.Since(at).Round(time.Minute) != time.Hour {
		t.Errorf("over since %s, %v", at, err)
	}
	if n := sweepAll(t, p); n != 1 || heldOf(t, owner, j) != 0 {
		t.Errorf("%d jobs; %d things are left", n, heldOf(t, owner, j))
	}
	check("removed")
	if at, err := p.OldestExpired(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("over since %s, %v", at, err)
	}
	if usage(t, p, sub.Scope, j.ID)[ekyc.ModuleWorkflow] != 1 || isErased(t, w, j.Subject) {
		t.Error("the usage or the subject went too")
	}
}

func TestFewerDaysHoldForWhatIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, r := retaining(t, w, &synthetic{})
	sub, other := submission(newScope()), submission(newScope())
	endpoint(t, p, sub.Scope)
	keepDays(t, p, r, sub.Scope, map[retention.Class]int{retention.Result: 90, retention.Selfie: 90})
	j, untouched := decided(t, p, sub), decided(t, p, other)
	limited := func(limit func(context.Context, pgx.Tx, ekyc.Scope, time.Duration, int) (int, error)) retention.Part {
		return retention.Part{Class: retention.Result, Name: "a part", Limit: func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, days, most int) (int, error) {
			return limit(ctx, tx, scope, time.Duration(days)*24*time.Hour, most)
		}}
	}
	photographs := limited(func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
		return p.vault.LimitMedia(ctx, tx, scope, SelfieMedia, d, most)
	})
	photographs.Class = retention.Selfie
	r.SetParts(photographs, limited(p.Limit), limited(p.rooms.reviews.Limit), limited(p.rooms.receipts.Limit), limited(p.hooks.Limit))
	ends := func(id ekyc.ID) (left [5]int) { // days
		err := storetest.Owner(t, w.URL).QueryRow(t.Context(), `select (select round(extract(epoch from expires_at - finished_at) / 86400) from ekyc.job where id = $1),
			(select round(extract(epoch from held_until - opened_at) / 86400) from ekyc.review where job_id = $1),
			(select round(extract(epoch from drop_at - issued_at) / 86400) from ekyc.receipt where job_id = $1),
			(select coalesce(max(round(extract(epoch from e.drop_at - e.created_at) / 86400)), 0) from ekyc.webhook_event e join ekyc.job j on j.subject_id = e.subject_id where j.id = $1),
			(select round(extract(epoch from expires_at - created_at) / 86400) from ekyc.media where job_id = $1 and kind = 'selfie')`, id).
			Scan(&left[0], &left[1], &left[2], &left[3], &left[4])
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	if got := ends(j.ID); got != [5]int{90, 90, 90, 30, 90} {
		t.Errorf("at first %v", got)
	}
	for _, c := range []struct {
		days int
		want [5]int
	}{{7, [5]int{7, 7, 7, 7, 7}}, {365, [5]int{7, 7, 7, 7, 7}}, {3, [5]int{3, 3, 3, 3, 3}}} {
		keepDays(t, p, r, sub.Scope, map[retention.Class]int{retention.Result: c.days, retention.Selfie: c.days})
		if err := r.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := ends(j.ID); got != c.want {
			t.Errorf("with %d days %v", c.days, got)
		}
	}
	if got := ends(untouched.ID); got != [5]int{30, 30, 30, 0, 30} {
		t.Errorf("another tenant's: %v", got)
	}
}

// TestWhatAnOlderWorkerEndedGetsAnEnd: one of before there were ends writes none down, and may run for a while beside newer ones.
func TestWhatAnOlderWorkerEndedGetsAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := retaining(t, w, &synthetic{})
	owner := storetest.Owner(t, w.URL)
	j := decided(t, p, submission(newScope()))
	for _, statement := range []string{"update ekyc.job set expires_at = null where id = $1", "update ekyc.review set held_until = null where job_id = $1", "update ekyc.receipt set drop_at = null where job_id = $1"} {
		if tag, err := owner.Exec(t.Context(), statement, j.ID); err != nil || tag.RowsAffected() != 1 {
			t.Fatal(statement, tag, err)
		}
	}
	if sweepAll(t, p) != 0 {
		t.Error("it went at once")
	}
	var ends bool
	err := owner.QueryRow(t.Context(), `select j.expires_at = j.finished_at + interval '30 days' and r.held_until = r.opened_at + interval '30 days' and c.drop_at = c.issued_at + interval '30 days'
		from ekyc.job j join ekyc.review r on r.job_id = j.id join ekyc.receipt c on c.job_id = j.id where j.id = $1`, j.ID).Scan(&ends)
	if err != nil || !ends {
		t.Errorf("there is an end: %t, %v", ends, err)
	}
	if pass(t, owner, "31 days"); sweepAll(t, p) != 1 || heldOf(t, owner, j) != 0 {
		t.Error("it did not go at its end")
	}
}

func TestALegalHoldStopsTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := retaining(t, w, &synthetic{})
	owner, sub := storetest.Owner(t, w.URL), submission(newScope())
	endpoint(t, p, sub.Scope)
	j := decided(t, p, sub)
	inScope := func(work func(context.Context, pgx.Tx) error) {
		t.Helper()
		if err := p.db.InTenant(t.Context(), sub.Scope, work); err != nil {
			t.Fatal(err)
		}
	}
	inScope(func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := p.vault.PutHold(ctx, tx, sub.Scope, j.Subject, vault.ByTenant, vault.Hold{Reason: "a dispute", KeyID: "ek_test"})
		return err
	})
	before := heldOf(t, owner, j)
	pass(t, owner, "400 days")
	if _, err := storetest.Owner(t, w.URL).Exec(t.Context(), "update ekyc.media set expires_at = now() - interval '1 day'"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.vault.RemoveExpired(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if n := sweepAll(t, p); n != 0 || heldOf(t, owner, j) != before {
		t.Errorf("%d jobs; of %d things %d are left", n, before, heldOf(t, owner, j))
	}
	got, err := p.Get(t.Context(), sub.Scope, j.ID)
	if err != nil || got.Result == nil || got.Expired || len(got.Media) != 2 || len(got.Steps) == 0 || got.Review.State != review.Open {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := p.rooms.receipts.Get(t.Context(), sub.Scope, j.ID, 0, true); err != nil {
		t.Error(err)
	}
	err = p.db.InTenant(t.Context(), sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := p.vault.EraseSubject(ctx, tx, sub.Scope, j.Subject)
		return err
	})
	if ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("a held subject is erased: %v", err)
	}
	inScope(func(ctx context.Context, tx pgx.Tx) error {
		ended, err := p.vault.EndHold(ctx, tx, sub.Scope, j.Subject, vault.ByTenant)
		if !ended {
			t.Error("there was no hold")
		}
		return err
	})
	if _, err := p.vault.RemoveExpired(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if n := sweepAll(t, p); n != 1 || heldOf(t, owner, j) != 0 || media(t, p, sub.Scope, j.ID) != 0 {
		t.Errorf("released: %d jobs; %d things and %d photographs are left", n, heldOf(t, owner, j), media(t, p, sub.Scope, j.ID))
	}
}
