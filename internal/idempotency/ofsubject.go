package idempotency

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Remembered is an answer that is remembered for repetitions of its request.
type Remembered struct {
	Status    int             `json:"status"`
	Body      json.RawMessage `json:"body"`
	ExpiresAt time.Time       `json:"expires_at"`

	Cursor []byte `json:"-"` // to go on after
}

// OfSubject gives up to limit of the answers about a subject that are remembered, which is for a day, beyond the cursor where that is not nil.
func (s *Service) OfSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, after []byte, limit int) ([]Remembered, error) {
	type row struct {
		KeyHash     []byte
		RequestHash []byte
		Answer      []byte
		ExpiresAt   time.Time
	}
	rows, err := tx.Query(ctx, `select key_hash, request_hash, answer, expires_at from idempotency
		where tenant_id = $1 and environment = $2 and subject_id = $3 and subject_id <> '' and answer is not null and key_hash > $4 order by key_hash limit $5`,
		scope.Tenant, scope.Environment, subject, append([]byte{}, after...), limit)
	if err != nil {
		return nil, fmt.Errorf("list the remembered answers about a subject: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list the remembered answers about a subject: %w", err)
	}
	all := []Remembered{}
	for _, r := range found {
		c := Claim{service: s, scope: scope, keyHash: r.KeyHash, requestHash: r.RequestHash}
		plain, err := s.vault.Open(ctx, tx, scope, subject, c.object(), r.Answer)
		if err != nil {
			return nil, err
		}
		answer, err := decodeAnswer(subject, plain)
		if err != nil {
			return nil, err
		}
		body := json.RawMessage(answer.Body)
		if !json.Valid(body) { // one without a body, for instance
			if body, err = json.Marshal(string(answer.Body)); err != nil {
				return nil, fmt.Errorf("read a remembered answer: %w", err)
			}
		}
		all = append(all, Remembered{answer.Status, body, r.ExpiresAt, r.KeyHash})
	}
	return all, nil
}
