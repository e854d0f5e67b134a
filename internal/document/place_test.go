package document

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// placed is a rectangle about a centre, turned.
func placed(c vision.Point, w, h, angle float64) vision.Quad {
	var q vision.Quad
	sin, cos := math.Sincos(angle)
	for i, k := range [4][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		x, y := k[0]*w/2, k[1]*h/2
		q[i] = vision.Point{X: c.X + x*cos - y*sin, Y: c.Y + x*sin + y*cos}
	}
	return q
}

func box(q vision.Quad) ocr.Box { return ocr.Box{Quad: vision.MinAreaRect(q[:]), Score: 0.9} }

func TestPiecesOfARowAreJoinedAtAnyAngle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi/2+0.1, math.Pi/2-0.1).Draw(t, "angle")
		sin, cos := math.Sincos(angle)
		at := func(along, across float64) vision.Point {
			return vision.Point{X: 1000 + along*cos - across*sin, Y: 1000 + along*sin + across*cos}
		}
		// Two rows of 600 × 24, 40 apart, each found in two or three pieces, and a word above them.
		boxes := []ocr.Box{
			box(placed(at(-150, 0), 300, 24, angle)), box(placed(at(170, 0), 260, 25, angle)),
			box(placed(at(-200, 40), 200, 24, angle)), box(placed(at(0, 41), 160, 23, angle)), box(placed(at(200, 40), 190, 24, angle)),
			box(placed(at(-100, -200), 120, 30, angle)),
		}
		rows := joinRows(boxes)
		if len(rows) != 2 {
			t.Fatalf("%d rows at %.2f", len(rows), angle)
		}
		for _, r := range rows {
			if math.Abs(r.length()-600) > 12 {
				t.Fatalf("a row of %.0f", r.length())
			}
		}
		groups := groupRows(rows)
		if len(groups) == 0 || len(groups[0]) != 2 {
			t.Fatalf("%d groups", len(groups))
		}
		if s := spacing(groups[0][0], groups[0][1]); math.Abs(s-40) > 2 {
			t.Fatalf("spacing %.1f", s)
		}
	})
}

func TestUnlikeRowsAreNoZone(t *testing.T) {
	t.Parallel()
	long := row{vision.Point{X: 0, Y: 0}, vision.Point{X: 600, Y: 0}, 24}
	for name, other := range map[string]row{
		"crossing": {vision.Point{X: 300, Y: 0}, vision.Point{X: 300, Y: 600}, 24},
		"too far":  {vision.Point{X: 0, Y: 400}, vision.Point{X: 600, Y: 400}, 24},
		"taller":   {vision.Point{X: 0, Y: 60}, vision.Point{X: 600, Y: 60}, 80},
		"beside":   {vision.Point{X: 900, Y: 40}, vision.Point{X: 1500, Y: 40}, 24},
	} {
		if below(long, other) {
			t.Errorf("%s: taken for the next row", name)
		}
	}
}

func TestExtremeIsTheWindowsMaximum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 30).Draw(t, "width"), rapid.IntRange(1, 30).Draw(t, "height")
		pix := rapid.SliceOfN(rapid.Byte(), w*h, w*h).Draw(t, "pixels")
		got := slices.Clone(pix)
		extreme(got, w, h, func(a, b byte) byte { return max(a, b) })
		for y := range h {
			for x := range w {
				want := byte(0)
				for ny := max(0, y-strokeReach); ny <= min(h-1, y+strokeReach); ny++ {
					for nx := max(0, x-strokeReach); nx <= min(w-1, x+strokeReach); nx++ {
						want = max(want, pix[ny*w+nx])
					}
				}
				if got[y*w+x] != want {
					t.Fatalf("%d × %d at (%d, %d): %d, want %d", w, h, x, y, got[y*w+x], want)
				}
			}
		}
	})
}

// scene paints a card on a patterned table.
func scene(q vision.Quad) *vision.RGB {
	m := vision.NewRGB(800, 600)
	inverse, _ := vision.Between(q, vision.Rect{X1: 1, Y1: 1}.Quad())
	for y := range m.Height {
		for x := range m.Width {
			v := 90 + 8*math.Sin(float64(y)*0.05+float64(x)*0.01)
			if p := inverse.Apply(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}); p.X > 0 && p.Y > 0 && p.X < 1 && p.Y < 1 {
				v = 215
				if math.Mod(p.Y, 0.14) < 0.05 && p.Y > 0.1 && p.Y < 0.9 && p.X > 0.35 && p.X < 0.9 && math.Mod(p.X, 0.03) < 0.02 {
					v = 70 // print
				}
			}
			for c := range 3 {
				m.Pix[3*(y*m.Width+x)+c] = byte(v)
			}
		}
	}
	return m
}

