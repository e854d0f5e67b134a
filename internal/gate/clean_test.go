package gate_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/vision"
)

// clean takes a copy through the gate.
func clean(t testing.TB, data []byte) []byte {
	t.Helper()
	out, err := gate.Clean(bytes.Clone(data), small)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stripped fails the test unless data comes out as the same picture without anything that was planted.
func stripped(t testing.TB, data []byte) []byte {
	t.Helper()
	out := clean(t, data)
	samePicture(t, data, out)
	for _, trace := range []string{planted, planted[:8], "plnt", "xpacket", "Photoshop", "MPF", "JFXX", "tEXt", "zTXt", "iTXt", "tIME", "XMP ", "ftyp"} {
		if bytes.Contains(out, []byte(trace)) {
			t.Errorf("%q is still there", trace)
		}
	}
	if again := clean(t, out); !bytes.Equal(again, out) {
		t.Error("the gate changes what it let through")
	}
	return out
}

// exifBlocks counts Exif blocks and wants none but the one of 26 bytes that holds an orientation.
func exifBlocks(t testing.TB, out []byte, orientation int) {
	t.Helper()
	wanted := 0
	if orientation != 1 {
		wanted = 1
	}
	own := []byte{'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
	if n := bytes.Count(out, own); n != wanted {
		t.Errorf("orientation %d: %d blocks of our own", orientation, n)
	}
	for _, start := range []string{"II*\x00", "MM\x00*", "Exif\x00"} {
		if n := bytes.Count(out, []byte(start)); n > wanted {
			t.Errorf("orientation %d: %d blocks with %q", orientation, n, start)
		}
	}
}

func TestNothingButThePictureIsKept(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"progressive.jpg", "cmyk.jpg", "rgb.jpg", "restart.jpg", "plain.png", "lossy.webp", "alpha.webp", "lossless.webp", "ours.jpg", "ours.png"} {
		var data []byte
		switch name {
		case "ours.jpg":
			data = jpegOf(t, 301, 203, 90)
		case "ours.png":
			data = pngOf(t, 120, 80)
		default:
			data = load(t, name)
		}
		for orientation := 1; orientation <= 8; orientation++ {
			t.Run(fmt.Sprint(name, " ", orientation), func(t *testing.T) {
				t.Parallel()
				var full []byte
				switch {
				case strings.HasSuffix(name, ".jpg"):
					full = laden(data, orientation)
				case strings.HasSuffix(name, ".png"):
					full = ladenPNG(data, orientation)
				default:
					full = ladenWebP(t, data, orientation)
				}
				if info, err := vision.Inspect(full, small); err != nil || info.Orientation != orientation {
					t.Fatalf("the test's own file: %+v, %v", info, err)
				}
				exifBlocks(t, stripped(t, full), orientation)
			})
		}
	}
}

func TestTablesAndCodedDataStayAsTheyAre(t *testing.T) {
	t.Parallel()
	data := jpegOf(t, 320, 240, 85)
	out := clean(t, laden(data, 6))
	tables := data[bytes.Index(data, []byte{0xff, 0xdb}):] // from the quantisation on, which shows what coded the picture
	if !bytes.HasSuffix(out, tables) {
		t.Error("what follows the headers is not what it was")
	}
	for _, name := range []string{"progressive.jpg", "cmyk.jpg", "rgb.jpg", "restart.jpg"} {
		plain := load(t, name)
		from := bytes.Index(plain, []byte{0xff, 0xdb})
		if out := clean(t, plain); !bytes.HasSuffix(out, plain[from:]) {
			t.Errorf("%s: what follows the headers is not what it was", name)
		}
	}
}

func TestACleanFileIsNotCopied(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"JPEG": jpegOf(t, 320, 240, 85), "PNG": pngOf(t, 200, 200), "WebP": load(t, "lossy.webp")} {
		data = clean(t, data)
		out, err := gate.Clean(data, small)
		if err != nil || &out[0] != &data[0] || len(out) != len(data) {
			t.Errorf("%s: a clean file was copied, or %v", name, err)
		}
	}
}

