package document

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"

	"ekyc/internal/vision"
)

// Captions are printed in letters of 0.8 to 1.2 mm, for which a photograph of a data page has few pixels: letters are misread, the text detector
// loses the ends of lines, and strokes between languages are taken for letters. Values are larger and read well, so the value is lost for want of
// its caption. What small print names is therefore asked of the longest run of letters that it shares with a caption.

// What a letter that is shared, and one that is another or missing, count in such a run, and how much it must reach: five letters alike, and
// two more than with any caption of another field, or one more where they are seven. A run is believed that is half of a text, or in print that is hardly smaller than the
// values three quarters.
const (
	sharedLetter, otherLetter = 2, -3
	leastRun, leastLead       = 10, 3
	longRun, longLead         = 14, 2
	leastPart, surestPart     = 0.5, 0.7
)

// blurred finds the field whose caption shares the longest run of letters with a text in one language or more, and the part of the text in
// that language that the run is, 0 to 1.
func (c captions) blurred(text string) (key Key, part float64, ok bool) {
	best := 0
	text = captionNumber.ReplaceAllString(strings.TrimLeft(unnumbered(text), separators), "")
	for language := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("/|:;•·*+", r) }) {
		letters := lookAlike(foldText(language))
		if k, run, lead := c.longestRun(letters); run > best && (lead >= leastLead || run >= longRun && lead >= longLead) {
			best, key, part = run, k, float64(run)/float64(sharedLetter*len(letters))
		}
	}
	return key, part, best >= leastRun && part >= leastPart
}

// longestRun finds the field whose caption shares the longest run with a reduced text, and the lead of that run over those of other fields.
func (c captions) longestRun(letters string) (key Key, run, lead int) {
	const shortest, longest = 5, 60
	if len(letters) < shortest || len(letters) > longest {
		return "", 0, 0
	}
	squeezed := squeeze(letters)
	set := lettersOf(letters) | lettersOf(squeezed)
	second := 0
	for _, w := range c.between(shortest, longest) {
		if bits.OnesCount64(set&w.letters) < shortest-2 {
			continue
		}
		r := sharedRun(letters, w.text)
		if squeezed != letters || w.squeezed != w.text {
			r = max(r, sharedRun(squeezed, w.squeezed))
		}
		switch {
		case r > run && w.key != key:
			key, run, second = w.key, r, run
		case r > run:
			run = r
		case w.key != key:
			second = max(second, r)
		}
	}
	return key, run, run - second
}

// sharedRun is the best local alignment of two texts (Smith and Waterman 1981).
func sharedRun(a, b string) (best int) {
	row := make([]int, len(b)+1)
	for i := range len(a) {
		diagonal := 0
		for j := range len(b) {
			step := otherLetter
			if a[i] == b[j] {
				step = sharedLetter
			}
			here := max(0, diagonal+step, row[j]+otherLetter, row[j+1]+otherLetter)
			diagonal = row[j+1]
			row[j+1] = here
			best = max(best, here)
		}
	}
	return best
}

// lookAlike writes the digits that letters are taken for as letters: captions have none.
func lookAlike(letters string) string { return digitsAsLetters.Replace(letters) }

var digitsAsLetters = strings.NewReplacer("0", "O", "1", "I", "5", "S", "8", "B", "6", "G")

// Heights of print beside that of the values.
const (
	// captionHeight is the height up to which print is small.
	captionHeight = 0.85
	// surelySmall is that under which print is no name, place or office, whatever it says. Captions are printed at 0.55 to 0.75 of the values,
	// and long values are set smaller to fit; where values are in capitals, smaller letters tell a caption up to mixedSmall.
	surelySmall, mixedSmall = 0.66, 0.85
)

// valuePrint is how the values of a side are printed, as far as its dates and numbers tell.
type valuePrint struct {
	height   float64 // median of their boxes; 0 where there are too few
	capitals bool    // names and places are printed in capitals
}

