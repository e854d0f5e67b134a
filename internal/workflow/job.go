package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/review"
	"ekyc/internal/vault"
)

// Status is the state of a job.
type Status string

// The states. The last three are final, but an operator can put a dead letter, which is failed, back into the queue.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Statuses lists the states.
var Statuses = []Status{Queued, Running, Completed, Failed, Cancelled}

// Final says whether a job in this state is over.
func (s Status) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// Job is one verification.
type Job struct {
	ID              ekyc.ID
	Scope           ekyc.Scope
	Status          Status
	Subject         ekyc.ID
	KeyID           string // of the API key that submitted it
	CreatedAt       time.Time
	StartedAt       *time.Time // of the first attempt
	FinishedAt      *time.Time
	Attempt         int // how often a worker took it
	Steps           []Step
	Result          json.RawMessage   // of a completed job, see Result; nil once its subject is erased or its time is over
	Error           *Problem          // of a failed job
	Metadata        map[string]string // nil once no longer kept
	SubjectRef      string            // "" once no longer kept
	Workflow        string            // its name
	WorkflowVersion int               // 0 for jobs from before there were versions
	WorkflowHash    string
	Store           bool
	DeadLetter      bool
	CancelRequested bool           // a running job that will be cancelled as soon as its worker learns of it
	ExpiresAt       *time.Time     // when what it holds of the person ends, of a job that is over and kept
	Expired         bool           // that has come
	ErasedAt        *time.Time     // when its subject was erased, and with it what it held of the person; nil: it was not
	Review          *review.Review // nil where there is none; Get looks for it, lists do not
	Media           []vault.Media  // its photographs that stay beyond it; Get looks for them, lists do not
	Usage           []Used         // of the modules that it may use; nothing is billed before it is completed. Lists for operators do not look for it

	modules []ekyc.Module // that units were reserved for
}

// Step is one step of a job as clients see it.
type Step struct {
	Name       string         `json:"name"` // liveness, ocr, validate, face_match, kya, decision
	Status     string         `json:"status"`
	Code       ekyc.ErrorCode `json:"code,omitempty"`
	DurationMS float64        `json:"duration_ms"`
}

// stepOrder is the order in which steps are reported.
var stepOrder = []string{"liveness", "ocr", "validate", "face_match", "kya", "decision"}

// Problem is why a job failed.
type Problem struct {
	Code    ekyc.ErrorCode `json:"code"`
	Message string         `json:"message"`
}

// row is a job as the table has it, without the parts that only its worker needs.
type row struct {
	TenantID        ekyc.ID          `db:"tenant_id"`
	Environment     ekyc.Environment `db:"environment"`
	ID              ekyc.ID          `db:"id"`
	Status          Status           `db:"status"`
	SubjectID       ekyc.ID          `db:"subject_id"`
	KeyID           string           `db:"key_id"`
	ErrorCode       *ekyc.ErrorCode  `db:"error_code"`
	ErrorMessage    *string          `db:"error_message"`
	DeadLetter      bool             `db:"dead_letter"`
	Attempt         int              `db:"attempt"`
	CancelRequested bool             `db:"cancel_requested"`
	Workflow        string           `db:"workflow"`
	WorkflowVersion int              `db:"workflow_version"`
	WorkflowHash    string           `db:"workflow_hash"`
	Kept            bool             `db:"kept"`
	CreatedAt       time.Time        `db:"created_at"`
	StartedAt       *time.Time       `db:"started_at"`
	FinishedAt      *time.Time       `db:"finished_at"`
	ExpiresAt       *time.Time       `db:"expires_at"`
	IsOver          bool             `db:"is_over"`
	ErasedAt        *time.Time       `db:"erased_at"`
	Modules         []ekyc.Module    `db:"modules"`
}

// columns are those of row, of a job called j.
const columns = `j.tenant_id, j.environment, j.id, j.status, j.subject_id, j.key_id, j.error_code, j.error_message, j.dead_letter, j.attempt,
	j.cancel_requested, coalesce(j.workflow_name, j.settings->>'name') as workflow, j.workflow_version, j.workflow_hash, j.kept, j.created_at, j.started_at, j.finished_at,
	coalesce(j.modules, '{workflow}') as modules, j.expires_at, j.kept and j.dropped_at is not null or ` + isOver + ` as is_over, ` + erasedAt + ` as erased_at`

