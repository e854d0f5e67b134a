package forensic

import (
	"math"
	"math/rand/v2"
	"testing"

	"ekyc/internal/vision"
)

// page is a ground with lines of security print and strokes like letters, photographed with noise. The strokes are of chance, so that no two
// places are alike.
func page(seed uint64, noise float64) *vision.RGB {
	r := rand.New(rand.NewPCG(seed, 1))
	m := vision.NewRGB(1200, 760)
	for y := range m.Height {
		for x := range m.Width {
			v := 205 + 14*math.Sin(float64(y)/3.1+4*math.Sin(float64(x)/57)) + noise*r.NormFloat64()
			for c := range 3 {
				m.Pix[3*(y*m.Width+x)+c] = byte(max(0, min(255, v-float64(8*c))))
			}
		}
	}
	return m
}

// write puts strokes of chance on a line and gives its box.
func write(m *vision.RGB, r *rand.Rand, left, top int) vision.Quad {
	const width, height = 420, 30
	for x := left; x < left+width; x += 8 + r.IntN(7) {
		length, lean := 12+r.IntN(18), r.IntN(3)-1
		for y := range length {
			for k := range 4 {
				at := 3 * ((top+30-length+y)*m.Width + x + k + lean*y/3)
				for c := range 3 {
					m.Pix[at+c] = byte(35 + r.IntN(9))
				}
			}
		}
	}
	return vision.Rect{X0: float64(left) - 4, Y0: float64(top) - 4, X1: float64(left+width) + 4, Y1: float64(top+height) + 4}.Quad()
}

func scene(t *testing.T, m *vision.RGB, lines []vision.Quad) Scene {
	t.Helper()
	return Scene{Photograph: vision.NewPyramid(m), Document: m.Bounds().Quad(), Page: m, Lines: lines}
}

