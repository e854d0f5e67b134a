package fence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc/internal/face"
)

var noOptions face.Options

func encoded(t testing.TB, f *frame) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.writeTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFramesComeOverAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var stream bytes.Buffer
		var sent []*frame
		for range rapid.IntRange(1, 3).Draw(r, "frames") {
			f := &frame{header: header{Kind: kindRequest, ID: rapid.Uint64().Draw(r, "id"), Method: "m", TraceParent: rapid.String().Draw(r, "trace")}}
			for range rapid.IntRange(0, 4).Draw(r, "blobs") {
				f.blobs = append(f.blobs, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(r, "blob"))
			}
			if err := f.writeTo(&stream); err != nil {
				r.Fatal(err)
			}
			sent = append(sent, f)
		}
		for _, want := range sent {
			got, err := readFrame(&stream)
			if err != nil {
				r.Fatal(err)
			}
			if got.ID != want.ID || !cmp.Equal(got.blobs, want.blobs) {
				r.Fatalf("sent %+v, got %+v", want, got)
			}
		}
		if _, err := readFrame(&stream); !errors.Is(err, io.EOF) {
			r.Fatalf("the end: %v", err)
		}
	})
}

// raw is a frame with a header as given.
func raw(head string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte(magic), uint32(len(head))), head...)
}

func TestHostileFramesAreRefused(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"other magic":      []byte("HTTP/1.1 200 OK\r\n\r\n"),
		"endless header":   binary.BigEndian.AppendUint32([]byte(magic), 1<<32-1),
		"no JSON":          raw("{"),
		"negative blob":    raw(`{"blobs":[-1]}`),
		"endless blob":     raw(`{"blobs":[9223372036854775807]}`),
		"large blob":       raw(fmt.Sprintf(`{"blobs":[%d]}`, maxBlob+1)),
		"many blobs":       raw(`{"blobs":[0` + string(bytes.Repeat([]byte(",0"), maxBlobs)) + `]}`),
		"large altogether": raw(fmt.Sprintf(`{"blobs":[%[1]d,%[1]d,%[1]d,%[1]d,%[1]d,%[1]d]}`, maxBlob)),
	} {
		if _, err := readFrame(bytes.NewReader(data)); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := encoded(t, &frame{header: header{Kind: kindReply}, blobs: [][]byte{[]byte("pixels")}})
	for n := 1; n < len(whole); n++ {
		if _, err := readFrame(bytes.NewReader(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
	}
}

// stingy gives a header, then says how much was asked for after it, and ends.
type stingy struct {
	head  *bytes.Reader
	asked int
}

func (s *stingy) Read(p []byte) (int, error) {
	if s.head.Len() > 0 {
		return s.head.Read(p)
	}
	s.asked = max(s.asked, len(p))
	return 0, io.EOF
}

func TestAClaimIsNotAllocatedBeforeItArrives(t *testing.T) {
	t.Parallel()
	r := &stingy{head: bytes.NewReader(raw(fmt.Sprintf(`{"blobs":[%d]}`, maxBlob)))}
	if _, err := readFrame(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an empty claim: %v", err)
	}
	if r.asked == 0 || r.asked > allocationStep {
		t.Errorf("%d bytes were made room for", r.asked)
	}
}

// FuzzReadFrame: no input makes the decoder panic, and what it takes it writes again as the same frame.
func FuzzReadFrame(f *testing.F) {
	f.Add(encoded(f, &frame{header: header{Kind: kindRequest, ID: 7, Method: methodSelfie}, blobs: [][]byte{[]byte("a"), nil}}))
	f.Add(encoded(f, &frame{header: header{Kind: kindReply, ID: 7, Fault: &wireError{Code: "internal"}}}))
	f.Add(raw(`{"blobs":[1,2]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readFrame(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := readFrame(bytes.NewReader(encoded(t, got)))
		if err != nil || !cmp.Equal(again.blobs, got.blobs) || again.Kind != got.Kind || again.ID != got.ID {
			t.Errorf("%+v became %+v, %v", got, again, err)
		}
		if got.Fault != nil {
			_ = got.Fault.fromWire().Error()
		}
	})
}
