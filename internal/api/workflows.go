package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/drafting"
	"ekyc/internal/pipeline"
	"ekyc/internal/tenant"
	"ekyc/internal/workflow"
)

// WorkflowDocument is a workflow as a JSON object, as it was sent, so that problems can be told with their places in it.
type WorkflowDocument []byte

// Schema documents an object whose own schema stands elsewhere.
func (WorkflowDocument) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A workflow. Its JSON Schema is /v1/workflows/schema.json."}
}

// UnmarshalJSONFrom keeps the bytes.
func (d *WorkflowDocument) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	raw, err := from.ReadValue()
	*d = append([]byte{}, raw...)
	return err
}

// MarshalJSON gives them back.
func (d WorkflowDocument) MarshalJSON() ([]byte, error) { return d, nil }

// WorkflowText is a workflow in one of its forms.
type WorkflowText struct {
	Definition WorkflowDocument `json:"definition,omitempty" doc:"The workflow as an object. Lines and columns of problems count from its opening brace, as it was sent."`
	YAML       string           `json:"yaml,omitempty" maxLength:"262144" doc:"The workflow as YAML, in place of definition."`
}

func (t *WorkflowText) problems() []FieldProblem {
	if (t.Definition == nil) == (t.YAML == "") {
		return []FieldProblem{{"/definition", "or yaml is needed, and not both"}}
	}
	return nil
}

func (t *WorkflowText) text() drafting.Text {
	if t.YAML != "" {
		return drafting.Text{Format: drafting.YAML, Source: t.YAML}
	}
	return drafting.Text{Format: drafting.JSON, Source: string(t.Definition)}
}

// WorkflowBody is a workflow to be made a draft of.
type WorkflowBody struct{ WorkflowText }

// WorkflowUpdateBody is what a draft is to say.
type WorkflowUpdateBody struct {
	WorkflowText
	IfHash string `json:"if_hash,omitempty" pattern:"^[0-9a-f]{64}$" doc:"Change the draft only while it has this hash."`
}

// PublishBody says what is meant to be published.
type PublishBody struct {
	IfHash string `json:"if_hash" pattern:"^[0-9a-f]{64}$" doc:"The hash of the draft as you have seen it."`
}

// ShadowBody says which jobs a version in the shadow looks at.
type ShadowBody struct {
	Beside string `json:"beside,omitempty" maxLength:"63" doc:"Name of a workflow: only its jobs are compared. All unless given."`
}

// WhatIfBody chooses the jobs of a replay.
type WhatIfBody struct {
	Limit      int        `json:"limit,omitempty" minimum:"1" maximum:"10000" doc:"Jobs that are looked at, those that were decided last; 10,000 unless given."`
	From       *time.Time `json:"from,omitempty" doc:"Of the decision; inclusive."`
	To         *time.Time `json:"to,omitempty" doc:"Of the decision; exclusive."`
	OfWorkflow string     `json:"of_workflow,omitempty" maxLength:"63" doc:"Only jobs that the workflow of this name has judged."`
	Changed    int        `json:"changed_limit,omitempty" minimum:"1" maximum:"100" doc:"Most entries of changed_jobs; 20 unless given."`
	After      string     `json:"changed_after,omitempty" maxLength:"64" doc:"The next_after of the page before. The replay is made anew for each page."`
}

func (b *WhatIfBody) replay() (workflow.Replay, error) {
	q := workflow.Replay{Limit: b.Limit, Workflow: b.OfWorkflow, Page: b.Changed, After: ekyc.ID(b.After)}
	if b.After != "" && !q.After.Is(ekyc.KindJob) {
		return q, refuseFields([]FieldProblem{{"/changed_after", "is not a cursor of this list"}})
	}
	if b.From != nil {
		q.From = *b.From
	}
	if b.To != nil {
		q.To = *b.To
	}
	return q, nil
}

// ShadowAnswer is how a version decides in the shadow.
type ShadowAnswer struct {
	Beside    string    `json:"beside" doc:"The workflow whose jobs it looks at; empty for all."`
	StartedBy string    `json:"started_by" doc:"The API key."`
	StartedAt time.Time `json:"started_at"`
}

