package backup

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/blob"
	"ekyc/internal/drafting"
	"ekyc/internal/erasure"
	"ekyc/internal/keyring"
	"ekyc/internal/metering"
	"ekyc/internal/queue"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

var full *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &full, queue.Migrations, tenant.Migrations, metering.Migrations, vault.Migrations, webhook.Migrations, drafting.Migrations, workflow.Migrations,
		audit.Migrations, receipt.Migrations, erasure.Migrations))
}

const planted = "PLANTED-IN-A-BACKUP"

// installation is a database with the files and keys that belong to it.
type installation struct {
	t       *testing.T
	url     string
	folder  string // of media files and ledger
	ring    *keyring.Ring
	scope   ekyc.Scope
	db      *store.DB
	vault   *vault.Vault
	erasure *erasure.Service
}

func setup(t *testing.T) *installation {
	t.Helper()
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "ring"))
	if err != nil {
		t.Fatal(err)
	}
	i := &installation{t: t, url: full.URL(t), folder: t.TempDir(), ring: ring, scope: ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}}
	i.open(filepath.Join(i.folder, "erasures"))
	return i
}

func (i *installation) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

// open is a process on the database, with the ledger where it is.
func (i *installation) open(ledger string) {
	i.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var err error
	i.db, err = store.Open(context.Background(), i.url, store.Options{ServiceConns: 2, SystemConns: 2})
	i.must(err)
	i.t.Cleanup(i.db.Close)
	files, err := blob.OpenFiles(filepath.Join(i.folder, "files"))
	i.must(err)
	entries, err := blob.OpenFiles(ledger)
	i.must(err)
	i.vault = vault.New(i.db, i.ring, files, vault.Options{Logger: quiet})
	client, err := queue.New(i.db, queue.Options{Logger: quiet})
	i.must(err)
	hooks := webhook.New(i.db, i.vault, i.ring, webhook.Options{Logger: quiet})
	hooks.SetQueue(client)
	i.erasure = erasure.New(i.db, i.vault, erasure.NewLedger(entries, i.ring), audit.New(i.db, i.ring, audit.Options{Logger: quiet}), hooks,
		receipt.New(i.db, i.vault, i.ring, receipt.Options{}), erasure.Options{Logger: quiet})
}

// elsewhere is the same installation on a fresh database and with fresh files, and what was restored there.
func (i *installation) elsewhere(from string, o RestoreOptions) (*installation, Restored) {
	i.t.Helper()
	other := &installation{t: i.t, url: full.Empty(i.t), folder: i.t.TempDir(), ring: i.ring, scope: i.scope}
	o.Files = filepath.Join(other.folder, "files")
	out, err := Restore(i.t.Context(), other.url, from, i.ring, o)
	i.must(err)
	i.must(store.Migrate(i.t.Context(), other.url)) // the roles of the login
	other.open(filepath.Join(i.folder, "erasures"))
	return other, out
}

// person is a subject of whom something is sealed, and a photograph kept.
type person struct {
	id, media ekyc.ID
	sealed    []byte
}

func (i *installation) person() (p person) {
	i.t.Helper()
	i.must(i.db.InTenant(context.Background(), i.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if p.id, err = i.vault.CreateSubject(ctx, tx, i.scope, planted+string(ekyc.NewID(ekyc.KindJob))); err != nil {
			return err
		}
		if p.media, err = i.vault.PutMedia(ctx, tx, i.scope, vault.MediaInput{Subject: p.id, Kind: vault.MediaReference, Data: []byte(planted)}); err != nil {
			return err
		}
		p.sealed, err = i.vault.Seal(ctx, tx, i.scope, p.id, "o", []byte(planted))
		return err
	}))
	return p
}

// opens says whether what is sealed of a person opens, and whether the photograph does.
func (i *installation) opens(p person) (sealed, media ekyc.ErrorCode) {
	i.t.Helper()
	err := i.db.InTenant(context.Background(), i.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := i.vault.Open(ctx, tx, i.scope, p.id, "o", p.sealed)
		return err
	})
	_, _, fault := i.vault.ReadMedia(context.Background(), i.scope, p.media)
	return ekyc.CodeOf(err), ekyc.CodeOf(fault)
}