func TestACardIsFoundAtAnyAngle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "angle")
		width := rapid.Float64Range(320, 500).Draw(t, "width")
		q := placed(vision.Point{X: 400, Y: 300}, width, width/1.586, angle)
		for i := range q { // some perspective
			k := 1 + rapid.Float64Range(-0.04, 0.04).Draw(t, "perspective")
			q[i] = vision.Point{X: 400 + (q[i].X-400)*k, Y: 300 + (q[i].Y-300)*k}
		}
		to, _ := vision.Between(vision.Rect{X1: 1, Y1: 1}.Quad(), q)
		var boxes []ocr.Box
		for k := range 5 {
			y := 0.13 + 0.14*float64(k)
			boxes = append(boxes, box(to.ApplyQuad(vision.Rect{X0: 0.35, Y0: y, X1: 0.9, Y1: y + 0.06}.Quad())))
		}
		p := vision.NewPyramid(scene(q))
		outlines := findLines(p).outlines(boxes)
		if len(outlines) == 0 || !outlines[0].believed() {
			t.Fatalf("at %.2f: no outline is believed", angle)
		}
		g := locate(p, boxes, outlines, nil, angle)
		if g.Method != ByEdges || g.Size != ID1 && g.Size != SizeUnknown {
			t.Fatalf("found by %s, size %s", g.Method, g.Size)
		}
		for i := range q {
			if d := g.Quad[i].Distance(q[i]); d > 0.03*width {
				t.Fatalf("at %.2f: corner %d is %.0f px off", angle, i, d)
			}
		}
		if want := math.Abs(q.Area()) / (800 * 600); math.Abs(g.Coverage-want) > 0.05 {
			t.Fatalf("coverage %.2f, want %.2f", g.Coverage, want)
		}
	})
}

func TestAnEmptyTableHasNoDocument(t *testing.T) {
	t.Parallel()
	m := vision.NewRGB(800, 600)
	for i := range m.Pix {
		m.Pix[i] = byte(100 + i/3%800/40)
	}
	for _, o := range findLines(vision.NewPyramid(m)).outlines(nil) {
		if o.believed() {
			t.Errorf("an outline was believed with score %.2f", o.score)
		}
	}
}

func TestReadingDirectionNamesTheCorners(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "angle")
		q := placed(vision.Point{X: 500, Y: 500}, 300, 200, angle)
		turned := q.Turn(rapid.IntRange(0, 3).Draw(t, "turns"))
		if got := alignQuad(turned, angle); got != q {
			t.Fatalf("at %.2f the top left corner is %v, want %v", angle, got[0], q[0])
		}
	})
	for angle, want := range map[float64]int{0: 0, math.Pi / 2: 3, math.Pi: 2, -math.Pi / 2: 1, 0.3: 0} {
		if got := quarterTurns(angle); got != want {
			t.Errorf("content that reads at %.2f needs %d quarter turns, got %d", angle, want, got)
		}
	}
}

func TestQualityTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	page := scene(placed(vision.Point{X: 400, Y: 300}, 790, 500, 0)).Crop(vision.Rect{X0: 7, Y0: 53, X1: 793, Y1: 547})
	geometry := Geometry{Quad: page.Bounds().Quad(), Coverage: 0.6, PixelsPerMM: 13}
	good := measureQuality(page, geometry)
	if len(good.Codes) != 0 || good.Resolution != 1 || good.Sharpness < 0.4 {
		t.Errorf("a clear page: %+v", good)
	}
	blurred := vision.RGB{}
	small := page.Resize(page.Width/12, page.Height/12)
	blurred = *small.Sample(small.Bounds(), page.Width, page.Height)
	dark := vision.NewRGB(page.Width, page.Height)
	glaring := vision.NewRGB(page.Width, page.Height)
	for i, v := range page.Pix {
		dark.Pix[i] = v / 6
		glaring.Pix[i] = v
		if i/3%page.Width < page.Width/5 && i/3/page.Width < page.Height/3 {
			glaring.Pix[i] = 255
		}
	}
	for name, c := range map[string]struct {
		image    *vision.RGB
		geometry Geometry
		code     QualityCode
	}{
		"blurred": {&blurred, geometry, Blurred}, "dark": {dark, geometry, TooDark}, "glare": {glaring, geometry, Glare},
		"coarse": {page, Geometry{Quad: geometry.Quad, Coverage: 0.6, PixelsPerMM: 2}, LowResolution}, "cut off": {page, Geometry{Quad: geometry.Quad, Coverage: 0.6, PixelsPerMM: 13, Cropped: true}, CutOff},
		"small": {page, Geometry{Quad: geometry.Quad, Coverage: 0.02, PixelsPerMM: 13}, TooSmall},
	} {
		if q := measureQuality(c.image, c.geometry); !slices.Equal(q.Codes, []QualityCode{c.code}) {
			t.Errorf("%s: codes %v (%+v)", name, q.Codes, q)
		}
	}
}
