package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/store"
)

// childVariable, when set, makes this test program a sequencer of its own, to be killed.
const childVariable = "EKYC_AUDIT_TEST_CHILD"

type childOrder struct {
	URL, Keyring string
	DieAt        int // the statement, from 1, at which it kills itself; 0 to go on until it is killed
	Before       bool
}

func sequenceAsChild() {
	var order childOrder
	err := json.Unmarshal([]byte(os.Getenv(childVariable)), &order)
	if err == nil {
		var log *Log
		if _, log, err = open(order.URL, order.Keyring, store.Options{Tracer: &suicide{order: order}}); err == nil {
			if order.DieAt == 0 {
				log.Run(context.Background())
			}
			_, err = log.Sequence(context.Background())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// suicide kills the process at one of its statements, before it is sent or after it was answered, as kill -9 would.
type suicide struct {
	order childOrder
	count atomic.Int64
}

func (s *suicide) reach(before bool) {
	if before {
		s.count.Add(1)
	}
	if before == s.order.Before && int(s.count.Load()) == s.order.DieAt {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	}
}

func (s *suicide) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.reach(true)
	return ctx
}
func (s *suicide) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { s.reach(false) }
func (s *suicide) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	s.reach(true)
	return ctx
}
func (s *suicide) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {
	s.reach(false)
}

func (b *bundle) child(order childOrder) *exec.Cmd {
	b.t.Helper()
	order.URL, order.Keyring = b.url, b.keyring
	text, err := json.Marshal(order)
	b.must(err)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+string(text))
	child.Stderr = os.Stderr
	b.must(child.Start())
	return child
}

// TestASequencerKilledAtAnyStatement kills one before and after each statement that it makes, the making of the key included. What it left is whole
// each time, and the next one goes on.
func TestASequencerKilledAtAnyStatement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	written, kills := int64(0), 0
	for _, before := range []bool{true, false} {
		for statement, killed := 1, true; killed; statement++ {
			for i := range 3 {
				b.append(t.Context(), b.entry(i))
				written++
			}
			state, err := b.child(childOrder{DieAt: statement, Before: before}).Process.Wait()
			b.must(err)
			status := state.Sys().(syscall.WaitStatus)
			if killed = status.Signaled(); killed {
				kills++
			} else if status.ExitStatus() != 0 {
				t.Fatalf("a sequencer ended with %d", status.ExitStatus())
			}
			b.settle()
			if n := b.check(); n > written {
				t.Fatalf("%d of %d entries have a place", n, written)
			}
		}
	}
	b.sequence()
	if n := b.check(); n != written || b.number(`select count(*) from audit_key`) != 1 {
		t.Errorf("%d of %d entries have a place", n, written)
	}
	if kills < 20 {
		t.Errorf("only %d sequencers were killed", kills)
	}
	t.Logf("%d sequencers were killed, at each statement", kills)
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
		child := b.child(childOrder{})
		time.Sleep(60*time.Millisecond + rand.N(120*time.Millisecond))
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
