package receipt

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Get gives a job's receipt: that of the sequence, the last for 0; with its openings where they are asked for. Errors: ErrNotFound where there is
// none, ErrGone for the openings once the subject is erased.
func (s *Service) Get(ctx context.Context, scope ekyc.Scope, job ekyc.ID, sequence int, openings bool) (Signed, error) {
	var out Signed
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		r, err := read(ctx, tx, scope, job, sequence)
		if err != nil {
			return err
		}
		out = Signed{Receipt: json.RawMessage(r.Body), Signature: base64.StdEncoding.EncodeToString(r.Signature), KeyID: r.KeyID}
		if !openings {
			return nil
		}
		if r.Salt == nil { // the first receipt has it
			if r, err = read(ctx, tx, scope, job, 1); err != nil {
				return err
			}
		}
		if r.Salt == nil {
			return ekyc.Errorf(ekyc.ErrGone, "the subject has been erased")
		}
		salt, err := s.vault.Open(ctx, tx, scope, r.SubjectID, saltOf(job), r.Salt)
		if err != nil {
			return err
		}
		out.Openings = &Openings{Salt: hex.EncodeToString(salt)}
		return nil
	})
	return out, err
}

const (
	sweepBatch        = 1000
	retentionOfBefore = 30 * 24 * time.Hour // of what was issued without an end
)

// Limit brings the end of a scope's receipts forward to so long after each was issued, for at most so many, and gives how many it changed.
func (s *Service) Limit(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
	tag, err := tx.Exec(ctx, `update receipt set drop_at = issued_at + $3::interval where tenant_id = $1 and environment = $2 and (job_id, sequence) in (
			select job_id, sequence from receipt where tenant_id = $1 and environment = $2 and drop_at > issued_at + $3::interval
			order by drop_at desc limit $4)`,
		scope.Tenant, scope.Environment, d, most)
	if err != nil {
		return 0, fmt.Errorf("bring the end of receipts forward: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Sweep forgets the receipts of jobs whose time is over. One that a program of before there were ends has issued gets one.
func (s *Service) Sweep(ctx context.Context) error {
	_, err := s.db.SystemPool().Exec(ctx, `update receipt set drop_at = issued_at + $1::interval where (tenant_id, environment, job_id, sequence) in (
		select tenant_id, environment, job_id, sequence from receipt where drop_at is null limit $2)`, retentionOfBefore, sweepBatch)
	if err != nil {
		return fmt.Errorf("give receipts an end: %w", err)
	}
	for deleted := int64(sweepBatch); deleted == sweepBatch; {
		err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `delete from receipt where (tenant_id, environment, job_id, sequence) in (
				select tenant_id, environment, job_id, sequence from receipt
				where drop_at <= now() and not held order by drop_at limit $1 for update skip locked)`, sweepBatch)
			deleted = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("forget receipts: %w", err)
		}
	}
	return nil
}
