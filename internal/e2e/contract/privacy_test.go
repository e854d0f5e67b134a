package contract

import (
	"bytes"
	"context"
	"fmt"
	"io"
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

// What is planted stands nowhere else.
const (
	plantedEmail     = "zq7planted.person@zq7planted.example"
	plantedPhone     = "+33142685387"
	plantedName      = "ZQSEVENSURNAME"
	plantedNumber    = "ZQ7NUMBR9"
	plantedReference = "zq7-reference-of-the-client"
	plantedMetadata  = "zq7-metadata-value"
	plantedIP        = "198.51.100.237"
	plantedPath      = "zq7-secret-path-of-a-callback"
)

// TestNothingOfThePersonIsLeftInTheOpen uses the service with personal data that is unmistakable, and then looks everywhere.
func TestNothingOfThePersonIsLeftInTheOpen(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	selfie, front := e2e.Person(t)
	receiver := e2e.NewReceiver(t, defaultSecret(t, c.test))
	photo := bytes.Clone(selfie)
	middle := len(photo) / 2
	needles := []e2e.Needle{
		e2e.NewNeedle("e-mail", []byte(plantedEmail)), e2e.NewNeedle("telephone", []byte(plantedPhone)), e2e.NewNeedle("name", []byte(plantedName)),
		e2e.NewNeedle("document number", []byte(plantedNumber)), e2e.NewNeedle("subject_ref", []byte(plantedReference)), e2e.NewNeedle("metadata", []byte(plantedMetadata)),
		e2e.NewNeedle("address", []byte(plantedIP)), e2e.NewNeedle("callback", []byte(plantedPath)),
		e2e.NewNeedle("image, its middle", photo[middle:middle+24]), e2e.NewNeedle("document, its middle", front[len(front)/2:len(front)/2+24]),
		e2e.NewNeedle("secret of the key", []byte(c.test.Secret)), e2e.NewNeedle("password of the operator", []byte(up.OperatorPassword)),
	}

	// Everything that takes personal data takes some, well and badly.
	person := object{"email": plantedEmail, "phone": plantedPhone, "country": "FRA", "ip": plantedIP, "names": object{"given_names": plantedName, "surname": plantedName}}
	body := object{"image_live_base64": e2e.Base64(photo), "image_front_base64": e2e.Base64(front), "kya": person, "subject_ref": plantedReference,
		"metadata": object{plantedMetadata: plantedMetadata}, "callback_url": receiver.URL + "/" + plantedPath,
		"consent": object{"version": plantedMetadata, "text": "I agree: " + plantedMetadata, "language": "en"}}
	id := want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", body, "Idempotency-Key", plantedReference), 202)["job_id"].(string)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", body, "Idempotency-Key", plantedReference), 202)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/kya/check", person, "Idempotency-Key", plantedMetadata), 200)
	made := want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": plantedReference + "2", "image_reference_base64": e2e.Base64(photo)}, "Idempotency-Key", "plain"), 201)
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/document/validate", object{"fields": object{"surname": plantedName, "document_number": plantedNumber, "address": plantedName}}, "Idempotency-Key", "validated"), 200)
	link := want[object](t, c.test.Do(t, http.MethodPost, "/v1/captures", object{"subject_ref": plantedReference + "3", "metadata": object{plantedMetadata: plantedMetadata},
		"callback_url": receiver.URL + "/" + plantedPath, "redirect_url": "https://example.com/" + plantedPath, "kya": person}, "Idempotency-Key", "link"), 201)
	needles = append(needles, e2e.NewNeedle("token of a link", []byte(link["token"].(string))))
	want[object](t, onPage(t, link, "/consent", object{"version": "2026-11", "language": "en"}), 200)
	if a := onPage(t, link, "/pictures", object{"image_live_base64": plantedEmail}); a.Status < 400 {
		t.Errorf("pictures that are none: %d", a.Status)
	}
	for _, bad := range []struct{ method, target, body string }{
		{"POST", "/v1/kya/check", `{"email":{"` + plantedEmail + `":1}}`},
		{"POST", "/v1/kya/check", `{"` + plantedEmail + `":1}`},
		{"POST", "/v1/kya/check", `{"email":"` + plantedEmail + `","email":"` + plantedEmail + `"}`},
		{"POST", "/v1/kya/check", `{"email":"` + plantedEmail + strings.Repeat("x", 400) + `"}`},
		{"POST", "/v1/document/validate", `{"fields":{"` + plantedName + `":"` + plantedNumber + `"}}`},
		{"POST", "/v1/document/validate", `{"fields":{"surname":["` + plantedName + `"]}}`},
		{"POST", "/v1/document/validate", `{"document_hint":"` + plantedName + `","fields":{"surname":"A"}}`},
		{"POST", "/v1/kyc/verify", `{"image_live_base64":"` + plantedEmail + `"}`},
		{"POST", "/v1/kyc/verify", `{"metadata":{"` + plantedMetadata + `":1}}`},
		{"POST", "/v1/keys", `{"name":"a","endpoint_limits":{"` + plantedEmail + `":"` + plantedEmail + `"}}`},
		{"POST", "/v1/keys", `{"name":"a","endpoint_limits":{"` + plantedEmail + `":-1}}`},
		{"GET", "/v1/jobs?status=" + plantedReference, ""},
		{"GET", "/v1/jobs?after=" + plantedReference, ""},
		{"GET", "/v1/jobs/" + plantedReference, ""},
		{"GET", "/v1/subjects/" + plantedReference, ""},
		{"GET", "/v1/" + plantedReference, ""},
		{"GET", "/v1/docs/" + plantedReference, ""},
	} {
		var sent any
		if bad.body != "" {
			sent = []byte(bad.body)
		}
		a := c.test.Do(t, bad.method, bad.target, sent)
		if a.Status < 400 {
			t.Errorf("%s %s: %d", bad.method, bad.target, a.Status)
		}
		for _, n := range needles {
			if n.In(a.Body) || n.In([]byte(fmt.Sprint(a.Header))) {
				t.Errorf("the error of %s %s repeats the %s: %s", bad.method, bad.target, n.Name, a.Body)
			}
		}
	}
	// While the job runs its uploads are on the disk, sealed.
	search := func() {
		for place, haystack := range everywhere(t) {
			for _, n := range needles {
				if n.In(haystack) {
					t.Errorf("the %s is found in %s", n.Name, place)
				}
			}
		}
	}
	search()
	job := c.test.AwaitJob(t, id, patience)
	receiver.Await(t, patience, func(e e2e.Event) bool { return e.Type == "kyc.completed" })
	if !bytes.Contains(job.Result, []byte("zq7planted")) && !bytes.Contains(c.test.Do(t, http.MethodGet, "/v1/jobs/"+id, nil).Body, []byte(plantedMetadata)) {
		t.Error("the owner's own answer does not tell what was planted, so the search proves nothing")
	}
	time.Sleep(time.Second) // for the logs' own pace
	search()

	// When the person is erased, what was sealed is gone, or opens no more.
	subject := want[object](t, c.test.Do(t, http.MethodGet, "/v1/jobs/"+id, nil), 200)["subject_id"].(string)
	want[object](t, c.test.Do(t, http.MethodDelete, "/v1/subjects/"+subject, nil), 200)
	checkNothingSealed(t, database(t), subject)
	search()

	// The search finds what does stand there.
	control := e2e.NewNeedle("control", []byte(made["subject_id"].(string)))
	found := map[string]bool{}
	for place, haystack := range everywhere(t) {
		kind, _, _ := strings.Cut(place, ":")
		if control.In(haystack) {
			found[kind] = true
		}
		switch {
		case kind == "metrics" && bytes.Contains(haystack, []byte("http_server_request_duration")), kind == "output" && bytes.Contains(haystack, []byte(c.id)),
			kind == "traces" && bytes.Contains(haystack, []byte("/v1/kyc/verify")), kind == "file" && len(haystack) > 1000, kind == "backup" && len(haystack) > 1000, kind == "request log" && bytes.Contains(haystack, []byte("/v1/kyc/verify")):
			found[kind] = true
		}
	}
	for _, kind := range []string{"table", "metrics", "output", "traces", "file", "request log", "backup"} {
		if !found[kind] {
			t.Errorf("the search found nothing at all in %s, and so proves nothing", kind)
		}
	}
}

