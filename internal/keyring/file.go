package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"ekyc"
	"ekyc/internal/durable"
	"ekyc/internal/secretfile"
)

// file is the form of a ring at rest. Clear (version 1) it is two Tink keysets in Tink's JSON; sealed by a key service (version 2) it is the same,
// encrypted under a data key that the service has encrypted.
type file struct {
	Version int             `json:"version"`
	AEAD    json.RawMessage `json:"aead,omitempty"`
	MAC     json.RawMessage `json:"mac,omitempty"`
	// Made says when keys were made, by identifier. Rings of before this was written down lack it.
	Made  map[string]time.Time `json:"made,omitempty"`
	Since time.Time            `json:"since,omitzero"` // when the current key became that
	// Unentered are the changes of which the audit log may not know: the file is no part of its transaction.
	Unentered []Change `json:"unentered,omitempty"`

	Service string `json:"service,omitempty"` // which one; a note for whoever finds the file
	DataKey []byte `json:"data_key,omitempty"`
	Sealed  []byte `json:"sealed,omitempty"`
}

const (
	clearVersion  = 1
	sealedVersion = 2
	fileLimit     = 1 << 20 // bytes; a ring of a hundred rotations stays under 50 kB
	dataKeySize   = 32
)

// sealedAs is bound to what a key service encrypts for us and to what its data key does.
var sealedAs = []byte("ekyc/root-keys")

// contents are a ring's keysets, to be changed and written.
type contents struct {
	aead, mac *keyset.Handle
	made      map[uint32]time.Time
	since     time.Time
	unentered []Change
}

func newContents(now time.Time) (*contents, error) {
	sealing, err := NewSealingKey()
	if err != nil {
		return nil, err
	}
	hashing, err := NewHashingKey()
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	c := &contents{aead: sealing, mac: hashing, made: map[uint32]time.Time{}, since: now}
	c.made[sealing.KeysetInfo().PrimaryKeyId] = now
	return c, nil
}

// marshal gives the clear form. Whoever gets it clears it after use.
func (c *contents) marshal() ([]byte, error) {
	f := file{Version: clearVersion, Made: map[string]time.Time{}, Since: c.since, Unentered: c.unentered}
	defer func() { clear(f.AEAD); clear(f.MAC) }()
	for _, part := range []struct {
		handle *keyset.Handle
		target *json.RawMessage
	}{{c.aead, &f.AEAD}, {c.mac, &f.MAC}} {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(part.handle, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("write a root key: %w", err)
		}
		*part.target = b.Bytes()
	}
	for id, at := range c.made {
		f.Made[strconv.FormatUint(uint64(id), 10)] = at
	}
	return json.MarshalIndent(f, "", "  ")
}

func malformed(err error) error {
	return ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring is malformed").Because(err)
}

func parseFile(content []byte) (f file, err error) {
	if err := json.Unmarshal(content, &f); err != nil {
		return file{}, malformed(errors.New("not JSON")) // json's own error quotes the input
	}
	return f, nil
}

// parse reads the clear form.
func parse(f file) (*contents, error) {
	if f.Version != clearVersion {
		return nil, malformed(fmt.Errorf("version %d", f.Version))
	}
	c := &contents{made: map[uint32]time.Time{}, since: f.Since, unentered: f.Unentered}
	var err error
	if c.aead, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.AEAD))); err != nil {
		return nil, malformed(errors.New("aead is not a keyset"))
	}
	if c.mac, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.MAC))); err != nil {
		return nil, malformed(errors.New("mac is not a keyset"))
	}
	for text, at := range f.Made {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, malformed(errors.New("made names no key"))
		}
		c.made[uint32(id)] = at
	}
	return c, nil
}

// encode gives what is written: the clear form, or what the service has sealed.
func encode(ctx context.Context, service Service, c *contents) ([]byte, error) {
	plain, err := c.marshal()
	if err != nil || service == nil {
		return plain, err
	}
	defer clear(plain)
	dataKey := make([]byte, dataKeySize)
	defer clear(dataKey)
	rand.Read(dataKey) // never fails, by its documentation
	f := file{Version: sealedVersion, Service: service.Name()}
	cipher, err := subtle.NewAESGCM(dataKey)
	if err != nil {
		return nil, fmt.Errorf("seal the keyring: %w", err)
	}
	if f.Sealed, err = cipher.Encrypt(plain, sealedAs); err != nil {
		return nil, fmt.Errorf("seal the keyring: %w", err)
	}
	if f.DataKey, err = service.Encrypt(ctx, dataKey, sealedAs); err != nil {
		return nil, err
	}
	return json.MarshalIndent(f, "", "  ")
}

