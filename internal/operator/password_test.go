package operator

import (
	"context"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/store/storetest"
)

func TestAnOutdatedHashIsMadeAnewAtLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stored := func() (hash string) {
		b.must(storetest.Owner(t, b.url).QueryRow(t.Context(), `select password from ekyc.operator`).Scan(&hash))
		return hash
	}
	if !strings.HasPrefix(stored(), "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatal(stored())
	}
	b.s = New(b.db, b.keyring, Options{}) // the default cost
	b.session()
	if !strings.HasPrefix(stored(), "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Error(stored())
	}
	b.session()
	_, err := b.login(address, "wrong", "")
	b.refused("wrong", err)
}

// The PHC string of the reference implementation's own test verifies: 64 MiB, 2 passes, 1 lane (github.com/P-H-C/phc-winner-argon2, src/test.c).
func TestHashesOfOthersVerify(t *testing.T) {
	t.Parallel()
	s := New(nil, nil, Options{Cost: cheap})
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	right, outdated, err := s.verify(t.Context(), reference, "password")
	if err != nil || !right || !outdated {
		t.Errorf("%v, %v, %v", right, outdated, err)
	}
	for _, malformed := range []string{"", "x", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=1,x$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=64,t=1,p=1$!$!"} {
		if _, _, err := s.verify(t.Context(), malformed, "password"); err == nil {
			t.Errorf("%q is accepted", malformed)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(cheap.hash("x"))
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, text string) {
		c, salt, sum, err := parsePHC(text)
		if err == nil && (c.encode(salt, sum) != text || c.MemoryKiB > maxCost.MemoryKiB || c.Passes > maxCost.Passes) {
			t.Errorf("%q became %+v", text, c)
		}
	})
}

// However many log in at once, hashesAtOnce passwords are hashed at a time, and who gives up waiting is told so.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	s := New(nil, nil, Options{Cost: cheap})
	release := make(chan struct{})
	for range hashesAtOnce {
		go s.hashing(context.Background(), func() { <-release })
	}
	for len(s.slots) < hashesAtOnce {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.hashing(ctx, func() { t.Error("one more ran") }); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Error(err)
	}
	close(release)
	if err := s.hashing(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
}
