package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

// RestoreOptions say where from and where to.
type RestoreOptions struct {
	Keys    string // directory of the backup whose dump of keys is taken; "" for the same
	Expired bool   // take a dump of keys whose time is over
	Older   bool   // and one that was made before the backup
	Retired bool   // and one that lacks keys of tenants which were destroyed since the backup
	Files   string // directory that media files are copied to; "" for none
	Ledger  string // directory of the erasure ledger, to which entries are added that it lacks; "" for none
}

// Restored says what was restored.
type Restored struct {
	Manifest
	KeysOf  string `json:"keys_of"` // identifier of the backup that the keys are of
	Orphans int    `json:"orphans"` // keys and comparisons of subjects that the dump of the other does not know
}

// Restore writes a backup into an empty database. Erasures that it has forgotten are repeated when a process opens it, from the ledger; until then
// nothing serves it. Keys of a newer backup than the rest are the better choice: erased subjects have none there. Errors: ErrFileUnreadable for a
// backup that does not open, ErrGone for keys whose time is over, ErrConflict when the database is not empty or the keys lack some, ErrUnavailable. The database is empty again after one that fails.
// Over one that was killed it begins anew; until it is through, no process opens the database.
func Restore(ctx context.Context, url, directory string, ring Ring, o RestoreOptions) (_ Restored, err error) {
	m, err := readManifest(ring, directory)
	if err != nil {
		return Restored{}, err
	}
	if !m.Database {
		return Restored{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s holds keys alone; give it as --keys beside a backup of the database", directory)
	}
	if o.Keys == "" {
		o.Keys = directory
	}
	keys, err := readManifest(ring, o.Keys)
	if err != nil {
		return Restored{}, err
	}
	if keys.KeysUntil == nil || !o.Expired && time.Now().After(*keys.KeysUntil) {
		return Restored{}, ekyc.Errorf(ekyc.ErrGone, "the time of the keys in %s is over; give a newer dump of them as --keys, or --expired-keys where there is none", o.Keys)
	}
	if keys.MadeAt.Before(m.MadeAt) && !o.Older {
		return Restored{}, ekyc.Errorf(ekyc.ErrConflict, "the dump of keys in %s is older than the backup: who came in between would have no key, and nothing of them would open ever again. Give the backup's own (with --expired-keys where its time is over) or a newer one; "+
			"--older-keys restores all the same", o.Keys)
	}
	if n := m.lost(keys); n > 0 && !o.Retired {
		return Restored{}, ekyc.Errorf(ekyc.ErrConflict, "older keys of %d tenants' environments were destroyed between the backup and the dump of keys in %s (ekyc keys rotate-tenant --retire), and what the backup holds under them would not open: webhooks, texts of consent, "+
			"open links; persons' data would. Give a dump of keys from before that as --keys, the backup's own with --expired-keys; --retired-keys restores without", n, o.Keys)
	}
	conn, err := connect(ctx, url)
	if err != nil {
		return Restored{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := prepare(ctx, conn); err != nil {
		return Restored{}, err
	}
	defer func() {
		if err != nil { // half of one has neither row-level security nor triggers, and a process would serve it
			if _, left := conn.Exec(context.WithoutCancel(ctx), `drop schema if exists ekyc, ekyc_keys, river, `+store.RestoringSchema+` cascade`); left != nil {
				err = errors.Join(err, fmt.Errorf("empty the database again: %w", left))
			}
		}
	}()
	restore := func(backup, directory, name string, arguments ...string) error {
		return openFrom(ring, filepath.Join(directory, name), backup, name, func(r io.Reader) error {
			config, err := pgx.ParseConfig(url)
			if err != nil {
				return ekyc.Errorf(ekyc.ErrInvalidArgument, "the database URL cannot be parsed")
			}
			return runTool(ctx, url, "pg_restore", r, io.Discard, append(arguments, "--exit-on-error", "--no-password", "--dbname="+config.Database)...)
		})
	}
	if err := restore(m.ID, directory, databaseName, "--section=pre-data"); err != nil {
		return Restored{}, err
	}
	if err := restore(m.ID, directory, databaseName, "--section=data"); err != nil {
		return Restored{}, err
	}
	if err := restore(keys.ID, o.Keys, keysName, "--section=data"); err != nil {
		return Restored{}, err
	}
	out := Restored{Manifest: m, KeysOf: keys.ID}
	if out.Orphans, err = dropOrphans(ctx, conn); err != nil {
		return Restored{}, err
	}
	if err := restore(m.ID, directory, databaseName, "--section=post-data"); err != nil {
		return Restored{}, err
	}
	for _, part := range []struct{ from, to string }{{filesName, o.Files}, {ledgerName, o.Ledger}} {
		if part.to == "" {
			continue
		}
		if _, err := copyFiles(ctx, filepath.Join(directory, part.from), part.to); err != nil {
			return Restored{}, err
		}
	}
	if _, err := conn.Exec(ctx, `drop schema `+store.RestoringSchema); err != nil {
		return Restored{}, fmt.Errorf("open the database to others: %w", err)
	}
	return out, nil
}

// restoreLock is the advisory lock of who restores: of two, the one that fails would take the other's tables away.
const restoreLock = 0x656b79637603

// prepare makes the roles in an empty database's server, and closes the database to others. What one that was killed has left it takes away.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	var mine bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, restoreLock).Scan(&mine); err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if !mine {
		return ekyc.Errorf(ekyc.ErrConflict, "another backup is being restored into the database")
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var used, restoring bool
		err := tx.QueryRow(ctx, `select exists (select from pg_namespace where nspname in ('ekyc', 'ekyc_keys', 'river')), to_regnamespace($1) is not null`,
			store.RestoringSchema).Scan(&used, &restoring)
		if err != nil {
			return fmt.Errorf("look at the database: %w", err)
		}
		if used && !restoring {
			return ekyc.Errorf(ekyc.ErrConflict, "the database is not empty; a backup is restored into a fresh one")
		}
		if restoring {
			if _, err := tx.Exec(ctx, `drop schema if exists ekyc, ekyc_keys, river cascade`); err != nil {
				return fmt.Errorf("take away what a restore has left that was broken off: %w", err)
			}
		}
		for _, role := range []string{store.RoleOwner, store.RoleService, store.RoleSystem} {
			_, err := tx.Exec(ctx, fmt.Sprintf(`do $$ begin
				if not exists (select from pg_roles where rolname = '%[1]s') then create role %[1]s nologin; end if;
				if not pg_has_role(current_user, '%[1]s', 'member') then execute format('grant %[1]s to %%I', current_user); end if;
			end $$`, role))
			if err != nil {
				return fmt.Errorf("make the roles: %w", err)
			}
		}
		if _, err := tx.Exec(ctx, `create schema if not exists `+store.RestoringSchema); err != nil {
			return fmt.Errorf("close the database to others: %w", err)
		}
		return nil
	})
}

// dropOrphans removes what has no counterpart where the keys are of another moment than the rest: keys of subjects that came later, and
// comparisons of those that have no key any more.
func dropOrphans(ctx context.Context, conn *pgx.Conn) (n int, err error) {
	for _, statement := range []string{
		`delete from ekyc_keys.subject_key k where not exists (select from ekyc.subject s where s.tenant_id = k.tenant_id and s.environment = k.environment and s.id = k.subject_id)`,
		`delete from ekyc.shadow_decision d where not exists (select from ekyc_keys.subject_key k where k.tenant_id = d.tenant_id and k.environment = d.environment and k.subject_id = d.subject_id)`,
	} {
		tag, err := conn.Exec(ctx, statement)
		if err != nil {
			return n, fmt.Errorf("join the keys to the rest: %w", err)
		}
		n += int(tag.RowsAffected())
	}
	return n, nil
}
