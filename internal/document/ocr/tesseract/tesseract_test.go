package tesseract

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// margin around the text in pixels, as a detector leaves it.
const margin = 8

func reader(t testing.TB, script Script) *Reader {
	t.Helper()
	r, err := Open("", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// drawn writes text, black on white, in one of the Go fonts, which have Cyrillic and Greek letters.
func drawn(t testing.TB, text string, ttf []byte, size float64) *vision.Gray {
	t.Helper()
	f, err := opentype.Parse(ttf)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		t.Fatal(err)
	}
	defer face.Close()
	for _, c := range text {
		if _, ok := face.GlyphAdvance(c); !ok {
			t.Fatalf("the font lacks %q", c)
		}
	}
	m := face.Metrics()
	canvas := image.NewGray(image.Rect(0, 0, font.MeasureString(face, text).Ceil()+2*margin, (m.Ascent+m.Descent).Ceil()+2*margin))
	draw.Draw(canvas, canvas.Bounds(), image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: canvas, Src: image.Black, Face: face, Dot: fixed.Point26_6{X: fixed.I(margin), Y: fixed.I(margin) + m.Ascent}}
	d.DrawString(text)
	return &vision.Gray{Width: canvas.Rect.Dx(), Height: canvas.Rect.Dy(), Pix: canvas.Pix}
}

// photographed makes a crop as a camera gives it: letters of a few pixels on a ground that darkens, and noise.
func photographed(g *vision.Gray, height int) *vision.Gray {
	small := g.Resize(g.Width*height/g.Height, height)
	random := rand.New(rand.NewPCG(1, 2))
	for i, v := range small.Pix {
		ground := 30 * float64(i%small.Width) / float64(small.Width)
		small.Pix[i] = byte(math.Max(0, math.Min(255, 60+ground+float64(v)/2+6*random.NormFloat64())))
	}
	return small
}

type sample struct {
	name, text string
	script     Script
	gray       *vision.Gray
}

// drawnSamples are lines that Go can draw; storedSamples are drawn by testdata/render.sh.
func drawnSamples(t testing.TB) []sample {
	var samples []sample
	for _, s := range []struct {
		script Script
		text   string
		ttf    []byte
	}{
		{Cyrillic, "ИВАНОВА АННА СЕРГЕЕВНА", goregular.TTF},
		{Cyrillic, "ПЕТРЕНКО ОЛЕКСАНДР ІВАНОВИЧ", gobold.TTF},
		{Cyrillic, "ЩЕРБАКОВ ЮРИЙ ЁЛКИН", goregular.TTF},
		{Cyrillic, "Дата рождения 12.07.1985", goregular.TTF},
		{Cyrillic, "КЪЩОВА ЮЛИЯ ПЕТРОВА", goregular.TTF},
		{Greek, "ΠΑΠΑΔΟΠΟΥΛΟΣ ΓΕΩΡΓΙΟΣ", goregular.TTF},
		{Greek, "ΕΛΛΗΝΙΚΗ ΔΗΜΟΚΡΑΤΙΑ", gobold.TTF},
		{Greek, "ΞΑΝΘΟΠΟΥΛΟΥ ΨΥΧΗ", goregular.TTF},
	} {
		samples = append(samples, sample{s.text, s.text, s.script, drawn(t, s.text, s.ttf, 32)})
	}
	return samples
}

func storedSamples(t testing.TB) []sample {
	t.Helper()
	list, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	var samples []sample
	for row := range strings.Lines(string(list)) {
		column := strings.Split(strings.TrimSpace(row), "|")
		if len(column) != 4 {
			t.Fatalf("a row of testdata/lines.txt has %d columns", len(column))
		}
		file, err := os.ReadFile(filepath.Join("testdata", column[0]))
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, sample{column[0], column[3], Script(column[1]), vision.FromImage(m).Gray()})
	}
	if len(samples) < 10 {
		t.Fatalf("only %d stored lines", len(samples))
	}
	return samples
}

