package mrz

import (
	"math"
	"slices"

	"ekyc"
)

// DecoderOptions are the thresholds of a Decoder. A zero value stands for the default.
type DecoderOptions struct {
	// MinMargin in nats: a reading is weak when a character under a check digit leads its runner-up by less.
	MinMargin float64
	// MaxPenalty in nats per character: rows that fit no format better than this below their free reading are no zone.
	MaxPenalty float64
}

// The defaults. A margin of 2 nats is odds of 7 to 1 against the runner-up. A character that the recogniser plainly sees and the
// format forbids costs 5 nats and more, so one nat a character is every fifth character forced: text that is no zone.
const (
	defaultMinMargin  = 2.0
	defaultMaxPenalty = 1.0
)

// Decoder finds the likeliest zone in what a line recogniser saw. It is safe for concurrent use.
type Decoder struct {
	options  DecoderOptions
	forward  *node
	backward *node
	licences *node // lines of driving licences, which are looked for only where no page's zone fits
	grammars map[Format][][]Position
}

// node is a place in the tree of all lines of all formats. Lines that begin alike share the columns of their common beginning;
// lines that end alike are in the backward tree, which reads from right to left.
type node struct {
	position Position
	children []*node
	ends     []lineID // the lines that are complete here
}

// lineID is one line of one format.
type lineID struct {
	format Format
	line   int
}

// NewDecoder builds the trees of the formats.
func NewDecoder(o DecoderOptions) *Decoder {
	if o.MinMargin == 0 {
		o.MinMargin = defaultMinMargin
	}
	if o.MaxPenalty == 0 {
		o.MaxPenalty = defaultMaxPenalty
	}
	d := &Decoder{options: o, forward: &node{}, backward: &node{}, licences: &node{}, grammars: map[Format][][]Position{}}
	for _, format := range licenceFormats() {
		d.grammars[format] = Grammar(format)
		for i, line := range d.grammars[format] {
			d.licences.add(line, lineID{format, i})
		}
	}
	for _, format := range pageFormats() {
		d.grammars[format] = Grammar(format)
		for i, line := range d.grammars[format] {
			if readsBackward(format, i) {
				line = slices.Clone(line)
				slices.Reverse(line)
				d.backward.add(line, lineID{format, i})
			} else {
				d.forward.add(line, lineID{format, i})
			}
		}
	}
	return d
}

// readsBackward: the lines with names have their end in common, the lines with data their beginning.
func readsBackward(format Format, line int) bool {
	if format == TD1 {
		return line == 2
	}
	return line == 0
}

func (n *node) add(line []Position, id lineID) {
	for _, p := range line {
		i := slices.IndexFunc(n.children, func(c *node) bool { return c.position == p })
		if i < 0 {
			i = len(n.children)
			n.children = append(n.children, &node{position: p})
		}
		n = n.children[i]
	}
	n.ends = append(n.ends, id)
}

// Row is one row of text as the line recogniser saw it.
type Row struct {
	// LogProbs are T rows of 38 natural logarithms of probabilities, row-major, in the order of the classes.
	LogProbs []float32
	// V is the vertical position of the row's middle, growing downwards, and Height its height in the same unit.
	V, Height float64
}

// maxFrames bounds the work on one row: twenty times what 44 characters need.
const maxFrames = 2048

// minLogProb is the least that one frame may count against a character: a recogniser is never that sure.
const minLogProb = -30

// clean copies the log probabilities within bounds and gives the number of frames.
func clean(logProbs []float32) ([]float32, int, error) {
	frames := len(logProbs) / Classes
	if frames == 0 || len(logProbs)%Classes != 0 || frames > maxFrames {
		return nil, 0, ekyc.Errorf(ekyc.ErrInvalidArgument, "a row needs 1 to %d frames of %d log probabilities", maxFrames, Classes).With("values", len(logProbs))
	}
	out := make([]float32, len(logProbs))
	for i, v := range logProbs {
		if v != v || v > 0.01 { // not a number, or not the logarithm of a probability
			return nil, 0, ekyc.Errorf(ekyc.ErrInvalidArgument, "a row has a value that is not the logarithm of a probability")
		}
		out[i] = min(0, max(minLogProb, v))
	}
	return out, frames, nil
}

// Line is one row read under one grammar.
type Line struct {
	Text string
	// Penalty in nats is by how much the likeliest text of the grammar is less likely than the free reading. Not negative.
	Penalty    float64
	Characters []Character
}

