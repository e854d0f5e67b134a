package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"code.dny.dev/ssrf"
)

// Failure says in one word why an attempt failed or a delivery is dead. Texts of errors are not kept: they name addresses.
type Failure string

// The failures; "" is none.
const (
	FailureStatus     Failure = "status"     // the answer was outside 2xx
	FailureRedirect   Failure = "redirect"   // the answer was 3xx, which is not followed
	FailureTimeout    Failure = "timeout"    // no answer in time
	FailureDNS        Failure = "dns"        // the name was not resolved
	FailureDenied     Failure = "denied"     // the address, or what its name resolves to, may not be delivered to
	FailureTLS        Failure = "tls"        // the certificate or the protocol is not acceptable
	FailureConnection Failure = "connection" // refused or broken
	FailureDisabled   Failure = "disabled"   // the endpoint was disabled or deleted before
	FailureErased     Failure = "erased"     // the subject of the event was erased
	FailureExpired    Failure = "expired"    // the body is no longer held
)

const (
	defaultTimeout  = 10 * time.Second
	answerLimit     = 4 << 10  // bytes of an answer that are kept; no more are read
	headerLimit     = 64 << 10 // bytes of an answer's header that are read
	idleConnections = 256
	idleTime        = 30 * time.Second
	userAgent       = "ekyc-webhooks/1"
)

// newClient makes the client of deliveries: addresses are checked as they are dialled, nothing is followed, no proxy is asked.
func newClient(g *guard, o Options) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout, KeepAlive: idleTime, Control: g.control, Resolver: o.Resolver}
	var transport http.RoundTripper = &http.Transport{
		Proxy:       nil, // a proxy would dial for us, unchecked
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout: o.Timeout, ResponseHeaderTimeout: o.Timeout, MaxResponseHeaderBytes: headerLimit,
		DisableCompression: true, MaxIdleConns: idleConnections, MaxIdleConnsPerHost: 2, IdleConnTimeout: idleTime,
	}
	if o.Transport != nil {
		transport = o.Transport(transport)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// result is what an attempt met.
type result struct {
	status     int // 0: no answer
	failure    Failure
	answer     []byte // its first 4 KiB
	retryAfter time.Duration
	took       time.Duration
}

// post makes the attempt.
func (s *Service) post(ctx context.Context, c *claim) (r result) {
	begun := time.Now()
	defer func() { r.took = time.Since(begun) }()
	if s.guard.checkURL(c.url) != nil { // what is permitted can have changed since it was stored; a callback is checked here first
		return result{failure: FailureDenied}
	}
	if c.trace != "" && s.options.Resume != nil {
		ctx = s.options.Resume(ctx, c.trace)
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var handshake atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeDone: func(_ tls.ConnectionState, err error) { handshake.Store(err != nil) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.body))
	if err != nil {
		return result{failure: FailureDenied}
	}
	setHeaders(request.Header, c)
	s.spread(ctx, request.Header)
	response, err := s.client.Do(request)
	if err != nil {
		return result{failure: failureOf(err, handshake.Load())}
	}
	defer response.Body.Close()
	r = result{status: response.StatusCode, failure: failureOfStatus(response.StatusCode), retryAfter: retryAfter(response.Header.Get("Retry-After"), begun)}
	r.answer, _ = io.ReadAll(io.LimitReader(response.Body, answerLimit)) // the status decides; what came of a broken body is kept
	return r
}

func setHeaders(h http.Header, c *claim) {
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", userAgent)
	h.Set("Webhook-Id", string(c.event)) // the same over all attempts, so that receivers can tell repetitions
	h.Set("Webhook-Timestamp", strconv.FormatInt(c.at.Unix(), 10))
	h.Set("Webhook-Signature", sign(c.keys, string(c.event), c.at, c.body))
}

// checkpointHeader has the audit log's latest checkpoint, a signed note (C2SP), in base64. It needs no signature of ours.
const checkpointHeader = "Ekyc-Audit-Checkpoint"

// spread adds the audit log's latest checkpoint. A delivery does not wait for the log.
func (s *Service) spread(ctx context.Context, h http.Header) {
	if s.options.Checkpoint == nil {
		return
	}
	note, err := s.options.Checkpoint(ctx)
	if err != nil {
		s.options.Logger.WarnContext(ctx, "the audit log gives no newer checkpoint for a webhook", "error.message", err.Error())
	}
	if note != "" {
		h.Set(checkpointHeader, base64.StdEncoding.EncodeToString([]byte(note)))
	}
}

func failureOfStatus(status int) Failure {
	switch status / 100 {
	case 2:
		return ""
	case 3:
		return FailureRedirect
	}
	return FailureStatus
}

// failureOf names the failure of an attempt without an answer; the TLS library has no type for most of its own.
func failureOf(err error, handshake bool) Failure {
	_, name := errors.AsType[*net.DNSError](err)
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err, ssrf.ErrProhibitedNetwork),
		errors.Is(err, ssrf.ErrInvalidHostPort):
		return FailureDenied
	case errors.Is(err, context.DeadlineExceeded), isNetwork && network.Timeout():
		return FailureTimeout
	case name:
		return FailureDNS
	case handshake:
		return FailureTLS
	}
	return FailureConnection
}
