package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Settings gives those of a scope, in the caller's transaction.
func (s *Service) Settings(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (Settings, error) {
	var out Settings
	err := tx.QueryRow(ctx, `select days, key_id, at from retention_setting where tenant_id = $1 and environment = $2 order by number desc limit 1`,
		scope.Tenant, scope.Environment).Scan(&out.days, &out.KeyID, &out.At)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Settings{}, fmt.Errorf("read how long things are kept: %w", err)
	}
	return out, nil
}

// Said gives the settings of all scopes that have said something.
func (s *Service) Said(ctx context.Context) (map[ekyc.Scope]Settings, error) {
	said := map[ekyc.Scope]Settings{}
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select distinct on (tenant_id, environment) tenant_id, environment, days, key_id, at from retention_setting
			order by tenant_id, environment, number desc`)
		if err != nil {
			return err
		}
		var scope ekyc.Scope
		var days map[Class]int
		var key string
		var at time.Time
		_, err = pgx.ForEachRow(rows, []any{&scope.Tenant, &scope.Environment, &days, &key, &at}, func() error {
			said[scope] = Settings{days, key, new(at)}
			days = nil // the next row must not write into it
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read how long things are kept: %w", err)
	}
	return said, nil
}

// Set changes the days of the given classes; the others stay as they are. The classes that it changed come with the new settings. Fewer days hold
// for what is kept already from the next pass on, more days for what is made from now on. Errors: ErrInvalidArgument.
func (s *Service) Set(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, days map[Class]int, keyID string) (Settings, []Class, error) {
	for class, n := range days {
		if !validClass(class) {
			return Settings{}, nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no class of that name").With("field", "/days")
		}
		if n < LeastDays(class) || n > MostDays {
			return Settings{}, nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%d to %d days are permitted", LeastDays(class), MostDays).With("field", "/days/"+string(class))
		}
	}
	// One at a time, so that each starts from the one before.
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('retention/' || $1 || '/' || $2, 0))`, string(scope.Tenant), string(scope.Environment)); err != nil {
		return Settings{}, nil, fmt.Errorf("take turns at the settings: %w", err)
	}
	before, err := s.Settings(ctx, tx, scope)
	if err != nil {
		return Settings{}, nil, err
	}
	out := Settings{days: map[Class]int{}, KeyID: keyID}
	maps.Copy(out.days, before.days)
	var changed []Class
	for _, class := range Classes {
		if n, given := days[class]; given && n != before.Days(class) {
			out.days[class] = n
			changed = append(changed, class)
		}
	}
	err = tx.QueryRow(ctx, `insert into retention_setting (tenant_id, environment, days, key_id) values ($1, $2, $3, $4) returning at`,
		scope.Tenant, scope.Environment, out.days, keyID).Scan(&out.At)
	if err != nil {
		return Settings{}, nil, fmt.Errorf("write how long things are kept: %w", err)
	}
	return out, changed, nil
}