// WorkflowSummary is a draft or a version without what it says.
type WorkflowSummary struct {
	ID          ekyc.ID         `json:"workflow_id,omitempty" doc:"The same before and after publication; absent for the workflow that the service brings."`
	Name        string          `json:"name"`
	Status      drafting.Status `json:"status" enum:"draft,published,retired"`
	Version     int             `json:"version,omitempty" doc:"1, 2, 3… of the name; absent for a draft."`
	Hash        string          `json:"hash" doc:"SHA-256 of what it means, whatever the form of its text; jobs carry it."`
	Default     bool            `json:"default" doc:"It judges the jobs that name no workflow."`
	Shadow      *ShadowAnswer   `json:"shadow,omitempty" doc:"Where it decides beside the workflow that counts."`
	CreatedBy   string          `json:"created_by,omitempty" doc:"The API key, as are the others."`
	CreatedAt   *time.Time      `json:"created_at,omitempty"`
	ChangedBy   string          `json:"changed_by,omitempty"`
	ChangedAt   *time.Time      `json:"changed_at,omitempty"`
	PublishedBy string          `json:"published_by,omitempty"`
	PublishedAt *time.Time      `json:"published_at,omitempty"`
	RetiredAt   *time.Time      `json:"retired_at,omitempty"`
}

// WorkflowAnswer is a draft or a version.
type WorkflowAnswer struct {
	WorkflowSummary
	Format     drafting.Format  `json:"format" enum:"json,yaml"`
	Text       string           `json:"text" doc:"As its author wrote it."`
	Definition WorkflowDocument `json:"definition" doc:"What it means, with everything that the text leaves to the defaults."`
}

// WorkflowList is a page of workflows.
type WorkflowList struct {
	Workflows []WorkflowSummary `json:"workflows"`
	NextAfter ekyc.ID           `json:"next_after" doc:"Empty at the end."`
}

// WhatIfAnswer is what would change.
type WhatIfAnswer struct {
	workflow.WhatIf
	NextAfter ekyc.ID `json:"next_after" doc:"For changed_after; empty at the end."`
}

// ShadowReportAnswer is what a version in the shadow would have decided.
type ShadowReportAnswer struct {
	workflow.ShadowReport
	NextAfter ekyc.ID `json:"next_after" doc:"Empty at the end."`
}

func workflowSummary(w drafting.Workflow) WorkflowSummary {
	out := WorkflowSummary{
		ID: w.ID, Name: w.Name, Status: w.Status, Version: w.Version, Hash: w.Hash, Default: w.Default, CreatedBy: w.CreatedBy,
		ChangedBy: w.ChangedBy, PublishedBy: w.PublishedBy, PublishedAt: w.PublishedAt, RetiredAt: w.RetiredAt,
	}
	if w.ID != "" {
		out.CreatedAt, out.ChangedAt = &w.CreatedAt, &w.ChangedAt
	}
	if w.Shadow != nil {
		shadow := ShadowAnswer(*w.Shadow)
		out.Shadow = &shadow
	}
	return out
}

func workflowAnswer(w drafting.Workflow) *WorkflowAnswer {
	return &WorkflowAnswer{WorkflowSummary: workflowSummary(w), Format: w.Text.Format, Text: w.Text.Source, Definition: WorkflowDocument(w.Definition)}
}

type workflowParams struct {
	ID string `path:"id" maxLength:"64" doc:"The draft or version."`
}

type workflowListParams struct {
	Page
	Name   string `query:"name" maxLength:"63"`
	Status string `query:"status" enum:"draft,published,retired"`
}

type shadowReportParams struct {
	ID string `path:"id" maxLength:"64" doc:"The version."`
	Page
	Span
}

// workflowText is the largest body: the document's own limit of 256 kB, with room for its escapes in JSON.
const workflowText = 1 << 20

// schemaType is the media type of a JSON Schema (draft-bhutton-json-schema).
const schemaType = "application/schema+json"

