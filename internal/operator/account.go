package operator

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

const maxEmail = 254 // RFC 5321 section 4.5.3.1.3, without the angle brackets

// normaliseEmail makes one spelling of an address: trimmed and in lower case. That the local part is told apart by case
// (RFC 5321 section 2.4) is true nowhere.
func normaliseEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || len(email) > maxEmail {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "this is not an e-mail address").With("field", "email")
	}
	return email, nil
}

func emailPurpose(id ekyc.ID) string { return "operator/email/" + string(id) }
func totpPurpose(id ekyc.ID) string  { return "operator/totp/" + string(id) }

func (s *Service) emailHash(normalised string) []byte {
	return s.sealer.MAC("operator/email", []byte(normalised))
}

const operatorColumns = `o.id, o.email, o.role, o.totp is not null, o.disabled_at is not null, o.created_at, o.last_login_at, o.password_expires_at`

// sealedOperator is an operator as the database has it.
type sealedOperator struct {
	Operator
	email []byte
}

func (o *sealedOperator) columns() []any {
	return []any{&o.ID, &o.email, &o.Role, &o.TOTP, &o.Disabled, &o.CreatedAt, &o.LastLoginAt, &o.PasswordExpiresAt}
}

func scanOperator(row pgx.CollectableRow) (o sealedOperator, err error) {
	err = row.Scan(o.columns()...)
	return o, err
}

func (s *Service) open(o sealedOperator) (Operator, error) {
	email, err := s.sealer.Open(emailPurpose(o.ID), o.email)
	if err != nil {
		return Operator{}, fmt.Errorf("open the address of %s: %w", o.ID, err)
	}
	o.Email = string(email)
	return o.Operator, nil
}

// one runs a statement that gives one operator. Errors: ErrNotFound.
func (s *Service) one(ctx context.Context, tx pgx.Tx, statement string, args ...any) (Operator, error) {
	rows, _ := tx.Query(ctx, statement, args...)
	o, err := pgx.CollectExactlyOneRow(rows, scanOperator)
	if errors.Is(err, pgx.ErrNoRows) {
		return Operator{}, notFound()
	}
	if err != nil {
		return Operator{}, err
	}
	return s.open(o)
}

func notFound() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such operator") }

// Create makes an account. Errors: ErrInvalidArgument, ErrConflict when the address has one.
func (s *Service) Create(ctx context.Context, email, password string, role Role) (o Operator, err error) {
	if email, err = normaliseEmail(email); err != nil {
		return Operator{}, err
	}
	if err := s.checkPassword(password, email); err != nil {
		return Operator{}, err
	}
	if !role.Valid() {
		return Operator{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "a role is owner, operator or viewer").With("field", "role")
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return Operator{}, err
	}
	id := ekyc.NewID(ekyc.KindOperator)
	sealed, err := s.sealer.Seal(emailPurpose(id), []byte(email))
	if err != nil {
		return Operator{}, fmt.Errorf("seal an address: %w", err)
	}
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		o, err = s.one(ctx, tx, `insert into operator as o (id, email_hash, email, password, role) values ($1, $2, $3, $4, $5) returning `+operatorColumns,
			id, s.emailHash(email), sealed, hash, role)
		return err
	})
	if store.Violates(err, "operator_email_hash_key") {
		return Operator{}, ekyc.Errorf(ekyc.ErrConflict, "there is an operator with this address")
	}
	return o, err
}

// Get gives one account. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, id ekyc.ID) (o Operator, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		o, err = s.one(ctx, tx, `select `+operatorColumns+` from operator o where id = $1`, id)
		return err
	})
	return o, err
}

// List gives all accounts, oldest first, the disabled ones among them.
func (s *Service) List(ctx context.Context) ([]Operator, error) {
	var found []sealedOperator
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, `select `+operatorColumns+` from operator o order by o.id`)
		found, err = pgx.CollectRows(rows, scanOperator)
		return err
	})
	if err != nil {
		return nil, err
	}
	operators := make([]Operator, len(found))
	for i, o := range found {
		if operators[i], err = s.open(o); err != nil {
			return nil, err
		}
	}
	return operators, nil
}

// SetPassword replaces a password, lifts a lock and ends all sessions. Errors: ErrInvalidArgument, ErrNotFound.
func (s *Service) SetPassword(ctx context.Context, id ekyc.ID, password string) error {
	o, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := s.checkPassword(password, o.Email); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.changeAndEndSessions(ctx, id, `update operator set password = $2, password_expires_at = null, failures = 0, locked_until = null where id = $1`, hash)
}

// firstPasswordFor is how long a password counts that the program has made.
const firstPasswordFor = 24 * time.Hour

// ExpirePassword lets the password that an account has now count for a day, unless it is changed before. Errors: ErrNotFound.
func (s *Service) ExpirePassword(ctx context.Context, id ekyc.ID) error {
	return s.changeAndEndSessions(ctx, id, `update operator set password_expires_at = now() + make_interval(secs => $2) where id = $1`, firstPasswordFor.Seconds())
}

// SetRole gives an operator another role from the next request on. Errors: ErrInvalidArgument, ErrNotFound, ErrConflict for the
// last owner.
func (s *Service) SetRole(ctx context.Context, id ekyc.ID, role Role) (o Operator, err error) {
	if !role.Valid() {
		return Operator{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "a role is owner, operator or viewer").With("field", "role")
	}
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if role != Owner {
			if err := keepAnOwner(ctx, tx, id); err != nil {
				return err
			}
		}
		o, err = s.one(ctx, tx, `update operator o set role = $2 where id = $1 returning `+operatorColumns, id, role)
		return err
	})
	return o, err
}

// Disable closes an account and ends its sessions; again, it changes nothing. Errors: ErrNotFound, ErrConflict for the last owner.
func (s *Service) Disable(ctx context.Context, id ekyc.ID) error {
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := keepAnOwner(ctx, tx, id); err != nil {
			return err
		}
		return change(ctx, tx, id, `update operator set disabled_at = coalesce(disabled_at, now()) where id = $1`)
	})
}

// Enable opens a disabled account again, with the password and one-time codes that it had. Errors: ErrNotFound.
func (s *Service) Enable(ctx context.Context, id ekyc.ID) error {
	return s.changeAndEndSessions(ctx, id, `update operator set disabled_at = null, failures = 0, locked_until = null where id = $1`)
}

// keepAnOwner refuses to go on when id is the only owner who can log in. The locks let two who would go at once wait for each other.
func keepAnOwner(ctx context.Context, tx pgx.Tx, id ekyc.ID) error {
	rows, _ := tx.Query(ctx, `select id from operator where role = 'owner' and disabled_at is null order by id for update`)
	owners, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err == nil && len(owners) == 1 && owners[0] == id {
		return ekyc.Errorf(ekyc.ErrConflict, "the last owner cannot be taken away")
	}
	return err
}

func (s *Service) changeAndEndSessions(ctx context.Context, id ekyc.ID, statement string, args ...any) error {
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error { return change(ctx, tx, id, statement, args...) })
}

// change runs a statement on one operator, whose id is $1, and ends the operator's sessions.
func change(ctx context.Context, tx pgx.Tx, id ekyc.ID, statement string, args ...any) error {
	done, err := tx.Exec(ctx, statement, append([]any{id}, args...)...)
	if err != nil {
		return err
	}
	if done.RowsAffected() == 0 {
		return notFound()
	}
	_, err = tx.Exec(ctx, `delete from operator_session where operator_id = $1`, id)
	return err
}
