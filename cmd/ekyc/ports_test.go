package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ekyc/internal/tlsfiles"
)

// pairOf writes the certificate of a test server into files and opens them.
func pairOf(t *testing.T, c tls.Certificate) *tlsfiles.Pair {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	names := [2]string{filepath.Join(t.TempDir(), "chain.pem"), filepath.Join(t.TempDir(), "key.pem")}
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: c.Certificate[0]}, {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(names[i], pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tlsfiles.Open(names[0], names[1], slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestHandingOverAnswersEverybody: requests that cannot be sent again, over connections of their own and over kept ones, come in while who answers changes.
func TestHandingOverAnswersEverybody(t *testing.T) {
	t.Parallel()
	model := httptest.NewUnstartedServer(nil)
	model.EnableHTTP2 = true
	model.StartTLS()
	defer model.Close()
	pair := pairOf(t, model.TLS.Certificates[0])
	for name, c := range map[string]struct {
		pair        *tlsfiles.Pair
		keep, http2 bool
	}{"new connections": {}, "kept": {keep: true}, "TLS": {pair: pair}, "TLS, kept": {pair: pair, keep: true}, "HTTP/2": {pair: pair, keep: true, http2: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 5 {
				s := &servers{logger: slog.New(slog.DiscardHandler), pair: c.pair}
				p, err := s.open(t.Context(), "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
				if err != nil {
					t.Fatal(err)
				}
				url := "http://" + p.lent.Addr().String()
				wrap := func(l net.Listener) net.Listener { return l }
				if c.pair != nil {
					url = "https" + strings.TrimPrefix(url, "http")
					wrap = func(l net.Listener) net.Listener { return tls.NewListener(l, c.pair.Config()) }
				}
				ctx, cancel := context.WithCancel(t.Context())
				var all sync.WaitGroup
				var served, waited atomic.Int64
				for range 8 {
					transport := model.Client().Transport.(*http.Transport).Clone()
					transport.DisableKeepAlives, transport.ForceAttemptHTTP2 = !c.keep, c.http2
					if !c.http2 {
						transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
						transport.TLSClientConfig.NextProtos = nil
					}
					all.Go(func() {
						defer transport.CloseIdleConnections()
						for ctx.Err() == nil {
							answer, err := (&http.Client{Transport: transport}).Post(url, "text/plain", io.NopCloser(strings.NewReader("once")))
							if err != nil {
								t.Errorf("after %d that waited and %d that were served: %v", waited.Load(), served.Load(), err)
								return
							}
							answer.Body.Close()
							if answer.StatusCode == http.StatusOK {
								served.Add(1)
							} else {
								waited.Add(1)
							}
						}
					})
				}
				for begun := time.Now(); waited.Load() < 50 && time.Since(begun) < time.Minute; time.Sleep(time.Millisecond) {
				}
				if err := s.handOver(p, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), wrap); err != nil {
					t.Error(err)
				}
				for begun := time.Now(); served.Load() < 50 && time.Since(begun) < time.Minute; time.Sleep(time.Millisecond) {
				}
				cancel()
				all.Wait()
				if err := s.stop(); err != nil || served.Load() < 50 {
					t.Errorf("%d served; %v", served.Load(), err)
				}
			}
		})
	}
}
