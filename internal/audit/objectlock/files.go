package objectlock

import (
	"bytes"
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Files shows the segments as a folder, each in its earliest version, which is the locked one: what was put over it, or a mark of deletion, hides
// nothing. The list is of now, and a segment is read when it is opened.
func (s *Sink) Files(ctx context.Context) (fs.FS, error) {
	f := &folder{sink: s, ctx: ctx, objects: map[string]minio.ObjectInfo{}}
	for o, err := range s.versions(ctx, "") {
		if err != nil {
			return nil, err
		}
		if name := strings.TrimPrefix(o.Key, s.config.Prefix); fs.ValidPath(name) && !strings.Contains(name, "/") {
			f.objects[name] = o // versions of one name come newest first
		}
	}
	return f, nil
}

type folder struct {
	sink    *Sink
	ctx     context.Context
	objects map[string]minio.ObjectInfo
}

// ReadDir implements fs.ReadDirFS for the one folder.
func (f *folder) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var list []fs.DirEntry
	for name, o := range f.objects {
		list = append(list, fs.FileInfoToDirEntry(info{name, o}))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Open implements fs.FS.
func (f *folder) Open(name string) (fs.File, error) {
	o, ok := f.objects[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	content, err := f.sink.read(f.ctx, o)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file{bytes.NewReader(content), info{name, o}}, nil
}

type file struct {
	*bytes.Reader
	info info
}

func (f file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f file) Close() error               { return nil }

type info struct {
	name   string
	object minio.ObjectInfo
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.object.Size }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return i.object.LastModified }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }
