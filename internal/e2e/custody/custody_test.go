package custody

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"ekyc"
	"ekyc/internal/blob/blobtest"
	"ekyc/internal/blob/s3"
	"ekyc/internal/blob/s3test"
	"ekyc/internal/e2e"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

type object = map[string]any

// testBundle is a deployment whose pictures and audit log are in buckets.
type testBundle struct {
	gateway       *s3test.Server
	media, audit  string // buckets
	site          *e2e.Site
	server        *e2e.Server
	worker        *e2e.Process
	client        *e2e.Client
	selfie, front []byte
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{gateway: s3test.Start(t)}
	b.media, b.audit = b.gateway.Bucket(t, false), b.gateway.Bucket(t, true)
	b.site = e2e.StartSite(t)
	b.server = b.site.StartServe(t, "--media-store", b.place(b.media), "--engines", "1")
	b.worker = b.site.StartWorker(t, "--media-store", b.place(b.media), "--engines", "1", "--audit-export", b.place(b.audit), "--audit-export-every", "1s", "--audit-retain-days", "1")
	_, b.client = b.site.Login(t, b.server).NewKey(t, b.server.BaseURL, "pro", "test", nil)
	b.selfie, b.front = e2e.Person(t)
	return b
}

func (b *testBundle) place(bucket string) string { return s3test.Place(bucket, b.gateway.Address) }

// submit sends a verification that keeps its pictures.
func (b *testBundle) submit(t *testing.T) e2e.Answer {
	t.Helper()
	return b.client.Do(t, http.MethodPost, "/v1/kyc/verify", object{"image_live_base64": e2e.Base64(b.selfie), "image_front_base64": e2e.Base64(b.front)})
}

func (b *testBundle) accepted(t *testing.T) string {
	t.Helper()
	a := b.submit(t)
	if a.Status != http.StatusAccepted {
		t.Fatalf("verify: %d %s", a.Status, a.Body)
	}
	var job e2e.Job
	a.JSON(t, &job)
	return job.JobID
}

func (b *testBundle) completes(t *testing.T, job string) {
	t.Helper()
	if done := b.client.AwaitJob(t, job, 4*time.Minute); done.Status != "completed" {
		t.Fatalf("the verification is %s (%+v)", done.Status, done.Error)
	}
}

// objects counts what is in a bucket.
func (b *testBundle) objects(t *testing.T, bucket string) (n int) {
	t.Helper()
	for o := range b.gateway.Client(t).ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		n++
	}
	return n
}

// TestCustody has one deployment; its parts come one after the other, because they share the store's faults.
func TestCustody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("the bucket holds ciphertext only", b.ciphertextOnly)
	t.Run("the audit log leaves by itself", b.auditLeaves)
	t.Run("the store is away", b.storeIsAway)
	t.Run("orphans are swept", b.orphansAreSwept)
}

// pieces are parts of the photographs that survive the cleaning of metadata, wherever it cuts.
func (b *testBundle) pieces() (list [][]byte) {
	for _, picture := range [][]byte{b.selfie, b.front} {
		for _, at := range []int{len(picture) / 3, len(picture) / 2, len(picture) * 9 / 10} {
			list = append(list, picture[at:at+24])
		}
	}
	return list
}

