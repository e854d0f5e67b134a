package main

import (
	"context"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/store/storetest"
)

// databaseFindings are what the doctor says of a database, by part.
func databaseFindings(t *testing.T, url string) map[string]finding {
	t.Helper()
	d := DoctorCmd{}
	d.DatabaseURL = url
	found := map[string]finding{}
	for _, f := range d.examineDatabase(t.Context()) {
		found[f.Model] = f
	}
	return found
}

// TestTheDoctorLooksAtTheLoginAndErasures: a login that may pass row security by, a role for which it is void, and erasures that do not come to their end.
func TestTheDoctorLooksAtTheLoginAndErasures(t *testing.T) {
	t.Parallel()
	server, err := storetest.Start(migrations()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url := server.URL(t)
	owner, low := storetest.Owner(t, url), strings.Replace(url, "user=ekyc_login", "user=ekyc_app", 1)
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := owner.Exec(context.Background(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(part, state, says string) {
		t.Helper()
		f, there := databaseFindings(t, low)[part]
		if there != (state != "") || f.State != state || !strings.Contains(f.Problem+f.Found, says) || (f.State == stateOK) == (f.Advice != "") && there {
			t.Errorf("%s: %+v, want %q that says %q", part, f, state, says)
		}
	}
	for _, c := range []struct{ change, part, state, says string }{
		{"alter role ekyc_app nosuperuser", "database login", "", ""},
		{"alter role ekyc_app bypassrls", "database login", stateWarn, "BYPASSRLS"},
		{"alter role ekyc_app superuser", "database login", stateWarn, "superuser"},
		{"alter role ekyc_app nosuperuser nobypassrls", "row security", "", ""},
		{"alter role ekyc_service bypassrls", "row security", stateFail, "void: ekyc_service"},
		{"alter role ekyc_service nobypassrls", "row security", "", ""},
	} {
		exec(c.change)
		expect(c.part, c.state, c.says)
	}

	expect("erasures", stateOK, "all are complete")
	subject := ekyc.NewID(ekyc.KindSubject)
	exec(`insert into ekyc.subject (tenant_id, environment, id, erased_at) values ('tnt_x', 'live', $1, now() - interval '1 hour')`, subject)
	exec(`insert into ekyc.erasure (tenant_id, environment, id, subject_id, cause, erased_at, parts, files, audit_entry) values ('tnt_x', 'live', 'era_x', $1, 'request', now() - interval '1 hour', '[]', '{}', 'aud_x')`, subject)
	expect("erasures", stateOK, "1 are being completed")
	exec(`update ekyc.erasure set tries = 5`)
	expect("erasures", stateWarn, string(subject))
}
