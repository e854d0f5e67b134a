// Package keyservicetest has what tests of key services need: a fake of Vault's transit engine, and faults between a client and its service.
package keyservicetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Faults stand between a client and its service.
type Faults struct {
	Next      http.Handler
	Throttled func(http.ResponseWriter) // how the service words that there were too many requests
	mode      atomic.Pointer[string]
}

// Set chooses what happens from now on: "" for nothing, or throttled, down, slow, garbage, empty, "broken off", proxy or elsewhere.
func (f *Faults) Set(mode string) { f.mode.Store(&mode) }

// ServeHTTP answers.
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mode := ""
	if m := f.mode.Load(); m != nil {
		mode = *m
	}
	switch mode {
	case "throttled":
		f.Throttled(w)
	case "down":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	case "slow":
		io.Copy(io.Discard, r.Body) // so that the server notices when the client goes
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
	case "garbage":
		fmt.Fprint(w, "<html>It works!</html>")
	case "empty":
		fmt.Fprint(w, "{}")
	case "broken off":
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"data":`)
	case "proxy":
		http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
	case "elsewhere":
		http.Redirect(w, r, "https://192.0.2.1/", http.StatusTemporaryRedirect)
	default:
		f.Next.ServeHTTP(w, r)
	}
}

// Key encrypts as the services do: AES-256-GCM with associated data.
type Key struct{ cipher.AEAD }

// NewKey makes a key.
func NewKey(t testing.TB) Key {
	t.Helper()
	var secret [32]byte
	rand.Read(secret[:])
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return Key{gcm}
}

// Vault is a fake of Vault's transit engine, written from its public documentation of the HTTP interface.
type Vault struct {
	*Faults
	Address string // as EKYC_ROOT_KEY_SERVICE takes it

	token, certificate string
	denied             atomic.Bool
}

// Deny takes the right to use the key away.
func (v *Vault) Deny() { v.denied.Store(true) }

// Allow gives it back.
func (v *Vault) Allow() { v.denied.Store(false) }

// Environment is what a client needs.
func (v *Vault) Environment() map[string]string {
	return map[string]string{"VAULT_TOKEN": v.token, "VAULT_NAMESPACE": "ops", "VAULT_CACERT": v.certificate}
}

// Getenv is the same as a function.
func (v *Vault) Getenv(name string) string { return v.Environment()[name] }

// StartVault starts it for the length of a test.
func StartVault(t testing.TB) *Vault {
	t.Helper()
	key := NewKey(t)
	v := &Vault{token: rand.Text()}
	refuse := func(w http.ResponseWriter, status int, words ...string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"errors": words})
	}
	f := &Faults{Throttled: func(w http.ResponseWriter) {
		refuse(w, 429, "request path \"transit/decrypt/root\": rate limit quota exceeded")
	}}
	f.Next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var raw struct {
			Plaintext  []byte `json:"plaintext"`
			Ciphertext string `json:"ciphertext"`
			Associated []byte `json:"associated_data"`
		}
		switch {
		case r.Header.Get("X-Vault-Token") != v.token || r.Header.Get("X-Vault-Request") != "true" || v.denied.Load():
			refuse(w, 403, "permission denied")
		case r.Header.Get("X-Vault-Namespace") != "ops":
			refuse(w, 404)
		case json.NewDecoder(r.Body).Decode(&raw) != nil:
			refuse(w, 400, "failed to parse JSON input")
		case r.URL.Path == "/v1/team/transit/encrypt/root":
			sealed := key.Seal(nil, nil, raw.Plaintext, raw.Associated)
			json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(sealed), "key_version": 1}})
		case r.URL.Path == "/v1/team/transit/decrypt/root":
			sealed, ok := strings.CutPrefix(raw.Ciphertext, "vault:v1:")
			if !ok {
				refuse(w, 400, "invalid ciphertext: no prefix")
				return
			}
			inner, err := base64.StdEncoding.DecodeString(sealed)
			if err != nil {
				refuse(w, 400, "invalid ciphertext: could not decode base64")
				return
			}
			plain, err := key.Open(nil, nil, inner, raw.Associated)
			if err != nil {
				refuse(w, 400, "cipher: message authentication failed")
				return
			}
			json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"plaintext": plain}})
		default:
			refuse(w, 400, "encryption key not found")
		}
	})
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	v.Faults, v.Address = f, "hcvault://"+strings.TrimPrefix(server.URL, "https://")+"/team/transit/keys/root"
	v.certificate = filepath.Join(t.TempDir(), "vault.pem")
	if err := os.WriteFile(v.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return v
}
