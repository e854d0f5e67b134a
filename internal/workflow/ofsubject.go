package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
)

// Held is a job with everything that is held of it.
type Held struct {
	Job      Job
	Facts    json.RawMessage            // that the decision rests on; nil where there are none
	Request  json.RawMessage            // what the worker needs besides the photographs; nil once the job is over
	Outcomes map[string]json.RawMessage // of the parts of a job that is not over; faces are in them as templates
	Shadows  []Shadowed
}

// Shadowed is what a version in the shadow would have decided.
type Shadowed struct {
	Workflow  ekyc.ID          `json:"workflow_id"` // the version in the shadow
	Decided   ekyc.Decision    `json:"decided"`
	Score     decision.Points  `json:"score"`
	Would     *ekyc.Decision   `json:"would"` // nil: it could not decide
	WouldWith *decision.Points `json:"would_score"`
	At        time.Time        `json:"decided_at"`
}

// OfSubject gives up to limit of a subject's jobs with everything that is held of them, the newest first and older than after where that is not "".
func (s *Service) OfSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, after ekyc.ID, limit int) ([]Held, error) {
	rows, err := tx.Query(ctx, `with mine as materialized (select id from job where tenant_id = $1 and environment = $2 and subject_id = $3)
		select id from mine where $4 = '' or id < $4 order by id desc limit $5`,
		scope.Tenant, scope.Environment, subject, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list a subject's jobs: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err != nil {
		return nil, fmt.Errorf("list a subject's jobs: %w", err)
	}
	all := make([]Held, len(ids))
	for i, id := range ids {
		if all[i], err = s.held(ctx, tx, scope, subject, id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Service) held(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, id ekyc.ID) (h Held, err error) {
	if h.Job, err = s.get(ctx, tx, scope, id); err != nil {
		return h, err
	}
	open := func(object string, sealed []byte) (json.RawMessage, error) {
		if sealed == nil {
			return nil, nil
		}
		plain, err := s.vault.Open(ctx, tx, scope, subject, object, sealed)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", object, err)
		}
		return plain, nil
	}
	var facts, request []byte
	err = tx.QueryRow(ctx, `select case when `+isOver+` then null else facts end, request from job j where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, id).Scan(&facts, &request)
	if err != nil {
		return h, fmt.Errorf("read what is held of a job: %w", err)
	}
	if h.Facts, err = open(factsOf(id), facts); err != nil {
		return h, err
	}
	if h.Request, err = open(requestOf(id), request); err != nil {
		return h, err
	}
	rows, err := tx.Query(ctx, `select name, outcome from job_step where tenant_id = $1 and environment = $2 and job_id = $3 and outcome is not null`,
		scope.Tenant, scope.Environment, id)
	if err != nil {
		return h, fmt.Errorf("read what is held of a job's steps: %w", err)
	}
	type done struct {
		Name    part
		Outcome []byte
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[done])
	if err != nil {
		return h, fmt.Errorf("read what is held of a job's steps: %w", err)
	}
	h.Outcomes = map[string]json.RawMessage{}
	for _, p := range parts {
		if h.Outcomes[string(p.Name)], err = open(outcomeOf(id, p.Name), p.Outcome); err != nil {
			return h, err
		}
	}
	if h.Job.Expired { // and what shadows would have decided with it
		return h, nil
	}
	rows, err = tx.Query(ctx, `select workflow_id, decided, score, would, would_score, decided_at from shadow_decision
		where tenant_id = $1 and environment = $2 and job_id = $3 order by workflow_id`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return h, fmt.Errorf("read what shadows would have decided: %w", err)
	}
	if h.Shadows, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Shadowed]); err != nil {
		return h, fmt.Errorf("read what shadows would have decided: %w", err)
	}
	return h, nil
}
