package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/durable"
)

// Folder is a Sink of files. They are made read-only, which keeps mistakes away and nobody else: a folder has no retention.
type Folder struct{ path string }

// OpenFolder makes the folder where it does not exist. Error: ErrFileUnreadable.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the folder %s cannot be made", path).Because(err)
	}
	return &Folder{path}, nil
}

// Put implements Sink.
func (f *Folder) Put(_ context.Context, name string, content []byte, _ time.Time) error {
	temporary, err := durable.Temporary(f.path, ".segment-*", content)
	if err != nil {
		return unwritable(f.path, err)
	}
	defer os.Remove(temporary)
	if err := os.Chmod(temporary, 0o440); err != nil { // #nosec G302 -- for who examines exports
		return unwritable(f.path, err)
	}
	target := filepath.Join(f.path, name)
	err = os.Link(temporary, target) // unlike a rename, a link never replaces
	if errors.Is(err, fs.ErrExist) {
		there, err := os.ReadFile(target)
		if err != nil {
			return unwritable(f.path, err)
		}
		if !bytes.Equal(there, content) {
			return ekyc.Errorf(ekyc.ErrConflict, "there is another %s already", target)
		}
		return nil
	}
	if err != nil {
		return unwritable(f.path, err)
	}
	if err := durable.SyncDirectory(f.path); err != nil {
		return unwritable(f.path, err)
	}
	return nil
}

// Last implements Sink.
func (f *Folder) Last(context.Context) (name string, content []byte, err error) {
	list, err := os.ReadDir(f.path) // sorted
	if err != nil {
		return "", nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the folder %s cannot be read", f.path).Because(err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), segmentSuffix) {
			name = e.Name()
		}
	}
	if name == "" {
		return "", nil, nil
	}
	if content, err = os.ReadFile(filepath.Join(f.path, name)); err != nil {
		return "", nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", filepath.Join(f.path, name)).Because(err)
	}
	return name, content, nil
}

func unwritable(path string, cause error) error {
	return ekyc.Errorf(ekyc.ErrFileUnreadable, "the folder %s cannot be written", path).Because(fmt.Errorf("write a segment: %w", cause))
}
