package keyring

import (
	"context"
	"errors"

	"ekyc"
)

// Service is a key service: it encrypts and decrypts a few bytes under a key that never leaves it. A call ends within a bounded time.
// Errors: ErrUnavailable because of ErrRefused, ErrAway or ErrAltered.
type Service interface {
	// Name is the service's address, without credentials.
	Name() string
	Encrypt(ctx context.Context, plaintext, associated []byte) ([]byte, error)
	Decrypt(ctx context.Context, ciphertext, associated []byte) ([]byte, error)
}

// Why a key service did not do what it was asked.
var (
	// ErrRefused is a definite no: the caller may not use the key, or the key is disabled or gone.
	ErrRefused = errors.New("the key service refuses")
	// ErrAway is everything that may pass: no connection, no answer in time, too many requests, a fault of its own, an answer that is none.
	ErrAway = errors.New("the key service is away")
	// ErrAltered is a ciphertext that the key does not open.
	ErrAltered = errors.New("the key service cannot open what it was given")
)

// Refusal, Absence and Alteration make the three errors of a Service.
func Refusal(cause error) error {
	return ekyc.Errorf(ekyc.ErrUnavailable, "the key service refuses the root keys").Because(errors.Join(ErrRefused, cause))
}

// Absence is an error for which ErrAway stands.
func Absence(cause error) error {
	return ekyc.Errorf(ekyc.ErrUnavailable, "the key service does not answer").Because(errors.Join(ErrAway, cause))
}

// Alteration is an error for which ErrAltered stands.
func Alteration(cause error) error {
	return ekyc.Errorf(ekyc.ErrUnavailable, "the key service does not open the root keys").Because(errors.Join(ErrAltered, cause))
}
