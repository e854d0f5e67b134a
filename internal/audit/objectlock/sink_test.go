package objectlock_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/audit/objectlock"
	"ekyc/internal/blob/blobtest"
	"ekyc/internal/blob/s3"
	"ekyc/internal/blob/s3test"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, audit.Migrations)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		e, _ := errors.AsType[*ekyc.Error](err)
		if e == nil {
			e = &ekyc.Error{}
		}
		t.Fatalf("%v (%v)", err, e.Cause)
	}
}

func open(t testing.TB, place string) *objectlock.Sink {
	t.Helper()
	c, err := s3.Parse(place)
	must(t, err)
	c.CallTime = 20 * time.Second
	s, err := objectlock.Open(t.Context(), c)
	must(t, err)
	return s
}

// newLog makes a log and what enters and sequences n entries of it.
func newLog(t testing.TB) (*audit.Log, func(n int)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring")
	ring, err := keyring.Create(path)
	must(t, err)
	db, err := store.Open(t.Context(), server.URL(t), store.Options{})
	must(t, err)
	t.Cleanup(db.Close)
	log := audit.New(db, ring, audit.Options{Logger: slog.New(slog.DiscardHandler)})
	return log, func(n int) {
		t.Helper()
		for range n {
			must(t, log.Enter(context.Background(), ekyc.Scope{}, func(context.Context) (audit.Entry, error) {
				return audit.Entry{Action: audit.SignIn, Outcome: audit.Refused}, nil
			}))
		}
		for {
			placed, err := log.Sequence(context.Background())
			must(t, err)
			if placed == 0 {
				return
			}
		}
	}
}

// verify examines what is in the bucket.
func verify(t testing.TB, s *objectlock.Sink, log *audit.Log) *audit.Report {
	t.Helper()
	checkpoint, err := log.Checkpoint(t.Context())
	must(t, err)
	files, err := s.Files(t.Context())
	must(t, err)
	report, err := audit.Verify(files, audit.VerifyOptions{Checkpoints: map[string][]byte{"latest": []byte(checkpoint.Note)}})
	must(t, err)
	for _, p := range report.Problems {
		t.Errorf("%s: %s", p.File, p.What)
	}
	return report
}

// TestALockedSegmentStays is what Object Lock is for: before its time the root account itself can neither remove a segment, nor shorten its time, nor
// make an examination see anything else in its place.
func TestALockedSegmentStays(t *testing.T) {
	t.Parallel()
	gateway := s3test.Start(t)
	bucket, root := gateway.Bucket(t, true), gateway.Client(t)
	sink := open(t, s3test.Place(bucket, gateway.Address))
	log, enter := newLog(t)
	enter(7)
	done, err := log.Export(t.Context(), sink, audit.ExportOptions{Segment: 3, Retain: time.Hour})
	must(t, err)
	if done.Segments != 3 || done.Size != 7 {
		t.Fatalf("exported: %+v", done)
	}
	if r := verify(t, sink, log); r.Entries != 7 || r.Segments != 3 {
		t.Fatalf("found: %+v", r)
	}
	objects := []minio.ObjectInfo{}
	for o := range root.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		must(t, o.Err)
		objects = append(objects, o)
	}
	if len(objects) != 3 {
		t.Fatalf("%d objects", len(objects))
	}
	soon := time.Now().Add(time.Second)
	mode, governance := minio.Compliance, minio.Governance
	for _, o := range objects {
		for what, err := range map[string]error{
			"remove":             root.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID}),
			"remove with bypass": root.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: true}),
			"shorten":            root.PutObjectRetention(t.Context(), bucket, o.Key, minio.PutObjectRetentionOptions{VersionID: o.VersionID, Mode: &mode, RetainUntilDate: &soon}),
			"weaken":             root.PutObjectRetention(t.Context(), bucket, o.Key, minio.PutObjectRetentionOptions{VersionID: o.VersionID, Mode: &governance, RetainUntilDate: &soon, GovernanceBypass: true}),
		} {
			if err == nil {
				t.Errorf("%s: the root account could", what)
			}
		}
	}
	// A bucket with versions takes another version and a mark of deletion; they hide nothing.
	forged := []byte("forged\n")
	_, put := root.PutObject(t.Context(), bucket, objects[0].Key, bytes.NewReader(forged), int64(len(forged)), minio.PutObjectOptions{SendContentMd5: true})
	mark := root.RemoveObject(t.Context(), bucket, objects[2].Key, minio.RemoveObjectOptions{})
	t.Logf("another version: %v; a mark of deletion: %v", put, mark)
	for _, o := range objects { // also now that the locked version is not the newest
		err := root.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: true})
		if err == nil {
			t.Errorf("the root account could remove %s once something lay over it", o.Key)
		}
	}
	if r := verify(t, sink, log); r.Entries != 7 {
		t.Errorf("found: %+v", r)
	}
	enter(2)
	done, err = log.Export(t.Context(), sink, audit.ExportOptions{Retain: time.Hour})
	must(t, err)
	if done.First != 7 || done.Size != 9 || done.Segments != 1 {
		t.Errorf("gone on: %+v", done)
	}
	verify(t, sink, log)
}

