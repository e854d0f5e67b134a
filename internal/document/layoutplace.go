package document

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"ekyc/internal/document/layout"
	"ekyc/internal/vision"
)

// rightLimit is where the next caption in the row begins, the layout's or another that the general rules know.
func (p *layoutReader) rightLimit(m mark) float64 {
	limit := math.Inf(1)
	for _, other := range slices.Concat(p.marks, p.foreign) {
		sameRow := math.Abs(other.box.Center().Y-m.box.Center().Y) < 0.6*m.box.Height()
		if sameRow && other.box.X0 >= m.box.X1-0.5*m.box.Height() && other.box.X0 < limit && other.key != m.key {
			limit = other.box.X0
		}
	}
	return limit
}

// distanceTo says whether a piece stands where the value of a caption may, and how far from there, in heights of the caption.
func distanceTo(place layout.Place, caption, b vision.Rect) (float64, bool) {
	h := max(caption.Height(), 1)
	across := max(0, max(b.X0, caption.X0)-min(b.X1, caption.X1)) / h // how far apart they are from left to right
	down := (b.Y0 - caption.Y1) / h
	switch tall := max(h, b.Height()); {
	case place != layout.Below && place != layout.Above && math.Abs(b.Center().Y-caption.Center().Y) < 0.5*tall && b.X0 > caption.X1-0.5*tall && b.X0-caption.X1 < besideReach*tall:
		beside := (b.X0 - caption.X1) / tall / 4
		if place == layout.Near {
			beside += 0.6 // a value right below is preferred
		}
		return max(0, beside), true
	case place == layout.Above:
		up := (caption.Y0 - b.Y1) / h
		return max(0, up) + across, up > -0.6 && up < belowReach && across < leftReach && b.Center().Y < caption.Center().Y-0.4*h
	case place == layout.Right:
		// A value set in larger type can begin lower than the middle of its caption.
		return 0, false
	}
	aligned := math.Abs(b.X0-caption.X0) / h
	if b.X0 < caption.X0-leftReach*h && b.X1 > caption.X0 {
		aligned = 0.5 // a row of values that were read as one line: it is cut to what stands below the caption
	}
	return max(0, down) + across + min(aligned, 2*leftReach)/4, down > -0.6 && down < belowReach && across < leftReach && b.Center().Y > caption.Center().Y+0.4*h
}

// between says whether another caption stands between a caption and what may be its value.
func (p *layoutReader) between(m mark, b vision.Rect) bool {
	low, high := min(m.box.Center().Y, b.Center().Y), max(m.box.Center().Y, b.Center().Y)
	for _, other := range p.marks {
		y := other.box.Center().Y
		slack := 0.4 * m.box.Height()
		if other.line != m.line && y > low+slack && y < high-slack && min(other.box.X1, b.X1)-max(other.box.X0, b.X0) > 0 {
			return true
		}
	}
	return false
}

// clip cuts a line that was read across several columns down to the words below one caption: from the caption's left to where the next
// begins.
func clip(c piece, caption vision.Rect, limit float64) (piece, bool) {
	h := caption.Height()
	beside := c.box.X0 >= caption.X1-0.5*h
	if c.box.X1 <= limit+h && (c.box.X0 >= caption.X0-leftReach*h || beside) {
		return c, true
	}
	at := func(i int) float64 {
		return c.box.X0 + c.box.Width()*float64(utf8.RuneCountInString(c.text[:i]))/float64(utf8.RuneCountInString(c.text))
	}
	out, from, to := c, -1, -1
	for _, word := range columnWords(c.text) {
		middle := (at(word[0]) + at(word[1])) / 2
		if middle < limit && (beside || middle > caption.X0-h) {
			if from < 0 {
				from = word[0]
			}
			to = word[1]
		}
	}
	if from < 0 {
		return out, false
	}
	out.text, out.box.X0, out.box.X1 = c.text[from:to], at(from), at(to)
	return out, true
}

// columnDate is a date in a row of values: in digits, or with a month's name in one language or two.
var columnDate = regexp.MustCompile(`\d{1,2}\s?[./\- ]\s?\d{1,2}\s?[./\- ]\s?\d{2,4}|\d{1,2}[ .\-]?\p{L}{3,}\.?(?:/\p{L}{3,}\.?)?[ .\-]?\d{4}`)

// columnWords gives the places of the words of a line that was read across columns. A date is one of them, with blanks in it and with none around it.
func columnWords(text string) (words [][2]int) {
	add := func(from, to int) {
		for i := from; i < to; {
			end := strings.IndexByte(text[i:to], ' ')
			if end < 0 {
				end = to - i
			}
			if end > 0 {
				words = append(words, [2]int{i, i + end})
			}
			i += end + 1
		}
	}
	start := 0
	for _, date := range columnDate.FindAllStringIndex(text, -1) {
		add(start, date[0])
		words = append(words, [2]int{date[0], date[1]})
		start = date[1]
	}
	add(start, len(text))
	return words
}

// captioned says whether a piece is a caption, in a language that the layout does not name.
func (p *layoutReader) captioned(c piece) bool {
	found, is := p.visual.captions.split(unnumbered(c.text))
	return is && found.value == "" || p.visual.misread(c.text, c.box)
}

// continueDown adds the lines that continue a value, where the field has several: right below, starting at the same place, of the same height.
func (p *layoutReader) continueDown(field *layout.Field, first piece) string {
	text, last := first.text, first.box
	for range field.Lines - 1 {
		next := -1
		for k, c := range p.free {
			h := last.Height()
			gap := c.box.Y0 - last.Y1
			if gap > -0.4*h && gap < 0.9*h && math.Abs(c.box.X0-last.X0) < 1.2*h && math.Abs(c.box.Height()-h) < 0.4*h && c.line != first.line && !p.captioned(c) {
				next = k
				break
			}
		}
		if next < 0 {
			break
		}
		text, last = text+" "+p.free[next].text, p.free[next].box
	}
	return text
}
