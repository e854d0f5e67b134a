package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ekyc"
	"ekyc/internal/admission"
	"ekyc/internal/tenant"
)

// The headers of signed requests.
const (
	headerKey         = "X-API-KEY"
	headerTimestamp   = "X-API-TIMESTAMP"
	headerSignature   = "X-API-SIGN"
	headerIdempotency = "Idempotency-Key"
	headerReplayed    = "Idempotent-Replayed"
	headerTrace       = "X-Trace-Id"
)

// single are the headers that may stand only once, because two readers of one request could take different ones.
var single = []string{headerKey, headerTimestamp, headerSignature, headerIdempotency, "Content-Type", "Authorization"}

// guard runs before a route: who asks, how much, and has this been answered before.
func (s *Server) guard(rt route) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		ctx := r.Context()
		call := callOf(ctx)
		call.route, call.from, call.base = rt.path, s.remoteIP(r), s.baseURL(r)
		if err := s.enter(w, r, call, rt); err != nil {
			s.refuse(ctx, w, call, err)
			return
		}
		if call.replayed {
			return // enter has answered
		}
		next(hc)
		if call.unread && call.claim != nil {
			if err := call.claim.Release(ctx); err != nil {
				s.options.Logger.WarnContext(ctx, "an idempotency key was not settled", "error.message", err.Error())
			}
		}
	}
}

// enter is the way in, in the order of DESIGN: body cap, read once and hash, key, time, signature, replay and limits, idempotency.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, call *Call, rt route) error {
	for _, name := range single {
		if len(r.Header.Values(name)) > 1 {
			return ekyc.Errorf(ekyc.ErrHeaderInvalid, "the header %s may stand only once", name).With("header", name)
		}
	}
	if err := s.takeBody(w, r, call, rt); err != nil {
		return err
	}
	if rt.access == open {
		return nil
	}
	if err := s.keysReady(r.Context()); err != nil {
		return err
	}
	switch rt.access {
	case operators:
		if _, given := r.Header[headerIdempotency]; given {
			return ekyc.Errorf(ekyc.ErrHeaderInvalid, "the platform's routes take no %s", headerIdempotency).With("header", headerIdempotency)
		}
		if err := s.identifyOperator(r, call, rt); err != nil {
			return err
		}
		return checkTarget(r)
	}
	if err := s.identify(w, r, call, rt); err != nil {
		return err
	}
	if err := checkTarget(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		return nil
	}
	return s.recall(w, r, call, rt)
}

// checkTarget refuses what no text of the database can hold, and a query of which a part would be passed over: a filter that is not heeded gives
// more than was asked for.
func checkTarget(r *http.Request) error {
	if !isText(r.URL.Path) {
		return ekyc.Errorf(ekyc.ErrNotFound, "there is no such resource")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the query is not well-formed")
	}
	var found []FieldProblem
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.ContainsFunc(query[name], func(value string) bool { return !isText(value) }) {
			continue
		}
		if !isName(name) {
			name = hidden
		}
		found = append(found, FieldProblem{name, "is not text in UTF-8 without NUL"})
	}
	if len(found) > 0 {
		return refuseFields(found)
	}
	return nil
}

