package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
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
	Scopes         []string       `json:"scopes,omitempty" enum:"liveness,ocr,validate,face_match,kya,workflow,media,admin" doc:"All unless given."`
	CIDRs          []string       `json:"cidrs,omitempty" maxItems:"100" doc:"Networks from which it may be used; anywhere unless given." example:"[\"203.0.113.0/24\"]"`
	RatePerMinute  int            `json:"rate_per_minute,omitempty" minimum:"0"`
	RatePerDay     int            `json:"rate_per_day,omitempty" minimum:"0"`
	EndpointLimits map[string]int `json:"endpoint_limits,omitempty"`
	ExpiresAt      *time.Time     `json:"expires_at,omitempty"`
}

// problems refuses a list without scopes: who computed it did not mean a key that may do everything.
func (b *KeyBody) problems() []FieldProblem {
	if b.Scopes != nil && len(b.Scopes) == 0 {
		return []FieldProblem{{"/scopes", "names no scope; left out, the key has all"}}
	}
	return nil
}

// checkEndpoints holds limits of endpoints against the routes that there are; one that names no route would limit nothing.
func (s *Server) checkEndpoints(limits map[string]int) error {
	for name := range limits {
		if !slices.ContainsFunc(s.client.routes, func(rt route) bool { return rt.access == signed && rt.method+" "+rt.path == name }) {
			return refuseFields([]FieldProblem{{"/endpoint_limits", "names what is no signed route, such as POST /v1/face/match"}})
		}
	}
	return nil
}

