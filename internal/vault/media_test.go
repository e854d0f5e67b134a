package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

// TestChangesOfASubjectAtOnceWaitForOneAnother, rather than being found waiting in a circle and made again.
func TestChangesOfASubjectAtOnceWaitForOneAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.subject("")
	for name, change := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"reference": func(ctx context.Context, tx pgx.Tx) error {
			media, err := b.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("face")})
			if err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond) // the others have begun
			_, err = b.ReplaceReference(ctx, tx, b.scope, subject, media)
			return err
		},
		"hold": func(ctx context.Context, tx pgx.Tx) error {
			_, _, err := b.PutHold(ctx, tx, b.scope, subject, vault.ByTenant, vault.Hold{Reason: "case 1", KeyID: "ek_test"})
			return err
		},
	} {
		const callers = 4
		var runs atomic.Int32
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				err := b.in(func(ctx context.Context, tx pgx.Tx) error {
					runs.Add(1)
					return change(ctx, tx)
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		group.Wait()
		if n := runs.Load(); n != callers {
			t.Errorf("%s: %d callers at once took %d transactions", name, callers, n)
		}
	}
}

func TestMediaOfAJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, job, other := b.subject(""), ekyc.NewID(ekyc.KindJob), ekyc.NewID(ekyc.KindJob)
	picture := bytes.Repeat([]byte("picture"), 300_000)
	for _, in := range []vault.MediaInput{
		{Kind: vault.MediaFrame, Position: 1}, {Kind: vault.MediaDocumentFront}, {Kind: vault.MediaFrame, Position: 0},
	} {
		in.Subject, in.Job, in.Data = subject, job, picture
		b.put(in)
	}
	spared := b.put(vault.MediaInput{Subject: subject, Job: other, Kind: vault.MediaFrame, Data: []byte("x")})
	var listed []vault.Media
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		listed, err = b.MediaOfJob(ctx, tx, b.scope, job)
		return err
	})
	if len(listed) != 3 || listed[0].Kind != vault.MediaDocumentFront || listed[1].Position != 0 || listed[2].Position != 1 {
		t.Fatalf("%+v", listed)
	}
	for _, m := range listed {
		data, read, err := b.ReadMedia(t.Context(), b.scope, m.ID)
		if err != nil || !bytes.Equal(data, picture) || read != m || m.Size != int64(len(picture)) || m.Job != job || m.Subject != subject {
			t.Errorf("%+v reads as %d bytes, %+v, %v", m, len(data), read, err)
		}
	}
	for name, scope := range map[string]ekyc.Scope{"another tenant": newScope(), "the other environment": {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		_, _, err := b.ReadMedia(t.Context(), scope, listed[0].ID)
		wantCode(t, name, err, ekyc.ErrNotFound)
		if err := b.DeleteMediaOfJob(t.Context(), scope, job); err != nil || len(b.files()) != 4 {
			t.Errorf("%s deletes: %d files are left, %v", name, len(b.files()), err)
		}
	}
	for _, path := range b.files() {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	for range 2 {
		if err := b.DeleteMediaOfJob(t.Context(), b.scope, job); err != nil || len(b.files()) != 1 {
			t.Errorf("%d files are left, %v", len(b.files()), err)
		}
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, spared); err != nil {
		t.Error(err)
	}
}

func TestSweepDeletesFilesWithoutARowOnceTheyAreOld(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.subject("")
	kept := b.put(vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("x")})
	age := func(d time.Duration) {
		for _, path := range b.files() {
			if err := os.Chtimes(path, time.Time{}, time.Now().Add(-d)); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaSelfie, Data: []byte("x")}); err != nil {
			return err
		}
		return errors.New("rolled back")
	})
	if err == nil || len(b.files()) != 2 {
		t.Fatalf("%d files, %v", len(b.files()), err)
	}
	for _, c := range []struct {
		age  time.Duration
		left int
	}{{59 * time.Minute, 2}, {61 * time.Minute, 1}} {
		age(c.age)
		if err := b.SweepFiles(t.Context()); err != nil || len(b.files()) != c.left {
			t.Errorf("at %v %d files are left, %v", c.age, len(b.files()), err)
		}
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, kept); err != nil {
		t.Error(err)
	}
}

