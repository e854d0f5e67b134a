package review

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// EraseSubject locks the reviews of a subject, so that nothing is decided beside its erasure, and gives how many rows hold something of it. The
// database blanks them, and withdraws open ones, when the subject itself is erased: the service may change no act.
func (s *Service) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (held int, err error) {
	_, err = tx.Exec(ctx, `select from review where tenant_id = $1 and environment = $2 and subject_id = $3 order by id for no key update`,
		scope.Tenant, scope.Environment, subject)
	if err == nil {
		err = tx.QueryRow(ctx, `select (select count(*) from review where tenant_id = $1 and environment = $2 and subject_id = $3 and (callback is not null or reasons <> '{}'))
			+ (select count(*) from review r join review_act a on a.tenant_id = r.tenant_id and a.environment = r.environment and a.review_id = r.id
				where r.tenant_id = $1 and r.environment = $2 and r.subject_id = $3 and a.comment is not null)`,
			scope.Tenant, scope.Environment, subject).Scan(&held)
	}
	if err != nil {
		return 0, fmt.Errorf("look at a subject's reviews: %w", err)
	}
	return held, nil
}
