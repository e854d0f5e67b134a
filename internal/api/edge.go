package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/requestlog"
)

var tracer = otel.Tracer("ekyc/api")

// edge is around every request: trace, the one shape of errors also for what no route takes, panics, logs and metrics.
func (s *Server) edge(f *surface) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &Call{started: time.Now(), method: knownMethod(r.Method), target: targetOf(r), header: w.Header()}
		ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, call.method, trace.WithSpanKind(trace.SpanKindServer))
		call.traceID = traceIDOf(ctx)
		recorder := &recorder{ResponseWriter: w, status: http.StatusOK, unread: func() bool { return r.ContentLength != 0 && !call.taken && r.ProtoMajor < 2 }}
		r = r.WithContext(audit.WithCaller(withCall(ctx, call), call.caller))
		s.setHeaders(w.Header(), call.traceID)
		defer func() {
			call.letGo()
			s.account(ctx, span, call, recorder)
		}()
		defer s.rescue(ctx, call, recorder)
		if allowed, unrouted := f.unrouted(r); unrouted {
			if allowed != "" {
				w.Header().Set("Allow", allowed)
				s.refuse(ctx, recorder, call, ekyc.Errorf(ekyc.ErrMethodNotAllowed, "this route answers %s", allowed))
				return
			}
			s.refuse(ctx, recorder, call, ekyc.Errorf(ekyc.ErrNotFound, "there is no such route"))
			return
		}
		f.mux.ServeHTTP(recorder, r)
	})
}

// hstsPolicy tells browsers for a year to come by TLS only, to names below this one too.
const hstsPolicy = "max-age=31536000; includeSubDomains"

// setHeaders gives every answer what browsers must know of it: personal unless its route says otherwise, no document, nobody else's. There is no Access-Control-Allow-Origin
// anywhere, so scripts of other origins read nothing and cannot send the headers that sign a request.
func (s *Server) setHeaders(h http.Header, traceID string) {
	if s.options.HSTS {
		h.Set("Strict-Transport-Security", hstsPolicy)
	}
	h.Set(headerTrace, traceID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// rescue answers for a handler that panicked.
func (s *Server) rescue(ctx context.Context, call *Call, w *recorder) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.options.Logger.ErrorContext(ctx, "a handler panicked", "panic", fmt.Sprintf("%T", p), "route", call.route, "stack", string(debug.Stack()))
	if call.claim != nil {
		call.claim.Release(context.WithoutCancel(ctx))
	}
	if w.wrote {
		panic(http.ErrAbortHandler) // the client must see that the answer is not whole
	}
	s.refuse(ctx, w, call, ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault; the trace id tells us which"))
}

// targetOf is the request target as it was sent, which is what was signed; of the absolute form that proxies use, what follows the host.
func targetOf(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// refuse answers with an error and logs the cause of what is our fault.
func (s *Server) refuse(ctx context.Context, w http.ResponseWriter, call *Call, err error) {
	s.note(ctx, call, err).write(w)
}

// note gives an error its form and logs the cause where it is our fault.
func (s *Server) note(ctx context.Context, call *Call, err error) *problem {
	p := problemOf(err, call.traceID)
	call.code = p.ErrorBody.Error.Code
	if p.status >= 500 && p.status != http.StatusServiceUnavailable || p.status == http.StatusServiceUnavailable && call.code == ekyc.ErrUnavailable {
		cause := err
		if known, ok := errors.AsType[*ekyc.Error](err); ok && known.Cause != nil {
			cause = known.Cause
		}
		s.options.Logger.ErrorContext(ctx, "a request failed", "error.code", call.code, "http.route", call.route, "error.message", cause.Error())
	}
	return p
}

// account writes what happened to the span, the metrics, the log and the tenant's request log.
func (s *Server) account(ctx context.Context, span trace.Span, call *Call, w *recorder) {
	took := time.Since(call.started)
	route := call.route
	if route == "" {
		route = "unrouted"
	}
	span.SetName(call.method + " " + route)
	span.SetAttributes(attribute.String("http.route", route), attribute.String("http.request.method", call.method), attribute.Int("http.response.status_code", w.status))
	if w.status >= 500 {
		span.SetStatus(codes.Error, string(call.code))
	}
	span.End()
	s.metrics.observe(ctx, call.method, route, w.status, call.code, took)
	s.options.Logger.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("http.request.method", call.method), slog.String("http.route", route), slog.Int("http.response.status_code", w.status),
		slog.String("error.code", string(call.code)), slog.Int64("event.duration", took.Nanoseconds()), slog.String("tenant", string(call.Scope.Tenant)), slog.String("key", call.named))
	if call.Principal == nil || s.Requests == nil {
		return
	}
	s.Requests.Add(requestlog.Entry{
		At: call.started, Scope: call.Scope, KeyID: call.Principal.Key.ID, Method: call.method, Route: route, Status: w.status, Code: call.code,
		DurationMS: float64(took) / float64(time.Millisecond), BytesIn: call.received, BytesOut: w.bytes, TraceID: call.traceID,
		Module: call.module, Billed: call.billed,
	})
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
	unread func() bool // whether something of the request's body has not been read and stands before the next request; HTTP/2 gives each a stream of its own
}

func (w *recorder) WriteHeader(status int) {
	if w.wrote {
		return
	}
	w.status = status
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// lingering is how long what is left of an unread body is taken and thrown away, so that the client reads the answer and no reset.
const lingering = time.Second

// begin prepares the first byte of an answer. net/http reads what is left of the body before it sends the head of an answer, for as long
// as the client likes: an answer that comes before the body was read ends the connection instead.
func (w *recorder) begin() {
	if !w.wrote && w.unread() {
		w.Header().Set("Connection", "close")
		http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(lingering))
	}
	w.wrote = true
	w.extend()
}

// writePatience is how long a client may take for one piece of an answer; who reads nothing holds a connection no longer.
const writePatience = 30 * time.Second

func (w *recorder) extend() {
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writePatience)) // a test's recorder has none
}

func (w *recorder) Write(b []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets deadlines and flushes reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack is refused: no route of this service takes a connection over.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}
