package workflow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/pipeline"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

// part is one persisted part of a job: what one step gives, or one that several rest on.
type part string

// The parts, in the order of their making where the workflow has no other.
const (
	partSelfie   part = "selfie"   // of the step liveness, with the live face
	partDocument part = "document" // of the step ocr, with the portrait
	partValidate part = "validate"
	partFace     part = "face" // the live face alone, where it is compared without liveness
	partMatch    part = "face_match"
	partKYA      part = "kya"
	partDecision part = "decision"
)

// partOf and stepOf lead from a step to the part that it gives, and back.
var (
	partOf = map[pipeline.StepName]part{
		pipeline.StepLiveness: partSelfie, pipeline.StepOCR: partDocument, pipeline.StepValidate: partValidate, pipeline.StepFaceMatch: partMatch,
		pipeline.StepKYA: partKYA,
	}
	stepOf = map[part]pipeline.StepName{
		partSelfie: pipeline.StepLiveness, partDocument: pipeline.StepOCR, partValidate: pipeline.StepValidate, partMatch: pipeline.StepFaceMatch,
		partKYA: pipeline.StepKYA,
	}
)

// progress is what is known of a job while a worker has it. Of the outcomes, those are nil whose step has not run.
type progress struct {
	notes   annotations
	request request
	media   []vault.Media
	crops   int // most pixels of a side of the faces that are cut out to be kept; 0: none is

	selfie     *engine.SelfieOutcome
	document   *engine.DocumentOutcome
	validation *validateOutcome
	face       *engine.SelfieOutcome
	match      *engine.MatchOutcome
	profile    *profileOutcome

	stop    *pipeline.Stop      // the early stop that has ended the verification
	skipped []pipeline.StepName // by it
	signals *decision.Signals   // of other verifications; nil where nobody has looked
	facts   *pipeline.Facts     // that the decision rests on
}

// validateOutcome is the persisted outcome of the validation.
type validateOutcome struct {
	Step   Step              `json:"step"`
	Result *check.Result     `json:"result"` // nil where there was nothing to validate
	Bare   *pipeline.Verdict `json:"bare"`   // without the workflow's demands on types, countries and ages
}

// places is where the outcomes of the parts are.
func (p *progress) places() map[part]any {
	return map[part]any{
		partSelfie: &p.selfie, partDocument: &p.document, partValidate: &p.validation, partFace: &p.face, partMatch: &p.match, partKYA: &p.profile,
	}
}

// has says whether a step is done.
func (p *progress) has(step pipeline.StepName) bool {
	switch step {
	case pipeline.StepLiveness:
		return p.selfie != nil
	case pipeline.StepOCR:
		return p.document != nil
	case pipeline.StepValidate:
		return p.validation != nil
	case pipeline.StepFaceMatch:
		return p.match != nil
	case pipeline.StepKYA:
		return p.profile != nil
	}
	return false
}

// answered says whether a step gave an answer. One that is done can have found nothing to give one on.
func (p *progress) answered(step pipeline.StepName) bool {
	if !p.has(step) {
		return false
	}
	switch step {
	case pipeline.StepLiveness:
		return p.selfie.Liveness != nil
	case pipeline.StepOCR:
		return p.document.Reading != nil
	case pipeline.StepValidate:
		return p.validation.Result != nil
	case pipeline.StepFaceMatch:
		return p.match.Match != nil
	}
	return p.profile.ran()
}

// forget drops a part.
func (p *progress) forget(name part) {
	switch name {
	case partSelfie:
		p.selfie = nil
	case partDocument:
		p.document = nil
	case partValidate:
		p.validation = nil
	case partFace:
		p.face = nil
	}
}

// live is the live side as the comparison takes it; nil where nobody has looked at the face yet.
func (p *progress) live() *engine.SelfieOutcome {
	if p.face != nil {
		return p.face
	}
	return p.selfie
}

// load reads what the job consists of and how far it is. A job that is to be cancelled goes no further.
func (s *Service) load(ctx context.Context, c *claim) (*progress, error) {
	var p *progress
	err := s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		p = &progress{}
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		if err := s.readNotes(ctx, tx, c, p); err != nil {
			return err
		}
		if p.media, err = s.vault.MediaOfJob(ctx, tx, c.Scope, c.ID); err != nil {
			return err
		}
		kept, err := s.retention(ctx, tx, c.Scope)
		if err != nil {
			return err
		}
		p.crops = c.cropSide(kept)
		return s.readOutcomes(ctx, tx, c, p)
	})
	return p, err
}

// readOutcomes opens the parts that are done.
func (s *Service) readOutcomes(ctx context.Context, tx pgx.Tx, c *claim, p *progress) error {
	type done struct {
		Name    part
		Outcome []byte
	}
	rows, err := tx.Query(ctx, `select name, outcome from job_step where tenant_id = $1 and environment = $2 and job_id = $3 and outcome is not null`,
		c.Scope.Tenant, c.Scope.Environment, c.ID)
	if err != nil {
		return fmt.Errorf("read the steps of a job: %w", err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[done])
	if err != nil {
		return fmt.Errorf("read the steps of a job: %w", err)
	}
	into := p.places()
	for _, d := range parts {
		plain, err := s.vault.Open(ctx, tx, c.Scope, c.SubjectID, outcomeOf(c.ID, d.Name), d.Outcome)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(plain, into[d.Name]); err != nil {
			return fmt.Errorf("read the %s step of a job: %w", d.Name, err)
		}
	}
	return nil
}

// persist stores a part that is done, with the face that was cut out, as long as the job is still this worker's. Errors: errLeaseLost,
// errCancelRequested.
func (s *Service) persist(ctx context.Context, c *claim, name part, steps []Step, outcome any) error {
	crop, position := takeCrop(outcome)
	written, tried := &vault.Written{}, false
	err := s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		tried = false
		if crop != nil { // first, since it locks the subject, as erasures do before they lock jobs
			if err := s.putCrop(written.Note(ctx), tx, c, crop, position); err != nil {
				return err
			}
		}
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		sealed, err := s.sealJSON(ctx, tx, c.Scope, c.SubjectID, outcomeOf(c.ID, name), outcome)
		if err != nil {
			return err
		}
		if err := insertStep(ctx, tx, c, name, steps, sealed); err != nil {
			return err
		}
		tried = true // the commit comes next
		return nil
	})
	s.vault.Withdraw(ctx, written, err == nil || tried && store.Uncertain(err))
	return err
}

func insertStep(ctx context.Context, tx pgx.Tx, c *claim, name part, steps []Step, outcome []byte) error {
	_, err := tx.Exec(ctx, `
		insert into job_step (tenant_id, environment, job_id, name, steps, outcome, attempt, finished_at)
		values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())`,
		c.Scope.Tenant, c.Scope.Environment, c.ID, name, steps, outcome, c.Attempt)
	if err != nil {
		return fmt.Errorf("store the %s step of a job: %w", name, err)
	}
	return nil
}

// discard forgets parts that are done, as long as the job is still this worker's. Errors: errLeaseLost, errCancelRequested.
func (s *Service) discard(ctx context.Context, c *claim, parts []part) error {
	s.logger.WarnContext(ctx, "a job's photographs were examined by other models and are examined again", "job", c.ID, "parts", parts)
	return s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from job_step where tenant_id = $1 and environment = $2 and job_id = $3 and name = any($4)`,
			c.Scope.Tenant, c.Scope.Environment, c.ID, parts)
		if err != nil {
			return fmt.Errorf("discard steps of a job: %w", err)
		}
		return nil
	})
}
