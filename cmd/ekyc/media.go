package main

import (
	"context"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/blob/s3"
)

// mediaFlags say where encrypted files are.
type mediaFlags struct {
	MediaStore string `help:"Where encrypted pictures are kept: s3://bucket/prefix?endpoint=https://host:port&region=name&path_style=true&credentials=auto|static|iam; in the data directory unless given. Credentials come from the environment or the file that it names (static) or from the machine's role (iam)." env:"EKYC_MEDIA_STORE" placeholder:"URL"`
}

// openMedia opens the place for files, and makes sure that they can be written, read and removed there.
func (f *databaseFlags) openMedia(ctx context.Context) (blob.Store, error) {
	if f.MediaStore == "" {
		return blob.OpenFiles(filepath.Join(f.DataDir, "files"))
	}
	return f.openBucket(ctx)
}

func (f *mediaFlags) openBucket(ctx context.Context) (*s3.Store, error) {
	c, err := s3.Parse(f.MediaStore)
	if err != nil {
		return nil, err
	}
	return s3.Open(ctx, c)
}

// watchedStore tells how long the calls of a store take, and how they end.
type watchedStore struct {
	blob.Store
	calls metric.Float64Histogram
}

func watchStore(s blob.Store) (blob.Store, error) {
	calls, err := otel.Meter("ekyc").Float64Histogram("ekyc.media.store.duration", metric.WithUnit("s"),
		metric.WithDescription("Calls of the store of encrypted files, by operation and outcome."), metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	return &watchedStore{s, calls}, err
}

func (s *watchedStore) told(operation string, began time.Time, err error) {
	outcome := "ok"
	if err != nil {
		outcome = string(ekyc.CodeOf(err))
	}
	s.calls.Record(context.Background(), time.Since(began).Seconds(), metric.WithAttributes(attribute.String("operation", operation), attribute.String("outcome", outcome)))
}

func (s *watchedStore) Put(ctx context.Context, name string, data []byte) (err error) {
	defer func(began time.Time) { s.told("put", began, err) }(time.Now())
	return s.Store.Put(ctx, name, data)
}

func (s *watchedStore) Get(ctx context.Context, name string) (data []byte, err error) {
	defer func(began time.Time) { s.told("get", began, err) }(time.Now())
	return s.Store.Get(ctx, name)
}

func (s *watchedStore) Delete(ctx context.Context, name string) (err error) {
	defer func(began time.Time) { s.told("delete", began, err) }(time.Now())
	return s.Store.Delete(ctx, name)
}

func (s *watchedStore) Alive(ctx context.Context) (err error) {
	defer func(began time.Time) { s.told("alive", began, err) }(time.Now())
	return s.Store.Alive(ctx)
}
