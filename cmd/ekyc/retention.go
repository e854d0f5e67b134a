package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/requestlog"
	"ekyc/internal/retention"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

// openRetention says which rooms keep things of which class. Reviews, receipts and webhooks end with their job and are removed by sweeps of their own.
func (p *platform) openRetention() error {
	p.retention.SetParts(
		retention.Part{Class: retention.Selfie, Name: "photographs", Limit: p.mediaLimit(workflow.SelfieMedia), Oldest: p.mediaOldest(workflow.SelfieMedia), Remove: p.removeMedia},
		retention.Part{Class: retention.Document, Name: "photographs of documents", Limit: p.mediaLimit(workflow.DocumentMedia), Oldest: p.mediaOldest(workflow.DocumentMedia)},
		retention.Part{Class: retention.FaceCrop, Name: "face crops", Limit: p.mediaLimit(workflow.FaceCropMedia), Oldest: p.mediaOldest(workflow.FaceCropMedia)},
		retention.Part{
			Class: retention.Template, Name: "templates", Limit: limited(p.references.Limit), Remove: counted(retention.Template, p.references.RemoveExpired),
			Oldest: p.references.OldestExpired,
		},
		retention.Part{
			Class: retention.Result, Name: "verifications", Limit: limited(p.jobs.Limit), Remove: counted(retention.Result, p.jobs.RemoveExpired), Oldest: p.jobs.OldestExpired,
		},
		retention.Part{Class: retention.Result, Name: "reviews", Limit: limited(p.reviews.Limit)},
		retention.Part{Class: retention.Result, Name: "receipts", Limit: limited(p.receipts.Limit)},
		retention.Part{Class: retention.Result, Name: "webhooks", Limit: limited(p.webhooks.Limit)},
		retention.Part{Class: retention.Logs, Name: "request log", Remove: counted(retention.Logs, p.removeLogs), Every: 30 * time.Minute, Oldest: p.oldestLog},
	)
	return p.observeRetention()
}

// mediaClass is the class of a kind of photographs; "" for references, which have no end unless another has taken their place while they were held.
func mediaClass(kind vault.MediaKind) retention.Class {
	switch {
	case slices.Contains(workflow.SelfieMedia, kind):
		return retention.Selfie
	case slices.Contains(workflow.DocumentMedia, kind):
		return retention.Document
	case slices.Contains(workflow.FaceCropMedia, kind):
		return retention.FaceCrop
	}
	return ""
}

func (p *platform) mediaLimit(kinds []vault.MediaKind) func(context.Context, pgx.Tx, ekyc.Scope, int, int) (int, error) {
	return limited(func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d time.Duration, most int) (int, error) {
		return p.vault.LimitMedia(ctx, tx, scope, kinds, d, most)
	})
}

func (p *platform) mediaOldest(kinds []vault.MediaKind) func(context.Context) (time.Time, error) {
	return func(ctx context.Context) (time.Time, error) { return p.vault.OldestExpired(ctx, kinds) }
}

// removeMedia removes photographs of all classes, so that those of one verification that end together are told together.
func (p *platform) removeMedia(ctx context.Context, most int) (map[retention.Class]int, error) {
	removed, err := p.vault.RemoveExpired(ctx, most)
	of := map[retention.Class]int{}
	for _, m := range removed {
		of[mediaClass(m.Kind)]++
	}
	return of, err
}

// counted is the Remove of a room that keeps one class.
func counted(class retention.Class, remove func(context.Context, int) (int, error)) func(context.Context, int) (map[retention.Class]int, error) {
	return func(ctx context.Context, most int) (map[retention.Class]int, error) {
		n, err := remove(ctx, most)
		return map[retention.Class]int{class: n}, err
	}
}

func inDays(days int) time.Duration { return time.Duration(days) * 24 * time.Hour }

// limited is the Limit of a room that counts in durations.
func limited(limit func(context.Context, pgx.Tx, ekyc.Scope, time.Duration, int) (int, error)) func(context.Context, pgx.Tx, ekyc.Scope, int, int) (int, error) {
	return func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, days, most int) (int, error) {
		return limit(ctx, tx, scope, inDays(days), most)
	}
}

