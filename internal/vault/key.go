package vault

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/mac/hmac"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// newSealingKey makes a keyset of one AES-256-GCM key. Its ciphertexts name their key, so that keys can be added later.
func newSealingKey() (*keyset.Handle, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return handle, nil
}

// hashSize is the length of HMAC-SHA256, not truncated, and of its key (RFC 2104 section 3).
const hashSize = 32

// newHashingKey makes a keyset of one HMAC-SHA256 key whose hashes carry no prefix.
func newHashingKey() (*keyset.Handle, error) {
	parameters, err := hmac.NewParameters(hmac.ParametersOpts{
		KeySizeInBytes: hashSize, TagSizeInBytes: hashSize, HashType: hmac.SHA256, Variant: hmac.VariantNoPrefix,
	})
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	manager := keyset.NewManager()
	id, err := manager.AddNewKeyFromParameters(parameters)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return manager.Handle()
}

func sealer(handle *keyset.Handle) (tink.AEAD, error) { return aead.New(handle) }

// hasher gives the primitive after one trial, so that a key that cannot hash is refused when it is read.
func hasher(handle *keyset.Handle) (tink.MAC, error) {
	m, err := mac.New(handle)
	if err != nil {
		return nil, err
	}
	sum, err := m.ComputeMAC(nil)
	if err != nil {
		return nil, err
	}
	if len(sum) != hashSize {
		return nil, fmt.Errorf("the key makes hashes of %d bytes, not %d", len(sum), hashSize)
	}
	return m, nil
}

// keyedHash hashes purpose and data; the purpose's length goes first, so that no two pairs hash the same bytes.
func keyedHash(m tink.MAC, purpose string, data []byte) ([]byte, error) {
	message := make([]byte, 0, 4+len(purpose)+len(data))
	message = binary.BigEndian.AppendUint32(message, uint32(len(purpose)))
	message = append(append(message, purpose...), data...)
	return m.ComputeMAC(message)
}

// wrap encrypts a keyset under its parent; name says whose it is and is bound to it.
func wrap(parent tink.AEAD, handle *keyset.Handle, name string) ([]byte, error) {
	var b bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), parent, []byte(name)); err != nil {
		return nil, fmt.Errorf("wrap a key: %w", err)
	}
	return b.Bytes(), nil
}

func unwrap(parent tink.AEAD, wrapped []byte, name string) (*keyset.Handle, error) {
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), parent, []byte(name))
	if err != nil {
		return nil, doesNotOpen(err)
	}
	return handle, nil
}
