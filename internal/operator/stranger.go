package operator

import (
	"net/netip"
	"sync"
	"time"

	"ekyc"
)

const (
	strangerFailures = 20 // of one address, over whichever accounts; an office behind one address has a few
	strangerWindow   = 10 * time.Minute
	maxStrangers     = 10_000
	networkBits      = 64 // of IPv6: one subscriber has at least so many addresses (RFC 6177)
)

// strangers counts log-ins that failed by where they came from, in this process only: the accounts' own locks are what holds
// over all processes. The zero value is empty.
type strangers struct {
	mu   sync.Mutex
	from map[netip.Addr]*failures
}

type failures struct {
	count int
	until time.Time // when they are forgotten
}

func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(networkBits); err == nil {
			return p.Addr()
		}
	}
	return a
}

func (s *strangers) check(from netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.from[network(from)]
	if f == nil || f.count < strangerFailures || time.Now().After(f.until) {
		return nil
	}
	wait := int(time.Until(f.until).Seconds()) + 1
	return ekyc.Errorf(ekyc.ErrRateLimited, "too many log-ins have failed from this address").With("window", "login").With("retry_after_seconds", wait)
}

func (s *strangers) failed(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.from) >= maxStrangers {
		for a, f := range s.from {
			if now.After(f.until) {
				delete(s.from, a)
			}
		}
	}
	if s.from == nil || len(s.from) >= maxStrangers {
		s.from = map[netip.Addr]*failures{}
	}
	key := network(from)
	f := s.from[key]
	if f == nil || now.After(f.until) {
		f = &failures{until: now.Add(strangerWindow)}
		s.from[key] = f
	}
	f.count++
}
