package operator

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"ekyc"
)

const (
	totpPeriod = 30 // seconds; RFC 6238 section 5.2, and the only one that all authenticator apps know
	totpWindow = 1  // steps that a clock may be off, on either side (the same section)
	totpSecret = 20 // bytes, as many as HMAC-SHA1 gives (RFC 4226 section 4, R6)
)

// EnrolTOTP makes a secret for one-time codes and gives it in base32 and as the otpauth URL of a QR code. The codes are asked for
// after ConfirmTOTP; until then an earlier secret stays in force. Errors: ErrNotFound.
func (s *Service) EnrolTOTP(ctx context.Context, id ekyc.ID) (secret, url string, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		o, err := s.one(ctx, tx, `select `+operatorColumns+` from operator o where id = $1 for update`, id)
		if err != nil {
			return err
		}
		key, err := totp.Generate(totp.GenerateOpts{Issuer: s.o.Issuer, AccountName: o.Email, Period: totpPeriod, SecretSize: totpSecret})
		if err != nil {
			return fmt.Errorf("make a secret for one-time codes: %w", err)
		}
		sealed, err := s.sealer.Seal(totpPurpose(id), []byte(key.Secret()))
		if err != nil {
			return fmt.Errorf("seal a secret for one-time codes: %w", err)
		}
		secret, url = key.Secret(), key.URL()
		_, err = tx.Exec(ctx, `update operator set totp_pending = $2 where id = $1`, id, sealed)
		return err
	})
	if err != nil {
		return "", "", err
	}
	return secret, url, nil
}

// ConfirmTOTP puts an enrolled secret in force when code is one of its codes. Errors: ErrNotFound, ErrConflict when nothing is
// enrolled, ErrInvalidArgument for a wrong code.
func (s *Service) ConfirmTOTP(ctx context.Context, id ekyc.ID, code string) error {
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var pending []byte
		var now time.Time
		err := tx.QueryRow(ctx, `select totp_pending, clock_timestamp() from operator where id = $1 for update`, id).Scan(&pending, &now)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return notFound()
		case err != nil:
			return err
		case pending == nil:
			return ekyc.Errorf(ekyc.ErrConflict, "no one-time codes are enrolled")
		}
		step, err := s.stepOf(id, pending, code, now)
		if err != nil {
			return err
		}
		if step == 0 {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "the one-time code is wrong").With("field", "code")
		}
		_, err = tx.Exec(ctx, `update operator set totp = totp_pending, totp_pending = null, totp_last_step = $2 where id = $1`, id, step)
		return err
	})
}

// ResetTOTP takes one-time codes away from an operator who lost the device, and ends all sessions. Errors: ErrNotFound.
func (s *Service) ResetTOTP(ctx context.Context, id ekyc.ID) error {
	return s.changeAndEndSessions(ctx, id, `update operator set totp = null, totp_pending = null where id = $1`)
}

// stepOf gives the time step that a code belongs to, or 0 when it is none of those that count now.
func (s *Service) stepOf(id ekyc.ID, sealed []byte, code string, now time.Time) (int64, error) {
	secret, err := s.sealer.Open(totpPurpose(id), sealed)
	if err != nil {
		return 0, fmt.Errorf("open a secret for one-time codes: %w", err)
	}
	defer clear(secret)
	var found int64
	for step := now.Unix()/totpPeriod - totpWindow; step <= now.Unix()/totpPeriod+totpWindow; step++ {
		want, err := hotp.GenerateCodeCustom(string(secret), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("compute a one-time code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found, nil
}
