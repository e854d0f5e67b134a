package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// Sink is where segments are kept: a folder, or a store that nobody can write over until a time is past.
type Sink interface {
	// Put stores content under a name, whole and durably before it returns, or not at all. A store that can keeps it from being changed or
	// deleted until the time; zero for as it is set up. Put again with the same content it is no error. Errors: ErrConflict when there is other
	// content of that name.
	Put(ctx context.Context, name string, content []byte, retainUntil time.Time) error
	// Last gives the object whose name sorts last, "" where there is none.
	Last(ctx context.Context) (name string, content []byte, err error)
}

// ExportOptions tune an export; the zero value serves.
type ExportOptions struct {
	Segment int           // most entries of a segment; 0 for 10,000, some 5 MB
	Retain  time.Duration // how long a store is to keep each segment; 0 for as it is set up
}

const defaultSegment = 10_000

// Exported tells what an export has done.
type Exported struct {
	Segments int   // written by this export
	First    int64 // place of the first entry that was written
	Size     int64 // entries that the sink holds now
	Verifier string
}

// Export writes the entries that the sink does not hold yet, up to the newest checkpoint. It goes on behind the segment that sorts last there,
// which must be one of this log. An interrupted export leaves whole segments or none. Errors: ErrConflict for a sink of another log, and for
// one whose last segment was altered.
func (l *Log) Export(ctx context.Context, sink Sink, o ExportOptions) (Exported, error) {
	if o.Segment <= 0 {
		o.Segment = defaultSegment
	}
	size, err := l.treeSize(ctx) // before the key: that signs nothing beyond its end
	if err != nil {
		return Exported{}, err
	}
	var signing signingKey
	err = l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		signing, err = l.currentKey(ctx, tx)
		return err
	})
	if err != nil {
		return Exported{}, err
	}
	keys, err := l.Keys(ctx)
	if err != nil {
		return Exported{}, err
	}
	keys = keys[:signing.number] // another may have come since
	size = max(size, keys[len(keys)-1].FirstSize)
	next, previous, known, err := l.goOn(ctx, sink, keys, size)
	if err != nil {
		return Exported{}, err
	}
	out := Exported{First: next, Size: next, Verifier: signing.public}
	for out.Size < size {
		end := min(out.Size+int64(o.Segment), size)
		m := manifest{Origin: signing.signer.Name(), Key: signing.public, First: out.Size, Entries: end - out.Size, Previous: previous}
		for ; known < len(keys)-1; known++ {
			m.Introductions = append(m.Introductions, keys[known+1].Introduction)
		}
		content, err := l.segment(ctx, m, signing.signer)
		if err != nil {
			return out, err
		}
		var until time.Time
		if o.Retain > 0 {
			until = time.Now().Add(o.Retain)
		}
		if err := sink.Put(ctx, segmentName(out.Size), content, until); err != nil {
			return out, fmt.Errorf("store a segment: %w", err)
		}
		previous, out.Size = hexSum(content), end
		out.Segments++
	}
	return out, nil
}

// goOn says where an export into the sink goes on, and which of the log's keys, from 0, the sink knows.
func (l *Log) goOn(ctx context.Context, sink Sink, keys []Key, size int64) (next int64, previous string, known int, err error) {
	name, content, err := sink.Last(ctx)
	if err != nil || name == "" {
		return 0, "", 0, err
	}
	_, signed, err := splitSegment(content)
	var m manifest
	if err == nil {
		m, err = unsignedManifest(signed)
	}
	if err == nil {
		if known = slices.IndexFunc(keys, func(k Key) bool { return k.Verifier == m.Key }); known < 0 {
			err = errors.New("the segment is signed by no key of this log")
		} else {
			m, err = openManifest(signed, keys[known].Verifier)
		}
	}
	if err == nil && (name != segmentName(m.First) || m.First+m.Entries > size) {
		err = errors.New("the segment is not of this state of the log")
	}
	if err == nil {
		err = l.agrees(ctx, m)
	}
	if err != nil {
		return 0, "", 0, ekyc.Errorf(ekyc.ErrConflict, "what is there is no export of this log that can be gone on with").Because(err)
	}
	return m.First + m.Entries, hexSum(content), known, nil
}

// agrees makes sure that the tree in which a segment ended is one of this log's past, and none that a restore has undone.
func (l *Log) agrees(ctx context.Context, m manifest) error {
	root, err := tlog.TreeHash(m.First+m.Entries, newHashReader(ctx, l.db.ServicePool()))
	if err == nil && root.String() != m.Root {
		err = errors.New("the segment is of another past")
	}
	return err
}

// segment makes the segment that a manifest begins to describe.
func (l *Log) segment(ctx context.Context, m manifest, signer note.Signer) ([]byte, error) {
	var lines bytes.Buffer
	at := m.First
	err := l.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		lines.Reset()
		at, m.Leaves = m.First, nil
		rows, err := tx.Query(ctx, `select leaf_index, record from audit_entry where leaf_index >= $1 and leaf_index < $2 order by leaf_index`, m.First, m.First+m.Entries)
		if err != nil {
			return err
		}
		var index int64
		var record []byte
		_, err = pgx.ForEachRow(rows, []any{&index, &record}, func() error {
			if index != at {
				return fmt.Errorf("the entry %d is absent", at)
			}
			at++
			line, err := jsonLine(entryLine{index, record})
			lines.Write(line)
			m.Leaves = append(m.Leaves, leafTag(record)...)
			return err
		})
		return err
	})
	if err == nil && at != m.First+m.Entries {
		err = fmt.Errorf("the entry %d is absent", at)
	}
	if err != nil {
		return nil, fmt.Errorf("read a segment of the audit log: %w", err)
	}
	root, err := tlog.TreeHash(m.First+m.Entries, newHashReader(ctx, l.db.ServicePool()))
	if err != nil {
		return nil, err
	}
	m.Root = root.String()
	return m.seal(lines.Bytes(), signer)
}
