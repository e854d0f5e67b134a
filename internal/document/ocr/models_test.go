package ocr_test

import (
	"context"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"ekyc/internal/document/ocr"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// bundle is the networks as the program loads them.
type bundle struct {
	detector    *ocr.Detector
	recogniser  *ocr.Recogniser
	direction   *ocr.Direction
	orientation *ocr.Orientation
}

func setup(t *testing.T) bundle {
	t.Helper()
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	path, err := library.Path("onnxruntime")
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := vision.OpenRuntime(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(name string) *vision.Session {
		data, err := library.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		session, err := runtime.Load(name, data, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { session.Close() })
		return session
	}
	dictionary, err := library.Bytes("text_dictionary")
	if err != nil {
		t.Fatal(err)
	}
	asset, _ := library.Asset("text_detector")
	return bundle{
		ocr.NewDetector(load("text_detector"), ocr.DetectorOptions{
			PixelThreshold: asset.Parameters["pixel_threshold"], BoxThreshold: asset.Parameters["box_threshold"], UnclipRatio: asset.Parameters["unclip_ratio"],
		}),
		ocr.NewRecogniser(load("text_recogniser"), ocr.ParseDictionary(dictionary), ocr.RecogniserOptions{}),
		ocr.NewDirection(load("text_direction")),
		ocr.NewOrientation(load("page_orientation"), nil),
	}
}

var printed = []string{"REPUBLIC OF UTOPIA", "Surname / Nom", "ERIKSSON", "Given names / Prénoms", "ANNA MARIA", "Date of birth 12.08.1974"}

// page draws lines of print on a light ground.
func page(t *testing.T, lines []string) *vision.RGB {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 34, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	defer face.Close()
	m := image.NewNRGBA(image.Rect(0, 0, 900, 120+90*len(lines)))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.NRGBA{236, 232, 222, 255}), image.Point{}, draw.Src)
	for i, line := range lines {
		d := font.Drawer{Dst: m, Src: image.NewUniform(color.NRGBA{25, 25, 40, 255}), Face: face, Dot: fixed.P(90, 110+90*i)}
		d.DrawString(line)
	}
	return vision.FromImage(m)
}

func read(t *testing.T, b bundle, m *vision.RGB, quads []vision.Quad) []string {
	t.Helper()
	p := vision.NewPyramid(m)
	var crops []*vision.RGB
	for _, q := range quads {
		crop, ok := b.recogniser.Cut(p, q)
		if !ok {
			t.Fatal("a box has no area")
		}
		crops = append(crops, crop)
	}
	lines, err := b.recogniser.Read(context.Background(), crops, nil)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, l := range lines {
		if l.Confidence < 0.8 {
			t.Errorf("confidence %.2f on clean print", l.Confidence)
		}
		texts = append(texts, l.Text)
	}
	return texts
}

func sameText(a, b string) bool {
	squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	return squeeze(a) == squeeze(b)
}

func TestPrintIsFoundAndRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := page(t, printed)
	boxes, err := b.detector.Detect(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(boxes, func(x, y ocr.Box) int { return int(x.Quad.Center().Y - y.Quad.Center().Y) })
	if len(boxes) != len(printed) {
		t.Fatalf("%d lines found, want %d", len(boxes), len(printed))
	}
	var quads []vision.Quad
	for i, box := range boxes {
		if y := box.Quad.Center().Y; math.Abs(y-float64(98+90*i)) > 16 {
			t.Errorf("line %d is at %.0f", i, y)
		}
		quads = append(quads, box.Quad)
	}
	for i, text := range read(t, b, m, quads) {
		if !sameText(text, printed[i]) {
			t.Errorf("read %q, printed %q", text, printed[i])
		}
	}
}

