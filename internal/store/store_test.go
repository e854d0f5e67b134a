package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

// A table as every package makes them.
const thingTable = `-- +goose Up
create table thing (tenant_id text not null, environment text not null, name text not null, primary key (tenant_id, environment, name));
grant select, insert, update, delete on thing to ekyc_service;
grant select on thing to ekyc_system;
select ekyc.protect('thing');
`

var things = store.Migrations{Package: "thing", Files: fstest.MapFS{"001_thing.sql": {Data: []byte(thingTable)}}}

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, things)) }

func scope(environment ekyc.Environment) ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: environment}
}

func insert(db *store.DB, s, as ekyc.Scope) error {
	return db.InTenant(context.Background(), s, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into thing values ($1, $2, 'a')", as.Tenant, as.Environment)
		return err
	})
}

func count(t *testing.T, run func(context.Context, func(context.Context, pgx.Tx) error) error) (n int) {
	t.Helper()
	err := run(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select count(*) from thing").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func in(db *store.DB, s ekyc.Scope) func(context.Context, func(context.Context, pgx.Tx) error) error {
	return func(ctx context.Context, f func(context.Context, pgx.Tx) error) error { return db.InTenant(ctx, s, f) }
}

func TestATransactionSeesItsScopeOnly(t *testing.T) {
	t.Parallel()
	db := server.Open(t)
	mine, theirs := scope(ekyc.Live), scope(ekyc.Live)
	sandbox := ekyc.Scope{Tenant: mine.Tenant, Environment: ekyc.Test}
	if err := insert(db, mine, mine); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]ekyc.Scope{"another tenant": theirs, "the other environment": sandbox} {
		if n := count(t, in(db, s)); n != 0 {
			t.Errorf("%s sees %d rows", name, n)
		}
		if err := insert(db, s, mine); code(err) != "42501" {
			t.Errorf("%s inserts into the scope: %v", name, err)
		}
	}
	if n := count(t, in(db, mine)); n != 1 {
		t.Errorf("the scope sees %d rows of its own", n)
	}
	if n := count(t, db.AsSystem); n != 1 {
		t.Errorf("the system role sees %d rows", n)
	}
	var n int
	if err := db.ServicePool().QueryRow(t.Context(), "select count(*) from thing").Scan(&n); err != nil || n != 0 {
		t.Errorf("outside of a transaction the service sees %d rows, %v", n, err)
	}
	if err := db.InTenant(t.Context(), ekyc.Scope{Tenant: "tnt_'", Environment: ekyc.Live}, nil); ekyc.CodeOf(err) != ekyc.ErrInternal {
		t.Errorf("a malformed scope: %v", err)
	}
}

func code(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code
	}
	return ""
}

func TestTheScopeEndsWithTheTransaction(t *testing.T) {
	t.Parallel()
	url := server.URL(t)
	db, err := store.Open(t.Context(), url, store.Options{ServiceConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mine := scope(ekyc.Live)
	if err := insert(db, mine, mine); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.ServicePool().QueryRow(t.Context(), "select count(*) from thing").Scan(&n); err != nil || n != 0 {
		t.Errorf("the same connection later sees %d rows, %v", n, err)
	}
}

func TestRolesMayNotMakeTablesOrLeaveTheirRole(t *testing.T) {
	t.Parallel()
	db := server.Open(t)
	for name, pool := range map[string]interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	}{"service": db.ServicePool(), "system": db.SystemPool()} {
		for _, statement := range []string{"create table ekyc.x ()", "alter table ekyc.thing disable row level security", "drop table ekyc.thing"} {
			if _, err := pool.Exec(t.Context(), statement); code(err) != "42501" {
				t.Errorf("%s: %s: %v", name, statement, err)
			}
		}
	}
}

func TestAFailedTransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	db := server.Open(t)
	mine := scope(ekyc.Test)
	want := errors.New("no")
	err := db.InTenant(t.Context(), mine, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into thing values ($1, $2, 'a')", mine.Tenant, mine.Environment); err != nil {
			return err
		}
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
	if n := count(t, in(db, mine)); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestDeadlocksAreRunAgain(t *testing.T) {
	t.Parallel()
	db := server.Open(t)
	s := scope(ekyc.Live)
	for _, name := range []string{"a", "b"} {
		err := db.InTenant(t.Context(), s, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "insert into thing values ($1, $2, $3)", s.Tenant, s.Environment, name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lock := func(first, second string) error {
		return db.InTenant(t.Context(), s, func(ctx context.Context, tx pgx.Tx) error {
			for _, name := range []string{first, second} {
				if _, err := tx.Exec(ctx, "select from thing where name = $1 for update", name); err != nil {
					return err
				}
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
	}
	results := make(chan error, 2)
	go func() { results <- lock("a", "b") }()
	go func() { results <- lock("b", "a") }()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestPrivateServerSurvivesKill(t *testing.T) {
	t.Parallel()
	directory, err := os.MkdirTemp("", "ekyc-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	os.Chmod(directory, 0o755)
	start := func() (*store.Private, *store.DB) {
		p := storetest.StartPrivate(t, directory+"/db")
		if err := store.Migrate(t.Context(), p.URL(), things); err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), p.URL(), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return p, db
	}
	p, db := start()
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
	if err == nil { // who runs as another user than the server may not see it
		for variable := range strings.SplitSeq(string(environment), "\x00") {
			name, _, _ := strings.Cut(variable, "=")
			if _, ours := os.LookupEnv(name); ours && !slices.Contains([]string{"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}, name) {
				t.Errorf("the server was given our %s", name)
			}
		}
	}
	s := scope(ekyc.Live)
	if err := insert(db, s, s); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Exited()
	if err := insert(db, s, s); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("without a server: %v", err)
	}
	db.Close()
	p, db = start()
	defer p.Close()
	defer db.Close()
	if n := count(t, in(db, s)); n != 1 {
		t.Errorf("%d rows outlived the kill", n)
	}
	info, err := os.Stat(directory + "/db")
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory's mode is %v, %v", info.Mode(), err)
	}
}

func TestOpenNeverTellsThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://u:s3cret@127.0.0.1:1/x", "postgres://u:s3cret@[::1/x", "host=/nowhere password=s3cret"} {
		_, err := store.Open(t.Context(), url, store.Options{})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
}
