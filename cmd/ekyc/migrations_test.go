package main

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	protects   = regexp.MustCompile(`(?:ekyc\.)?protect\('(\w+)'`)
	changes    = regexp.MustCompile(`(?im)^(?:update|delete from|insert into) (\w+)`)
	functions  = regexp.MustCompile(`(?s)-- \+goose StatementBegin.*?-- \+goose StatementEnd`)
	lifted     = regexp.MustCompile(`(?im)^alter table (\w+) no force row level security;`)
	putBack    = regexp.MustCompile(`(?im)^alter table (\w+) force row level security;`)
	longBefore = map[string]bool{"002_plan.sql": true} // deletes rows of steps that no version of the program reads any more
)

// TestMigrationsReachTheRowsThatAreThere: who migrates owns the tables, and row-level security that is forced hides every row from the owner as well.
// A migration that changes rows of such a table without lifting that first changes none, and says nothing.
func TestMigrationsReachTheRowsThatAreThere(t *testing.T) {
	t.Parallel()
	protected, seen := map[string]bool{}, 0
	for _, m := range migrations() {
		if m.Files == nil {
			continue
		}
		names, err := fs.Glob(m.Files, path.Join(m.Directory, "*.sql"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s has no migrations: %v", m.Package, err)
		}
		for _, name := range names {
			content, err := fs.ReadFile(m.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range protects.FindAllStringSubmatch(string(content), -1) {
				protected[found[1]] = true
			}
			for part := range strings.SplitSeq(functions.ReplaceAllString(string(content), ""), "-- +goose Down") {
				up := map[string]bool{}
				for _, found := range lifted.FindAllStringSubmatch(part, -1) {
					up[found[1]] = true
				}
				for _, found := range changes.FindAllStringSubmatch(part, -1) {
					if table := found[1]; protected[table] && !longBefore[path.Base(name)] {
						seen++
						if !up[table] {
							t.Errorf("%s of %s changes rows of %s, which are hidden from it: `alter table %s no force row level security;` first", name, m.Package, table, table)
						}
					}
				}
				for _, found := range putBack.FindAllStringSubmatch(part, -1) {
					delete(up, found[1])
				}
				for table := range up {
					t.Errorf("%s of %s does not force row-level security on %s again", name, m.Package, table)
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d changes of rows were found: is this test still looking at what migrations say?", seen)
	}
}
