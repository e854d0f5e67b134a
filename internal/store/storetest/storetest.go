// Package storetest gives every test a database of its own on a real PostgreSQL: the one of EKYC_TEST_DATABASE_URL, or a private
// server that is started once for each test program.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/store"
)

// Server is a running server with a template database that holds the migrated tables.
type Server struct {
	private   *store.Private
	directory string
	admin     string // URL of the database postgres
	urlOf     func(database string) string
	template  string
	migrated  sync.Once
	list      []store.Migrations
	err       error
	count     atomic.Int64
}

// Main starts the server, runs the tests and removes it. TestMain of a package calls it with the migrations that its tests need:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, tenant.Migrations)) }
func Main(m *testing.M, server **Server, list ...store.Migrations) int {
	s, err := Start(list...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		return 1
	}
	defer s.Close()
	*server = s
	return m.Run()
}

// Start starts the server. The caller closes it.
func Start(list ...store.Migrations) (*Server, error) {
	directory, err := os.MkdirTemp("", "ekyc-pg-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(directory, 0o755); err != nil { // the server's user passes through
		return nil, err
	}
	logger := slog.New(slog.DiscardHandler)
	if os.Getenv("EKYC_TEST_LOG") != "" {
		logger = slog.Default()
	}
	p, err := store.StartPrivate(context.Background(), directory+"/db", logger)
	if err != nil {
		os.RemoveAll(directory)
		return nil, err
	}
	return &Server{private: p, directory: directory, admin: p.URLOf("postgres"), urlOf: p.URLOf, template: "template_ekyc", list: list}, nil
}

// Close stops the server and removes its files.
func (s *Server) Close() {
	s.private.Close()
	os.RemoveAll(s.directory)
}

// StartPrivate starts a server on a directory, also again after its kill: what is left of one that was killed is given the time to go.
func StartPrivate(t testing.TB, directory string) *store.Private {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		p, err := store.StartPrivate(context.Background(), directory, slog.New(slog.DiscardHandler))
		if err == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("start the server: %v", err)
		}
	}
}

// Private is the server itself, for tests that kill it.
func (s *Server) Private() *store.Private { return s.private }

// URL makes a fresh database with the migrated tables and gives its URL; it is dropped when the test ends.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	s.migrated.Do(func() { s.err = s.makeTemplate(ctx) })
	if s.err != nil {
		t.Fatalf("migrate the template: %v", s.err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), s.count.Add(1))
	s.admit(t, "create database "+name+" template "+s.template)
	t.Cleanup(func() { s.admit(t, "drop database if exists "+name+" with (force)") })
	return s.urlOf(name)
}

// Empty makes a fresh database without any tables and gives its URL; it is dropped when the test ends.
func (s *Server) Empty(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("empty_%d_%d", os.Getpid(), s.count.Add(1))
	s.admit(t, "create database "+name)
	t.Cleanup(func() { s.admit(t, "drop database if exists "+name+" with (force)") })
	return s.urlOf(name)
}

// Open is URL with a pool on it.
func (s *Server) Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), s.URL(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// Owner connects to a database made by URL as its login, who may do everything; for looking at tables as an attacker of the disk would.
func Owner(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func (s *Server) makeTemplate(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create database "+s.template); err != nil {
		return err
	}
	return store.Migrate(ctx, s.urlOf(s.template), s.list...)
}

// copying lets one copy of the template be made at a time: PostgreSQL refuses a second that begins in the middle of one.
var copying sync.Mutex

// admit runs one statement on the server. A copy can still meet a connection of the template that is about to end, so it is tried again.
func (s *Server) admit(t testing.TB, statement string) {
	t.Helper()
	copying.Lock()
	defer copying.Unlock()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if _, err = conn.Exec(ctx, statement); err == nil {
			return
		}
		if !strings.Contains(err.Error(), "being accessed by other users") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: %v", statement, err)
}

// Read gives how many rows and entries of indexes all sessions but the owner's have read of a table of the service. Sessions count when they end, so it waits for
// that: the test has closed its own.
func Read(t testing.TB, owner *pgx.Conn, table string) (n int) {
	t.Helper()
	for others, deadline := 1, time.Now().Add(time.Minute); others > 0; time.Sleep(10 * time.Millisecond) {
		if err := owner.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`).Scan(&others); err != nil {
			t.Fatal(err)
		}
		if others > 0 && time.Now().After(deadline) {
			t.Fatalf("%d sessions do not end", others)
		}
	}
	err := owner.QueryRow(t.Context(), `select (select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) from pg_stat_user_tables where schemaname = 'ekyc' and relname = $1)
		+ (select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where schemaname = 'ekyc' and relname = $1)`, table).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
