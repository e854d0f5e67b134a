package tlsfiles_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/logtest"
	"ekyc/internal/tlsfiles"
)

// files are a pair on the disk.
type files struct{ chain, key string }

func newFiles(t testing.TB) files {
	d := t.TempDir()
	return files{filepath.Join(d, "chain.pem"), filepath.Join(d, "key.pem")}
}

// put replaces both files as operators' tools do: written beside, and renamed, the chain before the key.
func (f files) put(t testing.TB, chain, key []byte) {
	t.Helper()
	for _, part := range []struct {
		path    string
		content []byte
	}{{f.chain, chain}, {f.key, key}} {
		if err := os.WriteFile(part.path+".new", part.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(part.path+".new", part.path); err != nil {
			t.Fatal(err)
		}
	}
}

// certificate makes a self-signed pair in PEM.
func certificate(t testing.TB, serial int64, until time.Time, key crypto.Signer) (chain, pemKey []byte) {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: until.Add(-90 * 24 * time.Hour), NotAfter: until, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func open(t testing.TB, f files) (*tlsfiles.Pair, *logtest.Buffer) {
	t.Helper()
	l := &logtest.Buffer{}
	p, err := tlsfiles.Open(f.chain, f.key, slog.New(slog.NewTextHandler(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p, l
}

// serve answers HTTP over TLS, and gives the address.
func serve(t testing.TB, p *tlsfiles.Pair) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", p.Config())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String()
}

// shake agrees on TLS and says on what.
func shake(address string, c *tls.Config) (tls.ConnectionState, error) {
	c.InsecureSkipVerify = true // what is shown is looked at, not trusted
	conn, err := tls.Dial("tcp", address, c)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

var later = time.Now().Add(60 * 24 * time.Hour)

// TestOldTLSIsRefused shakes hands in every version, with every suite that Go knows, under either kind of key.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ECDSA": nil, "RSA": rsaKey} {
		f := newFiles(t)
		chain, private := certificate(t, 1, later, key)
		f.put(t, chain, private)
		p, _ := open(t, f)
		address := serve(t, p)
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			if state, err := shake(address, &tls.Config{MinVersion: version, MaxVersion: version}); err == nil {
				t.Errorf("%s: %s was agreed on", name, tls.VersionName(state.Version))
			}
		}
		agreed := 0
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if suite.SupportedVersions[len(suite.SupportedVersions)-1] == tls.VersionTLS13 {
				continue
			}
			state, err := shake(address, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
			sealed := strings.Contains(suite.Name, "GCM") || strings.Contains(suite.Name, "POLY1305")
			wanted := sealed && strings.HasPrefix(suite.Name, "TLS_ECDHE_"+name)
			if (err == nil) != wanted || wanted && state.CipherSuite != suite.ID {
				t.Errorf("%s: %s: %v, wanted: %v", name, suite.Name, err, wanted)
			}
			if err == nil {
				agreed++
			}
		}
		if agreed != 3 {
			t.Errorf("%s: %d suites of TLS 1.2 were agreed on", name, agreed)
		}
		state, err := shake(address, &tls.Config{NextProtos: []string{"h2", "http/1.1"}})
		if err != nil || state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 || state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: a client of today: %s, %s, %q, %v", name, tls.VersionName(state.Version), state.CurveID, state.NegotiatedProtocol, err)
		}
	}
}

// serialOf is the serial number of the certificate that is shown.
func serialOf(t testing.TB, address string) int64 {
	t.Helper()
	state, err := shake(address, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

// TestReloadUnderTraffic changes the pair 40 times and more while clients come, on new connections and on old ones, as many. Not one request fails.
func TestReloadUnderTraffic(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	chain, key := certificate(t, 1, later, nil)
	f.put(t, chain, key)
	p, l := open(t, f)
	address := serve(t, p)
	ctx, end := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var mutex sync.Mutex
	answered := map[bool]int{}
	for i := range 4 {
		fresh := i%2 == 0
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: fresh, ForceAttemptHTTP2: true}}
			for ctx.Err() == nil {
				response, err := client.Get("https://" + address)
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				mutex.Lock()
				answered[fresh]++
				mutex.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	const least = 40
	changes, fewest := int64(0), 0
	for deadline := time.Now().Add(time.Minute); (changes < least || fewest < least) && time.Now().Before(deadline); {
		changes++
		chain, key := certificate(t, 1+changes, later, nil)
		f.put(t, chain, key)
		p.Reload()
		time.Sleep(10 * time.Millisecond)
		mutex.Lock()
		fewest = min(answered[true], answered[false])
		mutex.Unlock()
	}
	if got := serialOf(t, address); got != 1+changes {
		t.Errorf("the certificate %d is shown after %d changes", got, changes)
	}
	end()
	group.Wait()
	if changes < least || fewest < least {
		t.Errorf("only %v requests were answered while the pair changed %d times", answered, changes)
	}
	for line := range strings.Lines(l.String()) {
		// The files are looked at every second, and that may be between the two renames.
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "are no pair") {
			t.Errorf("logged: %s", line)
		}
	}
}

// TestChangedFilesAreFollowed changes the pair as operators do, well and badly, and tells the program nothing.
func TestChangedFilesAreFollowed(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	chain, key := certificate(t, 1, later, nil)
	f.put(t, chain, key)
	p, l := open(t, f)
	address := serve(t, p)
	await := func(serial int64) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); serialOf(t, address) != serial; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the certificate %d is not taken up\n%s", serial, l)
			}
		}
	}
	// stays waits until the change has been looked at and refused, once.
	refusals := 0
	stays := func(what string, serial int64) {
		t.Helper()
		refusals++
		for deadline := time.Now().Add(time.Minute); strings.Count(l.String(), "level=ERROR") < refusals; time.Sleep(20 * time.Millisecond) {
			if got := serialOf(t, address); got != serial {
				t.Fatalf("%s: %d is shown", what, got)
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: nothing is logged\n%s", what, l)
			}
		}
		if got := serialOf(t, address); got != serial {
			t.Fatalf("%s: %d is shown", what, got)
		}
	}
	chain2, key2 := certificate(t, 2, later, nil)
	f.put(t, chain2, key2)
	await(2)
	f.put(t, chain, key2)
	stays("a key of another certificate", 2)
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	stays("no key", 2)
	f.put(t, chain, key)
	await(1)
	if strings.Contains(l.String(), "PRIVATE KEY") {
		t.Errorf("logged:\n%s", l)
	}
	// What would be looked at a second later, when it is told.
	for what, change := range map[string]func(){
		"garbage":              func() { f.put(t, []byte("garbage"), key) },
		"a key for all to see": func() { f.put(t, chain2, key2); os.Chmod(f.key, 0o644) },
		"a key for the group":  func() { f.put(t, chain2, key2); os.Chmod(f.key, 0o640) },
	} {
		change()
		p.Reload()
		stays(what, 1)
	}
}

