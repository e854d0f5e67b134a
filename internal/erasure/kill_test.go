package erasure

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
)

// eraseOrder is what a child is to do.
type eraseOrder struct {
	At      installation
	Scope   ekyc.Scope
	Subject ekyc.ID
}

// eraseAsChild erases a subject, and is killed somewhere.
func eraseAsChild(ctx context.Context, k *killtest.Killer, o eraseOrder) error {
	return asChild(k, o.At, func(p *process) error {
		_, err := p.Erase(ctx, o.Scope, o.Subject)
		return err
	})
}

// replayAsChild repeats what a restored database has forgotten, and is killed somewhere.
func replayAsChild(ctx context.Context, k *killtest.Killer, at installation) error {
	return asChild(k, at, func(p *process) error {
		_, err := p.Replay(ctx)
		return err
	})
}

func asChild(k *killtest.Killer, at installation, do func(*process) error) error {
	media, err := k.Files(filepath.Join(at.Folder, "media"))
	if err != nil {
		return err
	}
	ledger, err := k.Files(filepath.Join(at.Folder, "ledger"))
	if err != nil {
		return err
	}
	p, err := at.open(store.Options{Tracer: k.Tracer(), ServiceConns: 2, SystemConns: 2}, media, ledger)
	if err != nil {
		return err
	}
	defer p.db.Close()
	k.Arm()
	return do(p)
}

// settle waits until the server has noticed that a client is gone, and undone or done what it was in the middle of.
func (b *bundle) settle() {
	for b.number(`select count(*) from pg_stat_activity where datname = current_database() and application_name like 'ekyc/%' and state <> 'idle'`) > 0 {
		time.Sleep(time.Millisecond)
	}
}

// TestAnErasureKilledAnywhere: kill -9 behind each statement and each file operation. Either nothing has happened, or upkeep completes it.
func TestAnErasureKilledAnywhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	if _, err := b.receipts.Keys(t.Context()); err != nil { // its making is not an erasure's
		t.Fatal(err)
	}
	var subject ekyc.ID
	untouched, completed, left := 0, 0, 0
	kills := killtest.Each(t, "erase", func() any {
		subject = b.person()
		return eraseOrder{b.at, b.scope, subject}
	}, func(killed bool) {
		b.settle()
		if b.number(`select count(*) from subject where id = $1 and erased_at is null`, subject) == 1 {
			if !killed {
				t.Fatal("who came through has erased nobody")
			}
			untouched++
			for table, want := range ofAPerson {
				if n := b.number(`select count(*) from `+table+` where subject_id = $1`, subject); n != want {
					t.Errorf("half an erasure: %d rows in %s", n, table)
				}
			}
			if n := b.number(`select count(*) from job where subject_id = $1 and annotations is not null and (status = 'queued' or result is not null)`, subject); n != 2 {
				t.Errorf("half an erasure: %d jobs are as they were", n)
			}
			if b.number(`select count(*) from audit_entry where action = 'subject.erase' and objects ? $1`, subject) != 0 {
				t.Error("an entry without its act")
			}
			_, err := b.Erase(t.Context(), b.scope, subject)
			b.must(err)
		} else if b.number(`select count(*) from erasure where subject_id = $1 and completed_at is null`, subject) == 1 {
			left++
			b.must(b.Service.finish(t.Context(), 0))
		} else {
			completed++
		}
		b.checkGone(subject)
		b.must(b.vault.SweepFiles(t.Context()))
		if n := b.files(b.media); n != 0 {
			t.Errorf("%d files are left", n)
		}
	})
	b.exec(`update erasure_watermark set through = 'epoch'`) // the whole ledger: each entry is there and names the one before
	if out, err := b.Replay(t.Context()); err != nil || out.Entries != b.number(`select number from erasure_ledger`) || out.Entries < kills {
		t.Errorf("%+v, %v", out, err)
	}
	if kills < 50 || untouched < 30 || left < 5 {
		t.Errorf("%d kills; %d times nothing had happened, %d times upkeep completed it, %d times it was complete", kills, untouched, left, completed)
	}
	t.Logf("%d kills; %d times nothing had happened, %d times upkeep completed it, %d times it was complete", kills, untouched, left, completed)
}

// TestAReplayKilledAnywhere: the next start repeats what is still to be repeated.
func TestAReplayKilledAnywhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	var subject ekyc.ID
	kills := killtest.Each(t, "replay", func() any {
		subject = b.person()
		back := b.remember(subject)
		_, err := b.Erase(t.Context(), b.scope, subject)
		b.must(err)
		b.restore(back)
		return b.at
	}, func(killed bool) {
		b.settle()
		if _, err := b.Replay(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.must(b.finish(t.Context(), 0))
		b.checkGone(subject)
	})
	if kills < 25 {
		t.Errorf("%d kills", kills)
	}
	t.Logf("%d kills", kills)
}
