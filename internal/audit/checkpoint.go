package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed tree head.
type Checkpoint struct {
	Origin   string // names the log; unique to the installation
	Size     int64  // entries
	Root     tlog.Hash
	Note     string // the signed form (C2SP tlog-checkpoint, signed-note)
	Verifier string // the key that verifies it, as signed-note writes keys
	SignedAt time.Time
}

// keyPurpose binds the sealed key.
const keyPurpose = "audit/signing_key"

// keyLock is the advisory lock under which the first process makes the key.
const keyLock = 0x656b79636102 // "ekyca" and 2

// originPrefix begins the names of logs; random digits follow, since an installation has no name of its own that nobody else has.
const originPrefix = "ekyc/audit/"

// key gives the signer, and makes it where there is none yet.
func (l *Log) key(ctx context.Context) (note.Signer, string, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.signer != nil {
		return l.signer, l.public, nil
	}
	var public string
	var sealed []byte
	err := l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if public, sealed, err = readKey(ctx, tx); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(keyLock)); err != nil {
			return err
		}
		if public, sealed, err = readKey(ctx, tx); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		public, sealed, err = l.makeKey(ctx, tx)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the key of the audit log: %w", err)
	}
	private, err := l.sealer.Open(keyPurpose, sealed)
	if err != nil {
		return nil, "", fmt.Errorf("open the key of the audit log: %w", err)
	}
	signer, err := note.NewSigner(string(private))
	if err != nil {
		return nil, "", fmt.Errorf("use the key of the audit log: %w", err)
	}
	l.signer, l.public = signer, public
	return signer, public, nil
}

func readKey(ctx context.Context, tx pgx.Tx) (public string, sealed []byte, err error) {
	err = tx.QueryRow(ctx, `select verifier, sealed from audit_key`).Scan(&public, &sealed)
	return public, sealed, err
}

// makeKey makes the key, and the checkpoint of the empty tree, so that there is always one.
func (l *Log) makeKey(ctx context.Context, tx pgx.Tx) (public string, sealed []byte, err error) {
	var name [8]byte
	rand.Read(name[:]) // never fails, by its documentation
	private, public, err := note.GenerateKey(rand.Reader, originPrefix+hex.EncodeToString(name[:]))
	if err != nil {
		return "", nil, err
	}
	if sealed, err = l.sealer.Seal(keyPurpose, []byte(private)); err != nil {
		return "", nil, err
	}
	if _, err := tx.Exec(ctx, `insert into audit_key (verifier, sealed) values ($1, $2)`, public, sealed); err != nil {
		return "", nil, err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return "", nil, err
	}
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		return "", nil, err
	}
	return public, sealed, insertCheckpoint(ctx, tx, signer, 0, root)
}

// insertCheckpoint signs a tree head and stores it.
func insertCheckpoint(ctx context.Context, tx pgx.Tx, signer note.Signer, size int64, root tlog.Hash) error {
	signed, err := note.Sign(&note.Note{Text: checkpointText(signer.Name(), size, root)}, signer)
	if err != nil {
		return fmt.Errorf("sign a checkpoint: %w", err)
	}
	if _, err := tx.Exec(ctx, `insert into audit_checkpoint (size, root, note) values ($1, $2, $3)`, size, root[:], string(signed)); err != nil {
		return fmt.Errorf("store a checkpoint: %w", err)
	}
	return nil
}

func checkpointText(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

// Checkpoint gives the newest signed tree head; there is one of the empty tree at the least.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	signer, public, err := l.key(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Origin: signer.Name(), Verifier: public}
	var root []byte
	err = l.db.ServicePool().QueryRow(ctx, `select size, root, note, signed_at from audit_checkpoint order by size desc limit 1`).
		Scan(&c.Size, &root, &c.Note, &c.SignedAt)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read a checkpoint: %w", err)
	}
	copy(c.Root[:], root)
	return c, nil
}

// OpenCheckpoint reads a signed checkpoint and checks its signature by the verifier key. Lines after the third are extensions, which this log
// does not write and passes over.
func OpenCheckpoint(signed []byte, verifier note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the signature of a checkpoint: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return Checkpoint{}, errors.New("this is not a checkpoint of the log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, errors.New("the size of a checkpoint is malformed")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, errors.New("the root of a checkpoint is malformed")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root, Note: string(signed)}, nil
}
