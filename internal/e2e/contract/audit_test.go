package contract

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc/internal/e2e"
)

// auditEntry is what tests look at of an entry.
type auditEntry struct {
	EntryID     string            `json:"entry_id"`
	Index       *int64            `json:"index"`
	TenantID    string            `json:"tenant_id"`
	Environment string            `json:"environment"`
	Actor       string            `json:"actor"`
	ActorID     string            `json:"actor_id"`
	Action      string            `json:"action"`
	Outcome     string            `json:"outcome"`
	Objects     []string          `json:"objects"`
	Details     map[string]string `json:"details"`
	SubjectID   string            `json:"subject_id"`
	TraceID     string            `json:"trace_id"`
	Network     string            `json:"network"`
}

func auditOf(t testing.TB, c *e2e.Client, query string) []auditEntry {
	t.Helper()
	return want[struct{ Entries []auditEntry }](t, c.Do(t, http.MethodGet, "/v1/audit/entries"+query, nil), 200).Entries
}

// TestActsAreEntered does what is to be entered, by client, person and operator, and finds an entry of each with who, what, whence and which trace.
func TestActsAreEntered(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	selfie, _ := e2e.Person(t)
	type act struct {
		action, actor, actorID, object, trace string
		details                               map[string]string
		subject                               string
	}
	var acts []act
	did := func(action, object string, a e2e.Answer, status int, member string, details map[string]string) string {
		t.Helper()
		if a.Status != status {
			t.Fatalf("%s: answered %d: %.400s", action, a.Status, a.Body)
		}
		made := ""
		if member != "" {
			made = jsonOf(t, a.Body).(map[string]any)[member].(string)
		}
		if object == "" {
			object = made
		}
		acts = append(acts, act{action, "key", c.test.KeyID, object, a.Header.Get("X-Trace-Id"), details, ""})
		return made
	}
	post := func(target string, body any) e2e.Answer { return c.test.Do(t, http.MethodPost, target, body) }
	key := did("key.create", "", post("/v1/keys", object{"name": "entered"}), 201, "key_id", nil)
	did("key.rollover", key, post("/v1/keys/"+key+"/rollover", object{"overlap_seconds": 60}), 200, "", map[string]string{"overlap_seconds": "60"})
	did("key.revoke", key, post("/v1/keys/"+key+"/revoke", nil), 200, "", nil)
	hook := did("webhook.create", "", post("/v1/webhooks", object{"url": sink(t)}), 201, "webhook_id", nil)
	did("webhook.update", hook, c.test.Do(t, http.MethodPatch, "/v1/webhooks/"+hook, object{"thin": true, "enabled": false}), 200, "", map[string]string{"changed": "enabled,thin"})
	did("webhook.rotate", hook, post("/v1/webhooks/"+hook+"/rotate", object{}), 200, "", map[string]string{"overlap_seconds": "0"})
	did("webhook.rotate", "", post("/v1/webhooks/default-secret/rotate", object{}), 200, "", nil)
	did("webhook.delete", hook, c.test.Do(t, http.MethodDelete, "/v1/webhooks/"+hook, nil), 204, "", nil)
	did("capture.create", "", post("/v1/captures", object{}), 201, "capture_id", nil)
	job := did("job.submit", "", post("/v1/kyc/verify", blankVerification()), 202, "job_id", nil)
	about := func(action, subject string) {
		last := &acts[len(acts)-1]
		last.action, last.subject, last.object = action, subject, ""
	}
	person := did("", "", post("/v1/subjects", object{"subject_ref": "entered", "image_reference_base64": e2e.Base64(selfie)}), 201, "subject_id", nil)
	about("subject.create", person)
	acts = append(acts, act{"reference.store", "key", c.test.KeyID, "", acts[len(acts)-1].trace, nil, person})
	did("", "", post("/v1/face/match", object{"image_live_base64": e2e.Base64(selfie), "subject_id": person}), 200, "", map[string]string{"kind": "reference"})
	about("media.read", person)
	did("", "", post("/v1/subjects/"+person, object{"image_reference_base64": e2e.Base64(selfie)}), 200, "", nil)
	about("reference.delete", person)
	did("subject.erase", person, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+person, nil), 200, "", nil)
	link := want[object](t, post("/v1/captures", object{}), 201)
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "en"}), 200)
	used := onPage(t, link, "/pictures", blankVerification())
	want[object](t, used, 200)
	acts = append(acts, act{"capture.use", "link", link["capture_id"].(string), link["capture_id"].(string), used.Header.Get("X-Trace-Id"), nil, ""})
	for range 20 { // one of which the worker has not finished yet
		another := want[object](t, post("/v1/kyc/verify", blankVerification()), 202)["job_id"].(string)
		if a := post("/v1/jobs/"+another+"/cancel", nil); a.Status == 200 {
			did("job.cancel", another, a, 200, "", nil)
			break
		}
	}
	draft := did("workflow.create", "", post("/v1/workflows", operationByID(t, "workflows-create").example(t)), 201, "workflow_id", nil)
	hash := want[object](t, c.test.Do(t, http.MethodGet, "/v1/workflows/"+draft, nil), 200)["hash"]
	did("workflow.publish", draft, post("/v1/workflows/"+draft+"/publish", object{"if_hash": hash}), 200, "", nil)
	did("workflow.default", draft, post("/v1/workflows/"+draft+"/default", nil), 200, "", map[string]string{"step": "begin"})
	did("workflow.default", draft, c.test.Do(t, http.MethodDelete, "/v1/workflows/"+draft+"/default", nil), 200, "", map[string]string{"step": "end"})
	did("workflow.shadow", draft, post("/v1/workflows/"+draft+"/shadow", object{}), 200, "", map[string]string{"step": "begin"})
	did("workflow.shadow", draft, c.test.Do(t, http.MethodDelete, "/v1/workflows/"+draft+"/shadow", nil), 200, "", map[string]string{"step": "end"})
	did("workflow.retire", draft, post("/v1/workflows/"+draft+"/retire", nil), 200, "", nil)
	c.test.AwaitJob(t, job, patience)
	acts = append(acts, act{"job.decide", "system", "", job, "", nil, ""})
	admin := func(action, method, path string, body any, details map[string]string) {
		t.Helper()
		a := operator.Do(t, method, "/admin/v1/tenants/"+c.id+path, body)
		want[object](t, a, 200)
		acts = append(acts, act{action, "operator", "", "", a.Header.Get("X-Trace-Id"), details, ""})
	}
	admin("key.limits", http.MethodPatch, "/test/keys/"+key, object{"rate_per_minute": 5}, map[string]string{"changed": "rate_per_minute"})
	admin("quota.set", http.MethodPut, "/test/quotas/kya", object{"units": 7}, map[string]string{"module": "kya", "units": "7"})
	admin("quota.clear", http.MethodDelete, "/test/quotas/kya", nil, map[string]string{"module": "kya"})
	admin("tenant.update", http.MethodPatch, "", object{"name": "Renamed", "plan": "enterprise"}, map[string]string{"changed": "name,plan", "plan": "enterprise"})
	admin("tenant.suspend", http.MethodPost, "/suspend", nil, nil)
	admin("tenant.resume", http.MethodPost, "/resume", nil, nil)

	entries := auditOf(t, c.test, "")
	for _, a := range acts {
		found := 0
		for _, e := range entries {
			if e.Action == a.action && e.Actor == a.actor && (a.actorID == "" || e.ActorID == a.actorID) && (a.object == "" || slices.Contains(e.Objects, a.object)) &&
				(a.trace == "" || e.TraceID == a.trace) && e.Outcome == "success" && e.SubjectID == a.subject && contains(e.Details, a.details) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("there are %d entries of %+v", found, a)
		}
	}
	for _, e := range entries {
		if e.TenantID != "" || e.Actor != "system" && e.Network != "127.0.0.0/24" || e.Actor == "operator" && !strings.HasPrefix(e.ActorID, "opr_") ||
			e.Environment != "test" && !strings.HasPrefix(e.Action, "tenant.") {
			t.Errorf("an entry that cannot be: %+v", e)
		}
	}
	// The other environment has its key, and what concerns the tenant.
	live := auditOf(t, c.live, "")
	if !slices.ContainsFunc(live, func(e auditEntry) bool { return e.Action == "tenant.suspend" }) || slices.ContainsFunc(live, func(e auditEntry) bool { return e.Environment == "test" }) {
		t.Errorf("the other environment sees %+v", live)
	}
	if !slices.ContainsFunc(entries, func(e auditEntry) bool { return e.Action == "job.cancel" }) {
		t.Error("no job was cancelled")
	}
	if of := auditOf(t, c.test, "?subject_id="+person); len(of) != 5 {
		t.Errorf("of the subject are %d entries, not of making, storing, reading, deleting and storing: %+v", len(of), of)
	}
}

