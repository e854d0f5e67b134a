package vault

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
)

// Blobs keeps encrypted files by name. Names are lower-case hexadecimal, 32 characters.
type Blobs interface {
	// Put writes a file durably and at once: it is there as a whole or not at all.
	Put(ctx context.Context, name string, data []byte) error
	// Get reads a file. Errors: ErrNotFound.
	Get(ctx context.Context, name string) ([]byte, error)
	// Delete removes a file; one that does not exist is no error.
	Delete(ctx context.Context, name string) error
	// List names the files that were written longer ago than that.
	List(ctx context.Context, olderThan time.Duration) iter.Seq2[string, error]
}

// Files are Blobs in a directory of this machine, or of a file system that all processes share.
type Files struct{ directory string }

const (
	blobNameLength   = 32
	incoming         = "incoming"    // files being written
	incomingLifetime = 1 * time.Hour // no write takes that long: what is older was broken off
)

// NewFiles opens a directory of files and makes it where it does not exist. What a process left half-written long ago is removed.
func NewFiles(directory string) (*Files, error) {
	f := &Files{directory}
	if err := os.MkdirAll(filepath.Join(directory, incoming), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of media files: %w", err)
	}
	left, err := os.ReadDir(filepath.Join(directory, incoming))
	if err != nil {
		return nil, fmt.Errorf("read the directory of media files: %w", err)
	}
	for _, entry := range left {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > incomingLifetime {
			os.Remove(filepath.Join(directory, incoming, entry.Name()))
		}
	}
	return f, nil
}

// path spreads the files over 256 folders.
func (f *Files) path(name string) (string, error) {
	if !validBlobName(name) {
		return "", ekyc.Errorf(ekyc.ErrInternal, "the name of a media file is malformed")
	}
	return filepath.Join(f.directory, name[:2], name), nil
}

func validBlobName(name string) bool {
	return len(name) == blobNameLength && strings.Trim(name, "0123456789abcdef") == ""
}

// Put writes a file durably.
func (f *Files) Put(ctx context.Context, name string, data []byte) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	temporary, err := writeTemporary(filepath.Join(f.directory, incoming), data)
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
		err = syncDirectory(f.directory)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDirectory(folder)
}

// Get reads a file.
func (f *Files) Get(ctx context.Context, name string) ([]byte, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ekyc.Errorf(ekyc.ErrNotFound, "the media file is not there").Because(err)
	}
	return data, err
}

// Delete removes a file.
func (f *Files) Delete(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
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
				err = ctx.Err()
			}
			if err != nil {
				yield("", err)
				return
			}
			for _, file := range files {
				info, err := file.Info()
				if err != nil || !validBlobName(file.Name()) || !info.ModTime().Before(before) {
					continue // deleted meanwhile, not ours, or young
				}
				if !yield(file.Name(), nil) {
					return
				}
			}
		}
	}
}

// writeTemporary writes data durably to a new file of the directory that only its owner may read, and gives its path.
func writeTemporary(directory string, data []byte) (path string, err error) {
	f, err := os.CreateTemp(directory, ".new-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDirectory makes the names in a directory durable.
func syncDirectory(directory string) error {
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
