package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// EraseSubject forgets what links hold of a subject, in the erasure's transaction: the consents of those that became its jobs, and the open ones
// that were made for its reference, whose hash is that of vault.RefHash and nil where it has none; these cannot be used any more. Links that were made after until,
// where it is given, are somebody else's. It gives the number of links and the challenges that their pages were given.
func (s *Service) EraseSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, jobs []ekyc.ID, refHash []byte, until *time.Time) (erased int, challenges []ekyc.ID, err error) {
	links, err := s.openFor(ctx, tx, scope, refHash, until)
	if err != nil {
		return 0, nil, err
	}
	used, err := find(ctx, tx, scope, `job_id = any(@jobs) and (consent is not null or challenge is not null)`, pgx.NamedArgs{"jobs": jobs})
	if err != nil {
		return 0, nil, err
	}
	var ids []ekyc.ID
	for _, l := range append(used, links...) {
		ids = append(ids, l.ID)
		if l.Challenge != nil {
			challenges = append(challenges, *l.Challenge)
		}
	}
	_, err = tx.Exec(ctx, `update capture set consent = null, challenge = null, request = null, ref_hash = null, state = case when state = 'open' then 'expired' else state end
		where tenant_id = $1 and environment = $2 and id = any($3)`, scope.Tenant, scope.Environment, ids)
	if err != nil {
		return 0, nil, fmt.Errorf("forget a subject's links: %w", err)
	}
	return len(ids), challenges, nil
}

// link is what tells whose a link is.
type link struct {
	ID        ekyc.ID
	Request   []byte // of an open one from before hashes were noted: what was asked for tells whether it is for the subject
	Challenge *ekyc.ID
}

// find gives the links that a condition over the arguments holds for.
func find(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, condition string, arguments pgx.NamedArgs) ([]link, error) {
	arguments["tenant"], arguments["environment"] = scope.Tenant, scope.Environment
	rows, err := tx.Query(ctx, `select id, case when state = 'open' and ref_hash is null then request end as request, challenge from capture
		where tenant_id = @tenant and environment = @environment and `+condition+` order by id`, arguments)
	if err != nil {
		return nil, fmt.Errorf("find a subject's links: %w", err)
	}
	links, err := pgx.CollectRows(rows, pgx.RowToStructByName[link])
	if err != nil {
		return nil, fmt.Errorf("find a subject's links: %w", err)
	}
	return links, nil
}

// openFor gives the open links that were made for a reference, and until then where a time is given; none where there is no hash.
func (s *Service) openFor(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, refHash []byte, until *time.Time) (mine []link, err error) {
	if refHash == nil {
		return nil, nil
	}
	for _, condition := range []string{`ref_hash = @ref`, `ref_hash is null`} { // two, by the index of each
		links, err := find(ctx, tx, scope, `state = 'open' and `+condition+` and (@until::timestamptz is null or created_at <= @until)`,
			pgx.NamedArgs{"ref": refHash, "until": until})
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			if l.Request != nil {
				if ok, err := s.isFor(ctx, tx, scope, l.ID, l.Request, refHash); err != nil {
					return nil, err
				} else if !ok {
					continue
				}
			}
			mine = append(mine, l)
		}
	}
	return mine, nil
}

// OpenFor names the open links that were made for the subject of a reference, whose hash is that of vault.RefHash.
func (s *Service) OpenFor(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, refHash []byte) ([]ekyc.ID, error) {
	links, err := s.openFor(ctx, tx, scope, refHash, nil)
	ids := make([]ekyc.ID, len(links))
	for i, l := range links {
		ids[i] = l.ID
	}
	return ids, err
}

// isFor says whether a link was made for the subject of a reference. One that does not open can become nobody's job either, and holds up no erasure.
func (s *Service) isFor(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID, sealed, refHash []byte) (bool, error) {
	text, err := s.vault.Open(ctx, tx, scope, "", requestOf(id), sealed)
	if ekyc.CodeOf(err) == ekyc.ErrInternal {
		slog.ErrorContext(ctx, "what a link asks for does not open; an erasure has passed it over", "capture", id, "error.message", err.Error())
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open what a link asks for: %w", err)
	}
	ref := refIn(text)
	if ref == "" {
		return false, nil
	}
	hashes, err := s.vault.RefHashes(ctx, tx, scope, ref)
	return slices.ContainsFunc(hashes, func(hash []byte) bool { return bytes.Equal(hash, refHash) }), err
}

// refHash is the hash of the reference of the subject that a link is asked for; empty where it names nobody.
func (s *Service) refHash(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, request []byte) ([]byte, error) {
	ref := refIn(request)
	if ref == "" {
		return []byte{}, nil
	}
	return s.vault.RefHash(ctx, tx, scope, ref)
}

// refIn is the reference of the subject that a link is asked for; "" where it names nobody.
func refIn(request []byte) string {
	var asked struct {
		SubjectRef string `json:"subject_ref"`
	}
	if err := json.Unmarshal(request, &asked); err != nil {
		return ""
	}
	return asked.SubjectRef
}