func contains(all, some map[string]string) bool {
	for name, value := range some {
		if all[name] != value {
			return false
		}
	}
	return true
}

// TestOperatorsAreEntered: sessions, accounts, plans; refusals too, and nothing of an address or password.
func TestOperatorsAreEntered(t *testing.T) {
	t.Parallel()
	const email, password, next = "entered@operators.example", "a password to be entered", "another password to be entered"
	made := operator.Do(t, http.MethodPost, "/admin/v1/operators", object{"email": email, "password": password, "role": "viewer"})
	id := want[object](t, made, 201)["operator_id"].(string)
	nobody := &e2e.Operator{BaseURL: up.AdminURL}
	refused(t, "a wrong password", nobody.Do(t, http.MethodPost, "/admin/v1/session", object{"email": email, "password": next}), 401, "login_failed")
	opened := nobody.Do(t, http.MethodPost, "/admin/v1/session", object{"email": email, "password": password})
	theirs := &e2e.Operator{BaseURL: up.AdminURL, Token: want[object](t, opened, 201)["token"].(string)}
	want[object](t, theirs.Do(t, http.MethodPost, "/admin/v1/me/totp", object{"password": password}), 200)
	if a := theirs.Do(t, http.MethodDelete, "/admin/v1/session", nil); a.Status != 204 {
		t.Errorf("log out: %d", a.Status)
	}
	again := nobody.Do(t, http.MethodPost, "/admin/v1/session", object{"email": email, "password": password})
	theirs.Token = want[object](t, again, 201)["token"].(string)
	if a := theirs.Do(t, http.MethodPost, "/admin/v1/me/password", object{"current": password, "new": next}); a.Status != 204 {
		t.Errorf("change the password: %d %s", a.Status, a.Body)
	}
	want[object](t, operator.Do(t, http.MethodPatch, "/admin/v1/operators/"+id, object{"role": "operator", "disabled": true}), 200)
	want[object](t, operator.Do(t, http.MethodPut, "/admin/v1/plans/entered", object{"weight": 1, "rate_per_minute": 60, "rate_per_day": 5000, "quotas": object{}, "overage": false}), 200)
	a := operator.Do(t, http.MethodGet, "/admin/v1/audit/entries?object="+id, nil)
	entries := want[struct{ Entries []auditEntry }](t, a, 200).Entries
	count := map[string]int{}
	for _, e := range entries {
		count[e.Action+" "+e.Outcome+" by "+e.Actor]++
		if e.TenantID != "" || e.ActorID == "" && e.Actor != "nobody" {
			t.Errorf("%+v", e)
		}
	}
	for what, n := range map[string]int{
		"operator.create success by operator": 1, "operator.sign_in refused by nobody": 1, "operator.sign_in success by operator": 4, // two, and each proof of the password
		"operator.totp success by operator": 1, "operator.sign_out success by operator": 1, "operator.password success by operator": 1, "operator.update success by operator": 1,
	} {
		if count[what] != n {
			t.Errorf("%d entries of %s, not %d: %v", count[what], what, n, count)
		}
	}
	for _, secret := range []string{email, password, next, "entered@"} {
		if bytes.Contains(a.Body, []byte(secret)) {
			t.Errorf("the entries show %q", secret)
		}
	}
	plans := want[struct{ Entries []auditEntry }](t, operator.Do(t, http.MethodGet, "/admin/v1/audit/entries?action=plan.put", nil), 200).Entries
	if !slices.ContainsFunc(plans, func(e auditEntry) bool { return e.Details["plan"] == "entered" && e.Details["version"] == "1" }) {
		t.Errorf("plans: %+v", plans)
	}
}

