package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"ekyc"
	"ekyc/internal/idempotency"
	"ekyc/internal/operator"
	"ekyc/internal/tenant"
)

// Call is one request under way: who asks, what was sent, and what the log will say of it.
type Call struct {
	Principal *tenant.Principal  // of a signed route
	Operator  *operator.Operator // of a platform route
	Scope     ekyc.Scope

	named     string  // the key that a signed request names, where it has the form of one; whether it exists and has signed is another matter
	session   string  // the operator's token
	link      ekyc.ID // to the capture page, of who came by one
	started   time.Time
	from      netip.Addr // who asks, behind the operator's own proxies
	base      string     // how this service was reached
	route     string     // template
	method    string     // one of the known ones
	traceID   string
	target    string
	body      []byte
	received  int64 // bytes of the body
	hash      [sha256.Size]byte
	signature string // as it was sent

	claim    *idempotency.Claim
	rendered []byte // the answer, where it was written down in the work's own transaction
	replayed bool

	taken    bool // the body has been read to its end
	unread   bool // a parameter was refused before the route's own work began
	code     ekyc.ErrorCode
	module   ekyc.Module
	billed   bool
	header   http.Header // of the answer
	released func()      // gives back the memory that the body was admitted for
}

// letGo frees the body and the memory that it was admitted for; the work is done with it.
func (c *Call) letGo() {
	c.body = nil
	if c.released != nil {
		c.released()
		c.released = nil
	}
}

type callKey struct{}

func withCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf gives the request under way; the edge puts it there before anything else runs.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Remember writes the answer down in the work's own transaction, so that a repetition with the same Idempotency-Key is answered
// and never executed. The answer is sealed under the subject's key; without keep only the fact is remembered.
func (c *Call) Remember(ctx context.Context, tx pgx.Tx, status int, answer any, subject ekyc.ID, keep bool) error {
	body, err := render(answer)
	if err != nil {
		return err
	}
	c.rendered = body
	if c.claim == nil {
		return nil
	}
	return c.claim.Complete(ctx, tx, idempotency.Answer{Status: status, Body: body, Subject: subject, Keep: keep})
}

// charge notes for the request log what the request cost.
func (c *Call) charge(module ekyc.Module, billed bool) { c.module, c.billed = module, billed }

// traceIDOf is the trace that the request belongs to.
func traceIDOf(ctx context.Context) string {
	return trace.SpanContextFromContext(ctx).TraceID().String()
}
