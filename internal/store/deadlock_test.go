package store_test

import (
	"testing"
	"testing/fstest"

	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

// TestAMigrationGivesWayToWhoIsAtWork: a process of the version before holds one table and wants the other, which the migration has.
func TestAMigrationGivesWayToWhoIsAtWork(t *testing.T) {
	t.Parallel()
	url := server.Empty(t)
	files := fstest.MapFS{"001_a.sql": {Data: []byte("-- +goose Up\ncreate table near (a int);\ncreate table far (a int);\n")}}
	list := store.Migrations{Package: "waits", Files: files}
	if err := store.Migrate(t.Context(), url, list); err != nil {
		t.Fatal(err)
	}
	owner := storetest.Owner(t, url)
	exec := func(statement string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`set deadlock_timeout = '10min'`) // the migration is who finds that the two wait for each other
	exec(`begin`)
	exec(`lock table ekyc.far in access share mode`)
	files["002_b.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nalter table near add column b int;\nalter table far add column b int;\n")}
	migrated := make(chan error, 1)
	go func() { migrated <- store.Migrate(t.Context(), url, list) }()
	exec(`do $$ begin
		loop
			exit when exists (select from pg_locks where relation = 'ekyc.far'::regclass and not granted);
			perform pg_sleep(0.01);
		end loop;
		perform from ekyc.near;
	end $$`)
	exec(`commit`)
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	exec(`select b from ekyc.near union all select b from ekyc.far`)
}
