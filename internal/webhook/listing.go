package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// deliveryRow is a row of webhook_delivery without what is sealed.
type deliveryRow struct {
	ID            ekyc.ID
	EventID       ekyc.ID
	EndpointID    *ekyc.ID
	Type          string
	Status        Status
	Attempts      int
	StatusCode    int
	Failure       Failure
	CreatedAt     time.Time
	NextAttemptAt *time.Time
	DeliveredAt   *time.Time
}

const deliveryColumns = `id, event_id, endpoint_id, type, status, attempts, status_code, failure, created_at, next_attempt_at, delivered_at`

func (r deliveryRow) delivery() Delivery {
	d := Delivery{
		ID: r.ID, Event: r.EventID, Type: r.Type, Status: r.Status, Attempts: r.Attempts, StatusCode: r.StatusCode, Failure: r.Failure,
		CreatedAt: r.CreatedAt, NextAttemptAt: r.NextAttemptAt, DeliveredAt: r.DeliveredAt,
	}
	if r.EndpointID != nil {
		d.Endpoint = *r.EndpointID
	}
	return d
}

// condition is a filter as SQL over the parameters from $first on, with their values.
func (f Filter) condition(first int) (string, []any) {
	var status *string
	if f.Status != "" {
		text := string(f.Status)
		status = &text
	}
	text := `($A = '' or endpoint_id = $A) and ($B::text is null or status = $B) and (not $C or status in ('retrying', 'dead'))
		and ($D = '' or type = $D) and ($E::timestamptz is null or created_at >= $E) and ($F::timestamptz is null or created_at < $F)`
	for i, letter := range "ABCDEF" {
		text = strings.ReplaceAll(text, "$"+string(letter), fmt.Sprintf("$%d", first+i))
	}
	return text, []any{string(f.Endpoint), status, f.Failed, f.Type, orNil(f.From), orNil(f.To)}
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ListDeliveries gives up to limit deliveries (1 to 200), newest first, after the cursor, and the cursor of what follows.
func (s *Service) ListDeliveries(ctx context.Context, scope ekyc.Scope, f Filter, limit int, after ekyc.ID) (list []Delivery, next ekyc.ID, err error) {
	limit = pageSize(limit)
	condition, values := f.condition(5)
	values = append([]any{scope.Tenant, scope.Environment, string(after), limit + 1}, values...)
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+deliveryColumns+` from webhook_delivery
			where tenant_id = $1 and environment = $2 and ($3 = '' or id < $3) and `+condition+` order by id desc limit $4`, values...)
		if err != nil {
			return fmt.Errorf("list webhook deliveries: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Delivery, error) {
			r, err := pgx.RowToStructByName[deliveryRow](row)
			return r.delivery(), err
		})
		if err != nil {
			return fmt.Errorf("list webhook deliveries: %w", err)
		}
		return nil
	})
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, err
}

// sealedRow is what a delivery carried.
type sealedRow struct {
	SubjectID   ekyc.ID
	Thin        bool
	Held        bool
	Body        []byte
	URL         []byte
	CallbackURL []byte
}

// GetDelivery gives one delivery with where it went, what it carried and what its attempts met. Errors: ErrNotFound.
func (s *Service) GetDelivery(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (detail DeliveryDetail, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		row, err := readDelivery(ctx, tx, scope, id, "")
		if err != nil {
			return err
		}
		detail = DeliveryDetail{Delivery: row.delivery()}
		rows, err := tx.Query(ctx, `select v.subject_id, coalesce(p.thin, false) as thin, `+stillHeld+` as held,
				case when p.thin then v.thin_body else v.body end as body, p.url, d.callback_url
			from webhook_delivery d join webhook_event v on v.tenant_id = d.tenant_id and v.environment = d.environment and v.id = d.event_id
			left join webhook_endpoint p on p.tenant_id = d.tenant_id and p.environment = d.environment and p.id = d.endpoint_id
			where d.tenant_id = $1 and d.environment = $2 and d.id = $3`, scope.Tenant, scope.Environment, id)
		if err != nil {
			return fmt.Errorf("read a webhook delivery: %w", err)
		}
		sealed, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[sealedRow])
		if err != nil {
			return fmt.Errorf("read a webhook delivery: %w", err)
		}
		if !sealed.Held {
			sealed.Body, sealed.CallbackURL = nil, nil
		}
		if err := s.openDetail(ctx, tx, scope, &detail, sealed); err != nil {
			return err
		}
		return s.readAttempts(ctx, tx, scope, &detail, sealed)
	})
	return detail, err
}

