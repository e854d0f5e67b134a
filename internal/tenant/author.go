package tenant

import (
	"context"

	"ekyc"
)

// Author gives the principal of a key for work that it has begun and that goes on without its signature, as its row says now. Errors:
// ErrKeyUnknown, ErrKeyRevoked, ErrKeyExpired, ErrTenantSuspended, ErrUnavailable.
func (s *Service) Author(ctx context.Context, keyID string) (*Principal, error) {
	e, err := s.lookUp(ctx, keyID)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, ekyc.Errorf(ekyc.ErrKeyUnknown, "the key does not exist")
	}
	if err := e.keyState().Err(); err != nil {
		return nil, err
	}
	p := e.principal
	return &p, nil
}
