// Package tenant knows who may ask: tenants, their plans, their keys, and whether a signed request comes from the holder of one.
//
// Whether a request has been accepted before and how many are left is decided by package admission, in one transaction with
// [Service.KeyStates]: what Authenticate remembers for a few seconds is never the last word on a revoked key.
package tenant

import (
	"crypto/sha256"
	"embed"
	"log/slog"
	"time"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/tenant/signing"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the package's tables.
var Migrations = store.Migrations{Package: "tenant", Files: migrations, Directory: "migrations"}

// Sealer encrypts what only this program may read. The purpose is bound to the ciphertext: it opens for the same purpose only.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Plan is what a tenant may use. A plan is never changed: PutPlan makes the next version, and work pins the one it was done under.
type Plan struct {
	Name                      string
	Version                   int
	Weight                    int                   // share of the workers when several tenants wait, 1 to 100
	RatePerMinute, RatePerDay int                   // requests of one key
	Quotas                    map[ekyc.Module]int64 // units a UTC month; absent: unlimited
	Overage                   bool                  // go on beyond a quota, and bill it
	CreatedAt                 time.Time
}

// Status says whether a tenant may ask at all.
type Status string

// The statuses.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
)

// Tenant is one customer of the platform.
type Tenant struct {
	ID           ekyc.ID
	Name         string
	Country      string // ISO 3166-1 alpha-3
	SupportEmail string
	Region       string // home region, for life: the identifiers of its keys carry it
	Plan         string
	Status       Status
	CreatedAt    time.Time
}

// Principal is who signed a request, as of the look-up that answered.
type Principal struct {
	Key    Key
	Tenant Tenant // without its support address, which stays sealed
	Plan   Plan
	// Version is another one whenever the key, its secrets, the tenant or its plan has changed; it has no order.
	Version int64
}

// Require gives ErrScopeDenied unless the key has the scope.
func (p *Principal) Require(scope string) error {
	if p.Key.Allows(scope) {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrScopeDenied, "the key does not have the scope %s", scope).With("scope", scope)
}

// Rates are the key's limits of requests: its own, or else the plan's.
func (p *Principal) Rates() (perMinute, perDay int) {
	perMinute, perDay = p.Key.RatePerMinute, p.Key.RatePerDay
	if perMinute == 0 {
		perMinute = p.Plan.RatePerMinute
	}
	if perDay == 0 {
		perDay = p.Plan.RatePerDay
	}
	return perMinute, perDay
}

// Options tune a Service.
type Options struct {
	Region   string            // this node's
	Regions  map[string]string // base URL of every region; those of others are told in ErrWrongRegion
	CacheFor time.Duration     // how long a key that was looked up is trusted without asking again; 0 for 5 s
	Logger   *slog.Logger      // nil: slog.Default()
}

const defaultCacheFor = 5 * time.Second

// Service answers for tenants and keys. It is safe for concurrent use.
type Service struct {
	db     *store.DB
	sealer Sealer
	o      Options
	cache  cache
	uses   uses
	mac    func(secret []byte, canonical string) [sha256.Size]byte // counted by tests
}

// New makes a Service; the caller closes it.
func New(db *store.DB, sealer Sealer, o Options) *Service {
	if o.CacheFor <= 0 {
		o.CacheFor = defaultCacheFor
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{db: db, sealer: sealer, o: o, mac: signing.MAC}
}

// Close waits until the last uses of keys are written.
func (s *Service) Close() { s.uses.close() }
