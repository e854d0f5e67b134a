package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/webhook"
)

// EndpointAnswer is an address for events, without its secret.
type EndpointAnswer struct {
	ID             ekyc.ID    `json:"webhook_id"`
	URL            string     `json:"url"`
	Types          []string   `json:"types" doc:"Empty: all."`
	Thin           bool       `json:"thin" doc:"Events come without personal data."`
	Description    string     `json:"description"`
	PublicKey      string     `json:"public_key,omitempty" doc:"Verifies the v1a signatures; absent where the endpoint has none."`
	Enabled        bool       `json:"enabled"`
	DisabledReason string     `json:"disabled_reason,omitempty" enum:"by_tenant,gone,failing"`
	DisabledAt     *time.Time `json:"disabled_at,omitempty"`
	FailingSince   *time.Time `json:"failing_since,omitempty"`
	CreatedAt      time.Time  `json:"created_at"`
}

func endpointAnswer(e webhook.Endpoint) EndpointAnswer {
	return EndpointAnswer{
		ID: e.ID, URL: e.URL, Types: orEmpty(e.Types), Thin: e.Thin, Description: e.Description, PublicKey: e.PublicKey, Enabled: e.DisabledReason == "",
		DisabledReason: e.DisabledReason, DisabledAt: e.DisabledAt, FailingSince: e.FailingSince, CreatedAt: e.CreatedAt,
	}
}

// NewEndpointAnswer shows the secret, once.
type NewEndpointAnswer struct {
	EndpointAnswer
	Secret string `json:"secret" doc:"Shown this once; whsec_ and base64, as Standard Webhooks has it."`
}

// EndpointBody describes an endpoint to be made.
type EndpointBody struct {
	URL         string   `json:"url" minLength:"1" maxLength:"2048" doc:"https, and a public address."`
	Types       []string `json:"types,omitempty" maxItems:"20" doc:"All unless given."`
	Thin        bool     `json:"thin,omitempty"`
	Description string   `json:"description,omitempty" maxLength:"200"`
	Ed25519     bool     `json:"ed25519,omitempty" doc:"Sign with Ed25519 (v1a) too."`
}

// EndpointPatch changes what is given.
type EndpointPatch struct {
	URL         *string   `json:"url,omitempty" minLength:"1" maxLength:"2048"`
	Types       *[]string `json:"types,omitempty" maxItems:"20"`
	Thin        *bool     `json:"thin,omitempty"`
	Description *string   `json:"description,omitempty" maxLength:"200"`
	Enabled     *bool     `json:"enabled,omitempty" doc:"true enables again what was disabled, whatever the reason."`
}

// EndpointList is a page of endpoints.
type EndpointList struct {
	Webhooks  []EndpointAnswer `json:"webhooks"`
	NextAfter ekyc.ID          `json:"next_after" doc:"Empty at the end."`
}

// SecretAnswer shows a secret.
type SecretAnswer struct {
	Secret string `json:"secret" doc:"Shown this once; whsec_ and base64, as Standard Webhooks has it."`
}

// DeliveryIDAnswer names a delivery.
type DeliveryIDAnswer struct {
	DeliveryID ekyc.ID `json:"delivery_id"`
}

// DeliveryAnswer is one event on its way to one receiver.
type DeliveryAnswer struct {
	ID            ekyc.ID         `json:"delivery_id"`
	EventID       ekyc.ID         `json:"event_id"`
	WebhookID     ekyc.ID         `json:"webhook_id,omitempty" doc:"Absent for a callback_url."`
	Type          string          `json:"type"`
	Status        webhook.Status  `json:"status" enum:"pending,retrying,delivered,dead"`
	Attempts      int             `json:"attempts"`
	StatusCode    int             `json:"status_code,omitempty" doc:"Of the last attempt; absent where there was no answer."`
	Failure       webhook.Failure `json:"failure,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	NextAttemptAt *time.Time      `json:"next_attempt_at,omitempty"`
	DeliveredAt   *time.Time      `json:"delivered_at,omitempty"`
}

func deliveryAnswer(d webhook.Delivery) DeliveryAnswer {
	return DeliveryAnswer{
		ID: d.ID, EventID: d.Event, WebhookID: d.Endpoint, Type: d.Type, Status: d.Status, Attempts: d.Attempts, StatusCode: d.StatusCode,
		Failure: d.Failure, CreatedAt: d.CreatedAt, NextAttemptAt: d.NextAttemptAt, DeliveredAt: d.DeliveredAt,
	}
}

// DeliveryDetailAnswer is a delivery with what it carried and met.
type DeliveryDetailAnswer struct {
	DeliveryAnswer
	URL  string          `json:"url,omitempty"`
	Body string          `json:"body,omitempty" doc:"As it was signed and sent; absent once it is no longer held."`
	Log  []AttemptAnswer `json:"log"`
}

// AttemptAnswer is what one try met.
type AttemptAnswer struct {
	Number     int             `json:"number"`
	At         time.Time       `json:"at"`
	StatusCode int             `json:"status_code,omitempty"`
	Failure    webhook.Failure `json:"failure,omitempty"`
	Body       string          `json:"body,omitempty" doc:"Of the receiver's answer, its first 4 KiB."`
	DurationMS float64         `json:"duration_ms"`
}

// DeliveryList is a page of deliveries.
type DeliveryList struct {
	Deliveries []DeliveryAnswer `json:"deliveries"`
	NextAfter  ekyc.ID          `json:"next_after" doc:"Empty at the end."`
}

// ResendBody chooses deliveries to send again.
type ResendBody struct {
	WebhookID string     `json:"webhook_id,omitempty" maxLength:"64"`
	Failed    bool       `json:"failed,omitempty" doc:"Only those that are retrying or dead."`
	Type      string     `json:"type,omitempty" maxLength:"40"`
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty"`
}

