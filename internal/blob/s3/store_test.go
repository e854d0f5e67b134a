package s3_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/blob/blobtest"
	"ekyc/internal/blob/s3"
	"ekyc/internal/blob/s3test"
)

// patient is the time of calls whose end no test waits for: a machine that is busy with other packages may take long for any of them.
const patient = time.Minute

func open(t testing.TB, place string) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), parse(t, place))
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	return s
}

func parse(t testing.TB, place string) s3.Config {
	t.Helper()
	c, err := s3.Parse(place)
	must(t, err)
	c.CallTime = patient
	return c
}

// eventually tries until it succeeds: on a busy machine a call can be late for its time without any fault.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	err := try()
	for deadline := time.Now().Add(patient); ekyc.CodeOf(err) == ekyc.ErrUnavailable && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err = try()
	}
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestStore is the same as for files in a directory.
func TestStore(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	blobtest.Run(t, func(t testing.TB) blob.Store {
		return open(t, s3test.Place(server.Bucket(t, false), server.Address))
	})
}

// TestABucketWithVersions: a deleted file is gone from a bucket that keeps versions, and one of which only an earlier version is left is found by the
// sweep.
func TestABucketWithVersions(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket, client := server.Bucket(t, false), server.Client(t)
	s := open(t, s3test.Place(bucket, server.Address))
	name, hidden := blobtest.NewName(), blobtest.NewName()
	must(t, s.Put(t.Context(), name, []byte("before there were versions")))
	must(t, client.SetBucketVersioning(t.Context(), bucket, minio.BucketVersioningConfiguration{Status: "Enabled"}))
	must(t, s.Tidy(t.Context())) // as the hourly upkeep: it notices
	for _, content := range []string{"planted one", "planted two"} {
		must(t, s.Put(t.Context(), name, []byte(content)))
		must(t, s.Put(t.Context(), hidden, []byte(content)))
	}
	must(t, client.RemoveObject(t.Context(), bucket, "media/"+hidden, minio.RemoveObjectOptions{})) // as another program would
	found := map[string]int{}
	for n, err := range s.List(t.Context(), -time.Minute) {
		must(t, err)
		found[n]++
	}
	if len(found) != 2 {
		t.Errorf("listed: %v", found)
	}
	c := parse(t, s3test.Place(bucket, server.Address))
	c.Current = true
	current, err := s3.Open(t.Context(), c)
	must(t, err)
	var now []string
	for n, err := range current.List(t.Context(), -time.Minute) {
		must(t, err)
		now = append(now, n)
	}
	if len(now) != 1 || now[0] != name {
		t.Errorf("there are now: %v", now)
	}
	for _, n := range []string{name, hidden, name} {
		must(t, s.Delete(t.Context(), n))
	}
	for o := range client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		t.Errorf("left: %s %s %v", o.Key, o.VersionID, o.Err)
	}
	must(t, filepath.WalkDir(server.Directory, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if content, err := os.ReadFile(path); err == nil && (bytes.Contains(content, []byte("planted")) || bytes.Contains(content, []byte("before there"))) {
			t.Errorf("%s still holds a deleted file", path)
		}
		return nil
	}))
}

// TestAFileThatOthersPutBack: a copy that another program brings back into a bucket has none of what this one writes beside its files, and is read all the same; one
// that is not what stands beside it is not.
func TestAFileThatOthersPutBack(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket, client := server.Bucket(t, false), server.Client(t)
	s := open(t, s3test.Place(bucket, server.Address))
	copied, altered := blobtest.NewName(), blobtest.NewName()
	put := func(name string, o minio.PutObjectOptions) {
		t.Helper()
		_, err := client.PutObject(t.Context(), bucket, "media/"+name, strings.NewReader("ciphertext"), int64(len("ciphertext")), o)
		must(t, err)
	}
	put(copied, minio.PutObjectOptions{})
	put(altered, minio.PutObjectOptions{UserMetadata: map[string]string{"Crc32c": "00000000"}})
	if got, err := s.Get(t.Context(), copied); err != nil || string(got) != "ciphertext" {
		t.Errorf("put back: %q, %v", got, err)
	}
	_, err := s.Get(t.Context(), altered)
	blobtest.WantCode(t, "altered", err, ekyc.ErrUnavailable)
}

