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
	key         string
	signer      note.Signer
	checkpoints map[int64][]byte
	records     [][]byte // of all entries
}

func newExported(t *testing.T) *exported {
	t.Helper()
	b := setup(t)
	sink, err := OpenFolder(filepath.Join(t.TempDir(), "export"))
	b.must(err)
	x := &exported{bundle: b, files: fstest.MapFS{}, checkpoints: map[int64][]byte{}}
	for _, n := range []int{40, 1, 25, 60, 11} {
		for done := 0; done < n; {
			step := min(1+rand.IntN(9), n-done)
			b.fill(step)
			done += step
			c, err := b.log.Checkpoint(t.Context())
			b.must(err)
			x.checkpoints[c.Size] = []byte(c.Note)
		}
		_, err := b.log.Export(t.Context(), sink, ExportOptions{Segment: 16})
		b.must(err)
	}
	if x.signer, x.key, err = b.log.key(t.Context()); err != nil {
		t.Fatal(err)
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

// forge writes the records as a whole export that the log's own key has signed: what somebody could do who has the key and the database.
func (x *exported) forge(records [][]byte) fstest.MapFS {
	x.t.Helper()
	files, previous := fstest.MapFS{}, ""
	var t tree
	for first := 0; first < len(records); {
		end := min(first+16, len(records))
		var lines bytes.Buffer
		for i := first; i < end; i++ {
			line, err := jsonLine(entryLine{int64(i), records[i]})
			x.must(err)
			lines.Write(line)
			x.must(t.add(int64(i), leafOf(records[i])))
		}
		root, err := tlog.TreeHash(int64(end), &t)
		x.must(err)
		content, err := manifest{Origin: x.signer.Name(), Key: x.key, First: int64(first), Entries: int64(end - first), Previous: previous, Root: root.String()}.seal(lines.Bytes(), x.signer)
		x.must(err)
		files[segmentName(int64(first))] = &fstest.MapFile{Data: content}
		previous, first = hexSum(content), end
	}
	return files
}

// later gives a checkpoint of more entries than n, by chance.
func (x *exported) later(r *rand.Rand, n int64) map[string][]byte {
	var sizes []int64
	for size := range x.checkpoints {
		if size > n {
			sizes = append(sizes, size)
		}
	}
	slices.Sort(sizes)
	return map[string][]byte{"checkpoint": x.checkpoints[sizes[r.IntN(len(sizes))]]}
}

// altered is a record that differs in one value and has the form of a record.
func altered(r *rand.Rand, record []byte) []byte {
	parsed, err := parseRecord(record)
	if err != nil {
		panic(err)
	}
	switch r.IntN(4) {
	case 0:
		parsed.ActorID += "0"
	case 1:
		parsed.Outcome = Refused
	case 2:
		parsed.Objects = nil
	default:
		parsed.Nonce = strings.Repeat("0", 32)
	}
	return []byte(parsed.text())
}

// insider manipulates the log and signs what comes out. It gives the place of the first entry that is another.
func (x *exported) insider(r *rand.Rand, kind string) (fstest.MapFS, int64) {
	records := slices.Clone(x.records)
	at := r.IntN(len(records) - 1)
	switch kind {
	case "edit":
		records[at] = altered(r, records[at])
	case "deletion":
		records = slices.Delete(records, at, at+1+r.IntN(min(3, len(records)-1-at)))
	case "reordering":
		other := at + 1 + r.IntN(len(records)-1-at)
		records[at], records[other] = records[other], records[at]
	case "insertion":
		records = slices.Insert(records, at, altered(r, records[at]))
	case "truncation":
		records = records[:at]
	}
	return x.forge(records), int64(at)
}

// outsider manipulates files. It says whether what is missing at the end is all that there is to be seen, and then how many entries are left.
func (x *exported) outsider(r *rand.Rand, kind string) (files fstest.MapFS, left int64) {
	files = maps.Clone(x.files)
	names := x.names()
	name := names[r.IntN(len(names))]
	put := func(name string, content []byte) { files[name] = &fstest.MapFile{Data: content} }
	lines := slices.Collect(bytes.Lines(x.files[name].Data)) // the manifest is the last
	at := r.IntN(len(lines))
	switch kind {
	case "edit":
		content := bytes.Clone(x.files[name].Data)
		switch r.IntN(3) {
		case 0: // one bit of one byte
			content[r.IntN(len(content))] ^= 1 << r.IntN(8)
		case 1: // one byte
			i := r.IntN(len(content))
			content[i] = byte(int(content[i]) + 1 + r.IntN(255))
		default: // a value, with its hash put right
			content = x.rehash(r, lines)
		}
		put(name, content)
	case "deletion":
		if r.IntN(2) == 0 {
			put(name, bytes.Join(slices.Delete(lines, at, at+1), nil))
			break
		}
		delete(files, names[r.IntN(len(names)-1)])
	case "reordering":
		other := names[r.IntN(len(names))]
		theirs := slices.Collect(bytes.Lines(x.files[other].Data))
		i := r.IntN(len(theirs))
		if bytes.Equal(theirs[i], lines[at]) {
			return x.outsider(r, kind)
		}
		if name == other {
			lines[at], lines[i] = lines[i], lines[at]
		} else if r.IntN(2) == 0 {
			lines[at], theirs[i] = theirs[i], lines[at]
			put(other, bytes.Join(theirs, nil))
		} else {
			put(other, x.files[name].Data)
			lines = slices.Collect(bytes.Lines(x.files[other].Data))
		}
		put(name, bytes.Join(lines, nil))
	case "insertion":
		if r.IntN(4) == 0 { // a whole segment
			put(segmentName(int64(r.IntN(300))*1000+7), x.files[name].Data)
			break
		}
		other := x.files[names[r.IntN(len(names))]].Data
		put(name, bytes.Join(slices.Insert(lines, r.IntN(len(lines)+1), slices.Collect(bytes.Lines(other))[0]), nil))
	case "truncation":
		last := names[len(names)-1]
		if r.IntN(2) == 0 {
			content := x.files[last].Data
			put(last, content[:r.IntN(len(content))])
			break
		}
		keep := r.IntN(len(names))
		for _, gone := range names[keep:] {
			delete(files, gone)
		}
		m, err := firstOf(x.files[names[keep]].Data)
		x.must(err)
		return files, m.First
	}
	return files, -1
}

func firstOf(content []byte) (manifest, error) {
	_, signed, err := splitSegment(content)
	if err != nil {
		return manifest{}, err
	}
	return unsignedManifest(signed)
}

// rehash alters a record of a segment and the hash in its manifest, which keeps its signature.
func (x *exported) rehash(r *rand.Rand, lines [][]byte) []byte {
	at := r.IntN(len(lines) - 1)
	var e entryLine
	x.must(json.Unmarshal(lines[at], &e))
	e.Record = altered(r, e.Record)
	lines = slices.Clone(lines)
	var err error
	lines[at], err = jsonLine(e)
	x.must(err)
	body := bytes.Join(lines[:len(lines)-1], nil)
	var m manifestLine
	x.must(json.Unmarshal(lines[len(lines)-1], &m))
	old, err := unsignedManifest([]byte(m.Manifest))
	x.must(err)
	last, err := jsonLine(manifestLine{strings.Replace(m.Manifest, old.SHA256, hexSum(body), 1)})
	x.must(err)
	return append(body, last...)
}

// TestEveryManipulationIsFound makes 1,000 random ones, half of them by somebody who has no more than the files, half by somebody who has the
// signing key as well and writes the whole export anew; who has the key is found by any checkpoint from after the first entry that is another.
func TestEveryManipulationIsFound(t *testing.T) {
	t.Parallel()
	x := newExported(t)
	kinds := []string{"edit", "deletion", "reordering", "insertion", "truncation"}
	const tries = 1000
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	tried, found := map[string]int{}, map[string]int{}
	for i := range tries {
		kind := kinds[i%len(kinds)]
		who, checkpoints := "outsider", map[string][]byte(nil)
		files, at := x.outsider(r, kind)
		if i/len(kinds)%2 == 1 {
			who = "insider"
			files, at = x.insider(r, kind)
			if i%100 >= 90 && at > 0 { // without a checkpoint it passes: the forgery is a good one
				if report := x.verify(files, nil); len(report.Problems) != 0 {
					t.Fatalf("the forgery is not a good one: %+v", report.Problems)
				}
			}
		}
		if at >= 0 {
			checkpoints = x.later(r, at)
		}
		tried[kind]++
		if len(x.verify(files, checkpoints).Problems) > 0 {
			found[kind]++
		} else {
			t.Errorf("seed %d, try %d: the %s by an %s was not found", seed, i, kind, who)
		}
	}
	all := 0
	for _, kind := range kinds {
		all += found[kind]
		if tried[kind] != tries/len(kinds) {
			t.Errorf("%d of %s were tried", tried[kind], kind)
		}
	}
	t.Logf("%d of %d manipulations were found: %v", all, tries, found)
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
		return p.File == names[1] && p.Line == 1 && strings.Contains(p.What, "version 3")
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
