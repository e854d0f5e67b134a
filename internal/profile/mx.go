package profile

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"ekyc"
)

// Resolver is the part of the DNS that email_mx asks for; *net.Resolver has it.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// systemResolver is Go's own resolver: cgo's cannot be stopped by a context.
func systemResolver() Resolver { return &net.Resolver{PreferGo: true} }

// mailRoute is how the DNS says that mail for a domain travels.
type mailRoute string

const (
	routeMX      mailRoute = "mx"           // exchangers are named
	routeAddress mailRoute = "address_only" // no exchanger, but an address, which stands in for one (RFC 5321 section 5.1)
	routeNull    mailRoute = "null_mx"      // the domain says that it takes no mail (RFC 7505)
	routeNone    mailRoute = "none"         // no such domain, or one without exchangers and addresses
	routeUnknown mailRoute = "unknown"      // the resolver gave no answer
)

// mailFact is the answer about one domain.
type mailFact struct {
	route      mailRoute
	exchangers int
}

// How long answers are kept, and how many. A new domain gets its records within minutes, an old one rarely loses them.
const (
	keepFound   = time.Hour
	keepMissing = 10 * time.Minute
	cacheSize   = 4096
)

// mailLookup asks for the route of a domain's mail and remembers the answers, least recently used first out.
type mailLookup struct {
	resolver Resolver
	timeout  time.Duration
	now      func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // of *cached, the most recently used in front
}

type cached struct {
	domain string
	fact   mailFact
	until  time.Time
}

func newMailLookup(r Resolver, timeout time.Duration) *mailLookup {
	return &mailLookup{resolver: r, timeout: timeout, now: time.Now, entries: map[string]*list.Element{}, order: list.New()}
}

func (l *mailLookup) route(ctx context.Context, domain string) mailFact {
	if fact, found := l.remembered(domain); found {
		return fact
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	fact := l.ask(ctx, domain)
	l.remember(domain, fact)
	return fact
}

func (l *mailLookup) ask(ctx context.Context, domain string) mailFact {
	name := domain + "." // rooted: the search list of the machine has no say
	exchangers, err := l.resolver.LookupMX(ctx, name)
	switch {
	case len(exchangers) == 1 && exchangers[0].Host == ".":
		return mailFact{route: routeNull}
	case len(exchangers) > 0: // also beside an error, which then is about single malformed records
		return mailFact{routeMX, len(exchangers)}
	case err != nil && !notFound(err):
		return mailFact{route: routeUnknown}
	}
	addresses, err := l.resolver.LookupNetIP(ctx, "ip", name)
	switch {
	case len(addresses) > 0:
		return mailFact{route: routeAddress}
	case err != nil && !notFound(err):
		return mailFact{route: routeUnknown}
	}
	return mailFact{route: routeNone}
}

// notFound tells an authoritative "no" from a resolver that failed.
func notFound(err error) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	return ok && e.IsNotFound && !e.IsTimeout && !e.IsTemporary
}

func (l *mailLookup) remembered(domain string) (mailFact, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	element, found := l.entries[domain]
	if !found {
		return mailFact{}, false
	}
	entry := element.Value.(*cached)
	if !l.now().Before(entry.until) {
		l.order.Remove(element)
		delete(l.entries, domain)
		return mailFact{}, false
	}
	l.order.MoveToFront(element)
	return entry.fact, true
}

func (l *mailLookup) remember(domain string, fact mailFact) {
	keep := keepFound
	switch fact.route {
	case routeUnknown:
		return // the next call may have more luck
	case routeNone, routeNull:
		keep = keepMissing
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := &cached{domain, fact, l.now().Add(keep)}
	if element, found := l.entries[domain]; found {
		element.Value = entry
		l.order.MoveToFront(element)
		return
	}
	l.entries[domain] = l.order.PushFront(entry)
	if l.order.Len() > cacheSize {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.entries, oldest.Value.(*cached).domain)
	}
}

func (c *Checker) checkMX(ctx context.Context, mail address) ekyc.Check {
	evidence := func(f mailFact) ekyc.Evidence {
		return ekyc.Evidence{"route": string(f.route), "exchangers": f.exchangers}
	}
	if c.mail == nil {
		return made(CheckEmailMX, ekyc.NotExecuted, "the DNS is not asked: the check is disabled", nil)
	}
	if mail.specialUse() {
		return made(CheckEmailMX, ekyc.Fail, "the mail domain does not exist in the public DNS", evidence(mailFact{route: routeNone}))
	}
	switch fact := c.mail.route(ctx, mail.domain); fact.route {
	case routeMX:
		return made(CheckEmailMX, ekyc.Pass, "the mail domain names hosts that take its mail", evidence(fact))
	case routeAddress:
		return made(CheckEmailMX, ekyc.Warn, "the mail domain names no host for its mail and has an address only", evidence(fact))
	case routeNull:
		return made(CheckEmailMX, ekyc.Fail, "the mail domain says that it takes no mail", evidence(fact))
	case routeNone:
		return made(CheckEmailMX, ekyc.Fail, "the mail domain does not exist or has no host for its mail", evidence(fact))
	}
	return made(CheckEmailMX, ekyc.NotExecuted, "the DNS gave no answer in time", nil)
}
