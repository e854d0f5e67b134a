package killtest

import (
	"context"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/blob"
)

// Tracer counts the statements of a database that is opened with it.
func (k *Killer) Tracer() pgx.QueryTracer { return tracer{k} }

// tracer has a point behind each statement, batch and copy, when it has been answered.
type tracer struct{ killer *Killer }

func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (t tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { t.killer.reach() }

func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (t tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (t tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) { t.killer.reach() }

func (t tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return ctx
}

func (t tracer) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {
	t.killer.reach()
}

// Files opens files in a directory, which are counted.
func (k *Killer) Files(directory string) (blob.Store, error) {
	files, err := blob.OpenFiles(directory)
	if err != nil {
		return nil, err
	}
	return &store{files, k, directory}, nil
}

// store has points in the middle of a file and behind it, and behind each deletion.
type store struct {
	*blob.Files
	killer    *Killer
	directory string
}

func (s *store) Put(ctx context.Context, name string, data []byte) error {
	if k := s.killer; k.armed.Load() && k.count.Add(1) == k.at {
		// As far as the file system has come when half of it is written.
		if err := os.WriteFile(filepath.Join(s.directory, "incoming", ".new-"+name), data[:len(data)/2], 0o600); err != nil {
			return err
		}
		k.die()
	}
	err := s.Files.Put(ctx, name, data)
	s.killer.reach()
	return err
}

func (s *store) Delete(ctx context.Context, name string) error {
	err := s.Files.Delete(ctx, name)
	s.killer.reach()
	return err
}