// valuesOf looks at the dates and numbers of a side, whose form tells them from captions.
func valuesOf(lines []TextLine) (p valuePrint) {
	const leastDigits, leastLines, leastWords = 4, 2, 3
	var heights []float64
	for _, l := range lines {
		if l.Confidence >= leastLine && digitCount(l.Text) >= leastDigits && (dateAlone.MatchString(l.Text) || numberForm.MatchString(l.Text)) {
			heights = append(heights, l.Box.Height())
		}
	}
	if len(heights) < leastLines {
		return valuePrint{}
	}
	slices.Sort(heights)
	p.height = heights[len(heights)/2]
	words, upper := 0, 0
	for _, l := range lines {
		if letterCount(l.Text) >= leastDigits && digitCount(l.Text) == 0 && l.Confidence >= 0.8 && l.Box.Height() >= captionHeight*p.height {
			words++
			if l.Text == strings.ToUpper(l.Text) {
				upper++
			}
		}
	}
	p.capitals = words >= leastWords && 10*upper >= 7*words
	return p
}

// small says whether a box is lower than the values by a share.
func (p valuePrint) small(box vision.Rect, share float64) bool {
	return p.height > 0 && box.Height() < share*p.height
}

// misread says whether a text in a box is a caption that is not read in every letter.
func (v *visual) misread(text string, box vision.Rect) bool {
	if !v.values.small(box, captionHeight) && !(v.values.capitals && text != strings.ToUpper(text)) {
		return false
	}
	_, _, ok := v.captions.blurred(text)
	return ok
}

// noValue says whether a line is printed so small that it is a caption though nothing of it can be read.
func (p valuePrint) noValue(l TextLine) bool {
	return p.small(l.Box, surelySmall) || p.capitals && l.Text != strings.ToUpper(l.Text) && p.small(l.Box, mixedSmall)
}

// blurredBehind gives where, in runes, a value in capitals ends and a caption with small letters starts that cannot be read in every letter;
// 0 where there is none. Letters of another script that are taken for Latin ones have any case.
func (v *visual) blurredBehind(text string) int {
	runes := []rune(text)
	lower := slices.IndexFunc(runes, unicode.IsLower)
	if lower < 0 || v.twoScripts {
		return 0
	}
	at := lower
	for at > 0 && runes[at] != ' ' {
		at--
	}
	if head := string(runes[:at]); letterCount(head) < 2 && digitCount(head) < 2 || strings.HasSuffix(strings.TrimSpace(head), ":") {
		return 0
	}
	if _, _, ok := v.captions.blurred(string(runes[at:])); !ok {
		return 0
	}
	return at
}

// blurredCaption sees a line of small print as a caption though its letters or its ends were lost; a line with small letters counts as small
// print where values are in capitals. What stands in capitals behind the caption is its value.
func (v *visual) blurredCaption(l TextLine) (captioned, bool) {
	if dateAlone.MatchString(l.Text) || 2*digitCount(l.Text) > letterCount(l.Text) || v.licence && numberedField.MatchString(l.Text) {
		return captioned{}, false
	}
	head, tail := l.Text, ""
	mixed := l.Text != strings.ToUpper(l.Text)
	if mixed {
		head, tail = capitalTail(l.Text)
	}
	key, part, ok := v.captions.blurred(head)
	plain := v.values.small(l.Box, captionHeight) || mixed && (v.values.capitals || tail != "")
	if !ok || !plain && !(part >= surestPart && v.values.small(l.Box, 1)) {
		return captioned{}, false
	}
	if key == keyOther {
		tail = ""
	}
	return captioned{key, tail}, true
}

// capitalTail divides a line into words that have small letters and the words and numbers behind them that have none.
func capitalTail(text string) (head, tail string) {
	runes := []rune(text)
	at := len(runes)
	for i := len(runes) - 1; i >= 0 && !unicode.IsLower(runes[i]); i-- {
		if runes[i] == ' ' {
			at = i
		}
	}
	if strings.IndexFunc(string(runes[at:]), unicode.IsLetter) < 0 && digitCount(string(runes[at:])) < 4 {
		return text, ""
	}
	return string(runes[:at]), strings.TrimSpace(string(runes[at:]))
}
