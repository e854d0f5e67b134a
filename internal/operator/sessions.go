package operator

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// OpenSession is a session as its operator sees it.
type OpenSession struct {
	ID         string // opens nothing
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time // at the latest
	Origin     string    // whence the log-in came: loopback, private or public; "" where that was not noted
	Current    bool      // the one that asks
}

// origin is the class of an address: enough to tell a log-in of the office from one of elsewhere, and no address.
func origin(from netip.Addr) string {
	switch from = from.Unmap(); {
	case from.IsLoopback():
		return "loopback"
	case from.IsPrivate(), from.IsLinkLocalUnicast():
		return "private"
	}
	return "public"
}

// Sessions lists the sessions of an operator that have not ended, oldest first. The token is that of the one that asks.
func (s *Service) Sessions(ctx context.Context, id ekyc.ID, token string) (list []OpenSession, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `select id::text, created_at, last_seen_at, expires_at, coalesce(origin, ''), token_hash = $3 from operator_session
			where operator_id = $1 and expires_at > now() and last_seen_at > now() - make_interval(secs => $2) order by created_at, id`, id, sessionIdleFor.Seconds(), hashToken(token))
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[OpenSession])
		return err
	})
	return list, err
}

// EndSession ends one session of an operator. Errors: ErrNotFound, also for one of another operator.
func (s *Service) EndSession(ctx context.Context, id ekyc.ID, session string) error {
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `delete from operator_session where operator_id = $1 and id::text = $2`, id, session)
		if err == nil && done.RowsAffected() == 0 {
			return ekyc.Errorf(ekyc.ErrNotFound, "there is no such session")
		}
		return err
	})
}

// EndOtherSessions ends all sessions of an operator but the token's, and says how many.
func (s *Service) EndOtherSessions(ctx context.Context, id ekyc.ID, token string) (ended int64, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `delete from operator_session where operator_id = $1 and token_hash <> $2`, id, hashToken(token))
		ended = done.RowsAffected()
		return err
	})
	return ended, err
}
