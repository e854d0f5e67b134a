package vault_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	killtest.Main(killtest.Programs{"rotate": killtest.Program(rotateAsChild), "retire": killtest.Program(retireAsChild)}) // does not return in a child
	os.Exit(storetest.Main(m, &server, vault.Migrations))
}

// bundle is a vault on a database and a directory of its own.
type bundle struct {
	*vault.Vault
	t         *testing.T
	url       string
	db        *store.DB
	keyring   *keyring.Ring
	directory string // of media files
	scope     ekyc.Scope
}

func setup(t *testing.T) *bundle { return setupWith(t, quiet) }

// quiet keeps a vault's log out of the tests' output.
var quiet = vault.Options{Logger: slog.New(slog.DiscardHandler)}

func setupWith(t *testing.T, o vault.Options) *bundle {
	t.Helper()
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{t: t, url: server.URL(t), keyring: ring, directory: t.TempDir(), scope: newScope()}
	b.db = b.open()
	b.Vault = b.another(b.db, o)
	return b
}

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
}

// open makes another handle on the bundle's database, as another process has.
func (b *bundle) open() *store.DB {
	b.t.Helper()
	db, err := store.Open(context.Background(), b.url, store.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(db.Close)
	return db
}

// another makes a vault that has nothing in memory, over the same keys, tables and files.
func (b *bundle) another(db *store.DB, o vault.Options) *vault.Vault {
	b.t.Helper()
	files, err := blob.OpenFiles(b.directory)
	if err != nil {
		b.t.Fatal(err)
	}
	return vault.New(db, b.keyring, files, o)
}

// in runs f in the bundle's scope and gives its error.
func (b *bundle) in(f func(ctx context.Context, tx pgx.Tx) error) error {
	return b.db.InTenant(context.Background(), b.scope, f)
}

// must runs f in the bundle's scope and expects it to succeed.
func (b *bundle) must(f func(ctx context.Context, tx pgx.Tx) error) {
	b.t.Helper()
	if err := b.in(f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) subject(ref string) (id ekyc.ID) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.CreateSubject(ctx, tx, b.scope, ref)
		return err
	})
	return id
}

func (b *bundle) seal(subject ekyc.ID, object, plaintext string) (sealed []byte) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		sealed, err = b.Seal(ctx, tx, b.scope, subject, object, []byte(plaintext))
		return err
	})
	return sealed
}

func (b *bundle) put(in vault.MediaInput) (id ekyc.ID) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.PutMedia(ctx, tx, b.scope, in)
		return err
	})
	return id
}

// owner runs a statement as someone who holds the database's disk would.
func (b *bundle) owner(statement string, args ...any) {
	b.t.Helper()
	conn := storetest.Owner(b.t, b.url)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "set search_path to ekyc; set session_replication_role to replica"); err != nil {
		b.t.Fatal(err)
	}
	tag, err := conn.Exec(context.Background(), statement, args...)
	if err != nil || tag.RowsAffected() == 0 {
		b.t.Fatalf("%s: %v, %v", statement, tag, err)
	}
}

