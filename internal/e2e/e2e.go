// Package e2e starts the real program for tests and for measuring: the binary as it is shipped, its processes, signed clients, receivers
// of webhooks, and the photographs of a sample person.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ekyc/internal/daemontest"
	"ekyc/internal/logtest"
)

var (
	building sync.Once
	binary   string
	builtIn  string // the directory to be removed; "" for a binary that was there
	buildErr error
)

// Binary gives the path of the program: EKYC_TEST_BINARY, or one that is built once for each test program.
func Binary(t testing.TB) string {
	t.Helper()
	building.Do(func() {
		if built := os.Getenv("EKYC_TEST_BINARY"); built != "" {
			binary = built
			_, buildErr = os.Stat(built) // and so a result of these tests is not taken from the cache for another binary
			return
		}
		directory, err := os.MkdirTemp("", "ekyc-e2e-")
		if err != nil {
			buildErr = err
			return
		}
		binary, builtIn = filepath.Join(directory, "ekyc"), directory
		out, err := exec.Command("go", "build", "-o", binary, "ekyc/cmd/ekyc").CombinedOutput()
		if err != nil {
			buildErr = fmt.Errorf("build the program: %w\n%s", err, out)
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return binary
}

// CleanUp removes the built program; TestMain calls it at the end.
func CleanUp() {
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
}

// Directory gives a directory that the database's user can pass through, and removes it with the test.
func Directory(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "ekyc-e2e-data-") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// Process is a running process of the program.
type Process struct {
	t       testing.TB
	name    string
	command *exec.Cmd
	output  *logtest.Buffer
	exited  chan struct{}
	err     error
}

// Start starts the program with a command line, and stops it with the test. Environment is added to the test's own.
func Start(t testing.TB, environment []string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, name: args[0], command: exec.Command(Binary(t), args...), output: &logtest.Buffer{}, exited: make(chan struct{})}
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the death signal belongs to the thread
		started <- p.command.Start()
		if p.command.Process != nil {
			p.err = p.command.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.name, tail(p.Output(), 60))
		}
	})
	return p
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Output is everything that the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// PID is the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	p.command.Process.Kill()
	<-p.exited
}

// Stop ends the process as an operator would, and gives its exit error. Called again, it does nothing.
func (p *Process) Stop() error {
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(2 * time.Minute):
		p.t.Errorf("%s did not stop within two minutes", p.name)
		p.Kill()
	}
	return p.err
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Up is a running `ekyc up` with what its bootstrap file says.
type Up struct {
	*Process
	DataDir          string
	BaseURL          string `json:"base_url"`
	KeyID            string `json:"key_id"`
	Secret           string `json:"secret"`
	AdminURL         string `json:"admin_url"`
	WebhookSecret    string `json:"webhook_secret"`
	Operator         string `json:"operator"`
	OperatorPassword string `json:"operator_password"`
	MetricsURL       string `json:"metrics_url"`
}

// anyPort are the flags of addresses that do not collide.
var anyPort = []string{"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"}

// startTimeout is generous: the machine of a test run may be busy with other packages.
const startTimeout = 4 * time.Minute

// StartUp starts `ekyc up` on a data directory ("" for a fresh one) and waits until everything answers.
func StartUp(t testing.TB, dataDir string, args ...string) *Up {
	t.Helper()
	if dataDir == "" {
		dataDir = Directory(t)
	}
	file := filepath.Join(t.TempDir(), fmt.Sprintf("up-%d.json", time.Now().UnixNano()))
	line := append([]string{"up", "--data-dir", dataDir, "--bootstrap-file", file, "--no-mx-lookups"}, anyPort...)
	u := &Up{DataDir: dataDir, Process: Start(t, nil, append(line, args...)...)}
	u.await(file)
	return u
}

func (u *Up) await(file string) {
	u.t.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		if body, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(body, u); err != nil {
				u.t.Fatal(err)
			}
			return
		}
		select {
		case <-u.exited:
			u.t.Fatalf("up ended: %v\n%s", u.err, tail(u.Output(), 40))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			u.t.Fatalf("up is not ready\n%s", tail(u.Output(), 40))
		}
	}
}

// DatabaseURL is how further processes reach the private database of `ekyc up`.
func (u *Up) DatabaseURL() string {
	return fmt.Sprintf("host=%s port=5432 user=ekyc_login dbname=ekyc sslmode=disable", filepath.Join(u.DataDir, "postgres", "socket"))
}

// Client signs with the demo key.
func (u *Up) Client() *Client { return &Client{BaseURL: u.BaseURL, KeyID: u.KeyID, Secret: u.Secret} }

// StartServe starts `ekyc serve` beside a running up, on its database, and gives a client of it.
func (u *Up) StartServe(t testing.TB, args ...string) (*Process, *Client) {
	t.Helper()
	address := daemontest.FreeAddress(t)
	line := []string{"serve", "--data-dir", u.DataDir, "--listen", address, "--admin-listen", "", "--metrics-listen", "", "--no-mx-lookups"}
	p := Start(t, []string{"EKYC_DATABASE_URL=" + u.DatabaseURL()}, append(line, args...)...)
	c := &Client{BaseURL: "http://" + address, KeyID: u.KeyID, Secret: u.Secret}
	WaitReady(t, p, c.BaseURL)
	return p, c
}

// StartWorker starts `ekyc worker` beside a running up, on its database.
func (u *Up) StartWorker(t testing.TB, args ...string) *Process {
	t.Helper()
	line := []string{"worker", "--data-dir", u.DataDir, "--metrics-listen", "", "--webhook-allow", "127.0.0.0/8", "--no-mx-lookups"}
	return Start(t, []string{"EKYC_DATABASE_URL=" + u.DatabaseURL()}, append(line, args...)...)
}

var (
	drawing  sync.Once
	pictures [2][]byte
	drawErr  error
)

// Person gives the two photographs of the sample person: live and front of the document, which is a specimen.
func Person(t testing.TB) (selfie, front []byte) {
	t.Helper()
	drawing.Do(func() {
		directory, err := os.MkdirTemp("", "ekyc-person-")
		if err != nil {
			drawErr = err
			return
		}
		defer os.RemoveAll(directory)
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if out, err := exec.CommandContext(ctx, Binary(t), "specimen", "demo", "--out", directory, "--force").CombinedOutput(); err != nil {
			drawErr = fmt.Errorf("draw the sample person: %w\n%s", err, out)
			return
		}
		for i, name := range []string{"selfie.jpg", "front.jpg"} {
			if pictures[i], err = os.ReadFile(filepath.Join(directory, name)); err != nil {
				drawErr = err
			}
		}
	})
	if drawErr != nil {
		t.Fatal(drawErr)
	}
	return pictures[0], pictures[1]
}
