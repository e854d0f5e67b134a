package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"ekyc"
	"ekyc/internal/blob"
)

// Store is a blob.Store in a bucket.
type Store struct {
	config    Config
	client    *minio.Client
	versioned atomic.Bool // deletions go for every version
}

const (
	partSize       = 16 << 20  // a larger file is sent in parts
	brokenOff      = time.Hour // no write takes that long
	checksumMember = "Crc32c"  // metadata of each object
	largest        = 1 << 30
	usualSize      = 8 << 20 // no medium of a person is larger
)

// Open connects to the bucket and makes sure that files can be written, read and removed there. Errors: ErrInvalidArgument for credentials that
// are missing and for a bucket that keeps what must be erasable, ErrUnavailable.
func Open(ctx context.Context, c Config) (*Store, error) {
	client, err := c.Client(ctx)
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, client: client}
	if err := s.refuseRetention(ctx); err != nil {
		return nil, err
	}
	if err := s.lookForVersions(ctx); err != nil {
		return nil, err
	}
	if err := s.Check(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// refuseRetention refuses a bucket in which nothing can be deleted for a time: pictures of persons would outlive their erasure.
func (s *Store) refuseRetention(ctx context.Context) error {
	limited, cancel := s.config.Limit(ctx, 0)
	defer cancel()
	_, mode, _, _, err := s.client.GetObjectLockConfig(limited, s.config.Bucket)
	switch {
	case err == nil && mode != nil && *mode != "":
		return invalid("the bucket %s locks every object for a time (default retention %s), so that media of persons could not be erased; use one without, and keep such a bucket for the audit log", s.config.Bucket, *mode)
	case err == nil || lacks(err):
		return nil
	case minio.ToErrorResponse(err).Code == minio.AccessDenied:
		return invalid("whether the bucket %s locks objects cannot be seen: the right s3:GetBucketObjectLockConfiguration, or the bucket itself, is missing", s.config.Bucket).Because(err)
	}
	return Fault(ctx, err)
}

// Alive asks for a setting of the bucket, which tells that it is there and takes our credentials, and writes nothing.
func (s *Store) Alive(ctx context.Context) error { return s.lookForVersions(ctx) }

// lookForVersions finds out whether the bucket keeps earlier versions of its objects.
func (s *Store) lookForVersions(ctx context.Context) error {
	limited, cancel := s.config.Limit(ctx, 0)
	defer cancel()
	v, err := s.client.GetBucketVersioning(limited, s.config.Bucket)
	if err != nil && !lacks(err) {
		return Fault(ctx, err)
	}
	s.versioned.Store(err == nil && v.Status != "") // a suspended one has versions of before
	return nil
}

// Check writes, reads and removes a file. Errors: ErrUnavailable.
func (s *Store) Check(ctx context.Context) error {
	probe := make([]byte, 32)
	rand.Read(probe) // never fails, by its documentation
	name := hex.EncodeToString(probe[:16])
	err := s.Put(ctx, name, probe)
	if err != nil {
		return fmt.Errorf("write to the bucket: %w", err)
	}
	there, err := s.Get(ctx, name)
	if err == nil && !bytes.Equal(there, probe) {
		err = unavailable(errors.New("another file came back"))
	}
	if err = errors.Join(err, s.Delete(ctx, name)); err != nil {
		return fmt.Errorf("read from the bucket and delete there: %w", err)
	}
	if _, err := s.Get(ctx, name); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		return unavailable(fmt.Errorf("a deleted file is not gone: %w", err))
	}
	return nil
}

func (s *Store) key(name string) (string, error) {
	if !blob.ValidName(name) {
		return "", ekyc.Errorf(ekyc.ErrInternal, "the name of a media file is malformed")
	}
	return s.config.Prefix + name, nil
}

func checksum(data []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// Put writes an object. A write that is broken off leaves nothing that Get finds.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	limited, cancel := s.config.Limit(ctx, len(data))
	defer cancel()
	info, err := s.client.PutObject(limited, s.config.Bucket, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{
		ContentType: "application/octet-stream", UserMetadata: map[string]string{checksumMember: checksum(data)}, PartSize: partSize, // TLS, or without it the signature, sees to what arrives
	})
	if err == nil && info.ETag == "" {
		err = errors.New("the server does not say what it has stored")
	}
	if err != nil && ctx.Err() == nil && absent(err) { // of a part whose upload is gone
		return unavailable(err)
	}
	return Fault(ctx, err)
}

