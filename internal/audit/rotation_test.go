package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
)

// TestTheKeyIsReplaced: processes that run sign by the next key from then on, what the former has signed stays verifiable, and its private half is gone.
func TestTheKeyIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(3)
	_, running := b.another()
	if _, err := running.Sequence(t.Context()); err != nil { // it has the key in memory
		t.Fatal(err)
	}
	before, err := running.Checkpoint(t.Context())
	b.must(err)
	b.append(t.Context(), b.entry(0)) // what waits for its place gets it with the rotation
	b.rotate()
	list := b.all(ekyc.Scope{}, Filter{Action: AuditKeyRotate})
	if len(list) != 1 || list[0].Index == nil || list[0].ActorID != "test" || list[0].Details[Version] != "2" {
		t.Fatalf("%+v", list)
	}
	keys, err := running.Keys(t.Context())
	b.must(err)
	if len(keys) != 2 || keys[0].Verifier != before.Verifier || keys[0].LastSize == nil || *keys[0].LastSize != 5 || keys[0].Until == nil || keys[0].Introduction != "" ||
		keys[1].FirstSize != 5 || keys[1].LastSize != nil || keys[1].Until != nil || keys[1].Verifier == before.Verifier {
		t.Fatalf("%+v", keys)
	}
	joint, err := running.Checkpoint(t.Context())
	b.must(err)
	if joint.Size != 5 || joint.Note != keys[1].Introduction || joint.Verifier != keys[1].Verifier || joint.Origin != before.Origin {
		t.Errorf("%+v", joint)
	}
	for _, k := range keys { // the last of the one and the first of the other
		verifier, err := note.NewVerifier(k.Verifier)
		b.must(err)
		if c, err := OpenCheckpoint([]byte(joint.Note), verifier); err != nil || c.Size != 5 || c.Root != joint.Root {
			t.Errorf("%+v, %v", c, err)
		}
	}
	i, err := openIntroduction([]byte(joint.Note))
	if err != nil || i.from != keys[0].Verifier || i.to != keys[1].Verifier || i.tree.Size != 5 {
		t.Errorf("%+v, %v", i, err)
	}
	b.append(t.Context(), b.entry(1))
	if n, err := running.Sequence(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	after, err := b.log.Checkpoint(t.Context())
	b.must(err)
	verifier, err := note.NewVerifier(keys[1].Verifier)
	b.must(err)
	if _, err := OpenCheckpoint([]byte(after.Note), verifier); err != nil {
		t.Errorf("a process that was running signs by another key: %v", err)
	}
	if n := b.number(`select count(*) from audit_key where sealed is not null`); n != 1 {
		t.Errorf("%d private halves are left", n)
	}
	for _, statement := range []string{`update audit_key set retired_at = null, last_size = null, sealed = 'x' where number = 1`, `update audit_key set last_size = 9 where number = 1`,
		`delete from audit_key where number = 1`, `update audit_key set verifier = 'x' where number = 2`} {
		if _, err := b.owner.Exec(t.Context(), statement); sqlState(err) != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	b.check()
}

// TestAnExportOverRotations: whichever of the log's keys is trusted, and whichever checkpoint is held, it verifies; and an export that begins after a rotation does.
func TestAnExportOverRotations(t *testing.T) {
	t.Parallel()
	x := newExported(t, 0, 3)
	all := map[string][]byte{}
	for size, c := range x.checkpoints {
		all[segmentName(size)] = c
	}
	sink, err := OpenFolder(t.TempDir())
	x.must(err)
	if _, err := x.log.Export(t.Context(), sink, ExportOptions{Segment: 16}); err != nil { // all of it by the last key
		t.Fatal(err)
	}
	for what, files := range map[string]fs.FS{"as it grew": x.files, "begun late": os.DirFS(sink.path)} {
		for n, key := range x.keys {
			report, err := Verify(files, VerifyOptions{Key: key.public, Checkpoints: all})
			if err != nil || len(report.Problems) != 0 || report.Entries != 140 || len(report.Keys) != 4 || report.Key != key.public {
				t.Errorf("%s, the key %d: %+v, %v", what, n, report, err)
			}
		}
		report, err := Verify(files, VerifyOptions{Checkpoints: all})
		if err != nil || len(report.Problems) != 0 || report.KeyTrusted || report.Key != x.keys[3].public {
			t.Errorf("%s, no key: %+v, %v", what, report, err)
		}
	}
}

// TestKeysThatNobodyIntroduced: who adds a key of his own is found, be it that he has none of the log's keys, or only one that had ended.
func TestKeysThatNobodyIntroduced(t *testing.T) {
	t.Parallel()
	x := newExported(t, 0, 3)
	strange := func() signingKey {
		private, public, err := note.GenerateKey(nil, x.keys[0].signer.Name())
		x.must(err)
		signer, err := note.NewSigner(private)
		x.must(err)
		return signingKey{public: public, signer: signer}
	}()
	names := x.names()
	last := names[len(names)-1]
	m, err := firstOf(x.files[last].Data)
	x.must(err)
	lines, _, err := splitSegment(x.files[last].Data)
	x.must(err)
	root, err := tlog.ParseHash(m.Root)
	x.must(err)
	// signed is the export with its last segment signed by the strange key, which this introduces.
	signed := func(introductions ...string) fstest.MapFS {
		files, m := maps.Clone(x.files), m
		m.Key, m.Introductions = strange.public, introductions
		content, err := m.seal(bytes.Clone(lines), strange.signer)
		x.must(err)
		files[last] = &fstest.MapFile{Data: content}
		return files
	}
	text := func(from, to signingKey) *note.Note {
		return &note.Note{Text: introductionText(from.signer.Name(), m.First+m.Entries, root, from.public, to.public)}
	}
	by := func(n *note.Note, signers ...note.Signer) string {
		signed, err := note.Sign(n, signers...)
		x.must(err)
		return string(signed)
	}
	current, former := x.keys[3], x.keys[0]
	newest, err := x.log.Checkpoint(t.Context())
	x.must(err)
	checkpoint := map[string][]byte{"c": []byte(newest.Note)}
	for what, files := range map[string]fstest.MapFS{
		"none":                               signed(),
		"signed by itself alone":             signed(by(text(current, strange), strange.signer)),
		"signed by the former alone":         signed(by(text(current, strange), former.signer, strange.signer)),
		"by a key that had ended":            signed(x.introduce(former, strange, m.First+m.Entries, root)),
		"by a key that has ended meanwhile":  signed(x.introduce(former, x.keys[1], x.ended[0], root), x.introduce(x.keys[1], strange, m.First+m.Entries, root)),
		"the log's own, for another segment": signed(by(text(former, x.keys[1]), former.signer, x.keys[1].signer)),
		"no introduction at all, malformed":  signed("a\n1\nb\n\n"),
	} {
		for n, key := range []string{former.public, current.public, ""} {
			report, err := Verify(files, VerifyOptions{Key: key})
			if err != nil || !slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.File == last }) {
				t.Errorf("%s, key %d: %+v, %v", what, n, report, err)
			}
		}
	}
	// He who has the first key, after it has ended, and writes everything from the beginning: by the first key this is the log's past. Whoever trusts a later key finds
	// him, and so does every checkpoint of one.
	his := *x
	his.keys, his.ended = []signingKey{former}, nil
	forged := his.forge(x.records)
	if report := x.verify(forged, nil); len(report.Problems) != 0 {
		t.Fatalf("the forgery is not a good one: %+v", report.Problems)
	}
	if report, err := Verify(forged, VerifyOptions{Key: current.public}); err != nil || len(report.Problems) != len(forged) {
		t.Errorf("by the current key: %+v, %v", report, err)
	}
	if report := x.verify(forged, checkpoint); len(report.Problems) != 1 {
		t.Errorf("by a checkpoint: %+v", report)
	}
	// A checkpoint by a key from after its end is none, though it fits.
	late := by(&note.Note{Text: checkpointText(former.signer.Name(), newest.Size, newest.Root)}, former.signer)
	if report := x.verify(x.files, map[string][]byte{"late": []byte(late)}); len(report.Problems) != 1 || !strings.Contains(report.Problems[0].What, "signs from 0 to") {
		t.Errorf("a checkpoint by a key that had ended: %+v", report.Problems)
	}
	// The genuine ones serve with another root no more.
	altered := maps.Clone(x.files)
	for _, name := range names {
		altered[name] = &fstest.MapFile{Data: bytes.Replace(x.files[name].Data, []byte(`next key `), []byte(`next  key `), 1)}
	}
	if report := x.verify(altered, nil); len(report.Problems) == 0 {
		t.Error("an altered introduction is taken")
	}
}