func (i *installation) wantOpen(what string, p person, sealed, media ekyc.ErrorCode) {
	i.t.Helper()
	if a, b := i.opens(p); a != sealed || b != media {
		i.t.Errorf("%s: %q and %q, want %q and %q", what, a, b, sealed, media)
	}
}

func (i *installation) create(o CreateOptions) (directory string, m Manifest) {
	i.t.Helper()
	directory = filepath.Join(i.t.TempDir(), "backup")
	o.Files, o.Ledger = filepath.Join(i.folder, "files"), filepath.Join(i.folder, "erasures")
	m, err := Create(i.t.Context(), i.url, directory, i.ring, o)
	i.must(err)
	return directory, m
}

// TestWhoWasErasedStaysErasedInARestore: backup, erase, restore.
func TestWhoWasErasedStaysErasedInARestore(t *testing.T) {
	t.Parallel()
	i := setup(t)
	erased, stays := i.person(), i.person()
	const life = 36 * time.Hour // longer than erasures suppose without being told
	directory, m := i.create(CreateOptions{KeysLife: life})
	if !m.Database || m.Files != 2 || m.KeysUntil.Sub(m.MadeAt).Round(time.Second) != life {
		t.Errorf("%+v", m)
	}
	certificate, err := i.erasure.Erase(t.Context(), i.scope, erased.id)
	i.must(err)
	if want := m.KeysUntil.Format(time.RFC3339Nano); !bytes.Contains(certificate.Certificate, []byte(`"key_backups_end_by":"`+want+`"`)) {
		t.Errorf("%s does not name %s", certificate.Certificate, want)
	}
	later := i.person()
	keys, _ := i.create(CreateOptions{KeysOnly: true})

	// With the keys of its own the person is back, until a process asks the ledger.
	r, _ := i.elsewhere(directory, RestoreOptions{})
	r.wantOpen("before the ledger is asked", erased, "", "")
	out, err := r.erasure.Replay(t.Context())
	if err != nil || out.Erased != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	r.wantOpen("the erased one", erased, ekyc.ErrGone, ekyc.ErrNotFound)
	r.wantOpen("who stays", stays, "", "")
	var keyed int
	r.must(storetest.Owner(t, r.url).QueryRow(t.Context(), `select count(*) from ekyc_keys.subject_key where subject_id = $1`, erased.id).Scan(&keyed))
	if keyed != 0 {
		t.Error("the key is there")
	}

	// With newer keys there is nothing to open in the first place, and those of subjects that the dump does not know are dropped.
	n, restored := i.elsewhere(directory, RestoreOptions{Keys: keys})
	if restored.Orphans != 1 {
		t.Errorf("%+v", restored)
	}
	n.wantOpen("with newer keys", erased, ekyc.ErrGone, ekyc.ErrGone)
	n.wantOpen("with newer keys", stays, "", "")
	n.wantOpen("with newer keys", later, ekyc.ErrNotFound, ekyc.ErrNotFound)
	if out, err := n.erasure.Replay(t.Context()); err != nil || out.Erased != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	n.wantOpen("with newer keys and the ledger", erased, ekyc.ErrGone, ekyc.ErrNotFound)

	// A backup that is newer than the erasure knows of it.
	newest, _ := i.create(CreateOptions{})
	q, _ := i.elsewhere(newest, RestoreOptions{})
	if out, err := q.erasure.Replay(t.Context()); err != nil || out.Erased != 0 || out.Entries != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	q.wantOpen("in a newer backup", erased, ekyc.ErrGone, ekyc.ErrNotFound)
	q.wantOpen("in a newer backup", later, "", "")
	if _, err := q.erasure.CertificateOf(t.Context(), i.scope, erased.id); err != nil {
		t.Errorf("its certificate: %v", err)
	}
}

