package retention_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/killtest"
	"ekyc/internal/retention"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// killedPass is one pass of a process that is killed on its way.
func killedPass(ctx context.Context, k *killtest.Killer, p place) error {
	files, err := k.Files(p.files())
	if err != nil {
		return err
	}
	r, err := p.open(ctx, files, k.Tracer())
	if err != nil {
		return err
	}
	k.Arm()
	return r.retention.Pass(ctx)
}

// TestAPassIsKilledBetweenAnyTwoWrites kills a pass behind each of its statements and file operations: what is over is never read, what is not stays,
// and another pass with the sweep of files leaves nothing over, each photograph told and entered once.
func TestAPassIsKilledBetweenAnyTwoWrites(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start(t)
	owner, scope := storetest.Owner(t, p.URL), newScope()
	r.endpoint(t, scope)
	subject := r.subject(t, scope)
	kept := r.keep(t, scope, subject, time.Hour)
	reference := referenceOf(t, r, scope, subject)
	var over []ekyc.ID
	kills := killtest.Each(t, "pass", func() any {
		// Two are over, one is as soon as the settings that wait to be applied are, and a template is.
		over = []ekyc.ID{r.keep(t, scope, subject, -time.Minute), r.keep(t, scope, subject, -time.Hour), r.keep(t, scope, subject, 100*24*time.Hour)}
		if _, err := owner.Exec(t.Context(), "update ekyc.media set created_at = now() - interval '40 days' where id = $1", over[2]); err != nil {
			t.Fatal(err)
		}
		r.in(t, scope, func(ctx context.Context, tx pgx.Tx) error {
			if _, _, err := r.retention.Set(ctx, tx, scope, map[retention.Class]int{retention.Selfie: 29}, "ek_test"); err != nil {
				return err
			}
			return r.templates.Put(ctx, tx, scope, subject, reference, "model", []byte("a template"), -time.Minute)
		})
		return p
	}, func(killed bool) {
		read := func(id ekyc.ID) ekyc.ErrorCode {
			_, _, err := r.vault.ShowMedia(t.Context(), scope, id, func(context.Context, pgx.Tx, vault.Media) error { return nil })
			return ekyc.CodeOf(err)
		}
		unreadable := func(when string, ids []ekyc.ID) {
			for _, id := range ids {
				if code := read(id); code != ekyc.ErrGone {
					t.Errorf("%s: what is over reads as %q", when, code)
				}
			}
			if code := read(kept); code != "" {
				t.Errorf("%s: what is not over reads as %q", when, code)
			}
			r.in(t, scope, func(ctx context.Context, tx pgx.Tx) error {
				if _, found, err := r.templates.Get(ctx, tx, scope, subject, reference, "model"); found || err != nil {
					t.Errorf("%s: a template that is over is given, %v", when, err)
				}
				return nil
			})
		}
		unreadable("killed", over[:2]) // the third needs the settings applied
		// Until the database has seen that the child is gone, its locks make others pass over what it had begun with.
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if err := r.retention.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			if lag, err := r.retention.Lag(t.Context()); err != nil || lag[retention.Selfie]+lag[retention.Template] == 0 || time.Now().After(deadline) {
				break
			}
		}
		unreadable("after another pass", over)
		leave(t, p)
		if err := r.vault.SweepFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := p.fileCount(t); n != 2 { // the photograph that is not over, and the reference
			t.Errorf("%d files are left", n)
		}
		events, entries := told(t, r, owner, scope)
		for _, id := range over {
			if events[id] != 1 || entries[id] != 1 {
				t.Errorf("%s was told %d times and entered %d times", id, events[id], entries[id])
			}
		}
		if events[kept]+entries[kept] != 0 {
			t.Error("what is not over was told")
		}
		if lag, err := r.retention.Lag(t.Context()); err != nil || lag[retention.Selfie] != 0 || lag[retention.Template] != 0 {
			t.Errorf("behind by %v, %v", lag, err)
		}
	})
	if kills < 40 {
		t.Errorf("only %d kills", kills)
	}
	t.Logf("%d kills", kills)
}

// referenceOf gives a subject a reference photograph.
func referenceOf(t *testing.T, r *rooms, scope ekyc.Scope, subject ekyc.ID) (id ekyc.ID) {
	t.Helper()
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if id, err = r.vault.PutMedia(ctx, tx, scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("a face"), Kept: true}); err != nil {
			return err
		}
		return r.vault.SetReference(ctx, tx, scope, subject, id)
	})
	return id
}

// leave makes all files old enough to be swept.
func leave(t *testing.T, p place) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.files(), "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}
