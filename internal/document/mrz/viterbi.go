package mrz

import (
	"math"
	"math/bits"
)

// impossible is the score of a path that the grammar forbids; sums of it stay finite.
const impossible = -1e30

// column holds, for one place of a line, the best paths that end at each frame with the character of that place. Index 0 stands
// for "before the first frame", index t+1 for frame t. Only what the next column and the way back need is kept.
type column struct {
	stay       []uint64  // bit s: the best path to symbol s at this frame was in s one frame before
	best       []float32 // over the symbols
	second     []float32 // over the symbols but the best
	blank      []float32 // of paths that are in the blank after this place's character
	bestSymbol []uint8
	nextSymbol []uint8     // the symbol of second
	blankIsNew []bool      // the best path to the blank came out of the symbol one frame before
	costs      [64]float32 // of entering a symbol; the length spares bounds checks
}

func newColumn(frames int) *column {
	n := frames + 1
	return &column{
		stay: make([]uint64, n), best: make([]float32, n), second: make([]float32, n), blank: make([]float32, n),
		bestSymbol: make([]uint8, n), nextSymbol: make([]uint8, n), blankIsNew: make([]bool, n),
	}
}

// start is the column before the first character: only blanks.
func (c *column) start(logProbs []float32, frames int) {
	c.blank[0] = 0
	for t := range frames {
		c.blank[t+1] = c.blank[t] + logProbs[t*Classes]
	}
	for t := range frames + 1 {
		c.best[t], c.second[t] = impossible, impossible
	}
}

// extend computes the column of the place after parent's. likely are, by frame, the symbols of the position that are worth a path;
// first is the number of places before it: no path is there earlier.
func (c *column) extend(parent *column, p Position, likely []symbolSet, logProbs []float32, first int) {
	for s := range symbols {
		c.costs[s] = p.penalty(s)
	}
	frames := len(likely)
	for t := range min(first+1, frames+1) {
		c.best[t], c.second[t], c.blank[t] = impossible, impossible, impossible
	}
	var current [64]float32
	alive := symbolSet(0)
	for t := first; t < frames; t++ {
		c.step(parent, &current, alive, likely[t], logProbs[t*Classes:(t+1)*Classes], t)
		alive = likely[t]
	}
}

// step moves by one frame. A character is entered from the blank before it or straight from the character before it, unless
// that is the same one; from there it lasts as long as the frames support it. current has the scores of the symbols alive.
func (c *column) step(parent *column, current *[64]float32, alive, likely symbolSet, frame []float32, t int) {
	blank := parent.blank[t]
	enter, enterSame := blank, blank
	if parent.best[t] > enter {
		enter = parent.best[t]
	}
	if parent.second[t] > enterSame {
		enterSame = parent.second[t]
	}
	same := int(parent.bestSymbol[t])
	frame = frame[:Classes]
	best, second := float32(impossible), float32(impossible)
	bestSymbol, nextSymbol := 0, 0
	var stay uint64
	for rest := uint64(likely); rest != 0; rest &= rest - 1 {
		s := bits.TrailingZeros64(rest) & 63
		v := enter
		if s == same {
			v = enterSame
		}
		v -= c.costs[s]
		if alive.has(s) && current[s] >= v {
			v = current[s]
			stay |= 1 << s
		}
		v += frame[s+1]
		current[s] = v
		if v > best {
			second, nextSymbol = best, bestSymbol
			best, bestSymbol = v, s
		} else if v > second {
			second, nextSymbol = v, s
		}
	}
	next := t + 1
	c.stay[next], c.bestSymbol[next], c.nextSymbol[next] = stay, uint8(bestSymbol), uint8(nextSymbol)
	c.blankIsNew[next] = c.best[t] > c.blank[t]
	c.blank[next] = max(c.best[t], c.blank[t]) + frame[ClassBlank]
	c.best[next], c.second[next] = best, second
}