// ResendAnswer counts.
type ResendAnswer struct {
	Resent int `json:"resent"`
}

// SecretOverlapBody says how long the older secret goes on signing beside the new one.
type SecretOverlapBody struct {
	OverlapSeconds int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" doc:"At once unless given."`
}

func (b *SecretOverlapBody) overlap() time.Duration {
	return time.Duration(b.OverlapSeconds) * time.Second
}

type webhookParams struct {
	ID string `path:"id" maxLength:"64" doc:"The endpoint."`
}

type deliveryParams struct {
	ID string `path:"id" maxLength:"64" doc:"The delivery."`
}

type deliveryListParams struct {
	Page
	Span
	WebhookID string `query:"webhook_id" maxLength:"64"`
	Status    string `query:"status" enum:"pending,retrying,delivered,dead"`
	Type      string `query:"type" maxLength:"40"`
	Failed    bool   `query:"failed" doc:"Only those that are retrying or dead."`
}

func (s *Server) webhookRoutes(f *surface) {
	missing := []ekyc.ErrorCode{ekyc.ErrNotFound}
	handle(f, route{method: http.MethodGet, path: "/webhooks", id: "webhooks-list", tag: "webhooks", scope: "admin", summary: "List endpoints"}, s.listWebhooks)
	handle(f, route{method: http.MethodPost, path: "/webhooks", id: "webhooks-create", tag: "webhooks", scope: "admin", status: http.StatusCreated, summary: "Add an endpoint",
		description: "The secret is shown this once.", errors: []ekyc.ErrorCode{ekyc.ErrURLDenied, ekyc.ErrConflict}}, s.createWebhook)
	handle(f, route{method: http.MethodGet, path: "/webhooks/{id}", id: "webhooks-get", tag: "webhooks", scope: "admin", summary: "Look at an endpoint", errors: missing}, s.getWebhook)
	handle(f, route{method: http.MethodPatch, path: "/webhooks/{id}", id: "webhooks-update", tag: "webhooks", scope: "admin", summary: "Change an endpoint", errors: missing}, s.updateWebhook)
	handle(f, route{method: http.MethodDelete, path: "/webhooks/{id}", id: "webhooks-delete", tag: "webhooks", scope: "admin", status: http.StatusNoContent, summary: "Remove an endpoint", errors: missing}, s.deleteWebhook)
	handle(f, route{method: http.MethodPost, path: "/webhooks/{id}/rotate", id: "webhooks-rotate", tag: "webhooks", scope: "admin", summary: "Give an endpoint another secret",
		description: "During the overlap each delivery carries a signature by either.", errors: missing}, s.rotateWebhook)
	handle(f, route{method: http.MethodPost, path: "/webhooks/{id}/ping", id: "webhooks-ping", tag: "webhooks", scope: "admin", status: http.StatusAccepted, summary: "Send a test event", errors: append(missing, ekyc.ErrConflict)}, s.pingWebhook)
	handle(f, route{method: http.MethodPost, path: "/webhooks/default-secret/rotate", id: "webhooks-default-rotate", tag: "webhooks", scope: "admin",
		summary: "Give callbacks another secret", description: "The secret that signs what goes to a callback_url."}, s.rotateDefault)
	handle(f, route{method: http.MethodPost, path: "/webhooks/resend", id: "webhooks-resend-many", tag: "webhooks", scope: "admin", status: http.StatusAccepted, summary: "Send deliveries again, by time or all that failed"}, s.resendMany)
	handle(f, route{method: http.MethodGet, path: "/webhooks/deliveries", id: "deliveries-list", tag: "webhooks", scope: "admin", summary: "List deliveries"}, s.listDeliveries)
	handle(f, route{method: http.MethodGet, path: "/webhooks/deliveries/{id}", id: "deliveries-get", tag: "webhooks", scope: "admin", summary: "Look at a delivery and its attempts", errors: missing}, s.getDelivery)
	handle(f, route{method: http.MethodPost, path: "/webhooks/deliveries/{id}/resend", id: "deliveries-resend", tag: "webhooks", scope: "admin", status: http.StatusAccepted, summary: "Send a delivery again", errors: append(missing, ekyc.ErrGone)}, s.resendDelivery)
}

