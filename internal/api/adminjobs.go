package api

import (
	"context"
	"net/http"
	"time"

	"ekyc"
	"ekyc/internal/operator"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

// AdminJob is a verification as operators see it: nothing of the person.
type AdminJob struct {
	JobID       ekyc.ID          `json:"job_id"`
	TenantID    ekyc.ID          `json:"tenant_id"`
	Environment ekyc.Environment `json:"environment" enum:"test,live"`
	Status      workflow.Status  `json:"status" enum:"queued,running,completed,failed,cancelled"`
	CreatedAt   time.Time        `json:"created_at"`
	StartedAt   *time.Time       `json:"started_at,omitempty"`
	FinishedAt  *time.Time       `json:"finished_at,omitempty"`
	Attempt     int              `json:"attempt"`
	Steps       []workflow.Step  `json:"steps"`
	Error       *JobProblem      `json:"error,omitempty"`
	DeadLetter  bool             `json:"dead_letter"`
	ErasedAt    *time.Time       `json:"erased_at,omitempty" doc:"When the subject was erased."`
}

func adminJob(j workflow.Job) AdminJob {
	of := jobAnswer(j)
	return AdminJob{
		JobID: j.ID, TenantID: j.Scope.Tenant, Environment: j.Scope.Environment, Status: j.Status, CreatedAt: j.CreatedAt, StartedAt: j.StartedAt,
		FinishedAt: j.FinishedAt, Attempt: j.Attempt, Steps: of.Steps, Error: of.Error, DeadLetter: j.DeadLetter, ErasedAt: of.ErasedAt,
	}
}

// AdminJobList is a page of jobs.
type AdminJobList struct {
	Jobs      []AdminJob `json:"jobs"`
	NextAfter ekyc.ID    `json:"next_after" doc:"Empty at the end."`
}

// QueueAnswer is the state of the queue.
type QueueAnswer struct {
	Queued        int     `json:"queued" doc:"Jobs that are due."`
	Waiting       int     `json:"waiting" doc:"Jobs that wait for their next attempt."`
	Running       int     `json:"running"`
	OldestSeconds float64 `json:"oldest_seconds" doc:"How long the job that is due longest has been."`
	DeadLetters   int     `json:"dead_letters"`
}

// DeadDelivery is a webhook delivery that was given up.
type DeadDelivery struct {
	TenantID    ekyc.ID          `json:"tenant_id"`
	Environment ekyc.Environment `json:"environment" enum:"test,live"`
	DeliveryAnswer
}

// DeadDeliveryList is a page of them.
type DeadDeliveryList struct {
	Deliveries []DeadDelivery `json:"deliveries"`
	NextAfter  ekyc.ID        `json:"next_after" doc:"Empty at the end."`
}

// AdminListParams bound a list over all tenants.
type AdminListParams struct {
	Page
	Span
	TenantID    string `query:"tenant_id" maxLength:"64"`
	Environment string `query:"environment" enum:"test,live"`
}

type adminJobListParams struct {
	AdminListParams
	Status string `query:"status" enum:"queued,running,completed,failed,cancelled"`
}

func (s *Server) adminJobRoutes(f *surface) {
	look := func(path, id, summary string) route {
		return route{method: http.MethodGet, path: path, id: id, tag: "jobs", access: operators, permission: operator.View, summary: summary}
	}
	handle(f, look("/queue", "admin-queue", "The state of the queue"), s.queueState)
	handle(f, look("/jobs", "admin-jobs-list", "List jobs of all tenants"), s.adminJobs)
	handle(f, look("/dead-letters/jobs", "admin-dead-jobs", "List jobs that were given up"), s.deadJobs)
	handle(f, route{method: http.MethodPost, path: "/jobs/{id}/requeue", id: "admin-requeue", tag: "jobs", access: operators, permission: operator.ManageJobs,
		summary: "Put a dead letter back into the queue", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrConflict, ekyc.ErrGone, ekyc.ErrQuotaExceeded}}, s.requeue)
	handle(f, look("/dead-letters/deliveries", "admin-dead-deliveries", "List webhook deliveries that were given up"), s.deadDeliveries)
	handle(f, route{method: http.MethodPost, path: "/tenants/{tenant}/{environment}/deliveries/{id}/resend", id: "admin-resend", tag: "jobs", access: operators,
		permission: operator.ManageWebhooks, status: http.StatusAccepted, summary: "Send a tenant's delivery again", errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone}}, s.adminResend)
}

func (s *Server) queueState(ctx context.Context, _ *Call, _ *none, _ *none) (*QueueAnswer, error) {
	d, err := s.Jobs.QueueDepth(ctx)
	return &QueueAnswer{Queued: d.Queued, Waiting: d.Waiting, Running: d.Running, OldestSeconds: d.Oldest.Seconds(), DeadLetters: d.Dead}, err
}

func (s *Server) adminJobs(ctx context.Context, _ *Call, p *adminJobListParams, _ *none) (*AdminJobList, error) {
	return s.listAdminJobs(ctx, p, s.Jobs.AllJobs)
}

func (s *Server) deadJobs(ctx context.Context, _ *Call, p *adminJobListParams, _ *none) (*AdminJobList, error) {
	return s.listAdminJobs(ctx, p, s.Jobs.DeadLetters)
}

func (s *Server) listAdminJobs(ctx context.Context, p *adminJobListParams, list func(context.Context, workflow.OperatorFilter, int, ekyc.ID) ([]workflow.Job, ekyc.ID, error)) (*AdminJobList, error) {
	after, err := p.cursor(ekyc.KindJob)
	if err != nil {
		return nil, err
	}
	jobs, next, err := list(ctx, workflow.OperatorFilter{
		Tenant: ekyc.ID(p.TenantID), Environment: ekyc.Environment(p.Environment), Status: workflow.Status(p.Status), From: p.From, To: p.To,
	}, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &AdminJobList{Jobs: []AdminJob{}, NextAfter: next}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, adminJob(j))
	}
	return out, nil
}

func (s *Server) requeue(ctx context.Context, _ *Call, p *jobParams, _ *none) (*AdminJob, error) {
	return withID(ekyc.KindJob, p.ID, func(id ekyc.ID) (*AdminJob, error) {
		j, err := s.Jobs.Requeue(ctx, id)
		out := adminJob(j)
		return &out, err
	})
}

func (s *Server) deadDeliveries(ctx context.Context, _ *Call, p *AdminListParams, _ *none) (*DeadDeliveryList, error) {
	after, err := p.cursor(ekyc.KindDelivery)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Webhooks.DeadLetters(ctx, webhook.DeadLetterFilter{
		Tenant: ekyc.ID(p.TenantID), Environment: ekyc.Environment(p.Environment), From: p.From, To: p.To,
	}, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &DeadDeliveryList{Deliveries: []DeadDelivery{}, NextAfter: next}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, DeadDelivery{d.Scope.Tenant, d.Scope.Environment, deliveryAnswer(d.Delivery)})
	}
	return out, nil
}

func (s *Server) adminResend(ctx context.Context, _ *Call, p *scopeKeyParams, _ *none) (*DeliveryIDAnswer, error) {
	return inScope(ctx, s, p.ScopeParams, func(scope ekyc.Scope) (*DeliveryIDAnswer, error) {
		return s.resendDelivery(ctx, &Call{Scope: scope}, &deliveryParams{p.ID}, nil)
	})
}
