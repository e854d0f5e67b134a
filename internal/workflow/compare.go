package workflow

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/engine"
)

// mostExchanges is how often an attempt enrols the faces anew because the models were exchanged under it.
const mostExchanges = 2

// compare is the step that compares the live face with the portrait. A job can be interrupted by the installation of other models, and faces
// of different models cannot be compared: what other models made of the photographs is discarded and made again.
func (s *Service) compare(ctx context.Context, c *claim, p *progress) error {
	for range 1 + mostExchanges {
		inventory, err := s.engine.Models(ctx)
		if err != nil {
			return err
		}
		outdated := p.outdated(inventory.Matcher.ModelID)
		if len(outdated) == 0 {
			if p.match, err = inventory.Matcher.Match(p.selfie, p.document, c.Settings.matching()); err != nil {
				return err
			}
			return s.persist(ctx, c, partMatch, stepsOf(p.match.Step), p.match)
		}
		s.logger.WarnContext(ctx, "a job's photographs were examined by other models and are examined again", "job", c.ID, "parts", outdated)
		if err := s.discard(ctx, c, p, outdated); err != nil {
			return err
		}
		if err := s.examinePhotographs(ctx, c, p); err != nil {
			return err
		}
	}
	return ekyc.Errorf(ekyc.ErrUnavailable, "the models of the engine do not agree")
}

// outdated are the parts whose face another model enrolled, where the faces are to be compared.
func (p *progress) outdated(model string) (parts []part) {
	if p.selfie.Sample == nil || p.document.Portrait == nil {
		return nil
	}
	for name, sample := range map[part]*engine.FaceSample{partSelfie: p.selfie.Sample, partDocument: p.document.Portrait} {
		if sample.Embedding.Model != model {
			parts = append(parts, name)
		}
	}
	return parts
}

// discard forgets parts that are done, as long as the job is still this worker's. Errors: errLeaseLost, errCancelRequested.
func (s *Service) discard(ctx context.Context, c *claim, p *progress, parts []part) error {
	err := s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
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
	for _, name := range parts {
		switch name {
		case partSelfie:
			p.selfie = nil
		case partDocument:
			p.document = nil
		}
	}
	return err
}
