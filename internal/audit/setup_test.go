package audit

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	killtest.Main(killtest.Programs{"sequence": killtest.Program(sequence), "sequence on": killtest.Program(sequenceOn), "rotate": killtest.Program(rotateAsChild), "rotate root": killtest.Program(rotateRootAsChild)})
	os.Exit(storetest.Main(m, &server, Migrations))
}

// bundle is a log with everything it needs, for one scope.
type bundle struct {
	t       testing.TB
	url     string
	keyring string // path
	db      *store.DB
	log     *Log
	scope   ekyc.Scope
	owner   *pgx.Conn
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{t: t, url: server.URL(t), keyring: filepath.Join(t.TempDir(), "keyring"), scope: newScope()}
	if _, err := keyring.Create(b.keyring); err != nil {
		t.Fatal(err)
	}
	b.db, b.log = b.another()
	b.owner = storetest.Owner(t, b.url)
	b.exec(`set search_path to ekyc`)
	return b
}

// another is what another process has.
func (b *bundle) another() (*store.DB, *Log) {
	b.t.Helper()
	db, log, err := open(b.url, b.keyring, store.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(db.Close)
	return db, log
}

func open(url, ringFile string, o store.Options) (*store.DB, *Log, error) {
	k, err := keyring.Open(ringFile)
	if err != nil {
		return nil, nil, err
	}
	db, err := store.Open(context.Background(), url, o)
	if err != nil {
		return nil, nil, err
	}
	return db, New(db, k, Options{Every: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}), nil
}

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) exec(statement string, args ...any) {
	b.t.Helper()
	_, err := b.owner.Exec(context.Background(), statement, args...)
	b.must(err)
}

func (b *bundle) number(query string, args ...any) (n int64) {
	b.t.Helper()
	b.must(b.owner.QueryRow(context.Background(), query, args...).Scan(&n))
	return n
}

// append writes an entry in a transaction of its own.
func (b *bundle) append(ctx context.Context, e Entry) {
	b.t.Helper()
	b.must(b.log.within(ctx, e.Scope, func(ctx context.Context, tx pgx.Tx) error { return b.log.Append(ctx, tx, e) }))
}

// fill writes n entries of the scope quickly, and sequences them.
func (b *bundle) fill(n int) {
	b.t.Helper()
	b.must(b.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		for i := range n {
			if err := b.log.Append(ctx, tx, b.entry(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	b.sequence()
}

// entry is one of many that are all different.
func (b *bundle) entry(i int) Entry {
	actions := []Action{KeyCreate, KeyRevoke, WebhookUpdate, JobCancel, MediaRead}
	return Entry{Action: actions[i%len(actions)], Scope: b.scope, Actor: Actor{ActorKey, "ek_live_eu1_" + fmt.Sprint(i%3)},
		Objects: []ekyc.ID{ekyc.NewID(ekyc.KindJob)}, Details: Details{Units: fmt.Sprint(i)}}
}

// sequence gives everything its place.
func (b *bundle) sequence() {
	b.t.Helper()
	for {
		n, err := b.log.Sequence(context.Background())
		b.must(err)
		if n == 0 {
			return
		}
	}
}

// key is the one that signs.
func (b *bundle) key() (key signingKey) {
	b.t.Helper()
	b.must(b.db.AsSystem(context.Background(), func(ctx context.Context, tx pgx.Tx) (err error) {
		key, err = b.log.currentKey(ctx, tx)
		return err
	}))
	return key
}

// rotate replaces it.
func (b *bundle) rotate() {
	b.t.Helper()
	b.must(b.log.RotateKey(context.Background(), Actor{ActorSystem, "test"}))
}

// check holds the whole log against itself: places without gaps, every leaf, every hash and every checkpoint. It gives the size.
func (b *bundle) check() int64 {
	b.t.Helper()
	ctx := context.Background()
	rows, err := b.owner.Query(ctx, `select leaf_index, record from audit_entry where leaf_index is not null order by leaf_index`)
	b.must(err)
	var t tree
	var index, next int64
	var record string
	_, err = pgx.ForEachRow(rows, []any{&index, &record}, func() error {
		if index != next {
			return fmt.Errorf("the place %d follows on %d", index, next-1)
		}
		next++
		return t.add(index, leafOf([]byte(record)))
	})
	b.must(err)
	rows, err = b.owner.Query(ctx, `select position, hash from audit_hash order by position`)
	b.must(err)
	var position int64
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&position, &hash}, func() error {
		if position >= int64(len(t.hashes)) || t.hashes[position] != tlog.Hash(hash) {
			return fmt.Errorf("the hash at %d is not that of the entries", position)
		}
		return nil
	})
	b.must(err)
	if n := b.number(`select count(*) from audit_hash`); n != int64(len(t.hashes)) {
		b.t.Fatalf("there are %d hashes, not %d", n, len(t.hashes))
	}
	rows, err = b.owner.Query(ctx, `select size, root from audit_checkpoint order by size`)
	b.must(err)
	var size int64
	_, err = pgx.ForEachRow(rows, []any{&size, &hash}, func() error {
		root, err := tlog.TreeHash(size, &t)
		if err == nil && root != tlog.Hash(hash) {
			err = fmt.Errorf("the checkpoint of %d is not of these entries", size)
		}
		return err
	})
	b.must(err)
	if next > 0 && size != next {
		b.t.Fatalf("the newest checkpoint is of %d entries, of %d", size, next)
	}
	return next
}

// all gives the entries that a scope sees, newest first.
func (b *bundle) all(scope ekyc.Scope, f Filter) (list []Stored) {
	b.t.Helper()
	b.must(b.log.Query(context.Background(), scope, f, func(e Stored) error {
		list = append(list, e)
		return nil
	}))
	return list
}

// calledFrom is the context of a request.
func calledFrom(ctx context.Context, actor Actor, address string) context.Context {
	return WithCaller(ctx, func() Caller { return Caller{actor, netip.MustParseAddr(address)} })
}
