package webhook_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ekyc"
	"ekyc/internal/webhook"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	public := webhook.New(nil, nil, nil, webhook.Options{})
	local := webhook.New(nil, nil, nil, webhook.Options{AllowedNetworks: loopback})
	for _, u := range []string{
		"https://hooks.example.com", "https://hooks.example.com/a/b?c=d%20e", "https://hooks.example.com:8443/x", "https://93.184.216.34/x",
		"https://[2606:2800:220:1::1]/x", "https://xn--bcher-kva.example/", "https://hooks.example.com./",
	} {
		if err := public.CheckURL(u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{
		"", "hooks.example.com", "/x", "http://hooks.example.com", "ftp://hooks.example.com", "javascript:alert(1)", "https:hooks.example.com", "https://",
		"https://user@hooks.example.com", "https://user:pass@hooks.example.com", "https://hooks.example.com/#x", "https://hooks.example.com/#",
		"https://hooks.example.com:22/", "https://hooks.example.com:0/", "https://hooks.example.com:99999/", "https://hooks.example.com:x/",
		"https://localhost/", "https://LOCALHOST:8443/", "https://internal/", "https://127.0.0.1/", "https://10.1.2.3/", "https://192.168.0.1/",
		"https://169.254.169.254/latest/meta-data", "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://[::1]/", "https://[::]/",
		"https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00::1]/",
		"https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://2130706433/", "https://127.1/",
		"https://0x7f.0.0.1/", "https://1.2.3.0x4/", "https://017700000001/",
		"https://a..example.com/", "https://bücher.example/",
		"https://hooks.example.com/a b", "https://hooks.example.com/\r\nX: y", "https://hooks.example.com\\@x.example/",
		"https://hooks.example.com/" + string(make([]byte, 2050)),
	} {
		wantCode(t, public.CheckURL(u), ekyc.ErrURLDenied, u)
	}
	for _, u := range []string{"http://127.0.0.1:1/x", "http://localhost:8080", "https://[::1]:99/", "https://hooks.example.com"} {
		if err := local.CheckURL(u); err != nil {
			t.Errorf("with loopback allowed, %s: %v", u, err)
		}
	}
	for _, u := range []string{"http://10.0.0.1/", "http://hooks.example.com/", "http://169.254.169.254/", "https://10.0.0.1/"} {
		wantCode(t, local.CheckURL(u), ekyc.ErrURLDenied, "with loopback allowed, "+u)
	}
}

// fakeNames is a name server that answers every question of an IPv4 address by a function of the number of the question.
func fakeNames(t *testing.T, answer func(n int32) netip.Addr) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	var asked atomic.Int32
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var m dnsmessage.Message
			if err != nil || m.Unpack(buffer[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
				m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: answer(asked.Add(1)).As4()}}}
			}
			if packed, err := m.Pack(); err == nil {
				socket.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// secureReceiver is a receiver by https whose certificate is for example.com.
func secureReceiver(t *testing.T, hits *atomic.Int32) (port string, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(100) // a connection counts, whatever comes of it
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	u, _ := url.Parse(s.URL)
	return u.Port(), roots
}

func TestANameThatChangesItsMeaningReachesNothing(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	port, roots := secureReceiver(t, &hits)
	for name, inner := range map[string]string{"loopback": "127.0.0.1", "metadata": "169.254.169.254", "private": "10.0.0.1", "unspecified": "0.0.0.0"} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(o *webhook.Options) {
				o.AllowedNetworks, o.RootCAs = nil, roots
				o.Resolver = fakeNames(t, func(int32) netip.Addr { return netip.MustParseAddr(inner) })
			})
			b.endpoint(webhook.EndpointInput{URL: "https://example.com:" + port + "/"})
			id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
			if d := b.detail(id, webhook.Retrying); d.Failure != webhook.FailureDenied || d.StatusCode != 0 {
				t.Errorf("recorded %+v", d)
			}
		})
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the inner server was reached (%d)", n)
	}
}

// The counterpart of the test above: the same name and certificate are reached where the operator allows the network, so that what
// stops it above is the guard.
func TestAllowedNetworksAreReachedByName(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	port, roots := secureReceiver(t, &hits)
	b := setup(t, func(o *webhook.Options) {
		o.RootCAs = roots
		o.Resolver = fakeNames(t, func(int32) netip.Addr { return netip.MustParseAddr("127.0.0.1") })
	})
	b.endpoint(webhook.EndpointInput{URL: "https://example.com:" + port + "/"})
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1})
	b.detail(id, webhook.Delivered)
	if n := hits.Load(); n != 101 {
		t.Errorf("hits %d", n)
	}
}

func TestACallbackIsCheckedToo(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *webhook.Options) { o.AllowedNetworks = nil })
	r := newReceiver(t, nil)
	id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1, CallbackURL: r.URL})
	if d := b.detail(id, webhook.Retrying); d.Failure != webhook.FailureDenied || d.Endpoint != "" || d.URL != r.URL {
		t.Errorf("recorded %+v", d)
	}
	r.none(0)
}

func TestWhatAConnectionMeetsIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	target := newReceiver(t, nil)
	redirecting := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Location", target.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	closed := httptest.NewServer(nil)
	closed.Close()
	untrusted := httptest.NewTLSServer(nil)
	t.Cleanup(untrusted.Close)
	plain := newReceiver(t, nil)
	plainURL, _ := url.Parse(plain.URL)
	for address, want := range map[string]webhook.Failure{
		redirecting.URL: webhook.FailureRedirect, closed.URL: webhook.FailureConnection, untrusted.URL: webhook.FailureTLS,
		"https://" + plainURL.Host: webhook.FailureTLS, "https://name.invalid/": webhook.FailureDNS,
	} {
		id, _ := b.publish(webhook.Event{Type: webhook.KYCFailed, Data: 1, CallbackURL: address})
		if d := b.detail(id, webhook.Retrying); d.Failure != want {
			t.Errorf("%s: %s, want %s", address, d.Failure, want)
		}
	}
	target.none(50 * time.Millisecond)
}