// everywhere gives all that the service has written: its output, metrics, traces, request log, every row of every table in text and in
// bytes, every file of the data directory and of its directory of temporary files, and a backup of everything.
func everywhere(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"output": []byte(bootstrapless(up.Output()))}
	response, err := http.Get(up.MetricsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if out["metrics"], err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	traces.mutex.Lock()
	out["traces"] = bytes.Clone(traces.bytes)
	traces.mutex.Unlock()
	conn := database(t)
	rows, err := conn.Query(context.Background(), `select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname in ('ekyc', 'ekyc_keys', 'river', 'public')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 25 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	for _, table := range tables {
		// Binary columns come as \x and hex in text; the needles know hex. Text that is itself base64 is known too.
		var all []byte
		err := conn.QueryRow(context.Background(), "select convert_to(coalesce(string_agg(r::text, E'\\n'), ''), 'UTF8') from "+table+" r").Scan(&all)
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		out["table: "+table] = all
		if strings.HasPrefix(table, "ekyc.request_log") {
			out["request log: "+table] = all
		}
	}
	err = filepath.WalkDir(up.DataDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go
		}
		if strings.HasPrefix(path, filepath.Join(up.DataDir, "postgres")) && !strings.Contains(path, "pg_wal") && !strings.Contains(path, "pgsql_tmp") && !strings.HasSuffix(path, ".log") {
			return nil // the tables have been read as such; the journal, temporary files and logs are read as files
		}
		if b, err := os.ReadFile(path); err == nil {
			out["file: "+path] = b
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if said, err := exec.Command(e2e.Binary(t), "backup", "create", "--data-dir", up.DataDir, "--out", backup).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	for kind, root := range map[string]string{"backup": backup, "temporary file": temporary} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "up-") { // the file of credentials, which was asked for
				return nil
			}
			if b, err := os.ReadFile(path); err == nil {
				out[kind+": "+path] = b
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// bootstrapless is the output without the lines that `ekyc up` greets the newcomer with, which show his password.
func bootstrapless(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "{") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
