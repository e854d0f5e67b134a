package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"

	"ekyc"
)

// Ring holds the root keys; a keyring.Ring is one.
type Ring interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
	MAC(purpose string, data []byte) []byte
}

// An archive is a magic word, the length of a sealed key, that key, and a stream that is encrypted under it in segments (Tink's AES-256-GCM-HKDF).
// Each archive has a key of its own; backup and name are bound to both.
const (
	magic      = "EKYCBAK1"
	longestKey = 1 << 16
)

func purposeOf(backup, name string) string { return "backup|" + backup + "|" + name }

// sealTo writes what fill writes, encrypted, to a new file that only its owner can read.
func sealTo(ring Ring, path, backup, name string, fill func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(path)
		}
	}()
	handle, err := keyset.NewHandle(streamingaead.AES256GCMHKDF1MBKeyTemplate())
	if err != nil {
		return fmt.Errorf("make a backup's key: %w", err)
	}
	var plain bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&plain)); err != nil {
		return fmt.Errorf("make a backup's key: %w", err)
	}
	sealed, err := ring.Seal(purposeOf(backup, name), plain.Bytes())
	if err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(sealed)))
	if _, err := f.Write(append(head, sealed...)); err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	cipher, err := streamingaead.New(handle)
	if err != nil {
		return fmt.Errorf("use a backup's key: %w", err)
	}
	w, err := cipher.NewEncryptingWriter(f, []byte(purposeOf(backup, name)))
	if err != nil {
		return fmt.Errorf("use a backup's key: %w", err)
	}
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	return f.Sync()
}

// openFrom gives what sealTo was given to read. Errors, of the reading too: ErrFileUnreadable when the file was altered, cut, or is of another
// backup or another installation.
func openFrom(ring Ring, path, backup, name string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the backup has no %s", name).Because(err)
	}
	defer f.Close()
	refuse := func(cause error) error {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s of the backup does not open: it was altered, or is another backup's or another installation's, or its root key has been retired since (docs/operating.md)", name).Because(cause)
	}
	head := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(magic)]) != magic {
		return refuse(errors.New("it is no archive"))
	}
	length := binary.BigEndian.Uint32(head[len(magic):])
	if length > longestKey {
		return refuse(errors.New("its key is too long"))
	}
	sealed := make([]byte, length)
	if _, err := io.ReadFull(f, sealed); err != nil {
		return refuse(err)
	}
	plain, err := ring.Open(purposeOf(backup, name), sealed)
	if err != nil {
		return refuse(err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(plain)))
	if err != nil {
		return refuse(err)
	}
	cipher, err := streamingaead.New(handle)
	if err != nil {
		return refuse(err)
	}
	r, err := cipher.NewDecryptingReader(f, []byte(purposeOf(backup, name)))
	if err != nil {
		return refuse(err)
	}
	watched := &watchedReader{inner: r}
	err = read(watched)
	if watched.fault != nil {
		return refuse(watched.fault)
	}
	return err
}

// watchedReader remembers the fault of what it reads from, which a program at the other end of a pipe would not tell.
type watchedReader struct {
	inner io.Reader
	fault error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.inner.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.fault = err
	}
	return n, err
}
