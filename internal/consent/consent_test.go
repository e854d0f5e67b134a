package consent_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/consent"
	"ekyc/internal/drafting"
	"ekyc/internal/metering"
	"ekyc/internal/queue"
	"ekyc/internal/retention"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, queue.Migrations, metering.Migrations, vault.Migrations, retention.Migrations, webhook.Migrations, drafting.Migrations, workflow.Migrations, consent.Migrations))
}

type bundle struct {
	*consent.Service
	t     *testing.T
	db    *store.DB
	owner *pgx.Conn
	vault *vault.Vault
	scope ekyc.Scope
}

func setup(t *testing.T) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	db, v := site.Process(t)
	return &bundle{consent.New(v), t, db, storetest.Owner(t, site.URL), v, site.Scope}
}

func (b *bundle) in(scope ekyc.Scope, work func(context.Context, pgx.Tx) error) error {
	return b.db.InTenant(context.Background(), scope, work)
}

func (b *bundle) person(scope ekyc.Scope) (subject ekyc.ID) {
	b.t.Helper()
	err := b.in(scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		subject, err = b.vault.CreateSubject(ctx, tx, scope, "")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return subject
}

func (b *bundle) say(subject ekyc.ID, said consent.Statement) (r consent.Record, err error) {
	b.t.Helper()
	err = b.in(b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		r, err = b.Record(ctx, tx, b.scope, subject, said)
		return err
	})
	return r, err
}

func (b *bundle) mustSay(subject ekyc.ID, said consent.Statement) consent.Record {
	b.t.Helper()
	r, err := b.say(subject, said)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bundle) list(scope ekyc.Scope, subject ekyc.ID) (records []consent.Record, err error) {
	err = b.in(scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		records, _, err = b.List(ctx, tx, scope, subject, 100, "")
		return err
	})
	return records, err
}

func (b *bundle) inForce(subject ekyc.ID) (yes bool) {
	b.t.Helper()
	err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		yes, err = b.InForce(ctx, tx, b.scope, subject)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return yes
}

func (b *bundle) count(query string, args ...any) (n int) {
	b.t.Helper()
	if err := b.owner.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

const words = "I agree that Example Bank checks my document and my face."

func given(version string) consent.Statement {
	return consent.Statement{Version: version, Text: words, Language: "en-GB", Channel: consent.API}
}

// TestAWithdrawalOutlivesPaperThatIsRecordedBehindIt: what counts is when the person said it, as far as clocks can tell.
func TestAWithdrawalOutlivesPaperThatIsRecordedBehindIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for what, try := range map[string]struct {
		withdrawn, given time.Duration // ago; the withdrawal is recorded first of both
		inForce          bool
	}{
		"paper of last year":                 {0, 365 * 24 * time.Hour, false},
		"given anew":                         {time.Hour, 0, true},
		"given anew, by a clock behind":      {0, 2 * time.Minute, true},
		"withdrawn before what was recorded": {48 * time.Hour, 24 * time.Hour, true},
	} {
		subject, now := b.person(b.scope), time.Now()
		first := given("1")
		first.At = now.Add(-2 * 365 * 24 * time.Hour)
		b.mustSay(subject, first)
		b.mustSay(subject, consent.Statement{Withdrawn: true, Channel: consent.API, At: now.Add(-try.withdrawn)})
		second := given("2")
		second.At, second.Channel = now.Add(-try.given), consent.Paper
		b.mustSay(subject, second)
		if b.inForce(subject) != try.inForce {
			t.Errorf("%s: in force is %v", what, !try.inForce)
		}
		_, err := b.say(subject, consent.Statement{Withdrawn: true, Channel: consent.API})
		if (ekyc.CodeOf(err) == ekyc.ErrConflict) == try.inForce {
			t.Errorf("%s: withdrawn again: %v", what, err)
		}
	}
	ahead, subject := given("1"), b.person(b.scope)
	ahead.At = time.Now().Add(4 * time.Minute)
	b.mustSay(subject, ahead)
	b.mustSay(subject, consent.Statement{Withdrawn: true, Channel: consent.API})
	if b.inForce(subject) {
		t.Error("a consent by a clock ahead outlives its withdrawal")
	}
}

