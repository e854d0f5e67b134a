package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

const (
	sessionFor     = 12 * time.Hour
	sessionIdleFor = 30 * time.Minute
	tokenBytes     = 32

	failuresUntilLock = 5
	firstLock         = 30 * time.Second // doubled by every further failure
	longestLock       = time.Hour        // so that a stranger cannot lock an operator out for good
)

// failedLogin is told whatever was wrong, so that nobody learns which addresses have accounts, which passwords are right, or
// whether an account is locked.
func failedLogin() error {
	return ekyc.Errorf(ekyc.ErrLoginFailed, "e-mail, password or one-time code is wrong, or the account is locked for a while")
}

// account is what a log-in is checked against.
type account struct {
	id       ekyc.ID
	password string
	totp     []byte
	now      time.Time
}

// Login opens a session. The code is "" for operators without one-time codes. Errors: ErrLoginFailed; ErrRateLimited (details
// retry_after_seconds) for an address from which too many log-ins have failed in this process.
func (s *Service) Login(ctx context.Context, email, password, code string, from netip.Addr) (Session, error) {
	if err := s.strangers.check(from); err != nil {
		return Session{}, err
	}
	session, err := s.login(ctx, email, password, code, origin(from))
	if ekyc.CodeOf(err) == ekyc.ErrLoginFailed {
		s.strangers.failed(from)
		if err := s.noteRefusal(ctx, email); err != nil {
			return Session{}, err
		}
	}
	return session, err
}

// noteRefusal tells of a log-in that was refused. It takes as long whether there is such an account or not.
func (s *Service) noteRefusal(ctx context.Context, email string) error {
	normalised, _ := normaliseEmail(email) // what is no address hashes as "" and is nobody's
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id ekyc.ID
		err := tx.QueryRow(ctx, `select id from operator where email_hash = $1`, s.emailHash(normalised)).Scan(&id)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return s.o.SignIn(ctx, tx, id, false)
	})
}

func (s *Service) login(ctx context.Context, email, password, code, origin string) (Session, error) {
	a, err := s.beginAttempt(ctx, email)
	if err != nil {
		return Session{}, err
	}
	stored := s.decoy
	if a != nil {
		stored = a.password
	}
	if len(password) > maxPassword {
		password, a = "", nil // no account has such a password
	}
	right, outdated, err := s.verify(ctx, stored, password)
	if err != nil {
		return Session{}, err
	}
	if a == nil || !right {
		return Session{}, failedLogin()
	}
	var step int64
	if a.totp != nil {
		if step, err = s.stepOf(a.id, a.totp, code, a.now); err != nil {
			return Session{}, err
		}
		if step == 0 {
			return Session{}, failedLogin()
		}
	}
	if outdated {
		if a.password, err = s.hash(ctx, password); err != nil {
			return Session{}, err
		}
	}
	return s.openSession(ctx, a, stored, step, origin)
}

// beginAttempt counts a failure before anything is verified, and locks the account if it is one too many, so that guesses that
// come at once count one by one. It gives nil for an account that does not exist, is disabled or is locked; a locked one is not
// locked for longer by trying.
func (s *Service) beginAttempt(ctx context.Context, email string) (*account, error) {
	normalised, _ := normaliseEmail(email) // what is no address hashes as "" and is nobody's
	var a account
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `update operator set failures = failures + 1,
			locked_until = case when failures + 1 >= $2 then clock_timestamp() + make_interval(secs => least($3 * power(2, least(failures + 1 - $2, 20)), $4)) end
			where email_hash = $1 and disabled_at is null and (locked_until is null or locked_until <= clock_timestamp())
			returning id, password, totp, clock_timestamp()`,
			s.emailHash(normalised), failuresUntilLock, firstLock.Seconds(), longestLock.Seconds()).Scan(&a.id, &a.password, &a.totp, &a.now)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &a, err
}

// openSession makes the log-in good: failures are forgotten, the one-time code is used up. The account must still be what was
// verified.
func (s *Service) openSession(ctx context.Context, a *account, verified string, step int64, origin string) (session Session, err error) {
	var token [tokenBytes]byte
	rand.Read(token[:]) // never fails, by its documentation
	session.Token = base64.RawURLEncoding.EncodeToString(token[:])
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		session.Operator, err = s.one(ctx, tx, `update operator o set failures = 0, locked_until = null, last_login_at = now(), password = $3,
			totp_last_step = greatest(totp_last_step, $4)
			where id = $1 and password = $2 and disabled_at is null and (password_expires_at is null or password_expires_at > now()) and totp is not distinct from $5 and ($4 = 0 or totp_last_step < $4)
			returning `+operatorColumns, a.id, verified, a.password, step, a.totp)
		if ekyc.CodeOf(err) == ekyc.ErrNotFound {
			return failedLogin()
		}
		if err == nil {
			err = s.o.SignIn(ctx, tx, a.id, true)
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from operator_session where operator_id = $1 and (expires_at <= now() or last_seen_at <= now() - make_interval(secs => $2))`,
			a.id, sessionIdleFor.Seconds()); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `insert into operator_session (token_hash, operator_id, expires_at, origin)
			values ($1, $2, now() + make_interval(secs => $3), $4) returning expires_at`, hashToken(session.Token), a.id, sessionFor.Seconds(), origin).Scan(&session.ExpiresAt)
	})
	if err != nil {
		return Session{}, err
	}
	return session, nil
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Authenticate gives the operator of a session and keeps it from idling out. Errors: ErrSessionInvalid.
func (s *Service) Authenticate(ctx context.Context, token string) (*Operator, error) {
	var o Operator
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		o, err = s.one(ctx, tx, `update operator_session e set last_seen_at = greatest(e.last_seen_at, now()) from operator o
			where e.token_hash = $1 and e.expires_at > now() and e.last_seen_at > now() - make_interval(secs => $2)
			and o.id = e.operator_id and o.disabled_at is null returning `+operatorColumns, hashToken(token), sessionIdleFor.Seconds())
		return err
	})
	if ekyc.CodeOf(err) == ekyc.ErrNotFound {
		return nil, ekyc.Errorf(ekyc.ErrSessionInvalid, "the session does not exist or has ended")
	}
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// Logout ends a session; one that does not exist has ended already.
func (s *Service) Logout(ctx context.Context, token string) error {
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from operator_session where token_hash = $1`, hashToken(token))
		return err
	})
}

// Sweep removes sessions that have ended.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from operator_session where expires_at <= now() or last_seen_at <= now() - make_interval(secs => $1)`, sessionIdleFor.Seconds())
		return err
	})
}
