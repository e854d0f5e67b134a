package forensic

import (
	"cmp"
	"math"
	"slices"
)

// weigher turns the inputs of a trace into a measure: a logistic model whose result is stretched so that 0.5 and 0.9 are reached by as
// few honest pictures as training/forensic asks for.
type weigher struct {
	center, scale, weights []float64
	half, nine             float64 // scores that become 0.5 and 0.9
}

// mostOfTrace bounds every measure below what bars a document: the marks were learned from generated documents, and a few dozen real ones
// cannot show that fewer than one in a hundred would be barred. A person looks at what is suspected.
const mostOfTrace = 0.89

// mostOfRim bounds the measure of the portrait's edge below a suspicion where the pixels of no field or portrait support it: many issuers
// print or mount portraits with hard edges.
const mostOfRim = 0.49

// supports is the measure of noise, compression or text from which the edge of a portrait counts.
const supports = 0.3

// mostOfOne bounds a standardised input, so that no single measure decides by being absurd.
const mostOfOne = 6

// Score is the weighted sum.
func (w weigher) score(inputs []float64) float64 {
	sum := 0.0
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
		w, learned := weighers[trace]
		if !learned {
			continue
		}
		if best, ok := e.Best(trace, w.score); ok && !math.IsNaN(best) { // no measure is none
			out[trace] = min(mostOfTrace, w.measure(best))
		}
	}
	if v, measured := out[Portrait]; measured && max(out[Noise], out[Compression], out[Text]) < supports {
		out[Portrait] = min(v, mostOfRim)
	}
	return out
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
	case Portrait:
		if v := e.Portrait; v != nil {
			pixels := v[rimMeasures:]
			rows = append(rows, append(slices.Clone(v[:rimMeasures]), pixels[quiet], more(pixels[flat]), pixels[grid], pixels[pixelMeasures]))
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
		return []float64{px[grid], more(peers[3]), less(peers[0]), more(px[flat])}
	}
	t := l.Print
	return []float64{less(t[0]), t[12], t[1], t[3], t[4], t[5], t[6], t[7], t[13], less(peers[0]), less(peers[2]), more(px[flat])}
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
