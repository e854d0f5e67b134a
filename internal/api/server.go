// Package api is the HTTP edge: signed client routes under /v1, platform routes under /admin/v1, their OpenAPI documents, and the one
// shape of every error. Everything that decides lives in the rooms behind it.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"ekyc"
	"ekyc/internal/admission"
	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/challenge"
	"ekyc/internal/consent"
	"ekyc/internal/drafting"
	"ekyc/internal/engine"
	"ekyc/internal/erasure"
	"ekyc/internal/face"
	"ekyc/internal/gate"
	"ekyc/internal/health"
	"ekyc/internal/idempotency"
	"ekyc/internal/metering"
	"ekyc/internal/operator"
	"ekyc/internal/profile"
	"ekyc/internal/receipt"
	"ekyc/internal/reference"
	"ekyc/internal/requestlog"
	"ekyc/internal/retention"
	"ekyc/internal/review"
	"ekyc/internal/store"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

// Vision is what the routes need of the vision engine; the fence gives it.
type Vision interface {
	Selfie(context.Context, engine.SelfieRequest) (*engine.SelfieOutcome, error)
	Document(context.Context, engine.DocumentUpload) (*engine.DocumentOutcome, error)
	MatchPhotos(ctx context.Context, live, reference []byte, o face.Options) (*engine.FaceComparison, error)
	Enrol(ctx context.Context, photo []byte) (*engine.FaceSample, error)
	Models(context.Context) (*engine.Inventory, error)
	Ready(context.Context) error
}

// Services are the rooms that the routes call.
type Services struct {
	DB          *store.DB
	Tenants     *tenant.Service
	Operators   *operator.Service
	Admission   *admission.Admitter
	Metering    *metering.Service
	Vault       *vault.Vault
	Keys        interface{ Ready() error } // nil: always; a keyring.Ring is one
	Webhooks    *webhook.Service
	Idempotency *idempotency.Service
	Challenges  *challenge.Service
	Jobs        *workflow.Service
	Drafts      *drafting.Service
	Comparisons *workflow.Comparisons
	Reviews     *review.Service
	Receipts    *receipt.Service
	Captures    *capture.Service
	Consents    *consent.Service
	Access      Exporter
	References  *reference.Templates
	Retention   *retention.Service
	Erasure     *erasure.Service
	Requests    *requestlog.Log
	Audit       *audit.Log
	Profiles    *profile.Checker
	Vision      Vision
	Gate        *gate.Gate
	Health      *health.Board
}

// Options tune the edge; the zero value serves.
type Options struct {
	Version        string
	PublicURL      string         // how clients reach this service, for links; "" for as each request came
	FrameAncestors []string       // origins that may frame the capture page
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	BodyTimeout    time.Duration  // for the whole body; 0 for 60 s
	HSTS           bool           // tell browsers to come by TLS only
	SecondFactor   bool           // demand one-time codes of operators
	BodyMemory     int64          // bytes that the bodies of all requests may take together; 0 for 512 MiB
	Logger         *slog.Logger
	Now            func() time.Time // of documents' validity; nil for the clock
}

const (
	defaultBodyTimeout = 60 * time.Second
	defaultBodyMemory  = 512 << 20
)

// checkAddresses refuses what would give broken links, or another policy than was meant.
func (o Options) checkAddresses() error {
	for _, text := range append([]string{o.PublicURL}, o.FrameAncestors...) {
		u, err := url.Parse(text)
		switch {
		case text == "":
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, " ;,'"):
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "%q is no address such as https://verify.example.com", text)
		}
	}
	return nil
}

// Server answers requests.
type Server struct {
	Services
	options Options
	memory  *semaphore.Weighted
	metrics *metrics
	client  *surface
	admin   *surface

	visitors   visitors
	pagePolicy string // of the capture page
}

// New assembles the routes.
func New(services Services, o Options) (*Server, error) {
	if o.BodyTimeout == 0 {
		o.BodyTimeout = defaultBodyTimeout
	}
	if o.BodyMemory == 0 {
		o.BodyMemory = defaultBodyMemory
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.checkAddresses(); err != nil {
		return nil, err
	}
	m, err := newMetrics()
	if err != nil {
		return nil, err
	}
	s := &Server{Services: services, options: o, memory: semaphore.NewWeighted(o.BodyMemory), metrics: m, pagePolicy: pagePolicyOf(o.FrameAncestors)}
	s.client = newSurface(s, "ekyc", clientDescription, "/v1", o.Version)
	if err := s.clientRoutes(s.client); err != nil {
		return nil, err
	}
	s.admin = newSurface(s, "ekyc platform", adminDescription, "/admin/v1", o.Version)
	return s, s.adminRoutes(s.admin)
}

// Client is the handler of the routes under /v1.
func (s *Server) Client() http.Handler { return s.edge(s.client) }

// Admin is the handler of the routes under /admin/v1, which belong on a network of their own.
func (s *Server) Admin() http.Handler { return s.edge(s.admin) }

const clientDescription = "Verify a person remotely: liveness, document reading and validation, face match, and whole verifications with an explained decision.\n\n" +
	"Every route except those marked as open is signed: X-API-KEY, X-API-TIMESTAMP and X-API-SIGN, the lower-case hex of " +
	"HMAC-SHA256(secret, timestamp + \"\\n\" + METHOD + \"\\n\" + target + \"\\n\" + hex(SHA256(body))). A signed request is accepted once; " +
	"to ask the same again within a second, vary the query string, for instance with ?_=2."

const adminDescription = "The platform operator's side: tenants, plans, keys, quotas, jobs and dead letters. Log in at /admin/v1/session and send the token as a bearer."
