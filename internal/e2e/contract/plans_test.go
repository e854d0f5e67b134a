package contract

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// published makes a version of a workflow that is written as YAML.
func published(t *testing.T, c *e2e.Client, text string) draftAnswer {
	t.Helper()
	d := want[draftAnswer](t, c.Do(t, http.MethodPost, "/v1/workflows", object{"yaml": text}), 201)
	return want[draftAnswer](t, c.Do(t, http.MethodPost, "/v1/workflows/"+d.ID+"/publish", object{"if_hash": d.Hash}), 200)
}

// plannedJob is what of a job is looked at here.
type plannedJob struct {
	Status   string
	Workflow string
	Version  int    `json:"workflow_version"`
	Hash     string `json:"workflow_hash"`
	Steps    []struct{ Name, Status, Code string }
	Result   struct {
		Decision string
		Document *object
		Liveness *object
		Rules    []object `json:"workflow_rules"`
		Workflow struct {
			Name    string
			Version int
			Hash    string
		}
	}
	Review *struct{ State string }
}

func (j plannedJob) steps() string {
	var out []string
	for _, s := range j.Steps {
		out = append(out, s.Name+" "+s.Status)
	}
	return strings.Join(out, ", ")
}

// billedModules are those of a job's usage, in the order of the alphabet.
func billedModules(t *testing.T, c *e2e.Client, job string) string {
	t.Helper()
	var usage struct{ Events []struct{ Module string } }
	c.Do(t, http.MethodGet, "/v1/usage/events?job_id="+job, nil).JSON(t, &usage)
	var modules []string
	for _, e := range usage.Events {
		modules = append(modules, e.Module)
	}
	slices.Sort(modules)
	return strings.Join(modules, " ")
}

// TestAVerificationFollowsItsWorkflow has a workflow that looks at the document first and at the person only where it is one of its kind.
func TestAVerificationFollowsItsWorkflow(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	v := published(t, c, `
name: document-first
steps:
  - step: ocr
    stop: [{name: no_passport, when: "document.type != 'driver_license'", decision: review}]
  - {step: validate}
  - {step: liveness, after: [validate]}
  - {step: face_match}
`)
	id := want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", with(e2e.Verification(t), "workflow", "document-first")), 202)["job_id"].(string)
	c.AwaitJob(t, id, patience)
	j := want[plannedJob](t, c.Do(t, http.MethodGet, "/v1/jobs/"+id, nil), 200)
	if got := j.steps(); got != "liveness skipped, ocr completed, validate skipped, face_match skipped, decision completed" {
		t.Errorf("steps: %s", got)
	}
	if j.Workflow != "document-first" || j.Version != 1 || j.Hash != v.Hash || j.Result.Workflow.Version != 1 || j.Result.Workflow.Hash != v.Hash {
		t.Errorf("judged by %+v", j)
	}
	if j.Result.Decision != "review" || j.Result.Document == nil || j.Result.Liveness != nil || len(j.Result.Rules) != 1 || j.Review == nil || j.Review.State != "open" {
		t.Errorf("%+v", j)
	}
	if got := billedModules(t, c, id); got != "ocr workflow" {
		t.Errorf("billed %s", got)
	}
}

// TestAWorkflowSaysWhichPicturesItNeeds sends too few pictures and too many.
func TestAWorkflowSaysWhichPicturesItNeeds(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	published(t, c, "name: face-only\nsteps: [{step: liveness}]")
	published(t, c, "name: moving\nliveness: {min_method: active}")
	published(t, c, "name: bound\nliveness: {min_method: challenge}")
	selfie, front := e2e.Person(t)
	live, document := e2e.Base64(selfie), e2e.Base64(front)
	for what, try := range map[string]struct {
		body   object
		fields []string
	}{
		"nothing":        {object{}, []string{"/image_live_base64", "/image_front_base64"}},
		"no document":    {object{"image_live_base64": live}, []string{"/image_front_base64"}},
		"no face":        {object{"image_front_base64": document}, []string{"/image_live_base64"}},
		"a still":        {object{"image_live_base64": live, "image_front_base64": document, "workflow": "moving"}, []string{"/frames_base64"}},
		"no challenge":   {object{"frames_base64": []string{live, live}, "image_front_base64": document, "workflow": "bound"}, []string{"/challenge_id"}},
		"no profile":     {object{"image_live_base64": live, "image_front_base64": document, "workflow": object{"kya": object{"enabled": true}}}, []string{"/kya"}},
		"the wrong ones": {object{"image_front_base64": document, "workflow": "face-only"}, []string{"/image_live_base64"}},
	} {
		a := c.Do(t, http.MethodPost, "/v1/kyc/verify", try.body)
		refused(t, what, a, 422, "missing_field")
		var told struct {
			Error struct {
				Details struct{ Fields []struct{ Field string } }
			}
		}
		a.JSON(t, &told)
		var fields []string
		for _, f := range told.Error.Details.Fields {
			fields = append(fields, f.Field)
		}
		if !slices.Equal(fields, try.fields) {
			t.Errorf("%s: %v are missing", what, fields)
		}
	}
	refused(t, "a link without challenge", c.Do(t, http.MethodPost, "/v1/captures", object{"workflow": "bound"}), 422, "invalid_argument")
	want[object](t, c.Do(t, http.MethodPost, "/v1/captures", object{"workflow": "bound", "challenge": true}), 201)
	refused(t, "a rate that nobody can promise",
		c.Do(t, http.MethodPost, "/v1/kyc/verify", with(blankVerification(), "workflow", object{"face_match": object{"target_fmr": 1e-9}})), 422, "invalid_argument")

	body := object{"image_live_base64": live, "image_front_base64": blank(), "workflow": "face-only"}
	id := want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", body), 202)["job_id"].(string)
	c.AwaitJob(t, id, patience)
	j := want[plannedJob](t, c.Do(t, http.MethodGet, "/v1/jobs/"+id, nil), 200)
	if got := j.steps(); got != "liveness completed, decision completed" || j.Result.Document != nil {
		t.Errorf("steps: %s", got)
	}
	if got := billedModules(t, c, id); got != "liveness workflow" {
		t.Errorf("billed %s", got)
	}
	if n := number(t, database(t), "select count(*) from media where job_id = $1 and kind not in ('selfie', 'face_crop')", id); n != 0 {
		t.Errorf("%d pictures are stored that nobody looks at", n)
	}
}
