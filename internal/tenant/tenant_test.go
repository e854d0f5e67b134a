package tenant

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/tenant/signing"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, Migrations)) }

// counts are what refusing costs.
type counts struct{ lookUps, openings, macs atomic.Int64 }

func (c *counts) take() [3]int64 {
	return [3]int64{c.lookUps.Swap(0), c.openings.Swap(0), c.macs.Swap(0)}
}

// TraceQueryStart counts look-ups of keys.
func (c *counts) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "s.sealed, s.ends") {
		c.lookUps.Add(1)
	}
	return ctx
}

func (c *counts) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

type countingSealer struct {
	*keyring.Ring
	c *counts
}

func (s countingSealer) Open(purpose string, sealed []byte) ([]byte, error) {
	s.c.openings.Add(1)
	return s.Ring.Open(purpose, sealed)
}

type bundle struct {
	t       *testing.T
	url     string
	keyring *keyring.Ring
	counts  *counts
	s       *Service
	db      *store.DB
	tenant  Tenant
	scope   ekyc.Scope
}

func setup(t *testing.T) *bundle {
	t.Helper()
	ring, err := keyring.Create(t.TempDir() + "/keyring.json")
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{t: t, url: server.URL(t), keyring: ring}
	b.s, b.db, b.counts = b.process(time.Minute)
	b.tenant = b.newTenant()
	b.scope = ekyc.Scope{Tenant: b.tenant.ID, Environment: ekyc.Test}
	return b
}

// process makes a Service as another process on the same database would have it.
func (b *bundle) process(cacheFor time.Duration) (*Service, *store.DB, *counts) {
	b.t.Helper()
	c := &counts{}
	db, err := store.Open(b.t.Context(), b.url, store.Options{Tracer: c})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(db.Close)
	s := New(db, countingSealer{b.keyring, c}, Options{Region: "eu1", CacheFor: cacheFor,
		Regions: map[string]string{"eu1": "https://eu1.example", "us1": "https://us1.example"}})
	s.mac = func(secret []byte, canonical string) [32]byte {
		c.macs.Add(1)
		return signing.MAC(secret, canonical)
	}
	b.t.Cleanup(s.Close)
	return s, db, c
}

func (b *bundle) newTenant() Tenant {
	b.t.Helper()
	tenant, err := b.s.CreateTenant(b.t.Context(), TenantInput{Name: "tenant-1", Country: "FRA", SupportEmail: "help@tenant-1.example", Plan: "pro"})
	if err != nil {
		b.t.Fatal(err)
	}
	return tenant
}

// key makes a key and a function that signs with its secret.
func (b *bundle) key(in KeyInput) (Key, string) {
	b.t.Helper()
	key, secret, err := b.s.CreateKey(b.t.Context(), b.scope, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return key, secret
}

func signed(keyID, secret string) SignedRequest {
	r := SignedRequest{KeyID: keyID, Timestamp: strconv.FormatInt(time.Now().Unix(), 10), Method: "POST", Target: "/v1/kya/check?x=1",
		BodySHA256: sha256.Sum256([]byte("{}")), RemoteIP: netip.MustParseAddr("203.0.113.7")}
	r.Signature = signing.Sign(secret, r.Timestamp, r.Method, r.Target, r.BodySHA256)
	return r
}

func authenticate(t *testing.T, s *Service, r SignedRequest) ekyc.ErrorCode {
	t.Helper()
	p, err := s.Authenticate(t.Context(), r)
	if (p == nil) == (err == nil) {
		t.Fatalf("principal %v with error %v", p, err)
	}
	return ekyc.CodeOf(err)
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// system runs statements beyond what the package itself does, such as letting time pass.
func (b *bundle) owner(statement string, args ...any) {
	b.t.Helper()
	if _, err := storetest.Owner(b.t, b.url).Exec(b.t.Context(), statement, args...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) state(s *Service, db *store.DB, id string) KeyState {
	b.t.Helper()
	var states map[string]KeyState
	b.must(db.AsSystem(b.t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
		states, err = s.KeyStates(ctx, tx, []string{id, "ek_test_eu1_00000000000000000000000000"})
		return err
	}))
	state, ok := states[id]
	if !ok || len(states) != 1 {
		b.t.Fatalf("states %v", states)
	}
	return state
}

func sqlState(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code
	}
	return ""
}