// TestARestoredDatabaseIsWhole: rights, policies and triggers came along.
func TestARestoredDatabaseIsWhole(t *testing.T) {
	t.Parallel()
	i := setup(t)
	i.person()
	directory, _ := i.create(CreateOptions{})
	r, _ := i.elsewhere(directory, RestoreOptions{})
	shape := func(url string) (lines []string) {
		rows, err := storetest.Owner(t, url).Query(t.Context(), `
			select 'table ' || c.oid::regclass || ' ' || relrowsecurity || relforcerowsecurity || ' ' || coalesce(array_to_string(relacl, ','), '') || ' ' || relowner::regrole
				from pg_class c where relkind in ('r', 'p', 'S') and relnamespace::regnamespace::text in ('ekyc', 'ekyc_keys', 'river')
			union all select 'policy ' || tablename || ' ' || policyname || roles::text || coalesce(qual, '') from pg_policies
			union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
			union all select 'constraint ' || conrelid::regclass || pg_get_constraintdef(oid) from pg_constraint where connamespace::regnamespace::text in ('ekyc', 'ekyc_keys')
			union all select 'index ' || pg_get_indexdef(indexrelid) from pg_index join pg_class c on c.oid = indexrelid where c.relnamespace::regnamespace::text in ('ekyc', 'ekyc_keys', 'river')
			union all select 'function ' || oid::regprocedure || coalesce(array_to_string(proacl, ','), '') from pg_proc where pronamespace::regnamespace::text in ('ekyc', 'ekyc_keys') order by 1`)
		i.must(err)
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		i.must(err)
		return lines
	}
	before, after := shape(i.url), shape(r.url)
	if len(before) < 100 || strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("of %d lines the restored database has %d; the first that differs: %s", len(before), len(after), firstDifference(before, after))
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + " | " + b[i]
		}
	}
	return "the length"
}

