package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/decision"
	"ekyc/internal/idempotency"
	"ekyc/internal/review"
	"ekyc/internal/tenant"
)

// ReviewAnswer is a verification that a person has to look at.
type ReviewAnswer struct {
	ID              ekyc.ID              `json:"review_id"`
	JobID           ekyc.ID              `json:"job_id"`
	SubjectID       ekyc.ID              `json:"subject_id"`
	State           review.State         `json:"state" enum:"open,claimed,decided,withdrawn" doc:"withdrawn: the subject was erased, or the time for which the verification is kept is over."`
	Score           decision.Points      `json:"score"`
	Reasons         []decision.Code      `json:"reasons" doc:"Codes of the result's reasons, each once."`
	Workflow        string               `json:"workflow"`
	WorkflowVersion int                  `json:"workflow_version" doc:"0: no published version."`
	WorkflowHash    string               `json:"workflow_hash"`
	OpenedAt        time.Time            `json:"opened_at"`
	DueAt           *time.Time           `json:"due_at,omitempty" doc:"Where the settings say when reviews are due."`
	HeldUntil       *time.Time           `json:"held_until,omitempty" doc:"When what a reviewer needs is gone, and an open review is withdrawn."`
	AwaitsSecond    bool                 `json:"awaits_second_reviewer" doc:"One reviewer has decided, and another must."`
	Contested       bool                 `json:"contested" doc:"Two reviewers disagreed."`
	Claim           *ReviewClaimAnswer   `json:"claim,omitempty" doc:"Of a claimed review."`
	Outcome         *ReviewOutcomeAnswer `json:"outcome,omitempty" doc:"Of a decided review."`
	ClosedAt        *time.Time           `json:"closed_at,omitempty"`
	ErasedAt        *time.Time           `json:"erased_at,omitempty" doc:"The subject was erased then: there is nothing to be looked at any more, and nothing can be done to the review."`
}

// ReviewClaimAnswer says who holds a review.
type ReviewClaimAnswer struct {
	KeyID    string    `json:"key_id"`
	Reviewer string    `json:"reviewer"`
	At       time.Time `json:"claimed_at"`
	Until    time.Time `json:"expires_at"`
}

// ReviewOutcomeAnswer is how a review was decided.
type ReviewOutcomeAnswer struct {
	Decision   ekyc.Decision `json:"decision" enum:"accepted,rejected"`
	ReasonCode ReviewReason  `json:"reason_code"`
	Override   bool          `json:"override" doc:"The score alone would have given the other decision."`
	Overruled  []string      `json:"overruled_rules" doc:"Rules that stood against the acceptance: codes of the hard rules that held, names of the workflow's own that never accept."`
	KeyID      string        `json:"key_id"`
	Reviewer   string        `json:"reviewer"`
	At         time.Time     `json:"decided_at"`
}

// ReviewActAnswer is one entry of a review's history.
type ReviewActAnswer struct {
	Number     int           `json:"number" minimum:"1"`
	Kind       review.Kind   `json:"kind" enum:"opened,claimed,extended,released,proposed,disagreed,decided,withdrawn" doc:"proposed: a decision that waits for a second reviewer; disagreed: that reviewer's, where it is another."`
	At         time.Time     `json:"at"`
	KeyID      string        `json:"key_id,omitempty"`
	Reviewer   string        `json:"reviewer,omitempty"`
	Decision   ekyc.Decision `json:"decision,omitempty" enum:"accepted,rejected"`
	ReasonCode ReviewReason  `json:"reason_code,omitempty"`
	Override   bool          `json:"override,omitempty"`
	Overruled  []string      `json:"overruled_rules,omitempty"`
	Comment    string        `json:"comment,omitempty" doc:"Absent once the subject is erased."`
}

// ReviewDetailAnswer is a review with its history and everything that explains it.
type ReviewDetailAnswer struct {
	ReviewAnswer
	Acts  []ReviewActAnswer `json:"acts"`
	Faces ReviewFaces       `json:"faces" doc:"The two faces, cut out and upright, of at most 400 pixels a side, to be looked at side by side."`
	Job   JobAnswer         `json:"job" doc:"The verification with its result, as /jobs/{id} answers it."`
}

// ReviewFaces are the faces that a reviewer holds beside each other.
type ReviewFaces struct {
	Selfie   ekyc.ID `json:"selfie_media_id,omitempty" doc:"Cut out of the selfie, for /media/{id} and its link. Absent where no face was found or none is kept."`
	Document ekyc.ID `json:"document_media_id,omitempty" doc:"The portrait of the document, likewise."`
}