func (s *Server) workflowRoutes(f *surface) {
	const tag, scope = "workflows", tenant.ScopeWorkflow
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound}
	act := []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrConflict}
	f.describe("workflows-schema", "/workflows/schema.json", "The JSON Schema of workflows", schemaType, &huma.Schema{Type: huma.TypeObject})
	f.mux.HandleFunc("GET "+f.prefix+"/workflows/schema.json", func(w http.ResponseWriter, r *http.Request) {
		callOf(r.Context()).route = f.prefix + "/workflows/schema.json"
		w.Header().Set("Content-Type", schemaType)
		w.Write(pipeline.Schema())
	})
	handle(f, route{method: http.MethodGet, path: "/workflows", id: "workflows-list", tag: tag, scope: scope, summary: "List drafts and versions", description: "The one that was begun last first, without what they say."}, s.listWorkflows)
	handle(f, route{method: http.MethodPost, path: "/workflows", id: "workflows-create", tag: tag, scope: scope, status: http.StatusCreated, maxBody: workflowText, summary: "Make a draft",
		description: "Everything that is wrong with it is told in details.problems with line, column and path. A draft judges nothing before it is published; what it would change is told by /what-if.",
		errors:      []ekyc.ErrorCode{ekyc.ErrConflict}}, s.createWorkflow)
	handle(f, route{method: http.MethodGet, path: "/workflows/default", id: "workflows-current", tag: tag, scope: scope, summary: "What judges the jobs that name no workflow",
		description: "The version that was made the default, or else the workflow that the service brings."}, s.currentWorkflow)
	handle(f, route{method: http.MethodGet, path: "/workflows/{id}", id: "workflows-get", tag: tag, scope: scope, summary: "Look at a draft or version", errors: missing}, s.getWorkflow)
	handle(f, route{method: http.MethodPut, path: "/workflows/{id}", id: "workflows-update", tag: tag, scope: scope, maxBody: workflowText, summary: "Change a draft", description: "A published version never changes.", errors: act}, s.updateWorkflow)
	handle(f, route{method: http.MethodDelete, path: "/workflows/{id}", id: "workflows-delete", tag: tag, scope: scope, status: http.StatusNoContent, summary: "Delete a draft", description: "A published version can be retired only.", errors: act}, s.deleteWorkflow)
	handle(f, route{method: http.MethodPost, path: "/workflows/{id}/publish", id: "workflows-publish", tag: tag, scope: scope, summary: "Publish a draft",
		description: "It becomes the next version of its name under the identifier that it has, and does not change any more. Jobs that name the workflow take its newest version; jobs under way keep theirs.", errors: act}, s.publishWorkflow)
	handle(f, route{method: http.MethodPost, path: "/workflows/{id}/retire", id: "workflows-retire", tag: tag, scope: scope, summary: "Retire a version",
		description: "No new job finds it by its name. It is not to be the default or in the shadow.", errors: act}, s.retireWorkflow)
	handle(f, route{method: http.MethodPost, path: "/workflows/{id}/default", id: "workflows-default", tag: tag, scope: scope, summary: "Make a version the default", description: "It judges the jobs that name no workflow, from the next on.", errors: act}, s.makeDefault)
	handle(f, route{method: http.MethodDelete, path: "/workflows/{id}/default", id: "workflows-default-end", tag: tag, scope: scope, summary: "Let the service's own workflow be the default again", errors: act}, s.endDefault)
	s.trialRoutes(f)
}

