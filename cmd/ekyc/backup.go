package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/backup"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/telemetry"
)

// BackupCmd is `ekyc backup`.
type BackupCmd struct {
	Create  BackupCreateCmd  `cmd:"" help:"Write an encrypted backup: the database, the keys in a file of their own with a short life, and the media files where they are in the data directory."`
	Restore BackupRestoreCmd `cmd:"" help:"Write a backup back into an empty database. Erasures that it has forgotten are repeated from the ledger before a process serves."`
	Prune   BackupPruneCmd   `cmd:"" help:"Destroy the dumps of keys whose time is over, in all backups beneath a directory. Needs neither database nor root key."`
}

// backupFlags say which database is meant, and where the rest is.
type backupFlags struct {
	databaseFlags
	erasureFlags
}

// owner gives the address of the login that may read and make everything; without one of a server it is that of the private one, which is started
// unless another process runs it.
func (f *databaseFlags) owner(ctx context.Context) (url string, stop func() error, err error) {
	none := func() error { return nil }
	if f.OwnerURL != "" {
		return f.OwnerURL, none, nil
	}
	if f.DatabaseURL != "" {
		return f.DatabaseURL, none, nil
	}
	directory := filepath.Join(f.DataDir, "postgres")
	if url, err = store.PrivateURL(directory); err != nil {
		return "", nil, err
	}
	if conn, err := pgx.Connect(ctx, url); err == nil {
		return url, none, conn.Close(ctx)
	}
	private, err := store.StartPrivate(ctx, directory, telemetry.NewLogger(os.Stderr, slog.LevelWarn, "postgres"))
	if err != nil {
		return "", nil, err
	}
	return private.URL(), private.Close, nil
}

// files is the directory of the media files; "" where they are elsewhere.
func (f *backupFlags) files() string {
	directory := filepath.Join(f.DataDir, "files")
	if f.MediaStore != "" {
		return ""
	}
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return ""
	}
	return directory
}

// BackupCreateCmd is `ekyc backup create`.
type BackupCreateCmd struct {
	backupFlags
	Out      string        `help:"Directory of the backup; made, and to be empty." required:"" type:"path" placeholder:"DIR"`
	KeysLife time.Duration `help:"When the dump of the keys is to be destroyed; ekyc backup prune does it. No longer than --key-backups of the service." default:"24h"`
	KeysOnly bool          `help:"Write the dump of the keys alone, which is small: as often as no key may be lost."`
	JSON     bool          `help:"Print JSON."`
}

// Run writes the backup.
func (b *BackupCreateCmd) Run(ctx context.Context, c *console) error {
	ring, err := b.openRing(ctx, nil)
	if err != nil {
		return err
	}
	if b.KeysLife > b.KeyBackups {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "certificates of erasures say that backups of keys end within %s; give the service a longer --key-backups first", b.KeyBackups)
	}
	url, stop, err := b.owner(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := fitRingOf(ctx, url, ring); err != nil { // before: nobody would notice until the backup is needed
		return err
	}
	m, err := backup.Create(ctx, url, b.Out, ring, backup.CreateOptions{
		KeysLife: b.KeysLife, KeysOnly: b.KeysOnly, Files: b.files(), Ledger: existing(b.ledgerDir(&b.databaseFlags)), Program: programVersion(),
	})
	if err != nil {
		return err
	}
	kind := "everything"
	if b.KeysOnly {
		kind = "keys"
	}
	if err := enterBackup(ctx, url, ring, audit.Entry{Action: audit.BackupCreate, Actor: commandActor("backup create"), Details: audit.Details{audit.Kind: kind}}); err != nil {
		return err
	}
	if b.JSON {
		return writeJSON(c.out, m)
	}
	holds := fmt.Sprintf("%d media files", m.Files)
	switch {
	case b.KeysOnly:
		holds = "the keys alone"
	case m.Files == 0:
		holds = "no media files: there are none in the data directory"
	}
	fmt.Fprintf(c.out, "%s is written to %s, with %s\nits keys are to be destroyed at %s: ekyc backup prune\n", m.ID, b.Out, holds, m.KeysUntil.Format(time.RFC3339))
	return nil
}