// count counts rows as the owner sees them.
func (b *bundle) count(query string, args ...any) (n int) {
	b.t.Helper()
	conn := storetest.Owner(b.t, b.url)
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), "select count(*) from "+query, args...).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// files lists the media files by their paths.
func (b *bundle) files() (paths []string) {
	b.t.Helper()
	err := filepath.WalkDir(b.directory, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return paths
}

func wantCode(t *testing.T, what string, err error, want ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// together runs n calls that start at the same moment.
func together(n int, call func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			call(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

func TestWhatIsSealedOpensAsNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, other := b.subject(""), b.subject("")
	sandbox := ekyc.Scope{Tenant: b.scope.Tenant, Environment: ekyc.Test}
	sealed := b.seal(mine, "job_1/result", "the result")
	own := b.seal("", "job_1/result", "the result")
	open := func(scope ekyc.Scope, subject ekyc.ID, object string, sealed []byte) (plaintext []byte, err error) {
		err = b.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			plaintext, err = b.Open(ctx, tx, scope, subject, object, sealed)
			return err
		})
		return plaintext, err
	}
	for name, c := range map[string]struct {
		scope   ekyc.Scope
		subject ekyc.ID
		object  string
		sealed  []byte
		want    ekyc.ErrorCode
	}{
		"as it was":                     {b.scope, mine, "job_1/result", sealed, ""},
		"the tenant's own as it was":    {b.scope, "", "job_1/result", own, ""},
		"another subject":               {b.scope, other, "job_1/result", sealed, ekyc.ErrInternal},
		"no subject":                    {b.scope, "", "job_1/result", sealed, ekyc.ErrInternal},
		"another object":                {b.scope, mine, "job_2/result", sealed, ekyc.ErrInternal},
		"the tenant's own as a subject": {b.scope, mine, "job_1/result", own, ekyc.ErrInternal},
		"another tenant's own":          {newScope(), "", "job_1/result", own, ekyc.ErrInternal},
		"the other environment's own":   {sandbox, "", "job_1/result", own, ekyc.ErrInternal},
		"another tenant":                {newScope(), mine, "job_1/result", sealed, ekyc.ErrNotFound},
		"the other environment":         {sandbox, mine, "job_1/result", sealed, ekyc.ErrNotFound},
		"a subject that does not exist": {b.scope, ekyc.NewID(ekyc.KindSubject), "job_1/result", sealed, ekyc.ErrNotFound},
		"one bit altered":               {b.scope, mine, "job_1/result", flipped(sealed), ekyc.ErrInternal},
		"cut off":                       {b.scope, mine, "job_1/result", sealed[:len(sealed)-1], ekyc.ErrInternal},
		"nothing":                       {b.scope, mine, "job_1/result", nil, ekyc.ErrInternal},
	} {
		plaintext, err := open(c.scope, c.subject, c.object, c.sealed)
		wantCode(t, name, err, c.want)
		if c.want == "" && string(plaintext) != "the result" {
			t.Errorf("%s: opens as %q", name, plaintext)
		}
	}
	if again := b.seal(mine, "job_1/result", "the result"); bytes.Equal(again, sealed) {
		t.Error("the same plaintext is sealed to the same bytes twice")
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

func TestRowsThatAreMovedDoNotOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, other := b.subject("ref-1"), b.subject("ref-2")
	job := ekyc.NewID(ekyc.KindJob)
	front := b.put(vault.MediaInput{Subject: mine, Job: job, Kind: vault.MediaDocumentFront, Data: []byte("front")})
	selfie := b.put(vault.MediaInput{Subject: mine, Job: job, Kind: vault.MediaSelfie, Data: []byte("selfie")})
	theirs := b.put(vault.MediaInput{Subject: other, Job: job, Kind: vault.MediaFrame, Data: []byte("theirs")})
	sealed := b.seal(other, "o", "secret")

	unreadable := func(name string, id ekyc.ID) {
		t.Helper()
		_, _, err := b.ReadMedia(t.Context(), b.scope, id)
		wantCode(t, name, err, ekyc.ErrInternal)
	}
	b.owner("update media set kind = 'document_back' where id = $1", front)
	unreadable("a front shown as a back", front)
	b.owner("update media set subject_id = $2 where id = $1", theirs, mine)
	unreadable("another's picture shown as mine", theirs)
	b.owner("update media set position = 7 where id = $1", selfie)
	unreadable("a picture at another position", selfie)

	b.owner("update ekyc_keys.subject_key set wrapped = (select wrapped from ekyc_keys.subject_key where subject_id = $1) where subject_id = $2", mine, other)
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.Open(ctx, tx, b.scope, other, "o", sealed)
		return err
	})
	wantCode(t, "a key put in another's place", err, ekyc.ErrInternal)

	thief := newScope()
	b.owner("insert into ekyc_keys.tenant_key select $1, environment, wrapping, sealing, hashing, created_at from ekyc_keys.tenant_key", thief.Tenant)
	err = b.db.InTenant(t.Context(), thief, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.Hash(ctx, tx, thief, "p", "v")
		return err
	})
	wantCode(t, "a tenant's keys put in another's place", err, ekyc.ErrInternal)
	b.owner("update ekyc_keys.tenant_key set sealing = wrapping where tenant_id = $1", b.scope.Tenant)
	fresh := b.another(b.db, vault.Options{})
	err = b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := fresh.Hash(ctx, tx, b.scope, "p", "v")
		return err
	})
	wantCode(t, "a key put to another use", err, ekyc.ErrInternal)
}

func TestConcurrentFirstUseMakesOneTenantKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	second := b.open()
	vaults := []*vault.Vault{b.Vault, b.another(second, vault.Options{})}
	handles := []*store.DB{b.db, second}
	const calls = 60
	sealed, hashes, failures := make([][]byte, calls), make([][]byte, calls), make([]error, calls)
	together(calls, func(i int) {
		failures[i] = handles[i%2].InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			if sealed[i], err = vaults[i%2].Seal(ctx, tx, b.scope, "", "o", []byte("secret")); err != nil {
				return err
			}
			hashes[i], err = vaults[i%2].Hash(ctx, tx, b.scope, "p", "v")
			return err
		})
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	if n := b.count("ekyc_keys.tenant_key"); n != 1 {
		t.Errorf("%d rows of keys were made", n)
	}
	fresh := b.another(b.db, vault.Options{})
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		for i := range calls {
			if plaintext, err := fresh.Open(ctx, tx, b.scope, "", "o", sealed[i]); err != nil || string(plaintext) != "secret" {
				t.Errorf("call %d: opens as %q, %v", i, plaintext, err)
			}
			if !bytes.Equal(hashes[i], hashes[0]) {
				t.Errorf("call %d hashes differently", i)
			}
		}
		return nil
	})
}

