package secrets

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ekyc/internal/e2e"
)

// TestSecretsStayUnseen is one run of one service, from its start to its crash.
func TestSecretsStayUnseen(t *testing.T) {
	b := setup(t)
	b.plant(t)
	t.Run("certificates of receivers are verified", b.impostor)
	t.Run("requests that fail", b.failures)
	t.Run("a client that is slow", b.slowness)
	t.Run("links", b.links)
	t.Run("the database is away", b.outage)
	t.Run("certificates change", b.certificates)
	t.Run("process list", b.processes)
	t.Run("database", func(t *testing.T) {
		tables, control := b.tables(t), false
		for place, rows := range tables {
			b.silent(t, place, rows)
			control = control || bytes.Contains(rows, []byte(b.client.KeyID))
		}
		if !control {
			t.Error("the search does not find what is in the database")
		}
	})
	t.Run("metrics and traces", func(t *testing.T) {
		b.silent(t, "metrics", b.metrics(t))
		for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			b.collected.mutex.Lock()
			arrived, admitted := bytes.Clone(b.collected.bytes), b.collected.admitted
			b.collected.mutex.Unlock()
			if bytes.Contains(arrived, []byte("/v1/kya/check")) && admitted > 0 {
				b.silent(t, "traces", arrived)
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d bytes of traces, %d times with the credential", len(arrived), admitted)
			}
		}
	})
	t.Run("one-time codes are demanded", b.secondFactor)
	t.Run("crash", b.crash)
}

// impostor has a certificate for the right address that nobody trusts. Nothing is sent to it.
func (b *testBundle) impostor(t *testing.T) {
	var came atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	var endpoint struct {
		ID     string `json:"webhook_id"`
		Secret string `json:"secret"`
	}
	b.client.Do(t, http.MethodPost, "/v1/webhooks", object{"url": server.URL + "/hook"}).JSON(t, &endpoint)
	b.needles = append(b.needles, e2e.NewNeedle("secret of an endpoint", []byte(strings.TrimPrefix(endpoint.Secret, "whsec_"))))
	var ping struct {
		ID string `json:"delivery_id"`
	}
	b.client.Do(t, http.MethodPost, "/v1/webhooks/"+endpoint.ID+"/ping", nil).JSON(t, &ping)
	for deadline := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		a := b.client.Do(t, http.MethodGet, "/v1/webhooks/deliveries/"+ping.ID, nil)
		var delivery struct {
			Failure string `json:"failure"`
		}
		a.JSON(t, &delivery)
		if delivery.Failure == "tls" {
			b.silent(t, "a delivery", a.Body)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not fail by TLS: %s", a.Body)
		}
	}
	if came.Load() != 0 {
		t.Error("a webhook was sent to a server whose certificate nobody trusts")
	}
}