// TestAuditForms: pages and forms, at both addresses of the log.
func TestAuditForms(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	for range 5 {
		want[object](t, c.Do(t, http.MethodPost, "/v1/keys", object{"name": "formed"}), 201)
	}
	all := auditOf(t, c, "")
	if len(all) != 7 { // the tenant, its first key
		t.Fatalf("%d entries: %+v", len(all), all)
	}
	var paged []string
	for after := ""; ; {
		page := auditOf(t, c, "?limit=2&after="+after)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			paged = append(paged, e.EntryID)
		}
		after = page[len(page)-1].EntryID
	}
	if len(paged) != 7 || !slices.IsSortedFunc(paged, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("by pages: %v", paged)
	}
	for _, path := range []string{"/v1/audit/entries", "/v1/logs/audit"} {
		if n := bytes.Count(c.Do(t, http.MethodGet, path+"?format=ndjson&action=key.create", nil).Body, []byte("\n")); n != 6 {
			t.Errorf("%s has %d lines", path, n)
		}
		records, err := csv.NewReader(bytes.NewReader(c.Do(t, http.MethodGet, path, nil, "Accept", "text/csv").Body)).ReadAll()
		if err != nil || len(records) != 8 || records[0][0] != "entry_id" || records[1][0] != all[0].EntryID {
			t.Errorf("%s as CSV: %v, %v", path, records, err)
		}
		refused(t, "a cursor of another list", c.Do(t, http.MethodGet, path+"?after=job_1", nil), 422, "invalid_argument")
		refused(t, "an outcome that there is not", c.Do(t, http.MethodGet, path+"?outcome=maybe", nil), 422, "invalid_argument")
	}
	narrow := want[object](t, c.Do(t, http.MethodPost, "/v1/keys", object{"name": "narrow", "scopes": []string{"kya"}}), 201)
	client := &e2e.Client{BaseURL: up.BaseURL, KeyID: narrow["key_id"].(string), Secret: narrow["secret"].(string)}
	refused(t, "a key without the scope", client.Do(t, http.MethodGet, "/v1/audit/entries", nil), 403, "scope_denied")
}

