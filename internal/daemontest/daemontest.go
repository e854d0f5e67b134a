// Package daemontest runs a server for tests, which they may kill and start again.
package daemontest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is generous: the machine of a test run may be busy with other packages.
const startTimeout = 3 * time.Minute

// lowestPort is above what services are usually at.
const lowestPort = 12000

// given are the ports that this process has given to servers.
var given sync.Map

// FreeAddress gives a loopback address at which nobody listens, for a server of a test. The port is none of those that the kernel gives to outgoing connections and to whoever asks
// for any: on a busy machine one of these is another's before the server has it, and again while the server is killed.
func FreeAddress(t testing.TB) string {
	t.Helper()
	first, last := 32768, 60999
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		fmt.Sscan(string(text), &first, &last)
	}
	for range 1000 {
		port := lowestPort + rand.N(1<<16-lowestPort)
		if port >= first && port <= last {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		l.Close()
		if _, taken := given.LoadOrStore(port, true); !taken {
			return address
		}
	}
	t.Fatal("no port is free")
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
		}
		select {
		case <-d.exited: // whoever answers, it is another
		default:
			if err == nil {
				return d
			}
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(log)
		t.Fatalf("%s does not answer at %s: %v: %.2000s", command.Path, address, err, said)
	}
}

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (d *Daemon) Kill() {
	d.command.Process.Kill()
	<-d.exited
}
