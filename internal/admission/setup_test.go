package admission_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/admission"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/tenant"
	"ekyc/internal/tenant/signing"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, tenant.Migrations, admission.Migrations))
}

// sealer is AES-GCM under a key of the test.
type sealer struct{ cipher.AEAD }

func newSealer() sealer {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return sealer{aead}
}

func (s sealer) Seal(purpose string, plaintext []byte) ([]byte, error) {
	return s.AEAD.Seal(nil, nil, plaintext, []byte(purpose)), nil
}

func (s sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	return s.AEAD.Open(nil, nil, sealed, []byte(purpose))
}

const route = "/v1/liveness/analyze"

// bench is two processes on one database, with one tenant.
type bench struct {
	url     string
	sealer  sealer
	options admission.Options
	dbs     []*store.DB
	keys    []*tenant.Service
	admits  []*admission.Admitter
	tenant  tenant.Tenant
}

func setup(t testing.TB, o admission.Options) *bench {
	return setupAt(t, server.URL(t), newSealer(), o)
}

func setupAt(t testing.TB, url string, s sealer, o admission.Options) *bench {
	b := &bench{url: url, sealer: s, options: o}
	for range 2 {
		b.join(t)
	}
	var err error
	b.tenant, err = b.keys[0].CreateTenant(context.Background(), tenant.TenantInput{Name: "tenant-a", Country: "CIV", SupportEmail: "support@example.com", Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// join adds another process.
func (b *bench) join(t testing.TB) *admission.Admitter {
	db, err := store.Open(context.Background(), b.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keys := tenant.New(db, b.sealer, tenant.Options{Region: "eu1"})
	t.Cleanup(keys.Close)
	a := admission.New(db, keys, b.options)
	t.Cleanup(a.Close)
	b.dbs, b.keys, b.admits = append(b.dbs, db), append(b.keys, keys), append(b.admits, a)
	return a
}

// client is the holder of a key.
type client struct {
	key       tenant.Key
	secret    string
	principal *tenant.Principal
}

func (b *bench) client(t testing.TB, in tenant.KeyInput) *client {
	t.Helper()
	in.Name = "key-a"
	key, secret, err := b.keys[0].CreateKey(context.Background(), ekyc.Scope{Tenant: b.tenant.ID, Environment: ekyc.Live}, in)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{key: key, secret: secret}
	if err := c.authenticate(b); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) authenticate(b *bench) (err error) {
	timestamp, body := strconv.FormatInt(time.Now().Unix(), 10), sha256.Sum256(nil)
	c.principal, err = b.keys[0].Authenticate(context.Background(), tenant.SignedRequest{
		KeyID: c.key.ID, Timestamp: timestamp, Method: "GET", Target: "/v1/jobs", BodySHA256: body,
		Signature: signing.Sign(c.secret, timestamp, "GET", "/v1/jobs", body),
	})
	return err
}

// request is a request like no other.
func (c *client) request() admission.Request {
	var signature [32]byte
	rand.Read(signature[:])
	return admission.Request{Principal: c.principal, Signature: hex.EncodeToString(signature[:]), Timestamp: time.Now(), Endpoint: route}
}

// tally counts outcomes by code; "" is an admission.
type tally struct {
	sync.Mutex
	codes map[ekyc.ErrorCode]int
}

func (c *tally) add(err error) {
	c.Lock()
	defer c.Unlock()
	if c.codes == nil {
		c.codes = map[ekyc.ErrorCode]int{}
	}
	c.codes[ekyc.CodeOf(err)]++
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func at(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// count asks the database as its owner.
func (b *bench) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := storetest.Owner(t, b.url).QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// deadlocks ends all connections, which is when they report, and counts. A deadlock would be run again and be no more than slow.
func (b *bench) deadlocks(t *testing.T) int {
	t.Helper()
	for _, db := range b.dbs {
		db.Close()
	}
	time.Sleep(200 * time.Millisecond)
	return b.count(t, "select deadlocks from pg_stat_database where datname = current_database()")
}
