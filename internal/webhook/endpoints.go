package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	maxEndpoints   = 50  // of a tenant's environment: each event is sent to every one of them
	maxDescription = 500 // characters
	maxPage        = 200 // items of a list
)

// endpointRow is a row of webhook_endpoint, sealed.
type endpointRow struct {
	ID             ekyc.ID
	URL            []byte
	Description    []byte
	Types          []string
	Thin           bool
	PublicKey      *string
	DisabledReason *string
	DisabledAt     *time.Time
	FailingSince   *time.Time
	CreatedAt      time.Time
}

const endpointColumns = `id, url, description, types, thin, public_key, disabled_reason, disabled_at, failing_since, created_at`

// CreateEndpoint stores an endpoint and gives the secret that signs what is sent there; it is shown this once.
// Errors: ErrURLDenied, ErrInvalidArgument, ErrConflict when there are 50 already.
func (s *Service) CreateEndpoint(ctx context.Context, scope ekyc.Scope, in EndpointInput) (Endpoint, string, error) {
	if err := errors.Join(s.guard.checkURL(in.URL), checkTypes(in.Types), checkDescription(in.Description)); err != nil {
		return Endpoint{}, "", firstError(err)
	}
	var endpoint Endpoint
	var secret string
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := checkRoom(ctx, tx, scope); err != nil {
			return err
		}
		id := ekyc.NewID(ekyc.KindWebhook)
		if err := s.insertEndpoint(ctx, tx, scope, id, in); err != nil {
			return err
		}
		key := newSigningKey(versionHMAC)
		if _, err := s.insertKey(ctx, tx, scope, &id, key); err != nil {
			return err
		}
		if in.Ed25519 {
			if err := s.addKeyPair(ctx, tx, scope, id); err != nil {
				return err
			}
		}
		secret = key.text()
		row, err := readEndpoint(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		endpoint, err = s.openEndpoint(ctx, tx, scope, row)
		return err
	})
	if err != nil {
		return Endpoint{}, "", err
	}
	return endpoint, secret, nil
}

// firstError gives the first of joined errors: a client is told one thing at a time, with its code.
func firstError(err error) error {
	if e, ok := errors.AsType[*ekyc.Error](err); ok {
		return e
	}
	return err
}

func checkTypes(types []string) error {
	for i, t := range types {
		if !slices.Contains(Types, t) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no such type of event").With("field", "types").With("index", i)
		}
	}
	return nil
}

func checkDescription(text string) error {
	if utf8.RuneCountInString(text) > maxDescription || !utf8.ValidString(text) {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the description is longer than 500 characters").With("field", "description")
	}
	return nil
}

// checkRoom lets one creation of a scope count at a time.
func checkRoom(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) error {
	var n int
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('webhook_endpoint|' || $1 || '|' || $2, 0))`,
		string(scope.Tenant), string(scope.Environment))
	if err == nil {
		err = tx.QueryRow(ctx, `select count(*) from webhook_endpoint where tenant_id = $1 and environment = $2 and deleted_at is null`,
			scope.Tenant, scope.Environment).Scan(&n)
	}
	if err != nil {
		return fmt.Errorf("count webhook endpoints: %w", err)
	}
	if n >= maxEndpoints {
		return ekyc.Errorf(ekyc.ErrConflict, "there are %d webhook endpoints already, which is the most", maxEndpoints)
	}
	return nil
}

func (s *Service) insertEndpoint(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, in EndpointInput) error {
	address, description, err := s.sealEndpoint(ctx, tx, scope, id, in.URL, in.Description)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into webhook_endpoint (tenant_id, environment, id, url, description, types, thin) values ($1, $2, $3, $4, $5, $6, $7)`,
		scope.Tenant, scope.Environment, id, address, description, normalTypes(in.Types), in.Thin)
	if err != nil {
		return fmt.Errorf("store a webhook endpoint: %w", err)
	}
	return nil
}

