package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// TestAGracefulStopLosesNothing stops a server and a worker under load as an operator does: requests under way are answered, and jobs end
// elsewhere or later.
func TestAGracefulStopLosesNothing(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "3") // one for each of the requests under way, so that none is refused for having waited
	l.bases = append(l.bases, l.site.StartServe(t, "--engines", "1").BaseURL)
	worker := l.site.StartWorker(t, "--engines", "2")
	var loading sync.WaitGroup
	loading.Go(func() { l.load(t, "job", 10, 6) })
	await(t, 4*time.Minute, "work has begun", func() bool { return l.count(t, `select count(*) from job where status = 'running'`) > 0 })

	selfie, _ := e2e.Person(t)
	var under *tally
	var calls sync.WaitGroup
	met := false
	for round := 0; round < 3 && !met; round++ { // on a busy machine the first may be answered before the last has come
		under = &tally{}
		answered := make(chan struct{})
		for i := range 3 {
			calls.Go(func() {
				a, err := l.send(t, servers[0].BaseURL, http.MethodPost, "/v1/liveness/analyze", livenessBody(t, selfie, i, round))
				under.add(t, a, err)
			})
		}
		go func() { calls.Wait(); close(answered) }()
		for over := false; !met && !over; {
			select {
			case <-answered:
				over = true
			case <-time.After(5 * time.Millisecond):
				met = l.count(t, `select count(*) from reservation where status = 'open' and job_id is null`) == 3
			}
		}
	}
	if !met {
		t.Fatal("three requests were never under way at once")
	}
	l.mutex.Lock()
	l.bases = l.bases[1:]
	l.mutex.Unlock()
	began := time.Now()
	if err := servers[0].Stop(); err != nil {
		t.Errorf("a server that is stopped: %v", err)
	}
	calls.Wait()
	under.want(t, "requests under way at the stop", map[string]int{"200": 3})
	t.Logf("the server stopped within %s", time.Since(began).Round(time.Millisecond))

	began = time.Now()
	if err := worker.Stop(); err != nil {
		t.Errorf("a worker that is stopped: %v", err)
	}
	t.Logf("the worker stopped within %s", time.Since(began).Round(time.Millisecond))
	if n := l.count(t, `select count(*) from job where status = 'running'`); n != 0 {
		t.Errorf("%d jobs are still in the hands of a worker that stopped", n)
	}
	if n := l.count(t, `select coalesce(sum(interruptions), 0)::int from job`); n != 0 {
		t.Errorf("%d jobs were interrupted", n)
	}
	l.site.StartWorker(t, "--engines", "2")
	loading.Wait()
	l.settle(t, 6*time.Minute)
	l.audit(t)
}

// TestUpStopsAndStartsAgain stops `ekyc up` under load, kills it under load, and starts it again on the same directory each time: the same
// key works, and every verification that was accepted comes to its end.
func TestUpStopsAndStartsAgain(t *testing.T) {
	directory := e2e.Directory(t)
	up := e2e.StartUp(t, directory, "--rpm", "100000")
	key, secret := up.KeyID, up.Secret
	receiver := e2e.NewReceiver(t, up.WebhookSecret)
	jobs := map[string]string{}
	for round, end := range []func(){
		func() {
			if err := up.Stop(); err != nil {
				t.Errorf("up ended with %v", err)
			}
		},
		func() { up.Kill() },
		func() { // as a terminal's interrupt, which reaches the whole group
			syscall.Kill(up.PID(), syscall.SIGINT)
			<-up.Exited()
		},
	} {
		client := up.Client()
		for i := range 4 {
			name := fmt.Sprintf("%d-%d", round, i)
			body := e2e.Verification(t)
			body["callback_url"], body["metadata"] = receiver.URL, map[string]string{"name": name}
			a := client.Do(t, http.MethodPost, "/v1/kyc/verify", body)
			var j accepted
			a.JSON(t, &j)
			if a.Status != http.StatusAccepted {
				t.Fatalf("submit: %d %s", a.Status, a.Body)
			}
			jobs[j.JobID] = name
		}
		time.Sleep(700 * time.Millisecond) // into the first ones
		began := time.Now()
		end()
		stopped := time.Since(began)
		began = time.Now()
		up = e2e.StartUp(t, directory, "--rpm", "100000")
		t.Logf("ended within %s, up again within %s", stopped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if up.KeyID != key || up.Secret != secret {
			t.Error("the key is another one after the start")
		}
	}
	client := up.Client()
	for id := range jobs {
		if j := client.AwaitJob(t, id, 4*time.Minute); j.Status != "completed" {
			t.Errorf("the job %s is %s", id, j.Status)
		}
		receiver.Await(t, 4*time.Minute, func(e e2e.Event) bool {
			var data struct {
				JobID string `json:"job_id"`
			}
			return json.Unmarshal(e.Data, &data) == nil && data.JobID == id
		})
	}
	var usage struct {
		Usage []struct {
			Module string
			Units  int
		}
	}
	client.Do(t, http.MethodGet, "/v1/usage?group=month", nil).JSON(t, &usage)
	for _, u := range usage.Usage {
		if u.Units != len(jobs) {
			t.Errorf("%d units of %s for %d jobs", u.Units, u.Module, len(jobs))
		}
	}
	if len(usage.Usage) != len(billed) {
		t.Errorf("usage %+v", usage)
	}
}

// TestUpStartsItsDatabaseAgain kills the private database of `ekyc up` under load, as the kernel does for want of memory: it is started again,
// and the work goes on.
func TestUpStartsItsDatabaseAgain(t *testing.T) {
	up := e2e.StartUp(t, "", "--rpm", "100000")
	client := up.Client()
	var jobs []string
	for i := range 3 {
		body := e2e.Verification(t)
		body["metadata"] = map[string]string{"n": fmt.Sprint(i)}
		var j accepted
		client.Do(t, http.MethodPost, "/v1/kyc/verify", body).JSON(t, &j)
		jobs = append(jobs, j.JobID)
	}
	killed := 0
	for range 2 {
		postmaster := 0
		await(t, 2*time.Minute, "there is a database that was not killed", func() bool { // its backends may outlive it by a moment
			for _, pid := range up.Children(t) {
				if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && string(name) == "postgres\n" && pid != killed {
					postmaster = pid
				}
			}
			return postmaster != 0
		})
		if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed = postmaster
		began := time.Now()
		var outcomes tally
		await(t, 4*time.Minute, "requests are answered again", func() bool {
			time.Sleep(250 * time.Millisecond)
			a, err := client.Send(client.Request(t, client.Fresh(t, http.MethodGet, "/v1/quotas", nil), http.MethodGet, "/v1/quotas", nil))
			outcomes.add(t, a, err)
			return err == nil && a.Status == http.StatusOK
		})
		t.Logf("answering again %s after the kill; meanwhile %v", time.Since(began).Round(time.Millisecond), outcomes.codes)
	}
	for _, id := range jobs {
		if j := client.AwaitJob(t, id, 4*time.Minute); j.Status != "completed" {
			t.Errorf("the job %s is %s", id, j.Status)
		}
	}
	if err := up.Stop(); err != nil {
		t.Errorf("up ended with %v", err)
	}
}
