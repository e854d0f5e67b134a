package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"ekyc"
)

// Keyring holds the root keys of an installation: one that encrypts (AES-256-GCM) and one that makes keyed hashes (HMAC-SHA256).
// Everything else is encrypted under keys that are encrypted under these. It is safe for concurrent use.
type Keyring struct {
	aead tink.AEAD
	mac  tink.MAC
}

// keyringFile is the form of a keyring at rest: two Tink keysets in Tink's JSON.
type keyringFile struct {
	Version int             `json:"version"`
	AEAD    json.RawMessage `json:"aead"`
	MAC     json.RawMessage `json:"mac"`
}

const (
	keyringVersion = 1
	keyringLimit   = 1 << 20 // bytes; a keyset of a hundred rotations stays under 50 kB
)

// OpenKeyring reads the keyring at path. Errors: ErrFileUnreadable when it is absent, malformed, or may be read by anyone but its owner.
func OpenKeyring(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring cannot be read").Because(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring cannot be read").Because(err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring must be a file that only its owner can read (mode 0600, found %04o)", info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(f, keyringLimit))
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring cannot be read").Because(err)
	}
	return parseKeyring(content)
}

// CreateKeyring makes new root keys and writes them to path, all or nothing. Errors: ErrConflict when the file exists: root keys are
// never written over.
func CreateKeyring(path string) (*Keyring, error) {
	content, err := newKeyring()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the keyring's directory: %w", err)
	}
	temporary, err := writeTemporary(filepath.Dir(path), content)
	if err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); errors.Is(err, fs.ErrExist) { // unlike a rename, a link never replaces
		return nil, ekyc.Errorf(ekyc.ErrConflict, "there is a keyring already")
	} else if err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	return parseKeyring(content)
}

func newKeyring() ([]byte, error) {
	sealing, err := newSealingKey()
	if err != nil {
		return nil, err
	}
	hashing, err := newHashingKey()
	if err != nil {
		return nil, err
	}
	file := keyringFile{Version: keyringVersion}
	for _, part := range []struct {
		handle *keyset.Handle
		target *json.RawMessage
	}{{sealing, &file.AEAD}, {hashing, &file.MAC}} {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(part.handle, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("write a root key: %w", err)
		}
		*part.target = b.Bytes()
	}
	return json.MarshalIndent(file, "", "  ")
}

func parseKeyring(content []byte) (*Keyring, error) {
	malformed := func(err error) error {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring is malformed").Because(err)
	}
	var file keyringFile
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, malformed(errors.New("not JSON")) // json's own error quotes the input
	}
	if file.Version != keyringVersion {
		return nil, malformed(fmt.Errorf("version %d", file.Version))
	}
	sealing, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.AEAD)))
	if err != nil {
		return nil, malformed(errors.New("aead is not a keyset"))
	}
	hashing, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.MAC)))
	if err != nil {
		return nil, malformed(errors.New("mac is not a keyset"))
	}
	k := &Keyring{}
	if k.aead, err = sealer(sealing); err != nil {
		return nil, malformed(err)
	}
	if k.mac, err = hasher(hashing); err != nil {
		return nil, malformed(err)
	}
	return k, nil
}

// Seal encrypts and authenticates plaintext under the root key. The purpose is bound to it: Open needs the same.
func (k *Keyring) Seal(purpose string, plaintext []byte) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plaintext, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("seal under the root key: %w", err)
	}
	return sealed, nil
}

// Open gives back what Seal was given. Errors: ErrInternal when it was sealed by another keyring or for another purpose, or was altered.
func (k *Keyring) Open(purpose string, sealed []byte) ([]byte, error) {
	plaintext, err := k.aead.Decrypt(sealed, []byte(purpose))
	if err != nil {
		return nil, doesNotOpen(err)
	}
	return plaintext, nil
}

// MAC gives the keyed hash of data for one purpose: 32 bytes, the same for the same input as long as the keyring lives.
func (k *Keyring) MAC(purpose string, data []byte) []byte {
	sum, err := keyedHash(k.mac, purpose, data)
	if err != nil {
		panic("vault: HMAC of bytes in memory failed: " + err.Error()) // the only errors are of an unusable key, refused when it was read
	}
	return sum
}

func doesNotOpen(cause error) error {
	return ekyc.Errorf(ekyc.ErrInternal, "what was sealed does not open").Because(cause)
}
