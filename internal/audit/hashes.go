package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// hashReader reads the tree's hashes from the database, and from memory those that it has read or been given. It serves one call.
type hashReader struct {
	ctx   context.Context // of the call; tlog has no place for it
	from  querier
	known map[int64]tlog.Hash // by position
}

func newHashReader(ctx context.Context, from querier) *hashReader {
	return &hashReader{ctx: ctx, from: from, known: map[int64]tlog.Hash{}}
}

// ReadHashes implements tlog.HashReader: what is not known is read in one query.
func (r *hashReader) ReadHashes(positions []int64) ([]tlog.Hash, error) {
	var missing []int64
	for _, p := range positions {
		if _, known := r.known[p]; !known {
			missing = append(missing, p)
		}
	}
	if err := r.load(missing); err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, len(positions))
	for i, p := range positions {
		h, known := r.known[p]
		if !known {
			return nil, fmt.Errorf("the tree has no hash at %d", p)
		}
		hashes[i] = h
	}
	return hashes, nil
}

func (r *hashReader) load(positions []int64) error {
	if len(positions) == 0 {
		return nil
	}
	rows, err := r.from.Query(r.ctx, `select position, hash from audit_hash where position = any($1)`, positions)
	if err != nil {
		return fmt.Errorf("read hashes of the tree: %w", err)
	}
	var position int64
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&position, &hash}, func() error {
		r.known[position] = tlog.Hash(hash) // the table holds 32 bytes
		return nil
	})
	if err != nil {
		return fmt.Errorf("read hashes of the tree: %w", err)
	}
	return nil
}

// edge are the positions of the hashes that the next leaves of a tree of the size are joined with: one for each bit of the size.
func edge(size int64) (positions []int64) {
	for level := 0; size>>level > 0; level++ {
		if n := size >> level; n&1 == 1 {
			positions = append(positions, tlog.StoredHashIndex(level, n-1))
		}
	}
	return positions
}