// TestTheEntryThatWasAlteredIsNamed: file, line and entry of an edit that has the form of an entry, of one that is missing and of one too many.
func TestTheEntryThatWasAlteredIsNamed(t *testing.T) {
	t.Parallel()
	x := newExported(t)
	name := x.names()[1]
	m, err := firstOf(x.files[name].Data)
	x.must(err)
	split := func() [][]byte { return slices.Collect(bytes.Lines(x.files[name].Data)) }
	edited, missing, added, reordered := split(), split(), split(), split()
	var e entryLine
	x.must(json.Unmarshal(edited[5], &e))
	parsed, err := parseRecord(e.Record)
	x.must(err)
	parsed.ActorID += "0"
	e.Record = []byte(parsed.text())
	edited[5], err = jsonLine(e)
	x.must(err)
	reordered[5], reordered[6] = reordered[6], reordered[5]
	for what, lines := range map[string][][]byte{"edited": edited, "missing": slices.Delete(missing, 5, 6), "added": slices.Insert(added, 5, added[4]), "reordered": reordered} {
		files := maps.Clone(x.files)
		files[name] = &fstest.MapFile{Data: bytes.Join(lines, nil)}
		want := fmt.Sprintf("the entry %d: this is not what was signed in its place", m.First+5)
		report := x.verify(files, nil)
		if !slices.Contains(report.Problems, Problem{name, 6, want}) {
			t.Errorf("%s: %+v", what, report.Problems)
		}
		if what == "edited" && len(slices.DeleteFunc(report.Problems, func(p Problem) bool { return p.Line == 0 || p.Line == 6 })) != 0 {
			t.Errorf("others are named too: %+v", report.Problems)
		}
	}
}

