package document

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// folded is a text reduced to A–Z and 0–9, so that captions are found whatever their spacing, accents and case, with the place of each
// character in the original.
type folded struct {
	text string
	at   []int // index of the rune in the original, one for each byte of text
}

// wholeLetters are letters that do not decompose into a base and a mark, as they are transcribed in ICAO 9303-3 section 6 or read by PP-OCR.
var wholeLetters = map[rune]string{
	'ß': "SS", 'Æ': "AE", 'æ': "AE", 'Œ': "OE", 'œ': "OE", 'Ø': "O", 'ø': "O", 'Ł': "L", 'ł': "L", 'Đ': "D", 'đ': "D", 'Ð': "D", 'ð': "D",
	'Þ': "TH", 'þ': "TH", 'ı': "I", 'Ħ': "H", 'ħ': "H",
}

// fold reduces a text. A mark that stands for "number" (№, N°) leaves its letters.
func fold(s string) folded {
	var f folded
	var b strings.Builder
	add := func(text string, at int) {
		b.WriteString(text)
		for range len(text) {
			f.at = append(f.at, at)
		}
	}
	for at, r := range []rune(s) {
		if whole, ok := wholeLetters[r]; ok {
			add(whole, at)
			continue
		}
		for _, d := range norm.NFKD.String(string(r)) {
			switch d = unicode.ToUpper(d); {
			case d >= 'A' && d <= 'Z' || d >= '0' && d <= '9':
				add(string(d), at)
			}
		}
	}
	f.text = b.String()
	return f
}

// foldText is the reduced text alone.
func foldText(s string) string { return fold(s).text }

// withoutMarks drops the marks of letters, but for those that make a letter of its own in Cyrillic (Й, Ї).
func withoutMarks(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.Is(unicode.Cyrillic, r) {
			out.WriteRune(r)
			continue
		}
		for _, d := range norm.NFD.String(string(r)) {
			if !unicode.Is(unicode.Mn, d) {
				out.WriteRune(d)
			}
		}
	}
	return out.String()
}
