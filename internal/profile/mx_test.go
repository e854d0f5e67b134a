package profile

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ekyc"
)

// nameServer is a DNS server on the loopback interface. The first label of a name says how it answers.
type nameServer struct {
	conn    net.PacketConn
	queries atomic.Int64
}

func startNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn}
	t.Cleanup(func() { conn.Close() })
	go s.serve()
	return s
}

func (s *nameServer) serve() {
	buffer := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		s.queries.Add(1)
		var query dnsmessage.Message
		if query.Unpack(buffer[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		if answer, reply := answerTo(query); reply {
			if packed, err := answer.Pack(); err == nil {
				s.conn.WriteTo(packed, from)
			}
		}
	}
}

func answerTo(query dnsmessage.Message) (dnsmessage.Message, bool) {
	q := query.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true}, Questions: query.Questions}
	add := func(body dnsmessage.ResourceBody) {
		answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: body})
	}
	kind, _, _ := strings.Cut(q.Name.String(), ".")
	switch {
	case kind == "silent":
		return answer, false
	case kind == "broken":
		answer.RCode = dnsmessage.RCodeServerFailure
	case kind == "refused":
		answer.RCode = dnsmessage.RCodeRefused
	case kind == "missing":
		answer.RCode = dnsmessage.RCodeNameError
	case kind == "null" && q.Type == dnsmessage.TypeMX:
		add(&dnsmessage.MXResource{MX: dnsmessage.MustNewName(".")})
	case strings.HasPrefix(kind, "mail") && q.Type == dnsmessage.TypeMX:
		add(&dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName("a.exchanger.net.")})
		add(&dnsmessage.MXResource{Pref: 20, MX: dnsmessage.MustNewName("b.exchanger.net.")})
	case kind == "address" && q.Type == dnsmessage.TypeA:
		add(&dnsmessage.AResource{A: [4]byte{198, 51, 100, 7}})
	case kind == "address6" && q.Type == dnsmessage.TypeAAAA:
		add(&dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 7}})
	case kind == "addressbroken" && q.Type != dnsmessage.TypeMX:
		answer.RCode = dnsmessage.RCodeServerFailure
	}
	return answer, true
}

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func TestMailRoutes(t *testing.T) {
	t.Parallel()
	server := startNameServer(t)
	const limit = 300 * time.Millisecond
	patient := New(Options{MXEnabled: true, Resolver: server.resolver(), Timeout: time.Minute})
	hurried := New(Options{MXEnabled: true, Resolver: server.resolver(), Timeout: limit})
	for _, x := range []struct {
		label      string
		want       ekyc.CheckStatus
		route      string
		exchangers int
	}{
		{"mail", ekyc.Pass, "mx", 2},
		{"address", ekyc.Warn, "address_only", 0},
		{"address6", ekyc.Warn, "address_only", 0},
		{"null", ekyc.Fail, "null_mx", 0},
		{"missing", ekyc.Fail, "none", 0},
		{"empty", ekyc.Fail, "none", 0},
		{"broken", ekyc.NotExecuted, "", 0},
		{"refused", ekyc.NotExecuted, "", 0},
		{"addressbroken", ekyc.NotExecuted, "", 0},
		{"silent", ekyc.NotExecuted, "", 0},
	} {
		t.Run(x.label, func(t *testing.T) {
			t.Parallel()
			c := patient
			if x.label == "silent" {
				c = hurried
			}
			began := time.Now()
			got := check(t, run(t, c, Input{Email: "a@" + x.label + ".ekyc-domain.net"}), CheckEmailMX)
			if got.Status != x.want {
				t.Fatalf("email_mx is %s (%s, %v), want %s", got.Status, got.Message, got.Evidence, x.want)
			}
			if x.route != "" && (got.Evidence["route"] != x.route || got.Evidence["exchangers"] != x.exchangers) {
				t.Errorf("evidence %v, want %s and %d", got.Evidence, x.route, x.exchangers)
			}
			if took := time.Since(began); c == hurried && took > 8*time.Second { // without a limit two attempts take ten
				t.Errorf("it took %v with a time limit of %v", took, limit)
			}
		})
	}
}

func TestNoTrafficWhenDisabledOrNeedless(t *testing.T) {
	t.Parallel()
	server := startNameServer(t)
	wantStatus(t, run(t, New(Options{Resolver: server.resolver()}), Input{Email: "a@mail.ekyc-domain.net"}), CheckEmailMX, ekyc.NotExecuted)
	enabled := New(Options{MXEnabled: true, Resolver: server.resolver()})
	wantStatus(t, run(t, enabled, Input{Email: "a@mail.test"}), CheckEmailMX, ekyc.Fail)
	wantStatus(t, run(t, enabled, Input{Email: "not an address"}), CheckEmailMX, ekyc.NotExecuted)
	if n := server.queries.Load(); n != 0 {
		t.Errorf("%d queries were sent", n)
	}
}

func TestAnswersAreRemembered(t *testing.T) {
	t.Parallel()
	server := startNameServer(t)
	lookup := newMailLookup(server.resolver(), time.Minute)
	clock := at
	lookup.now = func() time.Time { return clock }
	asked := func(domain string) bool {
		before := server.queries.Load()
		lookup.route(t.Context(), domain)
		return server.queries.Load() > before
	}
	for _, x := range []struct {
		domain string
		keep   time.Duration
	}{{"mail.ekyc-domain.net", keepFound}, {"missing.ekyc-domain.net", keepMissing}} {
		if !asked(x.domain) || asked(x.domain) {
			t.Errorf("%s: want one query for two calls", x.domain)
		}
		clock = clock.Add(x.keep - time.Second)
		if asked(x.domain) {
			t.Errorf("%s: asked again before %v were over", x.domain, x.keep)
		}
		if clock = clock.Add(time.Second); !asked(x.domain) {
			t.Errorf("%s: not asked again after %v", x.domain, x.keep)
		}
	}
	for range 2 {
		if !asked("broken.ekyc-domain.net") {
			t.Error("a failure of the resolver was remembered")
		}
	}
}

func TestTheLeastRecentlyUsedAnswerIsForgotten(t *testing.T) {
	t.Parallel()
	lookup := newMailLookup(nil, time.Second)
	for i := range cacheSize {
		lookup.remember(fmt.Sprint("d", i), mailFact{route: routeMX})
	}
	lookup.remembered("d0")
	lookup.remember("one more", mailFact{route: routeMX})
	if _, kept := lookup.remembered("d0"); !kept {
		t.Error("the answer that was just used is gone")
	}
	if _, kept := lookup.remembered("d1"); kept || lookup.order.Len() != cacheSize || len(lookup.entries) != cacheSize {
		t.Errorf("the oldest answer is there: %v; %d entries", kept, lookup.order.Len())
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := New(Options{MXEnabled: true, Resolver: startNameServer(t).resolver()})
	if _, err := c.Check(ctx, Input{Email: "a@silent.ekyc-domain.net"}); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("the error is %v, want cancelled", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := New(Options{MXEnabled: true, Resolver: startNameServer(t).resolver()})
	for i := range 32 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			wantStatus(t, run(t, c, Input{Email: fmt.Sprintf("a@mail%d.ekyc-domain.net", i%4), IP: "2a00:1450:4007::1"}), CheckEmailMX, ekyc.Pass)
		})
	}
}
