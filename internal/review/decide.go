package review

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Decision is what a reviewer decides.
type Decision struct {
	Decision   ekyc.Decision // accepted or rejected
	ReasonCode ReasonCode
	Comment    string // personal data; "" where the reason needs none
}

// Decide decides a review that the reviewer holds. Where a second reviewer is asked for, the first decision is a proposal and the review goes back
// into the queue; the second decides it by coming to the same decision, and makes it contested by another. Of any number who decide at once one
// does. Errors: ErrNotFound, ErrInvalidArgument, ErrConflict with the detail "reason", and those of the options.
func (s *Service) Decide(ctx context.Context, scope ekyc.Scope, id ekyc.ID, who Who, d Decision) (Review, error) {
	if err := d.examine(); err != nil {
		return Review{}, err
	}
	return s.change(ctx, scope, id, who, func(ctx context.Context, tx pgx.Tx, r row, hash []byte) error {
		if err := r.mayAct(who, hash); err != nil {
			return err
		}
		verdict, err := s.verdict(ctx, tx, scope, r.JobID)
		if err != nil {
			return err
		}
		override, overruled := verdict.overridden(d.Decision)
		settings, err := readSettings(ctx, tx, scope)
		if err != nil {
			return err
		}
		kind := r.step(d.Decision, r.Contested || settings.wantsSecond(override || len(overruled) > 0))
		number, err := s.append(ctx, tx, r, who, hash, act{kind, &d.Decision, &d.ReasonCode, &override, overruled, d.Comment})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			update review set acts = $4, claim_act = null, claim_until = null, proposal_act = case when $5 = 'proposed' then $4::int end,
				contested = contested or $5 = 'disagreed', state = case when $5 = 'decided' then 'decided' else state end,
				outcome_act = case when $5 = 'decided' then $4::int end, closed_at = case when $5 = 'decided' then $6::timestamptz end
			where tenant_id = $1 and environment = $2 and id = $3`, r.TenantID, r.Environment, r.ID, number, kind, r.Now)
		if err != nil {
			return fmt.Errorf("decide a review: %w", err)
		}
		if kind != ActDecided {
			return nil
		}
		return s.tell(ctx, tx, r, Outcome{who, d.Decision, d.ReasonCode, override, overruled, r.Now})
	})
}

// step says what a decision does to the review.
func (r row) step(d ekyc.Decision, second bool) Kind {
	switch {
	case r.ProposalAct != nil && *r.ProposalDecision != d:
		return ActDisagreed
	case r.ProposalAct == nil && second:
		return ActProposed
	}
	return ActDecided
}

func (s *Service) verdict(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) (Verdict, error) {
	if s.options.Verdict == nil {
		return Verdict{}, nil
	}
	return s.options.Verdict(ctx, tx, scope, job)
}

// overridden says whether a decision is another than the score alone would have given, and which rules stood against it. A score in the review zone
// asks for a person's decision, and no such decision is against it.
func (v Verdict) overridden(d ekyc.Decision) (override bool, overruled []string) {
	override = v.ByScore != d && (v.ByScore == ekyc.Accepted || v.ByScore == ekyc.Rejected)
	if d == ekyc.Accepted {
		return override, append([]string{}, v.Against...)
	}
	return override, []string{}
}

// tell says to whom it concerns that the review is decided.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, r row, o Outcome) error {
	if s.options.Decided == nil {
		return nil
	}
	t := Told{Review: r.ID, Job: r.JobID, Subject: r.SubjectID, Outcome: o, Reviewers: 1, Contested: r.Contested, HeldUntil: r.HeldUntil}
	if r.ProposalAct != nil {
		t.Reviewers = 2
	}
	if r.Callback != nil {
		callback, err := s.vault.Open(ctx, tx, r.scope(), r.SubjectID, callbackOf(r.ID), r.Callback)
		if err != nil {
			return fmt.Errorf("open the callback of a review: %w", err)
		}
		t.CallbackURL = string(callback)
	}
	return s.options.Decided(ctx, tx, r.scope(), t)
}
