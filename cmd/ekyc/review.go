package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/receipt"
	"ekyc/internal/review"
	"ekyc/internal/webhook"
)

// openReviews makes the rooms that go on where a job ends: the queue of cases for people, and the receipts of decisions.
func (p *platform) openReviews() error {
	p.receipts = receipt.New(p.db, p.vault, p.keyring, receipt.Options{Program: programVersion(), Log: p.audit, Logger: p.logger})
	p.reviews = review.New(p.db, p.vault, review.Options{Verdict: p.verdict, Decided: p.reviewed})
	return p.observeReviews()
}

// verdict is what the program had found about a job.
func (p *platform) verdict(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) (review.Verdict, error) {
	j, err := p.jobs.Get(p.db.Joining(ctx, scope, tx), scope, job)
	if err != nil {
		return review.Verdict{}, err
	}
	var result decision.Result
	if err := json.Unmarshal(j.Result, &result); err != nil {
		return review.Verdict{}, fmt.Errorf("read the result of a job: %w", err)
	}
	return verdictOf(result), nil
}

// verdictOf is what the score alone would give, and the rules that stand against an acceptance: every hard rule that held, also one that only forced a
// review since a photograph or step is missing, and of the workflow's own those that never accept. One of these that asks for a person has got one.
func verdictOf(r decision.Result) review.Verdict {
	v := review.Verdict{ByScore: r.DecisionByScore}
	for _, rule := range r.HardRules {
		v.Against = append(v.Against, string(rule.Code))
	}
	for _, rule := range r.WorkflowRules {
		switch {
		case rule.Effect != decision.Cap && rule.Effect != decision.Refuse:
		case rule.Name != "":
			v.Against = append(v.Against, rule.Name)
		default:
			v.Against = append(v.Against, string(rule.Code))
		}
	}
	return v
}

// reviewedData is the member data of kyc.reviewed.
type reviewedData struct {
	JobID      ekyc.ID           `json:"job_id"`
	SubjectID  ekyc.ID           `json:"subject_id"`
	ReviewID   ekyc.ID           `json:"review_id"`
	Decision   ekyc.Decision     `json:"decision"`
	Override   bool              `json:"override"`
	ReasonCode review.ReasonCode `json:"reason_code,omitempty"`
	Overruled  []string          `json:"overruled_rules,omitempty"`
	DecidedAt  time.Time         `json:"decided_at"`
}

// thin is the data without why.
func (d reviewedData) thin() reviewedData {
	d.ReasonCode, d.Overruled = "", nil
	return d
}

// reviewed tells of a person's decision and signs it, in its transaction.
func (p *platform) reviewed(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, t review.Told) error {
	o := t.Outcome
	data := reviewedData{t.Job, t.Subject, t.Review, o.Decision, o.Override, o.ReasonCode, o.Overruled, o.At.UTC()}
	e := webhook.Event{Type: webhook.KYCReviewed, Subject: t.Subject, Data: data, Thin: data.thin(), CallbackURL: t.CallbackURL}
	if t.HeldUntil != nil {
		e.KeepFor = max(time.Second, t.HeldUntil.Sub(o.At))
	}
	if _, err := p.webhooks.Publish(ctx, tx, scope, e); err != nil {
		return err
	}
	return p.receipts.Amend(ctx, tx, scope, receipt.Amendment{
		Job: t.Job, Decision: o.Decision, DecidedAt: o.At,
		Review: receipt.Review{ID: t.Review, ReasonCode: string(o.ReasonCode), Override: o.Override, Overruled: o.Overruled, Reviewers: t.Reviewers},
	})
}

// observeReviews registers how much waits for people, of all tenants together.
func (p *platform) observeReviews() error {
	meter := otel.Meter("ekyc")
	waiting, err := meter.Int64ObservableGauge("ekyc.reviews.waiting", metric.WithDescription("Reviews that wait for a decision, by state."))
	marked, err2 := meter.Int64ObservableGauge("ekyc.reviews.marked", metric.WithDescription("Of those the contested and the overdue."))
	oldest, err3 := meter.Float64ObservableGauge("ekyc.reviews.oldest", metric.WithDescription("Seconds since the review that has waited longest was opened."))
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		b, err := p.reviews.Backlog(ctx)
		if err != nil {
			return nil // the database is away, which other metrics tell
		}
		o.ObserveInt64(waiting, int64(b.Open), label("state", "open"))
		o.ObserveInt64(waiting, int64(b.Claimed), label("state", "claimed"))
		o.ObserveInt64(marked, int64(b.Contested), label("mark", "contested"))
		o.ObserveInt64(marked, int64(b.Overdue), label("mark", "overdue"))
		o.ObserveFloat64(oldest, b.Oldest.Seconds())
		return nil
	}, waiting, marked, oldest)
	return err
}
