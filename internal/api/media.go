package api

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
)

// Where a photograph is shown to a browser. The token stands in the path and nowhere else: logs, metrics and traces have the template.
const (
	mediaPath     = "/media/"
	mediaTemplate = mediaPath + "{token}"
)

// linkLife is how long a link to a photograph is valid: a page that asked for it loads it at once.
const linkLife = time.Minute

// pictureTypes are what the gate leaves of photographs.
var pictureTypes = []string{"image/jpeg", "image/png", "image/webp"}

type mediaParams struct {
	ID string `path:"id" maxLength:"64" doc:"The photograph."`
}

// MediaLinkAnswer is a link to a photograph.
type MediaLinkAnswer struct {
	MediaID   ekyc.ID   `json:"media_id"`
	URL       string    `json:"url" doc:"For a browser; whoever has it sees the photograph, until it runs out."`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) mediaRoutes(f *surface) {
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone}
	const what = "Photographs of decided verifications, which /jobs/{id} and /reviews/{id} list, and reference photographs, which /subjects/{id} names. Every read is entered into the audit log before a " +
		"byte of the photograph leaves. Past its time it is gone (410)."
	s.picture(f, route{method: http.MethodGet, path: "/media/{id}", id: "media-get", tag: "media", scope: tenant.ScopeMedia, summary: "A stored photograph",
		description: what, errors: missing})
	handle(f, route{method: http.MethodPost, path: "/media/{id}/link", id: "media-link", tag: "media", scope: tenant.ScopeMedia, status: http.StatusCreated, summary: "A link to a stored photograph, for a minute",
		description: "For a reviewer's browser, which cannot sign. It can be opened until it runs out, and every time is entered into the audit log.", errors: missing}, s.linkMedia)
	f.mux.HandleFunc("GET "+mediaTemplate, s.showMedia)
}

// picture registers a route whose answer is a photograph.
func (s *Server) picture(f *surface, rt route) {
	rt.path, rt.status = f.prefix+rt.path, http.StatusOK
	f.routes = append(f.routes, rt)
	op := rt.operation(f.huma, reflect.TypeFor[none]())
	op.Responses["200"].Content = map[string]*huma.MediaType{}
	for _, kind := range pictureTypes {
		op.Responses["200"].Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	op.Middlewares = huma.Middlewares{s.guard(rt)}
	huma.Register(f.huma, op, func(ctx context.Context, p *mediaParams) (*answer, error) {
		return &answer{Status: http.StatusOK, Body: func(hc huma.Context) {
			call := callOf(ctx)
			_, w := humago.Unwrap(hc)
			if err := s.sendMedia(ctx, w, call.Scope, p.ID); err != nil {
				s.refuse(ctx, w, call, err)
			}
		}}, nil
	})
}

// sendMedia answers with a photograph, once it is entered who looked at it.
func (s *Server) sendMedia(ctx context.Context, w http.ResponseWriter, scope ekyc.Scope, text string) error {
	id, err := ekyc.ParseID(ekyc.KindMedia, text)
	if err != nil {
		return err
	}
	content, m, err := s.Vault.ShowMedia(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, m vault.Media) error {
		return s.enterAbout(ctx, tx, scope, m.Subject, audit.Entry{Action: audit.MediaRead, Objects: objectsOf(m), Details: audit.Details{audit.Kind: string(m.Kind)}})
	})
	if err != nil {
		return err
	}
	kind := http.DetectContentType(content) // of what the gate has looked at and left
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("Content-Disposition", `inline; filename="`+string(m.ID)+"."+strings.TrimPrefix(kind, "image/")+`"`)
	w.WriteHeader(http.StatusOK)
	w.Write(content)
	return nil
}

// objectsOf names a photograph and the job that it is of.
func objectsOf(m vault.Media) []ekyc.ID {
	if m.Job == "" {
		return []ekyc.ID{m.ID}
	}
	return []ekyc.ID{m.ID, m.Job}
}

