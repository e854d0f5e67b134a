package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

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

	if err := b.Sweep(t.Context()); !errors.Is(err, fault) || len(b.files()) != 2 || b.count("ekyc.media") != 2 {
		t.Errorf("refused: %d files, %d rows, %v", len(b.files()), b.count("ekyc.media"), err)
	}
	refuse = false
	for range 2 {
		if err := b.Sweep(t.Context()); err != nil || len(b.files()) != 1 || len(told) != 1 || told[0].ID != expired {
			t.Errorf("%d files, told %v, %v", len(b.files()), told, err)
		}
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, kept); err != nil {
		t.Error(err)
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

func TestFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	old, young := filepath.Join(directory, "incoming", ".new-1"), filepath.Join(directory, "incoming", ".new-2")
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, age := range map[string]time.Duration{old: 2 * time.Hour, young: time.Minute} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := vault.NewFiles(directory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a write broken off long ago is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a write of now is gone: %v", err)
	}
	const name = "0123456789abcdef0123456789abcdef"
	for _, bad := range []string{"", "../../../../etc/passwd", name + "0", name[:31] + "/", name[:31] + "G", "..23456789abcdef0123456789abcdef"} {
		wantCode(t, bad, f.Put(t.Context(), bad, []byte("x")), ekyc.ErrInternal)
		_, err := f.Get(t.Context(), bad)
		wantCode(t, bad, err, ekyc.ErrInternal)
		wantCode(t, bad, f.Delete(t.Context(), bad), ekyc.ErrInternal)
	}
	_, err = f.Get(t.Context(), name)
	wantCode(t, "not there", err, ekyc.ErrNotFound)
	if err := f.Put(t.Context(), name, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if data, err := f.Get(t.Context(), name); err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	list := func(olderThan time.Duration) (names []string) {
		for n, err := range f.List(t.Context(), olderThan) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, n)
		}
		return names
	}
	if a, b := list(time.Hour), list(-time.Minute); len(a) != 0 || len(b) != 1 || b[0] != name {
		t.Errorf("old %v, all %v", a, b)
	}
	for range 2 {
		if err := f.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}