// normalTypes sorts types and drops repetitions; never nil.
func normalTypes(types []string) []string {
	sorted := append([]string{}, types...)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// sealEndpoint seals what can name a person: paths and queries of addresses do.
func (s *Service) sealEndpoint(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, address, description string) (a, d []byte, err error) {
	if a, err = s.vault.Seal(ctx, tx, scope, "", string(id)+"/url", []byte(address)); err != nil {
		return nil, nil, err
	}
	if d, err = s.vault.Seal(ctx, tx, scope, "", string(id)+"/description", []byte(description)); err != nil {
		return nil, nil, err
	}
	return a, d, nil
}

func (s *Service) addKeyPair(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	pair := newSigningKey(versionEd25519)
	if _, err := s.insertKey(ctx, tx, scope, &id, pair); err != nil {
		return err
	}
	return setPublicKey(ctx, tx, scope, id, pair)
}

func setPublicKey(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, pair signingKey) error {
	_, err := tx.Exec(ctx, `update webhook_endpoint set public_key = $4 where tenant_id = $1 and environment = $2 and id = $3`,
		scope.Tenant, scope.Environment, id, pair.publicKey())
	if err != nil {
		return fmt.Errorf("store a webhook's public key: %w", err)
	}
	return nil
}

// lockEndpoint is readEndpoint that keeps others from changing the row.
func lockEndpoint(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (endpointRow, error) {
	_, err := tx.Exec(ctx, `select from webhook_endpoint where tenant_id = $1 and environment = $2 and id = $3 for no key update`,
		scope.Tenant, scope.Environment, id)
	if err != nil {
		return endpointRow{}, fmt.Errorf("lock a webhook endpoint: %w", err)
	}
	return readEndpoint(ctx, tx, scope, id)
}

// readEndpoint reads an endpoint that was not deleted. Errors: ErrNotFound.
func readEndpoint(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (endpointRow, error) {
	rows, err := tx.Query(ctx, `select `+endpointColumns+` from webhook_endpoint
		where tenant_id = $1 and environment = $2 and id = $3 and deleted_at is null`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return endpointRow{}, fmt.Errorf("read a webhook endpoint: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[endpointRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return endpointRow{}, ekyc.Errorf(ekyc.ErrNotFound, "there is no such webhook endpoint")
	}
	if err != nil {
		return endpointRow{}, fmt.Errorf("read a webhook endpoint: %w", err)
	}
	return row, nil
}

func (s *Service) openEndpoint(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, row endpointRow) (Endpoint, error) {
	address, err := s.vault.Open(ctx, tx, scope, "", string(row.ID)+"/url", row.URL)
	if err != nil {
		return Endpoint{}, err
	}
	description, err := s.vault.Open(ctx, tx, scope, "", string(row.ID)+"/description", row.Description)
	if err != nil {
		return Endpoint{}, err
	}
	return Endpoint{
		ID: row.ID, URL: string(address), Types: row.Types, Thin: row.Thin, Description: string(description), PublicKey: orEmpty(row.PublicKey),
		DisabledReason: orEmpty(row.DisabledReason), DisabledAt: row.DisabledAt, FailingSince: row.FailingSince, CreatedAt: row.CreatedAt,
	}, nil
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// GetEndpoint gives one endpoint. Errors: ErrNotFound.
func (s *Service) GetEndpoint(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (endpoint Endpoint, err error) {
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		row, err := readEndpoint(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		endpoint, err = s.openEndpoint(ctx, tx, scope, row)
		return err
	})
	return endpoint, err
}

// ListEndpoints gives up to limit endpoints (1 to 200), newest first, after the cursor, and the cursor of what follows.
func (s *Service) ListEndpoints(ctx context.Context, scope ekyc.Scope, limit int, after ekyc.ID) (list []Endpoint, next ekyc.ID, err error) {
	limit = pageSize(limit)
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		list, next = nil, ""
		rows, err := tx.Query(ctx, `select `+endpointColumns+` from webhook_endpoint
			where tenant_id = $1 and environment = $2 and deleted_at is null and ($3 = '' or id < $3) order by id desc limit $4`,
			scope.Tenant, scope.Environment, string(after), limit+1)
		if err != nil {
			return fmt.Errorf("list webhook endpoints: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[endpointRow])
		if err != nil {
			return fmt.Errorf("list webhook endpoints: %w", err)
		}
		if len(found) > limit {
			found = found[:limit]
			next = found[limit-1].ID
		}
		for _, row := range found {
			endpoint, err := s.openEndpoint(ctx, tx, scope, row)
			if err != nil {
				return err
			}
			list = append(list, endpoint)
		}
		return nil
	})
	return list, next, err
}

func pageSize(limit int) int { return min(max(limit, 1), maxPage) }

// UpdateEndpoint changes an endpoint. Disabling it lets its waiting deliveries die; they can be sent again.
// Errors: ErrNotFound, ErrURLDenied, ErrInvalidArgument.
func (s *Service) UpdateEndpoint(ctx context.Context, scope ekyc.Scope, id ekyc.ID, change EndpointUpdate) (endpoint Endpoint, err error) {
	if err := s.checkUpdate(change); err != nil {
		return Endpoint{}, err
	}
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		row, err := lockEndpoint(ctx, tx, scope, id)
		if err != nil {
			return err
		}
		if endpoint, err = s.openEndpoint(ctx, tx, scope, row); err != nil {
			return err
		}
		apply(&endpoint, change)
		return s.storeUpdate(ctx, tx, scope, &endpoint, change)
	})
	if err != nil {
		return Endpoint{}, err
	}
	return endpoint, nil
}

func (s *Service) checkUpdate(change EndpointUpdate) error {
	if change.URL != nil {
		if err := s.guard.checkURL(*change.URL); err != nil {
			return err
		}
	}
	if change.Types != nil {
		if err := checkTypes(*change.Types); err != nil {
			return err
		}
	}
	if change.Description != nil {
		return checkDescription(*change.Description)
	}
	return nil
}

func apply(e *Endpoint, change EndpointUpdate) {
	if change.URL != nil {
		e.URL = *change.URL
	}
	if change.Types != nil {
		e.Types = normalTypes(*change.Types)
	}
	if change.Thin != nil {
		e.Thin = *change.Thin
	}
	if change.Description != nil {
		e.Description = *change.Description
	}
}

func (s *Service) storeUpdate(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, e *Endpoint, change EndpointUpdate) error {
	address, description, err := s.sealEndpoint(ctx, tx, scope, e.ID, e.URL, e.Description)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update webhook_endpoint set url = $4, description = $5, types = $6, thin = $7
		where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, e.ID, address, description, e.Types, e.Thin)
	if err != nil {
		return fmt.Errorf("change a webhook endpoint: %w", err)
	}
	switch {
	case change.Enabled == nil:
		return nil
	case *change.Enabled:
		e.DisabledReason, e.DisabledAt, e.FailingSince = "", nil, nil
		return enable(ctx, tx, scope, e.ID)
	case e.DisabledAt != nil:
		return nil
	}
	at, err := disable(ctx, tx, scope, e.ID, reasonByTenant)
	e.DisabledReason, e.DisabledAt = reasonByTenant, at
	return err
}

// Why an endpoint is disabled.
const (
	reasonByTenant = "by_tenant"
	reasonGone     = "gone"
	reasonFailing  = "failing"
)

func enable(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	_, err := tx.Exec(ctx, `update webhook_endpoint set disabled_reason = null, disabled_at = null, failing_since = null
		where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return fmt.Errorf("enable a webhook endpoint: %w", err)
	}
	return nil
}

// disable ends deliveries to an endpoint; those that wait are dead. It gives the time, or nil when it was disabled before.
func disable(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, reason string) (*time.Time, error) {
	var at time.Time
	err := tx.QueryRow(ctx, `update webhook_endpoint set disabled_reason = $4, disabled_at = now()
		where tenant_id = $1 and environment = $2 and id = $3 and disabled_at is null and deleted_at is null returning disabled_at`,
		scope.Tenant, scope.Environment, id, reason).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("disable a webhook endpoint: %w", err)
	}
	return &at, buryWaiting(ctx, tx, scope, id)
}

// buryWaiting lets an endpoint's waiting deliveries die. One that is being attempted learns of it when its attempt is recorded.
func buryWaiting(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	_, err := tx.Exec(ctx, `update webhook_delivery set status = 'dead', failure = $4, next_attempt_at = null
		where tenant_id = $1 and environment = $2 and endpoint_id = $3 and next_attempt_at is not null
		and (lease_until is null or lease_until < clock_timestamp())`, scope.Tenant, scope.Environment, id, FailureDisabled)
	if err != nil {
		return fmt.Errorf("end deliveries to a webhook endpoint: %w", err)
	}
	return nil
}

// DeleteEndpoint removes an endpoint with its secrets. What was sent there stays listed until its time is over. Errors: ErrNotFound.
func (s *Service) DeleteEndpoint(ctx context.Context, scope ekyc.Scope, id ekyc.ID) error {
	return s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update webhook_endpoint set url = null, description = null, deleted_at = now()
			where tenant_id = $1 and environment = $2 and id = $3 and deleted_at is null`, scope.Tenant, scope.Environment, id)
		if err != nil {
			return fmt.Errorf("delete a webhook endpoint: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ekyc.Errorf(ekyc.ErrNotFound, "there is no such webhook endpoint")
		}
		if err := destroyKeys(ctx, tx, scope, id); err != nil {
			return err
		}
		return buryWaiting(ctx, tx, scope, id)
	})
}
