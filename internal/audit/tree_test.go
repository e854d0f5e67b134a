package audit

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// TestLateCommitsAreNotPassedOver: an entry that was written first and commits last gets its place all the same.
func TestLateCommitsAreNotPassedOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	written, commit, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- b.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
			err := b.log.Append(ctx, tx, b.entry(0))
			close(written)
			<-commit
			return err
		})
	}()
	<-written
	b.append(t.Context(), b.entry(1))
	b.sequence()
	if n := b.check(); n != 1 {
		t.Fatalf("%d entries have a place", n)
	}
	close(commit)
	b.must(<-done)
	if n, _, err := b.log.Lag(t.Context()); n != 1 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	b.sequence()
	list := b.all(b.scope, Filter{})
	if n := b.check(); n != 2 || *list[1].Index != 1 || *list[0].Index != 0 {
		t.Errorf("%d entries, at %d and %d", n, *list[1].Index, *list[0].Index)
	}
}

// TestManySequencers: whoever and however many sequence beside those who write, every entry gets one place.
func TestManySequencers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, end := context.WithCancel(t.Context())
	var sequencers, writers sync.WaitGroup
	for range 3 {
		_, log := b.another()
		sequencers.Go(func() { log.Run(ctx) })
	}
	const each = 60
	for range 6 {
		writers.Go(func() {
			for i := range each {
				b.append(t.Context(), b.entry(i))
			}
		})
	}
	writers.Wait()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		n, age, err := b.log.Lag(t.Context())
		b.must(err)
		if n == 0 && age == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d entries wait for their place, the oldest for %s", n, age)
		}
	}
	end()
	sequencers.Wait()
	if n := b.check(); n != 6*each {
		t.Errorf("%d entries", n)
	}
	if n := b.number(`select count(*) from audit_key`); n != 1 {
		t.Errorf("%d keys", n)
	}
}

// TestNobodyWaitsLongForTheLatestCheckpoint, however many ask while every connection is taken; they get the one that was known.
func TestNobodyWaitsLongForTheLatestCheckpoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(3)
	_, l := b.another()
	known, err := l.Latest(t.Context())
	for deadline := time.Now().Add(time.Minute); known == "" && time.Now().Before(deadline); known, err = l.Latest(t.Context()) { // it has half a second to be found
		time.Sleep(latestFresh)
	}
	b.must(err)
	pool := l.db.ServicePool()
	for range pool.Config().MaxConns {
		c, err := pool.Acquire(t.Context())
		b.must(err)
		t.Cleanup(c.Release)
	}
	time.Sleep(latestFresh)
	began := time.Now()
	var asking sync.WaitGroup
	for range 40 {
		asking.Go(func() {
			if text, _ := l.Latest(t.Context()); text != known || known == "" {
				t.Errorf("latest is %q, want %q", text, known)
			}
		})
	}
	asking.Wait()
	if took := time.Since(began); took > 15*time.Second { // one after the other they would take twenty
		t.Errorf("forty who asked took %s", took)
	}
}

