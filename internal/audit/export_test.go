package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// exported is a log of 137 entries with its export, which was written in several goes, and checkpoints of many sizes.
type exported struct {
	*bundle
	files       fstest.MapFS
	key         string       // the first one
	keys        []signingKey // all of them
	ended       []int64      // sizes with which all but the last ended
	checkpoints map[int64][]byte
	records     [][]byte // of all entries
}

// newExported makes one whose key is replaced in the middle of each of these goes, and once more in the end of the last of them.
func newExported(t *testing.T, rotations ...int) *exported {
	t.Helper()
	b := setup(t)
	sink, err := OpenFolder(filepath.Join(t.TempDir(), "export"))
	b.must(err)
	x := &exported{bundle: b, files: fstest.MapFS{}, checkpoints: map[int64][]byte{}}
	b.must(b.log.ensureKey(t.Context()))
	x.keys = []signingKey{b.key()}
	x.key = x.keys[0].public
	rotate := func() {
		b.rotate()
		c, err := b.log.Checkpoint(t.Context())
		b.must(err)
		x.checkpoints[c.Size] = []byte(c.Note)
		x.keys, x.ended = append(x.keys, b.key()), append(x.ended, c.Size)
	}
	for i, n := range []int{40, 1, 25, 60, 11} {
		for done := 0; done < n; {
			if slices.Contains(rotations, i) && len(x.ended) <= slices.Index(rotations, i) && 2*done >= n {
				rotate()
			}
			step := min(1+rand.IntN(9), n-done)
			b.fill(step)
			done += step
			c, err := b.log.Checkpoint(t.Context())
			b.must(err)
			x.checkpoints[c.Size] = []byte(c.Note)
		}
		if len(rotations) > 0 && i == rotations[len(rotations)-1] {
			rotate()
		}
		_, err := b.log.Export(t.Context(), sink, ExportOptions{Segment: 16})
		b.must(err)
	}
	list, err := os.ReadDir(sink.path)
	b.must(err)
	for _, f := range list {
		content, err := os.ReadFile(filepath.Join(sink.path, f.Name()))
		b.must(err)
		x.files[f.Name()] = &fstest.MapFile{Data: content}
		lines, _, err := splitSegment(content)
		b.must(err)
		for line := range bytes.Lines(lines) {
			var e entryLine
			b.must(json.Unmarshal(line, &e))
			x.records = append(x.records, e.Record)
		}
	}
	return x
}

// names are the files in their order.
func (x *exported) names() []string { return slices.Sorted(maps.Keys(x.files)) }

func (x *exported) verify(files fs.FS, checkpoints map[string][]byte) *Report {
	x.t.Helper()
	report, err := Verify(files, VerifyOptions{Key: x.key, Checkpoints: checkpoints})
	x.must(err)
	return report
}

func TestAnExportIsVerified(t *testing.T) {
	t.Parallel()
	x := newExported(t)
	all := map[string][]byte{}
	for size, c := range x.checkpoints {
		all[segmentName(size)] = c
	}
	report := x.verify(x.files, all)
	newest, err := x.log.Checkpoint(t.Context())
	x.must(err)
	if len(report.Problems) != 0 || report.Entries != 137 || report.Segments != len(x.files) || report.Root != newest.Root.String() || !report.KeyTrusted || report.Origin != newest.Origin {
		t.Errorf("%+v", report)
	}
	if len(x.files) != 3+1+2+4+1 { // each go ends with a segment that is not full
		t.Errorf("%d segments", len(x.files))
	}
	// Without a key that the caller trusts, the export's own serves, and the report says so.
	own, err := Verify(x.files, VerifyOptions{Checkpoints: all})
	if err != nil || len(own.Problems) != 0 || own.KeyTrusted || own.Key != x.key {
		t.Errorf("%+v, %v", own, err)
	}
	// Again there is nothing to be exported, and the files are as they were.
	folder := filepath.Join(t.TempDir(), "again")
	sink, err := OpenFolder(folder)
	x.must(err)
	for range 2 {
		if _, err := x.log.Export(t.Context(), sink, ExportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadDir(folder)
	if err != nil || len(list) != 1 {
		t.Errorf("%d files, %v", len(list), err)
	}
	if info, err := os.Stat(filepath.Join(folder, segmentName(0))); err != nil || info.Mode().Perm() != 0o440 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if report := x.verify(os.DirFS(folder), all); len(report.Problems) != 0 || report.Entries != 137 {
		t.Errorf("%+v", report)
	}
}

func TestExportsThatCannotBeGoneOnWith(t *testing.T) {
	t.Parallel()
	x, other := newExported(t), setup(t)
	other.fill(3)
	folder := func(files fstest.MapFS) *Folder {
		sink, err := OpenFolder(t.TempDir())
		x.must(err)
		for name, f := range files {
			x.must(os.WriteFile(filepath.Join(sink.path, name), f.Data, 0o600))
		}
		return sink
	}
	last := x.names()[len(x.files)-1]
	altered := maps.Clone(x.files)
	altered[last] = &fstest.MapFile{Data: bytes.Replace(x.files[last].Data, []byte(`"index"`), []byte(`"Index"`), 1)}
	altered[last].Data = append(altered[last].Data, []byte("{}\n")...)
	renamed := maps.Clone(x.files)
	renamed[segmentName(500)] = x.files[last]
	for name, c := range map[string]struct {
		log  *Log
		sink *Folder
	}{"of another log": {other.log, folder(x.files)}, "an altered end": {x.log, folder(altered)}, "another name": {x.log, folder(renamed)}} {
		if _, err := c.log.Export(t.Context(), c.sink, ExportOptions{}); ekyc.CodeOf(err) != ekyc.ErrConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenFolder(filepath.Join("/dev/null", "x")); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("a folder that cannot be: %v", err)
	}
	sink := folder(nil)
	x.must(sink.Put(t.Context(), segmentName(0), []byte("a"), time.Time{}))
	x.must(sink.Put(t.Context(), segmentName(0), []byte("a"), time.Time{}))
	if err := sink.Put(t.Context(), segmentName(0), []byte("b"), time.Time{}); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("other content of the same name: %v", err)
	}
}

// retaining is a sink that tells how long it is to keep what it is given, as a store with object lock is told.
type retaining struct {
	*Folder
	mutex sync.Mutex
	until []time.Time
}

func (r *retaining) Put(ctx context.Context, name string, content []byte, until time.Time) error {
	r.mutex.Lock()
	r.until = append(r.until, until)
	r.mutex.Unlock()
	return r.Folder.Put(ctx, name, content, until)
}

func TestASinkIsToldHowLongToKeep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(5)
	folder, err := OpenFolder(t.TempDir())
	b.must(err)
	sink := &retaining{Folder: folder}
	out, err := b.log.Export(t.Context(), sink, ExportOptions{Segment: 2, Retain: 24 * time.Hour})
	b.must(err)
	if out.Segments != 3 || out.Size != 5 || out.First != 0 || len(sink.until) != 3 {
		t.Errorf("%+v, %v", out, sink.until)
	}
	for _, until := range sink.until {
		if left := time.Until(until); left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("until %v", until)
		}
	}
}