// A frame that supports one symbol by so many nats more than another carries no path of the other, and at most so many symbols
// have paths through one frame: recognisers give all but a few of 38 classes next to nothing.
const (
	beamNats    = 12
	beamSymbols = 10
)

// likelyOf selects, by frame, the symbols of a set that are worth a path.
func likelyOf(set symbolSet, logProbs []float32, frames int) []symbolSet {
	likely := make([]symbolSet, frames)
	for t := range frames {
		likely[t] = beam(set, logProbs[t*Classes+1:(t+1)*Classes])
	}
	return likely
}

// beam keeps the likeliest symbols of a set in one frame.
func beam(set symbolSet, frame []float32) symbolSet {
	var top [beamSymbols]int // by falling log probability
	n := 0
	for rest := uint64(set); rest != 0; rest &= rest - 1 {
		s := bits.TrailingZeros64(rest)
		if n == beamSymbols {
			if frame[s] <= frame[top[n-1]] {
				continue
			}
			n--
		}
		at := n
		for ; at > 0 && frame[s] > frame[top[at-1]]; at-- {
			top[at] = top[at-1]
		}
		top[at] = s
		n++
	}
	var kept symbolSet
	for _, s := range top[:n] {
		if frame[s] >= frame[top[0]]-beamNats {
			kept |= 1 << s
		}
	}
	return kept
}

// path is the best reading of one line under a grammar.
type path struct {
	score    float32 // log probability, with penalties
	symbols  []uint8 // one per place
	from, to []int   // the frames of each: from inclusive, to exclusive
}

// trace follows the best path back through the columns (the first is start's), and gives false when the grammar permits none.
func trace(columns []*column, frames int) (path, bool) {
	places := len(columns) - 1
	p := path{symbols: make([]uint8, places), from: make([]int, places), to: make([]int, places)}
	n, last := places, columns[places]
	inBlank := last.blank[frames] > last.best[frames]
	p.score = max(last.blank[frames], last.best[frames])
	symbol := last.bestSymbol[frames]
	if p.score <= impossible/2 || places == 0 {
		return p, false
	}
	enterSymbol := func(at int) {
		p.symbols[n-1], p.to[n-1] = symbol, at
	}
	if !inBlank {
		enterSymbol(frames)
	}
	for t := frames; t > 0 && n > 0; t-- {
		c := columns[n]
		if inBlank {
			if c.blankIsNew[t] {
				inBlank, symbol = false, c.bestSymbol[t-1]
				enterSymbol(t - 1)
			}
			continue
		}
		if c.stay[t]>>symbol&1 == 1 {
			continue
		}
		p.from[n-1] = t - 1
		parent := columns[n-1]
		direct, before := parent.best[t-1], parent.bestSymbol[t-1]
		if before == symbol {
			direct, before = parent.second[t-1], parent.nextSymbol[t-1]
		}
		n--
		if inBlank = parent.blank[t-1] >= direct; !inBlank {
			symbol = before
			enterSymbol(t - 1)
		}
	}
	return p, n == 0
}

// freeScore is the log probability of the likeliest class in every frame: what no grammar can exceed.
func freeScore(logProbs []float32, frames int) float64 {
	sum := 0.0
	for t := range frames {
		best := float32(math.Inf(-1))
		for _, v := range logProbs[t*Classes : (t+1)*Classes] {
			best = max(best, v)
		}
		sum += float64(best)
	}
	return sum
}

// freeLength is the number of characters of the likeliest class in every frame, repetitions and blanks removed.
func freeLength(logProbs []float32, frames int) int {
	n, last := 0, ClassBlank
	for t := range frames {
		class, best := ClassBlank, float32(math.Inf(-1))
		for k, v := range logProbs[t*Classes : (t+1)*Classes] {
			if v > best {
				class, best = k, v
			}
		}
		if class != ClassBlank && class != last {
			n++
		}
		last = class
	}
	return n
}
