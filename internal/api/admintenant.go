package api

import (
	"context"
	"net/http"
	"strconv"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/operator"
	"ekyc/internal/tenant"
)

// ScopeParams name a tenant's environment.
type ScopeParams struct {
	TenantParams
	Environment string `path:"environment" enum:"test,live" doc:"The environment."`
}

type scopeKeyParams struct {
	ScopeParams
	ID string `path:"id" maxLength:"64" doc:"The key."`
}

type scopePageParams struct {
	ScopeParams
	Page
}

type limitParams struct {
	ScopeParams
	Module string `path:"module" enum:"liveness,ocr,validate,face_match,kya,workflow" doc:"The module."`
}

// inScope runs act for an existing tenant's environment.
func inScope[O any](ctx context.Context, s *Server, p ScopeParams, act func(ekyc.Scope) (*O, error)) (*O, error) {
	return withID(ekyc.KindTenant, p.Tenant, func(id ekyc.ID) (*O, error) {
		if _, err := s.Tenants.GetTenant(ctx, id); err != nil {
			return nil, err
		}
		return act(ekyc.Scope{Tenant: id, Environment: ekyc.Environment(p.Environment)})
	})
}

func (s *Server) adminKeyRoutes(f *surface) {
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound}
	platform := func(method, path, id, summary string, permission operator.Permission, status int) route {
		return route{method: method, path: "/tenants/{tenant}/{environment}" + path, id: id, tag: "keys and quotas", access: operators, permission: permission,
			summary: summary, status: status, errors: missing}
	}
	handle(f, platform(http.MethodGet, "/keys", "admin-keys-list", "List a tenant's keys", operator.View, 0), s.adminListKeys)
	handle(f, platform(http.MethodPost, "/keys", "admin-keys-create", "Make a key for a tenant", operator.ManageKeys, http.StatusCreated), s.adminCreateKey)
	handle(f, platform(http.MethodPatch, "/keys/{id}", "admin-keys-limits", "Change a key's limits of requests", operator.ManageKeys, 0), s.adminKeyLimits)
	handle(f, platform(http.MethodPost, "/keys/{id}/rollover", "admin-keys-rollover", "Give a key another secret", operator.ManageKeys, 0), s.adminRolloverKey)
	handle(f, platform(http.MethodPost, "/keys/{id}/revoke", "admin-keys-revoke", "End a key for good", operator.ManageKeys, 0), s.adminRevokeKey)
	handle(f, platform(http.MethodGet, "/quotas", "admin-quotas", "A tenant's quotas and what is left of them", operator.View, 0), s.adminQuotas)
	handle(f, platform(http.MethodPut, "/quotas/{module}", "admin-quota-set", "Give a tenant a quota of its own", operator.ManageQuotas, 0), s.adminSetQuota)
	handle(f, platform(http.MethodDelete, "/quotas/{module}", "admin-quota-clear", "Give a tenant the plan's quota again", operator.ManageQuotas, 0), s.adminClearQuota)
}

func (s *Server) adminListKeys(ctx context.Context, _ *Call, p *scopePageParams, _ *none) (*KeyList, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*KeyList, error) {
		return s.listKeys(ctx, &Call{Scope: scope}, &p.Page, nil)
	})
}

func (s *Server) adminCreateKey(ctx context.Context, _ *Call, p *ScopeParams, b *KeyBody) (*NewKeyAnswer, error) {
	return inScope(ctx, s, *p, func(scope ekyc.Scope) (*NewKeyAnswer, error) {
		in, err := b.input(s)
		if err != nil {
			return nil, err
		}
		return s.makeKey(ctx, scope, in)
	})
}

// KeyLimitsBody changes what is given; 0 is the plan's.
type KeyLimitsBody struct {
	RatePerMinute  *int            `json:"rate_per_minute,omitempty" minimum:"0"`
	RatePerDay     *int            `json:"rate_per_day,omitempty" minimum:"0"`
	EndpointLimits *map[string]int `json:"endpoint_limits,omitempty" doc:"Requests a minute by method and route, for instance POST /v1/face/match."`
}

