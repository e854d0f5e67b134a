package idempotency_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/idempotency"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

// The tests of crashes start this program again, let it come to a stage of a request and kill it there.
const (
	stageVariable     = "EKYC_TEST_CRASH"
	urlVariable       = "EKYC_TEST_CRASH_URL"
	directoryVariable = "EKYC_TEST_CRASH_DIRECTORY"
	tenantVariable    = "EKYC_TEST_CRASH_TENANT"

	claimed    = "claimed"
	completing = "completing" // work and answer are written and not yet committed
	committed  = "committed"

	crashLease = 5 * time.Second // a process that lives keeps it, also on a busy machine
)

// crash is the program that is killed. The stage is also the key, so that one database serves all.
func crash(stage string) {
	there := func() {
		fmt.Println(stage)
		select {} // until the kill
	}
	check := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	ctx, directory := context.Background(), os.Getenv(directoryVariable)
	db, err := store.Open(ctx, os.Getenv(urlVariable), store.Options{})
	check(err)
	ring, err := keyring.Open(filepath.Join(directory, "keyring.json"))
	check(err)
	files, err := blob.OpenFiles(filepath.Join(directory, "files"))
	check(err)
	s := idempotency.New(db, vault.New(db, ring, files, vault.Options{}), idempotency.Options{Lease: crashLease})
	scope := ekyc.Scope{Tenant: ekyc.ID(os.Getenv(tenantVariable)), Environment: ekyc.Live}
	c, _, err := s.Begin(ctx, scope, stage, route, body)
	check(err)
	if stage == claimed {
		there()
	}
	check(execute(db, scope, c, answerOf("of the killed one"), func() {
		if stage == completing {
			there()
		}
	}))
	there()
}

// kill runs the program up to a stage and kills it there; before, asks questions while it is still alive.
func (b *bundle) kill(stage string, before func()) {
	b.t.Helper()
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), stageVariable+"="+stage, urlVariable+"="+b.url, directoryVariable+"="+b.directory, tenantVariable+"="+string(b.scope.Tenant))
	out, err := program.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		b.t.Fatal(err)
	}
	line, _, err := bufio.NewReader(out).ReadLine()
	if string(line) == stage {
		before()
	}
	program.Process.Kill() // SIGKILL
	program.Wait()
	if err != nil || string(line) != stage {
		b.t.Fatalf("the program said %q, %v", line, err)
	}
}

// awaitClaim repeats a request until the killed one's lease has run out.
func (p *process) awaitClaim(key string) *idempotency.Claim {
	p.b.t.Helper()
	for deadline := time.Now().Add(time.Minute + crashLease); time.Now().Before(deadline); time.Sleep(crashLease / 20) {
		if c, answer, err := p.begin(context.Background(), key); c != nil {
			return c
		} else if answer != nil || ekyc.CodeOf(err) != ekyc.ErrIdempotencyInProgress {
			p.b.t.Fatalf("answer %v, error %v", answer, err)
		}
	}
	p.b.t.Fatal("the lease did not run out")
	return nil
}

func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{claimed, completing} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			survivor := b.process(0)
			b.kill(stage, func() {
				time.Sleep(2 * crashLease) // alive, it keeps its lease
				survivor.refused(stage, ekyc.ErrIdempotencyInProgress)
			})
			if n := b.executed(); n != 0 {
				t.Errorf("%d executed by the killed one", n)
			}
			if err := survivor.execute(survivor.awaitClaim(stage), answerOf("of the survivor")); err != nil || b.executed() != 1 {
				t.Errorf("%d executed, %v", b.executed(), err)
			}
			_, answer, err := survivor.begin(t.Context(), stage)
			if err != nil {
				t.Fatal(err)
			}
			b.same(answer, answerOf("of the survivor"))
		})
	}
	t.Run(committed, func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		survivor := b.process(0)
		b.kill(committed, func() {})
		time.Sleep(2 * crashLease)
		_, answer, err := survivor.begin(t.Context(), committed)
		if err != nil || b.executed() != 1 {
			t.Fatalf("%d executed, %v", b.executed(), err)
		}
		b.same(answer, answerOf("of the killed one"))
	})
	t.Run("another request of a killed one's key", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		survivor := b.process(0)
		b.kill(claimed, func() {})
		time.Sleep(2 * crashLease)
		_, _, err := survivor.Begin(t.Context(), b.scope, claimed, route, sha256.Sum256([]byte("other")))
		if ekyc.CodeOf(err) != ekyc.ErrIdempotencyMismatch {
			t.Error(err)
		}
	})
}
