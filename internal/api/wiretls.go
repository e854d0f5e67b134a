package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"ekyc"
)

// handshakeTimeout is how long a client may take to agree on TLS.
const handshakeTimeout = 5 * time.Second

// TLSListener is [Server.Listener] over TLS. net/http speaks HTTP/2 on a *tls.Conn and on nothing else, so the handshake is done before a connection is given to it:
// one that agreed on HTTP/2 goes as it is, any other in the form that shapes net/http's refusals. No client waits for another's handshake.
func (s *Server) TLSListener(l net.Listener, config *tls.Config) net.Listener {
	ctx, cancel := context.WithCancel(context.Background())
	out := &tlsListener{Listener: l, server: s, config: config, ready: make(chan accepted), ctx: ctx, cancel: cancel}
	out.group.Go(out.run)
	return out
}

type accepted struct {
	conn net.Conn
	err  error
}

type tlsListener struct {
	net.Listener
	server *Server
	config *tls.Config
	ready  chan accepted
	ctx    context.Context // ends with Close, and handshakes under way with it
	cancel context.CancelFunc
	group  sync.WaitGroup
}

func (l *tlsListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close returns when no handshake is under way any more.
func (l *tlsListener) Close() error {
	err := l.Listener.Close()
	l.cancel()
	l.group.Wait()
	return err
}

// run accepts until the listener is closed. Other faults, such as too many open files, go to who accepts from us, which waits before it asks again; so do we.
func (l *tlsListener) run() {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			l.cancel()
			return
		case err != nil:
			if !l.give(accepted{err: err}) {
				return
			}
		default:
			l.group.Go(func() { l.handshake(conn) })
		}
	}
}

func (l *tlsListener) give(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *tlsListener) handshake(raw net.Conn) {
	conn := tls.Server(raw, l.config)
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		if plain, is := errors.AsType[tls.RecordHeaderError](err); is && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
			plain.Conn.SetWriteDeadline(time.Now().Add(handshakeTimeout))
			// The refusal is all that there is to do for such a client.
			_ = l.server.refuseUnread(plain.Conn, ekyc.Errorf(ekyc.ErrMalformedRequest, "this address is for TLS; ask by https"))
		}
		raw.Close()
		return
	}
	var out net.Conn = conn
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		out = &tlsConnection{conn, l.server}
	}
	if !l.give(accepted{conn: out}) {
		conn.Close()
	}
}

// looksLikeHTTP says whether a client began with a request in place of TLS.
func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return false
}

// tlsConnection is a TLS connection under HTTP/1.1. Its ConnectionState tells net/http that the request came by TLS.
type tlsConnection struct {
	*tls.Conn
	server *Server
}

// Write lets everything pass but net/http's own refusals.
func (c *tlsConnection) Write(b []byte) (int, error) { return c.server.shape(c.Conn, b) }
