package barcode

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/vision"

	"pgregory.net/rapid"
)

func TestPDF417RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		payload := []byte(rapid.StringMatching(`[ -~\n\r\x1e]{1,300}([0-9]{12,60}[ -~]{1,20})?`).Draw(t, "payload"))
		m, err := EncodePDF417(payload, rapid.SampledFrom([]int{0, 5, 10, 17}).Draw(t, "columns"))
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := ReadGray(m.Gray(2))
		if err != nil {
			t.Fatal(err)
		}
		if len(symbols) != 1 || symbols[0].Format != PDF417 || !bytes.Equal(symbols[0].Bytes, payload) {
			t.Fatalf("%d symbols; wrote %q, read %v", len(symbols), payload, symbols)
		}
	})
}

func TestEncodePDF417Refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, columns int
	}{"too long": {4000, 0}, "too long for one column": {400, 1}, "31 columns": {10, 31}, "negative": {10, -1}} {
		if _, err := EncodePDF417(bytes.Repeat([]byte{'a'}, c.size), c.columns); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: got %v, want invalid_argument", name, err)
		}
	}
}

func TestPDF417WithoutItsLeftEdge(t *testing.T) {
	t.Parallel()
	payload, err := Compose(sample(), 10)
	if err != nil {
		t.Fatal(err)
	}
	m, err := EncodePDF417(payload, 12)
	if err != nil {
		t.Fatal(err)
	}
	whole := m.Gray(3)
	for name, modules := range map[string]int{"start pattern": 17, "start pattern and row indicators": 34} {
		cut := float64((quietZone + modules) * 3)
		damaged := whole.Crop(vision.Rect{X0: cut, X1: float64(whole.Width), Y1: float64(whole.Height)})
		for range 2 { // as it lies, and upside down
			symbols, err := ReadGray(damaged)
			if err != nil || len(symbols) != 1 || !bytes.Equal(symbols[0].Bytes, payload) {
				t.Errorf("without the %s: %d symbols, %v", name, len(symbols), err)
			}
			slices.Reverse(damaged.Pix)
		}
	}
}

func TestReadFindsSymbolsAsPhotographsHaveThem(t *testing.T) {
	t.Parallel()
	payload, err := Compose(sample(), 10)
	if err != nil {
		t.Fatal(err)
	}
	m, err := EncodePDF417(payload, 0)
	if err != nil {
		t.Fatal(err)
	}
	symbol := m.Gray(3)
	scene := vision.NewGray(symbol.Width+400, symbol.Height+300)
	for i := range scene.Pix {
		scene.Pix[i] = 200
	}
	for y := range symbol.Height {
		copy(scene.Pix[(y+150)*scene.Width+200:], symbol.Pix[y*symbol.Width:(y+1)*symbol.Width])
	}
	upsideDown := &vision.Gray{Pix: slices.Clone(scene.Pix), Width: scene.Width, Height: scene.Height}
	slices.Reverse(upsideDown.Pix)
	for name, image := range map[string]*vision.Gray{
		"as it is": scene, "upside down": upsideDown, "quarter turn": scene.RGB().Rotate90(1).Gray(), "smaller": scene.Resize(scene.Width*2/3, scene.Height*2/3),
		"larger": scene.Resize(scene.Width*3, scene.Height*3), "turned by 12 degrees": turned(scene, 12), "turned by 24 degrees": turned(scene, -24), "turned by 40 degrees": turned(scene, 40),
	} {
		symbols, err := ReadGray(image)
		if err != nil || len(symbols) != 1 || !bytes.Equal(symbols[0].Bytes, payload) {
			t.Errorf("%s: %d symbols, %v", name, len(symbols), err)
			continue
		}
		for _, corner := range symbols[0].Corners {
			if corner.X < -1 || corner.Y < -1 || corner.X > float64(image.Width)+1 || corner.Y > float64(image.Height)+1 {
				t.Errorf("%s: a corner lies outside: %v", name, symbols[0].Corners)
			}
		}
		if name == "as it is" || name == "larger" {
			scale := float64(image.Width) / float64(scene.Width)
			left := symbols[0].Corners[0]
			if want := (vision.Point{X: (200 + 3*quietZone) * scale, Y: (150 + 3*quietZone) * scale}); left.Distance(want) > 25*scale {
				t.Errorf("%s: top left at %v, want %v", name, left, want)
			}
		}
	}
}

// turned rotates a scene about its middle onto a canvas that holds all of it.
func turned(m *vision.Gray, degrees float64) *vision.Gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(m.Width), float64(m.Height)
	r := region{middle: vision.Point{X: w / 2, Y: h / 2}, angle: degrees * math.Pi / 180, width: w*math.Abs(cos) + h*math.Abs(sin), height: w*math.Abs(sin) + h*math.Abs(cos)}
	out, _ := r.cut(m, 1)
	return out
}

func TestReadRefusesAndFindsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bytes, width, height, stride int }{
		"no pixels": {0, 0, 0, 0}, "too few pixels": {99, 10, 10, 10}, "stride below width": {1000, 20, 20, 10}, "too wide": {20000, 20000, 1, 20000}, "negative": {100, -10, -10, 10},
	} {
		if _, err := Read(make([]byte, c.bytes), c.width, c.height, c.stride); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: got %v, want invalid_argument", name, err)
		}
	}
	for name, size := range map[string]int{"tiny": 3, "blank": 300} {
		if symbols, err := Read(make([]byte, size*size), size, size, size); err != nil || len(symbols) > 0 {
			t.Errorf("%s: %d symbols, %v", name, len(symbols), err)
		}
	}
}

// FuzzRead draws the bytes as an image of a few rows, each as high as a bar code's, and must neither crash nor fail.
func FuzzRead(f *testing.F) {
	m, err := EncodePDF417([]byte("@FUZZ 1234567890123456"), 3)
	if err != nil {
		f.Fatal(err)
	}
	var seed []byte
	for _, row := range m.Modules {
		for _, dark := range row {
			seed = append(seed, map[bool]byte{true: 0, false: 255}[dark])
		}
	}
	f.Add(seed, uint16(len(m.Modules[0])))
	f.Add(bytes.Repeat([]byte{0, 255}, 200), uint16(20))
	f.Fuzz(func(t *testing.T, data []byte, width uint16) {
		w := int(width%160) + 1
		h := len(data) / w
		if h == 0 || h > 16 {
			return
		}
		g := vision.NewGray(w+20, h*3+20)
		for i := range g.Pix {
			g.Pix[i] = paper
		}
		for y := range h * 3 {
			copy(g.Pix[(y+10)*g.Width+10:], data[y/3*w:(y/3+1)*w])
		}
		if _, err := ReadGray(g); err != nil {
			t.Fatal(err)
		}
	})
}
