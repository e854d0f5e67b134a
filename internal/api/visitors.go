package api

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What an address, and who has a token, may ask of the capture page in one process. A person asks some forty times, mostly how far the
// verification is; behind one address there can be many persons. What must be exact over processes (pictures sent through a link) is
// counted in its row.
const (
	tokenBurst, tokenPerSecond     = 60, 2
	addressBurst, addressPerSecond = 600, 20
	// visitorsKept bounds what is remembered: two generations of as many.
	visitorsKept = 20_000
	// networkBits is how many bits of an IPv6 address tell one household from another (RFC 6177).
	networkBits = 64
	// longestToken keeps what was made up out of the memory; what is longer is no token.
	longestToken = 64
)

// visitors limits those who are not signed in. The zero value is ready.
type visitors struct {
	mutex      sync.Mutex
	young, old map[string]*rate.Limiter
}

// admit counts one request, and says how long to wait where it is one too many.
func (v *visitors) admit(from netip.Addr, token string) time.Duration {
	if from.Is6() {
		if network, err := from.Prefix(networkBits); err == nil {
			from = network.Addr()
		}
	}
	wait := v.take("address "+from.String(), addressPerSecond, addressBurst)
	if len(token) <= longestToken && wait == 0 {
		wait = v.take("token "+token, tokenPerSecond, tokenBurst)
	}
	return wait
}

func (v *visitors) take(who string, perSecond rate.Limit, burst int) time.Duration {
	r := v.limiter(who, perSecond, burst).Reserve()
	wait := r.Delay()
	if wait > 0 {
		r.Cancel()
	}
	return wait
}

func (v *visitors) limiter(who string, perSecond rate.Limit, burst int) *rate.Limiter {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if l := v.young[who]; l != nil {
		return l
	}
	l := v.old[who]
	if l == nil {
		l = rate.NewLimiter(perSecond, burst)
	}
	if v.young == nil || len(v.young) >= visitorsKept {
		v.young, v.old = map[string]*rate.Limiter{}, v.young
	}
	v.young[who] = l
	return l
}
