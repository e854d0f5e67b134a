package contract

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// TestForeignIdentifiersDoNotExist walks every route of the document that takes an identifier, with those of another tenant and of the
// tenant's other environment: each is a 404, and what they name is as before.
func TestForeignIdentifiersDoNotExist(t *testing.T) {
	t.Parallel()
	ours, theirs := newCustomer(t, "pro"), newCustomer(t, "pro")
	held := newHoldings(t, ours.test)
	before := snapshot(t, ours.test, held)
	s := surfaceOf("/v1")
	walked := 0
	for _, o := range s.operations() {
		if !strings.Contains(o.path, "{") {
			continue
		}
		walked++
		target, body := held.fill(t, o.path), o.example(t)
		for who, c := range map[string]*e2e.Client{"another tenant": theirs.test, "another tenant's live key": theirs.live, "the other environment": ours.live} {
			refused(t, who+", "+o.String(), c.Do(t, o.method, target, body), http.StatusNotFound, "not_found")
		}
	}
	if walked < 14 {
		t.Errorf("only %d routes were walked", walked)
	}
	if after := snapshot(t, ours.test, held); !bytes.Equal(before, after) {
		t.Errorf("what was held has changed:\n%s\n%s", before, after)
	}
}

// snapshot is what the owner sees of everything that is held.
func snapshot(t *testing.T, c *e2e.Client, held holdings) []byte {
	var all []byte
	for _, target := range []string{"/v1/keys/", "/v1/webhooks/", "/v1/subjects/", "/v1/jobs/", "/v1/captures/", "/v1/workflows/", "/v1/reviews/", "/v1/webhooks/deliveries/"} {
		parts := strings.Split(strings.Trim(target, "/"), "/")
		a := c.Do(t, http.MethodGet, target+held[parts[len(parts)-1]], nil)
		if a.Status != http.StatusOK {
			t.Fatalf("GET %s: %d %s", target, a.Status, a.Body)
		}
		if !bytes.Contains(a.Body, []byte(held[parts[len(parts)-1]])) {
			t.Fatalf("GET %s does not tell its own identifier: %s", target, a.Body)
		}
		if parts[len(parts)-1] != "deliveries" { // which may be under way
			all = append(append(all, a.Body...), '\n')
		}
	}
	return all
}

// TestListsShowNothingForeign walks every route that lists, plain and with foreign identifiers in every parameter that takes one.
func TestListsShowNothingForeign(t *testing.T) {
	t.Parallel()
	ours, theirs := newCustomer(t, "pro"), newCustomer(t, "pro")
	held := newHoldings(t, ours.test)
	secret := want[object](t, ours.test.Do(t, http.MethodGet, "/v1/jobs/"+held["jobs"], nil), 200)["subject_id"].(string)
	foreign := append(values(held), ours.test.KeyID, ours.id, secret)
	kinds := map[string]string{"subject_id": secret, "job_id": held["jobs"], "key_id": ours.test.KeyID, "webhook_id": held["webhooks"]}
	looked := 0
	for _, o := range surfaceOf("/v1").operations() {
		if o.method != http.MethodGet || strings.Contains(o.path, "{") || len(o.Security) == 0 {
			continue
		}
		targets := []string{o.path}
		for _, p := range o.Parameters {
			if p.In != "query" || !strings.HasSuffix(p.Name, "_id") {
				continue
			}
			id, known := kinds[p.Name]
			if !known {
				t.Fatalf("%s: no test knows an identifier for %s", o, p.Name)
			}
			targets = append(targets, o.path+"?"+p.Name+"="+id)
		}
		for _, target := range targets {
			for who, c := range map[string]*e2e.Client{"another tenant": theirs.test, "the other environment": ours.live} {
				a := c.Do(t, http.MethodGet, target, nil)
				if a.Status != http.StatusOK {
					t.Errorf("%s, GET %s: %d %.300s", who, target, a.Status, a.Body)
				}
				for _, id := range foreign {
					if bytes.Contains(a.Body, []byte(id)) {
						t.Errorf("%s, GET %s shows %s", who, target, id)
					}
				}
				looked++
			}
		}
	}
	if looked < 24 {
		t.Errorf("only %d lists were looked at", looked)
	}
	// The same lists do show it to the owner.
	if a := ours.test.Do(t, http.MethodGet, "/v1/jobs?subject_id="+secret, nil); !bytes.Contains(a.Body, []byte(held["jobs"])) {
		t.Errorf("the owner's own list: %s", a.Body)
	}
	// Cursors and bodies.
	a := theirs.test.Do(t, http.MethodGet, "/v1/jobs?after="+held["jobs"], nil)
	if len(want[struct{ Jobs []object }](t, a, 200).Jobs) != 0 {
		t.Errorf("a foreign cursor shows %s", a.Body)
	}
	refused(t, "a foreign subject's reference", theirs.test.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": blank(), "subject_id": held["subjects"]}), 404, "not_found")
	resent := want[struct{ Resent int }](t, theirs.test.Do(t, http.MethodPost, "/v1/webhooks/resend", object{"webhook_id": held["webhooks"], "from": "2020-01-01T00:00:00Z"}), 202)
	if resent.Resent != 0 {
		t.Errorf("%d foreign deliveries were sent again", resent.Resent)
	}
}

func values(h holdings) (out []string) {
	for _, id := range h {
		out = append(out, id)
	}
	return out
}

// TestPlatformPathsAreHeldTogether: under one tenant's path, another tenant's identifiers and those of the other environment are not found.
func TestPlatformPathsAreHeldTogether(t *testing.T) {
	t.Parallel()
	ours, theirs := newCustomer(t, "pro"), newCustomer(t, "pro")
	held := newHoldings(t, ours.test)
	walked := 0
	for _, o := range surfaceOf("/admin/v1").operations() {
		if !strings.Contains(o.path, "{tenant}/{environment}") || !strings.Contains(o.path, "{id}") {
			continue
		}
		walked++
		for _, at := range []struct{ tenant, environment string }{{theirs.id, "test"}, {ours.id, "live"}} {
			h := holdings{"tenants": at.tenant, "environment": at.environment, "keys": held["keys"], "deliveries": held["deliveries"], "subjects": held["subjects"]}
			var body any
			if raw, ok := o.example(t).([]byte); ok {
				body = jsonOf(t, raw)
			}
			refused(t, o.String(), operator.Do(t, o.method, h.fill(t, o.path), body), http.StatusNotFound, "not_found")
		}
	}
	if walked < 4 {
		t.Errorf("only %d routes were walked", walked)
	}
	refused(t, "a tenant that there is not", operator.Do(t, http.MethodGet, "/admin/v1/tenants/tnt_00000000000000000000000000", nil), 404, "not_found")
	refused(t, "an environment that there is not", operator.Do(t, http.MethodGet, "/admin/v1/tenants/"+ours.id+"/prod/keys", nil), 422, "invalid_argument")
}
