package gate_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/gate"
)

func archive(t testing.TB, comment string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.SetComment(comment)
	f, err := w.Create("evil.exe")
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("no program"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// executable is the beginning of a program for Windows.
func executable() []byte {
	b := append([]byte("MZ"), make([]byte, 0x3e)...)
	binary.LittleEndian.PutUint32(b[0x3c:], 0x80)
	return append(append(b, make([]byte, 0x40)...), "PE\x00\x00"...)
}

func TestPicturesThatAreOtherFilesAsWellAreRefused(t *testing.T) {
	t.Parallel()
	photo, drawing, web := jpegOf(t, 320, 240, 85), pngOf(t, 200, 200), load(t, "lossy.webp")
	contents := map[string][]byte{
		"a ZIP archive":               archive(t, ""),
		"a ZIP archive with comment":  archive(t, strings.Repeat("c", 1<<16-1)),
		"the beginning of an archive": archive(t, "")[:40],
		"an archive after a gap":      append([]byte("\x00\x00\r\n"), archive(t, "")...),
		"a RAR archive":               []byte("Rar!\x1a\x07\x01\x00"),
		"a 7z archive":                []byte("7z\xbc\xaf\x27\x1c\x00\x04"),
		"a PDF":                       []byte("%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript"),
		"a page":                      []byte("<!DOCTYPE HTML>\n<body onload=alert(1)>"),
		"another page":                []byte("text before <HtMl >"),
		"a script":                    []byte("<SCRIPT>alert(1)</SCRIPT>"),
		"PHP":                         []byte("<?php system($_GET['c']); ?>"),
		"a program for Linux":         []byte("\x7fELF\x02\x01\x01"),
		"a program for Windows":       executable(),
		"a class of Java":             []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34"),
		"a shell script":              []byte("\n#! /bin/sh\nrm -rf /"),
	}
	for what, content := range contents {
		files := map[string][]byte{
			"behind a JPEG": append(bytes.Clone(photo), content...), "behind a PNG": append(bytes.Clone(drawing), content...), "behind a WebP": append(bytes.Clone(web), content...),
		}
		if len(content) < 60000 {
			files["in a comment of a JPEG"] = slices.Concat(photo[:2], segment(0xfe, string(content)), photo[2:])
			files["in an application's segment"] = slices.Concat(photo[:2], segment(0xe7, string(content)), photo[2:])
			files["in a chunk of a PNG"] = slices.Concat(drawing[:pngHeader], chunk("teST", string(content)), drawing[pngHeader:])
			files["in a chunk of a WebP"] = container(web[12:], riff("teST", string(content)))
		}
		for where, data := range files {
			out, err := gate.Clean(bytes.Clone(data), small)
			if ekyc.CodeOf(err) != ekyc.ErrImageForeignContent || out != nil {
				t.Errorf("%s %s: %v", what, where, err)
			}
		}
	}
}

func TestWhatHidesInTheCodedDataIsRefused(t *testing.T) {
	t.Parallel()
	photo, drawing := jpegOf(t, 320, 240, 85), pngOf(t, 200, 200)
	end := len(drawing) - 12
	idat := bytes.LastIndex(drawing[:end], []byte("IDAT")) // a further one, which decoders do not read
	if idat < 0 {
		t.Fatal("no data")
	}
	for name, data := range map[string][]byte{
		"a script behind the last scan":      slices.Concat(photo[:len(photo)-2], []byte("<script>alert(1)</script>"), photo[len(photo)-2:]),
		"an archive in data that are unread": slices.Concat(drawing[:end], chunk("IDAT", string(archive(t, ""))), drawing[end:]),
		"an archive behind the last scan":    slices.Concat(photo[:len(photo)-2], bytes.ReplaceAll(archive(t, ""), []byte{0xff}, []byte{0xff, 0}), photo[len(photo)-2:]),
		"an archive with a text behind it":   slices.Concat(drawing[:end], chunk("IDAT", string(archive(t, ""))), drawing[end:], make([]byte, 1<<17)),
	} {
		if _, err := gate.Clean(bytes.Clone(data), small); ekyc.CodeOf(err) != ekyc.ErrImageForeignContent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOrdinaryFilesAreNotTakenForOthers(t *testing.T) {
	t.Parallel()
	photo := jpegOf(t, 320, 240, 85)
	for name, data := range map[string][]byte{
		"letters of signatures":    append(bytes.Clone(photo), "PK MZ %PDF <scripts <htmlx <?xml PK\x05\x06 #! no path \x7fEL"...),
		"metadata with markup":     slices.Concat(photo[:2], segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<?xpacket?><rdf:RDF><svg/></rdf:RDF>"), photo[2:]),
		"an end of ZIP by chance":  append(bytes.Clone(photo), append([]byte("PK\x05\x06"), bytes.Repeat([]byte{7}, 40)...)...),
		"MZ and nothing behind it": append(bytes.Clone(photo), append([]byte("MZ"), bytes.Repeat([]byte{0xff}, 100)...)...),
	} {
		if _, err := gate.Clean(data, small); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	random := rand.NewChaCha8([32]byte{9})
	noise := make([]byte, 9<<20)
	for range 3 { // coded pictures look like noise
		random.Read(noise)
		if _, err := gate.Clean(append(bytes.Clone(photo), noise...), small); err != nil {
			t.Errorf("noise: %v", err)
		}
	}
}

// TestNoFileKeepsTheGateLong: what is looked for everywhere is looked for in one pass, whatever a file is made of.
func TestNoFileKeepsTheGateLong(t *testing.T) {
	t.Parallel()
	const most = 3 * time.Second // some 10 ms on an idle core
	photo := jpegOf(t, 320, 240, 85)
	for _, pattern := range []string{"<", "<s", "<script", "%PDF-", "PK\x05\x06", "PK\x03\x04", "Rar!\x1a", "\xff\x00", "\xff", "\x00", " ", "7z\xbc\xaf\x27", "MZ"} {
		tail := bytes.Repeat([]byte(pattern), (2<<20)/len(pattern))
		for name, data := range map[string][]byte{
			"behind": append(bytes.Clone(photo), tail...), "before": slices.Concat(photo[:2], tail, photo[2:]), "inside": slices.Concat(photo[:len(photo)-2], tail, photo[len(photo)-2:]),
		} {
			best := time.Duration(math.MaxInt64)
			for range 3 { // what else the machine does can only make it longer
				start := time.Now()
				gate.Clean(data, small)
				if best = min(best, time.Since(start)); best <= most {
					break
				}
			}
			if best > most {
				t.Errorf("%q %s the picture: %s", pattern, name, best)
			}
		}
	}
}
