package document

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"ekyc/internal/vision"
)

// relation says where values stand beside their captions. A document keeps to one, so the relation that explains most captions is
// tried first on all of them.
type relation int

const (
	valueBelow relation = iota
	valueBeside
	valueAbove
	valueLeft // captions behind their values
)

// preference weighs the relations, since in a narrow column the value of one field also stands above the caption of the next.
var preference = map[relation]float64{valueBelow: 1, valueBeside: 0.97, valueAbove: 0.8, valueLeft: 0.9}

// block is a caption, in one line or several, that has no value of its own.
type block struct {
	key   Key
	first int         // line
	box   vision.Rect // of all its lines
	low   vision.Rect // of the last one
}

// blocks joins captions of one field in lines below each other: the languages of a caption are often stacked.
func (v *visual) blocks() []block {
	var out []block
	for i, c := range v.seen {
		if !v.isCaption[i] || c.key == keyOther || c.value != "" {
			continue
		}
		box := v.lines[i].Box
		at := slices.IndexFunc(out, func(b block) bool {
			h := max(b.low.Height(), box.Height())
			return b.key == c.key && math.Abs(box.X0-b.low.X0) < 2*h && box.Y0-b.low.Y1 < 0.6*h && box.Center().Y > b.low.Center().Y
		})
		if at < 0 {
			out = append(out, block{c.key, i, box, box})
			continue
		}
		out[at].box, out[at].low = out[at].box.Union(box), box
	}
	return out
}

// candidate is a line that may be the value of a block.
type candidate struct {
	line     int
	distance float64
}

