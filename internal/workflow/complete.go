package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/pipeline"
	"ekyc/internal/receipt"
	"ekyc/internal/retention"
	"ekyc/internal/review"
)

// complete is the end of a job: signals, decision, result, facts, review, receipt, usage, events and state in one transaction.
func (s *Service) complete(ctx context.Context, c *claim, x *execution) error {
	p := x.known
	models, err := s.loadedModels(ctx)
	if err != nil {
		return err
	}
	return s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.hold(ctx, tx, c); err != nil {
			return err
		}
		if err := s.signal(ctx, tx, c, p); err != nil {
			return err
		}
		result, decided, err := x.decide()
		if err != nil {
			return err
		}
		result.Workflow = c.workflow()
		text, err := json.Marshal(result)
		if err != nil {
			return fmt.Errorf("write the result of a job: %w", err)
		}
		sealed, err := s.vault.Seal(ctx, tx, c.Scope, c.SubjectID, resultOf(c.ID), text)
		if err != nil {
			return err
		}
		if err := insertStep(ctx, tx, c, partDecision, append(p.spared(), decided), nil); err != nil {
			return err
		}
		kept, err := s.end(ctx, tx, c.Scope, c.ID, Completed, nil, false, sealed)
		if err != nil {
			return err
		}
		if err := s.retain(ctx, tx, c, kept); err != nil {
			return err
		}
		at, err := s.storeFacts(ctx, tx, c, p.facts)
		if err != nil {
			return err
		}
		opened, err := s.openReview(ctx, tx, c, p, result, kept)
		if err != nil {
			return err
		}
		if err := s.tell(ctx, tx, c, p, eventType(result.Decision), completedData(c, p, result, opened), kept); err != nil {
			return err
		}
		if err := s.issueReceipt(ctx, tx, c, p, result, text, models, at, kept); err != nil {
			return err
		}
		if err := s.shadow(ctx, tx, c, p, result, at); err != nil {
			return err
		}
		if err := s.enter(ctx, tx, c.Scope, ActDecide, c.ID); err != nil {
			return err
		}
		crossings, err := s.metering.Commit(ctx, tx, c.Scope, c.ReservationID, p.used(), metering.Source{Job: c.ID, KeyID: c.KeyID})
		if err != nil {
			return err
		}
		return s.TellCrossings(ctx, tx, c.Scope, crossings)
	})
}

func completedData(c *claim, p *progress, r *Result, opened ekyc.ID) eventData {
	return eventData{
		JobID: c.ID, SubjectID: c.SubjectID, Status: Completed, Decision: r.Decision, Score: &r.Score, Reasons: r.Reasons,
		Usage: usageOf(c.Modules, p.used()), WorkflowHash: c.WorkflowHash, ReviewID: opened, SubjectRef: p.notes.SubjectRef, Metadata: p.notes.Metadata,
	}
}

// storeFacts keeps what the decision rests on, and gives the moment of the decision.
func (s *Service) storeFacts(ctx context.Context, tx pgx.Tx, c *claim, f *pipeline.Facts) (at time.Time, err error) {
	compact := *f
	compact.Compact()
	sealed, err := s.sealJSON(ctx, tx, c.Scope, c.SubjectID, factsOf(c.ID), &compact)
	if err != nil {
		return at, err
	}
	err = tx.QueryRow(ctx, `
		update job set facts = $4, decided_at = finished_at where tenant_id = $1 and environment = $2 and id = $3 returning finished_at`,
		c.Scope.Tenant, c.Scope.Environment, c.ID, sealed).Scan(&at)
	if err != nil {
		return at, fmt.Errorf("store what a decision rests on: %w", err)
	}
	return at, nil
}

// openReview puts a case that a person has to look at into the queue; "" where there is none.
func (s *Service) openReview(ctx context.Context, tx pgx.Tx, c *claim, p *progress, r *Result, kept retention.Settings) (ekyc.ID, error) {
	if s.hooks.Reviews == nil || r.Decision != ekyc.Review {
		return "", nil
	}
	found := review.Case{
		Job: c.ID, Subject: c.SubjectID, Score: r.Score, Workflow: c.WorkflowName, WorkflowVersion: c.WorkflowVersion, WorkflowHash: c.WorkflowHash,
		CallbackURL: p.request.CallbackURL, HeldFor: c.holds(kept),
	}
	for _, reason := range r.Reasons {
		if !slices.Contains(found.Reasons, reason.Code) {
			found.Reasons = append(found.Reasons, reason.Code)
		}
	}
	return s.hooks.Reviews.Open(ctx, tx, c.Scope, found)
}

// loadedModels gives the SHA-256 of the models by name, where receipts are made.
func (s *Service) loadedModels(ctx context.Context) (map[string]string, error) {
	if s.hooks.Receipts == nil {
		return nil, nil
	}
	inventory, err := s.engine.Models(ctx)
	if err != nil {
		return nil, err
	}
	return inventory.Hashes, nil
}

func (s *Service) issueReceipt(ctx context.Context, tx pgx.Tx, c *claim, p *progress, r *Result, text []byte, models map[string]string, at time.Time, kept retention.Settings) error {
	if s.hooks.Receipts == nil {
		return nil
	}
	f := receipt.Facts{
		Job: c.ID, Subject: c.SubjectID, SubmittedAt: c.CreatedAt, DecidedAt: at, Decision: r.Decision, Score: r.Score,
		Workflow: receipt.Workflow(r.Workflow), Policy: receipt.Policy(r.Policy), Models: models, Program: s.options.Program, Result: text,
		KeepFor: c.holds(kept),
	}
	if bound := p.request.Commitments; bound != nil {
		f.Salt, f.Inputs = bound.Salt, bound.Inputs
	}
	return s.hooks.Receipts.Issue(ctx, tx, c.Scope, f)
}

func (s *Service) shadow(ctx context.Context, tx pgx.Tx, c *claim, p *progress, r *Result, at time.Time) error {
	if s.hooks.Shadows == nil {
		return nil
	}
	return s.hooks.Shadows.After(ctx, tx, c.Scope, ShadowCase{
		Job: c.ID, Subject: c.SubjectID, Workflow: r.Workflow, Facts: p.facts, Result: &r.Result, At: at, Kept: c.Kept,
	})
}
