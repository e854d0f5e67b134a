package webhook

import (
	"sync"
	"time"

	"ekyc"
)

const (
	defaultPerScope = 32
	slowAttempt     = time.Second      // a destination whose last attempt took longer is slow
	slowAtOnce      = 4                // attempts at once to a slow destination
	slowMemory      = 10 * time.Minute // after which a slow destination is tried as if it were fast
	maxRemembered   = 10_000           // destinations
)

// gate keeps one tenant's slow servers from holding every worker of the process, so that the others' webhooks leave at once.
type gate struct {
	perScope int
	mutex    sync.Mutex
	scopes   map[ekyc.Scope]int   // attempts in flight
	targets  map[string]int       // attempts in flight
	slow     map[string]time.Time // until when a destination counts as slow
}

func newGate(perScope int) *gate {
	return &gate{perScope: perScope, scopes: map[ekyc.Scope]int{}, targets: map[string]int{}, slow: map[string]time.Time{}}
}

// enter says whether an attempt may be made now. If so, leave must follow.
func (g *gate) enter(scope ekyc.Scope, target string, now time.Time) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.scopes[scope] >= g.perScope || now.Before(g.slow[target]) && g.targets[target] >= slowAtOnce {
		return false
	}
	g.scopes[scope]++
	g.targets[target]++
	return true
}

// leave ends what enter began. It took so long, or 0 where no attempt was made.
func (g *gate) leave(scope ekyc.Scope, target string, took time.Duration, now time.Time) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	decrement(g.scopes, scope)
	decrement(g.targets, target)
	if took < slowAttempt {
		if took > 0 {
			delete(g.slow, target)
		}
		return
	}
	if len(g.slow) >= maxRemembered {
		clear(g.slow) // they are found out again by their next attempt
	}
	g.slow[target] = now.Add(slowMemory)
}

func decrement[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] <= 0 {
		delete(counts, key)
	}
}
