package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/tenant"
	"ekyc/internal/webhook"
)

// KeyAnswer is a key without its secrets.
type KeyAnswer struct {
	ID             string           `json:"key_id"`
	Environment    ekyc.Environment `json:"environment" enum:"test,live"`
	Name           string           `json:"name"`
	Scopes         []string         `json:"scopes"`
	CIDRs          []string         `json:"cidrs" doc:"Where it may be used from; empty: anywhere."`
	RatePerMinute  int              `json:"rate_per_minute" doc:"0: the plan's."`
	RatePerDay     int              `json:"rate_per_day" doc:"0: the plan's."`
	EndpointLimits map[string]int   `json:"endpoint_limits" doc:"Requests a minute by method and route, for instance POST /v1/face/match."`
	ExpiresAt      *time.Time       `json:"expires_at,omitempty"`
	RevokedAt      *time.Time       `json:"revoked_at,omitempty"`
	LastUsedAt     *time.Time       `json:"last_used_at,omitempty"`
	CreatedAt      time.Time        `json:"created_at"`
}

func keyAnswer(k tenant.Key) KeyAnswer {
	out := KeyAnswer{
		ID: k.ID, Environment: k.Scope.Environment, Name: k.Name, Scopes: orEmpty(k.Scopes), CIDRs: []string{}, RatePerMinute: k.RatePerMinute,
		RatePerDay: k.RatePerDay, EndpointLimits: k.EndpointLimits, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt, CreatedAt: k.CreatedAt,
	}
	if out.EndpointLimits == nil {
		out.EndpointLimits = map[string]int{}
	}
	for _, p := range k.CIDRs {
		out.CIDRs = append(out.CIDRs, p.String())
	}
	return out
}

// NewKeyAnswer shows the secret, once.
type NewKeyAnswer struct {
	KeyAnswer
	Secret string `json:"secret" doc:"Shown this once."`
}

// KeyBody describes a key to be made.
type KeyBody struct {
	Name           string         `json:"name" minLength:"1" maxLength:"100"`
	Scopes         []string       `json:"scopes,omitempty" enum:"liveness,ocr,validate,face_match,kya,workflow,admin" doc:"All unless given."`
	CIDRs          []string       `json:"cidrs,omitempty" maxItems:"100" doc:"Networks from which it may be used; anywhere unless given." example:"[\"203.0.113.0/24\"]"`
	RatePerMinute  int            `json:"rate_per_minute,omitempty" minimum:"0"`
	RatePerDay     int            `json:"rate_per_day,omitempty" minimum:"0"`
	EndpointLimits map[string]int `json:"endpoint_limits,omitempty"`
	ExpiresAt      *time.Time     `json:"expires_at,omitempty"`
}

func (b *KeyBody) input() (tenant.KeyInput, error) {
	in := tenant.KeyInput{
		Name: b.Name, Scopes: b.Scopes, RatePerMinute: b.RatePerMinute, RatePerDay: b.RatePerDay, EndpointLimits: b.EndpointLimits, ExpiresAt: b.ExpiresAt,
	}
	for _, text := range b.CIDRs {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return in, refuseFields([]FieldProblem{{"/cidrs", "holds what is not a network such as 203.0.113.0/24"}})
		}
		in.CIDRs = append(in.CIDRs, p)
	}
	return in, nil
}

// OverlapBody says how long the older secret goes on being valid.
type OverlapBody struct {
	OverlapSeconds int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the older secret stays valid; at once unless given."`
}

func (b *OverlapBody) overlap() time.Duration { return time.Duration(b.OverlapSeconds) * time.Second }

// KeyList is a page of keys.
type KeyList struct {
	Keys      []KeyAnswer `json:"keys"`
	NextAfter string      `json:"next_after" doc:"Empty at the end."`
}

type keyParams struct {
	ID string `path:"id" maxLength:"64" doc:"The key."`
}

