package namelist

import (
	"math/rand/v2"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letters without marks that do not fall apart into a base letter and a mark.
var letters = strings.NewReplacer("Ø", "O", "Đ", "D", "Ł", "L", "Æ", "AE", "Þ", "TH", "ß", "SS", "ẞ", "SS", "I", "I", "Ð", "D")

// unmarked writes Latin letters in capitals without marks.
func unmarked(s string) string {
	upper := letters.Replace(strings.ReplaceAll(strings.ToUpper(s), "ß", "SS"))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(upper))
}

// titled writes the first letter of each word large and the others small.
func titled(s string) string {
	first := true
	return strings.Map(func(r rune) rune {
		begins := first
		first = r == ' ' || r == '-'
		if begins {
			return unicode.ToTitle(r) // Georgian has no capitals at the beginning of words
		}
		return unicode.ToLower(r)
	}, s)
}

// confused are letters that readers of print take for one another.
var confused = [][2]string{
	{"O", "0"}, {"I", "1"}, {"S", "5"}, {"B", "8"}, {"Z", "2"}, {"RN", "M"}, {"M", "N"}, {"H", "N"}, {"E", "F"}, {"C", "G"}, {"O", "D"}, {"U", "V"}, {"I", "L"},
	{"D", "O"}, {"L", "I"}, {"V", "Y"}, {"N", "M"}, {"G", "C"}, {"K", "X"}, {"P", "R"},
}

// slipped is a word with one fault of reading: a letter for a like one, one left out, or one read twice.
func slipped(r *rand.Rand, word string) (string, bool) {
	if strings.IndexFunc(word, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return "", false
	}
	switch at := r.IntN(len(word)); r.IntN(5) {
	case 0:
		return word[:at] + word[at+1:], len(word) > 2
	case 1:
		return word[:at+1] + word[at:], true
	}
	pair := confused[r.IntN(len(confused))]
	at := strings.Index(word, pair[0])
	if at < 0 {
		return "", false
	}
	return word[:at] + pair[1] + word[at+len(pair[0]):], true
}
