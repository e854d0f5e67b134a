package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"ekyc"
)

// Listener gives what net/http refuses by itself, before any handler runs, the shape that all errors have: a request line or header that is
// not HTTP/1.1, headers that are too large, an expectation that nobody meets. net/http writes those answers as text, straight to the connection.
func (s *Server) Listener(l net.Listener) net.Listener { return &listener{l, s} }

type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &connection{tcp, l.server}, nil
	}
	return c, err
}

// connection keeps the methods of a TCP connection, of which net/http uses more than net.Conn has.
type connection struct {
	*net.TCPConn
	server *Server
}

// Write lets everything pass but net/http's own refusals.
func (c *connection) Write(b []byte) (int, error) { return c.server.shape(c.TCPConn, b) }

var (
	protocol       = []byte("HTTP/1.1 ")
	protocolBefore = []byte("HTTP/1.0 ")                                                                // in which a client of it is answered
	plainText      = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n") // right behind the status: no handler's answer has it so
	headersTooLong = []byte("431 ")
	notExpected    = []byte("417 Expectation Failed\r\n") // and nothing behind the head
	endOfHead      = []byte("\r\n\r\n")
)

// shape writes what net/http writes to a connection, or an error of ours in the place of its own refusals.
func (s *Server) shape(w io.Writer, b []byte) (int, error) {
	answer, is := bytes.CutPrefix(b, protocol)
	if !is {
		answer, is = bytes.CutPrefix(b, protocolBefore)
	}
	if !is {
		return w.Write(b)
	}
	status, _, _ := bytes.Cut(answer, []byte("\r\n"))
	var err *ekyc.Error
	switch {
	case bytes.HasPrefix(answer, notExpected) && bytes.HasSuffix(b, endOfHead):
		err = ekyc.Errorf(ekyc.ErrMalformedRequest, "the only expectation that is met is 100-continue")
	case !bytes.HasPrefix(answer[len(status):], plainText):
		return w.Write(b)
	case bytes.HasPrefix(status, headersTooLong):
		err = ekyc.Errorf(ekyc.ErrHeadersTooLarge, "the request line and headers take too many bytes")
	default:
		err = ekyc.Errorf(ekyc.ErrMalformedRequest, "this is not a request of HTTP/1.1")
	}
	if err := s.refuseUnread(w, err); err != nil {
		return 0, err
	}
	return len(b), nil
}

// refuseUnread writes an error down as a whole answer, and notes it as any other.
func (s *Server) refuseUnread(w io.Writer, cause *ekyc.Error) error {
	ctx, span := tracer.Start(context.Background(), "unread request")
	call := &Call{started: time.Now(), traceID: traceIDOf(ctx), method: "_OTHER"}
	p := problemOf(cause, call.traceID)
	call.code = p.ErrorBody.Error.Code
	s.account(ctx, span, call, &recorder{status: p.status})
	body, err := render(p.ErrorBody)
	if err != nil {
		return err
	}
	h := http.Header{"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(body))}, "Connection": {"close"}}
	s.setHeaders(h, call.traceID)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%d %s\r\n", protocol, p.status, http.StatusText(p.status))
	if err := h.Write(&out); err != nil {
		return fmt.Errorf("head of an answer: %w", err)
	}
	fmt.Fprintf(&out, "\r\n%s", body)
	_, err = w.Write(out.Bytes())
	return err
}
