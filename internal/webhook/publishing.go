package webhook

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/queue"
)

const defaultKeepFor = 30 * 24 * time.Hour

// message is the body of a webhook. The order of its members is the contract's.
type message struct {
	Type      string    `json:"type"`
	ID        ekyc.ID   `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	Data      any       `json:"data"`
}

// Publish stores an event with a delivery for each endpoint that wants its type, and for the callback, in the caller's transaction;
// workers wake when it commits. An event that nobody wants, or that was published before, leaves nothing. It gives the event's id.
// Errors: ErrInvalidArgument for an unknown type, ErrGone when the subject was erased.
func (s *Service) Publish(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, e Event) (ekyc.ID, error) {
	if err := checkTypes([]string{e.Type}); err != nil {
		return "", err
	}
	if e.ID == "" {
		e.ID = ekyc.NewID(ekyc.KindEvent)
	}
	endpoints, err := subscribers(ctx, tx, scope, e.Type)
	if err != nil {
		return "", err
	}
	targets := make([]target, 0, len(endpoints)+1)
	for _, id := range endpoints {
		targets = append(targets, target{delivery: ekyc.NewID(ekyc.KindDelivery), endpoint: &id})
	}
	if e.CallbackURL != "" {
		host, err := s.hostOf(ctx, tx, scope, e.CallbackURL)
		if err != nil {
			return "", err
		}
		targets = append(targets, target{delivery: ekyc.NewID(ekyc.KindDelivery), callback: e.CallbackURL, host: &host})
	}
	_, err = s.send(ctx, tx, scope, e, targets)
	return e.ID, err
}

// target is a delivery to be made: to an endpoint or to a callback.
type target struct {
	delivery ekyc.ID
	endpoint *ekyc.ID
	callback string
	host     *string // of the callback, as a keyed hash
}

// hostOf is the host of a callback as a keyed hash: it tells one receiver from another and nobody who they are.
func (s *Service) hostOf(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, callback string) (string, error) {
	host := ""
	if u, err := url.Parse(callback); err == nil { // what is no address is not delivered to
		host = strings.ToLower(u.Host)
	}
	sum, err := s.vault.Hash(ctx, tx, scope, "webhook/callback-host", host)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum), nil
}

// subscribers are the endpoints that want a type, in the order of their making.
func subscribers(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, eventType string) ([]ekyc.ID, error) {
	rows, err := tx.Query(ctx, `select id from webhook_endpoint where tenant_id = $1 and environment = $2
		and deleted_at is null and disabled_at is null and (cardinality(types) = 0 or $3 = any(types)) order by id`,
		scope.Tenant, scope.Environment, eventType)
	if err != nil {
		return nil, fmt.Errorf("find webhook endpoints: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err != nil {
		return nil, fmt.Errorf("find webhook endpoints: %w", err)
	}
	return ids, nil
}

// send stores the event and its deliveries and wakes workers. It is false when the event was published before.
func (s *Service) send(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, e Event, targets []target) (bool, error) {
	if len(targets) == 0 {
		return false, nil
	}
	if stored, err := s.insertEvent(ctx, tx, scope, e); err != nil || !stored {
		return false, err
	}
	if err := s.insertDeliveries(ctx, tx, scope, e, targets); err != nil {
		return false, err
	}
	jobs := make([]wakeArgs, len(targets))
	for i, t := range targets {
		jobs[i] = wakeArgs{scope.Tenant, scope.Environment, t.delivery, t.endpoint, t.host}
	}
	return true, s.wake(ctx, tx, jobs)
}

func (s *Service) insertEvent(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, e Event) (bool, error) {
	keep := s.options.KeepFor
	if e.KeepFor > 0 {
		keep = min(keep, e.KeepFor)
	}
	full, thin, err := bodies(e, time.Now().UTC().Truncate(time.Millisecond))
	if err != nil {
		return false, err
	}
	if full, err = s.vault.Seal(ctx, tx, scope, e.Subject, string(e.ID)+"/body", full); err != nil {
		return false, err
	}
	if thin, err = s.vault.Seal(ctx, tx, scope, e.Subject, string(e.ID)+"/thin", thin); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `insert into webhook_event (tenant_id, environment, id, type, subject_id, body, thin_body, drop_at, trace_parent)
		values ($1, $2, $3, $4, $5, $6, $7, now() + $8::interval, $9) on conflict do nothing`,
		scope.Tenant, scope.Environment, e.ID, e.Type, e.Subject, full, thin, keep, s.trace(ctx))
	if err != nil {
		return false, fmt.Errorf("store a webhook event: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// longestTrace bounds what is kept of a trace: a parent of W3C has 55 characters.
const longestTrace = 100

// trace is that of the context, "" where there is none.
func (s *Service) trace(ctx context.Context) string {
	if s.options.TraceParent == nil {
		return ""
	}
	if parent := s.options.TraceParent(ctx); len(parent) <= longestTrace {
		return parent
	}
	return ""
}

// bodies are the event's two forms, as they will be signed and sent.
func bodies(e Event, at time.Time) (full, thin []byte, err error) {
	if e.Thin == nil {
		e.Thin = struct{}{}
	}
	if full, err = encode(message{e.Type, e.ID, at, e.Data}); err != nil {
		return nil, nil, err
	}
	thin, err = encode(message{e.Type, e.ID, at, e.Thin})
	return full, thin, err
}

func encode(m message) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // it is not for a page
	if err := encoder.Encode(m); err != nil {
		return nil, errors.New("the data of a webhook cannot be written as JSON") // json's own error can quote a value
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (s *Service) insertDeliveries(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, e Event, targets []target) error {
	batch := &pgx.Batch{}
	for _, t := range targets {
		var sealed []byte
		if t.endpoint == nil {
			if _, _, err := s.ensureDefault(ctx, tx, scope); err != nil {
				return err
			}
			var err error
			if sealed, err = s.vault.Seal(ctx, tx, scope, e.Subject, string(t.delivery)+"/url", []byte(t.callback)); err != nil {
				return err
			}
		}
		batch.Queue(`insert into webhook_delivery (tenant_id, environment, id, event_id, endpoint_id, callback_url, callback_host, type)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, scope.Tenant, scope.Environment, t.delivery, e.ID, t.endpoint, sealed, t.host, e.Type)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store webhook deliveries: %w", err)
	}
	return nil
}

