package review

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"ekyc"
	"ekyc/internal/vault"
)

// Claim locks a review for one reviewer, for a while (0: 15 minutes); its holder extends the claim by claiming again. Of any number who claim at once
// one holds it. Errors: ErrNotFound, ErrGone once the subject is erased, ErrInvalidArgument, ErrConflict with the detail "reason".
func (s *Service) Claim(ctx context.Context, scope ekyc.Scope, id ekyc.ID, who Who, life time.Duration) (Review, error) {
	if life == 0 {
		life = DefaultClaim
	}
	if life < ShortestClaim || life > LongestClaim {
		return Review{}, invalid("expires_in_seconds", "a claim lasts from %s to %s", ShortestClaim, LongestClaim)
	}
	return s.change(ctx, scope, id, who, func(ctx context.Context, tx pgx.Tx, r row, hash []byte) error {
		if err := r.closed(); err != nil {
			return err
		}
		kind := ActClaimed
		switch {
		case r.heldBy(who, hash):
			kind = ActExtended
		case r.State == Claimed:
			return conflict(ReasonClaimed, "the review is claimed by another").With("until", r.ClaimUntil.UTC().Format(time.RFC3339))
		}
		if err := s.another(ctx, tx, r, who); err != nil {
			return err
		}
		number, err := s.append(ctx, tx, r, who, hash, act{Kind: kind})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update review set acts = $4, claim_act = $4, claim_until = $5 where tenant_id = $1 and environment = $2 and id = $3`,
			r.TenantID, r.Environment, r.ID, number, r.Now.Add(life))
		return err
	})
}

// another refuses who has proposed what a second reviewer is asked for. It is the same person however the backends write the name: in other cases, in
// another form of Unicode, or with characters that nobody sees.
func (s *Service) another(ctx context.Context, tx pgx.Tx, r row, who Who) error {
	if r.ProposalAct == nil {
		return nil
	}
	first, err := s.vault.Open(ctx, tx, r.scope(), "", reviewerOf(r.ID, *r.ProposalAct), r.ProposalReviewer)
	if err != nil {
		return fmt.Errorf("open the reviewer of a review: %w", err)
	}
	if spelt(string(first)) == spelt(who.Reviewer) {
		return conflict(ReasonSameReviewer, "another reviewer than the first must decide this review")
	}
	return nil
}

// spelt is what a name has in common with its other spellings.
func spelt(name string) string {
	seen := strings.Map(func(c rune) rune {
		if unicode.In(c, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return c
	}, norm.NFKC.String(name))
	return norm.NFKC.String(cases.Fold().String(strings.Join(strings.Fields(seen), " ")))
}

// Release gives a claimed review back into the queue. Errors: those of Claim.
func (s *Service) Release(ctx context.Context, scope ekyc.Scope, id ekyc.ID, who Who) (Review, error) {
	return s.change(ctx, scope, id, who, func(ctx context.Context, tx pgx.Tx, r row, hash []byte) error {
		if err := r.mayAct(who, hash); err != nil {
			return err
		}
		number, err := s.append(ctx, tx, r, who, hash, act{Kind: ActReleased})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update review set acts = $4, claim_act = null, claim_until = null where tenant_id = $1 and environment = $2 and id = $3`,
			r.TenantID, r.Environment, r.ID, number)
		return err
	})
}

// change lets one reviewer do something to a review that is locked, and gives the review afterwards.
func (s *Service) change(ctx context.Context, scope ekyc.Scope, id ekyc.ID, who Who, f func(ctx context.Context, tx pgx.Tx, r row, hash []byte) error) (Review, error) {
	if err := who.examine(); err != nil {
		return Review{}, err
	}
	var out Review
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		hash, err := s.vault.Hash(ctx, tx, scope, "review/reviewer", who.Reviewer)
		if err != nil {
			return err
		}
		r, err := s.locked(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		if r.ErasedAt != nil {
			return vault.Erased(*r.ErasedAt)
		}
		if err := f(ctx, tx, r, hash); err != nil {
			return err
		}
		if r, err = s.one(ctx, tx, scope, "r.id = $3", id); err != nil {
			return err
		}
		out, err = s.open(ctx, tx, r)
		return err
	})
	return out, err
}

func conflict(reason, message string) *ekyc.Error {
	return ekyc.Errorf(ekyc.ErrConflict, "%s", message).With("reason", reason)
}