func (s *Server) adminKeyLimits(ctx context.Context, _ *Call, p *scopeKeyParams, b *KeyLimitsBody) (*KeyAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*KeyAnswer, error) {
		if b.EndpointLimits != nil {
			if err := s.checkEndpoints(*b.EndpointLimits); err != nil {
				return nil, err
			}
		}
		key, err := entered(ctx, s, scope, func(ctx context.Context) (tenant.Key, audit.Entry, error) {
			key, err := s.Tenants.SetKeyLimits(ctx, scope, p.ID, tenant.KeyLimits(*b))
			changed := given(map[string]bool{"rate_per_minute": b.RatePerMinute != nil, "rate_per_day": b.RatePerDay != nil, "endpoint_limits": b.EndpointLimits != nil})
			return key, audit.Entry{Action: audit.KeyLimits, Scope: scope, Objects: []ekyc.ID{ekyc.ID(key.ID)}, Details: audit.Details{audit.Changed: changed}}, err
		})
		if err != nil {
			return nil, err
		}
		out := keyAnswer(key)
		return &out, nil
	})
}

func (s *Server) adminRolloverKey(ctx context.Context, _ *Call, p *scopeKeyParams, b *OverlapBody) (*NewKeyAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*NewKeyAnswer, error) { return s.rollover(ctx, scope, p.ID, b) })
}

func (s *Server) adminRevokeKey(ctx context.Context, _ *Call, p *scopeKeyParams, _ *none) (*KeyAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*KeyAnswer, error) {
		return s.revokeKey(ctx, &Call{Scope: scope}, &keyParams{p.ID}, nil)
	})
}

// planQuotas is a tenant's quotas under its plan.
func (s *Server) planQuotas(ctx context.Context, scope ekyc.Scope) (*QuotasAnswer, error) {
	plan, err := s.Tenants.PlanOf(ctx, scope.Tenant)
	if err != nil {
		return nil, err
	}
	list, err := s.Metering.Quotas(ctx, scope, EntitlementOf(plan))
	return &QuotasAnswer{Plan: plan.Name, PlanVersion: plan.Version, Quotas: orEmpty(list)}, err
}

func (s *Server) adminQuotas(ctx context.Context, _ *Call, p *ScopeParams, _ *none) (*QuotasAnswer, error) {
	return inScope(ctx, s, *p, func(scope ekyc.Scope) (*QuotasAnswer, error) { return s.planQuotas(ctx, scope) })
}

// LimitBody is a quota of a tenant's own.
type LimitBody struct {
	Units *int64 `json:"units" minimum:"0" doc:"Units a month; null: unlimited."`
}

func (s *Server) adminSetQuota(ctx context.Context, _ *Call, p *limitParams, b *LimitBody) (*QuotasAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*QuotasAnswer, error) {
		_, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (none, audit.Entry, error) {
			details := audit.Details{audit.Module: p.Module}
			if b.Units != nil {
				details[audit.Units] = strconv.FormatInt(*b.Units, 10)
			}
			err := s.Metering.SetLimit(ctx, scope.Tenant, scope.Environment, ekyc.Module(p.Module), b.Units)
			return none{}, audit.Entry{Action: audit.QuotaSet, Scope: scope, Details: details}, err
		})
		if err != nil {
			return nil, err
		}
		return s.planQuotas(ctx, scope)
	})
}

func (s *Server) adminClearQuota(ctx context.Context, _ *Call, p *limitParams, _ *none) (*QuotasAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*QuotasAnswer, error) {
		_, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (none, audit.Entry, error) {
			err := s.Metering.ClearLimit(ctx, scope.Tenant, scope.Environment, ekyc.Module(p.Module))
			return none{}, audit.Entry{Action: audit.QuotaClear, Scope: scope, Details: audit.Details{audit.Module: p.Module}}, err
		})
		if err != nil {
			return nil, err
		}
		return s.planQuotas(ctx, scope)
	})
}
