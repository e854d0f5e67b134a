package audit

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// forge writes the records as a whole export that the log's own keys have signed: what somebody could do who has them and the database.
func (x *exported) forge(records [][]byte) fstest.MapFS {
	x.t.Helper()
	files, previous := fstest.MapFS{}, ""
	var t tree
	var introductions []string
	key := 0
	for first := 0; first < len(records); {
		end := min(first+16, len(records))
		if key < len(x.ended) {
			end = min(end, int(x.ended[key]))
		}
		var lines bytes.Buffer
		m := manifest{Origin: x.keys[key].signer.Name(), Key: x.keys[key].public, First: int64(first), Entries: int64(end - first), Previous: previous, Introductions: introductions}
		for i := first; i < end; i++ {
			line, err := jsonLine(entryLine{int64(i), records[i]})
			x.must(err)
			lines.Write(line)
			m.Leaves = append(m.Leaves, leafTag(records[i])...)
			x.must(t.add(int64(i), leafOf(records[i])))
		}
		root, err := tlog.TreeHash(int64(end), &t)
		x.must(err)
		m.Root = root.String()
		content, err := m.seal(lines.Bytes(), x.keys[key].signer)
		x.must(err)
		files[segmentName(int64(first))] = &fstest.MapFile{Data: content}
		previous, first, introductions = hexSum(content), end, nil
		if key < len(x.ended) && end == int(x.ended[key]) {
			introductions = []string{x.introduce(x.keys[key], x.keys[key+1], int64(end), root)}
			key++
		}
	}
	return files
}

// introduce signs an introduction by both keys.
func (x *exported) introduce(from, to signingKey, size int64, root tlog.Hash) string {
	x.t.Helper()
	signed, err := note.Sign(&note.Note{Text: introductionText(from.signer.Name(), size, root, from.public, to.public)}, from.signer, to.signer)
	x.must(err)
	return string(signed)
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
	if text := []byte(parsed.text()); !bytes.Equal(text, record) {
		return text
	}
	return altered(r, record) // an entry without objects, such as that of a rotated key, is the same without them
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
// signing keys as well and writes the whole export anew; who has the keys is found by any checkpoint from after the first entry that is another.
func TestEveryManipulationIsFound(t *testing.T) {
	t.Parallel()
	for name, rotations := range map[string][]int{"one key": nil, "four keys": {0, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyManipulation(t, newExported(t, rotations...))
		})
	}
}

func everyManipulation(t *testing.T, x *exported) {
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
