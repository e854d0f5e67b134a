package tenant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// secret is one secret of a key, opened.
type secret struct {
	text       []byte
	validUntil *time.Time // nil: the one in force
}

// entry is what one look-up found. It is never changed.
type entry struct {
	principal Principal
	secrets   []secret  // at most MaxSecrets
	at        time.Time // by the database's clock
	asked     time.Time // by this process's, before the look-up began
	dropped   bool      // a tombstone: nothing that was asked before it may be remembered
}

// now is the database's time, so that processes whose clocks differ agree on what has expired.
func (e *entry) now() time.Time { return e.at.Add(time.Since(e.asked)) }

// versionOf tells states of a key, its tenant and its plan apart. Every change of a row moves its revision on, and the tenant's
// row says which plan counts, so no two states look alike but by an accident of the 64-bit hash.
const versionOf = `hashtextextended(k.revision || '/' || t.revision || '/' || t.plan || '/' || p.version, 0)`

const lookUp = `select ` + keyColumns + `, ` + tenantColumns + `, ` + planColumns + `, ` + versionOf + `, clock_timestamp(), s.sealed, s.ends
	from api_key k
	join tenant t using (tenant_id)
	join plan p on p.name = t.plan
	join plan_version v on v.plan = p.name and v.version = p.version
	cross join lateral (
		select array_agg(sealed order by number desc) as sealed, array_agg(valid_until order by number desc) as ends
		from api_key_secret where tenant_id = k.tenant_id and environment = k.environment and key_id = k.key_id) s
	where k.key_id = $1`

// lookUp asks the database for a key and remembers what it says; nil for a key that does not exist. Both cost one statement and
// the opening of MaxSecrets secrets.
func (s *Service) lookUp(ctx context.Context, keyID string) (*entry, error) {
	decoy, err := s.makeDecoy()
	if err != nil {
		return nil, err
	}
	e, sealed, ends, err := s.ask(ctx, keyID)
	if err != nil {
		return nil, fmt.Errorf("look up a key: %w", err)
	}
	for i := range MaxSecrets {
		purpose, text := decoy.purpose, decoy.sealed
		if i < len(sealed) {
			purpose, text = secretPurpose(keyID), sealed[i]
		}
		opened, err := s.sealer.Open(purpose, text)
		if err != nil {
			return nil, fmt.Errorf("open a secret of %s: %w", keyID, err)
		}
		if i < len(sealed) {
			e.secrets = append(e.secrets, secret{opened, ends[i]})
		}
	}
	if e != nil {
		s.cache.put(keyID, e)
	}
	return e, nil
}

// ask gives a key's row without its secrets opened.
func (s *Service) ask(ctx context.Context, keyID string) (e *entry, sealed [][]byte, ends []*time.Time, err error) {
	err = s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		e = &entry{asked: time.Now()}
		p, t := &e.principal, &sealedTenant{}
		to := append(p.Key.columns(), t.columns()...)
		to = append(to, p.Plan.columns()...)
		err := tx.QueryRow(ctx, lookUp, keyID).Scan(append(to, &p.Version, &e.at, &sealed, &ends)...)
		p.Tenant = t.Tenant
		if errors.Is(err, pgx.ErrNoRows) {
			e, err = nil, nil
		}
		return err
	})
	return e, sealed, ends, err
}

// decoy stands in for the secrets of keys that do not exist.
type decoy struct {
	purpose string
	sealed  []byte
}

// decoySecret is a secret that nobody has, another one in every process.
var decoySecret = func() (secret [43]byte) { // as long as a real one in base64
	rand.Read(secret[:])
	return secret
}()

// makeDecoy seals it anew for each look-up, so that one root key more or less makes no difference.
func (s *Service) makeDecoy() (decoy, error) {
	purpose := secretPurpose("decoy")
	sealed, err := s.sealer.Seal(purpose, decoySecret[:])
	if err != nil {
		return decoy{}, fmt.Errorf("seal a secret: %w", err)
	}
	return decoy{purpose, sealed}, nil
}

const keyStates = `select k.key_id, ` + versionOf + `, k.revoked_at is not null, coalesce(k.expires_at <= clock_timestamp(), false), t.status <> 'active'
	from api_key k join tenant t using (tenant_id) join plan p on p.name = t.plan where k.key_id = any($1)`

// KeyStates says in one query what holds for keys now; one that does not exist is absent. It needs a transaction of the system
// role. What this process remembers otherwise is forgotten, so that Authenticate asks again.
func (s *Service) KeyStates(ctx context.Context, tx pgx.Tx, keyIDs []string) (map[string]KeyState, error) {
	rows, _ := tx.Query(ctx, keyStates, keyIDs)
	states := make(map[string]KeyState, len(keyIDs))
	var id string
	var k KeyState
	_, err := pgx.ForEachRow(rows, []any{&id, &k.Version, &k.Revoked, &k.Expired, &k.Suspended}, func() error {
		states[id] = k
		s.cache.dropUnless(id, k.Version)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("states of keys: %w", err)
	}
	return states, nil
}