func TestConsentsAreRecordedAndWithdrawn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.person(b.scope)
	if b.inForce(subject) {
		t.Error("a consent is in force before any was given")
	}
	if _, err := b.say(subject, consent.Statement{Withdrawn: true, Channel: consent.API}); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("withdrawn before it was given: %v", err)
	}
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	first := given("2026-11")
	first.At, first.Channel = at, consent.Paper
	b.mustSay(subject, first)
	linked := b.mustSay(subject, consent.Statement{Version: "2026-11", Language: "en-GB", Channel: consent.Telephone, Job: ekyc.NewID(ekyc.KindJob)})
	if linked.Text != words || len(linked.TextSHA256) != 64 {
		t.Errorf("the version did not lead to its text: %+v", linked)
	}
	if other := b.mustSay(subject, consent.Statement{Version: "2026-11", Language: "fr", Channel: consent.API}); other.Text != "" || other.TextSHA256 != "" {
		t.Errorf("the text of another language: %+v", other)
	}
	if !b.inForce(subject) {
		t.Error("no consent is in force")
	}
	withdrawal := b.mustSay(subject, consent.Statement{Withdrawn: true, Channel: consent.InPerson})
	if b.inForce(subject) || withdrawal.Version != "2026-11" || withdrawal.Language != "fr" {
		t.Errorf("after the withdrawal: %+v", withdrawal)
	}
	if _, err := b.say(subject, consent.Statement{Withdrawn: true, Channel: consent.InPerson}); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("withdrawn twice: %v", err)
	}
	all, err := b.list(b.scope, subject)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	oldest := all[3]
	if !oldest.At.Equal(at) || oldest.Channel != consent.Paper || oldest.Text != words || oldest.Withdrawn || oldest.RecordedAt.IsZero() || !all[0].Withdrawn || all[2].Job == "" {
		t.Errorf("listed: %+v", all)
	}
	if n := b.count("select count(*) from ekyc.consent_text where tenant_id = $1", b.scope.Tenant); n != 1 {
		t.Errorf("the text is kept %d times", n)
	}
	var page []consent.Record
	var next ekyc.ID
	err = b.in(b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if page, next, err = b.List(ctx, tx, b.scope, subject, 3, ""); err != nil {
			return err
		}
		rest, end, err := b.List(ctx, tx, b.scope, subject, 3, next)
		page = append(page, rest...)
		if end != "" {
			t.Errorf("after the end comes %s", end)
		}
		return err
	})
	if err != nil || next == "" || len(page) != 4 || page[3].ID != oldest.ID {
		t.Errorf("by pages: %d, %v", len(page), err)
	}
}

func TestWhatIsNoStatement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.person(b.scope)
	for name, change := range map[string]func(*consent.Statement){
		"version":  func(s *consent.Statement) { s.Version = strings.Repeat("é", consent.LongestVersion+1) },
		"text":     func(s *consent.Statement) { s.Text = strings.Repeat("x", consent.LongestText+1) },
		"language": func(s *consent.Statement) { s.Language = "" },
		"channel":  func(s *consent.Statement) { s.Channel = "pigeon" },
		"at":       func(s *consent.Statement) { s.At = time.Now().Add(time.Hour) },
	} {
		said := given("1")
		change(&said)
		_, err := b.say(subject, said)
		if e, ok := err.(*ekyc.Error); !ok || e.Code != ekyc.ErrInvalidArgument || e.Details["field"] != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	neither := given("")
	neither.Text = ""
	if _, err := b.say(subject, neither); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("neither version nor text: %v", err)
	}
	if _, err := b.say(ekyc.NewID(ekyc.KindSubject), given("1")); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("of nobody: %v", err)
	}
}

// TestRecordsAreSealedAndNeverChanged: nothing of a consent stands in the open, nobody of the service changes one, and no other tenant sees it.
func TestRecordsAreSealedAndNeverChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.person(b.scope)
	b.mustSay(subject, given("zq7version"))
	var everything []byte
	err := b.owner.QueryRow(t.Context(), `select convert_to((select string_agg(c::text, ' ') from ekyc.consent c) || (select string_agg(t::text, ' ') from ekyc.consent_text t), 'UTF8')`).Scan(&everything)
	if err != nil || !bytes.Contains(everything, []byte(subject)) {
		t.Fatal(err)
	}
	for _, secret := range []string{"zq7version", "Example Bank", "en-GB"} {
		if bytes.Contains(everything, []byte(secret)) {
			t.Errorf("%q stands in the open", secret)
		}
	}
	for _, change := range []string{"update consent set given = false", "update consent_text set created_at = now()"} {
		if err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, change); return err }); err == nil {
			t.Errorf("%s: permitted", change)
		}
	}
	foreign := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	for _, scope := range []ekyc.Scope{foreign, {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		if all, err := b.list(scope, subject); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%v sees %d records, %v", scope, len(all), err)
		}
	}
}

func TestErasureTakesConsentsAndTheirTexts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := b.person(b.scope), b.person(b.scope)
	b.mustSay(one, given("1"))
	b.mustSay(one, given("2"))
	b.mustSay(other, given("2"))
	erase := func(subject ekyc.ID) (removed int) {
		t.Helper()
		err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			if removed, err = b.Erase(ctx, tx, b.scope, subject); err != nil {
				return err
			}
			_, err = b.vault.EraseSubject(ctx, tx, b.scope, subject)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	if n := erase(one); n != 2 {
		t.Errorf("%d records were erased", n)
	}
	if n := b.count("select count(*) from ekyc.consent_text where tenant_id = $1", b.scope.Tenant); n != 1 {
		t.Errorf("%d texts are left", n)
	}
	if _, err := b.list(b.scope, one); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("an erased subject's list: %v", err)
	}
	if _, err := b.say(one, given("3")); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("an erased subject agrees: %v", err)
	}
	if all, err := b.list(b.scope, other); err != nil || len(all) != 1 || all[0].Text != words {
		t.Errorf("the other's: %+v %v", all, err)
	}
	// Whoever erases a subject otherwise takes them along too.
	err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EraseSubject(ctx, tx, b.scope, other)
		return err
	})
	if n := b.count("select count(*) from ekyc.consent where tenant_id = $1", b.scope.Tenant); err != nil || n != 0 {
		t.Errorf("%d records are left, %v", n, err)
	}
}

