package api

import (
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func TestVisitorsAreLimitedByLinkAndByAddress(t *testing.T) {
	t.Parallel()
	admitted := func(v *visitors, n int, from, token func(int) string) (passed int) {
		for i := range n {
			if v.admit(netip.MustParseAddr(from(i)), token(i)) == 0 {
				passed++
			}
		}
		return passed
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	numbered := func(i int) string { return strconv.Itoa(i) }
	near := func(want, got int) bool { return got >= want && got <= want+want/10 } // some come back while it counts
	if got := admitted(&visitors{}, 400, func(i int) string { return "192.0.2." + strconv.Itoa(i%200) }, same("token")); !near(tokenBurst, got) {
		t.Errorf("%d of 400 requests for one link from many addresses", got)
	}
	if got := admitted(&visitors{}, 1000, same("192.0.2.1"), numbered); !near(addressBurst, got) {
		t.Errorf("%d of 1000 requests from one address for many links", got)
	}
	if got := admitted(&visitors{}, 1000, func(i int) string { return "2001:db8::" + strconv.FormatInt(int64(i+1), 16) }, numbered); !near(addressBurst, got) {
		t.Errorf("%d of 1000 requests from one household", got)
	}
	if got := admitted(&visitors{}, 1000, func(i int) string { return "2001:db8:0:" + strconv.FormatInt(int64(i), 16) + "::1" }, numbered); got != 1000 {
		t.Errorf("%d of 1000 requests from as many households", got)
	}
}

func TestVisitorsAreForgotten(t *testing.T) {
	t.Parallel()
	v := &visitors{}
	for i := range 3 * visitorsKept {
		v.admit(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), strings.Repeat("x", longestToken+1))
	}
	if len(v.young) > visitorsKept || len(v.old) > visitorsKept || len(v.old) == 0 {
		t.Errorf("%d and %d visitors are remembered", len(v.young), len(v.old))
	}
}

func TestBaseURLOfLinks(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct{ public, from, proto, want string }{
		{"", "192.0.2.1:1", "", "http://host.example"},
		{"", "192.0.2.1:1", "https", "http://host.example"}, // which anybody can say
		{"", "10.1.1.1:1", "https", "https://host.example"},
		{"https://verify.example.com/", "192.0.2.1:1", "", "https://verify.example.com"},
		{"https://example.com/verify", "10.1.1.1:1", "http", "https://example.com/verify"},
	} {
		r := httptest.NewRequest("POST", "http://host.example/v1/captures", nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-Proto", c.proto)
		s := &Server{options: Options{PublicURL: c.public, TrustedProxies: proxies}}
		if got := s.baseURL(r); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestPublicAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"203.0.113.9": "203.0.113.9", "2001:db8::1": "2001:db8::1", "127.0.0.1": "", "10.1.2.3": "", "192.168.1.1": "", "fe80::1": "", "fd00::1": "", "::1": ""} {
		if got := publicAddress(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
	if publicAddress(netip.Addr{}) != "" {
		t.Error("no address is public")
	}
}

func TestAddressesOfOperators(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "https://app.example.com", "http://localhost:3000", "https://example.com/verify"} {
		if err := (Options{PublicURL: good, FrameAncestors: []string{good}}).checkAddresses(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"example.com", "*", "https://", "javascript:1", "https://a; script-src *", "https://a?b", "https://u@a", "https://a 'self'"} {
		if (Options{FrameAncestors: []string{bad}}).checkAddresses() == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for want, ancestors := range map[string][]string{"frame-ancestors 'none'": nil, "frame-ancestors https://a https://b": {"https://a", "https://b"}} {
		if got := pagePolicyOf(ancestors); !strings.HasSuffix(got, want) {
			t.Errorf("%v: %s", ancestors, got)
		}
	}
}
