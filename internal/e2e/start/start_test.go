package start

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ekyc/internal/blob/s3test"
	"ekyc/internal/daemontest"
	"ekyc/internal/e2e"
	"ekyc/internal/gate/clamdtest"
	"ekyc/internal/keyring/keyservicetest"
)

// TestAStartWaitsForEverything: key service, database, media store with the ledger and antivirus are away when the processes start, and come one after the other. Later each goes
// away again, and probes tell which.
func TestAStartWaitsForEverything(t *testing.T) {
	t.Parallel()
	gateway, antivirus, vault := s3test.Start(t), clamdtest.Start(t), keyservicetest.StartVault(t)
	place := s3test.Place(gateway.Bucket(t, false), gateway.Address)
	site := e2e.StartSite(t)
	for name, value := range vault.Environment() {
		site.Also = append(site.Also, name+"="+value)
	}
	must(t, site, site.Also, "keys", "seal-root", "--with", vault.Address, "--data-dir", site.DataDir)
	vault.Set("down")
	site.StopDatabase(t)
	gateway.Kill()
	antivirus.Kill()
	flags := []string{"--media-store", place, "--root-key-service", vault.Address, "--root-key-recheck", "1s", "--engines", "1"}
	server := site.BeginServe(t, append(flags, "--clamd", antivirus.Address)...)
	watched := daemontest.FreeAddress(t)
	worker := site.StartWorker(t, append(flags, "--metrics-listen", watched)...)

	waitsFor(t, server, "key_service")
	eventually(t, worker, "a worker that waits as well", func() bool {
		status, body := ask("http://" + watched + "/ready")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"key_service": "away"`)
	})
	if status, body := ask("http://" + watched + "/health"); status != http.StatusNoContent {
		t.Errorf("the worker does not live: %d %s", status, body)
	}
	vault.Set("")
	waitsFor(t, server, "database")
	site.StartDatabase(t)
	waitsFor(t, server, "media_store")
	gateway.Run(t)
	eventually(t, server.Process, "a server that misses its antivirus only", func() bool {
		return maps.Equal(probe(server).Error.Details.Parts, map[string]string{
			"database": "ready", "engine": "ready", "keys": "ready", "key_service": "ready", "media_store": "ready", "erasure_ledger": "ready", "antivirus": "away"})
	})
	antivirus.Run(t)
	eventually(t, server.Process, "a server that is ready", func() bool { return probe(server).Status == http.StatusOK })
	_, client := site.Login(t, server).NewKey(t, server.BaseURL, "pro", "test", nil)
	a := submit(t, client)
	if a.Status != http.StatusAccepted {
		t.Fatalf("verify: %d %s", a.Status, a.Body)
	}
	var job e2e.Job
	a.JSON(t, &job)
	if done := client.AwaitJob(t, job.JobID, 4*time.Minute); done.Status != "completed" {
		t.Errorf("the worker, which has waited too: %s (%+v)\n%s", done.Status, done.Error, worker.Output())
	}
	if status, body := ask("http://" + watched + "/ready"); status != http.StatusOK || !strings.Contains(body, `"media_store": "ready"`) {
		t.Errorf("the worker is not ready: %d %s", status, body)
	}
	for _, line := range []string{"the start waits for what is away", "what the start waited for answers"} {
		if !strings.Contains(worker.Output(), line) {
			t.Errorf("the worker's log has no %q", line)
		}
	}

	// A thousand probes are few questions, whether the store answers or not.
	asked := func() (n float64) {
		for _, outcome := range []string{"ok", "unavailable"} {
			n += max(0, metric(t, server, `ekyc_media_store_duration_seconds_count{operation="alive",outcome="`+outcome+`"}`))
		}
		return n
	}
	before, began := asked(), time.Now()
	for range 1000 {
		if r := probe(server); r.Status != http.StatusOK {
			t.Fatalf("%+v", r)
		}
	}
	if n, most := asked()-before, 4+time.Since(began).Seconds(); n > most {
		t.Errorf("a thousand probes asked the store %v times in %s", n, time.Since(began))
	}

	gateway.Kill()
	eventually(t, server.Process, "a store that is told to be away", func() bool {
		r := probe(server)
		return r.Status == http.StatusOK && r.Parts["media_store"] == "away" && r.Parts["erasure_ledger"] == "away"
	})
	if a := submit(t, client); a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("what needs the store: %d %s", a.Status, a.Body)
	}
	if n := metric(t, server, `ekyc_part_up{part="media_store"}`); n != 0 {
		t.Errorf("metrics say %v of the store", n)
	}
	if a := client.Do(t, http.MethodGet, "/v1/jobs/"+job.JobID, nil); a.Status != http.StatusOK {
		t.Errorf("what does not need it: %d %s", a.Status, a.Body)
	}
	gateway.Run(t)
	vault.Set("down")
	eventually(t, server.Process, "a key service that is told to be away", func() bool {
		r := probe(server)
		return r.Status == http.StatusOK && r.Parts["key_service"] == "away" && r.Parts["media_store"] == "ready"
	})
	vault.Set("")
	antivirus.Kill()
	eventually(t, server.Process, "a server out for its antivirus", func() bool {
		r := probe(server)
		return r.Status == http.StatusServiceUnavailable && r.Error.Details.Part == "antivirus" && r.Error.Details.Parts["key_service"] == "ready"
	})
	antivirus.Run(t)
	eventually(t, server.Process, "a server that is back", func() bool { return probe(server).Status == http.StatusOK })
	if a := submit(t, client); a.Status != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", a.Status, a.Body)
	}
	if n := metric(t, server, `ekyc_part_up{part="media_store"}`); n != 1 {
		t.Errorf("metrics say %v of the store that is back", n)
	}
}

// TestUpWaitsToo, with its own database.
func TestUpWaitsToo(t *testing.T) {
	t.Parallel()
	gateway := s3test.Start(t)
	place := s3test.Place(gateway.Bucket(t, false), gateway.Address)
	gateway.Kill()
	server := &e2e.Server{BaseURL: "http://" + daemontest.FreeAddress(t), AdminURL: "http://" + daemontest.FreeAddress(t), MetricsURL: "http://" + daemontest.FreeAddress(t) + "/metrics"}
	at := func(url string) string { return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics") }
	server.Process = e2e.Start(t, nil, "up", "--data-dir", e2e.Directory(t), "--listen", at(server.BaseURL), "--admin-listen", at(server.AdminURL), "--metrics-listen", at(server.MetricsURL),
		"--no-mx-lookups", "--engines", "1", "--media-store", place)
	waitsFor(t, server, "media_store")
	if strings.Contains(server.Output(), "ekyc is up") {
		t.Error("it says that it is up")
	}
	gateway.Run(t)
	eventually(t, server.Process, "that it is up", func() bool { return strings.Contains(server.Output(), "ekyc is up") })
	if r := probe(server); r.Status != http.StatusOK || r.Parts["media_store"] != "ready" || r.Parts["antivirus"] != "off" {
		t.Errorf("%+v", r)
	}
}

// TestTheDoctorTellsWhatIsAway, by its exit status and as JSON, and no secret.
func TestTheDoctorTellsWhatIsAway(t *testing.T) {
	t.Parallel()
	gateway, dead := s3test.Start(t), s3test.Start(t)
	place, gone := s3test.Place(gateway.Bucket(t, false), gateway.Address), s3test.Place("media", dead.Address)
	dead.Kill()
	site := e2e.StartSite(t)
	for name, c := range map[string]struct {
		place  string
		status int
		states map[string]string
	}{
		"well": {place, 0, map[string]string{"database": "ok", "root keys": "ok", "media store": "ok", "erasure ledger": "ok", "memory": "", "disk of the data directory": ""}},
		"away": {gone, 2, map[string]string{"database": "ok", "root keys": "ok", "media store": "fail", "erasure ledger": "fail"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, site, nil, "doctor", "--json", "--data-dir", site.DataDir, "--media-store", c.place)
			status := 0
			if exit, is := errors.AsType[*exec.ExitError](err); is {
				status = exit.ExitCode()
			}
			type finding struct{ Model, State, Problem, Advice string }
			var found []finding
			if status == 0 {
				err = json.Unmarshal([]byte(out), &found)
			} else {
				var failed struct {
					Error struct{ Details struct{ Diagnoses []finding } }
				}
				err = json.Unmarshal([]byte(out[:strings.LastIndex(out, "}")+1]), &failed) // the cause follows on standard error
				found = failed.Error.Details.Diagnoses
			}
			if status != c.status || err != nil || strings.Contains(out, s3test.SecretKey) {
				t.Fatalf("status %d, %v: %s", status, err, out)
			}
			states := map[string]string{}
			for _, f := range found {
				states[f.Model] = f.State
				if f.State == "fail" && f.Advice == "" {
					t.Errorf("%+v does not say what to do", f)
				}
			}
			for part, state := range c.states {
				if got := states[part]; got != state && (state != "" || got == "" || got == "fail") {
					t.Errorf("%s: %s, want %s", part, got, state)
				}
			}
		})
	}
}

// TestAStartEnds at once where waiting is of no use, and when its time is over.
func TestAStartEnds(t *testing.T) {
	t.Parallel()
	gateway, dead, vault := s3test.Start(t), s3test.Start(t), keyservicetest.StartVault(t)
	bucket := gateway.Bucket(t, false)
	dead.Kill()
	site := e2e.StartSite(t)
	var environment []string
	for name, value := range vault.Environment() {
		environment = append(environment, name+"="+value)
	}
	sealed := filepath.Join(t.TempDir(), "sealed.key")
	service := []string{"--root-key-file", sealed, "--root-key-service", vault.Address}
	must(t, site, environment, append([]string{"admin", "root-key", "--data-dir", site.DataDir}, service...)...)
	vault.Deny()
	url := site.DatabaseURL()
	t.Run("a stop", func(t *testing.T) {
		t.Parallel()
		server := site.BeginServe(t, "--media-store", s3test.Place(bucket, dead.Address), "--engines", "1")
		waitsFor(t, server, "media_store")
		if err := server.Stop(); err != nil {
			t.Errorf("a stop while it waits: %v\n%s", err, server.Output())
		}
	})
	for name, c := range map[string]struct {
		environment []string
		flags       []string
		says        string
		least       time.Duration
	}{
		"a wrong secret":           {[]string{"AWS_SECRET_ACCESS_KEY=another"}, []string{"--media-store", s3test.Place(bucket, gateway.Address)}, "signature", 0},
		"no such bucket":           {nil, []string{"--media-store", s3test.Place("bucket-that-is-not", gateway.Address)}, "bucket", 0},
		"no such database":         {[]string{"EKYC_DATABASE_URL=" + strings.Replace(url, "dbname=ekyc", "dbname=another", 1)}, nil, "does not exist", 0},
		"no such login":            {[]string{"EKYC_DATABASE_URL=" + strings.Replace(url, "user=ekyc_login", "user=another", 1)}, nil, "another", 0},
		"a key that is refused":    {environment, service, "refuses the root keys", 0},
		"a store, and no wait":     {nil, []string{"--media-store", s3test.Place(bucket, dead.Address), "--start-timeout", "0s"}, "connection refused", 0},
		"a store, and a short one": {nil, []string{"--media-store", s3test.Place(bucket, dead.Address), "--start-timeout", "2s"}, "gives up", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := []string{"serve", "--data-dir", site.DataDir, "--listen", "127.0.0.1:0", "--admin-listen", "", "--metrics-listen", "", "--no-mx-lookups", "--engines", "1"}
			began := time.Now()
			p := e2e.Start(t, append([]string{"EKYC_DATABASE_URL=" + url}, c.environment...), append(line, c.flags...)...)
			select {
			case <-p.Exited():
			case <-time.After(4 * time.Minute):
				t.Fatal("it waits for what does not come by itself")
			}
			if took := time.Since(began); took < c.least {
				t.Errorf("it ended after %s", took)
			}
			status, _ := errors.AsType[*exec.ExitError](p.Stop())
			if status == nil || status.ExitCode() != 2 || !strings.Contains(strings.ToLower(p.Output()), c.says) {
				t.Errorf("%v; it does not say %q:\n%s", status, c.says, p.Output())
			}
			if c.least == 0 && strings.Contains(p.Output(), "the start waits") {
				t.Errorf("it has waited:\n%s", p.Output())
			}
		})
	}
}

// TestNobodyErasedIsServedWhileTheLedgerIsAway: a backup brings somebody back who has been erased since, and only the ledger knows, which is in a bucket that is away when the
// restored service starts.
func TestNobodyErasedIsServedWhileTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	gateway := s3test.Start(t)
	ledger := s3test.Place(gateway.Bucket(t, false), gateway.Address)
	site := e2e.StartSite(t)
	server := site.StartServe(t, "--ledger", ledger, "--engines", "1")
	_, client := site.Login(t, server).NewKey(t, server.BaseURL, "pro", "test", nil)
	made := client.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": "restored"})
	var subject struct {
		ID string `json:"subject_id"`
	}
	if made.JSON(t, &subject); made.Status != http.StatusCreated {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	backup, directory, key := filepath.Join(t.TempDir(), "backup"), e2e.Directory(t), filepath.Join(site.DataDir, "root.key")
	must(t, site, nil, "backup", "create", "--data-dir", site.DataDir, "--ledger", ledger, "--out", backup)
	if a := client.Do(t, http.MethodDelete, "/v1/subjects/"+subject.ID, nil); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	server.Stop()
	site.CreateDatabase(t, "restored")
	restored := []string{"EKYC_DATABASE_URL=" + strings.Replace(site.DatabaseURL(), "dbname=ekyc", "dbname=restored", 1)}
	must(t, site, restored, "backup", "restore", "--from", backup, "--data-dir", directory, "--root-key-file", key, "--ledger", ledger)

	gateway.Kill()
	site.Also = restored
	again := site.BeginServe(t, "--data-dir", directory, "--root-key-file", key, "--ledger", ledger, "--engines", "1")
	waitsFor(t, again, "erasure_ledger")
	there := &e2e.Client{BaseURL: again.BaseURL, KeyID: client.KeyID, Secret: client.Secret}
	gateway.Run(t)
	deadline := time.Now().Add(4 * time.Minute)
	for n := 0; ; n++ { // each of them a request of its own
		switch a := there.Do(t, http.MethodGet, fmt.Sprintf("/v1/subjects/%s?_=%d", subject.ID, n), nil); {
		case a.Status == http.StatusGone:
			return
		case a.Status != http.StatusServiceUnavailable || time.Now().After(deadline):
			t.Fatalf("who was erased: %d %s", a.Status, a.Body)
		}
	}
}

// TestCredentialsOfARoleAreRenewedWhileServing: they are not there yet at the start, end every few seconds, and those of before are refused by the server.
func TestCredentialsOfARoleAreRenewedWhileServing(t *testing.T) {
	t.Parallel()
	gateway, roles := s3test.Start(t), s3test.NewRoles(t)
	site := e2e.StartSite(t)
	site.Also = roles.Machine()
	roles.Away(true)
	server := site.BeginServe(t, "--media-store", s3test.Place(gateway.Bucket(t, false), gateway.Address)+"&credentials=iam", "--engines", "1")
	waitsFor(t, server, "media_store")
	give := func(name string) {
		gateway.User(t, name, "secret-of-"+name)
		roles.Give(name, "secret-of-"+name, 5*time.Second)
	}
	give("first")
	roles.Away(false)
	e2e.WaitReady(t, server.Process, server.BaseURL)
	_, client := site.Login(t, server).NewKey(t, server.BaseURL, "pro", "test", nil)
	keeps := func() {
		t.Helper()
		if a := submit(t, client); a.Status != http.StatusAccepted {
			t.Errorf("%d %s\n%s", a.Status, a.Body, server.Output())
		}
	}
	keeps()
	for _, next := range []string{"second", "third"} {
		give(next)
		for given := roles.Given(); roles.Given() == given; time.Sleep(200 * time.Millisecond) {
			keeps()
		}
		gateway.RemoveUser(t, map[string]string{"second": "first", "third": "second"}[next])
		keeps()
	}
}
