// Package admission decides whether an authentic request is accepted: once for each signature, and no more in each window than its
// limits allow. It is exact over any number of processes and across crashes, because every decision is one transaction on logged
// tables.
//
// Requests that come while a transaction is under way are decided together in the next one. A transaction first locks the rows of
// the windows, in one order over all processes. Since every request of a key needs the row of the key's minute, whatever else it
// reads or writes about that key cannot change under it, and nobody waits for anything but these rows.
package admission

import (
	"context"
	"embed"
	"encoding/hex"
	"sync"
	"time"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/tenant"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the tables of this package.
var Migrations = store.Migrations{Package: "admission", Files: files, Directory: "migrations"}

// Request is one that [tenant.Service.Authenticate] has found authentic.
type Request struct {
	Principal *tenant.Principal
	Signature string    // lower-case hex, as it was sent
	Timestamp time.Time // as it was signed
	Endpoint  string    // route template
}

// Outcome is what was decided.
type Outcome struct {
	Windows []Window // every limit that the request falls under, for the headers of the answer
	Stale   bool     // the key, its tenant or its plan has changed since the principal was read: authenticate again, once
}

// Options tune an Admitter; the zero value serves.
type Options struct {
	GlobalPerMinute int // requests that all keys together may make in a minute; 0: any number
	MaxBatch        int // requests that one transaction decides; 0 for 128
	MaxWaiting      int // requests that wait for a decision before more are turned away; 0 for 4096
}

const (
	defaultMaxBatch   = 128 // a full one takes about as long as two commits
	defaultMaxWaiting = 4096
	maxEndpoint       = 200
)

// Admitter decides for one process. It is safe for concurrent use.
type Admitter struct {
	db      *store.DB
	keys    *tenant.Service
	options Options
	denials denials
	made    made

	mutex   sync.Mutex
	waiting []*call
	running bool
	closed  bool
	runner  sync.WaitGroup
}

// New makes an Admitter; Close it.
func New(db *store.DB, keys *tenant.Service, o Options) *Admitter {
	if o.MaxBatch <= 0 {
		o.MaxBatch = defaultMaxBatch
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	return &Admitter{db: db, keys: keys, options: o}
}

// Close refuses further requests and waits until those that came are decided.
func (a *Admitter) Close() {
	a.mutex.Lock()
	a.closed = true
	a.mutex.Unlock()
	a.runner.Wait()
}

// call is a request on its way to a decision.
type call struct {
	ctx       context.Context
	keyID     string
	version   int64
	signature []byte
	signedAt  time.Time
	rules     []rule
	verdict   verdict
	done      chan struct{} // closed when the verdict is there
}

// verdict is the decision about one request.
type verdict struct {
	outcome Outcome
	err     error
}

// Admit decides about a request. What it refuses counts in no window and may be sent again with the same signature. A caller that
// gives up may have been admitted all the same. Errors: ErrReplayed; ErrRateLimited with details window, limit and
// retry_after_seconds, and an Outcome; ErrKeyUnknown, ErrKeyRevoked, ErrKeyExpired, ErrTenantSuspended; ErrTimestampSkew where the
// database's clock says so; ErrOverloaded with detail retry_after_seconds; ErrUnavailable; ErrCancelled.
func (a *Admitter) Admit(ctx context.Context, r Request) (Outcome, error) {
	c, err := a.prepare(ctx, r)
	if err != nil {
		return Outcome{}, err
	}
	if v, denied := a.denials.find(c.rules, time.Now()); denied {
		return v.outcome, v.err
	}
	if err := a.enqueue(c); err != nil {
		return Outcome{}, err
	}
	select {
	case <-c.done:
		return c.verdict.outcome, c.verdict.err
	case <-ctx.Done():
		return Outcome{}, cancelled(ctx)
	}
}

func cancelled(ctx context.Context) error {
	return ekyc.Errorf(ekyc.ErrCancelled, "the request was stopped").Because(ctx.Err())
}

func (a *Admitter) prepare(ctx context.Context, r Request) (*call, error) {
	signature, err := hex.DecodeString(r.Signature)
	switch {
	case r.Principal == nil || r.Principal.Key.ID == "" || r.Timestamp.IsZero() || len(r.Endpoint) > maxEndpoint:
		return nil, ekyc.Errorf(ekyc.ErrInternal, "an admission needs a principal, a timestamp and an endpoint")
	case err != nil || len(signature) != 32:
		return nil, ekyc.Errorf(ekyc.ErrSignatureInvalid, "the signature is not 64 hexadecimal digits")
	}
	return &call{
		ctx: ctx, keyID: r.Principal.Key.ID, version: r.Principal.Version, signature: signature, signedAt: r.Timestamp,
		rules: rulesOf(r.Principal, r.Endpoint, a.options.GlobalPerMinute), done: make(chan struct{}),
	}, nil
}

func (a *Admitter) enqueue(c *call) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	switch {
	case a.closed:
		return ekyc.Errorf(ekyc.ErrUnavailable, "the service is stopping")
	case len(a.waiting) >= a.options.MaxWaiting:
		return ekyc.Errorf(ekyc.ErrOverloaded, "too many requests wait for admission").With("retry_after_seconds", 1)
	}
	a.waiting = append(a.waiting, c)
	if !a.running {
		a.running = true
		a.runner.Go(a.run)
	}
	return nil
}

// run decides batch after batch until nobody waits.
func (a *Admitter) run() {
	for batch := a.next(); len(batch) > 0; batch = a.next() {
		a.decide(batch)
	}
}

// next takes the requests that have waited longest. With none it ends the run, under the lock under which the next one starts.
func (a *Admitter) next() []*call {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	n := min(len(a.waiting), a.options.MaxBatch)
	batch := a.waiting[:n:n]
	if a.waiting = a.waiting[n:]; n == 0 {
		a.waiting, a.running = nil, false
	}
	return batch
}
