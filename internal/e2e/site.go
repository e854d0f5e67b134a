package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/daemontest"
	"ekyc/internal/store"
)

// Site is a deployment of separate processes: a PostgreSQL that a test can stop, kill and start again, a root key, an operator, and any
// number of serve and worker processes.
type Site struct {
	DataDir  string
	Email    string // of the operator
	Password string
	Also     []string // more of the environment of its processes, as NAME=value
	database *store.Private
}

// StartSite starts the database and makes what must be there before the first process: the root key and the operator.
func StartSite(t testing.TB) *Site {
	t.Helper()
	s := &Site{DataDir: Directory(t), Email: "operator@example.com"}
	s.StartDatabase(t)
	t.Cleanup(func() { s.database.Close() })
	s.command(t, "admin", "root-key", "--data-dir", s.DataDir)
	s.Password = s.command(t, "admin", "operator", s.Email, "--data-dir", s.DataDir, "--database-url", s.DatabaseURL())
	return s
}

// command runs a command of the program to its end and gives what it printed.
func (s *Site) command(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(Binary(t), args...).Output()
	if err != nil {
		t.Fatalf("ekyc %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// DatabaseURL is how processes reach the database, which stays the same when it is started again.
func (s *Site) DatabaseURL() string { return s.database.URL() }

// StartDatabase starts the database again on its files. What is left of one that was killed is given the time to go.
func (s *Site) StartDatabase(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; {
		database, err := store.StartPrivate(context.Background(), filepath.Join(s.DataDir, "postgres"), slog.New(slog.DiscardHandler))
		if err == nil {
			s.database = database
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("start the database: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// StopDatabase stops the database as an operator would.
func (s *Site) StopDatabase(t testing.TB) {
	t.Helper()
	if err := s.database.Close(); err != nil { // it had much to write down, and was ended
		t.Log(err)
		<-s.database.Exited()
	}
}

// CreateDatabase makes another database on the same server, an empty one.
func (s *Site) CreateDatabase(t testing.TB, name string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		t.Fatal(err)
	}
}

// KillDatabase ends the database's first process at once, as the kernel does for want of memory.
func (s *Site) KillDatabase(t testing.TB) {
	t.Helper()
	if err := syscall.Kill(s.database.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.database.Exited()
}

// Server is a running `ekyc serve`.
type Server struct {
	*Process
	BaseURL, AdminURL, MetricsURL string
}

// StartServe starts a process that answers requests, and waits until it does. Webhooks may be sent to loopback.
func (s *Site) StartServe(t testing.TB, args ...string) *Server {
	t.Helper()
	server := s.BeginServe(t, args...)
	WaitReady(t, server.Process, server.BaseURL)
	return server
}

// BeginServe is StartServe without the wait.
func (s *Site) BeginServe(t testing.TB, args ...string) *Server {
	t.Helper()
	client, admin, metrics := daemontest.FreeAddress(t), daemontest.FreeAddress(t), daemontest.FreeAddress(t)
	line := []string{"serve", "--data-dir", s.DataDir, "--listen", client, "--admin-listen", admin, "--metrics-listen", metrics, "--webhook-allow", "127.0.0.0/8", "--no-mx-lookups"}
	p := Start(t, s.environment(), append(line, args...)...)
	return &Server{Process: p, BaseURL: "http://" + client, AdminURL: "http://" + admin, MetricsURL: "http://" + metrics + "/metrics"}
}

// StartWorker starts a process that works on jobs and delivers webhooks, also to loopback.
func (s *Site) StartWorker(t testing.TB, args ...string) *Process {
	t.Helper()
	line := []string{"worker", "--data-dir", s.DataDir, "--metrics-listen", "", "--webhook-allow", "127.0.0.0/8", "--no-mx-lookups"}
	return Start(t, s.environment(), append(line, args...)...)
}

func (s *Site) environment() []string {
	return append([]string{"EKYC_DATABASE_URL=" + s.DatabaseURL()}, s.Also...)
}

// Login opens a session at a server's platform API.
func (s *Site) Login(t testing.TB, at *Server) *Operator {
	t.Helper()
	return (&Up{AdminURL: at.AdminURL, Operator: s.Email, OperatorPassword: s.Password}).Login(t)
}

// Children are the processes that a process has started and that live.
func (p *Process) Children(t testing.TB) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var children []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		content, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): the name stands in parentheses and may hold anything; state and parent follow the last one.
		_, rest, _ := strings.Cut(string(content[bytes.LastIndexByte(content, ')'):]), " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && parent == p.PID() && state != "Z" {
			children = append(children, pid)
		}
	}
	return children
}

// Resident is the memory in bytes that a process and its children hold.
func (p *Process) Resident(t testing.TB) int64 {
	t.Helper()
	sum := ResidentOf(p.PID())
	for _, pid := range p.Children(t) {
		sum += ResidentOf(pid)
	}
	return sum
}

// ResidentOf is the memory in bytes that a process holds; 0 for one that is gone.
func ResidentOf(pid int) int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var total, resident int64
	if _, err := fmt.Sscan(string(content), &total, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
