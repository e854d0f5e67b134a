package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/metering"
	"ekyc/internal/retention"
	"ekyc/internal/webhook"
)

// dropAfter is how long after its end a job holds what `store: false` says is not to be kept: within the hour, the sweep included.
const dropAfter = 50 * time.Minute

// fail is the end of a job that gave no answer: nothing is billed.
func (s *Service) fail(ctx context.Context, c *claim, problem *ekyc.Error, deadLetter bool) error {
	err := s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		kept, err := s.end(ctx, tx, c.Scope, c.ID, Failed, problem, deadLetter, nil)
		if err != nil {
			return err
		}
		p := &progress{}
		if err := s.readNotes(ctx, tx, c, p); err != nil && ekyc.CodeOf(err) != ekyc.ErrGone {
			return err
		}
		data := eventData{JobID: c.ID, SubjectID: c.SubjectID, Status: Failed, Error: &Problem{problem.Code, problem.Message}, Usage: usageOf(c.Modules, nil),
			SubjectRef: p.notes.SubjectRef, Metadata: p.notes.Metadata}
		if err := s.tell(ctx, tx, c, p, webhook.KYCFailed, data, kept); err != nil {
			return err
		}
		if deadLetter {
			if err := s.vault.KeepMediaOfJob(ctx, tx, c.Scope, c.ID, s.waits(c.Kept)+reservedBeyond); err != nil {
				return err
			}
		}
		return s.metering.Refund(ctx, tx, c.Scope, c.ReservationID)
	})
	if err != nil {
		return err
	}
	s.logger.WarnContext(ctx, "a job failed", "job", c.ID, "code", problem.Code, "dead_letter", deadLetter, "error", problem.Cause)
	if deadLetter { // an operator may want to try again
		return nil
	}
	return s.deleteUploads(ctx, c.Scope, c.ID)
}

// waits is how long the photographs of a dead letter wait for an operator.
func (s *Service) waits(kept bool) time.Duration {
	if kept {
		return s.options.KeepUploads
	}
	return min(s.options.KeepUploads, dropAfter)
}

// end writes a job's last state, and for how long it is kept by the settings that it gives. What served the work alone goes, except that a dead letter
// keeps what another try needs.
func (s *Service) end(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, status Status, problem *ekyc.Error, deadLetter bool, result []byte) (retention.Settings, error) {
	kept, err := s.retention(ctx, tx, scope)
	if err != nil {
		return kept, err
	}
	var code, message *string
	if problem != nil {
		text := string(problem.Code)
		code, message = &text, &problem.Message
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		update job set status = $4, error_code = $5, error_message = $6, dead_letter = $7, result = $8, lease_token = null, lease_until = null,
			request = case when $7 then request end, finished_at = clock_timestamp(), expires_at = case when kept then clock_timestamp() + $9::interval end
		where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id, status, code, message, deadLetter, result, kept.For(retention.Result))
	if !deadLetter {
		batch.Queue(`update job_step set outcome = null where tenant_id = $1 and environment = $2 and job_id = $3 and outcome is not null`,
			scope.Tenant, scope.Environment, id)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return kept, fmt.Errorf("end a job: %w", err)
	}
	return kept, nil
}

