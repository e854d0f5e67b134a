package keyservice_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/keyring/keyservice"
)

// services are all of them. Behind AWS's is a real server; those of Vault and Google are fakes of what their documentation says.
var services = map[string]func(*testing.T) provider{"Vault": openVault, "AWS": openAWS, "Google": openGCP}

func each(t *testing.T, test func(t *testing.T, p provider)) {
	t.Parallel()
	for name, open := range services {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, open(t)) })
	}
}

// TestServicesConform is what a key service must do, the same for all.
func TestServicesConform(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		ctx, secret, as := t.Context(), []byte("a data key of thirty-two bytes.."), []byte("as this")
		sealed, err := p.Encrypt(ctx, secret, as)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, secret) {
			t.Error("the ciphertext holds the plaintext")
		}
		opens := func(when string) {
			t.Helper()
			plain, err := p.Decrypt(ctx, sealed, as)
			for tries := 1; errors.Is(err, keyring.ErrAway) && tries < 3; tries++ { // a busy machine may need more than the time of one call
				plain, err = p.Decrypt(ctx, sealed, as)
			}
			if err != nil || !bytes.Equal(plain, secret) {
				t.Errorf("%s: opens as %q, %v", when, plain, err)
			}
		}
		fails := func(when string, want error, ciphertext, associated []byte) {
			t.Helper()
			began := time.Now()
			plain, err := p.Decrypt(ctx, ciphertext, associated)
			if !errors.Is(err, want) || ekyc.CodeOf(err) != ekyc.ErrUnavailable || plain != nil {
				t.Errorf("%s: %q, %v because of %v, want %v", when, plain, err, errors.Unwrap(err), want)
			}
			if took := time.Since(began); took > 3*timeout {
				t.Errorf("%s: took %s", when, took)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, private := range []string{"token", "ya29", "secret", "html"} {
					if strings.Contains(strings.ToLower(e.Error()), private) {
						t.Errorf("%s: the error tells %q", when, e)
					}
				}
			}
		}
		opens("at first")
		fails("another purpose", keyring.ErrAltered, sealed, []byte("as that"))
		for i := range 4 {
			altered := bytes.Clone(sealed)
			altered[len(altered)-6-i*4] ^= 1 // in the authentication tag, or what is encrypted
			fails("an altered byte", keyring.ErrAltered, altered, as)
		}
		p.deny()
		fails("denied", keyring.ErrRefused, sealed, as)
		if _, err := p.Encrypt(ctx, secret, as); !errors.Is(err, keyring.ErrRefused) {
			t.Errorf("denied: %v", err)
		}
		p.allow()
		opens("allowed again")
		for _, mode := range []string{"throttled", "down", "slow", "garbage", "empty", "broken off", "proxy", "elsewhere"} {
			p.fault.Set(mode)
			fails(mode, keyring.ErrAway, sealed, as)
			if mode != "slow" { // that the time is bounded is seen already
				if _, err := p.Encrypt(ctx, secret, as); !errors.Is(err, keyring.ErrAway) {
					t.Errorf("%s: %v", mode, err)
				}
			}
			p.fault.Set("")
			opens("after " + mode)
		}
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := p.Decrypt(stopped, sealed, as); err == nil {
			t.Error("a call that was stopped succeeded")
		}
	})
}

// clearFile is the ring without a service, made to fail in the same ways.
func clearFile(t *testing.T, path func() string) provider {
	chmod := func(mode os.FileMode) func() {
		return func() {
			if err := os.Chmod(path(), mode); err != nil {
				t.Error(err)
			}
		}
	}
	return provider{nil, chmod(0o644), chmod(0o600), nil}
}

