package access_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/access"
	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/consent"
	"ekyc/internal/drafting"
	"ekyc/internal/idempotency"
	"ekyc/internal/metering"
	"ekyc/internal/profile"
	"ekyc/internal/queue"
	"ekyc/internal/receipt"
	"ekyc/internal/reference"
	"ekyc/internal/retention"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, queue.Migrations, metering.Migrations, vault.Migrations, retention.Migrations, reference.Migrations, webhook.Migrations, idempotency.Migrations,
		drafting.Migrations, workflow.Migrations, capture.Migrations, audit.Migrations, review.Migrations, receipt.Migrations, consent.Migrations, reuse.Migrations))
}

type bundle struct {
	*access.Exporter
	access.Rooms
	t       *testing.T
	owner   *pgx.Conn
	scope   ekyc.Scope
	subject ekyc.ID
}

func setup(t *testing.T) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	db, v := site.Process(t)
	b := &bundle{t: t, owner: storetest.Owner(t, site.URL), scope: site.Scope}
	hooks := webhook.New(db, v, site.Ring, webhook.Options{})
	meter := metering.New(db)
	reviews := review.New(db, v, review.Options{})
	jobs := workflow.New(db, v, meter, hooks, nil, profile.New(profile.Options{}), workflow.Options{})
	jobs.SetHooks(workflow.Hooks{Reviews: reviews})
	b.Rooms = access.Rooms{
		DB: db, Vault: v, Consents: consent.New(v), Jobs: jobs, Reviews: reviews, Receipts: receipt.New(db, v, site.Ring, receipt.Options{}), Captures: capture.New(db, v), Reuse: reuse.New(v),
		Metering: meter, Webhooks: hooks, References: reference.New(db, v), Answers: idempotency.New(db, v, idempotency.Options{}), Retention: retention.New(db, v, retention.Options{}),
		Audit: audit.New(db, site.Ring, audit.Options{}),
	}
	b.Exporter = access.New(b.Rooms)
	b.subject = b.person()
	return b
}

func (b *bundle) in(work func(context.Context, pgx.Tx) error) {
	b.t.Helper()
	if err := b.DB.InTenant(context.Background(), b.scope, work); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) person() (subject ekyc.ID) {
	b.t.Helper()
	b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		subject, err = b.Vault.CreateSubject(ctx, tx, b.scope, "")
		return err
	})
	return subject
}

