package layout

import (
	"slices"
	"strings"
	"unicode"

	"ekyc"
)

// anchor is printed words, reduced, with the set of their letters.
type anchor struct {
	text    []rune
	letters uint64
}

// caption is the anchor of a field.
type caption struct {
	key string
	anchor
}

// wholeLength: words that are shorter count as a whole line only, since others contain them. In scripts without spaces every word counts.
const wholeLength = 8

// in says whether a line holds the anchor: inside it, or alike to the whole of it.
func (a anchor) in(line anchor) bool {
	if len(a.text) == 0 || len(line.text) < len(a.text)-ErrorsAllowed(len(a.text)) {
		return false
	}
	if a.letters&^line.letters == 0 && (len(a.text) >= wholeLength || wide(a.text[0])) && contains(line.text, a.text) {
		return true
	}
	return slices.Equal(a.text, line.text) || alike(a.text, line.text, a.letters, line.letters)
}

func contains(line, part []rune) bool {
	for i := 0; i+len(part) <= len(line); i++ {
		if line[i] == part[0] && slices.Equal(line[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// Match is a layout that print speaks for.
type Match struct {
	Layout *Layout
	// Score is how much of it was seen, 0 to 1.
	Score float64
	// Decides says that the words are this document's alone, so that they tell its country and type.
	Decides bool
	// Named says that its issuer is named, or words that only it prints.
	Named bool
	// Titled says that the document names itself.
	Titled bool
}

// What each sign adds to the score: a title, an issuer's name, own words, and the share of its captions that were seen.
const (
	titleScore, issuerScore, markScore, captionScore = 0.35, 0.20, 0.25, 0.20
	// tellingCaptions seen together with the issuer's name are as good as a title.
	tellingCaptions = 4
)

// Recognise gives the layouts that the lines of print on a document speak for, best first, those without any sign left out. Lines are of both
// sides, in any order.
func (t *Table) Recognise(lines []string) []Match {
	reduced := make([]anchor, 0, len(lines))
	captions := make([]int, len(t.layouts)) // how many different captions of each layout were seen
	seen := map[string]bool{}
	for _, line := range lines {
		source := []rune(line)
		f := foldRunes(source)
		if len(f.text) < 2 {
			continue
		}
		reduced = append(reduced, anchor{f.text, letters(f.text)})
		for _, part := range parts(source) {
			if word := Fold(part); word != "" && !seen[word] {
				seen[word] = true
				for _, i := range t.byCaption[word] {
					captions[i]++
				}
			}
		}
	}
	var out []Match
	for i, l := range t.layouts {
		if m, ok := l.match(reduced, captions[i]); ok {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b Match) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return out
}

// parts are the pieces of a line between separators of languages, and the whole line.
func parts(source []rune) []string {
	out := []string{string(source)}
	start := 0
	for i, r := range source {
		if strings.ContainsRune("/|:／：", r) {
			out = append(out, string(source[start:i]))
			start = i + 1
		}
	}
	if start > 0 {
		out = append(out, string(source[start:]))
	}
	return out
}

func (l *Layout) match(lines []anchor, captions int) (Match, bool) {
	any := func(anchors []anchor) int {
		n := 0
		for _, a := range anchors {
			if slices.ContainsFunc(lines, a.in) {
				n++
			}
		}
		return n
	}
	titles, issuers, marks := any(l.titles), any(l.issuers), any(l.marks)
	if titles+issuers+marks == 0 && captions < 2 {
		return Match{}, false
	}
	m := Match{Layout: l, Named: issuers > 0 || marks > 0, Titled: titles > 0}
	share := 0.0
	if n := l.captioned(); n > 0 {
		share = min(1, float64(captions)/float64(n))
	}
	m.Score = captionScore * share
	if titles > 0 {
		m.Score += titleScore
	}
	if issuers > 0 {
		m.Score += issuerScore
	}
	if marks > 0 {
		m.Score += markScore
	}
	m.Decides = titles > 0 && m.Named || marks > 1 || marks > 0 && issuers > 0 || m.Named && captions >= tellingCaptions
	return m, true
}

// captioned is how many fields have captions.
func (l *Layout) captioned() int {
	n := 0
	for _, f := range l.Fields {
		if len(f.Captions) > 0 {
			n++
		}
	}
	return n
}

// Choose gives the match of a country (ISO 3166-1 alpha-3), type and format of the machine readable zone ("" where none was read): one whose own
// words decide, or of which enough was seen. Another document of that issuer and type has captions of its own, which a layout would misread.
func (t *Table) Choose(matches []Match, country string, kind ekyc.DocumentType, format string) (Match, bool) {
	const leastScore = 0.30 // a title, or an issuer with half of the captions
	for _, m := range matches {
		l := m.Layout
		fits := l.Country == country && l.Type == kind && (format == "" || l.MRZ == "" || l.MRZ == format)
		if fits && (m.Decides || m.Score >= leastScore) {
			return m, true
		}
	}
	return Match{}, false
}

// Segment is a caption on a line of print, with the text up to the next caption. From and To are the caption's first rune and the one
// after its last. Key is empty for a caption that names no field of the contract.
type Segment struct {
	Key      string
	From, To int
	Value    string
}

// middleLength: inside a line only captions of this many letters count, or shorter ones that a colon follows; shorter words also occur in values.
const middleLength = 5

// Segments takes a line apart into captions and what follows each. A line without a caption of the document gives none. Where its first word has
// letters and digits, the digits may be letters that were misread.
func (l *Layout) Segments(line string) []Segment {
	source := []rune(line)
	f := foldRunes(source)
	out := l.segments(f, source)
	if len(out) == 0 && lettered(f) {
		out = l.segments(f, source)
	}
	return out
}

// lettered writes the digits of the first word as the letters that look the same, and says whether there were any behind a letter.
func lettered(f folded) (changed bool) {
	alike := map[rune]rune{'0': 'O', '1': 'I', '8': 'B'}
	for i, r := range f.text {
		if i == 0 && !unicode.IsLetter(r) || i > 0 && f.at[i] > f.at[i-1]+1 {
			break
		}
		if letter, ok := alike[r]; ok {
			f.text[i], changed = letter, true
		}
	}
	return changed
}

func (l *Layout) segments(f folded, source []rune) []Segment {
	var out []Segment
	end := 0 // the end of the last caption in source
	for i := 0; i < len(f.text); {
		before := "" // the field whose caption ends right before this place
		if len(out) > 0 && trim(string(source[end:f.at[i]])) == "" {
			before = out[len(out)-1].Key
		}
		c, n := l.captionAt(f, source, i, before)
		if n == 0 {
			i++
			continue
		}
		from, stop := f.at[i], f.at[i+n-1]+1
		between := trim(string(source[end:from]))
		if len(out) > 0 {
			last := &out[len(out)-1]
			if between == "" && (last.Key == c.key || last.Key == otherWord && c.key != otherWord && last.Value == "") {
				last.To, end, i = stop, stop, i+n // the same caption in another language
				if last.Key == otherWord {
					last.Key = c.key
				}
				continue
			}
			last.Value = between
		}
		out = append(out, Segment{Key: c.key, From: from, To: stop})
		end, i = stop, i+n
	}
	if len(out) > 0 {
		out[len(out)-1].Value = trim(string(source[end:]))
	}
	return out
}

// captionAt gives the longest caption that starts at a place, and its length in reduced runes, 0 for none. before is the field whose caption
// ends there, which may continue in another language. The start of a line may have wrong letters.
func (l *Layout) captionAt(f folded, source []rune, i int, before string) (caption, int) {
	glued := i > 0 && f.at[i] <= f.at[i-1]+1 && !wide(f.text[i]) && !wide(f.text[i-1])
	if glued && !(unicode.IsDigit(f.text[i-1]) && unicode.IsLetter(f.text[i])) {
		return caption{}, 0 // in the middle of a word
	}
	for _, c := range l.captions {
		n := len(c.text)
		if i+n > len(f.text) || f.text[i] != c.text[0] || !slices.Equal(f.text[i:i+n], c.text) || !l.endsWord(f, source, i+n) && !(c.key == "sex" && sexLetter(f, i+n)) {
			continue
		}
		if glued && n < middleLength { // a blank lost behind a number, before a word that is long enough to be told from letters of the number
			continue
		}
		if i > 0 && n < middleLength && !wide(c.text[0]) && c.key != before && !colonAt(source, f.at[i+n-1]+1) && !startsPart(source, f.at[i]) {
			continue
		}
		return c, n
	}
	if i > 0 {
		return caption{}, 0
	}
	return l.alikeAt(f, source)
}

// alikeAt finds a caption with wrong letters at the start of a line: up to its end, or to the first separator of languages.
func (l *Layout) alikeAt(f folded, source []rune) (caption, int) {
	for _, end := range ends(f, source) {
		text := f.text[:end]
		set := letters(text)
		for _, c := range l.captions {
			if alike(c.text, text, c.letters, set) {
				return c, end
			}
		}
	}
	return caption{}, 0
}

// ends are the lengths, in reduced runes, of a line and of its part before the first stroke, colon or bracket.
func ends(f folded, source []rune) []int {
	out := []int{len(f.text)}
	for i, r := range source {
		if strings.ContainsRune("/|:(／：（", r) {
			n, _ := slices.BinarySearch(f.at, i)
			if n > 0 && n < len(f.text) {
				return []int{n, len(f.text)}
			}
			break
		}
	}
	return out
}

// endsWord says whether a word ends before the reduced rune i.
func (l *Layout) endsWord(f folded, source []rune, i int) bool {
	if i >= len(f.text) || f.at[i] > f.at[i-1]+1 || wide(f.text[i-1]) {
		return true
	}
	// "NOM:" ends before a mark; "DLN123" before a digit, but not the "DL N" of "DL N123", whose number starts with a letter.
	if last := f.at[i-1]; last > 0 && source[last-1] == ' ' {
		return false
	}
	return f.at[i] != f.at[i-1] && unicode.IsDigit(source[f.at[i]]) && !unicode.IsDigit(source[f.at[i-1]])
}

// sexLetter says whether the letter of a sex follows at i, and nothing else of its word: the blank before it was lost.
func sexLetter(f folded, i int) bool {
	return i < len(f.text) && strings.ContainsRune("MFX", f.text[i]) && (i+1 == len(f.text) || f.at[i+1] > f.at[i]+1)
}

func colonAt(source []rune, i int) bool {
	for ; i < len(source); i++ {
		switch source[i] {
		case ' ', '.', ')', '）':
			continue
		case ':', '：':
			return true
		}
		return false
	}
	return false
}

// startsPart says whether a place starts the line or its part in another language: nothing but separators, or a stroke, stands before it.
func startsPart(source []rune, end int) bool {
	for i := end - 1; i >= 0; i-- {
		switch r := source[i]; {
		case r == '/' || r == '|' || r == '／':
			return true
		case !separates(r):
			return false
		}
	}
	return true
}

// trim drops separators around a value, but not a bracket that closes within it.
func trim(s string) string {
	runes := []rune(s)
	for len(runes) > 0 && separates(runes[0]) {
		runes = runes[1:]
	}
	for len(runes) > 0 && separates(runes[len(runes)-1]) && runes[len(runes)-1] != ')' && runes[len(runes)-1] != '）' && runes[len(runes)-1] != '.' {
		runes = runes[:len(runes)-1]
	}
	return string(runes)
}
