package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// VerifyOptions say what an export is held against.
type VerifyOptions struct {
	Key         string            // verifier key, any that the log has ever had; "" for those that the export names, which a forger would have replaced
	Checkpoints map[string][]byte // signed checkpoints from elsewhere, by a name for the report
}

// Problem is one thing that is wrong with an export.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // from 1; absent where it is not one line's
	What string `json:"problem"`
}

// Report is what an examination has found. An export without problems holds every entry from the first to Entries exactly as it was signed.
type Report struct {
	Origin     string    `json:"origin"`
	Key        string    `json:"key"`
	KeyTrusted bool      `json:"key_given"` // by the caller, and not taken from the export
	Keys       []KeyUse  `json:"keys"`      // that have signed, one after the other
	Segments   int       `json:"segments"`
	Entries    int64     `json:"entries"`
	Root       string    `json:"root"`
	Problems   []Problem `json:"problems"`
}

// KeyUse is a key of an export and the size of the tree up to which it has signed; 0 of the last one.
type KeyUse struct {
	Key   string `json:"key"`
	Until int64  `json:"until_size,omitempty"`
}

const (
	maxSegment  = 1 << 30 // bytes
	maxProblems = 100     // that are told
)

// Verify examines an export with nothing but its files: names, signatures, the chain of segments, the form of every line, every leaf, the
// tree, and that the tree fits each checkpoint. What is missing at the end only a checkpoint from elsewhere can tell. Errors: ErrInvalidArgument for a
// malformed key, ErrFileUnreadable.
func Verify(files fs.FS, o VerifyOptions) (*Report, error) {
	list, err := fs.ReadDir(files, ".") // sorted
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the export cannot be read").Because(err)
	}
	e := &examination{report: Report{Problems: []Problem{}, Key: o.Key, KeyTrusted: o.Key != ""}, reached: o.Key == "", whole: true}
	if o.Key != "" {
		if _, err = note.NewVerifier(o.Key); err != nil {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the key is not a verifier key such as name+1234abcd+base64").Because(err)
		}
	}
	for _, f := range list {
		if !strings.HasSuffix(f.Name(), segmentSuffix) {
			continue
		}
		content, err := readSegment(files, f.Name())
		if err != nil {
			return nil, err
		}
		e.segment(f.Name(), content)
	}
	if e.report.Segments == 0 && len(e.report.Problems) == 0 {
		e.problem("", 0, "there is no segment")
	}
	if err := e.conclude(o.Checkpoints); err != nil {
		return nil, err
	}
	return &e.report, nil
}

func readSegment(files fs.FS, name string) ([]byte, error) {
	unreadable := func(err error) error {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", name).Because(err)
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSegment+1))
	if err == nil && len(content) > maxSegment {
		err = errors.New("it is too large for a segment")
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return content, nil
}

// examination is one run over an export.
type examination struct {
	report   Report
	reached  bool // the key that the caller trusts is one of those that have signed
	handed   []introduction
	tree     tree
	next     int64    // place of the entry that must come next
	previous string   // SHA-256 of the segment before
	whole    bool     // nothing is missing before next, so the tree is the log's
	names    []string // of the segments
}

func (e *examination) problem(file string, line int, format string, a ...any) {
	if len(e.report.Problems) < maxProblems {
		e.report.Problems = append(e.report.Problems, Problem{file, line, fmt.Sprintf(format, a...)})
	}
}

// segment examines the next file.
func (e *examination) segment(name string, content []byte) {
	lines, signed, err := splitSegment(content)
	if err != nil {
		e.whole = false
		e.problem(name, 0, "%v", err)
		return
	}
	m, err := e.open(signed)
	if err != nil {
		e.whole = false
		e.problem(name, 0, "%v", err)
		return
	}
	e.report.Segments++
	e.names = append(e.names, name)
	if name != segmentName(m.First) {
		e.problem(name, 0, "the segment that begins with the entry %d has another name", m.First)
	}
	if m.First != e.next {
		e.whole = false
		e.problem(name, 0, "the segment begins with the entry %d, and %d must come next", m.First, e.next)
		e.next = m.First
	}
	if m.Previous != e.previous {
		e.problem(name, 0, "the segment before is not the one that this goes on from")
	}
	if m.SHA256 != hexSum(lines) {
		e.problem(name, 0, "the lines, the entries %d to %d, are not those that were signed", m.First, m.First+m.Entries-1)
	}
	if n := bytes.Count(lines, []byte("\n")); int64(n) != m.Entries {
		e.whole = false
		e.problem(name, 0, "there are %d entries, and %d were signed", n, m.Entries)
	}
	e.lines(name, lines, m.Leaves)
	e.previous, e.next = hexSum(content), m.First+m.Entries
	if !e.whole {
		return
	}
	if root, err := tlog.TreeHash(e.next, &e.tree); err != nil || root.String() != m.Root {
		e.problem(name, 0, "the tree of these entries is not the one that was signed")
	}
}

// open reads a manifest by the key that must have signed it.
func (e *examination) open(signed []byte) (manifest, error) {
	m, err := unsignedManifest(signed)
	if err != nil {
		return m, err
	}
	if err := e.follow(m); err != nil {
		return m, err
	}
	return openManifest(signed, m.Key)
}

