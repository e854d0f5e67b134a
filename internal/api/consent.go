package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/consent"
	"ekyc/internal/workflow"
)

// GivenConsent is what a person has agreed to.
type GivenConsent struct {
	Version  string     `json:"version,omitempty" maxLength:"100" doc:"Of the text, as the client calls it. Left out where the text is given and has none."`
	Text     string     `json:"text,omitempty" maxLength:"20000" doc:"As the person read it, without naming the person. Left out where an earlier record had it with this version and language, or where it is not to be kept here."`
	Language string     `json:"language,omitempty" maxLength:"35" doc:"Of the text, a tag of BCP 47." example:"en-GB"`
	Channel  string     `json:"channel,omitempty" enum:"api,capture_page,in_person,paper,telephone,other" doc:"The way by which it was said; api unless given: on the client's own page or in its app."`
	At       *time.Time `json:"at,omitempty" doc:"When it was said; now unless given."`
}

// ConsentBody is a consent or its withdrawal.
type ConsentBody struct {
	Status string `json:"status,omitempty" enum:"given,withdrawn" doc:"given unless said. A withdrawal that names no text withdraws what was agreed to last."`
	GivenConsent
}

func (b *ConsentBody) problems() []FieldProblem {
	if b.Status == withdrawnConsent {
		return nil
	}
	return b.GivenConsent.problems("")
}

// problems names what is missing of a consent.
func (b *GivenConsent) problems(under string) (found []FieldProblem) {
	if b.Version == "" && b.Text == "" {
		found = append(found, FieldProblem{under + "/version", requiredProblem})
	}
	if b.Language == "" {
		found = append(found, FieldProblem{under + "/language", requiredProblem})
	}
	return found
}

func (b *GivenConsent) statement() consent.Statement {
	said := consent.Statement{Version: b.Version, Text: b.Text, Language: b.Language, Channel: consent.Channel(b.Channel)}
	if said.Channel == "" {
		said.Channel = consent.API
	}
	if b.At != nil {
		said.At = *b.At
	}
	return said
}

// What a record says.
const (
	givenConsent     = "given"
	withdrawnConsent = "withdrawn"
)

// ConsentRecord is what a person has said, as it is kept.
type ConsentRecord struct {
	ID         ekyc.ID         `json:"consent_id"`
	Status     string          `json:"status" enum:"given,withdrawn"`
	Version    string          `json:"version,omitempty" doc:"Of the text."`
	Language   string          `json:"language,omitempty"`
	Text       string          `json:"text,omitempty" doc:"As the person read it; absent where it is not known here."`
	TextSHA256 string          `json:"text_sha256,omitempty" doc:"Of the text in UTF-8, in hex."`
	Channel    consent.Channel `json:"channel" enum:"api,capture_page,in_person,paper,telephone,other"`
	At         time.Time       `json:"at" doc:"When the person said it."`
	RecordedAt time.Time       `json:"recorded_at" doc:"By the service's clock."`
	JobID      ekyc.ID         `json:"job_id,omitempty" doc:"The verification that brought it."`
}

func consentRecord(r consent.Record) ConsentRecord {
	out := ConsentRecord{
		ID: r.ID, Status: givenConsent, Version: r.Version, Language: r.Language, Text: r.Text, TextSHA256: r.TextSHA256, Channel: r.Channel,
		At: r.At.UTC(), RecordedAt: r.RecordedAt.UTC(), JobID: r.Job,
	}
	if r.Withdrawn {
		out.Status = withdrawnConsent
	}
	return out
}

// ConsentList is a page of a subject's consents.
type ConsentList struct {
	SubjectID ekyc.ID         `json:"subject_id"`
	InForce   bool            `json:"in_force" doc:"The latest that the person has said, by at, is a consent."`
	Consents  []ConsentRecord `json:"consents"`
	NextAfter ekyc.ID         `json:"next_after" doc:"Empty at the end."`
}

type consentParams struct {
	ID string `path:"id" maxLength:"64" doc:"The subject."`
	Page
}

