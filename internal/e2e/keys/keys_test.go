package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
	"ekyc/internal/keyring/keyservicetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

// command runs a command of the program to its end.
func command(t *testing.T, site *e2e.Site, args ...string) (string, error) {
	t.Helper()
	c := exec.Command(e2e.Binary(t), append(args, "--data-dir", site.DataDir)...)
	c.Env = append(os.Environ(), "EKYC_DATABASE_URL="+site.DatabaseURL())
	out, err := c.CombinedOutput()
	return string(out), err
}

// signedHead is what the service says of its audit log.
type signedHead struct {
	Size int64  `json:"size"`
	Note string `json:"checkpoint"`
	Key  string `json:"verifier_key"`
	Keys []struct {
		Key          string `json:"verifier_key"`
		Last         *int64 `json:"last_size"`
		Introduction string `json:"introduction"`
	} `json:"keys"`
}

func checkpoint(t *testing.T, client *e2e.Client) (c signedHead) {
	t.Helper()
	a := client.Do(t, http.MethodGet, "/v1/audit/checkpoint", nil)
	if err := json.Unmarshal(a.Body, &c); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%d %s, %v", a.Status, a.Body, err)
	}
	return c
}

// elapse lets eleven minutes pass for the keys of tenants.
func elapse(t *testing.T, site *e2e.Site) {
	t.Helper()
	owner, err := pgx.Connect(t.Context(), site.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	if _, err := owner.Exec(t.Context(), `update ekyc_keys.tenant_key set rotated_at = rotated_at - interval '11 minutes', settled_at = settled_at - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
}

// TestAServiceWhoseRootKeysAreSealed is one service from the sealing of its keys over rotations and a refusal to its restart.
func TestAServiceWhoseRootKeysAreSealed(t *testing.T) {
	site, vault := e2e.StartSite(t), keyservicetest.StartVault(t)
	for name, value := range vault.Environment() {
		t.Setenv(name, value)
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := command(t, site, args...); err != nil {
			t.Fatalf("ekyc %v: %v, %s", args, err, out)
		}
	}
	run("keys", "seal-root", "--with", vault.Address)
	if content, err := os.ReadFile(filepath.Join(site.DataDir, "root.key")); err != nil || bytes.Contains(content, []byte("AesGcmKey")) {
		t.Fatalf("the file shows its keys, %v", err)
	}
	if out, err := command(t, site, "keys", "status"); err == nil {
		t.Errorf("a command that knows of no key service opens the file: %s", out)
	}
	t.Setenv("EKYC_ROOT_KEY_SERVICE", vault.Address)
	t.Setenv("EKYC_ROOT_KEY_RECHECK", "200ms")
	server := site.StartServe(t, "--engines", "1")
	tenant, client := site.Login(t, server).NewKey(t, server.BaseURL, "enterprise", "test", map[string]any{"name": "keys", "scopes": []string{"admin", "workflow"}, "rate_per_minute": 100000, "rate_per_day": 10000000})
	post := func(path string, body any, headers ...string) e2e.Answer {
		t.Helper()
		a := client.Do(t, http.MethodPost, path, body, headers...)
		if a.Status != http.StatusCreated && a.Status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
		return a
	}
	// What is sealed under the tenant's key, with its secret under the root key: an endpoint, an event of its own, a link, and a remembered answer.
	var hook struct {
		ID string `json:"webhook_id"`
	}
	post("/v1/webhooks", map[string]any{"url": "https://127.0.0.1/hook", "description": "ours"}).JSON(t, &hook)
	post("/v1/webhooks/"+hook.ID+"/ping", nil)
	link := post("/v1/captures", map[string]any{}, "Idempotency-Key", "link")

	var asked atomic.Int64
	ask := func() e2e.Answer { // each a request of its own: a signature counts once, and there are 600 of each
		return client.Do(t, http.MethodGet, fmt.Sprintf("/v1/webhooks?_=%d", asked.Add(1)), nil)
	}
	if a := ask(); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for ctx.Err() == nil {
				if a := ask(); a.Status != http.StatusOK {
					t.Errorf("while keys are rotated: %d %s", a.Status, a.Body)
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	before := checkpoint(t, client)
	run("keys", "rotate-root")
	time.Sleep(1100 * time.Millisecond)
	run("keys", "rewrap")
	out, err := command(t, site, "keys", "rotate-tenant", "--tenant", tenant)
	sealedAnew := regexp.MustCompile(`other values of \S+ test: (\d+) sealed anew`).FindStringSubmatch(out)
	if err != nil || len(sealedAnew) != 2 {
		t.Fatalf("%v, %s", err, out)
	}
	if n, _ := strconv.Atoi(sealedAnew[1]); n < 6 { // address and description, both forms of the event, what the link asks for, the answer
		t.Errorf("%s", out)
	}
	run("keys", "retire-root", "--after=0s")
	elapse(t, site)
	run("keys", "rotate-tenant", "--tenant", tenant, "--retire")
	run("keys", "rotate-audit")
	run("receipt", "rotate")
	post("/v1/webhooks", map[string]any{"url": "https://127.0.0.1/another"}) // which the log has an entry of
	if again := post("/v1/captures", map[string]any{}, "Idempotency-Key", "link"); !bytes.Equal(again.Body, link.Body) {
		t.Errorf("the remembered answer is another: %s", again.Body)
	}
	var after signedHead
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) { // until the running service has given that its place, and signed it
		after = checkpoint(t, client)
		if after.Key != before.Key && after.Size > before.Size && len(after.Keys) == 2 && after.Keys[0].Last != nil && *after.Keys[0].Last < after.Size || time.Now().After(deadline) {
			break
		}
	}
	stop()
	group.Wait()
	if asked.Load() < 20 {
		t.Errorf("only %d requests", asked.Load())
	}

	if after.Key == before.Key || after.Size <= before.Size || len(after.Keys) != 2 || after.Keys[0].Key != before.Key || *after.Keys[0].Last >= after.Size {
		t.Errorf("before %+v, after %+v", before, after)
	}
	export := filepath.Join(t.TempDir(), "export")
	run("audit", "export", "--to", export)
	for _, key := range []string{before.Key, after.Key} {
		args := []string{"audit", "verify", export, "--key", key}
		for n, c := range []string{before.Note, after.Keys[1].Introduction, after.Note} {
			path := filepath.Join(t.TempDir(), string(rune('a'+n)))
			if err := os.WriteFile(path, []byte(c), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--checkpoint", path)
		}
		if out, err := exec.Command(e2e.Binary(t), args...).CombinedOutput(); err != nil {
			t.Errorf("over the rotation: %v, %s", err, out)
		}
	}

	await := func(what string, status int) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
			ready, err := http.Get(server.BaseURL + "/v1/ready")
			if err != nil {
				t.Fatal(err)
			}
			ready.Body.Close()
			a := ask()
			if ready.StatusCode == status && a.Status == status {
				if status != http.StatusOK && a.Code() != "unavailable" {
					t.Errorf("%s: %s", what, a.Body)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: ready %d, answer %d %s", what, ready.StatusCode, a.Status, a.Body)
			}
		}
	}
	vault.Set("down")
	for until := time.Now().Add(time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if a := ask(); a.Status != http.StatusOK {
			t.Errorf("while the key service is away: %d %s", a.Status, a.Body)
		}
	}
	vault.Set("")
	vault.Deny()
	await("refused", http.StatusServiceUnavailable)
	if out, err := command(t, site, "keys", "status"); err == nil || !bytes.Contains([]byte(out), []byte("the key service refuses the root keys")) {
		t.Errorf("a command while it is refused: %v, %s", err, out)
	}
	vault.Allow()
	await("allowed again", http.StatusOK)
}
