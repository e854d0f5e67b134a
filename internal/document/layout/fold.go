package layout

import (
	"math/bits"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// wholeLetters do not decompose into a base and a mark; they are written as ICAO 9303-3 section 6 transcribes them, or as they look.
var wholeLetters = map[rune]string{
	'ß': "SS", 'ẞ': "SS", 'Æ': "AE", 'æ': "AE", 'Œ': "OE", 'œ': "OE", 'Ø': "O", 'ø': "O", 'Ł': "L", 'ł': "L", 'Đ': "D", 'đ': "D", 'Ð': "D", 'ð': "D",
	'Þ': "TH", 'þ': "TH", 'ı': "I", 'Ħ': "H", 'ħ': "H", 'º': "", 'ª': "", '°': "",
}

// folded is a text reduced to capital letters and digits without marks, of any script, with the rune of the original that each comes from.
type folded struct {
	text []rune
	at   []int
}

func foldRunes(source []rune) folded {
	f := folded{make([]rune, 0, len(source)), make([]int, 0, len(source))}
	add := func(r rune, at int) {
		f.text, f.at = append(f.text, r), append(f.at, at)
	}
	for at, r := range source {
		switch {
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			add(r, at)
			continue
		case r >= 'a' && r <= 'z':
			add(r-'a'+'A', at)
			continue
		case r < unicode.MaxASCII:
			continue
		}
		if whole, ok := wholeLetters[r]; ok {
			for _, w := range whole {
				add(w, at)
			}
			continue
		}
		if decomposed := norm.NFKD.PropertiesString(string(r)).Decomposition(); decomposed != nil {
			for _, d := range string(decomposed) {
				if unicode.IsLetter(d) || d >= '0' && d <= '9' {
					add(unicode.ToUpper(d), at)
				}
			}
		} else if unicode.IsLetter(r) {
			add(unicode.ToUpper(r), at)
		}
	}
	return f
}

// Fold reduces a text to capital letters and digits without marks, of any script.
func Fold(s string) string { return string(foldRunes([]rune(s)).text) }

// letters is the set of characters of a reduced text, one bit for each of A–Z and 0–9, and one for all others.
func letters(s []rune) uint64 {
	var set uint64
	for _, r := range s {
		switch {
		case r >= 'A' && r <= 'Z':
			set |= 1 << (r - 'A')
		case r >= '0' && r <= '9':
			set |= 1 << (26 + r - '0')
		default:
			set |= 1 << 36
		}
	}
	return set
}

// ErrorsAllowed is how many wrong letters printed words of a length may have: none in short ones, whose neighbours are other words.
func ErrorsAllowed(length int) int {
	switch {
	case length < 6:
		return 0
	case length < 11:
		return 1
	}
	return length / 6
}

// alike says whether two reduced texts differ by no more letters than length allows; setA and setB are their letters, which settle most
// pairs at once: each wrong letter changes at most two members of the set.
func alike(a, b []rune, setA, setB uint64) bool {
	limit := ErrorsAllowed(min(len(a), len(b)))
	if bits.OnesCount64(setA^setB) > 2*limit {
		return false
	}
	return Distance(a, b, limit) <= limit
}

// Distance is the Levenshtein distance of two reduced texts, as bytes or as runes, or limit+1 when it is more than limit.
func Distance[T byte | rune](a, b []T, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	previous, current := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range a {
		current[0] = i + 1
		least := current[0]
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			current[j+1] = min(previous[j]+cost, previous[j+1]+1, current[j]+1)
			least = min(least, current[j+1])
		}
		if least > limit {
			return limit + 1
		}
		previous, current = current, previous
	}
	return min(previous[len(b)], limit+1)
}

// wide says whether a letter belongs to a script that is written without spaces between words.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// separators stand between the languages of a caption, or between a caption and its value.
const separators = "/|:;·•.,-–—_()[]#*°ºª \t：；，。（）／、"

func separates(r rune) bool { return strings.ContainsRune(separators, r) }
