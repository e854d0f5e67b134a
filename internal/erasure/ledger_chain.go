package erasure

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ekyc"
	"ekyc/internal/vault"
)

// ledgerLock is the advisory lock of the process that adds to the ledger.
const ledgerLock = 0x656b79637203

// chain is where the ledger ends, as the database knows it.
type chain struct {
	Number       int64
	Name, MAC    string
	Writing      *string
	Earlier      *int64
	EarlierNames string
}

func readChain(ctx context.Context, from interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (c chain, err error) {
	err = from.QueryRow(ctx, `select number, name, mac, writing, earlier, earlier_names from erasure_ledger`).Scan(&c.Number, &c.Name, &c.MAC, &c.Writing, &c.Earlier, &c.EarlierNames)
	if err != nil {
		return c, fmt.Errorf("read where the erasure ledger ends: %w", err)
	}
	return c, nil
}

// writeLedger writes an erasure down, durably, and gives the entry's name. Written again it is the same. One process adds at a time: an entry names the one
// before. Which file it writes it notes before, so that one that was written by a process that was killed then is found, and not passed over.
func (s *Service) writeLedger(ctx context.Context, e vault.Erasure) (name string, err error) {
	err = s.holdLedger(ctx, func(conn *pgxpool.Conn) error {
		c, err := readChain(ctx, conn)
		if err == nil {
			c, err = s.settleChain(ctx, conn, c)
		}
		if err != nil {
			return err
		}
		entry := entryOf(e)
		lone := entry
		lone.Version = loneVersion
		for _, there := range []ledgerEntry{entry, lone} {
			if there.Version == loneVersion && *c.Earlier == 0 {
				continue
			}
			_, err := s.ledger.get(ctx, s.ledger.name(there))
			if err == nil {
				name = s.ledger.name(there)
				return nil
			}
			if !errors.Is(err, errNotOurs) && ekyc.CodeOf(err) != ekyc.ErrNotFound {
				return err
			}
		}
		entry.Link = &Link{Number: c.Number + 1, Previous: c.Name, PreviousMAC: c.MAC}
		if entry.Number == 1 {
			entry.Earlier, entry.EarlierNames = *c.Earlier, c.EarlierNames
		}
		if _, err := conn.Exec(ctx, `update erasure_ledger set writing = $1`, s.ledger.name(entry)); err != nil {
			return err
		}
		if entry, name, err = s.ledger.put(ctx, entry); err != nil {
			return err
		}
		return endChain(ctx, conn, entry, name)
	})
	return name, err
}

// turnWithin is how long is waited for a turn at the ledger, among those of this process as among processes.
const turnWithin = 30 * time.Second

// holdLedger does something while nobody else adds to the ledger. Of this process one waits for others at a time: the connection that it holds meanwhile is one of those
// by which every request is admitted. Errors: ErrUnavailable when its turn does not come; those of what it does.
func (s *Service) holdLedger(ctx context.Context, do func(*pgxpool.Conn) error) error {
	busy := ekyc.Errorf(ekyc.ErrUnavailable, "the erasure ledger is being written by others")
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return busy.Because(ctx.Err())
	case <-time.After(turnWithin):
		return busy
	}
	conn, err := s.db.SystemPool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("hold the erasure ledger: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, int64(ledgerLock)); err != nil { // those before wait for a store that does not answer
		return busy.Because(err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, int64(ledgerLock))
	return do(conn)
}

// settleChain takes a ledger on that had no chain, and finds out whether the entry was written that a process was about to write when it ended.
func (s *Service) settleChain(ctx context.Context, conn *pgxpool.Conn, c chain) (chain, error) {
	if c.Earlier == nil {
		found, err := s.listLedger(ctx)
		if err != nil {
			return c, err
		}
		own, err := s.ownOf(ctx, found.lone)
		if err != nil {
			return c, err
		}
		earlier := int64(len(own))
		c.Earlier, c.EarlierNames = &earlier, sumOf(own)
		if _, err := conn.Exec(ctx, `update erasure_ledger set earlier = $1, earlier_names = $2`, earlier, c.EarlierNames); err != nil {
			return c, fmt.Errorf("take the erasure ledger on: %w", err)
		}
	}
	if c.Writing == nil {
		return c, nil
	}
	e, err := s.ledger.get(ctx, *c.Writing)
	switch {
	case errors.Is(err, errNotOurs) || ekyc.CodeOf(err) == ekyc.ErrNotFound:
		return c, nil
	case err != nil:
		return c, err
	case e.Link == nil || e.Number != c.Number+1:
		return c, nil
	}
	c.Number, c.Name, c.MAC = e.Number, *c.Writing, e.MAC
	return c, endChain(ctx, conn, e, *c.Writing)
}

// endChain notes that the ledger ends with an entry.
func endChain(ctx context.Context, conn *pgxpool.Conn, e ledgerEntry, name string) error {
	_, err := conn.Exec(ctx, `update erasure_ledger set number = $1, name = $2, mac = $3, writing = null where number < $1`, e.Number, name, e.MAC)
	if err != nil {
		return fmt.Errorf("note where the erasure ledger ends: %w", err)
	}
	return nil
}

// listed are the names of the ledger's files, sorted.
type listed struct{ lone, chained []string }

func (s *Service) listLedger(ctx context.Context) (l listed, err error) {
	for name, err := range s.ledger.files.List(ctx, -overlap) { // the newest too, whatever the clock of the store says
		if err != nil {
			return l, fmt.Errorf("list the erasure ledger: %w", err)
		}
		if _, chained, _ := timeOf(name); chained {
			l.chained = append(l.chained, name)
		} else {
			l.lone = append(l.lone, name)
		}
	}
	slices.Sort(l.lone)
	slices.Sort(l.chained)
	return l, nil
}

// ownOf gives those of the files that are entries: others, of another installation or of keys that are lost, may lie among them.
func (s *Service) ownOf(ctx context.Context, names []string) (own []string, err error) {
	for _, name := range names {
		switch _, err := s.ledger.get(ctx, name); {
		case err == nil:
			own = append(own, name)
		case !errors.Is(err, errNotOurs):
			return nil, err
		}
	}
	return own, nil
}

func sumOf(names []string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return hex.EncodeToString(sum[:])
}
