package receipt

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

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
		salt, err := s.vault.Open(ctx, tx, scope, r.SubjectID, saltOf(job), r.Salt)
		if err != nil {
			return err
		}
		out.Openings = &Openings{Salt: hex.EncodeToString(salt)}
		return nil
	})
	return out, err
}

const sweepBatch = 1000

// Sweep forgets the receipts of jobs that are not kept.
func (s *Service) Sweep(ctx context.Context) error {
	for deleted := int64(sweepBatch); deleted == sweepBatch; {
		err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `delete from receipt where (tenant_id, environment, job_id, sequence) in (
				select tenant_id, environment, job_id, sequence from receipt where drop_at <= clock_timestamp() order by drop_at limit $1)`, sweepBatch)
			deleted = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("forget receipts: %w", err)
		}
	}
	return nil
}
