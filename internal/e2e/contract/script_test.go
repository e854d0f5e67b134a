package contract

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ekyc/internal/e2e"
)

// TestScriptDrivesEveryRoute runs the Python script through a proxy that checks every answer, and holds what it called against the document.
func TestScriptDrivesEveryRoute(t *testing.T) {
	t.Parallel()
	id, _ := operator.NewKey(t, up.BaseURL, "pro", "test", nil)
	c := operator.KeyOf(t, up.BaseURL, id, "test", nil)
	target, err := url.Parse(up.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	var mutex sync.Mutex
	called := map[string]bool{}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = target.Host },
		ModifyResponse: func(r *http.Response) error {
			mutex.Lock()
			defer mutex.Unlock()
			called[surfaceOf("/v1").operationOf(r.Request.Method, r.Request.URL.Path)] = true
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			t.Error(err) // of the checking transport too
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	t.Cleanup(proxy.Close)

	directory := t.TempDir()
	selfie, front := e2e.Person(t)
	connection, err := json.Marshal(object{"base_url": proxy.URL, "key_id": c.KeyID, "secret": c.Secret})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"up.json": connection, "selfie.jpg": selfie, "front.jpg": front} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "python3", "../../../examples/python/every_route.py", filepath.Join(directory, "up.json"), filepath.Join(directory, "selfie.jpg"), filepath.Join(directory, "front.jpg"))
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "every route answered") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, o := range surfaceOf("/v1").operations() {
		if !called[o.String()] && o.path != "/v1/docs/" {
			t.Errorf("the script does not call %s", o)
		}
	}
}
