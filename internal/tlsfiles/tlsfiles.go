// Package tlsfiles is the certificate that the program itself shows: a pair of files, followed as they change, and what of TLS is spoken with it.
package tlsfiles

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ekyc"
	"ekyc/internal/secretfile"
)

// Limits of the two files, and how often their times are looked at.
const (
	chainLimit  = 256 << 10
	keyLimit    = 64 << 10
	lookEvery   = time.Second
	leastRSA    = 2048 // bits
	expiresSoon = 14 * 24 * time.Hour
)

// Pair is a certificate chain and its private key. It follows its files: what a handshake gets is at most a second older than they are. A new pair that cannot be
// used, such as one of which only half has been written yet, changes nothing but the log.
type Pair struct {
	chainFile, keyFile string
	logger             *slog.Logger
	current            atomic.Pointer[tls.Certificate]

	mutex  sync.Mutex // one looks at a time
	looked time.Time
	tried  [2]stamp
}

// stamp tells whether a file was changed or replaced.
type stamp struct {
	info os.FileInfo
}

func (s stamp) same(other stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return os.SameFile(s.info, other.info) && s.info.ModTime().Equal(other.info.ModTime()) && s.info.Size() == other.info.Size() && s.info.Mode() == other.info.Mode()
}

// Open reads a chain in PEM, the server's certificate first, and its key. Errors: ErrFileUnreadable when either cannot be read, when others than its owner can read
// the key, or when they do not belong together.
func Open(chainFile, keyFile string, logger *slog.Logger) (*Pair, error) {
	p := &Pair{chainFile: chainFile, keyFile: keyFile, logger: logger, looked: time.Now()}
	p.tried = p.stamps()
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Pair) stamps() (out [2]stamp) {
	for i, path := range []string{p.chainFile, p.keyFile} {
		if info, err := os.Stat(path); err == nil {
			out[i].info = info
		}
	}
	return out
}

// load takes the files as they are.
func (p *Pair) load() error {
	chain, err := os.ReadFile(p.chainFile)
	if err != nil || len(chain) > chainLimit {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the certificate %s cannot be read", p.chainFile).Because(err)
	}
	key, err := secretfile.Read(p.keyFile, keyLimit)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(chain, key) // reads the leaf too
	clear(key)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the certificate %s and the key %s are no pair in PEM", p.chainFile, p.keyFile).Because(err)
	}
	if public, is := pair.Leaf.PublicKey.(*rsa.PublicKey); is && public.N.BitLen() < leastRSA {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the key of the certificate %s has %d bits; %d are the least", p.chainFile, public.N.BitLen(), leastRSA)
	}
	p.current.Store(&pair)
	about := []any{"tls.server.x509.not_after", pair.Leaf.NotAfter.UTC().Format(time.RFC3339), "tls.server.x509.serial_number", fmt.Sprintf("%x", pair.Leaf.SerialNumber)}
	switch left := time.Until(pair.Leaf.NotAfter); {
	case left <= 0:
		p.logger.Error("the TLS certificate has expired", about...)
	case left < expiresSoon:
		p.logger.Warn("the TLS certificate expires soon", about...)
	default:
		p.logger.Info("a TLS certificate is in use", about...)
	}
	return nil
}

// Follow takes the files again if they have changed, and looks at most every second. Whoever comes while another looks does not wait.
func (p *Pair) Follow() {
	if !p.mutex.TryLock() {
		return
	}
	defer p.mutex.Unlock()
	if time.Since(p.looked) < lookEvery {
		return
	}
	p.looked = time.Now()
	now := p.stamps() // before the files are read: what changes in between is seen the next time
	if now[0].same(p.tried[0]) && now[1].same(p.tried[1]) {
		return
	}
	p.take(now)
}

// Reload takes the files again, changed or not.
func (p *Pair) Reload() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.take(p.stamps())
}

func (p *Pair) take(now [2]stamp) {
	p.tried = now
	if err := p.load(); err != nil {
		p.logger.Error("the TLS certificate was changed and cannot be used; the one before stays", "error.message", err.Error())
	}
}

// Expires is when the certificate in use does.
func (p *Pair) Expires() time.Time { return p.current.Load().Leaf.NotAfter }

// Leaf is the certificate in use.
func (p *Pair) Leaf() *x509.Certificate { return p.current.Load().Leaf }

// Trusted says whether an authority that this machine knows has signed the certificate in use for servers, by way of the rest of the chain. Errors: those of x509.
func (p *Pair) Trusted() error {
	pair, between := p.current.Load(), x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: between})
	return err
}

// suites are those of TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
}

// Config is what a server speaks: TLS 1.3, or 1.2 for who knows nothing newer. Key exchanges are Go's own choice, X25519MLKEM768 before the classic curves, so that
// what is recorded today stays closed to a quantum computer.
func (p *Pair) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			p.Follow()
			return p.current.Load(), nil
		},
	}
}
