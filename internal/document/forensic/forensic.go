// Package forensic looks in one photograph of a document for traces of forgery: of a replaced portrait, of a field written anew, of areas that
// were copied, compressed or noised unlike the rest, and of a copy in the document's place. It measures and does not judge; the
// rules are in package check. Everything is compared with the rest of the same photograph, since no two cameras are alike.
package forensic

import (
	"slices"
	"sync"

	"ekyc/internal/vision"
)

// Trace names what is looked for, by the names of the checks.
type Trace string

// The traces.
const (
	Portrait    Trace = "portrait"
	Text        Trace = "text"
	Cloned      Trace = "cloned_area"
	Compression Trace = "compression"
	Noise       Trace = "noise"
	Monochrome  Trace = "monochrome"
	Screen      Trace = "screen"
	Print       Trace = "print"
)

// Traces lists all, in a fixed order.
func Traces() []Trace {
	return []Trace{Portrait, Text, Cloned, Compression, Noise, Monochrome, Screen, Print}
}

// Scene is one side of a document in a photograph.
type Scene struct {
	Photograph *vision.Pyramid
	Document   vision.Quad   // native pixels, top left first as the content is read
	Page       *vision.RGB   // the document upright and flat
	Lines      []vision.Quad // print that was read apart from the machine readable zone, native pixels
	Face       vision.Rect   // of the portrait, in pixels of Page; empty where there is none
}

// Evidence is what was measured, before it is weighed. Numbers of each kind are in the order of their names.
type Evidence struct {
	Lines    []Line    // one for each line of the scene that could be measured
	Portrait []float64 // see PortraitNames; nil without a portrait
	Copy     []float64 // see CopyNames; nil where the document is too small in the picture
	Clone    []float64 // see CloneNames; nil where the picture has no noise to compare
}

// Line is a line of print with what was measured of it.
type Line struct {
	Quad vision.Quad
	// Print has its letters and the ground under them beside those of the other lines, see PrintNames; Pixels the noise and compression
	// inside it beside its surroundings, see PixelNames.
	Print, Pixels []float64
}

// leastPixels is the shorter side of a document under which nothing is measured: print is then four pixels high.
const leastPixels = 240

// Examine measures one side. It is a pure function, and safe for concurrent use.
func Examine(s Scene) *Evidence {
	e := &Evidence{}
	if min(s.Document.Width(), s.Document.Height()) < leastPixels {
		return e
	}
	p := newPlane(s.Photograph.Native(), s.Document.Bounds())
	if p == nil {
		return e
	}
	var group sync.WaitGroup
	group.Go(func() { e.Copy = copyEvidence(s, p) })
	p.map8()
	group.Go(func() { e.Lines = lines(s, p) })
	group.Go(func() { e.Portrait = portraitEvidence(s, p) })
	group.Go(func() { e.Clone = cloneEvidence(s, p) })
	group.Wait()
	return e
}

// median sorts its argument; 0 for none.
func median(v []float64) float64 { return quantile(v, 0.5) }

// quantile sorts its argument and gives its q-quantile; 0 for none.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(len(v)-1, int(q*float64(len(v))))]
}
