package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/tenant"
)

// CaptureBody asks for a link to the hosted capture page. It is kept, encrypted, as it came, and read again when the pictures are there.
type CaptureBody struct {
	DocumentSides string            `json:"document_sides,omitempty" enum:"auto,front,both" doc:"What the person photographs; auto unless given: the front of a passport, and both sides of what the person says is a card. With both, pictures without the back are refused."`
	DocumentHint  string            `json:"document_hint,omitempty" enum:"auto,passport,id_card,driver_license,residence_permit,other" doc:"The kind of document where it is known."`
	CountryHint   string            `json:"country_hint,omitempty" maxLength:"4" doc:"ISO 3166-1 alpha-3 or ICAO code of the issuer where it is known, or auto." example:"FRA"`
	Challenge     bool              `json:"challenge,omitempty" doc:"The person answers a liveness challenge before the camera; without a camera the verification cannot be made."`
	Language      string            `json:"language,omitempty" enum:"auto,en,fr" doc:"Of the page; auto unless given: what the browser prefers. The person can change it."`
	ExpiresIn     int               `json:"expires_in_seconds,omitempty" minimum:"60" maximum:"86400" doc:"How long the link can be used; 900 unless given."`
	RedirectURL   string            `json:"redirect_url,omitempty" maxLength:"2048" doc:"Where the page leads to at the end, with capture_id in the query. https, or http on loopback."`
	KYA           *ProfileClaim     `json:"kya,omitempty" doc:"What the person says of himself. Without ip, the address that sends the pictures stands for it where it is a public one."`
	Workflow      *WorkflowChoice   `json:"workflow,omitempty" doc:"As of /kyc/verify."`
	SubjectRef    string            `json:"subject_ref,omitempty" maxLength:"200" doc:"As of /kyc/verify."`
	CallbackURL   string            `json:"callback_url,omitempty" maxLength:"2048" doc:"As of /kyc/verify."`
	Metadata      map[string]string `json:"metadata,omitempty" doc:"As of /kyc/verify, with up to 46 entries: the job's has capture.id, capture.consent_version, capture.consent_language and capture.consent_at besides."`
	Store         *bool             `json:"store,omitempty" doc:"As of /kyc/verify."`
}

// bothSides is the document_sides of a link that takes no front without its back.
const bothSides = "both"

// reservedMetadata begins the names that the page itself writes.
const reservedMetadata = "capture."

func (b *CaptureBody) problems() []FieldProblem {
	found := (&DocumentImages{DocumentHint: b.DocumentHint, CountryHint: b.CountryHint}).hintProblems()
	found = append(found, refProblems(b.SubjectRef)...)
	if b.KYA != nil && len(b.KYA.problems()) > 0 {
		found = append(found, FieldProblem{"/kya", "holds nothing to check"})
	}
	for name := range b.Metadata {
		if strings.HasPrefix(name, reservedMetadata) {
			found = append(found, FieldProblem{"/metadata", "has a name that begins with " + reservedMetadata + ", which the page itself writes"})
			break
		}
	}
	if b.RedirectURL != "" && !redirectable(b.RedirectURL) {
		found = append(found, FieldProblem{"/redirect_url", "is not an absolute https address without user name, or http on loopback"})
	}
	return found
}