func TestReadsLinesOfEveryScript(t *testing.T) {
	t.Parallel()
	readers, seen := map[Script]*Reader{}, map[Script]int{}
	for _, s := range append(drawnSamples(t), storedSamples(t)...) {
		if readers[s.script] == nil {
			readers[s.script] = reader(t, s.script)
		}
		seen[s.script]++
		got, err := readers[s.script].Line(t.Context(), s.gray)
		if err != nil {
			t.Fatal(err)
		}
		if got.Text != s.text {
			t.Errorf("%s: read %q instead of %q", s.name, got.Text, s.text)
		}
		if got.Confidence < 0.9 || got.Confidence > 1 || got.Weakest() < 0.5 {
			t.Errorf("%s: confidence %.2f, weakest %.2f", s.name, got.Confidence, got.Weakest())
		}
		checkCharacters(t, s, got)
	}
	for _, script := range Scripts {
		if seen[script] < 3 {
			t.Errorf("only %d lines in %s", seen[script], script)
		}
	}
}

// checkCharacters checks that the characters spell the text and lie along the line in its direction.
func checkCharacters(t *testing.T, s sample, l ocr.Line) {
	t.Helper()
	var text []rune
	var places []float64
	for _, c := range l.Characters {
		text, places = append(text, c.Rune), append(places, c.At)
	}
	if string(text) != l.Text {
		t.Errorf("%s: characters %q, text %q", s.name, string(text), l.Text)
	}
	if s.script == Arabic {
		slices.Reverse(places)
	}
	const overlap = 0.08 // letters of a ligature, and marks, lie above one another
	furthest := 0.0
	for _, at := range places {
		if at < furthest-overlap || at > 1 {
			t.Errorf("%s: characters at %.2f", s.name, places)
			break
		}
		furthest = max(furthest, at)
	}
	if places[0] > 0.2 || furthest < 0.8 {
		t.Errorf("%s: characters from %.2f to %.2f of the line", s.name, places[0], furthest)
	}
}

func TestReadsSmallNoisyLines(t *testing.T) {
	t.Parallel()
	cyrillic, greek := reader(t, Cyrillic), reader(t, Greek)
	wrong, total := 0, 0
	for _, s := range drawnSamples(t) {
		r := cyrillic
		if s.script == Greek {
			r = greek
		}
		for _, height := range []int{36, 28, 24} {
			got, err := r.Line(t.Context(), photographed(s.gray, height))
			if err != nil {
				t.Fatal(err)
			}
			wrong += distance([]rune(s.text), []rune(got.Text))
			total += len([]rune(s.text))
		}
	}
	if total < 400 || float64(wrong) > 0.03*float64(total) {
		t.Errorf("%d of %d characters are wrong", wrong, total)
	}
}

// distance is Levenshtein's.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := append(make([]int, 0, len(b)+1), i+1)
		for j := range b {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next = append(next, min(change, row[j+1]+1, next[j]+1))
		}
		row = next
	}
	return row[len(b)]
}

