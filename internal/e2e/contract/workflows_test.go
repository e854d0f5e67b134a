package contract

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// draftAnswer is what is looked at of a workflow's answer.
type draftAnswer struct {
	ID         string `json:"workflow_id"`
	Name       string
	Status     string
	Version    int
	Hash       string
	Default    bool
	Shadow     *object
	Text       string
	Format     string
	Definition object
}

// operationByID is one operation of the client's document.
func operationByID(t testing.TB, id string) operation {
	t.Helper()
	for _, o := range surfaceOf("/v1").operations() {
		if o.OperationId == id {
			return o
		}
	}
	t.Fatalf("there is no operation %s", id)
	return operation{}
}

// TestAWorkflowFromDraftToDefault goes the whole way by the documented examples.
func TestAWorkflowFromDraftToDefault(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	at := func(id string) string { return "/v1/workflows/" + id }
	builtIn := want[draftAnswer](t, c.Do(t, http.MethodGet, "/v1/workflows/default", nil), 200)
	if builtIn.ID != "" || builtIn.Name != "default" || builtIn.Status != "published" || builtIn.Version != 1 || !builtIn.Default || builtIn.Definition["name"] != "default" {
		t.Errorf("the default is %+v", builtIn)
	}
	made := want[draftAnswer](t, c.Do(t, http.MethodPost, "/v1/workflows", operationByID(t, "workflows-create").example(t)), 201)
	if !strings.HasPrefix(made.ID, "wfl_") || made.Status != "draft" || made.Version != 0 || made.Format != "json" || len(made.Hash) != 64 || !strings.Contains(made.Text, `"young"`) || made.Definition["steps"] == nil {
		t.Errorf("made %+v", made)
	}
	changed := want[draftAnswer](t, c.Do(t, http.MethodPut, at(made.ID), operationByID(t, "workflows-update").example(t)), 200)
	if changed.ID != made.ID || changed.Hash == made.Hash || changed.Format != "yaml" || !strings.HasPrefix(changed.Text, "name: onboarding\n") {
		t.Errorf("changed %+v", changed)
	}
	update := jsonOf(t, operationByID(t, "workflows-update").example(t).([]byte)).(object)
	update["if_hash"] = made.Hash
	refused(t, "a change of what was seen before", c.Do(t, http.MethodPut, at(made.ID), update), 409, "conflict")
	refused(t, "publishing what was seen before", c.Do(t, http.MethodPost, at(made.ID)+"/publish", object{"if_hash": made.Hash}), 409, "conflict")
	refused(t, "publishing blindly", c.Do(t, http.MethodPost, at(made.ID)+"/publish", object{}), 422, "missing_field")
	refused(t, "a draft as the default", c.Do(t, http.MethodPost, at(made.ID)+"/default", nil), 409, "conflict")

	body := object{"if_hash": changed.Hash}
	v := want[draftAnswer](t, c.Do(t, http.MethodPost, at(made.ID)+"/publish", body, "Idempotency-Key", "publish-1"), 200)
	if v.ID != made.ID || v.Status != "published" || v.Version != 1 || v.Hash != changed.Hash {
		t.Errorf("published %+v", v)
	}
	again := c.Do(t, http.MethodPost, at(made.ID)+"/publish", body, "Idempotency-Key", "publish-1")
	if again.Status != 200 || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a repetition: %d %s", again.Status, again.Body)
	}
	refused(t, "publishing twice", c.Do(t, http.MethodPost, at(made.ID)+"/publish", body), 409, "conflict")
	refused(t, "changing a version", c.Do(t, http.MethodPut, at(made.ID), operationByID(t, "workflows-update").example(t)), 409, "conflict")
	refused(t, "deleting a version", c.Do(t, http.MethodDelete, at(made.ID), nil), 409, "conflict")

	if d := want[draftAnswer](t, c.Do(t, http.MethodPost, at(made.ID)+"/default", nil), 200); !d.Default {
		t.Errorf("the default: %+v", d)
	}
	if d := want[draftAnswer](t, c.Do(t, http.MethodGet, "/v1/workflows/default", nil), 200); d.ID != made.ID {
		t.Errorf("the default: %+v", d)
	}
	refused(t, "retiring the default", c.Do(t, http.MethodPost, at(made.ID)+"/retire", nil), 409, "conflict")
	j := c.AwaitJob(t, want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", blankVerification()), 202)["job_id"].(string), patience)
	if o := outcomeOf(t, j); o.Workflow.Name != "onboarding" {
		t.Errorf("judged by %+v", o.Workflow)
	}
	want[draftAnswer](t, c.Do(t, http.MethodDelete, at(made.ID)+"/default", nil), 200)
	if r := want[draftAnswer](t, c.Do(t, http.MethodPost, at(made.ID)+"/retire", nil), 200); r.Status != "retired" {
		t.Errorf("retired: %+v", r)
	}
	spare := want[draftAnswer](t, c.Do(t, http.MethodPost, "/v1/workflows", object{"definition": object{"name": "spare"}}), 201)
	list := want[struct {
		Workflows []draftAnswer
		NextAfter string `json:"next_after"`
	}](t, c.Do(t, http.MethodGet, "/v1/workflows?limit=1", nil), 200)
	if len(list.Workflows) != 1 || list.Workflows[0].ID != spare.ID || list.NextAfter != spare.ID {
		t.Errorf("listed %+v", list)
	}
	list.Workflows = nil
	c.Do(t, http.MethodGet, "/v1/workflows?status=retired&name=onboarding", nil).JSON(t, &list)
	if len(list.Workflows) != 1 || list.Workflows[0].ID != made.ID {
		t.Errorf("listed %+v", list)
	}
	want[object](t, c.Do(t, http.MethodDelete, at(spare.ID), nil), 204)
	refused(t, "a deleted draft", c.Do(t, http.MethodGet, at(spare.ID), nil), 404, "not_found")
}

