package webhook

import (
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"ekyc"
)

const (
	maxURL          = 2048 // characters; what servers and proxies accept as a rule
	maxHost         = 253  // characters of a name (RFC 1035 section 2.3.4)
	firstOpenPort   = 1024 // below it only the ports of http and https: others belong to services that do not speak HTTP
	portHTTP        = 80
	portHTTPS       = 443
	loopbackName    = "localhost"
	forbiddenInURLs = " \t\r\n\\\"<>^`{|}"
)

// guard says which addresses may be delivered to. It is asked twice: about the URL when it is given and before each attempt, and about
// the address that is really dialled, so that a name that changes its meaning in between (rebinding) gains nothing.
type guard struct {
	allowed  []netip.Prefix
	guardian *ssrf.Guardian
}

func newGuard(allowed []netip.Prefix) *guard {
	return &guard{allowed: allowed, guardian: ssrf.New(ssrf.WithAnyPort())}
}

// control is the dialler's Control: it sees each address after the look-up and before the connection.
func (g *guard) control(network, address string, raw syscall.RawConn) error {
	if target, err := netip.ParseAddrPort(address); err == nil && strings.HasPrefix(network, "tcp") {
		if g.allows(target.Addr()) {
			return nil
		}
		if !publicPort(target.Port()) {
			return ssrf.ErrProhibitedPort
		}
	}
	return g.guardian.Safe(network, address, raw)
}

// allows says whether the operator allows the address although it is not public.
func (g *guard) allows(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range g.allowed {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func publicPort(port uint16) bool {
	return port == portHTTP || port == portHTTPS || port >= firstOpenPort
}

// CheckURL says whether webhooks may be sent to an address: an absolute https URL without user, password or fragment, whose host is a
// name or a public address. Networks that the operator allows may be reached by http too. What a name resolves to is checked when it is
// dialled. Errors: ErrURLDenied.
func (s *Service) CheckURL(raw string) error { return s.guard.checkURL(raw) }

func (g *guard) checkURL(raw string) error {
	if len(raw) > maxURL {
		return denied("the address is longer than 2048 characters")
	}
	if strings.ContainsAny(raw, forbiddenInURLs) || strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r > '~' }) {
		return denied("the address has characters that must be percent-encoded, or a host name that must be in its ASCII form")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return denied("the address is not an absolute URL")
	}
	if u.User != nil {
		return denied("the address carries a user name or password")
	}
	if strings.Contains(raw, "#") {
		return denied("the address has a fragment")
	}
	return g.checkTarget(u)
}

func (g *guard) checkTarget(u *url.URL) error {
	port := uint16(portHTTPS)
	if p := u.Port(); p != "" {
		parsed, err := netip.ParseAddrPort("0.0.0.0:" + p)
		if err != nil || parsed.Port() == 0 {
			return denied("the port is not a number from 1 to 65535")
		}
		port = parsed.Port()
	}
	internal := g.internal(u.Hostname())
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !internal):
		return denied("the address must begin with https://")
	case internal:
		return nil
	case !publicPort(port):
		return denied("the port must be 443 or at least 1024")
	}
	return g.checkHost(strings.TrimSuffix(u.Hostname(), "."))
}

// internal says whether the host is, by its spelling, in a network that the operator allows.
func (g *guard) internal(host string) bool {
	if strings.EqualFold(host, loopbackName) {
		return g.allows(netip.MustParseAddr("127.0.0.1"))
	}
	a, err := netip.ParseAddr(host)
	return err == nil && g.allows(a)
}

func (g *guard) checkHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if g.guardian.SafeAddr(a) != nil {
			return denied("the address is not a public one")
		}
		return nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case len(host) > maxHost || last == host || last == "" || strings.Contains(host, ".."):
		return denied("the host is not a public name")
	case !strings.ContainsFunc(last, letter) || strings.HasPrefix(strings.ToLower(last), "0x"):
		return denied("the host is an address in a spelling that is not permitted") // 127.1, 2130706433, 0x7f.1: resolvers take them
	}
	return nil
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func denied(reason string) error { return ekyc.Errorf(ekyc.ErrURLDenied, "%s", reason) }
