package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
)

// mediaOf gives the photographs of a job as the job lists them.
func mediaOf(t testing.TB, c *e2e.Client, job string) []object {
	t.Helper()
	media := want[struct{ Media []object }](t, c.Do(t, http.MethodGet, "/v1/jobs/"+job, nil), 200).Media
	if len(media) == 0 {
		t.Fatal("the job lists no photographs")
	}
	return media
}

// all gives what has come in.
func (i *inbox) all() [][]byte {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return slices.Clone(i.bodies)
}

// upkeep is how long the service may take to remove what is over: a minute between two passes, and then some.
const upkeep = patience + time.Minute

// TestStoredPhotographs are listed with their job, shown to who may see them and to nobody else, each time entered, by a link too, until their time
// is over; then they are gone at once, removed, and told.
func TestStoredPhotographs(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	full, thin := newInbox(t), newInbox(t)
	want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": full.url, "types": []string{"media.expired"}}), 201)
	want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": thin.url, "types": []string{"media.expired"}, "thin": true}), 201)
	job, review := inReview(t, c, nil)
	media := mediaOf(t, c, job)
	detail := want[struct{ Job struct{ Media []object } }](t, c.Do(t, http.MethodGet, "/v1/reviews/"+review, nil), 200)
	if len(media) != 2 || media[0]["kind"] != "document_front" || media[1]["kind"] != "selfie" || len(detail.Job.Media) != 2 {
		t.Fatalf("the job lists %v, the review %v", media, detail.Job.Media)
	}
	var ids []string
	for _, m := range media {
		id := m["media_id"].(string)
		ids = append(ids, id)
		a := c.Do(t, http.MethodGet, "/v1/media/"+id, nil)
		if _, err := jpeg.Decode(bytes.NewReader(a.Body)); a.Status != 200 || err != nil || len(a.Body) != int(m["size"].(float64)) {
			t.Errorf("answered %d with %d bytes of %v, %v", a.Status, len(a.Body), m["size"], err)
		}
		for name, value := range map[string]string{"Content-Type": "image/jpeg", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Disposition": `inline; filename="` + id + `.jpeg"`} {
			if got := a.Header.Get(name); got != value {
				t.Errorf("%s is %q", name, got)
			}
		}
		if n := entriesOf(t, c, "media.read", "key", id, job); n != 1 {
			t.Errorf("%d entries of the read", n)
		}
	}
	worker := operator.KeyOf(t, up.BaseURL, customer.id, "test", map[string]any{"name": "worker", "scopes": []string{"workflow", "admin"}})
	refused(t, "without the scope", worker.Do(t, http.MethodGet, "/v1/media/"+ids[0], nil), 403, "scope_denied")
	refused(t, "another environment", customer.live.Do(t, http.MethodGet, "/v1/media/"+ids[0], nil), 404, "not_found")
	refused(t, "no such", c.Do(t, http.MethodGet, "/v1/media/med_x", nil), 404, "not_found")

	viewer := operator.KeyOf(t, up.BaseURL, customer.id, "test", map[string]any{"name": "viewer", "scopes": []string{"media"}})
	link := want[struct{ URL string }](t, viewer.Do(t, http.MethodPost, "/v1/media/"+ids[0]+"/link", nil), 201).URL
	open := func(url string) (int, []byte) {
		t.Helper()
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(response.Body)
		return response.StatusCode, b.Bytes()
	}
	if status, body := open(link); status != 200 || !bytes.Equal(body, c.Do(t, http.MethodGet, "/v1/media/"+ids[0], nil).Body) {
		t.Errorf("the link answers %d with %d bytes", status, len(body))
	}
	if n := entriesOf(t, c, "media.read", "link", ids[0], job); n != 1 {
		t.Errorf("%d entries of the link's use", n)
	}
	if n := entriesOf(t, c, "media.link", "key", ids[0], job); n != 1 {
		t.Errorf("%d entries of the link", n)
	}
	other := strings.Replace(link, ids[0], ids[1], 1)
	for what, url := range map[string]string{"of another photograph": other, "altered": link[:len(link)-1] + "0", "shortened": link[:len(link)-10], "nothing": up.BaseURL + "/media/x"} {
		if status, _ := open(url); status != 404 && url != link {
			t.Errorf("a link %s answers %d", what, status)
		}
	}
	want[object](t, c.Do(t, http.MethodPost, "/v1/keys/"+viewer.KeyID+"/revoke", nil), 200)
	if status, _ := open(link); status != 404 {
		t.Errorf("the link of a revoked key answers %d", status)
	}

	conn := database(t)
	var blobs []string
	rows, err := conn.Query(t.Context(), "update media set expires_at = now() - interval '1 second' where job_id = $1 returning blob", job)
	if err == nil {
		blobs, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil || len(blobs) != 2 {
		t.Fatal(blobs, err)
	}
	refused(t, "past its time", c.Do(t, http.MethodGet, "/v1/media/"+ids[0], nil), 410, "gone")
	if left := want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+job, nil), 200)["media"]; left != nil {
		t.Errorf("past their time the job lists %v", left)
	}
	eventually(t, upkeep, "the photographs are removed", func() bool {
		return number(t, conn, "select count(*) from media where job_id = $1", job) == 0
	})
	eventually(t, patience, "their files are removed", func() bool {
		for path := range files(t) {
			if slices.ContainsFunc(blobs, func(blob string) bool { return strings.HasSuffix(path, blob) }) {
				return false
			}
		}
		return true
	})
	refused(t, "removed", c.Do(t, http.MethodGet, "/v1/media/"+ids[0], nil), 410, "gone")
	for name, in := range map[string]*inbox{"full": full, "thin": thin} {
		eventually(t, patience, "the webhook", func() bool { return len(in.all()) > 0 })
		var told struct {
			Type string
			Data struct {
				JobID    string   `json:"job_id"`
				MediaIDs []string `json:"media_ids"`
			}
		}
		got := in.all()
		if err := json.Unmarshal(got[0], &told); err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		slices.Sort(told.Data.MediaIDs)
		if len(got) != 1 || told.Type != "media.expired" || told.Data.JobID != job || !slices.Equal(told.Data.MediaIDs, ids) {
			t.Errorf("%s: told %d times: %s", name, len(got), got[0])
		}
	}
	if n := entriesOf(t, c, "retention.remove", "system", ids...); n != 1 {
		t.Errorf("%d entries of the removal", n)
	}
}

