package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// keyPurpose binds a sealed key to its row. The first one is from when there was one only.
func keyPurpose(number int) string {
	if number == 1 {
		return "audit/signing_key"
	}
	return "audit/signing_key/" + strconv.Itoa(number)
}

// keyLock is the advisory lock under which the first process makes the key.
const keyLock = 0x656b79636102 // "ekyca" and 2

// originPrefix begins the names of logs; random digits follow, since an installation has no name of its own that nobody else has.
const originPrefix = "ekyc/audit/"

// signingKey is the key that signs, with its private half.
type signingKey struct {
	number int
	public string // verifier key
	signer note.Signer
}

// Key is a key of the log as it is published. Keys are those of one log, under one name.
type Key struct {
	Verifier     string     `json:"verifier_key" doc:"As C2SP signed-note writes keys."`
	FirstSize    int64      `json:"first_size" doc:"Entries of the tree from which it signs."`
	LastSize     *int64     `json:"last_size,omitempty" doc:"And up to which; absent while it signs."`
	From         time.Time  `json:"valid_from"`
	Until        *time.Time `json:"valid_until,omitempty"`
	Introduction string     `json:"introduction,omitempty" doc:"The checkpoint of first_size, signed by this key and by the one before. The first key has none."`
}

// ensureKey makes the first key where there is none.
func (l *Log) ensureKey(ctx context.Context) error {
	if l.made.Load() {
		return nil
	}
	err := l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := l.currentKey(ctx, tx)
		return err
	})
	l.made.Store(err == nil)
	return err
}

// currentKey gives the key that signs now, and makes it where there is none yet. Who signs a tree holds the sequencer's lock, under which no key ends.
func (l *Log) currentKey(ctx context.Context, tx pgx.Tx) (signingKey, error) {
	number, public, sealed, err := readKey(ctx, tx)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(keyLock)); err == nil {
			number, public, sealed, err = readKey(ctx, tx)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return l.makeKey(ctx, tx)
		}
	}
	if err != nil {
		return signingKey{}, fmt.Errorf("read the key of the audit log: %w", err)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.opened.public == public {
		return l.opened, nil
	}
	private, err := l.sealer.Open(keyPurpose(number), sealed)
	if err != nil {
		return signingKey{}, fmt.Errorf("open the key of the audit log: %w", err)
	}
	defer clear(private)
	signer, err := note.NewSigner(string(private))
	if err != nil {
		return signingKey{}, fmt.Errorf("use the key of the audit log: %w", err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return signingKey{}, ekyc.Errorf(ekyc.ErrInternal, "the key of the audit log is not the one that is published")
	}
	l.opened = signingKey{number, public, signer}
	return l.opened, nil
}

func readKey(ctx context.Context, tx pgx.Tx) (number int, public string, sealed []byte, err error) {
	err = tx.QueryRow(ctx, `select number, verifier, sealed from audit_key where retired_at is null`).Scan(&number, &public, &sealed)
	return number, public, sealed, err
}

// makeKey makes the first key, and the checkpoint of the empty tree, so that there is always one.
func (l *Log) makeKey(ctx context.Context, tx pgx.Tx) (signingKey, error) {
	var name [8]byte
	rand.Read(name[:]) // never fails, by its documentation
	key, err := l.insertKey(ctx, tx, 1, originPrefix+hex.EncodeToString(name[:]), 0)
	if err != nil {
		return signingKey{}, fmt.Errorf("make the key of the audit log: %w", err)
	}
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		return signingKey{}, err
	}
	return key, insertCheckpoint(ctx, tx, 0, root, checkpointText(key.signer.Name(), 0, root), key.signer)
}

// insertKey makes a key that signs from the size on.
func (l *Log) insertKey(ctx context.Context, tx pgx.Tx, number int, origin string, size int64) (signingKey, error) {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return signingKey{}, err
	}
	sealed, err := l.sealer.Seal(keyPurpose(number), []byte(private))
	if err != nil {
		return signingKey{}, err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return signingKey{}, err
	}
	_, err = tx.Exec(ctx, `insert into audit_key (number, verifier, sealed, first_size, created_at) values ($1, $2, $3, $4, clock_timestamp())`, number, public, sealed, size)
	return signingKey{number, public, signer}, err
}

