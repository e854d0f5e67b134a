package contract

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

var (
	reference = regexp.MustCompile(`(?:src|href)\s*=\s*["']([^"']+)["']`)
	absolute  = regexp.MustCompile(`^(?:[a-z]+:)?//`)
)

// TestDocumentationIsServedOffline: the page and all that it loads come from this server, and it reads this server's document.
func TestDocumentationIsServedOffline(t *testing.T) {
	t.Parallel()
	for address, prefix := range map[string]string{up.BaseURL: "/v1", up.AdminURL: "/admin/v1"} {
		nobody := &e2e.Operator{BaseURL: address}
		page := nobody.Do(t, http.MethodGet, prefix+"/docs", nil) // which leads to the page
		if page.Status != 200 || !bytes.Contains(page.Body, []byte("swagger-ui")) {
			t.Fatalf("the page: %d %.200s", page.Status, page.Body)
		}
		policy := page.Header.Get("Content-Security-Policy")
		if !bytes.Contains([]byte(policy), []byte("default-src 'self'")) || bytes.Contains([]byte(policy), []byte("http")) {
			t.Errorf("the page's policy is %q", policy)
		}
		loaded := 0
		for _, m := range reference.FindAllSubmatch(page.Body, -1) {
			link := string(m[1])
			if absolute.MatchString(link) {
				t.Errorf("%s: the page refers to %s", prefix, link)
				continue
			}
			asset := nobody.Do(t, http.MethodGet, prefix+"/docs/"+strings.TrimPrefix(link, "./"), nil)
			if asset.Status != 200 || len(asset.Body) == 0 {
				t.Errorf("%s: %s answers %d", prefix, link, asset.Status)
			}
			loaded++
			if bytes.HasSuffix([]byte(link), []byte(".css")) && regexp.MustCompile(`(?:@import|url\()\s*["']?(?:https?:)?//`).Match(asset.Body) {
				t.Errorf("%s: %s loads from elsewhere", prefix, link)
			}
		}
		if loaded < 4 {
			t.Errorf("%s: only %d assets", prefix, loaded)
		}
		settings := nobody.Do(t, http.MethodGet, prefix+"/docs/swagger-initializer.js", nil)
		if bytes.Contains(settings.Body, []byte("://")) || !bytes.Contains(settings.Body, []byte(`url: "../openapi.json"`)) || !bytes.Contains(settings.Body, []byte("validatorUrl: null")) {
			t.Errorf("the page's settings: %s", settings.Body)
		}
		if a := nobody.Do(t, http.MethodGet, prefix+"/openapi.json", nil); !bytes.Equal(a.Body, checks.surfaces[host(t, address)].raw) {
			t.Errorf("%s: the document is not always the same", prefix)
		}
	}
}
