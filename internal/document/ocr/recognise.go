package ocr

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"

	"ekyc"
	"ekyc/internal/vision"
)

// RecogniserOptions are the numbers that belong to a recogniser's weights. The zero value of a field means PP-OCR's published number.
type RecogniserOptions struct {
	Height        int                   // of the line crops in pixels; 48
	Normalisation *vision.Normalisation // bytes to −1 … 1, blue first
	Workers       int                   // batches read at the same time, each on one thread; 2
	Batch         int                   // the most lines that are read in one run; 6 as PaddleOCR's rec_batch_num. More only costs memory
}

const (
	// maxPadding is the share of a batch's width that may be padding: beyond it the work saved by fewer runs is lost.
	maxPadding = 0.15
	// minLineWidth and maxLineWidth bound a crop's width in multiples of its height. The longest line of a document is a line
	// of a machine readable zone, 44 characters at about 24 times its height.
	minLineWidth, maxLineWidth = 1.0, 40.0
)

// Recogniser reads lines of text. It is safe for concurrent use.
type Recogniser struct {
	session    *vision.Session
	dictionary []rune // by class; class 0 is the blank
	options    RecogniserOptions
}

// ParseDictionary splits a dictionary file: one character a line, class 1 first. A line of several code points keeps its first.
func ParseDictionary(file []byte) []rune {
	text := strings.TrimSuffix(strings.ReplaceAll(string(file), "\r\n", "\n"), "\n")
	var dictionary []rune
	for line := range strings.SplitSeq(text, "\n") {
		r := []rune(line)
		if len(r) == 0 {
			r = []rune{' '}
		}
		dictionary = append(dictionary, r[0])
	}
	return dictionary
}

// NewRecogniser makes a recogniser of a session whose input is [lines, 3, height, width] and whose output is the probability of each
// class at each step, [lines, steps, classes], class 0 the blank, then the dictionary, then the space.
func NewRecogniser(session *vision.Session, dictionary []rune, options RecogniserOptions) *Recogniser {
	options.Height = cmp.Or(options.Height, 48)
	options.Workers = cmp.Or(options.Workers, 2)
	options.Batch = cmp.Or(options.Batch, 6)
	if options.Normalisation == nil {
		n := vision.UniformNormalisation(127.5, 127.5)
		n.BGR = true
		options.Normalisation = &n
	}
	classes := append([]rune{0}, dictionary...)
	return &Recogniser{session, append(classes, ' '), options}
}

// Alphabet is a set of characters that a line may hold, as classes of one recogniser.
type Alphabet struct{ classes []int }

// Alphabet selects the characters for which keep is true; the blank is always among them.
func (r *Recogniser) Alphabet(keep func(rune) bool) *Alphabet {
	a := &Alphabet{classes: []int{0}}
	for class, char := range r.dictionary[1:] {
		if keep(char) {
			a.classes = append(a.classes, class+1)
		}
	}
	return a
}

// Cut takes the content of a quadrilateral of native coordinates as a line of the recogniser's height.
func (r *Recogniser) Cut(p *vision.Pyramid, q vision.Quad) (*vision.RGB, bool) {
	ratio := q.Width() / max(1e-6, q.Height())
	width := int(math.Ceil(min(max(ratio, minLineWidth), maxLineWidth) * float64(r.options.Height)))
	return p.Rectify(q, width, r.options.Height)
}

// Read reads line crops of the recogniser's height (Cut makes them). alphabet nil: every character of the dictionary.
// Errors: ErrCancelled, ErrInternal.
func (r *Recogniser) Read(ctx context.Context, crops []*vision.RGB, alphabet *Alphabet) ([]Line, error) {
	lines := make([]Line, len(crops))
	err := r.run(ctx, crops, func(i int, steps Steps) { lines[i] = r.decode(steps, alphabet) })
	return lines, err
}

// Steps is the recogniser's output for one line: the probability of each class, row-major, one row a step. Span is the share
// of the steps that lie on the crop; the rest on padding.
type Steps struct {
	Probability []float32
	Classes     int
	Span        float64
}

// Count is the number of steps.
func (s Steps) Count() int { return len(s.Probability) / s.Classes }

// LogProbabilities reads line crops and gives, for each, row-major, one row a step with the natural logarithm of the probability of
// the blank and of each character of alphabet in its order, normalised over these. Errors: ErrCancelled, ErrInternal.
func (r *Recogniser) LogProbabilities(ctx context.Context, crops []*vision.RGB, alphabet string) ([][]float32, error) {
	classes := []int{0}
	for _, char := range alphabet {
		classes = append(classes, slices.Index(r.dictionary, char))
	}
	if slices.Contains(classes, -1) {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the dictionary of model %s lacks a character of the alphabet", r.session.Name())
	}
	out := make([][]float32, len(crops))
	err := r.run(ctx, crops, func(i int, steps Steps) { out[i] = logarithms(steps, classes) })
	return out, err
}