func reviewFaces(media []JobMedia) (out ReviewFaces) {
	for _, m := range media {
		switch m.Of {
		case "selfie":
			out.Selfie = m.ID
		case "document":
			out.Document = m.ID
		}
	}
	return out
}

// ReviewReason is why a reviewer decided so.
type ReviewReason review.ReasonCode

// Schema lists the reasons with what they mean.
func (ReviewReason) Schema(huma.Registry) *huma.Schema {
	schema := &huma.Schema{Type: huma.TypeString}
	var lines []string
	for _, info := range review.ReasonCodes {
		schema.Enum = append(schema.Enum, string(info.Code))
		var decisions []string
		for _, d := range info.Decisions {
			decisions = append(decisions, string(d))
		}
		line := "`" + string(info.Code) + "` (" + strings.Join(decisions, ", ")
		if info.NeedsComment {
			line += ", with a comment"
		}
		lines = append(lines, line+"): "+info.Meaning)
	}
	schema.Description = strings.Join(lines, "; ") + "."
	return schema
}

func reviewAnswer(r review.Review) ReviewAnswer {
	out := ReviewAnswer{
		ID: r.ID, JobID: r.Job, SubjectID: r.Subject, State: r.State, Score: r.Score, Reasons: orEmpty(r.Reasons), Workflow: r.Workflow,
		WorkflowVersion: r.WorkflowVersion, WorkflowHash: r.WorkflowHash, OpenedAt: r.OpenedAt, DueAt: r.DueAt, HeldUntil: r.HeldUntil,
		AwaitsSecond: r.AwaitsSecond, Contested: r.Contested, ClosedAt: r.ClosedAt, ErasedAt: inUTC(r.ErasedAt),
	}
	if c := r.Claim; c != nil {
		out.Claim = &ReviewClaimAnswer{KeyID: c.KeyID, Reviewer: c.Reviewer, At: c.At, Until: c.Until}
	}
	if o := r.Outcome; o != nil {
		out.Outcome = &ReviewOutcomeAnswer{
			Decision: o.Decision, ReasonCode: ReviewReason(o.ReasonCode), Override: o.Override, Overruled: orEmpty(o.Overruled), KeyID: o.KeyID, Reviewer: o.Reviewer, At: o.At,
		}
	}
	return out
}

// ReviewList is a page of reviews.
type ReviewList struct {
	Reviews   []ReviewAnswer `json:"reviews"`
	NextAfter ekyc.ID        `json:"next_after" doc:"Empty at the end."`
}

// ReviewerBody names who acts.
type ReviewerBody struct {
	Reviewer string `json:"reviewer" minLength:"1" maxLength:"200" doc:"The client's own name of the person who reviews. Stored encrypted."`
}

// ReviewClaimBody claims a review.
type ReviewClaimBody struct {
	ReviewerBody
	ExpiresIn int `json:"expires_in_seconds,omitempty" minimum:"60" maximum:"14400" doc:"How long the claim lasts from now on; 900 unless given."`
}

// ReviewDecisionBody decides a review.
type ReviewDecisionBody struct {
	ReviewerBody
	Decision   string       `json:"decision" enum:"accepted,rejected"`
	ReasonCode ReviewReason `json:"reason_code"`
	Comment    string       `json:"comment,omitempty" maxLength:"2000" doc:"Stored encrypted under the subject's key."`
}

// ReviewSettingsBody says how reviews are to be decided.
type ReviewSettingsBody struct {
	SecondReviewer string `json:"second_reviewer" enum:"off,always,on_override" doc:"When another reviewer must come to the same decision; on_override: where a decision is against the score, or accepts against a hard rule (whatever its effect) or a rule of the workflow that never accepts."`
	DueAfter       int    `json:"due_after_seconds,omitempty" minimum:"0" maximum:"31622400" doc:"When reviews are due after they were opened; at no time unless given."`
}

// ReviewSettingsAnswer is what holds.
type ReviewSettingsAnswer struct {
	SecondReviewer review.SecondReviewer `json:"second_reviewer" enum:"off,always,on_override"`
	DueAfter       int                   `json:"due_after_seconds" doc:"0: reviews are due at no time."`
	KeyID          string                `json:"key_id,omitempty" doc:"The key that set it."`
	At             *time.Time            `json:"set_at,omitempty"`
}

type reviewParams struct {
	ID string `path:"id" maxLength:"64" doc:"The review."`
}