// candidates are the lines that stand in a relation to a block, nearest first.
func (v *visual) candidates(b block, r relation) []candidate {
	var out []candidate
	for j, l := range v.lines {
		if v.isCaption[j] || l.Confidence < leastLine {
			continue
		}
		if telling(b.key) < 1 && v.values.noValue(l) {
			continue
		}
		if d, ok := stands(b, l.Box, r); ok {
			if l.Box.Height() < smallPrint*b.low.Height() {
				d += smallPenalty
			}
			out = append(out, candidate{j, d})
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	return out
}

const (
	// smallPrint: a line lower than this share of a caption's height is another caption, in a language that is not known.
	smallPrint, smallPenalty = 0.95, 0.5
	// aboveReach is how far over its caption a value stands, in heights of the caption.
	aboveReach = 1.6
)

// stands gives the distance, in heights of the caption, of a value in the relation.
func stands(b block, value vision.Rect, r relation) (float64, bool) {
	h := b.low.Height()
	switch r {
	case valueBelow:
		return (value.Y0-b.low.Y1)/h + math.Abs(value.X0-b.low.X0)/h/4, isBelow(b.low, value)
	case valueBeside:
		gap := value.X0 - b.box.X1
		return gap / h / besideReach, isBeside(b.box, value) || isBeside(b.low, value)
	case valueAbove:
		gap := b.box.Y0 - value.Y1
		overlaps := min(value.X1, b.box.X1)-max(value.X0, b.box.X0) > 0.3*min(value.Width(), b.box.Width())
		ok := gap > -0.6*h && value.Center().Y < b.box.Center().Y-0.5*h && gap < aboveReach*h && (math.Abs(value.X0-b.box.X0) < leftReach*h || overlaps && value.X0 > b.box.X0-leftReach*h)
		return gap/h + math.Abs(value.X0-b.box.X0)/h/4, ok
	}
	height := max(b.box.Height(), value.Height())
	gap := b.box.X0 - value.X1
	ok := math.Abs(value.Center().Y-b.box.Center().Y) < 0.6*height && gap > -0.5*height && gap < 1.6*besideReach*height
	return gap / h / besideReach, ok
}

// telling says how much the form of a field's value tells: nearly any line could be a name or a place.
func telling(key Key) float64 {
	switch key {
	case KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry, KeySex, KeyDocumentNumber, KeyPersonalNumber, KeyIssuingCountry:
		return 1
	}
	return 0.25
}

// pairs gives each block its value in one relation: the nearest free line that has the form of the field, unless another block is nearer
// to that line.
func (v *visual) pairs(blocks []block, r relation, taken map[int]bool) map[int]int {
	type pair struct {
		block, line int
		distance    float64
	}
	var all []pair
	for i, b := range blocks {
		const most = 3
		list := v.candidates(b, r)
		for _, c := range list[:min(len(list), most)] {
			if _, _, ok := v.normalise(b.key, v.inScript(b.key, v.text(b, c.line), c.line)); ok && !taken[c.line] {
				all = append(all, pair{i, c.line, c.distance})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(a.distance, b.distance) })
	out, used := map[int]int{}, map[int]bool{}
	for _, p := range all {
		if _, has := out[p.block]; !has && !used[p.line] {
			out[p.block], used[p.line] = p.line, true
		}
	}
	return out
}

// text is what a line says as the value of a block, with the lines that continue it.
func (v *visual) text(b block, line int) string {
	text := v.lines[line].Text
	switch {
	case b.key == KeyAddress:
		return v.paragraph(line, v.wordsAfter(line, text))
	case b.key == KeySurname && strings.HasPrefix(foldText(v.lines[b.first].Text), "APELLIDO"):
		return v.paragraph(line, text)
	case b.key == KeySurname, b.key == KeyGivenNames, b.key == KeyFullName, b.key == KeyPlaceOfBirth, b.key == KeyIssuingAuthority:
		return v.wordsAfter(line, text)
	}
	return text
}

// wordsAfter adds the words that the text detector cut off on the right: no further away than a blank is wide, and of the same print.
func (v *visual) wordsAfter(line int, text string) string {
	const blank, lower, sameHeight = 0.8, 0.35, 0.25 // in heights of the line
	for last, more := v.lines[line].Box, true; more; {
		more = false
		for j, l := range v.lines {
			h := last.Height()
			gap := l.Box.X0 - last.X1
			if j == line || v.isCaption[j] || slices.Contains(specimenWords, foldText(l.Text)) || l.Confidence < leastLine || gap < -blank*h || gap > blank*h || l.Box.Center().X <= last.X1 ||
				math.Abs(l.Box.Center().Y-last.Center().Y) > lower*h || math.Abs(l.Box.Height()-h) > sameHeight*h {
				continue
			}
			text, last, more = text+" "+l.Text, l.Box, true
			break
		}
	}
	return text
}

// assign finds the values of the captions that have none beside them on their line.
func (v *visual) assign() {
	blocks := v.blocks()
	taken := map[int]bool{}
	main, best := valueBelow, 0.0
	for _, r := range []relation{valueBelow, valueBeside, valueLeft, valueAbove} {
		score := 0.0
		for _, i := range slices.Sorted(maps.Keys(v.pairs(blocks, r, taken))) {
			score += preference[r] * telling(blocks[i].key)
		}
		if score > best+1e-9 {
			main, best = r, score
		}
	}
	v.relation, v.related = main, best
	order := []relation{main}
	for _, r := range []relation{valueBelow, valueBeside, valueLeft, valueAbove} {
		if r != main {
			order = append(order, r)
		}
	}
	done := make([]bool, len(blocks))
	for _, r := range order {
		var open []block
		var at []int
		for i, b := range blocks {
			// In a relation that the document does not keep to, only a value of a telling form is believed, and names right below or beside.
			if !done[i] && (r == main || telling(b.key) == 1 || r == valueBelow || r == valueBeside) {
				open, at = append(open, b), append(at, i)
			}
		}
		found := v.pairs(open, r, taken)
		for _, i := range slices.Sorted(maps.Keys(found)) { // of two captions of one field the first one has it
			line := found[i]
			done[at[i]] = true
			taken[line] = true
			v.accept(open[i].key, v.text(open[i], v.lastOfName(open[i], line, r)), v.lastOfName(open[i], line, r))
		}
	}
}

// lastOfName is the line of a name in Latin letters where the document prints names in two scripts below each other.
func (v *visual) lastOfName(b block, line int, r relation) int {
	if !v.twoScripts || r != valueBelow || b.key != KeySurname && b.key != KeyGivenNames && b.key != KeyFullName {
		return line
	}
	first := v.lines[line].Box
	if l := v.lines[line]; l.National == "" && l.Confidence >= doubtful && !foreignLetters(l.Text) {
		return line
	}
	for j, l := range v.lines {
		h := first.Height()
		if j != line && !v.isCaption[j] && l.Confidence >= leastLine && l.Box.Y0-first.Y1 < 0.6*h && l.Box.Center().Y > first.Center().Y+0.6*h &&
			math.Abs(l.Box.X0-first.X0) < h && math.Abs(l.Box.Height()-h) < 0.4*h {
			if _, _, ok := nameOf(l.Text); ok {
				return j
			}
		}
	}
	return line
}
