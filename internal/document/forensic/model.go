package forensic

import (
	"cmp"
	"math"
	"slices"
)

// weigher turns the inputs of a trace into a measure: a logistic model or boosted trees, whose result is stretched so that 0.5 and 0.9 are reached by as
// few honest pictures as training/forensic asks for.
type weigher struct {
	center, scale, weights []float64
	trees                  []Tree  // in place of weights
	half, nine             float64 // scores that become 0.5 and 0.9
}

// mostOfTrace bounds every measure below what bars a document: the marks were learned from generated documents, and a few dozen real ones
// cannot show that fewer than one in a hundred would be barred. A person looks at what is suspected.
const mostOfTrace = 0.89

// mostHeld bounds a measure below a suspicion; see Hold.
const mostHeld = 0.49

// supports is the measure of another trace from which a held one counts.
const supports = 0.5

// mostOfOne bounds a standardised input, so that no single measure decides by being absurd.
const mostOfOne = 6

// score is the weighted sum, or that of the trees.
func (w weigher) score(inputs []float64) float64 {
	sum := 0.0
	for i := range w.trees {
		sum += w.trees[i].Value(inputs)
	}
	if w.trees != nil {
		return sum
	}
	for i, v := range inputs {
		sum += w.weights[i] * max(-mostOfOne, min(mostOfOne, (v-w.center[i])/w.scale[i]))
	}
	return sum
}

func (w weigher) measure(score float64) float64 {
	const nine = 2.1972245773362196 // ln 9, the argument of the logistic curve at 0.9
	return 1 / (1 + math.Exp(-nine*(score-w.half)/(w.nine-w.half)))
}

// Measures weighs the evidence: for each trace that could be measured, 0 (none) to 1 (certain), the most that any place of the side gives.
func (e *Evidence) Measures() map[Trace]float64 {
	out := map[Trace]float64{}
	for _, trace := range Traces() {
		if best, ok := e.Score(trace); ok {
			out[trace] = min(mostOfTrace, weighers[trace].measure(best))
		}
	}
	Hold(out)
	return out
}

// Score is what a trace is measured by. False where it could not be, or nothing was learned of it.
func (e *Evidence) Score(trace Trace) (float64, bool) {
	w, learned := weighers[trace]
	if !learned {
		return 0, false
	}
	best, ok := e.Best(trace, w.score)
	return best, ok && !math.IsNaN(best) // no number is no measure
}

// Hold keeps under a suspicion what honest documents of the world show as often as forged ones. Many issuers print or mount portraits with hard
// edges: that of the portrait counts with a trace in its pixels. Scans are made quieter here and there: noise counts where the line's print is odd
// too. What marks photographs of prints marks scans and poor printers as well: it never counts.
func Hold(measures map[Trace]float64) {
	hold := func(trace Trace, supported bool) {
		if v, measured := measures[trace]; measured && !supported {
			measures[trace] = min(v, mostHeld)
		}
	}
	const odd = 0.3
	hold(Noise, measures[Text] >= odd)
	hold(Portrait, max(measures[Noise], measures[Compression], measures[Text]) >= supports)
	hold(Print, false)
}

// Best is the highest score of any place. An edit is in one line, and a poor photograph in many: of a line's score half of the mean of the three
// next ones is taken off. False where nothing could be scored.
func (e *Evidence) Best(trace Trace, score func([]float64) float64) (float64, bool) {
	const others, share = 3, 0.5
	var scores []float64
	for _, inputs := range e.Inputs(trace) {
		scores = append(scores, score(inputs))
	}
	if len(scores) == 0 {
		return 0, false
	}
	slices.SortFunc(scores, func(a, b float64) int { return cmp.Compare(b, a) })
	best, next := scores[0], scores[1:]
	if len(next) < others {
		return best, len(next) == 0 // one place, or too few lines to compare
	}
	mean := 0.0
	for _, v := range next[:others] {
		mean += v / others
	}
	return best - share*mean, true
}

// Inputs are what a trace is weighed by: one row for each place of the side where it could be.
func (e *Evidence) Inputs(trace Trace) [][]float64 {
	var rows [][]float64
	switch trace {
	case Text, Noise, Compression:
		for _, l := range e.Lines {
			if row := l.inputs(trace); row != nil {
				rows = append(rows, row)
			}
		}
		if trace == Compression && e.Portrait != nil && len(rows) > 0 { // a place as any other
			rows = append(rows, []float64{0, toothless(e.Portrait[rimMeasures:], portraitBlocks)})
		}
	case Portrait:
		if v := e.Portrait; v != nil {
			pixels := v[rimMeasures:]
			rows = append(rows, append(slices.Clone(v[:rimMeasures]), pixels[quiet], more(pixels[flat]), pixels[pixelMeasures], toothless(pixels, portraitBlocks)))
		}
	case Cloned:
		if v := e.Clone; v != nil {
			rows = append(rows, v)
		}
	case Screen, Print, Monochrome:
		if v := e.Copy; v != nil {
			rows = append(rows, copyInputs(trace, v))
		}
	}
	return rows
}

// inputs are those of one line; nil where the line was not measured so far.
func (l Line) inputs(trace Trace) []float64 {
	px := l.Pixels
	if px == nil || trace == Text && l.Print == nil {
		return nil
	}
	peers := px[pixelMeasures:] // quiet, middle, smooth, grid
	switch trace {
	case Noise:
		return []float64{less(px[quiet]), less(px[middle]), less(peers[0]), more(peers[0]), less(peers[1]), more(peers[1]), less(peers[2]), more(px[flat])}
	case Compression:
		const usual = 4.0 // standard deviations by which the strongest of 63 grids may stand out
		return []float64{math.Log1p(more(px[foreign] - usual)), toothless(px, 1)}
	}
	return slices.Concat(l.Print, px[:grid+1], peers)
}

// portraitBlocks is by how much more standard errors a portrait is away from the rest than a line with the same share, having more blocks.
const portraitBlocks = 3.0

// toothless is how clearly a place was not saved as often as the rest: its standard errors, as a logarithm, where they are much of what a place without
// any teeth would show.
func toothless(px []float64, blocks float64) float64 {
	const (
		usual = 3.0 // standard errors; the content of honest lines makes as many
		share = 0.5
	)
	return math.Log1p(more(less(px[teeth])/blocks*min(1, less(px[teethShare])/share) - usual))
}

// Indices into CopyNames.
const (
	gridLight, gridLightMost, gridColour, gridColourMost, gridLevel = 0, 1, 2, 3, 4
	blackLevel, whiteLevel, colourSpread, colourMost, colourMiddle  = 5, 6, 7, 8, 9
	aroundLight, borderLight, scale                                 = 10, 13, 15
)

// copyInputs are those of the document as a whole.
func copyInputs(trace Trace, v []float64) []float64 {
	const rounding = 0.5 // grey levels
	grids := []float64{v[gridLight], v[gridLightMost], v[gridColour], v[gridColourMost]}
	switch trace {
	case Screen:
		return append(grids, v[gridLevel], -v[aroundLight], -v[borderLight])
	case Print:
		return append(grids, v[blackLevel], v[whiteLevel], math.Log(v[colourSpread]+rounding), math.Log(v[colourMost]+rounding), v[aroundLight], v[borderLight], v[gridLevel], v[scale])
	}
	return []float64{-math.Log(v[colourSpread] + rounding), -math.Log(v[colourMost] + rounding), -math.Log(v[colourMiddle] + rounding)}
}

func more(v float64) float64 { return max(0, v) }
func less(v float64) float64 { return max(0, -v) }
