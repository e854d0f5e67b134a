package gate

import (
	"bytes"
	"encoding/binary"

	"ekyc"
)

// foreign refuses a picture that is another kind of file as well. What falls away is harmless by that; a page, script, program, document or archive inside
// a picture is nevertheless no accident, and what is looked for everywhere may lie in the coded data, which stay as they are.
func (f *file) foreign(data []byte) error {
	kind := embedded(data)
	for _, d := range f.dropped {
		if kind == "" {
			kind = program(data[d.from:d.to])
		}
	}
	if kind == "" {
		kind = f.archive(data)
	}
	if kind == "" {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrImageForeignContent, "the file is a picture and carries %s as well", kind).With("content", kind)
}

// The words for what a picture carries.
const (
	kindPage     = "a page or script"
	kindDocument = "a document"
	kindArchive  = "an archive"
	kindProgram  = "a program"
)

// The signatures that are looked for everywhere have at least six bytes, or as much in letters of either case: chance puts one into ten megabytes of coded data
// about once in a million.
var (
	signatureRAR     = []byte("Rar!\x1a\x07")
	signature7z      = []byte("7z\xbc\xaf\x27\x1c")
	signaturePDF     = []byte("%PDF-")      // and a version
	signatureLocal   = []byte("PK\x03\x04") // of ZIP: before each file
	signatureEntry   = []byte("PK\x01\x02") // in its directory
	signatureLocator = []byte("PK\x06\x07") // behind the directory of a large one
	signatureEnd     = []byte("PK\x05\x06")
)

// embedded looks at every byte.
func embedded(data []byte) string {
	switch {
	case bytes.Contains(data, signatureRAR), bytes.Contains(data, signature7z):
		return kindArchive
	case hasPDF(data):
		return kindDocument
	case hasMarkup(data):
		return kindPage
	}
	return ""
}

func hasPDF(data []byte) bool {
	for {
		_, rest, found := bytes.Cut(data, signaturePDF)
		if !found {
			return false
		}
		if len(rest) >= 2 && (rest[0] == '1' || rest[0] == '2') && rest[1] == '.' {
			return true
		}
		data = rest
	}
}

// markup are beginnings of pages and scripts, in lower case; what follows each in a page, a script or a file of PHP is a space or a line, or ends the tag.
var markup = [][]byte{[]byte("script"), []byte("html"), []byte("!doctype html"), []byte("?php")}

func hasMarkup(data []byte) bool {
	for {
		at := bytes.IndexByte(data, '<')
		if at < 0 {
			return false
		}
		data = data[at+1:]
		for _, word := range markup {
			if len(data) > len(word) && begins(data, word) && bytes.IndexByte([]byte(" \t\r\n\f/>"), data[len(word)]) >= 0 {
				return true
			}
		}
	}
}

// begins compares without regard to case, and at once: a file can have millions of beginnings.
func begins(data, word []byte) bool {
	for i, letter := range word {
		have := data[i]
		if have >= 'A' && have <= 'Z' {
			have += 'a' - 'A'
		}
		if have != letter {
			return false
		}
	}
	return true
}

// program looks at the beginning of what falls away.
func program(b []byte) string {
	b = bytes.TrimLeft(b, "\x00 \t\r\n")
	const shebang, elf, javaClass = "#!", "\x7fELF", "\xca\xfe\xba\xbe"
	const peOffset = 0x3c
	switch {
	case bytes.HasPrefix(b, signatureLocal):
		return kindArchive
	case bytes.HasPrefix(b, []byte(elf)), bytes.HasPrefix(b, []byte(javaClass)):
		return kindProgram
	case bytes.HasPrefix(b, []byte(shebang)) && bytes.HasPrefix(bytes.TrimLeft(b[len(shebang):], " "), []byte("/")):
		return kindProgram
	case bytes.HasPrefix(b, []byte("MZ")) && len(b) >= peOffset+4:
		at := int(binary.LittleEndian.Uint32(b[peOffset:]))
		if at <= len(b)-4 && bytes.HasPrefix(b[at:], []byte("PE\x00\x00")) {
			return kindProgram
		}
	}
	return ""
}

// archive looks where readers of ZIP begin: at a directory's end near the end of the file, as it came and as it would be kept.
func (f *file) archive(data []byte) string {
	if endsAsZIP(data) {
		return kindArchive
	}
	last := f.parts[len(f.parts)-1]
	if last.written == nil && last.to < len(data) && endsAsZIP(data[:last.to]) { // the tail may have hidden it
		return kindArchive
	}
	return ""
}

// endsAsZIP says whether a ZIP archive ends in the last bytes: an end record and, before it, a directory of the size that it names (APPNOTE 6.3.10,
// section 4.3.16), or the locator of a larger one (4.3.15). An empty archive carries nothing.
func endsAsZIP(data []byte) bool {
	const record, longestComment, sizeAt, locator, inLocator = 22, 1<<16 - 1, 12, 20, 1<<32 - 1
	base := max(0, len(data)-record-longestComment)
	near := data[base:]
	for at := bytes.LastIndex(near, signatureEnd); at >= 0; at = bytes.LastIndex(near[:at], signatureEnd) {
		if at+record > len(near) {
			continue
		}
		size, before := int(binary.LittleEndian.Uint32(near[at+sizeAt:])), signatureEntry
		if size == inLocator {
			size, before = locator, signatureLocator
		}
		if start := base + at - size; size > 0 && start >= 0 && bytes.HasPrefix(data[start:], before) {
			return true
		}
	}
	return false
}
