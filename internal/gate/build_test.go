package gate_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	_ "image/jpeg" // to compare pictures
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "golang.org/x/image/webp" // to compare pictures

	"ekyc/internal/vision"
)

// planted stands wherever a file has room for it, and may be nowhere in a clean one.
const planted = "planted@example.com"

// small are limits for the pictures of testdata.
var small = vision.Limits{MaxBytes: 10 << 20, MaxSide: 12000, MaxPixels: 40_000_000, MinSide: 48}

func load(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pixels decodes with Go's decoders.
func pixels(t testing.TB, data []byte) *image.NRGBA64 {
	t.Helper()
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	out := image.NewNRGBA64(m.Bounds())
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			out.Set(x, y, m.At(x, y))
		}
	}
	return out
}

// samePicture fails the test unless both files decode to the same, by Go's decoders and by the engine's.
func samePicture(t testing.TB, before, after []byte) {
	t.Helper()
	if a, b := pixels(t, before), pixels(t, after); a.Rect != b.Rect || !bytes.Equal(a.Pix, b.Pix) {
		t.Error("Go's decoder sees another picture")
	}
	a, err := vision.Decode(before, small)
	if err != nil {
		t.Fatal(err)
	}
	b, err := vision.Decode(after, small)
	if err != nil {
		t.Fatal(err)
	}
	if a.Info != b.Info || a.Native().Width != b.Native().Width || !bytes.Equal(a.Native().Pix, b.Native().Pix) {
		t.Errorf("the engine's decoder sees another picture: %+v, %+v", a.Info, b.Info)
	}
}

// photograph is a raster of noise that says how it is to be held.
func photograph(width, height int) *vision.RGB {
	m := vision.NewRGB(width, height)
	rand.NewChaCha8([32]byte{1}).Read(m.Pix)
	for y := range height {
		for x := range width {
			m.Pix[3*(y*width+x)] = byte(255 * x / width)
		}
	}
	return m
}

