package erasure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

// checkGone looks at everything that an erasure must have done. Only what a bystander has is left.
func (b *bundle) checkGone(subject ekyc.ID) {
	b.t.Helper()
	b.checkDeedsGone(subject)
	for name, query := range map[string]string{
		"its key":        `select count(*) from ekyc_keys.subject_key where subject_id = $1`,
		"its reference":  `select count(*) from subject where id = $1 and (ref_hash is not null or ref_sealed is not null or erased_at is null)`,
		"its media":      `select count(*) from media where subject_id = $1`,
		"a template":     `select count(*) from reference_template where subject_id = $1`,
		"a salt":         `select count(*) from receipt where subject_id = $1 and salt is not null`,
		"an answer":      `select count(*) from idempotency where subject_id = $1 and answer is not null`,
		"a webhook":      `select count(*) from webhook_event where subject_id = $1 and body is not null`,
		"a callback":     `select count(*) from webhook_delivery d join webhook_event v on v.id = d.event_id and v.subject_id in ('', $1) where callback_url is not null`,
		"no certificate": `select count(*) from erasure where subject_id = $1 and completed_at is null`,
		"no ledger":      `select count(*) from subject where id = $1 and ledgered_at is null`,
	} {
		if n := b.number(query, subject); n != 0 {
			b.t.Errorf("%s is left of %s: %d", name, subject, n)
		}
	}
	for name, query := range map[string]string{
		"audit entries": `select count(*) from audit_entry where action = 'subject.erase' and objects ? $1`,
		"erasures":      `select count(*) from erasure where subject_id = $1`,
		"receipts":      `select count(*) from receipt where subject_id = $1`,
	} {
		if n := b.number(query, subject); n != 1 {
			b.t.Errorf("%d %s of %s", n, name, subject)
		}
	}
	if n := b.number(`select count(*) from webhook_event where type = 'subject.erased' and id = $1`, eventID(subject, b.erasedAt(subject))); n != 1 {
		b.t.Errorf("%d events of the erasure of %s", n, subject)
	}
	name := NewLedger(nil, b.ledger.ring).name(entryOf(vault.Erasure{Scope: b.scope, Subject: subject, At: b.erasedAt(subject)}))
	if e, err := b.ledger.read(context.Background(), name); err != nil || e.Subject != subject || !e.At.Equal(b.erasedAt(subject)) {
		b.t.Errorf("in the ledger stands %+v, %v", e, err)
	}
}

func (b *bundle) erasedAt(subject ekyc.ID) (at time.Time) {
	b.t.Helper()
	b.must(b.owner.QueryRow(context.Background(), `select erased_at from subject where id = $1`, subject).Scan(&at))
	return at.UTC()
}