// erasedAt is when the subject of a job, called j, was erased.
const erasedAt = `(select s.erased_at from subject s where s.tenant_id = j.tenant_id and s.environment = j.environment and s.id = j.subject_id)`

func (r row) job() Job {
	j := Job{
		ID: r.ID, Scope: ekyc.Scope{Tenant: r.TenantID, Environment: r.Environment}, Status: r.Status, Subject: r.SubjectID, KeyID: r.KeyID,
		CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Attempt: r.Attempt, Steps: []Step{},
		Workflow: r.Workflow, WorkflowVersion: r.WorkflowVersion, WorkflowHash: r.WorkflowHash, Store: r.Kept, DeadLetter: r.DeadLetter, CancelRequested: r.CancelRequested,
		ExpiresAt: r.ExpiresAt, Expired: r.IsOver, ErasedAt: r.ErasedAt, modules: r.Modules,
	}
	if !r.Status.Final() {
		j.Usage = usageOf(r.Modules, nil)
	}
	if r.ErrorCode != nil {
		j.Error = &Problem{Code: *r.ErrorCode}
		if r.ErrorMessage != nil {
			j.Error.Message = *r.ErrorMessage
		}
	}
	return j
}

// sealed are the encrypted parts of a job that its tenant may see.
type sealedParts struct {
	Annotations []byte `db:"annotations"`
	Result      []byte `db:"result"`
}

// annotations is what a client attaches to a job. It is personal data.
type annotations struct {
	Metadata   map[string]string `json:"metadata,omitempty"`
	SubjectRef string            `json:"subject_ref,omitempty"`
}

// Names of the sealed parts, bound into their encryption.
func annotationsOf(job ekyc.ID) string        { return string(job) + "/annotations" }
func requestOf(job ekyc.ID) string            { return string(job) + "/request" }
func resultOf(job ekyc.ID) string             { return string(job) + "/result" }
func factsOf(job ekyc.ID) string              { return string(job) + "/facts" }
func outcomeOf(job ekyc.ID, step part) string { return string(job) + "/step/" + string(step) }

// Get gives one job with its result. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Job, error) {
	var j Job
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		j, err = s.get(ctx, tx, scope, id)
		return err
	})
	return j, err
}

