package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// sequencerLock is the advisory lock of the one process that sequences at a time; audit_sequence takes it too.
	sequencerLock = 0x656b79636101 // "ekyca" and 1
	// batch is how many entries get their places in one transaction: some 100 ms of work, under one signature.
	batch = 5000
)

// Run sequences entries until ctx ends. Every process may call it: at each moment one of them does the work.
func (l *Log) Run(ctx context.Context) {
	failing := false
	for {
		n, err := l.Sequence(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			l.o.Logger.WarnContext(ctx, "the audit log is not sequenced; this is tried again", "error.message", err.Error())
		case err == nil && failing:
			l.o.Logger.InfoContext(ctx, "the audit log is sequenced again")
		}
		failing = err != nil
		if n == batch {
			continue // there are more
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(l.o.Every):
		}
	}
}

// Sequence gives committed entries that have none their places in the tree, signs the new head, and says how many there were: 0 also when
// another process is at it. Hashes, places and checkpoint are one transaction.
func (l *Log) Sequence(ctx context.Context) (n int, err error) {
	if err := l.ensureKey(ctx); err != nil {
		return 0, err
	}
	err = l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		n = 0
		var mine bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, int64(sequencerLock)).Scan(&mine); err != nil || !mine {
			return err
		}
		n, err = l.sequence(ctx, tx, func(_ []string, size int64, root tlog.Hash) error {
			key, err := l.currentKey(ctx, tx)
			if err != nil {
				return err
			}
			return insertCheckpoint(ctx, tx, size, root, checkpointText(key.signer.Name(), size, root), key.signer)
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sequence the audit log: %w", err)
	}
	return n, nil
}

// sequence gives the next entries their places, and lets sign store the new head. Who calls it holds the sequencer's lock.
func (l *Log) sequence(ctx context.Context, tx pgx.Tx, sign func(ids []string, size int64, root tlog.Hash) error) (int, error) {
	found, err := unsequenced(ctx, tx)
	if err != nil || len(found.ids) == 0 {
		return 0, err
	}
	size, err := sizeOf(ctx, tx)
	if err != nil {
		return 0, err
	}
	root, err := addLeaves(ctx, tx, size, found.leaves)
	if err != nil {
		return 0, err
	}
	var first int64
	if err := tx.QueryRow(ctx, `select audit_sequence($1)`, found.ids).Scan(&first); err != nil {
		return 0, fmt.Errorf("give entries their places: %w", err)
	}
	if first != size {
		return 0, fmt.Errorf("the tree has %d leaves and the entries go on at %d", size, first)
	}
	return len(found.ids), sign(found.ids, size+int64(len(found.ids)), root)
}

// waiting are entries without a place.
type waiting struct {
	ids    []string
	leaves []tlog.Hash
}

// unsequenced gives the next entries. An entry whose transaction commits late comes late: the order is that of what is seen to be without a
// place, and nothing is passed over.
func unsequenced(ctx context.Context, tx pgx.Tx) (w waiting, err error) {
	rows, err := tx.Query(ctx, `select id, record from audit_entry where sequenced_at is null order by id limit $1`, batch)
	if err != nil {
		return w, fmt.Errorf("read entries without a place: %w", err)
	}
	var id, record string
	_, err = pgx.ForEachRow(rows, []any{&id, &record}, func() error {
		w.ids, w.leaves = append(w.ids, id), append(w.leaves, leafOf([]byte(record)))
		return nil
	})
	if err != nil {
		return w, fmt.Errorf("read entries without a place: %w", err)
	}
	return w, nil
}

// sizeOf is how many leaves the tree has. Every batch that was committed has left its checkpoint.
func sizeOf(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (size int64, err error) {
	if err = q.QueryRow(ctx, `select max(size) from audit_checkpoint`).Scan(&size); err != nil {
		return 0, fmt.Errorf("read the size of the tree: %w", err)
	}
	return size, nil
}

// addLeaves stores the hashes that leaves add to a tree of the size, and gives the new root.
func addLeaves(ctx context.Context, tx pgx.Tx, size int64, leaves []tlog.Hash) (tlog.Hash, error) {
	reader := newHashReader(ctx, tx)
	if err := reader.load(edge(size)); err != nil {
		return tlog.Hash{}, err
	}
	var rows [][]any
	for i, leaf := range leaves {
		at := size + int64(i)
		added, err := tlog.StoredHashesForRecordHash(at, leaf, reader)
		if err != nil {
			return tlog.Hash{}, fmt.Errorf("add a leaf to the tree: %w", err)
		}
		position := tlog.StoredHashIndex(0, at)
		for _, h := range added {
			reader.known[position] = h
			rows = append(rows, []any{position, h[:]})
			position++
		}
	}
	columns := []string{"position", "hash"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"audit_hash"}, columns, pgx.CopyFromRows(rows)); err != nil {
		return tlog.Hash{}, fmt.Errorf("store hashes of the tree: %w", err)
	}
	root, err := tlog.TreeHash(size+int64(len(leaves)), reader)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("compute the root of the tree: %w", err)
	}
	return root, nil
}
