package consent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const mostListed = 100

// List gives up to 100 of a subject's records, the newest first and older than after where that is not "". The second result is the next after, "" at the
// end. Errors: ErrNotFound and ErrGone for the subject.
func (s *Service) List(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, limit int, after ekyc.ID) ([]Record, ekyc.ID, error) {
	if _, err := s.vault.GetSubject(ctx, tx, scope, subject); err != nil {
		return nil, "", err
	}
	limit = min(max(limit, 1), mostListed)
	records, err := s.list(ctx, tx, scope, subject, limit+1, after)
	if err != nil || len(records) <= limit {
		return records, "", err
	}
	return records[:limit], records[limit-1].ID, nil
}

// InForce says whether the latest that the subject has said is a consent.
func (s *Service) InForce(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (bool, error) {
	last, err := s.latest(ctx, tx, scope, subject)
	return last != nil && !last.Withdrawn, err
}

// latest gives what the subject has said last; nil for nothing. What was said on paper may be recorded behind what has been said since, so it is the moment
// of saying that counts; of moments that clocks may confuse, the record that came later.
func (s *Service) latest(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (*Record, error) {
	var last *Record
	for after, page := ekyc.ID(""), 2; ; page = mostListed { // most often the first is it, and the second shows that
		records, err := s.list(ctx, tx, scope, subject, page, after)
		if err != nil {
			return nil, err
		}
		for i, r := range records {
			switch {
			case last == nil:
				last = &records[i]
			case !r.RecordedAt.After(last.said().Add(clockSkew)): // nothing is said after it is recorded
				return last, nil
			case r.said().After(last.said().Add(clockSkew)):
				last = &records[i]
			}
		}
		if len(records) < page {
			return last, nil
		}
		after = records[page-1].ID
	}
}

// said is when it was said, and not later than when it was recorded, whatever the client's clock says.
func (r *Record) said() time.Time {
	if r.At.After(r.RecordedAt) {
		return r.RecordedAt
	}
	return r.At
}

func (s *Service) list(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, limit int, after ekyc.ID) ([]Record, error) {
	type row struct {
		ID         ekyc.ID
		JobID      *ekyc.ID
		Given      bool
		Sealed     []byte
		RecordedAt time.Time
		Text       []byte // sealed
	}
	rows, err := tx.Query(ctx, `select c.id, c.job_id, c.given, c.sealed, c.recorded_at, t.sealed as text
		from consent c left join consent_text t on t.tenant_id = c.tenant_id and t.environment = c.environment and t.text_hash = c.text_hash
		where c.tenant_id = $1 and c.environment = $2 and c.subject_id = $3 and ($4 = '' or c.id < $4) order by c.id desc limit $5`,
		scope.Tenant, scope.Environment, subject, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	records := make([]Record, len(found))
	for i, r := range found {
		plain, err := s.vault.Open(ctx, tx, scope, subject, objectOf(r.ID), r.Sealed)
		if err != nil {
			return nil, err
		}
		var said sealed
		if err := json.Unmarshal(plain, &said); err != nil {
			return nil, fmt.Errorf("read a consent: %w", err)
		}
		records[i] = Record{ID: r.ID, Subject: subject, RecordedAt: r.RecordedAt, TextSHA256: said.TextSHA256, Statement: Statement{
			Withdrawn: !r.Given, Version: said.Version, Language: said.Language, Channel: said.Channel, At: said.At,
		}}
		if r.JobID != nil {
			records[i].Job = *r.JobID
		}
		if r.Text != nil {
			if records[i].Text, err = s.text(ctx, tx, scope, r.Text); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

// Erase deletes a subject's records in the transaction of its erasure, and the texts that nobody else has agreed to. It gives how many records
// there were.
func (s *Service) Erase(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (removed int, err error) {
	rows, err := tx.Query(ctx, `delete from consent where tenant_id = $1 and environment = $2 and subject_id = $3 returning text_hash`,
		scope.Tenant, scope.Environment, subject)
	if err != nil {
		return 0, fmt.Errorf("erase consents: %w", err)
	}
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return 0, fmt.Errorf("erase consents: %w", err)
	}
	removed = len(hashes)
	// Locked first, and looked at only then: whoever links a text meanwhile holds it, and it is passed over.
	rows, err = tx.Query(ctx, `select text_hash from consent_text where tenant_id = $1 and environment = $2 and text_hash = any($3) order by text_hash
		for update skip locked`, scope.Tenant, scope.Environment, hashes)
	if err != nil {
		return 0, fmt.Errorf("erase the texts of consents: %w", err)
	}
	if hashes, err = pgx.CollectRows(rows, pgx.RowTo[[]byte]); err != nil {
		return 0, fmt.Errorf("erase the texts of consents: %w", err)
	}
	_, err = tx.Exec(ctx, `delete from consent_text t where tenant_id = $1 and environment = $2 and text_hash = any($3) and not exists (
		select from consent c where c.tenant_id = t.tenant_id and c.environment = t.environment and c.text_hash = t.text_hash)`,
		scope.Tenant, scope.Environment, hashes)
	if err != nil {
		return 0, fmt.Errorf("erase the texts of consents: %w", err)
	}
	return removed, nil
}
