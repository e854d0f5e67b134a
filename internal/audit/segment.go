package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A segment is a file of lines of JSON: an entry a line, {"index": …, "record": …}, in the order of the tree, and last {"manifest": …}, the
// signed manifest of the lines before it. It is named by the place of its first entry.

// segmentType is the first member of a manifest: no checkpoint, which the same key signs, begins so.
const segmentType = "ekyc audit segment v1"

// manifest is what is signed of a segment.
type manifest struct {
	Type   string `json:"type"`
	Origin string `json:"origin"`
	Key    string `json:"key"` // verifier key, for who has no better source
	// Introductions lead from the key of the segment before, or from the log's first key where there is none, to this one, where it is another.
	Introductions []string `json:"introductions,omitempty"`
	First         int64    `json:"first"`           // place of the first entry
	Entries       int64    `json:"entries"`         // how many there are
	SHA256        string   `json:"entries_sha256"`  // of their lines
	Previous      string   `json:"previous_sha256"` // of the whole segment before; "" for the first
	Root          string   `json:"root"`            // of the tree that ends with this segment, in base64
	// Leaves begin as the leaves of the entries do, 4 bytes of each: they tell which one was altered. Segments of before lack them.
	Leaves []byte `json:"leaves,omitempty"`
}

// tagSize is how much of a leaf the manifest has, in bytes. It is for finding the entry that was altered, and not for finding that one was.
const tagSize = 4

func leafTag(record []byte) []byte {
	leaf := leafOf(record)
	return leaf[:tagSize]
}

type entryLine struct {
	Index  int64           `json:"index"`
	Record json.RawMessage `json:"record"`
}

type manifestLine struct {
	Manifest string `json:"manifest"`
}

const segmentSuffix = ".ndjson"

func segmentName(first int64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// jsonLine writes one line in the only form that is taken back.
func jsonLine(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// seal adds the signed manifest to the lines of a segment.
func (m manifest) seal(lines []byte, signer note.Signer) ([]byte, error) {
	m.Type, m.SHA256 = segmentType, hexSum(lines)
	text, err := jsonLine(m)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign a segment: %w", err)
	}
	last, err := jsonLine(manifestLine{string(signed)})
	if err != nil {
		return nil, err
	}
	return append(lines, last...), nil
}

// splitSegment parts a segment into the lines of its entries and the manifest as it was signed.
func splitSegment(content []byte) (lines, signed []byte, err error) {
	if !bytes.HasSuffix(content, []byte("\n")) {
		return nil, nil, errors.New("the last line does not end")
	}
	cut := bytes.LastIndexByte(content[:len(content)-1], '\n') + 1
	var line manifestLine
	if err := unmarshalLine(content[cut:], &line); err != nil {
		return nil, nil, errors.New("the last line is no manifest")
	}
	return content[:cut], []byte(line.Manifest), nil
}

// unmarshalLine reads a line that is exactly as jsonLine writes it.
func unmarshalLine(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New("a line is malformed") // json's own error quotes it
	}
	again, err := jsonLine(v)
	if err != nil || !bytes.Equal(again, line) {
		return errors.New("a line is not in its canonical form")
	}
	return nil
}

// unsignedManifest reads a manifest without checking who signed it.
func unsignedManifest(signed []byte) (m manifest, err error) {
	text, _, found := strings.Cut(string(signed), "\n")
	if !found {
		return m, errors.New("the manifest is malformed")
	}
	if err := unmarshalLine([]byte(text+"\n"), &m); err != nil || m.Type != segmentType {
		return m, errors.New("the manifest is malformed")
	}
	if m.Leaves != nil && int64(len(m.Leaves)) != tagSize*m.Entries {
		return m, errors.New("the manifest has not as many leaves as entries")
	}
	return m, nil
}

// openManifest reads a manifest and checks that the key has signed it, and nobody else. There is one form of a signature, so that no byte of a
// segment can be changed unseen.
func openManifest(signed []byte, key string) (m manifest, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return m, errors.New("the manifest names no key")
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return m, errors.New("the manifest is not signed by the key")
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return m, errors.New("the manifest has another signature")
	}
	s := n.Sigs[0]
	if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil || n.Text+"\n— "+s.Name+" "+s.Base64+"\n" != string(signed) {
		return m, errors.New("the signature of the manifest is not in its canonical form")
	}
	if m, err = unsignedManifest(signed); err != nil {
		return m, err
	}
	if m.Origin != verifier.Name() || m.Key != key {
		return m, errors.New("the manifest is of another log")
	}
	return m, nil
}

// tree is a Merkle tree in memory.
type tree struct{ hashes []tlog.Hash }

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(positions []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(positions))
	for i, p := range positions {
		if p >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("the tree has no hash at %d", p)
		}
		out[i] = t.hashes[p]
	}
	return out, nil
}

// add puts a leaf at the end of a tree with the size.
func (t *tree) add(size int64, leaf tlog.Hash) error {
	added, err := tlog.StoredHashesForRecordHash(size, leaf, t)
	if err != nil {
		return err
	}
	t.hashes = append(t.hashes, added...)
	return nil
}
