package api

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/engine"
	"ekyc/internal/retention"
	"ekyc/internal/vault"
)

// keepTemplate keeps what a reference photograph became when it was enrolled, so that it need not be read again for a comparison, for
// as long as the tenant wants templates kept.
func (s *Server) keepTemplate(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject, photograph ekyc.ID, sample *engine.FaceSample) error {
	kept, err := s.Retention.Settings(ctx, tx, scope)
	if err != nil || kept.Days(retention.Template) == 0 {
		return err
	}
	template, err := json.Marshal(sample)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrInternal, "the template cannot be written").Because(err)
	}
	return s.References.Put(ctx, tx, scope, subject, photograph, sample.Embedding.Model, template, kept.For(retention.Template))
}

// matchSubject compares the live picture with a subject's stored reference.
func (s *Server) matchSubject(ctx context.Context, call *Call, b *MatchBody) (*MatchAnswer, error) {
	subject, err := ekyc.ParseID(ekyc.KindSubject, b.SubjectID)
	if err != nil {
		return nil, err
	}
	inventory, err := s.Vision.Models(ctx)
	if err != nil {
		return nil, err
	}
	reference, err := s.referenceOf(ctx, call, subject, inventory.Matcher.ModelID)
	if err != nil {
		return nil, err
	}
	return meter(ctx, s, call, ekyc.ModuleFaceMatch, subject, func(ctx context.Context) (*MatchAnswer, error) {
		live, err := s.Vision.Enrol(ctx, b.ImageLive)
		if err != nil {
			return nil, about(err, "/image_live_base64")
		}
		m, err := inventory.Matcher.Compare(live, reference, b.options())
		if err != nil {
			return nil, err
		}
		return &MatchAnswer{Match: m, Live: MatchedFace{live.Quality}, Document: MatchedFace{reference.Quality}}, nil
	})
}

// about says in an error which member of the body it is about, in place of the engine's own name for the picture.
func about(err error, field string) error {
	known, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return err
	}
	delete(known.Details, "image")
	return known.With("field", field)
}

// referenceOf is the template of a subject's reference photograph by these models. One that older models made, or that is over, is not looked at: the photograph is
// enrolled anew, and its template takes the older one's place.
func (s *Server) referenceOf(ctx context.Context, call *Call, id ekyc.ID, model string) (*engine.FaceSample, error) {
	var subject vault.Subject
	var kept []byte
	err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if subject, err = s.Vault.GetSubject(ctx, tx, call.Scope, id); err != nil || subject.Reference == nil {
			return err
		}
		if kept, _, err = s.References.Get(ctx, tx, call.Scope, id, subject.Reference.ID, model); err != nil {
			return err
		}
		return s.enterAbout(ctx, tx, call.Scope, id, audit.Entry{Action: audit.MediaRead, Objects: []ekyc.ID{subject.Reference.ID}, Details: audit.Details{audit.Kind: string(vault.MediaReference)}})
	})
	if err != nil {
		return nil, err
	}
	if subject.Reference == nil {
		return nil, ekyc.Errorf(ekyc.ErrNotFound, "the subject has no reference photograph")
	}
	var sample engine.FaceSample
	if kept != nil {
		if err := json.Unmarshal(kept, &sample); err != nil {
			return nil, ekyc.Errorf(ekyc.ErrInternal, "the template cannot be read").Because(err)
		}
		return &sample, nil
	}
	photo, _, err := s.Vault.ReadMedia(ctx, call.Scope, subject.Reference.ID)
	if err != nil {
		return nil, err
	}
	made, err := s.Vision.Enrol(ctx, photo)
	if err != nil {
		return nil, about(err, "/subject_id")
	}
	return made, s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		err := s.keepTemplate(ctx, tx, call.Scope, id, subject.Reference.ID, made)
		if ekyc.CodeOf(err) == ekyc.ErrNotFound { // the photograph was replaced meanwhile
			return nil
		}
		return err
	})
}