func (b *KeyBody) input(s *Server) (tenant.KeyInput, error) {
	if err := s.checkEndpoints(b.EndpointLimits); err != nil {
		return tenant.KeyInput{}, err
	}
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
		description: "In the environment of the key that asks, and with no scope that it lacks. The secret is shown this once."}, s.createKey)
	handle(f, route{method: http.MethodGet, path: "/keys/{id}", id: "keys-get", tag: "keys", scope: "admin", summary: "Look at a key", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.getKey)
	handle(f, route{method: http.MethodPost, path: "/keys/{id}/rollover", id: "keys-rollover", tag: "keys", scope: "admin", summary: "Give a key another secret",
		description: "The older secret stays valid for the overlap. The new one is shown this once."}, s.rolloverKey)
	handle(f, route{method: http.MethodPost, path: "/keys/{id}/revoke", id: "keys-revoke", tag: "keys", scope: "admin", summary: "End a key for good", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.revokeKey)
}

func (s *Server) listKeys(ctx context.Context, call *Call, p *Page, _ *none) (*KeyList, error) {
	if _, _, isKey := tenant.ParseKeyID(p.After); p.After != "" && !isKey {
		return nil, notACursor()
	}
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
	in, err := b.input(s)
	if err != nil {
		return nil, err
	}
	if err := within(&in, call.Principal); err != nil {
		return nil, err
	}
	return atOnce(ctx, s, call, http.StatusCreated, func(ctx context.Context) (*NewKeyAnswer, error) {
		return s.makeKey(ctx, call.Scope, in)
	})
}

// makeKey serves tenants and operators.
func (s *Server) makeKey(ctx context.Context, scope ekyc.Scope, in tenant.KeyInput) (*NewKeyAnswer, error) {
	return entered(ctx, s, scope, func(ctx context.Context) (*NewKeyAnswer, audit.Entry, error) {
		key, secret, err := s.Tenants.CreateKey(ctx, scope, in)
		return &NewKeyAnswer{keyAnswer(key), secret}, audit.Entry{Action: audit.KeyCreate, Scope: scope, Objects: []ekyc.ID{ekyc.ID(key.ID)}}, err
	})
}

// within holds a key to be made within what the key that asks may do; what is left open is as wide as that.
func within(in *tenant.KeyInput, p *tenant.Principal) error {
	if len(in.Scopes) == 0 {
		in.Scopes = p.Key.Scopes
	}
	for _, scope := range in.Scopes {
		if err := p.Require(scope); err != nil {
			return err
		}
	}
	if len(in.CIDRs) == 0 {
		in.CIDRs = p.Key.CIDRs
	}
	if end := p.Key.ExpiresAt; end != nil && in.ExpiresAt == nil {
		in.ExpiresAt = end
	}
	perMinute, perDay := p.Rates()
	var found []FieldProblem
	for _, network := range in.CIDRs {
		if len(p.Key.CIDRs) > 0 && !slices.ContainsFunc(p.Key.CIDRs, func(own netip.Prefix) bool { return own.Bits() <= network.Bits() && own.Contains(network.Addr()) }) {
			found = append(found, FieldProblem{"/cidrs", "reaches beyond the networks of the key that asks"})
			break
		}
	}
	if end := p.Key.ExpiresAt; end != nil && in.ExpiresAt.After(*end) {
		found = append(found, FieldProblem{"/expires_at", "is later than that of the key that asks"})
	}
	if in.RatePerMinute > perMinute {
		found = append(found, FieldProblem{"/rate_per_minute", fmt.Sprintf("is above the %d of the key that asks", perMinute)})
	}
	if in.RatePerDay > perDay {
		found = append(found, FieldProblem{"/rate_per_day", fmt.Sprintf("is above the %d of the key that asks", perDay)})
	}
	if len(found) > 0 {
		return refuseFields(found)
	}
	if p.Key.RatePerMinute > 0 && in.RatePerMinute == 0 { // the plan's could be more
		in.RatePerMinute = min(perMinute, p.Plan.RatePerMinute)
	}
	if p.Key.RatePerDay > 0 && in.RatePerDay == 0 {
		in.RatePerDay = min(perDay, p.Plan.RatePerDay)
	}
	return nil
}

// atOnce runs an act of the tenant's and writes its answer down in the same transaction, so that a repetition with the same
// Idempotency-Key finds both or neither.
func atOnce[O any](ctx context.Context, s *Server, call *Call, status int, act func(context.Context) (*O, error)) (out *O, err error) {
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if out, err = act(s.DB.Joining(ctx, call.Scope, tx)); err != nil {
			return err
		}
		return call.Remember(ctx, tx, status, out, "", true)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
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
	target, err := s.Tenants.GetKey(ctx, call.Scope, p.ID)
	if err != nil {
		return nil, err
	}
	// The caller is shown the secret, so it must be able to do all that the key can.
	asked := tenant.KeyInput{Scopes: target.Scopes, CIDRs: target.CIDRs, ExpiresAt: target.ExpiresAt}
	if len(target.CIDRs) == 0 && len(call.Principal.Key.CIDRs) > 0 || target.ExpiresAt == nil && call.Principal.Key.ExpiresAt != nil {
		return nil, ekyc.Errorf(ekyc.ErrScopeDenied, "the key can do more than the one that asks")
	}
	if target.ID != call.Principal.Key.ID {
		if err := within(&asked, call.Principal); err != nil {
			return nil, ekyc.Errorf(ekyc.ErrScopeDenied, "the key can do more than the one that asks").Because(err)
		}
	}
	return atOnce(ctx, s, call, http.StatusOK, func(ctx context.Context) (*NewKeyAnswer, error) { return s.rollover(ctx, call.Scope, p.ID, b) })
}

// rollover serves tenants and operators: another secret, and the event that tells of it.
func (s *Server) rollover(ctx context.Context, scope ekyc.Scope, id string, b *OverlapBody) (*NewKeyAnswer, error) {
	var out *NewKeyAnswer
	err := s.DB.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		key, secret, err := s.Tenants.RolloverKey(s.DB.Joining(ctx, scope, tx), scope, id, b.overlap())
		if err != nil {
			return err
		}
		out = &NewKeyAnswer{keyAnswer(key), secret}
		data := map[string]any{"key_id": key.ID, "overlap_seconds": b.OverlapSeconds}
		if _, err = s.Webhooks.Publish(ctx, tx, scope, webhook.Event{Type: webhook.KeyRotated, Data: data, Thin: data}); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{Action: audit.KeyRollover, Scope: scope, Objects: []ekyc.ID{ekyc.ID(key.ID)},
			Details: audit.Details{audit.OverlapSeconds: strconv.Itoa(b.OverlapSeconds)}})
	})
	return out, err
}

func (s *Server) revokeKey(ctx context.Context, call *Call, p *keyParams, _ *none) (*KeyAnswer, error) {
	key, err := entered(ctx, s, call.Scope, func(ctx context.Context) (tenant.Key, audit.Entry, error) {
		key, err := s.Tenants.RevokeKey(ctx, call.Scope, p.ID)
		return key, audit.Entry{Action: audit.KeyRevoke, Scope: call.Scope, Objects: []ekyc.ID{ekyc.ID(key.ID)}}, err
	})
	if err != nil {
		return nil, err
	}
	out := keyAnswer(key)
	return &out, nil
}