// fitRingOf makes sure that the root keys are those of the database at an address.
func fitRingOf(ctx context.Context, url string, ring *keyring.Ring) error {
	db, err := store.Open(ctx, url, store.Options{ServiceConns: 1, SystemConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	return fitRing(ctx, ring, db)
}

// enterBackup enters what was done, in the database that it was done to.
func enterBackup(ctx context.Context, url string, ring *keyring.Ring, e audit.Entry) error {
	db, err := store.Open(ctx, url, store.Options{ServiceConns: 1, SystemConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	return audit.New(db, ring, audit.Options{}).Enter(ctx, ekyc.Scope{}, func(context.Context) (audit.Entry, error) { return e, nil })
}

// existing is a directory, or "" where there is none.
func existing(directory string) string {
	if directory == "" {
		return ""
	}
	if _, err := os.Stat(directory); err != nil {
		return ""
	}
	return directory
}

// BackupRestoreCmd is `ekyc backup restore`.
type BackupRestoreCmd struct {
	backupFlags
	From        string `help:"Directory of the backup." required:"" type:"path" placeholder:"DIR"`
	Keys        string `help:"Directory of a newer backup whose dump of keys is taken: erased subjects have none there." type:"path" placeholder:"DIR"`
	ExpiredKeys bool   `help:"Take a dump of keys whose time is over, where there is no other. Erased subjects are erased again from the ledger."`
	OlderKeys   bool   `help:"Take a dump of keys from before the backup, where there is no other: of who came in between, nothing opens ever again."`
	RetiredKeys bool   `help:"Restore although older keys of tenants were destroyed between the backup and the dump of keys: of those tenants, webhooks, texts of consent and open links do not open."`
	OldLedger   bool   `help:"Restore although there is no ledger of erasures but the backup's own: who was erased since is back, and nothing tells it."`
	JSON        bool   `help:"Print JSON."`
}

// missesLedger says whether nothing but the backup would tell who was erased: a directory that is not there, or that holds no entry. What merely opens it, as the doctor
// does, leaves folders in it, and a disk of its own has some from the beginning. A bucket is where it was.
func missesLedger(directory string) bool {
	if directory == "" {
		return false
	}
	misses := true
	filepath.WalkDir(directory, func(_ string, entry fs.DirEntry, err error) error {
		switch {
		case entry == nil:
			return err
		case entry.IsDir() && err != nil: // such as one that is root's
			return fs.SkipDir
		case !entry.IsDir() && blob.ValidName(entry.Name()):
			misses = false
			return fs.SkipAll
		}
		return nil
	})
	return misses
}

// Run restores.
func (b *BackupRestoreCmd) Run(ctx context.Context, c *console) error {
	o := backup.RestoreOptions{Keys: b.Keys, Expired: b.ExpiredKeys, Older: b.OlderKeys, Retired: b.RetiredKeys, Ledger: b.ledgerDir(&b.databaseFlags)}
	if missesLedger(o.Ledger) && !b.OldLedger {
		return ekyc.Errorf(ekyc.ErrConflict, "there is no ledger of erasures in %s, and the backup's own forgets who was erased since: copy the newest one there, or name it with --ledger; --old-ledger restores without", o.Ledger)
	}
	ring, err := b.openRing(ctx, nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.DataDir, 0o755); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the data directory %s cannot be made", b.DataDir).Because(err)
	}
	url, stop, err := b.owner(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if b.MediaStore == "" {
		o.Files = filepath.Join(b.DataDir, "files")
	}
	out, err := backup.Restore(ctx, url, b.From, ring, o)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, url, migrations()...); err != nil { // of a backup by an older program
		return err
	}
	if err := enterBackup(ctx, url, ring, audit.Entry{Action: audit.BackupRestore, Actor: commandActor("backup restore")}); err != nil {
		return err
	}
	if b.JSON {
		return writeJSON(c.out, out)
	}
	ledger := "the bucket"
	if o.Ledger != "" {
		ledger = o.Ledger
	}
	fmt.Fprintf(c.out, "%s of %s is restored, with the keys of %s\nthe first process that starts repeats the erasures that it has forgotten and that the ledger in %s knows:\nsee that the newest ledger is there before, or who was erased since the backup is back\n",
		out.ID, out.MadeAt.Format(time.RFC3339), out.KeysOf, ledger)
	return nil
}

// BackupPruneCmd is `ekyc backup prune`.
type BackupPruneCmd struct {
	Dir string `arg:"" help:"Directory of one backup or of many." type:"path"`
}

// Run destroys what is over.
func (b *BackupPruneCmd) Run(_ context.Context, c *console) error {
	destroyed, err := backup.Prune(b.Dir, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d dumps of keys were destroyed\n", destroyed)
	return nil
}
