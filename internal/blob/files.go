// Package blob keeps files by name. What is in them is ciphertext before it gets here; a store sees neither keys nor persons.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/durable"
)

// Store keeps encrypted files by name. Names are lower-case hexadecimal, 32 characters. A name is made once, for one content: what is put
// again under it is the same. Any number of processes may use one store.
//
// Beside what each function names, errors are ErrInternal for a malformed name, ErrCancelled when the context ends, and ErrUnavailable
// when the store cannot be reached, does not answer in time or answers what makes no sense; it may be tried again then.
type Store interface {
	// Put writes a file durably and at once: it is there as a whole or not at all.
	Put(ctx context.Context, name string, data []byte) error
	// Get reads a file. Errors: ErrNotFound.
	Get(ctx context.Context, name string) ([]byte, error)
	// Delete removes a file; one that does not exist is no error.
	Delete(ctx context.Context, name string) error
	// List names the files that were written longer ago than that.
	List(ctx context.Context, olderThan time.Duration) iter.Seq2[string, error]
	// Tidy removes what writes that were broken off more than an hour ago have left.
	Tidy(ctx context.Context) error
	// Alive says whether the store answers, at little cost.
	Alive(ctx context.Context) error
}

// Files are a Store in a directory of this machine, or of a file system that all processes share.
type Files struct{ directory string }

const (
	nameLength       = 32
	incoming         = "incoming"    // files being written
	incomingLifetime = 1 * time.Hour // no write takes that long: what is older was broken off
)

// OpenFiles opens a directory of files and makes it where it does not exist. What a process left half-written long ago is removed.
func OpenFiles(directory string) (*Files, error) {
	f := &Files{directory}
	if err := os.MkdirAll(filepath.Join(directory, incoming), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of media files: %w", err)
	}
	return f, f.Tidy(context.Background())
}

// Tidy removes files that were never written to their end.
func (f *Files) Tidy(ctx context.Context) error {
	left, err := os.ReadDir(filepath.Join(f.directory, incoming))
	if err != nil {
		return fmt.Errorf("read the directory of media files: %w", err)
	}
	for _, entry := range left {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > incomingLifetime {
			os.Remove(filepath.Join(f.directory, incoming, entry.Name()))
		}
	}
	return stopped(ctx)
}

// path spreads the files over 256 folders.
func (f *Files) path(name string) (string, error) {
	if !ValidName(name) {
		return "", ekyc.Errorf(ekyc.ErrInternal, "the name of a media file is malformed")
	}
	return filepath.Join(f.directory, name[:2], name), nil
}

// ValidName says whether a store takes the name.
func ValidName(name string) bool {
	return len(name) == nameLength && strings.Trim(name, "0123456789abcdef") == ""
}

// Put writes a file durably.
func (f *Files) Put(ctx context.Context, name string, data []byte) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := stopped(ctx); err != nil {
		return err
	}
	temporary, err := durable.Temporary(filepath.Join(f.directory, incoming), ".new-*", data)
	if err != nil {
		return err
	}
	if err := f.publish(temporary, path); err != nil {
		os.Remove(temporary)
		return err
	}
	return nil
}

// publish gives a complete file its name, in a way that a crash of the machine does not take back.
func (f *Files) publish(temporary, path string) error {
	folder := filepath.Dir(path)
	err := os.Mkdir(folder, 0o700)
	if err == nil {
		err = durable.SyncDirectory(f.directory)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return durable.SyncDirectory(folder)
}

// Get reads a file.
func (f *Files) Get(ctx context.Context, name string) ([]byte, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	if err := stopped(ctx); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ekyc.Errorf(ekyc.ErrNotFound, "the media file is not there").Because(err)
	}
	return data, err
}

// Delete removes a file and then writes over what it held, which on a file system that writes in place leaves not even the ciphertext.
func (f *Files) Delete(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	overwrite(file) // who reads it at this moment has opened it before, and who comes now finds nothing
	return nil
}

// overwrite writes zeros over all of a file that has no name any more. It is no error where that fails: the file is gone.
func overwrite(file *os.File) {
	info, err := file.Stat()
	if err != nil {
		return
	}
	zeros := make([]byte, min(info.Size(), 1<<20))
	for at := int64(0); at < info.Size(); at += int64(len(zeros)) {
		if _, err := file.WriteAt(zeros[:min(int64(len(zeros)), info.Size()-at)], at); err != nil {
			return
		}
	}
	file.Sync()
}

// List names the files that were written longer ago than that.
func (f *Files) List(ctx context.Context, olderThan time.Duration) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		before := time.Now().Add(-olderThan)
		folders, err := os.ReadDir(f.directory)
		if err != nil {
			yield("", err)
			return
		}
		for _, folder := range folders {
			if !folder.IsDir() || len(folder.Name()) != 2 {
				continue
			}
			files, err := os.ReadDir(filepath.Join(f.directory, folder.Name()))
			if err == nil {
				err = stopped(ctx)
			}
			if err != nil {
				yield("", err)
				return
			}
			for _, file := range files {
				info, err := file.Info()
				if err != nil || !ValidName(file.Name()) || !info.ModTime().Before(before) {
					continue // deleted meanwhile, not ours, or young
				}
				if !yield(file.Name(), nil) {
					return
				}
			}
		}
	}
}

// stopped gives the error for a context that has ended.
func stopped(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return ekyc.Errorf(ekyc.ErrCancelled, "the request was stopped").Because(err)
	}
	return nil
}