// entriesOf counts the entries of an action by a kind of actor to all of some objects.
func entriesOf(t *testing.T, c *e2e.Client, action, actor string, objects ...string) (n int) {
	t.Helper()
	for _, e := range auditOf(t, c, "?action="+action) {
		all := e.Actor == actor && e.SubjectID != ""
		for _, id := range objects {
			all = all && slices.Contains(e.Objects, id)
		}
		if all {
			n++
		}
	}
	return n
}

func TestRetentionSettings(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	const at = "/v1/settings/retention"
	type settings struct {
		Days  map[string]int
		KeyID string `json:"key_id"`
	}
	standard := map[string]int{"selfie": 30, "document": 30, "face_crop": 30, "template": 30, "result": 30, "logs": 30}
	equal := func(what string, got settings, days map[string]int) {
		t.Helper()
		for class, n := range days {
			if got.Days[class] != n || len(got.Days) != len(days) {
				t.Errorf("%s: %v", what, got.Days)
			}
		}
	}
	equal("nothing said", want[settings](t, c.Do(t, http.MethodGet, at, nil), 200), standard)
	standard["selfie"], standard["result"] = 0, 3650
	changed := want[settings](t, c.Do(t, http.MethodPut, at, object{"days": object{"selfie": 0, "result": 3650}}), 200)
	if equal("changed", changed, standard); changed.KeyID != c.KeyID {
		t.Errorf("set by %s", changed.KeyID)
	}
	standard["logs"] = 7
	equal("changed again", want[settings](t, c.Do(t, http.MethodPut, at, object{"days": object{"logs": 7}}), 200), standard)
	equal("asked", want[settings](t, c.Do(t, http.MethodGet, at, nil), 200), standard)
	if live := want[settings](t, customer.live.Do(t, http.MethodGet, at, nil), 200); live.Days["selfie"] != 30 {
		t.Errorf("the other environment has %v", live.Days)
	}
	for what, days := range map[string]object{
		"below": {"selfie": -1}, "above": {"document": 3651}, "no results at all": {"result": 0}, "no log at all": {"logs": 0}, "an unknown class": {"voice": 3}, "no number": {"selfie": "3"},
	} {
		if a := c.Do(t, http.MethodPut, at, object{"days": days}); a.Status != 422 {
			t.Errorf("%s: answered %d: %s", what, a.Status, a.Body)
		}
	}
	worker := operator.KeyOf(t, up.BaseURL, customer.id, "test", map[string]any{"name": "worker", "scopes": []string{"workflow", "media"}})
	refused(t, "by who verifies", worker.Do(t, http.MethodPut, at, object{"days": object{"selfie": 1}}), 403, "scope_denied")
	entries := auditOf(t, c, "?action=settings.change")
	if len(entries) != 2 || entries[1].Details["changed"] != "retention,retention.selfie,retention.result" || entries[0].Details["changed"] != "retention,retention.logs" {
		t.Errorf("entered %+v", entries)
	}
}

