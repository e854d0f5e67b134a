package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Private is a PostgreSQL server of this process alone: it listens on a socket in a directory that only its user can enter, lets in
// only that user and the one who started it, and ends with this process.
type Private struct {
	directory string // of data and socket
	owner     *user.User
	command   *exec.Cmd
	exited    chan error
	logger    *slog.Logger

	mutex    sync.Mutex // over command, which Keep replaces
	closing  context.Context
	close    context.CancelFunc
	keepers  sync.WaitGroup
	binaries string
}

const (
	ownerLogin    = "ekyc_login" // migrates
	serviceLogin  = "ekyc_app"   // answers and works; it may do what the roles of service and system may, and nothing else
	privatePort   = 5432         // part of the socket's name only
	readyTimeout  = 60 * time.Second
	stopTimeout   = 20 * time.Second
	socketMaximum = 107 // bytes of a socket's path (unix(7), sun_path)
)

// serverSettings suit one service on one machine. Commits stay durable.
var serverSettings = []string{
	"listen_addresses=", "max_connections=120", "shared_buffers=128MB", "max_wal_size=1GB", "wal_compression=on",
	"random_page_cost=1.1", "jit=off", "log_min_messages=warning", "log_statement=none", "log_min_error_statement=panic",
	"log_parameter_max_length=0", "log_parameter_max_length_on_error=0", "logging_collector=off", "autovacuum_naptime=10s",
}

