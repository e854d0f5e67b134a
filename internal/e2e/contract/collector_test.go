package contract

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is what was exported of one piece of work.
type span struct{ id, parent, name string }

// collector takes traces by OTLP over HTTP, as an operator's would.
type collector struct {
	url   string
	mutex sync.Mutex
	spans map[string][]span // by trace id
	bytes []byte            // everything that came, as it came
}

func newCollector(t testing.TB) *collector {
	c := &collector{spans: map[string][]span{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request collectortrace.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.bytes = append(c.bytes, body...)
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					trace := hex.EncodeToString(s.TraceId)
					c.spans[trace] = append(c.spans[trace], span{hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId), s.Name})
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// of gives the spans of a trace that have arrived.
func (c *collector) of(trace string) []span {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]span(nil), c.spans[trace]...)
}