func TestKeysOutliveTheTransactionThatNeededThemFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broken := errors.New("rolled back")
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.CreateSubject(ctx, tx, b.scope, "ref-1"); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	sealed := b.seal("", "o", "secret") // under what that transaction left in memory
	fresh := b.another(b.db, vault.Options{})
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := fresh.Open(ctx, tx, b.scope, "", "o", sealed)
		return err
	})
	if n := b.count("ekyc.subject") + b.count("ekyc_keys.subject_key"); n != 0 {
		t.Errorf("%d rows of the subject are left", n)
	}
}

func TestHashesAreKeyed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sandbox, other := ekyc.Scope{Tenant: b.scope.Tenant, Environment: ekyc.Test}, newScope()
	seen := map[string]string{}
	for _, scope := range []ekyc.Scope{b.scope, sandbox, other} {
		for _, c := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}} {
			var sum []byte
			err := b.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
				sum, err = b.Hash(ctx, tx, scope, c[0], c[1])
				return err
			})
			if err != nil || len(sum) != 32 {
				t.Fatalf("%d bytes, %v", len(sum), err)
			}
			name := fmt.Sprint(scope, c)
			if twin, ok := seen[string(sum)]; ok {
				t.Errorf("%s hashes as %s", name, twin)
			}
			seen[string(sum)] = name
		}
	}
}

func TestNoPlaintextReachesTablesOrFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const planted = "PLANTED-personal-data-9f2c"
	subject := b.subject(planted + "-ref")
	b.put(vault.MediaInput{Subject: subject, Job: ekyc.NewID(ekyc.KindJob), Kind: vault.MediaSelfie, Data: []byte(strings.Repeat(planted, 4000))})
	reference := b.put(vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte(planted)})
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		return b.SetReference(ctx, tx, b.scope, subject, reference)
	})
	scratch := "create table ekyc.scratch as select $1::text as plain, sealed.* from (select $2::bytea as s, $3::bytea as h) sealed"
	var sum []byte
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		sum, err = b.Hash(ctx, tx, b.scope, "p", planted)
		return err
	})
	b.owner(scratch, "", b.seal(subject, "o", planted), sum) // as another package's table holds what the vault gave it

	if found := b.scan(planted); len(found) > 0 {
		t.Errorf("plaintext in %v", found)
	}
	// The scan itself can find what is there.
	b.owner("update scratch set plain = $1, s = $2", "x"+planted, []byte("y"+planted))
	if err := os.WriteFile(filepath.Join(b.directory, "control"), []byte("z"+planted), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := b.scan(planted); len(found) != 2 {
		t.Errorf("planted in a table and a file, found in %v", found)
	}
}

// scan looks for a text, its hexadecimal and base64 forms in every table, as the owner, and in every media file.
func (b *bundle) scan(text string) (found []string) {
	b.t.Helper()
	needles := []string{text, hex.EncodeToString([]byte(text)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "=")[:24]}
	conn := storetest.Owner(b.t, b.url)
	rows, err := conn.Query(context.Background(), `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`)
	if err != nil {
		b.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 4 {
		b.t.Fatalf("tables %v, %v", tables, err)
	}
	for _, table := range tables {
		rows, err := conn.Query(context.Background(), "select t::text from "+table+" t")
		if err != nil {
			b.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			b.t.Fatal(err)
		}
		if containsAny(strings.Join(lines, "\n"), needles) {
			found = append(found, table)
		}
	}
	for _, path := range b.files() {
		content, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		if containsAny(string(content), needles) {
			found = append(found, path)
		}
	}
	return found
}

func containsAny(text string, needles []string) bool {
	for _, n := range needles {
		if strings.Contains(text, n) {
			return true
		}
	}
	return false
}

func TestRolesReachNoMoreThanTheyNeed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := b.subject("ref-1")
	b.put(vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("x")})
	other := newScope()
	tables := []string{"subject", "media", "ekyc_keys.subject_key", "ekyc_keys.tenant_key"}
	for _, table := range tables {
		for name, scope := range map[string]ekyc.Scope{"another tenant": other, "the other environment": {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
			var n int
			err := b.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
				return tx.QueryRow(ctx, "select count(*) from "+table).Scan(&n)
			})
			if err != nil || n != 0 {
				t.Errorf("%s sees %d rows of %s, %v", name, n, table, err)
			}
		}
	}
	denied := func(role string, run func(context.Context, func(context.Context, pgx.Tx) error) error, statement string) {
		t.Helper()
		err := run(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if p, ok := errors.AsType[*pgconn.PgError](err); !ok || p.Code != "42501" {
			t.Errorf("%s: %s: %v", role, statement, err)
		}
	}
	service := func(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
		return b.db.InTenant(ctx, b.scope, f)
	}
	for _, statement := range []string{
		"update ekyc_keys.tenant_key set wrapping = ''", "delete from ekyc_keys.tenant_key", "update ekyc_keys.subject_key set wrapped = ''",
		"delete from subject", "update subject set created_at = now()", "update media set blob = ''",
	} {
		denied("service", service, statement)
	}
	for _, statement := range []string{"delete from media", "update subject set erased_at = null", "delete from ekyc_keys.tenant_key"} {
		denied("system", b.db.AsSystem, statement)
	}
}