func (s *Server) linkMedia(ctx context.Context, call *Call, p *mediaParams, _ *none) (*MediaLinkAnswer, error) {
	return withID(ekyc.KindMedia, p.ID, func(id ekyc.ID) (*MediaLinkAnswer, error) {
		out := &MediaLinkAnswer{MediaID: id, ExpiresAt: time.Now().UTC().Truncate(time.Second).Add(linkLife)}
		err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
			m, err := s.Vault.FindMedia(ctx, tx, call.Scope, id)
			if err != nil {
				return err
			}
			claim := mediaClaim{call.Principal.Key.ID, id, out.ExpiresAt}
			signature, err := claim.sign(ctx, s, tx, call.Scope)
			if err != nil {
				return err
			}
			out.URL = call.base + mediaPath + claim.token(signature)
			if err := s.enterAbout(ctx, tx, call.Scope, m.Subject, audit.Entry{Action: audit.MediaLink, Objects: objectsOf(m), Details: audit.Details{audit.Kind: string(m.Kind)}}); err != nil {
				return err
			}
			return call.Remember(ctx, tx, http.StatusCreated, out, m.Subject, true)
		})
		return out, err
	})
}

// mediaClaim is what a link says: which photograph, until when, and whose key asked for it.
type mediaClaim struct {
	keyID   string
	media   ekyc.ID
	expires time.Time
}

func (c mediaClaim) text() string {
	return c.keyID + "." + string(c.media) + "." + strconv.FormatInt(c.expires.Unix(), 10)
}

// sign makes the keyed hash of a link, under the key of the tenant.
func (c mediaClaim) sign(ctx context.Context, s *Server, tx pgx.Tx, scope ekyc.Scope) ([]byte, error) {
	return s.Vault.Hash(ctx, tx, scope, "media/link", c.text())
}

// token is the link's last part: identifiers and a time, and their signature.
func (c mediaClaim) token(signature []byte) string {
	return c.text() + "." + hex.EncodeToString(signature)
}

// longestMediaToken bounds what is looked at of a link.
const longestMediaToken = 300

// readMediaClaim reads a link without believing it.
func readMediaClaim(token string) (c mediaClaim, signature []byte, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 4 || len(token) > longestMediaToken {
		return c, nil, false
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return c, nil, false
	}
	c = mediaClaim{parts[0], ekyc.ID(parts[1]), time.Unix(seconds, 0)}
	signature, err = hex.DecodeString(parts[3])
	return c, signature, err == nil && c.media.Is(ekyc.KindMedia)
}

// showMedia answers a link. Whoever has it is believed; what was shown, and to which network, is entered.
func (s *Server) showMedia(w http.ResponseWriter, r *http.Request) {
	ctx, call := r.Context(), callOf(r.Context())
	call.route, call.from = mediaTemplate, s.remoteIP(r)
	err := func() error {
		if wait := s.visitors.admit(call.from, r.PathValue("token")); wait > 0 {
			return ekyc.Errorf(ekyc.ErrRateLimited, "too many requests").With("retry_after_seconds", int(wait.Seconds()+1))
		}
		c, author, err := s.openMediaClaim(ctx, r.PathValue("token"))
		if err != nil {
			return err
		}
		call.Principal, call.Scope, call.link = author, author.Key.Scope, c.media
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // the link is what admits, and the page that shows it is the tenant's own
		return s.sendMedia(ctx, w, call.Scope, string(c.media))
	}()
	if err != nil {
		s.refuse(ctx, w, call, err)
	}
}

// openMediaClaim gives what a link says, where it was signed here and has not run out, and the key that asked for it, which must still be one that may.
// Errors: ErrNotFound, ErrGone.
func (s *Server) openMediaClaim(ctx context.Context, token string) (mediaClaim, *tenant.Principal, error) {
	c, signature, ok := readMediaClaim(token)
	if !ok {
		return c, nil, noMediaLink()
	}
	author, err := s.Tenants.Author(ctx, c.keyID)
	if err == nil {
		err = author.Require(tenant.ScopeMedia)
	}
	switch ekyc.CodeOf(err) {
	case ekyc.ErrKeyUnknown, ekyc.ErrKeyRevoked, ekyc.ErrKeyExpired, ekyc.ErrTenantSuspended, ekyc.ErrScopeDenied:
		return c, nil, noMediaLink()
	}
	if err != nil {
		return c, nil, err
	}
	var made []byte
	err = s.DB.InTenant(ctx, author.Key.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		made, err = c.sign(ctx, s, tx, author.Key.Scope)
		return err
	})
	if err == nil {
		err = c.judge(made, signature, time.Now())
	}
	return c, author, err
}

// judge compares the signature that the link has with the one that it should have, and then the time.
func (c mediaClaim) judge(made, signature []byte, now time.Time) error {
	if !hmac.Equal(made, signature) {
		return noMediaLink()
	}
	if !now.Before(c.expires) {
		return ekyc.Errorf(ekyc.ErrGone, "the link has run out")
	}
	return nil
}

func noMediaLink() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such link") }
