// Package erasure forgets a subject everywhere: its key, and with it all that was sealed under it; what each room holds of it; its media and their
// files. What waits for it is cancelled, and what is on the way to receivers goes on without personal data.
//
// An erasure is one transaction. Once that is committed its files are removed, it is written into the [Ledger], which lies outside of the database,
// and a certificate is signed; only then are the client and its receivers told. What a crash leaves of this, [Service.Sweep] completes. A database that was
// restored from a backup has forgotten erasures: [Service.Replay] repeats them from the ledger before a process serves.
package erasure

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the tables of erasures. They follow those of the vault.
var Migrations = store.Migrations{Package: "erasure", Files: migrationFiles, Directory: "migrations"}

// KindErasure is the kind of an erasure's identifier.
const KindErasure ekyc.Kind = "era"

// DefaultKeyBackups is how long copies of the keys are kept unless the operator says otherwise.
const DefaultKeyBackups = 24 * time.Hour

// Options tune a service; the zero value serves.
type Options struct {
	Parts []Part // what other rooms hold, in the order in which it goes
	// KeyBackups is the longest time for which the operator keeps any copy of the subjects' keys: dumps, archived journals, snapshots of disks. 0 for
	// DefaultKeyBackups. Certificates name the end of it.
	KeyBackups time.Duration
	// LostEntries are numbers of the ledger's entries that are lost for good, and are not missed; 0 for each of those from before there were numbers.
	LostEntries []int64
	Checkpoint  func(ctx context.Context) (string, error) // the audit log's latest; nil: certificates carry none
	Program     string                                    // its version
	Logger      *slog.Logger                              // nil for slog.Default()
}

// Service erases. It is safe for concurrent use, in any number of processes on one database.
type Service struct {
	db       *store.DB
	vault    *vault.Vault
	ledger   *Ledger
	audit    *audit.Log
	webhooks *webhook.Service
	receipts *receipt.Service
	options  Options
	turn     chan struct{} // of who adds to the ledger in this process
}

// New makes a service.
func New(db *store.DB, v *vault.Vault, ledger *Ledger, log *audit.Log, webhooks *webhook.Service, receipts *receipt.Service, o Options) *Service {
	if o.KeyBackups <= 0 {
		o.KeyBackups = DefaultKeyBackups
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{db, v, ledger, log, webhooks, receipts, o, make(chan struct{}, 1)}
}

// Why a subject was erased.
const (
	CauseRequest = "request" // its tenant asked for it
	CauseRestore = "restore" // a restored database had forgotten that it was erased
)

// Erase forgets a subject everywhere and certifies it. The certificate is not there yet where files could not be removed; the sweep goes on with
// them. Errors: ErrNotFound; ErrGone when it was erased before and that is completed; ErrConflict while there is a legal hold on it;
// ErrUnavailable when the ledger cannot be written: the subject is erased then, and to erase it again completes that.
func (s *Service) Erase(ctx context.Context, scope ekyc.Scope, subject ekyc.ID) (Signed, error) {
	var id ekyc.ID
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = s.erase(ctx, tx, vault.Erasure{Scope: scope, Subject: subject}, CauseRequest)
		return err
	})
	if ekyc.CodeOf(err) == ekyc.ErrGone {
		var pending error
		if id, pending = s.pending(ctx, scope, subject); pending != nil {
			return Signed{}, pending
		}
		if id == "" {
			return Signed{}, err
		}
	} else if err != nil {
		return Signed{}, err
	}
	signed, err := s.complete(ctx, scope, id)
	if errors.Is(err, errFilesLeft) {
		return Signed{}, nil
	}
	return signed, err
}

