package tenant

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"ekyc"
)

// The scopes of a key. Those of the modules carry the modules' names.
const (
	ScopeLiveness  = string(ekyc.ModuleLiveness)
	ScopeOCR       = string(ekyc.ModuleOCR)
	ScopeValidate  = string(ekyc.ModuleValidate)
	ScopeFaceMatch = string(ekyc.ModuleFaceMatch)
	ScopeKYA       = string(ekyc.ModuleKYA)
	ScopeWorkflow  = string(ekyc.ModuleWorkflow)
	ScopeMedia     = "media" // to look at photographs
	ScopeAdmin     = "admin" // the tenant's own keys, webhooks, subjects, usage and logs
)

// Scopes lists all scopes of keys.
var Scopes = []string{ScopeLiveness, ScopeOCR, ScopeValidate, ScopeFaceMatch, ScopeKYA, ScopeWorkflow, ScopeMedia, ScopeAdmin}

// Key is one credential of a tenant in one environment, without its secrets.
type Key struct {
	ID                        string // ek_<environment>_<region>_<26 base32hex digits>; public
	Scope                     ekyc.Scope
	Name                      string
	Scopes                    []string
	CIDRs                     []netip.Prefix // where it may be used from; none: anywhere
	RatePerMinute, RatePerDay int            // 0: the plan's
	EndpointLimits            map[string]int // route template → requests a minute
	ExpiresAt                 *time.Time
	RevokedAt                 *time.Time
	LastUsedAt                *time.Time // to the minute
	CreatedAt                 time.Time
}

// Allows says whether the key has a scope.
func (k Key) Allows(scope string) bool { return slices.Contains(k.Scopes, scope) }

// KeyInput describes a key to be made.
type KeyInput struct {
	Name                      string
	Scopes                    []string // none: all
	CIDRs                     []netip.Prefix
	RatePerMinute, RatePerDay int
	EndpointLimits            map[string]int
	ExpiresAt                 *time.Time
}

// KeyState is what may have changed about a key since it was looked up.
type KeyState struct {
	Version                     int64 // compare with Principal.Version
	Revoked, Expired, Suspended bool
}

// Err says why a key in this state may not be used: ErrKeyRevoked, ErrKeyExpired or ErrTenantSuspended, or nil.
func (k KeyState) Err() error {
	switch {
	case k.Revoked:
		return ekyc.Errorf(ekyc.ErrKeyRevoked, "the key has been revoked")
	case k.Expired:
		return ekyc.Errorf(ekyc.ErrKeyExpired, "the key has expired")
	case k.Suspended:
		return ekyc.Errorf(ekyc.ErrTenantSuspended, "the tenant is suspended")
	}
	return nil
}

const (
	maxKeyName        = 100
	maxCIDRs          = 100
	maxEndpointLimits = 100
	maxRoute          = 200
)

func (in KeyInput) validate(now time.Time) error {
	invalid := func(field, why string) error {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "%s", why).With("field", field)
	}
	switch {
	case !isText(in.Name, maxKeyName):
		return invalid("name", "a key's name has up to 100 characters")
	case len(in.CIDRs) > maxCIDRs:
		return invalid("cidrs", "a key has up to 100 networks")
	case in.RatePerMinute < 0 || in.RatePerMinute > maxRate:
		return invalid("rate_per_minute", "a rate is not negative and at most 1000000000")
	case in.RatePerDay < 0 || in.RatePerDay > maxRate:
		return invalid("rate_per_day", "a rate is not negative and at most 1000000000")
	case len(in.EndpointLimits) > maxEndpointLimits:
		return invalid("endpoint_limits", "a key has up to 100 limits of endpoints")
	case in.ExpiresAt != nil && !in.ExpiresAt.After(now):
		return invalid("expires_at", "the key would have expired already")
	}
	for _, scope := range in.Scopes {
		if !slices.Contains(Scopes, scope) {
			return invalid("scopes", "a scope is one of "+strings.Join(Scopes, ", "))
		}
	}
	for _, network := range in.CIDRs {
		if !network.IsValid() || network != network.Masked() || network.Addr().Is4In6() {
			return invalid("cidrs", "a network is an address and a prefix length, with nothing behind the prefix")
		}
	}
	for route, limit := range in.EndpointLimits {
		if route == "" || !isText(route, maxRoute) || limit < 1 || limit > maxRate {
			return invalid("endpoint_limits", "a limit of an endpoint names a route and is from 1 to 1000000000")
		}
	}
	return nil
}

// complete fills in what may be left out, and drops what is said twice.
func (in KeyInput) complete() KeyInput {
	if len(in.Scopes) == 0 {
		in.Scopes = Scopes
	}
	in.Scopes = slices.DeleteFunc(slices.Clone(Scopes), func(s string) bool { return !slices.Contains(in.Scopes, s) })
	if in.CIDRs == nil {
		in.CIDRs = []netip.Prefix{}
	}
	if in.EndpointLimits == nil {
		in.EndpointLimits = map[string]int{}
	}
	return in
}

// admits says whether the key may be used from an address.
func (k Key) admits(from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	return len(k.CIDRs) == 0 || slices.ContainsFunc(k.CIDRs, func(p netip.Prefix) bool { return p.Contains(from) })
}