func TestIsSafeForConcurrentUseAndForgetsEarlierLines(t *testing.T) {
	t.Parallel()
	r := reader(t, Cyrillic)
	samples := slices.DeleteFunc(drawnSamples(t), func(s sample) bool { return s.script != Cyrillic })
	want := make([]ocr.Line, len(samples))
	for i, s := range samples {
		var err error
		if want[i], err = r.Line(t.Context(), s.gray); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for k := range 6 {
		group.Go(func() {
			for i := range 2 * len(samples) {
				i = (i*(k+1) + k) % len(samples)
				got, err := r.Line(t.Context(), samples[i].gray)
				if err != nil || got.Text != want[i].Text || !slices.Equal(got.Characters, want[i].Characters) {
					t.Errorf("line %d: %q, %v; alone it was %q", i, got.Text, err, want[i].Text)
				}
			}
		})
	}
	group.Wait()
}

func TestOpensAnotherEngineOnlyWhenOneIsBusy(t *testing.T) {
	t.Parallel()
	r := reader(t, Greek)
	for range 5 {
		if _, err := r.Line(t.Context(), drawnSamples(t)[5].gray); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.idle) != 1 || len(r.places) != maxEngines-1 {
		t.Errorf("%d engines wait and %d may be opened after lines one by one", len(r.idle), len(r.places))
	}
}

func TestReadersOpenAScriptOnce(t *testing.T) {
	t.Parallel()
	r := NewReaders("")
	t.Cleanup(r.Close)
	var group sync.WaitGroup
	for _, s := range append(drawnSamples(t), storedSamples(t)...) {
		group.Go(func() {
			if l, err := r.Line(t.Context(), s.script, s.gray); err != nil || l.Text != s.text {
				t.Errorf("%s: read %q, error %v", s.name, l.Text, err)
			}
		})
	}
	group.Wait()
	if len(r.open) != len(Scripts) {
		t.Errorf("%d readers for %d scripts", len(r.open), len(Scripts))
	}
	empty := NewReaders(t.TempDir())
	if _, err := empty.Line(t.Context(), Greek, vision.NewGray(99, 48)); ekyc.CodeOf(err) != ekyc.ErrModelMissing {
		t.Errorf("error %v instead of %s", err, ekyc.ErrModelMissing)
	}
}

func TestUsesOneThread(t *testing.T) {
	// Not parallel: it counts the threads of the process, and keeps those down that Go starts by itself.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := reader(t, Cyrillic)
	g := drawnSamples(t)[0].gray
	before := threads(t)
	for range 20 {
		if _, err := r.Line(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	// Tesseract's own choice would leave three more threads waiting beside each that called it; Go may start a few of its own.
	if after := threads(t); after > before+2 {
		t.Errorf("%d threads before, %d after", before, after)
	}
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("%d threads: %v", len(tasks), err)
	}
	return len(tasks)
}

func TestMissingOrDamagedDataNamesThePackage(t *testing.T) {
	t.Parallel()
	damaged := t.TempDir()
	for _, p := range packs {
		if err := os.WriteFile(filepath.Join(damaged, p.data+".traineddata"), []byte("no such thing"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, directory := range []string{t.TempDir(), damaged, filepath.Join(t.TempDir(), "nowhere")} {
		for _, script := range Scripts {
			r, err := Open(directory, script)
			if e, ok := errors.AsType[*ekyc.Error](err); !ok || e.Code != ekyc.ErrModelMissing || !strings.Contains(e.Message, "tesseract-ocr-script-"+strings.ToLower(string(script))) {
				t.Errorf("%s: reader %v, error %v", script, r, err)
			}
		}
	}
	if _, err := Open("", "Goth"); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("error %v instead of %s", err, ekyc.ErrInvalidArgument)
	}
}

func TestOddInput(t *testing.T) {
	t.Parallel()
	r := reader(t, Greek)
	for name, g := range map[string]*vision.Gray{"nil": nil, "empty": {}, "short": {Width: 10, Height: 10, Pix: make([]byte, 99)}, "negative": {Width: -1, Height: -1, Pix: []byte{0}}} {
		if _, err := r.Line(t.Context(), g); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: error %v instead of %s", name, err, ekyc.ErrInvalidArgument)
		}
	}
	noise := vision.NewGray(400, 48)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range noise.Pix {
		noise.Pix[i] = byte(random.UintN(256))
	}
	blank := vision.NewGray(300, 40)
	for i := range blank.Pix {
		blank.Pix[i] = 255
	}
	for name, g := range map[string]*vision.Gray{"dot": vision.NewGray(1, 1), "thread": vision.NewGray(4000, 6), "pole": vision.NewGray(6, 4000), "black": vision.NewGray(300, 40), "blank": blank} {
		if l, err := r.Line(t.Context(), g); err != nil || l.Text != "" || l.Confidence != 0 || len(l.Characters) != 0 {
			t.Errorf("%s: line %+v, error %v", name, l, err)
		}
	}
	if l, err := r.Line(t.Context(), noise); err != nil || len(l.Characters) > maxGlyphs {
		t.Errorf("noise: %d characters, error %v", len(l.Characters), err)
	}
}

func TestStopsWaitingWhenCancelled(t *testing.T) {
	t.Parallel()
	r := reader(t, Greek)
	g := drawnSamples(t)[5].gray
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Line(over, g); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("error %v instead of %s", err, ekyc.ErrCancelled)
	}
	var taken []func()
	for range maxEngines { // as if all engines were reading
		engine, err := r.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, func() { r.idle <- engine })
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Line(short, g); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("error %v instead of %s", err, ekyc.ErrCancelled)
	}
	for _, giveBack := range taken {
		giveBack()
	}
	if l, err := r.Line(t.Context(), g); err != nil || l.Text == "" {
		t.Errorf("line %q, error %v after the engines came back", l.Text, err)
	}
	r.Close()
	if _, err := r.Line(t.Context(), g); ekyc.CodeOf(err) != ekyc.ErrInternal {
		t.Errorf("error %v instead of %s from a closed reader", err, ekyc.ErrInternal)
	}
}

func TestScriptOf(t *testing.T) {
	t.Parallel()
	for country, want := range map[string]Script{
		"RUS": Cyrillic, "UKR": Cyrillic, "BLR": Cyrillic, "BGR": Cyrillic, "KAZ": Cyrillic, "KGZ": Cyrillic, "MKD": Cyrillic, "SRB": Cyrillic,
		"EGY": Arabic, "SAU": Arabic, "IRN": Arabic, "IND": Devanagari, "NPL": Devanagari, "GRC": Greek, "CYP": Greek,
		"rus": Cyrillic, "UA": Cyrillic, "GR": Greek, "SCG": Cyrillic, "D": "", "DEU": "", "FRA": "", "ISR": "", "GEO": "", "UTO": "", "": "", "<<<": "",
	} {
		if got, ok := ScriptOf(country); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v instead of %q", country, got, ok, want)
		}
	}
	for script, countries := range printedIn {
		for _, code := range countries {
			if _, known := ekyc.CountryByCode(code); !known {
				t.Errorf("%s is no country's code", code)
			}
			if got, _ := ScriptOf(code); got != script {
				t.Errorf("%s has %s and %s", code, script, got)
			}
		}
	}
}

