package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
)

// Case is a job that was decided to be looked at.
type Case struct {
	Job             ekyc.ID
	Subject         ekyc.ID
	Score           decision.Points
	Reasons         []decision.Code
	Workflow        string
	WorkflowVersion int
	WorkflowHash    string
	CallbackURL     string        // "" for none; personal data
	HeldFor         time.Duration // how long what a reviewer needs is there; 0: for 30 days
}

func callbackOf(id ekyc.ID) string { return string(id) + "/callback" }

// Open puts a case into the queue, in the transaction that decided its job. Errors: ErrConflict when the job has a review, ErrGone when the subject
// was erased.
func (s *Service) Open(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, c Case) (ekyc.ID, error) {
	id := ekyc.NewID(ekyc.KindReview)
	var callback []byte
	if c.CallbackURL != "" {
		var err error
		if callback, err = s.vault.Seal(ctx, tx, scope, c.Subject, callbackOf(id), []byte(c.CallbackURL)); err != nil {
			return "", err
		}
	}
	settings, err := readSettings(ctx, tx, scope)
	if err != nil {
		return "", err
	}
	tag, err := tx.Exec(ctx, `
		with opened as (
			insert into review (tenant_id, environment, id, job_id, subject_id, workflow, workflow_version, workflow_hash, score, reasons, callback, opened_at, due_at, held_until)
			select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now, now + nullif($12::interval, interval '0'), now + nullif($13::interval, interval '0')
			from clock_timestamp() now on conflict do nothing returning tenant_id, environment, id, opened_at)
		insert into review_act (tenant_id, environment, review_id, number, kind, at) select tenant_id, environment, id, 1, 'opened', opened_at from opened`,
		scope.Tenant, scope.Environment, id, c.Job, c.Subject, c.Workflow, c.WorkflowVersion, c.WorkflowHash, int64(c.Score), codesOf(c.Reasons), callback,
		settings.DueAfter, c.HeldFor)
	if err != nil {
		return "", fmt.Errorf("open a review: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return "", ekyc.Errorf(ekyc.ErrConflict, "the job has a review already")
	}
	return id, nil
}

// codesOf gives a list that is never null.
func codesOf(codes []decision.Code) []decision.Code { return append([]decision.Code{}, codes...) }

// row is a review as the table has it, with the acts that claimed and decided it.
type row struct {
	TenantID        ekyc.ID
	Environment     ekyc.Environment
	ID              ekyc.ID
	JobID           ekyc.ID
	SubjectID       ekyc.ID
	Workflow        string
	WorkflowVersion int
	WorkflowHash    string
	Score           int64
	Reasons         []decision.Code
	State           State
	Contested       bool
	Callback        []byte
	OpenedAt        time.Time
	DueAt           *time.Time
	HeldUntil       *time.Time
	Acts            int
	ClosedAt        *time.Time
	ErasedAt        *time.Time
	Now             time.Time

	ClaimAct      *int
	ClaimUntil    *time.Time
	ClaimAt       *time.Time
	ClaimKey      *string
	ClaimReviewer []byte
	ClaimHash     []byte

	ProposalAct      *int
	ProposalDecision *ekyc.Decision
	ProposalReviewer []byte

	OutcomeAct       *int
	OutcomeAt        *time.Time
	OutcomeKey       *string
	OutcomeReviewer  []byte
	OutcomeDecision  *ekyc.Decision
	OutcomeReason    *ReasonCode
	OutcomeOverride  *bool
	OutcomeOverruled []string
}

// over is true of a review, called r, whose time is over: nothing of it is kept any more, unless its subject is held.
const over = `(r.held_until is not null and r.held_until <= now() and not r.held)`

// selection gives rows of a review called r. A claim or a time that has run out is over, whether the sweep has come by or not.
const selection = `
	select r.tenant_id, r.environment, r.id, r.job_id, r.subject_id, r.workflow, r.workflow_version, r.workflow_hash, r.score, r.reasons,
		case when r.state = 'open' and ` + over + ` then 'withdrawn' when r.state = 'open' and r.claim_until > clock_timestamp() then 'claimed'
			else r.state end as state,
		r.contested, r.callback, r.opened_at, r.due_at, r.held_until, r.acts, r.closed_at, s.erased_at, clock_timestamp() as now,
		r.claim_act, r.claim_until, c.at as claim_at, c.key_id as claim_key, c.reviewer as claim_reviewer, c.reviewer_hash as claim_hash,
		r.proposal_act, p.decision as proposal_decision, p.reviewer as proposal_reviewer,
		r.outcome_act, o.at as outcome_at, o.key_id as outcome_key, o.reviewer as outcome_reviewer, o.decision as outcome_decision,
		o.reason_code as outcome_reason, o.override as outcome_override, o.overruled as outcome_overruled
	from review r
	left join subject s on s.tenant_id = r.tenant_id and s.environment = r.environment and s.id = r.subject_id
	left join review_act c on c.tenant_id = r.tenant_id and c.environment = r.environment and c.review_id = r.id and c.number = r.claim_act
	left join review_act p on p.tenant_id = r.tenant_id and p.environment = r.environment and p.review_id = r.id and p.number = r.proposal_act
	left join review_act o on o.tenant_id = r.tenant_id and o.environment = r.environment and o.review_id = r.id and o.number = r.outcome_act
	where r.tenant_id = $1 and r.environment = $2`

func notFound() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such review") }

func (s *Service) one(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, condition string, value any) (row, error) {
	rows, err := tx.Query(ctx, selection+" and "+condition, scope.Tenant, scope.Environment, value)
	if err != nil {
		return row{}, fmt.Errorf("read a review: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, notFound()
	}
	if err != nil {
		return row{}, fmt.Errorf("read a review: %w", err)
	}
	return r, nil
}

// locked gives a review that nobody else changes until the transaction ends.
func (s *Service) locked(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (row, error) {
	_, err := tx.Exec(ctx, `select from review where tenant_id = $1 and environment = $2 and id = $3 for update`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return row{}, fmt.Errorf("lock a review: %w", err)
	}
	return s.one(ctx, tx, scope, "r.id = $3", id)
}

func (r row) scope() ekyc.Scope { return ekyc.Scope{Tenant: r.TenantID, Environment: r.Environment} }

// reviewerOf names what is sealed of the reviewer of an act.
func reviewerOf(id ekyc.ID, act int) string { return fmt.Sprintf("%s/act/%d/reviewer", id, act) }
func commentOf(id ekyc.ID, act int) string  { return fmt.Sprintf("%s/act/%d/comment", id, act) }

// open gives the review that a row holds.
func (s *Service) open(ctx context.Context, tx pgx.Tx, r row) (Review, error) {
	out := Review{
		ID: r.ID, Scope: r.scope(), Job: r.JobID, Subject: r.SubjectID, State: r.State, Score: decision.Points(r.Score), Reasons: r.Reasons,
		Workflow: r.Workflow, WorkflowVersion: r.WorkflowVersion, WorkflowHash: r.WorkflowHash, OpenedAt: r.OpenedAt, DueAt: r.DueAt, HeldUntil: r.HeldUntil,
		AwaitsSecond: r.ProposalAct != nil, Contested: r.Contested, ClosedAt: r.ClosedAt, ErasedAt: r.ErasedAt,
	}
	who := func(act int, key *string, sealed []byte) (Who, error) {
		name, err := s.vault.Open(ctx, tx, out.Scope, "", reviewerOf(r.ID, act), sealed)
		if err != nil {
			return Who{}, fmt.Errorf("open the reviewer of a review: %w", err)
		}
		return Who{*key, string(name)}, nil
	}
	if r.State == Withdrawn && out.ClosedAt == nil { // the sweep has yet to come
		out.ClosedAt, out.AwaitsSecond = r.HeldUntil, false
	}
	var err error
	if r.State == Claimed {
		out.Claim = &Claim{At: *r.ClaimAt, Until: *r.ClaimUntil}
		if out.Claim.Who, err = who(*r.ClaimAct, r.ClaimKey, r.ClaimReviewer); err != nil {
			return Review{}, err
		}
	}
	if r.OutcomeAct != nil {
		out.Outcome = &Outcome{Decision: *r.OutcomeDecision, ReasonCode: *r.OutcomeReason, Override: *r.OutcomeOverride, Overruled: r.OutcomeOverruled, At: *r.OutcomeAt}
		if out.Outcome.Who, err = who(*r.OutcomeAct, r.OutcomeKey, r.OutcomeReviewer); err != nil {
			return Review{}, err
		}
	}
	return out, nil
}

// Get gives a review with its acts. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Review, error) {
	var out Review
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		r, err := s.one(ctx, tx, scope, "r.id = $3", id)
		if err != nil {
			return err
		}
		if out, err = s.open(ctx, tx, r); err != nil {
			return err
		}
		out.Acts, err = s.acts(ctx, tx, out)
		return err
	})
	return out, err
}