// TestWhatTheReportSays: problems name the file and the line, and the number of them is bounded.
func TestWhatTheReportSays(t *testing.T) {
	t.Parallel()
	x := newExported(t)
	names := x.names()
	files := maps.Clone(x.files)
	files[names[1]] = &fstest.MapFile{Data: bytes.Replace(x.files[names[1]].Data, []byte(`"v":1`), []byte(`"v":3`), 1)}
	report := x.verify(files, nil)
	if !slices.ContainsFunc(report.Problems, func(p Problem) bool {
		return p.File == names[1] && p.Line == 1 && strings.HasPrefix(p.What, "the entry 16: ") && strings.Contains(p.What, "version 3")
	}) {
		t.Errorf("%+v", report.Problems)
	}
	if report := x.verify(fstest.MapFS{}, nil); len(report.Problems) != 1 {
		t.Errorf("an empty folder: %+v", report)
	}
	files = maps.Clone(x.files)
	files[names[2]] = &fstest.MapFile{Data: append(bytes.Repeat([]byte("{}\n"), 5000), x.files[names[2]].Data...)}
	if report := x.verify(files, nil); len(report.Problems) != maxProblems {
		t.Errorf("%d problems", len(report.Problems))
	}
	_, other, err := note.GenerateKey(nil, "example.com/other")
	x.must(err)
	strange, err := Verify(x.files, VerifyOptions{Key: other})
	if err != nil || len(strange.Problems) != len(names) {
		t.Errorf("by another key: %+v, %v", strange, err)
	}
	if _, err := Verify(x.files, VerifyOptions{Key: "no key"}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("a malformed key: %v", err)
	}
	if _, err := Verify(os.DirFS(filepath.Join(t.TempDir(), "absent")), VerifyOptions{}); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("a folder that is not there: %v", err)
	}
	if report := x.verify(x.files, map[string][]byte{"c": []byte("no checkpoint")}); len(report.Problems) != 1 {
		t.Errorf("a checkpoint that is none: %+v", report.Problems)
	}
}

// FuzzVerify: whatever lies in the folder, the examination ends without a panic and takes nothing that was not signed.
func FuzzVerify(f *testing.F) {
	private, public, err := note.GenerateKey(nil, "example.com/log")
	if err != nil {
		f.Fatal(err)
	}
	signer, _ := note.NewSigner(private)
	record := []byte(Record{Version: 1, ID: "aud_1", At: "2026-01-01T00:00:00.000000Z", Actor: ActorSystem, Action: KeyCreate, Outcome: Success, Nonce: "00"}.text())
	line, _ := jsonLine(entryLine{0, record})
	var t tree
	if err := t.add(0, leafOf(record)); err != nil {
		f.Fatal(err)
	}
	root, _ := tlog.TreeHash(1, &t)
	good, err := manifest{Origin: "example.com/log", Key: public, Entries: 1, Root: root.String()}.seal(line, signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{\"manifest\":\"\"}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, key := range []string{public, ""} {
			report, err := Verify(fstest.MapFS{segmentName(0): {Data: content}}, VerifyOptions{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Problems) == 0 && key == public && !bytes.Equal(content, good) {
				t.Errorf("taken: %q", content)
			}
		}
	})
}