func jpegOf(t testing.TB, width, height, quality int) []byte {
	t.Helper()
	data, err := vision.EncodeJPEG(photograph(width, height), quality)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
	}
	m.Set(0, 0, color.NRGBA{A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exif is what a telephone writes: orientation, camera, time, owner, serial number, place, and a thumbnail.
func exif(orientation int) []byte {
	type entry struct {
		tag, kind uint16
		value     []byte // at most four bytes
		far       []byte // or elsewhere
	}
	text := []byte(planted + "\x00")
	rational := bytes.Repeat([]byte{0, 0, 0, 48, 0, 0, 0, 1}, 3)
	order := binary.BigEndian
	write := func(tiff []byte, entries []entry, next uint32) []byte {
		tiff = order.AppendUint16(tiff, uint16(len(entries)))
		far := len(tiff) + 12*len(entries) + 4
		var data []byte
		for _, e := range entries {
			tiff = order.AppendUint16(order.AppendUint16(tiff, e.tag), e.kind)
			if e.far != nil {
				tiff = order.AppendUint32(order.AppendUint32(tiff, uint32(len(e.far))), uint32(far+len(data)))
				data = append(data, e.far...)
				continue
			}
			tiff = append(order.AppendUint32(tiff, 1), append(e.value, make([]byte, 4-len(e.value))...)...)
		}
		return append(order.AppendUint32(tiff, next), data...)
	}
	tiff := []byte("MM\x00*\x00\x00\x00\x08")
	place := uint32(200)
	tiff = write(tiff, []entry{
		{0x010f, 2, nil, text}, {0x0112, 3, order.AppendUint16(nil, uint16(orientation)), nil}, {0x0132, 2, nil, text}, {0xa431, 2, nil, text},
		{0x8825, 4, order.AppendUint32(nil, place), nil},
	}, 0)
	tiff = append(tiff, make([]byte, int(place)-len(tiff))...)
	tiff = write(tiff, []entry{{0x0001, 2, []byte("N"), nil}, {0x0002, 5, nil, rational}, {0x001d, 2, nil, text}}, 0)
	return append(tiff, "\xff\xd8\xff\xe0 a thumbnail "+planted...)
}

// profile is an ICC profile with texts, times and devices around its colour data.
func profile(version byte) []byte {
	header := make([]byte, 128)
	copy(header[4:], "plnt")
	header[8] = version
	copy(header[12:], "mntrRGB XYZ ")
	copy(header[24:], "\x07\xe9\x00\x01\x00\x01\x00\x01\x00\x01\x00\x01acspAPPL")
	copy(header[48:], planted[:8])
	copy(header[64:], "\x00\x00\x00\x00\x00\x00\xf6\xd6\x00\x01\x00\x00\x00\x00\xd3\x2d"+planted[:4])
	xyz := "XYZ \x00\x00\x00\x00\x00\x00\x6f\xa2\x00\x00\x38\xf5\x00\x00\x03\x90"
	elements := []struct{ name, body string }{
		{"desc", "desc\x00\x00\x00\x00\x00\x00\x00\x14" + planted + "\x00"}, {"cprt", "text\x00\x00\x00\x00" + planted + "\x00"}, {"dmdd", "text\x00\x00\x00\x00" + planted},
		{"rXYZ", xyz + planted}, {"gXYZ", xyz}, {"bXYZ", xyz}, {"wtpt", "text\x00\x00\x00\x00" + planted},
		{"rTRC", "curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33" + planted}, {"gTRC", "para\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x33\x33"}, {"plnt", planted},
	}
	out := binary.BigEndian.AppendUint32(header, uint32(len(elements)))
	at := len(out) + 12*len(elements)
	var bodies []byte
	for _, e := range elements {
		out = append(out, e.name...)
		out = binary.BigEndian.AppendUint32(out, uint32(at+len(bodies)))
		out = binary.BigEndian.AppendUint32(out, uint32(len(e.body)))
		bodies = append(bodies, e.body...)
	}
	out = append(out, bodies...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}

func segment(marker byte, body ...string) []byte {
	n := 2
	for _, b := range body {
		n += len(b)
	}
	out := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(n))
	for _, b := range body {
		out = append(out, b...)
	}
	return out
}

// laden puts into a JPEG everything that cameras and programs write beside the picture.
func laden(jpeg []byte, orientation int) []byte {
	icc := string(profile(2))
	before := slices.Concat(
		segment(0xe1, "Exif\x00\x00", string(exif(orientation))),
		segment(0xe1, "Exif\x00\x00", string(exif(8))), // only the first counts
		segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<?xpacket begin=''?><x:xmpmeta>", planted, "</x:xmpmeta>"),
		segment(0xe2, "MPF\x00", planted),
		segment(0xe2, "ICC_PROFILE\x00\x02\x02", icc[150:]), segment(0xe2, "ICC_PROFILE\x00\x01\x02", icc[:150]),
		segment(0xed, "Photoshop 3.0\x008BIM", planted),
		segment(0xe0, "JFXX\x00\x10", planted),
		segment(0xfe, planted), segment(0xe5, planted), segment(0xef, planted),
		[]byte("stray "+planted), []byte{0xff, 0xff, 0xff})
	after := slices.Concat(jpeg[2:len(jpeg)-2], []byte{0xff, 0xff}, segment(0xfe, planted), segment(0xe1, "Exif\x00\x00", string(exif(3))))
	tail := slices.Concat([]byte{0xff, 0xd9}, jpeg, []byte("\x00\x00\x00\x18ftypmp42"+planted))
	return slices.Concat(jpeg[:2], before, after, tail)
}

func chunk(kind string, body ...string) []byte {
	var content []byte
	for _, b := range body {
		content = append(content, b...)
	}
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(content))), kind...)
	out = append(out, content...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

func deflated(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

const pngHeader = 8 + 25 // signature and IHDR

// ladenPNG puts into a PNG everything that programs write beside the picture, the frames of an animation among it.
func ladenPNG(png []byte, orientation int) []byte {
	before := slices.Concat(
		chunk("eXIf", string(exif(orientation))), chunk("iCCP", planted, "\x00\x00", deflated(string(profile(4)))), chunk("gAMA", "\x00\x00\xb1\x8f"),
		chunk("tEXt", "Author\x00", planted), chunk("zTXt", "Comment\x00\x00", deflated(planted)), chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00", planted),
		chunk("tIME", "\x07\xe9\x01\x02\x03\x04\x05"), chunk("sPLT", planted), chunk("acTL", "\x00\x00\x00\x02\x00\x00\x00\x00"),
		chunk("prVt", planted), chunk("pHYs", "\x00\x00\x0b\x13\x00\x00\x0b\x13\x01"), chunk("gAMA", planted), chunk("caNv", planted))
	end := len(png) - 12
	after := slices.Concat(chunk("fdAT", planted), chunk("tEXt", "Comment\x00", planted), chunk("eXIf", string(exif(5))))
	return slices.Concat(png[:pngHeader], before, png[pngHeader:end], after, png[end:], []byte("behind "+planted))
}

func riff(kind string, body string) []byte {
	out := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	return append(out, make([]byte, len(body)%2)...)
}

func container(chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	return append(append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4)), "WEBP"...), body...)
}

// riffChunks takes a WebP apart.
func riffChunks(webp []byte) map[string][]byte {
	out := map[string][]byte{}
	for at := 12; at < len(webp); {
		size := int(binary.LittleEndian.Uint32(webp[at+4:]))
		next := at + 8 + size + size%2
		out[string(webp[at:at+4])] = webp[at:next]
		at = next
	}
	return out
}

// ladenWebP puts into a WebP everything that programs write beside the picture.
func ladenWebP(t testing.TB, webp []byte, orientation int) []byte {
	t.Helper()
	info, err := vision.Inspect(webp, small)
	if err != nil {
		t.Fatal(err)
	}
	parts := riffChunks(webp)
	flags := byte(1<<2 | 1<<3 | 1<<5)
	if parts["ALPH"] != nil {
		flags |= 1 << 4
	}
	canvas := make([]byte, 8)
	binary.LittleEndian.PutUint32(canvas, uint32(info.Width-1))
	binary.LittleEndian.PutUint32(canvas[3:], uint32(info.Height-1))
	return append(container(riff("VP8X", string(append([]byte{flags | 0xc1, 'p', 'l', 'n'}, canvas[:6]...))), riff("ICCP", string(profile(4))), riff("plnt", planted),
		parts["ALPH"], parts["VP8 "], parts["VP8L"], riff("EXIF", "Exif\x00\x00"+string(exif(orientation))), riff("XMP ", planted), riff("VP8 ", planted)), "behind "+planted...)
}
