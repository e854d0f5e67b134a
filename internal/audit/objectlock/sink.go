// Package objectlock keeps segments of the audit log in a bucket with Object Lock, in COMPLIANCE mode: until a segment's time is past nobody can change
// or remove it, the account's root included.
package objectlock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"ekyc"
	"ekyc/internal/blob/s3"
)

// Sink is an audit.Sink in a bucket. It is safe for concurrent use.
type Sink struct {
	config   s3.Config
	client   *minio.Client
	standing time.Duration // for which the bucket locks everything in COMPLIANCE mode; 0: it does not
}

const (
	suffix     = ".ndjson" // of segments
	maxSegment = 1 << 30   // bytes, as the examination takes them
)

// Open connects to a bucket and makes sure that it locks objects. Errors: ErrInvalidArgument for one that does not and for credentials that are
// missing, ErrUnavailable.
func Open(ctx context.Context, c s3.Config) (*Sink, error) {
	client, err := c.Client(ctx)
	if err != nil {
		return nil, err
	}
	limited, cancel := c.Limit(ctx, 0)
	defer cancel()
	state, mode, validity, unit, err := client.GetObjectLockConfig(limited, c.Bucket)
	if minio.ToErrorResponse(err).Code == "ObjectLockConfigurationNotFoundError" || err == nil && state != "Enabled" {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the bucket %s has no Object Lock, so that anybody with its credentials could remove the audit log; make one that has", c.Bucket)
	}
	if err != nil {
		return nil, s3.Fault(ctx, err)
	}
	s := &Sink{config: c, client: client}
	if mode != nil && *mode == minio.Compliance && validity != nil && unit != nil {
		s.standing = 24 * time.Hour * time.Duration(*validity)
		if *unit == minio.Years {
			s.standing *= 365
		}
	}
	return s, nil
}

// Put stores a segment and locks it until the time, or for as long as the bucket locks everything where the time is zero. It never writes over one that
// is there, and takes nothing for locked without having looked. Errors: ErrConflict when there is other content of that name; ErrInvalidArgument when
// there is no time and the bucket has none; ErrUnavailable.
func (s *Sink) Put(ctx context.Context, name string, content []byte, retainUntil time.Time) error {
	if retainUntil.IsZero() {
		if s.standing == 0 {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "the bucket %s does not lock in COMPLIANCE mode by itself; give the days to retain segments, or set such a default retention for it", s.config.Bucket)
		}
		retainUntil = time.Now().Add(s.standing)
	}
	there, err := s.first(ctx, name)
	switch {
	case err != nil:
		return err
	case there != nil:
		return s.same(ctx, *there, content)
	}
	limited, cancel := s.config.Limit(ctx, len(content))
	defer cancel()
	o := minio.PutObjectOptions{ContentType: "application/x-ndjson", SendContentMd5: true, DisableMultipart: true,
		Mode: minio.Compliance, RetainUntilDate: retainUntil.UTC().Truncate(time.Second).Add(time.Second)}
	o.SetMatchETagExcept("*") // of two processes one writes
	info, err := s.client.PutObject(limited, s.config.Bucket, s.config.Prefix+name, bytes.NewReader(content), int64(len(content)), o)
	if code := minio.ToErrorResponse(err).Code; err != nil && (code == "PreconditionFailed" || code == "ConditionalRequestConflict") {
		if there, err := s.first(ctx, name); err != nil || there == nil {
			return errors.Join(s3.Fault(ctx, errors.New("a segment that is there cannot be seen")), err)
		}
		return s.Put(ctx, name, content, retainUntil) // which compares
	}
	if err != nil {
		return s3.Fault(ctx, err)
	}
	return s.locked(ctx, s.config.Prefix+name, info.VersionID, retainUntil)
}

// same compares a segment, which must be locked, with what is to be written.
func (s *Sink) same(ctx context.Context, there minio.ObjectInfo, content []byte) error {
	got, err := s.read(ctx, there)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, content) {
		return ekyc.Errorf(ekyc.ErrConflict, "there is another %s already", there.Key)
	}
	return s.newestIsLocked(ctx, there)
}

