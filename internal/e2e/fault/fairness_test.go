//go:build soak

package fault

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
// twice as long as without, at the 95th percentile. It wants a machine that does nothing else; the arithmetic and the queue are held to the
// same bound, without models, in every run of internal/workflow. The pictures of both are blank, so that thousands can be done at all; a turn is a turn.
func TestABacklogOfOneTenantDoesNotHoldUpAnother(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "1")
	_, other := l.operator.NewKey(t, servers[0].BaseURL, "pro", "test", nil)
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
		began := time.Now()
		id := submit(other, 0)
		for l.count(t, `select count(*) from job where id = $1 and status = 'completed'`, id) == 0 {
			if time.Since(began) > 2*time.Minute {
				t.Fatalf("the job %s is not done", id)
			}
			time.Sleep(10 * time.Millisecond)
		}
		return time.Since(began)
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

	// The backlog is laid aside and taken up again in turn, so that both are measured on the same machine whatever else it does.
	running := func() int {
		return l.count(t, `select count(*) from job where tenant_id = $1 and status = 'running'`, l.tenant)
	}
	due := func(at string) {
		if _, err := l.db.Exec(t.Context(), `update job set available_at = `+at+` where tenant_id = $1 and status = 'queued'`, l.tenant); err != nil {
			t.Fatal(err)
		}
	}
	const rounds = 8
	var alone, beside []time.Duration
	for range rounds {
		due(`clock_timestamp() + interval '1 day'`)
		await(t, time.Minute, "the backlog is laid aside", func() bool { return running() == 0 })
		for range samples / rounds {
			alone = append(alone, measure())
		}
		due(`created_at`)
		await(t, time.Minute, "the backlog is worked on", func() bool { return running() >= 2 })
		for range samples / rounds {
			beside = append(beside, measure())
		}
	}
	left := l.count(t, `select count(*) from job where tenant_id = $1 and status = 'queued'`, l.tenant)
	slices.Sort(alone)
	slices.Sort(beside)
	at := func(times []time.Duration, percent int) time.Duration {
		return times[len(times)*percent/100].Round(time.Millisecond)
	}
	t.Logf("alone: median %s, 95th percentile %s; beside a backlog of which %d are left: median %s, 95th percentile %s",
		at(alone, 50), at(alone, 95), left, at(beside, 50), at(beside, 95))
	if left < 100 {
		t.Errorf("the backlog was over before the measurement was: %d are left", left)
	}
	if at(beside, 95) > 2*at(alone, 95) {
		t.Errorf("the 95th percentile rose from %s to %s", at(alone, 95), at(beside, 95))
		l.slowest(t, other.KeyID)
	}
}

// slowest tells where the time of a key's slowest verifications went.
func (l *lab) slowest(t *testing.T, key string) {
	t.Helper()
	rows, err := l.db.Query(t.Context(), `
		select format('%s ms for a worker, %s ms of work in attempt %s: %s', round(1000 * extract(epoch from started_at - created_at)),
			round(1000 * extract(epoch from finished_at - started_at)), attempt, (select string_agg(format('%s done after %s ms %s', s.name,
			round(1000 * extract(epoch from s.finished_at - started_at)), s.steps), ', ' order by s.finished_at) from job_step s where s.job_id = j.id))
		from job j where key_id = $1 order by finished_at - created_at desc limit 6`, key)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	t.Log(strings.Join(lines, "\n"))
}