// failures are requests that are wrong in every way, with secrets where they do not belong.
func (b *testBundle) failures(t *testing.T) {
	secret, password := b.client.Secret, b.up.OperatorPassword
	refused := 0
	look := func(what string, status int, body []byte, header http.Header) {
		t.Helper()
		if status < 400 {
			t.Errorf("%s: %d", what, status)
		}
		refused++
		b.silent(t, "the answer to "+what, body)
		b.silent(t, "the headers of the answer to "+what, []byte(fmt.Sprint(header)))
	}
	for _, bad := range []struct{ method, target, body string }{
		{"GET", "/v1/jobs?after=" + secret, ""},
		{"GET", "/v1/" + secret, ""},
		{"GET", "/v1/jobs/" + secret, ""},
		{"POST", "/v1/kya/check", `{"` + secret + `":1}`},
		{"POST", "/v1/kya/check", `{"email":"` + secret + `","email":"` + secret + `"}`},
		{"POST", "/v1/kya/check", `{"email":` + secret},
		{"POST", "/v1/webhooks", `{"url":"https://user:` + secret + `@example.com/"}`},
		{"POST", "/v1/webhooks", `{"url":"` + secret + `"}`},
		{"POST", "/v1/keys", `{"name":"a","secret":"` + secret + `"}`},
		{"DELETE", "/v1/kya/check", secret},
	} {
		a := b.client.DoAt(t, b.client.Fresh(t, bad.method, bad.target, []byte(bad.body)), bad.method, bad.target, []byte(bad.body))
		look(bad.method+" "+strings.ReplaceAll(bad.target, secret, "…"), a.Status, a.Body, a.Header)
	}
	for _, headers := range [][]string{
		{"X-API-KEY", secret}, {"X-API-SIGN", secret}, {"X-API-TIMESTAMP", secret}, {"Authorization", "Bearer " + b.operator.Token, "X-API-SIGN", "00"},
		{"Idempotency-Key", strings.Repeat(secret, 20)}, {"Content-Type", secret}, {"traceparent", secret, "X-API-KEY", secret}, {"Cookie", "a=" + secret, "X-API-SIGN", ""},
	} {
		a := b.client.DoAt(t, time.Now().Unix(), "POST", "/v1/kya/check", []byte(`{"email":"a@example.com"}`), headers...)
		look("headers "+headers[0], a.Status, a.Body, a.Header)
	}
	for _, bad := range []struct{ method, target, body string }{
		{"POST", "/admin/v1/session", `{"email":"` + b.up.Operator + `","password":"` + password + `x"}`},
		{"POST", "/admin/v1/session", `{"email":"` + password + `","password":"` + password + `"}`},
		{"POST", "/admin/v1/session", `{"password":["` + password + `"]}`},
		{"POST", "/admin/v1/session", `{"` + password + `":1}`},
		{"POST", "/admin/v1/session", `{"password":"` + password},
		{"POST", "/admin/v1/me/password", `{"current":"` + password + `x","new":"` + password + password + `"}`},
		{"POST", "/admin/v1/me/totp/confirm", `{"code":"` + b.totp + `"}`},
		{"POST", "/admin/v1/me/totp", `{"password":"` + b.totp + `"}`},
		{"GET", "/admin/v1/" + b.operator.Token, ""},
		{"GET", "/admin/v1/tenants?after=" + url.QueryEscape(b.operator.Token), ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), bad.method, b.up.AdminURL+bad.target, strings.NewReader(bad.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+b.operator.Token)
		a, err := b.client.Send(r)
		if err != nil {
			t.Fatal(err)
		}
		look(bad.method+" "+strings.ReplaceAll(bad.target, b.operator.Token, "…"), a.Status, a.Body, a.Header)
	}
	// What net/http itself refuses.
	for _, text := range []string{secret + "\r\n\r\n", "GET /" + secret + " HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n" + secret + " a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat(secret, 2000) + "\r\n\r\n"} {
		conn := b.dial(t)
		go io.WriteString(conn, text)
		conn.SetReadDeadline(time.Now().Add(patience))
		answer, _ := io.ReadAll(conn)
		conn.Close()
		look("what is no request", 400, answer, nil)
		if !bytes.Contains(answer, []byte(`"code":"`)) {
			t.Errorf("what is no request is answered %.200q", answer)
		}
	}
	if !bytes.Contains(b.output(), []byte("/v1/kya/check")) {
		t.Error("the log does not have the requests, so that nothing is proven by it")
	}
	b.silent(t, "the log", b.output())
	t.Logf("%d requests were refused", refused)
}

func (b *testBundle) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(b.up.BaseURL, "https://"), b.trust)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// slowness is a client of the program's own time limits, which sends a header byte by byte.
func (b *testBundle) slowness(t *testing.T) {
	conn, began := b.dial(t), time.Now()
	defer conn.Close()
	io.WriteString(conn, "GET /v1/health HTTP/1.1\r\nX-Slow: ")
	closed := make(chan error, 1)
	conn.SetReadDeadline(began.Add(patience))
	go func() { _, err := io.Copy(io.Discard, conn); closed <- err }()
	for {
		select {
		case err := <-closed:
			if took := time.Since(began); took > patience-10*time.Second {
				t.Errorf("the connection was held for %s: %v", took, err)
			}
			return
		case <-time.After(200 * time.Millisecond):
			io.WriteString(conn, "a")
		}
	}
}

// links to the capture page begin with the scheme by which the client came.
func (b *testBundle) links(t *testing.T) {
	var link struct {
		URL string `json:"url"`
	}
	b.client.Do(t, http.MethodPost, "/v1/captures", object{}).JSON(t, &link)
	if !strings.HasPrefix(link.URL, b.up.BaseURL+"/capture/") || !strings.HasPrefix(link.URL, "https://") {
		t.Errorf("the link is %s", link.URL)
	}
	response, err := http.Get(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("the page: %d, %v", response.StatusCode, response.Header)
	}
}

// outage makes the service talk about its database.
func (b *testBundle) outage(t *testing.T) {
	b.site.StopDatabase(t)
	for range 5 {
		a := b.client.DoAt(t, time.Now().Unix(), "POST", "/v1/kya/check", object{"email": "a@example.com"})
		if a.Status < 500 {
			t.Errorf("without a database: %d", a.Status)
		}
		b.silent(t, "an answer without a database", a.Body)
	}
	if a := b.operator.Do(t, http.MethodPost, "/admin/v1/session", object{"email": b.up.Operator, "password": b.up.OperatorPassword}); a.Status < 500 {
		t.Errorf("without a database: %d", a.Status)
	}
	time.Sleep(2 * time.Second) // for the sweeps, the queue and their own words on it
	b.site.StartDatabase(t)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		a := b.client.Do(t, http.MethodGet, "/v1/quotas", nil)
		if a.Status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the outage: %d %s", a.Status, a.Body)
		}
	}
	if !bytes.Contains(b.output(), []byte("a request failed")) {
		t.Error("nothing is logged of the outage")
	}
	b.silent(t, "the log of the outage", b.output())
}

