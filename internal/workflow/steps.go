package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/engine"
	"ekyc/internal/vault"
)

// part is one persisted part of a job: what one call gives, which can be several steps.
type part string

// The parts, in their order; the first two run side by side.
const (
	partSelfie   part = "selfie"
	partDocument part = "document"
	partMatch    part = "face_match"
	partKYA      part = "kya"
	partDecision part = "decision"
)

// progress is what is known of a job while a worker has it.
type progress struct {
	notes   annotations
	request request
	media   []vault.Media

	selfie   *engine.SelfieOutcome
	document *engine.DocumentOutcome
	match    *engine.MatchOutcome
	profile  *profileOutcome // nil where the workflow has no profile checks
}

// run brings a job to its end, beginning after the parts that earlier attempts persisted.
func (s *Service) run(ctx context.Context, c *claim) (err error) {
	if c.Interruptions >= mostInterruptions {
		return errInterrupted
	}
	p, err := s.load(ctx, c)
	if err != nil {
		return err
	}
	if err := s.examinePhotographs(ctx, c, p); err != nil {
		return err
	}
	if p.match == nil {
		step, end := s.options.Span(ctx, "", string(partMatch))
		err := s.compare(step, c, p)
		end(err)
		if err != nil {
			return err
		}
	}
	if p.profile == nil && c.Settings.examinesProfile(p.request.KYA != nil) {
		if p.profile, err = s.checkProfile(ctx, c, p); err != nil {
			return err
		}
		if err := s.persist(ctx, c, partKYA, []Step{p.profile.Step}, p.profile); err != nil {
			return err
		}
	}
	ctx, end := s.options.Span(ctx, "", string(partDecision)) // with everything that it sets going
	defer func() { end(err) }()
	start := time.Now()
	verdict, err := decision.Evaluate(c.Settings.policy(), engine.EvidenceOf(p.selfie, p.document, p.match, p.profile.evidence()))
	if err != nil {
		return err
	}
	decided := Step{Name: string(partDecision), Status: string(engine.StepCompleted), DurationMS: milliseconds(time.Since(start))}
	return s.complete(ctx, c, p, resultFrom(c, p, verdict, decided), decided)
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
	into := map[part]any{partSelfie: &p.selfie, partDocument: &p.document, partMatch: &p.match, partKYA: &p.profile}
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

// persist stores a part that is done, as long as the job is still this worker's. Errors: errLeaseLost, errCancelRequested.
func (s *Service) persist(ctx context.Context, c *claim, name part, steps []Step, outcome any) error {
	return s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		sealed, err := s.sealJSON(ctx, tx, c.Scope, c.SubjectID, outcomeOf(c.ID, name), outcome)
		if err != nil {
			return err
		}
		return insertStep(ctx, tx, c, name, steps, sealed)
	})
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

// examinePhotographs runs the two sides that are not done yet, side by side, and persists each as soon as it is there. When one side
// fails the other is let finish, so that the next attempt need not do it again.
func (s *Service) examinePhotographs(ctx context.Context, c *claim, p *progress) error {
	var sides sync.WaitGroup
	var selfieErr, documentErr error
	if p.selfie == nil {
		sides.Go(func() {
			selfieErr = s.sideSafely(ctx, c, partSelfie, func(ctx context.Context) error { return s.examineSelfie(ctx, c, p) })
		})
	}
	if p.document == nil {
		sides.Go(func() {
			documentErr = s.sideSafely(ctx, c, partDocument, func(ctx context.Context) error { return s.examineDocument(ctx, c, p) })
		})
	}
	sides.Wait()
	if selfieErr == nil || documentErr != nil && !passes(ekyc.CodeOf(documentErr)) { // what no other try can change goes first
		return documentErr
	}
	return selfieErr
}

// sideSafely keeps a panic of one side's goroutine from the process.
func (s *Service) sideSafely(ctx context.Context, c *claim, name part, f func(context.Context) error) (err error) {
	ctx, end := s.options.Span(ctx, "", string(name))
	defer func() { end(err) }()
	return s.safely(ctx, c, f)
}

func (s *Service) examineSelfie(ctx context.Context, c *claim, p *progress) (err error) {
	frames, err := s.read(ctx, c, p, vault.MediaSelfie, vault.MediaFrame)
	if err != nil {
		return err
	}
	if p.selfie, err = s.engine.Selfie(ctx, engine.SelfieRequest{Frames: frames, Hints: p.request.Hints, Challenge: p.request.Challenge}); err != nil {
		return err
	}
	return s.persist(ctx, c, partSelfie, stepsOf(p.selfie.Step), p.selfie)
}

func (s *Service) examineDocument(ctx context.Context, c *claim, p *progress) error {
	front, err := s.read(ctx, c, p, vault.MediaDocumentFront)
	if err != nil {
		return err
	}
	upload := engine.DocumentUpload{
		Front: front[0], TypeHint: p.request.TypeHint, CountryHint: p.request.CountryHint, Checks: c.Settings.checks(), At: c.CreatedAt,
	}
	for _, m := range p.media {
		if m.Kind == vault.MediaDocumentBack {
			if upload.Back, _, err = s.vault.ReadMedia(ctx, c.Scope, m.ID); err != nil {
				return err
			}
		}
	}
	if p.document, err = s.engine.Document(ctx, upload); err != nil {
		return err
	}
	return s.persist(ctx, c, partDocument, stepsOf(p.document.OCR, p.document.Validate), p.document)
}

// read gives the job's photographs of the kinds, in their order. Errors: ErrGone where they are no longer held.
func (s *Service) read(ctx context.Context, c *claim, p *progress, kinds ...vault.MediaKind) ([][]byte, error) {
	var photographs [][]byte
	for _, m := range p.media {
		for _, kind := range kinds {
			if m.Kind != kind {
				continue
			}
			data, _, err := s.vault.ReadMedia(ctx, c.Scope, m.ID)
			if ekyc.CodeOf(err) == ekyc.ErrNotFound {
				return nil, noLongerHeld()
			}
			if err != nil {
				return nil, err
			}
			photographs = append(photographs, data)
		}
	}
	if len(photographs) == 0 {
		return nil, noLongerHeld()
	}
	return photographs, nil
}

func noLongerHeld() error { return ekyc.Errorf(ekyc.ErrGone, "what the job needs is no longer held") }

// stepsOf are the engine's steps as clients see them.
func stepsOf(steps ...engine.Step) []Step {
	out := make([]Step, len(steps))
	for i, step := range steps {
		out[i] = Step{Name: step.Name, Status: string(step.Status), Code: step.Code, DurationMS: step.DurationMS}
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