// TestRingsConform is what a ring must do, whoever has sealed its file: the same keys, and the same errors.
func TestRingsConform(t *testing.T) {
	t.Parallel()
	all := map[string]func(*testing.T, func() string) provider{"file": clearFile}
	for name, open := range services {
		all[name] = func(t *testing.T, _ func() string) provider { return open(t) }
	}
	for name, open := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "root.key")
			p := open(t, func() string { return path })
			o := keyring.Options{Service: p.Service, Logger: slog.New(slog.DiscardHandler)}
			ctx := t.Context()
			first, err := keyring.CreateWith(ctx, path, o)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := first.Seal("p", []byte("plain"))
			if err != nil {
				t.Fatal(err)
			}
			again, err := keyring.OpenWith(ctx, path, o)
			if err != nil {
				t.Fatal(err)
			}
			opens := func(when string, r *keyring.Ring, sealed []byte) {
				t.Helper()
				if plain, err := r.Open("p", sealed); err != nil || string(plain) != "plain" {
					t.Errorf("%s: %q, %v", when, plain, err)
				}
			}
			opens("another process", again, sealed)
			if _, err := again.Open("q", sealed); ekyc.CodeOf(err) != ekyc.ErrInternal {
				t.Errorf("another purpose: %v", err)
			}
			// Another process rotates; this one meets what it has sealed since, and what it sealed before.
			if err := first.Rotate(ctx); err != nil {
				t.Fatal(err)
			}
			later, err := first.Seal("p", []byte("plain"))
			if err != nil {
				t.Fatal(err)
			}
			opens("sealed under a key that came since", again, later)
			opens("sealed before", again, sealed)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if p.Service != nil && (bytes.Contains(content, []byte("AesGcmKey")) || !bytes.Contains(content, []byte(p.Name()))) {
				t.Error("the sealed file shows keys, or not who has sealed it")
			}
			p.deny()
			if _, err := keyring.OpenWith(ctx, path, o); err == nil || ekyc.CodeOf(err) == ekyc.ErrInternal {
				t.Errorf("a process that starts while it is denied: %v", err)
			}
			p.allow()
			altered := bytes.Clone(content[:len(content)/2]) // cut off: in a clear file one character may be a digit of a time
			if p.Service != nil {
				altered = append(altered, content[len(content)/2+1:]...)
			}
			if err := os.WriteFile(path, altered, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := keyring.OpenWith(ctx, path, o); err == nil || ekyc.CodeOf(err) == ekyc.ErrInternal {
				t.Errorf("an altered file: %v", err)
			}
			opens("what is in memory", again, sealed)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := again.Reload(ctx); err != nil {
				t.Errorf("the file is back: %v", err)
			}
		})
	}
}

// TestARefusalIsHeeded has the service take the right away while a process runs.
func TestARefusalIsHeeded(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		ctx, path := t.Context(), filepath.Join(t.TempDir(), "root.key")
		r, err := keyring.CreateWith(ctx, path, keyring.Options{Service: p.Service, Logger: slog.New(slog.DiscardHandler), Recheck: 10 * time.Millisecond, Tolerate: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := r.Seal("p", []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		watching, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { defer close(ended); r.Watch(watching) }()
		defer func() { stop(); <-ended }()
		await := func(what string, is func() bool) {
			t.Helper()
			for deadline := time.Now().Add(90 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: not within 90 seconds", what)
				}
			}
		}
		usable := func() bool {
			_, err := r.Open("p", sealed)
			_, err2 := r.Seal("p", nil)
			return err == nil && err2 == nil && r.Ready() == nil
		}
		refused := func() bool {
			_, err := r.Open("p", sealed)
			_, err2 := r.Seal("p", nil)
			return ekyc.CodeOf(err) == ekyc.ErrUnavailable && ekyc.CodeOf(err2) == ekyc.ErrUnavailable && ekyc.CodeOf(r.Ready()) == ekyc.ErrUnavailable
		}
		before := r.Checks().Away
		p.fault.Set("down")
		await("the service is missed", func() bool { return r.Checks().Away > before })
		if !usable() {
			t.Error("a service that is away stops work")
		}
		p.fault.Set("")
		p.deny()
		await("refused", refused)
		p.fault.Set("garbage")
		away := r.Checks().Away
		await("it is away while it refuses", func() bool { return r.Checks().Away > away })
		if !refused() {
			t.Error("a refusal ends when the service goes away")
		}
		p.fault.Set("")
		p.allow()
		await("allowed again", usable)
	})
}