func TestASinkNeverWritesOver(t *testing.T) {
	t.Parallel()
	gateway := s3test.Start(t)
	bucket := gateway.Bucket(t, true)
	sink := open(t, s3test.Place(bucket, gateway.Address))
	const name = "00000000000000000000.ndjson"
	until := time.Now().Add(time.Hour)
	if name, content, err := sink.Last(t.Context()); name != "" || content != nil || err != nil {
		t.Errorf("%q, %q, %v", name, content, err)
	}
	for range 2 {
		must(t, sink.Put(t.Context(), name, []byte("one\n"), until))
	}
	blobtest.WantCode(t, "other content", sink.Put(t.Context(), name, []byte("two\n"), until), ekyc.ErrConflict)
	var faults [6]error
	done := make(chan int)
	for i := range faults {
		go func() {
			faults[i] = sink.Put(t.Context(), "00000000000000000001.ndjson", []byte{byte('a' + i), '\n'}, until)
			done <- i
		}()
	}
	written := 0
	for range faults {
		i := <-done
		if faults[i] == nil {
			written++
		} else {
			blobtest.WantCode(t, "at the same time", faults[i], ekyc.ErrConflict)
		}
	}
	if written != 1 {
		t.Errorf("%d of those who wrote at the same time believe that theirs is there", written)
	}
	blobtest.WantCode(t, "no time, and a bucket without one", sink.Put(t.Context(), "00000000000000000002.ndjson", []byte("x\n"), time.Time{}), ekyc.ErrInvalidArgument)
	const unlocked = "00000000000000000003.ndjson"
	_, err := gateway.Client(t).PutObject(t.Context(), bucket, "media/"+unlocked, bytes.NewReader([]byte("x\n")), 2, minio.PutObjectOptions{SendContentMd5: true})
	must(t, err)
	blobtest.WantCode(t, "the same, unlocked", sink.Put(t.Context(), unlocked, []byte("x\n"), until), ekyc.ErrInvalidArgument)
	_, _, err = sink.Last(t.Context())
	blobtest.WantCode(t, "to go on behind what is unlocked", err, ekyc.ErrInvalidArgument)
	c, err := s3.Parse(s3test.Place(gateway.Bucket(t, false), gateway.Address))
	must(t, err)
	_, err = objectlock.Open(t.Context(), c)
	blobtest.WantCode(t, "a bucket without Object Lock", err, ekyc.ErrInvalidArgument)
}

// TestABucketThatLocksByItself needs no time with each segment.
func TestABucketThatLocksByItself(t *testing.T) {
	t.Parallel()
	gateway := s3test.Start(t)
	bucket := gateway.Bucket(t, true)
	mode, validity, unit := minio.Compliance, uint(1), minio.Days
	must(t, gateway.Client(t).SetBucketObjectLockConfig(t.Context(), bucket, &mode, &validity, &unit))
	must(t, open(t, s3test.Place(bucket, gateway.Address)).Put(t.Context(), "00000000000000000000.ndjson", []byte("one\n"), time.Time{}))
}

// TestTheScheduledExport: one process at a time exports, the lag is told, and a store that is away is tried again and delays nothing else.
func TestTheScheduledExport(t *testing.T) {
	t.Parallel()
	gateway := s3test.Start(t)
	place := s3test.Place(gateway.Bucket(t, true), gateway.Address)
	log, enter := newLog(t)
	sink := open(t, place)
	export := func() error {
		return log.ExportScheduled(t.Context(), place, func(context.Context) (audit.Sink, error) { return sink, nil }, audit.ExportOptions{Retain: time.Hour})
	}
	lag := func(want int64) {
		t.Helper()
		n, age, err := log.ExportLag(t.Context(), place)
		if err != nil || n != want || (age > 0) != (want > 0) {
			t.Errorf("%d entries wait, the oldest for %v, %v; want %d", n, age, err, want)
		}
	}
	lag(0)
	must(t, export())
	enter(4)
	lag(4)
	must(t, export())
	lag(0)
	enter(3)
	gateway.Kill()
	blobtest.WantCode(t, "while the store is away", export(), ekyc.ErrUnavailable)
	enter(1)
	lag(4)
	gateway.Run(t)
	done := make(chan error)
	for range 4 { // processes
		go func() { done <- export() }()
	}
	for range 4 {
		must(t, <-done)
	}
	lag(0)
	if r := verify(t, sink, log); r.Entries != 8 {
		t.Errorf("found: %+v", r)
	}
}