func TestAnErasureReachesEveryRoom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	subject, bystander := b.person(), b.person()
	signed, err := b.Erase(t.Context(), b.scope, subject)
	b.must(err)
	b.checkGone(subject)
	if n := b.files(b.media); n != ofAPerson["media"] {
		t.Errorf("%d files are left, want the bystander's", n)
	}
	for table, want := range ofAPerson {
		if n := b.number(`select count(*) from `+table+` where subject_id = $1`, bystander); n != want {
			t.Errorf("the bystander has %d rows in %s", n, table)
		}
	}

	// What is on its way goes on in the thin form, under the tenant's key; a callback does not.
	var thin []byte
	var id ekyc.ID
	b.must(b.owner.QueryRow(t.Context(), `select v.id, v.body from webhook_event v where type = 'kyc.completed' and subject_id = ''`).Scan(&id, &thin))
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		text, err := b.vault.Open(ctx, tx, b.scope, "", string(id)+"/body", thin)
		if err == nil && (bytes.Contains(text, []byte(planted)) || !bytes.Contains(text, []byte("job_id"))) {
			t.Errorf("what is delivered is %s", text)
		}
		return err
	})
	if n := b.number(`select count(*) from webhook_delivery where event_id = $1 and endpoint_id is not null and next_attempt_at is not null`, id); n != 1 {
		t.Errorf("%d deliveries wait", n)
	}
	if n := b.number(`select count(*) from webhook_delivery where event_id = $1 and endpoint_id is null and status = 'dead' and failure = 'erased'`, id); n != 1 {
		t.Errorf("%d callbacks were given up", n)
	}

	// The certificate verifies, says what was done, and stays.
	keys, err := b.receipts.Keys(t.Context())
	b.must(err)
	text, err := json.Marshal(signed)
	b.must(err)
	c, err := Verify(text, keys)
	b.must(err)
	if c.Subject != subject || c.Tenant != b.scope.Tenant || c.Cause != CauseRequest || !c.KeyBackupsEnd.Equal(c.ErasedAt.Add(DefaultKeyBackups)) || !c.AuditEntry.Is("aud") || c.LedgerEntry == "" {
		t.Errorf("the certificate says %+v", c)
	}
	want := []Removed{{"key", 1}, {"jobs", 2}, {"capture_links", 3}, {"reviews", 3}, {"receipt_salts", 1}, {"webhooks", 1}, {"remembered_answers", 1}, {"templates", 1}, {"consents", 1},
		{"reuse_hashes", 1}, {"media", 6}, {"files", 6}}
	if !slices.Equal(c.Parts, want) {
		t.Errorf("removed was %v, want %v", c.Parts, want)
	}
	again, err := b.CertificateOf(t.Context(), b.scope, subject)
	if err != nil || !bytes.Equal(again.Certificate, signed.Certificate) {
		t.Errorf("later the certificate is %s, %v", again.Certificate, err)
	}
	_, err = b.Erase(t.Context(), b.scope, subject)
	wantCode(t, "erase again", err, ekyc.ErrGone)
	_, err = b.Erase(t.Context(), b.scope, ekyc.NewID(ekyc.KindSubject))
	wantCode(t, "erase nobody", err, ekyc.ErrNotFound)
	_, err = b.CertificateOf(t.Context(), b.scope, bystander)
	wantCode(t, "certificate of who is there", err, ekyc.ErrNotFound)
	foreign := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	_, err = b.CertificateOf(t.Context(), foreign, subject)
	wantCode(t, "another tenant's certificate", err, ekyc.ErrNotFound)
	_, err = b.Erase(t.Context(), foreign, bystander)
	wantCode(t, "erase another tenant's subject", err, ekyc.ErrNotFound)
}

// TestEveryManipulationOfACertificateIsFound: each digit of the document.
func TestEveryManipulationOfACertificateIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	signed, err := b.Erase(t.Context(), b.scope, b.person())
	b.must(err)
	keys, err := b.receipts.Keys(t.Context())
	b.must(err)
	text, err := json.Marshal(signed)
	b.must(err)
	if _, err := Verify(text, keys); err != nil {
		t.Fatal(err)
	}
	around, err := json.Marshal(map[string]any{"subject_id": "sub_x", "erased": true, "certificate": signed})
	b.must(err)
	if _, err := Verify(around, keys); err != nil {
		t.Errorf("the answer of the erasure does not verify: %v", err)
	}
	for i := range text {
		for _, with := range []byte{'0', 'A', '"'} {
			altered := bytes.Clone(text)
			if altered[i] == with {
				continue
			}
			altered[i] = with
			if _, err := Verify(altered, keys); err == nil {
				t.Fatalf("byte %d as %q is not found: %s", i, with, altered)
			}
		}
	}
	if _, err := b.receipts.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	later, err := b.receipts.Keys(t.Context())
	b.must(err)
	if _, err := Verify(text, later); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	_, err = Verify(text, receipt.KeySet{Keys: later.Keys[:1]})
	wantCode(t, "with the new key alone", err, ekyc.ErrReceiptInvalid)
}

// TestErasuresAtOnceAreOne: of many who erase a subject at once all are answered with the one certificate or that it is gone.
func TestErasuresAtOnceAreOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	subject := b.person()
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			signed, err := b.Erase(context.Background(), b.scope, subject)
			if err != nil && ekyc.CodeOf(err) != ekyc.ErrGone || err == nil && !strings.Contains(string(signed.Certificate), string(subject)) {
				t.Errorf("%s, %v", signed.Certificate, err)
			}
		})
	}
	group.Wait()
	b.checkGone(subject)
}

// TestWhatIsWrittenBesideAnErasureGoesToo: a writer that had read the key before the erasure and commits after it.
func TestWhatIsWrittenBesideAnErasureGoesToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	subject := b.person()
	claim, _, err := b.repeats.Begin(t.Context(), b.scope, "beside", "/v1/x", [32]byte{})
	b.must(err)
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.Erase(context.Background(), b.scope, subject); err == nil { // from another connection, before this one has sealed
			return errorsOnly(ekyc.ErrGone, claim.Finish(context.Background(), answerAbout(subject)))
		}
		return err
	})
	// As such a writer leaves it.
	b.exec(`update idempotency set state = 'done', subject_id = $1, answer = 'sealed under a key that is gone' where state = 'running'`, subject)
	b.must(b.lookAgain(t.Context(), 0))
	b.checkGone(subject)
	if n := b.number(`select count(*) from erasure where looked_at is null`); n != 0 {
		t.Errorf("%d are looked at again and again", n)
	}
}

