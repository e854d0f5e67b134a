package gate_test

import (
	"bytes"
	"image"
	"testing"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/vision"
)

// FuzzClean: whatever a file is, the gate refuses it with a code of its own or gives the same picture, with nothing left to take away.
func FuzzClean(f *testing.F) {
	for _, name := range []string{"progressive.jpg", "cmyk.jpg", "rgb.jpg", "restart.jpg", "plain.png", "lossy.webp", "alpha.webp", "lossless.webp"} {
		f.Add(load(f, name))
	}
	f.Add(laden(jpegOf(f, 50, 60, 50), 6))
	f.Add(ladenPNG(pngOf(f, 20, 20), 5))
	f.Add(ladenWebP(f, load(f, "lossless.webp"), 8))
	limits := vision.Limits{MaxBytes: 1 << 20, MaxSide: 512, MaxPixels: 1 << 16, MinSide: 1}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := bytes.Clone(data)
		out, err := gate.Clean(file, limits)
		if err != nil {
			if code := ekyc.CodeOf(err); code == ekyc.ErrInternal || !bytes.Equal(file, data) {
				t.Fatalf("%s, or the file was changed", code)
			}
			return
		}
		a, err := vision.Inspect(data, limits)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := vision.Inspect(out, limits); err != nil || b.Width != a.Width || b.Height != a.Height || b.Format != a.Format || b.Orientation != a.Orientation {
			t.Fatalf("%+v became %+v: %v", a, b, err)
		}
		if again, err := gate.Clean(bytes.Clone(out), limits); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("the gate changes what it let through: %v", err)
		}
		if was, err := vision.Decode(data, limits); err == nil {
			is, err := vision.Decode(out, limits)
			if err != nil && a.Format != vision.JPEG { // libjpeg tells of its first doubt only, and bytes between segments can hide a second one
				t.Fatalf("the engine sees no picture any more: %v", err)
			}
			if err == nil && !bytes.Equal(was.Native().Pix, is.Native().Pix) {
				t.Fatal("the engine sees another picture")
			}
		}
		if was, _, err := image.Decode(bytes.NewReader(data)); err == nil {
			is, _, err := image.Decode(bytes.NewReader(out))
			if err != nil || !bytes.Equal(vision.FromImage(was).Pix, vision.FromImage(is).Pix) {
				t.Fatalf("Go's decoder sees another picture: %v", err)
			}
		}
	})
}
