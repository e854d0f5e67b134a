// Package capture keeps links to the hosted capture page, on which a person takes the pictures of a verification.
//
// The token of a link is all that its page needs and is shown once; only its hash is stored. A link is claimed in the transaction that makes
// its verification, so that of any number of submissions one becomes a job. What was asked for (it can name the person) is sealed, and
// dropped when the link is used or has run out.
package capture

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the package's table.
var Migrations = store.Migrations{Package: "capture", Files: migrationFiles, Directory: "migrations"}

const (
	// DefaultLife is how long a link can be used unless it is said otherwise, LongestLife the most that can be said.
	DefaultLife  = 15 * time.Minute
	LongestLife  = 24 * time.Hour
	ShortestLife = time.Minute // a person needs about one

	// mostAttempts bounds how often pictures may be sent through one link, with room for retakes and broken connections.
	mostAttempts = 30
	// kept is how long a link stays listed after it was made, as deliveries of webhooks do.
	kept       = 30 * 24 * time.Hour
	sweepBatch = 1000

	tokenBytes = 32
)

// State is what has become of a link.
type State string

// The states. Only an open link can be used.
const (
	Open    State = "open"
	Used    State = "used"
	Expired State = "expired"
)

// Consent is what the person agreed to on the page.
type Consent struct {
	Version  string    `json:"version"`  // of the text
	Language string    `json:"language"` // in which it was read
	Text     string    `json:"text"`     // as it was read
	At       time.Time `json:"at"`       // by the service's clock
}

// Capture is one link.
type Capture struct {
	ID        ekyc.ID
	Scope     ekyc.Scope
	KeyID     string // of the API key that asked for it
	State     State
	Job       ekyc.ID // of a used link
	Consent   *Consent
	Challenge ekyc.ID // the last that the page was given; "" for none
	Request   []byte  // what was asked for, as it was given to Create; nil unless the link is open
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// Service makes links and finds them. It is safe for concurrent use, and exact over any number of processes on one database.
type Service struct {
	db    *store.DB
	vault *vault.Vault
}

// New makes a service.
func New(db *store.DB, v *vault.Vault) *Service { return &Service{db: db, vault: v} }

// Names of the sealed parts, bound into their encryption.
func requestOf(id ekyc.ID) string { return string(id) + "/request" }
func consentOf(id ekyc.ID) string { return string(id) + "/consent" }

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Create makes a link and gives its token, which cannot be had again. The request is kept as it is for the page.
func (s *Service) Create(ctx context.Context, scope ekyc.Scope, keyID string, request []byte, life time.Duration) (Capture, string, error) {
	secret := make([]byte, tokenBytes)
	rand.Read(secret) // never fails, by its documentation
	token := base64.RawURLEncoding.EncodeToString(secret)
	c := Capture{ID: ekyc.NewID(ekyc.KindCapture), Scope: scope, KeyID: keyID, State: Open, Request: request}
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		sealed, err := s.vault.Seal(ctx, tx, scope, "", requestOf(c.ID), request)
		if err != nil {
			return err
		}
		ref, err := s.refHash(ctx, tx, scope, request)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `insert into capture (tenant_id, environment, id, token_hash, key_id, request, ref_hash, created_at, expires_at)
			select $1, $2, $3, $4, $5, $6, $7, now, now + make_interval(secs => $8) from clock_timestamp() now returning created_at, expires_at`,
			scope.Tenant, scope.Environment, c.ID, hashOf(token), keyID, sealed, ref, life.Seconds()).Scan(&c.CreatedAt, &c.ExpiresAt)
		if err != nil {
			return fmt.Errorf("make a link: %w", err)
		}
		return nil
	})
	return c, token, err
}

// row is a link as the table has it.
type row struct {
	TenantID    ekyc.ID          `db:"tenant_id"`
	Environment ekyc.Environment `db:"environment"`
	ID          ekyc.ID          `db:"id"`
	KeyID       string           `db:"key_id"`
	Request     []byte           `db:"request"`
	Consent     []byte           `db:"consent"`
	State       State            `db:"state"`
	JobID       *ekyc.ID         `db:"job_id"`
	SubjectID   *ekyc.ID         `db:"subject_id"`
	Challenge   *ekyc.ID         `db:"challenge"`
	CreatedAt   time.Time        `db:"created_at"`
	ExpiresAt   time.Time        `db:"expires_at"`
	UsedAt      *time.Time       `db:"used_at"`
}

// columns are those of row. A link that has run out is expired, whether the sweep has come by or not.
const columns = `tenant_id, environment, id, key_id, request, consent, job_id, subject_id, challenge, created_at, expires_at, used_at,
	case when state = 'open' and expires_at <= clock_timestamp() then 'expired' else state end as state`

