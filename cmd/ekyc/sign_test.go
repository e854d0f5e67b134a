package main

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ekyc/internal/tenant/signing"
)

const (
	signKeyID  = "ek_test_eu1_0123456789abcdefghijklmnop"
	signSecret = "Zm9yLXRlc3RzLW9ubHktbm90LWEtcmVhbC1zZWNyZXQ"
)

func TestSignPrintsTheHeadersOfTheVectors(t *testing.T) {
	t.Parallel()
	signed := 0
	for _, v := range signing.Vectors() {
		args := []string{"sign", "--key-id", signKeyID, "--secret-file", write(t, "secret", []byte(v.Secret)), "--method", v.Method, "--target", v.Target, "--timestamp", v.Timestamp}
		if len(v.Body) > 0 {
			args = append(args, "--body", write(t, "body", v.Body))
		}
		code, out, problems := command(t, args...)
		if code == exitBadInput && (v.Method == "post" || strings.Contains(v.Target, "é")) {
			continue // what the command refuses to send
		}
		want := "X-API-KEY: " + signKeyID + "\nX-API-TIMESTAMP: " + v.Timestamp + "\nX-API-SIGN: " + v.Signature + "\n"
		if code != exitOK || out != want || problems != "" {
			t.Errorf("%s: %d %q %q", v.Name, code, out, problems)
		}
		signed++
	}
	if signed < 30 {
		t.Errorf("only %d vectors were signed", signed)
	}
}

// What curl sends when the command is pasted into a shell verifies, to the byte.
func TestSignMakesACurlCommandThatWorks(t *testing.T) {
	verified := make(chan bool, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at, _ := strconv.ParseInt(r.Header.Get(signing.HeaderTimestamp), 10, 64)
		verified <- r.Header.Get(signing.HeaderKey) == signKeyID && time.Since(time.Unix(at, 0)).Abs() < time.Minute &&
			(len(body) == 0 || r.Header.Get("Content-Type") == "application/json") &&
			signing.Verify(signSecret, r.Header.Get(signing.HeaderSignature), r.Header.Get(signing.HeaderTimestamp), r.Method, r.RequestURI, sha256.Sum256(body))
	}))
	defer server.Close()
	t.Setenv("EKYC_API_SECRET", signSecret)
	body := []byte("{\"a\": \"it's $HOME `x` \\\\ \\\"é\\\"\"}\n")
	file := write(t, "it's a body.json", body)
	for name, c := range map[string]struct {
		args  []string
		stdin []byte
	}{
		"no body":              {args: []string{"--target", "/v1/jobs?status=completed&limit=2", "--curl", server.URL}},
		"target in the URL":    {args: []string{"--curl", server.URL + "/v1/jobs/../x/{a}[1-2]?q='%20'"}},
		"slash at the end":     {args: []string{"--target", "/v1/jobs", "--curl", server.URL + "/"}},
		"a file":               {args: []string{"--method", "POST", "--target", "/v1/kya/check", "--body", file, "--curl", server.URL}},
		"standard input":       {args: []string{"--method", "POST", "--target", "/v1/kya/check", "--body", "-", "--curl", server.URL}, stdin: body},
		"an @ that is no file": {args: []string{"--method", "PUT", "--target", "/v1/x", "--body", "-", "--curl", server.URL}, stdin: []byte("@x")},
		"DELETE":               {args: []string{"--method", "DELETE", "--target", "/v1/subjects/x", "--curl", server.URL}},
		"HEAD":                 {args: []string{"--method", "HEAD", "--target", "/v1/health", "--curl", server.URL}},
	} {
		if c.stdin != nil {
			stdin := os.Stdin
			f, err := os.Open(write(t, "stdin", c.stdin))
			if err != nil {
				t.Fatal(err)
			}
			os.Stdin = f
			defer func() { os.Stdin = stdin; f.Close() }()
		}
		code, out, problems := command(t, append([]string{"sign", "--key-id", signKeyID}, c.args...)...)
		if code != exitOK || strings.Contains(out+problems, signSecret) {
			t.Errorf("%s: %d %s %s", name, code, out, problems)
			continue
		}
		shell := exec.Command("sh", "-c", strings.Replace(out, "curl", "curl -sS --max-time 20", 1))
		if answer, err := shell.CombinedOutput(); err != nil && name != "HEAD" {
			t.Errorf("%s: %v: %s\n%s", name, err, answer, out)
			continue
		}
		if !<-verified {
			t.Errorf("%s does not verify:\n%s", name, out)
		}
	}
}

func TestSignRefusesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	good := []string{"sign", "--key-id", signKeyID, "--secret-file", write(t, "secret", []byte(signSecret)), "--method", "POST"}
	for name, args := range map[string][]string{
		"no target":           {},
		"relative target":     {"--target", "v1/jobs"},
		"space":               {"--target", "/v1/jobs x"},
		"not percent-encoded": {"--target", "/v1/é"},
		"fragment":            {"--target", "/v1/jobs#a"},
		"line feed":           {"--target", "/v1/jobs\nX: y"},
		"method":              {"--target", "/v1/jobs", "--method", "get"},
		"key":                 {"--target", "/v1/jobs", "--key-id", "a b"},
		"time":                {"--target", "/v1/jobs", "--timestamp=-5"},
		"no such file":        {"--target", "/v1/jobs", "--body", "/nowhere"},
		"no scheme":           {"--curl", "example.org/v1/jobs"},
		"user":                {"--curl", "https://u:p@example.org/v1/jobs"},
		"two paths":           {"--target", "/v1/jobs", "--curl", "https://example.org/v1/jobs"},
	} {
		code, out, problems := command(t, append(good, args...)...)
		if code != exitBadInput || out != "" || strings.Count(problems, "\n") != 1 || strings.Contains(problems, signSecret) {
			t.Errorf("%s: %d %q %q", name, code, out, problems)
		}
	}
	if code, _, problems := command(t, "sign", "--key-id", signKeyID, "--target", "/v1/jobs"); code != exitBadInput || !strings.Contains(problems, "secret") {
		t.Errorf("no secret: %d %q", code, problems)
	}
}
