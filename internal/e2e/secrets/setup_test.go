package secrets

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

type object = map[string]any

const patience = 90 * time.Second

// Planted by the configuration; the service makes the others by itself.
const (
	databasePassword = "zq7-database-password-0f61"
	traceCredential  = "zq7-credential-of-traces-88ac"
)

// testBundle is a service under test, with TLS, on a database whose address holds a password, and what it made.
type testBundle struct {
	site       *e2e.Site
	up         *e2e.Up
	client     *e2e.Client
	operator   *e2e.Operator
	chain, key string // files
	trust      *tls.Config
	collected  *collected
	needles    []e2e.Needle
	totp       string
}

// collected is what arrived at a collector of traces: bodies, and the credential that let them in.
type collected struct {
	mutex    sync.Mutex
	bytes    []byte
	admitted int
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{site: e2e.StartSite(t), collected: &collected{}}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.collected.mutex.Lock()
		defer b.collected.mutex.Unlock()
		b.collected.bytes = append(b.collected.bytes, body...)
		if r.Header.Get("Authorization") == "Bearer "+traceCredential {
			b.collected.admitted++
		}
	}))
	t.Cleanup(collector.Close)
	directory := t.TempDir()
	b.chain, b.key = filepath.Join(directory, "chain.pem"), filepath.Join(directory, "key.pem")
	b.renew(t, 1, time.Now().Add(60*24*time.Hour))
	address := filepath.Join(directory, "database")
	if err := os.WriteFile(address, []byte(b.site.DatabaseURL()+" password="+databasePassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EKYC_DATABASE_URL_FILE", address)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20"+traceCredential)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200") // ms; of the export of traces
	b.up = e2e.StartUp(t, b.site.DataDir, "--engines", "1", "--rpm", "600000", "--require-totp", "--log-level", "debug", "--trace-endpoint", collector.URL, "--tls-cert", b.chain, "--tls-key", b.key)
	http.DefaultTransport = &http.Transport{TLSClientConfig: b.trust.Clone(), ForceAttemptHTTP2: true} // which the clients of this package's one test use
	b.operator, b.client = b.up.Login(t), b.up.Client()
	return b
}

// renew puts another certificate into the files that the service follows. It stays under the key of the first one, which is trusted.
func (b *testBundle) renew(t *testing.T, serial int64, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: until.Add(-90 * 24 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b.needles = append(b.needles, e2e.NewNeedle("key of TLS", private[len(private)/3:len(private)/3+24]))
	for path, block := range map[string]*pem.Block{b.key: {Type: "PRIVATE KEY", Bytes: private}, b.chain: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if b.trust == nil {
		b.trust = &tls.Config{RootCAs: x509.NewCertPool()}
	}
	b.trust.RootCAs.AddCert(leaf)
}

// longSecret is what a file of root keys holds of them: base64.
var longSecret = regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)

// plant collects every secret there is.
func (b *testBundle) plant(t *testing.T) {
	t.Helper()
	add := func(name, text string) {
		if len(text) < 16 {
			t.Fatalf("the %s is %q", name, text)
		}
		b.needles = append(b.needles, e2e.NewNeedle(name, []byte(text)))
	}
	add("password of the database", databasePassword)
	add("credential of traces", traceCredential)
	add("secret of the key", b.client.Secret)
	add("secret of callbacks", strings.TrimPrefix(b.up.WebhookSecret, "whsec_"))
	add("password of the operator", b.up.OperatorPassword)
	add("password of the first operator", b.site.Password)
	var first struct {
		Operator struct {
			Until time.Time `json:"password_expires_at"`
		}
	}
	(&e2e.Operator{BaseURL: b.up.AdminURL}).Do(t, http.MethodPost, "/admin/v1/session", object{"email": b.site.Email, "password": b.site.Password}).JSON(t, &first)
	if left := time.Until(first.Operator.Until); left <= 0 || left > 24*time.Hour {
		t.Errorf("the password of `ekyc admin operator` counts for %v", left)
	}
	add("token of the session", b.operator.Token)
	keys, err := os.ReadFile(filepath.Join(b.site.DataDir, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	found := longSecret.FindAllString(string(keys), -1)
	if len(found) == 0 {
		t.Fatal("no root key is found in its file")
	}
	for _, key := range found {
		add("root key", key[len(key)/2-12:len(key)/2+12])
	}
	var enrolled struct {
		Secret string `json:"secret"`
	}
	b.operator.Do(t, http.MethodPost, "/admin/v1/me/totp", object{"password": b.up.OperatorPassword}).JSON(t, &enrolled)
	b.totp = enrolled.Secret
	add("seed of one-time codes", b.totp)
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(b.totp)
	if err != nil {
		t.Fatal(err)
	}
	b.needles = append(b.needles, e2e.NewNeedle("seed of one-time codes, its bytes", seed))
	if greeting := []byte(b.up.Output()); !e2e.NewNeedle("control", []byte(b.client.Secret)).In(greeting) || bytes.Contains(b.output(), []byte("secret  ")) {
		t.Fatal("the greeting shows no secret, or is not told from the rest of the output, so that the search proves nothing")
	}
}

// silent fails the test when something shows a secret.
func (b *testBundle) silent(t *testing.T, place string, haystack []byte) {
	t.Helper()
	for _, n := range b.needles {
		if n.In(haystack) {
			t.Errorf("the %s is found in %s", n.Name, place)
		}
	}
}

// tables gives every row of every table, binary columns in hex.
func (b *testBundle) tables(t *testing.T) map[string][]byte {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, b.site.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 25 {
		t.Fatalf("%d tables, %v", len(names), err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		var all []byte
		if err := conn.QueryRow(ctx, "select convert_to(coalesce(string_agg(r::text, E'\\n'), ''), 'UTF8') from "+name+" r").Scan(&all); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out["table "+name] = all
	}
	return out
}

// output is what the service wrote, without the greeting of `ekyc up`, whose purpose is to show the demonstration's credentials.
func (b *testBundle) output() []byte {
	all := b.up.Output()
	before, rest, _ := strings.Cut(all, "ekyc is up\n")
	_, after, _ := strings.Cut(rest, "Ctrl-C stops it.\n")
	return []byte(before + after)
}
