package erasure

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"ekyc"
	"ekyc/internal/blob/s3"
	"ekyc/internal/blob/s3test"
	"ekyc/internal/store"
)

// TestTheLedgerInABucket, beside the pictures: the one does not take the other's files for its own.
func TestTheLedgerInABucket(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	server := s3test.Start(t)
	place, err := s3.Parse(s3test.Place(server.Bucket(t, false), server.Address))
	b.must(err)
	media, err := s3.Open(t.Context(), place)
	b.must(err)
	place.Prefix += "erasures/"
	ledger, err := s3.Open(t.Context(), place)
	b.must(err)
	p, err := b.at.open(store.Options{}, media, ledger)
	b.must(err)
	t.Cleanup(p.db.Close)
	here := *b
	here.process = p
	subject, other := here.person(), here.person()
	back := b.remember(subject)
	_, err = p.Erase(t.Context(), b.scope, subject)
	b.must(err)
	here.checkGone(subject)
	names := func(s *s3.Store) (n int) {
		for _, err := range s.List(t.Context(), -overlap) {
			b.must(err)
			n++
		}
		return n
	}
	if a, c := names(media), names(ledger); a != ofAPerson["media"] || c != 1 {
		t.Errorf("%d pictures and %d entries", a, c)
	}
	b.restore(back)
	if out, err := p.Replay(t.Context()); err != nil || out != (Replayed{Entries: 1, Erased: 1}) {
		t.Errorf("%+v, %v", out, err)
	}
	if b.number(`select count(*) from subject where id = $1 and erased_at is null`, other) != 1 {
		t.Error("another was erased")
	}
	server.Kill()
	_, err = p.Erase(t.Context(), b.scope, other)
	wantCode(t, "without the bucket", err, "unavailable")
	_, err = p.Replay(t.Context())
	wantCode(t, "a start without the bucket", err, "unavailable")
}

// TestAnEntryDeletedFromABucketWithVersionsIsMissed: what is left of it, a mark and earlier versions, is no entry, and of another one two versions are
// one. Put back, it is an entry again.
func TestAnEntryDeletedFromABucketWithVersionsIsMissed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := s3test.Start(t)
	bucket, client := server.Bucket(t, false), server.Client(t)
	b.must(client.SetBucketVersioning(t.Context(), bucket, minio.BucketVersioningConfiguration{Status: "Enabled"}))
	place, err := s3.Parse(s3test.Place(bucket, server.Address))
	b.must(err)
	place.Current = true
	ledger, err := s3.Open(t.Context(), place)
	b.must(err)
	p, err := b.at.open(store.Options{}, b.media, ledger)
	b.must(err)
	t.Cleanup(p.db.Close)
	var names []string
	for range 4 {
		name, err := p.writeLedger(t.Context(), b.anErasure())
		b.must(err)
		names = append(names, name)
	}
	first, err := ledger.Get(t.Context(), names[0])
	b.must(err)
	b.must(ledger.Put(t.Context(), names[0], first)) // a second version: as of a request that was sent twice
	b.must(client.RemoveObject(t.Context(), bucket, place.Prefix+names[2], minio.RemoveObjectOptions{}))
	for range 2 {
		_, err = p.Replay(t.Context())
		if ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "its entry 3, the file "+names[2]+", is missing") {
			t.Errorf("deleted: %v", err)
		}
		b.exec(`update erasure_watermark set through = clock_timestamp() + interval '1 hour'`) // it is not looked into any more
	}
	p.options.LostEntries = []int64{3}
	if _, err := p.Replay(t.Context()); err != nil {
		t.Errorf("lost for good, and named: %v", err)
	}
	p.options.LostEntries = nil
	for o := range client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		b.must(o.Err)
		if o.IsDeleteMarker {
			b.must(client.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID}))
		}
	}
	b.exec(`update erasure_watermark set through = 'epoch'`)
	if out, err := p.Replay(t.Context()); err != nil || out.Entries != 4 {
		t.Errorf("put back: %+v, %v", out, err)
	}
}
