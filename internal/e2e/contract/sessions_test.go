package contract

import (
	"net/http"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// TestOperatorsSeeAndEndTheirSessions: the own ones alone, and what was ended is entered.
func TestOperatorsSeeAndEndTheirSessions(t *testing.T) {
	t.Parallel()
	const email, password = "sees-sessions@example.com", "a password for sessions"
	id := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": email, "password": password, "role": "viewer"}), 201)["operator_id"].(string)
	var own []*e2e.Operator
	for range 4 {
		opened := want[object](t, (&e2e.Operator{BaseURL: up.AdminURL}).Do(t, http.MethodPost, "/admin/v1/session", object{"email": email, "password": password}), 201)
		own = append(own, &e2e.Operator{BaseURL: up.AdminURL, Token: opened["token"].(string)})
	}
	want[object](t, own[1].Do(t, http.MethodPost, "/admin/v1/me/totp", object{"password": password}), 200) // its proof leaves no session
	type session struct {
		ID      string `json:"session_id"`
		Origin  string
		Current bool
	}
	list := func(o *e2e.Operator) []session {
		t.Helper()
		a := o.Do(t, http.MethodGet, "/admin/v1/me/sessions", nil)
		for _, hidden := range []string{o.Token, "127.0.0.1", email} {
			if strings.Contains(string(a.Body), hidden) {
				t.Errorf("the list shows %q", hidden)
			}
		}
		return want[struct{ Sessions []session }](t, a, 200).Sessions
	}
	all := list(own[1])
	if len(all) != 4 || !all[1].Current || all[0].Current || all[3].Origin != "loopback" {
		t.Fatalf("%+v", all)
	}
	end := func(by *e2e.Operator, body object) e2e.Answer {
		return by.Do(t, http.MethodPost, "/admin/v1/me/sessions/end", body)
	}
	refused(t, "without the password", end(own[1], object{"session_id": all[0].ID, "password": "x"}), 401, "login_failed")
	refused(t, "another operator's session", end(operator, object{"session_id": all[0].ID, "password": up.OperatorPassword}), 404, "not_found")
	if left := list(own[1]); len(left) != 4 {
		t.Errorf("%+v", left)
	}
	want[object](t, end(own[1], object{"session_id": all[0].ID, "password": password}), 204)
	refused(t, "the session that was ended", own[0].Do(t, http.MethodGet, "/admin/v1/me", nil), 401, "session_invalid")
	want[object](t, end(own[1], object{"password": password}), 204)
	if left := list(own[1]); len(left) != 1 || left[0] != all[1] {
		t.Errorf("%+v", left)
	}
	refused(t, "one of all others", own[3].Do(t, http.MethodGet, "/admin/v1/me", nil), 401, "session_invalid")
	units := []string{}
	for _, e := range want[struct{ Entries []auditEntry }](t, operator.Do(t, http.MethodGet, "/admin/v1/audit/entries?action=operator.sign_out&object="+id, nil), 200).Entries {
		units = append(units, e.Actor+" "+e.Outcome+" "+e.Details["units"])
	}
	if got := strings.Join(units, ", "); got != "operator success 2, operator success " && got != "operator success , operator success 2" {
		t.Errorf("entered: %s", got)
	}
}

// TestPasswordsEasyToGuessAreRefusedAtEveryRoute: where an account is made, changed by an owner, and by its operator.
func TestPasswordsEasyToGuessAreRefusedAtEveryRoute(t *testing.T) {
	t.Parallel()
	const email, password = "guesses@operators.example", "a password for guesses"
	id := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": email, "password": password, "role": "viewer"}), 201)["operator_id"].(string)
	opened := want[object](t, (&e2e.Operator{BaseURL: up.AdminURL}).Do(t, http.MethodPost, "/admin/v1/session", object{"email": email, "password": password}), 201)
	own := &e2e.Operator{BaseURL: up.AdminURL, Token: opened["token"].(string)}
	for guess, reason := range map[string]string{"passwordpassword": "known", "guesses-2026!": "context", "ekyc-ekyc-ekyc": "context"} {
		for what, a := range map[string]e2e.Answer{
			"made":    operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": "other-" + email, "password": guess, "role": "viewer"}),
			"changed": operator.Do(t, http.MethodPatch, "/admin/v1/operators/"+id, object{"password": guess}),
			"own":     own.Do(t, http.MethodPost, "/admin/v1/me/password", object{"current": password, "new": guess}),
		} {
			refused(t, what+": "+guess, a, 422, "invalid_argument")
			if d := details(t, a); d["reason"] != reason || d["field"] != "password" || strings.Contains(string(a.Body), guess) {
				t.Errorf("%s: %s: %s", what, guess, a.Body)
			}
		}
	}
	want[object](t, own.Do(t, http.MethodGet, "/admin/v1/me", nil), 200) // nothing has changed
}
