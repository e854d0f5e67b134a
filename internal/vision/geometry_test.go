package vision

import (
	"math"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func drawQuad(t *rapid.T) Quad {
	q := Rect{0, 0, 100, 60}.Quad()
	for i := range q {
		q[i] = q[i].Add(Point{rapid.Float64Range(-20, 20).Draw(t, "dx"), rapid.Float64Range(-12, 12).Draw(t, "dy")})
	}
	return q
}

func TestHomographyCarriesCornersAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from, to := drawQuad(t), drawQuad(t)
		h, ok := Between(from, to)
		back, ok2 := Between(to, from)
		if !ok || !ok2 {
			t.Fatal("degenerate")
		}
		for i := range from {
			if d := h.Apply(from[i]).Distance(to[i]); d > 1e-6 {
				t.Fatalf("corner %d lands %g away", i, d)
			}
		}
		p := from.Center()
		if d := back.Apply(h.Apply(p)).Distance(p); d > 1e-6 {
			t.Fatalf("there and back is %g away", d)
		}
	})
}

func TestBetweenRefusesALine(t *testing.T) {
	t.Parallel()
	line := Quad{{0, 0}, {1, 1}, {2, 2}, {3, 3}}
	if _, ok := Between(line, Rect{0, 0, 1, 1}.Quad()); ok {
		t.Fatal("four points in line have no homography")
	}
}

func TestSimilarityIsRecovered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "angle")
		k := rapid.Float64Range(0.1, 10).Draw(t, "scale")
		want := Similarity{k * math.Cos(angle), k * math.Sin(angle), rapid.Float64Range(-99, 99).Draw(t, "x"), rapid.Float64Range(-99, 99).Draw(t, "y")}
		src := []Point{{0, 0}, {10, 3}, {4, 20}, {-7, 5}, {1, 1}}
		dst := make([]Point, len(src))
		for i, p := range src {
			dst[i] = want.Apply(p)
		}
		got := FitSimilarity(src, dst)
		for _, p := range src {
			if d := got.Apply(p).Distance(want.Apply(p)); d > 1e-6 {
				t.Fatalf("off by %g", d)
			}
			if d := got.Inverse().Apply(got.Apply(p)).Distance(p); d > 1e-6 {
				t.Fatalf("the inverse is off by %g", d)
			}
			if d := got.Homography().Apply(p).Distance(got.Apply(p)); d > 1e-9 {
				t.Fatalf("the projective form is off by %g", d)
			}
		}
	})
}

func TestMinAreaRectOfARotatedRectangle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi/4+0.01, math.Pi/4-0.01).Draw(t, "angle")
		s := Similarity{math.Cos(angle), math.Sin(angle), 50, 40}
		want := Rect{0, 0, 80, 20}.Quad()
		points := make([]Point, 0, 8)
		for i := range want {
			want[i] = s.Apply(want[i])
			points = append(points, want[i])
		}
		points = append(points, want.Center(), want[0].Midpoint(want[2]))
		got := MinAreaRect(points)
		for i := range want {
			if d := got[i].Distance(want[i]); d > 1e-6 {
				t.Fatalf("corner %d is %g away: %v, want %v", i, d, got, want)
			}
		}
		if !got.Convex() || math.Abs(got.Area()-1600) > 1e-6 {
			t.Fatalf("area %g", got.Area())
		}
	})
}

func TestWarpFindsTheContentOfAQuad(t *testing.T) {
	t.Parallel()
	scene := NewRGB(900, 700)
	quad := Quad{{200, 150}, {640, 210}, {600, 520}, {180, 430}}
	h, _ := Between(quad, Rect{0, 0, 400, 250}.Quad())
	card := gradient(400, 250)
	for y := range scene.Height {
		for x := range scene.Width {
			p := h.Apply(Point{float64(x) + 0.5, float64(y) + 0.5})
			if p.X >= 0 && p.Y >= 0 && p.X < 400 && p.Y < 250 {
				copy(scene.Pix[3*(y*900+x):], card.Pix[3*(int(p.Y)*400+int(p.X)):][:3])
			}
		}
	}
	got, ok := NewPyramid(scene).Rectify(quad, 200, 125)
	if !ok {
		t.Fatal("degenerate")
	}
	want := card.Halve()
	worst := 0
	for y := 5; y < 120; y++ {
		for x := 5; x < 195; x++ {
			i := 3 * (y*200 + x)
			worst = max(worst, int(got.Pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(got.Pix[i]), int(got.Pix[i+1])-int(want.Pix[i+1]))
		}
	}
	if worst > 6 {
		t.Errorf("a pixel is off by %d", worst)
	}
}

func TestResizeKeepsTheMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(20, 90).Draw(t, "w"), rapid.IntRange(20, 90).Draw(t, "h")
		g := gradient(w, h).Gray()
		out := g.Resize(rapid.IntRange(10, 120).Draw(t, "to w"), rapid.IntRange(10, 120).Draw(t, "to h"))
		if d := math.Abs(out.Brightness() - g.Brightness()); d > 0.02 {
			t.Fatalf("the mean moved by %g", d)
		}
	})
}

// TestOnePyramidServesManyAtOnce: the race detector tells whether the native image is read beside levels that are being made.
func TestOnePyramidServesManyAtOnce(t *testing.T) {
	t.Parallel()
	native := NewRGB(640, 480)
	for range 20 {
		p := NewPyramid(native)
		var group sync.WaitGroup
		for n := range 4 {
			group.Go(func() {
				if m, k := p.Fit(640 >> n); p.Native() != native || max(m.Width, m.Height) != 640>>n || math.Abs(k*640-float64(int(640)>>n)) > 1e-9 {
					t.Errorf("%d: %d by %d, factor %f", n, m.Width, m.Height, k)
				}
			})
		}
		group.Wait()
	}
}