// history gives the subject so many decided jobs, each with a result of so many bytes.
func (b *bundle) history(jobs, size int) {
	b.t.Helper()
	filler := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	var rows [][]any
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		for i := range jobs {
			id := ekyc.NewID(ekyc.KindJob)
			sealed, err := b.Vault.Seal(ctx, tx, b.scope, b.subject, string(id)+"/result", []byte(fmt.Sprintf(`{"number":%d,"filler":%q}`, i, filler)))
			if err != nil {
				return err
			}
			rows = append(rows, []any{b.scope.Tenant, b.scope.Environment, id, b.subject, sealed})
		}
		return nil
	})
	_, err := b.owner.Exec(context.Background(), `create table staged (tenant_id text, environment text, id text, subject_id text, result bytea)`)
	if err == nil {
		_, err = b.owner.CopyFrom(context.Background(), pgx.Identifier{"staged"}, []string{"tenant_id", "environment", "id", "subject_id", "result"}, pgx.CopyFromRows(rows))
	}
	if err == nil {
		_, err = b.owner.Exec(context.Background(), `insert into ekyc.job (tenant_id, environment, id, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight, entitlement,
				settings, workflow_name, workflow_version, workflow_hash, profile, kept, trace_parent, status, result, finished_at)
			select tenant_id, environment, id, subject_id, false, 'ek_live_eu1_x', 'res_x', 'free', 1, 1, '{}', '{"name":"default"}', 'default', 1, 'x', false, true, '', 'completed', result, now() from staged`)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// subjectJSON is the document in an archive.
func (b *bundle) subjectJSON(kept []byte) []byte {
	b.t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(kept), int64(len(kept)))
	if err != nil {
		b.t.Fatal(err)
	}
	entry, err := archive.Open("subject.json")
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := io.ReadAll(entry)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// watching counts what is written, keeps it where it is asked to, and looks at the heap from time to time.
type watching struct {
	kept  *bytes.Buffer
	n     int
	next  int
	most  uint64
	until func() error // called at every look
}

func (w *watching) Write(p []byte) (int, error) {
	w.n += len(p)
	if w.kept != nil {
		w.kept.Write(p)
	}
	if w.n >= w.next {
		w.next = w.n + 16<<10
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
		if w.until != nil {
			return len(p), w.until()
		}
	}
	return len(p), nil
}

// TestAThousandJobsStreamWithinBoundedMemory: what is in memory does not grow with what there is. It does not run beside others, whose memory it would
// see.
func TestAThousandJobsStreamWithinBoundedMemory(t *testing.T) {
	b := setup(t)
	const jobs, size = 1000, 64 << 10 // 64 MB of results
	b.history(jobs, size)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	w := &watching{kept: &bytes.Buffer{}} // what is compressed is small
	if err := b.Write(t.Context(), w, b.scope, b.subject); err != nil {
		t.Fatal(err)
	}
	if grown := int64(w.most) - int64(before.HeapAlloc) - int64(w.kept.Cap()); grown > 16<<20 {
		t.Errorf("the heap grew by %d MB for %d MB of results", grown>>20, jobs*size>>20)
	} else {
		t.Logf("the heap grew by %d kB for %d MB of results", grown>>10, jobs*size>>20)
	}
	text := b.subjectJSON(w.kept.Bytes())
	var document struct {
		Jobs []struct {
			ID     ekyc.ID `json:"job_id"`
			Result struct{ Number int }
		}
		Consents, Deliveries, Media, Audit []any
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Jobs) != jobs || document.Consents == nil || document.Deliveries == nil || document.Media == nil || document.Audit == nil {
		t.Fatalf("%d jobs", len(document.Jobs))
	}
	for i, j := range document.Jobs { // the newest first, each once
		if j.Result.Number != jobs-1-i {
			t.Fatalf("the job at place %d is number %d", i, j.Result.Number)
		}
	}
}

// TestAnErasureEndsAnExport: what is erased while an export is written is not written any more, and the archive does not open.
func TestAnErasureEndsAnExport(t *testing.T) {
	b := setup(t)
	b.history(400, 16<<10)
	var kept bytes.Buffer
	w := &watching{kept: &kept}
	erased := false
	w.until = func() error {
		if !erased {
			erased = true
			b.in(func(ctx context.Context, tx pgx.Tx) error {
				_, err := b.Vault.EraseSubject(ctx, tx, b.scope, b.subject)
				return err
			})
		}
		return nil
	}
	w.next = 8 << 10
	if err := b.Write(t.Context(), w, b.scope, b.subject); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("erased meanwhile: %v after %d bytes", err, w.n)
	}
	if _, err := zip.NewReader(bytes.NewReader(kept.Bytes()), int64(kept.Len())); err == nil {
		t.Error("half an archive opens")
	}
	if err := b.Write(t.Context(), io.Discard, b.scope, b.subject); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("after the erasure: %v", err)
	}
	foreign := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	if err := b.Write(t.Context(), io.Discard, foreign, b.person()); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("another tenant's: %v", err)
	}
}

// TestOpenCaptureLinksAreExported: those of the subject's reference, without their tokens, and of nobody else.
func TestOpenCaptureLinksAreExported(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		b.subject, err = b.Vault.CreateSubject(ctx, tx, b.scope, "zq5-mine")
		return err
	})
	link := func(request string) (capture.Capture, string) {
		t.Helper()
		c, token, err := b.Captures.Create(t.Context(), b.scope, "ek_live_eu1_x", []byte(request), capture.DefaultLife)
		if err != nil {
			t.Fatal(err)
		}
		return c, token
	}
	const asked = `{"subject_ref":"zq5-mine","metadata":{"order":"zq5-order"}}`
	mine, token := link(asked)
	over, _ := link(asked)
	link(`{"subject_ref":"zq5-theirs"}`)
	link(`{}`)
	if _, err := b.owner.Exec(t.Context(), `update ekyc.capture set created_at = now() - interval '1 hour', expires_at = now() - interval '1 minute' where id = $1`, over.ID); err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer
	if err := b.Write(t.Context(), &kept, b.scope, b.subject); err != nil {
		t.Fatal(err)
	}
	text := b.subjectJSON(kept.Bytes())
	var document struct {
		Open []struct {
			ID      ekyc.ID         `json:"capture_id"`
			Request json.RawMessage `json:"request"`
		} `json:"open_captures"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Open) != 1 || document.Open[0].ID != mine.ID || !bytes.Contains(document.Open[0].Request, []byte("zq5-order")) {
		t.Errorf("open links are %+v", document.Open)
	}
	if bytes.Contains(text, []byte(token)) || bytes.Contains(text, []byte("zq5-theirs")) {
		t.Error("a token, or another's link, is exported")
	}
}