// pending gives the erasure of a subject that is not completed; "" where there is none.
func (s *Service) pending(ctx context.Context, scope ekyc.Scope, subject ekyc.ID) (id ekyc.ID, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select id from erasure where tenant_id = $1 and environment = $2 and subject_id = $3 and completed_at is null`,
			scope.Tenant, scope.Environment, subject).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look for an erasure: %w", err)
	}
	return id, nil
}

// erase is the transaction of an erasure. The subject is locked first, so that nothing is put to it meanwhile; its key goes last, since rooms need
// it to tell what is the subject's.
func (s *Service) erase(ctx context.Context, tx pgx.Tx, e vault.Erasure, cause string) (ekyc.ID, error) {
	if cause == CauseRequest { // what the ledger says is repeated whatever hold a restored database still has
		if err := s.vault.HoldSubject(ctx, tx, e.Scope, e.Subject); err != nil {
			return "", err
		}
	}
	refHash, _, err := s.RefHash(ctx, tx, e.Scope, e.Subject)
	if err != nil {
		return "", err
	}
	parts, err := s.eraseParts(ctx, tx, e.Scope, e.Subject)
	if err != nil {
		return "", err
	}
	at, files, err := s.vault.EraseSubjectAt(ctx, tx, e.Scope, e.Subject, e.At)
	if err != nil {
		return "", err
	}
	parts = append(parts, Removed{"media", len(files)})
	// In the open: that it was erased must be seen for ever, and the name alone tells nothing any more.
	entry, err := s.audit.AppendNamed(ctx, tx, audit.Entry{Action: audit.SubjectErase, Scope: e.Scope, Objects: []ekyc.ID{e.Subject}})
	if err != nil {
		return "", err
	}
	id := ekyc.NewID(KindErasure)
	_, err = tx.Exec(ctx, `insert into erasure (tenant_id, environment, id, subject_id, cause, erased_at, parts, files, audit_entry, ref_hash)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, e.Scope.Tenant, e.Scope.Environment, id, e.Subject, cause, at, parts, append([]string{}, files...), entry, refHash)
	if err != nil {
		return "", fmt.Errorf("note an erasure: %w", err)
	}
	return id, nil
}

// RefHash gives the hash of a subject's reference (vault.RefHash), in a part's transaction; nil where it has none, and of a subject that is only not kept:
// nobody has asked for the end of what is under way for its reference. At the second look it also says until when the
// reference was this subject's: what is made for it later is for a new one.
func (s *Service) RefHash(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (hash []byte, until *time.Time, err error) {
	err = tx.QueryRow(ctx, `select case when u.subject_id is null then coalesce(s.ref_hash, e.ref_hash) end, s.erased_at
		from subject s left join erasure e on e.tenant_id = s.tenant_id and e.environment = s.environment and e.subject_id = s.id
		left join erasure_unkept u on u.tenant_id = s.tenant_id and u.environment = s.environment and u.subject_id = s.id
		where s.tenant_id = $1 and s.environment = $2 and s.id = $3`, scope.Tenant, scope.Environment, subject).Scan(&hash, &until)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, fmt.Errorf("read by what a subject is found: %w", err)
	}
	return hash, until, nil
}

// eraseParts lets each room forget the subject.
func (s *Service) eraseParts(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) ([]Removed, error) {
	removed := make([]Removed, 0, len(s.options.Parts)+1)
	for _, part := range s.options.Parts {
		n, err := part.Erase(ctx, tx, scope, subject)
		if ekyc.CodeOf(err) == ekyc.ErrGone { // which would be taken for the subject's own
			return nil, ekyc.Errorf(ekyc.ErrInternal, "what is held of a subject could not be erased: %s", part.Name).Because(err)
		}
		if err != nil {
			return nil, fmt.Errorf("erase %s: %w", part.Name, err)
		}
		removed = append(removed, Removed{part.Name, n})
	}
	return removed, nil
}

// Forget is Erase without its certificate, for subjects that are not kept: it runs in the caller's transaction and gives the files that the caller
// removes once that is committed. The ledger learns of it from the sweep, which looks a second time as after others. Nobody is told. Errors: as with vault.EraseSubject.
func (s *Service) Forget(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) ([]string, error) {
	if err := s.vault.HoldSubject(ctx, tx, scope, subject); err != nil {
		return nil, err
	}
	// First, so that the rooms see it: RefHash. The moment is that of EraseSubject, the transaction's.
	_, err := tx.Exec(ctx, `insert into erasure_unkept (tenant_id, environment, subject_id, erased_at) values ($1, $2, $3, now())`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return nil, fmt.Errorf("note that a subject is forgotten: %w", err)
	}
	if _, err := s.eraseParts(ctx, tx, scope, subject); err != nil {
		return nil, err
	}
	return s.vault.EraseSubject(ctx, tx, scope, subject)
}

// eventEncoding is that of identifiers.
var eventEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// eventID is the identifier of the event of an erasure: the same when the erasure is repeated after a restore, so that receivers know the event.
func eventID(subject ekyc.ID, at time.Time) ekyc.ID {
	sum := sha256.Sum256([]byte("subject.erased|" + string(subject)))
	var u [16]byte
	copy(u[6:], sum[:])
	binary.BigEndian.PutUint64(u[:8], uint64(at.UnixMilli())<<16|7<<12|uint64(binary.BigEndian.Uint16(sum[:2]))&0xfff)
	u[8] = u[8]&0x3f | 0x80 // as UUIDv7
	return ekyc.ID(string(ekyc.KindEvent) + "_" + eventEncoding.EncodeToString(u[:]))
}