// StartPrivate starts the server in a directory, which is made where it does not exist. As root it runs as the user postgres.
// Errors: ErrUnavailable when PostgreSQL is not installed or does not start.
func StartPrivate(ctx context.Context, directory string, logger *slog.Logger) (*Private, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	p := &Private{directory: directory, exited: make(chan error, 1), logger: logger}
	p.closing, p.close = context.WithCancel(context.WithoutCancel(ctx))
	if socket := filepath.Join(directory, "socket", ".s.PGSQL."+strconv.Itoa(privatePort)); len(socket) > socketMaximum {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the data directory's path is too long for a socket: %d bytes are over", len(socket)-socketMaximum)
	}
	if p.binaries, err = serverBinaries(); err != nil {
		return nil, err
	}
	if p.owner, err = serverUser(); err != nil {
		return nil, err
	}
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	if err := p.launch(ctx); err != nil {
		return nil, err
	}
	if err := p.await(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// serverBinaries finds the newest installed server of version 14 or later.
func serverBinaries() (string, error) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(candidates, func(a, b string) int { return versionOf(b) - versionOf(a) })
	for _, c := range candidates {
		if versionOf(c) >= 14 {
			return filepath.Dir(c), nil
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", ekyc.Errorf(ekyc.ErrUnavailable, "no PostgreSQL server is installed; install postgresql, or set EKYC_DATABASE_URL")
}

func versionOf(path string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return version
}

// serverUser is the user that the server runs as; PostgreSQL refuses to run as root.
func serverUser() (*user.User, error) {
	if os.Geteuid() != 0 {
		return user.Current()
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return u, nil
		}
	}
	return nil, ekyc.Errorf(ekyc.ErrUnavailable, "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

func (p *Private) data() string   { return filepath.Join(p.directory, "data") }
func (p *Private) socket() string { return filepath.Join(p.directory, "socket") }

// prepare makes the directories and, the first time, the cluster.
func (p *Private) prepare(ctx context.Context) error {
	uid, gid := p.ids()
	if err := os.MkdirAll(filepath.Dir(p.directory), 0o755); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	for _, d := range []string{p.directory, p.data(), p.socket()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("make the data directory: %w", err)
		}
		if err := os.Chown(d, uid, gid); err != nil {
			return fmt.Errorf("hand the data directory to its user: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(p.data(), "PG_VERSION")); err == nil {
		return p.configure()
	}
	init := p.as(exec.CommandContext(ctx, filepath.Join(p.binaries, "initdb"), "--pgdata="+p.data(), "--username="+ownerLogin,
		"--encoding=UTF8", "--locale=C.UTF-8", "--auth=peer", "--no-instructions"))
	if out, err := init.CombinedOutput(); err != nil {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the private database could not be made").Because(fmt.Errorf("initdb: %w: %s", err, out))
	}
	return p.configure()
}

// configure lets in the system users of this process and of the server, and nobody else: peer authentication, no passwords.
func (p *Private) configure() error {
	self, err := user.Current()
	if err != nil {
		return err
	}
	ident := ""
	for _, login := range []string{ownerLogin, serviceLogin} {
		ident += "ekyc " + self.Username + " " + login + "\n"
		if p.owner.Username != self.Username {
			ident += "ekyc " + p.owner.Username + " " + login + "\n"
		}
	}
	uid, gid := p.ids()
	for name, content := range map[string]string{"pg_hba.conf": "local all all peer map=ekyc\n", "pg_ident.conf": ident} {
		path := filepath.Join(p.data(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func (p *Private) ids() (uid, gid int) {
	uid, _ = strconv.Atoi(p.owner.Uid)
	gid, _ = strconv.Atoi(p.owner.Gid)
	return uid, gid
}

// as makes a command run as the server's user.
func (p *Private) as(c *exec.Cmd) *exec.Cmd {
	c.Dir = p.directory
	c.Env = environment()
	c.SysProcAttr = &syscall.SysProcAttr{}
	if uid, gid := p.ids(); uid != os.Geteuid() {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return c
}

// launch starts the server. The kernel interrupts it when this process ends in whatever way; that is bound to the thread that
// started it, so the thread is kept.
func (p *Private) launch(ctx context.Context) error {
	p.awaitPredecessor(ctx)
	args := []string{"-D", p.data(), "-k", p.socket(), "-c", "unix_socket_permissions=0700"}
	for _, s := range serverSettings {
		args = append(args, "-c", s)
	}
	command := p.as(exec.Command(filepath.Join(p.binaries, "postgres"), args...))
	command.SysProcAttr.Pdeathsig = syscall.SIGINT // fast shutdown
	command.SysProcAttr.Setpgid = true             // a terminal's interrupt is for us to pass on, after the work is done
	command.Stderr = &logWriter{logger: p.logger}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- command.Start()
		if command.Process != nil {
			p.exited <- command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the private database could not be started").Because(err)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.command = command
	return nil
}

// restartPause is between two tries to start a server that ended. What is left of a killed one is gone in less.
const restartPause = 200 * time.Millisecond

// Keep starts the server again when it ends by itself, as it does when the kernel kills it for want of memory, until Close. Exited tells
// nothing from here on.
func (p *Private) Keep() {
	p.keepers.Go(func() {
		for {
			select {
			case <-p.closing.Done():
				return
			case exit := <-p.exited:
				p.logger.Error("the private database ended and is started again", "error", exit)
			}
			for err := p.restart(); err != nil && p.closing.Err() == nil; err = p.restart() {
				p.logger.Error("the private database does not start and is tried again", "error", err)
				time.Sleep(restartPause)
			}
		}
	})
}

// restart starts a server that has ended. When it fails there is none.
func (p *Private) restart() error {
	err := p.launch(p.closing)
	if err != nil {
		return err
	}
	if err = p.await(p.closing); err != nil {
		p.process().Signal(syscall.SIGQUIT) // immediate shutdown
		exit := <-p.exited
		if p.closing.Err() != nil {
			p.exited <- exit // for Close
		}
	}
	return err
}

func (p *Private) process() *os.Process {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.command.Process
}

// awaitPredecessor waits for the server of a process that was killed: the kernel has told it to stop, and its lock file goes last.
func (p *Private) awaitPredecessor(ctx context.Context) {
	deadline := time.Now().Add(stopTimeout)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		content, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
		if err != nil {
			return
		}
		first, _, _ := strings.Cut(string(content), "\n")
		pid, err := strconv.Atoi(first)
		if err != nil || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return // stale: PostgreSQL finds that out by itself
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// await returns when the server answers.
func (p *Private) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, p.url("postgres", ownerLogin))
		if err == nil {
			_, err = conn.Exec(ctx, "select 1")
			conn.Close(ctx)
			if err == nil {
				return p.makeDatabase(ctx)
			}
		}
		select {
		case exit := <-p.exited:
			p.exited <- exit
			return ekyc.Errorf(ekyc.ErrUnavailable, "the private database ended at once; the log tells why").Because(exit)
		case <-ctx.Done():
			return ekyc.Errorf(ekyc.ErrUnavailable, "the private database did not get ready").Because(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *Private) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.url("postgres", ownerLogin))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, makeLogin); err != nil {
		return err
	}
	var exists bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = 'ekyc')").Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "create database ekyc")
	return err
}

// makeLogin makes the login of the service, a member of the two roles that own nothing.
const makeLogin = `do $$ begin
	if not exists (select from pg_roles where rolname = 'ekyc_service') then create role ekyc_service nologin; end if;
	if not exists (select from pg_roles where rolname = 'ekyc_system') then create role ekyc_system nologin; end if;
	if not exists (select from pg_roles where rolname = 'ekyc_app') then
		create role ekyc_app login;
		grant ekyc_service, ekyc_system to ekyc_app;
	end if;
end $$`

// URL is how the owner of the database reaches it: migrations, and tools that look after it.
func (p *Private) URL() string { return p.url("ekyc", ownerLogin) }

// ServiceURL is how the service reaches the database, as a login that owns nothing.
func (p *Private) ServiceURL() string { return p.url("ekyc", serviceLogin) }

// URLOf is how the owner reaches another database of the same server.
func (p *Private) URLOf(database string) string { return p.url(database, ownerLogin) }

func (p *Private) url(database, login string) string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable", p.socket(), privatePort, login, database)
}

// PID is the server's process.
func (p *Private) PID() int { return p.process().Pid }

// Exited gives the server's end, once.
func (p *Private) Exited() <-chan error { return p.exited }

// Close stops the server: it breaks off open transactions and writes everything down.
func (p *Private) Close() error {
	p.close()
	p.keepers.Wait()
	p.process().Signal(syscall.SIGINT)
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		p.process().Signal(syscall.SIGQUIT)
		return ekyc.Errorf(ekyc.ErrUnavailable, "the private database did not stop in time and was ended")
	}
}

// logWriter passes the server's lines on, with the level that the server gave them.
type logWriter struct{ logger *slog.Logger }

func (w *logWriter) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			w.logger.Log(context.Background(), serverLevel(line), "postgres", "line", line)
		}
	}
	return len(b), nil
}

func serverLevel(line string) slog.Level {
	switch {
	case strings.Contains(line, "the database system is starting up"), // await asks until it is not
		strings.Contains(line, "due to administrator command"): // we stopped it
		return slog.LevelDebug
	case strings.Contains(line, " FATAL: "), strings.Contains(line, " PANIC: "), strings.Contains(line, " ERROR: "):
		return slog.LevelError
	case strings.Contains(line, " WARNING: "):
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