// RotateKey replaces the key that signs by a new one. What had no place yet gets it with the entry of the rotation, and that tree's checkpoint is the last
// of the one key and the first of the other: it names both, and both sign it. The former private half is destroyed with that. Every process signs by the new key
// from then on, since each reads it for what it signs.
func (l *Log) RotateKey(ctx context.Context, actor Actor) error {
	if err := l.ensureKey(ctx); err != nil {
		return err
	}
	for n := batch; n == batch; { // so that little is left to be done under the lock
		var err error
		if n, err = l.Sequence(ctx); err != nil {
			return err
		}
	}
	err := l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(sequencerLock)); err != nil {
			return err
		}
		old, err := l.currentKey(ctx, tx)
		if err != nil {
			return err
		}
		number := old.number + 1
		entry, err := l.AppendNamed(ctx, tx, Entry{Action: AuditKeyRotate, Actor: actor, Details: Details{Version: strconv.Itoa(number)}})
		for placed := false; err == nil && !placed; {
			_, err = l.sequence(ctx, tx, func(ids []string, size int64, root tlog.Hash) error {
				if placed = slices.Contains(ids, string(entry)); !placed {
					return insertCheckpoint(ctx, tx, size, root, checkpointText(old.signer.Name(), size, root), old.signer)
				}
				return l.succeed(ctx, tx, old, number, size, root)
			})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("rotate the key of the audit log: %w", err)
	}
	return nil
}

// succeed ends a key at a tree and makes the next, which begins there.
func (l *Log) succeed(ctx context.Context, tx pgx.Tx, old signingKey, number int, size int64, root tlog.Hash) error {
	_, err := tx.Exec(ctx, `update audit_key set retired_at = clock_timestamp(), last_size = $2, sealed = null where number = $1`, old.number, size)
	if err != nil {
		return err
	}
	next, err := l.insertKey(ctx, tx, number, old.signer.Name(), size)
	if err != nil {
		return err
	}
	return insertCheckpoint(ctx, tx, size, root, introductionText(old.signer.Name(), size, root, old.public, next.public), old.signer, next.signer)
}

// Keys gives every key that has ever signed, the first one first.
func (l *Log) Keys(ctx context.Context) ([]Key, error) {
	if err := l.ensureKey(ctx); err != nil {
		return nil, err
	}
	rows, err := l.db.ServicePool().Query(ctx, `select verifier, first_size, last_size, created_at, retired_at, case when number > 1 then note else '' end
		from audit_key join audit_checkpoint on size = first_size order by number`)
	if err != nil {
		return nil, fmt.Errorf("list the keys of the audit log: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return nil, fmt.Errorf("list the keys of the audit log: %w", err)
	}
	return list, nil
}

// Lines of the checkpoint by which one key introduces the next. They are extensions in the sense of C2SP tlog-checkpoint.
const (
	introducedBy = "key "
	introduced   = "next key "
)

func introductionText(origin string, size int64, root tlog.Hash, from, to string) string {
	return checkpointText(origin, size, root) + introducedBy + from + "\n" + introduced + to + "\n"
}

// introduction is what one key has said of the next: that it signs from that tree on.
type introduction struct {
	from, to string // verifier keys
	tree     Checkpoint
}

// openIntroduction reads an introduction. Both keys must have signed it: the one says that the other is the next, and the other that it is.
func openIntroduction(signed []byte) (i introduction, err error) {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[3], introducedBy) || !strings.HasPrefix(lines[4], introduced) {
		return i, errors.New("the introduction of a key is malformed")
	}
	i.from, i.to = strings.TrimPrefix(lines[3], introducedBy), strings.TrimPrefix(lines[4], introduced)
	for _, key := range []string{i.from, i.to} {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return i, errors.New("the introduction of a key names no key")
		}
		if i.tree, err = OpenCheckpoint(signed, verifier); err != nil {
			return i, fmt.Errorf("the introduction of a key is not signed by %s: %w", keyID(key), err)
		}
	}
	return i, nil
}

// keyID is the part of a verifier key by which notes name it.
func keyID(public string) string {
	if parts := strings.SplitN(public, "+", 3); len(parts) == 3 {
		return parts[1]
	}
	return "another key"
}