// eventData is the member data of the kyc events.
type eventData struct {
	JobID        ekyc.ID           `json:"job_id"`
	SubjectID    ekyc.ID           `json:"subject_id"`
	Status       Status            `json:"status"`
	Decision     ekyc.Decision     `json:"decision,omitempty"`
	Score        *decision.Points  `json:"score,omitempty"`
	Reasons      []decision.Reason `json:"reasons,omitempty"`
	Error        *Problem          `json:"error,omitempty"`
	Usage        []Used            `json:"usage,omitempty"`
	WorkflowHash string            `json:"workflow_hash,omitempty"`
	ReviewID     ekyc.ID           `json:"review_id,omitempty"` // of a review that was opened
	SubjectRef   string            `json:"subject_ref,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
}

// thin is the data without what belongs to the person or tells of them.
func (d eventData) thin() eventData {
	return eventData{JobID: d.JobID, SubjectID: d.SubjectID, Status: d.Status, ReviewID: d.ReviewID}
}

func eventType(d ekyc.Decision) string {
	if d == ekyc.Review {
		return webhook.KYCReviewRequired
	}
	return webhook.KYCCompleted
}

// tell publishes the event of a job's end. Of an erased subject only what is no personal data is told, under the tenant's key.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, c *claim, p *progress, kind string, data eventData, kept retention.Settings) error {
	e := webhook.Event{Type: kind, Subject: c.SubjectID, Data: data, Thin: data.thin(), CallbackURL: p.request.CallbackURL, KeepFor: c.holds(kept)}
	_, err := s.webhooks.Publish(ctx, tx, c.Scope, e)
	if ekyc.CodeOf(err) == ekyc.ErrGone {
		thin := data.thin()
		thin.Error = data.Error
		e.Subject, e.Data, e.Thin, e.CallbackURL = "", thin, thin, ""
		_, err = s.webhooks.Publish(ctx, tx, c.Scope, e)
	}
	return err
}

// quotaData is the member data of the quota events.
type quotaData struct {
	Module  ekyc.Module `json:"module"`
	Percent int         `json:"percent"`
	Limit   int64       `json:"limit"`
	Used    int64       `json:"used"`
	Period  string      `json:"period"`
}

const exhausted = 100 // percent

// TellCrossings publishes the events of reached quotas, in the transaction that reached them.
func (s *Service) TellCrossings(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, crossings []metering.Crossing) error {
	for _, x := range crossings {
		kind := webhook.QuotaThreshold
		if x.Percent >= exhausted {
			kind = webhook.QuotaExhausted
		}
		data := quotaData{x.Module, x.Percent, x.Limit, x.Used, x.Period}
		if _, err := s.webhooks.Publish(ctx, tx, scope, webhook.Event{Type: kind, Data: data, Thin: data}); err != nil {
			return err
		}
	}
	return nil
}

// deleteUploads deletes those photographs of a finished job that do not stay, and notes that. It may be called again. What the work needed besides them goes
// first, so that an operator cannot put the job back while they are being deleted; one who did so before keeps them.
func (s *Service) deleteUploads(ctx context.Context, scope ekyc.Scope, id ekyc.ID) error {
	tag, err := s.db.SystemPool().Exec(ctx, `
		update job set request = null where tenant_id = $1 and environment = $2 and id = $3 and finished_at is not null`,
		scope.Tenant, scope.Environment, id)
	if err != nil {
		return fmt.Errorf("begin to delete a job's photographs: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if err := s.vault.DeleteMediaOfJob(ctx, scope, id); err != nil {
		return err
	}
	_, err = s.db.SystemPool().Exec(ctx, `
		with gone as (
			update job set uploads_gone_at = clock_timestamp() where tenant_id = $1 and environment = $2 and id = $3
			returning tenant_id, environment, id)
		update job_step s set outcome = null from gone g
		where s.tenant_id = g.tenant_id and s.environment = g.environment and s.job_id = g.id and outcome is not null`,
		scope.Tenant, scope.Environment, id)
	if err != nil {
		return fmt.Errorf("note that a job's photographs are deleted: %w", err)
	}
	return nil
}

// readNotes opens what the client attached, and what the worker needs besides the photographs. Errors: ErrGone after erasure.
func (s *Service) readNotes(ctx context.Context, tx pgx.Tx, c *claim, p *progress) error {
	var notes []byte
	err := tx.QueryRow(ctx, `select annotations from job where tenant_id = $1 and environment = $2 and id = $3`,
		c.Scope.Tenant, c.Scope.Environment, c.ID).Scan(&notes)
	if err != nil {
		return fmt.Errorf("read a job: %w", err)
	}
	for _, part := range []struct {
		object string
		sealed []byte
		into   any
	}{{annotationsOf(c.ID), notes, &p.notes}, {requestOf(c.ID), c.Request, &p.request}} {
		if part.sealed == nil {
			return noLongerHeld()
		}
		plain, err := s.vault.Open(ctx, tx, c.Scope, c.SubjectID, part.object, part.sealed)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(plain, part.into); err != nil {
			return fmt.Errorf("read %s: %w", part.object, err)
		}
	}
	return nil
}
