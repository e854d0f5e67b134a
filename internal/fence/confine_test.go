package fence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ekyc/internal/document/ocr/tesseract"
	"ekyc/internal/models"
)

// allowedVariable names the directory that a confined child of the tests may read.
const allowedVariable = "FENCE_TEST_ALLOWED"

func readableDirectories() []string {
	return []string{os.Getenv(allowedVariable), models.DefaultDir()}
}

// deathSignal is the signal that this process gets when its parent dies. It belongs to the first thread, on which variables are initialised.
var deathSignal = func() int {
	var signal int32 // prctl writes it
	if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0); errno != 0 {
		return -1
	}
	return int(signal)
}()

// trespass tries what a child that was taken over would. It says "done" or why not.
func trespass(said string) string {
	what, on, _ := strings.Cut(said, " ")
	pid, _ := strconv.Atoi(on)
	var err error
	switch what {
	case "read":
		_, err = os.ReadFile(on)
	case "list":
		_, err = os.ReadDir(on)
	case "write":
		err = os.WriteFile(on, []byte("x"), 0o600)
	case "remove":
		err = os.Remove(on)
	case "dial":
		_, err = net.Dial("tcp", on)
	case "datagram":
		_, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	case "local":
		_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	case "run":
		err = exec.Command(on).Run()
	case "become":
		err = syscall.Exec(on, []string{on}, nil)
	case "signal":
		err = syscall.Kill(pid, 0)
	case "trace":
		err = syscall.PtraceAttach(pid)
	case "limit":
		err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &unix.Rlimit{})
	case "script": // data that is opened late
		var reader *tesseract.Reader
		if reader, err = tesseract.Open("", tesseract.Script(on)); err == nil {
			reader.Close()
		}
	case "threads": // each has what the process has
		return onThreads(func() error { _, err := os.ReadFile(on); return err })
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

// onThreads does the same on many threads at once and joins what came of it.
func onThreads(do func() error) string {
	var group sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]bool{}
	var status unix.Stat_t
	for range 32 {
		group.Go(func() {
			unix.Stat("/", &status) // a blocking call makes threads
			time.Sleep(time.Millisecond)
			text := fmt.Sprint(do())
			mu.Lock()
			defer mu.Unlock()
			outcomes[text] = true
		})
	}
	group.Wait()
	var all []string
	for outcome := range outcomes {
		all = append(all, outcome)
	}
	return strings.Join(all, "; ")
}

// TestAConfinedChildReachesNothing: the tests' user is often root, so that every refusal is the fence's and not the file system's.
func TestAConfinedChildReachesNothing(t *testing.T) {
	t.Parallel()
	allowed, secrets := t.TempDir(), t.TempDir()
	secret, model := filepath.Join(secrets, "root.key"), filepath.Join(allowed, "model")
	err := errors.Join(os.WriteFile(secret, nil, 0o600), os.WriteFile(filepath.Join(secrets, "linked"), nil, 0o600), os.WriteFile(model, nil, 0o600),
		os.Symlink(filepath.Join(secrets, "linked"), filepath.Join(allowed, "link")))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p, log := setup(t, Options{Children: 1, Env: []string{roleVariable + "=confined", allowedVariable + "=" + allowed}})
	self, program := strconv.Itoa(os.Getpid()), p.options.Command[0]
	for what, want := range map[string]string{
		"read " + model: "done", "list " + allowed: "done", "read " + filepath.Join(allowed, "link"): "done", "read /proc/self/status": "done",
		"write /dev/null": "done", "list /usr/lib": "done",
		"script Cyrl": "done", "script Arab": "done",
		"read " + secret: "denied", "threads " + secret: "denied", "list " + secrets: "denied", "write " + filepath.Join(secrets, "new"): "denied",
		"write " + model: "denied", "write " + filepath.Join(allowed, "new"): "denied", "remove " + model: "denied",
		"read /etc/passwd": "denied", "read /proc/" + self + "/environ": "denied", "read /proc/" + self + "/cmdline": "denied",
		"dial " + listener.Addr().String(): "not permitted", "datagram": "not permitted", "local": "not permitted",
		"run /bin/true": "denied", "become /bin/true": "denied", "become " + program: "not permitted", // which was allowed for the second life
		"signal " + self: "not permitted", "trace " + self: "not permitted", "limit " + self: "not permitted",
	} {
		s, err := p.Enrol(t.Context(), []byte("trespass "+what))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got := s.Embedding.Model
		if got != want && (want == "done" || !strings.Contains(got, "denied") && !strings.Contains(got, "not permitted")) || strings.Contains(got, "<nil>") {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	if !strings.Contains(log.String(), "landlock") || !strings.Contains(log.String(), "seccomp") {
		t.Errorf("the log does not say what confines the children: %s", log)
	}
}

// TestTheSecondLifeIsStillAChild: the new beginning keeps the limits, the environment and the connection, and the pool's grip.
func TestTheSecondLifeIsStillAChild(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1, Timeout: 5 * time.Second, MaxWait: time.Minute, Env: []string{roleVariable + "=confined"}})
	s, err := p.Enrol(t.Context(), []byte("environment"))
	if err != nil || strings.Contains(s.Embedding.Model, secretVariable) {
		t.Errorf("the environment: %v", err)
	}
	if _, err := p.Enrol(t.Context(), []byte("hang")); err == nil {
		t.Error("work that does not end was answered")
	}
	s, err = p.Enrol(t.Context(), []byte("death"))
	if err != nil || s.Embedding.Model != strconv.Itoa(int(syscall.SIGKILL)) {
		t.Errorf("the signal at which it dies with its parent: %+v, %v", s, err)
	}
	s, err = p.Enrol(t.Context(), []byte("limits"))
	if want := fmt.Sprint(0, " ", 2*250<<20+1<<30); err != nil || s.Embedding.Model != want {
		t.Errorf("limits on core dumps and data: %+v, %v", s, err)
	}
}

func TestSecretsAreGuarded(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), roleVariable+"=guarded")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// playGuarded guards itself and still starts children, watches their memory, and reads what is its own.
func playGuarded() error {
	if err := GuardSecrets(); err != nil {
		return err
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var core unix.Rlimit
	if err := errors.Join(err, unix.Getrlimit(unix.RLIMIT_CORE, &core)); err != nil {
		return err
	}
	if dumpable != 0 || core.Max != 0 {
		return fmt.Errorf("dumpable %d, core dumps of %d bytes", dumpable, core.Max)
	}
	p, err := Start(context.Background(), faultyOptions(Options{Children: 1}))
	if err != nil {
		return err
	}
	defer p.Close()
	s, err := p.Enrol(context.Background(), []byte("hello"))
	if err != nil {
		return err
	}
	if pid, _ := strconv.Atoi(pidOf(s)); residentBytes(pid) == 0 {
		return errors.New("the memory of a child cannot be seen")
	}
	_, err = os.ReadDir("/proc/self/fd")
	return err
}
