package receipt_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/receipt"
	"ekyc/internal/store/storetest"
)

func TestAReceiptTellsWhatWasDecidedAndOpens(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	v := b.verify(b.get(f.Job, 0, true))
	if v.Job != f.Job || v.Tenant != b.scope.Tenant || v.Environment != ekyc.Live || v.Sequence != 1 || v.Decision != ekyc.Review || v.DecisionByScore != ekyc.Accepted ||
		v.Score != 8650 || v.Program != "1.2.3" || v.Workflow != f.Workflow || v.Policy != f.Policy || v.Models["detector"] != f.Models["detector"] || v.Review != nil || v.Previous != "" {
		t.Errorf("receipt %+v", v.Receipt)
	}
	if !v.SubmittedAt.Equal(f.SubmittedAt) || !v.DecidedAt.Equal(f.DecidedAt) || time.Since(v.IssuedAt) > time.Minute || v.IssuedAt.Location() != time.UTC {
		t.Errorf("times %s, %s, %s", v.SubmittedAt, v.DecidedAt, v.IssuedAt)
	}
	total := v.Score
	for _, x := range v.Factors {
		total -= x.Points
	}
	if total != 0 || len(v.Factors) != 3 || v.Factors[2].Points != 2350 || v.Factors[2].MaxPoints != 3000 {
		t.Errorf("factors %+v", v.Factors)
	}
	for what, err := range map[string]error{
		"selfie": v.CheckInput("selfie", 0, selfie), "document": v.CheckInput("document_front", 0, front),
		"claim": v.CheckInput(receipt.Claim, 0, []byte("{ \"surname\": \"ERIKSSON\",\n\"email\": \"person@example.com\" }")), "result": v.CheckResult(result), "result in another form": v.CheckResult(bytes.ReplaceAll(result, []byte("1e-7"), []byte(" 0.0000001 "))),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantReason(t, "another photograph", v.CheckInput("selfie", 0, front), receipt.ReasonInput)
	wantReason(t, "a bit of it", v.CheckInput("selfie", 0, append(bytes.Clone(selfie[1:]), selfie[0]^1)), receipt.ReasonInput)
	wantReason(t, "another claim", v.CheckInput(receipt.Claim, 0, []byte(`{"surname":"ERIKSSON"}`)), receipt.ReasonInput)
	wantReason(t, "no claim", v.CheckInput(receipt.Claim, 0, []byte("{")), receipt.ReasonInput)
	wantReason(t, "a second selfie", v.CheckInput("selfie", 1, selfie), receipt.ReasonNoSuchInput)
	wantReason(t, "another result", v.CheckResult(bytes.Replace(result, []byte("ERIKSSON"), []byte("ERIKSEN"), 1)), receipt.ReasonResult)
	wantReason(t, "no result", v.CheckResult([]byte("{")), receipt.ReasonResult)

	closed := b.verify(b.get(f.Job, 0, false))
	if closed.HasOpenings() {
		t.Error("the openings come without being asked for")
	}
	wantReason(t, "without openings", closed.CheckInput("selfie", 0, selfie), receipt.ReasonNoOpenings)
	wantCode(t, "a second receipt", b.tryIssue(b.processes[1], f), ekyc.ErrConflict)
}

func TestAReviewHasAReceiptThatNamesTheFirst(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{Program: "1.3.0"})
	f := facts(b.subject())
	b.issue(f)
	decided := receipt.Amendment{Job: f.Job, Decision: ekyc.Rejected, DecidedAt: time.Now(), Review: receipt.Review{ID: ekyc.NewID(ekyc.KindReview), ReasonCode: "person_not_holder", Override: true, Reviewers: 2}}
	b.amend(decided)
	first, second := b.verify(b.get(f.Job, 1, false)), b.verify(b.get(f.Job, 0, true))
	if second.Sequence != 2 || second.Decision != ekyc.Rejected || second.Program != "1.3.0" || second.Review == nil || second.Review.ID != decided.Review.ID ||
		!second.Review.Override || second.Review.Reviewers != 2 || second.Score != first.Score || second.IssuedAt.Before(first.IssuedAt) {
		t.Errorf("second %+v", second.Receipt)
	}
	if err := second.CheckPrevious(first); err != nil {
		t.Error(err)
	}
	wantReason(t, "the first after the second", first.CheckPrevious(second), receipt.ReasonPrevious)
	if err := errors.Join(second.CheckInput("selfie", 0, selfie), second.CheckResult(result)); err != nil {
		t.Errorf("the inputs of the second: %v", err)
	}
	another := facts(b.subject())
	b.issue(another)
	wantReason(t, "another job's", second.CheckPrevious(b.verify(b.get(another.Job, 0, false))), receipt.ReasonPrevious)
	err := b.in(func(ctx context.Context, tx pgx.Tx) error { return b.processes[0].Amend(ctx, tx, b.scope, decided) })
	wantCode(t, "a third receipt", err, ekyc.ErrConflict)

	decided.Job = ekyc.NewID(ekyc.KindJob) // from before there were receipts
	b.amend(decided)
	_, err = b.processes[0].Get(t.Context(), b.scope, decided.Job, 0, false)
	wantCode(t, "of a job without", err, ekyc.ErrNotFound)
}

