package contract

import (
	"net/http"
	"regexp"
	"testing"
)

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// TestNoOtherOriginIsLetIn asks every route as a browser does for a script of another site: first whether it may, then all the same. The checker holds every answer of
// every test against the headers that would let it in; none has one.
func TestNoOtherOriginIsLetIn(t *testing.T) {
	t.Parallel()
	asked := 0
	for host, s := range checks.surfaces {
		for _, o := range append(s.operations(), operation{method: http.MethodPost, path: "/capture/{token}/pictures"}) {
			if s.prefix != "/v1" && o.Operation == nil {
				continue // the page is of the client's address
			}
			for _, method := range []string{http.MethodOptions, o.method} {
				r, err := http.NewRequestWithContext(t.Context(), method, "http://"+host+parameter.ReplaceAllString(o.path, "x"), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Origin", "https://evil.example")
				if method == http.MethodOptions {
					r.Header.Set("Access-Control-Request-Method", o.method)
					r.Header.Set("Access-Control-Request-Headers", "x-api-key, x-api-timestamp, x-api-sign, content-type")
				}
				response, err := http.DefaultTransport.RoundTrip(r) // which checks the headers
				if err != nil {
					t.Errorf("%s: %v", o, err)
					continue
				}
				response.Body.Close()
				asked++
				if method == http.MethodOptions && response.StatusCode != http.StatusMethodNotAllowed {
					t.Errorf("OPTIONS %s: %d", o.path, response.StatusCode)
				}
			}
		}
	}
	if asked < 200 {
		t.Errorf("only %d requests were made", asked)
	}
}