func TestLegalHold(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	subject := "/v1/subjects/" + want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "held"}), 201)["subject_id"].(string)
	held := func() any { return want[object](t, c.Do(t, http.MethodGet, subject, nil), 200)["legal_hold"] }
	if held() != nil {
		t.Error("there is a hold before there is one")
	}
	refused(t, "without a reason", c.Do(t, http.MethodPut, subject+"/hold", object{}), 422, "missing_field")
	refused(t, "from another environment", customer.live.Do(t, http.MethodPut, subject+"/hold", object{"reason": "x"}), 404, "not_found")
	want[object](t, c.Do(t, http.MethodPut, subject+"/hold", object{"reason": "case 1"}), 200)
	want[object](t, c.Do(t, http.MethodPut, subject+"/hold", object{"reason": "case 2"}), 200)
	if h, _ := held().(object); h["reason"] != "case 2" || h["key_id"] != c.KeyID || h["since"] == nil {
		t.Errorf("the hold is told as %v", h)
	}
	conflictFor(t, "an erasure", c.Do(t, http.MethodDelete, subject, nil), "legal_hold")
	want[object](t, c.Do(t, http.MethodDelete, subject+"/hold", nil), 200)
	want[object](t, c.Do(t, http.MethodDelete, subject+"/hold", nil), 200)
	if held() != nil {
		t.Error("the hold is still there")
	}
	for action, n := range map[string]int{"hold.put": 2, "hold.end": 1} {
		if got := len(auditOf(t, c, "?action="+action)); got != n {
			t.Errorf("%d entries of %s", got, action)
		}
	}
	want[object](t, c.Do(t, http.MethodDelete, subject, nil), 200)
	refused(t, "of an erased subject", c.Do(t, http.MethodPut, subject+"/hold", object{"reason": "x"}), 410, "gone")
}

// TestResultsEnd: past its days a verification has its state and nothing else.
func TestResultsEnd(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	job, _ := inReview(t, c, object{"metadata": object{"order": "17"}, "subject_ref": "ends"})
	at := "/v1/jobs/" + job
	before := want[object](t, c.Do(t, http.MethodGet, at, nil), 200)
	if before["expires_at"] == nil || before["expired_at"] != nil || before["result"] == nil {
		t.Fatalf("%v", before)
	}
	conn := database(t)
	if _, err := conn.Exec(t.Context(), "update job set expires_at = now() - interval '1 second' where id = $1", job); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		after := want[object](t, c.Do(t, http.MethodGet, at, nil), 200)
		if after["expired_at"] == nil || after["expires_at"] != nil || after["result"] != nil || after["metadata"] != nil || after["subject_ref"] != nil || len(after["steps"].([]any)) != 0 ||
			after["status"] != "completed" {
			t.Errorf("%s: %v", when, after)
		}
	}
	check("at once")
	eventually(t, upkeep, "what it held is removed", func() bool {
		return number(t, conn, "select count(*) from job where id = $1 and num_nonnulls(result, annotations, facts, request) = 0 and dropped_at is not null", job) == 1
	})
	check("removed")
	if entries := auditOf(t, c, "?action=retention.remove"); len(entries) != 1 || entries[0].Details["kind"] != "result" || entries[0].Details["units"] != "1" {
		t.Errorf("entered %+v", entries)
	}
}

