package access

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/consent"
	"ekyc/internal/idempotency"
	"ekyc/internal/reference"
	"ekyc/internal/retention"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

// Subject is the person.
type Subject struct {
	ID          ekyc.ID    `json:"subject_id"`
	Ref         string     `json:"subject_ref,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	Reference   ekyc.ID    `json:"reference_media_id,omitempty"`
	ReferenceAt *time.Time `json:"reference_at,omitempty"`
}

// Hold is a legal hold.
type Hold struct {
	Reason string    `json:"reason"`
	By     string    `json:"by"` // the API key, or the operator
	At     time.Time `json:"at"`
}

// Consent is a consent or its withdrawal.
type Consent struct {
	ID         ekyc.ID         `json:"consent_id"`
	Status     string          `json:"status"` // given, withdrawn
	Version    string          `json:"version,omitempty"`
	Language   string          `json:"language,omitempty"`
	Text       string          `json:"text,omitempty"`
	TextSHA256 string          `json:"text_sha256,omitempty"`
	Channel    consent.Channel `json:"channel"`
	At         time.Time       `json:"at"`
	RecordedAt time.Time       `json:"recorded_at"`
	JobID      ekyc.ID         `json:"job_id,omitempty"`
}

// Media is a picture.
type Media struct {
	ID        ekyc.ID         `json:"media_id"`
	Kind      vault.MediaKind `json:"kind"`
	Position  int             `json:"position"`
	JobID     ekyc.ID         `json:"job_id,omitempty"`
	Size      int64           `json:"size"`
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty"`
	File      string          `json:"file,omitempty"` // in the archive; absent of one whose time has ended
}

// Delivery is what was told of the subject, and to whom.
type Delivery struct {
	ID          ekyc.ID           `json:"delivery_id"`
	EventID     ekyc.ID           `json:"event_id"`
	Type        string            `json:"type"`
	To          string            `json:"to,omitempty"` // absent where it is no longer held
	WebhookID   ekyc.ID           `json:"webhook_id,omitempty"`
	Status      webhook.Status    `json:"status"`
	CreatedAt   time.Time         `json:"created_at"`
	DeliveredAt *time.Time        `json:"delivered_at,omitempty"`
	Body        json.RawMessage   `json:"body,omitempty"`
	Attempts    []DeliveryAttempt `json:"attempts"`
}

// DeliveryAttempt is one try.
type DeliveryAttempt struct {
	At         time.Time `json:"at"`
	StatusCode int       `json:"status_code,omitempty"`
	Failure    string    `json:"failure,omitempty"`
	Answer     string    `json:"answer,omitempty"`
}

// Entry is one of the audit log. With the salt, anybody can see that the record's commitment is to this subject.
type Entry struct {
	Record json.RawMessage `json:"record"`
	Index  *int64          `json:"index"`
	Salt   string          `json:"salt"` // in hex
}

// document writes subject.json.
func (x *export) document(ctx context.Context, d *writer) error {
	for _, part := range []func(context.Context, *writer) error{x.head, x.answers, x.consents, x.jobs, x.openCaptures, x.deliveries, x.mediaList, x.audited} {
		if err := part(ctx, d); err != nil {
			return err
		}
	}
	return d.end()
}

// head is everything of which there is one, or little.
func (x *export) head(ctx context.Context, d *writer) error {
	var known vault.Subject
	var held *vault.Hold
	var platformHold *time.Time
	var kept retention.Settings
	var templates []reference.Kept
	err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if known, err = x.Vault.GetSubject(ctx, tx, x.scope, x.subject); err != nil {
			return err
		}
		if held, err = x.Vault.HoldOf(ctx, tx, x.scope, x.subject); err != nil {
			return err
		}
		if platformHold, err = x.Vault.OperatorHoldSince(ctx, tx, x.scope, x.subject); err != nil {
			return err
		}
		if kept, err = x.Retention.Settings(ctx, tx, x.scope); err != nil {
			return err
		}
		templates, err = x.References.OfSubject(ctx, tx, x.scope, x.subject)
		return err
	})
	if err != nil {
		return err
	}
	subject := Subject{ID: known.ID, Ref: known.Ref, CreatedAt: known.CreatedAt.UTC()}
	if known.Reference != nil {
		subject.Reference, subject.ReferenceAt = known.Reference.ID, &known.Reference.CreatedAt
	}
	var hold *Hold
	if held != nil {
		hold = &Hold{held.Reason, held.KeyID, held.At}
	}
	days := map[retention.Class]int{}
	for _, class := range retention.Classes {
		days[class] = kept.Days(class)
	}
	for _, m := range []struct {
		name  string
		value any
	}{
		{"format", Format}, {"version", Version}, {"generated_at", time.Now().UTC()}, {"tenant_id", x.scope.Tenant}, {"environment", x.scope.Environment},
		{"subject", subject}, {"legal_hold", hold}, {"platform_hold_since", platformHold}, {"retention_days", days}, {"templates", templates},
	} {
		if err := d.member(m.name, m.value); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) answers(ctx context.Context, d *writer) error {
	return d.list("remembered_answers", func(add func(any) error) error {
		for after := []byte(nil); ; {
			var found []idempotency.Remembered
			err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				found, err = x.Answers.OfSubject(ctx, tx, x.scope, x.subject, after, page)
				return err
			})
			if err != nil {
				return err
			}
			for _, answer := range found {
				if err := add(answer); err != nil {
					return err
				}
			}
			if len(found) < page {
				return nil
			}
			after = found[len(found)-1].Cursor
		}
	})
}