// TestAWorkflowIsTriedBeforeItCounts: what-if over jobs that were decided, and a version in the shadow over those that follow.
func TestAWorkflowIsTriedBeforeItCounts(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	verify := func() string {
		id := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", e2e.Verification(t)), 202)["job_id"].(string)
		outcomeOf(t, c.test.AwaitJob(t, id, patience))
		return id
	}
	first := verify()
	draft := want[draftAnswer](t, c.test.Do(t, http.MethodPost, "/v1/workflows", object{"yaml": "name: nobody\nrules:\n  - {name: nobody, when: request.frames > 0, then: rejected}\n"}), 201)
	at := "/v1/workflows/" + draft.ID
	type change struct {
		JobID    string `json:"job_id"`
		From, To string
		Rules    []string
	}
	type whatIf struct {
		Replayed, Changed int
		Matrix            map[string]map[string]int
		Skipped           map[string]int
		Jobs              []change `json:"changed_jobs"`
	}
	out := want[whatIf](t, c.test.Do(t, http.MethodPost, at+"/what-if", operationByID(t, "workflows-what-if").example(t)), 200)
	if out.Replayed != 1 || out.Changed != 1 || out.Matrix["accepted"]["rejected"] != 1 || len(out.Matrix) != 3 || len(out.Jobs) != 1 || out.Jobs[0].JobID != first || !slices.Contains(out.Jobs[0].Rules, "nobody") {
		t.Errorf("what if: %+v", out)
	}
	if out := want[whatIf](t, c.test.Do(t, http.MethodPost, at+"/what-if", object{"of_workflow": "other"}), 200); out.Replayed != 0 {
		t.Errorf("what if of another workflow: %+v", out)
	}
	want[whatIf](t, c.test.Do(t, http.MethodPost, at+"/what-if", nil), 200)
	refused(t, "too much", c.test.Do(t, http.MethodPost, at+"/what-if", object{"limit": 10001}), 422, "invalid_argument")
	refused(t, "no cursor", c.test.Do(t, http.MethodPost, at+"/what-if", object{"changed_after": "x"}), 422, "invalid_argument")
	refused(t, "a draft in the shadow", c.test.Do(t, http.MethodPost, at+"/shadow", object{}), 409, "conflict")

	want[draftAnswer](t, c.test.Do(t, http.MethodPost, at+"/publish", object{"if_hash": draft.Hash}), 200)
	refused(t, "beside what there is not", c.test.Do(t, http.MethodPost, at+"/shadow", object{"beside": "nonesuch"}), 422, "invalid_argument")
	if s := want[draftAnswer](t, c.test.Do(t, http.MethodPost, at+"/shadow", operationByID(t, "workflows-shadow-start").example(t)), 200); s.Shadow == nil || (*s.Shadow)["beside"] != "default" {
		t.Errorf("in the shadow: %+v", s)
	}
	second := verify()
	report := want[struct {
		Compared, Changed int
		Examples          []change
	}](t, c.test.Do(t, http.MethodGet, at+"/shadow", nil), 200)
	if report.Compared != 1 || report.Changed != 1 || len(report.Examples) != 1 || report.Examples[0].JobID != second || report.Examples[0].To != "rejected" {
		t.Errorf("the shadow: %+v", report)
	}
	if n := number(t, database(t), "select count(*) from usage_event where tenant_id = $1 and module = 'workflow'", c.id); n != 2 {
		t.Errorf("%d workflows are billed for two jobs", n)
	}
	if s := want[draftAnswer](t, c.test.Do(t, http.MethodDelete, at+"/shadow", nil), 200); s.Shadow != nil {
		t.Errorf("after its end: %+v", s)
	}
	// An erasure takes the comparison along.
	subject := c.test.AwaitJob(t, second, patience).SubjectID
	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil), 200)
	if n := number(t, database(t), "select count(*) from shadow_decision where job_id = $1", second); n != 0 {
		t.Errorf("%d comparisons outlive their person", n)
	}
	if out := want[whatIf](t, c.test.Do(t, http.MethodPost, at+"/what-if", object{}), 200); out.Replayed != 1 || out.Skipped["erased"] != 1 {
		t.Errorf("after an erasure: %+v", out)
	}
}

