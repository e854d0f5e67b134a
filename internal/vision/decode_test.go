package vision

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"testing"

	"ekyc"
)

// gradient is a raster whose every pixel tells its place: red grows to the right, green downwards.
func gradient(width, height int) *RGB {
	m := NewRGB(width, height)
	for y := range height {
		for x := range width {
			m.Pix[3*(y*width+x)] = byte(255 * x / max(1, width-1))
			m.Pix[3*(y*width+x)+1] = byte(255 * y / max(1, height-1))
			m.Pix[3*(y*width+x)+2] = 64
		}
	}
	return m
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m *RGB, quality int) []byte {
	t.Helper()
	data, err := EncodeJPEG(m, quality)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// withOrientation puts an Exif segment with the orientation tag behind the start marker of a JPEG.
func withOrientation(jpeg []byte, orientation int, order binary.AppendByteOrder) []byte {
	tiff := []byte("II*\x00")
	if order == binary.BigEndian {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, uint16(orientation))
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := []byte{0xff, 0xd8, 0xff, 0xe1}
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	out = append(out, segment...)
	return append(out, jpeg[2:]...)
}

func TestDecodeFormats(t *testing.T) {
	t.Parallel()
	want := gradient(320, 240)
	for name, data := range map[string][]byte{
		"jpeg": encodeJPEG(t, want, 95),
		"png":  encodePNG(t, want.Image()),
	} {
		p, err := Decode(data, SceneLimits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := p.Native()
		if got.Width != 320 || got.Height != 240 || string(p.Info.Format) != name {
			t.Fatalf("%s: got %dx%d %s", name, got.Width, got.Height, p.Info.Format)
		}
		worst := 0
		for i := range got.Pix {
			worst = max(worst, int(got.Pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(got.Pix[i]))
		}
		if limit := map[string]int{"jpeg": 12, "png": 0}[name]; worst > limit {
			t.Errorf("%s: a pixel is off by %d", name, worst)
		}
	}
}

func TestDecodeAppliesEveryOrientation(t *testing.T) {
	t.Parallel()
	upright := gradient(320, 240)
	// stored is what a camera held in that way would have written.
	stored := map[int]*RGB{
		1: upright, 2: upright.Mirror(), 3: upright.Rotate90(2), 4: upright.Mirror().Rotate90(2),
		5: upright.Rotate90(1).Mirror(), 6: upright.Rotate90(3), 7: upright.Rotate90(3).Mirror(), 8: upright.Rotate90(1),
	}
	for orientation, m := range stored {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			p, err := Decode(withOrientation(encodeJPEG(t, m, 95), orientation, order), SceneLimits)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Native()
			corner := func(x, y int) [2]bool {
				i := 3 * (y*got.Width + x)
				return [2]bool{got.Pix[i] > 128, got.Pix[i+1] > 128}
			}
			if got.Width != 320 || corner(2, 2) != [2]bool{false, false} || corner(317, 2) != [2]bool{true, false} || corner(2, 237) != [2]bool{false, true} {
				t.Errorf("orientation %d (%v) is not upright", orientation, order)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good := encodeJPEG(t, gradient(320, 240), 90)
	huge := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	huge = binary.BigEndian.AppendUint32(huge, 50000)
	huge = binary.BigEndian.AppendUint32(huge, 50000)
	huge = append(huge, 8, 2, 0, 0, 0)
	huge = binary.BigEndian.AppendUint32(huge, crc32.ChecksumIEEE(huge[12:]))
	noise := make([]byte, 4096)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	pngData := encodePNG(t, gradient(300, 300).Image())
	for _, c := range []struct {
		name string
		data []byte
		want ekyc.ErrorCode
	}{
		{"nothing", nil, ekyc.ErrImageEmpty},
		{"too many bytes", make([]byte, SceneLimits.MaxBytes+1), ekyc.ErrImageTooLarge},
		{"noise", noise, ekyc.ErrImageTypeUnsupported},
		{"a page named .jpg", []byte("<html><body>hello</body></html>"), ekyc.ErrImageTypeUnsupported},
		{"a GIF", []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"), ekyc.ErrImageTypeUnsupported},
		{"2.5 gigapixels claimed", huge, ekyc.ErrImageDimensions},
		{"tiny", encodeJPEG(t, gradient(40, 40), 90), ekyc.ErrImageDimensions},
		{"half a JPEG", good[:len(good)/2], ekyc.ErrImageCorrupt},
		{"the first bytes of a JPEG", good[:20], ekyc.ErrImageCorrupt},
		{"half a PNG", pngData[:len(pngData)/2], ekyc.ErrImageCorrupt},
		{"a RIFF without WebP data", []byte("RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00"), ekyc.ErrImageCorrupt},
	} {
		if _, err := Decode(c.data, SceneLimits); ekyc.CodeOf(err) != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestDecodesAreBoundedByMemoryNotOnlyByPixels(t *testing.T) {
	t.Parallel()
	header := func(depth, interlace byte) []byte {
		b := make([]byte, 29)
		b[24], b[28] = depth, interlace
		return b
	}
	progressive := []byte{0xff, 0xd8, 0xff, markerProgressive, 0, 4, 0, 0}
	for _, c := range []struct {
		name  string
		bytes int
		fits  bool // 39 megapixels of it
	}{
		{"8-bit PNG", pngBytesPerPixel(header(8, 0)), true},
		{"16-bit PNG", pngBytesPerPixel(header(16, 0)), false},
		{"16-bit interlaced PNG", pngBytesPerPixel(header(16, 1)), false},
		{"JPEG", jpegBytesPerPixel([]byte{0xff, 0xd8, 0xff, 0xc0, 0, 4, 0, 0}, false), true},
		{"progressive CMYK JPEG", jpegBytesPerPixel(progressive, true), false},
		{"WebP", webpBytesPerPixel, true},
	} {
		err := Info{Width: 6500, Height: 6000, BytesPerPixel: c.bytes}.check(SceneLimits)
		if fits := err == nil; fits != c.fits {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// manyScans is a progressive JPEG in which empty scans follow the first one: few bytes, and each scan passes over all pixels.
func manyScans(side, scans int) []byte {
	segment := func(marker byte, body ...byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
	}
	size := binary.BigEndian.AppendUint16(nil, uint16(side))
	frame := slices.Concat([]byte{8}, size, size, []byte{1, 1, 0x11, 0})
	oneCode := append([]byte{1}, make([]byte, 15)...) // one symbol, of one bit
	data := slices.Concat([]byte{0xff, 0xd8}, segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{16}, 64)...)...), segment(0xc2, frame...),
		segment(0xc4, append(append([]byte{0x00}, oneCode...), 0)...), segment(0xc4, append(append([]byte{0x10}, oneCode...), 0xe0)...),
		segment(0xda, 1, 1, 0, 0, 0, 0), make([]byte, side*side/64/8+1))
	for range scans { // each says that the next 32767 blocks, and all of a small picture, are empty
		data = append(append(data, segment(0xda, 1, 1, 0, 1, 63, 0)...), 0x7f, 0xfe, 0x7f, 0xfe)
	}
	return append(data, 0xff, 0xd9)
}

func TestManyScansAreRefusedBeforeDecoding(t *testing.T) {
	t.Parallel()
	if _, err := Decode(manyScans(256, 10), SceneLimits); err != nil {
		t.Errorf("an ordinary number of scans: %v", err)
	}
	if _, err := Inspect(manyScans(6000, 400), SceneLimits); ekyc.CodeOf(err) != ekyc.ErrImageCorrupt {
		t.Errorf("400 scans of 36 megapixels: %v", err)
	}
}

func TestStrayBytesBetweenMarkersAreTolerated(t *testing.T) {
	t.Parallel()
	data := withOrientation(encodeJPEG(t, gradient(320, 240).Rotate90(3), 90), 6, binary.BigEndian)
	p, err := Decode(slices.Concat(data[:2], []byte{0xff, 0xfe, 0, 4, 'o', 'k', 0, 0, 0}, data[2:]), SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	if p.Native().Width != 320 {
		t.Error("the orientation behind the stray bytes was not applied")
	}
}

func TestSanitiseDropsMetadataAndTrailer(t *testing.T) {
	t.Parallel()
	data := append(withOrientation(encodeJPEG(t, gradient(320, 240).Rotate90(3), 90), 6, binary.BigEndian), "PK\x03\x04 an archive behind the picture"...)
	clean, err := Sanitise(data, SceneLimits, 92)
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range []string{"Exif", "PK\x03\x04"} {
		if bytes.Contains(clean, []byte(trace)) {
			t.Errorf("%q is still there", trace)
		}
	}
	if info, err := Inspect(clean, SceneLimits); err != nil || info.Width != 320 || info.Orientation != 1 {
		t.Errorf("not upright: %+v, %v", info, err)
	}
}

func TestTransparencyIsLaidOverWhite(t *testing.T) {
	t.Parallel()
	m := image.NewNRGBA(image.Rect(0, 0, 200, 200))
	m.SetNRGBA(10, 10, color.NRGBA{R: 200, A: 255})
	got := FromImage(m)
	if p := got.Pix[:3]; p[0] != 255 || p[1] != 255 || p[2] != 255 {
		t.Errorf("transparent became %v", p)
	}
	if i := 3 * (10*200 + 10); got.Pix[i] != 200 || got.Pix[i+1] != 0 {
		t.Errorf("opaque became %v", got.Pix[i:i+3])
	}
}

func FuzzDecode(f *testing.F) {
	m := gradient(64, 64)
	f.Add(encodeJPEG(f, m, 60))
	f.Add(withOrientation(encodeJPEG(f, m, 60), 6, binary.LittleEndian))
	f.Add(encodePNG(f, m.Image()))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	limits := Limits{MaxBytes: 1 << 20, MaxSide: 2048, MaxPixels: 1 << 20, MinSide: 1}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data, limits)
		if err != nil {
			if ekyc.CodeOf(err) == ekyc.ErrInternal {
				t.Fatalf("an undefined error: %v", err)
			}
			return
		}
		if n := p.Native(); n.Width*n.Height > limits.MaxPixels || len(n.Pix) != 3*n.Width*n.Height {
			t.Fatalf("%d x %d with %d bytes", n.Width, n.Height, len(n.Pix))
		}
	})
}

// BenchmarkDecode12MP times one photograph of a telephone, 4000 x 3000, from file bytes.
func BenchmarkDecode12MP(b *testing.B) {
	m := gradient(4000, 3000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(min(255, int(m.Pix[i])+int(r.Uint32()&15)))
	}
	data := encodeJPEG(b, m, 85)
	b.Logf("%d bytes", len(data))
	for b.Loop() {
		p, err := Decode(data, SceneLimits)
		if err != nil {
			b.Fatal(err)
		}
		p.Fit(640)
	}
}
