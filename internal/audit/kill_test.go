package audit

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ekyc/internal/killtest"
	"ekyc/internal/store"
)

// order is what a sequencer to be killed needs to know.
type order struct{ URL, Keyring string }

func (b *bundle) order() any { return order{b.url, b.keyring} }

// sequence gives what is there its place.
func sequence(ctx context.Context, k *killtest.Killer, o order) error {
	_, log, err := open(o.URL, o.Keyring, store.Options{Tracer: k.Tracer()})
	if err != nil {
		return err
	}
	k.Arm()
	_, err = log.Sequence(ctx)
	return err
}

// sequenceOn does so until it is killed.
func sequenceOn(ctx context.Context, _ *killtest.Killer, o order) error {
	_, log, err := open(o.URL, o.Keyring, store.Options{})
	if err != nil {
		return err
	}
	log.Run(ctx)
	return nil
}

// TestASequencerKilledAtAnyStatement kills one between any two statements that it makes, the making of the key included. What it left is whole each
// time, and the next one goes on.
func TestASequencerKilledAtAnyStatement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	written := int64(0)
	kills := killtest.Each(t, "sequence", func() any {
		for i := range 3 {
			b.append(t.Context(), b.entry(i))
			written++
		}
		return b.order()
	}, func(bool) {
		b.settle()
		if n := b.check(); n > written {
			t.Fatalf("%d of %d entries have a place", n, written)
		}
	})
	b.sequence()
	if n := b.check(); n != written || b.number(`select count(*) from audit_key`) != 1 {
		t.Errorf("%d of %d entries have a place", n, written)
	}
	if kills < 10 {
		t.Errorf("only %d sequencers were killed", kills)
	}
	t.Logf("%d sequencers were killed, one between any two statements", kills)
}

// settle waits until the server has noticed that a client is gone, and undone or done what it was in the middle of.
func (b *bundle) settle() {
	b.t.Helper()
	for b.number(`select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`) > 0 {
		time.Sleep(time.Millisecond)
	}
}

// TestSequencersKilledWhileOthersWrite: kill -9 at any moment, under load.
func TestSequencersKilledWhileOthersWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var written atomic.Int64
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					b.append(t.Context(), b.entry(i))
					written.Add(1)
				}
			}
		})
	}
	for range 12 {
		child := killtest.Start(t, "sequence on", b.order())
		// At any moment, but not before it has come to work: on a busy machine that takes its time.
		const places = `select coalesce(max(size), 0) from audit_checkpoint`
		for before, late := b.number(places), time.Now().Add(time.Minute); b.number(places) == before && time.Now().Before(late); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(100 * time.Millisecond))
		child.Process.Kill()
		child.Wait()
	}
	close(stop)
	writers.Wait()
	b.settle()
	before := b.check()
	b.sequence()
	if n := b.check(); n != written.Load() {
		t.Errorf("%d of %d entries have a place", n, written.Load())
	}
	if before == 0 {
		t.Error("the killed sequencers have done nothing")
	}
	t.Logf("of %d entries %d got their place from sequencers that were killed", written.Load(), before)
}