func (x *export) consents(ctx context.Context, d *writer) error {
	return d.list("consents", func(add func(any) error) error {
		for after := ekyc.ID(""); ; {
			var records []consent.Record
			var next ekyc.ID
			err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				records, next, err = x.Consents.List(ctx, tx, x.scope, x.subject, page, after)
				return err
			})
			if err != nil {
				return err
			}
			for _, r := range records {
				out := Consent{r.ID, "given", r.Version, r.Language, r.Text, r.TextSHA256, r.Channel, r.At.UTC(), r.RecordedAt.UTC(), r.Job}
				if r.Withdrawn {
					out.Status = "withdrawn"
				}
				if err := add(out); err != nil {
					return err
				}
			}
			if next == "" {
				return nil
			}
			after = next
		}
	})
}

func (x *export) mediaList(ctx context.Context, d *writer) error {
	return d.list("media", func(add func(any) error) error {
		return x.media(ctx, func(m vault.Media) error {
			return add(Media{m.ID, m.Kind, m.Position, m.Job, m.Size, m.CreatedAt.UTC(), m.Expires, x.files[m.ID]})
		})
	})
}

func (x *export) deliveries(ctx context.Context, d *writer) error {
	return d.list("deliveries", func(add func(any) error) error {
		for after := ekyc.ID(""); ; {
			var ids []ekyc.ID
			err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				ids, err = x.Webhooks.OfSubject(ctx, tx, x.scope, x.subject, after, page)
				return err
			})
			if err != nil {
				return err
			}
			for _, id := range ids {
				detail, err := x.Webhooks.GetDelivery(ctx, x.scope, id)
				if ekyc.CodeOf(err) == ekyc.ErrNotFound { // its time was over
					continue
				}
				if err != nil {
					return err
				}
				if err := add(delivered(detail)); err != nil {
					return err
				}
			}
			if len(ids) < page {
				return nil
			}
			after = ids[len(ids)-1]
		}
	})
}

func delivered(w webhook.DeliveryDetail) Delivery {
	out := Delivery{
		ID: w.ID, EventID: w.Event, Type: w.Type, To: w.URL, WebhookID: w.Endpoint, Status: w.Status, CreatedAt: w.CreatedAt.UTC(), DeliveredAt: w.DeliveredAt,
		Body: json.RawMessage(w.Body), Attempts: []DeliveryAttempt{},
	}
	for _, a := range w.Log {
		out.Attempts = append(out.Attempts, DeliveryAttempt{a.At.UTC(), a.StatusCode, string(a.Failure), a.Body})
	}
	return out
}

// audited writes the entries of the audit log that concern the subject. Their salts are opened page by page, with the subject's key of that moment.
func (x *export) audited(ctx context.Context, d *writer) error {
	return d.list("audit", func(add func(any) error) error {
		var waiting []audit.Stored
		flush := func() error {
			var entries []Entry
			err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) error {
				entries = nil
				for _, stored := range waiting {
					salt, err := x.Vault.Open(ctx, tx, x.scope, x.subject, audit.SaltObject, stored.Sealed)
					if err != nil {
						return err
					}
					entries = append(entries, Entry{json.RawMessage(stored.Text), stored.Index, hex.EncodeToString(salt)})
				}
				return nil
			})
			if err != nil {
				return err
			}
			waiting = waiting[:0]
			for _, entry := range entries {
				if err := add(entry); err != nil {
					return err
				}
			}
			return nil
		}
		err := x.Audit.Query(ctx, x.scope, audit.Filter{Subject: x.subject}, func(stored audit.Stored) error {
			if stored.Environment != x.scope.Environment || len(stored.Sealed) == 0 {
				return nil
			}
			if waiting = append(waiting, stored); len(waiting) < page {
				return nil
			}
			return flush()
		})
		if err != nil || len(waiting) == 0 {
			return err
		}
		return flush()
	})
}
