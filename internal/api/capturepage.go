package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/capture/page"
	"ekyc/internal/challenge"
	"ekyc/internal/decision"
	"ekyc/internal/face/liveness"
	"ekyc/internal/tenant"
	"ekyc/internal/workflow"
)

// Where the page is. Its token stands in the path and nowhere else: logs, metrics and traces have the templates.
const (
	capturePath     = "/capture/"
	captureTemplate = capturePath + "{token}"
	assetTemplate   = "/capture-page/{version}/{file}"
)

// capturePageRoutes serve the page. They are not signed: who has the token may act for the person, on this one link.
func (s *Server) capturePageRoutes(f *surface) error {
	f.mux.HandleFunc("GET "+captureTemplate, s.showCapture)
	f.mux.HandleFunc("GET "+assetTemplate, s.showCaptureFile)
	visited(f, pageRoute{route: route{method: http.MethodPost, path: captureTemplate + "/consent", hasBody: true, maxBody: smallRoute}}, s.takeConsent)
	visited(f, pageRoute{route: route{method: http.MethodPost, path: captureTemplate + "/challenge"}}, s.giveChallenge)
	visited(f, pageRoute{route: route{method: http.MethodPost, path: captureTemplate + "/pictures", hasBody: true, maxBody: recording}, counted: true}, s.takePictures)
	visited(f, pageRoute{route: route{method: http.MethodGet, path: captureTemplate + "/status"}, afterUse: true}, s.tellCapture)
	return nil
}

// pageRoute is one that the page's script calls.
type pageRoute struct {
	route
	counted  bool // against the attempts of the link
	afterUse bool // answers for a used link as well
}

// visit is a person on the page of a link.
type visit struct {
	*Call
	capture capture.Capture
	request *CaptureBody // nil unless the link is open
}

// visited registers a route of the page's script. The order is that of signed routes: the token is known before a byte of the body is read.
func visited[B, O any](f *surface, rt pageRoute, work func(context.Context, *visit, *B) (*O, error)) {
	s := f.server
	f.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
		ctx, call := r.Context(), callOf(r.Context())
		call.route, call.from = rt.path, s.remoteIP(r)
		out, err := func() (*O, error) {
			v, err := s.visit(ctx, call, rt, r.PathValue("token"))
			if err != nil {
				return nil, err
			}
			if err := s.takeBody(w, r, call, rt.route); err != nil {
				return nil, err
			}
			var body B
			if rt.hasBody {
				if err := decode(call.body, &body); err != nil {
					return nil, err
				}
			}
			return work(ctx, v, &body)
		}()
		call.letGo()
		if err != nil {
			s.refuse(ctx, w, call, err)
			return
		}
		rendered, err := render(out)
		if err != nil {
			s.refuse(ctx, w, call, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(rendered)
	})
}

// outcomeTold is how long a used link tells its page how the verification ended; who comes upon the link later learns nothing.
const outcomeTold = 10 * time.Minute

// visit finds the link, and the key that it was made with, which the verification will belong to.
func (s *Server) visit(ctx context.Context, call *Call, rt pageRoute, token string) (*visit, error) {
	if wait := s.visitors.admit(call.from, token); wait > 0 {
		return nil, ekyc.Errorf(ekyc.ErrRateLimited, "too many requests").With("retry_after_seconds", int(wait.Seconds()+1))
	}
	found, err := s.Captures.Find(ctx, token)
	if err != nil {
		return nil, err
	}
	if call.Principal, err = s.author(ctx, found); err != nil {
		return nil, err
	}
	call.Scope, call.link = found.Scope, found.ID
	v := &visit{Call: call, capture: found}
	if found.State != capture.Open {
		if rt.afterUse && found.State == capture.Used && time.Since(*found.UsedAt) < outcomeTold {
			return v, nil
		}
		return nil, capture.Over()
	}
	v.request = &CaptureBody{}
	if err := decode(found.Request, v.request); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "what the link asks for cannot be read").Because(err)
	}
	if rt.counted {
		err = s.Captures.Attempt(ctx, found)
	}
	return v, err
}

// author is the key of a link. Where it may not be used any more, its links have ended.
func (s *Server) author(ctx context.Context, c capture.Capture) (*tenant.Principal, error) {
	p, err := s.Tenants.Author(ctx, c.KeyID)
	if err == nil {
		err = p.Require(tenant.ScopeWorkflow)
	}
	switch ekyc.CodeOf(err) {
	case ekyc.ErrKeyUnknown, ekyc.ErrKeyRevoked, ekyc.ErrKeyExpired, ekyc.ErrTenantSuspended, ekyc.ErrScopeDenied:
		return nil, capture.Over()
	}
	return p, err
}