// TestABucketThatLocksIsRefused: what is locked by default cannot be erased. A bucket that merely could lock is none of these.
func TestABucketThatLocksIsRefused(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket := server.Bucket(t, true)
	c := parse(t, s3test.Place(bucket, server.Address))
	_, err := s3.Open(t.Context(), c)
	must(t, err)
	mode, days, unit := minio.Governance, uint(1), minio.Days
	must(t, server.Client(t).SetBucketObjectLockConfig(t.Context(), bucket, &mode, &days, &unit))
	_, err = s3.Open(t.Context(), c)
	blobtest.WantCode(t, "a bucket with default retention", err, ekyc.ErrInvalidArgument)
	if !strings.Contains(err.Error(), "erased") {
		t.Errorf("it does not say why: %v", err)
	}
	c.Bucket = "bucket-that-is-not"
	_, err = s3.Open(t.Context(), c)
	blobtest.WantCode(t, "no bucket", err, ekyc.ErrUnavailable)
	if !s3.Refused(err) {
		t.Errorf("a bucket that is not there does not come by waiting: %v", errors.Unwrap(err))
	}
}

// TestFaults: whatever the store answers, or does not, the error is a defined one and comes in time; afterwards everything goes on with the same client.
func TestFaults(t *testing.T) {
	t.Parallel()
	shared := s3test.Start(t)
	for what, fault := range map[string]s3test.Fault{
		"silence": s3test.Silence, "reset": s3test.Reset, "garbage": s3test.Garbage, "elsewhere": s3test.Elsewhere, "busy": s3test.Busy, "truncated": s3test.Truncated, "down": s3test.None,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			server := shared
			if what == "down" {
				server = s3test.Start(t)
			}
			proxy := s3test.NewProxy(t, server)
			c := parse(t, s3test.Place(server.Bucket(t, false), proxy.Address))
			c.CallTime = time.Second
			var s *s3.Store
			eventually(t, func() (err error) { s, err = s3.Open(t.Context(), c); return err })
			name, other, content := blobtest.NewName(), blobtest.NewName(), bytes.Repeat([]byte("ciphertext"), 100_000)
			eventually(t, func() error { return s.Put(t.Context(), name, content) })
			if proxy.Set(fault); what == "down" {
				server.Kill()
			}
			began := time.Now()
			got, err := s.Get(t.Context(), name)
			blobtest.WantCode(t, "get", err, ekyc.ErrUnavailable)
			if s3.Refused(err) {
				t.Errorf("it may pass, and counts as a refusal: %v", errors.Unwrap(err))
			}
			if got != nil {
				t.Errorf("%d bytes came all the same", len(got))
			}
			if what != "truncated" { // these answers have no body
				blobtest.WantCode(t, "put", s.Put(t.Context(), other, content), ekyc.ErrUnavailable)
				blobtest.WantCode(t, "delete", s.Delete(t.Context(), other), ekyc.ErrUnavailable)
				blobtest.WantCode(t, "alive", s.Alive(t.Context()), ekyc.ErrUnavailable)
			}
			var listed error
			for _, err := range s.List(t.Context(), 0) {
				listed = err
			}
			blobtest.WantCode(t, "list", listed, ekyc.ErrUnavailable)
			if took := time.Since(began); took > patient { // some ten seconds, where nothing else runs
				t.Errorf("the five took %v", took)
			}
			if proxy.Set(s3test.None); what == "down" {
				server.Run(t)
			}
			eventually(t, func() (err error) { got, err = s.Get(t.Context(), name); return err })
			if !bytes.Equal(got, content) {
				t.Fatalf("afterwards: %d bytes", len(got))
			}
			eventually(t, func() error { return s.Put(t.Context(), other, content) })
			eventually(t, func() error { return s.Delete(t.Context(), other) })
		})
	}
}

// TestABrokenUpload: a large file whose upload is broken off is not there, and its parts go when they are old.
func TestABrokenUpload(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket, core := server.Bucket(t, false), minio.Core{Client: server.Client(t)}
	s := open(t, s3test.Place(bucket, server.Address))
	name := blobtest.NewName()
	upload, err := core.NewMultipartUpload(t.Context(), bucket, "media/"+name, minio.PutObjectOptions{})
	must(t, err)
	part := bytes.Repeat([]byte("half"), 2<<20)
	_, err = core.PutObjectPart(t.Context(), bucket, "media/"+name, upload, 1, bytes.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{})
	must(t, err)
	_, err = s.Get(t.Context(), name)
	blobtest.WantCode(t, "half a file", err, ekyc.ErrNotFound)
	uploads := func() (n int) {
		for u := range core.ListIncompleteUploads(t.Context(), bucket, "", true) {
			must(t, u.Err)
			n++
		}
		return n
	}
	must(t, s.Tidy(t.Context()))
	if uploads() != 1 {
		t.Error("an upload of now was broken off")
	}
	must(t, s3.TidyBefore(s, t.Context(), time.Now().Add(time.Minute)))
	if uploads() != 0 {
		t.Error("the parts are still there")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	blobtest.WantCode(t, "an upload that is stopped", s.Put(ctx, name, make([]byte, 64<<20)), ekyc.ErrCancelled)
	_, err = s.Get(t.Context(), name)
	blobtest.WantCode(t, "its file", err, ekyc.ErrNotFound)
}
