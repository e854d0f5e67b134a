package document

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"ekyc/internal/vision"
)

// divide takes lines apart that the detector has joined across a gap: captions of two fields, a value and the caption behind it, and values
// under the captions of two columns. Places inside a line are reckoned by letters, so a cut is made at a blank near them only.
func (v *visual) divide() {
	v.lines = slices.Clone(v.lines)
	for i := 0; i < len(v.lines); i++ {
		l := v.lines[i]
		if l.Confidence < leastLine {
			continue
		}
		at := v.captions.change(l.Text)
		if at == 0 {
			at = v.blurredBehind(l.Text)
		}
		if at == 0 {
			at = v.apart(l.Text)
		}
		if at > 0 {
			v.cut(i, at, l.Box.X0+l.Box.Width()*float64(at)/float64(len([]rune(l.Text))))
		}
	}
	for i := 0; i < len(v.lines); i++ {
		if at, x := v.columnsIn(i); at > 0 {
			v.cut(i, at, x)
		}
	}
}

// apart gives where, in runes, the word SPECIMEN (others may be names) starts at the end of a line, a date that says what it is, or on a licence the number of a
// further field; 0 where there is none.
func (v *visual) apart(text string) int {
	if head, marked := strings.CutSuffix(text, " SPECIMEN"); marked && head != "" {
		return len([]rune(head))
	}
	if m := selfNamed.FindStringIndex(text); m != nil && m[0] > 0 {
		return len([]rune(text[:m[0]]))
	}
	if m := furtherField.FindStringIndex(text); m != nil && v.licence && !v.monthFirst {
		return len([]rune(text[:m[0]]))
	}
	return 0
}

// furtherField is the number of a field of a licence behind a value; 4 has letters behind it, by which it is no house number.
var furtherField = regexp.MustCompile(`\s4[a-dA-D][.,]\s+[\p{L}\d]`)

// cut divides line i before the letter at (an index of runes), which stands at x.
func (v *visual) cut(i, at int, x float64) {
	l := v.lines[i]
	runes := []rune(l.Text)
	left, right := l, l
	left.Text, right.Text = strings.TrimSpace(string(runes[:at])), strings.TrimSpace(string(runes[at:]))
	share := (x - l.Box.X0) / l.Box.Width()
	left.Box.X1, right.Box.X0 = x, x
	top, bottom := between(l.Quad[0], l.Quad[1], share), between(l.Quad[3], l.Quad[2], share)
	left.Quad[1], left.Quad[2], right.Quad[0], right.Quad[3] = top, bottom, top, bottom
	left.National, left.Script, right.National, right.Script = "", "", "", ""
	v.lines[i] = left
	v.lines = slices.Insert(v.lines, i+1, right)
}

func between(a, b vision.Point, share float64) vision.Point {
	return vision.Point{X: a.X + share*(b.X-a.X), Y: a.Y + share*(b.Y-a.Y)}
}

// leastSecond is the length in letters from which a caption inside a line is believed.
const leastSecond = 5

// change gives where, in runes, the caption of another field starts inside a line that itself starts with a caption, or where the
// caption behind a value does; 0 where there is none.
func (c captions) change(text string) int {
	if at := c.behind(text); at > 0 {
		return at
	}
	first, starts := c.split(unnumbered(text))
	if !starts || first.value != "" {
		return 0
	}
	const shortest = 12 // letters of two captions
	if len(text) < shortest {
		return 0
	}
	for at, r := range []rune(text) {
		if at == 0 || r != ' ' {
			continue
		}
		rest := strings.TrimLeft(string([]rune(text)[at:]), separators)
		letters := foldText(rest)
		if len(letters) < leastSecond {
			return 0
		}
		key, after, ok := c.leading(unnumbered(rest))
		if !ok || foldText(captionNumber.ReplaceAllString(strings.TrimLeft(after, separators), "")) != "" && !c.allCaptions(unnumbered(rest), key) {
			continue
		}
		if key != first.key && !c.spans(text, at) {
			if number := captionNumber.FindString(rest); strings.Contains(number, ")") { // of the caption before
				at += len([]rune(number)) + 1
			}
			return at
		}
	}
	return 0
}

// behind gives where, in runes, a value in capitals ends and the captions behind it start; 0 where there are none.
func (c captions) behind(text string) int {
	runes := []rune(text)
	for at := 2; at < len(runes)-leastSecond; at++ {
		if runes[at] != ' ' || strings.ContainsRune(separators, runes[at-1]) || !unicode.IsLetter(runes[at+1]) {
			continue
		}
		head, rest := string(runes[:at]), string(runes[at+1:])
		if head == strings.ToUpper(head) && rest != strings.ToUpper(rest) && len(foldText(rest)) >= leastSecond && c.wholly(rest) {
			return at
		}
	}
	return 0
}