// follow goes on to a segment's key: it is the one of the segment before, or that has introduced it.
func (e *examination) follow(m manifest) error {
	var handed []introduction
	for _, text := range m.Introductions {
		i, err := openIntroduction([]byte(text))
		if err != nil {
			return err
		}
		handed = append(handed, i)
	}
	if len(e.report.Keys) == 0 {
		first := m.Key
		if len(handed) > 0 {
			first = handed[0].from
		}
		e.use(first)
	}
	for _, i := range handed {
		last := &e.report.Keys[len(e.report.Keys)-1]
		if i.from != last.Key {
			return fmt.Errorf("the key %s is introduced by the key %s, and the one that had signed before is %s", keyID(i.to), keyID(i.from), keyID(last.Key))
		}
		if begun := e.begun(len(e.report.Keys) - 1); i.tree.Size <= begun || i.tree.Size < e.next {
			return fmt.Errorf("the key %s ended with %d entries, and has signed others", keyID(i.from), i.tree.Size)
		}
		last.Until = i.tree.Size
		e.handed = append(e.handed, i)
		e.use(i.to)
	}
	if last := e.report.Keys[len(e.report.Keys)-1].Key; m.Key != last {
		return fmt.Errorf("the segment is signed by the key %s, which the key before it, %s, has not introduced", keyID(m.Key), keyID(last))
	}
	return nil
}

func (e *examination) use(key string) {
	e.report.Keys = append(e.report.Keys, KeyUse{Key: key})
	if !e.report.KeyTrusted {
		e.report.Key = key
	}
	e.report.Origin, _, _ = strings.Cut(key, "+")
	e.reached = e.reached || key == e.report.Key
}

// begun is the size of the tree from which a key of the export signs.
func (e *examination) begun(key int) int64 {
	if key == 0 {
		return 0
	}
	return e.report.Keys[key-1].Until
}

// lines examines every entry of a segment, and adds its leaf to the tree. The tags are of the leaves that were signed, where the manifest has them.
func (e *examination) lines(name string, lines []byte, tags []byte) {
	number, at := 0, e.next
	wrong := func(format string, a ...any) {
		e.problem(name, number, "the entry %d: %s", at, fmt.Sprintf(format, a...))
	}
	moved := bytes.Count(lines, []byte("\n"))*tagSize != len(tags) // then one is told of, since those behind it differ as well
	for line := range bytes.Lines(lines) {
		number++
		var entry entryLine
		err := unmarshalLine(line, &entry)
		if err == nil {
			_, err = parseRecord(entry.Record)
		}
		if err != nil {
			e.whole = false
			wrong("%v", err)
			at++
			continue
		}
		if tag := (number - 1) * tagSize; tag < len(tags) && !bytes.Equal(leafTag(entry.Record), tags[tag:tag+tagSize]) {
			wrong("this is not what was signed in its place")
			if moved {
				tags = nil
			}
		}
		if entry.Index != at {
			e.whole = false
			wrong("the line says that it is the entry %d", entry.Index)
			at = entry.Index
		}
		at++
		if !e.whole {
			continue
		}
		if err := e.tree.add(at-1, leafOf(entry.Record)); err != nil {
			e.whole = false
			wrong("%v", err)
		}
	}
	e.report.Entries += int64(number)
}

// conclude holds the tree against the checkpoints.
func (e *examination) conclude(checkpoints map[string][]byte) error {
	if e.whole && e.report.Segments > 0 {
		root, err := tlog.TreeHash(e.next, &e.tree)
		if err != nil {
			return fmt.Errorf("compute the root: %w", err)
		}
		e.report.Root = root.String()
	}
	if !e.reached {
		for _, name := range e.names {
			e.problem(name, 0, "the key that was given has not signed it, nor introduced the one that has, nor been introduced by that")
		}
	}
	for _, i := range e.handed {
		e.compare("", "the checkpoint by which the key "+keyID(i.to)+" was introduced", i.tree)
	}
	for _, name := range slices.Sorted(maps.Keys(checkpoints)) {
		e.checkpoint(name, checkpoints[name])
	}
	return nil
}

// checkpoint opens a checkpoint by the keys of the export, of which each signs trees of some sizes only, and compares it.
func (e *examination) checkpoint(name string, signed []byte) {
	err := errors.New("there is no key to verify the checkpoint by")
	for n, key := range e.report.Keys {
		verifier, malformed := note.NewVerifier(key.Key)
		if malformed != nil {
			continue
		}
		var c Checkpoint
		if c, err = OpenCheckpoint(signed, verifier); err != nil {
			continue
		}
		if c.Size < e.begun(n) || key.Until > 0 && c.Size > key.Until {
			e.problem(name, 0, "the checkpoint is of %d entries, and the key %s, which has signed it, signs from %d to %d only", c.Size, keyID(key.Key), e.begun(n), key.Until)
			return
		}
		e.compare(name, "the checkpoint", c)
		return
	}
	e.problem(name, 0, "%v; where the log's key was replaced, the end of the export may be missing", err)
}

// compare holds the tree against a checkpoint whose signature was verified.
func (e *examination) compare(name, what string, c Checkpoint) {
	if !e.whole {
		e.problem(name, 0, "%s cannot be compared with what is not whole", what)
		return
	}
	if c.Size > e.next {
		e.problem(name, 0, "%s is of %d entries, and the export has %d: the end is missing", what, c.Size, e.next)
		return
	}
	if root, err := tlog.TreeHash(c.Size, &e.tree); err != nil || root != c.Root {
		e.problem(name, 0, "the first %d entries are not those of %s", c.Size, what)
	}
}
