package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// Inclusion shows that a leaf stands in a tree (RFC 6962 section 2.1.1).
type Inclusion struct {
	Index, Size int64
	Leaf        tlog.Hash
	Hashes      tlog.RecordProof
	Entry       *Stored // nil where the entry is not of the scope that asks
}

// Inclusion proves the entry with the index in the tree of the size: -1 for the last, 0 for the newest checkpoint's. Which tree that is says
// a checkpoint of the same size, or one of another size with Consistency. Errors: ErrInvalidArgument outside of the tree.
func (l *Log) Inclusion(ctx context.Context, scope ekyc.Scope, index, size int64) (Inclusion, error) {
	now, err := l.treeSize(ctx)
	if err != nil {
		return Inclusion{}, err
	}
	if size == 0 {
		size = now
	}
	if index < 0 {
		index = size - 1
	}
	if size > now || index < 0 || index >= size {
		return Inclusion{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "index and size are not of the tree, which has %d entries", now).With("size", now)
	}
	reader := newHashReader(ctx, l.db.ServicePool())
	out := Inclusion{Index: index, Size: size}
	leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return Inclusion{}, err
	}
	out.Leaf = leaf[0]
	if out.Hashes, err = tlog.ProveRecord(size, index, reader); err != nil {
		return Inclusion{}, fmt.Errorf("prove an entry: %w", err)
	}
	out.Entry, err = l.at(ctx, scope, index)
	return out, err
}

// at gives the entry at a place of the tree; nil where it is not of the scope.
func (l *Log) at(ctx context.Context, scope ekyc.Scope, index int64) (found *Stored, err error) {
	err = l.within(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+storedColumns+` from audit_entry where leaf_index = $1`, index)
		if err != nil {
			return err
		}
		e, err := pgx.CollectExactlyOneRow(rows, scanStored)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		found = &e
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return found, nil
}

// Consistency shows that the tree of the larger size begins with all of the smaller one (RFC 6962 section 2.1.2); 0 for the larger is that of
// the newest checkpoint. Errors: ErrInvalidArgument for sizes that are not of the tree.
func (l *Log) Consistency(ctx context.Context, from, to int64) (proof tlog.TreeProof, size int64, err error) {
	now, err := l.treeSize(ctx)
	if err != nil {
		return nil, 0, err
	}
	if to == 0 {
		to = now
	}
	if from < 1 || from > to || to > now {
		return nil, 0, ekyc.Errorf(ekyc.ErrInvalidArgument, "the sizes are not of the tree, which has %d entries", now).With("size", now)
	}
	if proof, err = tlog.ProveTree(to, from, newHashReader(ctx, l.db.ServicePool())); err != nil {
		return nil, 0, fmt.Errorf("prove that a tree goes on: %w", err)
	}
	return proof, to, nil
}

// treeSize is how many entries have their place. It is never one of a tree without checkpoint.
func (l *Log) treeSize(ctx context.Context) (int64, error) {
	if err := l.ensureKey(ctx); err != nil { // with which the first checkpoint is made
		return 0, err
	}
	return sizeOf(ctx, l.db.ServicePool())
}
