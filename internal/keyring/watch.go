package keyring

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ekyc"
)

// watched is what the key service last said.
type watched struct {
	refusal atomic.Pointer[ekyc.Error] // nil: the keys may be used

	mu        sync.Mutex
	confirmAt time.Time // when the service last opened the ring
	checks    Checks
}

// Checks counts how the key service was found.
type Checks struct {
	Opened, Refused, Away int64
	Confirmed             time.Time // when it last opened the ring
}

func (w *watched) confirmed(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.confirmAt = at
}

// retryEvery is how often a service that has refused is asked whether it still does.
const retryEvery = 30 * time.Second

// Ready says whether the root keys may be used. Errors: ErrUnavailable while the key service refuses them, or has been away for too long.
func (r *Ring) Ready() error {
	if refusal := r.watch.refusal.Load(); refusal != nil {
		return refusal
	}
	return nil
}

// Checks says how the key service was found since the process began.
func (r *Ring) Checks() Checks {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	c := r.watch.checks
	c.Confirmed = r.watch.confirmAt
	return c
}

// Watch asks the key service every few minutes to open the ring again, until ctx ends, so that a right that is taken away there counts here. Without a
// key service it does nothing.
func (r *Ring) Watch(ctx context.Context) {
	if r.options.Service == nil {
		return
	}
	for {
		wait := r.options.Recheck
		if r.Ready() != nil {
			wait = min(wait, retryEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		r.Recheck(ctx)
	}
}

// Recheck reads the file anew, and so asks the key service once. A definite no makes every use of the keys fail until it is taken back; absence is borne for a time.
func (r *Ring) Recheck(ctx context.Context) {
	err := r.Reload(ctx)
	if ctx.Err() != nil {
		return
	}
	if r.options.Service == nil {
		if err != nil {
			r.logger.Warn("the keyring cannot be read; the keys of before are used", "error.message", err.Error(), "cause", causeOf(err))
		}
		return
	}
	w := &r.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.checks.Opened++
		w.confirmAt = time.Now()
		if w.refusal.Swap(nil) != nil {
			r.logger.Info("the root keys may be used again")
		}
	case errors.Is(err, ErrRefused) || errors.Is(err, ErrAltered):
		w.checks.Refused++
		if w.refusal.Swap(ekyc.Errorf(ekyc.ErrUnavailable, "the key service refuses the root keys").Because(err)) == nil {
			r.logger.Error("the key service refuses the root keys; nothing is served until it allows them again", "error.message", err.Error(), "cause", causeOf(err))
		}
	default: // the service is away, or the file is
		w.checks.Away++
		away := time.Since(w.confirmAt)
		r.logger.Warn("the key service could not be asked about the root keys", "error.message", err.Error(), "cause", causeOf(err), "since", w.confirmAt.UTC())
		if away >= r.options.Tolerate {
			w.refusal.CompareAndSwap(nil, ekyc.Errorf(ekyc.ErrUnavailable, "the key service has been away for too long").Because(err))
		}
	}
}