type reviewListParams struct {
	Limit     int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most entries of the answer."`
	After     string `query:"after" maxLength:"64" doc:"The next_after of the page before."`
	State     string `query:"state" enum:"open,claimed,decided,withdrawn"`
	Workflow  string `query:"workflow" maxLength:"64" doc:"Its name."`
	Reason    string `query:"reason" maxLength:"64" doc:"A code that is among the reasons."`
	MinAge    int    `query:"min_age_seconds" minimum:"0" maximum:"315360000" doc:"Since the review was opened."`
	Contested bool   `query:"contested" doc:"Only those on which two reviewers disagreed."`
}

func (s *Server) reviewRoutes(f *surface) {
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound}
	held := append(missing, ekyc.ErrConflict, ekyc.ErrGone)
	const why = "A conflict says why in details.reason: claimed (by another), not_claimed, claim_expired, same_reviewer, decided, withdrawn. Once the subject is erased it is 410."
	handle(f, route{method: http.MethodGet, path: "/reviews", id: "reviews-list", tag: "reviews", scope: tenant.ScopeWorkflow, summary: "List reviews",
		description: "Verifications that were decided review, the oldest first."}, s.listReviews)
	handle(f, route{method: http.MethodGet, path: "/reviews/{id}", id: "reviews-get", tag: "reviews", scope: tenant.ScopeWorkflow, summary: "Look at a review",
		description: "With everything that was done to it, and the verification with its whole explanation.", errors: missing}, s.getReview)
	handle(f, route{method: http.MethodPost, path: "/reviews/{id}/claim", id: "reviews-claim", tag: "reviews", scope: tenant.ScopeWorkflow, summary: "Claim a review",
		description: "Locks the review for one reviewer, for a while. Its holder extends the claim by claiming again. " + why, errors: held}, s.claimReview)
	handle(f, route{method: http.MethodPost, path: "/reviews/{id}/release", id: "reviews-release", tag: "reviews", scope: tenant.ScopeWorkflow, summary: "Give a claimed review back",
		description: why, errors: held}, s.releaseReview)
	handle(f, route{method: http.MethodPost, path: "/reviews/{id}/decide", id: "reviews-decide", tag: "reviews", scope: tenant.ScopeWorkflow, summary: "Decide a review",
		description: "By the holder of its claim. Where a second reviewer is asked for, the first decision leaves the review open and awaiting a second reviewer, who claims it and decides: " +
			"the same decision is final, and another makes the review contested, and two must agree anew. A final decision is told by kyc.reviewed, and has a receipt. " + why, errors: held}, s.decideReview)
	handle(f, route{method: http.MethodGet, path: "/settings/reviews", id: "settings-reviews-get", tag: "reviews", scope: tenant.ScopeAdmin, summary: "How reviews are to be decided"}, s.getReviewSettings)
	handle(f, route{method: http.MethodPut, path: "/settings/reviews", id: "settings-reviews-put", tag: "reviews", scope: tenant.ScopeAdmin, summary: "Say how reviews are to be decided",
		description: "In the environment of the key that asks. Reviews that wait for a second reviewer go on waiting."}, s.putReviewSettings)
}