// TestPairsThatCannotBeOpened are refused before anything listens.
func TestPairsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	chain, key := certificate(t, 1, later, nil)
	other, _ := certificate(t, 2, later, nil)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakChain, weakKey := certificate(t, 3, later, weak)
	for what, change := range map[string]func(files){
		"no files":             func(files) {},
		"two certificates":     func(f files) { f.put(t, other, key) },
		"no PEM":               func(f files) { f.put(t, []byte("a"), []byte("b")) },
		"a weak key":           func(f files) { f.put(t, weakChain, weakKey) },
		"a key for all to see": func(f files) { f.put(t, chain, key); os.Chmod(f.key, 0o604) },
	} {
		f := newFiles(t)
		change(f)
		_, err := tlsfiles.Open(f.chain, f.key, slog.New(slog.DiscardHandler))
		if ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAnExpiredCertificateIsShownAndSaid: a clock or a forgotten renewal does not stop the service, and is not kept quiet.
func TestAnExpiredCertificateIsShownAndSaid(t *testing.T) {
	t.Parallel()
	for want, until := range map[string]time.Time{"has expired": time.Now().Add(-time.Hour), "expires soon": time.Now().Add(10 * 24 * time.Hour), "is in use": later} {
		f := newFiles(t)
		chain, key := certificate(t, 1, until, nil)
		f.put(t, chain, key)
		p, l := open(t, f)
		if !p.Expires().Equal(until.Truncate(time.Second)) || !strings.Contains(l.String(), want) {
			t.Errorf("expires %s, logged: %s", p.Expires(), l)
		}
		if serialOf(t, serve(t, p)) != 1 {
			t.Error("it is not shown")
		}
	}
}
