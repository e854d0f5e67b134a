package daemontest

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// TestAddressesAreNobodyElses: each is another, nobody listens there, and the kernel gives none of them to a connection.
func TestAddressesAreNobodyElses(t *testing.T) {
	t.Parallel()
	var first, last int
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 50 {
		address := FreeAddress(t)
		at, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || at.Port >= first && at.Port <= last || seen[address] {
			t.Errorf("%s, %v", address, err)
		}
		seen[address] = true
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			continue
		}
		l.Close()
	}
}