func TestNational(t *testing.T) {
	t.Parallel()
	line := func(text string, confidence float64) ocr.Line {
		l := ocr.Line{Text: text, Confidence: confidence}
		for _, r := range text {
			l.Characters = append(l.Characters, ocr.Character{Rune: r, Confidence: confidence})
		}
		return l
	}
	for _, c := range []struct {
		country, text string
		confidence    float64
		want          string
	}{
		{"RUS", "ЕВГЕНИЙ", 0.99, "ЕВГЕНИЙ"},
		{"RUS", "ЕВГЕНИЙ", 0.8, ""},       // unsure
		{"RUS", "РАЅЅРОВТ", 0.99, ""},     // PASSPORT: Ѕ is Macedonian
		{"MKD", "ЅВЕЗДА", 0.99, "ЅВЕЗДА"}, // there it is not foreign
		{"SRB", "ЂОРЂЕВИЋ", 0.99, "ЂОРЂЕВИЋ"},
		{"BGR", "ЂОРЂЕВИЋ", 0.99, ""},
		{"UKR", "Ім'я/ бїмеп Матеѕ", 0.96, "Ім'я"}, // the Latin half after the stroke is read as if it were Cyrillic
		{"UKR", "МАР'ЯНА/МАВІАМА", 0.99, "МАР'ЯНА"},
		{"KAZ", "НҰРҒАЛИЕВ", 0.99, "НҰРҒАЛИЕВ"},
		{"UKR", "1234567890", 0.99, ""}, // no letters
		{"RUS", "8", 0.99, ""},
		{"GRC", "ΓΕΩΡΓΙΟΣ", 0.99, "ΓΕΩΡΓΙΟΣ"},
		{"GRC", "ЕВГЕНИЙ", 0.99, ""}, // another script
		{"IND", "भारत सरकार", 0.99, "भारत सरकार"},
		{"IRN", "ایران", 0.99, "ایران"},
		{"FRA", "ΓΕΩΡΓΙΟΣ", 0.99, ""}, // no script
		{"BLR", "12.07 МІНСК / MINSK", 0.99, "12.07 МІНСК"},
	} {
		got, ok := National(c.country, line(c.text, c.confidence))
		if got.Text != c.want || ok != (c.want != "") {
			t.Errorf("%s %q at %.2f: %q, %v instead of %q", c.country, c.text, c.confidence, got.Text, ok, c.want)
		}
		if ok && (len(got.Characters) != len([]rune(got.Text)) || math.Abs(got.Confidence-c.confidence) > 1e-9) {
			t.Errorf("%s %q: %d characters with confidence %.2f", c.country, c.text, len(got.Characters), got.Confidence)
		}
	}
	for _, code := range printedIn[Cyrillic] {
		if alphabets[code] == "" {
			t.Errorf("the alphabet of %s is not known", code)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	for _, s := range []sample{drawnSamples(b)[0], drawnSamples(b)[5], storedSamples(b)[0], storedSamples(b)[7]} {
		b.Run(string(s.script), func(b *testing.B) {
			r := reader(b, s.script)
			for b.Loop() {
				if l, err := r.Line(b.Context(), s.gray); err != nil || l.Text != s.text {
					b.Fatalf("read %q, error %v", l.Text, err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, script := range Scripts {
		b.Run(string(script), func(b *testing.B) {
			for b.Loop() {
				r, err := Open("", script)
				if err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		})
	}
}
