package contract

import (
	"bytes"
	"net/http"
	"testing"

	"ekyc/internal/e2e"
)

// TestOperatorsHolds stand beside the tenant's: neither side ends the other's, the roles are heeded, and all of it is entered.
func TestOperatorsHolds(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	subject := want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "held by both"}), 201)["subject_id"].(string)
	own, at := "/v1/subjects/"+subject, "/admin/v1/tenants/"+customer.id+"/test"
	hold := at + "/subjects/" + subject + "/hold"
	type held struct {
		SubjectID    string `json:"subject_id"`
		OperatorHold object `json:"operator_hold"`
		TenantSince  string `json:"tenant_hold_since"`
	}
	list := func() []held {
		t.Helper()
		return want[struct{ Subjects []held }](t, operator.Do(t, http.MethodGet, at+"/holds", nil), 200).Subjects
	}
	if l := list(); len(l) != 0 {
		t.Errorf("held are %v", l)
	}
	refused(t, "without a reason", operator.Do(t, http.MethodPut, hold, object{}), 422, "missing_field")
	if h := want[held](t, operator.Do(t, http.MethodPut, hold, object{"reason": "order 1"}), 200); h.OperatorHold["reason"] != "order 1" || h.OperatorHold["operator_id"] == "" || h.TenantSince != "" {
		t.Errorf("put was %+v", h)
	}
	want[held](t, operator.Do(t, http.MethodPut, hold, object{"reason": "order 2"}), 200)
	want[object](t, c.Do(t, http.MethodPut, own+"/hold", object{"reason": "the tenant's secret"}), 200)
	if l := list(); len(l) != 1 || l[0].SubjectID != subject || l[0].OperatorHold["reason"] != "order 2" || l[0].TenantSince == "" {
		t.Errorf("held are %+v", l)
	}
	if a := operator.Do(t, http.MethodGet, at+"/holds", nil); bytes.Contains(a.Body, []byte("secret")) {
		t.Error("operators are told the tenant's reason")
	}
	if a := c.Do(t, http.MethodGet, own, nil); bytes.Contains(a.Body, []byte("order 2")) || !bytes.Contains(a.Body, []byte(`"platform_hold_since"`)) {
		t.Errorf("the tenant is told %s", a.Body)
	}

	viewer := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": "holds-nobody@example.com", "password": "correct horse battery staple", "role": "viewer"}), 201)
	session := want[object](t, operator.Do(t, http.MethodPost, "/admin/v1/session", object{"email": viewer["email"], "password": "correct horse battery staple"}), 201)
	looks := &e2e.Operator{BaseURL: up.AdminURL, Token: session["token"].(string)}
	want[object](t, looks.Do(t, http.MethodGet, at+"/holds", nil), 200)
	refused(t, "a viewer puts a hold", looks.Do(t, http.MethodPut, hold, object{"reason": "x"}), 403, "role_denied")
	refused(t, "a viewer ends a hold", looks.Do(t, http.MethodDelete, hold, nil), 403, "role_denied")

	want[object](t, c.Do(t, http.MethodDelete, own+"/hold", nil), 200)
	conflictFor(t, "an erasure under the platform's hold", c.Do(t, http.MethodDelete, own, nil), "legal_hold")
	if h := want[held](t, operator.Do(t, http.MethodDelete, hold, nil), 200); h.OperatorHold != nil || h.TenantSince != "" {
		t.Errorf("left is %+v", h)
	}
	want[held](t, operator.Do(t, http.MethodDelete, hold, nil), 200)
	for action, n := range map[string]int{"hold.put": 2, "hold.end": 1} {
		if got := entriesOf(t, c, action, "operator"); got != n {
			t.Errorf("%d entries of operators' %s", got, action)
		}
	}
	want[object](t, c.Do(t, http.MethodDelete, own, nil), 200)
	refused(t, "of an erased subject", operator.Do(t, http.MethodPut, hold, object{"reason": "x"}), 410, "gone")
}
