package api

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/operator"
	"ekyc/internal/vault"
)

// OperatorHold is a legal hold that the platform has put on a subject.
type OperatorHold struct {
	Reason     string    `json:"reason"`
	OperatorID string    `json:"operator_id" doc:"Who put it, or gave it the present reason."`
	Since      time.Time `json:"since"`
}

// HeldSubjectAnswer is a subject with the holds on it.
type HeldSubjectAnswer struct {
	SubjectID       ekyc.ID       `json:"subject_id"`
	OperatorHold    *OperatorHold `json:"operator_hold" doc:"null: there is none."`
	TenantHoldSince *time.Time    `json:"tenant_hold_since,omitempty" doc:"The tenant's own; its reason is the tenant's."`
}

// HeldSubjectList is a page of them.
type HeldSubjectList struct {
	Subjects  []HeldSubjectAnswer `json:"subjects"`
	NextAfter ekyc.ID             `json:"next_after" doc:"Empty at the end."`
}

type scopeSubjectParams struct {
	ScopeParams
	ID string `path:"id" maxLength:"64" doc:"The subject."`
}

func (s *Server) operatorHoldRoutes(f *surface) {
	platform := func(method, path, id, summary string, permission operator.Permission, errors ...ekyc.ErrorCode) route {
		return route{method: method, path: "/tenants/{tenant}/{environment}" + path, id: id, tag: "legal holds", access: operators, permission: permission,
			summary: summary, description: "A hold of the platform stands beside the tenant's own: either keeps the subject, and each is ended by who put it.", errors: errors}
	}
	handle(f, platform(http.MethodGet, "/holds", "admin-holds-list", "List a tenant's subjects that are held", operator.View, ekyc.ErrNotFound), s.listHeld)
	handle(f, platform(http.MethodPut, "/subjects/{id}/hold", "admin-hold-put", "Put a legal hold on a tenant's subject", operator.ManageHolds, ekyc.ErrNotFound, ekyc.ErrGone), s.putOperatorHold)
	handle(f, platform(http.MethodDelete, "/subjects/{id}/hold", "admin-hold-end", "End the platform's legal hold on a subject", operator.ManageHolds, ekyc.ErrNotFound, ekyc.ErrGone), s.endOperatorHold)
}

func heldSubject(h vault.HeldSubject) HeldSubjectAnswer {
	out := HeldSubjectAnswer{SubjectID: h.ID, TenantHoldSince: inUTC(h.TenantAt)}
	if o := h.Operator; o != nil {
		out.OperatorHold = &OperatorHold{o.Reason, o.KeyID, o.At.UTC()}
	}
	return out
}

func (s *Server) listHeld(ctx context.Context, _ *Call, p *scopePageParams, _ *none) (*HeldSubjectList, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*HeldSubjectList, error) {
		after, err := p.cursor(ekyc.KindSubject)
		if err != nil {
			return nil, err
		}
		out := &HeldSubjectList{}
		return out, s.DB.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
			held, next, err := s.Vault.ListHeld(ctx, tx, scope, p.Limit, after)
			out.Subjects, out.NextAfter = []HeldSubjectAnswer{}, next
			for _, h := range held {
				out.Subjects = append(out.Subjects, heldSubject(h))
			}
			return err
		})
	})
}

func (s *Server) putOperatorHold(ctx context.Context, call *Call, p *scopeSubjectParams, b *HoldBody) (*HeldSubjectAnswer, error) {
	return s.changeOperatorHold(ctx, p, func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (*vault.Hold, error) {
		return s.putHoldOn(ctx, tx, scope, subject, vault.ByOperator, vault.Hold{Reason: b.Reason, KeyID: string(call.Operator.ID)})
	})
}

func (s *Server) endOperatorHold(ctx context.Context, _ *Call, p *scopeSubjectParams, _ *none) (*HeldSubjectAnswer, error) {
	return s.changeOperatorHold(ctx, p, func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (*vault.Hold, error) {
		return nil, s.endHoldOn(ctx, tx, scope, subject, vault.ByOperator)
	})
}

// changeOperatorHold puts or ends a hold, and answers with what holds the subject then.
func (s *Server) changeOperatorHold(ctx context.Context, p *scopeSubjectParams, change func(context.Context, pgx.Tx, ekyc.Scope, ekyc.ID) (*vault.Hold, error)) (*HeldSubjectAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*HeldSubjectAnswer, error) {
		return withID(ekyc.KindSubject, p.ID, func(id ekyc.ID) (*HeldSubjectAnswer, error) {
			var out HeldSubjectAnswer
			return &out, s.DB.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
				hold, err := change(ctx, tx, scope, id)
				if err != nil {
					return err
				}
				own, err := s.Vault.HoldOf(ctx, tx, scope, id)
				if err != nil {
					return err
				}
				held := vault.HeldSubject{ID: id, Operator: hold}
				if own != nil {
					held.TenantAt = &own.At
				}
				out = heldSubject(held)
				return nil
			})
		})
	})
}
