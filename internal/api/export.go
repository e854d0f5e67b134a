package api

import (
	"context"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
)

// Exporter writes an archive of everything that is held about a subject; an access.Exporter is one.
type Exporter interface {
	Write(ctx context.Context, w io.Writer, scope ekyc.Scope, subject ekyc.ID) error
}

func (s *Server) exportRoutes(f *surface) {
	rt := route{method: http.MethodGet, path: f.prefix + "/subjects/{id}/export", id: "subjects-export", tag: "subjects", scope: "admin", status: http.StatusOK,
		summary: "Everything that is held about a subject",
		description: "A ZIP archive of subject.json and the pictures, decrypted, in a form that docs/security/access.md describes. It is written while it is read: one that breaks off " +
			"has no directory at its end and does not open.",
		errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone}}
	f.routes = append(f.routes, rt)
	op := rt.operation(f.huma, reflect.TypeFor[none]())
	op.Responses["200"].Content = map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	op.Middlewares = huma.Middlewares{s.guard(rt)}
	huma.Register(f.huma, op, func(ctx context.Context, p *subjectParams) (*answer, error) {
		call := callOf(ctx)
		id, err := s.beginExport(ctx, call, p.ID)
		if err != nil {
			return nil, s.note(ctx, call, err)
		}
		return &answer{Status: http.StatusOK, Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			archive := &archiveWriter{w: w, name: string(id) + ".zip"}
			err := s.Access.Write(ctx, archive, call.Scope, id)
			switch {
			case err == nil:
			case !archive.begun: // the store is away, or the subject was erased in this moment: that can still be said
				s.refuse(ctx, w, call, err)
			default:
				s.note(ctx, call, ekyc.Errorf(ekyc.ErrInternal, "an export broke off").Because(err))
				panic(http.ErrAbortHandler) // the client must see that it is not whole
			}
		}}, nil
	})
}

// archiveWriter answers with an archive from its first byte on.
type archiveWriter struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (a *archiveWriter) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", "application/zip")
		a.w.Header().Set("Content-Disposition", `attachment; filename="`+a.name+`"`)
		a.w.WriteHeader(http.StatusOK)
	}
	return a.w.Write(b)
}

// beginExport sees that there is something to be exported, and enters that it is, before a byte goes out.
func (s *Server) beginExport(ctx context.Context, call *Call, text string) (ekyc.ID, error) {
	id, err := ekyc.ParseID(ekyc.KindSubject, text)
	if err != nil {
		return "", err
	}
	return id, s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := s.Vault.GetSubject(ctx, tx, call.Scope, id); err != nil {
			return err
		}
		return s.enterAbout(ctx, tx, call.Scope, id, audit.Entry{Action: audit.SubjectExport})
	})
}
