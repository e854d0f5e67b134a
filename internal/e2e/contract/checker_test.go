package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	validation "github.com/pb33f/libopenapi-validator/errors"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"ekyc"
	"ekyc/internal/e2e"
)

// checker is a transport that holds every answer of the service against its OpenAPI document and the one form of errors. An answer that
// does not fit is an error of the transport, so that no test can pass over it.
type checker struct {
	base     http.RoundTripper
	surfaces map[string]*surface // by host
	mutex    sync.Mutex
	answered map[string]int // successes by operation
	unfit    []string
}

// surface is one address of the service with what it says of itself.
type surface struct {
	document  libopenapi.Document
	model     *v3.Document
	raw       []byte
	prefix    string
	validator validator.Validator
}

func newChecker(t testing.TB, base http.RoundTripper) *checker {
	c := &checker{base: base, surfaces: map[string]*surface{}, answered: map[string]int{}}
	for address, prefix := range map[string]string{up.BaseURL: "/v1", up.AdminURL: "/admin/v1"} {
		at, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		c.surfaces[at.Host] = newSurface(t, address, prefix)
	}
	return c
}

func newSurface(t testing.TB, address, prefix string) *surface {
	response, err := http.Get(address + prefix + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	s := &surface{prefix: prefix}
	if s.raw, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if s.document, err = libopenapi.NewDocument(s.raw); err != nil {
		t.Fatal(err)
	}
	model, err := s.document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	s.model = &model.Model
	v, faults := validator.NewValidator(s.document)
	if len(faults) > 0 {
		t.Fatal(errors.Join(faults...))
	}
	s.validator = v
	return s
}

// RoundTrip sends the request and checks what comes back.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	s := c.surfaces[r.URL.Host]
	if s == nil { // not the service: a receiver of webhooks
		return c.base.RoundTrip(r)
	}
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
	}
	response, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(got))
	if err != nil {
		return response, nil // broken off; the reader will see it
	}
	if err := c.check(s, r, sent, response, got); err != nil {
		c.mutex.Lock()
		c.unfit = append(c.unfit, err.Error())
		c.mutex.Unlock()
		return nil, err
	}
	return response, nil
}