// Line reads one row under the given positions. It fails with ErrMRZUnreadable when the row has too few frames for them.
func (d *Decoder) Line(logProbs []float32, positions []Position) (Line, error) {
	values, frames, err := clean(logProbs)
	if err != nil {
		return Line{}, err
	}
	root := &node{}
	root.add(positions, lineID{})
	paths := walk(root, values, frames)
	p, ok := paths[lineID{}]
	if !ok {
		return Line{}, ekyc.Errorf(ekyc.ErrMRZUnreadable, "the row is too short for %d characters", len(positions))
	}
	line := Line{Penalty: max(0, freeScore(values, frames)-float64(p.score)), Characters: characters(p, positions, values)}
	for _, c := range line.Characters {
		line.Text += string(c.Symbol)
	}
	return line, nil
}

// walk decodes a row under all lines of a tree.
func walk(root *node, logProbs []float32, frames int) map[lineID]path {
	w := &walker{logProbs: logProbs, frames: frames, likely: map[symbolSet][]symbolSet{}, paths: map[lineID]path{}}
	w.column(0).start(logProbs, frames)
	w.descend(root, 0)
	return w.paths
}

type walker struct {
	logProbs []float32
	frames   int
	likely   map[symbolSet][]symbolSet // by the set of a position
	columns  []*column                 // by depth, used again by every branch
	paths    map[lineID]path
}

func (w *walker) column(depth int) *column {
	if depth == len(w.columns) {
		w.columns = append(w.columns, newColumn(w.frames))
	}
	return w.columns[depth]
}

func (w *walker) descend(n *node, depth int) {
	for _, id := range n.ends {
		if p, ok := trace(w.columns[:depth+1], w.frames); ok {
			w.paths[id] = p
		}
	}
	for _, child := range n.children {
		set := child.position.allowed | child.position.doubtful
		if w.likely[set] == nil {
			w.likely[set] = likelyOf(set, w.logProbs, w.frames)
		}
		w.column(depth+1).extend(w.columns[depth], child.position, w.likely[set], w.logProbs, depth)
		w.descend(child, depth+1)
	}
}

// reversed gives the frames in reverse order.
func reversed(logProbs []float32, frames int) []float32 {
	out := make([]float32, len(logProbs))
	for t := range frames {
		copy(out[(frames-1-t)*Classes:], logProbs[t*Classes:(t+1)*Classes])
	}
	return out
}

// forwardOf turns a path through reversed frames into one through the frames as they are.
func forwardOf(p path, frames int) path {
	slices.Reverse(p.symbols)
	slices.Reverse(p.from)
	slices.Reverse(p.to)
	for i := range p.from {
		p.from[i], p.to[i] = frames-p.to[i], frames-p.from[i]
	}
	return p
}

// decodedRow is a row under all lines of all formats.
type decodedRow struct {
	index  int // among the rows given
	row    Row
	values []float32
	frames int
	free   float64
	paths  map[lineID]path
}

// decode reads a row under all lines of all formats.
func (d *Decoder) decode(r *decodedRow) {
	r.free = freeScore(r.values, r.frames)
	r.paths = walk(d.forward, r.values, r.frames)
	for id, p := range walk(d.backward, reversed(r.values, r.frames), r.frames) {
		r.paths[id] = forwardOf(p, r.frames)
	}
}

// characters examines every character of a path.
func characters(p path, positions []Position, logProbs []float32) []Character {
	out := make([]Character, len(p.symbols))
	for i, symbol := range p.symbols {
		out[i] = character(int(symbol), positions[i], logProbs, p.from[i], p.to[i])
	}
	return out
}

// character weighs the symbols against each other over the frames of one character.
func character(symbol int, position Position, logProbs []float32, from, to int) Character {
	var sums [symbols]float64
	for t := from; t < to; t++ {
		for s := range symbols {
			sums[s] += float64(logProbs[t*Classes+1+s])
		}
	}
	runnerUp := -1
	allowed, all := 0.0, 0.0
	score := func(s int) float64 { return sums[s] - float64(position.penalty(s)) }
	for s := range symbols {
		all += math.Exp(sums[s] - sums[symbol])
		if !(position.allowed | position.doubtful).has(s) {
			continue
		}
		allowed += math.Exp(score(s) - score(symbol))
		if s != symbol && (runnerUp < 0 || score(s) > score(runnerUp)) {
			runnerUp = s
		}
	}
	c := Character{
		Symbol: alphabet[symbol], Confidence: 1 / allowed, Network: 1 / all, Frame: float64(from+to-1) / 2,
		Margin: MaxMargin,
	}
	if runnerUp >= 0 {
		c.RunnerUp = alphabet[runnerUp]
		c.Margin = min(MaxMargin, max(0, score(symbol)-score(runnerUp)))
		c.Blind = value(c.Symbol)%10 == value(c.RunnerUp)%10
	}
	return c
}
