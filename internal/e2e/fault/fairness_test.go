package fault

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// blank is a picture on which nothing is found, so that a verification of it takes little time.
func blank(t *testing.T) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 320, 240))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(120 + i%7)
	}
	picture.SetGray(1, 1, color.Gray{})
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestABacklogOfOneTenantDoesNotHoldUpAnother: with thousands of verifications of one tenant in the queue, another tenant's take at most
// twice as long as without, at the 95th percentile. The pictures of both are blank, so that thousands can be done at all; a turn is a turn.
func TestABacklogOfOneTenantDoesNotHoldUpAnother(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "1")
	otherTenant, other := l.operator.NewKey(t, servers[0].BaseURL, "pro", "test", nil)
	picture := e2e.Base64(blank(t))
	submit := func(c *e2e.Client, n int) string {
		raw := map[string]any{"image_live_base64": picture, "image_front_base64": picture, "metadata": map[string]string{"n": time.Now().String()}}
		client := &e2e.Client{BaseURL: servers[0].BaseURL, KeyID: c.KeyID, Secret: c.Secret, HTTP: l.http}
		a := client.Do(t, http.MethodPost, "/v1/kyc/verify", raw)
		var j accepted
		if a.Status != http.StatusAccepted {
			t.Errorf("submit %d: %d %s", n, a.Status, a.Body)
			return ""
		}
		a.JSON(t, &j)
		return j.JobID
	}
	// One after the other, as fast as they are done: from before the submission to the end in the database.
	measure := func() time.Duration {
		times := make([]time.Duration, samples)
		for i := range times {
			began := time.Now()
			id := submit(other, i)
			for l.count(t, `select count(*) from job where id = $1 and status = 'completed'`, id) == 0 {
				if time.Since(began) > 2*time.Minute {
					t.Fatalf("the job %s is not done", id)
				}
				time.Sleep(2 * time.Millisecond)
			}
			times[i] = time.Since(began)
		}
		slices.Sort(times)
		part := func(percent float64, what string) (ms int) {
			return l.count(t, `select round(1000 * percentile_cont($1) within group (order by extract(epoch from `+what+`)))::int
				from (select * from job where tenant_id = $2 order by created_at desc limit $3) j`, percent, otherTenant, samples)
		}
		const waited, worked = "started_at - created_at", "finished_at - started_at"
		t.Logf("median %s, 95th percentile %s; of that waiting for a worker %d and %d ms, work %d and %d ms", times[len(times)/2].Round(time.Millisecond),
			times[len(times)*95/100].Round(time.Millisecond), part(0.5, waited), part(0.95, waited), part(0.5, worked), part(0.95, worked))
		return times[len(times)*95/100]
	}
	worker := l.site.StartWorker(t)
	submit(other, 0)
	await(t, time.Minute, "the worker works", func() bool { return l.underWay(t) == 0 })
	alone := measure()
	if err := worker.Stop(); err != nil {
		t.Error(err)
	}

	began := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for n := next.Add(1); n <= backlog; n = next.Add(1) {
				submit(l.key, int(n))
			}
		})
	}
	group.Wait()
	t.Logf("%d verifications accepted within %s", backlog, time.Since(began).Round(time.Millisecond))
	l.site.StartWorker(t)
	await(t, time.Minute, "the worker works", func() bool { return l.count(t, `select count(*) from job where status = 'running'`) > 0 })
	submit(other, 0)
	queued := l.underWay(t)
	beside := measure()
	left := l.underWay(t)
	t.Logf("beside %d to %d verifications of another tenant", queued, left)
	if left < 100 {
		t.Errorf("the backlog was over before the measurement was: %d are left", left)
	}
	if beside > 2*alone {
		t.Errorf("the 95th percentile rose from %s to %s", alone, beside)
	}
}