// trialRoutes try a workflow before it counts.
func (s *Server) trialRoutes(f *surface) {
	const tag, scope = "workflows", tenant.ScopeWorkflow
	act := []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrConflict}
	handle(f, route{method: http.MethodPost, path: "/workflows/{id}/shadow", id: "workflows-shadow-start", tag: tag, scope: scope, mayBeBare: true, summary: "Let a version decide in the shadow",
		description: "It decides each job once more, beside the workflow that counts. That is neither billed nor told and changes nothing; at most two versions do so.", errors: act}, s.startShadow)
	handle(f, route{method: http.MethodDelete, path: "/workflows/{id}/shadow", id: "workflows-shadow-end", tag: tag, scope: scope, summary: "End that", description: "What it has decided stays to be looked at.", errors: act}, s.endShadow)
	handle(f, route{method: http.MethodGet, path: "/workflows/{id}/shadow", id: "workflows-shadow", tag: tag, scope: scope, summary: "What a version in the shadow would have decided",
		description: "How often it differed and which way, with the jobs that it would have decided otherwise, the newest first. What was decided of an erased person is gone from the counts too.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.shadowReport)
	handle(f, route{method: http.MethodPost, path: "/workflows/{id}/what-if", id: "workflows-what-if", tag: tag, scope: scope, mayBeBare: true, summary: "What a draft or version would change",
		description: "Decides stored facts of decided jobs once more, the last first. Nothing is written, billed or told. One replay of a tenant runs at a time.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrRateLimited, ekyc.ErrTimeout}}, s.whatIf)
}

func (s *Server) listWorkflows(ctx context.Context, call *Call, p *workflowListParams, _ *none) (*WorkflowList, error) {
	after, err := p.cursor(ekyc.KindWorkflow)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Drafts.List(ctx, call.Scope, drafting.Filter{Status: drafting.Status(p.Status), Name: p.Name}, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &WorkflowList{Workflows: []WorkflowSummary{}, NextAfter: next}
	for _, w := range list {
		out.Workflows = append(out.Workflows, workflowSummary(w))
	}
	return out, nil
}

func (s *Server) createWorkflow(ctx context.Context, call *Call, _ *none, b *WorkflowBody) (*WorkflowAnswer, error) {
	return s.workflowAct(ctx, call, http.StatusCreated, audit.WorkflowCreate, nil, func(ctx context.Context) (drafting.Workflow, error) {
		return s.Drafts.Create(ctx, call.Scope, call.Principal.Key.ID, b.text())
	})
}

// workflowAct runs an act on a workflow in one transaction with its entry and the remembered answer.
func (s *Server) workflowAct(ctx context.Context, call *Call, status int, action audit.Action, details audit.Details, act func(context.Context) (drafting.Workflow, error)) (*WorkflowAnswer, error) {
	return atOnce(ctx, s, call, status, func(ctx context.Context) (*WorkflowAnswer, error) {
		return entered(ctx, s, call.Scope, func(ctx context.Context) (*WorkflowAnswer, audit.Entry, error) {
			w, err := act(ctx)
			return workflowAnswer(w), audit.Entry{Action: action, Scope: call.Scope, Objects: []ekyc.ID{w.ID}, Details: details}, err
		})
	})
}

func (s *Server) currentWorkflow(ctx context.Context, call *Call, _ *none, _ *none) (*WorkflowAnswer, error) {
	w, err := s.Drafts.Current(ctx, call.Scope)
	if err != nil {
		return nil, err
	}
	return workflowAnswer(w), nil
}

func (s *Server) getWorkflow(ctx context.Context, call *Call, p *workflowParams, _ *none) (*WorkflowAnswer, error) {
	return withID(ekyc.KindWorkflow, p.ID, func(id ekyc.ID) (*WorkflowAnswer, error) {
		w, err := s.Drafts.Get(ctx, call.Scope, id)
		return workflowAnswer(w), err
	})
}

func (s *Server) updateWorkflow(ctx context.Context, call *Call, p *workflowParams, b *WorkflowUpdateBody) (*WorkflowAnswer, error) {
	return withID(ekyc.KindWorkflow, p.ID, func(id ekyc.ID) (*WorkflowAnswer, error) {
		w, err := s.Drafts.Change(ctx, call.Scope, id, call.Principal.Key.ID, b.text(), b.IfHash)
		return workflowAnswer(w), err
	})
}

func (s *Server) deleteWorkflow(ctx context.Context, call *Call, p *workflowParams, _ *none) (*none, error) {
	return withID(ekyc.KindWorkflow, p.ID, func(id ekyc.ID) (*none, error) {
		return &none{}, s.Drafts.Delete(ctx, call.Scope, id)
	})
}

func (s *Server) publishWorkflow(ctx context.Context, call *Call, p *workflowParams, b *PublishBody) (*WorkflowAnswer, error) {
	return s.versionAct(ctx, call, p, audit.WorkflowPublish, nil, func(ctx context.Context, id ekyc.ID) (drafting.Workflow, error) {
		if err := s.feasible(ctx, call, id); err != nil {
			return drafting.Workflow{}, err
		}
		return s.Drafts.Publish(ctx, call.Scope, id, call.Principal.Key.ID, b.IfHash)
	})
}

// feasible refuses what no verification under the draft could keep.
func (s *Server) feasible(ctx context.Context, call *Call, id ekyc.ID) error {
	w, err := s.Drafts.Get(ctx, call.Scope, id)
	if err != nil {
		return err
	}
	draft, err := s.Drafts.Ready(w)
	if err != nil {
		return err
	}
	if problem := s.Jobs.Promise(ctx, draft.Pipeline.Definition()); problem != "" {
		return refuseFields([]FieldProblem{{"/face_match/target_fmr", problem}})
	}
	return nil
}

// What has two sides is entered with which it was.
var (
	begun = audit.Details{audit.Step: "begin"}
	ended = audit.Details{audit.Step: "end"}
)

func (s *Server) versionAct(ctx context.Context, call *Call, p *workflowParams, action audit.Action, details audit.Details, act func(context.Context, ekyc.ID) (drafting.Workflow, error)) (*WorkflowAnswer, error) {
	return withID(ekyc.KindWorkflow, p.ID, func(id ekyc.ID) (*WorkflowAnswer, error) {
		return s.workflowAct(ctx, call, http.StatusOK, action, details, func(ctx context.Context) (drafting.Workflow, error) { return act(ctx, id) })
	})
}

func (s *Server) retireWorkflow(ctx context.Context, call *Call, p *workflowParams, _ *none) (*WorkflowAnswer, error) {
	return s.versionAct(ctx, call, p, audit.WorkflowRetire, nil, func(ctx context.Context, id ekyc.ID) (drafting.Workflow, error) {
		return s.Drafts.Retire(ctx, call.Scope, id, call.Principal.Key.ID)
	})
}

func (s *Server) makeDefault(ctx context.Context, call *Call, p *workflowParams, _ *none) (*WorkflowAnswer, error) {
	return s.versionAct(ctx, call, p, audit.WorkflowDefault, begun, func(ctx context.Context, id ekyc.ID) (drafting.Workflow, error) {
		return s.Drafts.MakeDefault(ctx, call.Scope, id)
	})
}

func (s *Server) endDefault(ctx context.Context, call *Call, p *workflowParams, _ *none) (*WorkflowAnswer, error) {
	return s.versionAct(ctx, call, p, audit.WorkflowDefault, ended, func(ctx context.Context, id ekyc.ID) (drafting.Workflow, error) {
		return s.Drafts.EndDefault(ctx, call.Scope, id)
	})
}

func (s *Server) startShadow(ctx context.Context, call *Call, p *workflowParams, b *ShadowBody) (*WorkflowAnswer, error) {
	return s.versionAct(ctx, call, p, audit.WorkflowShadow, begun, func(ctx context.Context, id ekyc.ID) (drafting.Workflow, error) {
		return s.Drafts.StartShadow(ctx, call.Scope, id, call.Principal.Key.ID, b.Beside)
	})
}

func (s *Server) endShadow(ctx context.Context, call *Call, p *workflowParams, _ *none) (*WorkflowAnswer, error) {
	return s.versionAct(ctx, call, p, audit.WorkflowShadow, ended, func(ctx context.Context, id ekyc.ID) (drafting.Workflow, error) {
		return s.Drafts.EndShadow(ctx, call.Scope, id)
	})
}

func (s *Server) shadowReport(ctx context.Context, call *Call, p *shadowReportParams, _ *none) (*ShadowReportAnswer, error) {
	after, err := p.cursor(ekyc.KindJob)
	if err != nil {
		return nil, err
	}
	return withID(ekyc.KindWorkflow, p.ID, func(id ekyc.ID) (*ShadowReportAnswer, error) {
		if _, err := s.Drafts.Get(ctx, call.Scope, id); err != nil {
			return nil, err
		}
		report, next, err := s.Comparisons.Report(ctx, call.Scope, id, p.From, p.To, p.Limit, after)
		return &ShadowReportAnswer{report, next}, err
	})
}

func (s *Server) whatIf(ctx context.Context, call *Call, p *workflowParams, b *WhatIfBody) (*WhatIfAnswer, error) {
	q, err := b.replay()
	if err != nil {
		return nil, err
	}
	return withID(ekyc.KindWorkflow, p.ID, func(id ekyc.ID) (*WhatIfAnswer, error) {
		w, err := s.Drafts.Get(ctx, call.Scope, id)
		if err != nil {
			return nil, err
		}
		tried, err := s.Drafts.Ready(w)
		if err != nil {
			return nil, err
		}
		out, next, err := s.Jobs.WhatIf(ctx, call.Scope, tried.Pipeline, q)
		if err != nil {
			return nil, err
		}
		return &WhatIfAnswer{*out, next}, nil
	})
}