// TestTheSecondLookKnowsTheReference: its rooms find by it what was written beside the erasure, and nobody knows it any longer.
func TestTheSecondLookKnowsTheReference(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, unkept, nameless := b.person(), b.person(), ekyc.ID("")
	b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		nameless, err = b.vault.CreateSubject(ctx, tx, b.scope, "")
		return err
	})
	seen := map[ekyc.ID][][]byte{}
	b.options.Parts = append(b.options.Parts, Part{"links", func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
		hash, until, err := b.RefHash(ctx, tx, scope, subject)
		if second := len(seen[subject]) > 0; second != (until != nil) {
			t.Errorf("at the second look %v, the reference was the subject's until %v", second, until)
		}
		seen[subject] = append(seen[subject], hash)
		return 0, err
	}})
	for _, s := range []ekyc.ID{subject, nameless} {
		_, err := b.Erase(t.Context(), b.scope, s)
		b.must(err)
	}
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.Forget(ctx, tx, b.scope, unkept)
		return err
	})
	b.must(b.lookAgain(t.Context(), time.Hour))
	if len(seen[subject]) != 1 || len(seen[unkept]) != 1 {
		t.Error("a second look came at once")
	}
	for range 2 {
		b.must(b.lookAgain(t.Context(), 0))
	}
	if of := seen[subject]; len(of) != 2 || len(of[0]) != 32 || !bytes.Equal(of[0], of[1]) {
		t.Errorf("the looks knew %x", of)
	}
	if of := seen[nameless]; len(of) != 2 || of[0] != nil || of[1] != nil {
		t.Errorf("of one without a reference they knew %x", of)
	}
	// Links for it are another subject's, whenever they were made.
	if of := seen[unkept]; len(of) != 2 || of[0] != nil || of[1] != nil {
		t.Errorf("of one that was not kept they knew %x", of)
	}
	if n := b.number(`select count(*) from erasure where ref_hash is not null or looked_at is null`) + b.number(`select count(*) from erasure_unkept`); n != 0 {
		t.Errorf("%d rows still know the reference, or are looked at again and again", n)
	}
}

func errorsOnly(code ekyc.ErrorCode, err error) error {
	if ekyc.CodeOf(err) == code {
		return nil
	}
	return errors.Join(errors.New("another error was expected"), err)
}

// unreliable is a place for files that is away for a while.
type unreliable struct {
	blob.Store
	away bool
}

func (u *unreliable) Put(ctx context.Context, name string, data []byte) error {
	if u.away {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the store is away")
	}
	return u.Store.Put(ctx, name, data)
}

func (u *unreliable) List(ctx context.Context, olderThan time.Duration) iter.Seq2[string, error] {
	if u.away {
		return func(yield func(string, error) bool) { yield("", ekyc.Errorf(ekyc.ErrUnavailable, "the store is away")) }
	}
	return u.Store.List(ctx, olderThan)
}

func (u *unreliable) Delete(ctx context.Context, name string) error {
	if u.away {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the store is away")
	}
	return u.Store.Delete(ctx, name)
}

func TestNobodyIsToldBeforeTheLedgerHasIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	ledger, media := &unreliable{b.ledge, true}, &unreliable{b.media, false}
	p, err := b.at.open(store.Options{}, media, ledger)
	b.must(err)
	t.Cleanup(p.db.Close)
	subject := b.person()
	_, err = p.Erase(t.Context(), b.scope, subject)
	wantCode(t, "without a ledger", err, ekyc.ErrUnavailable)
	told := func(when string, want int) {
		t.Helper()
		if n := b.number(`select count(*) from webhook_event where type = 'subject.erased'`); n != want {
			t.Errorf("%s, %d events of the erasure are published, want %d", when, n, want)
		}
	}
	told("without a ledger", 0)
	if w, err := p.Waiting(t.Context()); w.Incomplete != 1 || err != nil {
		t.Errorf("incomplete are %+v, %v", w, err)
	}
	b.must(p.finish(t.Context(), time.Hour)) // a young one is left to who erases
	_, err = p.CertificateOf(t.Context(), b.scope, subject)
	wantCode(t, "certificate", err, ekyc.ErrConflict)
	if err := p.finish(t.Context(), 0); err == nil {
		t.Error("the sweep says nothing of a ledger that is away")
	}
	told("after a sweep without a ledger", 0)
	ledger.away, media.away = false, true
	signed, err := p.Erase(t.Context(), b.scope, subject) // again, as a client does
	if err != nil || signed.Certificate != nil {
		t.Errorf("%s, %v: want none while the file cannot be removed", signed.Certificate, err)
	}
	told("while the file cannot be removed", 0)
	media.away = false
	b.later()
	b.must(p.finish(t.Context(), 0))
	told("at the end", 1)
	b.must(p.finish(t.Context(), 0))
	told("after another sweep", 1)
	b.checkGone(subject)
	if n := b.files(b.media); n != 0 {
		t.Errorf("%d files are left", n)
	}
	if w, err := p.Waiting(t.Context()); w != (Waiting{}) || err != nil {
		t.Errorf("incomplete are %+v, %v", w, err)
	}
}

