package keyring

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

// Column is a column whose values are sealed under the root key. Each room lists its own, so that they can be counted and sealed anew.
type Column struct {
	Table   string   // with its schema
	Name    string   // of the column; where it is null there is nothing
	Key     []string // columns that Purpose needs
	Purpose func(key []string) string
	Wrapped bool // by Wrap, not by Seal
}

func (c Column) String() string { return c.Table + "." + c.Name }

// keyExpression is the SQL that tells under which key a value is.
func (c Column) keyExpression() string {
	if c.Wrapped {
		return WrappingKey(c.Name)
	}
	return SealingKey(c.Name)
}

// Count says how many values of a column are under each root key. Values that no key of ours has sealed count under 0.
func Count(ctx context.Context, db *store.DB, c Column) (map[uint32]int64, error) {
	found := map[uint32]int64{}
	err := db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local statement_timeout = 0`); err != nil { // it reads the whole table
			return err
		}
		clear(found)
		rows, err := tx.Query(ctx, `select `+c.keyExpression()+`, count(*) from `+c.Table+` where `+c.Name+` is not null group by 1`)
		if err != nil {
			return err
		}
		var prefix []byte
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&prefix, &n}, func() error {
			id, _ := KeyOf(prefix)
			found[id] += n
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count what is sealed in %s: %w", c, err)
	}
	return found, nil
}

// Opens makes sure that a database was sealed with this ring: that it has every key which values of the columns are under. It reads the columns, so they are
// those of small tables. Errors: ErrConflict, which says what to do and names keys, but nothing of them.
func (r *Ring) Opens(ctx context.Context, db *store.DB, columns []Column) error {
	for _, c := range columns {
		found, err := Count(ctx, db, c)
		if err != nil {
			return err
		}
		for id := range found {
			if id == 0 || slices.Contains(r.current.Load().ids, id) {
				continue
			}
			if err := r.followNow(ctx); err != nil { // it was rotated a moment ago
				return err
			}
			if k := r.current.Load(); !slices.Contains(k.ids, id) {
				return ekyc.Errorf(ekyc.ErrConflict, "the root keys in %s are not those that the database was sealed with: it needs the key %s, and the file has %s. Put back the root key file that belongs to this database, or name it with --root-key-file (EKYC_ROOT_KEY_FILE); of a restored database it is the one of the backup's time or a later one",
					r.path, KeyName(id), strings.Join(r.names(), ", "))
			}
		}
	}
	return nil
}

func (r *Ring) names() (list []string) {
	for _, id := range r.current.Load().ids {
		list = append(list, KeyName(id))
	}
	return list
}

// Reseal seals what is in a column anew under the current key, and gives how many values that were. It can be broken off at any moment and begun again:
// each value is under the one key or the other, and both open it. Errors: as of Open and Seal.
func (r *Ring) Reseal(ctx context.Context, db *store.DB, c Column, progress func(done int64)) (int64, error) {
	if err := r.followNow(ctx); err != nil {
		return 0, err
	}
	return Resealing{
		Table: c.Table, Column: c.Name, Key: c.Key, Stale: c.keyExpression() + " <> $1", Args: []any{Prefix(r.Primary())}, Progress: progress,
		Change: func(key []string, sealed []byte) ([]byte, error) { return r.resealed(c, key, sealed) },
	}.Run(ctx, db)
}

func (r *Ring) resealed(c Column, key []string, sealed []byte) ([]byte, error) {
	purpose := c.Purpose(key)
	if c.Wrapped {
		inner, err := Wrapped(sealed)
		if err != nil {
			return nil, err
		}
		from, err := r.forOpening(inner)
		if err != nil {
			return nil, err
		}
		to, err := r.forSealing()
		if err != nil {
			return nil, err
		}
		return Rewrap(from.aead, to.aead, sealed, purpose)
	}
	plain, err := r.Open(purpose, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return r.Seal(purpose, plain)
}

// followNow looks at the file at once.
func (r *Ring) followNow(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	return r.follow(ctx)
}

// Resealing changes sealed values in place, a few pages of the table at a time. A value that somebody else changes meanwhile is left to him, and looked
// at again: no lock is held while anything is decrypted.
type Resealing struct {
	Table, Column string
	Key           []string // columns that Change is given, as text
	Stale         string   // SQL condition of the rows to change
	Args          []any    // its arguments, $1 and on
	Change        func(key []string, sealed []byte) ([]byte, error)
	Progress      func(done int64) // where not nil, called after each part
}

const (
	pagesAtOnce = 64 // of 8 kB: some 1,500 keys of subjects
	mostPasses  = 10 // each but the first finds what others have moved or written meanwhile
)

// Run changes all and gives their number. Errors: those of Change and of the database.
func (s Resealing) Run(ctx context.Context, db *store.DB) (int64, error) {
	var done int64
	for range mostPasses {
		n, err := s.pass(ctx, db, &done)
		if err != nil {
			return done, fmt.Errorf("seal %s.%s anew: %w", s.Table, s.Column, err)
		}
		if n == 0 {
			break
		}
	}
	return done, nil
}

func (s Resealing) pass(ctx context.Context, db *store.DB, done *int64) (n int64, err error) {
	var pages int64
	err = db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select pg_relation_size($1::regclass) / current_setting('block_size')::bigint`, s.Table).Scan(&pages)
	})
	for first := int64(0); err == nil && first < pages; first += pagesAtOnce {
		var changed int64
		err = db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			changed, err = s.part(ctx, tx, first)
			return err
		})
		n += changed
		*done += changed
		if err == nil && changed > 0 && s.Progress != nil {
			s.Progress(*done)
		}
	}
	return n, err
}

// part changes the rows of a few pages.
func (s Resealing) part(ctx context.Context, tx pgx.Tx, first int64) (int64, error) {
	keys := make([]string, len(s.Key))
	for i, k := range s.Key {
		keys[i] = k + "::text"
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(`select ctid::text, array[%s]::text[], %s from %s
		where ctid >= '(%d,0)'::tid and ctid < '(%d,0)'::tid and %s is not null and %s`,
		strings.Join(keys, ", "), s.Column, s.Table, first, first+pagesAtOnce, s.Column, s.Stale), s.Args...)
	if err != nil {
		return 0, err
	}
	var at []string
	var before, after [][]byte
	var where string
	var key []string
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&where, &key, &sealed}, func() error {
		changed, err := s.Change(key, sealed)
		if err != nil {
			return err
		}
		at, before, after = append(at, where), append(before, sealed), append(after, changed)
		key, sealed = nil, nil // the next row must not write into these
		return nil
	})
	if err != nil || len(at) == 0 {
		return 0, err
	}
	tag, err := tx.Exec(ctx, fmt.Sprintf(`update %[1]s t set %[2]s = n.after
		from unnest($1::text[]::tid[], $2::bytea[], $3::bytea[]) n (at, before, after)
		where t.ctid = any($1::text[]::tid[]) and t.ctid = n.at and t.%[2]s = n.before`, s.Table, s.Column), at, before, after)
	return tag.RowsAffected(), err
}
