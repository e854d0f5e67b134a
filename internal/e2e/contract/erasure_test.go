package contract

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
)

// ofAPerson is a subject of whom there is something in every room, with what one needs to ask for it.
type ofAPerson struct {
	subject, ref   string
	done, reviewed string // jobs
	review, link   string
	open           object // a link that was not used
}

// personEverywhere lets a customer do with a person all that one can.
func personEverywhere(t *testing.T, c *e2e.Client, ref string) (p ofAPerson) {
	t.Helper()
	selfie, front := e2e.Person(t)
	p.ref = ref
	p.subject = want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": ref, "image_reference_base64": e2e.Base64(selfie)}, "Idempotency-Key", ref), 201)["subject_id"].(string)
	verification := object{"image_live_base64": e2e.Base64(selfie), "image_front_base64": e2e.Base64(front), "subject_ref": ref, "metadata": object{"note": ref},
		"kya": object{"email": "someone@example.com", "names": object{"given_names": ref, "surname": ref}}}
	p.done = want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", verification, "Idempotency-Key", ref+"v"), 202)["job_id"].(string)
	c.AwaitJob(t, p.done, patience)
	p.reviewed, p.review = inReview(t, c, object{"subject_ref": ref})
	want[object](t, c.Do(t, http.MethodPost, "/v1/reviews/"+p.review+"/claim", reviewer("anna")), 200)
	decided := deciding("anna", "rejected", "document_unreadable")
	decided["comment"] = ref
	c.Do(t, http.MethodPost, "/v1/reviews/"+p.review+"/decide", decided)
	used := want[object](t, c.Do(t, http.MethodPost, "/v1/captures", object{"subject_ref": ref}), 201)
	want[object](t, onPage(t, used, "/consent", object{"version": "2026-11", "language": "en"}), 200)
	want[object](t, onPage(t, used, "/pictures", blankVerification()), 200)
	p.link = used["capture_id"].(string)
	c.AwaitJob(t, want[object](t, c.Do(t, http.MethodGet, "/v1/captures/"+p.link, nil), 200)["job_id"].(string), patience)
	p.open = want[object](t, c.Do(t, http.MethodPost, "/v1/captures", object{"subject_ref": ref}), 201)
	want[object](t, c.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": e2e.Base64(selfie), "subject_id": p.subject}, "Idempotency-Key", ref+"m"), 200)
	want[object](t, c.Do(t, http.MethodPost, "/v1/subjects/"+p.subject+"/consent", object{"version": "1", "language": "en", "text": "I agree."}), 201)
	return p
}

// heldOf counts, by table, what tables hold of a subject: rows that name it or one of its jobs, and of these the binary columns that are not empty.
func heldOf(t *testing.T, conn *pgx.Conn, subject string) (rows map[string]int64, sealed map[string]int64) {
	t.Helper()
	found, err := conn.Query(context.Background(), `select table_schema || '.' || table_name, string_agg(column_name, ',') filter (where column_name in ('subject_id', 'job_id')),
			coalesce(string_agg(column_name, ',') filter (where data_type = 'bytea'), '')
		from information_schema.columns join information_schema.tables using (table_schema, table_name)
		where table_schema in ('ekyc', 'ekyc_keys') and table_type = 'BASE TABLE' group by 1 having bool_or(column_name in ('subject_id', 'job_id'))`)
	if err != nil {
		t.Fatal(err)
	}
	type table struct{ Name, By, Binary string }
	tables, err := pgx.CollectRows(found, pgx.RowToStructByPos[table])
	if err != nil || len(tables) < 12 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	rows, sealed = map[string]int64{}, map[string]int64{}
	for _, at := range tables {
		var conditions []string
		for _, column := range strings.Split(at.By, ",") {
			if column == "job_id" {
				conditions = append(conditions, "job_id in (select id from ekyc.job where subject_id = $1)")
			} else {
				conditions = append(conditions, "subject_id = $1")
			}
		}
		of := " from " + at.Name + " where (" + strings.Join(conditions, " or ") + ")"
		if n := number(t, conn, "select count(*)"+of, subject); n > 0 {
			rows[at.Name] = n
		}
		for _, column := range strings.Split(at.Binary, ",") {
			if column == "" {
				continue
			}
			if n := number(t, conn, "select count(*)"+of+" and octet_length("+column+") > 0", subject); n > 0 {
				sealed[at.Name+"."+column] = n
			}
		}
	}
	return rows, sealed
}

// checkNothingSealed looks for what is left of an erased subject in binary columns.
func checkNothingSealed(t *testing.T, conn *pgx.Conn, subject string) {
	t.Helper()
	_, sealed := heldOf(t, conn, subject)
	for column, n := range sealed {
		switch column {
		case "ekyc.receipt.signature", "ekyc.erasure.signature", "ekyc.audit_entry.salt", "ekyc.capture.token_hash":
		case "ekyc.erasure.ref_hash": // until the second look
		case "ekyc.idempotency.key_hash", "ekyc.idempotency.request_hash", "ekyc.idempotency.token":
		default:
			t.Errorf("%d rows of the person hold something in %s", n, column)
		}
	}
	if n := number(t, conn, `select count(*) from ekyc_keys.subject_key where subject_id = $1`, subject); n != 0 {
		t.Error("the key of the person is there")
	}
}

// TestAnErasureReachesEveryTable: what is left of a person is identifiers, times and states; signatures over these; the keyed hash of the reference until
// the second look; and salts in the audit log, which cannot be changed, sealed under a key that is gone. The table fates in cmd/ekyc says so of each column.
func TestAnErasureReachesEveryTable(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	deaf := newInbox(t)
	deaf.answer(http.StatusServiceUnavailable)
	told := newInbox(t)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks", object{"url": deaf.url, "types": []string{"kyc.completed", "kyc.review_required", "kyc.reviewed"}}), 201)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks", object{"url": told.url, "types": []string{"subject.erased"}}), 201)
	p, bystander := personEverywhere(t, c.test, "zq8-person"), personEverywhere(t, c.test, "zq8-bystander")
	conn := database(t)
	rows, sealed := heldOf(t, conn, p.subject)
	for _, table := range []string{"ekyc_keys.subject_key", "ekyc.media", "ekyc.reference_template", "ekyc.job", "ekyc.job_step", "ekyc.review", "ekyc.receipt", "ekyc.capture", "ekyc.consent", "ekyc.idempotency", "ekyc.webhook_event"} {
		if rows[table] == 0 {
			t.Errorf("the person is not in %s, so that nothing is shown there", table)
		}
	}
	if len(sealed) < 10 {
		t.Fatalf("there is little of the person: %v", sealed)
	}
	beside, _ := heldOf(t, conn, bystander.subject)
	hour := time.Now().UTC().Format("2006-01-02T15:00:00Z")
	usage := func() string { return string(c.test.Do(t, http.MethodGet, "/v1/usage?from="+hour, nil).Body) }
	billed := usage()
	reserved := number(t, conn, `select coalesce(sum(reserved), 0) from quota_usage where tenant_id = $1`, c.id)
	waiting := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", object{"image_live_base64": blank(), "image_front_base64": blank(), "subject_ref": p.ref}), 202)["job_id"].(string)

	begun := time.Now()
	erased := c.test.Do(t, http.MethodDelete, "/v1/subjects/"+p.subject, nil)
	took := time.Since(begun)
	answer := want[struct {
		SubjectID   string `json:"subject_id"`
		Erased      bool
		Certificate object
	}](t, erased, 200)
	if !answer.Erased || answer.SubjectID != p.subject || answer.Certificate == nil {
		t.Fatalf("answered %s", erased.Body)
	}
	eventually(t, patience, "the job ends", func() bool {
		status := want[object](t, c.test.Do(t, http.MethodGet, "/v1/jobs/"+waiting, nil), 200)["status"]
		return status == "cancelled" || status == "completed"
	})
	checkNothingSealed(t, conn, p.subject)
	rows, _ = heldOf(t, conn, p.subject)
	for _, table := range []string{"ekyc_keys.subject_key", "ekyc.media", "ekyc.reference_template", "ekyc.job_step", "ekyc.shadow_decision", "ekyc.consent", "ekyc.reuse_trace"} {
		if rows[table] != 0 {
			t.Errorf("%d rows of the person are left in %s", rows[table], table)
		}
	}
	if n := number(t, conn, `select count(*) from review_act a join review r on r.id = a.review_id where r.subject_id = $1 and a.comment is not null`, p.subject); n != 0 {
		t.Errorf("%d comments are left", n)
	}
	if after, _ := heldOf(t, conn, bystander.subject); fmt.Sprint(after) != fmt.Sprint(beside) {
		t.Errorf("of another person there was %v and is %v", beside, after)
	}
	everyFileHasItsRow(t)

	// Every way to the person ends.
	for what, target := range map[string]string{"subject": "/v1/subjects/" + p.subject, "consents": "/v1/subjects/" + p.subject + "/consent", "openings": "/v1/jobs/" + p.done + "/receipt?openings=true"} {
		refused(t, what, c.test.Do(t, http.MethodGet, target, nil), 410, "gone")
	}
	selfie, _ := e2e.Person(t)
	refused(t, "comparison", c.test.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": e2e.Base64(selfie), "subject_id": p.subject}), 410, "gone")
	refused(t, "an open link", onPage(t, p.open, "/consent", object{"version": "2026-11", "language": "en"}), 410, "gone")
	if job := want[object](t, c.test.Do(t, http.MethodGet, "/v1/jobs/"+p.done, nil), 200); job["result"] != nil || job["metadata"] != nil || job["subject_ref"] != nil {
		t.Errorf("the job tells %v", job)
	}
	if link := want[object](t, c.test.Do(t, http.MethodGet, "/v1/captures/"+p.link, nil), 200); link["consent"] != nil {
		t.Errorf("the link tells %v", link)
	}

	// Receivers that have not been reached get no personal data, and the erasure is told once.
	deaf.mutex.Lock()
	before := len(deaf.bodies)
	deaf.mutex.Unlock()
	deaf.answer(http.StatusNoContent)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/webhooks/resend", object{"failed": true}), 202)
	deaf.await(t, before)
	deaf.mutex.Lock()
	for _, body := range deaf.bodies[before:] {
		if bytes.Contains(body, []byte(p.subject)) && (bytes.Contains(body, []byte(p.ref)) || bytes.Contains(body, []byte("score"))) {
			t.Errorf("delivered after the erasure was %s", body)
		}
	}
	deaf.mutex.Unlock()
	_, body := told.await(t, 0)
	if !bytes.Contains(body, []byte(p.subject)) {
		t.Errorf("told was %s", body)
	}

	// What was billed stays billed, and what waited is not.
	if now := usage(); now != billed && number(t, conn, `select count(*) from usage_event where job_id = $1`, waiting) == 0 {
		t.Errorf("usage was %s and is %s", billed, now)
	}
	if n := number(t, conn, `select coalesce(sum(reserved), 0) from quota_usage where tenant_id = $1`, c.id); n != reserved {
		t.Errorf("%d units are reserved, and were %d", n, reserved)
	}
	if n := number(t, conn, `select count(*) from webhook_event where tenant_id = $1 and type = 'subject.erased'`, c.id); n != 1 {
		t.Errorf("%d events of the erasure", n)
	}
	checkCertificate(t, c.test, p.subject, erased.Body, answer.Certificate)
	t.Logf("the erasure took %s", took)
}

