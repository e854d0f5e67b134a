package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/operator"
	"ekyc/internal/tenant"
)

// adminRoutes are all routes under /admin/v1.
func (s *Server) adminRoutes(f *surface) error {
	handle(f, route{method: http.MethodGet, path: "/health", id: "admin-health", tag: "service", access: open, summary: "Is the process alive?"}, s.health)
	handle(f, route{method: http.MethodGet, path: "/ready", id: "admin-ready", tag: "service", access: open, summary: "Can requests be answered?"}, s.ready)
	s.sessionRoutes(f)
	s.operatorRoutes(f)
	s.tenantRoutes(f)
	s.adminKeyRoutes(f)
	s.adminJobRoutes(f)
	s.adminAuditRoutes(f)
	s.operatorHoldRoutes(f)
	return f.documentRoutes()
}

// TenantAnswer is one customer of the platform.
type TenantAnswer struct {
	ID           ekyc.ID       `json:"tenant_id"`
	Name         string        `json:"name"`
	Country      string        `json:"country" doc:"ISO 3166-1 alpha-3."`
	SupportEmail string        `json:"support_email"`
	Region       string        `json:"region" doc:"Home region, for life."`
	Plan         string        `json:"plan"`
	Status       tenant.Status `json:"status" enum:"active,suspended"`
	CreatedAt    time.Time     `json:"created_at"`
}

// TenantBody describes a tenant to be made.
type TenantBody struct {
	Name         string `json:"name" minLength:"1" maxLength:"200"`
	Country      string `json:"country" minLength:"3" maxLength:"3" doc:"ISO 3166-1 alpha-3."`
	SupportEmail string `json:"support_email" minLength:"3" maxLength:"320"`
	Plan         string `json:"plan" minLength:"1" maxLength:"50"`
}

// TenantPatch changes what is given.
type TenantPatch struct {
	Name         *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Country      *string `json:"country,omitempty" minLength:"3" maxLength:"3"`
	SupportEmail *string `json:"support_email,omitempty" minLength:"3" maxLength:"320"`
	Plan         *string `json:"plan,omitempty" minLength:"1" maxLength:"50"`
}

// TenantList is a page of tenants.
type TenantList struct {
	Tenants   []TenantAnswer `json:"tenants"`
	NextAfter ekyc.ID        `json:"next_after" doc:"Empty at the end."`
}

// TenantParams name a tenant. Structs of parameters that others embed are exported: huma passes over embedded ones that are not.
type TenantParams struct {
	Tenant string `path:"tenant" maxLength:"64" doc:"The tenant."`
}

// PlanAnswer is one version of a plan.
type PlanAnswer struct {
	Name          string                `json:"name"`
	Version       int                   `json:"version"`
	Weight        int                   `json:"weight" doc:"Share of the workers when several tenants wait."`
	RatePerMinute int                   `json:"rate_per_minute"`
	RatePerDay    int                   `json:"rate_per_day"`
	Quotas        map[ekyc.Module]int64 `json:"quotas" doc:"Units a month by module; absent: unlimited."`
	Overage       bool                  `json:"overage" doc:"Go on beyond a quota, and bill it."`
	CreatedAt     time.Time             `json:"created_at"`
}

// PlanBody is the next version of a plan.
type PlanBody struct {
	Weight        int                   `json:"weight" minimum:"1" maximum:"100"`
	RatePerMinute int                   `json:"rate_per_minute" minimum:"1"`
	RatePerDay    int                   `json:"rate_per_day" minimum:"1"`
	Quotas        map[ekyc.Module]int64 `json:"quotas" doc:"Units a month by module; a module that is left out is unlimited."`
	Overage       bool                  `json:"overage"`
}

// PlanList lists the plans in force.
type PlanList struct {
	Plans []PlanAnswer `json:"plans"`
}

type planParams struct {
	Name string `path:"name" maxLength:"50" doc:"The plan."`
}

func (s *Server) tenantRoutes(f *surface) {
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound}
	platform := func(method, path, id, summary string, permission operator.Permission, status int) route {
		return route{method: method, path: path, id: id, tag: "tenants", access: operators, permission: permission, summary: summary, status: status, errors: missing}
	}
	handle(f, platform(http.MethodGet, "/plans", "plans-list", "List the plans in force", operator.View, 0), s.listPlans)
	handle(f, platform(http.MethodPut, "/plans/{name}", "plans-put", "Put the next version of a plan in force", operator.ManagePlans, 0), s.putPlan)
	handle(f, platform(http.MethodGet, "/tenants", "tenants-list", "List tenants", operator.View, 0), s.listTenants)
	handle(f, platform(http.MethodPost, "/tenants", "tenants-create", "Make a tenant", operator.ManageTenants, http.StatusCreated), s.createTenant)
	handle(f, platform(http.MethodGet, "/tenants/{tenant}", "tenants-get", "Look at a tenant", operator.View, 0), s.getTenant)
	handle(f, platform(http.MethodPatch, "/tenants/{tenant}", "tenants-update", "Change a tenant", operator.ManageTenants, 0), s.updateTenant)
	handle(f, platform(http.MethodPost, "/tenants/{tenant}/suspend", "tenants-suspend", "Suspend a tenant", operator.ManageTenants, 0), s.setStatus(tenant.Suspended))
	handle(f, platform(http.MethodPost, "/tenants/{tenant}/resume", "tenants-resume", "Let a suspended tenant ask again", operator.ManageTenants, 0), s.setStatus(tenant.Active))
}

