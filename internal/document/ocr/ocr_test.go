package ocr

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ekyc/internal/vision"
)

func TestParseDictionaryGivesOneCharacterALine(t *testing.T) {
	t.Parallel()
	got := ParseDictionary([]byte("a\r\nÉ\n\n<\n"))
	if want := []rune{'a', 'É', ' ', '<'}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGrowAndShrinkAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-3, 3).Draw(t, "angle")
		w, h := rapid.Float64Range(20, 500).Draw(t, "width"), rapid.Float64Range(20, 90).Draw(t, "height")
		q := rotated(w, h, angle)
		grown := Grow(q, 7, 3)
		if math.Abs(grown.Width()-w-14) > 1e-6 || math.Abs(grown.Height()-h-6) > 1e-6 {
			t.Fatalf("%.1f × %.1f grew to %.2f × %.2f", w, h, grown.Width(), grown.Height())
		}
		for i, p := range Grow(grown, -7, -3) {
			if p.Distance(q[i]) > 1e-6 {
				t.Fatalf("corner %d moved by %g", i, p.Distance(q[i]))
			}
		}
	})
}

func rotated(w, h, angle float64) vision.Quad {
	var q vision.Quad
	for i, c := range [4][2]float64{{0, 0}, {w, 0}, {w, h}, {0, h}} {
		q[i] = vision.Point{X: 300 + c[0]*math.Cos(angle) - c[1]*math.Sin(angle), Y: 300 + c[0]*math.Sin(angle) + c[1]*math.Cos(angle)}
	}
	return q
}

func TestBoxKnowsTheDirectionOfItsLongSide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi/2+0.02, math.Pi/2-0.02).Draw(t, "angle")
		q := rotated(300, 30, angle)
		b := Box{Quad: vision.MinAreaRect(q[:])}
		if d := math.Abs(math.Remainder(b.Along()-angle, math.Pi)); d > 1e-6 {
			t.Fatalf("direction %.4f, want %.4f", b.Along(), angle)
		}
		if math.Abs(b.Long()-300) > 1e-6 || math.Abs(b.Short()-30) > 1e-6 {
			t.Fatalf("sides %.2f and %.2f", b.Long(), b.Short())
		}
	})
}

func TestBatchesHoldEveryLineOnceAndLittlePadding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		widths := rapid.SliceOfN(rapid.IntRange(16, 1900), 0, 60).Draw(t, "widths")
		var crops []*vision.RGB
		for _, w := range widths {
			crops = append(crops, &vision.RGB{Width: w, Height: 48})
		}
		seen := make([]int, len(crops))
		most := rapid.IntRange(1, 8).Draw(t, "most")
		for _, batch := range batches(crops, most) {
			if len(batch) == 0 || len(batch) > most {
				t.Fatalf("a batch of %d lines", len(batch))
			}
			for _, i := range batch {
				seen[i]++
				if float64(crops[i].Width) < (1-maxPadding)*float64(crops[batch[0]].Width) {
					t.Fatalf("width %d padded to %d", crops[i].Width, crops[batch[0]].Width)
				}
			}
		}
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("line %d is in %d batches", i, n)
			}
		}
	})
}

// steps builds a recogniser's output of one step a class.
func steps(classes int, likeliest ...int) Steps {
	s := Steps{Classes: classes, Span: 1}
	for _, best := range likeliest {
		for c := range classes {
			p := float32(0.1 / float64(classes))
			if c == best {
				p = 0.9
			}
			s.Probability = append(s.Probability, p)
		}
	}
	return s
}

func TestDecodeDropsBlanksAndRepetitions(t *testing.T) {
	t.Parallel()
	r := NewRecogniser(nil, []rune{'A', 'B', '<'}, RecogniserOptions{}) // blank A B < and the space
	line := r.decode(steps(5, 0, 1, 1, 0, 1, 2, 4, 3, 0), nil)
	if line.Text != "AAB <" {
		t.Errorf("text %q", line.Text)
	}
	if math.Abs(line.Confidence-0.9) > 1e-6 || len(line.Characters) != 5 {
		t.Errorf("confidence %.3f of %d characters", line.Confidence, len(line.Characters))
	}
	for i := 1; i < len(line.Characters); i++ {
		if line.Characters[i].At <= line.Characters[i-1].At {
			t.Errorf("character %d stands at %.2f, before the one before it", i, line.Characters[i].At)
		}
	}
}

func TestAlphabetRestrictsTheClasses(t *testing.T) {
	t.Parallel()
	r := NewRecogniser(nil, []rune{'a', 'B', '<'}, RecogniserOptions{})
	upper := r.Alphabet(func(c rune) bool { return c == 'B' || c == '<' })
	line := r.decode(Steps{Probability: []float32{0.1, 0.6, 0.3, 0, 0}, Classes: 5, Span: 1}, upper)
	if line.Text != "B" {
		t.Errorf("text %q, want the likeliest permitted character", line.Text)
	}
}

func TestWhatLiesOnPaddingIsNotRead(t *testing.T) {
	t.Parallel()
	r := NewRecogniser(nil, []rune{'A', 'B'}, RecogniserOptions{})
	s := steps(4, 1, 0, 0, 2)
	s.Span = 0.5 // the crop ends after the second step
	if line := r.decode(s, nil); line.Text != "A" {
		t.Errorf("text %q, want A: B is on the padding", line.Text)
	}
}

func TestKernelsBecomeRectangles(t *testing.T) {
	t.Parallel()
	const width, height = 96, 64
	probability := make([]float32, width*height)
	for y := 20; y < 28; y++ {
		for x := 10; x < 70; x++ {
			probability[y*width+x] = 0.9
		}
	}
	for y := 50; y < 52; y++ { // too thin to be text
		for x := 10; x < 20; x++ {
			probability[y*width+x] = 0.9
		}
	}
	boxes := NewDetector(nil, DetectorOptions{}).boxes(probability, width, height, vision.Point{X: 2, Y: 2})
	if len(boxes) != 1 {
		t.Fatalf("%d boxes, want 1", len(boxes))
	}
	// 60 × 8 grown by 60·8·1.6/(2·68) = 5.65 to each side, twice as large in the image.
	if b := boxes[0]; math.Abs(b.Quad.Width()-2*(60+11.29)) > 0.1 || math.Abs(b.Quad.Height()-2*(8+11.29)) > 0.1 || b.Score < 0.89 {
		t.Errorf("box %.2f × %.2f, score %.2f", b.Quad.Width(), b.Quad.Height(), b.Score)
	}
}