func (s *Server) listReviews(ctx context.Context, call *Call, p *reviewListParams, _ *none) (*ReviewList, error) {
	after, err := (&Page{After: p.After}).cursor(ekyc.KindReview)
	if err != nil {
		return nil, err
	}
	f := review.Filter{State: review.State(p.State), Workflow: p.Workflow, Reason: decision.Code(p.Reason), MinAge: time.Duration(p.MinAge) * time.Second, Contested: p.Contested}
	list, next, err := s.Reviews.List(ctx, call.Scope, f, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &ReviewList{Reviews: []ReviewAnswer{}, NextAfter: next}
	for _, r := range list {
		out.Reviews = append(out.Reviews, reviewAnswer(r))
	}
	return out, nil
}

func (s *Server) getReview(ctx context.Context, call *Call, p *reviewParams, _ *none) (*ReviewDetailAnswer, error) {
	return withID(ekyc.KindReview, p.ID, func(id ekyc.ID) (*ReviewDetailAnswer, error) {
		r, err := s.Reviews.Get(ctx, call.Scope, id)
		if err != nil {
			return nil, err
		}
		j, err := s.Jobs.Get(ctx, call.Scope, r.Job)
		if err != nil {
			return nil, err
		}
		out := &ReviewDetailAnswer{ReviewAnswer: reviewAnswer(r), Acts: []ReviewActAnswer{}, Job: jobAnswer(j)}
		out.Faces = reviewFaces(out.Job.Media)
		for _, a := range r.Acts {
			out.Acts = append(out.Acts, ReviewActAnswer{
				Number: a.Number, Kind: a.Kind, At: a.At, KeyID: a.KeyID, Reviewer: a.Reviewer, Decision: a.Decision, ReasonCode: ReviewReason(a.ReasonCode),
				Override: a.Override, Overruled: a.Overruled, Comment: a.Comment,
			})
		}
		return out, nil
	})
}

func (s *Server) claimReview(ctx context.Context, call *Call, p *reviewParams, b *ReviewClaimBody) (*ReviewAnswer, error) {
	return s.actOnReview(ctx, call, p, audit.ReviewClaim, func(ctx context.Context, id ekyc.ID) (review.Review, error) {
		return s.Reviews.Claim(ctx, call.Scope, id, call.reviewer(b.Reviewer), time.Duration(b.ExpiresIn)*time.Second)
	})
}

func (s *Server) releaseReview(ctx context.Context, call *Call, p *reviewParams, b *ReviewerBody) (*ReviewAnswer, error) {
	return s.actOnReview(ctx, call, p, audit.ReviewRelease, func(ctx context.Context, id ekyc.ID) (review.Review, error) {
		return s.Reviews.Release(ctx, call.Scope, id, call.reviewer(b.Reviewer))
	})
}

func (s *Server) decideReview(ctx context.Context, call *Call, p *reviewParams, b *ReviewDecisionBody) (*ReviewAnswer, error) {
	return s.actOnReview(ctx, call, p, audit.ReviewDecide, func(ctx context.Context, id ekyc.ID) (review.Review, error) {
		d := review.Decision{Decision: ekyc.Decision(b.Decision), ReasonCode: review.ReasonCode(b.ReasonCode), Comment: b.Comment}
		return s.Reviews.Decide(ctx, call.Scope, id, call.reviewer(b.Reviewer), d)
	})
}

// reviewer is who acts on a review.
func (c *Call) reviewer(name string) review.Who {
	return review.Who{KeyID: c.Principal.Key.ID, Reviewer: name}
}

// actOnReview does something to a review and remembers the answer in the same transaction, as something that goes with the subject.
func (s *Server) actOnReview(ctx context.Context, call *Call, p *reviewParams, action audit.Action, act func(context.Context, ekyc.ID) (review.Review, error)) (*ReviewAnswer, error) {
	return withID(ekyc.KindReview, p.ID, func(id ekyc.ID) (*ReviewAnswer, error) {
		var out ReviewAnswer
		err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
			r, err := act(s.DB.Joining(ctx, call.Scope, tx), id)
			if err != nil {
				return err
			}
			if err := s.Audit.Append(ctx, tx, audit.Entry{Action: action, Scope: call.Scope, Objects: []ekyc.ID{id, r.Job}}); err != nil {
				return err
			}
			out = reviewAnswer(r)
			return call.Remember(ctx, tx, http.StatusOK, out, r.Subject, r.HeldUntil == nil || time.Until(*r.HeldUntil) > idempotency.Life)
		})
		return &out, err
	})
}

func settingsAnswer(in review.Settings) *ReviewSettingsAnswer {
	return &ReviewSettingsAnswer{SecondReviewer: in.SecondReviewer, DueAfter: int(in.DueAfter.Seconds()), KeyID: in.KeyID, At: in.At}
}

func (s *Server) getReviewSettings(ctx context.Context, call *Call, _ *none, _ *none) (*ReviewSettingsAnswer, error) {
	in, err := s.Reviews.Settings(ctx, call.Scope)
	return settingsAnswer(in), err
}

func (s *Server) putReviewSettings(ctx context.Context, call *Call, _ *none, b *ReviewSettingsBody) (*ReviewSettingsAnswer, error) {
	in, err := entered(ctx, s, call.Scope, func(ctx context.Context) (review.Settings, audit.Entry, error) {
		in, err := s.Reviews.Set(ctx, call.Scope, review.Settings{
			SecondReviewer: review.SecondReviewer(b.SecondReviewer), DueAfter: time.Duration(b.DueAfter) * time.Second, KeyID: call.Principal.Key.ID,
		})
		return in, audit.Entry{Action: audit.SettingsChange, Scope: call.Scope, Details: audit.Details{audit.Changed: "reviews"}}, err
	})
	return settingsAnswer(in), err
}
