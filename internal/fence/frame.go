package fence

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// A frame is magic, the header's length in four bytes (big endian), the header as JSON, and the blobs one after the other, as long
// as the header says. Images travel as blobs, so they are neither encoded nor copied into the JSON.
const (
	magic       = "ekf1"
	prefixBytes = len(magic) + 4

	// No more than this is allocated on the word of a header, before as much has arrived.
	allocationStep = 16 << 20
)

// bounds are the largest frames of one direction.
type bounds struct {
	header   int // bytes
	blobs    int
	together int // bytes of all blobs
}

var (
	// A recording has 32 frames of at most 10 MB each, see sized.
	toChild = bounds{header: 8 << 20, blobs: 32, together: 320 << 20}
	// A child may have been taken over by what it read, so its answers get no more room than they need. An outcome is some ten kilobytes
	// of JSON, that of 32 frames or of a page full of text a few hundred. The largest images are one of 40 megapixels at the best quality, some
	// 50 MB, and the two of a document.
	toParent = bounds{header: 2 << 20, blobs: 2, together: 64 << 20}
)

// kind says what a frame is for.
type kind string

const (
	kindWelcome kind = "welcome" // parent to child, first: its limits
	kindReady   kind = "ready"   // child to parent: the models are loaded, or why not
	kindRequest kind = "request"
	kindCancel  kind = "cancel" // nobody waits for the answer any more
	kindReply   kind = "reply"
)

// header is the part of a frame that is JSON.
type header struct {
	Kind        kind            `json:"kind"`
	ID          uint64          `json:"id,omitempty"`
	Method      method          `json:"method,omitempty"`
	TraceParent string          `json:"traceparent,omitempty"` // W3C Trace Context
	Blobs       []int           `json:"blobs,omitempty"`       // their lengths
	Body        json.RawMessage `json:"body,omitempty"`
	Confined    string          `json:"confined,omitempty"` // in kindReady: by what
	Fault       *wireError      `json:"fault,omitempty"`
}

// frame is one message.
type frame struct {
	header
	blobs [][]byte
}

// errFrame is what a frame that breaks the rules gives. The connection cannot be used after it.
var errFrame = errors.New("malformed frame")

// writeTo sends the frame in one go.
func (f *frame) writeTo(w io.Writer, b bounds) error {
	f.Blobs = nil
	for _, blob := range f.blobs {
		f.Blobs = append(f.Blobs, len(blob))
	}
	head, err := json.Marshal(f.header)
	if err != nil {
		return fmt.Errorf("frame header: %w", err)
	}
	if err := b.hold(len(head), f.Blobs); err != nil {
		return err
	}
	prefix := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(head)))
	parts := net.Buffers{append(prefix, head...)}
	for _, blob := range f.blobs {
		if len(blob) > 0 {
			parts = append(parts, blob)
		}
	}
	_, err = parts.WriteTo(w)
	return err
}

// hold refuses sizes that no frame of a direction has.
func (b bounds) hold(head int, blobs []int) error {
	if head > b.header || len(blobs) > b.blobs {
		return fmt.Errorf("%w: %d bytes of header, %d blobs", errFrame, head, len(blobs))
	}
	total := 0
	for _, n := range blobs {
		if n < 0 || n > b.together {
			return fmt.Errorf("%w: a blob of %d bytes", errFrame, n)
		}
		total += n
	}
	if total > b.together {
		return fmt.Errorf("%w: %d bytes of blobs", errFrame, total)
	}
	return nil
}

// readFrame reads one frame. It gives io.EOF when the other side hung up between frames, and errFrame or an error of the reader
// otherwise. Hostile lengths cost at most allocationStep of memory beyond what was really sent.
func readFrame(r io.Reader, b bounds) (*frame, error) {
	var prefix [prefixBytes]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	if string(prefix[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it begins otherwise", errFrame)
	}
	length := binary.BigEndian.Uint32(prefix[len(magic):])
	if uint64(length) > uint64(b.header) {
		return nil, fmt.Errorf("%w: %d bytes of header", errFrame, length)
	}
	head, err := readExactly(r, int(length))
	if err != nil {
		return nil, err
	}
	f := &frame{}
	if err := json.Unmarshal(head, &f.header); err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	if err := b.hold(len(head), f.Blobs); err != nil {
		return nil, err
	}
	for _, n := range f.Blobs {
		blob, err := readExactly(r, n)
		if err != nil {
			return nil, err
		}
		f.blobs = append(f.blobs, blob)
	}
	return f, nil
}

// readExactly reads n bytes. An end before that is io.ErrUnexpectedEOF.
func readExactly(r io.Reader, n int) ([]byte, error) {
	buffer := make([]byte, 0, min(n, allocationStep))
	for len(buffer) < n {
		at := len(buffer)
		step := min(n-at, allocationStep)
		buffer = slices.Grow(buffer, step)[:at+step]
		if _, err := io.ReadFull(r, buffer[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buffer, nil
}

// body decodes a frame's body.
func body[T any](f *frame) (T, error) {
	var v T
	if err := json.Unmarshal(f.Body, &v); err != nil {
		return v, fmt.Errorf("%w: body: %w", errFrame, err)
	}
	return v, nil
}