// TestConsentsOfWhatIsNotKeptGoWithIt: those that came with another job stay, whatever becomes of its result.
func TestConsentsOfWhatIsNotKeptGoWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.person(b.scope)
	jobs := map[bool]ekyc.ID{}
	for _, kept := range []bool{true, false} {
		jobs[kept] = ekyc.NewID(ekyc.KindJob)
		_, err := b.owner.Exec(t.Context(), `insert into ekyc.job (tenant_id, environment, id, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight, entitlement,
				settings, workflow_hash, profile, kept, trace_parent, status, finished_at)
			values ($1, $2, $3, $4, false, 'ek_x', 'res_x', 'free', 1, 1, '{}', '{"name":"x"}', 'x', false, $5, '', 'completed', now())`, b.scope.Tenant, b.scope.Environment, jobs[kept], subject, kept)
		if err != nil {
			t.Fatal(err)
		}
		said := given("1")
		said.Job = jobs[kept]
		b.mustSay(subject, said)
		if kept { // results past their time are removed by the system, and what is not kept for the tenant
			_, err = b.db.SystemPool().Exec(t.Context(), "update job set dropped_at = now() where id = $1", jobs[kept])
		} else {
			err = b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "update job set dropped_at = now() where id = $1", jobs[kept])
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if all, err := b.list(b.scope, subject); err != nil || len(all) != 1 || all[0].Job != jobs[true] {
		t.Errorf("left: %+v, %v", all, err)
	}
}

// TestATextThatIsBeingErasedIsAgreedTo: one who agrees to a text while the last one who had agreed is erased keeps it.
func TestATextThatIsBeingErasedIsAgreedTo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := b.person(b.scope), b.person(b.scope)
	b.mustSay(one, given("1"))
	agreed := make(chan error)
	err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.Erase(ctx, tx, b.scope, one); err != nil {
			return err
		}
		go func() {
			_, err := b.say(other, given("1"))
			agreed <- err
		}()
		time.Sleep(100 * time.Millisecond)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-agreed; err != nil {
		t.Fatal(err)
	}
	if all, err := b.list(b.scope, other); err != nil || len(all) != 1 || all[0].Text != words {
		t.Errorf("%+v %v", all, err)
	}
}

// TestATextThatIsLinkedIsHeld: between the moment in which somebody agrees to a text that is known and the one in which that is written down, the erasure of
// the only other person who had agreed does not take the text away.
func TestATextThatIsLinkedIsHeld(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := b.person(b.scope), b.person(b.scope)
	b.mustSay(one, given("1"))
	agreed := make(chan error, 1)
	err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := b.vault.HoldSubject(ctx, tx, b.scope, other); err != nil { // its consent waits for this, when the text is linked
			return err
		}
		go func() {
			_, err := b.say(other, given("1"))
			agreed <- err
		}()
		for b.count(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into consent %'`) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		return b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.Erase(ctx, tx, b.scope, one)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-agreed; err != nil {
		t.Fatal(err)
	}
	if all, err := b.list(b.scope, other); err != nil || len(all) != 1 || all[0].Text != words {
		t.Errorf("%+v %v", all, err)
	}
}

// TestATextIsKeptWhileItsLastReaderIsErased: who agrees to a text in the moment in which the only other person that had agreed to it is erased keeps
// the text, whichever of the two comes first.
func TestATextIsKeptWhileItsLastReaderIsErased(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const others = 4
	for round := range 20 {
		last := b.person(b.scope)
		b.mustSay(last, given("1"))
		subjects := make([]ekyc.ID, others)
		for i := range subjects {
			subjects[i] = b.person(b.scope)
		}
		failed := make(chan error, others+1)
		go func() {
			failed <- b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
				if _, err := b.Erase(ctx, tx, b.scope, last); err != nil {
					return err
				}
				_, err := b.vault.EraseSubject(ctx, tx, b.scope, last)
				return err
			})
		}()
		for _, subject := range subjects {
			go func() {
				failed <- b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
					_, err := b.Record(ctx, tx, b.scope, subject, given("1"))
					return err
				})
			}()
		}
		for range others + 1 {
			if err := <-failed; err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		for _, subject := range subjects {
			if all, err := b.list(b.scope, subject); err != nil || len(all) != 1 || all[0].Text != words {
				t.Fatalf("round %d: %+v %v", round, all, err)
			}
			err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
				if _, err := b.Erase(ctx, tx, b.scope, subject); err != nil {
					return err
				}
				_, err := b.vault.EraseSubject(ctx, tx, b.scope, subject)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