// TestWrongWorkflowsAreRefusedWithTheirPlaces, and leave nothing behind.
func TestWrongWorkflowsAreRefusedWithTheirPlaces(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	type place struct {
		Line, Column  int
		Path, Message string
	}
	for what, bad := range map[string]struct {
		body any
		want place
	}{
		"a rule":    {[]byte("{\"definition\": {\n  \"name\": \"odd\",\n  \"rules\": [{\"name\": \"odd\", \"when\": \"palm.lines > 3\", \"then\": \"review\"}]\n}}"), place{Line: 3, Path: "rules[0].when"}},
		"a step":    {object{"yaml": "name: odd\nsteps:\n  - step: liveness\n  - step: palmistry\n"}, place{Line: 4, Path: "steps[1].step"}},
		"a member":  {object{"yaml": "name: odd\npalm: left\n"}, place{Line: 2}},
		"no YAML":   {object{"yaml": "name: [odd"}, place{Line: 1}},
		"a scalar":  {object{"yaml": "odd"}, place{Line: 1}},
		"the name":  {object{"yaml": "name: Not A Name\n"}, place{Line: 1, Path: "name"}},
		"specimens": {object{"yaml": "name: odd\ndocument: {max_age: 3, min_age: 5}\n"}, place{Line: 2}},
	} {
		a := c.Do(t, http.MethodPost, "/v1/workflows", bad.body)
		refused(t, what, a, 422, "invalid_argument")
		var got struct {
			Error struct {
				Details struct{ Problems []place }
			}
		}
		if err := json.Unmarshal(a.Body, &got); err != nil || len(got.Error.Details.Problems) == 0 {
			t.Errorf("%s: %v, %s", what, err, a.Body)
			continue
		}
		if p := got.Error.Details.Problems; !slices.ContainsFunc(p, func(p place) bool {
			return p.Line == bad.want.Line && p.Column > 0 && p.Message != "" && (bad.want.Path == "" || p.Path == bad.want.Path)
		}) {
			t.Errorf("%s: the problems are %+v", what, p)
		}
	}
	for what, bad := range map[string]struct {
		body any
		code string
	}{
		"both forms":     {object{"yaml": "name: odd\n", "definition": object{"name": "odd"}}, "invalid_argument"},
		"neither":        {object{}, "missing_field"},
		"a list":         {object{"definition": []string{"odd"}}, "invalid_argument"},
		"the built-in's": {object{"definition": object{"name": "default"}}, "invalid_argument"},
		"too long":       {object{"yaml": "name: odd\n#" + strings.Repeat("x", 300_000)}, "invalid_argument"},
		"another member": {object{"definition": object{"name": "odd"}, "palm": 1}, "unknown_field"},
	} {
		a := c.Do(t, http.MethodPost, "/v1/workflows", bad.body)
		if a.Status != 422 || a.Code() != bad.code && !(what == "neither" && a.Code() == "invalid_argument") {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	refused(t, "a member twice", c.Do(t, http.MethodPost, "/v1/workflows", []byte(`{"definition": {"name": "odd", "name": "even"}}`)), 400, "malformed_json")
	if list := want[struct{ Workflows []object }](t, c.Do(t, http.MethodGet, "/v1/workflows", nil), 200); len(list.Workflows) != 0 {
		t.Errorf("left behind: %v", list)
	}
	draft := want[object](t, c.Do(t, http.MethodPost, "/v1/workflows", object{"yaml": "name: odd\nface_match: {target_fmr: 0.0000001}\n"}), 201)
	publish := "/v1/workflows/" + draft["workflow_id"].(string) + "/publish"
	refused(t, "a rate that no comparison keeps", c.Do(t, http.MethodPost, publish, object{"if_hash": draft["hash"]}), 422, "invalid_argument")
}

// TestTheSchemaOfWorkflows is open, and permits what is accepted.
func TestTheSchemaOfWorkflows(t *testing.T) {
	t.Parallel()
	a := (&e2e.Operator{BaseURL: up.BaseURL}).Do(t, http.MethodGet, "/v1/workflows/schema.json", nil)
	schema := want[object](t, a, 200)
	if a.Header.Get("Content-Type") != "application/schema+json" || schema["$schema"] != "https://json-schema.org/draft/2020-12/schema" || schema["properties"] == nil {
		t.Errorf("%s: %.200s", a.Header.Get("Content-Type"), a.Body)
	}
}