func TestALadenFileIsCleanedWhereItLies(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"JPEG": laden(jpegOf(t, 320, 240, 85), 6), "PNG": ladenPNG(pngOf(t, 200, 200), 6), "WebP": ladenWebP(t, load(t, "alpha.webp"), 6),
	} {
		out, err := gate.Clean(data, small)
		if err != nil || &out[0] != &data[0] {
			t.Errorf("%s: it was copied, or %v", name, err)
			continue
		}
		if cap(out) != len(out) || bytes.Contains(data, []byte(planted)) {
			t.Errorf("%s: the rest is still in memory", name)
		}
	}
	// Where something has to be written before there is room for it, there is a copy.
	plain := jpegOf(t, 320, 240, 85)
	frame := bytes.Index(plain, []byte{0xff, 0xc0})
	late := slices.Concat(plain[:frame], segment(0xe1, "Exif\x00\x00", string(exif(6))), plain[frame:])
	before := bytes.Clone(late)
	out, err := gate.Clean(late, small)
	if err != nil || &out[0] == &late[0] || !bytes.Equal(late, before) {
		t.Fatalf("it was not copied, or %v", err)
	}
	samePicture(t, late, out)
}

func TestProfilesKeepTheirColoursOnly(t *testing.T) {
	t.Parallel()
	out := clean(t, laden(jpegOf(t, 200, 200, 85), 1))
	for _, tag := range []string{"ICC_PROFILE\x00\x01\x01", "mntrRGB XYZ ", "acsp", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "desc", "cprt"} {
		if !bytes.Contains(out, []byte(tag)) {
			t.Errorf("%q is gone", tag)
		}
	}
	for _, tag := range []string{"APPL", "wtpt", "dmdd", "\x07\xe9"} {
		if bytes.Contains(out[:600], []byte(tag)) {
			t.Errorf("%q is still there", tag)
		}
	}
	for name, broken := range map[string][]byte{
		"no profile": []byte("ICC_PROFILE\x00\x01\x01" + planted), "nothing": []byte("ICC_PROFILE\x00\x01\x01"), "cut off": append([]byte("ICC_PROFILE\x00\x01\x01"), profile(2)[:200]...),
		"pieces missing": append([]byte("ICC_PROFILE\x00\x02\x02"), profile(2)...), "number out of range": append([]byte("ICC_PROFILE\x00\x09\x01"), profile(2)...),
	} {
		plain := jpegOf(t, 200, 200, 85)
		full := slices.Concat(plain[:2], segment(0xe2, string(broken)), plain[2:])
		if out := stripped(t, full); bytes.Contains(out, []byte("ICC_")) {
			t.Errorf("%s: a profile is still there", name)
		}
	}
}

func TestAProfileThatInflatesWithoutEndIsDropped(t *testing.T) {
	t.Parallel()
	plain := pngOf(t, 100, 100)
	bomb := slices.Concat(plain[:pngHeader], chunk("iCCP", "icc\x00\x00", deflated(string(profile(4))+strings.Repeat("\x00", 60<<20))), plain[pngHeader:])
	if out := stripped(t, bomb); bytes.Contains(out, []byte("iCCP")) {
		t.Error("it is still there")
	}
}

