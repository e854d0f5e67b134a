package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/engine"
	"ekyc/internal/erasure"
	"ekyc/internal/vault"
)

// SubjectAnswer is a person whom the tenant verifies.
type SubjectAnswer struct {
	ID           ekyc.ID    `json:"subject_id"`
	Ref          string     `json:"subject_ref,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	ErasedAt     *time.Time `json:"erased_at,omitempty"`
	HasReference bool       `json:"has_reference" doc:"A reference photograph is stored, for /face/match by subject_id."`
	ReferenceAt  *time.Time `json:"reference_at,omitempty" doc:"When the reference was stored."`
	ReferenceID  ekyc.ID    `json:"reference_media_id,omitempty" doc:"The reference photograph, for /media/{id}."`

	LegalHold *LegalHold `json:"legal_hold,omitempty" doc:"Where there is one. Not in lists."`

	PlatformHoldSince *time.Time `json:"platform_hold_since,omitempty" doc:"The platform holds the subject too, which the tenant cannot end. Not in lists."`
}

func subjectAnswer(s vault.Subject) SubjectAnswer {
	out := SubjectAnswer{ID: s.ID, Ref: s.Ref, CreatedAt: s.CreatedAt, ErasedAt: s.ErasedAt}
	if s.Reference != nil {
		out.HasReference, out.ReferenceAt, out.ReferenceID = true, &s.Reference.CreatedAt, s.Reference.ID
	}
	return out
}

// SubjectList is a page of subjects.
type SubjectList struct {
	Subjects  []SubjectAnswer `json:"subjects"`
	NextAfter ekyc.ID         `json:"next_after" doc:"Empty at the end."`
}

// NewSubjectBody describes a subject to be made.
type NewSubjectBody struct {
	SubjectRef string `json:"subject_ref,omitempty" maxLength:"200" doc:"The client's own name of the person. As of /kyc/verify."`
	Reference  Image  `json:"image_reference_base64,omitempty" gate:"face" doc:"A photograph that shows this person and nobody else."`
}

func (b *NewSubjectBody) problems() []FieldProblem {
	return refProblems(b.SubjectRef)
}

// refProblems is what is wrong with a client's own name of a person.
func refProblems(ref string) []FieldProblem {
	if _, err := vault.NormalRef(ref); err != nil {
		return []FieldProblem{{"/subject_ref", "has control characters or is longer than 200 characters"}}
	}
	return nil
}

// ReferenceBody is a reference photograph.
type ReferenceBody struct {
	Reference Image `json:"image_reference_base64" gate:"face" doc:"A photograph that shows this person and nobody else."`
}

func (b *ReferenceBody) problems() []FieldProblem {
	if b.Reference == nil {
		return []FieldProblem{{"/image_reference_base64", requiredProblem}}
	}
	return nil
}

type subjectParams struct {
	ID string `path:"id" maxLength:"64" doc:"The subject."`
}

func (s *Server) subjectRoutes(f *surface) {
	pictures := []ekyc.ErrorCode{ekyc.ErrFaceNotFound, ekyc.ErrFacesMultiple, ekyc.ErrImageCorrupt, ekyc.ErrImageTypeUnsupported, ekyc.ErrImageTooLarge}
	handle(f, route{method: http.MethodGet, path: "/subjects", id: "subjects-list", tag: "subjects", scope: "admin", summary: "List subjects"}, s.listSubjects)
	handle(f, route{method: http.MethodPost, path: "/subjects", id: "subjects-create", tag: "subjects", scope: "admin", status: http.StatusCreated, maxBody: oneImage,
		summary: "Make a subject", description: "With a reference photograph where one is given; it is stored encrypted, without metadata.", errors: append(pictures, ekyc.ErrConflict)}, s.createSubject)
	handle(f, route{method: http.MethodGet, path: "/subjects/{id}", id: "subjects-get", tag: "subjects", scope: "admin", summary: "What is held about a subject",
		errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone}}, s.getSubject)
	handle(f, route{method: http.MethodPost, path: "/subjects/{id}", id: "subjects-reference", tag: "subjects", scope: "admin", maxBody: oneImage,
		summary: "Store or replace the reference photograph", errors: append(pictures, ekyc.ErrNotFound, ekyc.ErrGone)}, s.replaceReference)
	handle(f, route{method: http.MethodDelete, path: "/subjects/{id}", id: "subjects-erase", tag: "subjects", scope: "admin",
		summary: "Erase a subject", description: "Destroys the subject's key, so that nothing sealed under it opens again, deletes its pictures and templates, cancels what waits or runs for it, " +
			"and takes personal data out of webhooks on their way. The answer is given when a ledger outside of the database has it, from which every restore repeats it. The certificate is missing only while " +
			"files could not be removed; it follows at /subjects/{id}/certificate.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone, ekyc.ErrConflict}}, s.eraseSubject)
	handle(f, route{method: http.MethodGet, path: "/subjects/{id}/certificate", id: "subjects-certificate", tag: "subjects", scope: "admin",
		summary: "The signed certificate of an erasure", description: "What was erased where, in the canonical form of RFC 8785 and signed with Ed25519 by a key of /receipts/keys. It holds no personal data and " +
			"stays. `ekyc erasure verify` needs only this answer and the keys.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrConflict}}, s.getCertificate)
}

func (s *Server) listSubjects(ctx context.Context, call *Call, p *Page, _ *none) (*SubjectList, error) {
	after, err := p.cursor(ekyc.KindSubject)
	if err != nil {
		return nil, err
	}
	out := &SubjectList{Subjects: []SubjectAnswer{}}
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		subjects, next, err := s.Vault.ListSubjects(ctx, tx, call.Scope, p.Limit, after)
		out.Subjects, out.NextAfter = []SubjectAnswer{}, next
		for _, subject := range subjects {
			out.Subjects = append(out.Subjects, subjectAnswer(subject))
		}
		return err
	})
	return out, err
}

// checkReference enrols a photograph that shows one person. What is stored is what was looked at, as the gate left it.
func (s *Server) checkReference(ctx context.Context, photo []byte) (*engine.FaceSample, error) {
	sample, err := s.Vision.Enrol(ctx, photo)
	if err != nil {
		return nil, about(err, "/image_reference_base64")
	}
	return sample, nil
}

// storeReference seals a photograph as the subject's reference with its template, and names the files of the one before.
func (s *Server) storeReference(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, photo []byte, sample *engine.FaceSample) (former []string, err error) {
	media, err := s.Vault.PutMedia(ctx, tx, scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: photo, Kept: true})
	if err != nil {
		return nil, err
	}
	if former, err = s.Vault.ReplaceReference(ctx, tx, scope, subject, media); err != nil {
		return nil, err
	}
	if err := s.keepTemplate(ctx, tx, scope, subject, media, sample); err != nil {
		return nil, err
	}
	if len(former) > 0 {
		if err := s.enterAbout(ctx, tx, scope, subject, audit.Entry{Action: audit.ReferenceDelete}); err != nil {
			return nil, err
		}
	}
	return former, s.enterAbout(ctx, tx, scope, subject, audit.Entry{Action: audit.ReferenceStore, Objects: []ekyc.ID{media}})
}

// deleteFiles removes files whose rows are gone. What cannot be removed now is left to the sweep.
func (s *Server) deleteFiles(ctx context.Context, files []string) {
	if err := s.Vault.DeleteBlobs(ctx, files); err != nil {
		s.options.Logger.WarnContext(ctx, "files without rows are left to the sweep", "error.message", err.Error())
	}
}

func (s *Server) createSubject(ctx context.Context, call *Call, _ *none, b *NewSubjectBody) (*SubjectAnswer, error) {
	var sample *engine.FaceSample
	if b.Reference != nil {
		var err error
		if sample, err = s.checkReference(ctx, b.Reference); err != nil {
			return nil, err
		}
	}
	var out SubjectAnswer
	err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		id, err := s.Vault.CreateSubject(ctx, tx, call.Scope, b.SubjectRef)
		if err != nil {
			return err
		}
		if err := s.enterAbout(ctx, tx, call.Scope, id, audit.Entry{Action: audit.SubjectCreate}); err != nil {
			return err
		}
		if b.Reference != nil {
			if _, err := s.storeReference(ctx, tx, call.Scope, id, b.Reference, sample); err != nil {
				return err
			}
		}
		subject, err := s.Vault.GetSubject(ctx, tx, call.Scope, id)
		if err != nil {
			return err
		}
		out = subjectAnswer(subject)
		return call.Remember(ctx, tx, http.StatusCreated, out, id, true)
	})
	return &out, err
}

func (s *Server) getSubject(ctx context.Context, call *Call, p *subjectParams, _ *none) (*SubjectAnswer, error) {
	id, err := ekyc.ParseID(ekyc.KindSubject, p.ID)
	if err != nil {
		return nil, err
	}
	var out SubjectAnswer
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		subject, err := s.Vault.GetSubject(ctx, tx, call.Scope, id)
		if err != nil {
			return err
		}
		out = subjectAnswer(subject)
		hold, err := s.Vault.HoldOf(ctx, tx, call.Scope, id)
		if err != nil {
			return err
		}
		out.LegalHold = legalHold(hold)
		since, err := s.Vault.OperatorHoldSince(ctx, tx, call.Scope, id)
		out.PlatformHoldSince = inUTC(since)
		return err
	})
	return &out, err
}

func (s *Server) replaceReference(ctx context.Context, call *Call, p *subjectParams, b *ReferenceBody) (*SubjectAnswer, error) {
	if _, err := s.getSubject(ctx, call, p, nil); err != nil { // before the engine works for nothing
		return nil, err
	}
	sample, err := s.checkReference(ctx, b.Reference)
	if err != nil {
		return nil, err
	}
	id, out := ekyc.ID(p.ID), SubjectAnswer{}
	var former []string
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if former, err = s.storeReference(ctx, tx, call.Scope, id, b.Reference, sample); err != nil {
			return err
		}
		subject, err := s.Vault.GetSubject(ctx, tx, call.Scope, id)
		if err != nil {
			return err
		}
		out = subjectAnswer(subject)
		return call.Remember(ctx, tx, http.StatusOK, out, id, true)
	})
	if err == nil {
		s.deleteFiles(ctx, former)
	}
	return &out, err
}

// ErasedAnswer says that a subject is gone.
type ErasedAnswer struct {
	ID          ekyc.ID            `json:"subject_id"`
	Erased      bool               `json:"erased"`
	Certificate *CertificateAnswer `json:"certificate,omitempty" doc:"Missing while files could not be removed."`
}

// CertificateAnswer is a signed certificate of an erasure.
type CertificateAnswer struct {
	Certificate CertificateBody `json:"certificate"`
	Signature   string          `json:"signature" doc:"Ed25519 over the certificate's bytes as they stand here, in standard base64."`
	KeyID       string          `json:"key_id" doc:"A key of /receipts/keys."`
}

// CertificateBody is a certificate as it was signed, in its canonical form.
type CertificateBody json.RawMessage

// MarshalJSON gives the certificate as it is.
func (c CertificateBody) MarshalJSON() ([]byte, error) { return json.RawMessage(c).MarshalJSON() }

// Schema documents the certificate.
func (CertificateBody) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[erasure.Certificate](), true, "certificate")
}

func certificateAnswer(c erasure.Signed) *CertificateAnswer {
	return &CertificateAnswer{CertificateBody(c.Certificate), c.Signature, c.KeyID}
}

func (s *Server) eraseSubject(ctx context.Context, call *Call, p *subjectParams, _ *none) (*ErasedAnswer, error) {
	return withID(ekyc.KindSubject, p.ID, func(id ekyc.ID) (*ErasedAnswer, error) {
		certificate, err := s.Erasure.Erase(ctx, call.Scope, id)
		if err != nil {
			return nil, err
		}
		out := &ErasedAnswer{ID: id, Erased: true}
		if certificate.Certificate != nil {
			out.Certificate = certificateAnswer(certificate)
		}
		return out, nil
	})
}

func (s *Server) getCertificate(ctx context.Context, call *Call, p *subjectParams, _ *none) (*CertificateAnswer, error) {
	return withID(ekyc.KindSubject, p.ID, func(id ekyc.ID) (*CertificateAnswer, error) {
		certificate, err := s.Erasure.CertificateOf(ctx, call.Scope, id)
		return certificateAnswer(certificate), err
	})
}