// holding gives the files below a folder in which a piece of a photograph stands.
func (b *testBundle) holding(t *testing.T, folder string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil // it has gone meanwhile
		}
		for _, piece := range b.pieces() {
			if bytes.Contains(content, piece) {
				found = append(found, path)
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (b *testBundle) ciphertextOnly(t *testing.T) {
	job := b.accepted(t)
	if n := b.objects(t, b.media); n < 2 {
		t.Errorf("%d objects are in the bucket", n)
	}
	b.completes(t, job)
	if left, _ := os.ReadDir(filepath.Join(b.site.DataDir, "files")); len(left) > 0 {
		t.Errorf("files are in the data directory: %v", left)
	}
	control := filepath.Join(b.gateway.Directory, "control")
	if err := os.WriteFile(control, b.selfie, 0o600); err != nil {
		t.Fatal(err)
	}
	if found := b.holding(t, b.gateway.Directory); len(found) != 1 || found[0] != control {
		t.Errorf("a photograph is found in %v; it was put into %s only", found, control)
	}
	if found := b.holding(t, b.site.DataDir); len(found) > 0 {
		t.Errorf("a photograph is found in %v", found)
	}
}

func (b *testBundle) auditLeaves(t *testing.T) {
	eventually(t, "an export", func() bool { return b.objects(t, b.audit) > 0 })
	out, err := exec.Command(e2e.Binary(t), "audit", "verify", b.place(b.audit)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "as they were signed") {
		t.Errorf("%v: %s", err, out)
	}
}

func (b *testBundle) storeIsAway(t *testing.T) {
	// The worker is frozen, so that the pictures are stored and the store dies before anybody reads them.
	b.signal(t, syscall.SIGSTOP)
	waiting := b.accepted(t)
	before := b.objects(t, b.media)
	b.gateway.Kill()
	b.signal(t, syscall.SIGCONT)
	eventually(t, "a job that waits for the store", func() bool { return strings.Contains(b.worker.Output(), "waits for the media store") })
	a := b.submit(t)
	if a.Status != http.StatusServiceUnavailable || a.Code() != "unavailable" || a.Header.Get("Retry-After") == "" {
		t.Errorf("without the store: answered %d %.300s", a.Status, a.Body)
	}
	if a := b.client.Do(t, http.MethodGet, "/v1/jobs/"+waiting, nil); a.Status != http.StatusOK || !bytes.Contains(a.Body, []byte(`"queued"`)) && !bytes.Contains(a.Body, []byte(`"processing"`)) {
		t.Errorf("the job that waits: %d %.300s", a.Status, a.Body)
	}
	b.gateway.Run(t)
	if n := b.objects(t, b.media); n != before {
		t.Errorf("%d objects are in the bucket, %d before the refusal", n, before)
	}
	b.completes(t, waiting)
	b.completes(t, b.accepted(t))
	b.told(t, `ekyc_media_store_duration_seconds_count{operation="put",outcome="ok"`, `ekyc_media_store_duration_seconds_count{operation="put",outcome="unavailable"`)
}

// told looks for lines in the server's metrics.
func (b *testBundle) told(t *testing.T, lines ...string) {
	t.Helper()
	response, err := http.Get(b.server.MetricsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if !bytes.Contains(body, []byte("\n"+line)) {
			t.Errorf("%s is not told", line)
		}
	}
}

func (b *testBundle) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(b.worker.PID(), s); err != nil {
		t.Fatal(err)
	}
}

// orphansAreSwept lets a file without a row, and half an upload, grow old.
func (b *testBundle) orphansAreSwept(t *testing.T) {
	config, err := s3.Parse(b.place(b.media))
	if err != nil {
		t.Fatal(err)
	}
	files, err := s3.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	orphan, young := blobtest.NewName(), blobtest.NewName()
	for _, name := range []string{orphan, young} {
		if err := files.Put(t.Context(), name, []byte("left by a process that was killed")); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, entry := range b.stored(t) { // also those that have rows
		if filepath.Base(entry) != young {
			if err := os.Chtimes(entry, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := b.objects(t, b.media)
	ring, err := keyring.Open(filepath.Join(b.site.DataDir, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), b.site.DatabaseURL(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := vault.New(db, ring, files, vault.Options{Logger: slog.New(slog.DiscardHandler)}).SweepFiles(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Get(t.Context(), orphan); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("the orphan is still there: %v", err)
	}
	if _, err := files.Get(t.Context(), young); err != nil {
		t.Errorf("a file whose row may yet be committed is gone: %v", err)
	}
	if n := b.objects(t, b.media); n != before-1 {
		t.Errorf("%d of %d objects are left", n, before)
	}
}

// stored gives the files of the media bucket.
func (b *testBundle) stored(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(b.gateway.Directory, "buckets", b.media), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
	}
}