func (b *testBundle) metrics(t *testing.T) []byte {
	t.Helper()
	response, err := http.Get(b.up.MetricsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	out, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var daysLeft = regexp.MustCompile(`(?m)^ekyc_tls_certificate_days\S* (\S+)$`)

// certificates are replaced by one that has expired, by force of SIGHUP, and by a good one, which is noticed.
func (b *testBundle) certificates(t *testing.T) {
	days := func() float64 {
		t.Helper()
		found := daysLeft.FindSubmatch(b.metrics(t))
		if found == nil {
			t.Fatal("there is no such metric")
		}
		left, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	await := func(what string, holds func(float64) bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !holds(days()); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v days", what, days())
			}
		}
	}
	await("the first", func(d float64) bool { return d > 59 && d < 61 })
	b.renew(t, 2, time.Now().Add(-36*time.Hour))
	if err := syscall.Kill(b.up.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await("one that has expired", func(d float64) bool { return d > -2 && d < -1 })
	b.renew(t, 3, time.Now().Add(30*24*time.Hour))
	await("the next", func(d float64) bool { return d > 29 && d < 31 })
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	b.client.Do(t, http.MethodGet, "/v1/quotas", nil)
	if !bytes.Contains(b.output(), []byte("the TLS certificate has expired")) {
		t.Error("nothing is logged of the expired certificate")
	}
}

// processes looks at what the kernel shows of the service and its engines, to whom it shows it.
func (b *testBundle) processes(t *testing.T) {
	all := append(b.up.Children(t), b.up.PID())
	if len(all) < 2 {
		t.Fatal("there is no engine")
	}
	for _, pid := range all {
		proc := filepath.Join("/proc", strconv.Itoa(pid))
		line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		if err != nil || len(line) == 0 {
			t.Fatalf("%d: %v", pid, err)
		}
		b.silent(t, "the command line "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})), line)
		command := exec.Command("cat", filepath.Join(proc, "environ"), filepath.Join(proc, "maps"))
		if os.Geteuid() == 0 { // who may read everything: another user of the machine is tried
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if shown, err := command.Output(); err == nil || len(shown) > 0 {
			t.Errorf("another user reads %d bytes of the environment and memory map of %d", len(shown), pid)
		}
		if environment, err := os.ReadFile(filepath.Join(proc, "environ")); err == nil && pid != b.up.PID() {
			b.silent(t, "the environment of an engine", environment)
		}
	}
}

// secondFactor is what an operator may do before one-time codes are in force, and afterwards.
func (b *testBundle) secondFactor(t *testing.T) {
	ask := func(what string, o *e2e.Operator, method, target string, body any, status int) e2e.Answer {
		t.Helper()
		a := o.Do(t, method, target, body)
		if a.Status != status {
			t.Fatalf("%s: %d %s", what, a.Status, a.Body)
		}
		return a
	}
	o := b.up.Login(t)
	for _, target := range []string{"/admin/v1/tenants", "/admin/v1/operators", "/admin/v1/queue", "/admin/v1/audit/entries"} {
		if a := ask("without codes", o, http.MethodGet, target, nil, http.StatusForbidden); a.Code() != "role_denied" {
			t.Errorf("%s: %s", target, a.Body)
		}
	}
	ask("who am I", o, http.MethodGet, "/admin/v1/me", nil, http.StatusOK)
	code, err := totp.GenerateCode(b.totp, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ask("confirm", o, http.MethodPost, "/admin/v1/me/totp/confirm", object{"code": code}, http.StatusNoContent)
	ask("with codes", o, http.MethodGet, "/admin/v1/tenants", nil, http.StatusOK)
	ask("the code again", &e2e.Operator{BaseURL: b.up.AdminURL}, http.MethodPost, "/admin/v1/session", object{"email": b.up.Operator, "password": b.up.OperatorPassword, "code": code}, http.StatusUnauthorized)
	b.silent(t, "the log", b.output())
}

// crash ends the service with a dump of everything that it does.
func (b *testBundle) crash(t *testing.T) {
	if err := syscall.Kill(b.up.PID(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.up.Exited():
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	out := b.output()
	if !bytes.Contains(out, []byte("SIGQUIT: quit")) || bytes.Count(out, []byte("goroutine ")) < 20 {
		t.Errorf("that is no dump: %.2000s", out)
	}
	b.silent(t, "the crash", out)
	for _, directory := range []string{".", b.site.DataDir, b.up.DataDir} {
		if cores, _ := filepath.Glob(filepath.Join(directory, "core*")); len(cores) > 0 {
			t.Errorf("core dumps: %v", cores)
		}
	}
}
