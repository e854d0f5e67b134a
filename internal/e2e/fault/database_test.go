package fault

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestTheDatabaseGoesAndComesBack takes the database away for some seconds under load, once by a stop and once by a kill. Requests are
// refused in the one shape meanwhile, and servers and workers go on by themselves afterwards.
func TestTheDatabaseGoesAndComesBack(t *testing.T) {
	l, servers := setup(t, 2, "--engines", "1")
	l.site.StartWorker(t, "--engines", "1", "--jobs", "2")
	for round, end := range []func(testing.TB){l.site.StopDatabase, l.site.KillDatabase} {
		var loading sync.WaitGroup
		loading.Go(func() { l.load(t, []string{"stopped", "killed"}[round], 8, 6) })
		await(t, 4*time.Minute, "work has begun", func() bool { return l.count(t, `select count(*) from job where status = 'running'`) > 0 })
		end(t)
		var away tally
		var refusals []time.Duration
		for began := time.Now(); time.Since(began) < 5*time.Second || len(refusals) < 5; {
			asked := time.Now()
			a, err := l.send(t, l.base(), http.MethodGet, "/v1/quotas", nil)
			away.add(t, a, err)
			refusals = append(refusals, time.Since(asked))
			time.Sleep(100 * time.Millisecond)
		}
		if slices.Sort(refusals); refusals[len(refusals)/2] > 6*time.Second { // the median: what else the machine does makes single ones longer
			t.Errorf("refusals took %s", refusals)
		}
		if n := away.codes["unavailable"]; n == 0 || len(away.codes) != 1 {
			t.Errorf("without the database: %v", away.codes)
		}
		l.site.StartDatabase(t)
		began := time.Now()
		for _, s := range servers {
			await(t, 2*time.Minute, "a server answers again", func() bool {
				time.Sleep(100 * time.Millisecond)
				a, err := l.send(t, s.BaseURL, http.MethodGet, "/v1/quotas", nil)
				return err == nil && a.Status == http.StatusOK
			})
		}
		t.Logf("answering again %s after the start of the database; meanwhile %v", time.Since(began).Round(time.Millisecond), away.codes)
		loading.Wait()
	}
	l.settle(t, 6*time.Minute)
	l.audit(t)
	l.repeat(t, 4)
}

// TestAFullDiskRefusesUploads fills the disk of the files: uploads are refused as temporarily unavailable and leave nothing behind, and are
// taken again when there is room. Only root can mount a small disk; everybody else takes the directory away.
func TestAFullDiskRefusesUploads(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "1")
	files := filepath.Join(l.site.DataDir, "files")
	restore := fill(t, files)
	a, err := l.send(t, servers[0].BaseURL, http.MethodPost, "/v1/kyc/verify", l.verification(t, "full"), "Idempotency-Key", "full")
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, a)
	if a.Status != http.StatusServiceUnavailable || a.Code() != "unavailable" {
		t.Errorf("on a full disk: %d %s", a.Status, a.Body)
	}
	for _, table := range []string{"job", "media", "subject", "reservation", "usage_event", "idempotency"} {
		if n := l.count(t, `select count(*) from `+table); n != 0 {
			t.Errorf("%d rows of %s are left", n, table)
		}
	}
	restore()
	l.site.StartWorker(t, "--engines", "1")
	l.submit(t, "full")
	l.settle(t, 4*time.Minute)
	l.audit(t)
}

// fill makes a directory one that takes no photograph, and gives what makes it whole again.
func fill(t *testing.T, directory string) (restore func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(directory, "incoming"), 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 && syscall.Mount("tmpfs", directory, "tmpfs", 0, "size=256k") == nil {
		if err := os.Mkdir(filepath.Join(directory, "incoming"), 0o700); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		restore = func() {
			once.Do(func() {
				if err := syscall.Unmount(directory, syscall.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
		}
		t.Cleanup(restore)
		return restore
	}
	away := directory + ".away"
	if err := os.Rename(directory, away); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", directory); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(directory); err != nil {
			t.Error(err)
		}
		if err := os.Rename(away, directory); err != nil {
			t.Error(err)
		}
	}
}
