package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

// TenantInput describes a tenant to be made. Its home region is this node's.
type TenantInput struct {
	Name         string // 1 to 200 characters
	Country      string // ISO 3166-1 alpha-3
	SupportEmail string
	Plan         string
}

// TenantUpdate says what to change; nil leaves as it is.
type TenantUpdate struct{ Name, Country, SupportEmail, Plan *string }

const (
	maxTenantName = 200
	maxEmail      = 254 // RFC 5321 section 4.5.3.1.3, without the angle brackets
)

func (u TenantUpdate) validate() error {
	if u.Name != nil && (*u.Name == "" || !isText(*u.Name, maxTenantName)) {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "a tenant's name has 1 to %d characters", maxTenantName).With("field", "name")
	}
	if u.Country != nil {
		if !slices.ContainsFunc(ekyc.Countries(), func(c ekyc.Country) bool { return c.Kind == ekyc.CountryISO && c.Alpha3 == *u.Country }) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "the country is not an ISO 3166-1 alpha-3 code").With("field", "country")
		}
	}
	if u.SupportEmail != nil {
		if a, err := mail.ParseAddress(*u.SupportEmail); err != nil || a.Address != *u.SupportEmail || len(a.Address) > maxEmail {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "the support address is not an e-mail address").With("field", "support_email")
		}
	}
	if u.Plan != nil && !planName.MatchString(*u.Plan) {
		return noSuchPlan()
	}
	return nil
}

func noSuchPlan() error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no such plan").With("field", "plan")
}

// isText says whether s is one line of up to limit characters.
func isText(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit && !strings.ContainsFunc(s, unicode.IsControl)
}

// sealedTenant is a tenant as the database has it.
type sealedTenant struct {
	Tenant
	email []byte
}

const tenantColumns = `t.tenant_id, t.name, t.country, t.support_email, t.region, t.plan, t.status, t.created_at`

// columns are where tenantColumns are scanned to.
func (t *sealedTenant) columns() []any {
	return []any{&t.ID, &t.Name, &t.Country, &t.email, &t.Region, &t.Plan, &t.Status, &t.CreatedAt}
}

func scanTenant(row pgx.CollectableRow) (t sealedTenant, err error) {
	err = row.Scan(t.columns()...)
	return t, err
}

// emailPurpose binds a sealed support address to its tenant.
func emailPurpose(id ekyc.ID) string { return "tenant/support_email/" + string(id) }

func (s *Service) openTenant(t sealedTenant) (Tenant, error) {
	email, err := s.sealer.Open(emailPurpose(t.ID), t.email)
	if err != nil {
		return Tenant{}, fmt.Errorf("open the support address of %s: %w", t.ID, err)
	}
	t.SupportEmail = string(email)
	return t.Tenant, nil
}

// CreateTenant makes an active tenant without keys. Errors: ErrInvalidArgument, also for a plan that does not exist.
func (s *Service) CreateTenant(ctx context.Context, in TenantInput) (Tenant, error) {
	if err := (TenantUpdate{&in.Name, &in.Country, &in.SupportEmail, &in.Plan}).validate(); err != nil {
		return Tenant{}, err
	}
	id := ekyc.NewID(ekyc.KindTenant)
	email, err := s.sealer.Seal(emailPurpose(id), []byte(in.SupportEmail))
	if err != nil {
		return Tenant{}, fmt.Errorf("seal a support address: %w", err)
	}
	return s.oneTenant(ctx, `insert into tenant as t (tenant_id, name, country, support_email, region, plan)
		values ($1, $2, $3, $4, $5, $6) returning `+tenantColumns, id, in.Name, in.Country, email, s.o.Region, in.Plan)
}

// UpdateTenant changes what is given; keys follow at their next request. Errors: ErrNotFound, ErrInvalidArgument.
func (s *Service) UpdateTenant(ctx context.Context, id ekyc.ID, u TenantUpdate) (Tenant, error) {
	if err := u.validate(); err != nil {
		return Tenant{}, err
	}
	var email []byte
	if u.SupportEmail != nil {
		var err error
		if email, err = s.sealer.Seal(emailPurpose(id), []byte(*u.SupportEmail)); err != nil {
			return Tenant{}, fmt.Errorf("seal a support address: %w", err)
		}
	}
	return s.oneTenant(ctx, `update tenant t set name = coalesce($2, t.name), country = coalesce($3, t.country),
		support_email = coalesce($4, t.support_email), plan = coalesce($5, t.plan) where tenant_id = $1 returning `+tenantColumns,
		id, u.Name, u.Country, email, u.Plan)
}

// SetStatus suspends a tenant or lets it ask again. Errors: ErrNotFound, ErrInvalidArgument.
func (s *Service) SetStatus(ctx context.Context, id ekyc.ID, status Status) (Tenant, error) {
	if status != Active && status != Suspended {
		return Tenant{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "a tenant is active or suspended").With("field", "status")
	}
	return s.oneTenant(ctx, `update tenant t set status = $2 where tenant_id = $1 returning `+tenantColumns, id, status)
}

// GetTenant gives one tenant. Errors: ErrNotFound.
func (s *Service) GetTenant(ctx context.Context, id ekyc.ID) (Tenant, error) {
	return s.oneTenant(ctx, `select `+tenantColumns+` from tenant t where tenant_id = $1`, id)
}

// oneTenant runs a statement that gives one tenant's row.
func (s *Service) oneTenant(ctx context.Context, statement string, args ...any) (Tenant, error) {
	var row sealedTenant
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, statement, args...)
		row, err = pgx.CollectExactlyOneRow(rows, scanTenant)
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Tenant{}, ekyc.Errorf(ekyc.ErrNotFound, "there is no such tenant")
	case store.Violates(err, "tenant_plan_fkey"):
		return Tenant{}, noSuchPlan()
	case err != nil:
		return Tenant{}, err
	}
	return s.openTenant(row)
}

// ListTenants gives up to limit tenants, newest first, from behind after, and where to go on; "" at the end.
func (s *Service) ListTenants(ctx context.Context, limit int, after ekyc.ID) (tenants []Tenant, next ekyc.ID, err error) {
	var found []sealedTenant
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, `select `+tenantColumns+` from tenant t where $1 = '' or t.tenant_id < $1 order by t.tenant_id desc limit $2`,
			after, pageSize(limit)+1)
		found, err = pgx.CollectRows(rows, scanTenant)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	found, more := page(found, pageSize(limit))
	tenants = make([]Tenant, len(found))
	for i, row := range found {
		if tenants[i], err = s.openTenant(row); err != nil {
			return nil, "", err
		}
	}
	if more {
		next = tenants[len(tenants)-1].ID
	}
	return tenants, next, nil
}

// maxPage bounds one page of a list.
const maxPage = 1000

func pageSize(limit int) int { return min(max(limit, 1), maxPage) }

// page cuts off the row that was read to learn whether there are more.
func page[T any](found []T, size int) (rows []T, more bool) {
	if len(found) > size {
		return found[:size], true
	}
	return found, false
}
