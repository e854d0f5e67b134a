// Package keyring holds the root keys of an installation: everything else that is sealed is sealed under them, or under keys that are. They lie
// in a file, in the clear for its owner alone or sealed by a key service, and change while processes run.
package keyring

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"ekyc"
	"ekyc/internal/durable"
)

// Options tune a Ring; the zero value serves.
type Options struct {
	Service  Service       // that has sealed the file; nil: the file is clear
	Logger   *slog.Logger  // nil: slog.Default()
	Recheck  time.Duration // how often Watch asks the service; 0: 5 minutes
	Tolerate time.Duration // how long the service may be away before nothing is done any more; 0: 24 hours
}

// Ring holds the root keys: one that encrypts (AES-256-GCM), with those before it, and one that makes keyed hashes (HMAC-SHA256). It follows its
// file: a new key is used within a second, and at once by who meets something sealed under it. It is safe for concurrent use.
type Ring struct {
	path    string
	options Options
	logger  *slog.Logger
	begun   time.Time // what seen counts from, on the clock that never goes back

	current atomic.Pointer[keys]
	seen    atomic.Int64 // when they were last known to be those of the file
	asking  atomic.Bool  // somebody looks, and nobody waits for it
	reading sync.Mutex   // held by who reads the file
	failed  time.Time    // when that last failed; of who holds the mutex

	watch watched
}

// keys are a ring as it was in the file at one moment.
type keys struct {
	aead    tink.AEAD
	mac     tink.MAC
	ids     []uint32 // of what seals, the oldest first
	primary uint32
	made    map[uint32]time.Time
	since   time.Time
	at      stamp

	unentered []Change
}

// How old a look at the file may be when something is sealed. A look is a stat, and a read when the file has changed.
const (
	lookEvery  = time.Second
	lookLatest = time.Minute      // then who seals waits for it, with a key service too
	lookMost   = 10 * time.Minute // then nothing is sealed: a key that was replaced so long ago may be retired
	lookAgain  = 5 * time.Second  // how long a file that could not be read is left alone
)

// Open reads the clear ring at path. Errors: ErrFileUnreadable when it is absent, malformed, or may be read by anyone but its owner.
func Open(path string) (*Ring, error) { return OpenWith(context.Background(), path, Options{}) }

// OpenWith is Open with options. Errors: also those of the key service.
func OpenWith(ctx context.Context, path string, o Options) (*Ring, error) {
	r := newRing(path, o)
	c, at, err := load(ctx, path, o.Service)
	if err != nil {
		return nil, err
	}
	k, err := c.ready(at)
	if err != nil {
		return nil, err
	}
	r.current.Store(k)
	r.watch.confirmed(r.begun)
	return r, nil
}

func newRing(path string, o Options) *Ring {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Recheck <= 0 {
		o.Recheck = 5 * time.Minute
	}
	if o.Tolerate <= 0 {
		o.Tolerate = 24 * time.Hour
	}
	return &Ring{path: path, options: o, logger: o.Logger, begun: time.Now()}
}

// Create makes new root keys and writes them to path in the clear, all or nothing. Errors: ErrConflict when the file exists: root keys are
// never written over.
func Create(path string) (*Ring, error) { return CreateWith(context.Background(), path, Options{}) }

// CreateWith is Create with options: where there is a key service it seals the file. Errors: also those of the service.
func CreateWith(ctx context.Context, path string, o Options) (*Ring, error) {
	c, err := newContents(time.Now())
	if err != nil {
		return nil, err
	}
	content, err := encode(ctx, o.Service, c)
	if err != nil {
		return nil, err
	}
	defer clear(content)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the keyring's directory: %w", err)
	}
	temporary, err := durable.Temporary(filepath.Dir(path), temporaryOf(path)+"*", content)
	if err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); errors.Is(err, fs.ErrExist) { // unlike a rename, a link never replaces
		return nil, ekyc.Errorf(ekyc.ErrConflict, "there is a keyring already")
	} else if err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	if err := durable.SyncDirectory(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("write the keyring: %w", err)
	}
	return OpenWith(ctx, path, o)
}

// ready gives the primitives of a ring.
func (c *contents) ready(at stamp) (*keys, error) {
	k := &keys{ids: IDs(c.aead), primary: c.aead.KeysetInfo().GetPrimaryKeyId(), made: c.made, since: c.since, at: at, unentered: c.unentered}
	var err error
	if k.aead, err = Sealer(c.aead); err != nil {
		return nil, malformed(err)
	}
	if k.mac, err = Hasher(c.mac); err != nil {
		return nil, malformed(err)
	}
	return k, nil
}

// Seal encrypts and authenticates plaintext under the root key. The purpose is bound to it: Open needs the same. Errors: ErrUnavailable
// while the key service refuses the root keys.
func (r *Ring) Seal(purpose string, plaintext []byte) ([]byte, error) {
	k, err := r.forSealing()
	if err != nil {
		return nil, err
	}
	sealed, err := k.aead.Encrypt(plaintext, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("seal under the root key: %w", err)
	}
	return sealed, nil
}

