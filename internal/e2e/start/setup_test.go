package start

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

type object = map[string]any

// readiness is what a probe is told.
type readiness struct {
	Status int
	Parts  map[string]string `json:"parts"`
	Error  struct {
		Code    string `json:"code"`
		Details struct {
			Part  string            `json:"part"`
			Parts map[string]string `json:"parts"`
		} `json:"details"`
	} `json:"error"`
}

// ask gives the status and the body of what an address answers; 0 where nobody does.
func ask(url string) (int, string) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func probe(s *e2e.Server) (r readiness) {
	status, body := ask(s.BaseURL + "/v1/ready")
	json.Unmarshal([]byte(body), &r)
	r.Status = status
	return r
}

// eventually waits until a condition holds.
func eventually(t *testing.T, p *e2e.Process, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.Exited():
			t.Fatalf("the process ended; not seen: %s", what)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// waitsFor fails unless a server tells that it waits for a part, lives, and serves nothing.
func waitsFor(t *testing.T, s *e2e.Server, part string) {
	t.Helper()
	eventually(t, s.Process, "a start that waits for the "+part, func() bool {
		r := probe(s)
		return r.Status == http.StatusServiceUnavailable && r.Error.Details.Part == part
	})
	for _, health := range []string{s.BaseURL + "/v1/health", s.AdminURL + "/admin/v1/health"} {
		if status, body := ask(health); status != http.StatusOK || !strings.Contains(body, `"status":"ok"`) {
			t.Errorf("it does not live: %d %s", status, body)
		}
	}
	if status, body := ask(s.BaseURL + "/v1/quotas"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("it serves: %d %s", status, body)
	}
	if n := metric(t, s, `ekyc_part_up{part="`+part+`"}`); n != 0 {
		t.Errorf("metrics say %v of the %s", n, part)
	}
	if !strings.Contains(s.Output(), `"part":"`+part+`"`) || !strings.Contains(s.Output(), "the start waits for what is away") {
		t.Errorf("the log does not say what it waits for:\n%s", s.Output())
	}
}

// metric gives the value of a line of the metrics; -1 where there is none.
func metric(t *testing.T, s *e2e.Server, name string) float64 {
	t.Helper()
	_, body := ask(s.MetricsURL)
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// command runs a command of the program to its end, in a site's environment.
func command(t *testing.T, site *e2e.Site, environment []string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command(e2e.Binary(t), args...)
	c.Env = append(append(os.Environ(), "EKYC_DATABASE_URL="+site.DatabaseURL()), environment...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// must is command for what succeeds.
func must(t *testing.T, site *e2e.Site, environment []string, args ...string) {
	t.Helper()
	if out, err := command(t, site, environment, args...); err != nil {
		t.Fatalf("%v: %v %s", args, err, out)
	}
}

// submit sends a verification that keeps its pictures, and gives its answer.
func submit(t *testing.T, c *e2e.Client) e2e.Answer {
	t.Helper()
	selfie, front := e2e.Person(t)
	return c.Do(t, http.MethodPost, "/v1/kyc/verify", object{"image_live_base64": e2e.Base64(selfie), "image_front_base64": e2e.Base64(front)})
}