// showCapture gives the page, or in its place what is wrong, in words.
func (s *Server) showCapture(w http.ResponseWriter, r *http.Request) {
	ctx, call := r.Context(), callOf(r.Context())
	call.route, call.from = captureTemplate, s.remoteIP(r)
	language := page.Language(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	v, err := s.visit(ctx, call, pageRoute{}, r.PathValue("token"))
	var body bytes.Buffer
	status := http.StatusOK
	if err == nil {
		if chosen := v.request.Language; r.URL.Query().Get("lang") == "" && chosen != "" && chosen != "auto" {
			language = chosen
		}
		err = page.Write(&body, s.setup(v, language))
	}
	if err != nil {
		p := s.note(ctx, call, err)
		status = p.status
		for name, values := range p.headers {
			w.Header()[name] = values
		}
		body.Reset()
		if err := page.WriteRefusal(&body, language, p.ErrorBody.Error.Code, call.traceID); err != nil {
			s.refuse(ctx, w, call, err)
			return
		}
	}
	h := w.Header()
	h.Set("Content-Security-Policy", s.pagePolicy)
	h.Set("Permissions-Policy", pagePermissions)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Content-Language", language)
	h.Set("Vary", "Accept-Language")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

// pagePermissions leave the page the camera and nothing else that a page can ask for.
const pagePermissions = "camera=(self), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), bluetooth=(), midi=()"

// pagePolicyOf is what the page may load: files of this server, and pictures that it has made itself. Who may frame it is the operator's choice; nobody
// unless it says so.
func pagePolicyOf(ancestors []string) string {
	frame := " 'none'"
	for i, origin := range ancestors {
		if i == 0 {
			frame = ""
		}
		frame += " " + origin
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob: mediastream:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; frame-ancestors" + frame
}

// setup is what the page is told of its link.
func (s *Server) setup(v *visit, language string) page.Setup {
	out := page.Setup{
		Language: language, Company: v.Principal.Tenant.Name, Sides: v.request.DocumentSides, Challenge: v.request.Challenge,
		Test: v.Scope.Environment == ekyc.Test, ExpiresAt: v.capture.ExpiresAt.UTC(),
	}
	if out.Sides == "" || out.Sides == "auto" {
		out.Sides = "auto"
		if v.request.DocumentHint == string(ekyc.Passport) {
			out.Sides = "front"
		}
	}
	if v.request.RedirectURL != "" {
		if to, err := url.Parse(v.request.RedirectURL); err == nil { // it was read when the link was made
			if to.RawQuery != "" {
				to.RawQuery += "&"
			}
			to.RawQuery += "capture_id=" + url.QueryEscape(string(v.capture.ID)) // the rest as it was given: it may be signed
			out.Continue = to.String()
		}
	}
	return out
}

// showCaptureFile gives a script or style of the page. Under the name of the present version it never changes.
func (s *Server) showCaptureFile(w http.ResponseWriter, r *http.Request) {
	call := callOf(r.Context())
	call.route = assetTemplate
	content, mediaType, found := page.File(r.PathValue("file"))
	if !found {
		s.refuse(r.Context(), w, call, ekyc.Errorf(ekyc.ErrNotFound, "there is no such file"))
		return
	}
	if r.PathValue("version") == page.Version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Content-Type", mediaType)
	w.Write(content)
}

// consentBody is what the person has agreed to.
type consentBody struct {
	Version  string `json:"version"`
	Language string `json:"language"`
}

// visitAnswer tells the page's script how things stand.
type visitAnswer struct {
	Status string `json:"status"`
	// Messages are for the person where the pictures are to be taken again, by language.
	Messages []decision.Text `json:"messages,omitempty"`
}

func (s *Server) takeConsent(ctx context.Context, v *visit, b *consentBody) (*visitAnswer, error) {
	if b.Version != page.ConsentVersion || !slices.Contains(page.Languages, b.Language) {
		return nil, refuseFields([]FieldProblem{{"/version", "is not that of the present text in a language of the page"}})
	}
	text := page.Consent(b.Language, v.Principal.Tenant.Name)
	if err := s.Captures.Agree(ctx, v.capture, capture.Consent{Version: b.Version, Language: b.Language, Text: text}); err != nil {
		return nil, err
	}
	return &visitAnswer{Status: "agreed"}, nil
}

// challengeAnswer is what the person is to do.
type challengeAnswer struct {
	ChallengeID ekyc.ID           `json:"challenge_id"`
	Actions     []liveness.Action `json:"actions"`
}

// pageActions are one more than a tenant's own page gets by default: whoever has the link can draw again, capture.mostChallenges times, and is not to find the
// sequence of a film that he has (1,192 sequences of four).
const pageActions = liveness.DefaultActions + 1

// giveChallenge gives a challenge to the key of the link; a new one for each recording, and only the last of them counts.
func (s *Server) giveChallenge(ctx context.Context, v *visit, _ *none) (*challengeAnswer, error) {
	if !v.request.Challenge {
		return nil, ekyc.Errorf(ekyc.ErrConflict, "the link asks for no challenge")
	}
	var out *challengeAnswer
	err := s.DB.InTenant(ctx, v.Scope, func(ctx context.Context, tx pgx.Tx) error {
		c, err := s.Challenges.Issue(ctx, tx, v.Scope, v.capture.KeyID, pageActions)
		if err != nil {
			return err
		}
		out = &challengeAnswer{c.ID, c.Actions}
		return s.Captures.Challenged(ctx, tx, v.capture, c.ID)
	})
	return out, err
}

// picturesBody is what the person has taken.
type picturesBody struct {
	ImageLive   Image   `json:"image_live_base64,omitempty"`
	Frames      []Image `json:"frames_base64,omitempty"`
	ImageFront  Image   `json:"image_front_base64,omitempty"`
	ImageBack   Image   `json:"image_back_base64,omitempty"`
	ChallengeID ekyc.ID `json:"challenge_id,omitempty"`
}

func (b *picturesBody) problems(v *visit) []FieldProblem {
	answered := Answered{ChallengeID: b.ChallengeID}
	found := append(liveProblems(b.ImageLive, b.Frames), answered.challengeProblems(b.Frames)...)
	if b.ImageFront == nil {
		found = append(found, FieldProblem{"/image_front_base64", requiredProblem})
	}
	if v.request.DocumentSides == bothSides && b.ImageBack == nil { // who leaves the back out would not have it held against the front
		found = append(found, FieldProblem{"/image_back_base64", requiredProblem})
	}
	if v.request.Challenge && b.ChallengeID == "" { // a picture from a file would be a way around it
		found = append(found, FieldProblem{"/challenge_id", requiredProblem})
	}
	return found
}

// takePictures makes the verification. The link is claimed in its transaction.
func (s *Server) takePictures(ctx context.Context, v *visit, b *picturesBody) (*visitAnswer, error) {
	if v.capture.Consent == nil {
		return nil, ekyc.Errorf(ekyc.ErrConflict, "the person has not agreed yet")
	}
	if err := countFrames(b.Frames); err != nil {
		return nil, err
	}
	if problems := b.problems(v); len(problems) > 0 {
		return nil, missingOr(refuseFields(problems))
	}
	if b.ChallengeID != v.capture.Challenge { // the last one that this link was given
		return nil, ekyc.Errorf(ekyc.ErrChallengeInvalid, "the challenge is not the link's").With("reason", challenge.ReasonUnknown).With("field", "/challenge_id")
	}
	if err := s.screen(ctx, b); err != nil {
		return nil, err
	}
	wanted := v.request.verification()
	wanted.ImageLive, wanted.Frames, wanted.ImageFront, wanted.ImageBack = b.ImageLive, b.Frames, b.ImageFront, b.ImageBack
	wanted.ChallengeID = b.ChallengeID // the frames are not mirrored, only their preview is
	wanted.Metadata = withConsent(v.request.Metadata, v.capture)
	if wanted.KYA != nil && wanted.KYA.IP == "" {
		wanted.KYA.IP = publicAddress(v.from)
	}
	submission, err := s.submission(ctx, v.Call, wanted)
	if err != nil {
		return nil, err
	}
	var claimed error
	submission.Also = func(ctx context.Context, tx pgx.Tx, j workflow.Job) error {
		var given *capture.Consent
		if given, claimed = s.Captures.Claim(ctx, tx, v.capture, j.ID, j.Subject); claimed != nil {
			return claimed
		}
		if err := s.handOverConsent(ctx, tx, j, given); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{Action: audit.CaptureUse, Scope: v.Scope, Objects: []ekyc.ID{v.capture.ID, j.ID}})
	}
	if _, err := s.Jobs.Submit(ctx, submission); err != nil {
		if ekyc.CodeOf(claimed) == ekyc.ErrConflict { // another was first
			return nil, capture.Over()
		}
		return nil, named(err, map[string]string{"selfie": liveName(b.Frames), "front": "/image_front_base64", "back": "/image_back_base64"})
	}
	v.charge(ekyc.ModuleWorkflow, false) // billed when it has been done
	return &visitAnswer{Status: "received"}, nil
}

// publicAddress is an address that tells where a person is; "" where it cannot.
func publicAddress(a netip.Addr) string {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return ""
	}
	return a.String()
}

// tellCapture says how far the verification is, in words for the person: never the decision, the score or why.
func (s *Server) tellCapture(ctx context.Context, v *visit, _ *none) (*visitAnswer, error) {
	if v.capture.State == capture.Open {
		return &visitAnswer{Status: "open"}, nil
	}
	job, err := s.Jobs.Get(ctx, v.Scope, v.capture.Job)
	if err != nil {
		return nil, err
	}
	if !job.Status.Final() {
		return &visitAnswer{Status: "working"}, nil
	}
	var result struct {
		Retryable    bool            `json:"retryable"`
		UserMessages []decision.Text `json:"user_messages"`
	}
	if len(job.Result) > 0 {
		if err := json.Unmarshal(job.Result, &result); err != nil {
			return nil, ekyc.Errorf(ekyc.ErrInternal, "the result cannot be read").Because(err)
		}
	}
	if job.Status == workflow.Completed && result.Retryable {
		return &visitAnswer{Status: "retake", Messages: result.UserMessages}, nil
	}
	return &visitAnswer{Status: "done"}, nil
}
