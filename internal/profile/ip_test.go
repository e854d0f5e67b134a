package profile

import (
	"net/netip"
	"strings"
	"testing"

	"ekyc"
)

func TestAddressKinds(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]addressKind{
		"8.8.8.8": kindPublic, "2a00:1450:4007::1": kindPublic, "::ffff:8.8.8.8": kindPublic, "64:ff9b::808:808": kindPublic, "2002:808:808::1": kindPublic,
		"10.1.2.3": kindPrivate, "172.16.0.1": kindPrivate, "172.32.0.1": kindPublic, "192.168.1.1": kindPrivate, "fd00::1": kindPrivate,
		"::ffff:10.0.0.1": kindPrivate, "64:ff9b::a00:1": kindPrivate, "127.0.0.1": kindLoopback, "::1": kindLoopback,
		"169.254.169.254": kindLinkLocal, "fe80::1%eth0": kindLinkLocal, "100.64.0.1": kindCarrierNAT, "100.128.0.1": kindPublic,
		"192.0.2.1": kindDocumentation, "198.51.100.1": kindDocumentation, "203.0.113.9": kindDocumentation, "2001:db8::1": kindDocumentation, "3fff::1": kindDocumentation,
		"198.18.0.1": kindBenchmarking, "224.0.0.1": kindMulticast, "ff02::1": kindMulticast, "0.0.0.0": kindUnspecified, "::": kindUnspecified,
		"240.0.0.1": kindReserved, "255.255.255.255": kindReserved, "4000::1": kindReserved, "2001:0:1::1": kindTunnel,
		"": kindInvalid, "1.2.3": kindInvalid, "256.1.1.1": kindInvalid, "01.2.3.4": kindInvalid, "8.8.8.8:53": kindInvalid, "host": kindInvalid,
	} {
		if _, got := parseIP(given); got != want {
			t.Errorf("parseIP(%q) is %s, want %s", given, got, want)
		}
	}
}

func TestIPChecks(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][2]ekyc.CheckStatus{
		"8.8.8.8":     {ekyc.Pass, ekyc.Pass},
		"10.0.0.1":    {ekyc.Warn, ekyc.NotExecuted},
		"203.0.113.9": {ekyc.Fail, ekyc.NotExecuted},
		"nonsense":    {ekyc.Fail, ekyc.NotExecuted},
	} {
		r := run(t, New(Options{}), Input{IP: given})
		wantStatus(t, r, CheckIPPublic, want[0])
		wantStatus(t, r, CheckIPCountry, want[1])
	}
	for given, want := range map[string]string{"8.8.8.8": "USA", "193.252.19.3": "FRA", "2a01:e0a::1": "FRA", "41.207.0.1": "CIV", "::ffff:193.252.19.3": "FRA"} {
		if got := run(t, New(Options{}), Input{IP: given}).Normalised.IPCountry; got != want {
			t.Errorf("%s is in %q, want %s", given, got, want)
		}
	}
}

func TestReadIPTable(t *testing.T) {
	t.Parallel()
	table, err := ReadIPTable(strings.NewReader(`first,last,country
# an operator's own
193.0.0.0,193.255.255.255,fr
"134744064","134744319","US","United States"
134744320,134744575,-
2a01::/16,CIV
0,1,ZZ
"55827987829231936867413588302606073856","55827988046004009427413588302606073856","DE"
`))
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{"193.252.19.3": "FRA", "8.8.8.8": "USA", "8.8.9.1": "", "2a01:e0a::1": "CIV", "2a02::1": "", "1.1.1.1": "", "192.255.255.255": "", "194.0.0.0": ""} {
		if got := table.country(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is in %q, want %q", addr, got, want)
		}
	}
	r := run(t, New(Options{IPTable: table}), Input{IP: "1.1.1.1"})
	wantStatus(t, r, CheckIPCountry, ekyc.Warn)
}

func TestBadIPTables(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"country":   "1.0.0.0/8,QQ",
		"order":     "1.0.0.9,1.0.0.1,FR",
		"families":  "1.0.0.9,2a01::,FR",
		"columns":   "1.0.0.0/8,FR\n2.0.0.0",
		"address":   "1.0.0.0/8,FR\nx,y,FR",
		"too large": "1.0.0.0/8,FR\n0,999999999999999999999999999999999999999,FR",
		"overlap":   "1.0.0.0/8,FR\n1.2.0.0/16,DE",
		"quotes":    "\"1.0.0.0/8,FR",
	} {
		if table, err := ReadIPTable(strings.NewReader(text)); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || table != nil {
			t.Errorf("%s: the error is %v, want invalid_argument", name, err)
		}
	}
}