// checkCertificate verifies a certificate by the program, offline, and holds it against the one that is given later.
func checkCertificate(t *testing.T, c *e2e.Client, subject string, answer []byte, certificate object) {
	t.Helper()
	directory := t.TempDir()
	keys, file := filepath.Join(directory, "keys.json"), filepath.Join(directory, "certificate.json")
	published, err := http.Get(up.BaseURL + "/v1/receipts/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer published.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(published.Body); err != nil {
		t.Fatal(err)
	}
	later := c.Do(t, http.MethodGet, "/v1/subjects/"+subject+"/certificate", nil)
	if got := want[object](t, later, 200); fmt.Sprint(got) != fmt.Sprint(certificate) {
		t.Errorf("later it is %v", got)
	}
	for path, content := range map[string][]byte{keys: text.Bytes(), file: answer} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() (string, int) {
		out, err := exec.Command(e2e.Binary(t), "erasure", "verify", file, "--key", keys).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); ok {
			return string(out), exit.ExitCode()
		}
		return string(out), 0
	}
	if out, code := verify(); code != 0 || !strings.Contains(out, "authentic") || !strings.Contains(out, subject) || !strings.Contains(out, "1 key") {
		t.Errorf("%d %s", code, out)
	}
	if err := os.WriteFile(file, later.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := verify(); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	if err := os.WriteFile(file, bytes.Replace(later.Body, []byte(subject), []byte("sub_"+hex.EncodeToString(make([]byte, 13))), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := verify(); code != 3 {
		t.Errorf("an altered one: %d %s", code, out)
	}
}

// TestAHeldSubjectIsNotErased and is erased when the hold has ended.
func TestAHeldSubjectIsNotErased(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	subject := want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "held"}), 201)["subject_id"].(string)
	want[object](t, c.Do(t, http.MethodPut, "/v1/subjects/"+subject+"/hold", object{"reason": "a court asks"}), 200)
	a := c.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil)
	refused(t, "a held subject", a, 409, "conflict")
	if !bytes.Contains(a.Body, []byte("legal_hold")) {
		t.Errorf("refused without saying why: %s", a.Body)
	}
	refused(t, "a certificate of it", c.Do(t, http.MethodGet, "/v1/subjects/"+subject+"/certificate", nil), 404, "not_found")
	if a := c.Do(t, http.MethodDelete, "/v1/subjects/"+subject+"/hold", nil); a.Status >= 300 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	want[object](t, c.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil), 200)
}