// locked makes sure that the server has not merely ignored what was asked of it.
func (s *Sink) locked(ctx context.Context, key, version string, until time.Time) error {
	date, err := s.lock(ctx, key, version)
	if err == nil && (date.Before(until.Truncate(time.Second)) || !date.After(time.Now())) {
		err = ekyc.Errorf(ekyc.ErrInvalidArgument, "%s is locked until %s only", key, date.Format(time.RFC3339))
	}
	return err
}

// newestIsLocked looks at a segment that nothing lies over. Not every server tells the lock of one that something does.
func (s *Sink) newestIsLocked(ctx context.Context, o minio.ObjectInfo) error {
	if !o.IsLatest {
		return nil
	}
	_, err := s.lock(ctx, o.Key, o.VersionID)
	return err
}

// lock gives until when a version is locked, also when that is over. Error: ErrInvalidArgument for one that never was in COMPLIANCE mode.
func (s *Sink) lock(ctx context.Context, key, version string) (until time.Time, err error) {
	limited, cancel := s.config.Limit(ctx, 0)
	defer cancel()
	info, err := s.client.StatObject(limited, s.config.Bucket, key, minio.StatObjectOptions{VersionID: version})
	if err != nil {
		return time.Time{}, s3.Fault(ctx, err)
	}
	until, err = time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	if err != nil || minio.RetentionMode(info.Metadata.Get("X-Amz-Object-Lock-Mode")) != minio.Compliance {
		return time.Time{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s is in the bucket and not locked in COMPLIANCE mode: whoever may write there can change it", key)
	}
	return until, nil
}

// first gives the earliest version of a segment: the one that is locked, whatever was put over it since. Nil where there is none.
func (s *Sink) first(ctx context.Context, name string) (*minio.ObjectInfo, error) {
	var found *minio.ObjectInfo
	for o, err := range s.versions(ctx, name) {
		if err != nil {
			return nil, err
		}
		if o.Key == s.config.Prefix+name {
			found = &o // versions of one name come newest first
		}
	}
	return found, nil
}

// versions lists what was ever stored under names that begin so, without marks of deletion.
func (s *Sink) versions(ctx context.Context, begin string) func(yield func(minio.ObjectInfo, error) bool) {
	return func(yield func(minio.ObjectInfo, error) bool) {
		for o := range s.client.ListObjectsIter(ctx, s.config.Bucket, minio.ListObjectsOptions{Prefix: s.config.Prefix + begin, WithVersions: true}) {
			if o.Err != nil {
				yield(minio.ObjectInfo{}, s3.Fault(ctx, o.Err))
				return
			}
			if o.IsDeleteMarker || !strings.HasSuffix(o.Key, suffix) {
				continue
			}
			if !yield(o, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(minio.ObjectInfo{}, s3.Fault(ctx, err))
		}
	}
}

// Last gives the segment whose name sorts last, in its earliest version. Error: ErrInvalidArgument when that is not locked.
func (s *Sink) Last(ctx context.Context) (name string, content []byte, err error) {
	var last *minio.ObjectInfo
	for o, err := range s.versions(ctx, "") {
		if err != nil {
			return "", nil, err
		}
		if last == nil || o.Key >= last.Key {
			last = &o
		}
	}
	if last == nil {
		return "", nil, nil
	}
	if err = s.newestIsLocked(ctx, *last); err != nil {
		return "", nil, err
	}
	content, err = s.read(ctx, *last)
	return strings.TrimPrefix(last.Key, s.config.Prefix), content, err
}

// read gives a version of a segment.
func (s *Sink) read(ctx context.Context, o minio.ObjectInfo) ([]byte, error) {
	if o.Size > maxSegment {
		return nil, ekyc.Errorf(ekyc.ErrConflict, "%s is too large for a segment", o.Key)
	}
	limited, cancel := s.config.Limit(ctx, int(o.Size))
	defer cancel()
	body, _, _, err := minio.Core{Client: s.client}.GetObject(limited, s.config.Bucket, o.Key, minio.GetObjectOptions{VersionID: o.VersionID})
	if err != nil {
		return nil, s3.Fault(ctx, err)
	}
	defer body.Close()
	content := make([]byte, o.Size)
	if _, err := io.ReadFull(body, content); err != nil {
		return nil, s3.Fault(ctx, fmt.Errorf("read a segment: %w", err))
	}
	return content, nil
}
