package fence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

var noOptions face.Options

func encoded(t testing.TB, f *frame) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.writeTo(&b, toChild); err != nil {
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
			if err := f.writeTo(&stream, toChild); err != nil {
				r.Fatal(err)
			}
			sent = append(sent, f)
		}
		for _, want := range sent {
			got, err := readFrame(&stream, toChild)
			if err != nil {
				r.Fatal(err)
			}
			if got.ID != want.ID || !cmp.Equal(got.blobs, want.blobs) {
				r.Fatalf("sent %+v, got %+v", want, got)
			}
		}
		if _, err := readFrame(&stream, toChild); !errors.Is(err, io.EOF) {
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
		"large blob":       raw(fmt.Sprintf(`{"blobs":[%d]}`, toChild.together+1)),
		"many blobs":       raw(`{"blobs":[0` + string(bytes.Repeat([]byte(",0"), toChild.blobs)) + `]}`),
		"large altogether": raw(fmt.Sprintf(`{"blobs":[%[1]d,%[1]d,%[1]d,%[1]d,%[1]d,%[1]d]}`, toChild.together/2)),
	} {
		if _, err := readFrame(bytes.NewReader(data), toChild); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := encoded(t, &frame{header: header{Kind: kindReply}, blobs: [][]byte{[]byte("pixels")}})
	for n := 1; n < len(whole); n++ {
		if _, err := readFrame(bytes.NewReader(whole[:n]), toChild); !errors.Is(err, io.ErrUnexpectedEOF) {
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
	r := &stingy{head: bytes.NewReader(raw(fmt.Sprintf(`{"blobs":[%d]}`, toChild.together/2)))}
	if _, err := readFrame(r, toChild); !errors.Is(err, io.ErrUnexpectedEOF) {
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
		got, err := readFrame(bytes.NewReader(data), toChild)
		if err != nil {
			return
		}
		again, err := readFrame(bytes.NewReader(encoded(t, got)), toChild)
		if err != nil || !cmp.Equal(again.blobs, got.blobs) || again.Kind != got.Kind || again.ID != got.ID {
			t.Errorf("%+v became %+v, %v", got, again, err)
		}
		if got.Fault != nil {
			_ = got.Fault.fromWire().Error()
		}
	})
}

func TestAnswersGetLessRoomThanRequests(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"header":   raw(`{"body":"` + strings.Repeat("x", toParent.header) + `"}`),
		"blobs":    raw(`{"blobs":[0,0,0]}`),
		"together": raw(fmt.Sprintf(`{"blobs":[%d,%[1]d]}`, toParent.together/2+1)),
	} {
		if _, err := readFrame(bytes.NewReader(data), toParent); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := readFrame(bytes.NewReader(data), toChild); errors.Is(err, errFrame) {
			t.Errorf("%s of a request: %v", name, err)
		}
	}
}

func TestAFaultSaysNoMoreThanAnEngineWould(t *testing.T) {
	t.Parallel()
	long := "\x1b[2J" + strings.Repeat("é", 1000)
	details := fmt.Sprintf(`{"image":%q,"list":[{"deep":%[1]q}]}`, strings.Repeat("y\u202e", 400))
	e := (&wireError{Code: ekyc.ErrImageCorrupt, Message: long, Details: []byte(details)}).fromWire()
	deep := e.Details["list"].([]any)[0].(map[string]any)["deep"]
	for _, text := range []string{e.Message, e.Details["image"].(string), deep.(string)} {
		if n := utf8.RuneCountInString(text); n != mostText || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%d characters came through: %q", n, text)
		}
	}
	flood := []byte(`{"a":"` + strings.Repeat("z", mostDetails) + `"}`)
	if e := (&wireError{Code: ekyc.ErrImageCorrupt, Details: flood}).fromWire(); e.Code != ekyc.ErrInternal {
		t.Errorf("a flood of details: %v", e)
	}
	if e := (&wireError{Code: ekyc.ErrorCode(long)}).fromWire(); e.Code != ekyc.ErrInternal {
		t.Errorf("an unknown code: %v", e)
	}
}

// TestACancellationMayComeFirst: a caller who leaves at once can be faster than his request.
func TestACancellationMayComeFirst(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	s := &server{conn: far, engine: &faulty{}}
	go s.loop(t.Context())
	ask := func(k kind, id uint64, said string) {
		f := &frame{header: header{Kind: k, ID: id, Method: methodEnrol, Body: []byte("{}")}, blobs: [][]byte{[]byte(said)}}
		if err := f.writeTo(near, toChild); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() *frame {
		near.SetReadDeadline(time.Now().Add(time.Minute))
		f, err := readFrame(near, toParent)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	ask(kindCancel, 7, "")
	ask(kindRequest, 7, "sleep 1h")
	if f := hear(); f.ID != 7 || f.Fault == nil || f.Fault.Code != ekyc.ErrCancelled {
		t.Errorf("the request came after its cancellation: %+v", f)
	}
	ask(kindRequest, 8, "hello")
	if f := hear(); f.ID != 8 || f.Fault != nil {
		t.Errorf("the next request: %+v", f)
	}
}

// TestACropIsWhatWasAskedFor: what a child has cut out is kept and shown, so that it is a JPEG of the size or nothing.
func TestACropIsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	jpeg, err := vision.EncodeJPEG(vision.NewRGB(120, 80), 80)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		crop []byte
		side int
		ok   bool
	}{
		"as asked": {jpeg, 120, true}, "none": {nil, 120, true}, "of any size": {jpeg, 0, true},
		"too large": {jpeg, 119, false}, "a page": {[]byte("<html><script>"), 120, false}, "another format": {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x40\x00\x00\x00\x40\x08\x02\x00\x00\x00"), 120, false},
		"too many bytes": {append(bytes.Clone(jpeg), make([]byte, mostCrop)...), 120, false},
	} {
		if err := cropped(c.crop, c.side); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