// checkpoint is a signed tree head, with its signature checked.
type checkpoint struct {
	Size       int64  `json:"size"`
	RootHash   string `json:"root_hash"`
	Checkpoint string `json:"checkpoint"`
	Verifier   string `json:"verifier_key"`
}

func checkpointOf(t testing.TB, c *e2e.Client) (checkpoint, tlog.Hash) {
	t.Helper()
	out := want[checkpoint](t, c.Do(t, http.MethodGet, "/v1/audit/checkpoint", nil), 200)
	verifier, err := note.NewVerifier(out.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(out.Checkpoint), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if n.Text != fmt.Sprintf("%s\n%d\n%s\n", verifier.Name(), out.Size, out.RootHash) {
		t.Fatalf("signed was %q", n.Text)
	}
	root, err := tlog.ParseHash(out.RootHash)
	if err != nil {
		t.Fatal(err)
	}
	return out, root
}

func hashesOf(t testing.TB, texts []string) (out []tlog.Hash) {
	t.Helper()
	for _, text := range texts {
		h, err := tlog.ParseHash(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	return out
}

// TestAuditProofs: a client proves from the answers alone that an act stands in the log, about whom it was, and that the log only grows; after the
// person's erasure the first and the last still hold, and the second cannot be shown any more.
func TestAuditProofs(t *testing.T) {
	t.Parallel()
	c, other := newCustomer(t, "pro"), newCustomer(t, "pro")
	early, earlyRoot := checkpointOf(t, c.test)
	person := want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "proven"}), 201)["subject_id"].(string)
	var e auditEntry
	eventually(t, patience, "the entry has its place", func() bool {
		e = auditOf(t, c.test, "?action=subject.create")[0]
		return e.Index != nil
	})
	now, root := checkpointOf(t, c.test)
	type inclusion struct {
		Index, Size int64
		LeafHash    string `json:"leaf_hash"`
		Hashes      []string
		Record      string
		Opening     *struct {
			SubjectID string `json:"subject_id"`
			Salt      string
		}
	}
	prove := func(by *e2e.Client, size int64, root tlog.Hash) inclusion {
		t.Helper()
		p := want[inclusion](t, by.Do(t, http.MethodGet, fmt.Sprintf("/v1/audit/proofs/inclusion?index=%d&size=%d", *e.Index, size), nil), 200)
		leaf, err := tlog.ParseHash(p.LeafHash)
		if err == nil {
			err = tlog.CheckRecord(hashesOf(t, p.Hashes), size, root, *e.Index, leaf)
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Record != "" && tlog.RecordHash([]byte(p.Record)) != leaf {
			t.Errorf("the leaf is not that of %s", p.Record)
		}
		return p
	}
	p := prove(c.test, now.Size, root)
	var record struct{ ID, Action, Subject, Tenant, Environment string }
	if err := json.Unmarshal([]byte(p.Record), &record); err != nil || record.ID != e.EntryID || record.Action != "subject.create" || strings.Contains(p.Record, person) {
		t.Errorf("the record %s, %v", p.Record, err)
	}
	if p.Opening == nil || p.Opening.SubjectID != person {
		t.Fatalf("the opening is %+v", p.Opening)
	}
	salt, err := base64.StdEncoding.DecodeString(p.Opening.Salt)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(c.id + "|test|" + person))
	if hex.EncodeToString(mac.Sum(nil)) != record.Subject {
		t.Error("the salt does not open the commitment")
	}
	for who, foreign := range map[string]*e2e.Client{"another tenant": other.test, "the other environment": c.live} {
		if p := prove(foreign, now.Size, root); p.Record != "" || p.Opening != nil {
			t.Errorf("%s is shown %+v", who, p)
		}
	}
	if a := operator.Do(t, http.MethodGet, fmt.Sprintf("/admin/v1/audit/proofs/inclusion?index=%d", *e.Index), nil); want[inclusion](t, a, 200).Record != p.Record {
		t.Errorf("operators are shown %s", a.Body)
	}
	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+person, nil), 200)
	if p := prove(c.test, now.Size, root); p.Opening != nil || p.Record == "" {
		t.Errorf("after the erasure: %+v", p)
	}
	consistent := want[struct {
		From, To int64
		Hashes   []string
	}](t, c.test.Do(t, http.MethodGet, fmt.Sprintf("/v1/audit/proofs/consistency?from=%d&to=%d", early.Size, now.Size), nil), 200)
	if err := tlog.CheckTree(hashesOf(t, consistent.Hashes), now.Size, root, early.Size, earlyRoot); err != nil {
		t.Error(err)
	}
	for what, target := range map[string]string{
		"beyond the tree": "/v1/audit/proofs/inclusion?index=99999999", "a tree to come": "/v1/audit/proofs/inclusion?index=0&size=99999999",
		"backwards": fmt.Sprintf("/v1/audit/proofs/consistency?from=%d&to=1", now.Size), "nothing": "/v1/audit/proofs/consistency?from=0", "no number": "/v1/audit/proofs/inclusion?index=a",
	} {
		refused(t, what, c.test.Do(t, http.MethodGet, target, nil), 422, "invalid_argument")
	}
	response, err := http.Get(up.MetricsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Contains(metrics, []byte("\nekyc_audit_unsequenced ")) || !bytes.Contains(metrics, []byte("\nekyc_audit_unsequenced_oldest ")) {
		t.Errorf("no metrics of the log: %v", err)
	}
	admin := want[checkpoint](t, operator.Do(t, http.MethodGet, "/admin/v1/audit/checkpoint", nil), 200)
	want[object](t, operator.Do(t, http.MethodGet, fmt.Sprintf("/admin/v1/audit/proofs/consistency?from=%d", now.Size), nil), 200)
	if admin.Size < now.Size || admin.Verifier != now.Verifier {
		t.Errorf("operators are shown %+v", admin)
	}
}

