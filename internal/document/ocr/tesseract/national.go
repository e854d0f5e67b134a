package tesseract

import (
	"strings"
	"unicode"

	"ekyc/internal/document/ocr"
)

const (
	// sureLine is the least mean confidence of a line that is believed. On the Cyrillic print of passports lines that are right have
	// 0.94 and more, pictures and Latin print taken for letters mostly 0.79 to 0.9.
	sureLine = 0.9
	// fewestLetters make a word.
	fewestLetters = 2
)

// russian is the alphabet that most others extend; the letters of each country's languages are those of its official orthographies,
// Russian included where documents may be written in it. Tesseract knows all of them at once, and reads Latin print as whatever resembles it:
// a letter that the country does not write gives that away.
const russian = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"

const serbian = "АБВГДЂЕЖЗИЈКЛЉМНЊОПРСТЋУФХЦЧЏШ"

var alphabets = map[string]string{
	"RUS": russian,
	"BLR": russian + "ІЎ",
	"UKR": "АБВГҐДЕЄЖЗИІЇЙКЛМНОПРСТУФХЦЧШЩЬЮЯ",
	"BGR": "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЬЮЯ",
	"MKD": "АБВГДЃЕЖЗЅИЈКЛЉМНЊОПРСТЌУФХЦЧЏШЀЍ",
	"SRB": serbian, "BIH": serbian, "SCG": serbian,
	"YUG": serbian + "ЃЅЌ", // Macedonian too
	"KAZ": russian + "ӘҒҚҢӨҰҮҺІ",
	"KGZ": russian + "ҢӨҮ",
	"TJK": russian + "ҒӢҚӮҲҶ",
	"MNG": russian + "ӨҮ",
}

// unicodeScripts are the letters of the scripts whose languages are not told apart.
var unicodeScripts = map[Script]*unicode.RangeTable{Arabic: unicode.Arabic, Devanagari: unicode.Devanagari, Greek: unicode.Greek}

// National gives the part of a line that is print in the script of a country's documents, and false where there is none that can be
// believed. Documents print the same text in Latin letters after a stroke: that part is left out. What remains must be read with
// confidence and hold a word of letters that the country writes, and no others. l is a line that Line read in the script of the country.
func National(country string, l ocr.Line) (ocr.Line, bool) {
	script, ok := ScriptOf(country)
	if !ok {
		return ocr.Line{}, false
	}
	part := ocr.Line{Characters: beforeStroke(l.Characters)}
	var text strings.Builder
	letters := 0
	for _, c := range part.Characters {
		text.WriteRune(c.Rune)
		part.Confidence += c.Confidence / float64(len(part.Characters))
		if !unicode.IsLetter(c.Rune) {
			continue
		}
		letters++
		if !writes(country, script, c.Rune) {
			return ocr.Line{}, false
		}
	}
	part.Text = text.String()
	if letters < fewestLetters || part.Confidence < sureLine {
		return ocr.Line{}, false
	}
	return part, true
}

// beforeStroke cuts a line at the first stroke after its first letter, since dates can be written with strokes, and drops the
// space before it.
func beforeStroke(characters []ocr.Character) []ocr.Character {
	seen := false
	for i, c := range characters {
		seen = seen || unicode.IsLetter(c.Rune)
		if c.Rune != '/' || !seen {
			continue
		}
		if i > 0 && characters[i-1].Rune == ' ' {
			i--
		}
		return characters[:i]
	}
	return characters
}

// writes says whether a letter belongs to a country's languages.
func writes(country string, script Script, letter rune) bool {
	if script == Cyrillic {
		return strings.ContainsRune(alphabets[alpha3(country)], unicode.ToUpper(letter))
	}
	return unicode.Is(unicodeScripts[script], letter)
}
