package keyring_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ekyc"
	"ekyc/internal/keyring"
)

func TestKeyringIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "keyring.json")
	if _, err := keyring.Create(path); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]ekyc.ErrorCode{
		0o600: "", 0o400: "", 0o640: ekyc.ErrFileUnreadable, 0o604: ekyc.ErrFileUnreadable, 0o620: ekyc.ErrFileUnreadable, 0o777: ekyc.ErrFileUnreadable,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Open(path)
		wantCode(t, mode.String(), err, want)
	}
	for name, p := range map[string]string{"a directory": filepath.Dir(path), "nothing": path + "x"} {
		_, err := keyring.Open(p)
		wantCode(t, name, err, ekyc.ErrFileUnreadable)
	}
}

func TestCreateKeyringNeverWritesOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring.json")
	var made atomic.Int64
	var first *keyring.Ring
	together(16, func(int) {
		k, err := keyring.Create(path)
		if err == nil {
			made.Add(1)
			first = k
		} else {
			wantCode(t, "a second one", err, ekyc.ErrConflict)
		}
	})
	if made.Load() != 1 {
		t.Fatalf("%d keyrings were made", made.Load())
	}
	again, err := keyring.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := first.Seal("p", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if plaintext, err := again.Open("p", sealed); err != nil || string(plaintext) != "secret" {
		t.Errorf("opens as %q, %v", plaintext, err)
	}
	if !bytes.Equal(first.MAC("p", []byte("x")), again.MAC("p", []byte("x"))) {
		t.Error("the file's keyring hashes differently")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestKeyringBindsThePurpose(t *testing.T) {
	t.Parallel()
	a, err := keyring.Create(filepath.Join(t.TempDir(), "a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := keyring.Create(filepath.Join(t.TempDir(), "b"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := a.Seal("api_key_secret", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return a.Open("operator_totp", sealed) },
		"another keyring": func() ([]byte, error) { return b.Open("api_key_secret", sealed) },
		"one bit altered": func() ([]byte, error) { return a.Open("api_key_secret", flipped(sealed)) },
		"nothing":         func() ([]byte, error) { return a.Open("api_key_secret", nil) },
	} {
		_, err := open()
		wantCode(t, name, err, ekyc.ErrInternal)
	}
	sums := map[string]bool{}
	for _, sum := range [][]byte{a.MAC("ab", []byte("c")), a.MAC("a", []byte("bc")), a.MAC("", []byte("abc")), b.MAC("ab", []byte("c"))} {
		sums[string(sum)] = len(sum) == 32
	}
	if len(sums) != 4 {
		t.Errorf("%d different hashes of 4", len(sums))
	}
}

func TestMalformedKeyringsAreRefusedWithoutQuotingThem(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring.json")
	if _, err := keyring.Create(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "not JSON": "s3cret" + string(good), "another version": strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"no keys": `{"version":1}`, "a keyset of nothing": `{"version":1,"aead":{"key":[]},"mac":{"key":[]}}`,
		"the keys exchanged": strings.NewReplacer(`"aead"`, `"mac"`, `"mac"`, `"aead"`).Replace(string(good)),
		"a key cut off":      strings.Replace(string(good), `"value": "`, `"value": "s3cret`, 1),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Open(path)
		wantCode(t, name, err, ekyc.ErrFileUnreadable)
		for e := err; e != nil; {
			if strings.Contains(e.Error(), "s3cret") {
				t.Errorf("%s: the error quotes the file: %v", name, e)
			}
			u, ok := e.(interface{ Unwrap() error })
			if !ok {
				break
			}
			e = u.Unwrap()
		}
	}
}
