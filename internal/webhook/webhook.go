// Package webhook tells tenants' servers what happened, by the Standard Webhooks specification (www.standardwebhooks.com): endpoints
// and their secrets, signed deliveries with a schedule of retries, what each attempt met, sending again, and dead letters.
//
// An event and its deliveries commit in the transaction of the act that they tell of; the queue's job is only what wakes a worker, and
// a lost one is found by [Service.Sweep]. Bodies, addresses and answers are sealed under the key of the subject that they are about, so
// that its erasure takes them along.
package webhook

import (
	"context"
	"crypto/x509"
	"embed"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/queue"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

// The types of events.
const (
	KYCCompleted      = "kyc.completed"
	KYCReviewRequired = "kyc.review_required"
	KYCFailed         = "kyc.failed"
	KYCReviewed       = "kyc.reviewed"
	QuotaThreshold    = "quota.threshold"
	QuotaExhausted    = "quota.exhausted"
	SubjectErased     = "subject.erased"
	MediaExpired      = "media.expired"
	KeyRotated        = "key.rotated"
	EndpointDisabled  = "webhook.disabled"
	PingType          = "ping"
)

// Types lists the types of events in the order of the documentation.
var Types = []string{
	KYCCompleted, KYCReviewRequired, KYCFailed, KYCReviewed, QuotaThreshold, QuotaExhausted, SubjectErased, MediaExpired, KeyRotated,
	EndpointDisabled, PingType,
}

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of endpoints, secrets, events, deliveries and attempts.
var Migrations = store.Migrations{Package: "webhook", Files: migrations, Directory: "migrations"}

// Sealer seals what belongs to no subject: the secrets that sign. *keyring.Ring is one.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Options tune the service; the zero value serves.
type Options struct {
	// AllowedNetworks may be delivered to although they are not public, and by http too. `ekyc up` allows loopback.
	AllowedNetworks []netip.Prefix
	// Schedule are the waits between attempts; nil for the one of the contract. Each is varied by up to a tenth.
	Schedule []time.Duration
	// Timeout bounds one attempt from the look-up of the name to the end of the answer; 0 for 10 s.
	Timeout time.Duration
	// PerTenant is how many attempts of one tenant, in both environments, a process makes at once; 0 for 16. The queue should run about
	// four times as many, so that no tenant's slow servers take all of them.
	PerTenant int
	// KeepFor is how long deliveries stay listed after the event; 0 for 30 days.
	KeepFor time.Duration
	// RootCAs are the authorities that receivers' certificates are checked against; nil for the system's.
	RootCAs *x509.CertPool
	// Resolver looks up receivers' names; nil for the system's.
	Resolver *net.Resolver
	// Transport, where set, wraps the client's transport, for traces.
	Transport func(http.RoundTripper) http.RoundTripper
	// TraceParent gives the trace of a context as W3C writes it, and Resume a context that goes on with one; both or neither are set.
	// An event keeps the trace in which it was published for its deliveries.
	TraceParent func(ctx context.Context) string
	Resume      func(ctx context.Context, traceParent string) context.Context
	// Checkpoint, where set, gives the audit log's latest checkpoint, soon, which every delivery carries away: who keeps one can tell later
	// whether the log was changed. With an error comes the last one that was known.
	Checkpoint func(ctx context.Context) (string, error)
	// Logger; nil for slog.Default().
	Logger *slog.Logger
}

// Service keeps endpoints and delivers to them. It is safe for concurrent use once SetQueue was called.
type Service struct {
	db       *store.DB
	vault    *vault.Vault
	sealer   Sealer
	queue    *queue.Client
	options  Options
	schedule []time.Duration
	guard    *guard
	client   *http.Client
	gate     *gate
	logger   *slog.Logger
}

// New makes a service. SetQueue must follow before anything is published.
func New(db *store.DB, v *vault.Vault, sealer Sealer, o Options) *Service {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.PerTenant <= 0 {
		o.PerTenant = defaultPerTenant
	}
	if o.KeepFor <= 0 {
		o.KeepFor = defaultKeepFor
	}
	if o.Schedule == nil {
		o.Schedule = Schedule
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	g := newGuard(o.AllowedNetworks)
	return &Service{
		db: db, vault: v, sealer: sealer, options: o, schedule: o.Schedule, guard: g, client: newClient(g, o),
		gate: newGate(o.PerTenant), logger: o.Logger,
	}
}

// SetQueue gives the client that wakes workers; it may be one that only inserts.
func (s *Service) SetQueue(client *queue.Client) { s.queue = client }

// Register adds the worker that delivers. Its queue is queue.Webhooks.
func (s *Service) Register(workers *river.Workers) { river.AddWorker(workers, &worker{service: s}) }

// Event is something to be told.
type Event struct {
	ID      ekyc.ID // optional; an identifier that was published before is not published again
	Type    string
	Subject ekyc.ID // whose key seals the body; "" for the tenant's own
	Data    any     // the member data of the body, as JSON
	Thin    any     // data without personal data, for endpoints that ask for it; nil for an empty object
	// CallbackURL is one further destination, signed with the tenant's default secret.
	CallbackURL string
	// KeepFor is how long the body is held when that is to be shorter than the service's own time: an hour under `store: false`. What has
	// not been delivered by then is not delivered.
	KeepFor time.Duration
}

// Status is the state of a delivery.
type Status string

// The states. A retrying delivery has failed and will be tried again; a dead one will not, unless it is sent again.
const (
	Pending   Status = "pending"
	Retrying  Status = "retrying"
	Delivered Status = "delivered"
	Dead      Status = "dead"
)

// Endpoint is an address that a tenant gave for events.
type Endpoint struct {
	ID          ekyc.ID
	URL         string
	Types       []string // empty: all
	Thin        bool
	Description string
	PublicKey   string // "whpk_…" that verifies v1a signatures; "" where the endpoint has none
	// DisabledReason is "", "by_tenant", "gone" (the receiver answered 410) or "failing" (for five days).
	DisabledReason string
	DisabledAt     *time.Time
	FailingSince   *time.Time
	CreatedAt      time.Time
}

// EndpointInput describes an endpoint to be made.
type EndpointInput struct {
	URL         string
	Types       []string // empty: all
	Thin        bool     // events without personal data
	Description string
	Ed25519     bool // sign with Ed25519 (v1a) too
}

// EndpointUpdate changes what is not nil.
type EndpointUpdate struct {
	URL         *string
	Types       *[]string
	Thin        *bool
	Description *string
	Enabled     *bool // true enables again what was disabled, whatever the reason
}

// Delivery is one event on its way to one destination.
type Delivery struct {
	ID            ekyc.ID
	Event         ekyc.ID
	Endpoint      ekyc.ID // "" for a callback
	Type          string
	Status        Status
	Attempts      int
	StatusCode    int     // of the last attempt; 0 where there was no answer
	Failure       Failure // of the last attempt, or why it is dead
	CreatedAt     time.Time
	NextAttemptAt *time.Time // nil where none is planned
	DeliveredAt   *time.Time
}

// Attempt is what one try met.
type Attempt struct {
	Number     int
	At         time.Time
	StatusCode int // 0 where there was no answer
	Failure    Failure
	Body       string // of the answer, its first 4 KiB; "" once its subject is erased
	DurationMS float64
}

// DeliveryDetail is a delivery with where it went, what it carried and what it met. URL and Body are empty once they are no longer held.
type DeliveryDetail struct {
	Delivery
	URL  string
	Body []byte // as it was signed and sent
	Log  []Attempt
}

// Filter chooses deliveries. The zero value chooses all.
type Filter struct {
	Endpoint ekyc.ID
	Status   Status
	Failed   bool // retrying and dead ones
	Type     string
	From, To time.Time // of their making; To is exclusive
}

// DeadLetter is a dead delivery as operators see it: nothing of what it carried.
type DeadLetter struct {
	Scope ekyc.Scope
	Delivery
}

// DeadLetterFilter chooses dead letters of all tenants. The zero value chooses all.
type DeadLetterFilter struct {
	Tenant      ekyc.ID
	Environment ekyc.Environment
	From, To    time.Time
}
