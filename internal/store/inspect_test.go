package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

func TestADatabaseIsInspected(t *testing.T) {
	t.Parallel()
	url := server.URL(t)
	more := store.Migrations{Package: "more", Files: fstest.MapFS{"00001_more.sql": {Data: []byte("-- +goose Up\nselect 1;\n")}}}
	newer := store.Migrations{Package: "thing", Files: fstest.MapFS{"002_thing.sql": {Data: []byte("-- +goose Up\nselect 1;\n")}}}
	i, err := store.Inspect(t.Context(), url, things)
	if err != nil || i.Number < 140000 || i.Version == "" || i.Standby || !i.Superuser || i.Hidden || len(i.Barred)+len(i.Behind)+len(i.Ahead) > 0 || i.Skew.Abs() > time.Second {
		t.Errorf("%+v, %v", i, err)
	}
	if i, err := store.Inspect(t.Context(), url, newer, more); err != nil || !slices.Equal(i.Behind, []string{"thing", "more"}) {
		t.Errorf("a newer program: %+v, %v", i, err)
	}
	older := store.Migrations{Package: "thing", Files: fstest.MapFS{}}
	if i, err := store.Inspect(t.Context(), url, older); err != nil || !slices.Equal(i.Ahead, []string{"thing"}) {
		t.Errorf("an older program: %+v, %v", i, err)
	}
	empty := server.Empty(t)
	if i, err := store.Inspect(t.Context(), empty, things); err != nil || !slices.Equal(i.Behind, []string{"thing"}) {
		t.Errorf("an empty database: %+v, %v", i, err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	low := strings.Replace(url, "user=ekyc_login", "user=ekyc_app", 1) // the service's login, which owns nothing
	if i, err := store.Inspect(t.Context(), low, things); err != nil || i.Superuser || !i.Hidden || len(i.Barred) > 0 {
		t.Errorf("the service's login: %+v, %v", i, err)
	}
}

// TestWhatMayPassIsAway: a database that is not there may come, one that says no does not change its mind.
func TestWhatMayPassIsAway(t *testing.T) {
	t.Parallel()
	url := server.URL(t)
	at := strings.Fields(url)
	database := at[slices.IndexFunc(at, func(s string) bool { return strings.HasPrefix(s, "dbname=") })]
	for name, c := range map[string]struct {
		url           string
		away, refused bool
	}{
		"no server":        {"host=/nowhere dbname=ekyc user=x sslmode=disable", true, false},
		"nobody listens":   {"postgres://x@127.0.0.1:9/ekyc?sslmode=disable", true, false},
		"no such database": {strings.Replace(url, database, "dbname=no_such_database", 1), false, true},
		"no such login":    {strings.Replace(url, "user=ekyc_login", "user=nobody_we_know", 1), false, true},
	} {
		_, open := store.Open(t.Context(), c.url, store.Options{})
		migrate := store.Migrate(t.Context(), c.url, things)
		_, inspect := store.Inspect(t.Context(), c.url, things)
		for what, err := range map[string]error{"open": open, "migrate": migrate, "inspect": inspect} {
			if ekyc.CodeOf(err) != ekyc.ErrUnavailable || store.Away(err) != c.away || store.Refused(err) != c.refused {
				t.Errorf("%s, %s: away %v, refused %v (%v)", name, what, store.Away(err), store.Refused(err), err)
			}
		}
	}
}

// TestRowSecurityBindsTheRolesWhateverTheLogin: a login that could pass it by works under roles that cannot; one of these that can makes it void, and that is seen.
func TestRowSecurityBindsTheRolesWhateverTheLogin(t *testing.T) {
	t.Parallel()
	own, err := storetest.Start(things) // roles are of the whole server
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	url := own.URL(t)
	owner, low := storetest.Owner(t, url), strings.Replace(url, "user=ekyc_login", "user=ekyc_app", 1)
	mine, theirs := scope(ekyc.Live), scope(ekyc.Live)
	for _, c := range []struct {
		grant           string
		superuser, pass bool
		unbound         []string
		seen            int // of a row of mine by theirs
	}{
		{"alter role ekyc_app nosuperuser", false, false, nil, 0},
		{"alter role ekyc_app bypassrls", false, true, nil, 0},
		{"alter role ekyc_app superuser", true, true, nil, 0},
		{"alter role ekyc_app nosuperuser nobypassrls; alter role ekyc_service bypassrls", false, false, []string{store.RoleService}, 1},
		{"alter role ekyc_service nobypassrls superuser", false, false, []string{store.RoleService}, 1},
		{"alter role ekyc_service nosuperuser; alter role ekyc_system bypassrls", false, false, []string{store.RoleSystem}, 0},
	} {
		if _, err := owner.Exec(t.Context(), c.grant); err != nil {
			t.Fatal(err)
		}
		i, err := store.Inspect(t.Context(), low, things)
		if err != nil || i.Superuser != c.superuser || i.Bypasses != c.pass || !slices.Equal(i.Unbound, c.unbound) {
			t.Errorf("%s: %+v, %v", c.grant, i, err)
		}
		db, err := store.Open(t.Context(), low, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		insert(db, mine, mine) // the first makes it
		if n := count(t, in(db, theirs)); n != c.seen {
			t.Errorf("%s: another tenant sees %d rows", c.grant, n)
		}
		if c.pass { // what the doctor warns of
			err := db.InTenant(t.Context(), theirs, func(ctx context.Context, tx pgx.Tx) (err error) {
				if _, err = tx.Exec(ctx, "set local role none"); err == nil {
					var n int
					if err = tx.QueryRow(ctx, "select count(*) from thing").Scan(&n); n != 1 {
						t.Errorf("%s: the login itself sees %d rows", c.grant, n)
					}
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		db.Close()
	}
}