func (s *Server) listWebhooks(ctx context.Context, call *Call, p *Page, _ *none) (*EndpointList, error) {
	after, err := p.cursor(ekyc.KindWebhook)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Webhooks.ListEndpoints(ctx, call.Scope, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &EndpointList{Webhooks: []EndpointAnswer{}, NextAfter: next}
	for _, e := range list {
		out.Webhooks = append(out.Webhooks, endpointAnswer(e))
	}
	return out, nil
}

func (s *Server) createWebhook(ctx context.Context, call *Call, _ *none, b *EndpointBody) (*NewEndpointAnswer, error) {
	return atOnce(ctx, s, call, http.StatusCreated, func(ctx context.Context) (*NewEndpointAnswer, error) {
		return entered(ctx, s, call.Scope, func(ctx context.Context) (*NewEndpointAnswer, audit.Entry, error) {
			e, secret, err := s.Webhooks.CreateEndpoint(ctx, call.Scope, webhook.EndpointInput(*b))
			return &NewEndpointAnswer{endpointAnswer(e), secret}, audit.Entry{Action: audit.WebhookCreate, Scope: call.Scope, Objects: []ekyc.ID{e.ID}}, err
		})
	})
}

func (s *Server) getWebhook(ctx context.Context, call *Call, p *webhookParams, _ *none) (*EndpointAnswer, error) {
	return withID(ekyc.KindWebhook, p.ID, func(id ekyc.ID) (*EndpointAnswer, error) {
		e, err := s.Webhooks.GetEndpoint(ctx, call.Scope, id)
		out := endpointAnswer(e)
		return &out, err
	})
}

// withID runs act with a well-formed identifier; any other cannot exist.
func withID[O any](kind ekyc.Kind, text string, act func(ekyc.ID) (*O, error)) (*O, error) {
	id, err := ekyc.ParseID(kind, text)
	if err != nil {
		return nil, err
	}
	out, err := act(id)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Server) updateWebhook(ctx context.Context, call *Call, p *webhookParams, b *EndpointPatch) (*EndpointAnswer, error) {
	return withID(ekyc.KindWebhook, p.ID, func(id ekyc.ID) (*EndpointAnswer, error) {
		e, err := entered(ctx, s, call.Scope, func(ctx context.Context) (webhook.Endpoint, audit.Entry, error) {
			e, err := s.Webhooks.UpdateEndpoint(ctx, call.Scope, id, webhook.EndpointUpdate(*b))
			changed := given(map[string]bool{"url": b.URL != nil, "types": b.Types != nil, "thin": b.Thin != nil, "description": b.Description != nil, "enabled": b.Enabled != nil})
			return e, audit.Entry{Action: audit.WebhookUpdate, Scope: call.Scope, Objects: []ekyc.ID{id}, Details: audit.Details{audit.Changed: changed}}, err
		})
		out := endpointAnswer(e)
		return &out, err
	})
}

func (s *Server) deleteWebhook(ctx context.Context, call *Call, p *webhookParams, _ *none) (*none, error) {
	return withID(ekyc.KindWebhook, p.ID, func(id ekyc.ID) (*none, error) {
		return entered(ctx, s, call.Scope, func(ctx context.Context) (*none, audit.Entry, error) {
			return &none{}, audit.Entry{Action: audit.WebhookDelete, Scope: call.Scope, Objects: []ekyc.ID{id}}, s.Webhooks.DeleteEndpoint(ctx, call.Scope, id)
		})
	})
}

func (s *Server) rotateWebhook(ctx context.Context, call *Call, p *webhookParams, b *SecretOverlapBody) (*SecretAnswer, error) {
	return withID(ekyc.KindWebhook, p.ID, func(id ekyc.ID) (*SecretAnswer, error) {
		return atOnce(ctx, s, call, http.StatusOK, func(ctx context.Context) (*SecretAnswer, error) {
			return s.rotateSecret(ctx, call.Scope, b, []ekyc.ID{id}, func(ctx context.Context) (string, error) {
				return s.Webhooks.RotateSecret(ctx, call.Scope, id, b.overlap())
			})
		})
	})
}

func (s *Server) pingWebhook(ctx context.Context, call *Call, p *webhookParams, _ *none) (*DeliveryIDAnswer, error) {
	return withID(ekyc.KindWebhook, p.ID, func(id ekyc.ID) (*DeliveryIDAnswer, error) {
		delivery, err := s.Webhooks.Ping(ctx, call.Scope, id)
		return &DeliveryIDAnswer{delivery}, err
	})
}

func (s *Server) rotateDefault(ctx context.Context, call *Call, _ *none, b *SecretOverlapBody) (*SecretAnswer, error) {
	return atOnce(ctx, s, call, http.StatusOK, func(ctx context.Context) (*SecretAnswer, error) {
		return s.rotateSecret(ctx, call.Scope, b, nil, func(ctx context.Context) (string, error) {
			return s.Webhooks.RotateDefaultSecret(ctx, call.Scope, b.overlap())
		})
	})
}

// rotateSecret enters the rotation of an endpoint's secret, or of the default one without an object.
func (s *Server) rotateSecret(ctx context.Context, scope ekyc.Scope, b *SecretOverlapBody, objects []ekyc.ID, rotate func(context.Context) (string, error)) (*SecretAnswer, error) {
	return entered(ctx, s, scope, func(ctx context.Context) (*SecretAnswer, audit.Entry, error) {
		secret, err := rotate(ctx)
		details := audit.Details{audit.OverlapSeconds: strconv.Itoa(b.OverlapSeconds)}
		return &SecretAnswer{secret}, audit.Entry{Action: audit.WebhookRotate, Scope: scope, Objects: objects, Details: details}, err
	})
}

func (b *ResendBody) problems() (found []FieldProblem) {
	if b.WebhookID != "" && !ekyc.ID(b.WebhookID).Is(ekyc.KindWebhook) {
		found = append(found, FieldProblem{"/webhook_id", "is not the identifier of an endpoint"})
	}
	if b.Type != "" && !slices.Contains(webhook.Types, b.Type) {
		found = append(found, FieldProblem{"/type", "is not a type of event"})
	}
	return found
}

func (s *Server) resendMany(ctx context.Context, call *Call, _ *none, b *ResendBody) (*ResendAnswer, error) {
	f := webhook.Filter{Endpoint: ekyc.ID(b.WebhookID), Failed: b.Failed, Type: b.Type}
	if b.From != nil {
		f.From = *b.From
	}
	if b.To != nil {
		f.To = *b.To
	}
	if !f.Failed && f.From.IsZero() {
		return nil, refuseFields([]FieldProblem{{"/failed", "or a time from which on is needed"}})
	}
	n, err := s.Webhooks.ResendMany(ctx, call.Scope, f)
	return &ResendAnswer{n}, err
}

func (s *Server) listDeliveries(ctx context.Context, call *Call, p *deliveryListParams, _ *none) (*DeliveryList, error) {
	after, err := p.cursor(ekyc.KindDelivery)
	if err != nil {
		return nil, err
	}
	f := webhook.Filter{Endpoint: ekyc.ID(p.WebhookID), Status: webhook.Status(p.Status), Failed: p.Failed, Type: p.Type, From: p.From, To: p.To}
	list, next, err := s.Webhooks.ListDeliveries(ctx, call.Scope, f, p.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &DeliveryList{Deliveries: []DeliveryAnswer{}, NextAfter: next}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, deliveryAnswer(d))
	}
	return out, nil
}

func (s *Server) getDelivery(ctx context.Context, call *Call, p *deliveryParams, _ *none) (*DeliveryDetailAnswer, error) {
	return withID(ekyc.KindDelivery, p.ID, func(id ekyc.ID) (*DeliveryDetailAnswer, error) {
		d, err := s.Webhooks.GetDelivery(ctx, call.Scope, id)
		if err != nil {
			return nil, err
		}
		out := &DeliveryDetailAnswer{DeliveryAnswer: deliveryAnswer(d.Delivery), URL: d.URL, Body: string(json.RawMessage(d.Body)), Log: []AttemptAnswer{}}
		for _, a := range d.Log {
			out.Log = append(out.Log, AttemptAnswer(a))
		}
		return out, nil
	})
}

func (s *Server) resendDelivery(ctx context.Context, call *Call, p *deliveryParams, _ *none) (*DeliveryIDAnswer, error) {
	return withID(ekyc.KindDelivery, p.ID, func(id ekyc.ID) (*DeliveryIDAnswer, error) {
		return &DeliveryIDAnswer{id}, s.Webhooks.Resend(ctx, call.Scope, id)
	})
}