// redirectable says whether a page may lead a person there. Scripts and data are no addresses.
func redirectable(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (b *CaptureBody) life() time.Duration {
	if b.ExpiresIn == 0 {
		return capture.DefaultLife
	}
	return time.Duration(b.ExpiresIn) * time.Second
}

// verification is the request for the verification that the page's pictures are for.
func (b *CaptureBody) verification() *VerifyBody {
	return &VerifyBody{
		DocumentImages: DocumentImages{DocumentHint: b.DocumentHint, CountryHint: b.CountryHint},
		KYA:            b.KYA, Workflow: b.Workflow, SubjectRef: b.SubjectRef, CallbackURL: b.CallbackURL, Metadata: b.Metadata, Store: b.Store,
	}
}

// ConsentAnswer is what a person has agreed to.
type ConsentAnswer struct {
	Version  string    `json:"version" doc:"Of the text."`
	Language string    `json:"language" enum:"en,fr"`
	Text     string    `json:"text" doc:"As the person read it."`
	At       time.Time `json:"at"`
}

// CaptureAnswer is a link and what has become of it.
type CaptureAnswer struct {
	ID        ekyc.ID        `json:"capture_id"`
	Status    capture.State  `json:"status" enum:"open,used,expired"`
	JobID     ekyc.ID        `json:"job_id,omitempty" doc:"The verification that a used link became."`
	Consent   *ConsentAnswer `json:"consent,omitempty" doc:"Once the person has agreed."`
	CreatedAt time.Time      `json:"created_at"`
	ExpiresAt time.Time      `json:"expires_at"`
	UsedAt    *time.Time     `json:"used_at,omitempty"`
}

// NewCaptureAnswer shows the token, once.
type NewCaptureAnswer struct {
	CaptureAnswer
	URL   string `json:"url" doc:"Give it to the person and to nobody else. Shown this once."`
	Token string `json:"token" doc:"The last part of the url."`
}

func captureAnswer(c capture.Capture) CaptureAnswer {
	out := CaptureAnswer{ID: c.ID, Status: c.State, JobID: c.Job, CreatedAt: c.CreatedAt.UTC(), ExpiresAt: c.ExpiresAt.UTC(), UsedAt: c.UsedAt}
	if c.Consent != nil {
		given := ConsentAnswer(*c.Consent)
		out.Consent = &given
	}
	return out
}

type captureParams struct {
	ID string `path:"id" maxLength:"64" doc:"The link."`
}

func (s *Server) captureRoutes(f *surface) error {
	handle(f, route{
		method: http.MethodPost, path: "/captures", id: "captures-create", tag: "captures", scope: tenant.ScopeWorkflow, status: http.StatusCreated, mayBeBare: true,
		summary: "Make a link to the hosted capture page",
		description: "The person opens the url on a telephone or computer, agrees, takes the pictures, and the verification starts as a job of the key that asked, with its " +
			"webhooks. The link makes one verification; before that the person can try again until it runs out. Preview robots that fetch the url do not use it up.",
		errors: []ekyc.ErrorCode{ekyc.ErrURLDenied},
	}, s.createCapture)
	handle(f, route{method: http.MethodGet, path: "/captures/{id}", id: "captures-get", tag: "captures", scope: tenant.ScopeWorkflow, summary: "What has become of a link",
		description: "Listed for 30 days.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.getCapture)
	return s.capturePageRoutes(f)
}

func (s *Server) createCapture(ctx context.Context, call *Call, _ *none, b *CaptureBody) (*NewCaptureAnswer, error) {
	if err := s.examineCapture(ctx, call, b); err != nil {
		return nil, err
	}
	return atOnce(ctx, s, call, http.StatusCreated, func(ctx context.Context) (*NewCaptureAnswer, error) {
		return entered(ctx, s, call.Scope, func(ctx context.Context) (*NewCaptureAnswer, audit.Entry, error) {
			made, token, err := s.Captures.Create(ctx, call.Scope, call.Principal.Key.ID, call.body, b.life())
			out := &NewCaptureAnswer{CaptureAnswer: captureAnswer(made), URL: call.base + capturePath + token, Token: token}
			return out, audit.Entry{Action: audit.CaptureCreate, Scope: call.Scope, Objects: []ekyc.ID{made.ID}}, err
		})
	})
}

// examineCapture refuses now what the submission would refuse for other reasons than its pictures: the person could not mend it.
func (s *Server) examineCapture(ctx context.Context, call *Call, b *CaptureBody) error {
	v := b.verification()
	v.Metadata = withConsent(b.Metadata, capture.Capture{Consent: &capture.Consent{}})
	submission, err := s.submission(ctx, call, v)
	if err != nil {
		return err
	}
	if submission.Workflow.DemandsRecording() && !b.Challenge { // without a challenge the page takes a still
		return refuseFields([]FieldProblem{{"/challenge", "must be true: the workflow takes no still"}})
	}
	return s.Jobs.Examine(submission)
}

// withConsent is a client's metadata with what the page adds: whose link it was, and what the person has agreed to.
func withConsent(given map[string]string, c capture.Capture) map[string]string {
	out := map[string]string{
		reservedMetadata + "id": string(c.ID), reservedMetadata + "consent_version": c.Consent.Version, reservedMetadata + "consent_language": c.Consent.Language,
		reservedMetadata + "consent_at": c.Consent.At.UTC().Format(time.RFC3339),
	}
	for name, value := range given {
		out[name] = value
	}
	return out
}

func (s *Server) getCapture(ctx context.Context, call *Call, p *captureParams, _ *none) (*CaptureAnswer, error) {
	id, err := ekyc.ParseID(ekyc.KindCapture, p.ID)
	if err != nil {
		return nil, err
	}
	found, err := s.Captures.Get(ctx, call.Scope, id)
	if err != nil {
		return nil, err
	}
	out := captureAnswer(found)
	return &out, nil
}

// baseURL is how the client reaches this service: as the operator says, or else as the request came, over TLS where it did or a trusted proxy says so.
func (s *Server) baseURL(r *http.Request) string {
	if s.options.PublicURL != "" {
		return strings.TrimSuffix(s.options.PublicURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	} else if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && s.trusted(from.Addr().Unmap()) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
