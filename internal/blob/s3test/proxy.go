package s3test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Fault is what stands between client and server.
type Fault int32

// The faults.
const (
	None      Fault = iota
	Silence         // requests are read and never answered
	Reset           // connections are reset before an answer
	Garbage         // 200 and a page
	Elsewhere       // 404 and a page
	Busy            // 503 and SlowDown
	Truncated       // the server's answer, whose body breaks off
)

// Proxy stands between a client and a server.
type Proxy struct {
	Address string // host:port

	fault atomic.Int32
	ended chan struct{}
}

// NewProxy listens before a server until the test ends.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: s.Address}
	p := &Proxy{ended: make(chan struct{})}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }, // the host's name is signed and stays
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ModifyResponse: func(r *http.Response) error {
			if length, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64); Fault(p.fault.Load()) == Truncated && err == nil && length > 1 {
				r.Body = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(io.LimitReader(r.Body, length/2), broken{}), r.Body}
			}
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, forward) }))
	p.Address = strings.TrimPrefix(server.URL, "http://")
	t.Cleanup(func() {
		close(p.ended)
		server.CloseClientConnections()
		server.Close()
	})
	return p
}

// Set changes what becomes of requests from now on.
func (p *Proxy) Set(f Fault) { p.fault.Store(int32(f)) }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	const page = "<html><body>This is the way in to the wireless network.</body></html>"
	fault := Fault(p.fault.Load())
	if fault != None && fault != Truncated && fault != Reset {
		io.Copy(io.Discard, r.Body)
	}
	switch fault {
	case Silence:
		select {
		case <-r.Context().Done():
		case <-p.ended:
		}
	case Reset:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	case Garbage, Elsewhere:
		w.Header().Set("Content-Type", "text/html")
		if fault == Elsewhere {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, page)
	case Busy:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>`)
	default:
		forward.ServeHTTP(w, r)
	}
}