// closed gives the error of a review that is over.
func (r row) closed() error {
	switch r.State {
	case Decided:
		return conflict(ReasonDecided, "the review is decided")
	case Withdrawn:
		return conflict(ReasonWithdrawn, "the review was withdrawn: what there was to be looked at is no longer held")
	}
	return nil
}

// heldBy says whether the review is claimed by this reviewer through this key.
func (r row) heldBy(who Who, hash []byte) bool {
	return r.State == Claimed && *r.ClaimKey == who.KeyID && bytes.Equal(r.ClaimHash, hash)
}

// mayAct gives the error for everybody but the holder of a claim.
func (r row) mayAct(who Who, hash []byte) error {
	if err := r.closed(); err != nil || r.heldBy(who, hash) {
		return err
	}
	switch {
	case r.State == Claimed:
		return conflict(ReasonClaimed, "the review is claimed by another").With("until", r.ClaimUntil.UTC().Format(time.RFC3339))
	case r.ClaimAct != nil && *r.ClaimKey == who.KeyID && bytes.Equal(r.ClaimHash, hash):
		return conflict(ReasonClaimExpired, "the claim has run out; claim the review again")
	}
	return conflict(ReasonNotClaimed, "the review is not claimed by this reviewer")
}

// act is what is written down of one.
type act struct {
	Kind       Kind
	Decision   *ekyc.Decision
	ReasonCode *ReasonCode
	Override   *bool
	Overruled  []string // not null where something is decided
	Comment    string
}

// append writes the next act of a locked review down and gives its number.
func (s *Service) append(ctx context.Context, tx pgx.Tx, r row, who Who, hash []byte, a act) (int, error) {
	number := r.Acts + 1
	reviewer, err := s.vault.Seal(ctx, tx, r.scope(), "", reviewerOf(r.ID, number), []byte(who.Reviewer))
	if err != nil {
		return 0, err
	}
	var comment []byte
	if a.Comment != "" {
		if comment, err = s.vault.Seal(ctx, tx, r.scope(), r.SubjectID, commentOf(r.ID, number), []byte(a.Comment)); err != nil {
			return 0, err
		}
	}
	_, err = tx.Exec(ctx, `insert into review_act (tenant_id, environment, review_id, number, kind, at, key_id, reviewer_hash, reviewer, decision, reason_code, override, overruled, comment)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		r.TenantID, r.Environment, r.ID, number, a.Kind, r.Now, who.KeyID, hash, reviewer, a.Decision, a.ReasonCode, a.Override, a.Overruled, comment)
	if err != nil {
		return 0, fmt.Errorf("write an act of a review: %w", err)
	}
	return number, nil
}

// acts gives the history of a review.
func (s *Service) acts(ctx context.Context, tx pgx.Tx, of Review) ([]Act, error) {
	rows, err := tx.Query(ctx, `select number, kind, at, key_id, reviewer, decision, reason_code, override, overruled, comment from review_act
		where tenant_id = $1 and environment = $2 and review_id = $3 order by number`, of.Scope.Tenant, of.Scope.Environment, of.ID)
	if err != nil {
		return nil, fmt.Errorf("read the acts of a review: %w", err)
	}
	type actRow struct {
		Number     int
		Kind       Kind
		At         time.Time
		KeyID      *string
		Reviewer   []byte
		Decision   *ekyc.Decision
		ReasonCode *ReasonCode
		Override   *bool
		Overruled  []string
		Comment    []byte
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[actRow])
	if err != nil {
		return nil, fmt.Errorf("read the acts of a review: %w", err)
	}
	out := make([]Act, len(found))
	for i, r := range found {
		a := Act{Number: r.Number, Kind: r.Kind, At: r.At, Overruled: r.Overruled}
		if r.KeyID != nil {
			name, err := s.vault.Open(ctx, tx, of.Scope, "", reviewerOf(of.ID, r.Number), r.Reviewer)
			if err != nil {
				return nil, fmt.Errorf("open the reviewer of a review: %w", err)
			}
			a.Who = Who{*r.KeyID, string(name)}
		}
		if r.Decision != nil {
			a.Decision, a.ReasonCode, a.Override = *r.Decision, *r.ReasonCode, *r.Override
		}
		if r.Comment != nil {
			text, err := s.vault.Open(ctx, tx, of.Scope, of.Subject, commentOf(of.ID, r.Number), r.Comment)
			if err != nil && ekyc.CodeOf(err) != ekyc.ErrGone {
				return nil, fmt.Errorf("open the comment of a review: %w", err)
			}
			a.Comment = string(text)
		}
		out[i] = a
	}
	return out, nil
}
