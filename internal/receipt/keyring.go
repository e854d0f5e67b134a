package receipt

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// rotation is the advisory lock that who signs holds in shared mode and who rotates alone, so that no receipt is issued by a key after its end.
const rotation = 0x656b7963726370 // "ekycrcp"

// keyring holds the private keys that this process has opened, by identifier.
type keyring struct {
	mu     sync.Mutex
	opened map[string]ed25519.PrivateKey
}

// signer is a key that signs.
type signer struct {
	id      string
	private ed25519.PrivateKey
}

// current gives the key that signs, and the moment: the key was in use then, and is until the transaction ends.
func (s *Service) current(ctx context.Context, tx pgx.Tx) (signer, time.Time, error) {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock_shared($1)`, int64(rotation)); err != nil {
		return signer{}, time.Time{}, fmt.Errorf("hold the receipts' key: %w", err)
	}
	id, sealed, at, err := readCurrent(ctx, tx)
	if errors.Is(err, pgx.ErrNoRows) { // the first use
		if err = s.db.AsSystem(ctx, s.insertKey); err == nil {
			id, sealed, at, err = readCurrent(ctx, tx)
		}
	}
	if err != nil {
		return signer{}, time.Time{}, fmt.Errorf("read the receipts' key: %w", err)
	}
	private, err := s.open(id, sealed)
	return signer{id, private}, at.UTC(), err
}

// The moment is never before the key's beginning, which a clock that was set back since would give: such a receipt would verify nowhere.
func readCurrent(ctx context.Context, tx pgx.Tx) (id string, sealed []byte, at time.Time, err error) {
	err = tx.QueryRow(ctx, `select id, sealed, greatest(clock_timestamp(), created_at) from receipt_key where retired_at is null`).Scan(&id, &sealed, &at)
	return id, sealed, at, err
}

func (s *Service) open(id string, sealed []byte) (ed25519.PrivateKey, error) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if private, known := s.keys.opened[id]; known {
		return private, nil
	}
	seed, err := s.sealer.Open(purposeOf(id), sealed)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	if len(seed) != ed25519.SeedSize {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "a receipts' key is malformed")
	}
	private := ed25519.NewKeyFromSeed(seed)
	if publish(private.Public().(ed25519.PublicKey)).ID != id {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "a receipts' key is not the one of its name")
	}
	if s.keys.opened == nil {
		s.keys.opened = map[string]ed25519.PrivateKey{}
	}
	s.keys.opened[id] = private
	return private, nil
}

// purposeOf binds a sealed key to its row.
func purposeOf(id string) string { return "receipt-key|" + id }

// insertKey makes the current key, unless there is one.
func (s *Service) insertKey(ctx context.Context, tx pgx.Tx) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a receipts' key: %w", err)
	}
	key := publish(public)
	sealed, err := s.sealer.Seal(purposeOf(key.ID), private.Seed())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into receipt_key (id, public_key, sealed, created_at) values ($1, $2, $3, clock_timestamp()) on conflict do nothing`,
		key.ID, []byte(public), sealed)
	if err != nil {
		return fmt.Errorf("store a receipts' key: %w", err)
	}
	return nil
}

// Keys gives every key that has ever signed, the current one first. It makes the first one.
func (s *Service) Keys(ctx context.Context) (KeySet, error) {
	var set KeySet
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if set, err = listKeys(ctx, tx); err != nil || len(set.Keys) > 0 {
			return err
		}
		if err = s.insertKey(ctx, tx); err != nil {
			return err
		}
		set, err = listKeys(ctx, tx)
		return err
	})
	return set, err
}

func listKeys(ctx context.Context, tx pgx.Tx) (KeySet, error) {
	rows, err := tx.Query(ctx, `select public_key, created_at, retired_at from receipt_key order by retired_at is not null, created_at desc, id`)
	if err != nil {
		return KeySet{}, fmt.Errorf("list the receipts' keys: %w", err)
	}
	set := KeySet{Keys: []Key{}}
	var public []byte
	var from time.Time
	var until *time.Time
	_, err = pgx.ForEachRow(rows, []any{&public, &from, &until}, func() error {
		k, begun := publish(public), from.UTC()
		k.ValidFrom = &begun
		if until != nil {
			ended := until.UTC()
			k.ValidUntil = &ended
		}
		set.Keys = append(set.Keys, k)
		return nil
	})
	if err != nil {
		return KeySet{}, fmt.Errorf("list the receipts' keys: %w", err)
	}
	return set, nil
}

// Rotate ends the current key, destroys its private half, and makes the next, which signs from this moment on. It waits for receipts that are being issued.
func (s *Service) Rotate(ctx context.Context) (KeySet, error) {
	var set KeySet
	err := s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(rotation)); err != nil {
			return fmt.Errorf("rotate the receipts' key: %w", err)
		}
		if _, err := tx.Exec(ctx, `update receipt_key set retired_at = greatest(clock_timestamp(), created_at), sealed = null where retired_at is null`); err != nil {
			return fmt.Errorf("end the receipts' key: %w", err)
		}
		if err := s.insertKey(ctx, tx); err != nil {
			return err
		}
		var err error
		set, err = listKeys(ctx, tx)
		return err
	})
	return set, err
}