func (s *Server) consentRoutes(f *surface) {
	handle(f, route{method: http.MethodPost, path: "/subjects/{id}/consent", id: "subjects-consent-record", tag: "subjects", scope: "admin", status: http.StatusCreated,
		summary:     "Record a consent or its withdrawal",
		description: "Records are added and never changed; the latest says how things stand. A withdrawal erases nothing and stops nothing by itself.",
		errors:      []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone, ekyc.ErrConflict}}, s.recordConsent)
	handle(f, route{method: http.MethodGet, path: "/subjects/{id}/consent", id: "subjects-consent-list", tag: "subjects", scope: "admin",
		summary: "What a subject has agreed to", description: "The newest record first.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone}}, s.listConsents)
}

func (s *Server) recordConsent(ctx context.Context, call *Call, p *subjectParams, b *ConsentBody) (*ConsentRecord, error) {
	id, err := ekyc.ParseID(ekyc.KindSubject, p.ID)
	if err != nil {
		return nil, err
	}
	said := b.statement()
	said.Withdrawn = b.Status == withdrawnConsent
	var out ConsentRecord
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		recorded, err := s.keepConsent(ctx, tx, call.Scope, id, said)
		if err != nil {
			return err
		}
		out = consentRecord(recorded)
		return call.Remember(ctx, tx, http.StatusCreated, out, id, true)
	})
	if err != nil {
		return nil, consentError(err, "")
	}
	return &out, nil
}

// keepConsent records what a subject has said, and enters that it did.
func (s *Server) keepConsent(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, said consent.Statement) (consent.Record, error) {
	recorded, err := s.Consents.Record(ctx, tx, scope, subject, said)
	if err != nil {
		return recorded, err
	}
	e := audit.Entry{Action: audit.ConsentGive, Objects: []ekyc.ID{recorded.ID}, Details: audit.Details{audit.Kind: string(said.Channel)}}
	if said.Withdrawn {
		e.Action = audit.ConsentWithdraw
	}
	return recorded, s.enterAbout(ctx, tx, scope, subject, e)
}

// consentError names the member of the body that is refused.
func consentError(err error, under string) error {
	if known, ok := errors.AsType[*ekyc.Error](err); ok && known.Code == ekyc.ErrInvalidArgument {
		if field, ok := known.Details["field"].(string); ok {
			return refuseFields([]FieldProblem{{under + "/" + field, known.Message}})
		}
	}
	return err
}

func (s *Server) listConsents(ctx context.Context, call *Call, p *consentParams, _ *none) (*ConsentList, error) {
	id, err := ekyc.ParseID(ekyc.KindSubject, p.ID)
	if err != nil {
		return nil, err
	}
	after, err := p.cursor(ekyc.KindConsent)
	if err != nil {
		return nil, err
	}
	out := &ConsentList{SubjectID: id}
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		records, next, err := s.Consents.List(ctx, tx, call.Scope, id, p.Limit, after)
		if err != nil {
			return err
		}
		out.Consents, out.NextAfter = []ConsentRecord{}, next
		for _, r := range records {
			out.Consents = append(out.Consents, consentRecord(r))
		}
		out.InForce, err = s.Consents.InForce(ctx, tx, call.Scope, id)
		return err
	})
	return out, err
}

// bringConsent records what came with a submission as its subject's, in the submission's transaction.
func (s *Server) bringConsent(ctx context.Context, tx pgx.Tx, j workflow.Job, b *GivenConsent) error {
	if b == nil {
		return nil
	}
	said := b.statement()
	said.Job = j.ID
	_, err := s.keepConsent(ctx, tx, j.Scope, j.Subject, said)
	return consentError(err, "/consent")
}

// handOverConsent makes what the person has agreed to on the capture page the subject's record.
func (s *Server) handOverConsent(ctx context.Context, tx pgx.Tx, j workflow.Job, given *capture.Consent) error {
	if given == nil {
		return nil
	}
	_, err := s.keepConsent(ctx, tx, j.Scope, j.Subject, consent.Statement{
		Version: given.Version, Text: given.Text, Language: given.Language, Channel: consent.CapturePage, At: given.At, Job: j.ID,
	})
	return err
}