// decode reads what encode gave. A clear file is not taken where a service was named, nor a sealed one where none was: either would hide a mistake.
func decode(ctx context.Context, service Service, content []byte) (*contents, error) {
	f, err := parseFile(content)
	if err != nil {
		return nil, err
	}
	defer func() { clear(f.AEAD); clear(f.MAC) }()
	switch {
	case f.Version == sealedVersion && service == nil:
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring is sealed by a key service; EKYC_ROOT_KEY_SERVICE must say which").With("service", f.Service)
	case f.Version == clearVersion && service != nil:
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "a key service is named, but the keyring is not sealed by one; `ekyc keys seal-root` does that")
	case service == nil:
		return parse(f)
	case f.Version != sealedVersion:
		return nil, malformed(fmt.Errorf("version %d", f.Version))
	}
	dataKey, err := service.Decrypt(ctx, f.DataKey, sealedAs)
	if err != nil {
		return nil, err
	}
	defer clear(dataKey)
	cipher, err := subtle.NewAESGCM(dataKey)
	if err != nil {
		return nil, malformed(errors.New("the data key is not one"))
	}
	plain, err := cipher.Decrypt(f.Sealed, sealedAs)
	if err != nil {
		return nil, malformed(errors.New("it was altered after it was sealed"))
	}
	defer clear(plain)
	inner, err := parseFile(plain)
	if err != nil {
		return nil, err
	}
	defer func() { clear(inner.AEAD); clear(inner.MAC) }()
	return parse(inner)
}

// stamp tells versions of a file apart: a change is a rename, which gives it another inode.
type stamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// load reads and opens a ring's file, which must be its owner's alone.
func load(ctx context.Context, path string, service Service) (*contents, stamp, error) {
	content, info, err := secretfile.ReadInfo(path, fileLimit)
	if err != nil {
		return nil, stamp{}, err
	}
	defer clear(content)
	c, err := decode(ctx, service, content)
	return c, stampOf(info), err
}

// update changes a ring's file, all or nothing, while nobody else does. Who reads it meanwhile finds the old one or the new.
func update(ctx context.Context, path string, from, to Service, change func(*contents) error) error {
	held, err := hold(path)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := removeTemporaries(path); err != nil { // they hold keys
		return fmt.Errorf("write the keyring: %w", err)
	}
	c, _, err := load(ctx, path, from)
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		return err
	}
	content, err := encode(ctx, to, c)
	if err != nil {
		return err
	}
	defer clear(content)
	temporary, err := durable.Temporary(filepath.Dir(path), temporaryOf(path)+"*", content)
	if err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return fmt.Errorf("write the keyring: %w", err)
	}
	if err := durable.SyncDirectory(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return nil
}

func temporaryOf(path string) string { return "." + filepath.Base(path) + "-new-" }

// removeTemporaries removes what writers of path have left behind that were killed. It may be called only while there is no other.
func removeTemporaries(path string) error {
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), temporaryOf(path)) {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(path), entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// hold locks a ring's file against other changes until it is closed.
func hold(path string) (*os.File, error) {
	for {
		f, err := os.Open(path)
		if err != nil {
			return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring %s cannot be read", path).Because(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring cannot be locked").Because(err)
		}
		mine, err := f.Stat()
		if now, err2 := os.Stat(path); err == nil && err2 == nil && os.SameFile(mine, now) {
			return f, nil
		}
		f.Close() // it was replaced while we waited for it
	}
}

// IDs are the identifiers of a keyset's keys, the oldest first.
func IDs(handle *keyset.Handle) []uint32 {
	var list []uint32
	for _, k := range handle.KeysetInfo().GetKeyInfo() {
		list = append(list, k.GetKeyId())
	}
	return list
}

// forget drops what is known of keys that are not there any more.
func (c *contents) forget() {
	there := IDs(c.aead)
	maps.DeleteFunc(c.made, func(id uint32, _ time.Time) bool { return !slices.Contains(there, id) })
}