// OfJob gives the review of a job, without its acts; nil where there is none.
func (s *Service) OfJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) (*Review, error) {
	r, err := s.one(ctx, tx, scope, "r.job_id = $3", job)
	if ekyc.CodeOf(err) == ekyc.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := s.open(ctx, tx, r)
	return &out, err
}

// Filter chooses reviews. The zero value chooses all.
type Filter struct {
	State     State
	Workflow  string
	Reason    decision.Code
	MinAge    time.Duration // since it was opened
	Contested bool          // only those
}

// conditions choose by state, in a way that the queue's index serves.
var conditions = map[State]string{
	"":        "",
	Open:      " and r.state = 'open' and (r.claim_until is null or r.claim_until <= clock_timestamp()) and not " + over,
	Claimed:   " and r.state = 'open' and r.claim_until > clock_timestamp() and not " + over,
	Decided:   " and r.state = 'decided'",
	Withdrawn: " and (r.state = 'withdrawn' or r.state = 'open' and " + over + ")",
}

const (
	defaultLimit = 20
	mostListed   = 100
)

// List gives reviews, the oldest first and without their acts, at most 100; the identifier to go on after is "" at the end. Errors:
// ErrInvalidArgument for an unknown state.
func (s *Service) List(ctx context.Context, scope ekyc.Scope, f Filter, limit int, after ekyc.ID) (reviews []Review, next ekyc.ID, err error) {
	condition, known := conditions[f.State]
	if !known {
		return nil, "", invalid("state", "there is no such state")
	}
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, mostListed)
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selection+condition+` and ($3 = '' or r.id > $3) and ($4 = '' or r.workflow = $4) and ($5 = '' or $5 = any(r.reasons))
			and r.opened_at <= clock_timestamp() - $6::interval and (not $7 or r.contested) order by r.id limit $8`,
			scope.Tenant, scope.Environment, after, f.Workflow, f.Reason, f.MinAge, f.Contested, limit+1)
		if err != nil {
			return fmt.Errorf("list reviews: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
		if err != nil {
			return fmt.Errorf("list reviews: %w", err)
		}
		next = ""
		if len(found) > limit {
			found = found[:limit]
			next = found[limit-1].ID
		}
		reviews = make([]Review, len(found))
		for i, r := range found {
			if reviews[i], err = s.open(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return reviews, next, err
}

func invalid(field, format string, args ...any) error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, format, args...).With("field", field)
}

func contains(list []ekyc.Decision, d ekyc.Decision) bool { return slices.Contains(list, d) }

// examineText refuses what cannot be stored or read: too long, no Unicode, control characters other than those of lines.
func examineText(field, text string, longest int) error {
	unprintable := func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r' }
	if utf8.RuneCountInString(text) > longest || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return invalid(field, "up to %d characters are permitted, and no control characters", longest)
	}
	return nil
}

// examine says what is wrong with a reviewer's name. White space at its ends would make two of one.
func (w Who) examine() error {
	if w.Reviewer == "" || strings.TrimSpace(w.Reviewer) != w.Reviewer || strings.ContainsFunc(w.Reviewer, unicode.IsControl) {
		return invalid("reviewer", "the reviewer needs a name without control characters, and without white space at its ends")
	}
	return examineText("reviewer", w.Reviewer, longestReviewer)
}
