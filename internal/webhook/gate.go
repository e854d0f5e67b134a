package webhook

import (
	"math/rand/v2"
	"sync"
	"time"

	"ekyc"
)

const (
	defaultPerTenant = 16                   // a quarter of the workers
	slowAttempt      = time.Second          // a destination whose last attempt took longer is slow
	slowAtOnce       = 4                    // attempts at once to a slow destination
	slowMemory       = 10 * time.Minute     // after which a slow destination is tried as if it were fast
	shortestWait     = time.Second          // of a delivery that was turned away
	longestWait      = 5 * time.Minute      // likewise
	fastPace         = 5 * time.Millisecond // between two that were turned away from a destination that is not known to be slow
	maxRemembered    = 10_000               // destinations
)

// gate keeps one tenant's slow servers from holding every worker of the process, so that the others' webhooks leave at once. Those
// that it turns away come back one after the other, about as fast as their destination takes them, and not all at once.
type gate struct {
	perTenant    int
	mutex        sync.Mutex
	tenants      map[ekyc.ID]int // attempts in flight
	destinations map[string]*destination
}

// destination is what the process knows of a receiver.
type destination struct {
	inFlight  int
	took      time.Duration // the last attempt, where it was slow
	slowUntil time.Time
	nextTurn  time.Time // for which nobody was turned away yet
}

func newGate(perTenant int) *gate {
	return &gate{perTenant: perTenant, tenants: map[ekyc.ID]int{}, destinations: map[string]*destination{}}
}

// enter gives 0 when an attempt may be made now, and then leave must follow; otherwise how long to wait.
func (g *gate) enter(tenant ekyc.ID, name string, now time.Time) time.Duration {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	d := g.destinations[name]
	if d == nil {
		g.forget()
		d = &destination{}
		g.destinations[name] = d
	}
	slow := now.Before(d.slowUntil)
	if g.tenants[tenant] >= g.perTenant || slow && d.inFlight >= slowAtOnce {
		return d.turnAway(now, slow)
	}
	g.tenants[tenant]++
	d.inFlight++
	return 0
}

func (d *destination) turnAway(now time.Time, slow bool) time.Duration {
	pace := fastPace
	if slow {
		pace = d.took / slowAtOnce
	}
	turn := now.Add(shortestWait)
	if turn.Before(d.nextTurn) {
		turn = d.nextTurn
	}
	if turn.Sub(now) > longestWait {
		return longestWait/2 + rand.N(longestWait/2)
	}
	d.nextTurn = turn.Add(pace)
	return turn.Sub(now)
}

// leave ends what enter began. It took so long, or 0 where no attempt was made.
func (g *gate) leave(tenant ekyc.ID, name string, took time.Duration, now time.Time) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.tenants[tenant]--; g.tenants[tenant] <= 0 {
		delete(g.tenants, tenant)
	}
	d := g.destinations[name]
	d.inFlight--
	switch {
	case took >= slowAttempt:
		d.took, d.slowUntil = took, now.Add(slowMemory)
	case took > 0:
		d.slowUntil = time.Time{}
	}
	if d.idle(now) {
		delete(g.destinations, name)
	}
}

func (d *destination) idle(now time.Time) bool {
	return d.inFlight == 0 && !now.Before(d.slowUntil) && !now.Before(d.nextTurn)
}

// forget makes room: what is dropped is found out again by the next attempt.
func (g *gate) forget() {
	if len(g.destinations) < maxRemembered {
		return
	}
	for name, d := range g.destinations {
		if d.inFlight == 0 {
			delete(g.destinations, name)
		}
	}
}
