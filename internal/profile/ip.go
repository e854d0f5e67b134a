package profile

import (
	"net/netip"

	"ekyc"
)

// addressKind says what an internet address is for.
type addressKind string

const (
	kindPublic        addressKind = "public"
	kindPrivate       addressKind = "private"
	kindLoopback      addressKind = "loopback"
	kindLinkLocal     addressKind = "link_local"
	kindCarrierNAT    addressKind = "carrier_nat"
	kindTunnel        addressKind = "tunnel"
	kindDocumentation addressKind = "documentation"
	kindBenchmarking  addressKind = "benchmarking"
	kindMulticast     addressKind = "multicast"
	kindUnspecified   addressKind = "unspecified"
	kindReserved      addressKind = "reserved"
	kindInvalid       addressKind = "invalid"
)

// special are the blocks of IANA's registries of special-purpose addresses (RFC 6890 and its updates), a narrower block before the wider.
var special = []struct {
	block netip.Prefix
	kind  addressKind
}{
	{netip.MustParsePrefix("0.0.0.0/8"), kindUnspecified},
	{netip.MustParsePrefix("10.0.0.0/8"), kindPrivate},
	{netip.MustParsePrefix("100.64.0.0/10"), kindCarrierNAT}, // RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), kindLoopback},
	{netip.MustParsePrefix("169.254.0.0/16"), kindLinkLocal},
	{netip.MustParsePrefix("172.16.0.0/12"), kindPrivate},
	{netip.MustParsePrefix("192.0.0.0/24"), kindReserved},
	{netip.MustParsePrefix("192.0.2.0/24"), kindDocumentation}, // RFC 5737
	{netip.MustParsePrefix("192.88.99.0/24"), kindReserved},
	{netip.MustParsePrefix("192.168.0.0/16"), kindPrivate},
	{netip.MustParsePrefix("198.18.0.0/15"), kindBenchmarking},
	{netip.MustParsePrefix("198.51.100.0/24"), kindDocumentation},
	{netip.MustParsePrefix("203.0.113.0/24"), kindDocumentation},
	{netip.MustParsePrefix("224.0.0.0/4"), kindMulticast},
	{netip.MustParsePrefix("240.0.0.0/4"), kindReserved},
	{netip.MustParsePrefix("::/128"), kindUnspecified},
	{netip.MustParsePrefix("::1/128"), kindLoopback},
	{netip.MustParsePrefix("64:ff9b:1::/48"), kindPrivate}, // RFC 8215
	{netip.MustParsePrefix("2001::/32"), kindTunnel},       // Teredo, RFC 4380
	{netip.MustParsePrefix("2001:2::/48"), kindBenchmarking},
	{netip.MustParsePrefix("2001:db8::/32"), kindDocumentation}, // RFC 3849
	{netip.MustParsePrefix("2001::/23"), kindReserved},
	{netip.MustParsePrefix("3fff::/20"), kindDocumentation}, // RFC 9637
	{netip.MustParsePrefix("2000::/3"), kindPublic},         // RFC 4291 section 2.4; what follows lies outside
	{netip.MustParsePrefix("fc00::/7"), kindPrivate},        // RFC 4193
	{netip.MustParsePrefix("fe80::/10"), kindLinkLocal},
	{netip.MustParsePrefix("fec0::/10"), kindPrivate},
	{netip.MustParsePrefix("ff00::/8"), kindMulticast},
	{netip.MustParsePrefix("::/0"), kindReserved},
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixTo4 = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// parseIP reads an address. IPv4 inside IPv6 (mapped, NAT64, 6to4) is taken out: it is what tells where the host is.
func parseIP(s string) (netip.Addr, addressKind) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, kindInvalid
	}
	addr = addr.WithZone("").Unmap()
	if addr.Is6() {
		b := addr.As16()
		if nat64.Contains(addr) {
			addr = netip.AddrFrom4([4]byte(b[12:]))
		} else if sixTo4.Contains(addr) {
			addr = netip.AddrFrom4([4]byte(b[2:6]))
		}
	}
	for _, s := range special {
		if s.block.Contains(addr) {
			return addr, s.kind
		}
	}
	return addr, kindPublic
}

func (c *Checker) checkIP(given string) (country, []ekyc.Check) {
	if given == "" {
		return country{}, notGiven(CheckIPPublic, CheckIPCountry)
	}
	addr, kind := parseIP(given)
	evidence := ekyc.Evidence{"kind": string(kind)}
	notPublic := made(CheckIPCountry, ekyc.NotExecuted, "only public addresses have a country", nil)
	switch kind {
	case kindPublic:
		evidence["version"] = map[bool]int{true: 4, false: 6}[addr.Is4()]
		where, check := c.checkIPCountry(addr)
		return where, []ekyc.Check{made(CheckIPPublic, ekyc.Pass, "the internet address is a public one", evidence), check}
	case kindInvalid:
		return country{}, []ekyc.Check{made(CheckIPPublic, ekyc.Fail, "this is not an internet address", evidence), notPublic}
	case kindPrivate, kindLoopback, kindLinkLocal, kindCarrierNAT, kindTunnel:
		// A person can have it, and it was taken inside a network or behind a proxy: a fault of the integration more often than of the person.
		return country{}, []ekyc.Check{made(CheckIPPublic, ekyc.Warn, "the internet address is one inside a network and says nothing of the place", evidence), notPublic}
	}
	return country{}, []ekyc.Check{made(CheckIPPublic, ekyc.Fail, "no connection comes from this internet address", evidence), notPublic}
}

func (c *Checker) checkIPCountry(addr netip.Addr) (country, ekyc.Check) {
	where, known := countryOf(c.ipTable.country(addr))
	if !known {
		return country{}, made(CheckIPCountry, ekyc.Warn, "the table of ranges has no country for the internet address", nil)
	}
	return where, made(CheckIPCountry, ekyc.Pass, "the country of the internet address is known", ekyc.Evidence{"country": where.code()})
}