// rotateAsChild replaces the key and dies somewhere.
func rotateAsChild(ctx context.Context, k *killtest.Killer, o order) error {
	_, log, err := open(o.URL, o.Keyring, store.Options{Tracer: k.Tracer()})
	if err != nil {
		return err
	}
	k.Arm()
	return log.RotateKey(ctx, Actor{ActorSystem, "test"})
}

// TestARotationOfTheKeyKilledAtAnyStatement: there is one key that signs each time, each was introduced by the one before, and each is entered.
func TestARotationOfTheKeyKilledAtAnyStatement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.log.ensureKey(t.Context()))
	kills := killtest.Each(t, "rotate", func() any {
		b.append(t.Context(), b.entry(0))
		return b.order()
	}, func(bool) {
		b.settle()
		b.check()
		keys, err := b.log.Keys(t.Context())
		b.must(err)
		if entries := b.all(ekyc.Scope{}, Filter{Action: AuditKeyRotate}); len(entries) != len(keys)-1 || b.number(`select count(*) from audit_key where sealed is not null`) != 1 {
			t.Fatalf("%d keys, %d entries", len(keys), len(entries))
		}
		for n, k := range keys[1:] {
			if i, err := openIntroduction([]byte(k.Introduction)); err != nil || i.from != keys[n].Verifier || i.to != k.Verifier {
				t.Fatalf("%+v, %v", i, err)
			}
		}
	})
	b.fill(2)
	if kills < 15 {
		t.Errorf("only %d were killed", kills)
	}
}

// TestKeysAreReplacedWhileOthersWrite: sequencers and exports go on beside rotations, and what they have left verifies.
func TestKeysAreReplacedWhileOthersWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(1)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	sink, err := OpenFolder(t.TempDir())
	b.must(err)
	for range 2 {
		_, other := b.another()
		group.Go(func() { other.Run(ctx) })
	}
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			b.append(context.Background(), b.entry(i))
		}
	})
	_, exporting := b.another()
	group.Go(func() {
		for ctx.Err() == nil {
			if _, err := exporting.Export(context.Background(), sink, ExportOptions{Segment: 16}); err != nil {
				t.Errorf("export beside rotations: %v", err)
				return
			}
		}
	})
	for range 10 {
		b.rotate()
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	group.Wait()
	b.sequence()
	size := b.check()
	if _, err := b.log.Export(t.Context(), sink, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	newest, err := b.log.Checkpoint(t.Context())
	b.must(err)
	report, err := Verify(os.DirFS(sink.path), VerifyOptions{Key: newest.Verifier, Checkpoints: map[string][]byte{"c": []byte(newest.Note)}})
	if err != nil || len(report.Problems) != 0 || report.Entries != size || len(report.Keys) != 11 {
		t.Errorf("%+v, %v", report, err)
	}
}
