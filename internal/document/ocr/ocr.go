// Package ocr finds lines of text in a raster and reads them, with the networks of the PP-OCR family: a detector by
// differentiable binarisation, a recogniser by connectionist temporal classification, and a small network that tells
// whether a line stands on its head. It knows nothing of documents.
package ocr

import (
	"math"

	"ekyc/internal/vision"
)

// Box is one line of text as the detector found it: a rotated rectangle whose top edge points within 45 degrees of the
// image's x axis, and the mean probability of text inside it, 0 to 1.
type Box struct {
	Quad  vision.Quad
	Score float64
}

// verticalRatio: a box this much taller than wide holds text that runs down or up the image, not a single letter.
const verticalRatio = 1.5

// Vertical says whether the line runs down or up the image.
func (b Box) Vertical() bool { return b.Quad.Height() > verticalRatio*b.Quad.Width() }

// Along is the direction of the line's long side in radians from the x axis, between −π/2 and π/2.
func (b Box) Along() float64 {
	q := b.Quad
	if b.Vertical() {
		q = q.Turn(1)
	}
	a := vision.Angle(q[0].Midpoint(q[3]), q[1].Midpoint(q[2]))
	switch {
	case a > math.Pi/2:
		return a - math.Pi
	case a <= -math.Pi/2:
		return a + math.Pi
	}
	return a
}

// Long and Short are the lengths of the sides along and across the text.
func (b Box) Long() float64 {
	if b.Vertical() {
		return b.Quad.Height()
	}
	return b.Quad.Width()
}

func (b Box) Short() float64 {
	if b.Vertical() {
		return b.Quad.Width()
	}
	return b.Quad.Height()
}

// Character is one recognised character: its probability under the recogniser, 0 to 1, and where along the line its
// centre lies, 0 at the left edge of the crop and 1 at the right.
type Character struct {
	Rune       rune
	Confidence float64
	At         float64
}

// Line is what was read in one crop. Confidence is the mean over the characters, 0 for an empty line.
type Line struct {
	Text       string
	Characters []Character
	Confidence float64
}

// Weakest is the lowest confidence of a character, 0 for an empty line.
func (l Line) Weakest() float64 {
	if len(l.Characters) == 0 {
		return 0
	}
	weakest := 1.0
	for _, c := range l.Characters {
		weakest = min(weakest, c.Confidence)
	}
	return weakest
}