func TestAnAbsenceIsBorneForATime(t *testing.T) {
	t.Parallel()
	p := openVault(t)
	r, err := keyring.CreateWith(t.Context(), filepath.Join(t.TempDir(), "root.key"), keyring.Options{Service: p.Service, Logger: slog.New(slog.DiscardHandler), Tolerate: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	p.fault.Set("proxy")
	r.Recheck(t.Context())
	if ekyc.CodeOf(r.Ready()) != ekyc.ErrUnavailable {
		t.Errorf("after too long: %v", r.Ready())
	}
	p.fault.Set("")
	r.Recheck(t.Context())
	if r.Ready() != nil {
		t.Errorf("it is back: %v", r.Ready())
	}
}

// TestTheServiceIsChanged goes from a clear file to a sealed one, to another service, and back.
func TestTheServiceIsChanged(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "root.key")
	quiet := slog.New(slog.DiscardHandler)
	r, err := keyring.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := r.Seal("p", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	list := []keyring.Service{nil, openVault(t).Service, openAWS(t).Service, nil}
	for i, to := range list[1:] {
		if err := r.SealWith(ctx, to); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.OpenWith(ctx, path, keyring.Options{Service: list[i], Logger: quiet}); err == nil {
			t.Errorf("%d: it opens as before", i)
		}
		if r, err = keyring.OpenWith(ctx, path, keyring.Options{Service: to, Logger: quiet}); err != nil {
			t.Fatal(err)
		}
		if plain, err := r.Open("p", sealed); err != nil || string(plain) != "plain" {
			t.Errorf("%d: %q, %v", i, plain, err)
		}
	}
}

func TestAddressesOfServices(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		"", "vault", "https://host/transit/keys/a", "hcvault://host", "hcvault://host/transit/a", "hcvault:///transit/keys/a", "hcvault://u:p@host/transit/keys/a", "hcvault://host/transit/keys/a/b",
		"aws-kms://key/1", "aws-kms://arn:aws:s3:eu-west-1:1:key/1", "aws-kms://arn:aws:kms::1:key/1", "gcp-kms://projects/p", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/x",
	} {
		if _, err := keyservice.Open(wrong, keyservice.Options{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	const arn, gcp = "aws-kms://arn:aws:kms:eu-west-1:111122223333:key/1", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k"
	for endpoint, want := range map[string]ekyc.ErrorCode{
		"": "", "https://kms.example": "", "http://127.0.0.1:1": "", "http://localhost:1/": "", "http://[::1]:1": "",
		"http://kms.example": ekyc.ErrInvalidArgument, "http://127.0.0.1.example": ekyc.ErrInvalidArgument, "kms.example": ekyc.ErrInvalidArgument, "ftp://127.0.0.1": ekyc.ErrInvalidArgument,
		"https://user:secret@kms.example": ekyc.ErrInvalidArgument,
	} {
		for _, address := range []string{arn, gcp} {
			environment := func(name string) string {
				return map[string]string{"AWS_ENDPOINT_URL_KMS": endpoint, "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS": endpoint}[name]
			}
			if _, err := keyservice.Open(address, keyservice.Options{Getenv: environment}); ekyc.CodeOf(err) != want {
				t.Errorf("%s at %q: %v", address, endpoint, err)
			}
		}
	}
	missing := func(name string) string { return map[string]string{"VAULT_CACERT": "/nonexistent"}[name] }
	if _, err := keyservice.Open("hcvault://host:8200/transit/keys/a", keyservice.Options{Getenv: missing}); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("a missing certificate: %v", err)
	}
}
