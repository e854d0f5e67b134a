package keyring

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/mac/hmac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/protobuf/proto"

	"ekyc"
)

// NewSealingKey makes a keyset of one AES-256-GCM key. Its ciphertexts name their key, so that keys can be added later.
func NewSealingKey() (*keyset.Handle, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return handle, nil
}

// hashSize is the length of HMAC-SHA256, not truncated, and of its key (RFC 2104 section 3).
const hashSize = 32

// NewHashingKey makes a keyset of one HMAC-SHA256 key whose hashes carry no prefix.
func NewHashingKey() (*keyset.Handle, error) {
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

// Sealer gives the primitive of a keyset that NewSealingKey made.
func Sealer(handle *keyset.Handle) (tink.AEAD, error) { return aead.New(handle) }

// Hasher gives the primitive after one trial, so that a key that cannot hash is refused when it is read.
func Hasher(handle *keyset.Handle) (tink.MAC, error) {
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

// KeyedHash hashes purpose and data; the purpose's length goes first, so that no two pairs hash the same bytes.
func KeyedHash(m tink.MAC, purpose string, data []byte) ([]byte, error) {
	message := make([]byte, 0, 4+len(purpose)+len(data))
	message = binary.BigEndian.AppendUint32(message, uint32(len(purpose)))
	message = append(append(message, purpose...), data...)
	return m.ComputeMAC(message)
}

// Wrap encrypts a keyset under its parent; name says whose it is and is bound to it. The form is Tink's own of encrypted keysets; it is made here so
// that the key's clear form is not left in memory.
func Wrap(parent tink.AEAD, handle *keyset.Handle, name string) ([]byte, error) {
	material := insecurecleartextkeyset.KeysetMaterial(handle)
	defer wipe(material)
	plain, err := proto.Marshal(material)
	if err != nil {
		return nil, fmt.Errorf("wrap a key: %w", err)
	}
	defer clear(plain)
	sealed, err := parent.Encrypt(plain, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("wrap a key: %w", err)
	}
	return marshalWrapped(&tinkpb.EncryptedKeyset{EncryptedKeyset: sealed, KeysetInfo: handle.KeysetInfo()})
}

// marshalWrapped puts the ciphertext first, always, so that WrappingKey finds it.
func marshalWrapped(e *tinkpb.EncryptedKeyset) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(e)
}

// Unwrap decrypts what Wrap gave for the same parent and name. Errors: ErrInternal.
func Unwrap(parent tink.AEAD, wrapped []byte, name string) (*keyset.Handle, error) {
	sealed, err := Wrapped(wrapped)
	if err != nil {
		return nil, err
	}
	plain, err := parent.Decrypt(sealed, []byte(name))
	if err != nil {
		return nil, DoesNotOpen(err)
	}
	defer clear(plain)
	var material tinkpb.Keyset
	if err := proto.Unmarshal(plain, &material); err != nil {
		return nil, DoesNotOpen(errors.New("not a keyset"))
	}
	defer wipe(&material)
	handle, err := insecurecleartextkeyset.Read(inMemory{&material})
	if err != nil {
		return nil, DoesNotOpen(err)
	}
	return handle, nil
}

// inMemory is a keyset that is read as it is, so that it can be wiped.
type inMemory struct{ material *tinkpb.Keyset }

func (m inMemory) Read() (*tinkpb.Keyset, error) { return m.material, nil }

func (m inMemory) ReadEncrypted() (*tinkpb.EncryptedKeyset, error) {
	return nil, errors.New("the keyset is not encrypted")
}

// wipe clears the keys in a keyset's form for transport; its handle has copies.
func wipe(material *tinkpb.Keyset) {
	for _, key := range material.GetKey() {
		clear(key.GetKeyData().GetValue())
	}
}

// DoesNotOpen is the error of anything sealed that was altered, or sealed under another key or as something else.
func DoesNotOpen(cause error) error {
	return ekyc.Errorf(ekyc.ErrInternal, "what was sealed does not open").Because(cause)
}

// Wrapped gives the ciphertext in what Wrap gave, whose first bytes say under which key it is.
func Wrapped(wrapped []byte) ([]byte, error) {
	var e tinkpb.EncryptedKeyset
	if err := proto.Unmarshal(wrapped, &e); err != nil {
		return nil, DoesNotOpen(err)
	}
	return e.GetEncryptedKeyset(), nil
}

// WrappedIDs are the identifiers of the keys in what Wrap gave, the oldest first. They stand in the clear beside the ciphertext, and are not authenticated.
func WrappedIDs(wrapped []byte) ([]uint32, error) {
	var e tinkpb.EncryptedKeyset
	if err := proto.Unmarshal(wrapped, &e); err != nil {
		return nil, DoesNotOpen(err)
	}
	var list []uint32
	for _, k := range e.GetKeysetInfo().GetKeyInfo() {
		list = append(list, k.GetKeyId())
	}
	return list, nil
}

// Rewrap takes what Wrap gave from one parent to another, or to the newest key of the same; the keyset in it stays as it is. Errors: ErrInternal.
func Rewrap(from, to tink.AEAD, wrapped []byte, name string) ([]byte, error) {
	var e tinkpb.EncryptedKeyset
	if err := proto.Unmarshal(wrapped, &e); err != nil {
		return nil, DoesNotOpen(err)
	}
	plain, err := from.Decrypt(e.GetEncryptedKeyset(), []byte(name))
	if err != nil {
		return nil, DoesNotOpen(err)
	}
	defer clear(plain)
	if e.EncryptedKeyset, err = to.Encrypt(plain, []byte(name)); err != nil {
		return nil, fmt.Errorf("wrap a key: %w", err)
	}
	return marshalWrapped(&e)
}

// WrappingKey is an SQL expression for the first bytes of the ciphertext in a column of what Wrap gave: they say under which key it is. The
// ciphertext is the message's first field, behind a tag and a length of one byte or two.
func WrappingKey(column string) string {
	return "substring(" + column + " from case when get_byte(" + column + ", 1) < 128 then 3 else 4 end for 5)"
}

// SealingKey is the same for a column of what Seal gave.
func SealingKey(column string) string { return "substring(" + column + " from 1 for 5)" }

// Prefix is what the expressions give for a key.
func Prefix(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{1}, id)
}
