package audit

import (
	"context"
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

// insertCheckpoint signs a tree head and stores it.
func insertCheckpoint(ctx context.Context, tx pgx.Tx, size int64, root tlog.Hash, text string, signers ...note.Signer) error {
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
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

// Checkpoint gives the newest signed tree head, with the key that signs; there is one of the empty tree at the least.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	if err := l.ensureKey(ctx); err != nil {
		return Checkpoint{}, err
	}
	var c Checkpoint
	var root []byte
	err := l.db.ServicePool().QueryRow(ctx, `select size, root, note, signed_at, verifier from audit_checkpoint, audit_key where retired_at is null order by size desc limit 1`).
		Scan(&c.Size, &root, &c.Note, &c.SignedAt, &c.Verifier)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read a checkpoint: %w", err)
	}
	copy(c.Root[:], root)
	c.Origin, _, _ = strings.Cut(c.Verifier, "+")
	return c, nil
}

// OpenCheckpoint reads a signed checkpoint and checks its signature by the verifier key. Lines after the third are extensions, which are
// passed over here: this log writes them where one key introduces the next.
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
