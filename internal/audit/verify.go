package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// VerifyOptions say what an export is held against.
type VerifyOptions struct {
	Key         string            // verifier key; "" for the one that the export names, which a forger would have replaced
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
	Segments   int       `json:"segments"`
	Entries    int64     `json:"entries"`
	Root       string    `json:"root"`
	Problems   []Problem `json:"problems"`
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
	e := &examination{report: Report{Problems: []Problem{}, Key: o.Key, KeyTrusted: o.Key != ""}, whole: true}
	if o.Key != "" {
		if e.verifier, err = note.NewVerifier(o.Key); err != nil {
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
	verifier note.Verifier
	tree     tree
	next     int64  // place of the entry that must come next
	previous string // SHA-256 of the segment before
	whole    bool   // nothing is missing before next, so the tree is the log's
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
		e.problem(name, 0, "the lines are not those that were signed")
	}
	if n := bytes.Count(lines, []byte("\n")); int64(n) != m.Entries {
		e.whole = false
		e.problem(name, 0, "there are %d entries, and %d were signed", n, m.Entries)
	}
	e.lines(name, lines)
	e.previous, e.next = hexSum(content), m.First+m.Entries
	if !e.whole {
		return
	}
	if root, err := tlog.TreeHash(e.next, &e.tree); err != nil || root.String() != m.Root {
		e.problem(name, 0, "the tree of these entries is not the one that was signed")
	}
}

// open reads a manifest by the key, which is the first segment's own where none was given.
func (e *examination) open(signed []byte) (manifest, error) {
	if e.verifier == nil {
		m, err := unsignedManifest(signed)
		if err != nil {
			return m, err
		}
		if e.verifier, err = note.NewVerifier(m.Key); err != nil {
			return m, errors.New("the manifest names no key")
		}
		e.report.Key = m.Key
	}
	e.report.Origin = e.verifier.Name()
	return openManifest(signed, e.verifier)
}

// lines examines every entry of a segment, and adds its leaf to the tree.
func (e *examination) lines(name string, lines []byte) {
	number, at := 0, e.next
	for line := range bytes.Lines(lines) {
		number++
		var entry entryLine
		err := unmarshalLine(line, &entry)
		if err == nil {
			_, err = parseRecord(entry.Record)
		}
		if err != nil {
			e.whole = false
			e.problem(name, number, "%v", err)
			continue
		}
		if entry.Index != at {
			e.problem(name, number, "this is the entry %d, and %d must come next", entry.Index, at)
		}
		at++
		if !e.whole {
			continue
		}
		if err := e.tree.add(at-1, leafOf(entry.Record)); err != nil {
			e.whole = false
			e.problem(name, number, "%v", err)
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
	var names []string
	for name := range checkpoints {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e.checkpoint(name, checkpoints[name])
	}
	return nil
}

func (e *examination) checkpoint(name string, signed []byte) {
	if e.verifier == nil {
		e.problem(name, 0, "there is no key to verify the checkpoint by")
		return
	}
	c, err := OpenCheckpoint(signed, e.verifier)
	switch {
	case err != nil:
		e.problem(name, 0, "%v", err)
	case !e.whole:
		e.problem(name, 0, "the checkpoint cannot be compared with what is not whole")
	case c.Size > e.next:
		e.problem(name, 0, "the checkpoint is of %d entries, and the export has %d: the end is missing", c.Size, e.next)
	default:
		if root, err := tlog.TreeHash(c.Size, &e.tree); err != nil || root != c.Root {
			e.problem(name, 0, "the first %d entries are not those of the checkpoint", c.Size)
		}
	}
}
