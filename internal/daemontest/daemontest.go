// Package daemontest runs a server for tests, which they may kill and start again.
package daemontest

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// startTimeout is generous: the machine of a test run may be busy with other packages.
const startTimeout = 3 * time.Minute

// FreeAddress gives a loopback address for a server that is started later, or killed and started again. The system gives such ports to nobody who does not
// ask for them, so that no connection and no other listener takes it meanwhile.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const first, last = 10_000, 32_000 // below what Linux gives out by itself
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first)))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal(err)
	return ""
}

// Daemon is a running server.
type Daemon struct {
	command *exec.Cmd
	exited  chan struct{}
}

// Run starts a server and waits until it takes connections at the address. It writes to the file log, and dies with the test program.
func Run(t testing.TB, command *exec.Cmd, log, network, address string) *Daemon {
	t.Helper()
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	command.Stdout, command.Stderr = file, file
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	d, started := &Daemon{command, make(chan struct{})}, make(chan error)
	go func() {
		runtime.LockOSThread() // the death signal belongs to the thread
		started <- command.Start()
		if command.Process != nil {
			command.Wait()
		}
		close(d.exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", command.Path, err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial(network, address)
		if err == nil {
			conn.Close()
			return d
		}
		select {
		case <-d.exited:
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(log)
		t.Fatalf("%s does not answer: %.2000s", command.Path, said)
	}
}

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (d *Daemon) Kill() {
	d.command.Process.Kill()
	<-d.exited
}
