package forensic

import (
	"math"

	"ekyc/internal/vision"
)

const (
	// ofOneHeight: lines whose letters differ less in height, as a logarithm, are set in one size.
	ofOneHeight = 0.13
	// leastPeers: a line with fewer others of its height is a title or the like, and is not judged by its letters.
	leastPeers = 3
	// mostDeviations bounds what one measure can say.
	mostDeviations = 8
)

// Least spreads of the raw measures among lines of one height, so that a few lines that agree by chance make no outlier.
var leastSpread = [printMeasures]float64{texture: 0.15, stroke: 0.05, ink: 0.05, tint: 0.08, edge: 0.03, height: 1, parts: 0.2, groundLight: 0.02, groundTint: 0.01}

// Least spreads of the measures of pixels among all lines.
var leastPixelSpread = [pixelMeasures]float64{quiet: 0.1, middle: 0.1, smooth: 0.12, flat: 0.05, grid: 1.2}

// lines measures every line of the scene, each beside the others.
func lines(s Scene, p *plane) []Line {
	var found []Line
	var raw [][]float64
	for _, q := range s.Lines {
		l := Line{Quad: q}
		var prints []float64
		if strip, ok := cutStrip(s.Photograph, q); ok {
			prints = strip.measure()
		}
		tall := q.Height()
		if pixels, ok := p.regionPixels(q, grow(q, tall, 0.8*tall)); ok {
			l.Pixels = pixels
		}
		found, raw = append(found, l), append(raw, prints)
	}
	for i := range found {
		if raw[i] != nil {
			found[i].Print = besidePeers(raw, i)
		}
	}
	p.offgrids(found)
	pixelPeers(found)
	return found
}

// besidePeers turns the raw measures of a line into those of PrintNames; nil for a line without peers.
func besidePeers(raw [][]float64, i int) []float64 {
	own := raw[i]
	var peers [][]float64
	for j, other := range raw {
		if j != i && other != nil && math.Abs(math.Log(other[height]/own[height])) < ofOneHeight {
			peers = append(peers, other)
		}
	}
	if len(peers) < leastPeers {
		return nil
	}
	out := []float64{own[texture], own[groundLight], own[groundTint]}
	var deviations [printMeasures]float64
	for _, k := range []int{stroke, ink, tint, edge, height, texture, parts} {
		deviations[k] = deviation(own[k], column(peers, k), leastSpread[k])
	}
	for _, k := range []int{stroke, ink, tint, edge, height, texture} {
		out = append(out, math.Abs(deviations[k]))
	}
	return append(out, max(0, deviations[stroke]), max(0, -deviations[ink]), max(0, deviations[edge]), max(0, -deviations[texture]), max(0, deviations[parts]))
}

func column(rows [][]float64, k int) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = r[k]
	}
	return out
}

// deviation is how far a value is from the median of others, in standard deviations by their median absolute deviation.
func deviation(v float64, others []float64, least float64) float64 {
	middle := median(others)
	for i, o := range others {
		others[i] = math.Abs(o - middle)
	}
	const toStandard = 1.4826 // of a normal distribution
	z := (v - middle) / max(least, toStandard*median(others))
	return max(-mostDeviations, min(mostDeviations, z))
}

// pixelPeers adds to the pixels of each line how far they are from those of all lines.
func pixelPeers(found []Line) {
	var all [][]float64
	for _, l := range found {
		if l.Pixels != nil {
			all = append(all, l.Pixels[:pixelMeasures:pixelMeasures])
		}
	}
	for i := range found {
		if found[i].Pixels == nil {
			continue
		}
		own := found[i].Pixels
		for _, k := range []int{quiet, middle, smooth, grid} {
			z := 0.0
			if len(all) > leastPeers {
				z = deviation(own[k], column(all, k), leastPixelSpread[k])
			}
			found[i].Pixels = append(found[i].Pixels, z)
		}
	}
}

// portraitEvidence measures the edge of the portrait, and the noise and compression inside it.
func portraitEvidence(s Scene, p *plane) []float64 {
	if s.Face.Area() == 0 || s.Page == nil {
		return nil
	}
	toNative, ok := vision.Between(s.Page.Bounds().Quad(), s.Document)
	if !ok {
		return nil
	}
	const inner, outer = 1.25, 3.0 // of the face's box: what is surely portrait, and what reaches beyond it
	out := rim(s.Page, s.Face)
	q := toNative.ApplyQuad(s.Face.Expand(inner).Intersect(s.Page.Bounds()).Quad())
	ring := toNative.ApplyQuad(s.Face.Expand(outer).Intersect(s.Page.Bounds()).Quad())
	pixels, ok := p.regionPixels(q, ring)
	if !ok {
		pixels = make([]float64, pixelMeasures)
	}
	out = append(out, pixels...)
	return append(out, p.quietest(p.local(q)))
}

// quietest compares the noise floor inside a region with that of the whole document.
func (p *plane) quietest(q vision.Quad) float64 {
	in := p.sample(q, nil)
	return ratio(quantile(in.detail, 0.1), p.floor, roundingDetail)
}