// Open gives back what Seal was given. Errors: ErrInternal when it was sealed by another keyring or for another purpose, or was altered;
// ErrUnavailable while the key service refuses the root keys.
func (r *Ring) Open(purpose string, sealed []byte) ([]byte, error) {
	k, err := r.forOpening(sealed)
	if err != nil {
		return nil, err
	}
	plaintext, err := k.aead.Decrypt(sealed, []byte(purpose))
	if err != nil {
		return nil, DoesNotOpen(err)
	}
	return plaintext, nil
}

// MAC gives the keyed hash of data for one purpose: 32 bytes, the same for the same input as long as the keyring lives.
func (r *Ring) MAC(purpose string, data []byte) []byte {
	sum, err := KeyedHash(r.current.Load().mac, purpose, data)
	if err != nil {
		panic("keyring: HMAC of bytes in memory failed: " + err.Error()) // the only errors are of an unusable key, refused when it was read
	}
	return sum
}

// Wrap seals a keyset under the root key; name says whose it is and is bound to it. Errors: as of Seal.
func (r *Ring) Wrap(handle *keyset.Handle, name string) ([]byte, error) {
	k, err := r.forSealing()
	if err != nil {
		return nil, err
	}
	return Wrap(k.aead, handle, name)
}

// Unwrap opens what Wrap gave for the same name. Errors: as of Open.
func (r *Ring) Unwrap(wrapped []byte, name string) (*keyset.Handle, error) {
	sealed, err := Wrapped(wrapped)
	if err != nil {
		return nil, err
	}
	k, err := r.forOpening(sealed)
	if err != nil {
		return nil, err
	}
	return Unwrap(k.aead, wrapped, name)
}

// KeyOf says under which key something was sealed, and false for what no key of ours has sealed.
func KeyOf(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < 5 || sealed[0] != 1 { // Tink's prefix: a version and the key's identifier
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:5]), true
}

// forSealing gives the keys of now: who seals must not do so under a key that was replaced long ago, since that may be gone from the file.
// Errors: ErrUnavailable when the file could not be read as it is for ten minutes.
func (r *Ring) forSealing() (*keys, error) {
	if err := r.Ready(); err != nil {
		return nil, err
	}
	switch age := r.age(); {
	case age < lookEvery:
	case age < lookLatest && r.options.Service != nil: // a key service takes its time, and nobody is to wait for it
		if r.asking.CompareAndSwap(false, true) {
			go func() {
				defer r.asking.Store(false)
				r.look()
			}()
		}
	default:
		r.look()
	}
	if r.age() > lookMost {
		return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the root keys cannot be read any more")
	}
	return r.current.Load(), nil
}

// age is how long ago the keys were known to be those of the file.
func (r *Ring) age() time.Duration { return time.Since(r.begun) - time.Duration(r.seen.Load()) }

// look follows the file, unless somebody has just done so or failed to.
func (r *Ring) look() {
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.age() < lookEvery || time.Since(r.failed) < lookAgain {
		return
	}
	if err := r.follow(context.Background()); err != nil {
		r.failed = time.Now()
		r.logger.Warn("the keyring cannot be read as it is now; the keys of before are used", "error.message", err.Error(), "cause", causeOf(err))
	}
}

// forOpening gives keys that something can be opened with: where it was sealed under one that is not known here, the file is looked at.
func (r *Ring) forOpening(sealed []byte) (*keys, error) {
	if err := r.Ready(); err != nil {
		return nil, err
	}
	k := r.current.Load()
	id, ok := KeyOf(sealed)
	if !ok || slices.Contains(k.ids, id) {
		return k, nil
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := r.follow(context.Background()); err != nil {
		return nil, err
	}
	if k = r.current.Load(); !slices.Contains(k.ids, id) {
		return nil, DoesNotOpen(fmt.Errorf("it is sealed under the root key %s, which the file does not hold", KeyName(id)))
	}
	return k, nil
}

// follow reads the file where it is another than the one that is known. Who calls it holds r.reading.
func (r *Ring) follow(ctx context.Context) error {
	info, err := os.Stat(r.path)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the keyring cannot be read").Because(err)
	}
	if stampOf(info) == r.current.Load().at {
		r.seen.Store(int64(time.Since(r.begun)))
		return nil
	}
	return r.reload(ctx)
}

// reload reads the file. Who calls it holds r.reading.
func (r *Ring) reload(ctx context.Context) error {
	c, at, err := load(ctx, r.path, r.options.Service)
	if err != nil {
		return err
	}
	k, err := c.ready(at)
	if err != nil {
		return err
	}
	r.seen.Store(int64(time.Since(r.begun)))
	if before := r.current.Swap(k); before.primary != k.primary {
		r.logger.Info("another root key seals from now on", "key", KeyName(k.primary), "before", KeyName(before.primary))
	}
	return nil
}

// Reload reads the file anew, whether it has changed or not. Errors: those of OpenWith; the keys of before stay then.
func (r *Ring) Reload(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	return r.reload(ctx)
}

// KeyName is how a key's identifier is written.
func KeyName(id uint32) string { return fmt.Sprintf("%08x", id) }

// causeOf words the private cause of an error for the log; those of this package quote no file.
func causeOf(err error) string {
	if cause := errors.Unwrap(err); cause != nil {
		return cause.Error()
	}
	return ""
}