// wakeArgs wake a worker for one delivery. They hold identifiers and a keyed hash only.
type wakeArgs struct {
	Tenant      ekyc.ID          `json:"tenant_id"`
	Environment ekyc.Environment `json:"environment"`
	Delivery    ekyc.ID          `json:"delivery_id"`
	Endpoint    *ekyc.ID         `json:"endpoint_id"` // null: a callback
	Host        *string          `json:"callback_host"`
}

// destination names the receiver: an endpoint, or the host of a callback.
func (a wakeArgs) destination() string {
	switch {
	case a.Endpoint != nil:
		return string(*a.Endpoint)
	case a.Host != nil:
		return string(a.Tenant) + "/" + *a.Host
	}
	return string(a.Tenant) + "/" + string(a.Environment)
}

// Kind names the job in the queue.
func (wakeArgs) Kind() string { return "webhook_delivery" }

// wake inserts jobs that wake workers.
func (s *Service) wake(ctx context.Context, tx pgx.Tx, deliveries []wakeArgs) error {
	return queue.Add(ctx, tx, s.queue, queue.Webhooks, river.InsertOpts{}, deliveries...)
}

// Ping sends a test event to one endpoint and gives its delivery. Errors: ErrNotFound; ErrConflict when the endpoint is disabled.
func (s *Service) Ping(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (ekyc.ID, error) {
	delivery := ekyc.NewID(ekyc.KindDelivery)
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		row, err := readEndpoint(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		if row.DisabledAt != nil {
			return ekyc.Errorf(ekyc.ErrConflict, "the webhook endpoint is disabled")
		}
		data := map[string]any{"endpoint_id": id}
		e := Event{ID: ekyc.NewID(ekyc.KindEvent), Type: PingType, Data: data, Thin: data}
		_, err = s.send(ctx, tx, scope, e, []target{{delivery: delivery, endpoint: &id}})
		return err
	})
	if err != nil {
		return "", err
	}
	return delivery, nil
}
