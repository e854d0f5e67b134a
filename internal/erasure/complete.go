package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

// errFilesLeft is that an erasure cannot be certified yet.
var errFilesLeft = errors.New("files of an erased subject could not be removed")

// row is an erasure that is to be completed.
type row struct {
	SubjectID  ekyc.ID
	Cause      string
	ErasedAt   time.Time
	Parts      []Removed
	Files      []string
	AuditEntry ekyc.ID
}

// complete does what follows the transaction of an erasure: the ledger, the files, the certificate. Each of it may be done again, by whichever process.
func (s *Service) complete(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Signed, error) {
	var r row
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select subject_id, cause, erased_at, parts, files, audit_entry from erasure
			where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id)
		if err != nil {
			return err
		}
		r, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
		return err
	})
	if err != nil {
		return Signed{}, fmt.Errorf("read an erasure: %w", err)
	}
	erased := vault.Erasure{Scope: scope, Subject: r.SubjectID, At: r.ErasedAt.UTC()}
	entry, err := s.writeLedger(ctx, erased) // first: nothing after it matters as much
	if err != nil {
		return Signed{}, err
	}
	written := time.Now().UTC()
	if err := s.vault.Ledgered(ctx, erased); err != nil {
		return Signed{}, err
	}
	if err := s.vault.DeleteBlobs(ctx, r.Files); err != nil {
		s.options.Logger.WarnContext(ctx, "files of an erased subject could not be removed and are tried again", "erasure", id, "error.message", err.Error())
		return Signed{}, errFilesLeft
	}
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error { return s.certify(ctx, tx, scope, id, r, entry, written) })
	if err != nil {
		return Signed{}, err
	}
	return s.CertificateOf(ctx, scope, r.SubjectID)
}

// certify signs what was done and tells receivers, unless another has meanwhile.
func (s *Service) certify(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, r row, entry string, written time.Time) error {
	var done bool
	var backupsEnd time.Time
	err := tx.QueryRow(ctx, `select completed_at is not null, greatest($4::timestamptz, (select max(expires_at) from key_backup where made_at <= clock_timestamp()))
		from erasure where tenant_id = $1 and environment = $2 and id = $3 for update`,
		scope.Tenant, scope.Environment, id, r.ErasedAt.Add(s.options.KeyBackups)).Scan(&done, &backupsEnd)
	if err != nil || done {
		return err
	}
	c := Certificate{
		Version: Version, ID: id, Tenant: scope.Tenant, Environment: scope.Environment, Subject: r.SubjectID, Cause: r.Cause, ErasedAt: r.ErasedAt.UTC(),
		KeyBackupsEnd: backupsEnd.UTC(), Parts: append([]Removed{{"key", 1}}, append(r.Parts, Removed{"files", len(r.Files)})...), LedgerEntry: entry, LedgeredAt: written.Truncate(time.Microsecond),
		AuditEntry: r.AuditEntry, StillHeld: stillHeld, Program: s.options.Program,
	}
	if s.options.Checkpoint != nil {
		if c.Checkpoint, err = s.options.Checkpoint(ctx); err != nil { // an erasure does not wait for the log
			s.options.Logger.WarnContext(ctx, "an erasure is certified without the audit log's latest checkpoint", "error.message", err.Error())
		}
	}
	signed, err := s.receipts.SignDocument(ctx, tx, func(keyID string, at time.Time) any {
		c.KeyID, c.IssuedAt = keyID, at
		return c
	})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update erasure set files = null, ledger_entry = $4, ledgered_at = $5, certificate = $6, signature = $7, key_id = $8, completed_at = clock_timestamp()
		where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id, entry, written, string(signed.Body), signed.Signature, signed.KeyID)
	if err != nil {
		return fmt.Errorf("store a certificate: %w", err)
	}
	data := map[string]any{"subject_id": r.SubjectID}
	_, err = s.webhooks.Publish(ctx, tx, scope, webhook.Event{ID: eventID(r.SubjectID, r.ErasedAt), Type: webhook.SubjectErased, Data: data, Thin: data})
	return err
}
