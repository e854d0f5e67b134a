package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ekyc"
	"ekyc/internal/review"
	"ekyc/internal/workflow"
)

// JobAnswer is one verification.
type JobAnswer struct {
	JobID        ekyc.ID           `json:"job_id"`
	Status       workflow.Status   `json:"status" enum:"queued,running,completed,failed,cancelled"`
	SubjectID    ekyc.ID           `json:"subject_id"`
	CreatedAt    time.Time         `json:"created_at"`
	StartedAt    *time.Time        `json:"started_at,omitempty"`
	FinishedAt   *time.Time        `json:"finished_at,omitempty"`
	Attempt      int               `json:"attempt" doc:"How often a worker took it."`
	Steps        []workflow.Step   `json:"steps"`
	Result       JobResult         `json:"result,omitempty" doc:"Of a completed job."`
	Error        *JobProblem       `json:"error,omitempty" doc:"Of a failed job."`
	Metadata     map[string]string `json:"metadata,omitempty"`
	SubjectRef   string            `json:"subject_ref,omitempty"`
	Workflow     string            `json:"workflow"`
	Version      int               `json:"workflow_version" doc:"0 for jobs from before there were versions."`
	WorkflowHash string            `json:"workflow_hash" doc:"Of everything that judges, with what the request had otherwise."`
	Store        bool              `json:"store"`
	Cancelling   bool              `json:"cancel_requested"`

	Review *JobReview `json:"review,omitempty" doc:"How far a person is with a decision that went to review. Not in lists."`
}

// JobReview is the review of a job, as whoever waits for the job sees it.
type JobReview struct {
	ID         ekyc.ID           `json:"review_id"`
	State      review.State      `json:"state" enum:"open,claimed,decided,withdrawn"`
	Decision   ekyc.Decision     `json:"decision,omitempty" enum:"accepted,rejected" doc:"Of a decided review. It takes the place of the job's own."`
	DecidedAt  *time.Time        `json:"decided_at,omitempty"`
	ReasonCode review.ReasonCode `json:"reason_code,omitempty"`
}

func jobReview(r *review.Review) *JobReview {
	if r == nil {
		return nil
	}
	out := &JobReview{ID: r.ID, State: r.State}
	if o := r.Outcome; o != nil {
		at := o.At.UTC()
		out.Decision, out.DecidedAt, out.ReasonCode = o.Decision, &at, o.ReasonCode
	}
	return out
}

// JobProblem is why a job failed.
type JobProblem struct {
	Code      ekyc.ErrorCode `json:"code"`
	Message   string         `json:"message"`
	Retryable bool           `json:"retryable"`
}

// JobResult is the outcome as it was written down.
type JobResult json.RawMessage

// MarshalJSON gives the outcome as it is.
func (r JobResult) MarshalJSON() ([]byte, error) { return json.RawMessage(r).MarshalJSON() }

// Schema documents the outcome.
func (JobResult) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[workflow.Result](), true, "job-result")
}

func jobAnswer(j workflow.Job) JobAnswer {
	out := JobAnswer{
		JobID: j.ID, Status: j.Status, SubjectID: j.Subject, CreatedAt: j.CreatedAt, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt,
		Attempt: j.Attempt, Steps: orEmpty(j.Steps), Result: JobResult(j.Result), Metadata: j.Metadata, SubjectRef: j.SubjectRef,
		Workflow: j.Workflow, Version: j.WorkflowVersion, WorkflowHash: j.WorkflowHash, Store: j.Store, Cancelling: j.CancelRequested, Review: jobReview(j.Review),
	}
	if j.Error != nil {
		info, _ := j.Error.Code.Info()
		out.Error = &JobProblem{Code: j.Error.Code, Message: j.Error.Message, Retryable: info.Retryable}
	}
	return out
}

// Page is how lists are asked for: newest first, limit at a time, on from the cursor that the last page gave.
type Page struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most entries of the answer."`
	After string `query:"after" maxLength:"64" doc:"The next_after of the page before."`
}

// cursor is the identifier to go on after.
func (p *Page) cursor(kind ekyc.Kind) (ekyc.ID, error) {
	if p.After == "" {
		return "", nil
	}
	id := ekyc.ID(p.After)
	if !id.Is(kind) {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "after is not a cursor of this list").With("field", "after")
	}
	return id, nil
}

// Span bounds a list in time.
type Span struct {
	From time.Time `query:"from" doc:"RFC 3339; inclusive."`
	To   time.Time `query:"to" doc:"RFC 3339; exclusive."`
}

// JobList is a page of jobs.
type JobList struct {
	Jobs      []JobAnswer `json:"jobs"`
	NextAfter ekyc.ID     `json:"next_after" doc:"Empty at the end."`
}

type jobParams struct {
	ID string `path:"id" doc:"The job."`
}

type jobListParams struct {
	Page
	Span
	Status    string `query:"status" enum:"queued,running,completed,failed,cancelled"`
	SubjectID string `query:"subject_id" maxLength:"64"`
}

func (s *Server) jobRoutes(f *surface) {
	handle(f, route{method: http.MethodGet, path: "/jobs", id: "jobs-list", tag: "verifications", scope: "workflow", summary: "List verifications", description: "The newest first, without results."}, s.listJobs)
	handle(f, route{method: http.MethodGet, path: "/jobs/{id}", id: "jobs-get", tag: "verifications", scope: "workflow", summary: "Look at a verification", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.getJob)
	handle(f, route{method: http.MethodPost, path: "/jobs/{id}/cancel", id: "jobs-cancel", tag: "verifications", scope: "workflow", summary: "Cancel a verification",
		description: "A queued job is cancelled at once; a running one as soon as its worker learns of it. Nothing of it is billed.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrConflict}}, s.cancelJob)
}

func (s *Server) listJobs(ctx context.Context, call *Call, p *jobListParams, _ *none) (*JobList, error) {
	after, err := p.cursor(ekyc.KindJob)
	if err != nil {
		return nil, err
	}
	jobs, next, err := s.Jobs.List(ctx, call.Scope, workflow.Filter{Status: workflow.Status(p.Status), Subject: ekyc.ID(p.SubjectID), From: p.From, To: p.To}, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &JobList{Jobs: []JobAnswer{}, NextAfter: next}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, jobAnswer(j))
	}
	return out, nil
}

func (s *Server) getJob(ctx context.Context, call *Call, p *jobParams, _ *none) (*JobAnswer, error) {
	return s.job(ctx, call, p, s.Jobs.Get)
}

func (s *Server) cancelJob(ctx context.Context, call *Call, p *jobParams, _ *none) (*JobAnswer, error) {
	return s.job(ctx, call, p, s.Jobs.Cancel)
}

func (s *Server) job(ctx context.Context, call *Call, p *jobParams, act func(context.Context, ekyc.Scope, ekyc.ID) (workflow.Job, error)) (*JobAnswer, error) {
	id, err := ekyc.ParseID(ekyc.KindJob, p.ID)
	if err != nil {
		return nil, err
	}
	j, err := act(ctx, call.Scope, id)
	if err != nil {
		return nil, err
	}
	out := jobAnswer(j)
	return &out, nil
}
