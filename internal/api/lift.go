package api

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	vector "github.com/segmentio/asm/base64"
)

// longText is the length from which a string of a body may be lifted out of it. Below, the scanner of JSON is fast enough.
const longText = 16 << 10

// mostKept is the largest body that is left when images have been lifted out of it; the memory for bodies counts no more.
const mostKept = 1 << 20

// lifted is a body from which long base64 texts have been taken: a small one in which names stand for them, and the bytes that they were. The
// scanner of JSON and encoding/base64 look at one byte at a time, which takes 5 ms for 1.5 MB; quotes are found and base64 is
// decoded many bytes at a time.
type lifted struct {
	name   string // of all of them, before their number; it cannot be guessed by who wrote the body
	body   []byte
	images []Image
	taken  int
}

// lift takes what looks like long base64 between two quotes. Whether it was the whole of a string, and an image's, shows when the small body is
// decoded: [lifted.decode].
func lift(body []byte) *lifted {
	l := &lifted{name: rand.Text()}
	kept := 0 // up to here the body is copied
	for at := 0; ; {
		open := bytes.IndexByte(body[at:], '"')
		if open < 0 {
			break
		}
		open += at + 1
		length := bytes.IndexByte(body[open:], '"')
		if length < 0 {
			break
		}
		at = open // what ends here may begin the next
		if length < longText {
			continue
		}
		image, ok := decodeLong(body[open : open+length])
		if !ok || len(l.body)+open-kept > mostKept {
			return &lifted{} // the whole body is decoded, without a copy of it beside
		}
		l.body = append(l.body, body[kept:open]...)
		l.body = fmt.Appendf(l.body, "%s%d", l.name, len(l.images))
		l.images = append(l.images, image)
		kept, at = open+length, open+length
	}
	if len(l.body)+len(body)-kept > mostKept {
		return &lifted{}
	}
	l.body = append(l.body, body[kept:]...)
	return l
}

// decodeLong is Image.UnmarshalText for texts that are long.
func decodeLong(text []byte) (Image, bool) {
	const lastQuantum = 4
	if len(text)%lastQuantum != 0 || bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return nil, false
	}
	out := make(Image, vector.StdEncoding.DecodedLen(len(text)))
	n, err := vector.StdEncoding.Decode(out, text)
	if err != nil {
		return nil, false
	}
	var end [lastQuantum - 1]byte // bits that padding leaves over must be zero
	if _, err := base64.StdEncoding.Strict().Decode(end[:], text[len(text)-lastQuantum:]); err != nil {
		return nil, false
	}
	return out[:n], true
}

// decode decodes the small body with the images in their places. It says no where anything is unusual, a fault included: the whole body then
// tells what it is.
func (l *lifted) decode(into any) bool {
	err := json.Unmarshal(l.body, into, json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFunc(l.place)))
	if err == nil && l.taken == len(l.images) {
		return true
	}
	reflect.ValueOf(into).Elem().SetZero()
	return false
}

// place gives an image its bytes.
func (l *lifted) place(value []byte, image *Image) error {
	text, named := bytes.CutPrefix(bytes.Trim(value, `"`), []byte(l.name))
	i, err := strconv.Atoi(string(text))
	if !named || err != nil || i < 0 || i >= len(l.images) || l.images[i] == nil {
		return json.Unmarshal(value, image)
	}
	*image, l.images[i] = l.images[i], nil
	l.taken++
	return nil
}
