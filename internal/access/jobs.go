package access

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/capture"
	"ekyc/internal/metering"
	"ekyc/internal/receipt"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/workflow"
)

// Job is a verification with everything that is held of it.
type Job struct {
	ID              ekyc.ID                    `json:"job_id"`
	Status          workflow.Status            `json:"status"`
	CreatedAt       time.Time                  `json:"created_at"`
	StartedAt       *time.Time                 `json:"started_at,omitempty"`
	FinishedAt      *time.Time                 `json:"finished_at,omitempty"`
	Store           bool                       `json:"store"`
	Workflow        string                     `json:"workflow"`
	WorkflowVersion int                        `json:"workflow_version"`
	WorkflowHash    string                     `json:"workflow_hash"`
	Steps           []workflow.Step            `json:"steps"`
	Error           *workflow.Problem          `json:"error,omitempty"`
	SubjectRef      string                     `json:"subject_ref,omitempty"`
	Metadata        map[string]string          `json:"metadata,omitempty"`
	Result          json.RawMessage            `json:"result,omitempty"`
	Facts           json.RawMessage            `json:"facts,omitempty"`    // that the decision rests on
	Request         json.RawMessage            `json:"request,omitempty"`  // of a job that is not over: what was said of the person, hints
	Outcomes        map[string]json.RawMessage `json:"outcomes,omitempty"` // of a job that is not over: what its steps have found
	Shadows         []workflow.Shadowed        `json:"shadows,omitempty"`  // what other versions of workflows would have decided
	Review          *Review                    `json:"review,omitempty"`
	Receipts        []receipt.Signed           `json:"receipts,omitempty"`
	Capture         *Capture                   `json:"capture,omitempty"`
	Usage           []metering.Event           `json:"usage,omitempty"`
	ReuseHashes     []reuse.Kept               `json:"reuse_hashes,omitempty"` // by what the document and the pictures would be found again
}

// Review is what people have decided. Who they are is not told: they are other people.
type Review struct {
	ID        ekyc.ID      `json:"review_id"`
	State     review.State `json:"state"`
	OpenedAt  time.Time    `json:"opened_at"`
	ClosedAt  *time.Time   `json:"closed_at,omitempty"`
	Contested bool         `json:"contested"`
	Acts      []Act        `json:"acts"`
}

// Act is one of a reviewer, or of the service.
type Act struct {
	Number     int               `json:"number"`
	Kind       review.Kind       `json:"kind"`
	At         time.Time         `json:"at"`
	Decision   ekyc.Decision     `json:"decision,omitempty"`
	ReasonCode review.ReasonCode `json:"reason_code,omitempty"`
	Override   bool              `json:"override,omitempty"`
	Overruled  []string          `json:"overruled,omitempty"`
	Comment    string            `json:"comment,omitempty"`
}

// Capture is a link to the capture page: what a job came by.
type Capture struct {
	ID        ekyc.ID          `json:"capture_id"`
	CreatedAt time.Time        `json:"created_at"`
	UsedAt    *time.Time       `json:"used_at,omitempty"`
	Challenge ekyc.ID          `json:"challenge_id,omitempty"`
	Consent   *capture.Consent `json:"consent,omitempty"`
}

func (x *export) jobs(ctx context.Context, d *writer) error {
	return d.list("jobs", func(add func(any) error) error {
		for after := ekyc.ID(""); ; {
			jobs, err := x.somejobs(ctx, after)
			if err != nil {
				return err
			}
			for _, j := range jobs {
				if err := add(j); err != nil {
					return err
				}
			}
			if len(jobs) < page {
				return nil
			}
			after = jobs[len(jobs)-1].ID
		}
	})
}