// Get reads an object, whole or not at all.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	limited, cancel := s.config.Limit(ctx, usualSize) // its size is not known yet
	defer cancel()
	var data []byte
	for range tries { // the client itself tries again until the answer begins; this is for one that breaks off
		if data, err = s.get(limited, key); limited.Err() != nil || !errors.Is(err, errIncomplete) {
			break
		}
	}
	return data, Fault(ctx, err)
}

var errIncomplete = errors.New("the answer is not what was written")

func (s *Store) get(ctx context.Context, key string) ([]byte, error) {
	body, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.config.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if info.Size < 0 || info.Size > largest {
		return nil, errIncomplete
	}
	data := make([]byte, info.Size)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, errors.Join(errIncomplete, err)
	}
	if sum, said := info.UserMetadata[checksumMember]; said && sum != checksum(data) { // what others have copied back says none, and is authenticated by who reads it
		return nil, errIncomplete
	}
	return data, nil
}

// Delete removes an object with all its versions.
func (s *Store) Delete(ctx context.Context, name string) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	limited, cancel := s.config.Limit(ctx, 0)
	defer cancel()
	if !s.versioned.Load() {
		return s.remove(ctx, limited, key, "")
	}
	for o := range s.client.ListObjectsIter(limited, s.config.Bucket, minio.ListObjectsOptions{Prefix: key, WithVersions: true}) {
		if o.Err != nil {
			return Fault(ctx, o.Err)
		}
		if err := s.remove(ctx, limited, o.Key, o.VersionID); err != nil {
			return err
		}
	}
	return Fault(ctx, limited.Err()) // a list that was broken off says nothing
}

func (s *Store) remove(ctx, limited context.Context, key, version string) error {
	err := s.client.RemoveObject(limited, s.config.Bucket, key, minio.RemoveObjectOptions{VersionID: version})
	if err != nil && absent(err) {
		return nil
	}
	return Fault(ctx, err)
}

// List names the objects that were written longer ago than that, also those of which only earlier versions are left, unless it is to give current ones alone. In a
// bucket with versions a name may come more than once then.
func (s *Store) List(ctx context.Context, olderThan time.Duration) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		before := time.Now().Add(-olderThan)
		for o := range s.client.ListObjectsIter(ctx, s.config.Bucket, minio.ListObjectsOptions{Prefix: s.config.Prefix, Recursive: true, WithVersions: s.versioned.Load() && !s.config.Current}) {
			if o.Err != nil {
				yield("", Fault(ctx, o.Err))
				return
			}
			name := strings.TrimPrefix(o.Key, s.config.Prefix)
			if !blob.ValidName(name) || !o.LastModified.Before(before) {
				continue // not ours, or young
			}
			if !yield(name, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield("", Fault(ctx, err))
		}
	}
}

// Tidy removes the parts of files whose upload was broken off, and looks again whether the bucket keeps versions.
func (s *Store) Tidy(ctx context.Context) error {
	if err := s.lookForVersions(ctx); err != nil {
		return err
	}
	return s.tidyBefore(ctx, time.Now().Add(-brokenOff))
}

func (s *Store) tidyBefore(ctx context.Context, before time.Time) error {
	core := minio.Core{Client: s.client}
	for u := range s.client.ListIncompleteUploads(ctx, s.config.Bucket, s.config.Prefix, true) {
		if u.Err != nil {
			return Fault(ctx, u.Err)
		}
		if !blob.ValidName(strings.TrimPrefix(u.Key, s.config.Prefix)) || !u.Initiated.Before(before) {
			continue
		}
		if err := core.AbortMultipartUpload(ctx, s.config.Bucket, u.Key, u.UploadID); err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
			return Fault(ctx, err)
		}
	}
	return Fault(ctx, ctx.Err())
}