// saved is the picture as a file of the given quality holds it.
func saved(t *testing.T, m *vision.RGB, quality int) *vision.RGB {
	t.Helper()
	data, err := vision.EncodeJPEG(m, quality)
	if err != nil {
		t.Fatal(err)
	}
	d, err := vision.Decode(data, vision.SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	return d.Native()
}

func written(seed uint64) (*vision.RGB, []vision.Quad) {
	m := page(seed, 3)
	r := rand.New(rand.NewPCG(seed, 2))
	var lines []vision.Quad
	for i := range 8 {
		lines = append(lines, write(m, r, 60+40*(i%2), 60+80*i))
	}
	return m, lines
}

func TestACopiedPieceIsFoundByItsShift(t *testing.T) {
	t.Parallel()
	m, lines := written(3)
	honest := Examine(scene(t, saved(t, m, 92), lines)).Clone
	for y := range 40 { // a piece of the second line over the end of the fifth
		from, to := 3*((136+y)*m.Width+150), 3*((376+y)*m.Width+300)
		copy(m.Pix[to:to+3*170], m.Pix[from:from+3*170])
	}
	forged := Examine(scene(t, saved(t, m, 92), lines)).Clone
	if honest == nil || forged == nil || !(forged[0] > honest[0]+1) {
		t.Errorf("pairs at one shift: honest %.2f, forged %.2f", honest, forged)
	}
}

func TestAnotherGridOfBlocksIsSeen(t *testing.T) {
	t.Parallel()
	m, lines := written(4)
	honest := Examine(scene(t, saved(t, m, 95), lines)).Lines[3].Pixels
	poor := saved(t, m, 40)
	box := lines[3].Bounds()
	for y := int(box.Y0) - 6; y < int(box.Y1)+6; y++ { // three pixels to the right and two down of where it was compressed
		to, from := 3*(y*m.Width+int(box.X0)-6), 3*((y-2)*m.Width+int(box.X0)-9)
		copy(m.Pix[to:to+3*440], poor.Pix[from:from+3*440])
	}
	e := Examine(scene(t, saved(t, m, 95), lines))
	forged := e.Lines[3].Pixels
	for _, k := range []int{grid, foreign} {
		if !(forged[k] > honest[k]+3) {
			t.Errorf("%s: %.1f in the forged line and %.1f in the honest one", PixelNames()[k], forged[k], honest[k])
		}
	}
	suspected(t, e, Compression)
}

// suspected fails unless a trace counts.
func suspected(t *testing.T, e *Evidence, trace Trace) {
	t.Helper()
	if v := e.Measures()[trace]; v < 0.5 {
		t.Errorf("%s: measure %.2f", trace, v)
	}
}

// A picture that was cut out of another has a second grid, but everywhere.
func TestACutPictureHasNoGridOfItsOwn(t *testing.T) {
	t.Parallel()
	m, lines := written(4)
	poor, cut := saved(t, m, 60), vision.NewRGB(m.Width-3, m.Height-5)
	for y := range cut.Height {
		copy(cut.Pix[3*y*cut.Width:][:3*cut.Width], poor.Pix[3*((y+5)*m.Width+3):])
	}
	for i := range lines {
		for k := range lines[i] {
			lines[i][k] = lines[i][k].Sub(vision.Point{X: 3, Y: 5})
		}
	}
	e := Examine(scene(t, saved(t, cut, 93), lines))
	if v := e.Measures()[Compression]; v >= 0.5 {
		t.Errorf("measure %.2f", v)
	}
}

func TestWhatWasNotSavedWithTheRestIsSeen(t *testing.T) {
	t.Parallel()
	m, lines := written(12)
	taken := saved(t, m, 75)
	honest := Examine(scene(t, saved(t, taken, 92), lines))
	box := lines[5].Bounds()
	for y := int(box.Y0) - 4; y < int(box.Y1)+4; y++ { // as it was before it was taken
		at := 3 * (y*m.Width + int(box.X0) - 4)
		copy(taken.Pix[at:at+3*430], m.Pix[at:])
	}
	forged := Examine(scene(t, saved(t, taken, 92), lines))
	if a, b := honest.Lines[5].Pixels, forged.Lines[5].Pixels; !(b[teeth] < a[teeth]-5 && b[teethShare] < a[teethShare]-0.2) {
		t.Errorf("teeth %.1f (share %.2f) in the forged line and %.1f (%.2f) in the honest one", b[teeth], b[teethShare], a[teeth], a[teethShare])
	}
	suspected(t, forged, Compression)
	if v := honest.Measures()[Compression]; v >= 0.5 {
		t.Errorf("saved twice as a whole: measure %.2f", v)
	}
}

func TestAWipedGroundIsSeen(t *testing.T) {
	t.Parallel()
	m, lines := written(5)
	honest := Examine(scene(t, m, lines)).Lines[2].Print
	r := rand.New(rand.NewPCG(9, 9))
	box := lines[2].Bounds()
	for y := int(box.Y0) - 3; y < int(box.Y1)+3; y++ {
		for x := int(box.X0) - 3; x < int(box.X1)+3; x++ {
			for c := range 3 {
				m.Pix[3*(y*m.Width+x)+c] = byte(200 + 3*r.NormFloat64())
			}
		}
	}
	write(m, r, 60, 220)
	forged := Examine(scene(t, m, lines)).Lines[2].Print
	if !(forged[texture] < honest[texture]-0.3) {
		t.Errorf("texture of the ground beside its surroundings: %.2f forged, %.2f honest", forged[texture], honest[texture])
	}
}

func TestGridsOfScreensAreFound(t *testing.T) {
	t.Parallel()
	m, lines := written(6)
	honest := Examine(scene(t, m, lines)).Copy
	for y := range m.Height {
		for x := range m.Width {
			for c := range 3 {
				k := 3*(y*m.Width+x) + c
				m.Pix[k] = byte(float64(m.Pix[k]) * (0.85 + 0.1*math.Cos(2*math.Pi*(float64(x)/4.3+float64(c)/3))))
			}
		}
	}
	forged := Examine(scene(t, m, lines)).Copy
	for i, name := range CopyNames()[:4] {
		if !(forged[i] > honest[i]+0.5) {
			t.Errorf("%s: %.2f with stripes, %.2f without", name, forged[i], honest[i])
		}
	}
}

func TestSmallDocumentsAreNotMeasured(t *testing.T) {
	t.Parallel()
	m := page(1, 2)
	s := scene(t, m, nil)
	s.Document = vision.Rect{X1: 300, Y1: leastPixels - 1}.Quad()
	if e := Examine(s); len(e.Measures()) != 0 {
		t.Errorf("measures of a document of %d pixels: %v", leastPixels-1, e.Measures())
	}
}

func TestInputsHaveTheirNames(t *testing.T) {
	t.Parallel()
	m, lines := written(7)
	s := scene(t, m, lines)
	s.Face = vision.Rect{X0: 700, Y0: 200, X1: 800, Y1: 320}
	e := Examine(s)
	for name, pair := range map[string][2]int{
		"print": {len(e.Lines[0].Print), len(PrintNames())}, "pixels": {len(e.Lines[0].Pixels), len(PixelNames())},
		"portrait": {len(e.Portrait), len(PortraitNames())}, "copy": {len(e.Copy), len(CopyNames())}, "clone": {len(e.Clone), len(CloneNames())},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d measures and %d names", name, pair[0], pair[1])
		}
	}
	for _, trace := range Traces() {
		w, learned := weighers[trace]
		if !learned {
			t.Errorf("nothing was learned of %s", trace)
			continue
		}
		for _, inputs := range e.Inputs(trace) {
			if w.trees != nil {
				for _, tree := range w.trees {
					for _, k := range tree.Input {
						if int(k) >= len(inputs) {
							t.Fatalf("%s: a tree asks for input %d of %d", trace, k, len(inputs))
						}
					}
				}
				continue
			}
			if len(inputs) != len(w.weights) || len(w.center) != len(w.weights) || len(w.scale) != len(w.weights) {
				t.Errorf("%s: %d inputs and %d weights", trace, len(inputs), len(w.weights))
			}
		}
		if a, b := w.measure(w.half), w.measure(w.nine); math.Abs(a-0.5) > 1e-9 || math.Abs(b-0.9) > 1e-9 {
			t.Errorf("%s: measures %v and %v at the two marks", trace, a, b)
		}
	}
}

