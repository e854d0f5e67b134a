package fence

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ekyc/internal/engine"
)

// death is why the parent ended a child.
type death string

const (
	deathTimeout death = "out of time"
	deathMemory  death = "out of memory"
	deathStray   death = "did not stop when nobody waited any more"
	deathGarbage death = "broke the protocol"
	deathClosing death = "the pool was closed"
)

// child is the parent's handle on one child process.
type child struct {
	pid       int
	command   *exec.Cmd
	conn      net.Conn
	stderr    *lines
	inventory *engine.Inventory
	confined  string // by what, as it says before it has seen anything hostile

	writing sync.Mutex
	asking  sync.Mutex // held by who waits for an answer

	ended  atomic.Pointer[death] // nil when it was not the parent who ended it
	gone   chan struct{}         // closed when the process is no more
	status string                // how it ended; this and killed are set before gone is closed
	killed bool                  // it ended by SIGKILL
}

// forker starts processes from one thread that lives as long as it does: Linux kills a child whose parent-death signal is set when
// the thread that started it ends, and Go ends threads when it likes.
type forker struct{ orders chan forkOrder }

type forkOrder struct {
	command *exec.Cmd
	done    chan error
}

func newForker() *forker {
	f := &forker{make(chan forkOrder)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for order := range f.orders {
			order.done <- order.command.Start()
		}
	}()
	return f
}

func (f *forker) start(c *exec.Cmd) error {
	order := forkOrder{c, make(chan error, 1)}
	f.orders <- order
	return <-order.done
}

// stop ends the thread. All children must be dead.
func (f *forker) stop() { close(f.orders) }

// inherited are the variables of the service that a child gets: where files are, and how the runtime is set up. All others, secrets among
// them, stay out of a process that reads hostile input.
var inherited = []string{
	"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "TESSDATA_PREFIX",
	"EKYC_MODELS_DIR", "EKYC_PROFILE", "GOMEMLIMIT", "GOGC", "GOMAXPROCS", "GODEBUG", "GOTRACEBACK",
}

func environment(extra []string) []string {
	var env []string
	for _, name := range inherited {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return append(env, extra...)
}

// fork starts a process with one end of a socket pair and gives the other.
func fork(f *forker, o Options) (*child, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	read, write, err := os.Pipe()
	if err != nil {
		near.Close()
		return nil, fmt.Errorf("pipe for standard error: %w", err)
	}
	defer write.Close()
	command := exec.Command(o.Command[0], o.Command[1:]...)
	command.Env = environment(o.Env)
	command.Stdout, command.Stderr = write, write
	command.ExtraFiles = []*os.File{far}
	// A group of its own: an interrupt from the terminal is for the service, which lets requests end.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := f.start(command); err != nil {
		near.Close()
		read.Close()
		return nil, fmt.Errorf("start of %s: %w", o.Command[0], err)
	}
	c := &child{pid: command.Process.Pid, command: command, conn: near, gone: make(chan struct{})}
	c.stderr = newLines(o.Logger, c.pid)
	go c.reap(read)
	return c, nil
}

// reap waits for the end of the process and of what it said.
func (c *child) reap(stderr *os.File) {
	said := make(chan struct{})
	go func() { c.stderr.copy(stderr); close(said) }()
	err := c.command.Wait()
	stderr.SetReadDeadline(time.Now().Add(time.Second)) // what it said is there already; another process could hold the other end
	<-said
	c.status = "exit status 0"
	if err != nil {
		c.status = err.Error()
	}
	if state, ok := c.command.ProcessState.Sys().(syscall.WaitStatus); ok {
		c.killed = state.Signaled() && state.Signal() == syscall.SIGKILL
	}
	close(c.gone)
}

// release lets go of the connection of a process that is gone, once all that it had said is read. It waits for one that lives; when
// the pool is closed, no longer than lastWait.
func (c *child) release(closed <-chan struct{}) {
	select {
	case <-c.gone:
	case <-closed:
		c.wait(lastWait)
	}
	c.asking.Lock()
	defer c.asking.Unlock()
	c.conn.Close()
}

// socketPair gives two connected stream sockets, of which only the far one is handed on.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "engine"), os.NewFile(uintptr(fds[1]), "parent")
	defer near.Close()
	conn, err := net.FileConn(near)
	if err != nil {
		far.Close()
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	return conn, far, nil
}

// greet tells a new child its limits and waits until its models are loaded.
func (c *child) greet(o Options) error {
	if err := c.conn.SetDeadline(time.Now().Add(o.StartTimeout)); err != nil {
		return fmt.Errorf("deadline of the start: %w", err)
	}
	welcome := &frame{header: header{Kind: kindWelcome, Body: fmt.Appendf(nil, `{"memory":%d}`, o.MemoryLimit)}}
	if err := welcome.writeTo(c.conn, toChild); err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	f, err := readFrame(c.conn, toParent)
	switch {
	case err != nil:
		return fmt.Errorf("the engine did not start: %w", err)
	case f.Kind != kindReady:
		return fmt.Errorf("%w: %q where the engine was to be ready", errFrame, f.Kind)
	case f.Fault != nil:
		return f.Fault.fromWire()
	}
	inventory, err := body[engine.Inventory](f)
	if err != nil {
		return err
	}
	c.inventory, c.confined = &inventory, printable(f.Confined, mostText)
	return c.conn.SetDeadline(time.Time{})
}

// exchange sends a request and reads the answer to it.
func (c *child) exchange(f *frame) (*frame, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.stderr.refill()
	if err := c.write(f); err != nil {
		return nil, err
	}
	reply, err := readFrame(c.conn, toParent)
	if err != nil {
		return nil, err
	}
	if reply.Kind != kindReply || reply.ID != f.ID {
		return nil, fmt.Errorf("%w: %q out of turn", errFrame, reply.Kind)
	}
	return reply, nil
}

func (c *child) write(f *frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return f.writeTo(c.conn, toChild)
}

// cancel asks the child to stop a request, and takes at most as long as the work has to stop.
func (c *child) cancel(id uint64) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(grace)); err != nil {
		return err
	}
	return errors.Join(c.write(&frame{header: header{Kind: kindCancel, ID: id}}), c.conn.SetWriteDeadline(time.Time{}))
}

// kill ends the process, and the wait for its answer. The first reason is kept.
func (c *child) kill(why death) {
	if !c.isGone() {
		c.ended.CompareAndSwap(nil, &why)
		c.command.Process.Kill() // fails only when the process has ended
		// The socket stays open for as long as anything holds its other end: a process in uninterruptible sleep, or one that it started.
		c.conn.SetDeadline(time.Now()) // fails only when it is closed
	}
}

// wait waits for the end of a process for so long.
func (c *child) wait(atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
	}
}

func (c *child) isGone() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// byParent is why the parent ended the process; "" when it died by itself, even if the parent meant to end it then.
func (c *child) byParent() death {
	why := c.ended.Load()
	if why == nil || c.isGone() && !c.killed {
		return ""
	}
	return *why
}

// epitaph says why the process ended.
func (c *child) epitaph() string {
	switch why := c.byParent(); {
	case why != "":
		return string(why)
	case c.isGone():
		return c.status
	}
	return "it does not end"
}

// residentBytes is the memory of a process that is really there, 0 for one that is gone.
func residentBytes(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var total, resident int64
	if _, err := fmt.Sscan(strings.TrimSpace(string(data)), &total, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