// readDelivery reads one row; the suffix can lock it. Errors: ErrNotFound.
func readDelivery(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, suffix string) (deliveryRow, error) {
	rows, err := tx.Query(ctx, `select `+deliveryColumns+` from webhook_delivery where tenant_id = $1 and environment = $2 and id = $3`+suffix,
		scope.Tenant, scope.Environment, id)
	if err != nil {
		return deliveryRow{}, fmt.Errorf("read a webhook delivery: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[deliveryRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return deliveryRow{}, ekyc.Errorf(ekyc.ErrNotFound, "there is no such delivery")
	}
	if err != nil {
		return deliveryRow{}, fmt.Errorf("read a webhook delivery: %w", err)
	}
	return row, nil
}

func (s *Service) openDetail(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d *DeliveryDetail, row sealedRow) (err error) {
	form := "/body"
	if row.Thin {
		form = "/thin"
	}
	if d.Body, err = s.openHeld(ctx, tx, scope, row.SubjectID, string(d.Event)+form, row.Body); err != nil {
		return err
	}
	var address []byte
	if d.Endpoint != "" {
		address, err = s.openHeld(ctx, tx, scope, "", string(d.Endpoint)+"/url", row.URL)
	} else {
		address, err = s.openHeld(ctx, tx, scope, row.SubjectID, string(d.ID)+"/url", row.CallbackURL)
	}
	d.URL = string(address)
	return err
}

// openHeld opens what is sealed; nothing where it is no longer held or its subject was erased.
func (s *Service) openHeld(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, object string, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	plain, err := s.vault.Open(ctx, tx, scope, subject, object, sealed)
	if ekyc.CodeOf(err) == ekyc.ErrGone {
		return nil, nil
	}
	return plain, err
}

func (s *Service) readAttempts(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, d *DeliveryDetail, of sealedRow) error {
	rows, err := tx.Query(ctx, `select number, at, status_code, failure, answer, duration_ms from webhook_attempt
		where tenant_id = $1 and environment = $2 and delivery_id = $3 order by number`, scope.Tenant, scope.Environment, d.ID)
	if err != nil {
		return fmt.Errorf("read webhook attempts: %w", err)
	}
	type attemptRow struct {
		Number     int
		At         time.Time
		StatusCode int
		Failure    Failure
		Answer     []byte
		DurationMS float64
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[attemptRow])
	if err != nil {
		return fmt.Errorf("read webhook attempts: %w", err)
	}
	for _, r := range found {
		if !of.Held {
			r.Answer = nil
		}
		answer, err := s.openHeld(ctx, tx, scope, of.SubjectID, answerObject(d.ID, r.Number), r.Answer)
		if err != nil {
			return err
		}
		d.Log = append(d.Log, Attempt{r.Number, r.At, r.StatusCode, r.Failure, strings.ToValidUTF8(string(answer), "\uFFFD"), r.DurationMS})
	}
	return nil
}

// DeadLetters gives up to limit dead deliveries of all tenants (1 to 200), newest first, after the cursor, and the cursor of what
// follows. They show nothing of what was carried, nor where to. Operators send one again by Resend in its scope.
func (s *Service) DeadLetters(ctx context.Context, f DeadLetterFilter, limit int, after ekyc.ID) (list []DeadLetter, next ekyc.ID, err error) {
	limit = pageSize(limit)
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select tenant_id, environment, `+deliveryColumns+` from webhook_delivery
			where status = 'dead' and ($1 = '' or id < $1) and ($3 = '' or tenant_id = $3) and ($4 = '' or environment = $4)
			and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at < $6) order by id desc limit $2`,
			string(after), limit+1, string(f.Tenant), string(f.Environment), orNil(f.From), orNil(f.To))
		if err != nil {
			return fmt.Errorf("list dead webhooks: %w", err)
		}
		type deadRow struct {
			TenantID    ekyc.ID
			Environment ekyc.Environment
			deliveryRow
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (DeadLetter, error) {
			r, err := pgx.RowToStructByName[deadRow](row)
			return DeadLetter{ekyc.Scope{Tenant: r.TenantID, Environment: r.Environment}, r.delivery()}, err
		})
		if err != nil {
			return fmt.Errorf("list dead webhooks: %w", err)
		}
		return nil
	})
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, err
}
