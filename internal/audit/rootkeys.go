package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/keyring"
)

// rootLock is the advisory lock under which root keys are changed and that is entered.
const rootLock = 0x656b79636103 // "ekyca" and 3

var rootActions = map[keyring.ChangeKind]Action{keyring.Staged: RootKeyStage, keyring.Rotated: RootKeyRotate, keyring.Retired: RootKeyRetire}

// ChangeRoot changes the root keys and enters that. Their file is no part of the transaction: it notes the change itself, and where that is not entered,
// since the process was killed between the two, EnterRoot does it later. It ends with the change's error.
func (l *Log) ChangeRoot(ctx context.Context, ring *keyring.Ring, actor Actor, change func(context.Context) error) error {
	return l.enterRoot(ctx, ring, actor, `select true from (select pg_advisory_xact_lock($1)) locked`, change)
}

// EnterRoot enters the changes of the root keys that a command was killed behind, unless one is at it at this moment. Every process does it as it starts.
func (l *Log) EnterRoot(ctx context.Context, ring *keyring.Ring, actor Actor) error {
	if len(ring.Unentered()) == 0 {
		return nil
	}
	return l.enterRoot(ctx, ring, actor, `select pg_try_advisory_xact_lock($1)`, ring.Reload)
}

func (l *Log) enterRoot(ctx context.Context, ring *keyring.Ring, actor Actor, lock string, do func(context.Context) error) error {
	var changes []keyring.Change
	err := l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, lock, int64(rootLock)).Scan(&mine); err != nil || !mine {
			return err
		}
		if err := do(ctx); err != nil {
			return err
		}
		changes = ring.Unentered()
		for _, c := range changes {
			if err := l.enterChange(ctx, tx, actor, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(changes) == 0 {
		return err
	}
	return ring.Entered(ctx, changes)
}

// enterChange enters a change unless that is done.
func (l *Log) enterChange(ctx context.Context, tx pgx.Tx, actor Actor, c keyring.Change) error {
	names := strings.Join(c.Keys[:min(len(c.Keys), mostObjects)], ",")
	var known bool
	_, err := tx.Exec(ctx, `set local statement_timeout = 0`) // the log can be long, and there is no index for this
	if err == nil {
		err = tx.QueryRow(ctx, `select exists (select from audit_entry where action = $1 and record::jsonb #>> '{details,key}' = $2)`, rootActions[c.What], names).Scan(&known)
	}
	if err != nil {
		return fmt.Errorf("look for a change of the root keys in the audit log: %w", err)
	}
	if known {
		return nil
	}
	e := Entry{Action: rootActions[c.What], Actor: actor, Details: Details{KeyNames: names}}
	if c.What == keyring.Retired {
		e.Details[Units] = strconv.Itoa(len(c.Keys))
	}
	return l.Append(ctx, tx, e)
}
