// Package killtest kills a program between every two things that it writes, as kill -9 or a power cut would, and lets a test look at what is left.
//
// The test program runs itself as a child. The child counts its database statements and file operations together and kills itself behind the Nth
// of them; the test counts N up until the child comes through. What a child reads or thinks between two of them leaves no trace, so these are all
// states in which a kill can leave database and files. A file is killed in its middle too.
//
//	func TestMain(m *testing.M) {
//		killtest.Main(killtest.Programs{"ingest": killtest.Program(ingest)}) // does not return in a child
//		os.Exit(storetest.Main(m, &server, vault.Migrations))
//	}
//
//	type order struct{ URL, Directory string } // what the child needs to know, as JSON
//
//	func ingest(ctx context.Context, k *killtest.Killer, o order) error {
//		db, err := store.Open(ctx, o.URL, store.Options{Tracer: k.Tracer()})
//		…
//		files, err := k.Files(o.Directory) // a blob.Store
//		…
//		k.Arm() // what came before is preparation and not counted
//		return submit(ctx, db, files)
//	}
//
//	func TestIngestIsKilled(t *testing.T) {
//		kills := killtest.Each(t, "ingest", func() any { return order{url, directory} }, func(killed bool) {
//			// look at what is left; !killed is the child that came through, the last one
//		})
//	}
package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// variable, when set, makes a test program a child.
const variable = "EKYC_KILLTEST_CHILD"

// childTime is the longest that a child may take; one that hangs fails its test.
const childTime = 4 * time.Minute

type order struct {
	Program string
	At      int64 // the point, from 1, at which it kills itself; 0: never
	Input   json.RawMessage
}

// Programs are what children run, by name. See [Program].
type Programs map[string]func(ctx context.Context, k *Killer, input []byte) error

// Program makes an entry of Programs of a function with an input of its own, which travels as JSON.
func Program[Input any](run func(ctx context.Context, k *Killer, in Input) error) func(context.Context, *Killer, []byte) error {
	return func(ctx context.Context, k *Killer, text []byte) error {
		var in Input
		if err := json.Unmarshal(text, &in); err != nil {
			return err
		}
		return run(ctx, k, in)
	}
}

// Main runs the program that this process was started for as a child, and ends with it. In a test program proper it does nothing.
func Main(programs Programs) {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		run, known := programs[o.Program]
		if err = fmt.Errorf("there is no program %q", o.Program); known {
			err = run(context.Background(), &Killer{at: o.At}, o.Input)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "child %s: %v\n", o.Program, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Start starts a child that never kills itself; the test does.
func Start(t testing.TB, program string, input any) *exec.Cmd {
	t.Helper()
	return start(t, program, 0, input)
}

func start(t testing.TB, program string, at int64, input any) *exec.Cmd {
	t.Helper()
	in, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(order{program, at, in})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), variable+"="+string(text))
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child
}

// Each runs one child after the other, each killed one point later than the one before, until one comes through. It gives how many were killed.
// Before each child it asks prepare for its input, and after each one it calls check. Where a child finds what an earlier one has left and so has less to do,
// points are passed over: give each one something of its own.
func Each(t testing.TB, program string, prepare func() (input any), check func(killed bool)) (kills int) {
	t.Helper()
	for at := int64(1); ; at++ {
		child := start(t, program, at, prepare())
		late := time.AfterFunc(childTime, func() { child.Process.Signal(syscall.SIGQUIT) }) // it tells where it hangs
		child.Wait()
		if !late.Stop() {
			t.Fatalf("the child %s, to be killed at point %d, hangs", program, at)
		}
		status := child.ProcessState.Sys().(syscall.WaitStatus)
		killed := status.Signaled() && status.Signal() == syscall.SIGKILL
		if !killed && (status.Signaled() || status.ExitStatus() != 0) {
			t.Fatalf("the child %s, to be killed at point %d, ended with %v", program, at, child.ProcessState)
		}
		check(killed)
		if t.Failed() {
			t.Fatalf("that was after a kill of %s at point %d", program, at)
		}
		if !killed {
			return kills
		}
		kills++
	}
}

// Killer counts what its process does and kills it at its point. It is safe for concurrent use.
type Killer struct {
	at    int64
	armed atomic.Bool
	count atomic.Int64
}

// Arm begins to count. This is the first point, before anything is done.
func (k *Killer) Arm() {
	k.armed.Store(true)
	k.reach()
}

// reach is a point.
func (k *Killer) reach() {
	if k.armed.Load() && k.count.Add(1) == k.at {
		k.die()
	}
}

func (k *Killer) die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until it arrives
}
