// Package audit is the log of every security-relevant act of clients, operators and the system, which is only ever added to. It holds no
// personal data: identifiers, values of closed sets, truncated networks, and commitments.
//
// [Log.Append] writes an entry in the act's own transaction, so that there is never one without the other. One process at a time, whichever
// it is, gives the committed entries their places in a Merkle tree (RFC 6962, by golang.org/x/mod/sumdb/tlog) and signs its head as a
// checkpoint (C2SP tlog-checkpoint). Proofs show that an entry stands in a tree and that a later tree holds an earlier one; [Log.Export]
// writes signed segments for a store that nobody can write over, and [Verify] examines these without database or key.
//
// A leaf is the hash of the entry's record, which has a random nonce, so that the hashes in another tenant's proof tell nothing. Where a
// person is concerned the record has a commitment to the subject in place of its identifier: HMAC-SHA256 under a salt that is sealed under
// the subject's key. Erasing the subject destroys the key: the record and its leaf go on being verified, and nobody can tell any more, from
// whatever copy, whom it was about.
package audit

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
var Migrations = store.Migrations{Package: "audit", Files: migrations, Directory: "migrations"}

// KindEntry is the kind of an entry's identifier.
const KindEntry ekyc.Kind = "aud"

// Sealer encrypts under the root key what only this program may read. The purpose is bound to the ciphertext.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Options tune a Log; the zero value serves.
type Options struct {
	Every  time.Duration // between two looks for entries to sequence; 0 for 1 s
	Logger *slog.Logger  // nil for slog.Default()
}

const defaultEvery = time.Second

// Log is the audit log of one database. It is safe for concurrent use.
type Log struct {
	db     *store.DB
	sealer Sealer
	o      Options

	made   atomic.Bool // there is a key
	mutex  sync.Mutex
	opened signingKey // the one that was read last
	latest latest
}

// New makes a Log. Nothing is sequenced before Run.
func New(db *store.DB, sealer Sealer, o Options) *Log {
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Log{db: db, sealer: sealer, o: o}
}

// Entry is an act to be written down.
type Entry struct {
	Action  Action
	Outcome Outcome    // "" for Success
	Scope   ekyc.Scope // whose; without an environment what concerns a tenant in both, zero what is the platform's
	Actor   Actor      // zero for the caller of the context, and where there is none for the system
	Objects []ekyc.ID  // what it was done to; identifiers of keys are among them
	Details Details
	Subject Subject // the person whom it concerns; zero for none
}

// Subject names a person in such a way that the entry tells of it no longer than the subject's key lives.
type Subject struct {
	ID     ekyc.ID
	Salt   []byte // of NewSalt
	Sealed []byte // the salt, sealed under the subject's key as SaltObject
}

// SaltObject is what a salt is to be sealed as.
const SaltObject = "audit/salt"

// Append writes an entry in the transaction of the act that it tells of. Error: ErrInternal for an entry that is outside of what the log may
// hold, and the act is not to be committed then.
func (l *Log) Append(ctx context.Context, tx pgx.Tx, e Entry) error {
	_, err := l.AppendNamed(ctx, tx, e)
	return err
}

// AppendNamed is Append for who has to name the entry: it gives its identifier.
func (l *Log) AppendNamed(ctx context.Context, tx pgx.Tx, e Entry) (ekyc.ID, error) {
	record, at, err := newRecord(ctx, e, time.Now())
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `insert into audit_entry (id, record, at, subject_id, salt) values ($1, $2, $3, nullif($4, ''), $5)`,
		record.ID, record.text(), at, e.Subject.ID, e.Subject.Sealed)
	if err != nil {
		return "", fmt.Errorf("write to the audit log: %w", err)
	}
	return record.ID, nil
}

// Enter runs an act and writes down what it was in the same transaction: one of the scope, or with the zero scope one of the system. What the
// act does with the context that it is given joins that transaction, so [store.DB.Joining] says which acts may. It ends with the act's error.
func (l *Log) Enter(ctx context.Context, scope ekyc.Scope, act func(ctx context.Context) (Entry, error)) error {
	return l.within(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		joined := l.db.JoiningSystem(ctx, tx)
		if scope != (ekyc.Scope{}) {
			joined = l.db.Joining(ctx, scope, tx)
		}
		e, err := act(joined)
		if err != nil {
			return err
		}
		return l.Append(ctx, tx, e)
	})
}

// Lag is how many entries wait for their place in the tree, and since when the oldest of them does.
func (l *Log) Lag(ctx context.Context) (entries int64, age time.Duration, err error) {
	var seconds float64
	err = l.db.SystemPool().QueryRow(ctx, `select count(*), coalesce(greatest(extract(epoch from now() - min(at)), 0), 0)::float8
		from audit_entry where sequenced_at is null`).Scan(&entries, &seconds)
	if err != nil {
		return 0, 0, fmt.Errorf("look at the audit log: %w", err)
	}
	return entries, time.Duration(seconds * float64(time.Second)), nil
}
