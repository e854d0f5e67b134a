package erasure

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/idempotency"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

func answerAbout(subject ekyc.ID) idempotency.Answer {
	return idempotency.Answer{Status: 200, Body: []byte(planted), Subject: subject, Keep: true}
}

// restore takes the database back to before the erasure of a subject, as a backup would. The restored files are not.
func (b *bundle) restore(back func()) {
	b.t.Helper()
	back()
	b.exec(`delete from erasure`)
	b.exec(`set session_replication_role = replica`) // a backup has no entry of the erasure; nobody could delete it otherwise
	b.exec(`delete from audit_entry`)
	b.exec(`reset session_replication_role`)
	b.exec(`delete from webhook_delivery`)
	b.exec(`delete from webhook_event`)
	b.exec(`update erasure_watermark set through = 'epoch'`)
}

// remember notes a subject's rows, and gives what puts them back.
func (b *bundle) remember(subject ekyc.ID) (back func()) {
	b.t.Helper()
	var wrapped, hash, sealed []byte
	b.must(b.owner.QueryRow(context.Background(), `select wrapped, ref_hash, ref_sealed from subject join ekyc_keys.subject_key on subject_id = id where id = $1`, subject).Scan(&wrapped, &hash, &sealed))
	return func() {
		b.exec(`update subject set erased_at = null, ledgered_at = null, ref_hash = $2, ref_sealed = $3 where id = $1`, subject, hash, sealed)
		b.exec(`insert into ekyc_keys.subject_key (tenant_id, environment, subject_id, wrapped) values ($1, $2, $3, $4)`, b.scope.Tenant, b.scope.Environment, subject, wrapped)
	}
}

func TestARestoredDatabaseLearnsOfItsErasures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	subject, other := b.person(), b.person()
	back := b.remember(subject)
	var sealed []byte
	b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		sealed, err = b.vault.Seal(ctx, tx, b.scope, subject, "o", []byte(planted))
		return err
	})
	_, err := b.Erase(t.Context(), b.scope, subject)
	b.must(err)
	at := b.erasedAt(subject)
	if out, err := b.Replay(t.Context()); err != nil || out != (Replayed{Entries: 1}) {
		t.Errorf("without a restore: %+v, %v", out, err)
	}
	b.restore(back)
	b.in(func(ctx context.Context, tx pgx.Tx) error { // the test's restore is one: it opens again
		_, err := b.vault.Open(ctx, tx, b.scope, subject, "o", sealed)
		return err
	})
	if out, err := b.Replay(t.Context()); err != nil || out != (Replayed{Entries: 1, Erased: 1}) {
		t.Errorf("after a restore: %+v, %v", out, err)
	}
	err = b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.Open(ctx, tx, b.scope, subject, "o", sealed)
		return err
	})
	wantCode(t, "open after the replay", err, ekyc.ErrGone)
	if !b.erasedAt(subject).Equal(at) {
		t.Errorf("erased at %s, and at first at %s", b.erasedAt(subject), at)
	}
	if n := b.number(`select count(*) from webhook_event where id = $1`, eventID(subject, at)); n != 1 {
		t.Error("the event has another identifier, so that receivers cannot know it")
	}
	signed, err := b.CertificateOf(t.Context(), b.scope, subject)
	b.must(err)
	if !bytes.Contains(signed.Certificate, []byte(`"cause":"restore"`)) {
		t.Errorf("the certificate is %s", signed.Certificate)
	}
	if n := b.number(`select count(*) from ekyc_keys.subject_key where subject_id = $1`, other); n != 1 {
		t.Error("another subject was erased too")
	}

	// The keys alone were restored.
	b.exec(`insert into ekyc_keys.subject_key (tenant_id, environment, subject_id, wrapped) values ($1, $2, $3, 'x')`, b.scope.Tenant, b.scope.Environment, subject)
	if _, err := b.Replay(t.Context()); err != nil || b.number(`select count(*) from ekyc_keys.subject_key`) != 1 {
		t.Errorf("the key is back, %v", err)
	}
}