// somejobs gives a page of jobs with what the rooms hold of them.
func (x *export) somejobs(ctx context.Context, after ekyc.ID) (jobs []Job, err error) {
	err = x.in(ctx, func(ctx context.Context, tx pgx.Tx) error {
		jobs = nil
		found, err := x.Jobs.OfSubject(ctx, tx, x.scope, x.subject, after, page)
		if err != nil {
			return err
		}
		ids := make([]ekyc.ID, len(found))
		for i, h := range found {
			ids[i] = h.Job.ID
		}
		receipts, err := x.Receipts.OfJobs(ctx, tx, x.scope, ids)
		if err != nil {
			return err
		}
		used, err := x.Metering.OfJobs(ctx, tx, x.scope, ids)
		if err != nil {
			return err
		}
		traces, err := x.Reuse.OfJobs(ctx, tx, x.scope, ids)
		if err != nil {
			return err
		}
		links, err := x.Captures.OfJobs(ctx, tx, x.scope, ids)
		if err != nil {
			return err
		}
		for _, h := range found {
			j := jobOf(h)
			j.Receipts, j.Usage, j.ReuseHashes = receipts[j.ID], used[j.ID], traces[j.ID]
			if c, found := links[j.ID]; found {
				j.Capture = new(captureOf(c))
			}
			if h.Job.Review != nil {
				// The same transaction: InTenant joins it.
				r, err := x.Reviews.Get(x.DB.Joining(ctx, x.scope, tx), x.scope, h.Job.Review.ID)
				if err != nil {
					return err
				}
				j.Review = reviewOf(r)
			}
			jobs = append(jobs, j)
		}
		return nil
	})
	return jobs, err
}

func jobOf(h workflow.Held) Job {
	j := h.Job
	return Job{
		ID: j.ID, Status: j.Status, CreatedAt: j.CreatedAt.UTC(), StartedAt: j.StartedAt, FinishedAt: j.FinishedAt, Store: j.Store,
		Workflow: j.Workflow, WorkflowVersion: j.WorkflowVersion, WorkflowHash: j.WorkflowHash, Steps: j.Steps, Error: j.Error,
		SubjectRef: j.SubjectRef, Metadata: j.Metadata, Result: j.Result, Facts: h.Facts, Request: h.Request, Outcomes: h.Outcomes, Shadows: h.Shadows,
	}
}

func reviewOf(r review.Review) *Review {
	out := &Review{ID: r.ID, State: r.State, OpenedAt: r.OpenedAt.UTC(), ClosedAt: r.ClosedAt, Contested: r.Contested, Acts: []Act{}}
	for _, a := range r.Acts {
		out.Acts = append(out.Acts, Act{a.Number, a.Kind, a.At.UTC(), a.Decision, a.ReasonCode, a.Override, a.Overruled, a.Comment})
	}
	return out
}

// OpenCapture is a link to the capture page that was made for the subject and can still be used. Its token is not told.
type OpenCapture struct {
	Capture
	ExpiresAt time.Time       `json:"expires_at"`
	Request   json.RawMessage `json:"request"` // what it asks for, as it came
}

func (x *export) openCaptures(ctx context.Context, d *writer) error {
	return d.list("open_captures", func(add func(any) error) error {
		var ids []ekyc.ID
		err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) error {
			hash, err := x.Vault.KeptBy(ctx, tx, x.scope, x.subject)
			if err != nil || hash == nil {
				return err
			}
			ids, err = x.Captures.OpenFor(ctx, tx, x.scope, hash)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			var c capture.Capture
			err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				c, err = x.Captures.Get(x.DB.Joining(ctx, x.scope, tx), x.scope, id)
				return err
			})
			if err != nil {
				return err
			}
			if c.State != capture.Open { // it was used or has run out meanwhile
				continue
			}
			if err := add(OpenCapture{captureOf(c), c.ExpiresAt.UTC(), c.Request}); err != nil {
				return err
			}
		}
		return nil
	})
}

func captureOf(c capture.Capture) Capture {
	return Capture{c.ID, c.CreatedAt.UTC(), c.UsedAt, c.Challenge, c.Consent}
}
