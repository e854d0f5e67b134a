package contract

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
)

// One service for all tests of this package.
var (
	up       *e2e.Up
	operator *e2e.Operator
	traces   *collector
	checks   *checker

	temporary string // directory of the service's temporary files
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	s := &stage{}
	defer e2e.CleanUp()
	defer s.end()
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintln(os.Stderr, "contract:", p)
			code = 1
		}
	}()
	os.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200") // ms; of the export of traces
	traces = newCollector(s)
	temporary = s.TempDir()
	os.Chmod(temporary, 0o755) // the database of `ekyc up` runs as another user
	os.Setenv("TMPDIR", temporary)
	up = e2e.StartUp(s, "", "--rpm", "600000", "--trace-endpoint", traces.url, "--region-urls", "us1=https://us1.example.com,ap1=https://ap1.example.com")
	os.Unsetenv("TMPDIR")
	checks = newChecker(s, http.DefaultTransport)
	http.DefaultTransport = checks // every answer to every request of every test comes by here
	operator = up.Login(s)
	e2e.Person(s)
	if code = m.Run(); code == 0 {
		code = checks.conclude()
	}
	return code
}

// stage stands in for a test where the service is started for all of them.
type stage struct {
	testing.TB
	mutex    sync.Mutex
	cleanups []func()
	failed   bool
}

func (s *stage) Helper()                  {}
func (s *stage) Name() string             { return "TestMain" }
func (s *stage) Failed() bool             { return s.failed }
func (s *stage) Context() context.Context { return context.Background() }
func (s *stage) Logf(format string, a ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", a...)
}
func (s *stage) Errorf(format string, a ...any) { s.failed = true; s.Logf(format, a...) }
func (s *stage) Fatal(a ...any)                 { s.failed = true; panic(fmt.Sprint(a...)) }
func (s *stage) Fatalf(format string, a ...any) { s.failed = true; panic(fmt.Sprintf(format, a...)) }

func (s *stage) Cleanup(f func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) TempDir() string {
	d, err := os.MkdirTemp("", "ekyc-contract-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(d) })
	return d
}

func (s *stage) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

// customer is a tenant with a key in either environment.
type customer struct {
	id         string
	test, live *e2e.Client
}

func newCustomer(t testing.TB, plan string) customer {
	t.Helper()
	id, test := operator.NewKey(t, up.BaseURL, plan, "test", nil)
	return customer{id, test, operator.KeyOf(t, up.BaseURL, id, "live", nil)}
}

// want gives the answer's body, or fails the test when the status is another one.
func want[T any](t testing.TB, a e2e.Answer, status int) (out T) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("answered %d, not %d: %.600s", a.Status, status, a.Body)
	}
	if len(a.Body) > 0 {
		a.JSON(t, &out)
	}
	return out
}

type object = map[string]any

// refused fails the test when the answer is not an error with the code.
func refused(t testing.TB, what string, a e2e.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Code() != code {
		t.Errorf("%s: answered %d %s, not %d %s: %.400s", what, a.Status, a.Code(), status, code, a.Body)
	}
}

// database is a connection that sees every row of every tenant, as who holds the disk does.
func database(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), up.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(context.Background(), "set search_path to ekyc"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// number asks the database for one number.
func number(t testing.TB, conn *pgx.Conn, query string, args ...any) (n int64) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// files lists the encrypted files with their times of writing.
func files(t testing.TB) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	err := filepath.Walk(filepath.Join(up.DataDir, "files"), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			out[path] = info.ModTime()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually waits until a condition holds.
func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	pause := 20 * time.Millisecond
	for deadline := time.Now().Add(within); !holds(); pause = min(pause+pause/20, time.Second) { // see Fresh: the same can be asked some hundred times
		if time.Now().After(deadline) {
			t.Fatalf("within %s not seen: %s", within, what)
		}
		time.Sleep(pause)
	}
}

// patience bounds waiting for work that takes a second on an idle machine.
const patience = 3 * time.Minute