func TestTurnedPrintIsFoundAtItsAngle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := page(t, printed)
	const angle = 0.35
	c := m.Bounds().Center()
	turn := vision.Similarity{A: math.Cos(angle), B: -math.Sin(angle)}
	at := turn.Apply(c)
	turn.TX, turn.TY = c.X-at.X, c.Y-at.Y
	turned := m.Warp(turn.Homography(), m.Width, m.Height, vision.BorderReplicate)
	boxes, err := b.detector.Detect(context.Background(), turned)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, box := range boxes {
		if box.Long() > 5*box.Short() && math.Abs(box.Along()-angle) < 0.05 {
			found++
		}
	}
	if found < 4 {
		t.Errorf("%d of %d boxes run along the print", found, len(boxes))
	}
}

func TestRestrictedProbabilitiesAreADistribution(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := page(t, []string{"P<UTOERIKSSON<<ANNA"})
	boxes, err := b.detector.Detect(context.Background(), m)
	if err != nil || len(boxes) != 1 {
		t.Fatalf("%d lines, %v", len(boxes), err)
	}
	crop, _ := b.recogniser.Cut(vision.NewPyramid(m), boxes[0].Quad)
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
	steps, err := b.recogniser.LogProbabilities(context.Background(), []*vision.RGB{crop}, alphabet)
	if err != nil {
		t.Fatal(err)
	}
	classes := len(alphabet) + 1
	if len(steps[0]) < 20*classes || len(steps[0])%classes != 0 {
		t.Fatalf("%d values", len(steps[0]))
	}
	var text strings.Builder
	last := 0
	for row := range slices.Chunk(steps[0], classes) {
		sum, best := 0.0, 0
		for c, v := range row {
			sum += math.Exp(float64(v))
			if v > row[best] {
				best = c
			}
		}
		if math.Abs(sum-1) > 1e-3 {
			t.Fatalf("a step sums to %.4f", sum)
		}
		if best != 0 && best != last {
			text.WriteByte(alphabet[best-1])
		}
		last = best
	}
	if !strings.HasPrefix(text.String(), "P<UTOER") {
		t.Errorf("the likeliest classes spell %q", text.String())
	}
}

func TestLinesOnTheirHeadAndTurnedPagesAreTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := page(t, printed)
	boxes, err := b.detector.Detect(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	var up, down []vision.Quad
	for _, box := range boxes {
		up, down = append(up, box.Quad), append(down, box.Quad.Turn(2))
	}
	p := vision.NewPyramid(m)
	mean := func(quads []vision.Quad) float64 {
		probabilities, err := b.direction.UpsideDown(context.Background(), p, quads)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range probabilities {
			sum += v / float64(len(probabilities))
		}
		return sum
	}
	if u, d := mean(up), mean(down); u > 0.3 || d < 0.7 {
		t.Errorf("upside down: %.2f for upright lines, %.2f for turned ones", u, d)
	}
	for turns := range 4 {
		r := m.Rotate90(turns)
		got, err := b.orientation.Turns(context.Background(), vision.NewPyramid(r), r.Bounds().Quad())
		if err != nil {
			t.Fatal(err)
		}
		if best := slices.Index(got[:], slices.Max(got[:])); best != turns {
			t.Errorf("turned %d times, told %d (%.2f)", turns, best, got)
		}
	}
}

func TestReadingIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := page(t, printed[:3])
	boxes, err := b.detector.Detect(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	var crops []*vision.RGB
	for _, box := range boxes {
		crop, _ := b.recogniser.Cut(vision.NewPyramid(m), box.Quad)
		crops = append(crops, crop)
	}
	var group sync.WaitGroup
	results := make([][]ocr.Line, 4)
	for i := range results {
		group.Go(func() { results[i], _ = b.recogniser.Read(context.Background(), crops, nil) })
	}
	group.Wait()
	for i, lines := range results {
		for k, l := range lines {
			if l.Text == "" || l.Text != results[0][k].Text {
				t.Errorf("run %d read %q, run 0 %q", i, l.Text, results[0][k].Text)
			}
		}
	}
}

func TestACancelledContextStopsTheWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.detector.Detect(ctx, page(t, printed)); err == nil {
		t.Error("detection went on")
	}
	if _, err := b.recogniser.Read(ctx, []*vision.RGB{vision.NewRGB(100, 48)}, nil); err == nil {
		t.Error("recognition went on")
	}
}
