package api

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
)

// LegalHold is why nothing of a subject ends, is removed or erased.
type LegalHold struct {
	Reason string    `json:"reason"`
	KeyID  string    `json:"key_id" doc:"That put it, or gave it the present reason."`
	Since  time.Time `json:"since"`
}

// HoldBody says why.
type HoldBody struct {
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"For whoever looks at the subject later. Stored encrypted."`
}

// HoldAnswer is a subject with its hold.
type HoldAnswer struct {
	SubjectID ekyc.ID    `json:"subject_id"`
	LegalHold *LegalHold `json:"legal_hold" doc:"null: there is none."`
}

func legalHold(h *vault.Hold) *LegalHold {
	if h == nil {
		return nil
	}
	return &LegalHold{Reason: h.Reason, KeyID: h.KeyID, Since: h.At.UTC()}
}

func (s *Server) holdRoutes(f *surface) {
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone}
	handle(f, route{method: http.MethodPut, path: "/subjects/{id}/hold", id: "subjects-hold", tag: "retention", scope: tenant.ScopeAdmin, summary: "Put a legal hold on a subject",
		description: "While it lasts, nothing that is kept of the subject ends or is removed, and the subject is not erased. What is over by then is not brought back, and what is not to be stored " +
			"(store: false) is not kept for it. Put again, it gets the new reason.", errors: missing}, s.putHold)
	handle(f, route{method: http.MethodDelete, path: "/subjects/{id}/hold", id: "subjects-release", tag: "retention", scope: tenant.ScopeAdmin, summary: "End the legal hold on a subject",
		description: "What is past its time by then goes at once.", errors: missing}, s.endHold)
}

func (s *Server) putHold(ctx context.Context, call *Call, p *subjectParams, b *HoldBody) (*HoldAnswer, error) {
	return withID(ekyc.KindSubject, p.ID, func(id ekyc.ID) (*HoldAnswer, error) {
		var hold *vault.Hold
		err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			hold, err = s.putHoldOn(ctx, tx, call.Scope, id, vault.ByTenant, vault.Hold{Reason: b.Reason, KeyID: call.Principal.Key.ID})
			return err
		})
		return &HoldAnswer{SubjectID: id, LegalHold: legalHold(hold)}, err
	})
}

func (s *Server) endHold(ctx context.Context, call *Call, p *subjectParams, _ *none) (*HoldAnswer, error) {
	return withID(ekyc.KindSubject, p.ID, func(id ekyc.ID) (*HoldAnswer, error) {
		err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
			return s.endHoldOn(ctx, tx, call.Scope, id, vault.ByTenant)
		})
		return &HoldAnswer{SubjectID: id}, err
	})
}

// putHoldOn puts a hold on a subject and enters that.
func (s *Server) putHoldOn(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, of vault.Holder, hold vault.Hold) (*vault.Hold, error) {
	var err error
	if hold.At, _, err = s.Vault.PutHold(ctx, tx, scope, subject, of, hold); err != nil {
		return nil, err
	}
	return &hold, s.enterAbout(ctx, tx, scope, subject, audit.Entry{Action: audit.HoldPut})
}

// endHoldOn ends a hold on a subject and enters that, where there was one.
func (s *Server) endHoldOn(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, of vault.Holder) error {
	if ended, err := s.Vault.EndHold(ctx, tx, scope, subject, of); err != nil || !ended {
		return err
	}
	return s.enterAbout(ctx, tx, scope, subject, audit.Entry{Action: audit.HoldEnd})
}