// TestWhatIsNotKeptEndsNoLink: a subject that goes since nothing of it is to be kept leaves the open links for its reference to the next one, at the second
// look too; the consent of its own link goes. Whoever asks for an erasure asks for their end.
func TestWhatIsNotKeptEndsNoLink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unkept, erased := b.person(), b.person()
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.Forget(ctx, tx, b.scope, unkept)
		return err
	})
	_, err := b.Erase(t.Context(), b.scope, erased)
	b.must(err)
	for _, look := range []string{"at once", "at the second look"} {
		for of, want := range map[ekyc.ID]int{unkept: 1, erased: 0} {
			if n := b.number(`select count(*) from capture where key_id = $1 and state = 'open' and request is not null and ref_hash is not null`, of); n != want {
				t.Errorf("%s %d links are open, want %d", look, n, want)
			}
			if n := b.number(`select count(*) from capture where key_id = $1 and (consent is not null or challenge is not null)`, of); n != 0 {
				t.Errorf("%s the consent to a used link is left", look)
			}
		}
		b.must(b.lookAgain(t.Context(), 0))
	}
}

// TestAnOperatorsHoldStopsAnErasure: either hold does, and what one side ends leaves the other's.
func TestAnOperatorsHoldStopsAnErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	subject := b.person()
	hold := vault.Hold{Reason: planted, KeyID: "opr_x"}
	held := func(want bool) {
		t.Helper()
		if n := b.number(`select count(*) from media where subject_id = $1 and held`, subject); (n == ofAPerson["media"]) != want || n > 0 != want {
			t.Errorf("%d pictures are held", n)
		}
		_, err := b.Erase(t.Context(), b.scope, subject)
		if want {
			wantCode(t, "erase who is held", err, ekyc.ErrConflict)
		} else {
			b.must(err)
		}
	}
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := b.vault.PutHold(ctx, tx, b.scope, subject, vault.ByOperator, hold)
		return err
	})
	held(true)
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, _, err := b.vault.PutHold(ctx, tx, b.scope, subject, vault.ByTenant, vault.Hold{Reason: "the tenant's", KeyID: "ek_x"}); err != nil {
			return err
		}
		list, next, err := b.vault.ListHeld(ctx, tx, b.scope, 10, "")
		if err != nil || len(list) != 1 || next != "" || list[0].ID != subject || list[0].TenantAt == nil || list[0].Operator == nil || list[0].Operator.Reason != planted || list[0].Operator.KeyID != "opr_x" {
			t.Errorf("held are %+v, %v", list, err)
		}
		return err
	})
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EndHold(ctx, tx, b.scope, subject, vault.ByTenant)
		return err
	})
	held(true)
	if n := b.number(`select count(*) from subject where operator_hold_reason is not null and position($1::bytea in operator_hold_reason) = 0`, []byte(planted)); n != 1 {
		t.Error("the reason stands in the open")
	}
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		if ended, err := b.vault.EndHold(ctx, tx, b.scope, subject, vault.ByOperator); err != nil || !ended {
			t.Errorf("ended: %v, %v", ended, err)
		}
		ended, err := b.vault.EndHold(ctx, tx, b.scope, subject, vault.ByOperator)
		if ended {
			t.Error("ended twice")
		}
		return err
	})
	held(false)
	b.checkGone(subject)
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := b.vault.PutHold(ctx, tx, b.scope, subject, vault.ByOperator, hold)
		return err
	})
	wantCode(t, "hold who is erased", err, ekyc.ErrGone)
}
