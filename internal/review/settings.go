package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// SecondReviewer says when two people must agree.
type SecondReviewer string

// The choices. OnOverride: where the decision is against the score, or accepts against a rule (Verdict.Against).
const (
	SecondOff        SecondReviewer = "off"
	SecondAlways     SecondReviewer = "always"
	SecondOnOverride SecondReviewer = "on_override"
)

// SecondReviewers lists the choices.
var SecondReviewers = []SecondReviewer{SecondOff, SecondAlways, SecondOnOverride}

// Settings say how a scope wants its reviews decided. The zero value is that of a scope that has said nothing.
type Settings struct {
	SecondReviewer SecondReviewer // "" as SecondOff
	DueAfter       time.Duration  // reviews are due so long after they were opened, to the second; 0: at no time
	KeyID          string         // of the API key that set them; "" where nobody has
	At             *time.Time
}

const longestDue = 366 * 24 * time.Hour

func (s Settings) wantsSecond(overridden bool) bool {
	return s.SecondReviewer == SecondAlways || s.SecondReviewer == SecondOnOverride && overridden
}

// Settings gives those of a scope.
func (s *Service) Settings(ctx context.Context, scope ekyc.Scope) (Settings, error) {
	var out Settings
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		out, err = readSettings(ctx, tx, scope)
		return err
	})
	return out, err
}

func readSettings(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (Settings, error) {
	out := Settings{SecondReviewer: SecondOff}
	err := tx.QueryRow(ctx, `select second_reviewer, coalesce(due_after, interval '0'), key_id, at from review_setting
		where tenant_id = $1 and environment = $2 order by number desc limit 1`, scope.Tenant, scope.Environment).
		Scan(&out.SecondReviewer, &out.DueAfter, &out.KeyID, &out.At)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Settings{}, fmt.Errorf("read the settings of reviews: %w", err)
	}
	return out, nil
}

// Set changes the settings of a scope, from the next act on; a review that waits for a second reviewer goes on waiting. Errors: ErrInvalidArgument.
func (s *Service) Set(ctx context.Context, scope ekyc.Scope, in Settings) (Settings, error) {
	if !slices.Contains(SecondReviewers, in.SecondReviewer) {
		return Settings{}, invalid("second_reviewer", "off, always or on_override is permitted")
	}
	if in.DueAfter < 0 || in.DueAfter > longestDue {
		return Settings{}, invalid("due_after_seconds", "up to %d days are permitted", int(longestDue.Hours()/24))
	}
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into review_setting (tenant_id, environment, second_reviewer, due_after, key_id)
			values ($1, $2, $3, nullif($4::interval, interval '0'), $5) returning at`,
			scope.Tenant, scope.Environment, in.SecondReviewer, in.DueAfter.Truncate(time.Second), in.KeyID).Scan(&in.At)
		if err != nil {
			return fmt.Errorf("write the settings of reviews: %w", err)
		}
		return nil
	})
	return in, err
}