func TestAReceiptOutlivesItsSubjectAndItsOpeningsDoNot(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	b.erase(f.Subject)
	v := b.verify(b.get(f.Job, 0, false))
	if v.Job != f.Job {
		t.Errorf("receipt %+v", v.Receipt)
	}
	_, err := b.processes[1].Get(t.Context(), b.scope, f.Job, 0, true)
	wantCode(t, "the openings", err, ekyc.ErrGone)
	erased := facts(f.Subject)
	wantCode(t, "for an erased subject", b.tryIssue(b.processes[0], erased), ekyc.ErrGone)
	if bytes.Contains(v.Canonical, []byte(f.Subject)) {
		t.Error("the receipt names the subject")
	}
}

func TestReceiptsOfJobsThatAreNotKeptGo(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	kept, dropped := facts(b.subject()), facts(b.subject())
	dropped.KeepFor = 50 * time.Minute
	b.issue(kept)
	b.issue(dropped)
	b.amend(receipt.Amendment{Job: dropped.Job, Decision: ekyc.Accepted, DecidedAt: time.Now(), Review: receipt.Review{ID: ekyc.NewID(ekyc.KindReview), ReasonCode: "false_alarm", Reviewers: 1}})
	b.get(dropped.Job, 1, true)
	owner := storetest.Owner(t, b.url)
	if _, err := owner.Exec(t.Context(), "update ekyc.receipt set drop_at = drop_at - interval '51 minutes'"); err != nil {
		t.Fatal(err)
	}
	_, err := b.processes[0].Get(t.Context(), b.scope, dropped.Job, 0, false)
	wantCode(t, "past its time", err, ekyc.ErrNotFound)
	err = b.processes[0].db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		of, err := b.processes[0].OfJobs(ctx, tx, b.scope, []ekyc.ID{dropped.Job, kept.Job})
		if len(of) != 1 || len(of[kept.Job]) != 1 {
			t.Errorf("past its time, of the jobs: %v", of)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.processes[0].Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := owner.QueryRow(t.Context(), "select count(*) from ekyc.receipt").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d receipts are left, %v", n, err)
	}
	b.get(kept.Job, 0, true)
}

// TestAHoldThatIsBeingPutKeepsAReceipt: a pass that comes while a hold marks a receipt does not take it afterwards.
func TestAHoldThatIsBeingPutKeepsAReceipt(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	owner := storetest.Owner(t, b.url)
	if _, err := owner.Exec(t.Context(), "update ekyc.receipt set drop_at = now() - interval '1 minute'"); err != nil {
		t.Fatal(err)
	}
	holding, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holding.Exec(t.Context(), "update ekyc.receipt set held = true"); err != nil {
		t.Fatal(err)
	}
	pass, watcher := make(chan error, 1), storetest.Owner(t, b.url)
	go func() { pass <- b.processes[0].Sweep(t.Context()) }()
	for waiting := false; !waiting && len(pass) == 0; time.Sleep(10 * time.Millisecond) {
		if err := watcher.QueryRow(t.Context(), "select exists (select from pg_locks where not granted)").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := holding.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-pass; err != nil {
		t.Fatal(err)
	}
	var n int
	if err := watcher.QueryRow(t.Context(), "select count(*) from ekyc.receipt").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d receipts are left, %v", n, err)
	}
}

func TestReceiptsAreOfOneScope(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	for _, scope := range []ekyc.Scope{{Tenant: b.scope.Tenant, Environment: ekyc.Test}, {Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}} {
		_, err := b.processes[0].Get(t.Context(), scope, f.Job, 0, false)
		wantCode(t, "elsewhere", err, ekyc.ErrNotFound)
	}
}

// log is an audit log that can fail.
type log struct {
	checkpoint string
	err        error
}

func (l *log) Latest(context.Context) (string, error) { return l.checkpoint, l.err }

func TestReceiptsCarryTheLogsCheckpoint(t *testing.T) {
	t.Parallel()
	l := &log{checkpoint: "ekyc.example\n17\nqqqq\n"}
	b := setup(t, receipt.Options{Log: l, Logger: slog.New(slog.DiscardHandler)})
	first, second := facts(b.subject()), facts(b.subject())
	b.issue(first)
	if v := b.verify(b.get(first.Job, 0, false)); v.Checkpoint != l.checkpoint {
		t.Errorf("checkpoint %q", v.Checkpoint)
	}
	l.err = errors.New("away")
	b.issue(second) // a decision does not wait for the log
	if v := b.verify(b.get(second.Job, 0, false)); v.Checkpoint != l.checkpoint {
		t.Errorf("checkpoint %q while the log is away", v.Checkpoint)
	}
}
