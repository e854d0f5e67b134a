package store_test

import (
	"slices"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/store"
)

func TestToolsGetNoPasswordOnTheirCommandLine(t *testing.T) {
	t.Setenv("PGPASSWORD", "of something else")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "planted")
	t.Setenv("EKYC_DATABASE_URL", "planted")
	for _, url := range []string{
		"postgres://keeper:s3cret@db.example:5433/ekyc?sslmode=verify-full&sslrootcert=system", "host=db.example port=5433 user=keeper password='s3cret' dbname=ekyc sslmode=verify-full",
	} {
		command, err := store.Tool(t.Context(), url, "pg_dump", "--format=custom")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(command.Args, " "), "s3cret") {
			t.Errorf("the command line is %v", command.Args)
		}
		for _, want := range []string{"PGHOST=db.example", "PGPORT=5433", "PGUSER=keeper", "PGPASSWORD=s3cret", "PGDATABASE=ekyc", "PGSSLMODE=verify-full"} {
			if !slices.Contains(command.Env, want) {
				t.Errorf("%s is not in the environment of %s", want, url)
			}
		}
		for _, variable := range command.Env {
			name, value, _ := strings.Cut(variable, "=")
			if value == "of something else" || value == "planted" || !strings.HasPrefix(name, "PG") && !slices.Contains([]string{"HOME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}, name) {
				t.Errorf("%s is passed on", name)
			}
		}
	}
	if _, err := store.Tool(t.Context(), "postgres://%", "pg_dump"); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("no address: %v", err)
	}
	if _, err := store.Tool(t.Context(), "host=x", "pg_none_such"); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("no program: %v", err)
	}
}
