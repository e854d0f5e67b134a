// Package backup writes the database into files, and back into an empty one. The dump of the keys is a file of its own with a short life, since it
// brings back the keys of subjects that are erased after it; everything else can be kept as long as one likes. All dumps are encrypted under the
// root keys, without which a backup is of no use. Nothing of them is written anywhere in the open.
package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
)

// KeysLife is how long the dump of the keys is kept unless it is said otherwise.
const KeysLife = 24 * time.Hour

// CreateOptions say what is written.
type CreateOptions struct {
	KeysLife time.Duration // 0 for KeysLife
	KeysOnly bool          // the dump of the keys alone
	Files    string        // directory of media files; "" for none: they are in a store with copies of its own
	Ledger   string        // directory of the erasure ledger; "" for none
	Program  string
}

// Create writes a backup into a directory, which is made. The login of the URL reads past row-level security. Errors: ErrConflict when there is something
// in the directory, or a restore was broken off; ErrInvalidArgument when the login may not read everything; ErrUnavailable. No dump of keys is left of one that fails.
func Create(ctx context.Context, url, directory string, ring Ring, o CreateOptions) (_ Manifest, err error) {
	if o.KeysLife <= 0 {
		o.KeysLife = KeysLife
	}
	if err := emptyDirectory(directory); err != nil {
		return Manifest{}, err
	}
	conn, err := connect(ctx, url)
	if err != nil {
		return Manifest{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	m := Manifest{Version: manifestVersion, ID: "bak_" + strings.ToLower(rand.Text()), Program: o.Program, Database: !o.KeysOnly}
	if err := store.RefuseRestoring(ctx, conn); err != nil {
		return Manifest{}, err
	}
	if err := mayReadEverything(ctx, conn); err != nil {
		return Manifest{}, err
	}
	if err := register(ctx, conn, &m, o.KeysLife); err != nil { // before the dump: no certificate is signed that does not know of it
		return Manifest{}, err
	}
	defer func() {
		if err != nil {
			if _, left := destroy(filepath.Join(directory, keysName)); left != nil {
				err = errors.Join(err, left)
			}
		}
	}()
	if err := m.dump(ctx, conn, url, directory, ring); err != nil {
		return Manifest{}, err
	}
	if m.Database {
		// After the dump: a file that is gone by then was removed for good.
		for _, part := range []struct{ from, to string }{{o.Files, filesName}, {o.Ledger, ledgerName}} {
			n, err := copyFiles(ctx, part.from, filepath.Join(directory, part.to))
			if err != nil {
				return Manifest{}, err
			}
			if part.to == filesName {
				m.Files = n
			}
		}
	}
	return m, m.write(ring, directory)
}

// dump writes both dumps, of one and the same moment.
func (m *Manifest) dump(ctx context.Context, conn *pgx.Conn, url, directory string, ring Ring) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var snapshot string
	if err := tx.QueryRow(ctx, `select pg_export_snapshot()`).Scan(&snapshot); err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	if m.Sealing, err = sealingKeys(ctx, tx); err != nil {
		return err
	}
	for _, part := range []struct {
		name      string
		wanted    bool
		arguments []string
	}{
		{databaseName, m.Database, []string{"--exclude-table-data=ekyc_keys.*"}},
		{keysName, true, []string{"--data-only", "--schema=ekyc_keys"}},
	} {
		if !part.wanted {
			continue
		}
		err := sealTo(ring, filepath.Join(directory, part.name), m.ID, part.name, func(w io.Writer) error {
			return runTool(ctx, url, "pg_dump", nil, w, append(part.arguments, "--format=custom", "--compress=1", "--no-password", "--snapshot="+snapshot)...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sealingKeys are the identifiers of the keys that open what is the tenants' own, by scope.
func sealingKeys(ctx context.Context, tx pgx.Tx) (map[string][]uint32, error) {
	found := map[string][]uint32{}
	rows, err := tx.Query(ctx, `select tenant_id || '|' || environment, sealing from ekyc_keys.tenant_key`)
	if err != nil {
		return nil, fmt.Errorf("read the names of keys: %w", err)
	}
	var scope string
	var wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{&scope, &wrapped}, func() (err error) {
		found[scope], err = keyring.WrappedIDs(wrapped)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the names of keys: %w", err)
	}
	return found, nil
}

// runTool runs a program of PostgreSQL's. What it says of a failure is the cause of the error.
func runTool(ctx context.Context, url, name string, in io.Reader, out io.Writer, arguments ...string) error {
	command, err := store.Tool(ctx, url, name, arguments...)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = in, out, &said
	if err := command.Run(); err != nil {
		return ekyc.Errorf(ekyc.ErrUnavailable, "%s failed: %s", name, lastLine(said.String())).Because(errors.Join(err, errors.New(said.String())))
	}
	return nil
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the database URL cannot be parsed")
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the database cannot be reached").Because(err)
	}
	return conn, nil
}

// mayReadEverything refuses a login from which row-level security would hide rows.
func mayReadEverything(ctx context.Context, conn *pgx.Conn) error {
	var may bool
	if err := conn.QueryRow(ctx, `select rolsuper or rolbypassrls and pg_has_role('ekyc_owner', 'member') from pg_roles where rolname = current_user`).Scan(&may); err != nil {
		return fmt.Errorf("look at the login of a backup: %w", err)
	}
	if !may {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "this login cannot read every row: a backup needs a superuser, or a member of ekyc_owner with BYPASSRLS")
	}
	return nil
}

// register notes in the database that there is a dump of its keys, and until when.
func register(ctx context.Context, conn *pgx.Conn, m *Manifest, life time.Duration) error {
	var until time.Time
	err := conn.QueryRow(ctx, `insert into ekyc.key_backup (id, made_at, expires_at) values ($1, clock_timestamp(), clock_timestamp() + $2::interval) returning made_at, expires_at`,
		m.ID, life).Scan(&m.MadeAt, &until)
	if err != nil {
		return fmt.Errorf("note a backup of the keys: %w", err)
	}
	m.MadeAt, until = m.MadeAt.UTC(), until.UTC()
	m.KeysUntil = &until
	return nil
}

// emptyDirectory makes a directory that only its owner can enter, or takes an empty one.
func emptyDirectory(directory string) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be made", directory).Because(err)
	}
	there, err := os.ReadDir(directory)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", directory).Because(err)
	}
	if len(there) > 0 {
		return ekyc.Errorf(ekyc.ErrConflict, "there is something in %s; a backup needs a directory of its own", directory)
	}
	return nil
}

// copyFiles copies what is not there yet, and gives how many files it found. A file that is removed meanwhile is left out.
func copyFiles(ctx context.Context, from, to string) (n int, err error) {
	if from == "" {
		return 0, nil
	}
	err = filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "incoming" { // of files that are being written
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, relative), 0o700)
		}
		n++
		return copyFile(path, filepath.Join(to, relative))
	})
	if err != nil {
		return n, fmt.Errorf("copy files: %w", err)
	}
	return n, nil
}

// copyFile copies a file whole or not at all: one of which a half was left would be taken for the file at the next try.
func copyFile(from, to string) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return nil // a name is made once, for one content
	}
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".copy-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		os.Remove(out.Name())
	}
	return err
}