func isText(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// identify checks key, signature, replay and limits, and the scope that the route needs.
func (s *Server) identify(w http.ResponseWriter, r *http.Request, call *Call, rt route) error {
	request := tenant.SignedRequest{
		KeyID: r.Header.Get(headerKey), Timestamp: r.Header.Get(headerTimestamp), Signature: r.Header.Get(headerSignature),
		Method: r.Method, Target: call.target, BodySHA256: call.hash, RemoteIP: call.from,
	}
	call.signature = request.Signature
	if _, _, isKey := tenant.ParseKeyID(request.KeyID); isKey {
		call.named = request.KeyID
	}
	for attempt := 0; ; attempt++ {
		principal, err := s.Tenants.Authenticate(r.Context(), request)
		if err != nil {
			return err
		}
		call.Principal, call.Scope = principal, principal.Key.Scope
		seconds, _ := strconv.ParseInt(request.Timestamp, 10, 64) // Authenticate has read it
		outcome, err := s.Admission.Admit(r.Context(), admission.Request{
			Principal: principal, Signature: request.Signature, Timestamp: time.Unix(seconds, 0), Endpoint: rt.method + " " + rt.path,
		})
		setLimits(w.Header(), outcome.Windows)
		if err != nil {
			return err
		}
		if !outcome.Stale {
			if rt.scope == "" {
				return nil
			}
			return principal.Require(rt.scope) // after the limits, which count this request too
		}
		if attempt == 2 {
			return ekyc.Errorf(ekyc.ErrUnavailable, "the key is being changed")
		}
	}
}

// setLimits tells the state of the windows (draft-ietf-httpapi-ratelimit-headers).
func setLimits(h http.Header, windows []admission.Window) {
	if len(windows) == 0 {
		return
	}
	policies, states := make([]string, len(windows)), make([]string, len(windows))
	for i, win := range windows {
		length := 60
		if win.Name == "day" {
			length = 86400
		}
		policies[i] = fmt.Sprintf("%q;q=%d;w=%d", win.Name, win.Limit, length)
		states[i] = fmt.Sprintf("%q;r=%d;t=%d", win.Name, win.Remaining, int(math.Ceil(win.Reset.Seconds())))
	}
	h.Set("RateLimit-Policy", strings.Join(policies, ", "))
	h.Set("RateLimit", strings.Join(states, ", "))
}

// remoteIP is the address that asks: the connection's, or the nearest one before the operator's own proxies.
func (s *Server) remoteIP(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

func (s *Server) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.options.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// identifyOperator checks the session of a platform route and the permission that the route needs.
func (s *Server) identifyOperator(r *http.Request, call *Call, rt route) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ekyc.Errorf(ekyc.ErrSessionInvalid, "log in at /admin/v1/session and send the token as a bearer")
	}
	who, err := s.Operators.Authenticate(r.Context(), token)
	if err != nil {
		return err
	}
	if s.options.SecondFactor && !who.TOTP && !rt.anyFactor {
		return ekyc.Errorf(ekyc.ErrRoleDenied, "one-time codes are demanded of operators here: enrol at /admin/v1/me/totp").With("required", "totp")
	}
	if err := who.Require(rt.permission); err != nil {
		return err
	}
	call.Operator, call.session = who, token
	return nil
}

// recall answers a repetition, or claims the key for this request.
func (s *Server) recall(w http.ResponseWriter, r *http.Request, call *Call, rt route) error {
	if _, given := r.Header[headerIdempotency]; !given {
		return nil
	}
	of := sha256.New() // the query is left out: it is varied to sign the same request again within a second
	fmt.Fprintf(of, "%s\n%s\n%x", r.Method, r.URL.EscapedPath(), call.hash)
	claim, answer, err := s.Idempotency.Begin(r.Context(), call.Scope, r.Header.Get(headerIdempotency), rt.method+" "+rt.path, [32]byte(of.Sum(nil)))
	if err != nil {
		return err
	}
	if answer == nil {
		call.claim = claim
		return nil
	}
	call.replayed = true
	w.Header().Set(headerReplayed, "true")
	var first ErrorBody
	if answer.Status >= http.StatusBadRequest && json.Unmarshal(answer.Body, &first) == nil {
		w.Header().Set(headerTrace, first.Error.TraceID) // the first answer again, with the trace that explains it
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Status)
	w.Write(answer.Body)
	return nil
}

// settle ends a claim whose answer was not written down in the work's own transaction: refusals that would be the same again are
// remembered, everything else is forgotten so that a repetition is executed.
func (s *Server) settle(ctx context.Context, call *Call, status int, body []byte) error {
	if call.claim == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // the caller may be gone, and the claim must still end
	switch {
	case status < 300, status >= 400 && status < 500 && !slices.Contains(notRemembered, status):
		return s.finish(ctx, call, status, body)
	}
	return call.claim.Release(ctx)
}

// notRemembered are refusals that depend on the moment: of the contract 401, 403 and 429; besides them time-outs and callers that left.
var notRemembered = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusRequestTimeout, statusClientGone}

// statusClientGone is what proxies log for a caller that did not wait (nginx); nobody receives it.
const statusClientGone = 499
