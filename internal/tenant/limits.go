package tenant

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// KeyLimits change a key's own limits of requests; what is nil stays as it is, and 0 is the plan's.
type KeyLimits struct {
	RatePerMinute, RatePerDay *int
	EndpointLimits            *map[string]int
}

// SetKeyLimits changes the limits of a key from its next request on. Errors: ErrInvalidArgument, ErrNotFound.
func (s *Service) SetKeyLimits(ctx context.Context, scope ekyc.Scope, id string, l KeyLimits) (key Key, err error) {
	defer s.cache.drop(id)
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		key, err = oneKey(ctx, tx, `select `+keyColumns+` from api_key k where key_id = $1 for update`, id)
		if err != nil {
			return err
		}
		in := KeyInput{RatePerMinute: key.RatePerMinute, RatePerDay: key.RatePerDay, EndpointLimits: key.EndpointLimits}
		if l.RatePerMinute != nil {
			in.RatePerMinute = *l.RatePerMinute
		}
		if l.RatePerDay != nil {
			in.RatePerDay = *l.RatePerDay
		}
		if l.EndpointLimits != nil {
			in.EndpointLimits = *l.EndpointLimits
		}
		if err := in.validate(time.Now()); err != nil {
			return err
		}
		in = in.complete()
		key, err = oneKey(ctx, tx, `update api_key k set rate_per_minute = $2, rate_per_day = $3, endpoint_limits = $4 where key_id = $1 returning `+keyColumns,
			id, in.RatePerMinute, in.RatePerDay, in.EndpointLimits)
		return err
	})
	return key, err
}