// logKeeping is how long all scopes want their request logs kept.
func (p *platform) logKeeping(ctx context.Context) (requestlog.Keeping, error) {
	said, err := p.retention.Said(ctx)
	k := requestlog.Keeping{Standard: retention.Settings{}.For(retention.Logs), Of: map[ekyc.Scope]time.Duration{}}
	for scope, settings := range said {
		k.Of[scope] = settings.For(retention.Logs)
	}
	return k, err
}

// logsKept is how long one does.
func (p *platform) logsKept(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (time.Duration, error) {
	settings, err := p.retention.Settings(ctx, tx, scope)
	return settings.For(retention.Logs), err
}

func (p *platform) removeLogs(ctx context.Context, most int) (int, error) {
	k, err := p.logKeeping(ctx)
	if err != nil {
		return 0, err
	}
	return p.requests.RemoveExpired(ctx, k, most)
}

func (p *platform) oldestLog(ctx context.Context) (time.Time, error) {
	k, err := p.logKeeping(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return p.requests.OldestExpired(ctx, k)
}

// expiredData is the member data of media.expired: identifiers only, so that both forms of the webhook are the same.
type expiredData struct {
	SubjectID ekyc.ID   `json:"subject_id"`
	JobID     ekyc.ID   `json:"job_id,omitempty"`
	MediaIDs  []ekyc.ID `json:"media_ids"`
}

// objectsOfEntry is how many objects an entry of the audit log has at most.
const objectsOfEntry = 20

// mediaExpired tells of the photographs that are being removed, and enters that, by job. What was there for the work alone is not told. The media come
// in the order of their subjects and jobs.
func (p *platform) mediaExpired(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, media []vault.Media) error {
	var all []expiredData
	for _, m := range media {
		if !m.Kept {
			continue
		}
		last := len(all) - 1
		if last < 0 || all[last].SubjectID != m.Subject || all[last].JobID != m.Job {
			all, last = append(all, expiredData{SubjectID: m.Subject, JobID: m.Job}), last+1
		}
		all[last].MediaIDs = append(all[last].MediaIDs, m.ID)
	}
	for _, data := range all {
		if _, err := p.webhooks.Publish(ctx, tx, scope, webhook.Event{Type: webhook.MediaExpired, Data: data, Thin: data}); err != nil {
			return err
		}
		for ids := range slices.Chunk(data.MediaIDs, objectsOfEntry) {
			if err := p.enterRemoval(ctx, tx, scope, data.SubjectID, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// enterRemoval enters that photographs of a subject were removed.
func (p *platform) enterRemoval(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, media []ekyc.ID) error {
	salt := audit.NewSalt()
	sealed, err := p.vault.Seal(ctx, tx, scope, subject, audit.SaltObject, salt)
	if err != nil {
		return err
	}
	return p.audit.Append(ctx, tx, audit.Entry{
		Action: audit.RetentionRemove, Scope: scope, Objects: media, Details: audit.Details{audit.Kind: "media"},
		Subject: audit.Subject{ID: subject, Salt: salt, Sealed: sealed},
	})
}

// jobsExpired enters from how many verifications what they had found was removed.
func (p *platform) jobsExpired(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs int) error {
	return p.audit.Append(ctx, tx, audit.Entry{
		Action: audit.RetentionRemove, Scope: scope, Details: audit.Details{audit.Kind: string(retention.Result), audit.Units: strconv.Itoa(jobs)},
	})
}

// observeRetention registers how far removal is behind, of all tenants together, and what this process has removed.
func (p *platform) observeRetention() error {
	meter := otel.Meter("ekyc")
	lag, err := meter.Float64ObservableGauge("ekyc.retention.lag", metric.WithDescription("Seconds since the oldest thing of a class that is still there should have gone."))
	removed, err2 := meter.Int64ObservableCounter("ekyc.retention.removed", metric.WithDescription("Things that this process has removed since their time was over, by class."))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if behind, err := p.retention.Lag(ctx); err == nil {
			for class, d := range behind {
				o.ObserveFloat64(lag, d.Seconds(), label("class", string(class)))
			}
		}
		for class, n := range p.retention.Removed() {
			if class == "" { // references that were held
				continue
			}
			o.ObserveInt64(removed, n, label("class", string(class)))
		}
		return nil
	}, lag, removed)
	return err
}