func (s *Server) listPlans(ctx context.Context, _ *Call, _ *none, _ *none) (*PlanList, error) {
	plans, err := s.Tenants.ListPlans(ctx)
	if err != nil {
		return nil, err
	}
	out := &PlanList{Plans: []PlanAnswer{}}
	for _, p := range plans {
		out.Plans = append(out.Plans, planAnswer(p))
	}
	return out, nil
}

func planAnswer(p tenant.Plan) PlanAnswer {
	out := PlanAnswer(p)
	if out.Quotas == nil {
		out.Quotas = map[ekyc.Module]int64{}
	}
	return out
}

func (s *Server) putPlan(ctx context.Context, _ *Call, p *planParams, b *PlanBody) (*PlanAnswer, error) {
	plan, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (tenant.Plan, audit.Entry, error) {
		plan, err := s.Tenants.PutPlan(ctx, tenant.Plan{
			Name: p.Name, Weight: b.Weight, RatePerMinute: b.RatePerMinute, RatePerDay: b.RatePerDay, Quotas: b.Quotas, Overage: b.Overage,
		})
		if err != nil {
			return plan, audit.Entry{}, err
		}
		tenants, err := s.Tenants.OnPlan(ctx, plan.Name)
		if err != nil {
			return plan, audit.Entry{}, err
		}
		err = s.Metering.Relimited(ctx, tenants...)
		return plan, audit.Entry{Action: audit.PlanPut, Details: audit.Details{audit.Plan: plan.Name, audit.Version: strconv.Itoa(plan.Version)}}, err
	})
	if err != nil {
		return nil, err
	}
	out := planAnswer(plan)
	return &out, nil
}

func (s *Server) listTenants(ctx context.Context, _ *Call, p *Page, _ *none) (*TenantList, error) {
	after, err := p.cursor(ekyc.KindTenant)
	if err != nil {
		return nil, err
	}
	tenants, next, err := s.Tenants.ListTenants(ctx, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &TenantList{Tenants: []TenantAnswer{}, NextAfter: next}
	for _, t := range tenants {
		out.Tenants = append(out.Tenants, TenantAnswer(t))
	}
	return out, nil
}

func (s *Server) createTenant(ctx context.Context, _ *Call, _ *none, b *TenantBody) (*TenantAnswer, error) {
	t, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (tenant.Tenant, audit.Entry, error) {
		t, err := s.Tenants.CreateTenant(ctx, tenant.TenantInput{Name: b.Name, Country: b.Country, SupportEmail: b.SupportEmail, Plan: b.Plan})
		return t, audit.Entry{Action: audit.TenantCreate, Scope: ekyc.Scope{Tenant: t.ID}, Details: audit.Details{audit.Plan: t.Plan}}, err
	})
	out := TenantAnswer(t)
	return &out, err
}

func (s *Server) getTenant(ctx context.Context, _ *Call, p *TenantParams, _ *none) (*TenantAnswer, error) {
	return withID(ekyc.KindTenant, p.Tenant, func(id ekyc.ID) (*TenantAnswer, error) {
		t, err := s.Tenants.GetTenant(ctx, id)
		out := TenantAnswer(t)
		return &out, err
	})
}

func (s *Server) updateTenant(ctx context.Context, _ *Call, p *TenantParams, b *TenantPatch) (*TenantAnswer, error) {
	return withID(ekyc.KindTenant, p.Tenant, func(id ekyc.ID) (*TenantAnswer, error) {
		t, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (tenant.Tenant, audit.Entry, error) {
			t, err := s.Tenants.UpdateTenant(ctx, id, tenant.TenantUpdate{Name: b.Name, Country: b.Country, SupportEmail: b.SupportEmail, Plan: b.Plan})
			if err == nil && b.Plan != nil {
				err = s.Metering.Relimited(ctx, id)
			}
			changed := given(map[string]bool{"name": b.Name != nil, "country": b.Country != nil, "support_email": b.SupportEmail != nil, "plan": b.Plan != nil})
			return t, audit.Entry{Action: audit.TenantUpdate, Scope: ekyc.Scope{Tenant: id}, Details: audit.Details{audit.Changed: changed, audit.Plan: t.Plan}}, err
		})
		out := TenantAnswer(t)
		return &out, err
	})
}

func (s *Server) setStatus(status tenant.Status) func(context.Context, *Call, *TenantParams, *none) (*TenantAnswer, error) {
	return func(ctx context.Context, _ *Call, p *TenantParams, _ *none) (*TenantAnswer, error) {
		return withID(ekyc.KindTenant, p.Tenant, func(id ekyc.ID) (*TenantAnswer, error) {
			t, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (tenant.Tenant, audit.Entry, error) {
				action := audit.TenantResume
				if status == tenant.Suspended {
					action = audit.TenantSuspend
				}
				t, err := s.Tenants.SetStatus(ctx, id, status)
				return t, audit.Entry{Action: action, Scope: ekyc.Scope{Tenant: id}}, err
			})
			out := TenantAnswer(t)
			return &out, err
		})
	}
}