func (s *Service) get(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (Job, error) {
	type full struct {
		row
		sealedParts
	}
	rows, err := tx.Query(ctx, `select `+columns+`, j.annotations, j.result from job j where j.id = $1`, id)
	if err != nil {
		return Job{}, fmt.Errorf("read the job: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[full])
	if err != nil {
		return Job{}, fmt.Errorf("read the job: %w", err)
	}
	if len(found) == 0 {
		return Job{}, notFound()
	}
	j := found[0].job()
	if err := s.addSteps(ctx, tx, []*Job{&j}); err != nil {
		return Job{}, err
	}
	if err := s.addUsage(ctx, tx, scope, []*Job{&j}); err != nil {
		return Job{}, err
	}
	if j.Media, err = s.vault.KeptMediaOfJob(ctx, tx, scope, id); err != nil {
		return Job{}, err
	}
	if s.hooks.Reviews != nil && j.Status == Completed {
		if j.Review, err = s.hooks.Reviews.OfJob(ctx, tx, scope, id); err != nil {
			return Job{}, err
		}
	}
	return j, s.open(ctx, tx, scope, &j, found[0].sealedParts)
}

func notFound() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such job") }

// open decrypts what the tenant may see. What went with its subject, or is past its time, stays absent.
func (s *Service) open(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, j *Job, parts sealedParts) error {
	if j.Expired {
		return nil
	}
	if parts.Annotations != nil {
		plain, err := s.vault.Open(ctx, tx, scope, j.Subject, annotationsOf(j.ID), parts.Annotations)
		if ekyc.CodeOf(err) == ekyc.ErrGone {
			return nil
		}
		if err != nil {
			return fmt.Errorf("open the annotations of a job: %w", err)
		}
		var a annotations
		if err := json.Unmarshal(plain, &a); err != nil {
			return fmt.Errorf("read the annotations of a job: %w", err)
		}
		j.Metadata, j.SubjectRef = a.Metadata, a.SubjectRef
	}
	if parts.Result != nil {
		plain, err := s.vault.Open(ctx, tx, scope, j.Subject, resultOf(j.ID), parts.Result)
		if ekyc.CodeOf(err) == ekyc.ErrGone {
			return nil
		}
		if err != nil {
			return fmt.Errorf("open the result of a job: %w", err)
		}
		j.Result = plain
	}
	return nil
}

// addSteps reads the steps of jobs of one scope.
func (s *Service) addSteps(ctx context.Context, tx pgx.Tx, jobs []*Job) error {
	ids := make([]string, len(jobs))
	byID := map[ekyc.ID]*Job{}
	for i, j := range jobs {
		ids[i], byID[j.ID] = string(j.ID), j
	}
	rows, err := tx.Query(ctx, `select job_id, steps from job_step where job_id = any($1)`, ids)
	if err != nil {
		return fmt.Errorf("read the steps: %w", err)
	}
	var id ekyc.ID
	var steps []Step
	_, err = pgx.ForEachRow(rows, []any{&id, &steps}, func() error {
		byID[id].Steps = append(byID[id].Steps, steps...)
		steps = nil // the next row must not write into these
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the steps: %w", err)
	}
	for _, j := range jobs {
		if j.Steps = inOrder(j.Steps); j.Expired {
			j.Steps = nil
		}
	}
	return nil
}

// inOrder sorts steps. One that was noted twice, by a program of another version, is told once.
func inOrder(steps []Step) []Step {
	slices.SortStableFunc(steps, func(a, b Step) int { return slices.Index(stepOrder, a.Name) - slices.Index(stepOrder, b.Name) })
	return slices.CompactFunc(steps, func(a, b Step) bool { return a.Name == b.Name })
}

// Filter chooses jobs. The zero value chooses all.
type Filter struct {
	Status   Status
	Subject  ekyc.ID
	From, To time.Time // of their making; To is exclusive
}

const (
	defaultLimit = 20
	mostListing  = 100
)

func clampLimit(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, mostListing)
}

// List gives a scope's jobs, the newest first, with their annotations and without their results, at most 100; the identifier to go
// on after is "" at the end.
func (s *Service) List(ctx context.Context, scope ekyc.Scope, f Filter, limit int, after ekyc.ID) (jobs []Job, next ekyc.ID, err error) {
	limit = clampLimit(limit)
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		jobs, next, err = s.list(ctx, tx, scope, f, limit, after)
		return err
	})
	return jobs, next, err
}

func (s *Service) list(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, f Filter, limit int, after ekyc.ID) ([]Job, ekyc.ID, error) {
	type full struct {
		row
		sealedParts
	}
	rows, err := tx.Query(ctx, `
		select `+columns+`, j.annotations, null::bytea as result from job j
		where tenant_id = $1 and environment = $2 and ($3 = '' or id < $3) and ($4 = '' or status = $4) and ($5 = '' or subject_id = $5)
			and ($6::timestamptz is null or created_at >= $6) and ($7::timestamptz is null or created_at < $7)
		order by id desc limit $8`,
		scope.Tenant, scope.Environment, string(after), string(f.Status), string(f.Subject), orNull(f.From), orNull(f.To), limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[full])
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	var next ekyc.ID
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].ID
	}
	jobs := make([]Job, len(found))
	pointers := make([]*Job, len(found))
	for i, r := range found {
		jobs[i] = r.job()
		pointers[i] = &jobs[i]
		if err := s.open(ctx, tx, scope, &jobs[i], r.sealedParts); err != nil {
			return nil, "", err
		}
	}
	if err := s.addUsage(ctx, tx, scope, pointers); err != nil {
		return nil, "", err
	}
	return jobs, next, s.addSteps(ctx, tx, pointers)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
