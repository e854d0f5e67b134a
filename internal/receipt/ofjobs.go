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

// OfJobs gives the receipts of jobs in their order, the first of each with its openings as long as they are held.
func (s *Service) OfJobs(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs []ekyc.ID) (map[ekyc.ID][]Signed, error) {
	type held struct {
		JobID     ekyc.ID
		SubjectID ekyc.ID
		Body      string
		Signature []byte
		KeyID     string
		Salt      []byte
	}
	rows, err := tx.Query(ctx, `select job_id, subject_id, body, signature, key_id, salt from receipt
		where tenant_id = $1 and environment = $2 and job_id = any($3) and `+stillHeld+` order by job_id, sequence`, scope.Tenant, scope.Environment, jobs)
	if err != nil {
		return nil, fmt.Errorf("list receipts: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[held])
	if err != nil {
		return nil, fmt.Errorf("list receipts: %w", err)
	}
	found := map[ekyc.ID][]Signed{}
	for _, r := range all {
		out := Signed{Receipt: json.RawMessage(r.Body), Signature: base64.StdEncoding.EncodeToString(r.Signature), KeyID: r.KeyID}
		if r.Salt != nil {
			salt, err := s.vault.Open(ctx, tx, scope, r.SubjectID, saltOf(r.JobID), r.Salt)
			if err != nil {
				return nil, err
			}
			out.Openings = &Openings{Salt: hex.EncodeToString(salt)}
		}
		found[r.JobID] = append(found[r.JobID], out)
	}
	return found, nil
}
