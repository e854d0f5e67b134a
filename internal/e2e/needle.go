package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Needle is a text or some bytes that must not be found, as such, in base64 in any of its three alignments, or in hex.
type Needle struct {
	Name  string
	forms [][]byte
}

// NewNeedle makes a needle of at least eight bytes that stand nowhere else.
func NewNeedle(name string, b []byte) Needle {
	n := Needle{name, [][]byte{b, bytes.ToLower(b), bytes.ToUpper(b), []byte(hex.EncodeToString(b))}}
	for shift := range 3 { // the middle of the base64 of something that contains b
		text := base64.StdEncoding.EncodeToString(append(make([]byte, shift), b...))
		n.forms = append(n.forms, []byte(strings.TrimRight(text[(shift*8+5)/6+1:], "=")[:len(b)*4/3-3]))
	}
	return n
}

// In says whether a haystack holds it.
func (n Needle) In(haystack []byte) bool {
	for _, form := range n.forms {
		if bytes.Contains(haystack, form) {
			return true
		}
	}
	return false
}
