package api

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ekyc"
)

// startTLS serves the client API without any room behind it, which is enough for what is refused and for /v1/health.
func startTLS(t *testing.T, headerTimeout time.Duration) (address string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(leaf)
	server, err := New(Services{}, Options{HSTS: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"}}
	program := &http.Server{Handler: server.Client(), ReadHeaderTimeout: headerTimeout, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo), DisableGeneralOptionsHandler: true}
	ended := make(chan error, 1)
	go func() { ended <- program.Serve(server.TLSListener(raw, config)) }()
	t.Cleanup(func() {
		if err := program.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		program.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("the server ended: %v", err)
		}
	})
	return raw.Addr().String(), roots
}

// problemIn reads an answer that has the one shape of errors.
func problemIn(t *testing.T, from io.Reader) (int, ekyc.ErrorCode) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body ErrorBody
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Error.TraceID != response.Header.Get(headerTrace) || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%v in an answer with %v", err, response.Header)
	}
	return response.StatusCode, body.Error.Code
}

// TestErrorsOverTLSHaveTheirShape sends what net/http refuses before any handler runs, and plain HTTP to the address of TLS.
func TestErrorsOverTLSHaveTheirShape(t *testing.T) {
	t.Parallel()
	address, roots := startTLS(t, time.Minute)
	for request, want := range map[string]struct {
		status int
		code   ekyc.ErrorCode
	}{
		"nonsense\r\n\r\n": {400, ekyc.ErrMalformedRequest},
		"GET /v1/health HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n":                  {400, ekyc.ErrMalformedRequest},
		"GET /v1/health HTTP/1.1\r\nX: " + strings.Repeat("a", 2<<20) + "\r\n\r\n": {431, ekyc.ErrHeadersTooLarge},
		"TRACE /v1/health HTTP/1.1\r\nHost: a\r\n\r\n":                             {405, ekyc.ErrMethodNotAllowed},
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":                                    {404, ekyc.ErrNotFound},
		"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n":                              {404, ekyc.ErrNotFound},
	} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(conn, request) // the answer may come before all of it has gone
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		if status, code := problemIn(t, conn); status != want.status || code != want.code {
			t.Errorf("%.40q: %d %s", request, status, code)
		}
		conn.Close()
	}
	plain, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	io.WriteString(plain, "GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n")
	plain.SetReadDeadline(time.Now().Add(time.Minute))
	if status, code := problemIn(t, plain); status != 400 || code != ekyc.ErrMalformedRequest {
		t.Errorf("plain HTTP: %d %s", status, code)
	}
}

// TestBothVersionsOfHTTPOverTLS asks the same by either, and looks at what every answer says to browsers.
func TestBothVersionsOfHTTPOverTLS(t *testing.T) {
	t.Parallel()
	address, roots := startTLS(t, time.Minute)
	for proto, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}
		client := &http.Client{Transport: transport}
		for path, status := range map[string]int{"/v1/health": 200, "/v1/nothing": 404, "/v1/docs/": 200} {
			r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Origin", "https://evil.example")
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			h := response.Header
			policy := h.Get("Content-Security-Policy")
			if response.StatusCode != status || response.Proto != proto || h.Get("Strict-Transport-Security") != hstsPolicy || h.Get("X-Content-Type-Options") != "nosniff" ||
				h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") {
				t.Errorf("%s %s: %d by %s, %v", proto, path, response.StatusCode, response.Proto, h)
			}
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s", proto, path, name)
				}
			}
		}
		// A body that nobody reads does not end the connection of HTTP/2, on which others' requests are under way.
		response, err := client.Post("https://"+address+"/v1/nothing", "application/json", strings.NewReader(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.Close == h2 {
			t.Errorf("%s: the connection ends: %v", proto, response.Close)
		}
		transport.CloseIdleConnections()
	}
}

// TestWhoIsSlowHoldsNoConnection begins in every way to connect, and goes on in none.
func TestWhoIsSlowHoldsNoConnection(t *testing.T) {
	t.Parallel()
	address, roots := startTLS(t, time.Second)
	began := time.Now()
	slow := map[string]net.Conn{}
	for what, begin := range map[string]string{"no byte": "", "a part of a handshake": "\x16\x03\x01"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, begin)
		slow[what] = conn
	}
	for what, begin := range map[string]string{"no request": "", "a part of a request": "GET /v1/health HTTP/1.1\r\nX-A: "} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, begin)
		slow[what] = conn
	}
	for what, conn := range slow {
		stop := make(chan struct{})
		go func() { // a byte now and then, as slow attackers do
			for {
				select {
				case <-stop:
					return
				case <-time.After(300 * time.Millisecond):
					if what == "a part of a request" {
						io.WriteString(conn, "a")
					}
				}
			}
		}()
		conn.SetReadDeadline(began.Add(time.Minute))
		io.Copy(io.Discard, conn)
		if took := time.Since(began); took > 40*time.Second {
			t.Errorf("%s: the connection was held for %s", what, took)
		}
		close(stop)
		conn.Close()
	}
	response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}).Get("https://" + address + "/v1/health")
	if err != nil || response.StatusCode != 200 {
		t.Errorf("others: %v", err)
	}
}