// check says what of an answer does not fit.
func (c *checker) check(s *surface, r *http.Request, sent []byte, response *http.Response, got []byte) error {
	what := fmt.Sprintf("%s %s, answered %d", r.Method, r.URL.Path, response.StatusCode)
	if !traceForm.MatchString(response.Header.Get("X-Trace-Id")) {
		return fmt.Errorf("%s: the trace id is %q", what, response.Header.Get("X-Trace-Id"))
	}
	if err := checkHeaders(response.Header); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if response.StatusCode >= 400 {
		if err := checkError(response, got); err != nil && r.Method != http.MethodHead {
			return fmt.Errorf("%s: %w: %.400s", what, err, got)
		}
		if code := (e2e.Answer{Body: got}).Code(); code == string(ekyc.ErrMethodNotAllowed) || code == string(ekyc.ErrNotFound) {
			return nil // there may be no such route
		}
	}
	if r.Method == http.MethodHead || s.isAsset(r.URL.Path) || response.StatusCode == http.StatusMovedPermanently {
		return nil
	}
	defer func() { response.Body = io.NopCloser(bytes.NewReader(got)) }()
	request := r.Clone(r.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	request.ContentLength = int64(len(sent))
	c.mutex.Lock()
	defer c.mutex.Unlock()
	parts := [][]byte{got}
	if response.Header.Get("Content-Type") == "application/x-ndjson" { // whose schema is that of a line
		parts = slices.Collect(bytes.Lines(got))
	}
	for _, part := range parts {
		response.Body = io.NopCloser(bytes.NewReader(part))
		if ok, faults := s.validator.ValidateHttpResponse(request, response); !ok {
			return fmt.Errorf("%s does not fit the document: %s: %.400s", what, describe(faults), part)
		}
	}
	if response.StatusCode >= 300 {
		return nil
	}
	// What the service accepts, the document must permit.
	request.Body = io.NopCloser(bytes.NewReader(sent))
	if ok, faults := s.validator.ValidateHttpRequestSync(request); !ok {
		return fmt.Errorf("%s was accepted and does not fit the document: %s: %.400s", what, describe(faults), sent)
	}
	c.answered[s.operationOf(r.Method, r.URL.Path)]++
	return nil
}

var traceForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

func describe(faults []*validation.ValidationError) string {
	var out []string
	for _, f := range faults {
		text := f.Message + ": " + f.Reason
		for _, e := range f.SchemaValidationErrors {
			text += fmt.Sprintf(" [%s at %s]", e.Reason, e.FieldPath+e.KeywordLocation)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// checkError holds an answer to the one form of errors: these members and no others, a code of the registry under its status.
func checkError(response *http.Response, got []byte) error {
	var body struct {
		Error *struct {
			Code    *ekyc.ErrorCode  `json:"code"`
			Message *string          `json:"message"`
			Details *json.RawMessage `json:"details"`
			TraceID *string          `json:"trace_id"`
		} `json:"error"`
	}
	d := json.NewDecoder(bytes.NewReader(got))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return fmt.Errorf("not the form of errors: %w", err)
	}
	e := body.Error
	if e == nil || e.Code == nil || e.Message == nil || e.Details == nil || e.TraceID == nil {
		return errors.New("a member of the error is absent")
	}
	info, known := e.Code.Info()
	switch {
	case !known:
		return fmt.Errorf("the code %q is not in the registry", *e.Code)
	case info.Status != response.StatusCode:
		return fmt.Errorf("the code %s belongs to the status %d", *e.Code, info.Status)
	case *e.Message == "" || (*e.Details)[0] != '{':
		return errors.New("no message, or details that are no object")
	case *e.TraceID != response.Header.Get("X-Trace-Id"):
		return errors.New("the trace ids of header and body differ")
	case response.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("the content type is %q", response.Header.Get("Content-Type"))
	case (response.StatusCode == http.StatusTooManyRequests && *e.Code == ekyc.ErrRateLimited || response.StatusCode == http.StatusServiceUnavailable) && response.Header.Get("Retry-After") == "":
		return errors.New("no Retry-After")
	}
	return nil
}

// checkHeaders holds what every answer tells browsers: nothing of it is another type than it says, framed, referred to, or for scripts of other origins.
func checkHeaders(h http.Header) error {
	policy := h.Get("Content-Security-Policy")
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") == "" ||
		!strings.Contains(policy, "default-src '") || !strings.Contains(policy, "frame-ancestors ") || !strings.Contains(policy, "base-uri 'none'") {
		return fmt.Errorf("its headers are %v", h)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			return fmt.Errorf("it lets other origins in by %s", name)
		}
	}
	return nil
}

func (s *surface) isAsset(path string) bool {
	return strings.HasPrefix(path, s.prefix+"/docs/") && path != s.prefix+"/docs/" || strings.HasPrefix(path, "/capture/") || strings.HasPrefix(path, "/media/") // which only a page calls
}

// operation is a route of a document.
type operation struct {
	method, path string
	*v3.Operation
}

func (o operation) String() string { return o.method + " " + o.path }

// operations lists all routes of the document.
func (s *surface) operations() (out []operation) {
	for path, item := range s.model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			out = append(out, operation{strings.ToUpper(method), path, op})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// operationOf finds the operation that a request meant: the template with the fewest parameters that fits.
func (s *surface) operationOf(method, path string) string {
	best := ""
	for _, o := range s.operations() {
		if o.method == method && fits(o.path, path) && (best == "" || strings.Count(o.path, "{") < strings.Count(best, "{")) {
			best = o.String()
		}
	}
	return best
}

func fits(template, path string) bool {
	a, b := strings.Split(template, "/"), strings.Split(path, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !strings.HasPrefix(a[i], "{") {
			return false
		}
	}
	return true
}

// conclude says, after all tests, which operations no test has seen succeed.
func (c *checker) conclude() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.unfit) > 0 {
		fmt.Fprintf(os.Stderr, "contract: %d answers did not fit, the first: %s\n", len(c.unfit), c.unfit[0])
		return 1
	}
	if f := flag.Lookup("test.run"); f.Value.String() != "" || testing.Short() {
		return 0 // only some tests ran
	}
	code := 0
	for _, s := range c.surfaces {
		for _, o := range s.operations() {
			if c.answered[o.String()] == 0 {
				fmt.Fprintf(os.Stderr, "contract: no test has seen %s succeed\n", o)
				code = 1
			}
		}
	}
	return code
}
