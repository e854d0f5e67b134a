package keyring_test

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"ekyc"
	"ekyc/internal/keyring"
)

// TestWrappedKeysAreTinksOwnForm: what Tink has wrapped is unwrapped here, and the other way round; wiping what lies between breaks no key.
func TestWrappedKeysAreTinksOwnForm(t *testing.T) {
	t.Parallel()
	parent, err := keyring.NewSealingKey()
	if err != nil {
		t.Fatal(err)
	}
	over, err := keyring.Sealer(parent)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := keyring.NewSealingKey()
	if err != nil {
		t.Fatal(err)
	}
	cipher, err := keyring.Sealer(handle)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := cipher.Encrypt([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	opens := func(what string, h *keyset.Handle, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		c, err := keyring.Sealer(h)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := c.Decrypt(sealed, nil); err != nil || string(plain) != "plain" {
			t.Errorf("%s: %q, %v", what, plain, err)
		}
	}
	ours, err := keyring.Wrap(over, handle, "name")
	opens("after it was wrapped", handle, err)
	var b bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), over, []byte("name")); err != nil {
		t.Fatal(err)
	}
	for what, wrapped := range map[string][]byte{"ours": ours, "Tink's": b.Bytes()} {
		h, err := keyring.Unwrap(over, wrapped, "name")
		opens(what+" by us", h, err)
		h, err = keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), over, []byte("name"))
		opens(what+" by Tink", h, err)
		again, err := keyring.Rewrap(over, over, wrapped, "name")
		if err != nil {
			t.Fatal(err)
		}
		h, err = keyring.Unwrap(over, again, "name")
		opens(what+" wrapped anew", h, err)
		for name, spoilt := range map[string][]byte{"altered": flipped(wrapped), "nothing": nil, "no message": []byte("\xff\xff"), "cut off": wrapped[:len(wrapped)/2]} {
			_, err := keyring.Unwrap(over, spoilt, "name")
			wantCode(t, what+" "+name, err, ekyc.ErrInternal)
		}
		_, err = keyring.Unwrap(over, wrapped, "another name")
		wantCode(t, what+" under another name", err, ekyc.ErrInternal)
		_, err = keyring.Rewrap(over, over, wrapped, "another name")
		wantCode(t, what+" wrapped anew under another name", err, ekyc.ErrInternal)
	}
}