// TestACancellationIsForgottenWithItsSubject: its answer tells what was attached of the person, and is remembered no longer than that is kept.
func TestACancellationIsForgottenWithItsSubject(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	cancelled := func(key string, more object) (job, subject string) {
		t.Helper()
		body := e2e.Verification(t)
		maps.Copy(body, more)
		for try := range 20 { // until one has not ended before
			made := want[object](t, c.Do(t, http.MethodPost, "/v1/kyc/verify", body), 202)
			job, subject = made["job_id"].(string), made["subject_id"].(string)
			first := c.Do(t, http.MethodPost, "/v1/jobs/"+job+"/cancel", nil, "Idempotency-Key", fmt.Sprint(key, try))
			if first.Status == 409 {
				continue
			}
			if want[object](t, first, 200)["subject_ref"] != more["subject_ref"] {
				t.Fatalf("answered %s", first.Body)
			}
			c.AwaitJob(t, job, patience)
			return fmt.Sprint(job, "/cancel\n", key, try), subject
		}
		t.Fatal("every job ended first")
		return "", ""
	}
	again := func(of string) e2e.Answer {
		target, key, _ := strings.Cut(of, "\n")
		return c.Do(t, http.MethodPost, "/v1/jobs/"+target, nil, "Idempotency-Key", key)
	}
	kept, subject := cancelled("kept", object{"subject_ref": "zq9-kept", "metadata": object{"name": "zq9-kept"}})
	if a := again(kept); a.Status != 200 || a.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a repetition: %d %s", a.Status, a.Body)
	}
	want[object](t, c.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil), 200)
	refused(t, "a repetition after the erasure", again(kept), 410, "gone")

	dropped, _ := cancelled("dropped", object{"subject_ref": "zq9-dropped", "store": false})
	refused(t, "a repetition of what is not stored", again(dropped), 409, "idempotency_not_kept")
}
