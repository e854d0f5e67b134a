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
	"ekyc/internal/review"
	"ekyc/internal/vault"
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
	Usage        []Usage           `json:"usage" doc:"Of each module that the verification may use, whether it was billed: none before it is completed, and then those that gave an answer. It stays beyond results, also after an erasure."`
	Store        bool              `json:"store"`
	Cancelling   bool              `json:"cancel_requested"`

	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Of a stored verification that has ended: when its result, steps and what was attached to it go. Photographs have times of their own."`
	ExpiredAt *time.Time `json:"expired_at,omitempty" doc:"They have gone."`
	ErasedAt  *time.Time `json:"erased_at,omitempty" doc:"The subject was erased then, and what the verification held of the person with it: result, steps, photographs and what was attached. What is left is for the books."`
	Media     []JobMedia `json:"media,omitempty" doc:"The photographs that are kept, for /media/{id}, from the decision on. Not in lists."`

	Review *JobReview `json:"review,omitempty" doc:"How far a person is with a decision that went to review. Not in lists."`
}

// JobMedia is a kept photograph of a verification.
type JobMedia struct {
	ID        ekyc.ID         `json:"media_id"`
	Kind      vault.MediaKind `json:"kind" enum:"selfie,frame,document_front,document_back,face_crop"`
	Position  int             `json:"position" doc:"Among those of its kind, from 0."`
	Of        string          `json:"of,omitempty" enum:"selfie,document" doc:"Of a face crop: the photograph that the face was cut out of."`
	Size      int64           `json:"size" doc:"Bytes."`
	ExpiresAt *time.Time      `json:"expires_at,omitempty" doc:"While there is a legal hold on the subject it stays beyond that."`
}

// cropOf says of which photograph a face crop is; "" for other media.
func cropOf(m vault.Media) string {
	switch {
	case m.Kind != vault.MediaFaceCrop:
		return ""
	case m.Position == workflow.CropOfDocument:
		return "document"
	}
	return "selfie"
}

// inUTC gives a time as answers have it; nil for none.
func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	return new(at.UTC())
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
		Usage: usageAnswer(j.Usage),
	}
	if j.ExpiresAt != nil {
		at := j.ExpiresAt.UTC()
		if out.ExpiresAt = &at; j.Expired {
			out.ExpiresAt, out.ExpiredAt = nil, &at
		}
	}
	out.ErasedAt = inUTC(j.ErasedAt)
	for _, m := range j.Media {
		out.Media = append(out.Media, JobMedia{ID: m.ID, Kind: m.Kind, Position: m.Position, Of: cropOf(m), Size: m.Size, ExpiresAt: m.Expires})
	}
	if j.Error != nil {
		info, _ := j.Error.Code.Info()
		out.Error = &JobProblem{Code: j.Error.Code, Message: j.Error.Message, Retryable: info.Retryable}
	}
	return out
}

func usageAnswer(used []workflow.Used) []Usage {
	out := []Usage{}
	for _, u := range used {
		out = append(out, Usage(u))
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
		return "", notACursor()
	}
	return id, nil
}

func notACursor() error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "after is not a cursor of this list").With("field", "after")
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
	handle(f, route{method: http.MethodGet, path: "/jobs/{id}", id: "jobs-get", tag: "verifications", scope: "workflow", summary: "Look at a verification",
		description: "One whose subject was erased says so by erased_at, and holds nothing of the person any more; its photographs and openings answer 410.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound}}, s.getJob)
	handle(f, route{method: http.MethodPost, path: "/jobs/{id}/cancel", id: "jobs-cancel", tag: "verifications", scope: "workflow", summary: "Cancel a verification",
		description: "A queued job is cancelled at once; a running one as soon as its worker learns of it. Nothing of it is billed.", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrConflict, ekyc.ErrGone}}, s.cancelJob)
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
	return withID(ekyc.KindJob, p.ID, func(id ekyc.ID) (*JobAnswer, error) {
		j, err := s.Jobs.Get(ctx, call.Scope, id)
		out := jobAnswer(j)
		return &out, err
	})
}

// cancelJob answers with the job, and so with what the client attached of the person: that is remembered as something that goes with the subject, and not
// at all where nothing is to be stored.
func (s *Server) cancelJob(ctx context.Context, call *Call, p *jobParams, _ *none) (*JobAnswer, error) {
	return withID(ekyc.KindJob, p.ID, func(id ekyc.ID) (*JobAnswer, error) {
		var out JobAnswer
		_, err := s.Jobs.Cancel(ctx, call.Scope, id, func(ctx context.Context, tx pgx.Tx, j workflow.Job) error {
			out = jobAnswer(j)
			return call.Remember(ctx, tx, http.StatusOK, out, j.Subject, j.Store)
		})
		return &out, err
	})
}