// TestAuditExport runs the program's own commands on the running service's log.
func TestAuditExport(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	folder := filepath.Join(t.TempDir(), "export")
	run := func(args ...string) (string, error) {
		command := exec.Command(e2e.Binary(t), append([]string{"audit"}, args...)...)
		out, err := command.CombinedOutput()
		return string(out), err
	}
	export := func() {
		t.Helper()
		if out, err := run("export", "--to", folder, "--data-dir", up.DataDir, "--database-url", up.DatabaseURL()); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	export()
	later, _ := checkpointOf(t, c)
	export()
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, key := write("checkpoint", later.Checkpoint), write("key", later.Verifier+"\n")
	if out, err := run("verify", folder, "--checkpoint", good, "--key", key); err != nil || !strings.Contains(out, "as they were signed") {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := run("verify", folder, "--json")
	var report struct {
		Entries  int64
		KeyGiven bool `json:"key_given"`
	}
	if err != nil || json.Unmarshal([]byte(out), &report) != nil || report.Entries < later.Size || report.KeyGiven {
		t.Errorf("%v: %s", err, out)
	}
	list, err := os.ReadDir(folder)
	if err != nil || len(list) < 2 {
		t.Fatalf("%d segments, %v", len(list), err)
	}
	for _, planted := range []string{up.OperatorPassword, up.Operator, c.Secret, url.QueryEscape(c.Secret)} {
		for _, f := range list {
			if content, err := os.ReadFile(filepath.Join(folder, f.Name())); err != nil || bytes.Contains(content, []byte(planted)) {
				t.Errorf("%s: %v, or it shows what it may not", f.Name(), err)
			}
		}
	}
	last := filepath.Join(folder, list[len(list)-1].Name())
	content, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(last); err != nil {
		t.Fatal(err)
	}
	newest, _ := checkpointOf(t, c)
	if out, err := run("verify", folder, "--checkpoint", write("checkpoint", newest.Checkpoint)); err == nil || !strings.Contains(out, "the end is missing") || !strings.Contains(out, "audit_altered") {
		t.Errorf("without its end: %v: %s", err, out)
	}
	if err := os.WriteFile(last, bytes.Replace(content, []byte(`"outcome":"success"`), []byte(`"outcome":"refused"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run("verify", folder, "--json"); err == nil || !strings.Contains(out, `"audit_altered"`) || !strings.Contains(out, `"problem"`) {
		t.Errorf("altered: %v: %s", err, out)
	}
	if out, err := run("verify", filepath.Join(folder, "absent")); err == nil || !strings.Contains(out, "file_unreadable") {
		t.Errorf("a folder that is not there: %v: %s", err, out)
	}
}
