package fault

import (
	"sync"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// TestTwoServesAndTwoWorkersSurviveAKillEach kills each of the four processes of a deployment under load, one after the other.
func TestTwoServesAndTwoWorkersSurviveAKillEach(t *testing.T) {
	l, servers := setup(t, 2, "--engines", "1")
	workers := []*e2e.Process{l.site.StartWorker(t, "--engines", "1", "--jobs", "2"), l.site.StartWorker(t, "--engines", "1", "--jobs", "2")}
	var loading sync.WaitGroup
	over := make(chan struct{})
	loading.Go(func() { l.keepUp(t, "job", 8, over) })
	kill := func(i int) {
		done := l.count(t, `select count(*) from job`)
		await(t, 4*time.Minute, "more verifications are accepted", func() bool {
			return l.count(t, `select count(*) from job`) >= done+2 && l.count(t, `select count(*) from job where status = 'running'`) > 0
		})
		servers[i].Kill()
		servers[i] = l.site.BeginServe(t, "--engines", "1")
		workers[i].Kill()
		workers[i] = l.site.StartWorker(t, "--engines", "1", "--jobs", "2")
		e2e.WaitReady(t, servers[i].Process, servers[i].BaseURL)
		l.replace(i, servers[i])
	}
	kill(0)
	kill(1)
	done := l.count(t, `select count(*) from job`)
	await(t, 4*time.Minute, "verifications are accepted afterwards", func() bool { return l.count(t, `select count(*) from job`) >= done+4 })
	close(over)
	loading.Wait()
	l.settle(t, 6*time.Minute)
	l.audit(t)
	l.repeat(t, 6)
	l.audit(t)
}