func TestABackupIsOfNoUseWithoutTheRootKey(t *testing.T) {
	t.Parallel()
	i := setup(t)
	i.person()
	directory, m := i.create(CreateOptions{})
	var wrapped []byte // is in the keys' dump, in hex
	i.must(storetest.Owner(t, i.url).QueryRow(t.Context(), `select wrapped from ekyc_keys.subject_key`).Scan(&wrapped))
	seen := 0
	i.must(filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v, %v", path, info.Mode(), err)
		}
		content, err := os.ReadFile(path)
		for _, needle := range []string{planted, hex.EncodeToString([]byte(planted)), base64.StdEncoding.EncodeToString([]byte(planted))[:20], string(wrapped), hex.EncodeToString(wrapped), "subject_key", "PGDMP"} {
			if bytes.Contains(content, []byte(needle)) {
				t.Errorf("%s holds %q", path, needle)
			}
		}
		seen++
		return err
	}))
	if seen < 4 {
		t.Errorf("%d files are there", seen)
	}
	stranger, err := keyring.Create(filepath.Join(t.TempDir(), "ring"))
	i.must(err)
	if _, err := readManifest(stranger, directory); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("another installation reads it: %v", err)
	}
	if _, err := Restore(t.Context(), full.Empty(t), directory, stranger, RestoreOptions{}); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("another installation restores it: %v", err)
	}
	for _, name := range []string{databaseName, keysName} {
		path := filepath.Join(directory, name)
		whole, err := os.ReadFile(path)
		i.must(err)
		for what, content := range map[string][]byte{
			"cut": whole[:len(whole)-1], "altered": flipped(whole, len(whole)/2), "with another key": flipped(whole, 40), "empty": {}, "of another name": other(t, directory, name),
		} {
			i.must(os.WriteFile(path, content, 0o600))
			err := openFrom(i.ring, path, m.ID, name, drain)
			if ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		// Altered at its end, when most of it is in the database: nothing of it is left there, where it would lack what protects it.
		i.must(os.WriteFile(path, flipped(whole, len(whole)-1), 0o600))
		url := full.Empty(t)
		if _, err := Restore(t.Context(), url, directory, i.ring, RestoreOptions{}); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
			t.Errorf("%s, restored: %v", name, err)
		}
		i.must(os.WriteFile(path, whole, 0o600))
		i.must(openFrom(i.ring, path, m.ID, name, drain))
		if _, err := Restore(t.Context(), url, directory, i.ring, RestoreOptions{}); err != nil {
			t.Errorf("again with the true %s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(directory, manifestName))
	i.must(err)
	longer := bytes.Replace(text, []byte(m.KeysUntil.Format("2006-01-02")), []byte("2999-01-01"), 1)
	if bytes.Equal(longer, text) {
		t.Fatal("the manifest does not name the day")
	}
	i.must(os.WriteFile(filepath.Join(directory, manifestName), longer, 0o600))
	if _, err := readManifest(i.ring, directory); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("an altered manifest: %v", err)
	}
}

// breakOff restores into a fresh database and ends the restore's connection when there are tables. On a busy machine the end may come too late: then it is tried again.
func (i *installation) breakOff(directory string) (url string, owner *pgx.Conn) {
	i.t.Helper()
	for range 3 {
		url := full.Empty(i.t)
		owner := storetest.Owner(i.t, url)
		killed := make(chan bool, 1)
		go func() {
			for there := false; !there; time.Sleep(time.Millisecond) {
				if err := owner.QueryRow(i.t.Context(), `select to_regclass('ekyc.subject') is not null`).Scan(&there); err != nil {
					i.t.Error(err)
					killed <- false
					return
				}
			}
			ended, err := owner.Exec(i.t.Context(), `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
				and database = (select oid from pg_database where datname = current_database()) and (classid::bigint << 32) + objid::bigint = $1`, int64(restoreLock))
			if err != nil {
				i.t.Error(err)
			}
			killed <- ended.RowsAffected() > 0
		}()
		_, err := Restore(i.t.Context(), url, directory, i.ring, RestoreOptions{})
		var open bool
		was := <-killed
		i.must(owner.QueryRow(i.t.Context(), `select not exists (select from pg_policies where tablename = 'subject')`).Scan(&open))
		if was && open && err == nil {
			i.t.Fatal("a restore came through without its connection")
		}
		if was && open {
			return url, owner
		}
	}
	i.t.Fatal("no restore was broken off in the middle")
	return "", nil
}

// TestNobodyOpensWhatARestoreThatWasKilledHasLeft: tables whose rows nothing protects yet. A restore loses its connection in the middle, and cannot clean up.
func TestNobodyOpensWhatARestoreThatWasKilledHasLeft(t *testing.T) {
	t.Parallel()
	i := setup(t)
	p := i.person()
	directory, _ := i.create(CreateOptions{})
	url, owner := i.breakOff(directory)
	var open bool
	i.must(owner.QueryRow(t.Context(), `select exists (select from pg_class where oid = 'ekyc.subject'::regclass) and not exists (select from pg_policies where tablename = 'subject')`).Scan(&open))
	if !open {
		t.Error("the tables are protected: nothing was broken off")
	}
	refused := func(what string, want ekyc.ErrorCode) {
		t.Helper()
		db, err := store.Open(t.Context(), url, store.Options{ServiceConns: 1, SystemConns: 1})
		if err == nil {
			db.Close()
		}
		if code := ekyc.CodeOf(err); code != want {
			t.Errorf("%s, opened: %v", what, err)
		}
		if err := store.Migrate(t.Context(), url); ekyc.CodeOf(err) != want {
			t.Errorf("%s, migrated: %v", what, err)
		}
		if _, err := Create(t.Context(), url, filepath.Join(t.TempDir(), "b"), i.ring, CreateOptions{}); ekyc.CodeOf(err) != want {
			t.Errorf("%s, backed up: %v", what, err)
		}
	}
	refused("broken off", ekyc.ErrConflict)
	r := &installation{t: t, url: url, folder: t.TempDir(), ring: i.ring, scope: i.scope}
	_, err := Restore(t.Context(), url, directory, i.ring, RestoreOptions{Files: filepath.Join(r.folder, "files")})
	i.must(err)
	refused("restored", "")
	r.open(filepath.Join(i.folder, "erasures"))
	r.wantOpen("restored over what was left", p, "", "")
}

func TestKeysHaveAShortLife(t *testing.T) {
	t.Parallel()
	i := setup(t)
	p := i.person()
	directory, m := i.create(CreateOptions{KeysLife: time.Second})
	beside, _ := i.create(CreateOptions{KeysOnly: true})
	if n, err := Prune(directory, m.MadeAt); n != 0 || err != nil {
		t.Errorf("%d were destroyed, %v", n, err)
	}
	time.Sleep(time.Until(m.KeysUntil.Add(10 * time.Millisecond)))
	if _, err := Restore(t.Context(), full.Empty(t), directory, i.ring, RestoreOptions{}); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("keys whose time is over: %v", err)
	}
	r, _ := i.elsewhere(directory, RestoreOptions{Expired: true})
	r.wantOpen("with keys whose time is over", p, "", "")
	if n, err := Prune(filepath.Dir(directory), time.Now()); n != 1 || err != nil {
		t.Errorf("%d were destroyed, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(directory, keysName)); err == nil {
		t.Error("the keys are there")
	}
	if n, err := Prune(filepath.Dir(beside), time.Now()); n != 0 || err != nil {
		t.Errorf("%d were destroyed, %v", n, err)
	}
	r, _ = i.elsewhere(directory, RestoreOptions{Keys: beside})
	r.wantOpen("with a newer dump of keys", p, "", "")
	if _, err := Restore(t.Context(), full.Empty(t), beside, i.ring, RestoreOptions{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("keys without a database: %v", err)
	}
}

// TestKeysOfABackupThatWasBrokenOffGo: one that fails leaves none, and one that was killed before its manifest none for longer than a day; what is malformed or somebody
// else's keeps nobody from the others.
func TestKeysOfABackupThatWasBrokenOffGo(t *testing.T) {
	t.Parallel()
	i := setup(t)
	failed := filepath.Join(t.TempDir(), "backup")
	if _, err := Create(t.Context(), i.url, failed, i.ring, CreateOptions{Files: filepath.Join(i.folder, "nowhere", "\x00")}); err == nil {
		t.Fatal("pictures were copied from nowhere")
	}
	if _, err := os.Stat(filepath.Join(failed, keysName)); err == nil {
		t.Error("a backup that failed has left keys")
	}
	root := t.TempDir()
	for _, name := range []string{"a-malformed", "b-foreign", "c-killed", "d-over"} {
		i.must(os.Mkdir(filepath.Join(root, name), 0o700))
		directory, _ := i.create(CreateOptions{KeysOnly: true})
		for _, part := range []string{keysName, manifestName} {
			i.must(os.Rename(filepath.Join(directory, part), filepath.Join(root, name, part)))
		}
	}
	i.must(os.WriteFile(filepath.Join(root, "a-malformed", manifestName), []byte("{"), 0o600))
	i.must(os.WriteFile(filepath.Join(root, "b-foreign", keysName), []byte("not ours"), 0o600))
	i.must(os.Remove(filepath.Join(root, "b-foreign", manifestName)))
	i.must(os.Remove(filepath.Join(root, "c-killed", manifestName)))
	if n, err := Prune(root, time.Now()); n != 0 || ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("at once %d were destroyed, %v", n, err)
	}
	if n, err := Prune(root, time.Now().Add(KeysLife+time.Minute)); n != 2 || ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("a day later %d were destroyed, %v", n, err)
	}
	for name, want := range map[string]bool{"a-malformed": true, "b-foreign": true, "c-killed": false, "d-over": false} {
		if _, err := os.Stat(filepath.Join(root, name, keysName)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFilesAreCopiedWholeOrNotAtAll: half an entry of the ledger would be refused, and who is named in it served.
func TestFilesAreCopiedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	to := filepath.Join(folder, "to")
	if err := copyFile(t.TempDir(), to); err == nil { // which opens, and cannot be read
		t.Fatal("a folder was copied")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	from := filepath.Join(t.TempDir(), "from")
	for _, content := range []string{"first", "other"} { // a name is made once
		if err := errors.Join(os.WriteFile(from, []byte(content), 0o644), copyFile(from, to)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	t.Parallel()
	i := setup(t)
	directory, _ := i.create(CreateOptions{})
	if _, err := Create(t.Context(), i.url, directory, i.ring, CreateOptions{}); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("over another backup: %v", err)
	}
	if _, err := Restore(t.Context(), i.url, directory, i.ring, RestoreOptions{}); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("into a database in use: %v", err)
	}
	if _, err := Create(t.Context(), "host=/nowhere dbname=x", filepath.Join(t.TempDir(), "b"), i.ring, CreateOptions{}); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("no database: %v", err)
	}
	app := strings.Replace(i.url, "user=ekyc_login", "user=ekyc_app", 1)
	if _, err := Create(t.Context(), app, filepath.Join(t.TempDir(), "b"), i.ring, CreateOptions{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("the service's own login, from which rows are hidden: %v", err)
	}
}