// TestARestoreOverAHoldErasesToo: the hold was lifted, and the backup is older.
func TestARestoreOverAHoldErasesToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.person()
	back := b.remember(subject)
	_, err := b.Erase(t.Context(), b.scope, subject)
	b.must(err)
	b.restore(func() {
		back()
		b.exec(`update subject set hold_at = now(), hold_reason = 'x', hold_key_id = 'x' where id = $1`, subject)
	})
	_, err = b.Erase(t.Context(), b.scope, subject)
	wantCode(t, "erase a held subject", err, ekyc.ErrConflict)
	if out, err := b.Replay(t.Context()); err != nil || out.Erased != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestForeignAndAlteredEntriesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	victim := b.person() // whom somebody wants to have erased, or to keep
	e := vault.Erasure{Scope: b.scope, Subject: victim, At: time.Now().UTC().Truncate(time.Microsecond)}
	foreign, err := keyring.Create(filepath.Join(t.TempDir(), "ring"))
	b.must(err)
	strange := entryOf(e)
	strange.Link = &Link{Number: 1}
	_, _, err = NewLedger(b.ledge, foreign).put(t.Context(), strange) // by another installation's key
	b.must(err)
	erased := b.person()
	_, err = b.Erase(t.Context(), b.scope, erased)
	b.must(err)
	var name string
	b.must(b.owner.QueryRow(t.Context(), `select ledger_entry from erasure`).Scan(&name))
	path := filepath.Join(b.at.Folder, "ledger", name[:2], name)
	entry, err := os.ReadFile(path)
	b.must(err)
	write := func(name string, content []byte) {
		b.must(b.ledge.Put(t.Context(), name, content))
	}
	write("ffff"+name[4:], entry)                                                             // under another name
	write("eeee"+name[4:], bytes.Replace(entry, []byte(erased), []byte(victim), 1))           // about another
	write(b.ledger.name(entryOf(e)), bytes.Replace(entry, []byte(erased), []byte(victim), 1)) // under the name that this would have
	write("dddd"+name[4:], []byte(`{"version":"ekyc-erasure-ledger-1"}`))                     // without anything
	write("cccc"+name[4:], []byte("\x00not JSON"))                                            // nothing at all
	write("bbbb"+name[4:], bytes.Replace(entry, []byte(`"live"`), []byte(`"test"`), 1))       // of another environment
	out, err := b.Replay(t.Context())
	if err != nil || out != (Replayed{Entries: 1, Refused: 7}) {
		t.Errorf("%+v, %v", out, err)
	}
	if b.number(`select count(*) from subject where id = $1 and erased_at is null`, victim) != 1 {
		t.Error("a forged entry was obeyed")
	}
}

// TestNobodyServesWithoutTheLedger: a start that cannot read it fails.
func TestNobodyServesWithoutTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Erase(t.Context(), b.scope, b.person())
	b.must(err)
	p, err := b.at.open(store.Options{}, b.media, &unreliable{b.ledge, true})
	b.must(err)
	t.Cleanup(p.db.Close)
	_, err = p.Replay(t.Context())
	wantCode(t, "replay", err, ekyc.ErrUnavailable)
}

// TestTheLedgerLearnsOfEveryErasure: those without a certificate too.
func TestTheLedgerLearnsOfEveryErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, unkept := b.person(), b.person()
	b.in(func(ctx context.Context, tx pgx.Tx) error { // as what is from before there was a ledger
		_, err := b.vault.EraseSubject(ctx, tx, b.scope, subject)
		return err
	})
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		files, err := b.Forget(ctx, tx, b.scope, unkept)
		if err == nil && len(files) != ofAPerson["media"] {
			t.Errorf("files %v", files)
		}
		return err
	})
	if w, err := b.Waiting(t.Context()); err != nil || w.Incomplete != 2 || w.Stuck != 0 {
		t.Errorf("missing in the ledger are %+v, %v", w, err)
	}
	b.must(b.fillLedger(t.Context(), time.Hour))
	if n := b.files(b.ledge); n != 0 {
		t.Errorf("%d young ones are in the ledger already", n)
	}
	b.must(b.fillLedger(t.Context(), 0))
	if n := b.files(b.ledge); n != 2 {
		t.Errorf("%d are in the ledger", n)
	}
	if n := b.number(`select count(*) from idempotency where answer is not null`); n != 1 {
		t.Errorf("%d answers are left", n)
	}
	if w, err := b.Waiting(t.Context()); err != nil || w != (Waiting{}) {
		t.Errorf("missing in the ledger are %+v, %v", w, err)
	}
}

// TestThePassOverTheLedgerGoesOnWhereItEnded: entries from before the watermark are not read again.
func TestThePassOverTheLedgerGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := vault.Erasure{Scope: b.scope, Subject: ekyc.NewID(ekyc.KindSubject), At: time.Now().Add(-2 * overlap)}
	young := vault.Erasure{Scope: b.scope, Subject: ekyc.NewID(ekyc.KindSubject), At: time.Now().Add(-overlap / 2)}
	for _, e := range []vault.Erasure{old, young} {
		_, err := b.writeLedger(t.Context(), e)
		b.must(err)
	}
	for _, want := range []int{2, 1} {
		if out, err := b.Replay(t.Context()); err != nil || out != (Replayed{Entries: want}) {
			t.Errorf("%+v, %v, want %d entries", out, err, want)
		}
	}
	b.exec(`update erasure_watermark set through = 'epoch'`) // an old backup
	if out, err := b.Replay(t.Context()); err != nil || out.Entries != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}