// leastProbability keeps logarithms finite.
const leastProbability = 1e-7

func logarithms(steps Steps, classes []int) []float32 {
	count := min(steps.Count(), int(math.Ceil(float64(steps.Count())*steps.Span)))
	rows := make([]float32, 0, count*len(classes))
	for t := range count {
		all := steps.Probability[t*steps.Classes : (t+1)*steps.Classes]
		sum := 0.0
		for _, class := range classes {
			sum += float64(all[class]) + leastProbability
		}
		for _, class := range classes {
			rows = append(rows, float32(math.Log((float64(all[class])+leastProbability)/sum)))
		}
	}
	return rows
}

// run feeds the crops in batches of like width to several workers and hands each line's steps to done, which is called
// for each index once, from several goroutines.
func (r *Recogniser) run(ctx context.Context, crops []*vision.RGB, done func(i int, steps Steps)) error {
	work := make(chan []int)
	var group sync.WaitGroup
	errs := make([]error, r.options.Workers)
	for w := range r.options.Workers {
		group.Go(func() {
			for batch := range work {
				if errs[w] == nil {
					errs[w] = r.runBatch(ctx, crops, batch, done)
				}
			}
		})
	}
	for _, batch := range batches(crops, r.options.Batch) {
		work <- batch
	}
	close(work)
	group.Wait()
	return errors.Join(errs...)
}

// batches groups the crops by width, at most that many in one, widest first, so that the longest work starts first.
func batches(crops []*vision.RGB, most int) [][]int {
	order := make([]int, len(crops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return crops[b].Width - crops[a].Width })
	var out [][]int
	for _, i := range order {
		if n := len(out); n > 0 && len(out[n-1]) < most && float64(crops[i].Width) >= (1-maxPadding)*float64(crops[out[n-1][0]].Width) {
			out[n-1] = append(out[n-1], i)
			continue
		}
		out = append(out, []int{i})
	}
	return out
}

func (r *Recogniser) runBatch(ctx context.Context, crops []*vision.RGB, batch []int, done func(i int, steps Steps)) error {
	width := 0
	for _, i := range batch {
		width = max(width, crops[i].Width)
	}
	padded := make([]*vision.RGB, len(batch))
	for k, i := range batch {
		padded[k] = pad(crops[i], width)
	}
	out, err := r.session.Run(ctx, vision.Planar(*r.options.Normalisation, padded...))
	if err != nil {
		return err
	}
	if len(out) == 0 || len(out[0].Shape) != 3 || int(out[0].Shape[0]) != len(batch) || int(out[0].Shape[2]) > len(r.dictionary) {
		return ekyc.Errorf(ekyc.ErrInternal, "model %s and its dictionary do not fit together", r.session.Name())
	}
	steps, classes := int(out[0].Shape[1]), int(out[0].Shape[2])
	for k, i := range batch {
		data := out[0].Data[k*steps*classes : (k+1)*steps*classes]
		done(i, Steps{data, classes, float64(crops[i].Width) / float64(width)})
	}
	return nil
}

// padValue is the byte nearest to 0 after normalisation, which is what the networks were padded with in training.
const padValue = 127

// pad widens a crop on its right.
func pad(m *vision.RGB, width int) *vision.RGB {
	if m.Width == width {
		return m
	}
	out := vision.NewRGB(width, m.Height)
	for y := range m.Height {
		row := out.Pix[3*y*width : 3*(y+1)*width]
		n := copy(row, m.Pix[3*y*m.Width:3*(y+1)*m.Width])
		for i := n; i < len(row); i++ {
			row[i] = padValue
		}
	}
	return out
}

// decode takes the likeliest class of each step, drops repetitions and blanks.
func (r *Recogniser) decode(steps Steps, alphabet *Alphabet) Line {
	var line Line
	var text strings.Builder
	last, sum, count := 0, 0.0, steps.Count()
	for t := range count {
		row := steps.Probability[t*steps.Classes : (t+1)*steps.Classes]
		class := alphabet.best(row)
		at := (float64(t) + 0.5) / float64(count) / steps.Span
		switch {
		case class == 0 || at > 1:
		case class == last:
			c := &line.Characters[len(line.Characters)-1]
			c.Confidence = max(c.Confidence, float64(row[class]))
		default:
			line.Characters = append(line.Characters, Character{r.dictionary[class], float64(row[class]), at})
			text.WriteRune(r.dictionary[class])
		}
		last = class
	}
	for _, c := range line.Characters {
		sum += c.Confidence
	}
	line.Text = text.String()
	if n := len(line.Characters); n > 0 {
		line.Confidence = sum / float64(n)
	}
	return line
}

func (a *Alphabet) best(row []float32) int {
	best := 0
	if a == nil {
		for class, p := range row {
			if p > row[best] {
				best = class
			}
		}
		return best
	}
	for _, class := range a.classes {
		if class < len(row) && row[class] > row[best] {
			best = class
		}
	}
	return best
}