func (s *Server) keyRoutes(f *surface) {
	handle(f, route{method: http.MethodGet, path: "/keys", id: "keys-list", tag: "keys", scope: "admin", summary: "List the tenant's keys"}, s.listKeys)
	handle(f, route{method: http.MethodPost, path: "/keys", id: "keys-create", tag: "keys", scope: "admin", status: http.StatusCreated, summary: "Make a key",
		description: "In the environment of the key that asks, and with no scope that it lacks. The secret is shown this once.",
		example:     map[string]any{"name": "backend", "scopes": []string{"workflow"}}}, s.createKey)
	handle(f, route{method: http.MethodGet, path: "/keys/{id}", id: "keys-get", tag: "keys", scope: "admin", summary: "Look at a key", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.getKey)
	handle(f, route{method: http.MethodPost, path: "/keys/{id}/rollover", id: "keys-rollover", tag: "keys", scope: "admin", summary: "Give a key another secret",
		description: "The older secret stays valid for the overlap. The new one is shown this once.", example: map[string]any{"overlap_seconds": 3600}}, s.rolloverKey)
	handle(f, route{method: http.MethodPost, path: "/keys/{id}/revoke", id: "keys-revoke", tag: "keys", scope: "admin", summary: "End a key for good", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.revokeKey)
}

func (s *Server) listKeys(ctx context.Context, call *Call, p *Page, _ *none) (*KeyList, error) {
	keys, next, err := s.Tenants.ListKeys(ctx, call.Scope, p.Limit, p.After)
	if err != nil {
		return nil, err
	}
	out := &KeyList{Keys: []KeyAnswer{}, NextAfter: next}
	for _, k := range keys {
		out.Keys = append(out.Keys, keyAnswer(k))
	}
	return out, nil
}

func (s *Server) createKey(ctx context.Context, call *Call, _ *none, b *KeyBody) (*NewKeyAnswer, error) {
	in, err := b.input()
	if err != nil {
		return nil, err
	}
	if len(in.Scopes) == 0 {
		in.Scopes = call.Principal.Key.Scopes
	}
	for _, scope := range in.Scopes {
		if err := call.Principal.Require(scope); err != nil {
			return nil, err
		}
	}
	key, secret, err := s.Tenants.CreateKey(ctx, call.Scope, in)
	if err != nil {
		return nil, err
	}
	return &NewKeyAnswer{keyAnswer(key), secret}, nil
}

func (s *Server) getKey(ctx context.Context, call *Call, p *keyParams, _ *none) (*KeyAnswer, error) {
	key, err := s.Tenants.GetKey(ctx, call.Scope, p.ID)
	if err != nil {
		return nil, err
	}
	out := keyAnswer(key)
	return &out, nil
}

func (s *Server) rolloverKey(ctx context.Context, call *Call, p *keyParams, b *OverlapBody) (*NewKeyAnswer, error) {
	return s.rollover(ctx, call.Scope, p.ID, b)
}

// rollover serves tenants and operators: another secret, and the event that tells of it.
func (s *Server) rollover(ctx context.Context, scope ekyc.Scope, id string, b *OverlapBody) (*NewKeyAnswer, error) {
	key, secret, err := s.Tenants.RolloverKey(ctx, scope, id, b.overlap())
	if err != nil {
		return nil, err
	}
	err = s.DB.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		data := map[string]any{"key_id": key.ID, "overlap_seconds": b.OverlapSeconds}
		_, err := s.Webhooks.Publish(ctx, tx, scope, webhook.Event{Type: webhook.KeyRotated, Data: data, Thin: data})
		return err
	})
	if err != nil { // the secret is made and must be shown; the event is news and no more
		s.options.Logger.ErrorContext(ctx, "a rotation was not told", "error.message", err.Error())
	}
	return &NewKeyAnswer{keyAnswer(key), secret}, nil
}

func (s *Server) revokeKey(ctx context.Context, call *Call, p *keyParams, _ *none) (*KeyAnswer, error) {
	key, err := s.Tenants.RevokeKey(ctx, call.Scope, p.ID)
	if err != nil {
		return nil, err
	}
	out := keyAnswer(key)
	return &out, nil
}