func TestExpiredMediaAreToldInTheTransactionThatDeletesThem(t *testing.T) {
	t.Parallel()
	fault := errors.New("not now")
	var told []vault.Media
	refuse := true
	var b *bundle
	b = setupWith(t, vault.Options{Expired: func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, media []vault.Media) error {
		if refuse {
			return fault
		}
		if scope != b.scope {
			t.Errorf("scope %v", scope)
		}
		told = append(told, media...)
		return nil
	}})
	subject := b.subject("")
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	expired := b.put(vault.MediaInput{Subject: subject, Kind: vault.MediaSelfie, Data: []byte("x"), Expires: &past})
	kept := b.put(vault.MediaInput{Subject: subject, Kind: vault.MediaFrame, Data: []byte("x"), Expires: &future})
	_, _, err := b.ReadMedia(t.Context(), b.scope, expired)
	wantCode(t, "expired", err, ekyc.ErrGone)

	if _, err := b.RemoveExpired(t.Context(), 10); !errors.Is(err, fault) || len(b.files()) != 2 || b.count("ekyc.media") != 2 {
		t.Errorf("refused: %d files, %d rows, %v", len(b.files()), b.count("ekyc.media"), err)
	}
	refuse = false
	for range 2 {
		if _, err := b.RemoveExpired(t.Context(), 10); err != nil || len(b.files()) != 1 || len(told) != 1 || told[0].ID != expired {
			t.Errorf("%d files, told %v, %v", len(b.files()), told, err)
		}
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, kept); err != nil {
		t.Error(err)
	}
}

// TestWhatIsKeptAlreadyIsNotKeptLonger: a job that is decided again under longer settings does not prolong what was promised; the end of an upload gives way.
func TestWhatIsKeptAlreadyIsNotKeptLonger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job, soon, kinds := ekyc.NewID(ekyc.KindJob), time.Now().Add(time.Hour), []vault.MediaKind{vault.MediaSelfie}
	b.put(vault.MediaInput{Subject: b.subject(""), Job: job, Kind: vault.MediaSelfie, Data: []byte("x"), Expires: &soon})
	for _, c := range []struct{ days, want int }{{7, 7}, {30, 7}, {3, 3}} {
		b.must(func(ctx context.Context, tx pgx.Tx) error {
			return b.RetainMediaOfJob(ctx, tx, b.scope, job, kinds, time.Duration(c.days)*24*time.Hour)
		})
		if b.count("ekyc.media where kept and expires_at = created_at + make_interval(days => $1)", c.want) != 1 {
			t.Errorf("for %d days: it does not end after %d", c.days, c.want)
		}
	}
}

func TestMediaNeedWhatTheyNeed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.subject("")
	for name, c := range map[string]struct {
		in   vault.MediaInput
		want ekyc.ErrorCode
	}{
		"no data":         {vault.MediaInput{Subject: subject, Kind: vault.MediaSelfie}, ekyc.ErrInvalidArgument},
		"no subject":      {vault.MediaInput{Kind: vault.MediaSelfie, Data: []byte("x")}, ekyc.ErrInvalidArgument},
		"unknown subject": {vault.MediaInput{Subject: ekyc.NewID(ekyc.KindSubject), Kind: vault.MediaSelfie, Data: []byte("x")}, ekyc.ErrNotFound},
	} {
		err := b.in(func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.PutMedia(ctx, tx, b.scope, c.in)
			return err
		})
		wantCode(t, name, err, c.want)
	}
	if len(b.files()) != 0 {
		t.Errorf("left behind: %v", b.files())
	}
}