func TestCheckpoints(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty, err := b.log.Checkpoint(t.Context())
	b.must(err)
	if empty.Size != 0 || !strings.HasPrefix(empty.Origin, originPrefix) || empty.Root.String() != "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" { // SHA-256 of nothing
		t.Errorf("%+v", empty)
	}
	b.fill(7)
	_, other := b.another()
	c, err := other.Checkpoint(t.Context())
	b.must(err)
	if c.Size != 7 || c.Origin != empty.Origin || c.Verifier != empty.Verifier || time.Since(c.SignedAt).Abs() > time.Minute {
		t.Errorf("%+v", c)
	}
	verifier, err := note.NewVerifier(c.Verifier)
	b.must(err)
	read, err := OpenCheckpoint([]byte(c.Note), verifier)
	if err != nil || read.Size != c.Size || read.Root != c.Root || read.Origin != c.Origin {
		t.Errorf("%+v, %v", read, err)
	}
	lines := strings.Split(c.Note, "\n")
	if len(lines) != 6 || lines[0] != c.Origin || lines[1] != "7" || lines[2] != c.Root.String() || lines[3] != "" || !strings.HasPrefix(lines[4], "— "+c.Origin+" ") {
		t.Errorf("the note is %q", c.Note)
	}
	for name, altered := range map[string]string{
		"the size": strings.Replace(c.Note, "\n7\n", "\n8\n", 1), "the origin": strings.Replace(c.Note, c.Origin, c.Origin+"0", 1),
		"no signature": strings.Join(lines[:4], "\n"), "nothing": "",
	} {
		if _, err := OpenCheckpoint([]byte(altered), verifier); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// The key opens with the installation's root key only.
	var sealed []byte
	b.must(b.owner.QueryRow(t.Context(), `select sealed from audit_key`).Scan(&sealed))
	if bytes.Contains(sealed, []byte("PRIVATE")) {
		t.Error("the key is in the open")
	}
	stranger := setup(t)
	strange := New(b.db, stranger.log.sealer, Options{})
	if _, err := strange.Sequence(t.Context()); ekyc.CodeOf(err) != ekyc.ErrInternal {
		t.Errorf("another root key: %v", err)
	}
}

// TestSignedTextsThatAreNoCheckpoints: the same key signs manifests, and a forger of those gets nothing else.
func TestSignedTextsThatAreNoCheckpoints(t *testing.T) {
	t.Parallel()
	private, public, err := note.GenerateKey(nil, "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(private)
	verifier, _ := note.NewVerifier(public)
	root := tlog.Hash{1}.String()
	for text, good := range map[string]bool{
		"example.com/log\n5\n" + root + "\n":            true,
		"example.com/log\n5\n" + root + "\nextension\n": true,
		"example.com/log\n05\n" + root + "\n":           false,
		"example.com/log\n-5\n" + root + "\n":           false,
		"example.com/log\n5\n" + root[:20] + "\n":       false,
		"example.com/log\n5\n":                          false,
		"example.com/other\n5\n" + root + "\n":          false,
		"{\"type\":\"" + segmentType + "\"}\n":          false,
	} {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCheckpoint(signed, verifier); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestProofs checks every inclusion and every consistency of a small log by the library's own checks.
func TestProofs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	roots := map[int64]tlog.Hash{}
	for size := int64(1); size <= 13; size++ {
		b.fill(1)
		c, err := b.log.Checkpoint(t.Context())
		b.must(err)
		if c.Size != size {
			t.Fatalf("the checkpoint is of %d", c.Size)
		}
		roots[size] = c.Root
	}
	for size := int64(1); size <= 13; size++ {
		for index := range size {
			p, err := b.log.Inclusion(t.Context(), b.scope, index, size)
			if err == nil {
				err = tlog.CheckRecord(p.Hashes, size, roots[size], index, p.Leaf)
			}
			if err != nil || p.Entry == nil || leafOf([]byte(p.Entry.Text)) != p.Leaf || *p.Entry.Index != index {
				t.Errorf("%d in %d: %+v, %v", index, size, p, err)
			}
		}
		for from := int64(1); from <= size; from++ {
			proof, to, err := b.log.Consistency(t.Context(), from, size)
			if err == nil {
				err = tlog.CheckTree(proof, to, roots[to], from, roots[from])
			}
			if err != nil || to != size {
				t.Errorf("%d in %d: %v", from, size, err)
			}
		}
	}
	last, err := b.log.Inclusion(t.Context(), newScope(), -1, 0)
	if err != nil || last.Index != 12 || last.Size != 13 || last.Entry != nil {
		t.Errorf("the last entry, for another tenant: %+v, %v", last, err)
	}
	for _, bad := range [][2]int64{{13, 0}, {13, 13}, {0, 14}, {5, 5}, {0, -1}} {
		if _, err := b.log.Inclusion(t.Context(), b.scope, bad[0], bad[1]); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("inclusion %v: %v", bad, err)
		}
	}
	for _, bad := range [][2]int64{{0, 5}, {6, 5}, {1, 14}, {-1, 0}} {
		if _, _, err := b.log.Consistency(t.Context(), bad[0], bad[1]); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("consistency %v: %v", bad, err)
		}
	}
}