func TestQuantilesOfManyValues(t *testing.T) {
	t.Parallel()
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	for i := range 200 {
		h.add(float64(i))
	}
	for q, want := range map[float64]float64{0: 0, 0.5: 100, 0.99: 198} {
		if got := h.quantile(q); math.Abs(got-want) > 0.5 {
			t.Errorf("quantile %v: %v", q, got)
		}
	}
}

func BenchmarkExamineTwelveMegapixels(b *testing.B) {
	m := vision.NewRGB(4000, 3000)
	small, lines := written(8)
	for y := range m.Height {
		for x := range m.Width {
			copy(m.Pix[3*(y*m.Width+x):][:3], small.Pix[3*((y/4%small.Height)*small.Width+x/4%small.Width):][:3])
		}
	}
	for i := range lines {
		lines[i] = lines[i].Scale(3)
	}
	for i := range 16 {
		lines = append(lines, lines[i%8])
	}
	d := vision.Rect{X0: 400, Y0: 300, X1: 3600, Y1: 2350}
	s := Scene{Photograph: vision.NewPyramid(m), Document: d.Quad(), Page: m.Resize(1280, 820), Lines: lines, Face: vision.Rect{X0: 100, Y0: 300, X1: 260, Y1: 520}}
	s.Photograph.Fit(640)
	b.ResetTimer()
	for range b.N {
		Examine(s)
	}
}