// TestOfStoreFalseOnlyUsageAndTheAuditHashRemain: an hour later nothing in any table or file tells of the person, and what still names the job or the
// subject is the usage, the job's state, the ledger of erasures and the log.
func TestOfStoreFalseOnlyUsageAndTheAuditHashRemain(t *testing.T) {
	t.Parallel()
	customer := newCustomer(t, "pro")
	c := customer.test
	in := newInbox(t)
	want[object](t, c.Do(t, http.MethodPost, "/v1/webhooks", object{"url": in.url}), 201)
	job, _ := inReview(t, c, object{"store": false, "metadata": object{"order": "zq8"}, "subject_ref": "zq8-reference", "kya": object{"email": "zq8@example.com"}, "callback_url": in.url})
	subject := want[object](t, c.Do(t, http.MethodGet, "/v1/jobs/"+job, nil), 200)["subject_id"].(string)
	eventually(t, patience, "the webhooks", func() bool { return len(in.all()) > 1 })
	conn := database(t)
	for _, statement := range []string{ // as it is an hour later
		"update job set finished_at = finished_at - interval '1 hour' where id = $1",
		"update review set held_until = held_until - interval '1 hour' where job_id = $1",
		"update receipt set drop_at = drop_at - interval '1 hour' where job_id = $1",
		"update webhook_event set drop_at = drop_at - interval '1 hour' where subject_id = (select subject_id from job where id = $1)",
	} {
		if _, err := conn.Exec(t.Context(), statement, job); err != nil {
			t.Fatal(err)
		}
	}
	permitted := map[string]string{ // what may still name them, with the bytes that may be in such a row
		"job": "", "subject": "", "usage_event": "", "reservation": "", "audit_entry": "salt", "review": "", "review_act": "", "webhook_event": "", "river_job": "",
	}
	look := func() (found []string) {
		rows, err := conn.Query(t.Context(), `select n.nspname || '.' || c.relname, coalesce((select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.oid and a.atttypid = 'bytea'::regtype), '{}')
			from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('ekyc', 'ekyc_keys', 'river') and c.relkind = 'r'`)
		if err != nil {
			t.Fatal(err)
		}
		columns := map[string][]string{}
		var table string
		var bytesOf []string
		if _, err := pgx.ForEachRow(rows, []any{&table, &bytesOf}, func() error { columns[table] = slices.Clone(bytesOf); bytesOf = nil; return nil }); err != nil {
			t.Fatal(err)
		}
		for table, names := range columns {
			_, short, _ := strings.Cut(table, ".")
			hold := "false"
			for _, name := range names {
				if !strings.Contains(permitted[short], name) {
					hold += " or " + name + " is not null"
				}
			}
			_, known := permitted[short]
			var n, holding int
			err := conn.QueryRow(context.Background(), "select count(*), count(*) filter (where "+hold+") from "+table+" r where position($1 in r::text) > 0 or position($2 in r::text) > 0", job, subject).Scan(&n, &holding)
			if err != nil {
				t.Fatalf("%s: %v", table, err)
			}
			if n > 0 && (!known || holding > 0) {
				found = append(found, table)
			}
		}
		return found
	}
	var left []string
	for deadline := time.Now().Add(upkeep); ; time.Sleep(time.Second) {
		if left = look(); len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(left) > 0 {
		t.Errorf("something is left in %v", left)
	}
	if n := number(t, conn, "select count(*) from usage_event where job_id = $1", job); n == 0 {
		t.Error("the usage is gone too")
	}
	if n := number(t, conn, "select count(*) from audit_entry where record like '%' || $1 || '%' and leaf_index is not null", job); n < 2 {
		t.Errorf("the log has %d entries of the job", n)
	}
}