// allCaptions says whether a text is nothing but captions of one field in several languages.
func (c captions) allCaptions(text string, key Key) bool {
	got, ok := c.split(text)
	return ok && got.key == key && got.value == ""
}

// spans says whether the words around a place are one caption: "Date of issue" holds "issue".
func (c captions) spans(text string, at int) bool {
	apart := func(r rune) bool { return strings.ContainsRune("/|:;•·(", r) }
	worded := func(s string) []string {
		return slices.DeleteFunc(strings.FieldsFunc(endNumber.ReplaceAllString(s, ""), apart), func(part string) bool { return letterCount(part) == 0 })
	}
	runes := []rune(text)
	before, after := worded(string(runes[:at])), worded(string(runes[at:]))
	if len(before) == 0 || len(after) == 0 || captionNumber.MatchString(strings.TrimSpace(string(runes[at:]))) || !unicode.IsLetter(runes[at-1]) {
		return false
	}
	const most = 4
	words := strings.Fields(before[len(before)-1])
	for k := range min(len(words), most) {
		if _, whole := c.exact(foldText(strings.Join(words[len(words)-1-k:], "") + after[0])); whole {
			return true
		}
	}
	return false
}

// endNumber is the number of a field behind its caption.
var endNumber = regexp.MustCompile(`\(\d{1,2}\)\s*$`)

// wholly says whether a text is captions alone, letter for letter.
func (c captions) wholly(text string) bool {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("/|•·", r) }) {
		word := strings.TrimRightFunc(foldText(part), unicode.IsDigit)
		if !slices.ContainsFunc(c.between(len(word), len(word)), func(w caption) bool { return w.text == word }) {
			return false
		}
	}
	return true
}

// columnsIn gives where a line of values under (or over) the captions of two columns is to be cut, in runes, and the caption's
// left edge; 0 for nowhere. The captions are
// those of the nearer row that has one where the line starts.
func (v *visual) columnsIn(i int) (at int, x float64) {
	l := v.lines[i]
	if l.Confidence < leastLine || !strings.Contains(l.Text, " ") {
		return 0, 0
	}
	if _, isCaption := v.captions.split(unnumbered(l.Text)); isCaption || dateAlone.MatchString(l.Text) {
		return 0, 0
	}
	h := l.Box.Height()
	var starts [2][]float64 // of captions above, below
	gaps := [2]float64{1e9, 1e9}
	for j, c := range v.lines {
		if j == i || c.Box.X0 < l.Box.X0-h || c.Box.X0 > l.Box.X1 || v.licence && numberedField.MatchString(c.Text) {
			continue
		}
		row, gap := 0, l.Box.Y0-c.Box.Y1
		if c.Box.Center().Y > l.Box.Center().Y {
			row, gap = 1, c.Box.Y0-l.Box.Y1
		}
		if gap < -0.6*h || gap > 0.8*h {
			continue
		}
		if found, ok := v.captions.split(unnumbered(c.Text)); ok && found.value == "" {
			starts[row] = append(starts[row], c.Box.X0)
			if abs(c.Box.X0-l.Box.X0) < h {
				gaps[row] = min(gaps[row], gap)
			}
		}
	}
	row := 0
	if gaps[1] < gaps[0] {
		row = 1
	}
	if gaps[row] == 1e9 {
		return 0, 0
	}
	slices.Sort(starts[row])
	for _, x := range starts[row] {
		if x-l.Box.X0 > 2*h {
			if at := blankNear(l.Text, (x-l.Box.X0)/l.Box.Width()); at > 0 {
				return at, x
			}
		}
	}
	return 0, 0
}

// blankNear is the blank nearest to a share of a text, or near it one that a date follows to the end; 0 where none is within a few
// letters.
func blankNear(text string, share float64) int {
	runes := []rune(text)
	const reach = 4.0
	best, at := reach+0.5, 0
	for k, r := range runes {
		d := abs(float64(k) + 0.5 - share*float64(len(runes)))
		if r != ' ' || d > reach {
			continue
		}
		if dateAlone.MatchString(string(runes[k+1:])) {
			return k
		}
		if d < best {
			best, at = d, k
		}
	}
	return at
}

// dateAlone is a date in whatever form.
var dateAlone = regexp.MustCompile(`^\d{1,4}[ ./-]{0,2}(?:\d{1,2}|\p{L}{3,5}(?: ?/ ?\p{L}{2,5})?)[ ./-]{0,2}\d{2,4}\.?$`)

func abs(x float64) float64 { return max(x, -x) }
