package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"ekyc"
	"ekyc/internal/tlsfiles"
)

// servers are the listening parts of a process.
type servers struct {
	client, admin, metrics string // base URLs
	clientPort, adminPort  *port  // nil where there is none
	pair                   *tlsfiles.Pair
	logger                 *slog.Logger
	list                   []*http.Server
}

// Bounds of connections. A slow client holds a connection and no more: bodies have a time of their own.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	drainTimeout  = 30 * time.Second
)

// streams bound a connection of HTTP/2: requests at once, and how long one that takes nothing or has gone silently is kept.
var streams = http.HTTP2Config{MaxConcurrentStreams: 100, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second}

// port is an address that answers from the start of the process. Who answers changes once, and no connection is refused or broken off meanwhile.
type port struct {
	lent    lent
	interim *http.Server
	ended   chan struct{} // closed when the interim server takes no more connections
}

// lent is a listener that can be taken back: whoever waits for connections is told that it is closed, and it is not.
type lent struct {
	*net.TCPListener
	back *atomic.Bool
}

func (l lent) Close() error {
	l.back.Store(true)
	return l.SetDeadline(time.Unix(1, 0))
}

func (l lent) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if err != nil && l.back.Load() {
		return nil, net.ErrClosed
	}
	return c, err
}

// bind opens an address.
func (s *servers) bind(ctx context.Context, address string) (*net.TCPListener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if address == defaultMetrics && errors.Is(err, syscall.EADDRINUSE) { // another process of this machine, and nobody chose the port
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err == nil {
			s.logger.Warn("the usual address of metrics is in use", "address", listener.Addr().String())
		}
	}
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "cannot listen on %s; is it in use, or not of this machine?", address).Because(err)
	}
	return listener.(*net.TCPListener), nil // of the network tcp
}

// open opens an address that an interim handler answers, over TLS where the process has a certificate.
func (s *servers) open(ctx context.Context, address string, interim http.Handler) (*port, error) {
	listener, err := s.bind(ctx, address)
	if err != nil {
		return nil, err
	}
	once := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // the next request finds who answers then
		w.Header().Set("Connection", "close")
		interim.ServeHTTP(w, r)
	})
	p := &port{lent: lent{listener, new(atomic.Bool)}, interim: s.server(once), ended: make(chan struct{})}
	p.interim.ReadTimeout, p.interim.WriteTimeout, p.interim.IdleTimeout = headerTimeout, headerTimeout, headerTimeout
	var connections net.Listener = p.lent
	if s.pair != nil {
		connections = tls.NewListener(connections, s.pair.Config())
	}
	go func() {
		defer close(p.ended)
		p.interim.Serve(connections) // ends when the port is handed over
	}()
	s.list = append(s.list, p.interim)
	return p, nil
}

// handOver has a handler answer in place of the interim one, over connections as wrap gives them. Connections that come in between wait for it.
func (s *servers) handOver(p *port, handler http.Handler, wrap func(net.Listener) net.Listener) error {
	if p == nil {
		return nil
	}
	if err := p.lent.Close(); err != nil {
		return err
	}
	<-p.ended
	// Connections that it has it answers, one request each. Shutdown would close those whose request is just being read, without an answer.
	time.AfterFunc(2*headerTimeout, func() { p.interim.Close() })
	if err := p.lent.SetDeadline(time.Time{}); err != nil {
		return err
	}
	s.run(wrap(p.lent.TCPListener), handler)
	return nil
}

// watch serves what an operator asks of a process, on an address of its own; none for "".
func (s *servers) watch(ctx context.Context, address string, begun *start) error {
	if address == "" {
		return nil
	}
	listener, err := s.bind(ctx, address)
	if err != nil {
		return err
	}
	s.metrics = "http://" + listener.Addr().String() + "/metrics"
	s.run(listener, begun.watch())
	return nil
}

func (s *servers) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug), HTTP2: &streams,
	}
}

// run answers connections until stop.
func (s *servers) run(connections net.Listener, handler http.Handler) {
	server := s.server(handler)
	s.list = append(s.list, server)
	go func() {
		if err := server.Serve(connections); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("a server ended", "error.message", err.Error())
		}
	}()
}

// stop lets requests under way end, and then breaks off the rest.
func (s *servers) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var faults []error
	for _, server := range s.list {
		if err := server.Shutdown(ctx); err != nil {
			faults = append(faults, err, server.Close())
		}
	}
	return errors.Join(faults...)
}