// Get gives a link of the tenant. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, scope ekyc.Scope, id ekyc.ID) (Capture, error) {
	var c Capture
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+columns+` from capture where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id)
		if err != nil {
			return fmt.Errorf("read a link: %w", err)
		}
		r, err := one(rows)
		if err != nil {
			return err
		}
		c, err = s.open(ctx, tx, r)
		return err
	})
	return c, err
}

// Find gives the link of a token, in whatever state it is; whose it is follows from the link. Errors: ErrNotFound.
func (s *Service) Find(ctx context.Context, token string) (Capture, error) {
	if !wellFormed(token) {
		return Capture{}, notFound()
	}
	var r row
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+columns+` from capture where token_hash = $1`, hashOf(token))
		if err != nil {
			return fmt.Errorf("find a link: %w", err)
		}
		r, err = one(rows)
		return err
	})
	if err != nil {
		return Capture{}, err
	}
	var c Capture
	err = s.db.InTenant(ctx, r.scope(), func(ctx context.Context, tx pgx.Tx) (err error) {
		c, err = s.open(ctx, tx, r)
		return err
	})
	return c, err
}

func wellFormed(token string) bool {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && len(secret) == tokenBytes
}

func notFound() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such link") }

func one(rows pgx.Rows) (row, error) {
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, notFound()
	}
	if err != nil {
		return row{}, fmt.Errorf("read a link: %w", err)
	}
	return r, nil
}

func (r row) scope() ekyc.Scope { return ekyc.Scope{Tenant: r.TenantID, Environment: r.Environment} }

// open decrypts what is sealed.
func (s *Service) open(ctx context.Context, tx pgx.Tx, r row) (Capture, error) {
	c := Capture{ID: r.ID, Scope: r.scope(), KeyID: r.KeyID, State: r.State, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, UsedAt: r.UsedAt}
	if r.JobID != nil {
		c.Job = *r.JobID
	}
	if r.Challenge != nil {
		c.Challenge = *r.Challenge
	}
	var err error
	if r.Request != nil && r.State == Open {
		if c.Request, err = s.vault.Open(ctx, tx, c.Scope, "", requestOf(c.ID), r.Request); err != nil {
			return Capture{}, fmt.Errorf("open what a link asks for: %w", err)
		}
	}
	var subject ekyc.ID // whose the consent has become
	if r.SubjectID != nil {
		subject = *r.SubjectID
	}
	c.Consent, err = s.openConsent(ctx, tx, c, subject, r.Consent)
	if subject != "" && ekyc.CodeOf(err) == ekyc.ErrGone { // erased, and the consent with it
		return c, nil
	}
	if err != nil {
		return Capture{}, err
	}
	return c, nil
}

// Agree records what the person has agreed to, at the present moment. Given again, the last counts. Errors: ErrGone when the link is not open.
func (s *Service) Agree(ctx context.Context, c Capture, consent Consent) error {
	return s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `select date_trunc('milliseconds', clock_timestamp())`).Scan(&consent.At); err != nil {
			return fmt.Errorf("tell the time: %w", err)
		}
		sealed, err := s.sealConsent(ctx, tx, c, "", consent)
		if err != nil {
			return err
		}
		return changeOpen(ctx, tx, c, `consent = $4`, sealed)
	})
}

// sealConsent encrypts what the person has agreed to under the subject's key, or under the tenant's as long as nobody is one.
func (s *Service) sealConsent(ctx context.Context, tx pgx.Tx, c Capture, subject ekyc.ID, consent Consent) ([]byte, error) {
	text, err := json.Marshal(consent)
	if err != nil {
		return nil, fmt.Errorf("write a consent: %w", err)
	}
	return s.vault.Seal(ctx, tx, c.Scope, subject, consentOf(c.ID), text)
}

// Attempt counts one sending of pictures. Errors: ErrGone when the link is not open, ErrRateLimited when pictures were sent too often.
func (s *Service) Attempt(ctx context.Context, c Capture) error {
	return s.db.InTenant(ctx, c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		var attempts int
		err := tx.QueryRow(ctx, `update capture set attempts = attempts + 1
			where tenant_id = $1 and environment = $2 and id = $3 and state = 'open' and expires_at > clock_timestamp() returning attempts`,
			c.Scope.Tenant, c.Scope.Environment, c.ID).Scan(&attempts)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return Over()
		case err != nil:
			return fmt.Errorf("count an attempt: %w", err)
		case attempts > mostAttempts:
			return ekyc.Errorf(ekyc.ErrRateLimited, "pictures were sent %d times through this link, which is the most", mostAttempts).
				With("retry_after_seconds", max(1, int(time.Until(c.ExpiresAt).Seconds())))
		}
		return nil
	})
}

// mostChallenges bounds how often the page draws a challenge: people need a second try, and who has a film is not to draw until it fits.
const mostChallenges = 8

// Challenged notes the challenge that the page was given, in its own transaction. Errors: ErrGone when the link is not open, ErrRateLimited when
// challenges were drawn too often.
func (s *Service) Challenged(ctx context.Context, tx pgx.Tx, c Capture, id ekyc.ID) error {
	var drawn int
	err := tx.QueryRow(ctx, `update capture set challenges = challenges + 1, challenge = $4
		where tenant_id = $1 and environment = $2 and id = $3 and state = 'open' and expires_at > clock_timestamp() returning challenges`,
		c.Scope.Tenant, c.Scope.Environment, c.ID, id).Scan(&drawn)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Over()
	case err != nil:
		return fmt.Errorf("note a challenge: %w", err)
	case drawn > mostChallenges:
		return ekyc.Errorf(ekyc.ErrRateLimited, "challenges were drawn %d times through this link, which is the most", mostChallenges).
			With("retry_after_seconds", max(1, int(time.Until(c.ExpiresAt).Seconds())))
	}
	return nil
}

// Claim makes the link used by a job, in the job's own transaction: of any number of jobs, one gets it. What was asked for is dropped, since the job
// has it now. What was agreed to goes under the key of the job's subject, and is given; nil where nothing was. Errors: ErrConflict when the link is not
// open, or was not when the others had committed.
func (s *Service) Claim(ctx context.Context, tx pgx.Tx, c Capture, job, subject ekyc.ID) (*Consent, error) {
	over := ekyc.Errorf(ekyc.ErrConflict, "the link has been used or has run out") // ErrGone would have the submission of the job tried again
	var held []byte
	err := tx.QueryRow(ctx, `select consent from capture
		where tenant_id = $1 and environment = $2 and id = $3 and state = 'open' and expires_at > clock_timestamp() for no key update`,
		c.Scope.Tenant, c.Scope.Environment, c.ID).Scan(&held)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, over
	}
	if err != nil {
		return nil, fmt.Errorf("hold a link: %w", err)
	}
	consent, err := s.openConsent(ctx, tx, c, "", held)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	if consent != nil {
		if sealed, err = s.sealConsent(ctx, tx, c, subject, *consent); err != nil {
			return nil, err
		}
	}
	err = changeOpen(ctx, tx, c, `state = 'used', request = null, ref_hash = null, job_id = $4, subject_id = $5, consent = $6, used_at = clock_timestamp()`, job, subject, sealed)
	if ekyc.CodeOf(err) == ekyc.ErrGone {
		return nil, over
	}
	return consent, err
}

// openConsent decrypts what was agreed to under the subject's key, or under the tenant's as long as nobody is one; nil where nothing was.
func (s *Service) openConsent(ctx context.Context, tx pgx.Tx, c Capture, subject ekyc.ID, sealed []byte) (*Consent, error) {
	if sealed == nil {
		return nil, nil
	}
	text, err := s.vault.Open(ctx, tx, c.Scope, subject, consentOf(c.ID), sealed)
	if err != nil {
		return nil, fmt.Errorf("open the consent of a link: %w", err)
	}
	var consent Consent
	if err := json.Unmarshal(text, &consent); err != nil {
		return nil, fmt.Errorf("read the consent of a link: %w", err)
	}
	return &consent, nil
}

func changeOpen(ctx context.Context, tx pgx.Tx, c Capture, assignments string, values ...any) error {
	tag, err := tx.Exec(ctx, `update capture set `+assignments+`
		where tenant_id = $1 and environment = $2 and id = $3 and state = 'open' and expires_at > clock_timestamp()`,
		append([]any{c.Scope.Tenant, c.Scope.Environment, c.ID}, values...)...)
	if err != nil {
		return fmt.Errorf("change a link: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return Over()
	}
	return nil
}

// Over is the error of a link that cannot be used any more.
func Over() error {
	return ekyc.Errorf(ekyc.ErrGone, "the link has been used or has run out; ask for a new one")
}

// Sweep drops what links that have run out had asked for, and forgets links that were made more than 30 days ago.
func (s *Service) Sweep(ctx context.Context) error {
	for _, statement := range []string{
		`update capture set state = 'expired', request = null, ref_hash = null where (tenant_id, environment, id) in (select tenant_id, environment, id from capture
			where state = 'open' and expires_at <= clock_timestamp() order by expires_at limit $1 for update skip locked)`,
		`delete from capture where (tenant_id, environment, id) in (select tenant_id, environment, id from capture
			where created_at <= clock_timestamp() - make_interval(secs => ` + fmt.Sprint(kept.Seconds()) + `) order by created_at limit $1 for update skip locked)`,
	} {
		for changed := int64(sweepBatch); changed == sweepBatch; {
			err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
				tag, err := tx.Exec(ctx, statement, sweepBatch)
				changed = tag.RowsAffected()
				return err
			})
			if err != nil {
				return fmt.Errorf("sweep links: %w", err)
			}
		}
	}
	return nil
}
