package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/audit"
	"ekyc/internal/retention"
	"ekyc/internal/tenant"
)

// RetentionDays says how many days each class is kept.
type RetentionDays struct {
	Selfie   *int `json:"selfie,omitempty" minimum:"0" maximum:"3650" doc:"Photographs and frames of the person. 0: not kept beyond the verification."`
	Document *int `json:"document,omitempty" minimum:"0" maximum:"3650" doc:"Photographs of documents. 0: not kept beyond the verification."`
	FaceCrop *int `json:"face_crop,omitempty" minimum:"0" maximum:"3650" doc:"Faces cut out of the selfie and of the document, to be looked at side by side."`
	Template *int `json:"template,omitempty" minimum:"0" maximum:"3650" doc:"What faces of stored reference photographs became for comparisons. It is made anew from the photograph when it is needed. 0: made for each comparison."`
	Result   *int `json:"result,omitempty" minimum:"1" maximum:"3650" doc:"What verifications found, what was attached to them, their reviews' comments, receipts and webhooks."`
	Logs     *int `json:"logs,omitempty" minimum:"1" maximum:"3650" doc:"Lines of the request log."`
}

// byClass gives the member of each class.
func (d *RetentionDays) byClass() map[retention.Class]**int {
	return map[retention.Class]**int{
		retention.Selfie: &d.Selfie, retention.Document: &d.Document, retention.FaceCrop: &d.FaceCrop, retention.Template: &d.Template,
		retention.Result: &d.Result, retention.Logs: &d.Logs,
	}
}

// RetentionBody changes how long things are kept.
type RetentionBody struct {
	Days RetentionDays `json:"days" doc:"Classes that are not given stay as they are."`
}

// RetentionAnswer says how long things are kept in the environment.
type RetentionAnswer struct {
	Days  RetentionDays `json:"days"`
	KeyID string        `json:"key_id,omitempty" doc:"That set them; absent where nobody has."`
	At    *time.Time    `json:"set_at,omitempty"`
}

func retentionAnswer(in retention.Settings) *RetentionAnswer {
	out := &RetentionAnswer{KeyID: in.KeyID, At: in.At}
	for class, member := range out.Days.byClass() {
		*member = new(in.Days(class))
	}
	return out
}

func (s *Server) retentionRoutes(f *surface) {
	handle(f, route{method: http.MethodGet, path: "/settings/retention", id: "settings-retention-get", tag: "retention", scope: tenant.ScopeAdmin, summary: "How long things are kept",
		description: "In days, by class; 30 unless it was said otherwise."}, s.getRetention)
	handle(f, route{method: http.MethodPut, path: "/settings/retention", id: "settings-retention-put", tag: "retention", scope: tenant.ScopeAdmin, summary: "Say how long things are kept",
		description: "In the environment of the key that asks. Fewer days hold for what is kept already too, within minutes; more days for what is made from now on."}, s.putRetention)
}

func (s *Server) getRetention(ctx context.Context, call *Call, _ *none, _ *none) (out *RetentionAnswer, err error) {
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		in, err := s.Retention.Settings(ctx, tx, call.Scope)
		out = retentionAnswer(in)
		return err
	})
	return out, err
}

func (s *Server) putRetention(ctx context.Context, call *Call, _ *none, b *RetentionBody) (out *RetentionAnswer, err error) {
	days := map[retention.Class]int{}
	for class, member := range b.Days.byClass() {
		if *member != nil {
			days[class] = **member
		}
	}
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		in, changed, err := s.Retention.Set(ctx, tx, call.Scope, days, call.Principal.Key.ID)
		if err != nil {
			return err
		}
		names := []string{"retention"}
		for _, class := range changed {
			names = append(names, "retention."+string(class))
		}
		out = retentionAnswer(in)
		return s.Audit.Append(ctx, tx, audit.Entry{Action: audit.SettingsChange, Scope: call.Scope, Details: audit.Details{audit.Changed: strings.Join(names, ",")}})
	})
	return out, err
}