func TestFurtherPicturesAndFilmsFallAway(t *testing.T) {
	t.Parallel()
	first, second := jpegOf(t, 320, 240, 85), jpegOf(t, 640, 480, 85)
	for name, data := range map[string][]byte{
		"a multi-picture file": slices.Concat(first[:2], segment(0xe2, "MPF\x00II*\x00"), first[2:], second),
		"a motion photograph":  slices.Concat(first, []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isom"), make([]byte, 5000)),
		"a maker's trailer":    slices.Concat(first, []byte("SEFH\x6b\x00\x00\x00"), make([]byte, 100), []byte("SEFT")),
		"padding":              append(bytes.Clone(first), make([]byte, 1<<20)...),
		"a text":               append(bytes.Clone(first), "no signature of anything"...),
	} {
		if out := stripped(t, data); !bytes.Equal(out, clean(t, first)) {
			t.Errorf("%s: it is not the first picture", name)
		}
	}
	animated := pngOf(t, 100, 100)
	full := slices.Concat(animated[:pngHeader], chunk("acTL", "\x00\x00\x00\x02\x00\x00\x00\x00"), chunk("fcTL", strings.Repeat("\x00", 26)), animated[pngHeader:len(animated)-12],
		chunk("fcTL", strings.Repeat("\x01", 26)), chunk("fdAT", "frame"), animated[len(animated)-12:])
	if out := stripped(t, full); !bytes.Equal(out, animated) {
		t.Error("of an animated PNG the still picture is to stay")
	}
	moving := container(riff("VP8X", "\x02\x00\x00\x00\x95\x00\x00\x66\x00\x00"), riff("ANIM", "\x00\x00\x00\x00\x00\x00"), riff("ANMF", strings.Repeat("\x00", 40)))
	if _, err := gate.Clean(moving, small); ekyc.CodeOf(err) != ekyc.ErrImageTypeUnsupported {
		t.Errorf("an animated WebP: %v", err)
	}
}

func TestFormsOfDamageAreRefused(t *testing.T) {
	t.Parallel()
	photo, drawing, web := jpegOf(t, 320, 240, 85), pngOf(t, 200, 200), load(t, "alpha.webp")
	broken := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0xff
		return data
	}
	parts := riffChunks(web)
	for name, c := range map[string]struct {
		data []byte
		code ekyc.ErrorCode
	}{
		"no end":                    {photo[:len(photo)-2], ekyc.ErrImageCorrupt},
		"half a JPEG":               {photo[:len(photo)/2], ekyc.ErrImageCorrupt},
		"a second start":            {slices.Concat(photo[:20], photo[:2], photo[20:]), ekyc.ErrImageCorrupt},
		"a reserved marker":         {slices.Concat(photo[:20], segment(0x80, planted), photo[20:]), ekyc.ErrImageCorrupt},
		"a segment without end":     {slices.Concat(photo[:20], []byte{0xff, 0xe5, 0xff, 0xff}), ekyc.ErrImageCorrupt},
		"a million markers":         {slices.Concat(photo[:20], bytes.Repeat([]byte{0xff, 0xd0}, 1<<20), photo[20:]), ekyc.ErrImageCorrupt},
		"a PNG without end":         {drawing[:len(drawing)-12], ekyc.ErrImageCorrupt},
		"half a PNG":                {drawing[:len(drawing)/2], ekyc.ErrImageCorrupt},
		"a wrong checksum":          {broken(drawing, len(drawing)-20), ekyc.ErrImageCorrupt},
		"a chunk without end":       {slices.Concat(drawing[:pngHeader], []byte("\xff\xff\xff\xfftEXt")), ekyc.ErrImageCorrupt},
		"a million chunks":          {slices.Concat(drawing[:pngHeader], bytes.Repeat(chunk("tEXt"), 1<<19), drawing[pngHeader:]), ekyc.ErrImageCorrupt},
		"half a WebP":               {web[:len(web)/2], ekyc.ErrImageCorrupt},
		"a WebP without a picture":  {container(parts["VP8X"]), ekyc.ErrImageCorrupt},
		"a canvas of another size":  {container(riff("VP8X", "\x00\x00\x00\x00\x3f\x00\x00\x3f\x00\x00"), parts["VP8 "]), ekyc.ErrImageCorrupt},
		"a canvas that comes late":  {container(riff("JUNK", "junk"), riff("VP8X", "\x00\x00\x00\x00\x3f\x00\x00\x3f\x00\x00"), parts["VP8 "]), ekyc.ErrImageCorrupt},
		"a chunk beyond the end":    {container(parts["VP8X"], []byte("VP8 \xff\xff\xff\x7f")), ekyc.ErrImageCorrupt},
		"nothing":                   {nil, ekyc.ErrImageEmpty},
		"a text":                    {[]byte(planted), ekyc.ErrImageTypeUnsupported},
		"too large":                 {make([]byte, small.MaxBytes+1), ekyc.ErrImageTooLarge},
		"too small":                 {jpegOf(t, 30, 30, 85), ekyc.ErrImageDimensions},
		"twelve thousand and a bit": {slices.Concat(drawing[:8], chunk("IHDR", "\x00\x00\x2e\xe1\x00\x00\x01\x00\x08\x02\x00\x00\x00")), ekyc.ErrImageDimensions},
	} {
		if out, err := gate.Clean(bytes.Clone(c.data), small); ekyc.CodeOf(err) != c.code || out != nil {
			t.Errorf("%s: %v; want %s", name, err, c.code)
		}
	}
}
